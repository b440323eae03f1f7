// SPDX-License-Identifier: Apache-2.0
// Neutral elements and operations that say the same twice: x + 0, x - 0, x * 1, x / 1, x ^ 1,
// max(x, x), -(-x), not not x, relu(relu(x)) and the like; x ^ 2 becomes x * x.
//
// Needs: types and known numbers. Keeps: types: a neutral operand that makes the result larger
// (broadcasting) stays. x * 0 stays: it is not 0 for infinities and NaN; x - x and x / x alike.
// What is equal may differ in the sign of a zero: -0 + 0 is 0.
#include "model/passes/pass.h"

// op, which operand may be neutral (bit 0, bit 1), what it is, only for floats
static const struct {
    const char *op;
    uint8_t operands;
    double neutral;
} neutrals[] = {
    {"Add", 3, 0}, {"Sub", 2, 0}, {"Mul", 3, 1},       {"Div", 2, 1},
    {"Pow", 2, 1}, {"Sum", 3, 0}, {"BitwiseOr", 3, 0}, {"BitwiseXor", 3, 0},
    {"Or", 3, 0},  {"Xor", 3, 0}, {"And", 3, 1},
};

static const char *const same_twice[] = {"Max", "Min", "And", "Or", "BitwiseAnd", "BitwiseOr"};
static const char *const cancels[] = {"Neg", "Not", "BitwiseNot"};
static const char *const once[] = {"Relu", "Abs", "Floor", "Ceil", "Round", "Sign"};

static bool is_like_output(const sz_pass_job *job, sz_node_id id, sz_value_id v) {
    return v != SZ_NONE &&
           sz_same_type(sz_type_of(job, v), sz_type_of(job, sz_edit_out(job->e, id, 0)));
}

// The operand that the result equals, SZ_NONE when there is none.
static sz_value_id beside_neutral(const sz_pass_job *job, sz_node_id id) {
    if (sz_edit_node_of(job->e, id)->n_inputs != 2) return SZ_NONE;
    for (size_t r = 0; r < sizeof neutrals / sizeof *neutrals; r++) {
        if (!sz_is_op(job, id, neutrals[r].op)) continue;
        for (int k = 0; k < 2; k++) {
            const sz_value_id other = sz_edit_in(job->e, id, 1 - k);
            if ((neutrals[r].operands >> k & 1) && is_like_output(job, id, other) &&
                sz_is_filled(job, sz_edit_in(job->e, id, k), neutrals[r].neutral))
                return other;
        }
    }
    return SZ_NONE;
}

static sz_value_id said_twice(const sz_pass_job *job, sz_node_id id) {
    const sz_value_id in = sz_edit_in(job->e, id, 0);
    const sz_node_id before = sz_edit_producer(job->e, in);
    if (SZ_IS_ANY(job, id, same_twice) && sz_edit_node_of(job->e, id)->n_inputs == 2 &&
        in == sz_edit_in(job->e, id, 1))
        return in;
    if (before == SZ_NONE ||
        !sz_str_eq(sz_edit_node_of(job->e, before)->op, sz_edit_node_of(job->e, id)->op))
        return SZ_NONE;
    if (SZ_IS_ANY(job, id, cancels) && SZ_IS_ANY(job, before, cancels))
        return sz_edit_in(job->e, before, 0);
    return SZ_IS_ANY(job, id, once) && SZ_IS_ANY(job, before, once) ? in : SZ_NONE;
}

static sz_status square(sz_pass_job *job, sz_node_id id) {
    const sz_value_id x = sz_edit_in(job->e, id, 0), out = sz_edit_out(job->e, id, 0);
    sz_value_id y;
    sz_node_id node;
    const sz_build b = {.op = "Mul", .inputs = {x, x}, .n_inputs = 2, .like = out};
    SZ_TRY(sz_build_node(job, &b, id, &y, &node));
    return sz_bypass(job, id, y);
}

static bool is_square(const sz_pass_job *job, sz_node_id id) {
    double power;
    return sz_is_op(job, id, "Pow") && is_like_output(job, id, sz_edit_in(job->e, id, 0)) &&
           sz_scalar(job, sz_edit_in(job->e, id, 1), &power) && power == 2;
}

sz_status sz_pass_neutral(sz_pass_job *job) {
    sz_node_id next;
    for (sz_node_id id = job->e->head; id != SZ_NONE; id = next) {
        next = sz_edit_next(job->e, id);
        if (sz_edit_is_dead(job->e, id) || sz_edit_out(job->e, id, 0) == SZ_NONE) continue;
        if (sz_kind_of(job, id) != SZ_KIND_ELEMENTWISE && sz_kind_of(job, id) != SZ_KIND_ACTIVATION)
            continue;
        if (sz_edit_node_of(job->e, id)->opset < 7) continue; // broadcasting had rules of its own
        sz_value_id v = beside_neutral(job, id);
        if (v == SZ_NONE) v = said_twice(job, id);
        if (v != SZ_NONE && is_like_output(job, id, v))
            SZ_TRY(sz_bypass(job, id, v));
        else if (is_square(job, id))
            SZ_TRY(square(job, id));
    }
    return SZ_OK;
}
