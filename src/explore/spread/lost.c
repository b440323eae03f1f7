// SPDX-License-Identifier: Apache-2.0
// Ranks that were lost, and what becomes of the settings that they had.
#include "explore/spread/lead.h"

#include <stdio.h>

#include "os/child.h"
#include "os/clock.h"

static const double LOOK_S = 0.5;
enum { MOST_LOSSES = 2 };

bool sz_lead_any_left(const sz_lead *l) {
    for (int i = 1; i < l->r->count; i++)
        if (sz_lead_has(l, i)) return true;
    return false;
}

// ---- settings ----------------------------------------------------------------------------------

static void give_up(sz_case *c, const char *why) {
    c->state = SZ_CASE_DONE;
    sz_metrics_clear(&c->metrics);
    snprintf(c->why, sizeof c->why, "%s", why);
}

static sz_status take_back(sz_lead *l, int64_t number, bool was_at_it) {
    sz_case *c = sz_case_of(l, number);
    if (number < l->handed || c->state == SZ_CASE_DONE) return SZ_OK;
    if (was_at_it) c->losses++;
    if (c->losses < MOST_LOSSES)
        return sz_vec_push(l->ctx, &l->again, number) ? SZ_OK : sz_no_memory(l->ctx);
    give_up(c, "two ranks were lost while they evaluated it");
    return SZ_OK;
}

static void call_stand_in(sz_lead *l, const sz_worker *lost) {
    for (int i = 1; i < l->r->count; i++) {
        sz_worker *w = &l->workers[i];
        if (!w->is_idle || w->is_lost || strcmp(w->process.boot, lost->process.boot) != 0) continue;
        w->is_idle = false;
        l->spread.idle--, l->spread.ranks++;
        return;
    }
}

sz_status sz_lead_lose(sz_lead *l, int rank) {
    sz_worker *w = &l->workers[rank];
    w->is_lost = true;
    l->spread.lost++;
    sz_warn(l->ctx, "rank %d (process %lld) was lost; others go on with its work", rank,
            (long long)w->process.number);
    call_stand_in(l, w);
    for (int k = 0; k < w->n_pieces; k++)
        for (int32_t i = 0; i < w->pieces[k].n; i++)
            SZ_TRY(take_back(l, w->pieces[k].first + i, k == 0));
    w->n_pieces = 0;
    return SZ_OK;
}

static bool is_gone(const sz_lead *l, const sz_worker *w, double now) {
    if (w->is_near && !sz_process_lives(&w->process)) return true;
    return w->n_pieces > 0 && now - w->heard_s > l->how.silence_s;
}

sz_status sz_lead_look(sz_lead *l) {
    const double now = sz_clock_s();
    if (now - l->looked_s < LOOK_S) return SZ_OK;
    l->looked_s = now;
    for (int i = 1; i < l->r->count; i++) {
        if (!sz_lead_has(l, i) || !is_gone(l, &l->workers[i], now)) continue;
        SZ_TRY(sz_lead_hear(l)); // what it sent before it died counts
        SZ_TRY(sz_lead_lose(l, i));
    }
    return SZ_OK;
}

// ---- apart -------------------------------------------------------------------------------------

typedef struct apart {
    const sz_lead *l;
    int64_t number;
} apart;

static sz_status evaluate(const apart *a, sz_metrics *ret, char *why) {
    return sz_evaluate(a->l->ctx, a->l->evaluator, a->l->space, sz_setting_of(a->l, a->number), 1,
                       ret, why);
}

// In the copy: the status, and a result or the sentence of a failure.
static void say(void *user, sz_buf *said) {
    char bytes[SZ_RESULT_BYTES], why[SZ_WHY_SIZE];
    sz_metrics m;
    const apart *a = user;
    const int32_t status = (int32_t)evaluate(a, &m, why);
    sz_buf_put(said, (const char *)&status, sizeof status);
    if (status == SZ_OK)
        sz_buf_put(said, bytes, sz_result_pack(bytes, &m, why));
    else
        sz_buf_puts(said, sz_ctx_error(a->l->ctx));
}

static sz_status hear(sz_lead *l, sz_case *c, const sz_buf *said) {
    int32_t status;
    const size_t head = sizeof status;
    if (said->size < head) return sz_no_memory(l->ctx);
    memcpy(&status, said->data, head);
    if (status != SZ_OK)
        return sz_fail(l->ctx, (sz_status)status, "%.*s", (int)(said->size - head),
                       said->data + head);
    if (sz_result_unpack(said->data + head, said->size - head, &c->metrics, c->why) == 0)
        give_up(c, "its results cannot be read");
    return SZ_OK;
}

// With this process all would end. What is measured runs in a process of its own anyway.
sz_status sz_lead_work_apart(sz_lead *l) {
    apart a = {l, l->again.items[--l->again.n]};
    sz_case *c = sz_case_of(l, a.number);
    int ended_by = 0;
    sz_buf said;
    c->state = SZ_CASE_DONE;
    l->spread.again++;
    if (l->evaluator->machine) return evaluate(&a, &c->metrics, c->why);
    sz_buf_init(&said, l->ctx);
    sz_status status = SZ_OK;
    if (sz_child_copy(l->ctx, say, &a, l->how.silence_s, &said, &ended_by) != SZ_OK)
        give_up(c, sz_ctx_error(l->ctx));
    else if (ended_by != 0)
        give_up(c, "a rank and then a process were lost while they evaluated it");
    else
        status = hear(l, c, &said);
    sz_buf_finish(&said);
    return status;
}
