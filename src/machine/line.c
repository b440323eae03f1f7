// SPDX-License-Identifier: Apache-2.0
// Reading "KEY=NUMBER,KEY=NUMBER".
#include "machine/line.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <sizeup/text.h>

enum { MAX_KEYS = 32 };

static sz_status unknown_key(sz_ctx *ctx, const sz_line_key *keys, int n_keys, sz_str word) {
    const char *names[MAX_KEYS + 1] = {NULL};
    char known[512] = "", text[64];
    size_t n = 0;
    for (int i = 0; i < n_keys && i < MAX_KEYS; i++) {
        names[i] = keys[i].name;
        n += (size_t)snprintf(known + n, sizeof known - n, " %s", keys[i].name);
    }
    snprintf(text, sizeof text, "%.*s", (int)(word.len < 63 ? word.len : 63), word.p);
    const char *near = sz_text_nearest(text, names);
    if (near)
        return sz_fail(ctx, SZ_ERR_INPUT, "unknown key '%s': did you mean '%s'?",
                       sz_show(ctx, word), near);
    return sz_fail(ctx, SZ_ERR_INPUT, "unknown key '%s'; known are:%s", sz_show(ctx, word), known);
}

static double suffix_factor(char c, sz_line_kind of) {
    static const char letters[] = "KMGT";
    const char *at = c ? strchr(letters, c == 'k' ? 'K' : c) : NULL;
    if (!at) return 0;
    return pow(of == SZ_LINE_BYTES ? 1024 : 1000, (double)(at - letters) + 1);
}

static bool parse_number(const char *text, sz_line_kind of, double *ret) {
    char *end;
    // strtod also takes "nan", "inf" and hexadecimal; none of them is meant here.
    if (text[strspn(text, "0123456789.eE+-KkMGT")] != '\0') return false;
    double v = strtod(text, &end);
    if (end == text) return false;
    if (*end != '\0') {
        if (end[1] != '\0') return false;
        v *= suffix_factor(*end, of);
    }
    if (!isfinite(v) || v <= 0 || (of == SZ_LINE_COUNT && v != floor(v))) return false;
    *ret = v;
    return true;
}

static sz_status read_value(sz_ctx *ctx, const sz_line_key *k, sz_str value, double *ret) {
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)(value.len < 63 ? value.len : 63), value.p);
    if (!parse_number(text, k->kind, ret))
        return sz_fail(ctx, SZ_ERR_INPUT, "'%s' needs a %s above 0, not '%s'", k->name,
                       k->kind == SZ_LINE_COUNT ? "whole number" : "number", sz_show(ctx, value));
    if (*ret >= k->low && *ret <= k->high) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_INPUT, "'%s=%s' is not between %g and %g (%s)", k->name,
                   sz_show(ctx, value), k->low, k->high, k->help);
}

static sz_status read_word(sz_ctx *ctx, const sz_line_key *keys, int n, sz_str word,
                           double *values) {
    const char *equals = memchr(word.p, '=', word.len);
    if (!equals) return sz_fail(ctx, SZ_ERR_INPUT, "'%s' is not KEY=NUMBER", sz_show(ctx, word));
    const sz_str name = {word.p, (uint32_t)(equals - word.p)};
    const sz_str value = {equals + 1, word.len - name.len - 1};
    int k = 0;
    while (k < n && !sz_str_is(name, keys[k].name)) k++;
    if (k == n) return unknown_key(ctx, keys, n, name);
    if (!isnan(values[k])) return sz_fail(ctx, SZ_ERR_INPUT, "'%s' is given twice", keys[k].name);
    return read_value(ctx, &keys[k], value, &values[k]);
}

// "cores, clock, fma and dram"
static void required_keys(const sz_line_key *keys, int n, char *text, size_t cap) {
    size_t used = 0;
    int left = 0, done = 0;
    for (int i = 0; i < n; i++) left += keys[i].required;
    for (int i = 0; i < n && used < cap; i++) {
        if (!keys[i].required) continue;
        const char *before = done == 0 ? "" : done == left - 1 ? " and " : ", ";
        used += (size_t)snprintf(text + used, cap - used, "%s%s", before, keys[i].name);
        done++;
    }
}

sz_status sz_line_read(sz_ctx *ctx, const sz_line_key *keys, int n, const char *line,
                       double *ret_values) {
    char needed[200] = "";
    for (int i = 0; i < n; i++) ret_values[i] = SZ_NAN;
    for (const char *p = line; *p;) {
        const sz_str word = {p, (uint32_t)strcspn(p, ",")};
        SZ_TRY(read_word(ctx, keys, n, word, ret_values));
        p += word.len;
        if (*p == ',' && *++p == '\0')
            return sz_fail(ctx, SZ_ERR_INPUT, "a key is missing after the last comma");
    }
    required_keys(keys, n, needed, sizeof needed);
    for (int i = 0; i < n; i++)
        if (keys[i].required && isnan(ret_values[i]))
            return sz_fail(ctx, SZ_ERR_INPUT, "'%s' is missing (%s); %s must be given",
                           keys[i].name, keys[i].help, needed);
    return SZ_OK;
}

sz_status sz_line_machine(sz_ctx *ctx, const char *text, const sz_line *how, double *values,
                          sz_machine **ret_machine) {
    sz_machine *m = NULL;
    const size_t n = strlen(how->prefix);
    const char *line = strncmp(text, how->prefix, n) == 0 ? text + n : text;
    sz_status status = sz_line_read(ctx, how->keys, how->n, line, values);
    if (status == SZ_OK && how->check) status = how->check(ctx, values);
    if (status == SZ_OK) status = sz_machine_create(ctx, &m);
    if (status == SZ_OK) status = how->fill(m, text, values);
    if (status == SZ_OK) {
        *ret_machine = m;
        return SZ_OK;
    }
    sz_machine_destroy(m);
    return sz_place(ctx, status, "machine '%s'", sz_show(ctx, sz_str_c(text)));
}
