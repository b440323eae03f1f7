// SPDX-License-Identifier: Apache-2.0
// A calibration as JSON, schema sizeup.calibration/1, and back.
#include "predict/calibrated_kernels.h"

#include <math.h>
#include <stdio.h>

#include <jansson.h>
#include <sizeup/json.h>

#include "os/folder.h"

enum { MOST_BYTES = 64 << 20, MOST_POINTS = 200000 };

// ---- writing -----------------------------------------------------------------------------------

static void put_points(sz_json *j, const sz_calibrated_kind *kind) {
    sz_json_key_array(j, "points");
    for (size_t i = 0; i < kind->local.points.n; i++) {
        const sz_local_point *p = &kind->local.points.items[i];
        sz_json_begin_array(j);
        sz_json_i64(j, p->group);
        sz_json_f64(j, kind->bases.items[i]);
        sz_json_f64(j, p->y);
        for (int a = 0; a < kind->local.axes; a++) sz_json_f64(j, p->x[a]);
        sz_json_end_array(j);
    }
    sz_json_end_array(j);
}

static void put_kind(sz_json *j, const sz_calibrated_kind *kind) {
    sz_json_begin_object(j);
    sz_json_key_str(j, "kind", kind->name);
    sz_json_key_f64(j, "half", kind->half);
    sz_json_key_f64(j, "reach", kind->local.reach);
    sz_json_key_array(j, "scale");
    for (int a = 0; a < kind->local.axes; a++) sz_json_f64(j, kind->local.scale[a]);
    sz_json_end_array(j);
    put_points(j, kind);
    sz_json_end_object(j);
}

static void put_net(sz_json *j, const sz_calibrated_net *net) {
    sz_json_begin_object(j);
    sz_json_key_str(j, "spec", net->spec);
    sz_json_key_f64(j, "whole_s", net->whole_s);
    sz_json_key_f64(j, "parts_s", net->parts_s);
    sz_json_end_object(j);
}

sz_status sz_calibration_json(sz_ctx *ctx, const sz_calibration *c, sz_buf *buf) {
    sz_buf machine;
    sz_json j;
    sz_buf_init(&machine, ctx);
    const sz_status status = sz_machine_json(ctx, c->machine, &machine);
    sz_json_init(&j, buf, 1);
    sz_json_begin_object(&j);
    sz_json_key_str(&j, "schema", "sizeup.calibration/1");
    sz_json_key_str(&j, "backend", c->backend);
    sz_json_key_str(&j, "version", c->version);
    sz_json_key_str(&j, "dtype", c->dtype);
    sz_json_key_str(&j, "recipe", c->recipe);
    sz_json_key_i64(&j, "threads", c->threads);
    sz_json_key_str(&j, "fingerprint", c->fingerprint);
    sz_json_key_str(&j, "started_utc", c->started_utc);
    sz_json_key_f64(&j, "start_s", c->start_s);
    sz_json_key_f64(&j, "fixed_s", c->fixed_s);
    sz_json_key_f64(&j, "factor", c->factor);
    sz_json_key_f64(&j, "half", c->half);
    sz_json_key(&j, "machine_record");
    sz_json_str_n(&j, machine.data ? machine.data : "", machine.size);
    sz_json_key_array(&j, "nets");
    for (size_t i = 0; i < c->nets.n; i++) put_net(&j, &c->nets.items[i]);
    sz_json_end_array(&j);
    sz_json_key_array(&j, "kinds");
    for (size_t k = 0; k < c->kinds.n; k++) put_kind(&j, &c->kinds.items[k]);
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

static sz_status read_point(sz_calibration *c, sz_calibrated_kind *kind, const json_t *point) {
    double v[3 + SZ_LOCAL_AXES];
    const size_t n = 3 + (size_t)kind->local.axes;
    if (json_array_size(point) != n) return bad(c->ctx, "a point has another number of axes");
    for (size_t i = 0; i < n; i++) {
        v[i] = json_number_value(json_array_get(point, i));
        if (!json_is_number(json_array_get(point, i)) || !isfinite(v[i]))
            return bad(c->ctx, "a point is no list of numbers");
    }
    if (!(v[1] > 0) || fabs(v[0]) > 1e9) return bad(c->ctx, "a point has no base time");
    if (!sz_local_add(c->ctx, &kind->local, v + 3, v[2], (int32_t)v[0]) ||
        !sz_vec_push(c->ctx, &kind->bases, v[1]))
        return sz_no_memory(c->ctx);
    return SZ_OK;
}

static sz_status read_kind(sz_calibration *c, const json_t *from) {
    const json_t *scale = json_object_get(from, "scale"), *points = json_object_get(from, "points");
    const char *name = json_string_value(json_object_get(from, "kind"));
    const size_t axes = json_array_size(scale);
    sz_calibrated_kind *kind;
    if (!name || axes < 1 || axes > SZ_LOCAL_AXES) return bad(c->ctx, "a kind has no axes");
    if (json_array_size(points) > MOST_POINTS) return bad(c->ctx, "a kind has too many points");
    if (sz_calibration_kind(c, name)) return bad(c->ctx, "a kind is there twice");
    SZ_TRY(sz_calibration_find(c, name, (int)axes, &kind));
    for (size_t i = 0; i < json_array_size(points); i++)
        SZ_TRY(read_point(c, kind, json_array_get(points, i)));
    for (size_t a = 0; a < axes; a++) {
        kind->local.scale[a] = json_number_value(json_array_get(scale, a));
        if (!(kind->local.scale[a] > 0)) return bad(c->ctx, "a scale is not above 0");
    }
    kind->half = number(from, "half");
    kind->local.reach = number(from, "reach");
    return SZ_OK;
}

static sz_status read_net(sz_calibration *c, const json_t *from) {
    const sz_calibrated_net net = {text(c, from, "spec"), number(from, "whole_s"),
                                   number(from, "parts_s")};
    return sz_vec_push(c->ctx, &c->nets, net) ? SZ_OK : sz_no_memory(c->ctx);
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
    if (!schema || strcmp(schema, "sizeup.calibration/1") != 0)
        return bad(c->ctx, "its schema is not sizeup.calibration/1");
    c->backend = text(c, root, "backend"), c->version = text(c, root, "version");
    c->dtype = text(c, root, "dtype"), c->recipe = text(c, root, "recipe");
    c->fingerprint = text(c, root, "fingerprint"), c->started_utc = text(c, root, "started_utc");
    c->threads = (int)json_integer_value(json_object_get(root, "threads"));
    c->library = text(c, root, "library");
    c->library_bytes = json_integer_value(json_object_get(root, "library_bytes"));
    c->library_changed_s = json_integer_value(json_object_get(root, "library_changed_s"));
    c->fixed_s = number(root, "fixed_s"), c->factor = number(root, "factor");
    c->half = number(root, "half"), c->start_s = number(root, "start_s");
    if (!c->backend || !c->fingerprint || c->threads < 1) return bad(c->ctx, "it names no backend");
    if (!(c->factor > 0) || !(c->fixed_s >= 0) || !(c->start_s >= 0))
        return bad(c->ctx, "it was not settled");
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
                   threads == 1 ? "" : "s", name, threads,
                   usual ? "" : " --dtype ", format);
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
