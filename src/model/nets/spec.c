// SPDX-License-Identifier: Apache-2.0
// "resnet:depth=50,batch=8": find the family, read its parameters, build.
#include "model/nets/families.h"

#include <inttypes.h>
#include <stdio.h>

// ---- the tables --------------------------------------------------------------------------------

static const sz_net_family families[] = {
#define NET(name, is_net, what) {#name, what, is_net, sz_family_##name##_params, sz_family_##name},
#include "model/nets/nets.def"
#undef NET
};
enum { FAMILIES = sizeof families / sizeof *families };

const char sz_net_numbers[] = "";

static const sz_net_param common[] = {
    {"batch", 1, 1, 1 << 24, NULL, "samples"},
    {"dtype", 0, 0, 5, "f32|f64|f16|bf16|i8|u8", "numeric format"}};
enum { COMMON = sizeof common / sizeof *common };

const sz_net_family *sz_net_family_get(size_t i) { return i < FAMILIES ? &families[i] : NULL; }

static bool has_own(const sz_net_family *family, const char *name) {
    for (const sz_net_param *p = family->params; p->name; p++)
        if (strcmp(p->name, name) == 0) return true;
    return false;
}

// A family's own parameter goes before a common one of the same name.
const sz_net_param *sz_net_param_get(const sz_net_family *family, size_t i) {
    size_t own = 0;
    while (own < i && family->params[own].name) own++;
    if (family->params[own].name) return &family->params[i];
    i -= own;
    for (size_t k = 0; k < COMMON; k++)
        if (!has_own(family, common[k].name) && i-- == 0) return &common[k];
    return NULL;
}

// Word `index` of "a|b|c" in buf.
static const char *word_at(const char *words, int64_t index, char *buf, size_t cap) {
    for (; index > 0 && words; index--) {
        words = strchr(words, '|');
        words += words != NULL;
    }
    snprintf(buf, cap, "%.*s", words ? (int)strcspn(words, "|") : 0, words ? words : "");
    return buf;
}

const char *sz_net_param_default(const sz_net_param *param, char *buf, size_t cap) {
    if (param->words && param->words != sz_net_numbers)
        return word_at(param->words, param->def, buf, cap);
    snprintf(buf, cap, "%" PRId64, param->def);
    return buf;
}

static const sz_net_family *find_family(sz_str name) {
    for (size_t i = 0; i < FAMILIES; i++)
        if (sz_str_is(name, families[i].name)) return &families[i];
    return NULL;
}

static sz_str family_name(const char *spec) { return (sz_str){spec, (uint32_t)strcspn(spec, ":")}; }

bool sz_net_is_spec(const char *spec) { return find_family(family_name(spec)) != NULL; }

// ---- what families ask -------------------------------------------------------------------------

static int find_param(const sz_net_family *family, sz_str name) {
    const sz_net_param *p;
    for (size_t i = 0; (p = sz_net_param_get(family, i)); i++)
        if (sz_str_is(name, p->name)) return (int)i;
    return -1;
}

// A name that is not there is a slip of the family, and the tests build every family.
int64_t sz_net_get(sz_net *n, const char *name) {
    const int i = find_param(n->family, sz_str_c(name));
    if (i >= 0) return n->values[i];
    if (n->status == SZ_OK)
        n->status = sz_fail(n->ctx, SZ_ERR_INTERNAL, "family '%s' has no parameter '%s'",
                            n->family->name, name);
    return 1;
}

bool sz_net_is(sz_net *n, const char *name, const char *word) {
    char buf[32];
    const int i = find_param(n->family, sz_str_c(name));
    const int64_t value = sz_net_get(n, name);
    if (i < 0) return false;
    return strcmp(word_at(sz_net_param_get(n->family, (size_t)i)->words, value, buf, sizeof buf),
                  word) == 0;
}

int32_t sz_net_list_of(sz_net *n, const char *name, int64_t ret[SZ_NET_NUMBERS]) {
    const int i = find_param(n->family, sz_str_c(name));
    int32_t count = 0;
    ret[0] = sz_net_get(n, name);
    if (i < 0 || n->given[i].len == 0) return 1;
    for (uint32_t k = 0; k < n->given[i].len; k++) { // its form was seen to when it was read
        const char c = n->given[i].p[k];
        if (k == 0 || c == 'x') ret[count++] = 0;
        if (c != 'x') ret[count - 1] = 10 * ret[count - 1] + (c - '0');
    }
    return count;
}

void sz_net_axes(sz_net *n, const char *name, int32_t count, int64_t *ret) {
    int64_t all[SZ_NET_NUMBERS];
    const int32_t given = sz_net_list_of(n, name, all);
    for (int32_t k = 0; k < count; k++) ret[k] = all[given == count ? k : 0];
    if (given != 1 && given != count)
        sz_net_fail(n, "%s has %d numbers, but there are %d axes: give one for all, or %d", name,
                    given, count, count);
}

// ---- reading -----------------------------------------------------------------------------------

static sz_status unknown_param(sz_net *n, sz_str name) {
    char known[512];
    size_t at = 0;
    const sz_net_param *p;
    known[0] = '\0';
    for (size_t i = 0; (p = sz_net_param_get(n->family, i)) && at < sizeof known; i++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "", p->name);
    return sz_fail(n->ctx, SZ_ERR_USAGE, "net '%s' has no parameter '%s' (it has: %s)",
                   n->family->name, sz_show(n->ctx, name), known);
}

static sz_status read_word(sz_net *n, const sz_net_param *p, sz_str text, int64_t *ret_value) {
    char word[32];
    for (int64_t i = 0; *word_at(p->words, i, word, sizeof word); i++)
        if (sz_str_is(text, word)) {
            *ret_value = i;
            return SZ_OK;
        }
    return sz_fail(n->ctx, SZ_ERR_USAGE, "net '%s': %s is one of %s, not '%s'", n->family->name,
                   p->name, p->words, sz_show(n->ctx, text));
}

static sz_status read_number(sz_net *n, const sz_net_param *p, sz_str text, int64_t *ret_value) {
    int64_t value = 0;
    bool good = text.len > 0 && text.len < 19 && (text.len == 1 || text.p[0] != '0');
    for (uint32_t i = 0; i < text.len && good; i++) {
        good = text.p[i] >= '0' && text.p[i] <= '9';
        value = 10 * value + (text.p[i] - '0');
    }
    if (!good || value < p->min || value > p->max)
        return sz_fail(n->ctx, SZ_ERR_USAGE,
                       "net '%s': %s is a whole number from %" PRId64 " to %" PRId64 ", not '%s'",
                       n->family->name, p->name, p->min, p->max, sz_show(n->ctx, text));
    *ret_value = value;
    return SZ_OK;
}

// "5x20": each is held to the limits of the parameter.
static sz_status read_numbers(sz_net *n, const sz_net_param *p, sz_str text, int64_t *ret_value) {
    int count = 0;
    for (sz_str rest = text;; count++) {
        const char *x = rest.len ? memchr(rest.p, 'x', rest.len) : NULL;
        const sz_str one = {rest.p, x ? (uint32_t)(x - rest.p) : rest.len};
        int64_t value;
        SZ_TRY(read_number(n, p, one, &value));
        if (count == 0) *ret_value = value;
        if (!x) break;
        rest = (sz_str){x + 1, rest.len - one.len - 1};
    }
    if (count < SZ_NET_NUMBERS) return SZ_OK;
    return sz_fail(n->ctx, SZ_ERR_USAGE, "net '%s': %s has more than %d numbers", n->family->name,
                   p->name, SZ_NET_NUMBERS);
}

// "name=value" of length `len`; `seen` has a bit for each parameter that was given.
static sz_status read_param(sz_net *n, const char *text, uint32_t len, uint64_t *seen) {
    const char *eq = memchr(text, '=', len);
    if (!eq)
        return sz_fail(n->ctx, SZ_ERR_USAGE, "net '%s': '%s' is not NAME=VALUE", n->family->name,
                       sz_show(n->ctx, (sz_str){text, len}));
    const sz_str name = {text, (uint32_t)(eq - text)}, value = {eq + 1, len - name.len - 1};
    const int i = find_param(n->family, name);
    if (i < 0) return unknown_param(n, name);
    if (*seen >> i & 1)
        return sz_fail(n->ctx, SZ_ERR_USAGE, "net '%s': %s is given twice", n->family->name,
                       sz_net_param_get(n->family, (size_t)i)->name);
    *seen |= (uint64_t)1 << i;
    const sz_net_param *p = sz_net_param_get(n->family, (size_t)i);
    n->given[i] = value;
    if (p->words == sz_net_numbers) return read_numbers(n, p, value, &n->values[i]);
    return p->words ? read_word(n, p, value, &n->values[i])
                    : read_number(n, p, value, &n->values[i]);
}

static sz_status read_params(sz_net *n, const char *text) {
    uint64_t seen = 0;
    while (*text) {
        const uint32_t len = (uint32_t)strcspn(text, ",");
        SZ_TRY(read_param(n, text, len, &seen));
        text += len;
        if (*text == ',' && !*++text)
            return sz_fail(n->ctx, SZ_ERR_USAGE, "net '%s': a comma with nothing behind it",
                           n->family->name);
    }
    return SZ_OK;
}

// Integer formats only where there is an operator for them.
static sz_status set_common(sz_net *n) {
    char word[32];
    const int64_t dtype = sz_net_get(n, "dtype");
    const int own = find_param(n->family, sz_str_c("dtype"));
    const char *words = sz_net_param_get(n->family, (size_t)own)->words;
    n->batch = sz_net_get(n, "batch");
    n->dtype = sz_dtype_by_name(word_at(words, dtype, word, sizeof word));
    const bool is_product = strcmp(n->family->name, "gemm") == 0 ||
                            strcmp(n->family->name, "batchmatmul") == 0;
    if (sz_dtype_get(n->dtype)->cls != SZ_CLASS_FLOAT && !is_product)
        return sz_fail(n->ctx, SZ_ERR_USAGE,
                       "net '%s' cannot be built in %s: only gemm and batchmatmul can",
                       n->family->name, word);
    return n->status;
}

// ---- building ----------------------------------------------------------------------------------

static sz_status build(sz_net *n, const char *spec) {
    const char *params = strchr(spec, ':');
    const sz_net_param *p;
    for (size_t i = 0; (p = sz_net_param_get(n->family, i)); i++) n->values[i] = p->def;
    SZ_TRY(read_params(n, params ? params + 1 : ""));
    SZ_TRY(set_common(n));
    char *name = sz_arena_strdup(n->graph->arena, spec, strlen(spec));
    if (!name) return sz_no_memory(n->ctx);
    n->graph->name = sz_str_c(name);
    n->graph->format = sz_str_c("net");
    n->graph->producer = sz_str_c("sizeup");
    n->family->build(n);
    return n->status == SZ_OK ? SZ_OK : sz_place(n->ctx, n->status, "net '%s'", spec);
}

sz_status sz_net_build(sz_ctx *ctx, const char *spec, sz_graph **ret_graph) {
    sz_net n = {
        .ctx = ctx, .family = find_family(family_name(spec)), .mask = SZ_NONE, .below = SZ_NONE};
    if (!n.family)
        return sz_fail(ctx, SZ_ERR_USAGE, "no family of nets is called '%s'",
                       sz_show(ctx, family_name(spec)));
    SZ_TRY(sz_graph_create(ctx, &n.graph));
    const sz_status status = build(&n, spec);
    if (status != SZ_OK) {
        sz_graph_destroy(n.graph);
        return status;
    }
    *ret_graph = n.graph;
    return SZ_OK;
}
