// SPDX-License-Identifier: Apache-2.0
#include "predict/calibrated_kernels.h"

enum { MOST_KERNELS = 10000 }; // libraries have some tens

static bool knows_kind(const sz_calibration *c, const char *kind) {
    for (size_t i = 0; i < c->kernels.n; i++)
        if (strcmp(c->kernels.items[i].kind, kind) == 0) return true;
    return false;
}

static bool has(const sz_calibration *c, const char *kind, const char *kernel) {
    for (size_t i = 0; i < c->kernels.n; i++) {
        const sz_calibrated_kernel *k = &c->kernels.items[i];
        if (strcmp(k->kind, kind) == 0 && strcmp(k->name, kernel) == 0) return true;
    }
    return false;
}

static sz_status add(sz_calibration *c, const char *kind, const char *kernel) {
    if (has(c, kind, kernel) || c->kernels.n >= MOST_KERNELS) return SZ_OK;
    const sz_calibrated_kernel k = {sz_arena_strdup(&c->arena, kind, strlen(kind)),
                                    sz_arena_strdup(&c->arena, kernel, strlen(kernel))};
    if (!k.kind || !k.name || !sz_vec_push(c->ctx, &c->kernels, k)) return sz_no_memory(c->ctx);
    return SZ_OK;
}

sz_status sz_calibration_add_kernel(sz_calibration *c, const sz_costs *costs, size_t row,
                                    const char *kernel) {
    sz_features f;
    if (!kernel || !*kernel || !sz_features_of(costs, row, &f)) return SZ_OK;
    return add(c, f.kind, kernel);
}

bool sz_calibration_saw_kernel(const sz_calibration *c, const sz_costs *costs, size_t row,
                               const char *kernel) {
    sz_features f;
    if (!kernel || !*kernel || !sz_features_of(costs, row, &f)) return true;
    return !knows_kind(c, f.kind) || has(c, f.kind, kernel);
}

// ---- JSON --------------------------------------------------------------------------------------

// Each kind where its first kernel stands, with all of its own.
void sz_calibration_put_kernels(const sz_calibration *c, sz_json *j) {
    sz_json_key_object(j, "kernels");
    for (size_t i = 0; i < c->kernels.n; i++) {
        const char *kind = c->kernels.items[i].kind;
        size_t first = 0;
        while (strcmp(c->kernels.items[first].kind, kind) != 0) first++;
        if (first < i) continue;
        sz_json_key_array(j, kind);
        for (size_t k = i; k < c->kernels.n; k++)
            if (strcmp(c->kernels.items[k].kind, kind) == 0)
                sz_json_str(j, c->kernels.items[k].name);
        sz_json_end_array(j);
    }
    sz_json_end_object(j);
}

sz_status sz_calibration_read_kernels(sz_calibration *c, const json_t *kernels) {
    const char *kind;
    json_t *names;
    json_object_foreach((json_t *)(uintptr_t)kernels, kind,
                        names) for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (!name)
            return sz_fail(c->ctx, SZ_ERR_INPUT,
                           "this is no calibration: a kernel of '%s' has "
                           "no name; make one with 'sizeup calibrate'",
                           sz_show(c->ctx, sz_str_c(kind)));
        SZ_TRY(add(c, kind, name));
    }
    return SZ_OK;
}
