// SPDX-License-Identifier: Apache-2.0
// Tensors of a checkpoint as the weights they stand for: packed numbers are unpacked, scales and
// zero points belong to their weight, experts that are stored one by one become one weight.
#include "model/import/safetensors.h"

#include "model/nets/llm_weights.h"

#include <inttypes.h>
#include <stdio.h>

enum { BITS_OF_WORD = 32, MAX_RANK = 8 };

// ---- what belongs to a weight ------------------------------------------------------------------

// Tensors beside BASE.weight, BASE.qweight, BASE.weight_packed or BASE_blocks that are no weights.
static const char *const companions[] = {".scales",
                                         ".qzeros",
                                         ".g_idx",
                                         ".weight_scale",
                                         ".weight_zero_point",
                                         ".weight_g_idx",
                                         ".weight_scale_inv",
                                         ".weight_global_scale",
                                         ".input_global_scale",
                                         ".input_scale",
                                         ".weight_scale_2",
                                         ".output_scale",
                                         ".weight.absmax",
                                         ".weight.quant_map",
                                         ".weight.nested_absmax",
                                         ".weight.nested_quant_map",
                                         ".weight.quant_state.bitsandbytes__nf4",
                                         ".weight.quant_state.bitsandbytes__fp4",
                                         ".SCB",
                                         ".weight_format",
                                         ".weight_shape",
                                         "_scales"};
enum { COMPANIONS = sizeof companions / sizeof *companions };

static bool cut(sz_str name, const char *end, sz_str *ret_base) {
    const size_t n = strlen(end);
    if (name.len <= n || memcmp(name.p + name.len - n, end, n) != 0) return false;
    *ret_base = (sz_str){name.p, name.len - (uint32_t)n};
    return true;
}

static st_tensor *beside(const st *x, sz_str base, const char *end) {
    return st_find_text(x, "%.*s%s", (int)base.len, base.p, end);
}

// Weights as they are, then with their companions: the chain begins at *first.
static sz_status add_scale(st *x, st_tensor *t, int32_t *first) {
    t->taken = true;
    const sz_weight w = {.name = t->name,
                         .dtype = t->dtype,
                         .rank = t->rank,
                         .dims = t->dims,
                         .scales = SZ_NONE,
                         .next_scale = *first,
                         .is_scale = true,
                         .value = SZ_NONE};
    SZ_TRY(sz_checkpoint_add(x->cp, &w));
    *first = (int32_t)(x->cp->weights.n - 1);
    return SZ_OK;
}

static sz_status add_companions(st *x, sz_str base, bool has_biases, int32_t *ret_first) {
    *ret_first = SZ_NONE;
    if (!x->has_companions) return SZ_OK;
    for (size_t i = 0; i < COMPANIONS; i++) {
        st_tensor *t = beside(x, base, companions[i]);
        if (t && !t->taken) SZ_TRY(add_scale(x, t, ret_first));
    }
    st_tensor *biases = has_biases ? beside(x, base, ".biases") : NULL;
    return biases && !biases->taken ? add_scale(x, biases, ret_first) : SZ_OK;
}

// ---- unpacking ---------------------------------------------------------------------------------

typedef struct unpacked {
    sz_dtype dtype;
    int32_t rank;
    int64_t dims[MAX_RANK];
} unpacked;

static sz_dtype integer_of(int64_t bits, bool is_signed) {
    char name[8];
    snprintf(name, sizeof name, "%c%d", is_signed ? 'i' : 'u', (int)bits);
    sz_dtype t = bits > 0 && bits <= 8 ? sz_dtype_by_name(name) : 0;
    if (!t && bits > 0 && bits <= 8) t = integer_of(8, false); // 5 bits and the like: no format
    return t;
}

static bool words_to_numbers(int64_t words, int64_t bits, int64_t *ret) {
    if (bits < 1 || bits > 8 || !sz_mul(words, BITS_OF_WORD, ret)) return false;
    *ret /= bits;
    return true;
}

// Bits per weight: those of `words` of 32 bits for `numbers` weights, or what config.json says.
static int64_t bits_of(st *x, int64_t words, int64_t numbers) {
    int64_t bits;
    if (words <= 0 || numbers <= 0 || !sz_mul(words, BITS_OF_WORD, &bits) || bits % numbers ||
        bits / numbers > 8)
        return x->quant.bits;
    bits /= numbers;
    if (x->quant.bits > 0 && x->quant.bits != bits && !x->told_bits)
        sz_warn(x->ctx,
                "config.json says weights of %" PRId64 " bits, the tensors have %" PRId64
                ": the tensors are counted",
                x->quant.bits, bits);
    x->told_bits = x->told_bits || (x->quant.bits > 0 && x->quant.bits != bits);
    return bits;
}

// GPTQ packs the inputs, qweight [in x bits / 32, out]; AWQ the outputs, [in, out x bits / 32].
// Which of them it is, and how wide, follows from scales [groups, out] and zeros.
static bool unpack_qweight(st *x, const st_tensor *t, sz_str base, unpacked *u) {
    const st_tensor *scales = beside(x, base, ".scales"), *zeros = beside(x, base, ".qzeros");
    const st_tensor *order = beside(x, base, ".g_idx");
    int64_t in = 0, out = 0, bits = x->quant.bits;
    if (t->rank != 2 || !scales || scales->rank != 2) return false;
    out = scales->dims[1];
    const bool is_awq = t->dims[1] != out;
    if (zeros && zeros->rank == 2)
        bits = bits_of(x, zeros->dims[1], out);
    else if (!is_awq && order && order->rank == 1) // the group of each input
        bits = bits_of(x, t->dims[0], order->dims[0]);
    if (bits < 1 || bits > 8) return false;
    if (is_awq)
        in = t->dims[0];
    else if (!words_to_numbers(t->dims[0], bits, &in))
        return false;
    *u = (unpacked){integer_of(bits, false), 2, {out, in}};
    return u->dtype != 0;
}

// compressed-tensors: words of integers [out, in x bits / 32], bytes of two 4-bit floats.
static bool unpack_compressed(const st *x, const st_tensor *t, unpacked *u) {
    int64_t in;
    if (t->rank != 2) return false;
    const bool is_float = sz_dtype_get(t->dtype)->bits == 8;
    if (is_float ? !sz_mul(t->dims[1], 2, &in)
                 : !words_to_numbers(t->dims[1], x->quant.bits > 0 ? x->quant.bits : 4, &in))
        return false;
    const sz_dtype ints = integer_of(x->quant.bits > 0 ? x->quant.bits : 4, true);
    *u = (unpacked){is_float ? sz_dtype_by_name("f4e2m1") : ints, 2, {t->dims[0], in}};
    return u->dtype != 0;
}

// MLX: words of integers along the last axis, of any rank up to 3 (experts).
static bool unpack_mlx(st *x, const st_tensor *t, sz_str base, unpacked *u) {
    const st_tensor *scales = beside(x, base, ".scales");
    int64_t bits = x->quant.bits > 0 ? x->quant.bits : 4, in;
    if (t->rank < 1 || t->rank > 3) return false;
    if (scales && scales->rank == t->rank &&
        sz_mul(scales->dims[t->rank - 1], x->quant.group, &in) && in > 0)
        bits = bits_of(x, t->dims[t->rank - 1], in);
    *u = (unpacked){integer_of(bits, false), t->rank, {0}};
    for (int32_t i = 0; i < t->rank; i++) u->dims[i] = t->dims[i];
    return u->dtype && words_to_numbers(t->dims[t->rank - 1], bits, &u->dims[t->rank - 1]);
}

// bitsandbytes flattens: two numbers in each byte; the shape is that of the role, when it fits.
static bool unpack_bytes(const st *x, const st_tensor *t, sz_str role, unpacked *u) {
    int64_t n = 2, all = 1;
    for (int32_t i = 0; i < t->rank; i++)
        if (!sz_mul(n, t->dims[i], &n)) return false;
    *u = (unpacked){sz_dtype_by_name("nf4"), 1, {n}};
    int64_t dims[MAX_RANK];
    const int32_t rank = role.p ? sz_llm_weight_dims(&x->cp->llm, role, dims) : 0;
    for (int32_t i = 0; i < rank; i++)
        if (!sz_mul(all, dims[i], &all)) return true;
    if (rank < 1 || all != n) return true;
    u->rank = rank;
    for (int32_t i = 0; i < rank; i++) u->dims[i] = dims[i];
    return true;
}

// MXFP4 of gpt-oss: NAME_blocks [.., blocks, 16] holds 32 numbers in 16 bytes.
static bool unpack_blocks(const st_tensor *t, unpacked *u) {
    if (t->rank != 4 || t->dims[3] != 16) return false;
    *u = (unpacked){sz_dtype_by_name("f4e2m1"), 3, {t->dims[0], t->dims[1], 0}};
    return sz_mul(t->dims[2], 32, &u->dims[2]);
}

// ---- weights -----------------------------------------------------------------------------------

typedef struct found {
    sz_str base, role;
    const char *end; // "weight" or "bias"
    int64_t expert;
    bool turned, packed, has_biases;
    unpacked u;
} found;

static bool same(const st_tensor *t, found *f) {
    if (t->rank > MAX_RANK) return false;
    f->u = (unpacked){t->dtype, t->rank, {0}};
    for (int32_t i = 0; i < t->rank; i++) f->u.dims[i] = t->dims[i];
    return true;
}

// Names of parameters that are no matrices and end in themselves.
static bool is_bare(const st_tensor *t, found *f) {
    static const char *const names[][2] = {{".A_log", "ssm_a"},
                                           {".D", "ssm_d"},
                                           {".dt_bias", "ssm_dt.bias"},
                                           {".sinks", "attn_sinks.weight"},
                                           {".e_score_correction_bias", "exp_probs_b.bias"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (cut(t->name, names[i][0], &f->base)) return f->end = names[i][1], true;
    return false;
}

// Its role stands in `end` already; only the number of its block is missing.
static void role_of_bare(st *x, found *f) {
    for (uint32_t i = 0; i + 7 < f->base.len; i++) {
        if (memcmp(f->base.p + i, "layers.", 7) != 0) continue;
        int64_t n = 0;
        for (uint32_t k = i + 7; k < f->base.len && f->base.p[k] >= '0' && f->base.p[k] <= '9'; k++)
            if (n < 1 << 28) n = n * 10 + (f->base.p[k] - '0');
        f->role = sz_checkpoint_text(x->cp, "blk.%" PRId64 ".%s", n, f->end);
        return;
    }
}

static bool recognize(st *x, const st_tensor *t, found *f) {
    *f = (found){.expert = -1};
    f->end = "weight";
    if (cut(t->name, ".qweight", &f->base)) return f->packed = unpack_qweight(x, t, f->base, &f->u);
    if (cut(t->name, ".weight_packed", &f->base)) return f->packed = unpack_compressed(x, t, &f->u);
    if (cut(t->name, "_blocks", &f->base)) return f->packed = unpack_blocks(t, &f->u);
    if (is_bare(t, f)) return same(t, f);
    if (cut(t->name, ".bias", &f->base)) return f->end = "bias", same(t, f);
    if (!cut(t->name, ".weight", &f->base)) { // experts of one tensor have no ending
        f->base = t->name;
        if (cut(t->name, "_bias", &f->base)) f->end = "bias";
        return same(t, f);
    }
    if (t->dtype == sz_dtype_by_name("u32") && beside(x, f->base, ".scales")) {
        f->has_biases = true;
        return f->packed = unpack_mlx(x, t, f->base, &f->u);
    }
    if (t->dtype == sz_dtype_by_name("u8") && beside(x, f->base, ".weight.absmax")) {
        f->role = st_role(x, f->base, f->end, &f->expert, &f->turned);
        return f->packed = unpack_bytes(x, t, f->role, &f->u);
    }
    return same(t, f);
}

static void swap_last(unpacked *u) {
    const int64_t d = u->dims[u->rank - 1];
    u->dims[u->rank - 1] = u->dims[u->rank - 2];
    u->dims[u->rank - 2] = d;
}

// [experts, in, out] in some nets, [experts, out, in] in others: the hidden size tells.
static void turn_experts(const st *x, found *f) {
    const int64_t hidden = x->cp->llm.hidden;
    if (f->u.rank != 3 || f->packed || !f->role.p || hidden <= 0) return;
    const bool is_down = f->role.len > 20 && strstr(f->role.p, "ffn_down_exps") != NULL;
    const int64_t out = f->u.dims[1], in = f->u.dims[2];
    if (is_down ? out != hidden && in == hidden : in != hidden && out == hidden) swap_last(&f->u);
}

static const int64_t *keep_dims(st *x, const unpacked *u) {
    int64_t *dims = sz_arena_array(&x->cp->arena, u->rank ? (size_t)u->rank : 1, sizeof *dims);
    for (int32_t i = 0; dims && i < u->rank; i++) dims[i] = u->dims[i];
    return dims;
}

// ---- experts -----------------------------------------------------------------------------------

// Scales of experts one by one are one constant each, too many inputs for a node: those of one kind
// become one as well.
static sz_status merge_scales(st *x, int32_t first, int32_t of) {
    sz_checkpoint *cp = x->cp;
    for (int32_t s = first; s != SZ_NONE;) {
        sz_weight *w = &cp->weights.items[s];
        const int32_t next = w->next_scale;
        int32_t t = cp->weights.items[of].scales;
        for (; t != SZ_NONE; t = cp->weights.items[t].next_scale) {
            sz_weight *all = &cp->weights.items[t];
            bool like = all->dtype == w->dtype && all->rank == w->rank + 1;
            for (int32_t i = 0; like && i < w->rank; i++) like = all->dims[i + 1] == w->dims[i];
            if (!like || all->dims[0] >= cp->weights.items[of].dims[0]) continue;
            ((int64_t *)all->dims)[0]++;
            w->is_data = true; // counted with the others
            break;
        }
        if (t == SZ_NONE) {
            int64_t *dims = sz_arena_array(&cp->arena, (size_t)w->rank + 1, sizeof *dims);
            if (!dims) return sz_no_memory(x->ctx);
            dims[0] = 1;
            for (int32_t i = 0; i < w->rank; i++) dims[i + 1] = w->dims[i];
            w->dims = dims;
            w->rank++;
            w->next_scale = cp->weights.items[of].scales;
            cp->weights.items[of].scales = s;
        }
        s = next;
    }
    return SZ_OK;
}

// ---- all of them -------------------------------------------------------------------------------

static sz_status add_weight(st *x, st_tensor *t, found *f) {
    sz_weight w = {.name = t->name, .next_scale = SZ_NONE, .value = SZ_NONE, .scales = SZ_NONE};
    const bool is_bare_name = strchr(f->end, '_') != NULL;
    if (is_bare_name)
        role_of_bare(x, f);
    else if (!f->role.p && *f->end)
        f->role = st_role(x, f->base, f->end, &f->expert, &f->turned);
    if (f->turned && f->u.rank == 2) swap_last(&f->u);
    if (f->expert < 0) turn_experts(x, f);
    w.is_data = st_is_data(t->name);
    if (!w.is_data) w.role = f->role;
    w.dtype = f->u.dtype;
    w.rank = f->u.rank;
    w.dims = keep_dims(x, &f->u);
    if (!w.dims) return sz_no_memory(x->ctx);
    int32_t scales = SZ_NONE;
    if (strcmp(f->end, "weight") == 0) SZ_TRY(add_companions(x, f->base, f->has_biases, &scales));
    if (f->expert >= 0 && w.role.p) {
        bool added;
        int32_t at;
        SZ_TRY(sz_checkpoint_add_expert(x->cp, &w, &added));
        if (added && sz_map_get(&x->cp->roles, w.role, &at)) return merge_scales(x, scales, at);
        w.role = (sz_str){0};
    }
    w.scales = scales;
    return sz_checkpoint_add(x->cp, &w);
}

// Companions come after their weight, whatever the order of the file: those without one stay.
static bool is_companion(const st *x, const st_tensor *t) {
    sz_str base;
    for (size_t i = 0; i < COMPANIONS; i++)
        if (cut(t->name, companions[i], &base) &&
            (beside(x, base, ".weight") || beside(x, base, ".qweight") ||
             beside(x, base, ".weight_packed") || beside(x, base, "_blocks")))
            return true;
    return cut(t->name, ".biases", &base) && beside(x, base, ".scales") &&
           beside(x, base, ".weight");
}

static bool has_companions(const st *x) {
    sz_str base;
    for (size_t i = 0; i < x->tensors.n; i++)
        for (size_t k = 0; k < COMPANIONS; k++)
            if (cut(x->tensors.items[i].name, companions[k], &base)) return true;
    return false;
}

sz_status st_take_tensors(st *x) {
    x->has_companions = has_companions(x);
    for (size_t i = 0; i < x->tensors.n; i++) {
        st_tensor *t = &x->tensors.items[i];
        found f;
        if (t->taken || is_companion(x, t)) continue;
        if (!recognize(x, t, &f)) {
            sz_warn(x->ctx,
                    "tensor '%s' is packed in a way that is not known: its stored numbers "
                    "count",
                    sz_show(x->ctx, t->name));
            f = (found){.expert = -1, .end = "", .base = t->name};
            if (!same(t, &f))
                return st_fail(x, t->at,
                               "tensor '%s' has %d dimensions, the "
                               "limit is %d",
                               sz_show(x->ctx, t->name), (int)t->rank, MAX_RANK);
        }
        t->taken = true;
        SZ_TRY(add_weight(x, t, &f));
    }
    for (size_t i = 0; i < x->tensors.n; i++) {
        st_tensor *t = &x->tensors.items[i];
        int32_t none = SZ_NONE;
        if (!t->taken) SZ_TRY(add_scale(x, t, &none));
    }
    return SZ_OK;
}
