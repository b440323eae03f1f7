// SPDX-License-Identifier: Apache-2.0
#include "model/ops/ozaki.h"

#include "model/ops/rules.h"

bool sz_is_ozaki(const sz_node *n) {
    return sz_str_is(n->op, "OzakiMatMul") && sz_str_is(n->domain, "sizeup");
}

static bool is_one_of(sz_str word, const char *a, const char *b, const char *c) {
    return sz_str_is(word, a) || sz_str_is(word, b) || (c && sz_str_is(word, c));
}

const char *sz_ozaki_read(const sz_node *n, sz_ozaki *o) {
    const sz_str pieces = sz_attr_s(n, "pieces", "i8");
    const sz_str products = sz_attr_s(n, "products", "triangle");
    const sz_str split = sz_attr_s(n, "split", "run");
    const int64_t count = sz_attr_i(n, "count", 8);
    if (!is_one_of(pieces, "i8", "bf16", "f32")) return "pieces are i8, bf16 or f32";
    if (!is_one_of(products, "triangle", "all", NULL)) return "products are triangle or all";
    if (!is_one_of(split, "run", "before", NULL)) return "split is run or before";
    if (count < 1 || count > SZ_OZAKI_MOST) return "count is from 1 to 32";
    *o = (sz_ozaki){.pieces = sz_dtype_by_name(sz_str_is(pieces, "i8")     ? "i8"
                                               : sz_str_is(pieces, "bf16") ? "bf16"
                                                                           : "f32"),
                    .count = (int)count,
                    .all = sz_str_is(products, "all"),
                    .split_before = sz_str_is(split, "before")};
    return NULL;
}

int sz_ozaki_products(const sz_ozaki *o) {
    return o->all ? o->count * o->count : o->count * (o->count + 1) / 2;
}

int sz_ozaki_orders(const sz_ozaki *o) { return o->all ? 2 * o->count - 1 : o->count; }

// ---- rules -------------------------------------------------------------------------------------

static sz_status read(const sz_infer *n, sz_ozaki *o) {
    const char *why = sz_ozaki_read(n->node, o);
    return why ? sz_op_fail(n, "%s", why) : SZ_OK;
}

sz_status sz_shape_ozaki(sz_infer *n) {
    sz_ozaki o;
    const sz_dtype t = sz_in_dtype(n, 0);
    const int64_t dims[] = {sz_in_dim(n, 0, 0), sz_in_dim(n, 1, 1)};
    const int64_t ka = sz_in_dim(n, 0, 1), kb = sz_in_dim(n, 1, 0);
    SZ_TRY(read(n, &o));
    for (int i = 0; i < 2; i++)
        if (sz_in_rank(n, i) >= 0 && sz_in_rank(n, i) != 2)
            return sz_op_fail(n, "an operand has %d dimensions, not 2", (int)sz_in_rank(n, i));
    if (ka >= 0 && kb >= 0 && ka != kb)
        return sz_op_fail(n, "inner sizes differ: %lld and %lld", (long long)ka, (long long)kb);
    if (t && t != sz_dtype_by_name("f64") && t != sz_dtype_by_name("f32"))
        return sz_op_fail(n, "operands are f64 or f32, not %s", sz_dtype_get(t)->name);
    if (t && sz_in_dtype(n, 1) && sz_in_dtype(n, 1) != t)
        return sz_op_fail(n, "operands of two formats");
    return sz_out(n, 0, t, 2, dims);
}

// MACs are those that are done, in the format of the pieces. Elementary work besides, as
// run/backends/ozaki.c does it. Splitting an element: its magnitude is compared, it is scaled once,
// and for each piece scaled, rounded and subtracted. Sums, for each element of the result: one
// addition for each product, one scaling for each order, and two at the end.
sz_status sz_cost_ozaki(sz_costing *c) {
    sz_ozaki o;
    int64_t split = sz_cost_in_elements(c, 0);
    const int64_t inner = sz_in_dim(&c->in, 0, 1), out = c->work->out_elements;
    SZ_TRY(read(&c->in, &o));
    if (!o.split_before && !sz_add(split, sz_cost_in_elements(c, 1), &split))
        return sz_op_fail(&c->in, "elements exceed 2^63");
    SZ_TRY(sz_cost_add_macs(c, 3, (int64_t[]){sz_ozaki_products(&o), out, inner}));
    SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){3 * o.count + 2, split}));
    return sz_cost_add_flops(c, 2,
                             (int64_t[]){sz_ozaki_products(&o) + sz_ozaki_orders(&o) + 2, out});
}
