// SPDX-License-Identifier: Apache-2.0
// Values of the peak kernels. A row's law says what the operands are and what an accumulator holds
// after n iterations. Numbers never become 0, infinite or denormal, which some cores compute slower
// or faster: what shrinks or grows does so by less than e^70 in SZ_KERNEL_MOST iterations.
#include "machine/kernels/kernels.h"

#include <math.h>

// An accumulator: which one of how many, in which lane, and the operands after rounding.
typedef struct place {
    const sz_kernel *k;
    int acc, chains, lane;
    double start, f, t, l;
} place;

typedef struct law {
    const char *op, *dtype, *isa; // NULL = any
    double f, t, l;
    double (*after)(const place *p, int64_t n);
    double tolerance; // relative; 0 = exact, modulo 2^32
} law;

static bool is(const char *want, const char *have) { return !want || strcmp(want, have) == 0; }
static double steps(const place *p, int64_t n) { return (double)n * p->k->passes; }

// ---- what is left after n iterations -----------------------------------------------------------

// a f + t draws nearer to its fixed point t / (1 - f) by f in each step.
static double after_fma(const place *p, int64_t n) {
    const double goal = p->t / (1 - p->f);
    return goal + (p->start - goal) * pow(p->f, steps(p, n));
}

// Three times t, once -t. Growth ends where t is lost in rounding.
static double after_add(const place *p, int64_t n) { return p->start + 2 * (double)n * p->t; }
static double after_fma_sum(const place *p, int64_t n) {
    return p->start + 2 * (double)n * p->f * p->t;
}

static double after_mul(const place *p, int64_t n) {
    return p->start * pow(p->f * p->f * p->f * p->l, (double)n);
}
static double after_div(const place *p, int64_t n) {
    return p->start / pow(p->f * p->f * p->f * p->l, (double)n);
}

static double start_value(const sz_kernel *k, int acc, int lane);

// Each accumulator takes the number of the next one, and the last that of f, which is the largest:
// it moves down by one register in each pass. The starts grow from accumulator to accumulator.
static double after_max(const place *p, int64_t n) {
    const int64_t moved = n < p->chains ? n * p->k->passes : p->chains;
    return p->acc + moved < p->chains ? start_value(p->k, (int)(p->acc + moved), p->lane) : p->f;
}

static double after_max_mul(const place *p, int64_t n) {
    return fmax(p->start * pow(p->f, steps(p, n)), p->t);
}
static double after_add_max(const place *p, int64_t n) {
    return fmax(p->start + p->f * steps(p, n), p->t);
}

static double after_fma_add(const place *p, int64_t n) {
    return p->acc < (p->chains + 1) / 2 ? after_fma(p, n) : after_add(p, n);
}
static double after_fma_sum_add(const place *p, int64_t n) {
    return p->acc < (p->chains + 1) / 2 ? after_fma_sum(p, n) : after_add(p, n);
}

// ln a draws nearer to ln f by one half in each step.
static double after_sqrt(const place *p, int64_t n) {
    return p->f * pow(p->start / p->f, exp2(-fmin(steps(p, n), 1000)));
}

// e^-a draws nearer to 0.567 by that factor in each step; 100 of them reach it.
static double after_exp(const place *p, int64_t n) {
    double a = p->start;
    for (int64_t i = 0; i < n && i < 100; i++) a = exp(-a);
    return a;
}

// Four products of bytes in each step, three times up and once down. Tiles: 64 products.
static double after_dot_int8(const place *p, int64_t n) {
    return p->start + 2 * (double)n * 4 * 13 * 7;
}
static double after_tile_int8(const place *p, int64_t n) {
    return p->start + 2 * (double)n * 64 * 13 * 7;
}

// The factors are 129/128 and 2^-10: each product is exact, and so is the sum while it is short.
static const double BF16_PRODUCT = 129.0 / 128 / 1024;
static double after_dot_bf16(const place *p, int64_t n) {
    return p->start + 2 * (double)n * 2 * BF16_PRODUCT;
}
static double after_tile_bf16(const place *p, int64_t n) {
    return p->start + 2 * (double)n * 32 * BF16_PRODUCT;
}

// ---- the laws ----------------------------------------------------------------------------------

// 1 - 2^-10 and 2^-10 are exact in f32, and the fixed point of fma is exactly 1. For mul and div
// the product of the four factors is 1 + 2^-14. 2^-16 leaves room for rounding and none for a wrong
// number of steps.
#define FACTOR 0.9990234375
#define TERM   0.0009765625
#define BACK   ((1 + 1.0 / 16384) / (FACTOR * FACTOR * FACTOR))
#define NEAR   (1.0 / 65536)
static const law laws[] = {
    {"fma", "f16", NULL, 0.875, 0.125, 0, after_fma, 1.0 / 128},
    {"fma", NULL, "neon", FACTOR, TERM, 0, after_fma_sum, NEAR},
    {"fma", NULL, "sve", FACTOR, TERM, 0, after_fma_sum, NEAR},
    {"fma", NULL, "arm64 scalar", FACTOR, TERM, 0, after_fma_sum, NEAR},
    {"fma", NULL, NULL, FACTOR, TERM, 0, after_fma, NEAR},
    {"mul+add", NULL, NULL, FACTOR, TERM, 0, after_fma, NEAR},
    {"add", "int32", NULL, 0, 12345, 0, after_add, 0},
    {"add", NULL, NULL, 0, TERM, 0, after_add, NEAR},
    {"mul", NULL, NULL, FACTOR, 0, BACK, after_mul, NEAR},
    {"max", NULL, NULL, 16, 0, 0, after_max, 0x1p-40},
    {"max+mul", NULL, NULL, FACTOR, 0.5, 0, after_max_mul, NEAR},
    {"add+max", NULL, NULL, -TERM, 0.5, 0, after_add_max, NEAR},
    {"fma+add", NULL, "neon", FACTOR, TERM, 0, after_fma_sum_add, NEAR},
    {"fma+add", NULL, "sve", FACTOR, TERM, 0, after_fma_sum_add, NEAR},
    {"fma+add", NULL, NULL, FACTOR, TERM, 0, after_fma_add, NEAR},
    {"div", NULL, NULL, FACTOR, 0, BACK, after_div, NEAR},
    {"sqrt", NULL, NULL, 2.718281828459045, 0, 0, after_sqrt, NEAR},
    {"exp", NULL, NULL, 0, 0, 0, after_exp, NEAR},
    {"dot", "int8", "amx", 0, 0, 0, after_tile_int8, 0},
    {"dot", "int8", NULL, 0, 0, 0, after_dot_int8, 0},
    {"dot3", "int8", NULL, 0, 0, 0, after_dot_int8, 0},
    {"dot", "bf16", "amx", 0, 0, 0, after_tile_bf16, NEAR},
    {"dot", "bf16", NULL, 0, 0, 0, after_dot_bf16, NEAR},
};

static const law *law_of(const sz_kernel *k) {
    for (size_t i = 0; i < sizeof laws / sizeof laws[0]; i++)
        if (is(laws[i].op, k->op) && is(laws[i].dtype, k->dtype) && is(laws[i].isa, k->isa))
            return &laws[i];
    return NULL;
}

// ---- numbers in registers ----------------------------------------------------------------------

typedef enum format { F64, F32, F16, I32 } format;

// Accumulators of the short formats are wider than they are.
static format format_of(const sz_kernel *k) {
    if (strcmp(k->dtype, "f64") == 0) return F64;
    if (strcmp(k->dtype, "f16") == 0) return F16;
    return strncmp(k->dtype, "int", 3) == 0 ? I32 : F32;
}

// Normal positive numbers only; the fraction is cut off.
static uint16_t to_f16(double value) {
    int exponent;
    const double fraction = frexp(value, &exponent); // in [0.5, 1)
    return (uint16_t)((exponent + 14) << 10 | (int)((2 * fraction - 1) * 1024));
}
static double from_f16(uint16_t bits) {
    if ((bits & 0x7c00) == 0 || (bits & 0x7c00) == 0x7c00) return 0; // not normal
    return ldexp(1 + (bits & 1023) / 1024.0, (bits >> 10 & 31) - 15);
}

static void put(format to, unsigned char *at, int lane, double value) {
    const float narrow = (float)value;
    const uint32_t whole = (uint32_t)(int64_t)value;
    switch (to) {
    case F64:
        memcpy(at + 8 * lane, &value, sizeof value);
        break;
    case F32:
        memcpy(at + 4 * lane, &narrow, sizeof narrow);
        break;
    case I32:
        memcpy(at + 4 * lane, &whole, sizeof whole);
        break;
    case F16: {
        const uint16_t half = value > 0 ? to_f16(value) : 0;
        memcpy(at + 2 * lane, &half, sizeof half);
    }
    }
}

static double get(format from, const unsigned char *at, int lane) {
    double value;
    float narrow;
    int32_t whole;
    uint16_t half;
    switch (from) {
    case F64:
        memcpy(&value, at + 8 * lane, sizeof value);
        return value;
    case F32:
        memcpy(&narrow, at + 4 * lane, sizeof narrow);
        return narrow;
    case I32:
        memcpy(&whole, at + 4 * lane, sizeof whole);
        return whole;
    case F16:
        memcpy(&half, at + 2 * lane, sizeof half);
        return from_f16(half);
    }
    return 0;
}

// Tiles are wider than the room of an accumulator.
static size_t acc_at(const sz_kernel *k, int acc) {
    const size_t bytes = (size_t)sz_kernel_bits(k) / 8;
    return (size_t)acc * (bytes > SZ_KERNEL_MAX_REGISTER ? bytes : SZ_KERNEL_MAX_REGISTER);
}

double sz_kernel_value(const sz_kernel *k, const sz_kernel_state *state, int acc, int lane) {
    return get(format_of(k), &state->acc[0][0] + acc_at(k, acc), lane);
}

void sz_kernel_set_value(const sz_kernel *k, sz_kernel_state *state, int acc, int lane,
                         double value) {
    put(format_of(k), &state->acc[0][0] + acc_at(k, acc), lane, value);
}

// ---- the state ---------------------------------------------------------------------------------

// Every lane of every accumulator starts at another number, so that a kernel which skips or swaps
// registers is found out.
static double start_value(const sz_kernel *k, int acc, int lane) {
    if (format_of(k) == I32) return 1000.0 * acc + lane;
    if (format_of(k) == F16) return 2 + acc / 8.0;
    return 2 + acc / 32.0 + lane / 8192.0;
}

static void fill(unsigned char *operand, uint32_t word) {
    for (size_t i = 0; i < SZ_KERNEL_MAX_REGISTER; i += sizeof word)
        memcpy(operand + i, &word, sizeof word);
}

// Short numbers side by side: the factors, and the second one with its sign changed; ones of 16
// bits.
static void set_dot(const sz_kernel *k, sz_kernel_state *state) {
    const bool bf16 = strcmp(k->dtype, "bf16") == 0;
    fill(state->operand[0], bf16 ? 0x3f813f81u : 0x0d0d0d0du);
    fill(state->operand[1], bf16 ? 0x3a803a80u : 0x07070707u);
    fill(state->operand[2], bf16 ? 0xba80ba80u : 0xf9f9f9f9u);
    fill(state->operand[3], 0x00010001u);
}

void sz_kernel_state_init(const sz_kernel *k, sz_kernel_state *state) {
    const law *rule = law_of(k);
    const format as = format_of(k);
    memset(state, 0, sizeof *state);
    state->chains = k->chains;
    if (!rule) return;
    for (int lane = 0; lane < sz_kernel_lanes(k); lane++)
        for (int acc = 0; acc < k->chains; acc++)
            sz_kernel_set_value(k, state, acc, lane, start_value(k, acc, lane));
    if (strncmp(k->op, "dot", 3) == 0) {
        set_dot(k, state);
        return;
    }
    for (int lane = 0; lane < sz_kernel_lanes(k); lane++) {
        put(as, state->operand[0], lane, rule->f);
        put(as, state->operand[1], lane, rule->t);
        put(as, state->operand[2], lane, rule->l);
    }
}

static bool close_to(double have, double want, double tolerance) {
    if (tolerance > 0) return fabs(have - want) <= fabs(want) * tolerance;
    return (uint32_t)(int64_t)have == (uint32_t)(int64_t)want;
}

bool sz_kernel_state_holds(const sz_kernel *k, const sz_kernel_state *state, int64_t iterations) {
    const law *rule = law_of(k);
    const format as = format_of(k);
    if (!rule) return false;
    place p = {.k = k,
               .chains = (int)state->chains,
               .f = get(as, state->operand[0], 0),
               .t = get(as, state->operand[1], 0),
               .l = get(as, state->operand[2], 0)};
    for (p.acc = 0; p.acc < k->chains; p.acc++)
        for (p.lane = 0; p.lane < sz_kernel_lanes(k); p.lane++) {
            p.start = start_value(k, p.acc, p.lane);
            const double want = p.acc < p.chains ? rule->after(&p, iterations) : p.start;
            const double have = sz_kernel_value(k, state, p.acc, p.lane);
            if (!close_to(have, want, rule->tolerance)) return false;
        }
    return true;
}

bool sz_kernel_state_normal(const sz_kernel *k, const sz_kernel_state *state) {
    const format as = format_of(k);
    for (int acc = 0; as != I32 && acc < state->chains; acc++)
        for (int lane = 0; lane < sz_kernel_lanes(k); lane++) {
            const double value = sz_kernel_value(k, state, acc, lane);
            if (as == F32 ? !isnormal((float)value) : !isnormal(value)) return false;
        }
    return true;
}
