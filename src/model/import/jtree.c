// SPDX-License-Identifier: Apache-2.0
#include "model/import/jtree.h"

#include "model/import/limits.h"

#include <inttypes.h>

static sz_status fail(sz_jtree *j, const char *what) {
    return sz_fail(j->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": %s", j->base + j->i, what);
}

static void skip_blanks(sz_jtree *j) {
    while (j->i < j->len && (j->text[j->i] == ' ' || j->text[j->i] == '\t' ||
                             j->text[j->i] == '\n' || j->text[j->i] == '\r'))
        j->i++;
}

static bool is_digit(const sz_jtree *j) {
    return j->i < j->len && j->text[j->i] >= '0' && j->text[j->i] <= '9';
}

static bool take(sz_jtree *j, char c) {
    if (j->i >= j->len || j->text[j->i] != c) return false;
    j->i++;
    return true;
}

// ---- texts -------------------------------------------------------------------------------------

// Length of the character at text[i] by RFC 3629; 0 = none.
static size_t utf8(const sz_jtree *j) {
    const unsigned char *p = (const unsigned char *)j->text + j->i;
    const size_t left = j->len - j->i;
    if (p[0] < 0x80) return 1;
    const size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n > left) return 0;
    for (size_t k = 1; k < n; k++)
        if ((p[k] & 0xc0) != 0x80) return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) return 0;
    if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
    return n;
}

static bool hex4(sz_jtree *j, uint32_t *ret) {
    *ret = 0;
    if (j->len - j->i < 4) return false;
    for (int k = 0; k < 4; k++) {
        const char c = j->text[j->i++];
        const int d = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
        if (d < 0) return false;
        *ret = *ret << 4 | (uint32_t)d;
    }
    return true;
}

static size_t put_utf8(char *to, uint32_t c) {
    if (c < 0x80) return to[0] = (char)c, 1;
    if (c < 0x800) return to[0] = (char)(0xc0 | c >> 6), to[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12), to[1] = (char)(0x80 | (c >> 6 & 63));
        to[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18), to[1] = (char)(0x80 | (c >> 12 & 63));
    to[2] = (char)(0x80 | (c >> 6 & 63)), to[3] = (char)(0x80 | (c & 63));
    return 4;
}

// Behind a backslash: at most 4 bytes into `to`.
static sz_status escape(sz_jtree *j, char *to, size_t *ret_n) {
    static const char from[] = "\"\\/bfnrt", as[] = "\"\\/\b\f\n\r\t";
    uint32_t c, low;
    const char kind = j->i < j->len ? j->text[j->i++] : '\0';
    const char *known = kind ? strchr(from, kind) : NULL;
    if (known) return to[0] = as[known - from], *ret_n = 1, SZ_OK;
    if (kind != 'u' || !hex4(j, &c)) return fail(j, "an unknown escape in a string");
    if (c >= 0xd800 && c < 0xdc00) {
        if (!take(j, '\\') || !take(j, 'u') || !hex4(j, &low) || low < 0xdc00 || low > 0xdfff)
            return fail(j, "half of a surrogate pair in a string");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xdc00 && c < 0xe000)
        return fail(j, "half of a surrogate pair in a string");
    *ret_n = put_utf8(to, c);
    return SZ_OK;
}

// To the closing quote; *ret_escapes: how many bytes it is at most without them.
static sz_status scan(sz_jtree *j, size_t *ret_end, bool *ret_escapes) {
    *ret_escapes = false;
    for (;;) {
        if (j->i >= j->len) return fail(j, "a string without end");
        const unsigned char c = (unsigned char)j->text[j->i];
        if (c == '"') break;
        if (c < 0x20) return fail(j, "a control character in a string");
        if (c == '\\') {
            *ret_escapes = true;
            j->i++;
            if (j->i >= j->len) return fail(j, "a string without end");
            j->i++;
            continue;
        }
        const size_t n = utf8(j);
        if (!n) return fail(j, "bytes that are no UTF-8 in a string");
        j->i += n;
    }
    *ret_end = j->i++;
    return SZ_OK;
}

static sz_status string(sz_jtree *j, sz_str *ret) {
    const size_t start = ++j->i;
    size_t end = 0, n = 0;
    bool escapes;
    SZ_TRY(scan(j, &end, &escapes));
    if (end - start > SZ_JTREE_MAX_TEXT) return fail(j, "a string longer than the limit");
    *ret = (sz_str){j->text + start, (uint32_t)(end - start)};
    if (!escapes) return SZ_OK;
    char *copy = sz_arena_alloc(j->arena, end - start + 4);
    if (!copy) return sz_no_memory(j->ctx);
    const size_t after = j->i;
    for (j->i = start; j->i < end;) {
        size_t k = 1;
        if (j->text[j->i] != '\\')
            copy[n] = j->text[j->i++];
        else {
            j->i++;
            SZ_TRY(escape(j, copy + n, &k));
        }
        n += k;
    }
    if (j->i != end) return fail(j, "an unknown escape in a string");
    j->i = after;
    *ret = (sz_str){copy, (uint32_t)n};
    return SZ_OK;
}

// ---- values ------------------------------------------------------------------------------------

static sz_status number(sz_jtree *j, sz_str *ret) {
    const size_t start = j->i;
    take(j, '-');
    if (!is_digit(j)) return fail(j, "a value that is none of JSON's");
    if (!take(j, '0'))
        while (is_digit(j)) j->i++;
    if (take(j, '.')) {
        if (!is_digit(j)) return fail(j, "a number without digits behind its point");
        while (is_digit(j)) j->i++;
    }
    if (take(j, 'e') || take(j, 'E')) {
        if (!take(j, '+')) take(j, '-');
        if (!is_digit(j)) return fail(j, "a number without an exponent behind its e");
        while (is_digit(j)) j->i++;
    }
    if (j->i - start > SZ_JTREE_MAX_DIGITS) return fail(j, "a number of too many digits");
    *ret = (sz_str){j->text + start, (uint32_t)(j->i - start)};
    return SZ_OK;
}

static bool word(sz_jtree *j, const char *w) {
    const size_t n = strlen(w);
    if (j->len - j->i < n || memcmp(j->text + j->i, w, n) != 0) return false;
    j->i += n;
    return true;
}

// A value, of a list or map only its opening bracket.
static sz_status value(sz_jtree *j, sz_jtree_node *n) {
    n->at = j->base + j->i;
    if (j->i >= j->len) return fail(j, "the text ends where a value is due");
    const char c = j->text[j->i];
    if (c == '{' || c == '[') {
        n->kind = c == '{' ? SZ_JTREE_MAP : SZ_JTREE_LIST;
        j->i++;
        return SZ_OK;
    }
    if (c == '"') return n->kind = SZ_JTREE_TEXT, string(j, &n->text);
    if (word(j, "null")) return n->kind = SZ_JTREE_NULL, SZ_OK;
    if (word(j, "true")) return n->kind = SZ_JTREE_TRUE, SZ_OK;
    if (word(j, "false")) return n->kind = SZ_JTREE_FALSE, SZ_OK;
    n->kind = SZ_JTREE_NUMBER;
    return number(j, &n->text);
}

// ---- keys that are there twice -----------------------------------------------------------------

enum { FEW = 12 }; // compared each with each

static sz_status twice(sz_jtree *j, const sz_jtree_node *n) {
    j->i = (size_t)(n->at - j->base);
    return sz_fail(j->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": key '%s' is there twice", n->at,
                   sz_show(j->ctx, n->key));
}

static sz_status check_few(sz_jtree *j, const sz_jtree_node *map) {
    for (const sz_jtree_node *a = sz_jtree_first(j, map); a; a = sz_jtree_next(j, a))
        for (const sz_jtree_node *b = sz_jtree_next(j, a); b; b = sz_jtree_next(j, b))
            if (sz_str_eq(a->key, b->key)) return twice(j, b);
    return SZ_OK;
}

static sz_status check_keys(sz_jtree *j, const sz_jtree_node *map) {
    sz_status status = SZ_OK;
    sz_map seen;
    if (map->n <= FEW) return check_few(j, map);
    sz_map_init(&seen, j->ctx);
    for (const sz_jtree_node *a = sz_jtree_first(j, map); a && status == SZ_OK;
         a = sz_jtree_next(j, a)) {
        status = sz_map_get(&seen, a->key, NULL) ? twice(j, a) : sz_map_put(&seen, a->key, 1);
    }
    sz_map_finish(&seen);
    return status;
}

// ---- the tree ----------------------------------------------------------------------------------

typedef struct level {
    int32_t node, last; // last member so far
} level;

// Reads "KEY :" inside of a map.
static sz_status key(sz_jtree *j, sz_str *ret) {
    if (j->i >= j->len || j->text[j->i] != '"') return fail(j, "a key is due, in quotes");
    SZ_TRY(string(j, ret));
    skip_blanks(j);
    return take(j, ':') ? SZ_OK : fail(j, "':' is due behind a key");
}

static sz_status add(sz_jtree *j, level *top) {
    sz_jtree_node n = {.child = SZ_JTREE_END, .next = SZ_JTREE_END};
    skip_blanks(j);
    if (top && j->nodes.items[top->node].kind == SZ_JTREE_MAP) {
        SZ_TRY(key(j, &n.key));
        skip_blanks(j);
    }
    SZ_TRY(value(j, &n));
    if (j->nodes.n >= INT32_MAX) return fail(j, "more than 2^31 values");
    const int32_t id = (int32_t)j->nodes.n;
    if (!sz_vec_push(j->ctx, &j->nodes, n)) return sz_no_memory(j->ctx);
    if (!top) return SZ_OK;
    if (top->last < 0)
        j->nodes.items[top->node].child = id;
    else
        j->nodes.items[top->last].next = id;
    j->nodes.items[top->node].n++;
    top->last = id;
    return SZ_OK;
}

static bool is_open(const sz_jtree *j, size_t id) {
    return j->nodes.items[id].kind >= SZ_JTREE_LIST;
}

// Behind a value, or behind an opening bracket: a closing bracket, a comma, or the first member.
static sz_status step(sz_jtree *j, level *levels, int *depth) {
    level *top = &levels[*depth - 1];
    const sz_jtree_node *open = &j->nodes.items[top->node];
    skip_blanks(j);
    if (take(j, open->kind == SZ_JTREE_MAP ? '}' : ']')) {
        --*depth;
        return open->kind == SZ_JTREE_MAP ? check_keys(j, open) : SZ_OK;
    }
    if (top->last >= 0 && !take(j, ',')) return fail(j, "a comma or a closing bracket is due");
    SZ_TRY(add(j, top));
    if (!is_open(j, j->nodes.n - 1)) return SZ_OK;
    if (*depth == SZ_JTREE_MAX_DEPTH) return fail(j, "brackets are nested too deeply");
    levels[(*depth)++] = (level){(int32_t)(j->nodes.n - 1), -1};
    return SZ_OK;
}

sz_status sz_jtree_read(sz_jtree *j, sz_ctx *ctx, sz_arena *arena, const char *text, size_t len,
                        uint64_t base) {
    level levels[SZ_JTREE_MAX_DEPTH];
    int depth = 0;
    *j = (sz_jtree){.ctx = ctx, .arena = arena, .text = text, .len = len, .base = base};
    SZ_TRY(add(j, NULL));
    if (is_open(j, 0)) levels[depth++] = (level){0, -1};
    while (depth > 0) SZ_TRY(step(j, levels, &depth));
    skip_blanks(j);
    return j->i == j->len ? SZ_OK : fail(j, "something follows the end of the JSON text");
}

// One member of a map, whole, as the root of the tree.
static sz_status member(sz_jtree *j) {
    level levels[SZ_JTREE_MAX_DEPTH];
    sz_jtree_node n = {.child = SZ_JTREE_END, .next = SZ_JTREE_END};
    int depth = 0;
    j->nodes.n = 0;
    SZ_TRY(key(j, &n.key));
    skip_blanks(j);
    SZ_TRY(value(j, &n));
    if (!sz_vec_push(j->ctx, &j->nodes, n)) return sz_no_memory(j->ctx);
    if (is_open(j, 0)) levels[depth++] = (level){0, -1};
    while (depth > 0) SZ_TRY(step(j, levels, &depth));
    return SZ_OK;
}

sz_status sz_jtree_each(sz_jtree *j, sz_status (*take_member)(void *with, const sz_jtree *j),
                        void *with) {
    skip_blanks(j);
    if (!take(j, '{')) return fail(j, "a map is due, in braces");
    skip_blanks(j);
    for (bool more = !take(j, '}'); more;) {
        SZ_TRY(member(j));
        SZ_TRY(take_member(with, j));
        skip_blanks(j);
        more = !take(j, '}');
        if (more && !take(j, ',')) return fail(j, "a comma or a closing bracket is due");
        skip_blanks(j);
    }
    skip_blanks(j);
    return j->i == j->len ? SZ_OK : fail(j, "something follows the end of the JSON text");
}

void sz_jtree_finish(sz_jtree *j) { sz_vec_finish(j->ctx, &j->nodes); }

const sz_jtree_node *sz_jtree_get(const sz_jtree *j, const sz_jtree_node *map, const char *name) {
    if (!map || map->kind != SZ_JTREE_MAP) return NULL;
    for (const sz_jtree_node *m = sz_jtree_first(j, map); m; m = sz_jtree_next(j, m))
        if (sz_str_is(m->key, name)) return m;
    return NULL;
}

bool sz_jtree_size(const sz_jtree_node *n, int64_t *ret) {
    int64_t v = 0;
    if (!n || n->kind != SZ_JTREE_NUMBER || n->text.len > 19) return false;
    for (uint32_t i = 0; i < n->text.len; i++) {
        const char c = n->text.p[i];
        if (c < '0' || c > '9' || !sz_mul(v, 10, &v) || !sz_add(v, c - '0', &v)) return false;
    }
    *ret = v;
    return true;
}
