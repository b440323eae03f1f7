// SPDX-License-Identifier: Apache-2.0
/** @file
 * The network between ranks, measured by MPI: what a message of each size takes between two of them
 * and in collectives, and the lines that fit it. Kept in the links of a machine.
 */
#ifndef SIZEUP_NETWORK_H
#define SIZEUP_NETWORK_H

#include <sizeup/machine.h>
#include <sizeup/ranks.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Whose link it is. */
#define SZ_LINK_SCOPE_FIELDS(F)                                                                    \
    F(const char *, level, SZ_FIELD_STR, "",                                                       \
      "farthest ends: on the same socket, the same node, or across the network")                   \
    F(const char *, exchange, SZ_FIELD_STR, "", "send, stream, all_reduce, all_gather, ...")       \
    F(int64_t, ranks, SZ_FIELD_I64, "", "ranks that took part")                                    \
    F(int64_t, nodes, SZ_FIELD_I64, "", "nodes that they were on")
typedef struct sz_link_scope {
    SZ_LINK_SCOPE_FIELDS(SZ_FIELD_MEMBER)
} sz_link_scope;

/** A line through the medians of some sizes: seconds = latency_s + bytes / byte_per_s. */
#define SZ_SEGMENT_FIELDS(F)                                                                       \
    F(int64_t, from_bytes, SZ_FIELD_I64, "B", "smallest message that the line was fitted to")      \
    F(int64_t, to_bytes, SZ_FIELD_I64, "B", "largest one")                                         \
    F(double, latency_s, SZ_FIELD_F64, "s", "alpha: time of no bytes, on this line")               \
    F(double, byte_per_s, SZ_FIELD_F64, "B/s", "1 / beta; not known where size costs nothing")     \
    F(int64_t, points, SZ_FIELD_I64, "", "sizes that it was fitted to")                            \
    F(double, error, SZ_FIELD_F64, "", "largest distance of a median from it, as a share")
typedef struct sz_segment {
    SZ_SEGMENT_FIELDS(SZ_FIELD_MEMBER)
} sz_segment;

#define SZ_MESSAGE_FIELDS(F)                                                                       \
    F(int64_t, bytes, SZ_FIELD_I64, "B", "the whole message")                                      \
    F(double, median_s, SZ_FIELD_F64, "s", "until the last rank is done: median")                  \
    F(double, ci_lo_s, SZ_FIELD_F64, "s", "95 % confidence interval of the median, low end")       \
    F(double, ci_hi_s, SZ_FIELD_F64, "s", "95 % confidence interval of the median, high end")      \
    F(double, min_s, SZ_FIELD_F64, "s", "shortest sample")                                         \
    F(int64_t, n, SZ_FIELD_I64, "", "samples")                                                     \
    F(int64_t, calls, SZ_FIELD_I64, "", "exchanges in a sample")                                   \
    F(double, spread, SZ_FIELD_F64, "", "(p95 - p5) / median")                                     \
    F(double, algorithm_byte_per_s, SZ_FIELD_F64, "B/s", "bytes over median_s")                    \
    F(double, bus_byte_per_s, SZ_FIELD_F64, "B/s",                                                 \
      "the same times what each byte crosses a link: 2(n-1)/n, (n-1)/n or 1")                      \
    F(const char *, verdict, SZ_FIELD_STR, "", "valid, noisy, contended or unsteady")              \
    F(const char *, next_step, SZ_FIELD_STR, "", "what to do about the verdict")
typedef struct sz_message {
    SZ_MESSAGE_FIELDS(SZ_FIELD_MEMBER)
} sz_message;

SZ_API const sz_record_type *sz_link_scope_type(void);
SZ_API const sz_record_type *sz_segment_type(void);
SZ_API const sz_record_type *sz_message_type(void);

/** Of link i of a machine; level NULL: it was not measured between ranks. */
SZ_API sz_link_scope sz_machine_link_scope(const sz_machine *machine, size_t i);
SZ_API size_t sz_machine_segment_count(const sz_machine *machine, size_t link);
SZ_API sz_segment sz_machine_segment(const sz_machine *machine, size_t link, size_t i);
SZ_API size_t sz_machine_message_count(const sz_machine *machine, size_t link);
SZ_API sz_message sz_machine_message(const sz_machine *machine, size_t link, size_t i);

/** Zero-initialise. */
typedef struct sz_network_options {
    double budget_s;                 /**< of all; 0 = 20 */
    int64_t least_bytes, most_bytes; /**< of messages; 0 = 8 and 4 MiB. Twice as many each time */
    const volatile int *stop;        /**< 1: end early */
    void (*progress)(void *user, const char *what); /**< in rank 0 */
    void *user;
} sz_network_options;

/** Measure the network between all ranks; each of them calls it, with the same numbers. In rank 0
 * the links that come of it take the place of such links of `machine`, in the others nothing
 * changes. SZ_ERR_UNAVAILABLE: a single rank, stopped, or an MPI that failed or added up wrongly.
 */
SZ_API sz_status sz_machine_measure_network(sz_ctx *ctx, sz_machine *machine, sz_ranks *ranks,
                                            const sz_network_options *options) SZ_MUST_USE;

/** Take over the links between ranks that `before`, the same machine measured earlier, has. */
SZ_API sz_status sz_machine_keep_network(sz_ctx *ctx, sz_machine *machine,
                                         const sz_machine *before) SZ_MUST_USE;

/** Rows of the table of exchanges, for `sizeup list`. `i` from 0; returns 0 past the end. */
typedef struct sz_exchange_row {
    const char *name, *what;
} sz_exchange_row;
SZ_API int sz_list_exchange(size_t i, sz_exchange_row *ret_row);

#ifdef __cplusplus
}
#endif
#endif
