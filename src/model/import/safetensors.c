// SPDX-License-Identifier: Apache-2.0
// A model in safetensors files: one file, an index with its shards, or a config.json alone.
#include "model/import/safetensors.h"

#include "model/graph/allowance.h"
#include "model/import/import.h"
#include "model/nets/llm_weights.h"

#include <inttypes.h>
#include <stdio.h>

static const char index_name[] = "model.safetensors.index.json";
static const char file_name[] = "model.safetensors";
static const char config_name[] = "config.json";

int sz_safetensors_sniff(const unsigned char *head, size_t len) {
    uint64_t n = 0;
    size_t at = 0;
    for (int i = 7; i >= 0 && len > 8; i--) n = n << 8 | head[i];
    if (len > 8 && head[8] == '{') return n >= 2 && n <= SZ_ST_MAX_HEADER ? 95 : 60;
    while (at < len &&
           (head[at] == ' ' || head[at] == '\n' || head[at] == '\r' || head[at] == '\t'))
        at++;
    return at < len && head[at] == '{' ? 50 : 0; // an index or a config.json
}

sz_status st_fail(st *x, uint64_t at, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return sz_fail(x->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": %s", at, text);
}

sz_status st_read_text(st *x, sz_source *source, uint64_t at, uint64_t size, char **ret_text) {
    if (size > SZ_ST_MAX_HEADER)
        return st_fail(x, at, "a text of %" PRIu64 " bytes, the limit is %d", size,
                       SZ_ST_MAX_HEADER);
    x->fetched += size;
    sz_ctx_set_job_limit(x->ctx, x->memory_base + sz_allowance(x->fetched));
    char *text = sz_alloc(x->ctx, size ? (size_t)size : 1);
    if (!text) return sz_no_memory(x->ctx);
    const sz_status status = source->read(source, x->ctx, at, text, (size_t)size);
    if (status != SZ_OK)
        sz_free(x->ctx, text, size ? (size_t)size : 1);
    else
        *ret_text = text;
    return status;
}

st_tensor *st_find(const st *x, sz_str name) {
    int32_t i;
    return sz_map_get(&x->names, name, &i) ? &x->tensors.items[i] : NULL;
}

st_tensor *st_find_text(const st *x, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return n > 0 && (size_t)n < sizeof text ? st_find(x, (sz_str){text, (uint32_t)n}) : NULL;
}

// ---- shards ------------------------------------------------------------------------------------

static sz_status read_sibling(st *x, const sz_jtree_node *at) {
    sz_source *side = NULL;
    for (size_t i = 0; i < x->shards.n; i++)
        if (sz_str_eq(x->shards.items[i], at->text)) return SZ_OK;
    if (x->shards.n >= SZ_ST_MAX_SHARDS) return st_fail(x, at->at, "too many shards");
    const char *shown = sz_show(x->ctx, at->text);
    sz_status status = x->source->sibling(x->source, x->ctx, at->text, &side);
    if (status != SZ_OK) return sz_place(x->ctx, status, "@%" PRIu64, at->at);
    if (!side) return st_fail(x, at->at, "shard '%s' is not there", shown);
    status = st_read_shard(x, side, side->name);
    return status == SZ_OK ? SZ_OK : sz_place(x->ctx, status, "shard '%s'", shown);
}

static void check_total(st *x, const sz_jtree *j, const sz_jtree_node *root) {
    const sz_jtree_node *meta = sz_jtree_get(j, root, "metadata");
    int64_t said, sum = 0;
    for (size_t i = 0; i < x->tensors.n; i++)
        if (!sz_add(sum, (int64_t)(x->tensors.items[i].end - x->tensors.items[i].begin), &sum))
            return;
    if (sz_jtree_size(sz_jtree_get(j, meta, "total_size"), &said) && said != sum)
        sz_warn(x->ctx,
                "the index says that the tensors have %" PRId64 " bytes, they have %" PRId64, said,
                sum);
}

// Each file of the weight map once; each of its tensors where it says.
static sz_status read_map(st *x, const sz_jtree *j, const sz_jtree_node *map) {
    const sz_jtree_node *before = NULL;
    for (const sz_jtree_node *m = sz_jtree_first(j, map); m; m = sz_jtree_next(j, m)) {
        if (m->kind != SZ_JTREE_TEXT) return st_fail(x, m->at, "the file of a tensor is no text");
        if (!before || !sz_str_eq(before->text, m->text)) SZ_TRY(read_sibling(x, m));
        before = m;
    }
    for (const sz_jtree_node *m = sz_jtree_first(j, map); m; m = sz_jtree_next(j, m)) {
        const st_tensor *t = st_find(x, m->key);
        if (!t || !sz_str_eq(x->shards.items[t->shard], m->text))
            return st_fail(x, m->at, "shard '%s' has no tensor '%s'", sz_show(x->ctx, m->text),
                           sz_show(x->ctx, m->key));
    }
    if (map->n < x->tensors.n)
        sz_warn(x->ctx, "the shards have %zu tensors that the index does not name: they count",
                x->tensors.n - map->n);
    return SZ_OK;
}

static sz_status read_index(st *x, const sz_jtree *j) {
    const sz_jtree_node *root = &j->nodes.items[0], *map = sz_jtree_get(j, root, "weight_map");
    if (map->kind != SZ_JTREE_MAP) return st_fail(x, map->at, "weight_map is no map");
    SZ_TRY(read_map(x, j, map));
    check_total(x, j, root);
    return SZ_OK;
}

// ---- side files --------------------------------------------------------------------------------

static sz_status sibling(st *x, const char *name, sz_source **ret) {
    *ret = NULL;
    return x->source->sibling(x->source, x->ctx, sz_str_c(name), ret);
}

static sz_status read_config(st *x, sz_source *source) {
    x->config_size = (size_t)source->size;
    SZ_TRY(st_read_text(x, source, 0, source->size, &x->config_text));
    SZ_TRY(sz_jtree_read(&x->config, x->ctx, &x->cp->arena, x->config_text, x->config_size, 0));
    if (x->config.nodes.items[0].kind != SZ_JTREE_MAP)
        return st_fail(x, 0, "config.json is no map");
    return SZ_OK;
}

static sz_status read_config_beside(st *x) {
    sz_source *side;
    SZ_TRY(sibling(x, config_name, &side));
    if (!side) {
        if (x->tensors.n)
            sz_warn(x->ctx,
                    "there is no config.json beside the weights: the net is told from their "
                    "names");
        return SZ_OK;
    }
    const sz_status status = read_config(x, side);
    return status == SZ_OK ? SZ_OK : sz_place(x->ctx, status, "'%s'", config_name);
}

static sz_status read_json_file(st *x, sz_source *source, bool *ret_is_index) {
    sz_jtree j = {.ctx = x->ctx};
    char *text;
    SZ_TRY(st_read_text(x, source, 0, source->size, &text));
    sz_status status = sz_jtree_read(&j, x->ctx, &x->cp->arena, text, (size_t)source->size, 0);
    if (status == SZ_OK) {
        *ret_is_index = sz_jtree_get(&j, &j.nodes.items[0], "weight_map") != NULL;
        if (*ret_is_index) status = read_index(x, &j);
    }
    sz_jtree_finish(&j);
    sz_free(x->ctx, text, (size_t)source->size);
    return status;
}

// The weights beside a config.json, if they are there.
static sz_status read_weights_beside(st *x) {
    sz_source *side;
    bool is_index;
    SZ_TRY(sibling(x, index_name, &side));
    if (side) {
        const sz_status status = read_json_file(x, side, &is_index);
        return status == SZ_OK ? SZ_OK : sz_place(x->ctx, status, "'%s'", index_name);
    }
    SZ_TRY(sibling(x, file_name, &side));
    if (!side) return SZ_OK;
    const sz_status status = st_read_shard(x, side, side->name);
    return status == SZ_OK ? SZ_OK : sz_place(x->ctx, status, "'%s'", file_name);
}

static bool is_json(const unsigned char *head, size_t len) {
    return sz_safetensors_sniff(head, len) == 50;
}

static sz_status read_all(st *x) {
    unsigned char head[SZ_SNIFF_BYTES];
    const size_t len = x->source->size < sizeof head ? (size_t)x->source->size : sizeof head;
    bool is_index = false;
    SZ_TRY(x->source->read(x->source, x->ctx, 0, head, len));
    if (!is_json(head, len)) {
        const char *slash = strrchr(x->source->name, '/');
        SZ_TRY(st_read_shard(x, x->source, slash ? slash + 1 : x->source->name));
        return read_config_beside(x);
    }
    SZ_TRY(read_json_file(x, x->source, &is_index));
    if (is_index) return read_config_beside(x);
    SZ_TRY(read_config(x, x->source));
    SZ_TRY(read_weights_beside(x));
    x->is_config_only = x->tensors.n == 0;
    return SZ_OK;
}

// ---- the graph ---------------------------------------------------------------------------------

static sz_status build(st *x, sz_graph *g) {
    SZ_TRY(read_all(x));
    SZ_TRY(st_describe(x));
    if (x->is_config_only)
        SZ_TRY(sz_llm_weights(x->cp));
    else
        SZ_TRY(st_take_tensors(x));
    if (!x->cp->weights.n) sz_warn(x->ctx, "the file has no tensors: all totals are 0");
    st_compare(x);
    sz_vec_finish(x->ctx, &x->tensors);
    sz_map_finish(&x->names);
    sz_map_init(&x->names, x->ctx);
    g->format = sz_str_c(x->is_config_only ? "config" : "safetensors");
    g->header_bytes = x->fetched;
    return sz_llm_build(x->cp, g);
}

sz_status sz_safetensors_read(sz_ctx *ctx, sz_source *source, sz_graph **ret_graph) {
    sz_checkpoint cp;
    st x = {.ctx = ctx, .source = source, .cp = &cp, .memory_base = sz_ctx_memory_used(ctx)};
    sz_graph *g = NULL;
    SZ_TRY(sz_graph_create(ctx, &g));
    sz_checkpoint_init(&cp, ctx);
    sz_map_init(&x.names, ctx);
    x.config.ctx = ctx;
    const sz_status status = build(&x, g);
    sz_jtree_finish(&x.config);
    if (x.config_text) sz_free(ctx, x.config_text, x.config_size ? x.config_size : 1);
    sz_vec_finish(ctx, &x.tensors);
    sz_vec_finish(ctx, &x.shards);
    sz_map_finish(&x.names);
    sz_checkpoint_finish(&cp);
    if (status != SZ_OK)
        sz_graph_destroy(g);
    else
        *ret_graph = g;
    return status;
}
