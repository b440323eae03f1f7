// SPDX-License-Identifier: Apache-2.0
// A machine from JSON. Keys that are not known are ignored, so that newer files can be read.
#include "machine/machine.h"

#include <math.h>
#include <stdio.h>

#include <jansson.h>

enum { MAX_TEXT_BYTES = 1 << 20, MAX_ITEMS = 10000, MAX_STRING = 4096 };

// Where in the document we are, for messages.
typedef struct place {
    const char *array; // "peaks", or "cpu"
    size_t index;      // of the element, SIZE_MAX = no array
} place;

static sz_status bad(sz_machine *m, const place *at, const char *key, const char *what) {
    if (at->index == SIZE_MAX)
        return sz_fail(m->ctx, SZ_ERR_INPUT, "'%s%s%s' %s", at->array, at->array[0] ? "." : "", key,
                       what);
    return sz_fail(m->ctx, SZ_ERR_INPUT, "'%s[%zu].%s' %s", at->array, at->index, key, what);
}

// ---- records -----------------------------------------------------------------------------------

static sz_status read_text(sz_machine *m, const place *at, const char *key, const json_t *value,
                           const char **ret_text) {
    if (!json_is_string(value)) return bad(m, at, key, "is not a string");
    if (json_string_length(value) > MAX_STRING) return bad(m, at, key, "is too long");
    *ret_text = sz_machine_text(m, json_string_value(value));
    return *ret_text ? SZ_OK : sz_no_memory(m->ctx);
}

// Every quantity of a machine is at least 0.
static sz_status read_number(sz_machine *m, const place *at, const char *key, const json_t *value,
                             double *ret_number) {
    if (!json_is_number(value)) return bad(m, at, key, "is not a number");
    double v = json_number_value(value);
    if (!isfinite(v) || v < 0) return bad(m, at, key, "is negative or out of range");
    *ret_number = v;
    return SZ_OK;
}

static sz_status read_integer(sz_machine *m, const place *at, const char *key, const json_t *value,
                              int64_t *ret_integer) {
    double v;
    SZ_TRY(read_number(m, at, key, value, &v));
    if (v >= 9.2e18 || v != floor(v)) return bad(m, at, key, "is not an integer");
    *ret_integer = json_is_integer(value) ? json_integer_value(value) : (int64_t)v;
    return SZ_OK;
}

static sz_status read_field(sz_machine *m, const place *at, const sz_field *f, const json_t *value,
                            void *member) {
    switch (f->kind) {
    case SZ_FIELD_STR: return read_text(m, at, f->name, value, member);
    case SZ_FIELD_F64: return read_number(m, at, f->name, value, member);
    case SZ_FIELD_I64: return read_integer(m, at, f->name, value, member);
    case SZ_FIELD_BOOL:
        if (!json_is_boolean(value)) return bad(m, at, f->name, "is neither true nor false");
        *(int *)member = json_is_true(value);
        return SZ_OK;
    }
    return SZ_OK;
}

// A key that is absent or null leaves "not known".
static sz_status read_record(sz_machine *m, const place *at, const json_t *object,
                             const sz_record_type *type, void *record) {
    if (!json_is_object(object)) {
        if (at->index == SIZE_MAX)
            return sz_fail(m->ctx, SZ_ERR_INPUT, "'%s' is not an object", at->array);
        return sz_fail(m->ctx, SZ_ERR_INPUT, "'%s[%zu]' is not an object", at->array, at->index);
    }
    for (size_t i = 0; i < type->n_fields; i++) {
        const sz_field *f = &type->fields[i];
        void *member = (char *)record + f->offset;
        const json_t *value = json_object_get(object, f->name);
        if (f->kind == SZ_FIELD_F64) *(double *)member = SZ_NAN;
        if (value && !json_is_null(value)) SZ_TRY(read_field(m, at, f, value, member));
    }
    return SZ_OK;
}

static sz_status need_text(sz_machine *m, const place *at, const char *key, const char *text) {
    return text && text[0] ? SZ_OK : bad(m, at, key, "is missing");
}

static sz_status need_rate(sz_machine *m, const place *at, const char *key, double rate) {
    return rate > 0 ? SZ_OK : bad(m, at, key, "is missing or 0");
}

// ---- arrays ------------------------------------------------------------------------------------

typedef sz_status read_element(sz_machine *m, const place *at, const json_t *element);

static sz_status read_array(sz_machine *m, const json_t *object, const char *key,
                            read_element *read) {
    const json_t *array = json_object_get(object, key);
    if (!array || json_is_null(array)) return SZ_OK;
    if (!json_is_array(array)) return sz_fail(m->ctx, SZ_ERR_INPUT, "'%s' is not an array", key);
    if (json_array_size(array) > MAX_ITEMS)
        return sz_fail(m->ctx, SZ_ERR_LIMIT, "'%s' has more than %d elements", key, MAX_ITEMS);
    for (size_t i = 0; i < json_array_size(array); i++) {
        place at = {key, i};
        SZ_TRY(read(m, &at, json_array_get(array, i)));
    }
    return SZ_OK;
}

static sz_status read_isa(sz_machine *m, const place *at, const json_t *element) {
    const char *name = NULL;
    SZ_TRY(read_text(m, at, "name", element, &name));
    return sz_vec_push(m->ctx, &m->isa, name) ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status read_peak(sz_machine *m, const place *at, const json_t *element) {
    sz_peak p = {0};
    SZ_TRY(read_record(m, at, element, sz_peak_type(), &p));
    SZ_TRY(need_text(m, at, "dtype", p.dtype));
    SZ_TRY(need_text(m, at, "op", p.op));
    SZ_TRY(need_rate(m, at, "flop_per_s", p.flop_per_s));
    if (!p.device) p.device = "cpu";
    if (!p.unit) p.unit = "vector";
    return sz_vec_push(m->ctx, &m->peaks, p) ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status read_bandwidth(sz_machine *m, const place *at, const json_t *element) {
    sz_bandwidth b = {0};
    SZ_TRY(read_record(m, at, element, sz_bandwidth_type(), &b));
    SZ_TRY(need_text(m, at, "mix", b.mix));
    SZ_TRY(need_rate(m, at, "byte_per_s", b.byte_per_s));
    sz_mem_level *last = &m->levels.items[m->levels.n - 1];
    return sz_vec_push(m->ctx, &last->bandwidths, b) ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status read_level(sz_machine *m, const place *at, const json_t *element) {
    sz_level l = {0};
    SZ_TRY(read_record(m, at, element, sz_level_type(), &l));
    SZ_TRY(need_text(m, at, "name", l.name));
    SZ_TRY(sz_machine_add_level(m, &l, NULL));
    sz_status status = read_array(m, element, "bandwidth", read_bandwidth);
    return status == SZ_OK ? SZ_OK : sz_place(m->ctx, status, "'levels[%zu]'", at->index);
}

static sz_status read_link(sz_machine *m, const place *at, const json_t *element) {
    sz_link l = {0};
    SZ_TRY(read_record(m, at, element, sz_link_type(), &l));
    SZ_TRY(need_text(m, at, "name", l.name));
    return sz_vec_push(m->ctx, &m->links, l) ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status read_gap(sz_machine *m, const place *at, const json_t *element) {
    sz_gap g = {0};
    SZ_TRY(read_record(m, at, element, sz_gap_type(), &g));
    SZ_TRY(need_text(m, at, "what", g.what));
    return sz_vec_push(m->ctx, &m->gaps, g) ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status read_note(sz_machine *m, const place *at, const json_t *element) {
    const char *text = NULL;
    SZ_TRY(read_text(m, at, "text", element, &text));
    return sz_vec_push(m->ctx, &m->notes, text) ? SZ_OK : sz_no_memory(m->ctx);
}

// ---- the document ------------------------------------------------------------------------------

static sz_status read_part(sz_machine *m, const json_t *root, const char *key,
                           const sz_record_type *type, void *record) {
    const json_t *object = json_object_get(root, key);
    const place at = {key, SIZE_MAX};
    if (!object || json_is_null(object)) return SZ_OK;
    return read_record(m, &at, object, type, record);
}

static sz_status read_verdict(sz_machine *m, const json_t *root) {
    const json_t *verdict = json_object_get(root, "verdict");
    if (!json_is_object(verdict)) return SZ_OK;
    m->ok = !json_is_false(json_object_get(verdict, "ok"));
    return read_array(m, verdict, "notes", read_note);
}

static sz_status check_schema(sz_machine *m, const json_t *root) {
    const char *schema = json_string_value(json_object_get(root, "schema"));
    if (!schema)
        return sz_fail(m->ctx, SZ_ERR_INPUT, "'schema' is missing: no machine description");
    if (strcmp(schema, "sizeup.machine/1") == 0) return SZ_OK;
    return sz_fail(m->ctx, SZ_ERR_INPUT, "schema '%.100s' is not 'sizeup.machine/1'", schema);
}

// The roofs always come from the peaks, so that no file can hold two truths.
static sz_status read_document(sz_machine *m, const json_t *root) {
    const place top = {"", SIZE_MAX};
    if (!json_is_object(root))
        return sz_fail(m->ctx, SZ_ERR_INPUT, "the document is not an object");
    SZ_TRY(check_schema(m, root));
    SZ_TRY(read_record(m, &top, root, sz_identity_type(), &m->identity));
    SZ_TRY(need_text(m, &top, "name", m->identity.name));
    SZ_TRY(need_text(m, &top, "source", m->identity.source));
    SZ_TRY(read_part(m, root, "cpu", sz_cpu_facts_type(), &m->cpu));
    SZ_TRY(read_array(m, json_object_get(root, "cpu"), "isa", read_isa));
    SZ_TRY(read_array(m, root, "peaks", read_peak));
    SZ_TRY(read_array(m, root, "levels", read_level));
    SZ_TRY(read_array(m, root, "links", read_link));
    SZ_TRY(read_part(m, root, "overhead", sz_overhead_type(), &m->overhead));
    SZ_TRY(read_part(m, root, "power", sz_power_type(), &m->power));
    SZ_TRY(read_array(m, root, "unavailable", read_gap));
    SZ_TRY(read_verdict(m, root));
    return sz_make_roofs(m);
}

static sz_status parse(sz_machine *m, const char *text, size_t size) {
    json_error_t error;
    if (size > MAX_TEXT_BYTES)
        return sz_fail(m->ctx, SZ_ERR_LIMIT, "longer than %d bytes", MAX_TEXT_BYTES);
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return sz_fail(m->ctx, SZ_ERR_INPUT, "line %d column %d: not JSON: %s", error.line,
                       error.column, error.text);
    sz_status status = read_document(m, root);
    json_decref(root);
    return status;
}

sz_status sz_machine_parse(sz_ctx *ctx, const char *name, const char *text, size_t size,
                           sz_machine **ret_machine) {
    sz_machine *m = NULL;
    SZ_TRY(sz_machine_create(ctx, &m));
    sz_status status = parse(m, text, size);
    if (status != SZ_OK) {
        sz_machine_destroy(m);
        return sz_place(ctx, status, "machine '%s'", name);
    }
    *ret_machine = m;
    return SZ_OK;
}
