// SPDX-License-Identifier: Apache-2.0
// What charts call metrics and settings, and which settings are the same.
#include "report/chart_data.h"

#include <math.h>
#include <stdio.h>

#include "report/drawing.h"

void sz_chart_metric_name(const char *key, char *label, size_t cap, const char **ret_unit) {
    static const struct {
        const char *end, *unit;
    } units[] = {{"_per_s", "/s"}, {"_per_j", "/J"}, {"_bytes", "B"}, {"_s", "s"}, {"_j", "J"}};
    size_t n = strlen(key);
    *ret_unit = "";
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const size_t m = strlen(units[i].end);
        if (n <= m || strcmp(key + n - m, units[i].end) != 0) continue;
        *ret_unit = units[i].unit;
        n -= m;
        break;
    }
    snprintf(label, cap, "%.*s", (int)(n < 120 ? n : 120), key);
    for (char *c = label; *c; c++)
        if (*c == '_') *c = ' ';
    if (strcmp(key, "flop_per_s") == 0) snprintf(label, cap, "rate"), *ret_unit = "FLOP/s";
    if (strcmp(key, "byte_per_s") == 0) snprintf(label, cap, "rate"), *ret_unit = "B/s";
}

// "latency" for "latency_s", "throughput-per-joule" for "throughput_per_j".
static bool is_called(const char *key, const char *name) {
    static const char *const ends[] = {"", "_s", "_j", "_bytes", "_per_s", "_per_j"};
    const size_t n = strlen(name);
    if (strcmp(name, "throughput_per_joule") == 0) return strcmp(key, "throughput_per_j") == 0;
    if (strncmp(key, name, n) != 0) return false;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (strcmp(key + n, ends[i]) == 0) return true;
    return false;
}

static void list_up(char *buf, size_t cap, size_t *used, const char *name) {
    if (*used < cap)
        *used += (size_t)snprintf(buf + *used, cap - *used, "%s%.60s", *used ? ", " : "", name);
}

sz_status sz_chart_find_metric(sz_ctx *ctx, const sz_chart_data *d, const char *name,
                               const sz_chart_metric **ret_metric) {
    char all[400] = "";
    size_t used = 0;
    for (size_t i = 0; i < d->metrics.n; i++) {
        const sz_chart_metric *m = &d->metrics.items[i];
        if (m->values.n > 0 && is_called(m->key, name)) {
            *ret_metric = m;
            return SZ_OK;
        }
        if (m->values.n > 0) list_up(all, sizeof all, &used, m->key);
    }
    return sz_fail(ctx, SZ_ERR_INPUT, "no metric '%.100s'; there are: %s", name,
                   used ? all : "none");
}

sz_status sz_chart_find_parameter(sz_ctx *ctx, const sz_chart_data *d, const char *name,
                                  const sz_chart_parameter **ret_parameter) {
    char all[400] = "";
    size_t used = 0;
    for (size_t i = 0; i < d->parameters.n; i++) {
        *ret_parameter = &d->parameters.items[i];
        if (strcmp((*ret_parameter)->name, name) == 0) return SZ_OK;
        list_up(all, sizeof all, &used, (*ret_parameter)->name);
    }
    return sz_fail(ctx, SZ_ERR_INPUT, "no parameter '%.100s'; there are: %s", name,
                   used ? all : "none");
}

// ---- settings ----------------------------------------------------------------------------------

bool *sz_chart_shown(sz_arena *arena, const sz_chart_data *d, const size_t *points, size_t n,
                     const sz_chart_parameter *but) {
    bool *shown = sz_arena_array(arena, d->parameters.n + 1, sizeof *shown);
    for (size_t k = 0; shown && k < d->parameters.n; k++) {
        const sz_chart_parameter *p = &d->parameters.items[k];
        if (p == but) continue;
        shown[k] = points ? false : p->varies;
        for (size_t i = 1; points && i < n && !shown[k]; i++)
            shown[k] = sz_chart_word_of(p, points[i]) != sz_chart_word_of(p, points[0]);
    }
    return shown;
}

static size_t put_setting(const sz_chart_data *d, const sz_chart_parameter *p, size_t point,
                          size_t used, char *buf, size_t cap) {
    const sz_chart_word *w = &d->words.items[sz_chart_word_of(p, point)];
    if (!*w->text || used >= cap) return used;
    const bool bare = isnan(w->number); // "bf16" says what it is
    return used + (size_t)snprintf(buf + used, cap - used, "%s%.40s%s%.60s", used ? " " : "",
                                   bare ? "" : p->name, bare ? "" : "=", w->text);
}

void sz_chart_setting(const sz_chart_data *d, size_t point, const bool *shown, size_t most,
                      char *buf, size_t cap) {
    size_t used = 0;
    buf[0] = '\0';
    for (size_t k = 0; k < d->parameters.n; k++)
        if (shown[k]) used = put_setting(d, &d->parameters.items[k], point, used, buf, cap);
    if (used <= most || most + 4 >= cap) return;
    while (most > 0 && ((unsigned char)buf[most] & 0xC0) == 0x80) most--; // no half of a character
    memcpy(buf + most, "\xe2\x80\xa6", 4);
}

void sz_chart_common(const sz_chart_data *d, size_t point, const bool *shown,
                     const sz_chart_parameter *but, char *buf, size_t cap) {
    size_t used = 0;
    buf[0] = '\0';
    for (size_t k = 0; k < d->parameters.n; k++) {
        const sz_chart_parameter *p = &d->parameters.items[k];
        if (!shown[k] && p != but) used = put_setting(d, p, point, used, buf, cap);
    }
}

sz_status sz_chart_groups(const sz_chart_data *d, sz_arena *arena, const sz_chart_parameter *but,
                          uint32_t **ret_group, size_t *ret_n) {
    const size_t bytes = (d->parameters.n + 1) * sizeof(uint32_t);
    uint32_t *group = sz_arena_array(arena, d->n + 1, sizeof *group);
    uint32_t *key = sz_arena_alloc(arena, bytes);
    sz_status status = group && key ? SZ_OK : sz_no_memory(d->ctx);
    sz_map ids;
    sz_map_init(&ids, d->ctx);
    if (key) key[d->parameters.n] = 0;
    for (size_t i = 0; status == SZ_OK && i < d->n; i++) {
        int32_t id = (int32_t)ids.n;
        for (size_t k = 0; k < d->parameters.n; k++) {
            const sz_chart_parameter *p = &d->parameters.items[k];
            key[k] = p == but ? 0 : sz_chart_word_of(p, i);
        }
        const sz_str name = {(const char *)key, (uint32_t)bytes};
        if (!sz_map_get(&ids, name, &id)) {
            char *copy = sz_arena_strdup(arena, name.p, name.len);
            status = copy ? sz_map_put(&ids, (sz_str){copy, name.len}, id) : sz_no_memory(d->ctx);
        }
        group[i] = (uint32_t)id;
    }
    *ret_n = ids.n;
    *ret_group = group;
    sz_map_finish(&ids);
    return status;
}

// ---- numbers and axes --------------------------------------------------------------------------

void sz_chart_number(double v, const char *unit, char *buf, size_t cap) {
    int n = 0;
    if (!isfinite(v)) {
        snprintf(buf, cap, "?");
        return;
    }
    if (!*unit && fabs(v) < 1e5 && fabs(v) > 1e-3) {
        snprintf(buf, cap, "%.4g", v);
        return;
    }
    while (n < 6 && fabs(v) >= 999.5) v /= 1000, n++;
    while (n > -6 && v != 0 && fabs(v) < 0.9995) v *= 1000, n--;
    snprintf(buf, cap, "%.3g%s%s%s", v, n || *unit ? " " : "", sz_prefix(n), unit);
}

void sz_chart_range(sz_chart_range_of *r, double v) {
    if (!isfinite(v)) return;
    if (!(r->lo <= v)) r->lo = v;
    if (!(r->hi >= v)) r->hi = v;
}

bool sz_chart_range_is_wide(const sz_chart_range_of *r) {
    return r->lo > 0 && r->hi > 10 * r->lo;
}

void sz_chart_metric_axis(const sz_chart_metric *m, const sz_chart_range_of *range, int which,
                          sz_plot *plot) {
    const bool linear = !sz_chart_range_is_wide(range);
    char name[160], label[200];
    const char *unit;
    sz_chart_metric_name(m->key, name, sizeof name, &unit);
    snprintf(label, sizeof label, "%s (%s is better)", name, m->higher ? "higher" : "lower");
    sz_plot_set_axis(plot, which, &(sz_plot_axis){label, 0, 0, linear});
    if (*unit) sz_plot_set_unit(plot, which, unit);
}
