// SPDX-License-Identifier: Apache-2.0
// A rank that works for rank 0.
#include "explore/spread/spread.h"

#include "os/clock.h"

static const double FLUSH_S = 0.1; // what is done is sent at least as often, between two settings

typedef struct server {
    sz_ctx *ctx;
    const sz_ranks *r;
    const sz_space *space;
    const sz_evaluator *evaluator;
    char *in, *out; // a piece of work; its results
    size_t in_room, out_room;
    sz_parcel done; // of what lies in `out`
    size_t used;    // bytes of it
    double since_s; // when evaluating that began
    bool some_are_gone; // ranks, when all is over
} server;

static sz_status flush(server *s) {
    if (s->done.n == 0 && s->done.status == SZ_OK) return SZ_OK;
    s->done.seconds = sz_clock_s() - s->since_s;
    memcpy(s->out, &s->done, sizeof s->done);
    SZ_TRY(sz_ranks_said(s->r, s->r->call->post(s->out, s->used, 0, SZ_TAG_DONE), "sending"));
    s->done = (sz_parcel){.first = s->done.first + s->done.n};
    s->used = sizeof s->done;
    s->since_s = sz_clock_s();
    return SZ_OK;
}

// The sentence of a failure goes in place of a result, and ends the work of all.
static sz_status tell_failure(server *s, sz_status status) {
    SZ_TRY(flush(s));
    const char *words = sz_ctx_error(s->ctx);
    const size_t n = strnlen(words, s->out_room - s->used - 1);
    s->done.status = (int32_t)status;
    memcpy(s->out + s->used, words, n);
    s->used += n;
    return flush(s);
}

static sz_status some(server *s, const char *settings, size_t n, bool *ret_failed) {
    uint32_t rows[SZ_TOGETHER_MOST * SZ_SPACE_PARAMETERS];
    char whys[SZ_TOGETHER_MOST * SZ_WHY_SIZE];
    sz_metrics m[SZ_TOGETHER_MOST];
    memcpy(rows, settings, n * sz_space_parameters(s->space) * sizeof *rows);
    const sz_status status = sz_evaluate(s->ctx, s->evaluator, s->space, rows, n, m, whys);
    *ret_failed = status != SZ_OK;
    if (*ret_failed) return tell_failure(s, status);
    for (size_t i = 0; i < n; i++, s->done.n++)
        s->used += sz_result_pack(s->out + s->used, &m[i], whys + i * SZ_WHY_SIZE);
    return s->used > SZ_AT_ONCE || sz_clock_s() - s->since_s > FLUSH_S ? flush(s) : SZ_OK;
}

static sz_status work(server *s, const sz_parcel *p, bool *ret_failed) {
    const size_t row = sz_space_parameters(s->space) * sizeof(uint32_t);
    const size_t together = sz_evaluator_together(s->evaluator);
    s->done = (sz_parcel){.first = p->first};
    s->used = sizeof s->done;
    s->since_s = sz_clock_s();
    for (size_t i = 0, n; i < (size_t)p->n && !*ret_failed; i += n) {
        n = (size_t)p->n - i < together ? (size_t)p->n - i : together;
        SZ_TRY(some(s, s->in + sizeof *p + i * row, n, ret_failed));
    }
    return *ret_failed ? SZ_OK : flush(s);
}

// In the end, a line each.
static sz_status send_warnings(server *s) {
    size_t n = 0;
    for (size_t i = 0; i < sz_ctx_warning_count(s->ctx); i++) {
        const char *line = sz_ctx_warning(s->ctx, i);
        const size_t len = strlen(line) + 1;
        if (len > s->out_room - n) break;
        memcpy(s->out + n, line, len);
        n += len;
    }
    return sz_ranks_said(s->r, s->r->call->send(s->out, n, 0, SZ_TAG_RESULT), "sending");
}

// After a failure pieces that come are left alone until rank 0 says that it is over.
static sz_status serve(server *s) {
    bool failed = false;
    for (;;) {
        sz_parcel p;
        size_t n;
        SZ_TRY(sz_ranks_wait(s->r, s->in, s->in_room, 0, SZ_TAG_WORK, NULL, NULL, &n));
        memcpy(&p, s->in, sizeof p);
        if (p.n == 0) {
            s->some_are_gone = p.status != SZ_OK;
            return send_warnings(s);
        }
        if (!failed) SZ_TRY(work(s, &p, &failed));
    }
}

sz_status sz_explore_serve(sz_ctx *ctx, sz_ranks *ranks, const sz_space *space,
                           const sz_evaluator *evaluator) {
    server s = {.ctx = ctx, .r = ranks, .space = space, .evaluator = evaluator};
    sz_hello hello;
    sz_hello_of(space, evaluator, &hello);
    SZ_TRY(
        sz_ranks_said(ranks, ranks->call->send(&hello, sizeof hello, 0, SZ_TAG_DONE), "sending"));
    s.in_room = sizeof(sz_parcel) + SZ_CHUNK_MOST * sz_space_parameters(space) * sizeof(uint32_t);
    s.out_room = sizeof(sz_parcel) + (SZ_CHUNK_MOST + 1) * (size_t)SZ_RESULT_BYTES;
    s.in = sz_alloc(ctx, s.in_room);
    s.out = sz_alloc(ctx, s.out_room);
    const sz_status status = s.in && s.out ? serve(&s) : sz_no_memory(ctx);
    ranks->some_are_gone = s.some_are_gone;
    sz_free(ctx, s.in, s.in_room);
    sz_free(ctx, s.out, s.out_room);
    return status;
}

sz_status sz_explore_send_record(sz_ranks *ranks, const char *record, size_t size) {
    sz_record_part part;
    for (size_t at = 0, n; at < size; at += n) {
        n = size - at < SZ_AT_ONCE ? size - at : SZ_AT_ONCE;
        part.left = (int64_t)(size - at - n);
        memcpy(part.bytes, record + at, n);
        SZ_TRY(sz_ranks_said(
            ranks, ranks->call->post(&part, offsetof(sz_record_part, bytes) + n, 0, SZ_TAG_RECORD),
            "sending"));
    }
    return SZ_OK;
}
