// SPDX-License-Identifier: Apache-2.0
// What rank 0 keeps: the settings that were proposed and are not handed on yet, in a ring, and what
// each rank is at.
#ifndef SZ_EXPLORE_LEAD_H
#define SZ_EXPLORE_LEAD_H

#include "explore/spread/spread.h"

// Pieces of work that a rank has at a time: two, and more of those that are done at once.
enum { SZ_RING = 1 << 14, SZ_AHEAD = 2, SZ_AHEAD_MOST = 16 };

typedef enum sz_case_state { SZ_CASE_OPEN, SZ_CASE_GIVEN, SZ_CASE_DONE } sz_case_state;

typedef struct sz_case {
    sz_case_state state;
    int losses; // ranks that were lost while they may have been at it
    sz_metrics metrics;
    char why[SZ_WHY_SIZE];
} sz_case;

// A piece of work that a rank has.
typedef struct sz_piece {
    int64_t first;
    int32_t n, done;
} sz_piece;

typedef struct sz_worker {
    sz_process process;
    bool is_near, is_lost, is_there; // there: said hello
    bool is_idle;                    // another rank of its machine evaluates
    sz_piece pieces[SZ_AHEAD_MOST];
    int n_pieces;
    double heard_s;
    double seconds_each; // of a setting, as seen so far; 0 = not known
    sz_buf record;       // what came of the one that is on its way
} sz_worker;

typedef struct sz_lead {
    sz_ctx *ctx;
    const sz_ranks *r;
    const sz_space *space;
    const sz_evaluator *evaluator;
    const sz_proposer *proposer;
    const sz_point_sink *sinks;
    size_t n_sinks;
    const sz_explore_options *options;
    sz_points *points;
    sz_spread_options how;
    double began_s, looked_s;
    sz_worker *workers; // by rank; of [0] only `process` is used
    sz_case *cases;     // SZ_RING, by number modulo that
    uint32_t *settings; // the same
    char *buffer;       // of a message
    size_t room;
    int64_t handed, open, proposed; // numbers: handed on <= first that was never given <= proposed
    SZ_VEC(int64_t) again;          // numbers that a lost rank had
    bool exhausted;                 // the proposer has no more, or is not asked any more
    sz_status failed;               // what an evaluator said
    sz_explored done;
    sz_spread spread;
} sz_lead;

static inline sz_case *sz_case_of(const sz_lead *l, int64_t number) {
    return &l->cases[number % SZ_RING];
}
static inline uint32_t *sz_setting_of(const sz_lead *l, int64_t number) {
    return l->settings + (size_t)(number % SZ_RING) * sz_space_parameters(l->space);
}

// ---- ranks (workers.c, lost.c) -----------------------------------------------------------------

// Everybody's first message; SZ_ERR_INPUT where a rank reads another space.
sz_status sz_lead_greet(sz_lead *l);
// Give work to whoever has room for more.
sz_status sz_lead_feed(sz_lead *l);
// Take in what has come, without waiting.
sz_status sz_lead_hear(sz_lead *l);
static inline bool sz_lead_has(const sz_lead *l, int rank) {
    return !l->workers[rank].is_lost && !l->workers[rank].is_idle;
}
// It is gone: take back what it had. Another rank of its machine that stood by takes its place.
sz_status sz_lead_lose(sz_lead *l, int rank);
// Does another rank still evaluate?
bool sz_lead_any_left(const sz_lead *l);
// Settings that this rank takes at most before it looks after the others.
int32_t sz_lead_own_share(const sz_lead *l);
// A setting that was lost and that no other rank is left for: in a copy of this process.
sz_status sz_lead_work_apart(sz_lead *l);
// Look who was lost, and take back what they had. Cheap: looks twice a second.
sz_status sz_lead_look(sz_lead *l);
// It is over: say so to all. Where all went well, take over what the ranks warn of.
sz_status sz_lead_dismiss(sz_lead *l, bool is_well);

#endif
