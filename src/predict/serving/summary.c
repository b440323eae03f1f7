// SPDX-License-Identifier: Apache-2.0
// From requests to percentiles, rates and shares.
#include "predict/serving/engine.h"

#include <math.h>
#include <stdlib.h>

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double rank(const double *sorted, size_t n, double q) {
    const double at = ceil(q * (double)n);
    return sorted[at < 1 ? 0 : (size_t)at - 1];
}

static sz_serve_spread spread(double *v, size_t n) {
    if (!n) return (sz_serve_spread){0};
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += v[i];
    qsort(v, n, sizeof *v, by_size);
    return (sz_serve_spread){rank(v, n, 0.5), rank(v, n, 0.9), rank(v, n, 0.95), rank(v, n, 0.99),
                             sum / (double)n, v[n - 1],        (int64_t)n};
}

sz_serve_times sz_serve_request(const sz_serve *s, size_t i) {
    const sz_seq *q = &s->seqs[i];
    if (q->refused) return (sz_serve_times){NAN, NAN, NAN, NAN, 0};
    const bool gaps = q->output > 1;
    return (sz_serve_times){q->first_s - q->arrival_s,
                            gaps ? (q->last_s - q->first_s) / (double)(q->output - 1) : NAN,
                            q->last_s - q->arrival_s, gaps ? q->itl_max_s : NAN, q->preempted};
}

static sz_serve_spread spread_of(const sz_serve *s, double *v, size_t offset) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const sz_serve_times t = sz_serve_request(s, i);
        double x;
        memcpy(&x, (const char *)&t + offset, sizeof x);
        if (!isnan(x)) v[n++] = x;
    }
    return spread(v, n);
}

// A request without a second token keeps any promise of time per token.
static bool kept(const sz_serve *s, size_t i) {
    const sz_serve_times t = sz_serve_request(s, i);
    if (s->seqs[i].refused) return false;
    if (s->o.slo_ttft_s > 0 && !(t.ttft_s <= s->o.slo_ttft_s)) return false;
    return !(s->o.slo_tpot_s > 0 && t.tpot_s > s->o.slo_tpot_s);
}

static void count(sz_serve *s) {
    sz_serve_result *r = &s->result;
    int64_t good = 0;
    for (size_t i = 0; i < s->n; i++) {
        const sz_seq *q = &s->seqs[i];
        good += kept(s, i);
        if (q->refused) continue;
        r->prompt_tokens += q->prompt;
        r->output_tokens += q->made;
    }
    const double span = r->makespan_s;
    const double served = (double)(s->n - s->refused);
    r->slo_share = (double)good / (double)s->n;
    r->requests_per_s = span > 0 ? served / span : NAN;
    r->tokens_per_s = span > 0 ? (double)r->output_tokens / span : NAN;
    r->goodput_per_s = span > 0 ? (double)good / span : NAN;
}

static void over_time(sz_serve *s) {
    sz_serve_result *r = &s->result;
    const double span = r->makespan_s > 0 ? r->makespan_s : NAN;
    double busy = 0;
    for (size_t i = 0; i < s->n_devices; i++) busy += s->devices[i].busy_s;
    const double all = (double)s->page_cap * (double)s->n_devices;
    const bool limited = s->o.cache_tokens > 0;
    r->cache_mean = limited ? s->page_area / span / all : NAN;
    r->cache_peak = limited ? (double)(r->cache_peak_tokens / s->o.page_tokens) / all : NAN;
    r->queue_mean = s->queue_area / span;
    r->in_system_mean = s->system_area / span;
    r->busy = busy / span / (double)s->n_devices;
    r->joule_per_token = s->o.watts > 0 && r->output_tokens
                             ? s->o.watts * busy / (double)s->n_devices / (double)r->output_tokens
                             : NAN;
}

sz_status sz_serve_sum_up(sz_serve *s, const sz_traffic *traffic) {
    double *v = sz_alloc(s->ctx, s->n * sizeof *v);
    if (!v) return sz_no_memory(s->ctx);
    sz_serve_result *r = &s->result;
    r->requests = (int64_t)s->n;
    r->refused = (int64_t)s->refused;
    r->makespan_s = s->now_s - s->start_s;
    r->rate_per_s = sz_traffic_rate(traffic) * s->o.rate_factor;
    r->ttft_s = spread_of(s, v, offsetof(sz_serve_times, ttft_s));
    r->tpot_s = spread_of(s, v, offsetof(sz_serve_times, tpot_s));
    r->e2e_s = spread_of(s, v, offsetof(sz_serve_times, e2e_s));
    r->itl_s = sz_gaps_spread(&s->gaps);
    count(s);
    over_time(s);
    sz_free(s->ctx, v, s->n * sizeof *v);
    return SZ_OK;
}
