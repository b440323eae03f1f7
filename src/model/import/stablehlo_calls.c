// SPDX-License-Identifier: Apache-2.0
// StableHLO text: calls between functions. A function is one body that all its calls share, so what
// they amount to is counted here: a file of a few lines could ask for more nodes than there is
// time.
#include "model/import/stablehlo.h"

#include <inttypes.h>

static sz_status place(shlo *x, const shlo_function *f, const char *what) {
    return sz_fail(x->ctx, SZ_ERR_INPUT, "line %" PRId64 ":%" PRId64 ": function '@%s' %s", f->line,
                   f->column, sz_show(x->ctx, f->name), what);
}

// All calls of the function are known: its sum.
static sz_status close(shlo *x, shlo_function *f) {
    f->state = 2;
    f->expanded = f->nodes + 1;
    f->depth = 1;
    for (size_t k = 0; k < f->n_calls; k++) {
        const shlo_function *c = &x->functions.items[x->calls.items[f->first_call + k]];
        if (!sz_add(f->expanded, c->expanded, &f->expanded) || f->expanded > SZ_SHLO_MAX_EXPANDED)
            return sz_fail(x->ctx, SZ_ERR_LIMIT,
                           "functions call each other so often that more than "
                           "%d nodes would run",
                           SZ_SHLO_MAX_EXPANDED);
        if (c->depth >= f->depth) f->depth = c->depth + 1;
    }
    if (f->depth > SZ_MAX_BODIES)
        return sz_fail(x->ctx, SZ_ERR_LIMIT, "calls are nested deeper than %d", SZ_MAX_BODIES);
    return SZ_OK;
}

// Depth first, with the list `stack` for what is open.
static sz_status walk(shlo *x, int32_t from, int32_t *stack) {
    size_t n = 0;
    stack[n++] = from;
    x->functions.items[from].state = 1;
    while (n > 0) {
        shlo_function *f = &x->functions.items[stack[n - 1]];
        if (f->next == f->n_calls) {
            SZ_TRY(close(x, f));
            n--;
            continue;
        }
        const int32_t index = x->calls.items[f->first_call + f->next++];
        shlo_function *c = &x->functions.items[index];
        if (c->state == 1) return place(x, c, "calls itself");
        if (c->state == 2) continue;
        c->state = 1;
        stack[n++] = index;
    }
    return SZ_OK;
}

sz_status shlo_check_calls(shlo *x) {
    const size_t size = x->functions.n * sizeof(int32_t);
    for (size_t i = 0; i < x->functions.n; i++)
        if (!x->functions.items[i].is_defined)
            return place(x, &x->functions.items[i], "is called and not defined");
    int32_t *stack = sz_alloc(x->ctx, size);
    sz_status status = stack ? SZ_OK : sz_no_memory(x->ctx);
    for (size_t i = 0; i < x->functions.n && status == SZ_OK; i++)
        if (x->functions.items[i].state == 0) status = walk(x, (int32_t)i, stack);
    sz_free(x->ctx, stack, size);
    return status;
}
