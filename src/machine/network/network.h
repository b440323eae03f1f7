// SPDX-License-Identifier: Apache-2.0
// The inside of measuring a network: who is where, teams that exchange, the stopwatch of a series
// of sizes, and lines through it.
#ifndef SZ_MACHINE_NETWORK_H
#define SZ_MACHINE_NETWORK_H

#include "machine/machine.h"
#include "ranks/ranks.h"

#include <sizeup/network.h>

// A stream is no collective of sz_collective.
enum { SZ_STREAM = SZ_SEND + 1 };

typedef struct sz_exchange {
    const char *name;
    int what; // sz_collective or SZ_STREAM
    int times;
    bool is_shared;
    const char *line;
} sz_exchange;
extern const sz_exchange sz_exchanges[];
extern const size_t sz_n_exchanges;

// Rate of the bus over that of the algorithm, among n ranks.
double sz_exchange_factor(const sz_exchange *x, int64_t n);

// ---- who is where (ends.c) ---------------------------------------------------------------------

typedef struct sz_end {
    char host[64];
    int32_t package; // of all CPUs that the rank may use; -1: of several, or the only one
    int32_t cpus;    // logical CPUs that it may use
    int32_t first;   // the lowest of them
} sz_end;

typedef enum sz_reach { SZ_SAME_SOCKET, SZ_SAME_NODE, SZ_ACROSS, SZ_REACHES } sz_reach;

void sz_end_of_self(const char *root, sz_end *ret);
sz_reach sz_reach_of(const sz_end *a, const sz_end *b);
const char *sz_reach_name(sz_reach reach);

// Ranks that exchange with each other, the others being asleep.
enum { SZ_MOST_RANKS = 4096 };
typedef struct sz_team {
    int n, nodes;
    bool crowded; // more ranks on some node than logical CPUs for them
    sz_reach reach;
    char what[48]; // "ranks 0 and 1"
    int32_t members[SZ_MOST_RANKS];
} sz_team;

// The first pair of ranks that reach each other so far and no farther; false: there is none.
bool sz_team_pair(const sz_end *ends, int n, sz_reach reach, sz_team *ret);
typedef enum sz_choice { SZ_EVERY_RANK, SZ_ONE_NODE, SZ_ONE_OF_EACH_NODE, SZ_CHOICES } sz_choice;
// False where it has less than two members, or is the same as all of them.
bool sz_team_choose(const sz_end *ends, int n, sz_choice choice, sz_team *ret);
int sz_team_index(const sz_team *team, int rank); // -1: no member

// ---- a series of sizes (series.c) --------------------------------------------------------------

enum { SZ_MOST_SIZES = 40 };

// Numbers only: it travels from the leader of a team to rank 0.
typedef struct sz_taken {
    int64_t bytes, n, calls;
    double median_s, ci_lo_s, ci_hi_s, min_s, spread;
    int32_t verdict, unused;
} sz_taken;

typedef struct sz_series {
    const sz_ranks *r;
    const sz_team *team;
    const sz_exchange *exchange;
    int group; // of the team
    size_t n;
    int64_t bytes[SZ_MOST_SIZES]; // multiples of 4 x members
    double budget_s;
    const volatile int *stop;
    char *in, *out; // each as long as the largest size
} sz_series;

// Members call it at the same time; the first of them gets the numbers. A size has n = 0 where the
// time did not suffice.
sz_status sz_series_take(sz_ctx *ctx, const sz_series *s, sz_taken *ret);

// ---- lines (fit.c) -----------------------------------------------------------------------------

enum { SZ_MOST_SEGMENTS = 4 };

// Through n points in the order of their size, at least 2; each with the same weight in relative
// terms. Gives the number of segments.
size_t sz_fit_segments(const double *bytes, const double *seconds, size_t n,
                       sz_segment ret[SZ_MOST_SEGMENTS]);
// What the segments say of a message; outside of them and between them by the nearest line.
double sz_segments_s(const sz_segment *segments, size_t n, double bytes);

// ---- into the machine (links.c) ----------------------------------------------------------------

// Forget the links that were measured between ranks.
void sz_network_clear(sz_machine *m);
sz_status sz_network_add(sz_machine *m, const char *library, const sz_team *team,
                         const sz_exchange *exchange, const sz_taken *taken, size_t n);

#endif
