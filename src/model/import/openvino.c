// SPDX-License-Identifier: Apache-2.0
// OpenVINO IR, versions 10 and 11: the walk over the elements of the file.
#include "model/import/openvino.h"

// ---- frames ------------------------------------------------------------------------------------

static sz_status push_frame(ir *x, sz_graph *graph, int branch) {
    ir_frame f = {.graph = graph, .branch = branch, .state = IR_NET};
    if (x->frames.n > SZ_MAX_BODIES)
        return sz_xml_fail(&x->xml, "bodies are nested deeper than %d", SZ_MAX_BODIES);
    sz_map_init(&f.ids, x->ctx);
    return sz_vec_push(x->ctx, &x->frames, f) ? SZ_OK : sz_no_memory(x->ctx);
}

static void finish_frame(ir *x, ir_frame *f) {
    sz_map_finish(&f->ids);
    sz_vec_finish(x->ctx, &f->layers);
    sz_vec_finish(x->ctx, &f->in);
    sz_vec_finish(x->ctx, &f->out);
    sz_vec_finish(x->ctx, &f->types);
    sz_vec_finish(x->ctx, &f->names);
    sz_vec_finish(x->ctx, &f->attrs);
    sz_vec_finish(x->ctx, &f->links);
    sz_vec_finish(x->ctx, &f->backs);
}

static sz_status begin_body(ir *x, ir_frame *f, int branch) {
    sz_graph *body;
    if (f->bodies[branch] >= 0) return sz_xml_fail(&x->xml, "a layer has two bodies of one kind");
    SZ_TRY(sz_graph_create_body(f->graph, &body));
    body->name = f->layer.name;
    return push_frame(x, body, branch);
}

// The innermost net is complete. What the layer around it needs of it is kept until that ends.
static sz_status end_body(ir *x) {
    SZ_TRY(ir_nodes_add(x, ir_top(x)));
    if (!sz_vec_room(x->ctx, &x->bodies)) return sz_no_memory(x->ctx);
    ir_frame *f = ir_top(x);
    ir_body *b = &x->bodies.items[x->bodies.n++];
    *b = (ir_body){.graph = f->graph, .ids = f->ids};
    b->layers.items = f->layers.items, b->layers.n = f->layers.n, b->layers.cap = f->layers.cap;
    f->layers.items = NULL, f->layers.n = f->layers.cap = 0;
    sz_map_init(&f->ids, x->ctx);
    const int branch = f->branch;
    finish_frame(x, f);
    x->frames.n--;
    f = ir_top(x);
    f->bodies[branch] = (int64_t)x->bodies.n - 1;
    f->n_bodies++;
    return SZ_OK;
}

// ---- elements ----------------------------------------------------------------------------------

static sz_status read_uint(ir *x, const char *name, uint64_t *ret, bool *ret_given) {
    int64_t v;
    sz_str text;
    *ret_given = sz_xml_attribute(&x->xml, name, &text);
    SZ_TRY(ir_int_attribute(x, name, 0, &v));
    if (v < 0) return sz_xml_fail(&x->xml, "%s is below 0", name);
    *ret = (uint64_t)v;
    return SZ_OK;
}

static sz_status read_data(ir *x, ir_frame *f) {
    sz_str text;
    bool has_size;
    if (f->has_data) return sz_xml_fail(&x->xml, "a layer has two <data>");
    f->has_data = true;
    if (sz_xml_attribute(&x->xml, "execTimeMcs", &text)) f->layer.is_executed = true;
    if (sz_xml_attribute(&x->xml, "element_type", &text)) f->element_type = ir_dtype(text);
    if (sz_xml_attribute(&x->xml, "shape", &text)) SZ_TRY(ir_copy(x, text, &f->shape));
    if (f->layer.role == IR_CONST) {
        SZ_TRY(read_uint(x, "offset", &f->const_offset, &f->has_bytes));
        SZ_TRY(read_uint(x, "size", &f->const_size, &has_size));
        f->has_bytes = f->has_bytes && has_size;
    }
    return f->layer.role == IR_NODE ? ir_data_read(x, f) : SZ_OK;
}

// "OpenVINO 2026.4.1-...": which wrote the file.
static sz_status read_producer(ir *x) {
    sz_str version;
    if (!sz_xml_attribute(&x->xml, "value", &version)) return SZ_OK;
    const size_t len = sizeof "OpenVINO " - 1;
    char *text = sz_arena_alloc(x->root->arena, len + version.len + 1);
    if (!text) return sz_no_memory(x->ctx);
    memcpy(text, "OpenVINO ", len);
    memcpy(text + len, version.p, version.len);
    x->root->producer = (sz_str){text, (uint32_t)len + version.len};
    return SZ_OK;
}

// What to do with an element of that name in that state. SKIP: read what is needed from its tag.
typedef enum action { ENTER, SKIP, BODY } action;

static const struct row {
    ir_state in;
    const char *name;
    action action;
    ir_state to; // ENTER; BODY: unused
    int arg;     // of a map or body: which branch
} rows[] = {
    {IR_NET, "layers", ENTER, IR_LAYERS, 0},
    {IR_NET, "edges", ENTER, IR_EDGES, 0},
    {IR_NET, "rt_info", ENTER, IR_INFO, 0},
    {IR_INFO, "Runtime_version", SKIP, IR_INFO, 0},
    {IR_LAYERS, "layer", ENTER, IR_LAYER, 0},
    {IR_LAYER, "data", SKIP, IR_LAYER, 0},
    {IR_LAYER, "input", ENTER, IR_INPUT, 0},
    {IR_LAYER, "output", ENTER, IR_OUTPUT, 0},
    {IR_LAYER, "port_map", ENTER, IR_MAP, 0},
    {IR_LAYER, "then_port_map", ENTER, IR_MAP, 0},
    {IR_LAYER, "else_port_map", ENTER, IR_MAP, 1},
    {IR_LAYER, "back_edges", ENTER, IR_BACK, 0},
    {IR_LAYER, "body", BODY, IR_NET, 0},
    {IR_LAYER, "then_body", BODY, IR_NET, 0},
    {IR_LAYER, "else_body", BODY, IR_NET, 1},
    {IR_INPUT, "port", ENTER, IR_PORT, 0},
    {IR_OUTPUT, "port", ENTER, IR_PORT, 1},
    {IR_PORT, "dim", ENTER, IR_DIM, 0},
    {IR_MAP, "input", SKIP, IR_MAP, 0},
    {IR_MAP, "output", SKIP, IR_MAP, 1},
    {IR_BACK, "edge", SKIP, IR_BACK, 0},
    {IR_EDGES, "edge", SKIP, IR_EDGES, 0},
};

static const struct row *find_row(const ir *x, ir_state state) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].in == state && sz_str_is(x->xml.name, rows[i].name)) return &rows[i];
    return NULL;
}

static sz_status enter(ir *x, ir_frame *f, const struct row *row) {
    f->state = row->to;
    switch (row->to) {
    case IR_LAYER:
        return ir_layer_begin(x, f);
    case IR_PORT:
        return ir_port_begin(x, f, row->arg != 0);
    case IR_DIM:
        f->has_dim = false;
        return SZ_OK;
    case IR_MAP:
        f->branch_of_map = row->arg;
        return SZ_OK;
    default:
        return SZ_OK;
    }
}

static sz_status read_tag(ir *x, ir_frame *f, const struct row *row) {
    switch (row->in) {
    case IR_LAYER:
        SZ_TRY(read_data(x, f));
        break;
    case IR_MAP:
        SZ_TRY(ir_link_read(x, f, f->branch_of_map, row->arg != 0));
        break;
    case IR_BACK:
        SZ_TRY(ir_back_read(x, f));
        break;
    case IR_INFO:
        SZ_TRY(read_producer(x));
        break;
    default:
        SZ_TRY(ir_edge_read(x, f));
        break;
    }
    return sz_xml_skip(&x->xml);
}

static sz_status on_start(ir *x) {
    ir_frame *f = ir_top(x);
    const struct row *row = find_row(x, f->state);
    if (!row) return sz_xml_skip(&x->xml); // rt_info and whatever else writers put there
    if (row->action == ENTER) return enter(x, f, row);
    return row->action == BODY ? begin_body(x, f, row->arg) : read_tag(x, f, row);
}

static sz_status leave(ir *x, ir_frame *f, ir_state to) {
    f->state = to;
    (void)x;
    return SZ_OK;
}

static sz_status on_end(ir *x, bool *ret_done) {
    ir_frame *f = ir_top(x);
    switch (f->state) {
    case IR_NET:
        *ret_done = x->frames.n == 1;
        return *ret_done ? ir_nodes_add(x, f) : end_body(x);
    case IR_LAYERS:
    case IR_INFO:
    case IR_EDGES:
        return leave(x, f, IR_NET);
    case IR_LAYER:
        f->state = IR_LAYERS;
        return ir_layer_end(x, f);
    case IR_PORT:
        f->state = f->port.is_output ? IR_OUTPUT : IR_INPUT;
        return ir_port_end(x, f);
    case IR_DIM:
        if (!f->has_dim) return sz_xml_fail(&x->xml, "a <dim> without a size");
        return leave(x, f, IR_PORT);
    default:
        return leave(x, f, IR_LAYER);
    }
}

static sz_status on_text(ir *x) {
    ir_frame *f = ir_top(x);
    if (f->state != IR_DIM) return SZ_OK;
    if (f->has_dim) return sz_xml_fail(&x->xml, "a <dim> with two sizes");
    f->has_dim = true;
    return ir_dim(x, f, x->xml.text);
}

// ---- the file ----------------------------------------------------------------------------------

static sz_status read_root(ir *x) {
    int64_t version;
    sz_str name;
    SZ_TRY(sz_xml_next(&x->xml));
    if (!sz_str_is(x->xml.name, "net"))
        return sz_xml_fail(&x->xml, "the root element is <%s>, not <net>: no OpenVINO IR",
                           sz_show(x->ctx, x->xml.name));
    SZ_TRY(ir_int_attribute(x, "version", SZ_IR_MAX_VERSION, &version));
    if (version < SZ_IR_MIN_VERSION)
        return sz_xml_fail(&x->xml,
                           "IR version %lld is too old: convert the model again with "
                           "OpenVINO 2021 or newer",
                           (long long)version);
    if (version > SZ_IR_MAX_VERSION)
        sz_warn(x->ctx, "IR version %lld is newer than %d, the newest known", (long long)version,
                SZ_IR_MAX_VERSION);
    if (sz_xml_attribute(&x->xml, "name", &name)) SZ_TRY(ir_copy(x, name, &x->root->name));
    return push_frame(x, x->root, 0);
}

static sz_status read_net(ir *x) {
    bool done = false;
    SZ_TRY(read_root(x));
    while (!done) {
        SZ_TRY(sz_xml_next(&x->xml));
        switch (x->xml.kind) {
        case SZ_XML_START:
            SZ_TRY(on_start(x));
            break;
        case SZ_XML_END:
            SZ_TRY(on_end(x, &done));
            break;
        case SZ_XML_TEXT:
            SZ_TRY(on_text(x));
            break;
        case SZ_XML_EOF:
            done = true;
            break;
        }
    }
    SZ_TRY(sz_xml_next(&x->xml)); // nothing but comments may follow
    SZ_TRY(ir_captures_join(x));
    if (x->root->nodes.n == 0) sz_warn(x->ctx, "the graph has no node: nothing is computed");
    return SZ_OK;
}

static void finish(ir *x) {
    while (x->frames.n) finish_frame(x, &x->frames.items[--x->frames.n]);
    while (x->bodies.n) ir_body_finish(x, &x->bodies.items[--x->bodies.n]);
    sz_vec_finish(x->ctx, &x->frames);
    sz_vec_finish(x->ctx, &x->bodies);
    sz_vec_finish(x->ctx, &x->captures);
    sz_vec_finish(x->ctx, &x->ints);
    sz_xml_finish(&x->xml);
}

sz_status sz_openvino_read(sz_ctx *ctx, sz_source *source, sz_graph **ret_graph);
int sz_openvino_sniff(const unsigned char *head, size_t len);

sz_status sz_openvino_read(sz_ctx *ctx, sz_source *source, sz_graph **ret_graph) {
    ir x = {.ctx = ctx, .source = source, .side = SZ_NONE};
    sz_status status = sz_xml_init(&x.xml, ctx, source);
    if (status == SZ_OK) status = sz_graph_create(ctx, &x.root);
    if (status == SZ_OK) {
        x.root->format = sz_str_c("openvino");
        status = read_net(&x);
        x.root->header_bytes = sz_xml_header(&x.xml);
    }
    finish(&x);
    if (status == SZ_OK)
        *ret_graph = x.root;
    else
        sz_graph_destroy(x.root);
    return status;
}

static bool begins(const unsigned char *p, size_t len, const char *text) {
    return len >= strlen(text) && memcmp(p, text, strlen(text)) == 0;
}

// "<net", perhaps behind an XML declaration, comments and white space.
int sz_openvino_sniff(const unsigned char *head, size_t len) {
    size_t i = len >= 3 && memcmp(head, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    for (; i < len; i++) {
        if (strchr(" \t\r\n", head[i]) && head[i]) continue;
        if (begins(head + i, len - i, "<net ") || begins(head + i, len - i, "<net>")) return 95;
        if (i > 0 && begins(head + i, len - i, "<!DOCTYPE net")) return 95; // to be told why not
        if (!begins(head + i, len - i, "<?") && !begins(head + i, len - i, "<!--")) return 0;
        const char *end = head[i + 1] == '?' ? "?>" : "-->";
        while (i < len && !begins(head + i, len - i, end)) i++;
        i += strlen(end) - 1;
    }
    return 0;
}
