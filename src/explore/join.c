// SPDX-License-Identifier: Apache-2.0
// A user's metrics from a CSV file (RFC 4180), joined by the columns that are called like
// parameters.
#include "explore/explore.h"

#include <math.h>
#include <stdlib.h>

#include <sizeup/text.h>

enum { MOST_FIELDS = SZ_SPACE_PARAMETERS + SZ_METRICS_MAX, MOST_ROWS = 10000000 };

typedef struct table {
    sz_ctx *ctx;
    sz_space *space;
    const char *name, *at, *end;
    int64_t row; // as editors count: the head is row 1
    const char *fields[MOST_FIELDS];
    size_t n_fields, n_columns;
    int32_t parameter[MOST_FIELDS]; // of a column, or -1
    size_t metric[MOST_FIELDS];     // of the others: which of the joined columns
    sz_arena arena;                 // of one row
} table;

void sz_joined_finish(sz_ctx *ctx, sz_joined *j) {
    sz_vec_finish(ctx, &j->values);
    sz_map_finish(&j->rows);
}

static sz_str key_of(const uint32_t *key, size_t n) {
    return (sz_str){(const char *)key, (uint32_t)(n * sizeof *key)};
}

void sz_space_fill(const sz_space *s, const uint32_t *setting, sz_metrics *m) {
    const sz_joined *j = &s->joined;
    uint32_t key[SZ_SPACE_PARAMETERS];
    int32_t row;
    if (j->n_columns == 0) return;
    for (size_t i = 0; i < j->n_keys; i++) {
        if (!sz_space_exists(s, setting, j->keys[i])) return;
        key[i] = setting[j->keys[i]];
    }
    if (!sz_map_get(&j->rows, key_of(key, j->n_keys), &row)) return;
    for (size_t i = 0; i < j->n_columns; i++)
        m->value[SZ_METRICS_OWN + i] = j->values.items[(size_t)row * j->n_columns + i];
}

// ---- fields ------------------------------------------------------------------------------------

static sz_status fail(const table *t, const char *what) {
    return sz_fail(t->ctx, SZ_ERR_INPUT, "file '%s': row %lld: %s", t->name, (long long)t->row,
                   what);
}

static sz_status read_quoted(table *t, char *to, size_t *n) {
    for (t->at++; t->at < t->end; t->at++) {
        if (*t->at != '"') {
            to[(*n)++] = *t->at;
        } else if (t->at + 1 < t->end && t->at[1] == '"') {
            to[(*n)++] = *t->at++;
        } else {
            t->at++;
            return SZ_OK;
        }
    }
    return fail(t, "a quote is open");
}

static bool ends(const table *t) { return t->at == t->end || (*t->at && strchr(",\n\r", *t->at)); }

// The text from here to the next mark, without the blanks behind it.
static void read_plain(table *t, char *to, size_t len, size_t *n) {
    while (len > 0 && t->at[len - 1] == ' ') len--;
    *n = len;
    memcpy(to, t->at, len);
    while (!ends(t)) t->at++;
}

static sz_status read_field(table *t) {
    while (t->at < t->end && *t->at == ' ') t->at++;
    const bool quoted = t->at < t->end && *t->at == '"';
    const char *p = t->at;
    size_t n = 0;
    if (t->n_fields == MOST_FIELDS) return fail(t, "too many columns");
    while (p < t->end && (quoted || !(*p && strchr(",\n\r", *p)))) {
        p = quoted ? memchr(p + 1, '"', (size_t)(t->end - p - 1)) : p + 1;
        if (!p) return fail(t, "a quote is open");
        if (quoted && (p + 1 == t->end || p[1] != '"')) break;
        if (quoted) p++;
    }
    char *to = sz_arena_array(&t->arena, (size_t)(p - t->at) + 1, 1);
    if (!to) return sz_no_memory(t->ctx);
    if (quoted)
        SZ_TRY(read_quoted(t, to, &n));
    else
        read_plain(t, to, (size_t)(p - t->at), &n);
    if (!ends(t)) return fail(t, "text stands behind a quote");
    t->fields[t->n_fields++] = to;
    return SZ_OK;
}

// false: there are no more.
static sz_status read_row(table *t, bool *ret) {
    sz_arena_finish(&t->arena);
    sz_arena_init(&t->arena, t->ctx);
    t->n_fields = 0;
    t->row++;
    *ret = t->at < t->end;
    while (*ret) {
        SZ_TRY(read_field(t));
        if (t->at == t->end || *t->at != ',') break;
        t->at++;
    }
    if (t->at < t->end && *t->at == '\r') t->at++;
    if (t->at < t->end && *t->at == '\n') t->at++;
    return SZ_OK;
}

static bool is_blank(const table *t) { return t->n_fields == 1 && !*t->fields[0]; }

// ---- head --------------------------------------------------------------------------------------

static sz_status add_metric(table *t, const char *word, size_t *ret) {
    sz_space *s = t->space;
    for (size_t i = 0; i < s->n_metrics; i++)
        if (strcmp(s->metrics[i].word, word) == 0 || strcmp(s->metrics[i].key, word) == 0)
            return sz_fail(t->ctx, SZ_ERR_INPUT,
                           "file '%s': column '%s' is called like a metric that there is: call it "
                           "otherwise",
                           t->name, word);
    if (s->n_metrics == SZ_METRICS_MAX)
        return sz_fail(t->ctx, SZ_ERR_LIMIT, "file '%s': more than %d metrics", t->name,
                       SZ_METRICS_MAX - SZ_METRICS_OWN);
    const char *copy = sz_arena_strdup(&s->arena, word, strlen(word));
    if (!copy) return sz_no_memory(t->ctx);
    *ret = s->n_metrics - SZ_METRICS_OWN;
    s->metrics[s->n_metrics++] = (sz_metric){copy, copy, "", "from the user's file", 0};
    return SZ_OK;
}

static sz_status read_head(table *t) {
    sz_joined *j = &t->space->joined;
    bool any;
    size_t p;
    SZ_TRY(read_row(t, &any));
    t->n_columns = t->n_fields;
    for (size_t i = 0; i < t->n_columns; i++) {
        if (!*t->fields[i]) return fail(t, "a column has no name");
        for (size_t k = 0; k < i; k++)
            if (strcmp(t->fields[i], t->fields[k]) == 0)
                return sz_fail(t->ctx, SZ_ERR_INPUT, "file '%s': two columns are called '%s'",
                               t->name, t->fields[i]);
        t->parameter[i] = -1;
        if (sz_space_find(t->space, t->fields[i], &p)) {
            t->parameter[i] = (int32_t)p;
            j->keys[j->n_keys++] = (uint32_t)p;
        } else {
            SZ_TRY(add_metric(t, t->fields[i], &t->metric[i]));
            j->n_columns++;
        }
    }
    if (j->n_keys > 0 && j->n_columns > 0) return SZ_OK;
    return sz_fail(t->ctx, SZ_ERR_INPUT, "file '%s': %s", t->name,
                   j->n_keys == 0 ? "no column is called like a parameter: nothing to join by"
                                  : "all columns are parameters: there is no metric in it");
}

static sz_status set_higher(table *t, const char *higher) {
    char word[128];
    for (const char *p = higher; p && *p; p += strcspn(p, ","), p += *p == ',') {
        const size_t len = strcspn(p, ",");
        size_t i = SZ_METRICS_OWN;
        while (i < t->space->n_metrics && !(strlen(t->space->metrics[i].word) == len &&
                                            memcmp(t->space->metrics[i].word, p, len) == 0))
            i++;
        if (i < t->space->n_metrics) {
            t->space->metrics[i].higher = 1;
            continue;
        }
        const size_t kept = len < sizeof word ? len : sizeof word - 1;
        memcpy(word, p, kept);
        word[kept] = 0;
        return sz_fail(t->ctx, SZ_ERR_USAGE,
                       "more is said to be better of '%s', which is no metric of file '%s'", word,
                       t->name);
    }
    return SZ_OK;
}

// ---- rows --------------------------------------------------------------------------------------

// Which value of the parameter the field means: the word itself, else the same number.
static bool find_value(const sz_parameter *p, const char *field, uint32_t *ret) {
    char *end;
    const double number = strtod(field, &end);
    for (uint32_t v = 0; v < p->n; v++) {
        const bool is_number = *field && !*end && p->numbers[v] == number;
        if (!is_number && strcmp(p->values[v], field) != 0) continue;
        *ret = v;
        return true;
    }
    return false;
}

static double read_metric(const table *t, size_t column) {
    const char *field = t->fields[column];
    char *end;
    const double v = strtod(field, &end);
    const char *name = t->space->metrics[SZ_METRICS_OWN + t->metric[column]].word;
    if (!*field)
        sz_warn(t->ctx, "file '%s': row %lld: '%s' is missing", t->name, (long long)t->row, name);
    else if (*end || !isfinite(v))
        sz_warn(t->ctx, "file '%s': row %lld: '%s' is '%.40s', which is no number", t->name,
                (long long)t->row, name, field);
    return *field && !*end && isfinite(v) ? v : SZ_NO_NUMBER;
}

// A row of values that the space has not is of no use here, and no error.
static sz_status take_row(table *t, size_t *outside) {
    sz_joined *j = &t->space->joined;
    uint32_t key[SZ_SPACE_PARAMETERS];
    size_t n = 0;
    if (t->n_fields != t->n_columns) return fail(t, "it has other columns than the head");
    for (size_t i = 0; i < t->n_columns; i++) {
        if (t->parameter[i] < 0) continue;
        if (find_value(&t->space->parameters[t->parameter[i]], t->fields[i], &key[n++])) continue;
        ++*outside;
        return SZ_OK;
    }
    const int32_t row = (int32_t)(j->values.n / j->n_columns);
    if (row >= MOST_ROWS) return fail(t, "more than 10^7 rows");
    if (sz_map_get(&j->rows, key_of(key, n), NULL))
        return fail(t, "a row before it is of the same values");
    uint32_t *kept = sz_arena_array(&t->space->arena, n, sizeof *kept);
    if (!kept) return sz_no_memory(t->ctx);
    memcpy(kept, key, n * sizeof *kept);
    for (size_t i = 0; i < t->n_columns; i++)
        if (t->parameter[i] < 0 && !sz_vec_push(t->ctx, &j->values, read_metric(t, i)))
            return sz_no_memory(t->ctx);
    return sz_map_put(&j->rows, key_of(kept, n), row);
}

static sz_status take_all(table *t, const char *higher) {
    size_t outside = 0, inside = 0;
    bool any = true;
    SZ_TRY(read_head(t));
    SZ_TRY(set_higher(t, higher));
    for (;;) {
        SZ_TRY(read_row(t, &any));
        if (!any) break;
        if (is_blank(t)) continue;
        const size_t before = outside;
        SZ_TRY(take_row(t, &outside));
        inside += outside == before;
    }
    if (inside == 0)
        return sz_fail(t->ctx, SZ_ERR_INPUT, "file '%s': none of its %zu rows is of the space",
                       t->name, outside);
    if (outside > 0)
        sz_warn(t->ctx, "file '%s': %zu of %zu rows are of values that the space has not", t->name,
                outside, outside + inside);
    return SZ_OK;
}

sz_status sz_space_join(sz_ctx *ctx, sz_space *space, const char *name, const char *text,
                        size_t size, const char *higher) {
    table t = {.ctx = ctx, .space = space, .name = name, .at = text, .end = text + size};
    if (space->joined.n_columns > 0)
        return sz_fail(ctx, SZ_ERR_USAGE, "one file of metrics can be joined, not two");
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) t.at += 3;
    sz_arena_init(&t.arena, ctx);
    const sz_status status = take_all(&t, higher);
    sz_arena_finish(&t.arena);
    return status;
}
