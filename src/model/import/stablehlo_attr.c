// SPDX-License-Identifier: Apache-2.0
// StableHLO text: attributes, under the names that HLO gives them (ops/xla.h).
#include "model/import/stablehlo.h"

// ---- texts -------------------------------------------------------------------------------------

const sz_str *shlo_find(const shlo *x, const shlo_op *op, const char *name) {
    for (size_t i = op->first_attr; i < x->attrs.n; i++)
        if (sz_str_is(x->attrs.items[i].name, name)) return &x->attrs.items[i].value;
    return NULL;
}

// "#alias" as what it stands for.
static sz_str plain(const shlo *x, sz_str text) {
    int32_t index;
    if (text.len < 2 || text.p[0] != '#') return text;
    const sz_str name = {text.p + 1, text.len - 1};
    return sz_map_get(&x->aliases, name, &index) ? x->alias_texts.items[index] : text;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool in_word(char c) { return shlo_is_word((unsigned char)c); }

// Runs of digits that belong to no word ("tensor<4x2xi64>", "i64" are words), with their sign. What
// stands behind the last ':' outside of brackets is a type.
sz_status shlo_ints(shlo *x, sz_str text) {
    int depth = 0;
    x->ints.n = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        const char c = text.p[i];
        if (strchr("[<({", c) && c) depth++;
        if (strchr("]>)}", c) && c) depth--;
        if (c == ':' && depth == 0) break;
        if (!in_word(c)) continue;
        const bool number = is_digit(c), minus = i > 0 && text.p[i - 1] == '-';
        int64_t v = 0;
        bool good = number;
        for (; i < text.len && in_word(text.p[i]); i++) {
            good = good && is_digit(text.p[i]) && sz_mul(v, 10, &v) &&
                   sz_add(v, text.p[i] - '0', &v);
        }
        i--;
        if (number && !good) return shlo_fail(x, "a number is expected in an attribute");
        if (good && !sz_vec_push(x->ctx, &x->ints, minus ? -v : v)) return sz_no_memory(x->ctx);
    }
    return SZ_OK;
}

// The value behind "name =" inside of a text such as "#stablehlo.dot<a = [0], b = [1]>".
static bool inner(sz_str text, const char *name, sz_str *ret_value) {
    const uint32_t len = (uint32_t)strlen(name);
    for (uint32_t i = 0; i + len < text.len; i++) {
        if ((i > 0 && in_word(text.p[i - 1])) || memcmp(text.p + i, name, len) != 0) continue;
        uint32_t at = i + len;
        while (at < text.len && text.p[at] == ' ') at++;
        if (at == text.len || text.p[at] != '=') continue;
        uint32_t end = ++at;
        for (int depth = 0; end < text.len; end++) {
            const char c = text.p[end];
            if (strchr("[<({", c)) depth++;
            if (strchr("]>)}", c)) depth--;
            if (depth < 0 || (c == ',' && depth == 0)) break;
        }
        *ret_value = (sz_str){text.p + at, end - at};
        return true;
    }
    return false;
}

// ---- adding ------------------------------------------------------------------------------------

static sz_status add(shlo *x, const sz_attr *a) {
    return sz_vec_push(x->ctx, &x->out, *a) ? SZ_OK : sz_no_memory(x->ctx);
}

sz_status shlo_out_int(shlo *x, const char *name, int64_t i) {
    return add(x, &(sz_attr){.name = sz_str_c(name), .kind = SZ_ATTR_INT, .n = 1, .i = i});
}

sz_status shlo_out_graph(shlo *x, const char *name, size_t n, sz_graph *const *graphs) {
    sz_graph **own = sz_arena_array(x->root->arena, n ? n : 1, sizeof *own);
    if (!own || n > INT32_MAX) return sz_no_memory(x->ctx);
    if (n) memcpy(own, graphs, n * sizeof *own);
    const bool many = strcmp(name, "branches") == 0;
    return add(x, &(sz_attr){.name = sz_str_c(name),
                             .n = (int32_t)n,
                             .graphs = own,
                             .kind = many ? SZ_ATTR_GRAPHS : SZ_ATTR_GRAPH});
}

static sz_status add_ints(shlo *x, const char *name) { // of x->ints
    int64_t *own = sz_arena_array(x->root->arena, x->ints.n ? x->ints.n : 1, sizeof *own);
    if (!own || x->ints.n > INT32_MAX) return sz_no_memory(x->ctx);
    if (x->ints.n) memcpy(own, x->ints.items, x->ints.n * sizeof *own);
    return add(
        x, &(sz_attr){
               .name = sz_str_c(name), .kind = SZ_ATTR_INTS, .n = (int32_t)x->ints.n, .ints = own});
}

static sz_status add_text(shlo *x, const char *name, sz_str text) {
    sz_attr a = {.name = sz_str_c(name), .kind = SZ_ATTR_STRING, .n = 1};
    SZ_TRY(shlo_keep_long(x, text, &a.s));
    return add(x, &a);
}

// ---- what single operators state ---------------------------------------------------------------

// "[0, 2] x [0, 1]": the axes left and right of the 'x'.
static sz_status add_pair(shlo *x, sz_str text, const char *left, const char *right) {
    const char *mid = text.len ? memchr(text.p, 'x', text.len) : NULL;
    const uint32_t at = mid ? (uint32_t)(mid - text.p) : text.len;
    SZ_TRY(shlo_ints(x, (sz_str){text.p, at}));
    SZ_TRY(add_ints(x, left));
    SZ_TRY(shlo_ints(x, (sz_str){text.p + at, text.len - at}));
    return add_ints(x, right);
}

static sz_status dot(shlo *x, const shlo_op *op) {
    static const char *const inside[][2] = {{"lhs_batching_dimensions", "lhs_batch_dims"},
                                            {"rhs_batching_dimensions", "rhs_batch_dims"},
                                            {"lhs_contracting_dimensions", "lhs_contracting_dims"},
                                            {"rhs_contracting_dimensions", "rhs_contracting_dims"}};
    const sz_str *t = shlo_find(x, op, "dot_dimension_numbers");
    if (t) {
        for (size_t k = 0; k < sizeof inside / sizeof *inside; k++) {
            sz_str value;
            if (!inner(plain(x, *t), inside[k][0], &value)) continue;
            SZ_TRY(shlo_ints(x, value));
            SZ_TRY(add_ints(x, inside[k][1]));
        }
        return SZ_OK;
    }
    t = shlo_find(x, op, "batching_dims");
    if (t) SZ_TRY(add_pair(x, *t, "lhs_batch_dims", "rhs_batch_dims"));
    t = shlo_find(x, op, "contracting_dims");
    return t ? add_pair(x, *t, "lhs_contracting_dims", "rhs_contracting_dims") : SZ_OK;
}

// `dot`: the last axis of the left with the first of the right.
static sz_status old_dot(shlo *x, const sz_type *left) {
    x->ints.n = 0;
    if (!sz_vec_push(x->ctx, &x->ints, left->rank > 0 ? left->rank - 1 : 0))
        return sz_no_memory(x->ctx);
    SZ_TRY(add_ints(x, "lhs_contracting_dims"));
    x->ints.items[0] = 0;
    return add_ints(x, "rhs_contracting_dims");
}

// "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]" as "b01f_01io->b01f".
static sz_status labels(shlo *x, sz_str text) {
    char out[256];
    uint32_t n = 0;
    const char *open = text.len ? memchr(text.p, '[', text.len) : NULL;
    bool inside = false;
    for (const char *p = open; p && p < text.p + text.len && n + 3 < sizeof out; p++) {
        if (*p == '[')
            inside = true;
        else if (*p == ']')
            inside = false;
        else if (*p == 'x' && !inside)
            out[n++] = '_';
        else if (*p == '-' && !inside)
            out[n++] = '-', out[n++] = '>';
        else if (inside && in_word(*p))
            out[n++] = *p;
    }
    return add_text(x, "dim_labels", (sz_str){out, n});
}

// One list of a window, under either of two names or inside of `window`.
static sz_status window_list(shlo *x, const shlo_op *op, const char *name, const char *short_name,
                             const char *ours) {
    const sz_str *own = shlo_find(x, op, name), *window = shlo_find(x, op, "window");
    sz_str value;
    if (own)
        value = plain(x, *own);
    else if (!window || !inner(*window, short_name, &value))
        return SZ_OK;
    SZ_TRY(shlo_ints(x, value));
    return add_ints(x, ours);
}

static sz_status int_of(shlo *x, const shlo_op *op, const char *name) {
    const sz_str *t = shlo_find(x, op, name);
    if (!t) return SZ_OK;
    SZ_TRY(shlo_ints(x, *t));
    return x->ints.n == 1 ? shlo_out_int(x, name, x->ints.items[0]) : SZ_OK;
}

// "dense<1> : tensor<2x2xi64>": one number that stands for a pad before and behind each axis.
static sz_status spread_pads(shlo *x, size_t axes) {
    sz_attr *a = x->out.n ? &x->out.items[x->out.n - 1] : NULL;
    if (!a || !sz_str_is(a->name, "window_pad") || a->n != 1 || axes == 0) return SZ_OK;
    const int64_t pad = a->ints[0];
    x->out.n--;
    x->ints.n = 0;
    for (size_t k = 0; k < 2 * axes; k++)
        if (!sz_vec_push(x->ctx, &x->ints, pad)) return sz_no_memory(x->ctx);
    return add_ints(x, "window_pad");
}

static sz_status window(shlo *x, const shlo_op *op, size_t axes) {
    SZ_TRY(window_list(x, op, "window_dimensions", "size", "window_size"));
    SZ_TRY(window_list(x, op, "window_strides", "stride", "window_stride"));
    SZ_TRY(window_list(x, op, "padding", "pad", "window_pad"));
    SZ_TRY(spread_pads(x, axes));
    SZ_TRY(window_list(x, op, "lhs_dilation", "lhs_dilate", "window_lhs_dilate"));
    SZ_TRY(window_list(x, op, "rhs_dilation", "rhs_dilate", "window_rhs_dilate"));
    SZ_TRY(window_list(x, op, "base_dilations", "base_dilations", "window_lhs_dilate"));
    return window_list(x, op, "window_dilations", "window_dilations", "window_rhs_dilate");
}

static sz_status convolution(shlo *x, const shlo_op *op, size_t axes) {
    const sz_str *t = shlo_find(x, op, "dim_numbers");
    if (!t) t = shlo_find(x, op, "dimension_numbers");
    if (t) SZ_TRY(labels(x, plain(x, *t)));
    SZ_TRY(window(x, op, axes));
    SZ_TRY(int_of(x, op, "feature_group_count"));
    return int_of(x, op, "batch_group_count");
}

// ---- lists and words ---------------------------------------------------------------------------

typedef enum form { LIST, WORD, FLAG } form;

// Attributes that HLO has too: opcode ("" = all), names in StableHLO, name in HLO.
static const struct {
    const char *opcode, *name, *other, *ours;
    form form;
} rows[] = {
    {"broadcast", "broadcast_dimensions", "dims", "dimensions", LIST},
    {"transpose", "permutation", "dims", "dimensions", LIST},
    {"reduce", "dimensions", "dimensions", "dimensions", LIST},
    {"concatenate", "dimension", "dim", "dimensions", LIST},
    {"sort", "dimension", "dim", "dimensions", LIST},
    {"iota", "iota_dimension", "dim", "iota_dimension", LIST},
    {"gather", "slice_sizes", "slice_sizes", "slice_sizes", LIST},
    {"dynamic-slice", "slice_sizes", "sizes", "dynamic_slice_sizes", LIST},
    {"fft", "fft_length", "length", "fft_length", LIST},
    {"fft", "fft_type", "type", "fft_type", WORD},
    {"compare", "comparison_direction", "direction", "direction", WORD},
    {"triangular-solve", "unit_diagonal", "unit_diagonal", "unit_diagonal", FLAG},
    {"custom-call", "call_target_name", "call_target_name", "custom_call_target", WORD},
};

// "#stablehlo<comparison_direction LT>", "\"name\"", "LT": the last word.
static sz_str last_word(sz_str text) {
    uint32_t end = text.len;
    while (end > 0 && !in_word(text.p[end - 1])) end--;
    uint32_t at = end;
    while (at > 0 && (in_word(text.p[at - 1]) || text.p[at - 1] == '$')) at--;
    return (sz_str){text.p + at, end - at};
}

static sz_status add_row(shlo *x, size_t row, sz_str text) {
    const char *ours = rows[row].ours;
    if (rows[row].form == WORD) return add_text(x, ours, last_word(plain(x, text)));
    if (rows[row].form == FLAG) return shlo_out_int(x, ours, sz_str_is(text, "true"));
    SZ_TRY(shlo_ints(x, plain(x, text)));
    if (strcmp(ours, "iota_dimension") == 0)
        return x->ints.n == 1 ? shlo_out_int(x, ours, x->ints.items[0]) : SZ_OK;
    return add_ints(x, ours);
}

static sz_status common(shlo *x, const shlo_op *op, sz_str opcode) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!sz_str_is(opcode, rows[i].opcode)) continue;
        const sz_str *t = shlo_find(x, op, rows[i].name);
        if (!t) t = shlo_find(x, op, rows[i].other);
        if (t) SZ_TRY(add_row(x, i, *t));
    }
    // "compare LT, %a, %b, SIGNED" and "custom_call @target(...)"
    if (sz_str_is(opcode, "compare") && !shlo_find(x, op, "comparison_direction"))
        if (shlo_find(x, op, "")) SZ_TRY(add_text(x, "direction", *shlo_find(x, op, "")));
    if (sz_str_is(opcode, "custom-call") && op->callee.len)
        return add_text(x, "custom_call_target", op->callee);
    return SZ_OK;
}

sz_status shlo_attrs(shlo *x, const shlo_op *op, sz_str opcode) {
    const sz_type *first = NULL;
    if (x->operands.n > op->first_operand)
        first = &sz_graph_value(shlo_top(x)->graph, x->operands.items[op->first_operand])->type;
    const size_t rank = first && first->rank > 0 ? (size_t)first->rank : 0;
    SZ_TRY(common(x, op, opcode));
    if (sz_str_is(opcode, "dot")) {
        const bool general = op->name.len >= 7 &&
                             memcmp(op->name.p + op->name.len - 7, "general", 7) == 0;
        return general || !first ? dot(x, op) : old_dot(x, first);
    }
    if (sz_str_is(opcode, "convolution")) return convolution(x, op, rank > 2 ? rank - 2 : 0);
    if (sz_str_is(opcode, "reduce-window") || sz_str_is(opcode, "select-and-scatter"))
        return window(x, op, rank);
    return SZ_OK;
}
