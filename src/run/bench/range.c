// SPDX-License-Identifier: Apache-2.0
// Reading ranges and counting their combinations.
#include "run/bench/range.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct list {
    sz_ctx *ctx;
    sz_arena *arena;
    const char *text; // the whole range, for messages
    SZ_VEC(const char *) values;
    sz_map seen;
} list;

static sz_status add(list *l, const char *word, size_t len) {
    char *copy = sz_arena_strdup(l->arena, word, len);
    if (!copy) return sz_no_memory(l->ctx);
    const sz_str key = {copy, (uint32_t)len};
    if (sz_map_get(&l->seen, key, NULL)) return SZ_OK; // each value once
    if (l->values.n >= SZ_MAX_RANGE)
        return sz_fail(l->ctx, SZ_ERR_LIMIT, "range '%s' has more than %d values", l->text,
                       SZ_MAX_RANGE);
    if (!sz_vec_push(l->ctx, &l->values, (const char *)copy)) return sz_no_memory(l->ctx);
    return sz_map_put(&l->seen, key, 0);
}

// Digits, at most 18 of them.
static bool read_whole(const char **at, const char *end, int64_t *ret) {
    const char *p = *at;
    int64_t value = 0;
    for (; p < end && *p >= '0' && *p <= '9' && p - *at < 18; p++) value = 10 * value + (*p - '0');
    if (p == *at) return false;
    *at = p;
    *ret = value;
    return true;
}

typedef struct span {
    int64_t first, last, step;
    bool times;
} span;

// "1-8", "1-8+2", "1-64*2"; false for any other word, which then stands for itself.
static bool read_span(const char *p, const char *end, span *ret) {
    *ret = (span){.step = 1};
    if (!read_whole(&p, end, &ret->first) || p == end || *p++ != '-') return false;
    if (!read_whole(&p, end, &ret->last)) return false;
    if (p == end) return true;
    ret->times = *p == '*';
    if (*p != '+' && *p != '*') return false;
    p++;
    return read_whole(&p, end, &ret->step) && p == end;
}

static sz_status check_span(const list *l, const span *s) {
    if (s->last < s->first)
        return sz_fail(l->ctx, SZ_ERR_USAGE,
                       "range '%s' ends before it begins: %" PRId64 " and %" PRId64, l->text,
                       s->first, s->last);
    if (s->times && (s->step < 2 || s->first < 1))
        return sz_fail(l->ctx, SZ_ERR_USAGE,
                       "range '%s' never grows: a factor is at least 2 and begins at 1 or more",
                       l->text);
    if (!s->times && s->step < 1)
        return sz_fail(l->ctx, SZ_ERR_USAGE, "range '%s' never grows: its step is 0", l->text);
    return SZ_OK;
}

static sz_status add_span(list *l, const span *s) {
    SZ_TRY(check_span(l, s));
    for (int64_t v = s->first; v <= s->last;) {
        char digits[SZ_DIGITS_SIZE];
        SZ_TRY(add(l, digits, sz_digits(digits, v)));
        if (s->times ? !sz_mul(v, s->step, &v) : !sz_add(v, s->step, &v)) break;
    }
    return SZ_OK;
}

static sz_status add_parts(list *l) {
    for (const char *p = l->text;; p++) {
        const char *end = p + strcspn(p, ",");
        span s;
        if (p == end)
            return sz_fail(l->ctx, SZ_ERR_USAGE, "range '%s' has nothing %s", l->text,
                           *l->text ? "between two commas" : "in it");
        SZ_TRY(read_span(p, end, &s) ? add_span(l, &s) : add(l, p, (size_t)(end - p)));
        if (!*end) return SZ_OK;
        p = end;
    }
}

sz_status sz_range_read(sz_ctx *ctx, sz_arena *arena, const char *text, const char ***ret_values,
                        int64_t *ret_n) {
    list l = {.ctx = ctx, .arena = arena, .text = text};
    sz_map_init(&l.seen, ctx);
    sz_status status = add_parts(&l);
    const char **copy = NULL;
    if (status == SZ_OK) {
        copy = sz_arena_array(arena, l.values.n, sizeof *copy);
        if (!copy) status = sz_no_memory(ctx);
    }
    if (status == SZ_OK) {
        memcpy(copy, l.values.items, l.values.n * sizeof *copy);
        *ret_values = copy;
        *ret_n = (int64_t)l.values.n;
    }
    sz_vec_finish(ctx, &l.values);
    sz_map_finish(&l.seen);
    return status;
}

sz_status sz_axis_read(sz_ctx *ctx, sz_arena *arena, const char *text, sz_axis *ret_axis) {
    const char *eq = strchr(text, '=');
    sz_axis axis = {0};
    if (!eq || eq == text)
        return sz_fail(ctx, SZ_ERR_USAGE, "'%s' is not NAME=VALUE or NAME=RANGE", text);
    axis.name = sz_arena_strdup(arena, text, (size_t)(eq - text));
    if (!axis.name) return sz_no_memory(ctx);
    const sz_status status = sz_range_read(ctx, arena, eq + 1, &axis.values, &axis.n);
    if (status != SZ_OK) return sz_place(ctx, status, "'%s'", axis.name);
    *ret_axis = axis;
    return SZ_OK;
}

// ---- combinations ------------------------------------------------------------------------------

sz_status sz_sweep_size(sz_ctx *ctx, const sz_axis *axes, size_t n_axes, int64_t *ret_points) {
    int64_t points = 1;
    for (size_t i = 0; i < n_axes; i++) {
        points *= axes[i].n; // below 10^6 x 10^5
        if (points > SZ_MAX_POINTS)
            return sz_fail(ctx, SZ_ERR_LIMIT, "more than %" PRId64 " combinations: give fewer",
                           SZ_MAX_POINTS);
    }
    *ret_points = points;
    return SZ_OK;
}

const char *sz_sweep_value(const sz_axis *axes, size_t n_axes, int64_t point, size_t axis) {
    for (size_t i = n_axes - 1; i > axis; i--) point /= axes[i].n;
    return axes[axis].values[point % axes[axis].n];
}

// ---- in a spec ---------------------------------------------------------------------------------

// Where the part that begins at p ends: before the comma that a NAME= follows, or at the end.
static const char *end_of_axis(const char *p) {
    for (const char *comma; (comma = strchr(p, ','));) {
        const char *next = comma + 1 + strcspn(comma + 1, ",=");
        if (*next == '=') return comma;
        p = comma + 1;
    }
    return p + strlen(p);
}

static bool is_new(const sz_axis *axes, size_t n_axes, const char *name) {
    for (size_t i = 0; i < n_axes; i++)
        if (strcmp(axes[i].name, name) == 0) return false;
    return true;
}

sz_status sz_axes_of_spec(sz_ctx *ctx, sz_arena *arena, const char *params, sz_axis *axes,
                          size_t *n_axes) {
    for (const char *p = params; *p;) {
        const char *end = end_of_axis(p);
        const char *part = sz_arena_strdup(arena, p, (size_t)(end - p));
        if (!part) return sz_no_memory(ctx);
        if (*n_axes == SZ_MAX_AXES)
            return sz_fail(ctx, SZ_ERR_LIMIT, "more than %d parameters", SZ_MAX_AXES);
        SZ_TRY(sz_axis_read(ctx, arena, part, &axes[*n_axes]));
        if (!is_new(axes, *n_axes, axes[*n_axes].name))
            return sz_fail(ctx, SZ_ERR_USAGE, "'%s' is given twice", axes[*n_axes].name);
        ++*n_axes;
        p = end + (*end == ',');
        if (*end == ',' && !*p) return sz_fail(ctx, SZ_ERR_USAGE, "'%s' ends in a comma", params);
    }
    return SZ_OK;
}
