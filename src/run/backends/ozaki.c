// SPDX-License-Identifier: Apache-2.0
#include "run/backends/ozaki.h"

#include <math.h>
#include <stdio.h>

#include "model/ops/ops.h"
#include "os/pages.h"
#include "run/backends/ozaki_step.h"

// ---- widths ------------------------------------------------------------------------------------

static int log2_up(int64_t k) {
    int e = 0;
    while (e < 62 && (int64_t)1 << e < k) e++;
    return e;
}

int sz_ozaki_width(const char *pieces, int64_t k) {
    const bool whole = strcmp(pieces, "i8") == 0;
    const int most = whole ? 7 : strcmp(pieces, "bf16") == 0 ? 9 : 12;
    // k 2^(2w-2) must not pass what the sum holds: 2^24, or below 2^31.
    const int room = (whole ? 30 : 24) + 2 - log2_up(k), width = room / 2;
    return room < 4 ? 0 : width < most ? width : most;
}

// Splitting leaves 2^(-w count) of each operand; the orders that are left out weigh 2^(-w count)
// and less, count - 1 products in the first of them. All is for k terms. The sum of the rest is a
// geometric one with a ratio of 1/4 at most for w >= 2. What rounding adds is in sz_ozaki_check.
double sz_ozaki_share(int width, int count, bool all) {
    const double rest = ldexp(1, -width * count);
    const double left_out = all ? 0 : (count - 1) / (1 - ldexp(1, -width));
    return rest * (2 + rest + left_out);
}

// ---- memory ------------------------------------------------------------------------------------

static int64_t piece_bytes(const sz_ozaki *o) { return (int64_t)sz_buffer_width(o->pieces); }

// Pieces of both operands, the products of an order, sums, a plain product to compare with; and
// what a library packs of a second operand that is split beforehand, once for each product.
bool sz_node_bytes(const sz_graph *g, const sz_node *n, int64_t *ret_bytes) {
    sz_ozaki o;
    int64_t a, b, y, sum = 0;
    *ret_bytes = 0;
    if (!sz_is_ozaki(n) || sz_ozaki_read(n, &o)) return true;
    const sz_type *ta = sz_node_type(g, n, 0), *tb = sz_node_type(g, n, 1);
    if (!ta || !tb || ta->rank != 2 || tb->rank != 2) return true; // nobody needs it
    if (!sz_mul(ta->dims[0], ta->dims[1], &a) || !sz_mul(tb->dims[0], tb->dims[1], &b) ||
        !sz_mul(ta->dims[0], tb->dims[1], &y))
        return false;
    const int64_t packed = o.split_before ? o.count + sz_ozaki_products(&o) : o.count;
    const bool fits = sz_madd(&sum, a, o.count * piece_bytes(&o)) &&
                      sz_madd(&sum, b, packed * piece_bytes(&o)) &&
                      sz_madd(&sum, y, 4 * o.count + 16);
    *ret_bytes = sum;
    return fits;
}

// ---- the graph of a product of pieces ----------------------------------------------------------

static sz_status add_value(sz_graph *g, const char *name, sz_value_kind kind, const char *dtype,
                           int64_t rows, int64_t columns, sz_value_id *ret_id) {
    int64_t *dims = sz_graph_dims(g, 2);
    if (!dims) return sz_no_memory(g->ctx);
    dims[0] = rows, dims[1] = columns;
    SZ_TRY(sz_graph_add_value(g, sz_str_c(name), kind, ret_id));
    sz_graph_value(g, *ret_id)->type = sz_type_tensor(sz_dtype_by_name(dtype), 2, dims);
    return SZ_OK;
}

// bf16 in and f32 out is no MatMul of ONNX, but what tensor units and libraries do; types are set
// by hand here. The reference works in doubles anyway and takes the same numbers as f32.
static sz_status make_graph(sz_ctx *ctx, const sz_ozaki *o, bool is_ref, const int64_t *mnk,
                            sz_graph **ret_graph) {
    const char *name = sz_dtype_get(o->pieces)->name;
    const bool whole = strcmp(name, "i8") == 0;
    sz_graph *g;
    sz_node_id id;
    SZ_TRY(sz_graph_create(ctx, &g));
    sz_value_id *ids = sz_arena_array(g->arena, 3, sizeof *ids);
    if (is_ref && !whole) name = "f32";
    sz_status status = ids ? SZ_OK : sz_no_memory(ctx);
    if (status == SZ_OK) status = add_value(g, "a", SZ_VALUE_INPUT, name, mnk[0], mnk[2], &ids[0]);
    if (status == SZ_OK) status = add_value(g, "b", SZ_VALUE_INPUT, name, mnk[2], mnk[1], &ids[1]);
    if (status == SZ_OK)
        status = add_value(g, "y", SZ_VALUE_NODE, whole ? "i32" : "f32", mnk[0], mnk[1], &ids[2]);
    const sz_node node = {.name = sz_str_c("pieces"),
                          .op = sz_str_c(whole ? "MatMulInteger" : "MatMul"),
                          .domain = {"", 0},
                          .opset = 13,
                          .n_inputs = 2,
                          .n_outputs = 1,
                          .inputs = ids,
                          .outputs = ids ? ids + 2 : NULL};
    if (status == SZ_OK) status = sz_graph_add_node(g, &node, &id);
    if (status == SZ_OK) status = sz_ops_resolve(g);
    if (status == SZ_OK)
        *ret_graph = g;
    else
        sz_graph_destroy(g);
    return status;
}

static sz_status graph_of(const sz_backend *backend, const sz_graph *g, const sz_node *n,
                          const sz_ozaki *o, sz_graph **ret_graph) {
    const sz_type *a = sz_node_type(g, n, 0), *b = sz_node_type(g, n, 1);
    const int64_t mnk[] = {a->dims[0], b->dims[1], a->dims[1]};
    return make_graph(g->ctx, o, backend == &sz_backend_ref, mnk, ret_graph);
}

// "no product of its i8 pieces: only matrix products"
static const char *about_pieces(const sz_graph *g, const sz_ozaki *o, const char *why) {
    char text[256];
    snprintf(text, sizeof text, "no product of its %s pieces: %s", sz_dtype_get(o->pieces)->name,
             why);
    const char *kept = sz_arena_strdup(g->arena, text, strlen(text));
    return kept ? kept : why;
}

static const char *refuses_pieces(const sz_backend *backend, void *library, const sz_graph *g,
                                  const sz_node *n) {
    const sz_type *a = sz_node_type(g, n, 0), *b = sz_node_type(g, n, 1);
    sz_ozaki o;
    sz_graph *inner;
    const char *why = sz_ozaki_read(n, &o);
    if (why) return why;
    if (a->dims[0] < 1 || a->dims[1] < 1 || b->dims[1] < 1) return "an empty operand";
    if (sz_ozaki_width(sz_dtype_get(o.pieces)->name, a->dims[1]) < 2)
        return "sums of that length are not exact with pieces of 2 bits";
    if (graph_of(backend, g, n, &o, &inner) != SZ_OK) return "no memory";
    why = backend->refuses(library, inner, sz_graph_node(inner, 0));
    sz_graph_destroy(inner);
    return why ? about_pieces(g, &o, why) : NULL;
}

const char *sz_node_refuses(const sz_backend *backend, void *library, const sz_graph *g,
                            const sz_node *n) {
    return sz_is_ozaki(n) ? refuses_pieces(backend, library, g, n)
                          : backend->refuses(library, g, n);
}

// ---- workspace ---------------------------------------------------------------------------------

// Parts of one mapping, each at its own place of a page.
typedef struct cutter {
    char *at; // NULL: only sizes are summed up
    size_t size;
    int parts;
} cutter;

static void *cut(cutter *c, int64_t count, size_t width) {
    void *here = c->at ? c->at + c->size : NULL;
    const size_t bytes = ((size_t)count * width + 63) / 64 * 64;
    c->size += bytes + 64 * (size_t)(1 + c->parts++ % 61); // the bytes were checked with the node's
    return here;
}

static void cut_split(cutter *c, sz_split *s, size_t width) {
    const int64_t lines = sz_split_lines(s);
    for (int p = 0; p < s->count; p++) s->pieces[p] = cut(c, s->rows * s->columns, width);
    s->exponents = cut(c, lines, sizeof *s->exponents);
    for (int f = 0; f < 2; f++) s->factors[f] = cut(c, lines, sizeof **s->factors);
    s->row = cut(c, s->columns, sizeof *s->row);
    s->given = cut(c, s->columns, sizeof *s->given);
    s->most = cut(c, s->columns, sizeof *s->most);
}

static void cut_all(sz_ozaki_step *s, cutter *c) {
    const size_t width = s->b.form == SZ_PIECE_I8 ? 1 : s->b.form == SZ_PIECE_BF16 ? 2 : 4;
    cut_split(c, &s->a, width);
    cut_split(c, &s->b, width);
    for (int p = 0; p < s->how.count; p++) s->products[p] = cut(c, s->m * s->n, 4);
    s->sum = cut(c, s->m * s->n, sizeof *s->sum);
}

static sz_status make_room(sz_ozaki_step *s) {
    cutter c = {.at = NULL};
    cut_all(s, &c);
    s->bytes = c.size;
    s->pages = sz_pages_map(s->bytes);
    if (!s->pages)
        return sz_fail(s->call.ctx, SZ_ERR_MEMORY, "no %zu bytes for pieces and sums", s->bytes);
    cut_all(s, &(cutter){.at = s->pages});
    return SZ_OK;
}

// ---- running -----------------------------------------------------------------------------------

static sz_status split(const sz_ozaki_step *s, const sz_split *side, int set) {
    const int which = side->by_column ? 1 : 0;
    int64_t line;
    if (sz_split_operand(side, s->call.in[set][which], &line)) return SZ_OK;
    return sz_fail(s->call.ctx, SZ_ERR_INPUT,
                   "%s %lld of operand %d holds a number that is not finite: it can't be split",
                   which ? "column" : "row", (long long)line, which);
}

static sz_status run_ozaki(void *state, int set) {
    sz_ozaki_step *s = state;
    const double shrink = ldexp(1, -s->a.width);
    int step = 0;
    SZ_TRY(split(s, &s->a, set));
    if (!s->how.split_before) SZ_TRY(split(s, &s->b, set));
    for (int order = sz_ozaki_orders(&s->how) - 1; order >= 0; order--) {
        const int n = sz_ozaki_in_order(&s->how, order);
        for (int p = 0; p < n; p++, step++) {
            const sz_step *one = &s->steps[step];
            SZ_TRY(one->run(one->state, 0));
        }
        sz_split_fold((const void *const *)s->products, n, s->b.form == SZ_PIECE_I8,
                      order == sz_ozaki_orders(&s->how) - 1, shrink, s->sum, s->m * s->n);
    }
    sz_split_finish(&s->a, &s->b, s->sum, s->call.out[0]);
    return SZ_OK;
}

static void finish_ozaki(sz_ctx *ctx, void *state) {
    sz_ozaki_step *s = state;
    for (int i = 0; i < s->n_steps; i++) s->steps[i].finish(ctx, s->steps[i].state);
    sz_free(ctx, s->steps, (size_t)s->room_steps * sizeof *s->steps);
    sz_free(ctx, s->calls, (size_t)s->room_steps * sizeof *s->calls);
    if (s->pages) sz_pages_unmap(s->pages, s->bytes);
    sz_graph_destroy(s->inner);
    sz_free(ctx, s, sizeof *s);
}

// ---- preparing ---------------------------------------------------------------------------------

static sz_buffer buffer_on(const sz_graph *g, sz_value_id id, void *data) {
    const sz_type *t = &sz_graph_value(g, id)->type;
    sz_buffer b = {.dtype = t->dtype, .rank = 2, .data = data, .holders = 1};
    memcpy(b.dims, t->dims, 2 * sizeof *b.dims);
    b.count = b.dims[0] * b.dims[1];
    b.bytes = (size_t)b.count * sz_buffer_width(t->dtype);
    return b;
}

// Product of piece i of the first operand and piece j of the second into slot p.
static sz_status add_step(sz_ozaki_step *s, int i, int j, int p) {
    static const bool no[] = {false};
    sz_ozaki_call *c = &s->calls[s->n_steps];
    const sz_node *node = sz_graph_node(s->inner, 0);
    c->buffers[0] = buffer_on(s->inner, node->inputs[0], s->a.pieces[i]);
    c->buffers[1] = buffer_on(s->inner, node->inputs[1], s->b.pieces[j]);
    c->buffers[2] = buffer_on(s->inner, node->outputs[0], s->products[p]);
    for (int k = 0; k < 2; k++) c->in[k] = &c->buffers[k];
    c->sets[0] = c->in, c->out[0] = &c->buffers[2], c->fixed[1] = s->how.split_before;
    const sz_node_call call = {.ctx = s->call.ctx,
                               .graph = s->inner,
                               .node = node,
                               .n_sets = 1,
                               .in = c->sets,
                               .out = c->out,
                               .fixed = c->fixed,
                               .last = no,
                               .loose = no,
                               .threads = s->call.threads};
    SZ_TRY(s->backend->prepare(s->library, &call, &s->steps[s->n_steps]));
    s->n_steps++;
    return SZ_OK;
}

static sz_status add_steps(sz_ozaki_step *s) {
    const int count = s->how.count;
    s->room_steps = sz_ozaki_products(&s->how);
    s->steps = sz_alloc(s->call.ctx, (size_t)s->room_steps * sizeof *s->steps);
    s->calls = sz_alloc(s->call.ctx, (size_t)s->room_steps * sizeof *s->calls);
    if (!s->steps || !s->calls) return sz_no_memory(s->call.ctx);
    for (int order = sz_ozaki_orders(&s->how) - 1; order >= 0; order--) {
        const int from = order < count ? 0 : order - count + 1;
        for (int p = 0; p < sz_ozaki_in_order(&s->how, order); p++)
            SZ_TRY(add_step(s, from + p, order - from - p, p));
    }
    return SZ_OK;
}

static sz_status set_up(sz_ozaki_step *s) {
    const sz_node_call *c = &s->call;
    const char *pieces = sz_dtype_get(s->how.pieces)->name;
    const sz_type *a = sz_node_type(c->graph, c->node, 0), *b = sz_node_type(c->graph, c->node, 1);
    s->m = a->dims[0], s->k = a->dims[1], s->n = b->dims[1];
    const bool whole = strcmp(pieces, "i8") == 0;
    s->a = (sz_split){.rows = s->m, .columns = s->k, .count = s->how.count};
    s->a.width = sz_ozaki_width(pieces, s->k);
    s->a.form = whole ? SZ_PIECE_I8 : SZ_PIECE_F32;
    if (strcmp(pieces, "bf16") == 0 && s->backend != &sz_backend_ref) s->a.form = SZ_PIECE_BF16;
    s->b = s->a;
    s->b.rows = s->k, s->b.columns = s->n, s->b.by_column = true;
    SZ_TRY(graph_of(s->backend, c->graph, c->node, &s->how, &s->inner));
    SZ_TRY(make_room(s));
    if (s->how.split_before) {
        for (int set = 1; set < c->n_sets; set++)
            if (!c->fixed[1] || c->in[set][1] != c->in[0][1])
                return sz_fail(c->ctx, SZ_ERR_INPUT,
                               "the second operand changes from run to run: it can't be split "
                               "before");
        SZ_TRY(split(s, &s->b, 0));
    }
    return add_steps(s);
}

static sz_status prepare_ozaki(const sz_backend *backend, void *library, const sz_node_call *call,
                               sz_step *step) {
    sz_ozaki_step *s = sz_alloc(call->ctx, sizeof *s);
    if (!s) return sz_no_memory(call->ctx);
    s->backend = backend, s->library = library, s->call = *call;
    sz_ozaki_read(call->node, &s->how); // it was not refused
    const sz_status status = set_up(s);
    if (status != SZ_OK) {
        finish_ozaki(call->ctx, s);
        return status;
    }
    const sz_step *one = &s->steps[0];
    *step = (sz_step){.state = s,
                      .run = run_ozaki,
                      .finish = finish_ozaki,
                      .ran_as = one->ran_as,
                      .sums = one->sums};
    snprintf(step->kernel, sizeof step->kernel, "%d x %s of %d bits, %d products: %.48s",
             s->how.count, sz_dtype_get(s->how.pieces)->name, s->a.width, s->n_steps, one->kernel);
    return SZ_OK;
}

sz_status sz_node_prepare(const sz_backend *backend, void *library, const sz_node_call *call,
                          sz_step *step) {
    return sz_is_ozaki(call->node) ? prepare_ozaki(backend, library, call, step)
                                   : backend->prepare(library, call, step);
}
