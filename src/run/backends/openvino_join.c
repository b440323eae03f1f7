// SPDX-License-Identifier: Apache-2.0
// Which nodes of the graph each executed layer does.
//
// The library's passes over the graph merge nodes under invented names. The net as it is after them
// can be had through the documented callback that may encrypt a cached model: its XML lists for
// each layer the names that went in. What is merged later, when kernels are chosen, has no layer of
// its own that ran: it belongs to the last executed layer that its inputs come from, as that is the
// only one that has them all.
#include "run/backends/openvino.h"

#include <stdio.h>
#include <stdlib.h>

#include "model/import/xml.h"
#include "model/ops/ops.h"

// ---- the library's map -------------------------------------------------------------------------

// What the callback is shown. It has no argument of ours; a child makes one export at a time.
static struct {
    sz_ctx *ctx; // NULL: nothing is wanted
    char *text;
    size_t n;
} shown;

static void show(const char *in, size_t n, char *out, size_t *ret_n) {
    if (out) memcpy(out, in, n);
    *ret_n = n;
    if (!out || !shown.ctx || shown.text || n < 5 || memcmp(in, "<?xml", 5) != 0) return;
    shown.text = sz_alloc(shown.ctx, n);
    if (!shown.text) return;
    memcpy(shown.text, in, n);
    shown.n = n;
}

const sz_vino_crypts sz_vino_map_callbacks = {show, show};

// ---- names -------------------------------------------------------------------------------------

typedef struct pair {
    int32_t layer;
    sz_node_id node;
} pair;

typedef struct join {
    sz_vino_net *net;
    sz_map nodes;  // name -> node; of its outputs, too
    sz_map layers; // name -> executed layer
    SZ_VEC(pair) pairs;
    int32_t *owner; // of each node: the last executed layer that does it, SZ_NONE = none yet
    bool *constant; // by value: known before the run
    bool *mapped;   // by executed layer: the map has it
} join;

static sz_status add_name(sz_map *m, sz_str name, int32_t i) {
    return name.len == 0 || sz_map_get(m, name, NULL) ? SZ_OK : sz_map_put(m, name, i);
}

static sz_status name_nodes(join *j) {
    const sz_graph *g = j->net->graph;
    for (size_t k = 0; k < g->nodes.n; k++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", k);
        const char *own = sz_arena_strdup(&j->net->arena, number, strlen(number));
        if (!own) return sz_no_memory(j->net->ctx);
        SZ_TRY(add_name(&j->nodes, j->net->is_numbered ? sz_str_c(own) : g->nodes.items[k].name,
                        (int32_t)k));
    }
    for (size_t k = 0; k < g->nodes.n; k++)
        for (int32_t o = 0; o < g->nodes.items[k].n_outputs; o++)
            if (g->nodes.items[k].outputs[o] != SZ_NONE)
                SZ_TRY(add_name(&j->nodes, sz_graph_value(g, g->nodes.items[k].outputs[o])->name,
                                (int32_t)k));
    return SZ_OK;
}

static void own(join *j, pair p) {
    if (p.layer > j->owner[p.node]) j->owner[p.node] = p.layer;
}

static sz_status add_pair(join *j, int32_t layer, sz_node_id node) {
    const pair p = {layer, node};
    own(j, p);
    return sz_vec_push(j->net->ctx, &j->pairs, p) ? SZ_OK : sz_no_memory(j->net->ctx);
}

// What a node was taken apart into is called after it: "conv1/WithoutBiases".
static bool find_node(const join *j, sz_str name, sz_node_id *ret_node) {
    if (sz_map_get(&j->nodes, name, ret_node)) return true;
    uint32_t len = name.len;
    while (len > 0 && name.p[len - 1] != '/') len--;
    return len > 1 && sz_map_get(&j->nodes, (sz_str){name.p, len - 1}, ret_node);
}

// "bn1, conv1"
static sz_status add_names(join *j, int32_t layer, sz_str list) {
    for (uint32_t at = 0, end; at < list.len; at = end + 2) {
        int32_t node;
        for (end = at; end < list.len; end++)
            if (list.p[end] == ',' && end + 1 < list.len && list.p[end + 1] == ' ') break;
        if (find_node(j, (sz_str){list.p + at, end - at}, &node)) SZ_TRY(add_pair(j, layer, node));
    }
    return SZ_OK;
}

// ---- reading the map ---------------------------------------------------------------------------

enum { DEPTH_LAYER = 3, DEPTH_ATTRIBUTE = 5 }; // net layers layer rt_info attribute; not in bodies

static sz_status read_map(join *j, sz_xml *x) {
    int32_t layer = SZ_NONE;
    for (;;) {
        sz_str name, value;
        SZ_TRY(sz_xml_next(x));
        if (x->kind == SZ_XML_EOF) return SZ_OK;
        if (x->kind != SZ_XML_START) continue;
        if (x->depth == DEPTH_LAYER) {
            layer = SZ_NONE;
            if (sz_str_is(x->name, "layer") && sz_xml_attribute(x, "name", &name))
                (void)sz_map_get(&j->layers, name, &layer);
            if (layer != SZ_NONE) j->mapped[layer] = true;
        }
        if (x->depth != DEPTH_ATTRIBUTE || layer == SZ_NONE || !sz_str_is(x->name, "attribute"))
            continue;
        if (sz_xml_attribute(x, "name", &name) && sz_str_is(name, "fused_names") &&
            sz_xml_attribute(x, "value", &value))
            SZ_TRY(add_names(j, layer, value));
    }
}

static sz_status parse_map(join *j) {
    sz_ctx *ctx = j->net->ctx;
    sz_source *source;
    sz_xml x;
    SZ_TRY(sz_source_from_memory(ctx, "OpenVINO's map", shown.text, shown.n, &source));
    const size_t before = sz_ctx_set_job_limit(ctx, 0);
    sz_status status = sz_xml_init(&x, ctx, source);
    if (status == SZ_OK) {
        status = read_map(j, &x);
        sz_xml_finish(&x);
    }
    sz_ctx_set_job_limit(ctx, before);
    sz_source_close(source, ctx);
    return status;
}

// A release without the map leaves the layers' own names.
static sz_status ask_map(join *j) {
    const sz_vino_net *net = j->net;
    shown.ctx = net->ctx, shown.text = NULL, shown.n = 0;
    (void)net->lib->compiled_model_export_model(net->looked_at.model, "/dev/null");
    const sz_status status = shown.text ? parse_map(j) : SZ_OK;
    sz_free(net->ctx, shown.text, shown.n);
    shown.ctx = NULL, shown.text = NULL;
    return status;
}

// ---- what was merged later ---------------------------------------------------------------------

static bool is_fixed(const join *j, sz_value_id id) {
    return id == SZ_NONE || j->constant[id] || sz_graph_value(j->net->graph, id)->constant;
}

static bool is_constant(join *j, const sz_node *n) {
    bool all = n->n_inputs > 0;
    for (int32_t i = 0; i < n->n_inputs; i++) all &= is_fixed(j, n->inputs[i]);
    for (int32_t o = 0; all && o < n->n_outputs; o++)
        if (n->outputs[o] != SZ_NONE) j->constant[n->outputs[o]] = true;
    return all;
}

static int32_t last_producer(const join *j, const sz_node *n) {
    int32_t last = SZ_NONE;
    for (int32_t i = 0; i < n->n_inputs; i++) {
        if (n->inputs[i] == SZ_NONE) continue;
        const sz_value *v = sz_graph_value(j->net->graph, n->inputs[i]);
        if (v->kind == SZ_VALUE_NODE && j->owner[v->producer] > last) last = j->owner[v->producer];
    }
    return last;
}

static sz_status follow_producers(join *j) {
    const sz_graph *g = j->net->graph;
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node_id id = sz_graph_nth(g, k);
        const sz_node *n = sz_graph_node(g, id);
        if (is_constant(j, n) || j->owner[id] != SZ_NONE) continue;
        const int32_t last = last_producer(j, n);
        if (last != SZ_NONE) SZ_TRY(add_pair(j, last, id));
    }
    return SZ_OK;
}

// A view of an input goes with what reads it.
static sz_status follow_readers(join *j) {
    const sz_graph *g = j->net->graph;
    for (size_t k = g->nodes.n; k-- > 0;) {
        const sz_node_id id = sz_graph_nth(g, k);
        const sz_node *n = sz_graph_node(g, id);
        if (j->owner[id] == SZ_NONE) continue;
        for (int32_t i = 0; i < n->n_inputs; i++) {
            if (n->inputs[i] == SZ_NONE || is_fixed(j, n->inputs[i])) continue;
            const sz_value *v = sz_graph_value(g, n->inputs[i]);
            if (v->kind == SZ_VALUE_NODE && j->owner[v->producer] == SZ_NONE)
                SZ_TRY(add_pair(j, j->owner[id], v->producer));
        }
    }
    return SZ_OK;
}

// ---- lost contractions -------------------------------------------------------------------------

static bool contracts(const join *j, sz_node_id id) {
    const sz_node *n = sz_graph_node(j->net->graph, id);
    return n->row != SZ_NONE && sz_op_get(n->row)->kind == SZ_KIND_CONTRACTION;
}

static bool has_contraction(const join *j, int32_t layer) {
    for (size_t i = 0; i < j->pairs.n; i++)
        if (j->pairs.items[i].layer == layer && contracts(j, j->pairs.items[i].node)) return true;
    return false;
}

// The node that makes the first input, where no layer is known to do it; else SZ_NONE.
static sz_node_id lost_producer(const join *j, sz_node_id id) {
    const sz_node *n = sz_graph_node(j->net->graph, id);
    if (n->n_inputs == 0 || n->inputs[0] == SZ_NONE) return SZ_NONE;
    const sz_value *v = sz_graph_value(j->net->graph, n->inputs[0]);
    return v->kind == SZ_VALUE_NODE && j->owner[v->producer] == SZ_NONE ? v->producer : SZ_NONE;
}

// A grouped convolution that took in the norm behind it bears only the norm's name. A layer that
// multiplies and has no node that does, has the nearest one above that nobody else has.
static sz_status find_contractions(join *j) {
    enum { NEAR = 8 };
    const size_t named = j->pairs.n;
    for (size_t i = 0; i < named; i++) {
        const pair p = j->pairs.items[i];
        const sz_run_layer *l = &j->net->layers[p.layer].shown;
        sz_node_id id = p.node;
        if (!sz_vino_multiplies(l->op.p) || has_contraction(j, p.layer)) continue;
        for (int up = 0; up < NEAR && id != SZ_NONE && !contracts(j, id); up++)
            id = lost_producer(j, id);
        if (id == SZ_NONE || !contracts(j, id)) continue;
        for (sz_node_id at = lost_producer(j, p.node); at != SZ_NONE; at = lost_producer(j, at)) {
            SZ_TRY(add_pair(j, p.layer, at));
            if (at == id) break;
        }
    }
    return SZ_OK;
}

// ---- attention ---------------------------------------------------------------------------------

static bool is_after(const int32_t *rank, sz_node_id a, sz_node_id b) { return rank[a] > rank[b]; }

// The first product that a layer is said to do though it can't: one that only moves, and is called
// after a node before it ("turn", a Transpose of the product's operand), or one under an invented
// name that is said to do one product alone, where two would be attention. SZ_NONE: there is none.
static sz_node_id false_product(const join *j, const int32_t *rank, int32_t layer) {
    const sz_run_layer *l = &j->net->layers[layer].shown;
    sz_node_id own = SZ_NONE, first = SZ_NONE;
    int n = 0;
    if (sz_vino_multiplies(l->op.p)) return SZ_NONE;
    const bool is_named = find_node(j, l->name, &own);
    for (size_t i = 0; i < j->pairs.n; i++) {
        const pair p = j->pairs.items[i];
        if (p.layer != layer || !contracts(j, p.node)) continue;
        if (is_named && !is_after(rank, p.node, own)) continue;
        n++;
        if (first == SZ_NONE || is_after(rank, first, p.node)) first = p.node;
    }
    return is_named || n == 1 ? first : SZ_NONE;
}

// Such a layer does not do that product, nor what comes behind it.
static sz_status drop_false_products(join *j) {
    const sz_graph *g = j->net->graph;
    int32_t *rank = sz_arena_array(&j->net->arena, g->nodes.n + 1, sizeof *rank);
    sz_node_id *from = sz_arena_array(&j->net->arena, j->net->n_layers + 1, sizeof *from);
    size_t n = 0;
    if (!rank || !from) return sz_no_memory(j->net->ctx);
    for (size_t k = 0; k < g->nodes.n; k++) rank[sz_graph_nth(g, k)] = (int32_t)k;
    for (size_t k = 0; k < j->net->n_layers; k++) from[k] = false_product(j, rank, (int32_t)k);
    for (size_t k = 0; k < g->nodes.n; k++) j->owner[k] = SZ_NONE;
    for (size_t i = 0; i < j->pairs.n; i++) {
        const pair p = j->pairs.items[i];
        if (from[p.layer] != SZ_NONE && !is_after(rank, from[p.layer], p.node)) continue;
        j->pairs.items[n++] = p;
        own(j, p);
    }
    j->pairs.n = n;
    return SZ_OK;
}

// The library makes one kernel ("Subgraph") of two products and all between, which then bears the
// names of what is behind them alone. A product that ran by itself has a layer; one that nobody
// has, and whose only way out leads to such a kernel, is in it, as is all on that way.
static sz_status find_attention(join *j) {
    enum { MANY = -2 };
    const sz_graph *g = j->net->graph;
    int32_t *into = sz_arena_array(&j->net->arena, g->nodes.n + 1, sizeof *into);
    bool *inside = sz_arena_array(&j->net->arena, g->nodes.n + 1, sizeof *inside);
    if (!into || !inside) return sz_no_memory(j->net->ctx);
    for (size_t k = 0; k < g->nodes.n; k++) into[k] = SZ_NONE;
    for (size_t k = g->nodes.n; k-- > 0;) { // readers before what they read
        const sz_node_id id = sz_graph_nth(g, k);
        const sz_node *n = sz_graph_node(g, id);
        const int32_t owner = j->owner[id];
        const int32_t way = owner == SZ_NONE ? into[id]
                            : sz_str_is(j->net->layers[owner].shown.op, "Subgraph") ? owner
                                                                                    : MANY;
        for (int32_t i = 0; i < n->n_inputs; i++) {
            if (n->inputs[i] == SZ_NONE || is_fixed(j, n->inputs[i])) continue;
            const sz_value *v = sz_graph_value(g, n->inputs[i]);
            if (v->kind != SZ_VALUE_NODE) continue;
            int32_t *to = &into[v->producer];
            *to = *to == SZ_NONE || *to == way ? way : MANY;
        }
    }
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node_id id = sz_graph_nth(g, k);
        const sz_node *n = sz_graph_node(g, id);
        if (j->owner[id] != SZ_NONE || into[id] < 0) continue;
        inside[id] = contracts(j, id);
        for (int32_t i = 0; i < n->n_inputs; i++) {
            if (n->inputs[i] == SZ_NONE) continue;
            const sz_value *v = sz_graph_value(g, n->inputs[i]);
            inside[id] |= v->kind == SZ_VALUE_NODE && inside[v->producer];
        }
        if (inside[id]) SZ_TRY(add_pair(j, into[id], id));
    }
    return SZ_OK;
}

// ---- recurrent layers --------------------------------------------------------------------------

static const struct {
    const char *layer, *op;
} recurrent[] = {{"LSTMSequence", "LSTM"}, {"GRUSequence", "GRU"}, {"RNNSequence", "RNN"}};

static bool has_pair(const join *j, int32_t layer) {
    for (size_t i = 0; i < j->pairs.n; i++)
        if (j->pairs.items[i].layer == layer) return true;
    return false;
}

static int32_t next_layer(const join *j, const char *op, int32_t from) {
    const int32_t n = (int32_t)j->net->n_layers;
    for (; from < n; from++)
        if (sz_str_is(j->net->layers[from].shown.op, op) && !has_pair(j, from)) return from;
    return n;
}

static bool is_lost(const join *j, sz_node_id id, const char *op) {
    return j->owner[id] == SZ_NONE && sz_str_is(sz_graph_node(j->net->graph, id)->op, op);
}

// The library invents the names of its recurrent layers. Where as many are left as nodes of their
// kind, they go together in the order of the run.
static sz_status match_recurrent(join *j, const char *layer, const char *op) {
    const sz_graph *g = j->net->graph;
    size_t layers = 0, nodes = 0;
    for (int32_t k = 0; (k = next_layer(j, layer, k)) < (int32_t)j->net->n_layers; k++) layers++;
    for (size_t i = 0; i < g->nodes.n; i++) nodes += is_lost(j, (sz_node_id)i, op);
    if (layers != nodes) return SZ_OK;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const sz_node_id id = sz_graph_nth(g, i);
        if (is_lost(j, id, op)) SZ_TRY(add_pair(j, next_layer(j, layer, 0), id));
    }
    return SZ_OK;
}

// ---- layouts -----------------------------------------------------------------------------------

// "abcd", "aBcd16b": letters of axes, and sizes of blocks.
static bool is_layout(sz_str s) {
    for (uint32_t i = 0; i < s.len; i++)
        if (!strchr("abcdeABCDE0123456789", s.p[i])) return false;
    return s.len >= 3 && s.p[0] == 'a';
}

static uint32_t word_at(sz_str s, uint32_t at) {
    uint32_t end = at;
    while (end < s.len && s.p[end] != '_') end++;
    return end;
}

// A reorder is called "FROM_abcd_acdb_TO". False: this layer is not.
static bool split_reorder(sz_str name, sz_str *ret_from, sz_str *ret_to) {
    for (uint32_t at = 1; at < name.len; at++) {
        if (name.p[at - 1] != '_') continue;
        const uint32_t middle = word_at(name, at);
        if (middle + 1 >= name.len) return false;
        const uint32_t end = word_at(name, middle + 1);
        const sz_str a = {name.p + at, middle - at};
        const sz_str b = {name.p + middle + 1, end - middle - 1};
        if (end + 1 >= name.len || !is_layout(a) || !is_layout(b)) continue;
        *ret_from = (sz_str){name.p, at - 1};
        *ret_to = (sz_str){name.p + end + 1, name.len - end - 1};
        return true;
    }
    return false;
}

// The tensor that a layer turns around in memory, SZ_NONE = it does something else. Behind the last
// node stands "/sink_port_0".
static sz_value_id turned_by(const join *j, const sz_run_layer *l) {
    static const char sink[] = "/sink_port_";
    const sz_graph *g = j->net->graph;
    sz_str from, to;
    sz_node_id node;
    if (!sz_str_is(l->op, "Reorder") || !split_reorder(l->name, &from, &to)) return SZ_NONE;
    const uint32_t tail = (uint32_t)strlen(sink);
    for (uint32_t i = 0; i + tail <= to.len; i++) {
        const bool is_sink = memcmp(to.p + i, sink, tail) == 0;
        if (is_sink && find_node(j, (sz_str){to.p, i}, &node))
            return sz_graph_node(g, node)->outputs[0];
    }
    const sz_value_id v = sz_graph_find(g, from);
    if (v != SZ_NONE) return v;
    if (find_node(j, to, &node) && sz_graph_node(g, node)->n_inputs > 0)
        return sz_graph_node(g, node)->inputs[0];
    return find_node(j, from, &node) ? sz_graph_node(g, node)->outputs[0] : SZ_NONE;
}

static void find_turned(const join *j) {
    for (size_t k = 0; k < j->net->n_layers; k++) {
        sz_run_layer *l = &j->net->layers[k].shown;
        if (l->n_sources == 0) l->turned = turned_by(j, l);
    }
}

// ---- all ---------------------------------------------------------------------------------------

static int by_layer(const void *a, const void *b) {
    const pair *x = a, *y = b;
    if (x->layer != y->layer) return x->layer < y->layer ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

// The library's own name says nothing when it invented it: then that of the first node.
static void rename_layer(const join *j, sz_run_layer *l) {
    const sz_graph *g = j->net->graph;
    int32_t node;
    if (l->n_sources == 0) return;
    if (!sz_map_get(&j->nodes, l->name, &node)) node = l->sources[0];
    l->name = sz_graph_node(g, node)->name;
}

static sz_status hand_out(join *j) {
    sz_vino_net *net = j->net;
    qsort(j->pairs.items, j->pairs.n, sizeof *j->pairs.items, by_layer);
    sz_node_id *ids = sz_arena_array(&net->arena, j->pairs.n + 1, sizeof *ids);
    if (!ids) return sz_no_memory(net->ctx);
    for (size_t i = 0; i < j->pairs.n; i++) {
        const pair *p = &j->pairs.items[i];
        sz_run_layer *l = &net->layers[p->layer].shown;
        if (i > 0 && by_layer(p, p - 1) == 0) continue;
        if (l->n_sources == 0) l->sources = ids;
        *ids++ = p->node;
        l->n_sources++;
    }
    for (size_t k = 0; k < net->n_layers; k++) rename_layer(j, &net->layers[k].shown);
    return SZ_OK;
}

static sz_status make(join *j) {
    sz_vino_net *net = j->net;
    const sz_graph *g = net->graph;
    j->owner = sz_arena_array(&net->arena, g->nodes.n + 1, sizeof *j->owner);
    j->constant = sz_arena_array(&net->arena, g->values.n + 1, sizeof *j->constant);
    j->mapped = sz_arena_array(&net->arena, net->n_layers + 1, sizeof *j->mapped);
    if (!j->owner || !j->constant || !j->mapped) return sz_no_memory(net->ctx);
    for (size_t k = 0; k < g->nodes.n; k++) j->owner[k] = SZ_NONE;
    SZ_TRY(name_nodes(j));
    for (size_t k = 0; k < net->n_layers; k++)
        SZ_TRY(add_name(&j->layers, net->layers[k].shown.name, (int32_t)k));
    SZ_TRY(ask_map(j));
    for (size_t k = 0; k < net->n_layers; k++) {
        int32_t node;
        if (!j->mapped[k] && find_node(j, net->layers[k].shown.name, &node))
            SZ_TRY(add_pair(j, (int32_t)k, node));
    }
    SZ_TRY(drop_false_products(j));
    for (size_t i = 0; i < sizeof recurrent / sizeof *recurrent; i++)
        SZ_TRY(match_recurrent(j, recurrent[i].layer, recurrent[i].op));
    SZ_TRY(find_contractions(j));
    SZ_TRY(find_attention(j));
    SZ_TRY(follow_producers(j));
    SZ_TRY(follow_readers(j));
    SZ_TRY(hand_out(j));
    find_turned(j);
    return SZ_OK;
}

sz_status sz_vino_join(sz_vino_net *net) {
    join j = {.net = net};
    sz_map_init(&j.nodes, net->ctx);
    sz_map_init(&j.layers, net->ctx);
    const sz_status status = make(&j);
    sz_vec_finish(net->ctx, &j.pairs);
    sz_map_finish(&j.layers);
    sz_map_finish(&j.nodes);
    return status;
}
