// SPDX-License-Identifier: Apache-2.0
// Rank 0 and the others: who gets what, what came back, who was lost.
#include "explore/spread/lead.h"

#include <math.h>

#include "os/clock.h"

// A piece is some 20 ms of work, so that messages cost nothing and the end comes at once.
static const double PIECE_S = 0.02, LOOK_S = 0.5, LAST_WORDS_S = 10;
enum { MOST_LOSSES = 2 };

static bool has_rank(const sz_lead *l, int rank) { return !l->workers[rank].is_lost; }

// ---- who is there ------------------------------------------------------------------------------

static sz_status greet_one(sz_lead *l, int rank, const sz_hello *mine) {
    sz_worker *w = &l->workers[rank];
    sz_hello theirs;
    SZ_TRY(sz_ranks_wait(l->r, &theirs, sizeof theirs, rank, SZ_TAG_DONE, NULL, NULL, NULL));
    w->process = theirs.process;
    w->process.boot[sizeof w->process.boot - 1] = '\0';
    w->is_near = sz_process_is_near(&w->process);
    w->is_there = true;
    w->heard_s = sz_clock_s();
    if (memcmp(theirs.space, mine->space, sizeof mine->space) == 0) return SZ_OK;
    return sz_fail(l->ctx, SZ_ERR_INPUT,
                   "rank %d reads another space than rank 0: give all of them the same words and "
                   "files",
                   rank);
}

sz_status sz_lead_greet(sz_lead *l) {
    sz_hello mine;
    sz_hello_of(l->space, &mine);
    for (int i = 1; i < l->r->count; i++) SZ_TRY(greet_one(l, i, &mine));
    return SZ_OK;
}

// ---- work goes out -----------------------------------------------------------------------------

// Guided: a share of what is left, so that pieces shrink towards the end, and no more than PIECE_S.
static int32_t piece_size(const sz_lead *l, const sz_worker *w) {
    const double ranks = (double)(l->r->count - l->spread.lost);
    const double share = ceil((double)(l->proposed - l->open) / (2 * ranks));
    const double timely = w->seconds_each > 0 ? PIECE_S / w->seconds_each : 1;
    return (int32_t)fmax(1, fmin(fmin(share, timely), SZ_CHUNK_MOST));
}

// The numbers of the next piece: one that a lost rank had goes alone, so that it can't take others
// down with it.
static bool next_piece(sz_lead *l, const sz_worker *w, sz_piece *ret) {
    if (l->again.n > 0) {
        *ret = (sz_piece){.first = l->again.items[--l->again.n], .n = 1};
        l->spread.again++;
        return true;
    }
    if (l->open == l->proposed) return false;
    *ret = (sz_piece){.first = l->open, .n = piece_size(l, w)};
    l->open += ret->n;
    return true;
}

static sz_status send_piece(sz_lead *l, int rank, const sz_piece *piece) {
    const size_t row = sz_space_parameters(l->space) * sizeof(uint32_t);
    const sz_parcel p = {.first = piece->first, .n = piece->n};
    memcpy(l->buffer, &p, sizeof p);
    for (int32_t i = 0; i < piece->n; i++) {
        sz_case_of(l, piece->first + i)->state = SZ_CASE_GIVEN;
        memcpy(l->buffer + sizeof p + (size_t)i * row, sz_setting_of(l, piece->first + i), row);
    }
    l->spread.chunks++;
    return sz_ranks_said(
        l->r, l->r->call->post(l->buffer, sizeof p + (size_t)piece->n * row, rank, SZ_TAG_WORK),
        "sending");
}

static sz_status lose(sz_lead *l, int rank);

sz_status sz_lead_feed(sz_lead *l) {
    for (int ahead = 1; ahead <= SZ_AHEAD; ahead++)
        for (int i = 1; i < l->r->count; i++) {
            sz_worker *w = &l->workers[i];
            sz_piece piece;
            if (!has_rank(l, i) || w->n_pieces >= ahead || !next_piece(l, w, &piece)) continue;
            if (w->n_pieces == 0) w->heard_s = sz_clock_s(); // silent without work is no loss
            w->pieces[w->n_pieces++] = piece;
            if (send_piece(l, i, &piece) != SZ_OK) SZ_TRY(lose(l, i));
        }
    return SZ_OK;
}

// ---- results come back -------------------------------------------------------------------------

static sz_status take_failure(sz_lead *l, const sz_parcel *p, const char *words, size_t n) {
    char text[1024];
    if (l->failed != SZ_OK) return SZ_OK;
    l->failed = (sz_status)p->status;
    if (n >= sizeof text) n = sizeof text - 1;
    memcpy(text, words, n);
    text[n] = '\0';
    return sz_fail(l->ctx, l->failed, "%s", text);
}

static sz_status garbled(sz_lead *l, int rank) {
    return sz_fail(l->ctx, SZ_ERR_INPUT, "rank %d sent results that cannot be read", rank);
}

// The first piece of a rank is the one it is at.
static void count_done(sz_worker *w, int32_t n) {
    if (w->n_pieces == 0) return;
    w->pieces[0].done += n;
    if (w->pieces[0].done < w->pieces[0].n) return;
    w->n_pieces--;
    memmove(&w->pieces[0], &w->pieces[1], (size_t)w->n_pieces * sizeof w->pieces[0]);
}

static void keep_pace(sz_worker *w, int32_t n, double now) {
    const double each = n > 0 ? (now - w->heard_s) / n : 0;
    if (each > 0) w->seconds_each = w->seconds_each > 0 ? (w->seconds_each + each) / 2 : each;
}

static sz_status take(sz_lead *l, int rank, size_t size) {
    sz_worker *w = &l->workers[rank];
    const double now = sz_clock_s();
    sz_parcel p;
    if (size < sizeof p) return garbled(l, rank);
    memcpy(&p, l->buffer, sizeof p);
    if (p.status != SZ_OK) return take_failure(l, &p, l->buffer + sizeof p, size - sizeof p);
    size_t at = sizeof p;
    for (int32_t i = 0; i < p.n; i++) {
        sz_metrics m;
        char why[SZ_WHY_SIZE];
        const int64_t number = p.first + i;
        const size_t used = sz_result_unpack(l->buffer + at, size - at, &m, why);
        if (used == 0 || number < 0 || number >= l->proposed) return garbled(l, rank);
        at += used;
        // A rank that was given up may be heard all the same: whoever came first counts.
        if (number < l->handed || sz_case_of(l, number)->state == SZ_CASE_DONE) continue;
        sz_case *c = sz_case_of(l, number);
        c->state = SZ_CASE_DONE;
        c->metrics = m;
        memcpy(c->why, why, sizeof why);
    }
    keep_pace(w, p.n, now);
    w->heard_s = now;
    if (!w->is_lost) count_done(w, p.n);
    return SZ_OK;
}

sz_status sz_lead_hear(sz_lead *l) {
    for (;;) {
        int from;
        size_t n;
        SZ_TRY(sz_ranks_said(l->r, l->r->call->probe(SZ_ANY_RANK, SZ_TAG_DONE, &from, &n),
                             "looking for a message"));
        if (from == SZ_ANY_RANK) return SZ_OK;
        if (n > l->room) return garbled(l, from);
        SZ_TRY(sz_ranks_said(l->r, l->r->call->receive(l->buffer, n, from, SZ_TAG_DONE, &n),
                             "receiving"));
        SZ_TRY(take(l, from, n));
    }
}

// ---- who was lost ------------------------------------------------------------------------------

static bool any_left(const sz_lead *l) {
    for (int i = 1; i < l->r->count; i++)
        if (has_rank(l, i)) return true;
    return false;
}

static void give_up(sz_case *c, const char *why) {
    c->state = SZ_CASE_DONE;
    sz_metrics_clear(&c->metrics);
    memcpy(c->why, why, strlen(why) + 1);
}

// Rank 0 does not evaluate what another rank may have died of: with it all would end.
static sz_status take_back(sz_lead *l, int64_t number, bool was_at_it) {
    sz_case *c = sz_case_of(l, number);
    if (number < l->handed || c->state == SZ_CASE_DONE) return SZ_OK;
    if (was_at_it) c->losses++;
    if (c->losses >= MOST_LOSSES)
        give_up(c, "two ranks were lost while they evaluated it");
    else if (!any_left(l))
        give_up(c, "the rank that evaluated it was lost, and no other is left");
    else
        return sz_vec_push(l->ctx, &l->again, number) ? SZ_OK : sz_no_memory(l->ctx);
    return SZ_OK;
}

static sz_status take_back_all(sz_lead *l) {
    for (size_t i = 0; i < l->again.n; i++) SZ_TRY(take_back(l, l->again.items[i], false));
    l->again.n = 0;
    return SZ_OK;
}

static sz_status lose(sz_lead *l, int rank) {
    sz_worker *w = &l->workers[rank];
    w->is_lost = true;
    l->spread.lost++;
    sz_warn(l->ctx, "rank %d (process %lld) was lost; others go on with its work", rank,
            (long long)w->process.number);
    for (int k = 0; k < w->n_pieces; k++)
        for (int32_t i = 0; i < w->pieces[k].n; i++)
            SZ_TRY(take_back(l, w->pieces[k].first + i, k == 0));
    w->n_pieces = 0;
    return any_left(l) ? SZ_OK : take_back_all(l);
}

static bool is_gone(const sz_lead *l, const sz_worker *w, double now) {
    if (w->is_near && !sz_process_lives(&w->process)) return true;
    return w->n_pieces > 0 && now - w->heard_s > l->silence_s;
}

sz_status sz_lead_look(sz_lead *l) {
    const double now = sz_clock_s();
    if (now - l->looked_s < LOOK_S) return SZ_OK;
    l->looked_s = now;
    for (int i = 1; i < l->r->count; i++) {
        if (!has_rank(l, i) || !is_gone(l, &l->workers[i], now)) continue;
        SZ_TRY(sz_lead_hear(l)); // what it sent before it died counts
        SZ_TRY(lose(l, i));
    }
    return SZ_OK;
}

static void warn_for(sz_lead *l, size_t n) {
    for (size_t at = 0; at < n;) {
        const size_t len = strnlen(l->buffer + at, n - at);
        if (len == n - at) return; // no end: not one of ours
        sz_warn(l->ctx, "%s", l->buffer + at);
        at += len + 1;
    }
}

// What each rank has to say besides. One that says nothing for long is not waited for.
static void hear_warnings(sz_lead *l, int rank) {
    const double until = sz_clock_s() + LAST_WORDS_S;
    while (sz_clock_s() < until) {
        int from;
        size_t n = 0;
        if (l->r->call->probe(rank, SZ_TAG_RESULT, &from, &n) != 0) return;
        if (from == SZ_ANY_RANK && l->workers[rank].is_near &&
            !sz_process_lives(&l->workers[rank].process))
            return;
        if (from == SZ_ANY_RANK) {
            sz_ranks_rest();
            continue;
        }
        if (n <= l->room && l->r->call->receive(l->buffer, n, rank, SZ_TAG_RESULT, &n) == 0)
            warn_for(l, n);
        return;
    }
}

void sz_lead_dismiss(sz_lead *l, bool is_well) {
    const sz_parcel over = {.n = 0};
    for (int i = 1; i < l->r->count; i++)
        if (l->workers[i].is_there) // also to one that was given up: it may live
            (void)l->r->call->post(&over, sizeof over, i, SZ_TAG_WORK);
    for (int i = 1; i < l->r->count && is_well; i++)
        if (l->workers[i].is_there && has_rank(l, i)) hear_warnings(l, i);
}
