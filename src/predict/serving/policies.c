// SPDX-License-Identifier: Apache-2.0
// What a device does next: admission, preemption, and the four policies. Pages of a prompt are
// taken when it is admitted, those of its tokens as they come.
#include "predict/serving/engine.h"

int64_t sz_serve_pages(const sz_serve *s, int64_t tokens) {
    return (tokens - 1) / s->o.page_tokens + 1;
}

// ---- in and out --------------------------------------------------------------------------------

// Tokens that it must have room for when it comes.
static int64_t room_for(const sz_serve *s, const sz_seq *q) {
    if (s->o.policy == SZ_SERVE_STATIC) return q->prompt + q->output - 1;
    return q->cached == q->target && q->made > 0 ? q->cached + 1 : q->target;
}

// The first that waits, if it fits; what is kept free lets those that run grow before they are
// preempted for it.
static sz_seq *admit(sz_serve *s, sz_device *d) {
    sz_waiting *w = &s->waiting[d->stage];
    if (!w->n || d->n >= s->batch_cap) return NULL;
    sz_seq *q = &s->seqs[w->ids[w->first]];
    const int64_t need = sz_serve_pages(s, room_for(s, q));
    const int64_t kept = d->n && s->o.policy != SZ_SERVE_STATIC ? s->watermark : 0;
    if (need > s->page_cap - d->pages - kept) return NULL;
    d->running[d->n++] = sz_waiting_take(w);
    q->pages = need;
    d->pages += need;
    if (q->swapped) d->swap_bytes += (double)q->cached * s->o.cache_byte_per_token;
    q->swapped = false;
    if (q->cached == 0) {
        q->cached = (int64_t)(s->o.prefix_hit * (double)q->prompt);
        if (q->cached >= q->target) q->cached = q->target - 1;
    }
    return q;
}

static void preempt_last(sz_serve *s, sz_device *d) {
    const int32_t id = d->running[--d->n];
    sz_seq *q = &s->seqs[id];
    d->pages -= q->pages;
    q->pages = q->chunk = 0;
    q->decodes = false;
    q->preempted++;
    s->result.preemptions++;
    if (s->o.swap_byte_per_s > 0) {
        q->swapped = true;
        s->result.swaps++;
        d->swap_bytes += (double)q->cached * s->o.cache_byte_per_token;
    } else {
        q->cached = 0;
        q->target = q->prompt + q->made;
    }
    sz_waiting_front(&s->waiting[d->stage], id);
}

// ---- the work of a step ------------------------------------------------------------------------

static void prompt_piece(sz_seq *q, int64_t tokens, sz_serving_step *step) {
    const double c = (double)tokens;
    q->chunk = tokens;
    step->prompt_tokens += tokens;
    step->prompt_pairs += c * (double)q->cached + c * (c + 1) / 2;
}

// A token for everyone whose prompt is in. The youngest go where pages are short; the oldest always
// has room in the end, since a request that can never fit was refused.
static bool decode(sz_serve *s, sz_device *d, sz_serving_step *step) {
    bool short_of = false;
    for (size_t i = 0; i < d->n; i++) {
        sz_seq *q = &s->seqs[d->running[i]];
        if (q->cached != q->target || q->made == q->output) continue;
        if (q->cached + 1 > q->pages * s->o.page_tokens) {
            while (d->n > i && s->page_cap - d->pages < 1) preempt_last(s, d), short_of = true;
            if (d->n <= i) break;
            q->pages++;
            d->pages++;
        }
        q->decodes = true;
        step->decodes++;
        step->cached_tokens += q->cached + 1;
    }
    return short_of;
}

static void prompts(sz_serve *s, sz_device *d, sz_serving_step *step) {
    for (size_t i = 0; i < d->n; i++) {
        sz_seq *q = &s->seqs[d->running[i]];
        if (q->cached < q->target) prompt_piece(q, q->target - q->cached, step);
    }
}

// ---- policies ----------------------------------------------------------------------------------

static void plan_static(sz_serve *s, sz_device *d, sz_serving_step *step) {
    if (d->n == 0) {
        if (s->waiting[d->stage].n < s->batch_cap && s->next < s->n) return;
        while (admit(s, d)) continue;
    }
    prompts(s, d, step);
    if (!step->prompt_tokens) decode(s, d, step);
}

static void plan_prompts_first(sz_serve *s, sz_device *d, sz_serving_step *step) {
    const sz_waiting *w = &s->waiting[d->stage];
    for (int64_t tokens = 0; w->n;) {
        const sz_seq *q = &s->seqs[w->ids[w->first]];
        const int64_t more = q->target - q->cached;
        if (s->o.budget && tokens && tokens + more > s->o.budget) break;
        if (!admit(s, d)) break;
        tokens += more;
    }
    prompts(s, d, step);
    if (!step->prompt_tokens) decode(s, d, step);
}

static void plan_chunked(sz_serve *s, sz_device *d, sz_serving_step *step) {
    const bool short_of = decode(s, d, step);
    int64_t left = s->o.budget - step->decodes;
    for (size_t i = 0; i < d->n && left > 0; i++) {
        sz_seq *q = &s->seqs[d->running[i]];
        const int64_t missing = q->target - q->cached;
        if (missing <= 0) continue;
        prompt_piece(q, missing < left ? missing : left, step);
        left -= q->chunk;
    }
    while (left > 0 && !short_of) {
        sz_seq *q = admit(s, d);
        if (!q) break;
        const int64_t missing = q->target - q->cached;
        if (missing <= 0) { // it comes back from a swap, with its cache
            q->decodes = true;
            step->decodes++;
            step->cached_tokens += q->cached + 1;
            left--;
            continue;
        }
        prompt_piece(q, missing < left ? missing : left, step);
        left -= q->chunk;
    }
}

bool sz_serve_plan(sz_serve *s, sz_device *d, sz_serving_step *ret_step) {
    static void (*const plans[])(sz_serve *, sz_device *, sz_serving_step *) = {
        [SZ_SERVE_STATIC] = plan_static,
        [SZ_SERVE_CONTINUOUS] = plan_prompts_first,
        [SZ_SERVE_CHUNKED] = plan_chunked,
        [SZ_SERVE_DISAGGREGATED] = plan_prompts_first,
    };
    sz_serving_step step = {0};
    plans[s->o.policy](s, d, &step);
    *ret_step = step;
    return step.prompt_tokens > 0 || step.decodes > 0;
}
