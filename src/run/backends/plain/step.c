// SPDX-License-Identifier: Apache-2.0
// Own kernels as a backend, and what planners ask for.
#include "run/backends/plain/plain.h"

#include <stdio.h>

#define ONNX  ""
#define MS    "com.microsoft"
#define TRAIN "ai.onnx.preview.training"
#define STEP  "sizeup.train"

static const struct {
    const char *domain, *op;
    sz_plain_planner *plan;
} rows[] = {
#define PLAIN(domain, op, function) {domain, #op, sz_plain_##function},
#include "run/backends/plain/plain.def"
#undef PLAIN
};

// Bytes that are worth the wake of another thread, and those of one piece.
enum { WORTH = 1 << 18, PIECE = 1 << 17 };

static sz_plain_planner *find(const sz_node *n) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sz_str_is(n->op, rows[i].op) && sz_str_is(n->domain, rows[i].domain))
            return rows[i].plan;
    return NULL;
}

// ---- as a backend ------------------------------------------------------------------------------

static sz_status open_plain(sz_ctx *ctx, const char *path, void **ret_library) {
    if (path) return sz_fail(ctx, SZ_ERR_USAGE, "own kernels are no library with a path");
    sz_plain *p = sz_alloc(ctx, sizeof *p);
    if (!p) return sz_no_memory(ctx);
    p->ctx = ctx;
    p->loops = sz_loops_for(sz_cpu_detect());
    const sz_status status = sz_crew_create(ctx, &p->crew);
    if (status != SZ_OK) {
        sz_free(ctx, p, sizeof *p);
        return status;
    }
    *ret_library = p;
    return SZ_OK;
}

void sz_plain_close(sz_plain *p) {
    if (!p) return;
    sz_crew_destroy(p->crew);
    sz_free(p->ctx, p, sizeof *p);
}

static void plain_facts(void *library, sz_backend_facts *f) {
    *f = (sz_backend_facts){.version = SZ_VERSION};
    snprintf(f->kernels, sizeof f->kernels, "C for %s", ((const sz_plain *)library)->loops->isa);
}

static const char *plain_refuses(void *library, const sz_graph *g, const sz_node *n) {
    (void)library;
    for (int32_t i = 0; i < n->n_inputs + n->n_outputs; i++) {
        const sz_value_id id = i < n->n_inputs ? n->inputs[i] : n->outputs[i - n->n_inputs];
        const sz_type *t = id == SZ_NONE ? NULL : &sz_graph_value(g, id)->type;
        if (t && (t->kind != SZ_TYPE_TENSOR || sz_buffer_width(t->dtype) == 0))
            return "an operand is no tensor of numbers";
    }
    return find(n) ? NULL : "no own kernel for this operator";
}

typedef struct set_pass {
    const sz_plain_step *step;
    const sz_plain_pass *pass;
    int set;
} set_pass;

static bool run_piece(const void *user, int64_t from, int64_t to) {
    const set_pass *p = user;
    return p->pass->run(p->step, p->pass->plan, p->set, from, to);
}

static sz_status run_plain(void *state, int set) {
    const sz_plain_step *s = state;
    for (size_t k = 0; k < s->passes.n; k++) {
        const sz_plain_pass *p = &s->passes.items[k];
        const set_pass user = {s, p, set};
        const int64_t bytes = p->bytes > 0 ? p->bytes : 1;
        const int64_t grain = bytes >= PIECE ? 1 : PIECE / bytes;
        const int threads = p->units > WORTH / bytes ? s->call.threads : 1;
        if (!sz_crew_run(s->library->crew, threads, p->units, grain, run_piece, &user))
            return sz_fail(s->call.ctx, SZ_ERR_INPUT, "an index of '%s' is out of range",
                           sz_show(s->call.ctx, s->call.node->name));
    }
    return SZ_OK;
}

static void finish_plain(sz_ctx *ctx, void *state) {
    sz_plain_step *s = state;
    sz_vec_finish(ctx, &s->passes);
    sz_arena_finish(&s->arena);
    sz_free(ctx, s, sizeof *s);
}

static sz_dtype ran_as(const sz_plain_step *s) {
    const sz_type *t = sz_plain_type(s, 0);
    return t ? t->dtype : sz_plain_out_type(s, 0)->dtype;
}

static sz_status prepare_plain(void *library, const sz_node_call *call, sz_step *ret_step) {
    sz_plain *p = library;
    sz_plain_step *s = sz_alloc(call->ctx, sizeof *s);
    if (!s) return sz_no_memory(call->ctx);
    s->library = p, s->call = *call;
    sz_arena_init(&s->arena, call->ctx);
    const sz_status status = find(call->node)(s);
    if (status != SZ_OK) {
        finish_plain(call->ctx, s);
        return status;
    }
    sz_crew_grow(p->crew, call->threads);
    *ret_step = (sz_step){.state = s, .run = run_plain, .finish = finish_plain};
    ret_step->ran_as = ran_as(s);
    ret_step->sums = s->sums;
    snprintf(ret_step->kernel, sizeof ret_step->kernel, "plain:%s", p->loops->isa);
    return SZ_OK;
}

const sz_backend sz_backend_plain = {.name = "plain",
                                     .what = "own kernels: portable C, for what others refuse",
                                     .open = open_plain,
                                     .facts = plain_facts,
                                     .refuses = plain_refuses,
                                     .prepare = prepare_plain};

// ---- for planners ------------------------------------------------------------------------------

sz_status sz_plain_refuse(const sz_plain_step *s, const char *why) {
    return sz_fail(s->call.ctx, SZ_ERR_UNAVAILABLE, "%s", why);
}

void *sz_plain_new(sz_plain_step *s, size_t size) { return sz_arena_alloc(&s->arena, size); }

sz_status sz_plain_add(sz_plain_step *s, const sz_plain_pass *pass) {
    if (pass->units <= 0) return SZ_OK;
    return sz_vec_push(s->call.ctx, &s->passes, *pass) ? SZ_OK : sz_no_memory(s->call.ctx);
}

const sz_type *sz_plain_type(const sz_plain_step *s, int input) {
    return sz_node_type(s->call.graph, s->call.node, input);
}

const sz_type *sz_plain_out_type(const sz_plain_step *s, int output) {
    const sz_node *n = s->call.node;
    if (output >= n->n_outputs || n->outputs[output] == SZ_NONE) return NULL;
    return &sz_graph_value(s->call.graph, n->outputs[output])->type;
}

bool sz_plain_is(const sz_type *t, const char *dtype) {
    return t && strcmp(sz_plain_name(t), dtype) == 0;
}

int64_t sz_plain_span(const sz_type *t, int32_t from, int32_t to) {
    int64_t n = 1;
    for (int32_t d = from; d < to && d < t->rank; d++) {
        if (t->dims[d] == 0) return 0;
        n *= t->dims[d]; // checked when the buffer was made
    }
    return n;
}

int64_t sz_plain_count(const sz_type *t) { return sz_plain_span(t, 0, t->rank); }

bool sz_plain_axis(int64_t given, int32_t rank, int32_t *ret_axis) {
    const int64_t axis = given < 0 ? given + rank : given;
    if (axis < 0 || axis >= rank) return false;
    *ret_axis = (int32_t)axis;
    return true;
}

const sz_buffer *sz_plain_known(const sz_plain_step *s, int input) {
    const sz_node_call *c = &s->call;
    if (input >= c->node->n_inputs || !c->in[0][input] || !c->fixed[input]) return NULL;
    for (int k = 1; k < c->n_sets; k++)
        if (c->in[k][input] != c->in[0][input]) return NULL;
    return c->in[0][input];
}

sz_status sz_plain_ints(sz_plain_step *s, const char *attr, int at, int *ret_n,
                        const int64_t **ret_ints) {
    const sz_attr *a = attr ? sz_attr_find(s->call.node, attr) : NULL;
    *ret_n = -1;
    if (a) {
        *ret_ints = a->kind == SZ_ATTR_INT ? &a->i : a->ints;
        *ret_n = a->kind == SZ_ATTR_INT ? 1 : a->n;
        return SZ_OK;
    }
    if (at < 0 || !sz_plain_type(s, at)) return SZ_OK;
    const sz_buffer *b = sz_plain_known(s, at);
    if (!b) return sz_plain_refuse(s, "its numbers are only known in the run");
    if (b->count > 4 * SZ_MAX_RANK) return sz_plain_refuse(s, "too many numbers of an operand");
    int64_t *ints = sz_arena_array(&s->arena, (size_t)b->count + 1, sizeof *ints);
    if (!ints) return sz_no_memory(s->call.ctx);
    sz_buffer_integers(b, 0, b->count, ints);
    *ret_ints = ints, *ret_n = (int)b->count;
    return SZ_OK;
}

bool sz_plain_all(const sz_plain_step *s, const char *dtype) {
    for (int i = 0; i < s->call.node->n_inputs; i++)
        if (sz_plain_type(s, i) && !sz_plain_is(sz_plain_type(s, i), dtype)) return false;
    return !sz_plain_out_type(s, 0) || sz_plain_is(sz_plain_out_type(s, 0), dtype);
}

void sz_walk_begin(sz_walk *w, int64_t unit) {
    for (int i = 0; i < w->n; i++) w->at[i] = 0;
    for (int d = w->rank - 1; d >= 0; d--) {
        w->index[d] = unit % w->dims[d];
        unit /= w->dims[d];
        for (int i = 0; i < w->n; i++) w->at[i] += w->index[d] * w->step[i][d];
    }
}
