// SPDX-License-Identifier: Apache-2.0
// A GGUF file, version 3, of weights that are random: its keys, its list of tensors, and numbers
// that are made while they are written. Nothing of a weight is held.
#ifndef SZ_EXPORT_GGUF_H
#define SZ_EXPORT_GGUF_H

#include "model/graph/graph.h"

#include <sizeup/text.h>

typedef struct sz_gguf_key {
    const char *name; // whole: "llama.block_count"
    const char *text; // NULL = a number
    double real;      // where is_real; in single precision
    uint32_t whole;
    bool is_real;
} sz_gguf_key;

// What the numbers of a tensor are like.
typedef enum sz_noise_kind { SZ_NOISE_ZEROS, SZ_NOISE_ONES, SZ_NOISE_RANDOM } sz_noise_kind;

typedef struct sz_gguf_out {
    sz_str name;
    sz_dtype dtype;
    uint32_t code; // of dtype in the format
    int32_t rank;
    const int64_t *dims; // outermost axis first
    sz_noise_kind noise;
    double spread; // root of the mean square of random numbers, about
    int64_t bytes; // filled in by sz_gguf_lay_out
} sz_gguf_out;

enum { SZ_GGUF_ALIGNMENT = 32 };

// Bytes of each tensor and of the whole file behind its header. SZ_ERR_INPUT for rows that are no
// whole blocks, SZ_ERR_LIMIT beyond 2^63.
sz_status sz_gguf_lay_out(sz_ctx *ctx, sz_gguf_out *tensors, size_t n, int64_t *ret_data);
// After sz_gguf_lay_out: the file, at the end of `buf`, which may drain. The same seed gives the
// same bytes on every machine.
sz_status sz_gguf_put(const sz_gguf_key *keys, size_t n_keys, const sz_gguf_out *tensors, size_t n,
                      uint64_t seed, sz_buf *buf);

// ---- numbers -----------------------------------------------------------------------------------

// Formats whose numbers can be made up: the names, with `between`.
void sz_noise_names(sz_buf *buf, const char *between);
bool sz_noise_knows(sz_dtype dtype);
// `n` whole blocks of numbers of `dtype`, which sz_noise_knows: finite, of both signs, about
// `spread` large. `state`: of sz_splitmix.
void sz_noise_fill(sz_dtype dtype, double spread, uint64_t *state, unsigned char *ret, size_t n);

#endif
