// SPDX-License-Identifier: Apache-2.0
// Axes: their range, where a value lies, and ticks at round numbers.
#include "report/drawing.h"

#include <math.h>
#include <stdio.h>

// ---- range -------------------------------------------------------------------------------------

static bool fits(double v, bool linear) { return isfinite(v) && (linear || v > 0); }

static void widen(double v, bool linear, double *lo, double *hi) {
    if (!fits(v, linear)) return;
    if (!(*lo <= v)) *lo = v;
    if (!(*hi >= v)) *hi = v;
}

static void find_range(const sz_plot *p, int which, bool linear, double *lo, double *hi) {
    for (size_t i = 0; i < p->curves.n; i++) {
        const sz_plot_line *l = &p->curves.items[i].line;
        for (size_t k = 0; k < l->n; k++) widen(which ? l->y[k] : l->x[k], linear, lo, hi);
    }
    for (size_t i = 0; i < p->points.n; i++)
        widen(which ? p->points.items[i].y : p->points.items[i].x, linear, lo, hi);
    for (size_t i = 0; i < p->whiskers.n; i++) {
        const sz_plot_whisker *w = &p->whiskers.items[i];
        widen(which ? w->y_lo : w->x_lo, linear, lo, hi);
        widen(which ? w->y_hi : w->x_hi, linear, lo, hi);
    }
    for (size_t i = 0; i < p->clouds.n; i++) {
        const sz_cloud *c = &p->clouds.items[i];
        for (size_t k = 0; k < c->n; k++) widen(which ? c->y[k] : c->x[k], linear, lo, hi);
    }
    for (size_t i = 0; i < p->bands.n; i++) {
        const sz_band *b = &p->bands.items[i];
        for (size_t k = 0; k < b->n; k++) {
            widen(which ? b->lo[k] : b->x[k], linear, lo, hi);
            widen(which ? b->hi[k] : b->x[k], linear, lo, hi);
        }
    }
    for (size_t i = 0; !which && i < p->bars.n; i++) {
        widen(p->bars.items[i].from, linear, lo, hi);
        widen(p->bars.items[i].to, linear, lo, hi);
    }
}

static void pad_range(bool linear, double *lo, double *hi) {
    if (isnan(*lo)) *lo = 1, *hi = 10;
    if (linear) {
        double pad = *hi > *lo ? (*hi - *lo) * 0.05 : *hi != 0 ? fabs(*hi) * 0.1 : 1e-3;
        const bool from_zero = *lo >= 0 && *lo - pad < (*hi - *lo) * 0.5;
        *lo = from_zero ? 0 : *lo - pad;
        *hi += pad;
    } else {
        const double pad = *hi / *lo > 4 ? pow(*hi / *lo, 0.05) : 1.5;
        *lo /= pad, *hi *= pad;
    }
}

static const char *const prefixes[] = {"a", "f", "p", "n", "\xc2\xb5", "m", "",
                                       "k", "M", "G", "T", "P",        "E"};
enum { LEAST = -6, MOST = 6 };

const char *sz_prefix(int n) { return prefixes[(n < LEAST ? LEAST : n > MOST ? MOST : n) - LEAST]; }

static int thousands(double v) {
    if (!(v > 0) || !isfinite(v)) return 0;
    const int n = (int)floor(log10(v) / 3 + 1e-9);
    return n < LEAST ? LEAST : n > MOST ? MOST : n;
}

void sz_scale_fit(const sz_plot *p, int which, sz_scale *ret_scale) {
    const sz_plot_axis *a = &p->axes[which];
    const sz_names names = p->names[which];
    const bool linear = a->linear != 0;
    double lo = NAN, hi = NAN;
    if (names.n > 0) {
        *ret_scale = (sz_scale){
            .lo = -0.5, .hi = (double)names.n - 0.5, .linear = true, .names = names};
        return;
    }
    if (fits(a->lo, linear) && fits(a->hi, linear) && a->lo < a->hi)
        lo = a->lo, hi = a->hi;
    else {
        find_range(p, which, linear, &lo, &hi);
        pad_range(linear, &lo, &hi);
    }
    *ret_scale = (sz_scale){.lo = lo, .hi = hi, .linear = linear, .unit = p->units[which]};
    if (linear && ret_scale->unit) ret_scale->prefix = thousands(fmax(fabs(lo), fabs(hi)));
}

double sz_scale_at(const sz_scale *s, double v) {
    if (!fits(v, s->linear)) return NAN;
    const double part = s->linear ? (v - s->lo) / (s->hi - s->lo)
                                  : log(v / s->lo) / log(s->hi / s->lo);
    return s->from + part * (s->to - s->from);
}

// ---- ticks -------------------------------------------------------------------------------------

static size_t linear_ticks(const sz_scale *s, sz_tick *ticks) {
    const double rough = (s->hi - s->lo) / 6, unit = pow(10, floor(log10(rough)));
    const double m = rough / unit, step = unit * (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10);
    size_t n = 0;
    for (double k = ceil(s->lo / step - 1e-9); k * step <= s->hi + step * 1e-9; k++) {
        if (n == SZ_MAX_TICKS) break;
        ticks[n++] = (sz_tick){k * step, true};
    }
    return n;
}

// Decades; between them 2 and 5 with a label when there are few, 2 to 9 without one when not many.
static size_t log_ticks(const sz_scale *s, sz_tick *ticks) {
    const double decades = log10(s->hi / s->lo);
    const int first = (int)floor(log10(s->lo)), last = (int)ceil(log10(s->hi));
    const int step = decades > 24 ? 6 : decades > 10 ? 3 : 1;
    size_t n = 0;
    for (int e = first; e <= last; e++) {
        for (int m = 1; m < 10; m++) {
            const double v = m * pow(10, e);
            const bool label = (m == 1 && e % step == 0) || (decades < 2 && (m == 2 || m == 5));
            if (v < s->lo * (1 - 1e-9) || v > s->hi * (1 + 1e-9) || n == SZ_MAX_TICKS) continue;
            if (!label && decades > 7) continue;
            ticks[n++] = (sz_tick){v, label};
        }
    }
    return n;
}

size_t sz_scale_ticks(const sz_scale *s, sz_tick ret_ticks[SZ_MAX_TICKS]) {
    if (s->names.n > 0) return 0; // names stand in place of numbers
    // Where no power of ten would show, steps do.
    return s->linear || s->hi / s->lo < 4 ? linear_ticks(s, ret_ticks) : log_ticks(s, ret_ticks);
}

void sz_scale_text(const sz_scale *s, double v, char *buf, size_t cap) {
    char number[32];
    if (!s->unit) {
        sz_tick_text(v, buf, cap);
        return;
    }
    const int n = s->linear ? s->prefix : thousands(v);
    sz_tick_text(v / pow(1000, n), number, sizeof number);
    snprintf(buf, cap, "%s%s%s%s", number, s->linear ? "" : " ", s->linear ? "" : sz_prefix(n),
             s->linear ? "" : s->unit);
}

// No locale, no "1e+09": a number of few digits and a prefix from 1000 on.
void sz_tick_text(double v, char *buf, size_t cap) {
    static const char *const large[] = {"", " k", " M", " G", " T", " P", " E"};
    const char *sign = v < 0 ? "-" : "";
    size_t i = 0;
    v = fabs(v);
    while (v >= 999.9999 && i + 1 < sizeof large / sizeof large[0]) v /= 1000, i++;
    int decimals = 0;
    double scaled = v;
    while (decimals < 6 && fabs(scaled - round(scaled)) > 1e-6 * (1 + scaled))
        scaled *= 10, decimals++;
    const long long whole = (long long)round(scaled);
    long long unit = 1;
    for (int k = 0; k < decimals; k++) unit *= 10;
    if (decimals == 0)
        snprintf(buf, cap, "%s%lld%s", sign, whole, large[i]);
    else
        snprintf(buf, cap, "%s%lld.%0*lld%s", sign, whole / unit, decimals, whole % unit, large[i]);
}
