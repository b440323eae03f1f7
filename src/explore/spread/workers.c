// SPDX-License-Identifier: Apache-2.0
// Rank 0 and the others: who gets what, what came back, who was lost.
#include "explore/spread/lead.h"

#include <math.h>

#include "os/clock.h"

// A rank has some 20 ms of work ahead, so that it need not wait and the end comes at once.
static const double AHEAD_S = 0.02, LAST_WORDS_S = 10;

// ---- who is there ------------------------------------------------------------------------------

// Where evaluations disturb each other, the first rank of a machine evaluates.
static bool has_twin(const sz_lead *l, int rank) {
    const sz_worker *w = &l->workers[rank];
    for (int i = 0; i < rank; i++)
        if (!l->workers[i].is_idle && strcmp(l->workers[i].process.boot, w->process.boot) == 0)
            return true;
    return false;
}

static sz_status check_hello(sz_lead *l, int rank, const sz_hello *theirs, const sz_hello *mine) {
    if (memcmp(theirs->space, mine->space, sizeof mine->space) != 0)
        return sz_fail(l->ctx, SZ_ERR_INPUT,
                       "rank %d reads another space than rank 0: give all of them the same words "
                       "and files",
                       rank);
    if (memcmp(theirs->machine, mine->machine, sizeof mine->machine) != 0)
        return sz_fail(l->ctx, SZ_ERR_INPUT,
                       "rank %d is on another machine than rank 0 (fingerprints %.16s and %.16s), "
                       "and what both measure can't be compared: start ranks on machines of one "
                       "kind",
                       rank, theirs->machine, mine->machine);
    return SZ_OK;
}

static sz_status greet_one(sz_lead *l, int rank, const sz_hello *mine) {
    sz_worker *w = &l->workers[rank];
    sz_hello theirs;
    SZ_TRY(sz_ranks_wait(l->r, &theirs, sizeof theirs, rank, SZ_TAG_DONE, NULL, NULL, NULL));
    w->process = theirs.process;
    w->process.boot[sizeof w->process.boot - 1] = '\0';
    w->is_near = sz_process_is_near(&w->process);
    w->is_there = true;
    w->heard_s = sz_clock_s();
    w->is_idle = l->evaluator->machine && has_twin(l, rank);
    l->spread.idle += w->is_idle;
    l->spread.ranks -= w->is_idle;
    return check_hello(l, rank, &theirs, mine);
}

sz_status sz_lead_greet(sz_lead *l) {
    sz_hello mine;
    sz_hello_of(l->space, l->evaluator, &mine);
    l->workers[0].process = mine.process;
    for (int i = 1; i < l->r->count; i++) SZ_TRY(greet_one(l, i, &mine));
    return SZ_OK;
}

// ---- work goes out -----------------------------------------------------------------------------

// Guided: a share of what is left, so that pieces shrink towards the end. What is measured in turn
// goes together; to a search that listens, what is left is no end.
int32_t sz_lead_own_share(const sz_lead *l) {
    const double left = (double)(l->proposed - l->open);
    const double ranks = fmax(1, (double)(l->spread.ranks - l->spread.lost));
    const double group = (double)sz_evaluator_together(l->evaluator);
    const double share = ceil(left / (2 * ranks));
    if (group > 1) return (int32_t)fmax(1, fmin(l->proposer->told ? left : share, group));
    return (int32_t)fmax(1, fmin(share, SZ_CHUNK_MOST));
}

// What an MPI sends at once does not wait for this rank, which may be at a setting of its own.
static int32_t most_at_once(const sz_lead *l) {
    const size_t row = sz_space_parameters(l->space) * sizeof(uint32_t);
    return (int32_t)((SZ_AT_ONCE - sizeof(sz_parcel)) / (row > 0 ? row : 1));
}

static int32_t share_of(const sz_lead *l, const sz_worker *w) {
    const int32_t share = sz_lead_own_share(l);
    if (sz_evaluator_together(l->evaluator) > 1) return share;
    const double timely = w->seconds_each > 0 ? AHEAD_S / w->seconds_each : 1;
    return (int32_t)fmax(1, fmin(fmin(share, most_at_once(l)), timely));
}

static bool has_room(const sz_worker *w) {
    int64_t left = 0;
    if (w->n_pieces < SZ_AHEAD || w->n_pieces == SZ_AHEAD_MOST) return w->n_pieces < SZ_AHEAD;
    for (int i = 0; i < w->n_pieces; i++) left += w->pieces[i].n - w->pieces[i].done;
    return w->seconds_each > 0 && (double)left * w->seconds_each < AHEAD_S;
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
    *ret = (sz_piece){.first = l->open, .n = share_of(l, w)};
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

static sz_status feed(sz_lead *l, int rank) {
    sz_worker *w = &l->workers[rank];
    sz_piece piece;
    if (!next_piece(l, w, &piece)) return SZ_OK;
    if (w->n_pieces == 0) w->heard_s = sz_clock_s(); // silent without work is no loss
    w->pieces[w->n_pieces++] = piece;
    return send_piece(l, rank, &piece) == SZ_OK ? SZ_OK : sz_lead_lose(l, rank);
}

// Round by round: none has its second piece before all have their first.
sz_status sz_lead_feed(sz_lead *l) {
    for (int ahead = 0; ahead < SZ_AHEAD_MOST; ahead++)
        for (int i = 1; i < l->r->count; i++) {
            const sz_worker *w = &l->workers[i];
            if (sz_lead_has(l, i) && w->n_pieces <= ahead && has_room(w)) SZ_TRY(feed(l, i));
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

// By the rank's own clock: here several messages may be found at once.
static void keep_pace(sz_worker *w, const sz_parcel *p) {
    const double each = p->n > 0 ? p->seconds / p->n : 0;
    if (each > 0) w->seconds_each = w->seconds_each > 0 ? (w->seconds_each + each) / 2 : each;
}

static sz_status take(sz_lead *l, int rank, size_t size) {
    sz_worker *w = &l->workers[rank];
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
    keep_pace(w, &p);
    w->heard_s = sz_clock_s();
    if (!w->is_lost) count_done(w, p.n);
    return SZ_OK;
}

static sz_status take_record(sz_lead *l, int rank, const sz_record_part *part, size_t size) {
    sz_buf *record = &l->workers[rank].record;
    const size_t head = offsetof(sz_record_part, bytes);
    if (size <= head || size > sizeof *part || part->left < 0 ||
        record->size + (size - head) > SZ_RECORD_MOST)
        return garbled(l, rank);
    sz_buf_put(record, part->bytes, size - head);
    SZ_TRY(sz_buf_status(record));
    if (part->left > 0) return SZ_OK;
    const size_t whole = record->size;
    record->size = 0;
    return l->how.record ? l->how.record(l->how.user, record->data, whole) : SZ_OK;
}

static sz_status hear_records(sz_lead *l) {
    for (;;) {
        sz_record_part part;
        int from;
        size_t n;
        SZ_TRY(sz_ranks_said(l->r, l->r->call->probe(SZ_ANY_RANK, SZ_TAG_RECORD, &from, &n),
                             "looking for a message"));
        if (from == SZ_ANY_RANK) return SZ_OK;
        if (n > sizeof part) return garbled(l, from);
        SZ_TRY(sz_ranks_said(l->r, l->r->call->receive(&part, n, from, SZ_TAG_RECORD, &n),
                             "receiving"));
        SZ_TRY(take_record(l, from, &part, n));
    }
}

sz_status sz_lead_hear(sz_lead *l) {
    for (;;) {
        int from;
        size_t n;
        SZ_TRY(hear_records(l));
        SZ_TRY(sz_ranks_said(l->r, l->r->call->probe(SZ_ANY_RANK, SZ_TAG_DONE, &from, &n),
                             "looking for a message"));
        if (from == SZ_ANY_RANK) return SZ_OK;
        if (n > l->room) return garbled(l, from);
        SZ_TRY(sz_ranks_said(l->r, l->r->call->receive(l->buffer, n, from, SZ_TAG_DONE, &n),
                             "receiving"));
        SZ_TRY(take(l, from, n));
    }
}

// ---- the end -----------------------------------------------------------------------------------

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

// A record is sent before its results, but may be found after them.
sz_status sz_lead_dismiss(sz_lead *l, bool is_well) {
    const sz_parcel over = {.status = l->spread.lost > 0 ? SZ_ERR_UNAVAILABLE : SZ_OK};
    for (int i = 1; i < l->r->count; i++)
        if (l->workers[i].is_there) // also to one that was given up: it may live
            (void)l->r->call->post(&over, sizeof over, i, SZ_TAG_WORK);
    for (int i = 1; i < l->r->count && is_well; i++)
        if (l->workers[i].is_there && !l->workers[i].is_lost) hear_warnings(l, i);
    return hear_records(l);
}
