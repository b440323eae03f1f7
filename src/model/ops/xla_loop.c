// SPDX-License-Identifier: Apache-2.0
// How often a `while` of XLA runs: counted out where its condition compares a number that the body
// moves on by a constant with a number that stays the same.
#include "model/ops/xla.h"

enum { MAX_FRAMES = SZ_MAX_BODIES + 1, MAX_STEPS = 1000 };

// A computation that the walk is inside of, and the instruction that called it.
typedef struct frame {
    sz_graph *graph;
    const sz_node *caller; // in the graph of the frame below; NULL = the walk started here
} frame;

typedef enum kind { NOWHERE, NUMBER, PARAMETER, INSTRUCTION } kind;

// Where a value comes from.
typedef struct origin {
    kind kind;
    int64_t number; // NUMBER
    int64_t item;   // PARAMETER: item of the tuple, 0 when it is no tuple
    const sz_node *node;
    frame frames[MAX_FRAMES]; // INSTRUCTION: where it stands
    int depth;
} origin;

static bool is_one_of(sz_str op, int n, const char *const *names) {
    for (int i = 0; i < n; i++)
        if (sz_str_is(op, names[i])) return true;
    return false;
}

static bool integer(sz_graph *g, sz_value_id id, int64_t *ret) {
    const sz_tensor *t = NULL;
    if (sz_graph_known(g, id, &t) != SZ_OK || !t || !t->i || t->count != 1) return false;
    *ret = t->i[0];
    return *ret != SZ_VALUE_UNKNOWN;
}

// The value that an input of a called computation was given; false at the outermost.
static bool given(origin *o, sz_value_id *id) {
    const frame *f = &o->frames[o->depth];
    if (!f->caller) return false;
    const sz_graph *g = f->graph;
    for (size_t k = 0; k < g->inputs.n; k++) {
        if (g->inputs.items[k] != *id || k >= (size_t)f->caller->n_inputs) continue;
        *id = f->caller->inputs[k];
        o->depth--;
        return *id != SZ_NONE;
    }
    return false;
}

// Into the computation that an instruction calls, at what it gives.
static bool enter(origin *o, const sz_node *n, sz_value_id *id) {
    sz_graph *body = sz_xla_body(n, sz_str_is(n->op, "call") ? "to_apply" : "calls");
    if (!body || o->depth + 1 >= MAX_FRAMES || body->outputs.n != 1) return false;
    o->frames[++o->depth] = (frame){body, n};
    *id = body->outputs.items[0];
    return true;
}

// One step back from a node. false: the walk ends at it.
static bool step(origin *o, const sz_node *n, int64_t *item, sz_value_id *id) {
    static const char *const passing[] = {"copy", "bitcast", "convert", "reshape", "opt-barrier"};
    if (n->n_inputs < 1 && !sz_xla_body(n, "calls")) return false;
    if (sz_str_is(n->op, "get-tuple-element") && *item < 0) {
        *item = sz_attr_i(n, "index", 0);
        *id = n->inputs[0];
    } else if (sz_str_is(n->op, "tuple") && *item >= 0 && *item < n->n_inputs) {
        *id = n->inputs[*item];
        *item = -1;
    } else if (is_one_of(n->op, 5, passing)) {
        *id = n->inputs[0];
    } else if (sz_str_is(n->op, "call") || sz_str_is(n->op, "fusion")) {
        return enter(o, n, id);
    } else {
        return false;
    }
    return *id != SZ_NONE;
}

// Follows the value (or item `item` of it, -1 = itself) back. `o` holds the frames to start from.
static void follow(origin *o, sz_value_id id, int64_t item) {
    o->kind = NOWHERE;
    for (int steps = 0; steps < MAX_STEPS && id != SZ_NONE; steps++) {
        sz_graph *g = o->frames[o->depth].graph;
        const sz_value *v = sz_graph_value(g, id);
        if (v->kind == SZ_VALUE_CONST && item < 0 && integer(g, id, &o->number)) {
            o->kind = NUMBER;
            return;
        }
        if (v->kind == SZ_VALUE_INPUT && !given(o, &id)) {
            if (!o->frames[o->depth].caller) o->kind = PARAMETER, o->item = item < 0 ? 0 : item;
            return;
        }
        if (v->kind == SZ_VALUE_INPUT) continue;
        if (v->kind != SZ_VALUE_NODE || v->producer == SZ_NONE) return;
        o->node = sz_graph_node(g, v->producer);
        if (step(o, o->node, &item, &id)) continue;
        if (item < 0) o->kind = INSTRUCTION;
        return;
    }
}

static void start(origin *o, sz_graph *g, sz_value_id id, int64_t item) {
    o->depth = 0;
    o->frames[0] = (frame){g, NULL};
    follow(o, id, item);
}

// Operand `i` of the instruction that `at` ended at.
static void operand(const origin *at, int i, origin *ret) {
    *ret = *at;
    ret->kind = NOWHERE;
    if (i < at->node->n_inputs) follow(ret, at->node->inputs[i], -1);
}

// ---- the loop ----------------------------------------------------------------------------------

typedef struct loop {
    const sz_infer *n;
    sz_graph *condition, *body;
    bool is_tuple; // of its state
} loop;

static int64_t item_of(const loop *l, int64_t item) { return l->is_tuple ? item : -1; }

// What the state holds before the first run.
static bool first(const loop *l, int64_t item, int64_t *ret) {
    origin o;
    start(&o, l->n->graph, l->n->node->inputs[0], item_of(l, item));
    *ret = o.number;
    return o.kind == NUMBER;
}

// The body adds *ret to the item in each run; 0 when it hands it on.
static bool change(const loop *l, int64_t item, int64_t *ret) {
    origin o, a, b;
    start(&o, l->body, l->body->outputs.items[0], item_of(l, item));
    *ret = 0;
    if (o.kind == PARAMETER) return o.item == item;
    if (o.kind != INSTRUCTION) return false;
    const bool adds = sz_str_is(o.node->op, "add"), takes = sz_str_is(o.node->op, "subtract");
    if (!adds && !takes) return false;
    operand(&o, 0, &a);
    operand(&o, 1, &b);
    if (adds && a.kind == NUMBER) {
        const origin swapped = a;
        a = b, b = swapped;
    }
    if (a.kind != PARAMETER || a.item != item || b.kind != NUMBER) return false;
    if (takes && b.number == INT64_MIN) return false;
    *ret = takes ? -b.number : b.number;
    return true;
}

// A side of the comparison: first number and change per run.
static bool side(const loop *l, const origin *o, int64_t *ret_first, int64_t *ret_change) {
    *ret_first = o->number, *ret_change = 0;
    if (o->kind == NUMBER) return true;
    return o->kind == PARAMETER && first(l, o->item, ret_first) && change(l, o->item, ret_change);
}

// Runs while `distance` > 0, where it falls by `fall` with each.
static bool runs(int64_t distance, int64_t fall, int64_t *ret) {
    *ret = 0;
    if (distance <= 0) return true;
    if (fall <= 0) return false; // never ends
    *ret = distance / fall + (distance % fall != 0);
    return true;
}

static bool count(sz_str direction, int64_t a, int64_t a_step, int64_t b, int64_t b_step,
                  int64_t *ret) {
    int64_t distance, fall; // a < b while b - a > 0
    if (sz_str_is(direction, "GT") || sz_str_is(direction, "GE")) {
        const int64_t x = a, y = a_step;
        a = b, a_step = b_step, b = x, b_step = y;
    }
    if (!sz_sub(b, a, &distance) || !sz_sub(a_step, b_step, &fall)) return false;
    if (sz_str_is(direction, "LT") || sz_str_is(direction, "GT")) return runs(distance, fall, ret);
    if (sz_str_is(direction, "LE") || sz_str_is(direction, "GE"))
        return sz_add(distance, 1, &distance) && runs(distance, fall, ret);
    if (!sz_str_is(direction, "NE")) return false;
    *ret = 0;
    if (distance == 0) return true;
    if (fall == 0 || (fall == -1 && distance == INT64_MIN) || distance % fall) return false;
    *ret = distance / fall;
    return *ret > 0;
}

bool sz_xla_trips(const sz_infer *n, int64_t *ret_trips) {
    loop l = {n, sz_xla_body(n->node, "condition"), sz_xla_body(n->node, "body"), false};
    origin test, a, b;
    int64_t a_first, a_step, b_first, b_step;
    *ret_trips = sz_attr_i(n->node, "trips", -1);
    if (*ret_trips >= 0) return true;
    if (!l.condition || !l.body || l.condition->outputs.n != 1 || l.body->outputs.n != 1 ||
        n->node->n_inputs != 1 || n->node->inputs[0] == SZ_NONE)
        return false;
    l.is_tuple = sz_in(n, 0)->kind == SZ_TYPE_SEQUENCE;
    start(&test, l.condition, l.condition->outputs.items[0], -1);
    if (test.kind != INSTRUCTION || !sz_str_is(test.node->op, "compare")) return false;
    operand(&test, 0, &a);
    operand(&test, 1, &b);
    return side(&l, &a, &a_first, &a_step) && side(&l, &b, &b_first, &b_step) &&
           count(sz_attr_s(test.node, "direction", ""), a_first, a_step, b_first, b_step,
                 ret_trips);
}
