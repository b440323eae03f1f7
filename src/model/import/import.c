// SPDX-License-Identifier: Apache-2.0
// Choosing the importer, and naming what is no model at all.
#include "model/import/import.h"

#include "model/import/wire.h"

#define IMPORTER(name, extensions, what)                                                           \
    int sz_##name##_sniff(const unsigned char *head, size_t len);                                  \
    sz_status sz_##name##_read(sz_ctx *ctx, sz_source *source, sz_graph **ret_graph);
#include "model/import/importers.def"
#undef IMPORTER

static const sz_importer importers[] = {
#define IMPORTER(name, extensions, what)                                                           \
    {#name, extensions, what, sz_##name##_sniff, sz_##name##_read},
#include "model/import/importers.def"
#undef IMPORTER
};

int32_t sz_importer_count(void) { return (int32_t)(sizeof importers / sizeof *importers); }

const sz_importer *sz_importer_get(int32_t i) { return &importers[i]; }

// ---- what is no model --------------------------------------------------------------------------

// Things that are found under a model's name. A git-lfs pointer is the commonest of all.
static const struct {
    size_t at;
    const char *magic;
    size_t len;
    const char *what;
} foreign[] = {
#define MAGIC(at, text, what) {at, text, sizeof text - 1, what}
    MAGIC(0, "version https://git-lfs", "a git-lfs pointer: get the model itself ('git lfs pull')"),
    MAGIC(0, "<!DOCTYPE", "a web page, perhaps a saved error page"),
    MAGIC(0, "<!doctype", "a web page, perhaps a saved error page"),
    MAGIC(0, "<html", "a web page, perhaps a saved error page"),
    MAGIC(0, "<HTML", "a web page, perhaps a saved error page"),
    MAGIC(0, "<?xml", "an XML file"),
    MAGIC(0, "PK\x03\x04", "a zip archive: unpack it first"),
    MAGIC(0, "\x1f\x8b", "gzip data: unpack it first"),
    MAGIC(0, "\xfd" "7zXZ", "xz data: unpack it first"),
    MAGIC(0, "\x28\xb5\x2f\xfd", "zstd data: unpack it first"),
    MAGIC(0, "BZh", "bzip2 data: unpack it first"),
    MAGIC(257, "ustar", "a tar archive: unpack it first"),
    MAGIC(0, "\x80\x02", "a pickle, which holds a program: export the model instead"),
    MAGIC(0, "\x80\x03", "a pickle, which holds a program: export the model instead"),
    MAGIC(0, "\x80\x04\x95", "a pickle, which holds a program: export the model instead"),
    MAGIC(0, "\x80\x05\x95", "a pickle, which holds a program: export the model instead"),
    MAGIC(0, "\x89HDF\r\n", "an HDF5 file (Keras): export the model to ONNX"),
    MAGIC(4, "TFL3", "a TensorFlow Lite model, which can't be read yet"),
    MAGIC(4, "ORTM", "a model in ONNX Runtime's own format: use the .onnx file it was made of"),
    MAGIC(0, "tjgg", "a model of llama.cpp from before GGUF (ggjt): convert it"),
    MAGIC(0, "lmgg", "a model of llama.cpp from before GGUF (ggml): convert it"),
    MAGIC(0, "\x7f" "ELF", "a program"),
    MAGIC(0, "\0\0\0\0\0\0\0\0", "zeros, perhaps a download that was never finished"),
#undef MAGIC
};

// More than a few bytes, all of them printable: somebody's text.
static bool is_text(const unsigned char *head, size_t len) {
    if (len < 16) return false;
    for (size_t i = 0; i < len; i++)
        if ((head[i] < 0x20 && head[i] != '\n' && head[i] != '\r' && head[i] != '\t') ||
            head[i] == 0x7f)
            return false;
    return true;
}

// Some importer knows these bytes, whatever the file is called.
static bool is_known(const unsigned char *head, size_t len) {
    for (int32_t i = 0; i < sz_importer_count(); i++)
        if (importers[i].sniff(head, len) > 0) return true;
    return false;
}

static const char *foreign_kind(const unsigned char *head, size_t len) {
    if (len == 0) return "empty";
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (sz_in_range(foreign[i].at, foreign[i].len, len) &&
            memcmp(head + foreign[i].at, foreign[i].magic, foreign[i].len) == 0)
            return foreign[i].what;
    return is_text(head, len) && !is_known(head, len) ? "plain text" : NULL;
}

// ---- choosing ----------------------------------------------------------------------------------

// Does `name` end in one of the extensions?
static bool fits_name(const sz_importer *im, const char *name) {
    const char *dot = strrchr(name, '.');
    if (!dot || strchr(dot, '/')) return false;
    size_t len = strlen(++dot);
    for (const char *e = im->extensions; e && len > 0; e = strchr(e, ' ')) {
        if (*e == ' ') e++;
        if (strncmp(e, dot, len) == 0 && (e[len] == ' ' || e[len] == '\0')) return true;
    }
    return false;
}

static const sz_importer *by_name(const char *format) {
    for (int32_t i = 0; i < sz_importer_count(); i++)
        if (strcmp(importers[i].name, format) == 0) return &importers[i];
    return NULL;
}

// The best by bytes; the name of the file decides only where the bytes say little.
static const sz_importer *by_bytes(const unsigned char *head, size_t len, const char *name) {
    const sz_importer *best = NULL;
    int best_score = 0;
    for (int32_t i = 0; i < sz_importer_count(); i++) {
        int score = importers[i].sniff(head, len) + (fits_name(&importers[i], name) ? 5 : 0);
        if (score > best_score) best = &importers[i], best_score = score;
    }
    return best;
}

static sz_status choose(sz_ctx *ctx, sz_source *source, const char *format,
                        const sz_importer **ret) {
    unsigned char head[SZ_SNIFF_BYTES];
    size_t len = source->size < sizeof head ? (size_t)source->size : sizeof head;
    if (format) {
        *ret = by_name(format);
        if (*ret) return SZ_OK;
        return sz_fail(ctx, SZ_ERR_USAGE, "no importer is called '%s'",
                       sz_show(ctx, sz_str_c(format)));
    }
    SZ_TRY(source->read(source, ctx, 0, head, len));
    *ret = by_bytes(head, len, source->name);
    const int sure = *ret ? (*ret)->sniff(head, len) : 0;
    const char *kind = sure > SZ_SNIFF_SURE ? NULL : foreign_kind(head, len);
    if (kind) return sz_fail(ctx, SZ_ERR_INPUT, "@0: not a model: it is %s", kind);
    if (*ret) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_INPUT, "@0: no known format of models begins like this");
}

static sz_status import(sz_ctx *ctx, sz_source *source, const char *format,
                        sz_graph **ret_graph) {
    const sz_importer *im = NULL;
    SZ_TRY(choose(ctx, source, format, &im));
    return im->read(ctx, source, ret_graph);
}

sz_status sz_import(sz_ctx *ctx, sz_source *source, const char *format, sz_graph **ret_graph) {
    sz_graph *g = NULL;
    sz_status status = import(ctx, source, format, &g);
    if (status != SZ_OK) {
        status = sz_place(ctx, status, "file '%s'", sz_show(ctx, sz_str_c(source->name)));
        sz_source_close(source, ctx);
        return status;
    }
    g->source = source;
    *ret_graph = g;
    return SZ_OK;
}
