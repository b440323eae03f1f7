// SPDX-License-Identifier: Apache-2.0
// The inside of a prediction.
#ifndef SZ_PREDICT_INSIDE_H
#define SZ_PREDICT_INSIDE_H

#include "base/base.h"
#include "machine/machine.h"
#include "predict/calibration.h"

#include <sizeup/predict.h>

// Bandwidths of a level of memory that a run is charged with, byte/s.
typedef struct sz_memory_rates {
    const char *level; // "DRAM"
    double capacity;   // bytes, of all instances that the threads have
    double instances;  // of them
    double near_s;     // of a byte from here, on the measured curve; 0 = the curve does not tell
    double far_s;      // of a byte from the next level
    double load, copy; // for bytes only read; for bytes read and written in equal parts
    double store;      // for bytes only written
    double best;       // of any mix
    double nearest;    // best of the innermost level that holds the whole model; +inf = not known
    const char *nearest_level;
} sz_memory_rates;

// Roof for the work of one format: multiply-accumulates, or elementary operations.
typedef struct sz_served {
    const char *machine_dtype; // as asked
    bool elementary;
    const sz_roof *roof; // NULL = there is none
    double flop_per_s;
    bool exact;
    int64_t nodes;
} sz_served;

enum { SZ_MAX_LEVELS = 8 };

// Bytes of a row that come from a level, and go there.
typedef struct sz_level_bytes {
    double read, written;
} sz_level_bytes;

typedef struct sz_node_estimate {
    sz_node_time time;
    size_t index; // in the costs
    sz_fetch fetch;
} sz_node_estimate;

// What a calibration told of kernels with these features.
typedef struct sz_told {
    sz_features features;
    sz_calibrated_value value;
} sz_told;

// Of a machine whose weights stay in memory of its own: bytes of a row.
typedef struct sz_chip_bytes {
    double weights, read, written; // read: beside the weights
} sz_chip_bytes;

typedef struct sz_chip {
    const sz_chip_bytes *by_row; // NULL: the machine has no such memory
    double weights;              // of all rows at hand
    double share;                // of the weights that come over the link; below 0: find it
    const char *link;
    double byte_per_s;    // of that link
    sz_memory_rates near; // for what stays on the chip; best NaN: not known, not charged
} sz_chip;

enum { SZ_PART_DEVICE, SZ_PART_HOST, SZ_PARTS };

// What crosses between the two, in seconds and bytes of a run.
typedef struct sz_crossing {
    double inputs_s; // of inputs and outputs of the net
    double total_s;  // these and all others
    double bytes;
} sz_crossing;

struct sz_estimate {
    sz_ctx *ctx;
    const sz_costs *costs;
    const sz_machine *machine;
    sz_predict_options options;
    const char *level;
    int64_t threads; // of the roofs used; 0 = whole device
    sz_arena arena;
    sz_memory_rates memory;                // main memory
    sz_memory_rates levels[SZ_MAX_LEVELS]; // from the innermost to main memory
    size_t n_levels;
    sz_level_bytes *by_row; // [row][level]; NULL = all from main memory
    sz_fetch *fetch;        // [row], but for cache_s; NULL likewise
    SZ_VEC(sz_told) told;   // by the calibration, so far
    bool is_carried;        // calibrated on another machine, or for other threads only
    bool is_other_kind;     // and on a machine of another kind
    double toward_other;    // 0 = told by one calibration, else the share of the other
    double usual;           // factor of all calibrated times: what strangers cost
    int64_t all_threads;    // of all streams; 0 = there is one stream
    sz_around around;       // a kernel: the run that it is part of
    int64_t outside;        // rows that no measured kernel is near
    char unseen[240];       // kinds that were never calibrated, for people
    bool too_large;         // main memory does not hold the net
    double far_s;           // time of all bytes from main memory
    double dynamic_j;       // energy of arithmetic and main memory; NaN = some is not known
    double macs, macs_j;    // of them: multiply-accumulates,
    double elementary, elementary_j; // all other operations,
    double far_j;                    // and bytes of main memory
    double bytes;                    // of all nodes
    double far_bytes;                // of them, those that main memory moves
    double dispatch_s, fork_join_s;  // that each node at work pays, 0 = not known or not paid
    double overhead_s;               // of all nodes
    bool has_tiles;                  // of a GPU: matrix products are cut into tiles
    double slowed_s;                 // computation beyond the roofs, by tiles and a limit of power
    int64_t tiled, limited;          // nodes that tiles or the power hold back
    const char *limited_dtype;       // of the last that the power holds back
    double limited_flop_per_s;       // that the power allows for it
    SZ_VEC(sz_served) served;
    SZ_VEC(sz_node_estimate) nodes;
    SZ_VEC(sz_assumption) assumptions;
    sz_prediction total;
    double overlap_p; // of level roofline: infinite = the longer alone
    sz_chip chip;
    // Of a net that is shared with a host: the estimate of each one's rows; else NULL.
    struct sz_estimate *part[SZ_PARTS];
    sz_machine *own_host; // loaded for this estimate
    SZ_VEC(sz_fallback) fallbacks;
    sz_crossing crossing;
    const bool *only; // by row: estimate these; NULL = all
    bool is_trial;    // says no warning
};

// Fill in the estimate of one machine alone.
sz_status sz_fill_one(sz_estimate *e);
// Made but not filled in.
sz_estimate *sz_estimate_begin(sz_ctx *ctx, const sz_costs *costs, const sz_machine *machine,
                               const sz_predict_options *options);
// Machine's name of the format that a row computes in.
const char *sz_format_of(const sz_estimate *e, const sz_node_cost *n);

// ---- roofs.c: which roof serves which format ---------------------------------------------------

// Format of the machine for a format of the graph ("f8e4m3fn" -> "fp8"); never NULL.
const char *sz_machine_dtype(const char *dtype);
// Is `word` one of the words, which stand between blanks?
bool sz_has_word(const char *words, const char *word);
// Bits of an element as stored, 0 = not a format that can be asked for by --dtype.
int sz_machine_dtype_bits(const char *machine_dtype);
sz_status sz_machine_dtype_unknown(sz_ctx *ctx, const char *dtype);
// Is it a name of a format, "int" for indices included?
bool sz_is_machine_dtype(sz_str word);

// Find, once per format and kind of work, the roof; it may have none.
sz_status sz_serve(sz_estimate *e, const char *machine_dtype, bool elementary,
                   sz_served **ret_served);
// Does some work run on a roof of a narrower format? Of all work, or of multiply-accumulates.
bool sz_is_narrower(const sz_estimate *e, bool all);
// Threads of the roofs to use.
sz_status sz_choose_threads(sz_estimate *e);

// ---- memory.c ----------------------------------------------------------------------------------

sz_status sz_choose_memory(sz_estimate *e);
// The level that holds the whole model; needs e->bytes. Warns when none does.
void sz_choose_nearest(sz_estimate *e);
// Starting a node: what the machine's record says, with several threads also their fork and join.
void sz_choose_overhead(sz_estimate *e);
// The levels that bytes may come from, and of each row how many do.
sz_status sz_choose_levels(sz_estimate *e);
// Fill by_row and fetch: `touched` bytes of memory are what a run works on.
sz_status sz_find_reuse(sz_estimate *e, double touched);

// ---- curve.c: what the measured curve of working sets says -------------------------------------

// Of a load at random in so many bytes; 0 = it was not measured.
double sz_curve_latency(const sz_machine *m, double bytes);
// Sets near_s and far_s of the levels that are known.
void sz_curve_levels(sz_estimate *e);
// Of bytes that were touched so many bytes ago, the share that a level still holds.
double sz_share_held(const sz_estimate *e, size_t level, double distance);
// The same where no curve was measured. Curves have no steps: the share falls in a straight line
// between half and one and a half of a capacity.
double sz_share_of_capacity(double distance, double capacity);

// Factor of the node's bytes under --dtype.
double sz_byte_scale(const sz_estimate *e, const sz_node_cost *n);
// Seconds to move the bytes.
double sz_memory_time(const sz_memory_rates *m, double bytes_read, double bytes_written);

// ---- cards.c -----------------------------------------------------------------------------------

// Level "tiles": can it be? If not the roofline is given, with a warning.
void sz_choose_tiles(sz_estimate *e);
// A matrix product by the tiles that a library cuts it into; nothing happens to other rows.
sz_status sz_tile_node(sz_estimate *e, size_t row, const char *format, sz_node_time *t);
// Computation takes as long as its energy takes at the power that the card may draw.
sz_status sz_limit_power(sz_estimate *e, const char *format, double flops, double bytes,
                         sz_node_time *t);
// NULL where the machine has no link of that name, or `name` is NULL.
const sz_link *sz_find_link(const sz_machine *m, const char *name);
// Memory on the chip, where the machine has some that weights stay in.
sz_status sz_choose_chip(sz_estimate *e);

// ---- calibrated.c ------------------------------------------------------------------------------

// On the machine that was calibrated its own record of then is used, not a newer one.
void sz_choose_calibration(sz_estimate *e);
// After the levels: fills around.
void sz_choose_around(sz_estimate *e);
// From the roofline time of a row to what such kernels take, with its interval.
sz_status sz_calibrate_node(sz_estimate *e, size_t row, sz_fetch fetch, sz_node_time *t);
// From the sum of the rows to the time of the net, with its interval.
void sz_calibrate_total(sz_estimate *e);

// ---- streams.c ---------------------------------------------------------------------------------

// Threads of one of the streams.
sz_status sz_share_threads(sz_estimate *e);
// Runs side by side move their bytes through one main memory.
void sz_sum_streams(sz_estimate *e);

// ---- energy.c ----------------------------------------------------------------------------------

// Add the energy of a node: multiply-accumulates, other operations, bytes of main memory.
void sz_add_energy(sz_estimate *e, const char *dtype, double macs, double elementary,
                   double far_bytes);
// Fill in what follows from the time: energy, carbon, cost.
void sz_sum_energy(sz_estimate *e);

// ---- assume.c: what was assumed, in words ------------------------------------------------------

sz_status sz_assume(sz_estimate *e);

#endif
