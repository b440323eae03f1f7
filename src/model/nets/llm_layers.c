// SPDX-License-Identifier: Apache-2.0
// Weights as values, products, norms and feed-forward layers of language models.
#include "model/nets/llm_graph.h"

#include "model/ops/llm.h"

#include <inttypes.h>
#include <stdio.h>

enum { MAX_ROLE = 160, MAX_SCALES = 4 };

void sz_lm_fail(sz_lm *m, const char *fmt, ...) {
    char text[400];
    va_list args;
    if (m->net.status != SZ_OK) return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    m->net.status = sz_fail(m->net.ctx, SZ_ERR_INPUT, "@0: '%s': %s", m->at, text);
}

// ---- weights -----------------------------------------------------------------------------------

sz_weight *sz_lm_find(sz_lm *m, const char *role) {
    char text[2 * MAX_ROLE];
    snprintf(text, sizeof text, "%s%s", m->at, role);
    return sz_checkpoint_find(m->cp, text);
}

static sz_weight *find_of(sz_lm *m, const char *name, const char *end) {
    char text[2 * MAX_ROLE];
    snprintf(text, sizeof text, "%s%s.%s", m->at, name, end);
    return sz_checkpoint_find(m->cp, text);
}

bool sz_lm_has(sz_lm *m, const char *name) { return find_of(m, name, "weight") != NULL; }

sz_value_id sz_lm_value_as(sz_lm *m, sz_weight *w, int32_t rank, const int64_t *dims) {
    sz_net *n = &m->net;
    if (n->status != SZ_OK || !w) return SZ_NONE;
    w->placed = true;
    if (w->value != SZ_NONE) return w->value;
    int64_t *own = sz_graph_dims(n->graph, rank);
    sz_constant *c = sz_arena_alloc(n->graph->arena, sizeof *c);
    if (!own || !c) {
        n->status = sz_no_memory(n->ctx);
        return SZ_NONE;
    }
    int64_t has = 1, wants = 1;
    bool fits = true; // products beyond 2^63 are found below
    for (int32_t i = 0; i < w->rank; i++) fits = fits && sz_mul(has, w->dims[i], &has);
    for (int32_t i = 0; i < rank; i++) fits = fits && sz_mul(wants, dims[i], &wants);
    if (fits && has != wants) {
        sz_lm_fail(m, "'%s' has %" PRId64 " numbers, not the %" PRId64 " that the others ask for",
                   sz_show(n->ctx, w->name), has, wants);
        return SZ_NONE;
    }
    for (int32_t i = 0; i < rank; i++) own[i] = dims[i];
    const sz_type type = sz_type_tensor(w->dtype, rank, own);
    int64_t bytes;
    n->status = sz_type_bytes(n->ctx, &type, &bytes);
    if (n->status != SZ_OK)
        n->status = sz_place(n->ctx, n->status, "@0: '%s'", sz_show(n->ctx, w->name));
    else
        n->status = sz_graph_add_value(n->graph, w->name, SZ_VALUE_CONST, &w->value);
    if (n->status != SZ_OK) return SZ_NONE;
    *c = (sz_constant){.form = SZ_CONST_NOWHERE, .side = SZ_NONE, .length = (uint64_t)bytes};
    sz_graph_value(n->graph, w->value)->type = type;
    sz_graph_value(n->graph, w->value)->constant = c;
    return w->value;
}

sz_value_id sz_lm_value(sz_lm *m, sz_weight *w) {
    return w ? sz_lm_value_as(m, w, w->rank, w->dims) : SZ_NONE;
}

// Scales and zero points of `w` as further inputs behind the first `at`; returns how many inputs.
static int32_t add_scales(sz_lm *m, const sz_weight *w, sz_net_op *op, int32_t at) {
    int32_t n = at;
    for (int32_t s = w->scales; s != SZ_NONE; s = m->cp->weights.items[s].next_scale) {
        sz_value_id v = sz_lm_value(m, &m->cp->weights.items[s]);
        if (n < 8) op->inputs[n++] = v;
    }
    return n;
}

// ---- products ----------------------------------------------------------------------------------

// All axes but the last become the rows of a matrix: [out] -> [1, out], [heads, a, b] -> [.., b].
static bool as_matrix(const sz_weight *w, int64_t *dims) {
    dims[0] = 1, dims[1] = w->rank > 0 ? w->dims[w->rank - 1] : 1;
    for (int32_t i = 0; i + 1 < w->rank; i++)
        if (!sz_mul(dims[0], w->dims[i], &dims[0])) return false;
    return w->rank > 0;
}

int64_t sz_lm_rows(sz_lm *m, const char *name) {
    const sz_weight *w = find_of(m, name, "weight");
    int64_t dims[2];
    return w && as_matrix(w, dims) ? dims[0] : 0;
}

sz_value_id sz_lm_linear(sz_lm *m, const char *name, sz_value_id x) {
    sz_weight *w = find_of(m, name, "weight");
    int64_t dims[2];
    if (!w || x == SZ_NONE || !as_matrix(w, dims)) return SZ_NONE;
    sz_net_op op = {.name = name, .op = "Linear", .domain = SZ_LLM_DOMAIN};
    op.inputs[0] = x;
    op.inputs[1] = sz_lm_value_as(m, w, 2, dims);
    op.inputs[2] = sz_lm_value(m, find_of(m, name, "bias"));
    op.n_inputs = add_scales(m, w, &op, SZ_LLM_LINEAR_SCALES);
    if (op.n_inputs == 3 && op.inputs[2] == SZ_NONE) op.n_inputs = 2;
    return sz_net_node(&m->net, &op);
}

sz_value_id sz_lm_act(sz_lm *m, const char *name, sz_value_id x) {
    const char *act = m->llm->act ? m->llm->act : "silu";
    if (strcmp(act, "relu2") == 0) { // once for each kind of experts
        char text[MAX_ROLE];
        snprintf(text, sizeof text, "ffn_square%s", strncmp(name, "ffn_act", 7) ? "" : name + 7);
        x = sz_net_unary(&m->net, name, "Relu", x);
        return sz_net_binary(&m->net, text, "Mul", x, x);
    }
    const char *op = strcmp(act, "silu") == 0   ? "Swish"
                     : strcmp(act, "relu") == 0 ? "Relu"
                                                : "Gelu";
    if (strcmp(act, "gelu_tanh") != 0) return sz_net_unary(&m->net, name, op, x);
    return sz_net_node(&m->net, &(sz_net_op){.name = name,
                                             .op = op,
                                             .n_inputs = 1,
                                             .inputs = {x},
                                             .n_attrs = 1,
                                             .attrs = {sz_net_text("approximate", "tanh")}});
}

void sz_lm_split(sz_lm *m, const char *name, sz_value_id x, int32_t n, const int64_t *sizes,
                 sz_value_id *ret) {
    char text[MAX_ROLE];
    snprintf(text, sizeof text, "%s.sizes", name);
    const sz_value_id parts = sz_net_ints(&m->net, text, n, sizes);
    sz_net_node_outputs(&m->net,
                        &(sz_net_op){.name = name,
                                     .op = "Split",
                                     .n_inputs = 2,
                                     .inputs = {x, parts},
                                     .n_outputs = n,
                                     .n_attrs = 1,
                                     .attrs = {sz_net_int("axis", -1)}},
                        ret);
}

// ---- norms -------------------------------------------------------------------------------------

sz_value_id sz_lm_norm(sz_lm *m, const char *name, sz_value_id x) {
    sz_weight *w = find_of(m, name, "weight"), *bias = find_of(m, name, "bias");
    if (!w || x == SZ_NONE) return x;
    sz_net_op op = {.name = name, .op = bias ? "LayerNormalization" : "RMSNormalization"};
    op.inputs[0] = x;
    op.inputs[1] = sz_lm_value(m, w);
    if (bias) op.inputs[2] = sz_lm_value(m, bias);
    op.n_inputs = bias ? 3 : 2;
    return sz_net_node(&m->net, &op);
}

sz_value_id sz_lm_head_norm(sz_lm *m, const char *name, sz_value_id x, int64_t heads,
                            int64_t size) {
    const sz_weight *w = find_of(m, name, "weight");
    char cut[MAX_ROLE], join[MAX_ROLE];
    if (!w || x == SZ_NONE) return x;
    if (w->rank == 1 && w->dims[0] != size) return sz_lm_norm(m, name, x); // over all heads
    snprintf(cut, sizeof cut, "%s.heads", name);
    snprintf(join, sizeof join, "%s.join", name);
    x = sz_net_reshape(&m->net, cut, x, SZ_SHAPE(0, 0, heads, size));
    x = sz_lm_norm(m, name, x);
    return sz_net_reshape(&m->net, join, x, SZ_SHAPE(0, 0, heads * size));
}

// ---- feed-forward ------------------------------------------------------------------------------

// Names of the three products of a gated layer, plain, of shared experts, or of experts.
typedef struct trio {
    const char *gate, *up, *down, *act, *glu;
} trio;

static sz_value_id gated(sz_lm *m, const trio *t, sz_value_id gate, sz_value_id up) {
    gate = sz_lm_act(m, t->act, gate);
    return sz_net_binary(&m->net, t->glu, "Mul", gate, up);
}

static sz_value_id dense(sz_lm *m, const trio *t, sz_value_id x) {
    sz_weight *down = find_of(m, t->down, "weight");
    int64_t d[2];
    if (!down || !sz_lm_has(m, t->up) || !as_matrix(down, d)) return SZ_NONE;
    sz_value_id up = sz_lm_linear(m, t->up, x), parts[2];
    if (sz_lm_has(m, t->gate))
        up = gated(m, t, sz_lm_linear(m, t->gate, x), up);
    else if (d[1] > 0 && sz_lm_rows(m, t->up) / 2 == d[1]) { // gate and up in one matrix
        sz_lm_split(m, "ffn_halves", up, 2, (const int64_t[]){d[1], d[1]}, parts);
        up = gated(m, t, parts[0], parts[1]);
    } else
        up = sz_lm_act(m, t->act, up);
    return sz_lm_linear(m, t->down, sz_lm_norm(m, "ffn_sub_norm", up));
}

static sz_value_id expert_linear(sz_lm *m, const char *name, sz_value_id x, sz_value_id route) {
    sz_weight *w = find_of(m, name, "weight");
    if (!w) return SZ_NONE;
    sz_net_op op = {.name = name, .op = "ExpertLinear", .domain = SZ_LLM_DOMAIN};
    op.inputs[0] = x;
    op.inputs[1] = sz_lm_value(m, w);
    op.inputs[2] = route;
    op.inputs[3] = sz_lm_value(m, find_of(m, name, "bias"));
    op.n_inputs = add_scales(m, w, &op, SZ_LLM_EXPERT_SCALES);
    if (op.n_inputs == 4 && op.inputs[3] == SZ_NONE) op.n_inputs = 3;
    return sz_net_node(&m->net, &op);
}

static sz_value_id route_of(sz_lm *m, sz_value_id x) {
    const int64_t used = m->llm->experts_used > 0 ? m->llm->experts_used : 1;
    const sz_value_id logits = sz_lm_linear(m, "ffn_gate_inp", x);
    sz_net_op op = {.name = "ffn_route",
                    .op = "Route",
                    .domain = SZ_LLM_DOMAIN,
                    .n_inputs = 1,
                    .inputs = {logits},
                    .n_attrs = 1,
                    .attrs = {sz_net_int("used", used)}};
    sz_weight *correction = sz_lm_find(m, "exp_probs_b.bias");
    if (correction) op.inputs[op.n_inputs++] = sz_lm_value(m, correction);
    return sz_net_node(&m->net, &op);
}

static sz_value_id shared_experts(sz_lm *m, sz_value_id x) {
    static const trio t = {"ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp", "ffn_act_shexp",
                           "ffn_glu_shexp"};
    sz_value_id y = dense(m, &t, x);
    const sz_value_id gate = sz_lm_linear(m, "ffn_gate_inp_shexp", x);
    if (gate == SZ_NONE || y == SZ_NONE) return y;
    const sz_value_id open = sz_net_unary(&m->net, "ffn_open_shexp", "Sigmoid", gate);
    return sz_net_binary(&m->net, "ffn_gated_shexp", "Mul", y, open);
}

static sz_value_id experts(sz_lm *m, sz_value_id x) {
    static const trio t = {"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps", "ffn_act_exps",
                           "ffn_glu_exps"};
    const sz_value_id route = route_of(m, x);
    sz_value_id up, parts[2];
    if (sz_lm_has(m, "ffn_gate_up_exps")) {
        const sz_weight *w = find_of(m, "ffn_gate_up_exps", "weight");
        const int64_t half = w->rank == 3 ? w->dims[1] / 2 : 0;
        up = expert_linear(m, "ffn_gate_up_exps", x, route);
        sz_lm_split(m, "ffn_halves_exps", up, 2, (const int64_t[]){half, half}, parts);
        up = gated(m, &t, parts[0], parts[1]);
    } else {
        up = expert_linear(m, t.up, x, route);
        if (sz_lm_has(m, t.gate))
            up = gated(m, &t, expert_linear(m, t.gate, x, route), up);
        else
            up = sz_lm_act(m, t.act, up);
    }
    up = expert_linear(m, t.down, up, route);
    up = sz_net_node(&m->net, &(sz_net_op){.name = "ffn_combine",
                                           .op = "Combine",
                                           .domain = SZ_LLM_DOMAIN,
                                           .n_inputs = 2,
                                           .inputs = {up, route}});
    const sz_value_id shared = shared_experts(m, x);
    return shared == SZ_NONE ? up : sz_net_binary(&m->net, "ffn_both", "Add", up, shared);
}

sz_value_id sz_lm_feed_forward(sz_lm *m, sz_value_id x) {
    static const trio t = {"ffn_gate", "ffn_up", "ffn_down", "ffn_act", "ffn_glu"};
    const bool is_mixture = sz_lm_has(m, "ffn_gate_inp") && sz_lm_has(m, "ffn_down_exps") &&
                            (sz_lm_has(m, "ffn_up_exps") || sz_lm_has(m, "ffn_gate_up_exps"));
    if (!is_mixture) return dense(m, &t, x);
    const sz_value_id y = experts(m, sz_lm_norm(m, "ffn_norm_exps", x));
    const sz_value_id z = dense(m, &t, x); // arctic has both
    return z == SZ_NONE ? y : sz_net_binary(&m->net, "ffn_sum", "Add", y, z);
}
