// SPDX-License-Identifier: Apache-2.0
// A calibration as JSON, schema sizeup.calibration/7, and back.
#include "predict/calibrated_kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>
#include <sizeup/json.h>

#include "base/base64.h"
#include "os/folder.h"

enum { MOST_BYTES = 64 << 20 };

// ---- writing -----------------------------------------------------------------------------------

// A point: its weight, its value, and where it lies. As numbers in a text they would take most of
// the time in which a net is told: they are the base64 of their f32, little-endian, and the seven
// digits of those say all that was measured.
static sz_status put_points(sz_ctx *ctx, sz_json *j, const sz_process *p) {
    const size_t width = 2 + (size_t)p->axes, n = p->n_used * width;
    const size_t size = sz_base64_size(n * sizeof(float));
    float *numbers = sz_alloc(ctx, (n + 1) * sizeof *numbers);
    char *text = sz_alloc(ctx, size + 1);
    const bool fits = numbers && text;
    for (size_t i = 0; fits && i < p->n_used; i++) {
        const sz_process_point *one = &p->points.items[i];
        numbers[i * width] = (float)one->weight, numbers[i * width + 1] = (float)one->y;
        for (int a = 0; a < p->axes; a++) numbers[i * width + 2 + (size_t)a] = (float)one->x[a];
    }
    if (fits) {
        sz_base64_put(numbers, n * sizeof *numbers, text);
        sz_json_key(j, "points");
        sz_json_str_n(j, text, size);
    }
    sz_free(ctx, numbers, (n + 1) * sizeof *numbers);
    sz_free(ctx, text, size + 1);
    return fits ? SZ_OK : sz_no_memory(ctx);
}

static void put_axes(sz_json *j, const char *key, const sz_process *p, const double *values) {
    sz_json_key_array(j, key);
    for (int a = 0; a < p->axes; a++) sz_json_f64(j, values[a]);
    sz_json_end_array(j);
}

static sz_status put_kind(sz_ctx *ctx, sz_json *j, const sz_calibrated_kind *kind) {
    const sz_process *p = &kind->process;
    sz_json_begin_object(j);
    sz_json_key_str(j, "kind", kind->name);
    sz_json_key_f64(j, "half", kind->half);
    sz_json_key_f64(j, "start_s", kind->line.start_s);
    sz_json_key_f64(j, "cold_s", kind->line.cold_s);
    sz_json_key_f64(j, "compute", kind->line.compute);
    sz_json_key_f64(j, "memory", kind->line.memory);
    sz_json_key_f64(j, "cache", kind->line.cache);
    sz_json_key_f64(j, "waits", kind->line.waits);
    sz_json_key_f64(j, "again", kind->line.again);
    sz_json_key_f64(j, "level", p->level);
    sz_json_key_f64(j, "height", p->height);
    sz_json_key_f64(j, "noise", p->noise);
    sz_json_key_f64(j, "common", p->common);
    sz_json_key_f64(j, "reach", p->reach);
    put_axes(j, "centre", p, p->centre);
    put_axes(j, "spread", p, p->spread);
    put_axes(j, "length", p, p->length);
    put_axes(j, "least", p, p->least);
    put_axes(j, "most", p, p->most);
    const sz_status status = put_points(ctx, j, p);
    sz_json_end_object(j);
    return status;
}

static void put_net(sz_json *j, const sz_calibrated_net *net) {
    sz_json_begin_object(j);
    sz_json_key_str(j, "spec", net->spec);
    sz_json_key_f64(j, "whole_s", net->whole_s);
    sz_json_key_f64(j, "usual_s", net->usual_s);
    sz_json_key_f64(j, "parts_s", net->parts_s);
    sz_json_end_object(j);
}

// [seconds, factor] of each knot.
static void put_usual(sz_json *j, const sz_usual *u) {
    sz_json_key_array(j, "usual");
    for (int i = 0; i < u->n; i++) {
        sz_json_begin_array(j);
        sz_json_f64(j, u->whole_s[i]);
        sz_json_f64(j, u->factor[i]);
        sz_json_end_array(j);
    }
    sz_json_end_array(j);
}

sz_status sz_calibration_json(sz_ctx *ctx, const sz_calibration *c, sz_buf *buf) {
    sz_buf machine;
    sz_json j;
    sz_buf_init(&machine, ctx);
    sz_status status = sz_machine_json(ctx, c->machine, &machine);
    sz_json_init(&j, buf, 1);
    sz_json_begin_object(&j);
    sz_json_key_str(&j, "schema", "sizeup.calibration/7");
    sz_json_key_str(&j, "backend", c->backend);
    sz_json_key_str(&j, "version", c->version);
    sz_json_key_str(&j, "dtype", c->dtype);
    sz_json_key_str(&j, "recipe", c->recipe);
    sz_json_key_i64(&j, "threads", c->threads);
    sz_json_key_str(&j, "fingerprint", c->fingerprint);
    sz_json_key_str(&j, "started_utc", c->started_utc);
    sz_json_key_f64(&j, "fixed_s", c->fixed_s);
    sz_json_key_f64(&j, "factor", c->factor);
    put_usual(&j, &c->usual);
    sz_json_key_f64(&j, "half", c->half);
    sz_json_key(&j, "machine_record");
    sz_json_str_n(&j, machine.data ? machine.data : "", machine.size);
    sz_json_key_array(&j, "nets");
    for (size_t i = 0; i < c->nets.n; i++) put_net(&j, &c->nets.items[i]);
    sz_json_end_array(&j);
    sz_json_key_array(&j, "kinds");
    for (size_t k = 0; k < c->kinds.n && status == SZ_OK; k++)
        status = put_kind(ctx, &j, &c->kinds.items[k]);
    sz_json_end_array(&j);
    sz_json_key_str(&j, "library", c->library);
    sz_json_key_i64(&j, "library_bytes", c->library_bytes);
    sz_json_key_i64(&j, "library_changed_s", c->library_changed_s);
    sz_calibration_put_kernels(c, &j);
    sz_json_end_object(&j);
    sz_buf_finish(&machine);
    return status == SZ_OK ? sz_buf_status(buf) : status;
}

// ---- reading -----------------------------------------------------------------------------------

static sz_status bad(sz_ctx *ctx, const char *what) {
    return sz_fail(ctx, SZ_ERR_INPUT,
                   "this is no calibration: %s; make one with 'sizeup calibrate'", what);
}

static double number(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static const char *text(sz_calibration *c, const json_t *o, const char *key) {
    const char *s = json_string_value(json_object_get(o, key));
    return s ? sz_arena_strdup(&c->arena, s, strlen(s)) : NULL;
}

static sz_status read_numbers(sz_calibration *c, const json_t *values, int n, double *to) {
    if (json_array_size(values) != (size_t)n)
        return bad(c->ctx, "a list has another number of axes");
    for (int a = 0; a < n; a++) {
        to[a] = json_number_value(json_array_get(values, (size_t)a));
        if (!json_is_number(json_array_get(values, (size_t)a)) || !isfinite(to[a]))
            return bad(c->ctx, "a list is none of numbers");
    }
    return SZ_OK;
}

static sz_status read_axes(sz_calibration *c, const json_t *from, const char *key,
                           const sz_process *p, double *to) {
    return read_numbers(c, json_object_get(from, key), p->axes, to);
}

// As it was written: its weight, its value, and where it lies.
static sz_status add_point(sz_calibration *c, sz_process *p, const double *v) {
    sz_process_point one = {.weight = v[0], .y = v[1]};
    memcpy(one.x, v + 2, (size_t)p->axes * sizeof *one.x);
    return sz_process_add(c->ctx, p, &one) ? SZ_OK : sz_no_memory(c->ctx);
}

static sz_status read_point(sz_calibration *c, sz_process *p, const json_t *point) {
    double v[2 + SZ_PROCESS_AXES];
    SZ_TRY(read_numbers(c, point, 2 + p->axes, v));
    return add_point(c, p, v);
}

static sz_status add_floats(sz_calibration *c, sz_process *p, const float *numbers, size_t n) {
    const size_t width = 2 + (size_t)p->axes;
    if (n % width || n / width > SZ_PROCESS_POINTS)
        return bad(c->ctx, "points have another number of axes, or are too many");
    for (size_t i = 0; i < n; i += width) {
        double v[2 + SZ_PROCESS_AXES];
        for (size_t k = 0; k < width; k++) {
            v[k] = numbers[i + k];
            if (!isfinite(v[k])) return bad(c->ctx, "a point is not of numbers");
        }
        SZ_TRY(add_point(c, p, v));
    }
    return SZ_OK;
}

// The base64 of their f32, or lists of numbers, as people write them.
static sz_status read_points(sz_calibration *c, sz_process *p, const json_t *points) {
    for (size_t i = 0; i < json_array_size(points); i++)
        SZ_TRY(read_point(c, p, json_array_get(points, i)));
    if (!json_is_string(points)) return SZ_OK;
    const size_t size = json_string_length(points), room = size / 4 * 3 + sizeof(float);
    float *numbers = sz_alloc(c->ctx, room);
    size_t bytes;
    if (!numbers) return sz_no_memory(c->ctx);
    const bool fine = sz_base64_get(json_string_value(points), size, numbers, &bytes) &&
                      bytes % sizeof *numbers == 0;
    const sz_status status = fine ? add_floats(c, p, numbers, bytes / sizeof *numbers)
                                  : bad(c->ctx, "its points are no base64 of numbers");
    sz_free(c->ctx, numbers, room);
    return status;
}

static sz_status read_process(sz_calibration *c, const json_t *from, sz_process *p) {
    p->level = number(from, "level"), p->height = number(from, "height");
    p->noise = number(from, "noise"), p->common = number(from, "common");
    p->reach = number(from, "reach");
    SZ_TRY(read_axes(c, from, "centre", p, p->centre));
    SZ_TRY(read_axes(c, from, "spread", p, p->spread));
    SZ_TRY(read_axes(c, from, "length", p, p->length));
    SZ_TRY(read_axes(c, from, "least", p, p->least));
    SZ_TRY(read_axes(c, from, "most", p, p->most));
    for (int a = 0; a < p->axes; a++)
        if (!(p->spread[a] > 0) || !(p->length[a] > 0))
            return bad(c->ctx, "a length is not above 0");
    if (!isfinite(p->level) || !(p->height >= 0)) return bad(c->ctx, "a kind was not settled");
    SZ_TRY(read_points(c, p, json_object_get(from, "points")));
    p->n_used = p->points.n;
    sz_process_restore(p);
    return SZ_OK;
}

static sz_status read_kind(sz_calibration *c, const json_t *from) {
    const char *name = json_string_value(json_object_get(from, "kind"));
    const size_t axes = json_array_size(json_object_get(from, "length"));
    sz_calibrated_kind *kind;
    if (!name || axes < 1 || axes > SZ_PROCESS_AXES) return bad(c->ctx, "a kind has no axes");
    if (json_array_size(json_object_get(from, "points")) > SZ_PROCESS_POINTS)
        return bad(c->ctx, "a kind has too many points");
    if (sz_calibration_kind(c, name)) return bad(c->ctx, "a kind is there twice");
    SZ_TRY(sz_calibration_find(c, name, (int)axes, &kind));
    kind->half = number(from, "half");
    kind->line = (sz_line){.start_s = number(from, "start_s"),
                           .cold_s = number(from, "cold_s"),
                           .compute = number(from, "compute"),
                           .memory = number(from, "memory"),
                           .cache = number(from, "cache"),
                           .waits = number(from, "waits"),
                           .again = number(from, "again")};
    const sz_line *l = &kind->line;
    if (!(l->start_s >= 0) || !(l->cold_s >= 0) || !(l->compute >= 0) || !(l->memory >= 0) ||
        !(l->cache >= 0) || !(l->waits >= 0) || !(l->again >= 0))
        return bad(c->ctx, "a kind has no line");
    return read_process(c, from, &kind->process);
}

static sz_status read_net(sz_calibration *c, const json_t *from) {
    const sz_calibrated_net net = {.spec = text(c, from, "spec"),
                                   .whole_s = number(from, "whole_s"),
                                   .usual_s = number(from, "usual_s"),
                                   .parts_s = number(from, "parts_s")};
    return sz_vec_push(c->ctx, &c->nets, net) ? SZ_OK : sz_no_memory(c->ctx);
}

static sz_status read_usual(sz_calibration *c, const json_t *knots) {
    sz_usual *u = &c->usual;
    if (!json_is_array(knots) || json_array_size(knots) > SZ_USUAL_KNOTS)
        return bad(c->ctx, "it does not say what is usual, or too much");
    for (size_t i = 0; i < json_array_size(knots); i++) {
        double knot[2];
        SZ_TRY(read_numbers(c, json_array_get(knots, i), 2, knot));
        if (!(knot[0] > 0) || (u->n > 0 && knot[0] < u->whole_s[u->n - 1]) || !(knot[1] >= 1))
            return bad(c->ctx, "what is usual is not sorted by time, or is below 1");
        u->whole_s[u->n] = knot[0], u->factor[u->n++] = knot[1];
    }
    return SZ_OK;
}

static sz_status read_machine(sz_calibration *c, const json_t *root) {
    const json_t *record = json_object_get(root, "machine_record");
    if (!json_is_string(record)) return bad(c->ctx, "it holds no record of the machine");
    return sz_machine_parse(c->ctx, "of the calibration", json_string_value(record),
                            json_string_length(record), &c->machine);
}

static sz_status read_root(sz_calibration *c, const json_t *root) {
    const char *schema = json_string_value(json_object_get(root, "schema"));
    const json_t *kinds = json_object_get(root, "kinds"), *nets = json_object_get(root, "nets");
    if (!schema || strcmp(schema, "sizeup.calibration/7") != 0)
        return bad(c->ctx, "its schema is not sizeup.calibration/7: calibrate again");
    c->backend = text(c, root, "backend"), c->version = text(c, root, "version");
    c->dtype = text(c, root, "dtype"), c->recipe = text(c, root, "recipe");
    c->fingerprint = text(c, root, "fingerprint"), c->started_utc = text(c, root, "started_utc");
    c->threads = (int)json_integer_value(json_object_get(root, "threads"));
    c->library = text(c, root, "library");
    c->library_bytes = json_integer_value(json_object_get(root, "library_bytes"));
    c->library_changed_s = json_integer_value(json_object_get(root, "library_changed_s"));
    c->fixed_s = number(root, "fixed_s"), c->factor = number(root, "factor");
    c->half = number(root, "half");
    if (!c->backend || !c->fingerprint || c->threads < 1) return bad(c->ctx, "it names no backend");
    if (!(c->factor > 0) || !(c->fixed_s >= 0)) return bad(c->ctx, "it was not settled");
    SZ_TRY(read_usual(c, json_object_get(root, "usual")));
    SZ_TRY(read_machine(c, root));
    for (size_t i = 0; i < json_array_size(nets); i++) SZ_TRY(read_net(c, json_array_get(nets, i)));
    for (size_t i = 0; i < json_array_size(kinds); i++)
        SZ_TRY(read_kind(c, json_array_get(kinds, i)));
    return sz_calibration_read_kernels(c, json_object_get(root, "kernels"));
}

sz_status sz_calibration_parse(sz_ctx *ctx, const char *json, size_t size,
                               sz_calibration **ret_calibration) {
    json_error_t error;
    sz_calibration *c;
    if (size > MOST_BYTES) return bad(ctx, "it has more than 64 MiB");
    json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return sz_fail(ctx, SZ_ERR_INPUT, "line %d: this is no calibration: %s", error.line,
                       sz_show(ctx, sz_str_c(error.text)));
    sz_status status = sz_calibration_create(ctx, &c);
    if (status == SZ_OK) {
        status = read_root(c, root);
        if (status == SZ_OK)
            *ret_calibration = c;
        else
            sz_calibration_destroy(c);
    }
    json_decref(root);
    return status;
}

// ---- files -------------------------------------------------------------------------------------

// Most are in f32, which their names leave out.
sz_status sz_calibration_file(sz_ctx *ctx, const char *folder, const char *backend,
                              const char *dtype, int threads, char *path, size_t cap) {
    const bool usual = !dtype || strcmp(dtype, "f32") == 0;
    const int n = snprintf(path, cap, "%s/%s%s%s-t%d.json", folder, backend, usual ? "" : "-",
                           usual ? "" : dtype, threads);
    if (n > 0 && (size_t)n < cap && !strchr(backend, '/') && (usual || !strchr(dtype, '/')))
        return SZ_OK;
    return sz_fail(ctx, SZ_ERR_USAGE, "'%s' in '%s' makes no name of a file",
                   sz_show(ctx, sz_str_c(backend)), sz_show(ctx, sz_str_c(folder)));
}

sz_status sz_calibration_save(sz_ctx *ctx, const sz_calibration *c, const char *folder) {
    char path[4096];
    sz_buf text;
    SZ_TRY(sz_calibration_file(ctx, folder, c->backend, c->dtype, c->threads, path, sizeof path));
    sz_buf_init(&text, ctx);
    sz_status status = sz_calibration_json(ctx, c, &text);
    if (status == SZ_OK) status = sz_folder_write(ctx, path, text.data, text.size);
    sz_buf_finish(&text);
    return status;
}

static sz_status none(sz_ctx *ctx, const char *backend, const char *dtype, int threads) {
    const bool usual = !dtype || strcmp(dtype, "f32") == 0;
    const char *name = sz_show(ctx, sz_str_c(backend));
    const char *format = usual ? "" : sz_show(ctx, sz_str_c(dtype));
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                   "backend '%s' was not calibrated %s%s%swith %d thread%s: 'sizeup calibrate "
                   "--backend %s --threads %d%s%s' does it",
                   name, usual ? "" : "in ", format, usual ? "" : " ", threads,
                   threads == 1 ? "" : "s", name, threads, usual ? "" : " --dtype ", format);
}

sz_status sz_calibration_load(sz_ctx *ctx, const char *folder, const char *backend,
                              const char *dtype, int threads, sz_calibration **ret_calibration) {
    char path[4096], *text = NULL;
    size_t size = 0, cap = 0;
    SZ_TRY(sz_calibration_file(ctx, folder, backend, dtype, threads, path, sizeof path));
    if (!sz_folder_has(path)) return none(ctx, backend, dtype, threads);
    SZ_TRY(sz_folder_read(ctx, path, MOST_BYTES, &text, &size, &cap));
    const sz_status status = sz_calibration_parse(ctx, text, size, ret_calibration);
    sz_free(ctx, text, cap);
    return status == SZ_OK ? status
                           : sz_place(ctx, status, "file '%s'", sz_show(ctx, sz_str_c(path)));
}
