// SPDX-License-Identifier: Apache-2.0
// What was measured between ranks, as links of a machine.
#include "machine/network/network.h"

#include <stdio.h>

#include "machine/measure/verdict.h"

static bool is_of_network(const sz_full_link *l) { return l->scope.level != NULL; }

void sz_network_clear(sz_machine *m) {
    size_t kept = 0;
    for (size_t i = 0; i < m->links.n; i++) {
        sz_full_link *l = &m->links.items[i];
        if (is_of_network(l)) {
            sz_vec_finish(m->ctx, &l->segments);
            sz_vec_finish(m->ctx, &l->messages);
        } else {
            m->links.items[kept++] = *l;
        }
    }
    m->links.n = kept;
}

static const char *next_step_of(sz_verdict v) {
    if (v == SZ_CONTENDED) return "stop what else runs, or start fewer ranks on each node";
    return v == SZ_VALID ? NULL : sz_verdict_next_step(v);
}

static sz_message message_of(const sz_exchange *x, const sz_team *team, const sz_taken *t) {
    const double rate = (double)t->bytes / t->median_s;
    return (sz_message){.bytes = t->bytes,
                        .median_s = t->median_s,
                        .ci_lo_s = t->ci_lo_s,
                        .ci_hi_s = t->ci_hi_s,
                        .min_s = t->min_s,
                        .n = t->n,
                        .calls = t->calls,
                        .spread = t->spread,
                        .algorithm_byte_per_s = rate,
                        .bus_byte_per_s = rate * sz_exchange_factor(x, team->n),
                        .verdict = sz_verdict_name((sz_verdict)t->verdict),
                        .next_step = next_step_of((sz_verdict)t->verdict)};
}

static sz_status add_messages(sz_machine *m, sz_full_link *l, const sz_exchange *x,
                              const sz_team *team, const sz_taken *taken, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (taken[i].n == 0) continue;
        const sz_message one = message_of(x, team, &taken[i]);
        if (!sz_vec_push(m->ctx, &l->messages, one)) return sz_no_memory(m->ctx);
    }
    return SZ_OK;
}

static sz_status add_segments(sz_machine *m, sz_full_link *l) {
    double bytes[SZ_MOST_SIZES], seconds[SZ_MOST_SIZES];
    sz_segment segments[SZ_MOST_SEGMENTS];
    const size_t n = l->messages.n;
    if (n < 2) return SZ_OK;
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (double)l->messages.items[i].bytes;
        seconds[i] = l->messages.items[i].median_s;
    }
    const size_t count = sz_fit_segments(bytes, seconds, n, segments);
    for (size_t i = 0; i < count; i++)
        if (!sz_vec_push(m->ctx, &l->segments, segments[i])) return sz_no_memory(m->ctx);
    return SZ_OK;
}

// The start is that of the shortest message, the rate that of the last line: what each byte more
// takes. Where no line has one, it is that of the longest message.
static void sum_up(sz_full_link *l, double factor) {
    const size_t n = l->messages.n;
    if (n == 0) return;
    const sz_message *first = &l->messages.items[0], *last = &l->messages.items[n - 1];
    const double rate = l->segments.n ? l->segments.items[l->segments.n - 1].byte_per_s : SZ_NAN;
    l->link.latency_s = first->median_s;
    l->link.latency_n = first->n, l->link.latency_spread = first->spread;
    l->link.byte_per_s = rate > 0 ? rate * factor : last->bus_byte_per_s;
    l->link.n = last->n, l->link.spread = last->spread;
}

static sz_status name_it(sz_machine *m, sz_full_link *l, const char *library, const sz_team *team,
                         const sz_exchange *x) {
    SZ_TRY(sz_machine_printf(m, &l->link.name, "%s, %s", x->name, team->what));
    return sz_machine_printf(m, &l->link.method, "%s, %s", library, x->line);
}

sz_status sz_network_add(sz_machine *m, const char *library, const sz_team *team,
                         const sz_exchange *x, const sz_taken *taken, size_t n) {
    sz_full_link l = {.link = {.latency_s = SZ_NAN, .byte_per_s = SZ_NAN},
                      .scope = {sz_reach_name(team->reach), x->name, team->n, team->nodes}};
    sz_status status = name_it(m, &l, library, team, x);
    if (status == SZ_OK) status = add_messages(m, &l, x, team, taken, n);
    if (status == SZ_OK) status = add_segments(m, &l);
    sum_up(&l, sz_exchange_factor(x, team->n));
    if (status == SZ_OK && !sz_vec_push(m->ctx, &m->links, l)) status = sz_no_memory(m->ctx);
    if (status == SZ_OK) return SZ_OK;
    sz_vec_finish(m->ctx, &l.segments);
    sz_vec_finish(m->ctx, &l.messages);
    return status;
}

// ---- from an earlier measurement ----------------------------------------------------------------

static bool copy_messages(sz_machine *m, sz_full_link *to, const sz_full_link *from) {
    for (size_t i = 0; i < from->segments.n; i++)
        if (!sz_vec_push(m->ctx, &to->segments, from->segments.items[i])) return false;
    for (size_t i = 0; i < from->messages.n; i++) {
        sz_message one = from->messages.items[i];
        one.verdict = sz_machine_text(m, one.verdict);
        one.next_step = sz_machine_text(m, one.next_step);
        if (!sz_vec_push(m->ctx, &to->messages, one)) return false;
    }
    return true;
}

static sz_status copy_link(sz_machine *m, const sz_full_link *from) {
    sz_full_link l = {.link = from->link, .scope = from->scope};
    l.link.name = sz_machine_text(m, l.link.name);
    l.link.method = sz_machine_text(m, l.link.method);
    l.scope.level = sz_machine_text(m, l.scope.level);
    l.scope.exchange = sz_machine_text(m, l.scope.exchange);
    const bool has_words = l.link.name && l.scope.level && l.scope.exchange;
    if (has_words && copy_messages(m, &l, from) && sz_vec_push(m->ctx, &m->links, l)) return SZ_OK;
    sz_vec_finish(m->ctx, &l.segments);
    sz_vec_finish(m->ctx, &l.messages);
    return sz_no_memory(m->ctx);
}

sz_status sz_machine_keep_network(sz_ctx *ctx, sz_machine *m, const sz_machine *before) {
    (void)ctx;
    sz_network_clear(m);
    for (size_t i = 0; i < before->links.n; i++)
        if (is_of_network(&before->links.items[i])) SZ_TRY(copy_link(m, &before->links.items[i]));
    return SZ_OK;
}

// ---- what the public header says ---------------------------------------------------------------

sz_link_scope sz_machine_link_scope(const sz_machine *m, size_t i) {
    return m->links.items[i].scope;
}
size_t sz_machine_segment_count(const sz_machine *m, size_t link) {
    return m->links.items[link].segments.n;
}
sz_segment sz_machine_segment(const sz_machine *m, size_t link, size_t i) {
    return m->links.items[link].segments.items[i];
}
size_t sz_machine_message_count(const sz_machine *m, size_t link) {
    return m->links.items[link].messages.n;
}
sz_message sz_machine_message(const sz_machine *m, size_t link, size_t i) {
    return m->links.items[link].messages.items[i];
}
