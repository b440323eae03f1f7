// SPDX-License-Identifier: Apache-2.0
// Strings. Lengths of strings are not known before a run, so they count no bytes.
#include <inttypes.h>

#include "model/ops/rules.h"

static sz_status expect_strings(const sz_infer *n, int i) {
    const sz_dtype t = sz_in_dtype(n, i);
    if (t == 0 || t == sz_dtype_by_name("string")) return SZ_OK;
    return sz_op_fail(n, "input %d is not of strings", i);
}

static const sz_tensor *strings_of(const sz_infer *n, int i) {
    const sz_tensor *t = sz_in_value(n, i);
    return t && t->s ? t : NULL;
}

// ---- RegexFullMatch, StringConcat --------------------------------------------------------------

sz_status sz_shape_regex_full_match(sz_infer *n) {
    const sz_type *t = sz_in(n, 0);
    SZ_TRY(expect_strings(n, 0));
    if (t->rank < 0) return sz_out_rank(n, 0, sz_dtype_by_name("bool"), -1);
    return sz_out(n, 0, sz_dtype_by_name("bool"), t->rank, t->dims);
}

// Index of operand `t` for element `k` of a result with these dims (numpy broadcasting).
static int64_t broadcast_index(const sz_tensor *t, int32_t rank, const int64_t *dims, int64_t k) {
    int64_t index = 0, stride = 1;
    for (int32_t a = rank - 1, b = t->rank - 1; b >= 0; a--, b--) {
        int64_t at = k % dims[a];
        k /= dims[a];
        if (t->dims[b] != 1) index += at * stride;
        stride *= t->dims[b];
    }
    return index;
}

sz_status sz_value_string_concat(sz_infer *n) {
    const sz_tensor *a = strings_of(n, 0), *b = strings_of(n, 1);
    sz_tensor *y = NULL;
    if (!a || !b) return SZ_OK;
    SZ_TRY(sz_out_value(n, 0, &y));
    for (int64_t k = 0; y && k < y->count; k++) {
        const sz_str x = a->s[broadcast_index(a, y->rank, y->dims, k)];
        const sz_str z = b->s[broadcast_index(b, y->rank, y->dims, k)];
        char *joined = sz_op_alloc(n, (size_t)x.len + z.len + 1, 1);
        if (!joined) return sz_no_memory(n->ctx);
        if (x.len > 0) memcpy(joined, x.p, x.len);
        if (z.len > 0) memcpy(joined + x.len, z.p, z.len);
        y->s[k] = (sz_str){joined, x.len + z.len};
    }
    return SZ_OK;
}

// ---- StringSplit -------------------------------------------------------------------------------

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static sz_str slice(sz_str s, uint32_t from, uint32_t to) {
    return (sz_str){s.p + from, to - from};
}

// Without a delimiter: runs of white space separate, and none is left at either end.
static bool next_by_space(sz_str *rest, bool last, sz_str *ret) {
    uint32_t from = 0, to;
    while (from < rest->len && is_space(rest->p[from])) from++;
    if (from == rest->len) return false;
    for (to = from; to < rest->len && (last || !is_space(rest->p[to]));) to++;
    if (last)
        while (is_space(rest->p[to - 1])) to--;
    *ret = slice(*rest, from, to);
    *rest = slice(*rest, last ? rest->len : to, rest->len);
    return true;
}

// With one: every occurrence separates. `rest` without pointer = all taken.
static bool next_by_text(sz_str *rest, sz_str delimiter, bool last, sz_str *ret) {
    if (!rest->p) return false;
    for (uint32_t at = 0; !last && at + delimiter.len <= rest->len; at++) {
        if (memcmp(rest->p + at, delimiter.p, delimiter.len) != 0) continue;
        *ret = slice(*rest, 0, at);
        *rest = slice(*rest, at + delimiter.len, rest->len);
        return true;
    }
    *ret = *rest;
    rest->p = NULL;
    return true;
}

// Number of parts; they go to `parts` when it is not NULL.
static int64_t split(const sz_infer *n, sz_str s, sz_str *parts) {
    const sz_str delimiter = sz_attr_s(n->node, "delimiter", "");
    const sz_attr *max = sz_attr_find(n->node, "maxsplit");
    const int64_t most = max && max->kind == SZ_ATTR_INT && max->i >= 0 ? max->i : INT64_MAX - 1;
    int64_t count = 0;
    sz_str part, rest = s.p ? s : (sz_str){"", 0};
    for (;; count++) {
        const bool last = count >= most;
        if (delimiter.len > 0 ? !next_by_text(&rest, delimiter, last, &part)
                              : !next_by_space(&rest, last, &part))
            return count;
        if (parts) parts[count] = part;
    }
}

static sz_status fill_split(sz_infer *n, const sz_tensor *x, int64_t width) {
    sz_tensor *y = NULL, *z = NULL;
    SZ_TRY(sz_out_value(n, 0, &y));
    SZ_TRY(sz_out_value(n, 1, &z));
    for (int64_t k = 0; k < x->count; k++) {
        for (int64_t j = 0; y && j < width; j++) y->s[k * width + j] = (sz_str){"", 0};
        int64_t count = split(n, x->s[k], y ? &y->s[k * width] : NULL);
        if (z) z->i[k] = count;
    }
    return SZ_OK;
}

sz_status sz_shape_string_split(sz_infer *n) {
    const sz_type *t = sz_in(n, 0);
    const sz_tensor *x = strings_of(n, 0);
    const sz_dtype string = sz_dtype_by_name("string"), i64 = sz_dtype_by_name("i64");
    int64_t dims[SZ_MAX_RANK], width = 0;
    SZ_TRY(expect_strings(n, 0));
    if (t->rank < 0) {
        SZ_TRY(sz_out_rank(n, 0, string, -1));
        return sz_out_rank(n, 1, i64, -1);
    }
    if (t->rank >= SZ_MAX_RANK) return sz_op_fail(n, "output of rank %d", t->rank + 1);
    if (t->rank > 0) memcpy(dims, t->dims, (size_t)t->rank * sizeof *dims);
    for (int64_t k = 0; x && k < x->count; k++) {
        int64_t count = split(n, x->s[k], NULL);
        if (count > width) width = count;
    }
    dims[t->rank] = x ? width : SZ_DIM_UNKNOWN;
    SZ_TRY(sz_out(n, 0, string, t->rank + 1, dims));
    SZ_TRY(sz_out(n, 1, i64, t->rank, t->dims));
    return x ? fill_split(n, x, width) : SZ_OK;
}

// ---- StringNormalizer --------------------------------------------------------------------------

static bool is_ascii(sz_str s) {
    for (uint32_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] >= 0x80) return false;
    return true;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }
static char upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c; }

static bool same_word(sz_str a, sz_str b, bool by_case) {
    if (a.len != b.len || by_case) return sz_str_eq(a, b);
    for (uint32_t i = 0; i < a.len; i++)
        if (lower(a.p[i]) != lower(b.p[i])) return false;
    return true;
}

// Whether words beyond ASCII are equal but for their case is for the locale to say.
static bool can_compare(const sz_tensor *x, const sz_attr *stop, bool by_case) {
    for (int64_t k = 0; k < x->count && !by_case; k++)
        if (!is_ascii(x->s[k])) return false;
    for (int32_t k = 0; stop && k < stop->n && !by_case; k++)
        if (!is_ascii(stop->strings[k])) return false;
    return true;
}

static bool is_stopword(const sz_attr *stop, sz_str word, bool by_case) {
    for (int32_t k = 0; stop && k < stop->n; k++)
        if (same_word(word, stop->strings[k], by_case)) return true;
    return false;
}

// The word in the case that the node asks for; false when that takes a locale.
static bool change_case(const sz_infer *n, sz_str word, sz_str *ret) {
    const sz_str action = sz_attr_s(n->node, "case_change_action", "NONE");
    const bool up = sz_str_is(action, "UPPER");
    *ret = word;
    if (!up && !sz_str_is(action, "LOWER")) return true;
    char *copy = is_ascii(word) ? sz_op_alloc(n, (size_t)word.len + 1, 1) : NULL;
    if (!copy) return false;
    for (uint32_t i = 0; i < word.len; i++) copy[i] = up ? upper(word.p[i]) : lower(word.p[i]);
    *ret = (sz_str){copy, word.len};
    return true;
}

static sz_status out_words(sz_infer *n, int32_t rank, int64_t count) {
    const int64_t dims[2] = {rank == 2 ? 1 : count, count};
    return sz_out(n, 0, sz_dtype_by_name("string"), rank, dims);
}

static sz_status normalize(sz_infer *n, const sz_tensor *x, const sz_attr *stop, bool by_case) {
    sz_tensor *y = NULL;
    int64_t kept = 0;
    for (int64_t k = 0; k < x->count; k++) kept += !is_stopword(stop, x->s[k], by_case);
    SZ_TRY(out_words(n, x->rank, kept > 0 ? kept : 1)); // nothing left: one empty string
    SZ_TRY(sz_out_value(n, 0, &y));
    if (!y) return SZ_OK;
    y->s[0] = (sz_str){"", 0};
    for (int64_t k = 0, to = 0; k < x->count; k++) {
        if (is_stopword(stop, x->s[k], by_case)) continue;
        if (change_case(n, x->s[k], &y->s[to++])) continue;
        sz_graph_value(n->graph, n->node->outputs[0])->known = NULL; // the shape still holds
        break;
    }
    return SZ_OK;
}

sz_status sz_shape_string_normalizer(sz_infer *n) {
    const sz_type *t = sz_in(n, 0);
    const sz_attr *stop = sz_attr_find(n->node, "stopwords");
    const bool by_case = sz_attr_i(n->node, "is_case_sensitive", 0) != 0;
    const sz_tensor *x = strings_of(n, 0);
    if (stop && (stop->kind != SZ_ATTR_STRINGS || stop->n == 0)) stop = NULL;
    SZ_TRY(expect_strings(n, 0));
    if (t->rank < 0) return sz_out_rank(n, 0, sz_dtype_by_name("string"), -1);
    if (t->rank < 1 || t->rank > 2 || (t->rank == 2 && t->dims[0] >= 0 && t->dims[0] != 1))
        return sz_op_fail(n, "takes strings of shape [C] or [1,C]");
    // each word is compared with each
    if (x && stop && !sz_op_afford(n, x->count * stop->n)) x = NULL;
    if (x && (!stop || can_compare(x, stop, by_case))) return normalize(n, x, stop, by_case);
    int64_t count = stop ? SZ_DIM_UNKNOWN : t->dims[t->rank - 1];
    return out_words(n, t->rank, count == 0 ? 1 : count);
}

// ---- TfIdfVectorizer ---------------------------------------------------------------------------

sz_status sz_shape_tfidf(sz_infer *n) {
    const sz_type *t = sz_in(n, 0);
    const sz_dtype f32 = sz_dtype_by_name("f32");
    const int64_t *indexes;
    int32_t count = sz_attr_ints(n->node, "ngram_indexes", &indexes);
    int64_t width = 0;
    if (count == 0) return sz_op_missing_attr(n, "ngram_indexes");
    for (int32_t i = 0; i < count; i++) {
        if (indexes[i] < 0 || indexes[i] >= INT32_MAX)
            return sz_op_fail(n, "ngram index %" PRId64 " is out of range", indexes[i]);
        if (indexes[i] >= width) width = indexes[i] + 1;
    }
    if (t->rank < 0) return sz_out_rank(n, 0, f32, -1);
    if (t->rank == 0 || t->rank > 2) return sz_op_fail(n, "input of rank %d", t->rank);
    const int64_t dims[2] = {t->rank == 2 ? t->dims[0] : width, width};
    return sz_out(n, 0, f32, t->rank, dims);
}

enum { MAX_WORDS = 1 << 16 }; // beyond, counting the grams takes longer than is worth it

// Every n-gram that the input holds is looked up and adds to one count: a gram of g words with s
// skipped between them fits C - (g - 1)(s + 1) times. Single words have nothing between them.
static int64_t grams(const sz_node *node, int64_t words, int64_t low, int64_t high) {
    const int64_t skips = sz_attr_i(node, "max_skip_count", 0);
    int64_t sum = 0;
    for (int64_t g = low; g <= high; g++) {
        // s + 1 = 1 ... k, as long as there is room: an arithmetic series
        const int64_t room = g > 1 ? (words - 1) / (g - 1) : 1;
        const int64_t most = g == 1 ? 1 : skips < 0 ? 0 : skips < room ? skips + 1 : room;
        const int64_t k = most < room ? most : room;
        sum += k * words - (g - 1) * (k * (k + 1) / 2); // (g - 1) k < words <= MAX_WORDS
    }
    return sum;
}

sz_status sz_cost_tfidf(sz_costing *c) {
    const sz_type *t = sz_in(&c->in, 0);
    const int64_t rows = t->rank == 2 ? t->dims[0] : 1, words = t->dims[t->rank - 1];
    int64_t low = sz_attr_i(c->in.node, "min_gram_length", 1);
    int64_t high = sz_attr_i(c->in.node, "max_gram_length", 1);
    if (low < 1) low = 1;
    if (high > words) high = words;
    if (words > MAX_WORDS || (high > low && !sz_op_afford(&c->in, high - low)))
        return sz_cost_unknown(c, "input too long to count its n-grams");
    const int64_t per_row = grams(c->in.node, words, low, high);
    SZ_TRY(sz_cost_add_flops(c, 2, (const int64_t[]){rows, per_row}));
    if (sz_str_is(sz_attr_s(c->in.node, "mode", "TF"), "TF")) return SZ_OK;
    return sz_cost_add_flops(c, 1, &c->work->out_elements); // times the weights
}
