// SPDX-License-Identifier: Apache-2.0
// What elements of one bit save in bytes and cost in instructions.
#include "machine/measure/walk.h"
#include "run/lab/lab.h"

// A case works on elements of `bits` bits; one unit is a chunk of bytes per array.
typedef enum bit_kind { COPY, SHIFT, ONE_BY_ONE, DOT_F32, DOT_BITS } bit_kind;

enum { CHUNK = 3072 }; // bytes: SZ_LAB_GRAIN floats

typedef struct bits {
    const sz_lab_loops *loops;
    bit_kind kind;
    unsigned char *to;
    const unsigned char *a, *b; // 64 bytes follow their ends; products read both, copies a
    int64_t size, at;           // bytes of each, place
    int64_t sink;
} bits;

// Read a bit, write a bit, as code does that knows no words.
static void one_by_one(unsigned char *to, const unsigned char *from, int64_t bytes) {
    for (int64_t i = 0; i < bytes * 8; i++) {
        const int64_t j = i + 1;
        const unsigned bit = from[j >> 3] >> (j & 7) & 1u;
        to[i >> 3] = (unsigned char)((to[i >> 3] & ~(1u << (i & 7))) | bit << (i & 7));
        __asm__ volatile("" ::: "memory"); // a compiler must not join the bits to words
    }
}

static void one_chunk(bits *w, int64_t bytes) {
    unsigned char *to = w->to + w->at;
    const unsigned char *from = w->a + w->at, *other = w->b + w->at;
    if (w->kind == COPY)
        w->loops->copy(to, from, bytes);
    else if (w->kind == SHIFT)
        w->loops->shift(to, from, bytes);
    else if (w->kind == ONE_BY_ONE)
        one_by_one(to, from, bytes);
    else if (w->kind == DOT_BITS)
        w->sink += w->loops->differ(from, other, bytes);
    else
        w->sink += (int64_t)w->loops->dot((const float *)(const void *)from,
                                          (const float *)(const void *)other, bytes / 4);
}

static void run_bits(void *user, int thread, int64_t n) {
    bits *w = user;
    (void)thread;
    while (n > 0) {
        const int64_t left = (w->size - w->at) / CHUNK, units = n < left ? n : left;
        one_chunk(w, units * CHUNK);
        w->at += units * CHUNK;
        if (w->at == w->size) w->at = 0;
        n -= units;
    }
}

// The first chunk against plain code.
static bool holds(bits *w) {
    w->at = 0, w->sink = 0;
    int64_t count = 0;
    double sum = 0;
    for (int i = 0; i < CHUNK; i++) count += __builtin_popcount(w->a[i] ^ w->b[i]);
    for (int i = 0; i < CHUNK / 4; i++) {
        float x, y;
        memcpy(&x, w->a + 4 * i, 4);
        memcpy(&y, w->b + 4 * i, 4);
        sum += (double)x * y;
    }
    run_bits(w, 0, 1);
    w->at = 0;
    if (w->kind == DOT_BITS) return w->sink == count;
    if (w->kind == DOT_F32) return w->sink >= (int64_t)sum - 1 && w->sink <= (int64_t)sum + 1;
    if (w->kind == COPY) return memcmp(w->to, w->a, CHUNK) == 0;
    for (int64_t i = 0; i < CHUNK * 8; i++) {
        const int64_t j = i + 1;
        if ((w->to[i >> 3] >> (i & 7) & 1) != (w->a[j >> 3] >> (j & 7) & 1)) return false;
    }
    return true;
}

static const struct {
    const char *what;
    bit_kind kind;
    int bits;
} cases[] = {
    {"dot product of f32", DOT_F32, 32},
    {"dot product of bits (xor, count)", DOT_BITS, 1},
    {"copy, elements of 32 bits (f32)", COPY, 32},
    {"copy, elements of 8 bits (bytes)", COPY, 8},
    {"copy, packed bits, whole words", COPY, 1},
    {"copy, packed bits, shifted by one", SHIFT, 1},
    {"copy, packed bits, one by one", ONE_BY_ONE, 1},
};
enum {
    F32_DOT,
    BITS_DOT,
    COPY_F32,
    COPY_BYTES,
    COPY_BITS,
    SHIFT_BITS,
    SINGLE_BITS,
    N_CASES = sizeof cases / sizeof cases[0]
};

// The case is of 2^30 elements. Bits one by one are limited by instructions, for which the model
// has no roof: no prediction.
static sz_status add_case(sz_lab *lab, bits *w, int which, sz_lab_case *ret_case) {
    const double elements = 1073741824.0, bytes = elements * cases[which].bits / 8;
    const bit_kind kind = cases[which].kind;
    const bool dot = kind == DOT_F32 || kind == DOT_BITS;
    const size_t next = sz_walk_apart(lab->size, 3);
    *w = (bits){.loops = lab->loops,
                .kind = kind,
                .a = lab->bytes,
                .b = lab->bytes + next,
                .to = lab->bytes + 2 * next,
                .size = (int64_t)(next - 64) / CHUNK * CHUNK};
    *ret_case = (sz_lab_case){.run = run_bits,
                              .user = w,
                              .units = bytes / CHUNK,
                              .unknown = kind == ONE_BY_ONE,
                              .row = {.x = SZ_NAN,
                                      .flops = kind == DOT_F32 ? 2 * elements : 0,
                                      .elements = elements,
                                      .bytes_read = dot ? 2 * bytes : bytes,
                                      .bytes_written = dot ? 0 : bytes,
                                      .working_set_bytes = 2.0 * (double)w->size,
                                      .verified = holds(w)}};
    if (kind == DOT_BITS || kind == SHIFT)
        ret_case->where_off = "its instructions for each word take about as long as memory, and a "
                              "core does not overlap the two perfectly";
    ret_case->ops[SZ_STEP_FMA] = ret_case->row.flops;
    return sz_lab_name(lab, ret_case, "%s", cases[which].what);
}

static sz_status conclude(sz_lab *lab, const sz_lab_case c[N_CASES]) {
    static const struct {
        const char *what;
        int a, b;
    } pairs[] = {
        {"copy: f32 / packed bits, whole words", COPY_F32, COPY_BITS},
        {"copy: f32 / packed bits, shifted", COPY_F32, SHIFT_BITS},
        {"copy: f32 / bits one by one", COPY_F32, SINGLE_BITS},
        {"dot product: f32 / bits", F32_DOT, BITS_DOT},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const sz_lab_row *a = &c[pairs[i].a].row, *b = &c[pairs[i].b].row;
        SZ_TRY(sz_lab_compare(lab, pairs[i].what, SZ_NAN, a->time_s / b->time_s,
                              a->predicted_s / b->predicted_s));
    }
    return sz_lab_find(lab,
                       "a bit is copied %.0f times as fast as a float in whole words, %.0f times "
                       "when shifted, and %.2g times one by one",
                       c[COPY_F32].row.time_s / c[COPY_BITS].row.time_s,
                       c[COPY_F32].row.time_s / c[SHIFT_BITS].row.time_s,
                       c[COPY_F32].row.time_s / c[SINGLE_BITS].row.time_s);
}

sz_status sz_lab_one_bit(sz_lab *lab) {
    const size_t wanted = lab->options->quick ? (size_t)48 << 20 : (size_t)768 << 20;
    sz_lab_case all[N_CASES];
    bits state[N_CASES];
    SZ_TRY(sz_lab_buffer(lab, wanted, (size_t)12 << 20));
    for (int i = 0; i < N_CASES; i++) SZ_TRY(add_case(lab, &state[i], i, &all[i]));
    SZ_TRY(sz_lab_measure(lab, all, N_CASES));
    return conclude(lab, all);
}
