// SPDX-License-Identifier: Apache-2.0
// The net around the weights of a checkpoint: embedding, blocks, head.
#include "model/nets/llm_graph.h"

#include "model/ops/llm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

// ---- inputs ------------------------------------------------------------------------------------

// A free dimension with the size that is taken where none is given.
static int64_t free_dim(sz_lm *m, const char *name, int64_t usual) {
    int64_t dim = 1;
    sz_net *n = &m->net;
    if (n->status != SZ_OK) return dim;
    n->status = sz_graph_symbol(n->graph, sz_str_c(name), &dim);
    if (n->status == SZ_OK) n->graph->symbols.items[SZ_SYMBOL_OF(dim)].usual = usual;
    return dim;
}

static void note_symbol(sz_lm *m, int64_t dim, sz_value_id input, int32_t axis) {
    if (m->net.status != SZ_OK) return;
    sz_symbol *s = &m->net.graph->symbols.items[SZ_SYMBOL_OF(dim)];
    if (s->input == SZ_NONE) s->input = input, s->axis = axis;
}

static sz_value_id tokens(sz_lm *m, const char *name, bool each) {
    const sz_dtype i64 = sz_dtype_by_name("i64");
    const int64_t dims[] = {each ? m->batch : 1, m->seq};
    const sz_value_id id = sz_net_input(&m->net, name, i64, 2, dims);
    if (each) note_symbol(m, m->batch, id, 0);
    note_symbol(m, m->seq, id, 1);
    return id;
}

static void begin_stack(sz_lm *m, const char *ids, const char *seq) {
    m->batch = free_dim(m, "batch", 1);
    m->seq = free_dim(m, seq, 1);
    m->ids = tokens(m, ids, true);
}

static void add_past(sz_lm *m) {
    const int64_t dims[] = {free_dim(m, "past", 0)};
    m->past = sz_net_input(&m->net, "past_positions", sz_dtype_by_name("i64"), 1, dims);
    note_symbol(m, dims[0], m->past, 0);
}

// ---- embedding ---------------------------------------------------------------------------------

static sz_value_id embed(sz_lm *m, const char *name, const char *role, sz_value_id ids) {
    sz_weight *w = sz_checkpoint_find(m->cp, role);
    if (!w || w->rank != 2) return SZ_NONE;
    sz_net_op op = {.name = name,
                    .op = "Embed",
                    .domain = SZ_LLM_DOMAIN,
                    .n_inputs = 2,
                    .inputs = {sz_lm_value(m, w), ids},
                    .n_attrs = 1,
                    .attrs = {sz_net_int("dtype", m->llm->activations)}};
    for (int32_t s = w->scales; s != SZ_NONE; s = m->cp->weights.items[s].next_scale) {
        const sz_value_id v = sz_lm_value(m, &m->cp->weights.items[s]);
        if (op.n_inputs < 8) op.inputs[op.n_inputs++] = v;
    }
    return sz_net_node(&m->net, &op);
}

static sz_value_id add(sz_lm *m, const char *name, sz_value_id a, sz_value_id b) {
    if (a == SZ_NONE || b == SZ_NONE) return a == SZ_NONE ? b : a;
    return sz_net_binary(&m->net, name, "Add", a, b);
}

static sz_value_id embedding(sz_lm *m) {
    sz_value_id x = embed(m, "token_embd", "token_embd.weight", m->ids);
    if (x == SZ_NONE) return SZ_NONE;
    if (sz_checkpoint_find(m->cp, "position_embd.weight")) {
        const sz_value_id at = tokens(m, "position_ids", false);
        x = add(m, "positions", x, embed(m, "position_embd", "position_embd.weight", at));
    }
    if (sz_checkpoint_find(m->cp, "token_types.weight")) {
        const sz_value_id types = tokens(m, "token_type_ids", true);
        x = add(m, "types", x, embed(m, "token_types", "token_types.weight", types));
    }
    // what Gemma 3n adds in each block
    embed(m, "per_layer_token_embd", "per_layer_token_embd.weight", m->ids);
    return sz_lm_norm(m, "token_embd_norm", x);
}

// ---- blocks ------------------------------------------------------------------------------------

// Attention, or what stands in its place; hybrids may have both.
static sz_value_id mixer(sz_lm *m, sz_value_id x) {
    const sz_value_id a = sz_lm_attention(m, x);
    return add(m, "mixers", a, sz_lm_recurrence(m, x));
}

static sz_value_id parallel_block(sz_lm *m, sz_value_id x) {
    const sz_value_id h = sz_lm_norm(m, "attn_norm", x);
    const sz_value_id own = sz_lm_has(m, "attn_norm_2") ? sz_lm_norm(m, "attn_norm_2", x) : h;
    const sz_value_id a = mixer(m, own);
    const sz_value_id in = sz_lm_has(m, "ffn_norm") ? sz_lm_norm(m, "ffn_norm", x) : h;
    return add(m, "block", x, add(m, "branches", a, sz_lm_feed_forward(m, in)));
}

// Norms stand before a layer, behind it (inside the sum), or behind the sum, as the names of their
// weights tell.
static sz_value_id serial_block(sz_lm *m, sz_value_id x) {
    sz_value_id y = mixer(m, sz_lm_norm(m, "attn_norm", x));
    y = y == SZ_NONE ? y : sz_lm_norm(m, "post_attention_norm", y);
    x = sz_lm_norm(m, "attn_output_norm", add(m, "attn_sum", x, y));
    if (!sz_lm_has(m, "channel_mix_key")) x = sz_lm_norm(m, "attn_norm_2", x);
    y = sz_lm_has(m, "cross_attn_q") ? sz_lm_cross_attention(m, sz_lm_norm(m, "cross_attn_norm", x))
                                     : SZ_NONE;
    x = add(m, "cross_sum", x, y);
    if (sz_lm_has(m, "channel_mix_key"))
        return add(m, "block", x, sz_lm_channel_mix(m, sz_lm_norm(m, "attn_norm_2", x)));
    if (!sz_lm_has(m, "ffn_down") && !sz_lm_has(m, "ffn_down_exps")) return x;
    y = sz_lm_feed_forward(m, sz_lm_norm(m, "ffn_norm", x));
    y = y == SZ_NONE ? y : sz_lm_norm(m, "post_ffw_norm", y);
    return sz_lm_norm(m, "layer_output_norm", add(m, "block", x, y));
}

// ---- stacks ------------------------------------------------------------------------------------

static int compare_int64(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

// "PREFIX12.attn_q.weight" -> 12; -1 when the role is of another kind.
static int64_t block_of_role(sz_str role, const char *prefix) {
    const size_t len = strlen(prefix);
    int64_t n = 0;
    if (role.len <= len || memcmp(role.p, prefix, len) != 0) return -1;
    uint32_t i = (uint32_t)len;
    for (; i < role.len && role.p[i] >= '0' && role.p[i] <= '9'; i++)
        if (!sz_mul(n, 10, &n) || !sz_add(n, role.p[i] - '0', &n)) return -1;
    return i > len && i < role.len && role.p[i] == '.' ? n : -1;
}

typedef SZ_VEC(int64_t) blocks;

// The numbers of the blocks that have weights, in order.
static sz_status list_blocks(sz_lm *m, const char *prefix, blocks *list) {
    for (size_t i = 0; i < m->cp->weights.n; i++) {
        const sz_weight *w = &m->cp->weights.items[i];
        const int64_t n = w->role.p ? block_of_role(w->role, prefix) : -1;
        if (n >= 0 && !sz_vec_push(m->net.ctx, list, n)) return sz_no_memory(m->net.ctx);
    }
    if (list->n) qsort(list->items, list->n, sizeof *list->items, compare_int64);
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++)
        if (i == 0 || list->items[i] != list->items[i - 1]) list->items[kept++] = list->items[i];
    list->n = kept;
    return SZ_OK;
}

static sz_value_id run_blocks(sz_lm *m, const char *prefix, sz_value_id x) {
    blocks list = {0};
    if (m->net.status == SZ_OK) m->net.status = list_blocks(m, prefix, &list);
    if (list.n && list.items[list.n - 1] >= (int64_t)list.n)
        sz_warn(m->net.ctx,
                "only %zu of the blocks up to '%s%" PRId64 "' have weights: totals are partial",
                list.n, prefix, list.items[list.n - 1]);
    for (size_t i = 0; i < list.n && m->net.status == SZ_OK; i++) {
        snprintf(m->at, sizeof m->at, "%s%" PRId64 ".", prefix, list.items[i]);
        m->block = list.items[i];
        const size_t outside = sz_net_enter(&m->net, "%s", m->at);
        x = m->llm->parallel ? parallel_block(m, x) : serial_block(m, x);
        sz_net_leave(&m->net, outside);
    }
    m->at[0] = '\0';
    sz_vec_finish(m->net.ctx, &list);
    return x;
}

// ---- ends --------------------------------------------------------------------------------------

// The first token of each sample through one more layer or two, as BERT's classifiers take it.
static sz_value_id pooler(sz_lm *m, sz_value_id x) {
    const char *const name = sz_lm_has(m, "pooler") ? "pooler" : "cls";
    if (!sz_lm_has(m, name)) return SZ_NONE;
    const sz_value_id at = sz_net_range(&m->net, "pooler_at", 0, 0, NULL);
    x = sz_net_node(&m->net, &(sz_net_op){.name = "pooler_token",
                                          .op = "Gather",
                                          .n_inputs = 2,
                                          .inputs = {x, at},
                                          .n_attrs = 1,
                                          .attrs = {sz_net_int("axis", 1)}});
    x = sz_net_unary(&m->net, "pooler_act", "Tanh", sz_lm_linear(m, name, x));
    x = sz_lm_norm(m, "cls.norm", x);
    const sz_value_id y = sz_lm_linear(m, "cls.output", x);
    return y == SZ_NONE ? x : y;
}

static sz_value_id head(sz_lm *m, sz_value_id x) {
    sz_weight *w = sz_checkpoint_find(m->cp, "output.weight");
    sz_weight *bias = sz_checkpoint_find(m->cp, "output.bias");
    if (w) return sz_lm_linear(m, "output", x);
    w = sz_checkpoint_find(m->cp, "token_embd.weight");
    if (!m->llm->has_head || !w || w->rank != 2) return x;
    sz_net_op op = {.name = "output",
                    .op = "Linear",
                    .domain = SZ_LLM_DOMAIN,
                    .n_inputs = 2,
                    .inputs = {x, sz_lm_value(m, w)}};
    if (bias) op.inputs[op.n_inputs++] = sz_lm_value(m, bias);
    return sz_net_node(&m->net, &op);
}

// Features of tokens, where no table gives them.
static sz_value_id features(sz_lm *m, const char *name) {
    const int64_t width = m->llm->hidden > 0 ? m->llm->hidden : 1;
    const int64_t dims[] = {m->batch, m->seq, width};
    const sz_value_id x = sz_net_input(&m->net, name, m->llm->activations, 3, dims);
    note_symbol(m, m->batch, x, 0);
    note_symbol(m, m->seq, x, 1);
    return x;
}

// An encoder whose output the blocks of a decoder take.
static void encoder(sz_lm *m) {
    sz_value_id x;
    if (m->llm->has_features) {
        m->batch = free_dim(m, "batch", 1);
        m->seq = free_dim(m, "seq", 1);
        x = features(m, "features");
    } else {
        begin_stack(m, "input_ids", "seq");
        x = embed(m, "enc.token_embd", "token_embd.weight", m->ids);
    }
    m->is_encoder = true;
    m->memory = sz_lm_norm(m, "enc.output_norm", run_blocks(m, "enc.blk.", x));
    m->is_encoder = false;
}

static bool has_blocks(sz_lm *m, const char *prefix) {
    for (size_t i = 0; i < m->cp->weights.n; i++) {
        const sz_weight *w = &m->cp->weights.items[i];
        if (w->role.p && block_of_role(w->role, prefix) >= 0) return true;
    }
    return false;
}

static void decoder(sz_lm *m) {
    const bool is_second = m->memory != SZ_NONE;
    const char *const prefix = is_second ? "dec.blk." : "blk.";
    const char *const seq = is_second ? "decoder_seq" : "seq";
    const sz_weight *table = sz_checkpoint_find(m->cp, "token_embd.weight");
    sz_value_id x;
    m->is_encoder = m->llm->is_encoder;
    if (table && table->rank == 2) {
        begin_stack(m, is_second ? "decoder_input_ids" : "input_ids", seq);
        x = embedding(m);
    } else {
        m->batch = free_dim(m, "batch", 1);
        m->seq = free_dim(m, seq, 1);
        x = features(m, "features");
    }
    if (!m->is_encoder) add_past(m);
    x = run_blocks(m, prefix, x);
    x = sz_lm_norm(m, is_second ? "dec.output_norm" : "output_norm", x);
    if (!is_second) x = sz_lm_norm(m, "enc.output_norm", x); // as NeoBERT's is called
    const sz_value_id pooled = pooler(m, x);
    sz_net_output(&m->net, m->is_encoder && !m->llm->has_head ? x : head(m, x));
    if (pooled != SZ_NONE) sz_net_output(&m->net, pooled);
}

// ---- what has no place -------------------------------------------------------------------------

static bool contains(sz_str s, const char *part) {
    const size_t n = strlen(part);
    for (uint32_t i = 0; i + n <= s.len; i++)
        if (memcmp(s.p + i, part, n) == 0) return true;
    return false;
}

// A matrix of a block, by its role a product with each token, though nothing is known of the layer
// around it.
static bool is_product(const sz_weight *w) {
    const bool in_block = w->role.p && (block_of_role(w->role, "blk.") >= 0 ||
                                        block_of_role(w->role, "dec.blk.") >= 0);
    const bool of_experts = in_block && w->rank == 3 && contains(w->role, "_exps.");
    // Gemma 3n makes the inputs of all blocks in one product
    const bool is_shared = w->role.p && sz_str_is(w->role, "per_layer_model_proj.weight");
    return (in_block || is_shared) && !w->is_scale && (w->rank == 2 || of_experts) &&
           contains(w->role, ".weight") && !contains(w->role, "norm") &&
           !contains(w->role, "conv") && !contains(w->role, "_embd");
}

static void loose(sz_lm *m, sz_weight *w, size_t n) {
    const bool is_known = is_product(w);
    char name[32];
    snprintf(name, sizeof name, is_known ? "product.%zu" : "unplaced.%zu", n);
    sz_net_op op = {.name = name, .op = "Unplaced", .domain = SZ_LLM_DOMAIN, .n_inputs = 1};
    const sz_value_id v = sz_lm_value(m, w);
    op.inputs[0] = w->is_scale ? SZ_NONE : v;
    if (w->is_scale) op.inputs[op.n_inputs++] = v;
    if (is_known) {
        op.op = "Product";
        op.inputs[op.n_inputs++] = m->ids;
        if (w->rank == 3)
            op.attrs[op.n_attrs++] = sz_net_int(
                "used", m->llm->experts_used > 0 ? m->llm->experts_used : 1);
    }
    for (int32_t s = w->is_scale ? SZ_NONE : w->scales; s != SZ_NONE && op.n_inputs < 8;
         s = m->cp->weights.items[s].next_scale)
        op.inputs[op.n_inputs++] = sz_lm_value(m, &m->cp->weights.items[s]);
    sz_net_node(&m->net, &op);
}

static bool is_left(const sz_weight *w, bool scales) {
    bool is_empty = false;
    for (int32_t k = 0; k < w->rank; k++) is_empty = is_empty || w->dims[k] == 0;
    return !w->placed && !w->is_data && !is_empty && w->is_scale == scales;
}

// Weights first: they take their scales along.
static void place_rest(sz_lm *m) {
    size_t n[2] = {0, 0};
    for (int scales = 0; scales < 2; scales++)
        for (size_t i = 0; i < m->cp->weights.n && m->net.status == SZ_OK; i++) {
            sz_weight *w = &m->cp->weights.items[i];
            if (!is_left(w, scales == 1)) continue;
            const bool is_known = is_product(w);
            if (is_known && m->ids == SZ_NONE) begin_stack(m, "input_ids", "seq");
            loose(m, w, ++n[is_known]);
        }
    if (n[0])
        sz_warn(m->net.ctx,
                "%zu tensors have no place in the net that is known: their parameters "
                "and bytes count, what they cost does not",
                n[0]);
    if (n[1])
        sz_warn(m->net.ctx,
                "%zu matrices are costed by their role alone, as products with each "
                "token: the layers around them are not known",
                n[1]);
}

sz_status sz_llm_build(sz_checkpoint *cp, sz_graph *graph) {
    sz_lm m = {.net = {.ctx = cp->ctx,
                       .graph = graph,
                       .dtype = cp->llm.activations,
                       .mask = SZ_NONE,
                       .below = SZ_NONE},
               .cp = cp,
               .llm = &cp->llm,
               .ids = SZ_NONE,
               .past = SZ_NONE,
               .memory = SZ_NONE};
    if (cp->is_starved) return sz_no_memory(cp->ctx);
    const sz_str arch = cp->llm.arch;
    const char *copy = arch.p ? sz_arena_strdup(graph->arena, arch.p, arch.len) : NULL;
    if (arch.p && !copy) return sz_no_memory(cp->ctx);
    graph->arch = (sz_str){copy, arch.len};
    graph->trained = cp->llm.context;
    if (has_blocks(&m, "enc.blk.")) encoder(&m);
    const bool has_net = sz_checkpoint_find(cp, "token_embd.weight") || has_blocks(&m, "blk.") ||
                         m.memory != SZ_NONE;
    if (m.memory != SZ_NONE && !has_blocks(&m, "dec.blk."))
        sz_net_output(&m.net, m.memory); // T5's encoder alone
    else if (has_net)
        decoder(&m);
    place_rest(&m);
    return m.net.status;
}
