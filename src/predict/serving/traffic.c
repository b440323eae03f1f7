// SPDX-License-Identifier: Apache-2.0
// Requests by their distributions.
#include "predict/serving/traffic.h"

#include "predict/serving/random.h"

#include <math.h>

typedef enum law { CONSTANT, UNIFORM, LOGNORMAL, POISSON, GAMMA, TRACE } law;

// NAME:a or NAME:aMARKb
typedef struct law_row {
    const char *name;
    law law;
    char mark; // between two numbers; 0 = there is one
} law_row;

typedef struct drawn {
    law law;
    double a, b;
} drawn;

static const law_row arrival_laws[] = {{"poisson:", POISSON, 0},
                                       {"gamma:", GAMMA, ','},
                                       {"uniform:", UNIFORM, 0},
                                       {"constant:", CONSTANT, 0}};
static const law_row length_laws[] = {{"uniform:", UNIFORM, '-'},
                                      {"lognormal:", LOGNORMAL, ','},
                                      {"constant:", CONSTANT, 0},
                                      {"", CONSTANT, 0}};

static bool match(const law_row *row, const char *text, drawn *ret) {
    const size_t len = strlen(row->name);
    if (strncmp(text, row->name, len) != 0) return false;
    const char *end;
    ret->law = row->law;
    if (!sz_read_number(text + len, &ret->a, &end)) return false;
    if (row->mark && (*end != row->mark || !sz_read_number(end + 1, &ret->b, &end))) return false;
    return *end == 0;
}

static bool find(const law_row *rows, size_t n, const char *text, drawn *ret) {
    for (size_t i = 0; i < n; i++)
        if (match(&rows[i], text, ret)) return true;
    return false;
}

static sz_status read_arrivals(sz_ctx *ctx, const char *text, drawn *ret) {
    const size_t n = sizeof arrival_laws / sizeof *arrival_laws;
    if (!find(arrival_laws, n, text, ret))
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "arrivals are poisson:RATE, gamma:RATE,CV, uniform:RATE, constant:RATE or "
                       "trace:FILE, not '%s'",
                       sz_show(ctx, sz_str_c(text)));
    if (!(ret->a >= 1e-9 && ret->a <= 1e9))
        return sz_fail(ctx, SZ_ERR_USAGE, "the rate of arrivals '%s' is not from 1e-9 to 1e9 per s",
                       sz_show(ctx, sz_str_c(text)));
    if (ret->law == GAMMA && !(ret->b >= 0.01 && ret->b <= 20))
        return sz_fail(ctx, SZ_ERR_USAGE, "the spread of arrivals '%s' is not from 0.01 to 20",
                       sz_show(ctx, sz_str_c(text)));
    return SZ_OK;
}

static bool is_length(double v) { return v >= 1 && v <= SZ_MAX_REQUEST_TOKENS && v == floor(v); }

static sz_status read_length(sz_ctx *ctx, const char *what, const char *text, drawn *ret) {
    const size_t n = sizeof length_laws / sizeof *length_laws;
    if (!text || !find(length_laws, n, text, ret))
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "tokens of the %s are N, uniform:A-B or lognormal:MEDIAN,SIGMA, not '%s'",
                       what, sz_show(ctx, sz_str_c(text ? text : "")));
    const bool fits = ret->law == LOGNORMAL
                          ? ret->a >= 1 && ret->a <= SZ_MAX_REQUEST_TOKENS && ret->b >= 0 &&
                                ret->b <= 5
                          : is_length(ret->a) &&
                                (ret->law != UNIFORM || (is_length(ret->b) && ret->b >= ret->a));
    if (fits) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_USAGE,
                   "tokens of the %s '%s' are not from 1 to %d in rising order (or a sigma from 0 "
                   "to 5)",
                   what, sz_show(ctx, sz_str_c(text)), SZ_MAX_REQUEST_TOKENS);
}

// A gap with mean 1.
static double gap(sz_random *r, const drawn *d) {
    switch (d->law) {
    case POISSON:
        return sz_random_exponential(r);
    case UNIFORM:
        return 2 * sz_random_uniform(r);
    case GAMMA: {
        const double shape = 1 / (d->b * d->b);
        return sz_random_gamma(r, shape) / shape;
    }
    default:
        return 1;
    }
}

static int64_t length(sz_random *r, const drawn *d) {
    double v = d->a;
    if (d->law == UNIFORM) v += floor(sz_random_uniform(r) * (d->b - d->a + 1));
    if (d->law == LOGNORMAL) v = floor(v * sz_exact_exp(d->b * sz_random_normal(r)) + 0.5);
    if (v > SZ_MAX_REQUEST_TOKENS) v = SZ_MAX_REQUEST_TOKENS;
    return v < 1 ? 1 : (int64_t)v;
}

static sz_status draw(sz_traffic *t, const sz_traffic_options *o) {
    drawn gaps, prompt, output;
    SZ_TRY(read_arrivals(t->ctx, o->arrivals, &gaps));
    SZ_TRY(read_length(t->ctx, "prompt", o->prompt, &prompt));
    SZ_TRY(read_length(t->ctx, "output", o->output, &output));
    if (o->requests < 1 || o->requests > SZ_MAX_REQUESTS)
        return sz_fail(t->ctx, SZ_ERR_USAGE, "requests are 1 to %d, not %lld", SZ_MAX_REQUESTS,
                       (long long)o->requests);
    // a stream each: a change of one distribution leaves the others' numbers alone
    sz_random seeds = {o->seed};
    sz_random a = {sz_random_bits(&seeds)}, p = {sz_random_bits(&seeds)},
              q = {sz_random_bits(&seeds)};
    double now = 0;
    for (int64_t i = 0; i < o->requests; i++) {
        now += gap(&a, &gaps);
        const sz_traffic_request r = {now / gaps.a, length(&p, &prompt), length(&q, &output)};
        if (!sz_vec_push(t->ctx, &t->all, r)) return sz_no_memory(t->ctx);
    }
    t->rate = gaps.a;
    return SZ_OK;
}

static sz_status replay(sz_traffic *t, const char *path, int64_t most) {
    SZ_TRY(sz_trace_read(t->ctx, path, most, &t->all));
    const double span = t->all.items[t->all.n - 1].arrival_s - t->all.items[0].arrival_s;
    t->rate = span > 0 ? (double)(t->all.n - 1) / span : 0;
    return SZ_OK;
}

sz_status sz_traffic_create(sz_ctx *ctx, const sz_traffic_options *options,
                            sz_traffic **ret_traffic) {
    static const char trace[] = "trace:";
    sz_traffic *t = sz_alloc(ctx, sizeof *t);
    if (!t) return sz_no_memory(ctx);
    t->ctx = ctx;
    const bool is_trace = strncmp(options->arrivals, trace, sizeof trace - 1) == 0;
    const sz_status status = is_trace ? replay(t, options->arrivals + sizeof trace - 1,
                                               options->requests)
                                      : draw(t, options);
    if (status == SZ_OK)
        *ret_traffic = t;
    else
        sz_traffic_destroy(t);
    return status;
}

void sz_traffic_destroy(sz_traffic *t) {
    if (!t) return;
    sz_vec_finish(t->ctx, &t->all);
    sz_free(t->ctx, t, sizeof *t);
}

size_t sz_traffic_count(const sz_traffic *t) { return t->all.n; }
sz_traffic_request sz_traffic_at(const sz_traffic *t, size_t i) { return t->all.items[i]; }
double sz_traffic_rate(const sz_traffic *t) { return t->rate; }
