// SPDX-License-Identifier: Apache-2.0
// HLO text: types, operands, literals.
#include "model/import/hlo_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- types -------------------------------------------------------------------------------------

// "<=8" is a size that may turn out smaller at run time: it counts in full. "?" has no bound.
static sz_status dim(hlo_text *t, int64_t *ret) {
    if (hlo_take(&t->s, '?')) return *ret = SZ_DIM_UNKNOWN, SZ_OK;
    if (hlo_take(&t->s, '<')) {
        SZ_TRY(hlo_expect(&t->s, '=', "'<'"));
        sz_warn(t->ctx, "sizes that are bounded (<=) count as their bound");
    }
    SZ_TRY(hlo_scan_int(&t->s, ret));
    return *ret < 0 ? hlo_scan_fail(&t->s, "a dimension is negative") : SZ_OK;
}

// Behind the brace: "1,0:T(8,128)}". The order of the axes, innermost first, is kept.
static sz_status layout(hlo_text *t, int32_t rank) {
    bool seen[SZ_MAX_RANK] = {false};
    t->n_layout = 0;
    for (int c; (c = hlo_peek(&t->s)) >= '0' && c <= '9';) {
        int64_t axis;
        SZ_TRY(hlo_scan_int(&t->s, &axis));
        if (axis >= rank || seen[axis])
            return hlo_scan_fail(&t->s, "a layout is no order of the %d axes", rank);
        seen[axis] = true;
        t->layout[t->n_layout++] = axis;
        if (!hlo_take(&t->s, ',')) break;
    }
    return hlo_skip_to_brace(&t->s);
}

// "[2,3]" and the layout "{1,0:T(8,128)}" behind it, which matters to transpose alone.
static sz_status dims_and_layout(hlo_text *t, int64_t *dims, int32_t *ret_rank) {
    t->n_layout = 0;
    SZ_TRY(hlo_expect(&t->s, '[', "a type"));
    for (*ret_rank = 0; !hlo_take(&t->s, ']'); ++*ret_rank) {
        if (*ret_rank > 0) SZ_TRY(hlo_expect(&t->s, ',', "a dimension"));
        if (*ret_rank == SZ_MAX_RANK)
            return hlo_scan_fail(&t->s, "more than %d dimensions", SZ_MAX_RANK);
        SZ_TRY(dim(t, &dims[*ret_rank]));
    }
    if (hlo_peek_raw(&t->s) != '{') return SZ_OK;
    hlo_next_raw(&t->s);
    return layout(t, *ret_rank);
}

// Behind the word that names the format.
static sz_status tensor_type(hlo_text *t, sz_str word, const sz_type **ret) {
    int64_t dims[SZ_MAX_RANK], elements;
    int32_t rank;
    sz_dtype dtype;
    bool other;
    if (!hlo_dtype(word, &dtype, &other))
        return hlo_scan_fail(&t->s, "a type is expected, '%s' is none", sz_show(t->ctx, word));
    SZ_TRY(dims_and_layout(t, dims, &rank));
    *ret = other ? hlo_tuple(&t->x, 0, NULL) : hlo_tensor(&t->x, dtype, rank, dims);
    if (!*ret) return sz_no_memory(t->ctx);
    sz_status status = sz_type_elements(t->ctx, *ret, &elements);
    return status == SZ_OK || other ? SZ_OK : hlo_scan_place(&t->s, status);
}

// Close the innermost tuple: its items become one.
static sz_status close_tuple(hlo_text *t, size_t start) {
    const sz_type *tuple = hlo_tuple(&t->x, t->items.n - start, t->items.items + start);
    if (!tuple) return sz_no_memory(t->ctx);
    t->items.n = start;
    return sz_vec_push(t->ctx, &t->items, tuple) ? SZ_OK : sz_no_memory(t->ctx);
}

static sz_status plain_type(hlo_text *t) {
    const sz_type *one;
    sz_str word;
    SZ_TRY(hlo_scan_word(&t->s, &word));
    SZ_TRY(tensor_type(t, word, &one));
    return sz_vec_push(t->ctx, &t->items, one) ? SZ_OK : sz_no_memory(t->ctx);
}

sz_status hlo_text_type(hlo_text *t, const sz_type **ret) {
    size_t starts[SZ_HLO_MAX_TUPLES];
    int depth = 0;
    t->items.n = 0;
    do {
        if (depth > 0 && t->items.n > starts[depth - 1] && hlo_peek(&t->s) != ')')
            SZ_TRY(hlo_expect(&t->s, ',', "a member of a tuple"));
        if (hlo_take(&t->s, '(')) {
            if (depth == SZ_HLO_MAX_TUPLES)
                return hlo_scan_fail(&t->s, "tuples nest more than %d levels deep",
                                     SZ_HLO_MAX_TUPLES);
            starts[depth++] = t->items.n;
        } else if (depth > 0 && hlo_take(&t->s, ')')) {
            SZ_TRY(close_tuple(t, starts[--depth]));
        } else {
            SZ_TRY(plain_type(t));
        }
    } while (depth > 0);
    *ret = t->items.items[0];
    return SZ_OK;
}

// ---- operands ----------------------------------------------------------------------------------

sz_status hlo_text_operand(hlo_text *t, sz_value_id *ret_id) {
    const sz_type *ignored;
    sz_str word;
    if (hlo_peek(&t->s) == '(') SZ_TRY(hlo_text_type(t, &ignored));
    const bool named = hlo_peek(&t->s) == '%';
    SZ_TRY(hlo_scan_word(&t->s, &word));
    if (!named && hlo_peek_raw(&t->s) == '[') { // a type before the name
        SZ_TRY(tensor_type(t, word, &ignored));
        hlo_peek(&t->s);
        SZ_TRY(hlo_scan_word(&t->s, &word));
    }
    if (word.len == 0) return hlo_scan_fail(&t->s, "an operand is expected");
    *ret_id = sz_graph_find(t->x.open.graph, word);
    if (*ret_id == SZ_NONE)
        return hlo_scan_fail(&t->s, "operand '%s' is not defined above in this computation",
                             sz_show(t->ctx, word));
    return SZ_OK;
}

// ---- literals ----------------------------------------------------------------------------------

// The word as a number: 1, -0.5, inf, nan, true; false when it is none (or one of a pair).
static bool number_of(sz_str word, double *ret_f, int64_t *ret_i) {
    char text[64], *end;
    if (word.len == 0 || word.len >= sizeof text) return false;
    memcpy(text, word.p, word.len);
    text[word.len] = '\0';
    *ret_i = strcmp(text, "true") == 0;
    *ret_f = (double)*ret_i;
    if (*ret_i || strcmp(text, "false") == 0) return true;
    *ret_f = strtod(text, &end);
    if (*end) return false;
    *ret_i = isfinite(*ret_f) && fabs(*ret_f) < 9e15 ? (int64_t)*ret_f : strtoll(text, NULL, 10);
    return true;
}

// What stands where a number of a plain format should: "..." stands for numbers that are left out.
static sz_status check_number(hlo_text *t, sz_dtype dtype, sz_str word, bool is_number, double f) {
    const sz_dtype_info *d = sz_dtype_get(dtype);
    if (sz_str_is(word, "...")) return SZ_OK;
    if (!is_number)
        return hlo_scan_fail(&t->s, "'%s' is no number of a constant", sz_show(t->ctx, word));
    const bool is_signed = d->cls == SZ_CLASS_INT;
    if ((!is_signed && d->cls != SZ_CLASS_UINT) || !isfinite(f)) return SZ_OK;
    const double most = ldexp(1, d->bits - is_signed);
    if (f < most && f >= (is_signed ? -most : 0)) return SZ_OK;
    // 2^63 - 1 and its like become the next power of 2 as floats
    if (d->bits == 64 && f == most) return SZ_OK;
    return hlo_scan_fail(&t->s, "a constant is %s, which is no %s", sz_show(t->ctx, word), d->name);
}

// A word of a constant; "1e+09" is one, though '+' is no letter of words. In `text`, where it fits.
static sz_status literal_word(hlo_text *t, char *text, size_t size, sz_str *ret) {
    sz_str word;
    SZ_TRY(hlo_scan_word(&t->s, ret));
    if (ret->len == 0 || ret->len + 1 >= size || (ret->p[ret->len - 1] | 32) != 'e' ||
        hlo_peek_raw(&t->s) != '+')
        return SZ_OK;
    const uint32_t len = ret->len;
    memcpy(text, ret->p, len);
    hlo_next_raw(&t->s);
    SZ_TRY(hlo_scan_word(&t->s, &word));
    const uint32_t more = word.len < size - len ? word.len : (uint32_t)(size - len);
    memcpy(text + len, word.p, more);
    *ret = (sz_str){text, len + more};
    return SZ_OK;
}

// Numbers in braces, in order. Anything else among them ends the keeping, not the reading; where
// `type` is a tensor of a plain format it is an error.
static sz_status numbers(hlo_text *t, const sz_type *type, int64_t count, bool *ret_good) {
    int64_t depth = 1, found = 0; // of "constant("
    bool elided = false;
    char text[128];
    t->floats.n = t->x.ints.n = 0;
    *ret_good = true;
    while (depth > 0) {
        const int c = hlo_peek(&t->s);
        sz_str word;
        double f;
        int64_t i;
        if (c < 0) return hlo_scan_fail(&t->s, "the file ends inside of a constant");
        if (c == '(' || c == '{') depth++;
        if (c == ')' || c == '}') depth--;
        if (type && depth > type->rank + 1)
            return hlo_scan_fail(&t->s, "the braces of a constant are deeper than its %d axes",
                                 type->rank);
        if (c == '"') {
            SZ_TRY(hlo_scan_string(&t->s, &word));
            *ret_good = false;
            continue;
        }
        SZ_TRY(literal_word(t, text, sizeof text, &word));
        if (word.len == 0) {
            if (c != '/') hlo_next_raw(&t->s); // a slash has been passed already
            *ret_good = *ret_good && strchr("(){},", c) && (c != '(');
            continue;
        }
        const bool is_number = number_of(word, &f, &i);
        if (type) SZ_TRY(check_number(t, type->dtype, word, is_number, is_number ? f : 0));
        elided = elided || !is_number;
        found++;
        if (!is_number || (int64_t)t->floats.n >= count) *ret_good = false;
        if (!*ret_good) continue;
        if (!sz_vec_push(t->ctx, &t->floats, f) || !sz_vec_push(t->ctx, &t->x.ints, i))
            return sz_no_memory(t->ctx);
    }
    *ret_good = *ret_good && (int64_t)t->floats.n == count;
    if (type && !elided && count >= 0 && found != count)
        return hlo_scan_fail(&t->s, "a constant has %" PRId64 " numbers, its type %" PRId64, found,
                             count);
    return SZ_OK;
}

sz_status hlo_text_literal(hlo_text *t, const sz_type *type, const sz_tensor **ret) {
    int64_t count = -1;
    bool good;
    *ret = NULL;
    if (type->kind == SZ_TYPE_TENSOR) SZ_TRY(sz_type_elements(t->ctx, type, &count));
    const sz_dtype_class cls = sz_dtype_get(type->dtype)->cls;
    const bool plain = cls == SZ_CLASS_FLOAT || cls == SZ_CLASS_INT || cls == SZ_CLASS_UINT ||
                       cls == SZ_CLASS_BOOL;
    SZ_TRY(numbers(t, plain && type->kind == SZ_TYPE_TENSOR ? type : NULL, count, &good));
    if (!good || !plain || count > SZ_HLO_MAX_NUMBERS) return SZ_OK;
    sz_tensor *v = sz_tensor_new(t->x.root, type->dtype, type->rank, type->dims, count);
    if (!v) return sz_no_memory(t->ctx);
    for (int64_t k = 0; k < count; k++) {
        if (v->f)
            v->f[k] = t->floats.items[k];
        else
            v->i[k] = t->x.ints.items[k];
    }
    *ret = v;
    return SZ_OK;
}
