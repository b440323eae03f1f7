// SPDX-License-Identifier: Apache-2.0
// A user's metrics from a CSV file, joined by the columns that are called like parameters.
#include "explore/explore.h"

#include <math.h>

void sz_joined_finish(sz_ctx *ctx, sz_joined *j) {
    sz_vec_finish(ctx, &j->values);
    sz_vec_finish(ctx, &j->settings);
    sz_map_finish(&j->rows);
}

void sz_space_fill(const sz_space *s, const uint32_t *setting, sz_metrics *m) {
    const sz_joined *j = &s->joined;
    uint32_t key[SZ_SPACE_PARAMETERS];
    int32_t row;
    if (j->n_columns == 0) return;
    for (size_t i = 0; i < j->n_keys; i++) key[i] = setting[j->keys[i]];
    const sz_str bytes = {(const char *)key, (uint32_t)(j->n_keys * sizeof *key)};
    if (!sz_map_get(&j->rows, bytes, &row)) return;
    for (size_t i = 0; i < j->n_columns; i++)
        m->value[SZ_METRICS_OWN + i] = j->values.items[(size_t)row * j->n_columns + i];
}

sz_status sz_space_join(sz_ctx *ctx, sz_space *space, const char *name, const char *text,
                        size_t size, const char *higher) {
    (void)space, (void)text, (void)size, (void)higher;
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "file '%s': metrics of users are not joined yet", name);
}
