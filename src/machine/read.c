// SPDX-License-Identifier: Apache-2.0
// A machine from JSON. Keys that are not known are ignored, so that newer files can be read.
#include "machine/machine.h"

#include <math.h>
#include <stdio.h>

#include <jansson.h>

#include "machine/locate.h"

enum { MAX_TEXT_BYTES = 1 << 20, MAX_ITEMS = 10000, MAX_STRING = 4096 };

// Where in the document we are, for messages.
typedef struct place {
    const struct place *up; // NULL = the document
    const sz_str *text;     // of the document
    const char *key;        // "peaks" or "cpu"; "" = the document
    size_t index;           // of the element, SIZE_MAX = no array
} place;

enum { MAX_STEPS = 8 };

// Say what is wrong with `key` of the object at a place, with the line that it stands in. key NULL:
// with the object itself.
static sz_status bad(sz_machine *m, const place *at, const char *key, const char *what) {
    const place *chain[MAX_STEPS];
    sz_step steps[MAX_STEPS + 1];
    char path[256];
    size_t n = 0, n_steps = 0, len = 0;
    for (const place *p = at; p && n < MAX_STEPS; p = p->up)
        if (p->key[0]) chain[n++] = p;
    path[0] = '\0';
    while (n-- > 0 && len < sizeof path) {
        steps[n_steps++] = (sz_step){chain[n]->key, chain[n]->index};
        len += (size_t)snprintf(path + len, sizeof path - len, "%s%s", len ? "." : "",
                                chain[n]->key);
        if (chain[n]->index != SIZE_MAX && len < sizeof path)
            len += (size_t)snprintf(path + len, sizeof path - len, "[%zu]", chain[n]->index);
    }
    if (key) steps[n_steps++] = (sz_step){key, SIZE_MAX};
    if (key && len < sizeof path)
        snprintf(path + len, sizeof path - len, "%s%s", len ? "." : "", key);
    return sz_fail(m->ctx, SZ_ERR_INPUT, "line %d: '%s' %s",
                   sz_locate(at->text->p, at->text->len, steps, n_steps), path, what);
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
    case SZ_FIELD_STR:
        return read_text(m, at, f->name, value, member);
    case SZ_FIELD_F64:
        return read_number(m, at, f->name, value, member);
    case SZ_FIELD_I64:
        return read_integer(m, at, f->name, value, member);
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
    if (!json_is_object(object)) return bad(m, at, NULL, "is not an object");
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

static sz_status read_array(sz_machine *m, const place *up, const json_t *object, const char *key,
                            read_element *read) {
    const json_t *array = json_object_get(object, key);
    if (!array || json_is_null(array)) return SZ_OK;
    if (!json_is_array(array)) return bad(m, up, key, "is not an array");
    if (json_array_size(array) > MAX_ITEMS)
        return sz_fail(m->ctx, SZ_ERR_LIMIT, "'%s' has more than %d elements", key, MAX_ITEMS);
    for (size_t i = 0; i < json_array_size(array); i++) {
        place at = {up, up->text, key, i};
        SZ_TRY(read(m, &at, json_array_get(array, i)));
    }
    return SZ_OK;
}

static sz_status read_isa(sz_machine *m, const place *at, const json_t *element) {
    const char *name = NULL;
    SZ_TRY(read_text(m, at, NULL, element, &name));
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
    return read_array(m, at, element, "bandwidth", read_bandwidth);
}

static sz_status read_segment(sz_machine *m, const place *at, const json_t *element) {
    sz_segment s = {0};
    SZ_TRY(read_record(m, at, element, sz_segment_type(), &s));
    if (!(s.latency_s >= 0)) return bad(m, at, "latency_s", "is missing");
    sz_full_link *last = &m->links.items[m->links.n - 1];
    return sz_vec_push(m->ctx, &last->segments, s) ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status read_message(sz_machine *m, const place *at, const json_t *element) {
    sz_message t = {0};
    SZ_TRY(read_record(m, at, element, sz_message_type(), &t));
    SZ_TRY(need_rate(m, at, "median_s", t.median_s));
    sz_full_link *last = &m->links.items[m->links.n - 1];
    return sz_vec_push(m->ctx, &last->messages, t) ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status read_link(sz_machine *m, const place *at, const json_t *element) {
    sz_link_scope scope = {0};
    sz_link l = {0};
    SZ_TRY(read_record(m, at, element, sz_link_type(), &l));
    SZ_TRY(need_text(m, at, "name", l.name));
    SZ_TRY(sz_machine_add_link(m, &l));
    SZ_TRY(read_record(m, at, element, sz_link_scope_type(), &scope));
    if (!scope.level) return SZ_OK;
    SZ_TRY(need_text(m, at, "exchange", scope.exchange));
    m->links.items[m->links.n - 1].scope = scope;
    SZ_TRY(read_array(m, at, element, "segments", read_segment));
    return read_array(m, at, element, "messages", read_message);
}

static sz_status read_point(sz_machine *m, const place *at, const json_t *element) {
    sz_curve_point p = {0};
    SZ_TRY(read_record(m, at, element, sz_curve_point_type(), &p));
    SZ_TRY(need_rate(m, at, "bytes", (double)p.bytes));
    return sz_vec_push(m->ctx, &m->curve, p) ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status read_gap(sz_machine *m, const place *at, const json_t *element) {
    sz_gap g = {0};
    SZ_TRY(read_record(m, at, element, sz_gap_type(), &g));
    SZ_TRY(need_text(m, at, "what", g.what));
    return sz_vec_push(m->ctx, &m->gaps, g) ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status read_op_energy(sz_machine *m, const place *at, const json_t *element) {
    sz_op_energy e = {0};
    SZ_TRY(read_record(m, at, element, sz_op_energy_type(), &e));
    SZ_TRY(need_text(m, at, "op", e.op));
    SZ_TRY(need_text(m, at, "dtype", e.dtype));
    SZ_TRY(need_rate(m, at, "joule", e.joule));
    return sz_vec_push(m->ctx, &m->op_energy, e) ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status read_byte_energy(sz_machine *m, const place *at, const json_t *element) {
    sz_byte_energy e = {0};
    SZ_TRY(read_record(m, at, element, sz_byte_energy_type(), &e));
    SZ_TRY(need_text(m, at, "level", e.level));
    SZ_TRY(need_rate(m, at, "joule", e.joule));
    return sz_vec_push(m->ctx, &m->byte_energy, e) ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status read_citation(sz_machine *m, const place *at, const json_t *element) {
    sz_citation c = {0};
    SZ_TRY(read_record(m, at, element, sz_citation_type(), &c));
    SZ_TRY(need_text(m, at, "what", c.what));
    SZ_TRY(need_text(m, at, "source", c.source));
    return sz_vec_push(m->ctx, &m->citations, c) ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status read_operator(sz_machine *m, const place *at, const json_t *element) {
    sz_operator o = {0};
    SZ_TRY(read_record(m, at, element, sz_operator_type(), &o));
    SZ_TRY(need_text(m, at, "op", o.op));
    return sz_vec_push(m->ctx, &m->operators, o) ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status read_note(sz_machine *m, const place *at, const json_t *element) {
    const char *text = NULL;
    SZ_TRY(read_text(m, at, NULL, element, &text));
    return sz_vec_push(m->ctx, &m->notes, text) ? SZ_OK : sz_no_memory(m->ctx);
}

// ---- the document ------------------------------------------------------------------------------

static sz_status read_part(sz_machine *m, const place *top, const json_t *root, const char *key,
                           const sz_record_type *type, void *record) {
    const json_t *object = json_object_get(root, key);
    const place at = {top, top->text, key, SIZE_MAX};
    if (!object || json_is_null(object)) return SZ_OK;
    return read_record(m, &at, object, type, record);
}

static sz_status read_energy(sz_machine *m, const place *top, const json_t *root) {
    const json_t *energy = json_object_get(root, "energy");
    const place at = {top, top->text, "energy", SIZE_MAX};
    if (!energy || json_is_null(energy)) return SZ_OK;
    if (!json_is_object(energy)) return bad(m, &at, NULL, "is not an object");
    SZ_TRY(read_array(m, &at, energy, "per_op", read_op_energy));
    return read_array(m, &at, energy, "per_byte", read_byte_energy);
}

static sz_status need_link(sz_machine *m, const place *at, const char *key, const char *name) {
    if (!name) return SZ_OK;
    for (size_t i = 0; i < m->links.n; i++) {
        const sz_link *l = &m->links.items[i].link;
        if (strcmp(l->name, name) != 0) continue;
        return l->byte_per_s > 0 ? SZ_OK : bad(m, at, key, "names a link without a rate");
    }
    return bad(m, at, key, "is none of the 'links'");
}

// After the links, which it names.
static sz_status read_coprocessor(sz_machine *m, const place *top, const json_t *root) {
    const place at = {top, top->text, "coprocessor", SIZE_MAX};
    const json_t *object = json_object_get(root, "coprocessor");
    if (!object || json_is_null(object)) return SZ_OK;
    SZ_TRY(read_part(m, top, root, "coprocessor", sz_coprocessor_type(), &m->coprocessor));
    SZ_TRY(need_text(m, &at, "host", m->coprocessor.host));
    if (strchr(m->coprocessor.host, '/')) return bad(m, &at, "host", "is not a name of a machine");
    SZ_TRY(need_link(m, &at, "link", m->coprocessor.link));
    return need_link(m, &at, "weights_link", m->coprocessor.weights_link);
}

static sz_status read_overlap(sz_machine *m, const place *top, const json_t *root) {
    const place at = {top, top->text, "overlap", SIZE_MAX};
    SZ_TRY(read_part(m, top, root, "overlap", sz_overlap_type(), &m->overlap));
    if (m->overlap.n > 0 && !(m->overlap.p >= 1)) return bad(m, &at, "p", "is not at least 1");
    return SZ_OK;
}

static sz_status read_verdict(sz_machine *m, const place *top, const json_t *root) {
    const json_t *verdict = json_object_get(root, "verdict");
    const place at = {top, top->text, "verdict", SIZE_MAX};
    if (!json_is_object(verdict)) return SZ_OK;
    m->ok = !json_is_false(json_object_get(verdict, "ok"));
    return read_array(m, &at, verdict, "notes", read_note);
}

#define READ_ELEMENT(name, ctype, type, vec)                                                       \
    static sz_status name(sz_machine *m, const place *at, const json_t *element) {                 \
        ctype item = {0};                                                                          \
        SZ_TRY(read_record(m, at, element, type(), &item));                                        \
        return sz_vec_push(m->ctx, &m->vec, item) ? SZ_OK : sz_no_memory(m->ctx);                  \
    }
READ_ELEMENT(read_kind, sz_core_kind, sz_core_kind_type, kinds)
READ_ELEMENT(read_variable, sz_variable, sz_variable_type, variables)
READ_ELEMENT(read_library, sz_library_run, sz_library_run_type, libraries)

static sz_status read_host(sz_machine *m, const place *top, const json_t *root) {
    const json_t *host = json_object_get(root, "host");
    const place at = {top, top->text, "host", SIZE_MAX};
    if (!host || json_is_null(host)) return SZ_OK;
    SZ_TRY(read_part(m, top, root, "host", sz_host_type(), &m->host));
    m->has_host = true;
    SZ_TRY(read_array(m, &at, host, "core_kinds", read_kind));
    return read_array(m, &at, host, "environment", read_variable);
}

static sz_status check_schema(sz_machine *m, const json_t *root) {
    const char *schema = json_string_value(json_object_get(root, "schema"));
    if (!schema)
        return sz_fail(m->ctx, SZ_ERR_INPUT, "'schema' is missing: no machine description");
    if (strcmp(schema, "sizeup.machine/1") == 0) return SZ_OK;
    return sz_fail(m->ctx, SZ_ERR_INPUT, "schema '%.100s' is not 'sizeup.machine/1'", schema);
}

// The roofs always come from the peaks, so that no file can hold two truths.
static sz_status read_document(sz_machine *m, const sz_str *text, const json_t *root) {
    const place top = {NULL, text, "", SIZE_MAX}, cpu = {&top, text, "cpu", SIZE_MAX};
    if (!json_is_object(root))
        return sz_fail(m->ctx, SZ_ERR_INPUT, "the document is not an object");
    SZ_TRY(check_schema(m, root));
    SZ_TRY(read_record(m, &top, root, sz_identity_type(), &m->identity));
    SZ_TRY(need_text(m, &top, "name", m->identity.name));
    SZ_TRY(need_text(m, &top, "source", m->identity.source));
    SZ_TRY(read_array(m, &top, root, "sources", read_citation));
    SZ_TRY(read_part(m, &top, root, "cpu", sz_cpu_facts_type(), &m->cpu));
    SZ_TRY(read_array(m, &cpu, json_object_get(root, "cpu"), "isa", read_isa));
    SZ_TRY(read_host(m, &top, root));
    SZ_TRY(read_array(m, &top, root, "peaks", read_peak));
    SZ_TRY(read_array(m, &top, root, "levels", read_level));
    SZ_TRY(read_array(m, &top, root, "curve", read_point));
    SZ_TRY(read_array(m, &top, root, "links", read_link));
    SZ_TRY(read_part(m, &top, root, "overhead", sz_overhead_type(), &m->overhead));
    SZ_TRY(read_part(m, &top, root, "power", sz_power_type(), &m->power));
    SZ_TRY(read_energy(m, &top, root));
    SZ_TRY(read_array(m, &top, root, "operators", read_operator));
    SZ_TRY(read_coprocessor(m, &top, root));
    SZ_TRY(read_overlap(m, &top, root));
    SZ_TRY(read_array(m, &top, root, "libraries", read_library));
    SZ_TRY(read_array(m, &top, root, "unavailable", read_gap));
    SZ_TRY(read_verdict(m, &top, root));
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
    const sz_str whole = {text, (uint32_t)size}; // at most MAX_TEXT_BYTES
    sz_status status = read_document(m, &whole, root);
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
