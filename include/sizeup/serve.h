// SPDX-License-Identifier: Apache-2.0
/** @file
 * A queue of requests before a language model, simulated step by step: who waits how long, what the
 * cache holds, and the highest rate that a promise of latency allows.
 *
 * Deterministic: the same seed gives the same requests on every machine. Random numbers come from
 * integers, and their logarithms and exponentials from additions, products and divisions alone.
 */
#ifndef SIZEUP_SERVE_H
#define SIZEUP_SERVE_H

#include <sizeup/ctx.h>
#include <sizeup/serving.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What comes: texts as on the command line. */
typedef struct sz_traffic_options {
    /** "poisson:RATE", "gamma:RATE,CV" (CV: deviation / mean of the gaps), "uniform:RATE" (gaps
     * from 0 to twice their mean), "constant:RATE", or "trace:FILE": lines of
     * arrival_s,prompt,output below a line with these names. Rates are requests per second. */
    const char *arrivals;
    /** Tokens: "N", "uniform:A-B" or "lognormal:MEDIAN,SIGMA" (rounded, at least 1). Not used with
     * a trace. */
    const char *prompt, *output;
    int64_t requests; /**< of a trace: at most so many; 0 = all */
    uint64_t seed;
} sz_traffic_options;

typedef struct sz_traffic_request {
    double arrival_s;
    int64_t prompt, output; /**< tokens */
} sz_traffic_request;

typedef struct sz_traffic sz_traffic;
SZ_API sz_status sz_traffic_create(sz_ctx *ctx, const sz_traffic_options *options,
                                   sz_traffic **ret_traffic) SZ_MUST_USE;
SZ_API void sz_traffic_destroy(sz_traffic *traffic); /**< NULL is fine */
SZ_API size_t sz_traffic_count(const sz_traffic *traffic);
SZ_API sz_traffic_request sz_traffic_at(const sz_traffic *traffic, size_t i);
/** Requests per second: as asked, or of a trace (requests - 1) / (last - first arrival); 0 where
 * all come at once. */
SZ_API double sz_traffic_rate(const sz_traffic *traffic);

/** How a server chooses the work of a step. */
typedef enum sz_serving_policy {
    /** A batch waits until it is full, and the next one until all of it has ended. The last batch
     * starts when nobody else will come. */
    SZ_SERVE_STATIC,
    /** New prompts first, whole; else a token for everyone. */
    SZ_SERVE_CONTINUOUS,
    /** A token for everyone first; what is left of a budget of tokens goes to pieces of prompts. */
    SZ_SERVE_CHUNKED,
    /** Prompts and tokens on different devices, the cache goes over a link in between. */
    SZ_SERVE_DISAGGREGATED
} sz_serving_policy;

typedef struct sz_serve_options {
    sz_serving_policy policy;
    int64_t max_batch;    /**< sequences at a time, of each device; of a static batch: its size */
    int64_t budget;       /**< tokens of a step: chunked; of prompts in a step: the others, where a
                               longer prompt goes alone. 0 = no limit */
    int64_t cache_tokens; /**< room of a device; 0 = no limit */
    int64_t page_tokens;  /**< the cache is given out in pages of so many; 0 = 16 */
    double cache_byte_per_token;
    double swap_byte_per_s; /**< > 0: a sequence without room goes over this link and comes back;
                                 0: what it had is computed again */
    double link_s, link_byte_per_s; /**< disaggregated: start of a transfer, and its rate */
    int64_t prefill_devices, decode_devices; /**< disaggregated; 0 = 1 */
    double prefix_hit; /**< share of a prompt that is in the cache already, 0 to below 1 */
    double slo_ttft_s, slo_tpot_s; /**< promise of a request; 0 = none */
    double watts;                  /**< of all devices while they work; 0 = not known */
    double rate_factor;            /**< gaps are divided by it; 0 = 1 */
} sz_serve_options;

/** "static:B", "continuous", "chunked:T", "disaggregated" or "disaggregated:P,D". Sets policy, and
 * max_batch, budget or devices where the text says them. */
SZ_API sz_status sz_serve_policy(sz_ctx *ctx, const char *text,
                                 sz_serve_options *options) SZ_MUST_USE;

/** Nearest-rank percentiles. No values: all are 0. */
typedef struct sz_serve_spread {
    double p50, p90, p95, p99, mean, max;
    int64_t n;
} sz_serve_spread;

typedef struct sz_serve_result {
    int64_t requests, refused;            /**< refused: they can never fit into the cache */
    int64_t prompt_tokens, output_tokens; /**< of requests that ended */
    int64_t computed_tokens; /**< of prompts, with what was computed again, without hits */
    int64_t steps, preemptions, swaps; /**< swaps are preemptions too */
    double makespan_s;                 /**< first arrival to last token */
    sz_serve_spread ttft_s, tpot_s;    /**< tpot_s: of requests with two tokens or more */
    sz_serve_spread itl_s; /**< gap between two tokens of a request; percentiles to 0.4 % */
    sz_serve_spread e2e_s;
    double rate_per_s;                   /**< asked for: requests that come per second */
    double requests_per_s, tokens_per_s; /**< done, over makespan_s */
    double goodput_per_s, slo_share; /**< requests that kept the promise; share of all that came */
    double cache_mean, cache_peak;   /**< share of all pages; NaN without a limit */
    int64_t cache_peak_tokens;       /**< in pages that were given out */
    double queue_mean, in_system_mean; /**< over time: waiting; waiting or served or on a link */
    int64_t queue_peak;
    double busy;            /**< share of the time of all devices */
    double joule_per_token; /**< of output; NaN where watts are not known */
} sz_serve_result;

/** One bucket of what happened over time. Means are over its time. */
typedef struct sz_serve_moment {
    double from_s, to_s;
    double cache_tokens, waiting, running;
} sz_serve_moment;

typedef struct sz_serve_times {
    double ttft_s, tpot_s, e2e_s, itl_max_s; /**< NaN where there is none */
    int64_t preemptions;
} sz_serve_times;

typedef struct sz_serve sz_serve;
/** Requests that can never fit give a warning; SZ_ERR_INPUT when that is true of all. */
SZ_API sz_status sz_serve_create(sz_ctx *ctx, const sz_traffic *traffic, const sz_step_model *model,
                                 const sz_serve_options *options, sz_serve **ret_serve) SZ_MUST_USE;
SZ_API void sz_serve_destroy(sz_serve *serve); /**< NULL is fine */
SZ_API sz_serve_result sz_serve_summary(const sz_serve *serve);
SZ_API sz_serve_times sz_serve_request(const sz_serve *serve, size_t i);
SZ_API size_t sz_serve_moment_count(const sz_serve *serve); /**< at most 1024 */
SZ_API sz_serve_moment sz_serve_moment_at(const sz_serve *serve, size_t i);

/** The highest rate at which at least `share` (0 = 0.99) of the requests keep the promise of
 * `options`, to 0.5 %, found by bisection over the same requests with their gaps stretched.
 * 0: not even requests that come one by one keep it. +infinity: all of them at once keep it. */
SZ_API sz_status sz_serve_best_rate(sz_ctx *ctx, const sz_traffic *traffic,
                                    const sz_step_model *model, const sz_serve_options *options,
                                    double share, double *ret_rate_per_s) SZ_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
