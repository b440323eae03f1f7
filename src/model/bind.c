// SPDX-License-Identifier: Apache-2.0
#include "model/bind.h"

#include <inttypes.h>
#include <stdio.h>

// Splits "NAME=REST"; the name may itself hold '=' (names from exporters do), so the last one
// counts.
static const char *split(const char *text, sz_str *ret_name) {
    const char *eq = strrchr(text, '=');
    if (!eq || eq == text) return NULL;
    *ret_name = (sz_str){text, (uint32_t)(eq - text)};
    return eq + 1;
}

// Digits only, up to `end`; false when there are none or the number is too large.
static bool read_size(const char **p, int64_t *ret_size) {
    int64_t n = 0;
    const char *s = *p;
    if (*s < '0' || *s > '9') return false;
    for (; *s >= '0' && *s <= '9'; s++)
        if (!sz_mul(n, 10, &n) || !sz_add(n, *s - '0', &n)) return false;
    *p = s;
    *ret_size = n;
    return true;
}

static sz_symbol *find_symbol(sz_graph *g, sz_str name) {
    for (size_t i = 0; i < g->symbols.n; i++)
        if (sz_str_eq(g->symbols.items[i].name, name)) return &g->symbols.items[i];
    return NULL;
}

static void list_symbols(const sz_graph *g, char *text, size_t size) {
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < g->symbols.n && n + 1 < size; i++) {
        if (g->symbols.items[i].input == SZ_NONE) continue;
        int k = snprintf(text + n, size - n, "%s'%s'", n ? ", " : "",
                         sz_show(g->ctx, g->symbols.items[i].name));
        if (k > 0) n += (size_t)k;
    }
    if (!n) snprintf(text, size, "none");
}

static sz_status not_a_size(sz_graph *g, const char *bind) {
    return sz_fail(g->ctx, SZ_ERR_USAGE, "'--bind %s' is not NAME=SIZE or NAME=NAME+SIZE", bind);
}

// "past+seq+1": sizes and names of dimensions. *ret_size is SZ_DIM_UNKNOWN when one of them is free
// and may be.
static sz_status read_sum(sz_graph *g, const char *bind, const char *rest, bool allow_free,
                          int64_t *ret_size) {
    *ret_size = 0;
    for (;; rest++) {
        const sz_str word = {rest, (uint32_t)strcspn(rest, "+")};
        const sz_symbol *s = find_symbol(g, word);
        int64_t size = s ? s->bound : 0;
        const char *end = rest;
        if (!s && (!read_size(&end, &size) || end != rest + word.len)) return not_a_size(g, bind);
        if (size < 0 && !allow_free)
            return sz_fail(g->ctx, SZ_ERR_USAGE, "'--bind %s': '%s' has no size itself", bind,
                           sz_show(g->ctx, word));
        if (size < 0 || *ret_size < 0) *ret_size = SZ_DIM_UNKNOWN;
        else if (!sz_add(*ret_size, size, ret_size)) return not_a_size(g, bind);
        rest += word.len;
        if (*rest == '\0') return SZ_OK;
    }
}

// Sums are taken when `sums` says so: they need the sizes of others.
static sz_status apply_bind(sz_graph *g, const char *bind, bool sums, bool allow_free) {
    sz_str name;
    int64_t size;
    const char *rest = split(bind, &name), *end = rest;
    if (!rest || !*rest) return not_a_size(g, bind);
    const bool is_sum = !read_size(&end, &size) || *end;
    if (is_sum != sums) return SZ_OK;
    if (is_sum) SZ_TRY(read_sum(g, bind, rest, allow_free, &size));
    sz_symbol *s = find_symbol(g, name);
    if (!s) {
        char known[512];
        list_symbols(g, known, sizeof known);
        return sz_fail(g->ctx, SZ_ERR_USAGE,
                       "'--bind %s': the model has no free dimension '%s' (it has: %s)", bind,
                       sz_show(g->ctx, name), known);
    }
    if (size < 0) return SZ_OK; // stays free
    if (s->bound >= 0 && s->bound != size)
        return sz_fail(g->ctx, SZ_ERR_USAGE, "'%s' is bound twice: %" PRId64 " and %" PRId64,
                       sz_show(g->ctx, name), s->bound, size);
    s->bound = size;
    return SZ_OK;
}

// "1x3x224x224" (also with commas) -> dims; "" is a scalar.
static bool read_shape(const char *text, int64_t *dims, int32_t *ret_rank) {
    int32_t rank = 0;
    while (*text) {
        if (rank == SZ_MAX_RANK || !read_size(&text, &dims[rank])) return false;
        rank++;
        if (*text == 'x' || *text == ',') {
            text++;
            if (!*text) return false;
        } else if (*text) {
            return false;
        }
    }
    *ret_rank = rank;
    return true;
}

static sz_status bind_by_input(sz_graph *g, const char *option, int64_t old, int64_t size) {
    if (old >= 0 && old != size) g->reshaped = true; // the file's other shapes no longer hold
    if (old > SZ_DIM_SYMBOL(0) || old == SZ_DIM_UNKNOWN) return SZ_OK;
    sz_symbol *s = &g->symbols.items[SZ_SYMBOL_OF(old)];
    if (s->bound >= 0 && s->bound != size && !s->by_input)
        return sz_fail(g->ctx, SZ_ERR_USAGE,
                       "'--input %s' sets '%s' to %" PRId64 ", but it is %" PRId64, option,
                       sz_show(g->ctx, s->name), size, s->bound);
    if (s->bound >= 0 && s->bound != size) {
        // Exporters give one name to dimensions that have nothing to do with each other.
        sz_warn(g->ctx, "'--input %s': '%s' has another size in another input; both are kept",
                option, sz_show(g->ctx, s->name));
        g->reshaped = true;
        return SZ_OK;
    }
    s->by_input = true;
    s->bound = size;
    return SZ_OK;
}

static sz_status apply_input(sz_graph *g, const char *option) {
    sz_str name;
    int64_t dims[SZ_MAX_RANK];
    int32_t rank;
    const char *shape = split(option, &name);
    if (!shape || !read_shape(shape, dims, &rank))
        return sz_fail(g->ctx, SZ_ERR_USAGE, "'--input %s' is not NAME=SHAPE, e.g. %s", option,
                       "image=1x3x224x224");
    sz_value_id id = sz_graph_find(g, name);
    if (id == SZ_NONE || sz_graph_value(g, id)->kind != SZ_VALUE_INPUT)
        return sz_fail(g->ctx, SZ_ERR_USAGE, "'--input %s': the model has no input '%s'", option,
                       sz_show(g->ctx, name));
    sz_value *v = sz_graph_value(g, id);
    if (v->type.kind != SZ_TYPE_TENSOR)
        return sz_fail(g->ctx, SZ_ERR_USAGE, "'--input %s': the input is no tensor", option);
    if (v->type.rank >= 0 && v->type.rank != rank)
        return sz_fail(g->ctx, SZ_ERR_USAGE,
                       "'--input %s': the shape has %d dimensions, the input %d", option, rank,
                       v->type.rank);
    for (int32_t i = 0; i < v->type.rank; i++)
        SZ_TRY(bind_by_input(g, option, v->type.dims[i], dims[i]));
    int64_t *own = sz_graph_dims(g, rank);
    if (!own) return sz_no_memory(g->ctx);
    memcpy(own, dims, (size_t)rank * sizeof *own);
    v->type.rank = rank;
    v->type.dims = own;
    return SZ_OK;
}

static sz_status unbound(sz_graph *g, const sz_value *v, const sz_symbol *s, int32_t axis) {
    return sz_fail(g->ctx, SZ_ERR_INPUT,
                   "input '%s': dimension %d is free ('%s'); give its size with --bind %s=SIZE",
                   sz_show(g->ctx, v->name), axis, sz_show(g->ctx, s->name),
                   sz_show(g->ctx, s->name));
}

// Formats that hold only weights have no dimensions of their own: those that we gave the net have a
// size for whoever gives none.
static void take_usual(sz_graph *g) {
    char taken[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < g->symbols.n; i++) {
        sz_symbol *s = &g->symbols.items[i];
        if (s->bound >= 0 || s->usual < 0 || s->input == SZ_NONE) continue;
        s->bound = s->usual;
        const int k = snprintf(taken + n, sizeof taken - n, "%s%s=%" PRId64, n ? "," : "",
                               sz_show(g->ctx, s->name), s->usual);
        n = k > 0 && (size_t)k < sizeof taken - n ? n + (size_t)k : sizeof taken - 1;
    }
    if (n)
        sz_warn(g->ctx, "weights alone have no sizes: taken as --bind %s; give others with --bind",
                taken);
}

// Put the sizes into the types of the inputs.
static sz_status substitute(sz_graph *g, sz_value *v, bool allow_symbols) {
    int64_t *own = sz_graph_dims(g, v->type.rank);
    if (!own) return sz_no_memory(g->ctx);
    for (int32_t i = 0; i < v->type.rank; i++) {
        own[i] = v->type.dims[i];
        if (own[i] > SZ_DIM_SYMBOL(0)) continue;
        const sz_symbol *s = &g->symbols.items[SZ_SYMBOL_OF(own[i])];
        if (s->bound < 0 && !allow_symbols) return unbound(g, v, s, i);
        if (s->bound >= 0) own[i] = s->bound;
    }
    v->type.dims = own;
    return SZ_OK;
}

// A dimension that usually is 0 may be: there is just nothing from before.
static bool may_be_empty(const sz_graph *g, const int64_t *before, int32_t i) {
    return before && before[i] <= SZ_DIM_SYMBOL(0) &&
           g->symbols.items[SZ_SYMBOL_OF(before[i])].usual == 0;
}

static sz_status check_input(sz_graph *g, sz_value *v, bool allow_symbols) {
    const int64_t *before = v->type.rank > 0 ? v->type.dims : NULL;
    if (v->type.kind == SZ_TYPE_TENSOR && v->type.rank < 0 && !allow_symbols)
        return sz_fail(g->ctx, SZ_ERR_INPUT,
                       "input '%s' has no shape; give it with --input %s=SHAPE",
                       sz_show(g->ctx, v->name), sz_show(g->ctx, v->name));
    if (v->type.kind == SZ_TYPE_NONE)
        sz_warn(g->ctx, "input '%s' has no type: what it feeds can't be costed",
                sz_show(g->ctx, v->name));
    if (v->type.rank > 0) SZ_TRY(substitute(g, v, allow_symbols));
    for (int32_t i = 0; i < v->type.rank; i++)
        if (v->type.dims[i] == 0 && !may_be_empty(g, before, i))
            sz_warn(g->ctx, "input '%s' has a dimension of size 0: the net is empty there",
                    sz_show(g->ctx, v->name));
    return SZ_OK;
}

sz_status sz_bind(sz_graph *g, const sz_load_options *options) {
    const bool free = options->allow_symbols;
    for (size_t i = 0; i < options->n_binds; i++)
        SZ_TRY(apply_bind(g, options->binds[i], false, free));
    for (size_t i = 0; i < options->n_inputs; i++) SZ_TRY(apply_input(g, options->inputs[i]));
    for (size_t i = 0; i < options->n_binds; i++)
        SZ_TRY(apply_bind(g, options->binds[i], true, free));
    if (!free) take_usual(g);
    for (size_t i = 0; i < g->inputs.n; i++)
        SZ_TRY(check_input(g, sz_graph_value(g, g->inputs.items[i]), options->allow_symbols));
    return SZ_OK;
}
