// SPDX-License-Identifier: Apache-2.0
// safetensors files, their index, and the config.json beside them: what the files of this importer
// share. All tensors of all shards are listed first; then packed ones are taken for what they
// stand for, names become roles, experts become one weight, and the net is built.
#ifndef SZ_SAFETENSORS_H
#define SZ_SAFETENSORS_H

#include "base/source.h"
#include "model/import/jtree.h"
#include "model/import/limits.h"
#include "model/nets/checkpoint.h"

typedef struct st_tensor {
    sz_str name; // arena
    sz_dtype dtype;
    int32_t rank;
    int32_t shard;
    const int64_t *dims; // as stored; arena
    uint64_t begin, end; // in the data of the shard
    uint64_t at;
    bool taken; // part of a weight
} st_tensor;

typedef struct st_quant {
    sz_str method; // "gptq", "awq", "mlx" ...; p == NULL: none
    int64_t bits, group;
} st_quant;

typedef struct st {
    sz_ctx *ctx;
    sz_source *source;
    sz_checkpoint *cp;
    size_t memory_base;
    uint64_t fetched;
    SZ_VEC(st_tensor) tensors;
    sz_map names;
    SZ_VEC(sz_str) shards;
    char *config_text;
    size_t config_size;
    sz_jtree config; // nodes.n == 0: there is none
    bool has_metadata; // of the shard at hand
    bool has_companions; // some tensors are scales of others
    bool is_config_only;
    bool told_bits;    // that config.json says a wrong number of bits per weight
    bool ffn_is_guess; // config.json does not say the width of hidden layers
    st_quant quant;
} st;

sz_status st_fail(st *x, uint64_t at, const char *fmt, ...) SZ_PRINTF(3, 4);
// The whole of a text file, for the caller to free.
sz_status st_read_text(st *x, sz_source *source, uint64_t at, uint64_t size, char **ret_text);
sz_status st_read_shard(st *x, sz_source *source, const char *name); // safetensors_shard.c
st_tensor *st_find(const st *x, sz_str name);
// By printf's text; NULL when there is none or the name is too long.
st_tensor *st_find_text(const st *x, const char *fmt, ...) SZ_PRINTF(2, 3);

// ---- safetensors_names.c -----------------------------------------------------------------------

// The role of a weight "BASE.END"; experts: number of the expert in *ret_expert (-1: none), whose
// role is that of all experts. *ret_turned: stored [in, out]. p == NULL: not known.
sz_str st_role(st *x, sz_str base, const char *end, int64_t *ret_expert, bool *ret_turned);
bool st_is_data(sz_str name); // a table that code makes, stored all the same

// ---- safetensors_quant.c -----------------------------------------------------------------------

// All tensors as weights of the checkpoint.
sz_status st_take_tensors(st *x);

// ---- config.c ----------------------------------------------------------------------------------

// What config.json says about the net.
sz_status st_describe(st *x);
// The same against the weights.
void st_compare(st *x);

#endif
