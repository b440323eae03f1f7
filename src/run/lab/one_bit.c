// SPDX-License-Identifier: Apache-2.0
// What elements of one bit save in bytes and cost in instructions.
#include "run/lab/lab.h"

// A case works on elements of `bits` bits; one unit is a chunk of bytes per array.
typedef enum bit_kind { COPY, SHIFT, ONE_BY_ONE, DOT_F32, DOT_BITS } bit_kind;

enum { CHUNK = 3072 }; // bytes: a multiple of every vector and of SZ_LAB_GRAIN floats

typedef struct bits {
    const sz_lab_loops *loops;
    bit_kind kind;
    unsigned char *to;
    const unsigned char *from; // 64 bytes follow its end
    int64_t size, at;          // bytes of each, place
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
    const unsigned char *from = w->from + w->at;
    if (w->kind == COPY)
        w->loops->copy(to, from, bytes);
    else if (w->kind == SHIFT)
        w->loops->shift(to, from, bytes);
    else if (w->kind == ONE_BY_ONE)
        one_by_one(to, from, bytes);
    else if (w->kind == DOT_BITS)
        w->sink += w->loops->differ(to, from, bytes);
    else
        w->sink += (int64_t)w->loops->dot((const float *)(const void *)to,
                                          (const float *)(const void *)from, bytes / 4);
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
    for (int i = 0; i < CHUNK; i++) count += __builtin_popcount(w->to[i] ^ w->from[i]);
    for (int i = 0; i < CHUNK / 4; i++) {
        float x, y;
        memcpy(&x, w->to + 4 * i, 4);
        memcpy(&y, w->from + 4 * i, 4);
        sum += (double)x * y;
    }
    run_bits(w, 0, 1);
    w->at = 0;
    if (w->kind == DOT_BITS) return w->sink == count;
    if (w->kind == DOT_F32) return w->sink >= (int64_t)sum - 1 && w->sink <= (int64_t)sum + 1;
    if (w->kind == COPY) return memcmp(w->to, w->from, CHUNK) == 0;
    for (int64_t i = 0; i < CHUNK * 8; i++) {
        const int64_t j = i + 1;
        if ((w->to[i >> 3] >> (i & 7) & 1) != (w->from[j >> 3] >> (j & 7) & 1)) return false;
    }
    return true;
}

static const struct {
    const char *what;
    bit_kind kind;
    int bits;
} cases[] = {
    // The products come first: the copies leave no floats behind.
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

// The row is for 2^30 elements. Bits one by one are limited by instructions, for which the model
// has no roof: no prediction.
static sz_status time_case(sz_lab *lab, int which, sz_lab_row *row) {
    const double elements = 1073741824.0, bytes = elements * cases[which].bits / 8;
    const bit_kind kind = cases[which].kind;
    const bool dot = kind == DOT_F32 || kind == DOT_BITS;
    bits w = {
        .loops = lab->loops, .kind = kind, .size = (int64_t)(lab->size / 2 - 64) / CHUNK * CHUNK};
    w.to = lab->bytes;
    w.from = lab->bytes + lab->size / 2;
    sz_reading r;
    *row = (sz_lab_row){.x = SZ_NAN,
                        .flops = kind == DOT_F32 ? 2 * elements : 0,
                        .elements = elements,
                        .bytes_read = dot ? 2 * bytes : bytes,
                        .bytes_written = dot ? 0 : bytes,
                        .working_set_bytes = 2.0 * (double)w.size,
                        .verified = holds(&w)};
    SZ_TRY(sz_lab_time(lab, run_bits, &w, &r));
    sz_lab_take(row, &r, bytes / CHUNK);
    sz_lab_predict(lab->machine, row, kind == ONE_BY_ONE ? SZ_NAN : 0);
    return sz_lab_add(lab, row, "%s", cases[which].what);
}

sz_status sz_lab_one_bit(sz_lab *lab) {
    const size_t wanted = lab->options->quick ? (size_t)32 << 20 : (size_t)512 << 20;
    sz_lab_row r[N_CASES];
    SZ_TRY(sz_lab_buffer(lab, wanted, (size_t)8 << 20));
    for (int i = 0; i < N_CASES; i++) {
        sz_lab_tell(lab, cases[i].what);
        SZ_TRY(time_case(lab, i, &r[i]));
    }
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
        const sz_lab_row *a = &r[pairs[i].a], *b = &r[pairs[i].b];
        SZ_TRY(sz_lab_compare(lab, pairs[i].what, SZ_NAN, a->time_s / b->time_s,
                              a->predicted_s / b->predicted_s));
    }
    return sz_lab_find(lab,
                       "a bit is copied %.0f times as fast as a float in whole words, %.0f times "
                       "when shifted, and %.2g times one by one",
                       r[COPY_F32].time_s / r[COPY_BITS].time_s,
                       r[COPY_F32].time_s / r[SHIFT_BITS].time_s,
                       r[COPY_F32].time_s / r[SINGLE_BITS].time_s);
}
