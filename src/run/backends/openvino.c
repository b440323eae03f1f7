// SPDX-License-Identifier: Apache-2.0
// Finding and opening OpenVINO, and what it says.
#include "run/backends/openvino.h"

#include <stdio.h>
#include <stdlib.h>

#include "os/dynlib.h"
#include "os/folder.h"

static sz_vino one; // a child opens one library

// What is called here was tried with this release; the interface has changed before.
static const char *const TESTED = "2026";

// ---- finding -----------------------------------------------------------------------------------

enum { PATH_ROOM = 1024 };

// A file of the library in a folder: its name has the release at its end.
static sz_status look_at(void *user, const char *name) {
    char *found = user;
    if (strncmp(name, "libopenvino_c.so", 16) == 0 && strcmp(name, found) > 0)
        snprintf(found, 128, "%s", name);
    return SZ_OK;
}

static bool in_folder(sz_ctx *ctx, const char *folder, char *buf, size_t cap) {
    static const char *const below[] = {"", "/libs", "/openvino/libs"}; // as the wheel lays it
    for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
        char path[PATH_ROOM], name[128] = "";
        snprintf(path, sizeof path, "%s%s", folder, below[i]);
        if (sz_folder_list(ctx, path, look_at, name) != SZ_OK) sz_ctx_clear(ctx);
        if (!name[0]) continue;
        snprintf(buf, cap, "%s/%s", path, name);
        return true;
    }
    return false;
}

static sz_status find(sz_ctx *ctx, const char *given, void **ret_library) {
    const char *names[] = {NULL, "libopenvino_c.so.2641", "libopenvino_c.so", NULL};
    char folder[PATH_ROOM - 64], path[2 * PATH_ROOM];
    if (given) {
        names[0] = in_folder(ctx, given, path, sizeof path) ? path : given;
        names[1] = NULL;
        return sz_dynlib_open(ctx, names, ret_library);
    }
    if (sz_folder_of_program(folder, sizeof folder)) {
        snprintf(folder + strlen(folder), sizeof folder - strlen(folder), "/openvino");
        if (in_folder(ctx, folder, path, sizeof path)) names[0] = path;
    }
    if (names[0]) return sz_dynlib_open(ctx, names, ret_library);
    if (sz_dynlib_open(ctx, names + 1, ret_library) == SZ_OK) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                   "libopenvino_c.so is not here: tools/get-openvino installs it beside the "
                   "program, SIZEUP_OPENVINO=FOLDER names another place");
}

// ---- opening -----------------------------------------------------------------------------------

static sz_status read_version(sz_ctx *ctx, sz_vino *o) {
    sz_vino_version v = {NULL, NULL};
    SZ_TRY(sz_vino_said(ctx, o, o->get_openvino_version(&v), "tells no version"));
    snprintf(o->version, sizeof o->version, "%s", v.build ? v.build : "");
    o->version_free(&v);
    const size_t n = strlen(TESTED);
    if (strncmp(o->version, TESTED, n) == 0 && o->version[n] == '.') return SZ_OK;
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                   "version '%s' of OpenVINO was not tried with this program: %s.x is needed "
                   "(tools/get-openvino)",
                   sz_show(ctx, sz_str_c(o->version)), TESTED);
}

// The version comes first: it says why a function is missing.
static sz_status load_functions(sz_ctx *ctx, sz_vino *o) {
#define F(result, name, parameters)                                                                \
    if (!sz_dynlib_symbol(o->library, "ov_" #name, &o->name))                                      \
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE,                                                    \
                       "the library has no ov_" #name ": OpenVINO %s.x is needed "                 \
                       "(tools/get-openvino)",                                                     \
                       TESTED);
    SZ_VINO_FUNCTIONS(F)
#undef F
    return SZ_OK;
}

static sz_status open_openvino(sz_ctx *ctx, const char *path, void **ret_library) {
    sz_vino o = {.library = NULL};
    SZ_TRY(find(ctx, path, &o.library));
    SZ_TRY(load_functions(ctx, &o));
    SZ_TRY(read_version(ctx, &o));
    SZ_TRY(sz_vino_said(ctx, &o, o.core_create(&o.core), "does not start"));
    one = o;
    *ret_library = &one;
    return SZ_OK;
}

static void openvino_facts(void *library, sz_backend_facts *f) {
    const sz_vino *o = library;
    *f = (sz_backend_facts){.advice = ""};
    sz_dynlib_path(o->library, "ov_get_openvino_version", f->path, sizeof f->path);
    snprintf(f->version, sizeof f->version, "%s", o->version);
}

// ---- its words ---------------------------------------------------------------------------------

// Lines that say where in its source a check stands, and not what is wrong.
static bool says_where(const char *line, size_t n) {
    static const char *const starts[] = {"Exception from", "Check '", "While validating"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (n >= strlen(starts[i]) && strncmp(line, starts[i], strlen(starts[i])) == 0) return true;
    return n == 0;
}

// The first line that says something, else the first.
static sz_str telling_line(const char *text) {
    sz_str first = {text, (uint32_t)strcspn(text, "\n")};
    for (const char *line = text; *line;) {
        const size_t n = strcspn(line, "\n");
        if (!says_where(line, n)) return (sz_str){line, (uint32_t)n};
        line += n + (line[n] == '\n');
    }
    return first;
}

sz_status sz_vino_said(sz_ctx *ctx, const sz_vino *lib, sz_vino_status status, const char *what) {
    if (status == 0) return SZ_OK;
    const char *words = lib->get_last_err_msg();
    const sz_str line = words ? telling_line(words) : sz_str_c("");
    const sz_status ours = sz_fail(ctx, SZ_ERR_UNAVAILABLE, "OpenVINO %s: %s (status %d)", what,
                                   line.len ? sz_show(ctx, line) : "it gives no reason", status);
    if (words) lib->free(words);
    return ours;
}

// ---- formats -----------------------------------------------------------------------------------

// By ov_element_type_e; NULL: none of ours.
static const char *const elements[] = {
    NULL,  "bool", "bf16", "f16",      "f32",    "f64",    "i4",     "i8",    "i16",
    "i32", "i64",  "u1",   "u2",       "u3",     "u4",     "u6",     "u8",    "u16",
    "u32", "u64",  "nf4",  "f8e4m3fn", "f8e5m2", "string", "f4e2m1", "f8e8m0"};
enum { N_ELEMENTS = sizeof elements / sizeof *elements };

int sz_vino_element(sz_dtype t) {
    for (int i = 1; i < N_ELEMENTS; i++)
        if (strcmp(elements[i], sz_dtype_get(t)->name) == 0) return i;
    return -1;
}

sz_dtype sz_vino_dtype(int element) {
    return element > 0 && element < N_ELEMENTS ? sz_dtype_by_name(elements[element]) : 0;
}

sz_dtype sz_vino_dtype_of_word(const char *word) {
    for (int i = 1; i < N_ELEMENTS; i++)
        if (sz_str_is_word(sz_str_c(word), elements[i])) return sz_dtype_by_name(elements[i]);
    return 0;
}

// ---- the row -----------------------------------------------------------------------------------

const sz_backend sz_backend_openvino = {.name = "openvino",
                                        .what = "OpenVINO: whole nets, compiled for this CPU",
                                        .open = open_openvino,
                                        .facts = openvino_facts,
                                        .compile = sz_vino_compile_net};
