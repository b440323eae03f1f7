// SPDX-License-Identifier: Apache-2.0
// The inside of a simulation: requests as they are served, devices, and what happens when.
//
// A device does one step at a time: a policy chooses the work, the step model says how long it
// takes, and at its end tokens are made. Between steps only arrivals, and caches that come over the
// link, happen; so the next event is the smallest of a few times, and a step allocates nothing.
#ifndef SZ_SERVING_ENGINE_H
#define SZ_SERVING_ENGINE_H

#include "predict/serving/traffic.h"

// A request. Invariant between steps: cached == target, or it is a prompt (or one to be computed
// again) of which target - cached tokens are missing; after the first token, target is
// prompt + made - 1: the last token was not put in yet.
typedef struct sz_seq {
    double arrival_s, first_s, last_s, ready_s, itl_max_s;
    int64_t prompt, output, made;
    int64_t cached, target; // tokens
    int64_t pages, chunk;   // chunk: of its prompt, in this step
    int32_t preempted;
    bool decodes, swapped, refused; // decodes: in this step
} sz_seq;

// Ids that wait, in a ring that has room for all requests.
typedef struct sz_waiting {
    int32_t *ids;
    size_t cap, first, n;
} sz_waiting;

typedef struct sz_device {
    int stage;        // 0: takes what arrives; 1: takes what stage 0 has made the first token of
    int32_t *running; // in order of admission
    size_t n;
    int64_t pages;
    double until_s; // end of its step; infinity: it has none
    double busy_s, swap_bytes;
} sz_device;

enum { SZ_MAX_DEVICES = 64, SZ_MOMENTS = 1024, SZ_GAP_BINS = 64 * 128 };

typedef struct sz_moments {
    sz_serve_moment all[SZ_MOMENTS]; // sums over time until they are read
    size_t n;
    int64_t stride, in_last; // events of a bucket, of the last one
} sz_moments;

void sz_moments_add(sz_moments *m, double from_s, double to_s, double cache, double waiting,
                    double running);

// Gaps between tokens: 128 bins per power of two from 2^-32 s on, by the bits of the number.
typedef struct sz_gaps {
    int64_t bins[SZ_GAP_BINS], n;
    double sum, max;
} sz_gaps;

void sz_gaps_add(sz_gaps *g, double gap_s);
sz_serve_spread sz_gaps_spread(const sz_gaps *g);

struct sz_serve {
    sz_ctx *ctx;
    sz_serve_options o;
    sz_step_model model;
    sz_seq *seqs;
    size_t n, next, ended, refused; // next: to arrive
    sz_device devices[SZ_MAX_DEVICES];
    size_t n_devices, batch_cap;
    int64_t page_cap, watermark; // of a device
    sz_waiting waiting[2];
    int32_t *moving; // heap of ids by ready_s: caches on the link
    size_t n_moving;
    double now_s, start_s;
    double queue_area, system_area, page_area;
    size_t in_system;
    sz_moments moments;
    sz_gaps gaps;
    sz_serve_result result;
};

// Pages of so many tokens.
int64_t sz_serve_pages(const sz_serve *s, int64_t tokens);

void sz_waiting_back(sz_waiting *w, int32_t id);
void sz_waiting_front(sz_waiting *w, int32_t id);
int32_t sz_waiting_take(sz_waiting *w);

// Chooses the work of the device's next step (chunk and decodes of what runs there), admits and
// preempts. False: there is nothing to do.
bool sz_serve_plan(sz_serve *s, sz_device *d, sz_serving_step *ret_step);

// From first arrival to last token.
sz_status sz_serve_run(sz_serve *s);

sz_status sz_serve_sum_up(sz_serve *s, const sz_traffic *traffic);

#endif
