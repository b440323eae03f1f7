// SPDX-License-Identifier: Apache-2.0
#include "model/nets/checkpoint.h"

#include <stdio.h>

void sz_checkpoint_init(sz_checkpoint *cp, sz_ctx *ctx) {
    *cp = (sz_checkpoint){.ctx = ctx};
    sz_arena_init(&cp->arena, ctx);
    sz_map_init(&cp->roles, ctx);
}

void sz_checkpoint_finish(sz_checkpoint *cp) {
    sz_vec_finish(cp->ctx, &cp->weights);
    sz_map_finish(&cp->roles);
    sz_arena_finish(&cp->arena);
}

sz_str sz_checkpoint_text(sz_checkpoint *cp, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    const char *copy = sz_arena_strdup(&cp->arena, text, len);
    if (!copy) cp->is_starved = true;
    return (sz_str){copy, (uint32_t)len};
}

sz_status sz_checkpoint_add(sz_checkpoint *cp, const sz_weight *w) {
    sz_weight copy = *w;
    if (copy.role.p && sz_map_get(&cp->roles, copy.role, NULL)) {
        sz_warn(cp->ctx, "tensor '%s' is for '%s', as another one is: it has no place in the net",
                sz_show(cp->ctx, w->name), sz_show(cp->ctx, w->role));
        copy.role = (sz_str){0};
    }
    if (!sz_vec_push(cp->ctx, &cp->weights, copy)) return sz_no_memory(cp->ctx);
    if (!copy.role.p) return SZ_OK;
    return sz_map_put(&cp->roles, copy.role, (int32_t)(cp->weights.n - 1));
}

sz_status sz_checkpoint_add_expert(sz_checkpoint *cp, const sz_weight *w, bool *ret_added) {
    int32_t at;
    *ret_added = false;
    if (!sz_map_get(&cp->roles, w->role, &at)) {
        int64_t *dims = sz_arena_array(&cp->arena, (size_t)w->rank + 1, sizeof *dims);
        if (!dims) return sz_no_memory(cp->ctx);
        dims[0] = 1;
        for (int32_t i = 0; i < w->rank; i++) dims[i + 1] = w->dims[i];
        sz_weight all = *w;
        all.rank++;
        all.dims = dims;
        *ret_added = true;
        return sz_checkpoint_add(cp, &all);
    }
    sz_weight *all = &cp->weights.items[at];
    if (all->dtype != w->dtype || all->rank != w->rank + 1) return SZ_OK;
    for (int32_t i = 0; i < w->rank; i++)
        if (all->dims[i + 1] != w->dims[i]) return SZ_OK;
    ((int64_t *)all->dims)[0]++; // made above
    *ret_added = true;
    return SZ_OK;
}

sz_weight *sz_checkpoint_find(const sz_checkpoint *cp, const char *role) {
    int32_t i;
    return sz_map_get(&cp->roles, sz_str_c(role), &i) ? &cp->weights.items[i] : NULL;
}
