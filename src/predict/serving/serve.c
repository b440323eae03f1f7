// SPDX-License-Identifier: Apache-2.0
// A simulation from options to results, and the search for the highest rate.
#include "predict/serving/engine.h"

#include <math.h>

// ---- options -----------------------------------------------------------------------------------

static bool whole(const char *text, int64_t *ret, const char **ret_end) {
    double v;
    if (!sz_read_number(text, &v, ret_end) || !(v >= 1 && v <= 1e9) || v != floor(v)) return false;
    *ret = (int64_t)v;
    return true;
}

static bool read_policy(const char *text, sz_serve_options *o) {
    const char *end = "";
    if (strncmp(text, "static:", 7) == 0) {
        o->policy = SZ_SERVE_STATIC;
        return whole(text + 7, &o->max_batch, &end) && !*end;
    }
    if (strncmp(text, "chunked:", 8) == 0) {
        o->policy = SZ_SERVE_CHUNKED;
        return whole(text + 8, &o->budget, &end) && !*end;
    }
    if (strncmp(text, "disaggregated:", 14) == 0) {
        o->policy = SZ_SERVE_DISAGGREGATED;
        return whole(text + 14, &o->prefill_devices, &end) && *end == ',' &&
               whole(end + 1, &o->decode_devices, &end) && !*end;
    }
    o->policy = strcmp(text, "continuous") == 0 ? SZ_SERVE_CONTINUOUS : SZ_SERVE_DISAGGREGATED;
    return o->policy == SZ_SERVE_CONTINUOUS || strcmp(text, "disaggregated") == 0;
}

sz_status sz_serve_policy(sz_ctx *ctx, const char *text, sz_serve_options *options) {
    sz_serve_options o = *options;
    if (!read_policy(text, &o))
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "policies are static:BATCH, continuous, chunked:TOKENS, disaggregated or "
                       "disaggregated:PREFILL,DECODE, not '%s'",
                       sz_show(ctx, sz_str_c(text)));
    *options = o;
    return SZ_OK;
}

static sz_status check(sz_ctx *ctx, const sz_serve_options *o) {
    const int64_t whole_numbers[] = {o->max_batch,   o->budget,          o->cache_tokens,
                                     o->page_tokens, o->prefill_devices, o->decode_devices};
    const double reals[] = {o->cache_byte_per_token,
                            o->swap_byte_per_s,
                            o->link_s,
                            o->link_byte_per_s,
                            o->slo_ttft_s,
                            o->slo_tpot_s,
                            o->watts,
                            o->rate_factor,
                            o->prefix_hit};
    for (size_t i = 0; i < sizeof whole_numbers / sizeof *whole_numbers; i++)
        if (whole_numbers[i] < 0 || whole_numbers[i] > (int64_t)1 << 50)
            return sz_fail(ctx, SZ_ERR_USAGE, "a server with %lld of something can't be simulated",
                           (long long)whole_numbers[i]);
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        if (!(reals[i] >= 0 && isfinite(reals[i])))
            return sz_fail(ctx, SZ_ERR_USAGE, "a server with %g of something can't be simulated",
                           reals[i]);
    if (!(o->prefix_hit < 1))
        return sz_fail(ctx, SZ_ERR_USAGE, "the share of prefix hits must be below 1, not %g",
                       o->prefix_hit);
    if (o->policy == SZ_SERVE_CHUNKED && !o->budget)
        return sz_fail(ctx, SZ_ERR_USAGE, "chunks need a budget of tokens: chunked:TOKENS");
    if (o->prefill_devices + o->decode_devices > SZ_MAX_DEVICES - 1)
        return sz_fail(ctx, SZ_ERR_LIMIT, "more than %d devices can't be simulated",
                       SZ_MAX_DEVICES - 1);
    return SZ_OK;
}

// ---- life --------------------------------------------------------------------------------------

static void set_defaults(sz_serve *s) {
    sz_serve_options *o = &s->o;
    if (!o->page_tokens) o->page_tokens = 16;
    if (!o->max_batch) o->max_batch = 256;
    if (!o->prefill_devices) o->prefill_devices = 1;
    if (!o->decode_devices) o->decode_devices = 1;
    if (o->rate_factor <= 0) o->rate_factor = 1;
    s->batch_cap = o->max_batch < (int64_t)s->n ? (size_t)o->max_batch : s->n;
    s->page_cap = o->cache_tokens ? o->cache_tokens / o->page_tokens : (int64_t)1 << 50;
    s->watermark = o->cache_tokens ? (s->page_cap + 99) / 100 : 0;
}

static bool make_room(sz_serve *s) {
    const bool split = s->o.policy == SZ_SERVE_DISAGGREGATED;
    const int64_t first = split ? s->o.prefill_devices : 1;
    s->n_devices = (size_t)(first + (split ? s->o.decode_devices : 0));
    for (size_t i = 0; i < s->n_devices; i++) {
        sz_device *d = &s->devices[i];
        d->stage = (int64_t)i >= first;
        d->until_s = INFINITY;
        if (!(d->running = sz_alloc(s->ctx, s->batch_cap * sizeof *d->running))) return false;
    }
    for (int i = 0; i < 2; i++) {
        s->waiting[i].cap = s->n;
        if (!(s->waiting[i].ids = sz_alloc(s->ctx, s->n * sizeof(int32_t)))) return false;
    }
    s->moving = sz_alloc(s->ctx, s->n * sizeof *s->moving);
    s->seqs = sz_alloc(s->ctx, s->n * sizeof *s->seqs);
    return s->moving && s->seqs;
}

static void fill(sz_serve *s, const sz_traffic *traffic) {
    for (size_t i = 0; i < s->n; i++) {
        const sz_traffic_request *r = &traffic->all.items[i];
        s->seqs[i] = (sz_seq){.arrival_s = r->arrival_s / s->o.rate_factor,
                              .prompt = r->prompt,
                              .output = r->output,
                              .target = r->prompt};
    }
    s->now_s = s->start_s = s->seqs[0].arrival_s;
}

static sz_status say_refused(const sz_serve *s) {
    if (!s->refused) return SZ_OK;
    size_t i = 0;
    while (!s->seqs[i].refused) i++;
    const long long tokens = (long long)(s->seqs[i].prompt + s->seqs[i].output - 1);
    if (s->refused == s->n)
        return sz_fail(s->ctx, SZ_ERR_INPUT,
                       "no request can ever fit: request %zu needs %lld tokens of cache, there is "
                       "room for %lld",
                       i + 1, tokens, (long long)(s->page_cap * s->o.page_tokens));
    sz_warn(s->ctx,
            "%zu of %zu requests were refused, since they can never fit: request %zu needs %lld "
            "tokens of cache, there is room for %lld",
            s->refused, s->n, i + 1, tokens, (long long)(s->page_cap * s->o.page_tokens));
    return SZ_OK;
}

static sz_status simulate(sz_ctx *ctx, const sz_traffic *traffic, const sz_step_model *model,
                          const sz_serve_options *options, sz_serve **ret) {
    SZ_TRY(check(ctx, options));
    sz_serve *s = sz_alloc(ctx, sizeof *s);
    if (!s) return sz_no_memory(ctx);
    s->ctx = ctx;
    s->o = *options;
    s->model = *model;
    s->n = traffic->all.n;
    set_defaults(s);
    sz_status status = SZ_OK;
    if (!make_room(s)) status = sz_no_memory(ctx);
    if (status == SZ_OK) fill(s, traffic);
    if (status == SZ_OK) status = sz_serve_run(s);
    if (status == SZ_OK) status = sz_serve_sum_up(s, traffic);
    if (status == SZ_OK)
        *ret = s;
    else
        sz_serve_destroy(s);
    return status;
}

sz_status sz_serve_create(sz_ctx *ctx, const sz_traffic *traffic, const sz_step_model *model,
                          const sz_serve_options *options, sz_serve **ret_serve) {
    sz_serve *s;
    SZ_TRY(simulate(ctx, traffic, model, options, &s));
    const sz_status status = say_refused(s);
    if (status == SZ_OK)
        *ret_serve = s;
    else
        sz_serve_destroy(s);
    return status;
}

void sz_serve_destroy(sz_serve *s) {
    if (!s) return;
    for (size_t i = 0; i < s->n_devices; i++)
        sz_free(s->ctx, s->devices[i].running, s->batch_cap * sizeof(int32_t));
    for (int i = 0; i < 2; i++) sz_free(s->ctx, s->waiting[i].ids, s->n * sizeof(int32_t));
    sz_free(s->ctx, s->moving, s->n * sizeof *s->moving);
    sz_free(s->ctx, s->seqs, s->n * sizeof *s->seqs);
    sz_free(s->ctx, s, sizeof *s);
}

sz_serve_result sz_serve_summary(const sz_serve *s) { return s->result; }
size_t sz_serve_moment_count(const sz_serve *s) { return s->moments.n; }

sz_serve_moment sz_serve_moment_at(const sz_serve *s, size_t i) {
    sz_serve_moment m = s->moments.all[i];
    const double dt = m.to_s - m.from_s;
    m.cache_tokens /= dt;
    m.waiting /= dt;
    m.running /= dt;
    return m;
}

// ---- the highest rate --------------------------------------------------------------------------

typedef struct search {
    sz_ctx *ctx;
    const sz_traffic *traffic;
    const sz_step_model *model;
    sz_serve_options o;
    double share;
} search;

static sz_status keeps(search *f, double factor, bool *ret) {
    sz_serve *s;
    f->o.rate_factor = factor;
    SZ_TRY(simulate(f->ctx, f->traffic, f->model, &f->o, &s));
    *ret = s->result.slo_share >= f->share;
    sz_serve_destroy(s);
    return SZ_OK;
}

// From `factor` by fours until the answer is no longer `was`; *ret_other is `was` one step before.
static sz_status bracket(search *f, bool was, double *factor, double *ret_other, bool *ret_found) {
    enum { MOST = 20 };
    *ret_found = false;
    for (int i = 0; i < MOST && !*ret_found; i++) {
        bool is;
        *ret_other = *factor;
        *factor *= was ? 4 : 0.25;
        SZ_TRY(keeps(f, *factor, &is));
        *ret_found = is != was;
    }
    return SZ_OK;
}

static sz_status bisect(search *f, double lo, double hi, double *ret) {
    while (hi / lo > 1.005) {
        const double mid = sqrt(lo * hi);
        bool is;
        SZ_TRY(keeps(f, mid, &is));
        if (is)
            lo = mid;
        else
            hi = mid;
    }
    *ret = lo;
    return SZ_OK;
}

sz_status sz_serve_best_rate(sz_ctx *ctx, const sz_traffic *traffic, const sz_step_model *model,
                             const sz_serve_options *options, double share,
                             double *ret_rate_per_s) {
    if (!(traffic->rate > 0))
        return sz_fail(ctx, SZ_ERR_USAGE, "all requests come at once: they have no rate");
    if (options->slo_ttft_s <= 0 && options->slo_tpot_s <= 0)
        return sz_fail(ctx, SZ_ERR_USAGE, "the highest rate needs a promise: ttft, tpot or both");
    if (!(share >= 0 && share <= 1))
        return sz_fail(ctx, SZ_ERR_USAGE, "a share of requests is from 0 to 1, not %g", share);
    search f = {ctx, traffic, model, *options, share > 0 ? share : 0.99};
    double factor = 1, other = 1, best = 1;
    bool is, found;
    SZ_TRY(keeps(&f, factor, &is));
    SZ_TRY(bracket(&f, is, &factor, &other, &found));
    if (found) SZ_TRY(bisect(&f, is ? other : factor, is ? factor : other, &best));
    *ret_rate_per_s = found ? best * traffic->rate : is ? INFINITY : 0;
    return SZ_OK;
}
