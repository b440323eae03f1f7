// SPDX-License-Identifier: Apache-2.0
// The loop over events: steps that end, caches that come over the link, requests that arrive.
#include "predict/serving/engine.h"

#include <math.h>

// ---- who waits ---------------------------------------------------------------------------------

void sz_waiting_back(sz_waiting *w, int32_t id) {
    size_t at = w->first + w->n++;
    w->ids[at < w->cap ? at : at - w->cap] = id;
}

void sz_waiting_front(sz_waiting *w, int32_t id) {
    w->first = (w->first ? w->first : w->cap) - 1;
    w->ids[w->first] = id;
    w->n++;
}

int32_t sz_waiting_take(sz_waiting *w) {
    const int32_t id = w->ids[w->first];
    w->first = w->first + 1 < w->cap ? w->first + 1 : 0;
    w->n--;
    return id;
}

// ---- caches on the link: a heap by time, then id -----------------------------------------------

static bool sooner(const sz_serve *s, int32_t a, int32_t b) {
    const double x = s->seqs[a].ready_s, y = s->seqs[b].ready_s;
    return x != y ? x < y : a < b;
}

static void link_push(sz_serve *s, int32_t id) {
    size_t i = s->n_moving++;
    for (; i > 0 && sooner(s, id, s->moving[(i - 1) / 2]); i = (i - 1) / 2)
        s->moving[i] = s->moving[(i - 1) / 2];
    s->moving[i] = id;
}

static int32_t link_pop(sz_serve *s) {
    const int32_t top = s->moving[0], last = s->moving[--s->n_moving];
    size_t i = 0;
    for (size_t k = 1; k < s->n_moving; k = 2 * i + 1) {
        if (k + 1 < s->n_moving && sooner(s, s->moving[k + 1], s->moving[k])) k++;
        if (!sooner(s, s->moving[k], last)) break;
        s->moving[i] = s->moving[k];
        i = k;
    }
    s->moving[i] = last;
    return top;
}

// ---- a step ends -------------------------------------------------------------------------------

static void emit(sz_serve *s, sz_seq *q) {
    if (q->made++ == 0) {
        q->first_s = s->now_s;
    } else {
        const double gap = s->now_s - q->last_s;
        sz_gaps_add(&s->gaps, gap);
        if (gap > q->itl_max_s) q->itl_max_s = gap;
    }
    q->last_s = s->now_s;
    q->target = q->cached;
    if (q->made == q->output) s->ended++, s->in_system--;
}

// Does it stay on the device?
static bool stays(sz_serve *s, const sz_device *d, int32_t id) {
    sz_seq *q = &s->seqs[id];
    if (q->made == q->output) return s->o.policy == SZ_SERVE_STATIC;
    if (s->o.policy != SZ_SERVE_DISAGGREGATED || d->stage || q->made == 0) return true;
    const double bytes = (double)q->cached * s->o.cache_byte_per_token;
    q->ready_s = s->now_s + s->o.link_s +
                 (s->o.link_byte_per_s > 0 ? bytes / s->o.link_byte_per_s : 0);
    link_push(s, id);
    return false;
}

static bool batch_ended(const sz_serve *s, const sz_device *d) {
    for (size_t i = 0; i < d->n; i++)
        if (s->seqs[d->running[i]].made < s->seqs[d->running[i]].output) return false;
    return true;
}

static void leave(sz_serve *s, sz_device *d) {
    size_t kept = 0;
    const bool all = s->o.policy == SZ_SERVE_STATIC && batch_ended(s, d);
    for (size_t i = 0; i < d->n; i++) {
        const int32_t id = d->running[i];
        sz_seq *q = &s->seqs[id];
        if (!all && stays(s, d, id)) {
            d->running[kept++] = id;
            continue;
        }
        d->pages -= q->pages;
        q->pages = 0;
    }
    d->n = kept;
}

static void step_ends(sz_serve *s, sz_device *d) {
    const size_t before = s->ended;
    bool first = false;
    for (size_t i = 0; i < d->n; i++) {
        sz_seq *q = &s->seqs[d->running[i]];
        if (q->decodes) {
            q->cached++;
            q->decodes = false;
            emit(s, q);
        } else if (q->chunk) {
            q->cached += q->chunk;
            s->result.computed_tokens += q->chunk;
            q->chunk = 0;
            if (q->cached == q->target) emit(s, q), first = true;
        }
    }
    d->until_s = INFINITY;
    if (s->ended != before || (first && s->o.policy == SZ_SERVE_DISAGGREGATED)) leave(s, d);
}

// ---- events ------------------------------------------------------------------------------------

static double next_event(const sz_serve *s) {
    double t = s->next < s->n ? s->seqs[s->next].arrival_s : INFINITY;
    if (s->n_moving && s->seqs[s->moving[0]].ready_s < t) t = s->seqs[s->moving[0]].ready_s;
    for (size_t i = 0; i < s->n_devices; i++)
        if (s->devices[i].until_s < t) t = s->devices[i].until_s;
    return t;
}

static void pass_time(sz_serve *s, double to_s) {
    const double dt = to_s - s->now_s;
    size_t running = 0;
    int64_t pages = 0;
    for (size_t i = 0; i < s->n_devices; i++)
        running += s->devices[i].n, pages += s->devices[i].pages;
    const double waiting = (double)(s->waiting[0].n + s->waiting[1].n);
    s->queue_area += dt * waiting;
    s->system_area += dt * (double)s->in_system;
    s->page_area += dt * (double)pages;
    if (dt > 0)
        sz_moments_add(&s->moments, s->now_s, to_s, (double)(pages * s->o.page_tokens), waiting,
                       (double)running);
    s->now_s = to_s;
}

static void arrive(sz_serve *s) {
    sz_seq *q = &s->seqs[s->next];
    const int64_t most = sz_serve_pages(s, q->prompt + q->output - 1);
    if (most > s->page_cap) {
        q->refused = true;
        s->refused++;
        s->ended++;
    } else {
        s->in_system++;
        sz_waiting_back(&s->waiting[0], (int32_t)s->next);
    }
    s->next++;
}

// All that happens now: steps end before caches come, and those before requests.
static void happen(sz_serve *s) {
    for (size_t i = 0; i < s->n_devices; i++)
        if (s->devices[i].until_s <= s->now_s) step_ends(s, &s->devices[i]);
    while (s->n_moving && s->seqs[s->moving[0]].ready_s <= s->now_s)
        sz_waiting_back(&s->waiting[1], link_pop(s));
    while (s->next < s->n && s->seqs[s->next].arrival_s <= s->now_s) arrive(s);
}

static sz_status start_step(sz_serve *s, sz_device *d) {
    sz_serving_step step;
    d->swap_bytes = 0;
    if (!sz_serve_plan(s, d, &step)) return SZ_OK;
    double seconds = s->model.seconds(s->model.self, &step);
    if (d->swap_bytes > 0) seconds += d->swap_bytes / s->o.swap_byte_per_s;
    if (!(seconds >= 0 && seconds < 1e12))
        return sz_fail(s->ctx, SZ_ERR_INPUT,
                       "a step of %lld prompt tokens and %lld sequences would take %g s",
                       (long long)step.prompt_tokens, (long long)step.decodes, seconds);
    d->until_s = s->now_s + seconds;
    d->busy_s += seconds;
    s->result.steps++;
    return SZ_OK;
}

static void note_peaks(sz_serve *s) {
    int64_t pages = 0;
    for (size_t i = 0; i < s->n_devices; i++) pages += s->devices[i].pages;
    const int64_t tokens = pages * s->o.page_tokens;
    const int64_t waiting = (int64_t)(s->waiting[0].n + s->waiting[1].n);
    if (tokens > s->result.cache_peak_tokens) s->result.cache_peak_tokens = tokens;
    if (waiting > s->result.queue_peak) s->result.queue_peak = waiting;
}

sz_status sz_serve_run(sz_serve *s) {
    while (s->ended < s->n) {
        const double t = next_event(s);
        if (!isfinite(t))
            return sz_fail(s->ctx, SZ_ERR_INTERNAL, "%zu requests never end", s->n - s->ended);
        pass_time(s, t);
        happen(s);
        for (size_t i = 0; i < s->n_devices; i++)
            if (!isfinite(s->devices[i].until_s)) SZ_TRY(start_step(s, &s->devices[i]));
        note_peaks(s);
    }
    return SZ_OK;
}
