// SPDX-License-Identifier: Apache-2.0
// Measuring a network: which teams exchange what, one after the other. The ranks that do not take
// part sleep.
#include "machine/network/network.h"

#include <stdio.h>

const sz_exchange sz_exchanges[] = {
#define EXCHANGE(name, what, times, is_shared, line) {name, what, times, is_shared, line},
#include "machine/network/exchanges.def"
#undef EXCHANGE
};
const size_t sz_n_exchanges = sizeof sz_exchanges / sizeof sz_exchanges[0];

enum { LEAST_BYTES = 8, MOST_BYTES = 4 << 20, LIMIT_BYTES = 1 << 30 };
static const double BUDGET_S = 20;

double sz_exchange_factor(const sz_exchange *x, int64_t n) {
    const double share = x->is_shared ? (double)(n - 1) / (double)n : 1;
    return x->times * share;
}

int sz_list_exchange(size_t i, sz_exchange_row *ret_row) {
    if (i >= sz_n_exchanges) return 0;
    *ret_row = (sz_exchange_row){sz_exchanges[i].name, sz_exchanges[i].line};
    return 1;
}

typedef struct network_job {
    sz_ctx *ctx;
    sz_machine *m;
    const sz_ranks *r;
    const sz_network_options *options;
    sz_end *ends;  // of all ranks
    sz_team *team; // the one whose turn it is
    double series_s;
    int64_t least, most;
    size_t room; // of in and out
    char *in, *out;
} network_job;

static bool is_pair(const sz_exchange *x) { return x->what == SZ_SEND || x->what == SZ_STREAM; }

// Team k of the plan; false: not here. Pairs come first.
static bool team_of(const network_job *j, size_t k, bool *ret_pair, sz_team *ret) {
    *ret_pair = k < SZ_REACHES;
    if (k < SZ_REACHES) return sz_team_pair(j->ends, j->r->count, (sz_reach)k, ret);
    return sz_team_choose(j->ends, j->r->count, (sz_choice)(k - SZ_REACHES), ret);
}
enum { TEAMS = SZ_REACHES + SZ_CHOICES };

static int64_t series_count(const network_job *j) {
    int64_t n = 0;
    bool pair;
    for (size_t k = 0; k < TEAMS; k++)
        for (size_t i = 0; i < sz_n_exchanges && team_of(j, k, &pair, j->team); i++)
            n += is_pair(&sz_exchanges[i]) == pair;
    return n;
}

// Sizes that the team can share out: multiples of 4 bytes for each member.
static size_t sizes_of(const network_job *j, const sz_team *team, int64_t ret[SZ_MOST_SIZES]) {
    const int64_t unit = 4 * (int64_t)team->n;
    size_t n = 0;
    for (int64_t b = j->least; b <= j->most && n < SZ_MOST_SIZES; b *= 2) {
        const int64_t bytes = (b + unit - 1) / unit * unit;
        if (n == 0 || bytes > ret[n - 1]) ret[n++] = bytes;
    }
    return n;
}

static void say(const network_job *j, const char *name) {
    char what[96];
    if (!j->options->progress || j->r->self != 0) return;
    snprintf(what, sizeof what, "%s, %s", name, j->team->what);
    j->options->progress(j->options->user, what);
}

// The leader has the numbers, rank 0 keeps them.
static sz_status keep(const network_job *j, const sz_exchange *x, sz_taken *taken, size_t n) {
    const int leader = j->team->members[0];
    const size_t bytes = n * sizeof *taken;
    if (leader != 0 && j->r->self == leader)
        return sz_ranks_said(j->r, j->r->call->send(taken, bytes, 0, SZ_TAG_RESULT), "sending");
    if (j->r->self != 0) return SZ_OK;
    if (leader != 0)
        SZ_TRY(sz_ranks_wait(j->r, taken, bytes, leader, SZ_TAG_RESULT, NULL, NULL, NULL));
    return sz_network_add(j->m, j->r->library, j->team, x, taken, n);
}

static sz_status take(const network_job *j, const sz_exchange *x) {
    sz_taken taken[SZ_MOST_SIZES] = {{0}};
    sz_series s = {.r = j->r,
                   .team = j->team,
                   .exchange = x,
                   .budget_s = j->series_s,
                   .stop = j->options->stop,
                   .in = j->in,
                   .out = j->out};
    const bool mine = sz_team_index(j->team, j->r->self) >= 0;
    s.n = sizes_of(j, j->team, s.bytes);
    say(j, x->name);
    SZ_TRY(sz_ranks_said(j->r, j->r->call->split(mine ? 0 : -1, &s.group), "splitting"));
    if (mine) {
        SZ_TRY(sz_series_take(j->ctx, &s, taken));
        SZ_TRY(sz_ranks_said(j->r, j->r->call->leave(s.group), "leaving a group"));
    }
    return keep(j, x, taken, s.n);
}

static sz_status all_series(const network_job *j) {
    for (size_t k = 0; k < TEAMS; k++) {
        bool pair;
        if (!team_of(j, k, &pair, j->team)) continue;
        for (size_t i = 0; i < sz_n_exchanges; i++) {
            bool go_on = !(j->options->stop && *j->options->stop);
            if (is_pair(&sz_exchanges[i]) != pair) continue;
            SZ_TRY(sz_ranks_meet(j->r, &go_on));
            if (!go_on) return sz_fail(j->ctx, SZ_ERR_UNAVAILABLE, "stopped");
            SZ_TRY(take(j, &sz_exchanges[i]));
        }
    }
    bool unused = true;
    return sz_ranks_meet(j->r, &unused); // no one leaves while others still work
}

static sz_status measure(network_job *j) {
    sz_end self;
    sz_end_of_self("", &self);
    SZ_TRY(sz_ranks_gather(j->r, &self, sizeof self, j->ends));
    const double budget = j->options->budget_s > 0 ? j->options->budget_s : BUDGET_S;
    j->series_s = budget / (double)series_count(j);
    if (j->r->self == 0) sz_network_clear(j->m);
    return all_series(j);
}

static sz_status check_options(sz_ctx *ctx, const network_job *j) {
    if (j->r->count < 2)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                       "a network needs two ranks at least: start it with 'mpirun -n 2'");
    if (j->r->count > SZ_MOST_RANKS)
        return sz_fail(ctx, SZ_ERR_LIMIT, "%d ranks, the limit is %d", j->r->count, SZ_MOST_RANKS);
    if (j->least < 1 || j->least > j->most || j->most > LIMIT_BYTES)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "messages from %lld to %lld bytes: sizes rise, from 1 to %d",
                       (long long)j->least, (long long)j->most, LIMIT_BYTES);
    return SZ_OK;
}

sz_status sz_machine_measure_network(sz_ctx *ctx, sz_machine *machine, sz_ranks *ranks,
                                     const sz_network_options *options) {
    network_job j = {.ctx = ctx, .m = machine, .r = ranks, .options = options};
    j.least = options->least_bytes ? options->least_bytes : LEAST_BYTES;
    j.most = options->most_bytes ? options->most_bytes : MOST_BYTES;
    SZ_TRY(check_options(ctx, &j));
    const size_t ends = (size_t)ranks->count * sizeof *j.ends;
    j.room = (size_t)j.most + 4 * (size_t)ranks->count;
    j.ends = sz_alloc(ctx, ends);
    j.team = sz_alloc(ctx, sizeof *j.team);
    j.in = sz_alloc(ctx, j.room);
    j.out = sz_alloc(ctx, j.room);
    const bool has_room = j.ends && j.team && j.in && j.out;
    const sz_status status = has_room ? measure(&j) : sz_no_memory(ctx);
    sz_free(ctx, j.ends, ends);
    sz_free(ctx, j.team, sizeof *j.team);
    sz_free(ctx, j.in, j.room);
    sz_free(ctx, j.out, j.room);
    return status;
}
