// SPDX-License-Identifier: Apache-2.0
// ONNX: the model around the graph.
#include "model/import/onnx.h"

// ---- small things ------------------------------------------------------------------------------

void onnx_once(onnx *x, uint64_t *seen, const sz_field *f, const char *what) {
    uint64_t bit = f->number < 64 ? 1ull << f->number : 0;
    if (*seen & bit)
        sz_warn(x->ctx, "%s is given twice @%" PRIu64 ": the last one counts", what, f->at);
    *seen |= bit;
}

sz_status onnx_copy(onnx *x, sz_span span, sz_str *ret) {
    sz_str s;
    SZ_TRY(sz_wire_text(&x->wire, span, &s));
    char *copy = sz_arena_strdup(x->root->arena, s.p, s.len);
    if (!copy) return sz_no_memory(x->ctx);
    *ret = (sz_str){copy, s.len};
    return SZ_OK;
}

sz_status onnx_word(onnx *x, sz_span span, sz_str *ret) {
    sz_str s;
    int32_t index;
    SZ_TRY(sz_wire_text(&x->wire, span, &s));
    if (sz_map_get(&x->words, s, &index)) {
        *ret = x->word_list.items[index];
        return SZ_OK;
    }
    char *copy = sz_arena_strdup(x->root->arena, s.p, s.len);
    if (!copy) return sz_no_memory(x->ctx);
    *ret = (sz_str){copy, s.len};
    if (!sz_vec_push(x->ctx, &x->word_list, *ret)) return sz_no_memory(x->ctx);
    return sz_map_put(&x->words, *ret, (int32_t)(x->word_list.n - 1));
}

sz_status onnx_domain(onnx *x, sz_span span, sz_str *ret) {
    SZ_TRY(onnx_word(x, span, ret));
    if (sz_str_is(*ret, "ai.onnx")) *ret = sz_str_c("");
    return SZ_OK;
}

// ---- opsets ------------------------------------------------------------------------------------

static onnx_opset *find_opset(const onnx_opsets *opsets, sz_str domain) {
    for (size_t i = 0; i < opsets->n; i++)
        if (sz_str_eq(opsets->items[i].domain, domain)) return &opsets->items[i];
    return NULL;
}

static const char *domain_text(onnx *x, sz_str domain) {
    return domain.len == 0 ? "ai.onnx" : sz_show(x->ctx, domain);
}

static sz_status add_opset(onnx *x, onnx_opsets *opsets, sz_str domain, int64_t version,
                           uint64_t at) {
    const char *shown = domain_text(x, domain);
    if (version < 1 || version > INT32_MAX)
        return sz_fail(x->ctx, SZ_ERR_INPUT,
                       "@%" PRIu64 ": opset_import of domain '%s' has version %" PRId64, at, shown,
                       version);
    if (domain.len == 0 && version > SZ_ONNX_MAX_OPSET)
        sz_warn(x->ctx, "opset %" PRId64 " is newer than %d, the newest known: operators may mean "
                "something else", version, SZ_ONNX_MAX_OPSET);
    onnx_opset *old = find_opset(opsets, domain);
    if (old && old->version != version)
        sz_warn(x->ctx, "domain '%s' is imported with versions %d and %" PRId64
                ": the last one counts", shown, old->version, version);
    if (old) {
        old->version = (int32_t)version;
        return SZ_OK;
    }
    if (opsets->n >= SZ_ONNX_MAX_DOMAINS)
        return sz_fail(x->ctx, SZ_ERR_LIMIT, "more than %d domains are imported",
                       SZ_ONNX_MAX_DOMAINS);
    onnx_opset o = {domain, (int32_t)version};
    return sz_vec_push(x->ctx, opsets, o) ? SZ_OK : sz_no_memory(x->ctx);
}

sz_status onnx_opset_read(onnx *x, sz_span span, onnx_opsets *opsets) {
    sz_str domain = sz_str_c("");
    int64_t version = 0;
    uint64_t seen = 0, at = span.at;
    sz_field f;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&x->wire, &span, &f, &more));
        if (!more) break;
        if (onnx_tag(&f) == ONNX_BYTES(OPSET_DOMAIN)) {
            onnx_once(x, &seen, &f, "domain of an opset_import");
            SZ_TRY(onnx_domain(x, f.span, &domain));
        } else if (onnx_tag(&f) == ONNX_VARINT(OPSET_VERSION)) {
            onnx_once(x, &seen, &f, "version of an opset_import");
            version = (int64_t)f.value;
        }
    }
    return add_opset(x, opsets, domain, version, at);
}

int32_t onnx_opset_of(onnx *x, const onnx_scope *scope, sz_str domain) {
    const onnx_opset *o = scope ? find_opset(&scope->fn->opsets, domain) : NULL;
    if (!o) o = find_opset(&x->opsets, domain);
    if (o) return o->version;
    int32_t assumed = domain.len == 0 ? SZ_ONNX_MAX_OPSET : 1;
    sz_warn(x->ctx, "no opset_import for domain '%s': version %d is assumed",
            domain_text(x, domain), assumed);
    return assumed;
}

// ---- the model ---------------------------------------------------------------------------------

typedef struct model_parts {
    sz_span graph;
    bool has_graph, has_ir;
    sz_str producer, producer_version;
    SZ_VEC(sz_span) functions;
    SZ_VEC(sz_span) training;
} model_parts;

static sz_status take_graph(onnx *x, model_parts *m, const sz_field *f) {
    if (m->has_graph) // protobuf merges the two, other readers keep the last: which model is it?
        return sz_fail(x->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": the model has two graphs", f->at);
    m->has_graph = true;
    m->graph = f->span;
    return SZ_OK;
}

static sz_status model_field(onnx *x, model_parts *m, const sz_field *f, uint64_t *seen) {
    switch (onnx_tag(f)) {
    case ONNX_VARINT(MODEL_IR_VERSION):
        onnx_once(x, seen, f, "ir_version");
        x->ir_version = (int64_t)f->value;
        m->has_ir = true;
        return SZ_OK;
    case ONNX_BYTES(MODEL_PRODUCER): return onnx_copy(x, f->span, &m->producer);
    case ONNX_BYTES(MODEL_PRODUCER_VERSION): return onnx_copy(x, f->span, &m->producer_version);
    case ONNX_BYTES(MODEL_OPSET): return onnx_opset_read(x, f->span, &x->opsets);
    case ONNX_BYTES(MODEL_GRAPH): return take_graph(x, m, f);
    case ONNX_BYTES(MODEL_FUNCTION):
        return sz_vec_push(x->ctx, &m->functions, f->span) ? SZ_OK : sz_no_memory(x->ctx);
    case ONNX_BYTES(MODEL_TRAINING):
        return sz_vec_push(x->ctx, &m->training, f->span) ? SZ_OK : sz_no_memory(x->ctx);
    default: return SZ_OK;
    }
}

static sz_status check_model(onnx *x, const model_parts *m) {
    if (!m->has_graph)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": the file ends without a graph",
                       x->source->size);
    if (x->opsets.n == 0)
        return sz_fail(x->ctx, SZ_ERR_INPUT,
                       "@%" PRIu64 ": the file ends without an opset_import, so no operator has "
                       "a meaning (is it cut off?)",
                       x->source->size);
    if (!m->has_ir)
        sz_warn(x->ctx, "the model has no ir_version");
    else if (x->ir_version < 1 || x->ir_version > SZ_ONNX_MAX_IR)
        sz_warn(x->ctx, "ir_version %" PRId64 " is not one of the known ones (1 to %d)",
                x->ir_version, SZ_ONNX_MAX_IR);
    return SZ_OK;
}

// "pytorch 2.1.0"
static sz_status join_producer(onnx *x, const model_parts *m) {
    size_t a = m->producer.len, b = m->producer_version.len;
    char *text = sz_arena_alloc(x->root->arena, a + b + 2);
    if (!text) return sz_no_memory(x->ctx);
    if (a) memcpy(text, m->producer.p, a);
    if (a && b) text[a++] = ' ';
    if (b) memcpy(text + a, m->producer_version.p, b);
    x->root->producer = (sz_str){text, (uint32_t)(a + b)};
    return SZ_OK;
}

// TrainingInfoProto holds graphs for training steps: not sized up, but checked.
static sz_status check_training(onnx *x, sz_span span) {
    sz_field f;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&x->wire, &span, &f, &more));
        if (!more) return SZ_OK;
        if (onnx_tag(&f) == ONNX_BYTES(1) || onnx_tag(&f) == ONNX_BYTES(2))
            SZ_TRY(onnx_graph_check(x, f.span));
    }
}

// The main graph, then the bodies in the order in which they were met.
static sz_status read_graphs(onnx *x, sz_span main_graph) {
    onnx_body body = {x->root, main_graph, 0, NULL};
    SZ_TRY(onnx_graph_read(x, &body));
    for (size_t i = 0; i < x->bodies.n; i++) {
        body = x->bodies.items[i]; // a copy: the queue grows
        SZ_TRY(onnx_graph_read(x, &body));
    }
    return SZ_OK;
}

static sz_status read_parts(onnx *x, model_parts *m) {
    sz_span message = {0, x->source->size};
    uint64_t seen = 0;
    sz_field f;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&x->wire, &message, &f, &more));
        if (!more) break;
        SZ_TRY(model_field(x, m, &f, &seen));
    }
    SZ_TRY(check_model(x, m));
    SZ_TRY(join_producer(x, m));
    for (size_t i = 0; i < m->functions.n; i++)
        SZ_TRY(onnx_function_read(x, m->functions.items[i]));
    SZ_TRY(onnx_functions_plan(x));
    SZ_TRY(read_graphs(x, m->graph));
    for (size_t i = 0; i < m->training.n; i++) SZ_TRY(check_training(x, m->training.items[i]));
    onnx_external_overlaps(x);
    return SZ_OK;
}

static sz_status read_model(onnx *x) {
    model_parts m = {0};
    sz_status status = read_parts(x, &m);
    sz_vec_finish(x->ctx, &m.functions);
    sz_vec_finish(x->ctx, &m.training);
    return status;
}

// ---- life --------------------------------------------------------------------------------------

static sz_status start(onnx *x, sz_ctx *ctx, sz_source *source) {
    *x = (onnx){.ctx = ctx, .source = source};
    sz_arena_init(&x->scratch, ctx);
    sz_map *maps[] = {&x->function_names, &x->prefixes, &x->symbols, &x->words, &x->sides};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) sz_map_init(maps[i], ctx);
    SZ_TRY(sz_wire_init(&x->wire, ctx, source));
    SZ_TRY(sz_graph_create(ctx, &x->root));
    x->root->format = sz_str_c("onnx");
    return SZ_OK;
}

static void finish_functions(onnx *x) {
    for (size_t i = 0; i < x->functions.n; i++) {
        onnx_function *fn = &x->functions.items[i];
        sz_vec_finish(x->ctx, &fn->opsets);
        sz_vec_finish(x->ctx, &fn->inputs);
        sz_vec_finish(x->ctx, &fn->outputs);
        sz_vec_finish(x->ctx, &fn->defaults);
        sz_vec_finish(x->ctx, &fn->calls);
    }
    sz_vec_finish(x->ctx, &x->functions);
    for (onnx_scope *s = x->scopes; s; s = s->next) sz_map_finish(&s->names);
}

static void finish(onnx *x) {
    sz_map *maps[] = {&x->function_names, &x->prefixes, &x->symbols, &x->words, &x->sides};
    finish_functions(x);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) sz_map_finish(maps[i]);
    sz_vec_finish(x->ctx, &x->opsets);
    sz_vec_finish(x->ctx, &x->bodies);
    sz_vec_finish(x->ctx, &x->frames);
    sz_vec_finish(x->ctx, &x->word_list);
    sz_vec_finish(x->ctx, &x->ranges);
    sz_vec_finish(x->ctx, &x->in);
    sz_vec_finish(x->ctx, &x->out);
    sz_vec_finish(x->ctx, &x->attrs);
    sz_vec_finish(x->ctx, &x->ints);
    sz_vec_finish(x->ctx, &x->floats);
    sz_vec_finish(x->ctx, &x->strings);
    sz_vec_finish(x->ctx, &x->spans);
    sz_vec_finish(x->ctx, &x->items);
    sz_arena_finish(&x->scratch);
    sz_wire_finish(&x->wire);
}

sz_status sz_onnx_read(sz_ctx *ctx, sz_source *source, sz_graph **ret_graph);
int sz_onnx_sniff(const unsigned char *head, size_t len);

sz_status sz_onnx_read(sz_ctx *ctx, sz_source *source, sz_graph **ret_graph) {
    onnx x;
    sz_status status = start(&x, ctx, source);
    if (status == SZ_OK) status = read_model(&x);
    if (status == SZ_OK) x.root->header_bytes = sz_wire_header(&x.wire);
    finish(&x);
    if (status == SZ_OK) *ret_graph = x.root;
    else sz_graph_destroy(x.root);
    return status;
}

// Tags that a ModelProto can begin with. Nearly every writer begins with ir_version.
int sz_onnx_sniff(const unsigned char *head, size_t len) {
    static const unsigned char tags[] = {0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72};
    if (len == 0) return 0;
    if (head[0] == 0x08) return len > 2 && memchr(tags, head[2], sizeof tags) ? 90 : 50;
    return memchr(tags, head[0], sizeof tags) ? 30 : 0;
}
