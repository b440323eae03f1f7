// SPDX-License-Identifier: Apache-2.0
// From a specification to a space.
#include "explore/explore.h"
#include "explore/tree.h"

#include <math.h>
#include <stdlib.h>

#include <sizeup/text.h>

typedef struct spec {
    sz_ctx *ctx;
    const char *name; // of the file
    sz_space *space;
    sz_arena *arena; // of the tree
} spec;

static sz_status at(const spec *s, const sz_twig *t, sz_status status) {
    if (status == SZ_ERR_USAGE) status = SZ_ERR_INPUT;
    return status == SZ_OK ? SZ_OK
                           : sz_place(s->ctx, status, "file '%s': line %d", s->name, t->line);
}

static sz_status unknown(const spec *s, const sz_twig *t, const char *what,
                         const char *const *words) {
    char all[256] = "";
    size_t used = 0;
    for (size_t i = 0; words[i]; i++) {
        const size_t len = strlen(words[i]);
        if (used + len + 3 > sizeof all) break;
        if (used) all[used++] = ',', all[used++] = ' ';
        memcpy(all + used, words[i], len + 1);
        used += len;
    }
    const char *near = sz_text_nearest(t->key, words);
    return at(s, t,
              sz_fail(s->ctx, SZ_ERR_INPUT, "%s has no key '%s'%s%s%s: there are %s", what, t->key,
                      near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "", all));
}

static sz_status need_word(const spec *s, const sz_twig *t) {
    if (t->kind == SZ_TWIG_WORD && *t->text) return SZ_OK;
    return at(
        s, t,
        sz_fail(s->ctx, SZ_ERR_INPUT, "'%s' needs a word or a number", t->key ? t->key : "item"));
}

// A word, or the words of a list with commas between.
static sz_status joined(const spec *s, const sz_twig *t, const char **ret) {
    size_t size = 1;
    if (t->kind == SZ_TWIG_WORD)
        return need_word(s, t) == SZ_OK ? *ret = t->text, SZ_OK : SZ_ERR_INPUT;
    if (t->kind == SZ_TWIG_MAP)
        return at(s, t,
                  sz_fail(s->ctx, SZ_ERR_INPUT, "'%s' needs a word or a list of words", t->key));
    for (const sz_twig *k = t->first; k; k = k->next) {
        SZ_TRY(need_word(s, k));
        size += strlen(k->text) + 1;
    }
    char *text = sz_arena_array(s->arena, size, 1);
    if (!text) return sz_no_memory(s->ctx);
    size_t used = 0;
    for (const sz_twig *k = t->first; k; k = k->next) {
        if (used) text[used++] = ',';
        memcpy(text + used, k->text, strlen(k->text));
        used += strlen(k->text);
    }
    *ret = text;
    return SZ_OK;
}

// ---- parameters --------------------------------------------------------------------------------

// A range as a word, or a list: numbers and words as they are, of which each may be a range too.
static sz_status put_values(const spec *s, const char *name, const sz_twig *t) {
    const char *range;
    if (t->kind == SZ_TWIG_LIST && !t->first)
        return at(s, t,
                  sz_fail(s->ctx, SZ_ERR_INPUT,
                          "parameter '%s' has no values: give one or "
                          "more",
                          name));
    SZ_TRY(joined(s, t, &range));
    if (strncmp(range, "custom:", 7) == 0) // the numbers of a machine have commas between them
        return at(s, t, sz_space_add_word(s->ctx, s->space, name, range));
    return at(s, t, sz_space_add(s->ctx, s->space, name, range));
}

static sz_status put_models(const spec *s, const sz_twig *t) {
    if (t->kind == SZ_TWIG_WORD) {
        SZ_TRY(need_word(s, t));
        return at(s, t, sz_space_add_model(s->ctx, s->space, t->text));
    }
    if (t->kind == SZ_TWIG_MAP || !t->first)
        return at(s, t,
                  sz_fail(s->ctx, SZ_ERR_INPUT,
                          "'model' needs a file, a family or a list "
                          "of them"));
    for (const sz_twig *k = t->first; k; k = k->next) {
        SZ_TRY(need_word(s, k));
        SZ_TRY(at(s, k, sz_space_add_model(s->ctx, s->space, k->text)));
    }
    return SZ_OK;
}

static sz_status check_facet(const spec *s, const sz_twig *t) {
    static const char *const words[] = {"values", "when", "change", NULL};
    for (size_t i = 0; words[i]; i++)
        if (strcmp(t->key, words[i]) == 0) return SZ_OK;
    return unknown(s, t, "a parameter", words);
}

static sz_status put_facet(const spec *s, const char *name, const sz_twig *t) {
    const char *text;
    if (strcmp(t->key, "values") == 0) return SZ_OK; // they came first
    if (strcmp(t->key, "when") == 0) {
        SZ_TRY(joined(s, t, &text));
        return at(s, t, sz_space_when(s->ctx, s->space, name, text));
    }
    SZ_TRY(need_word(s, t));
    char *end;
    const double cost = strtod(t->text, &end);
    return at(s, t, sz_space_change(s->ctx, s->space, name, *end ? SZ_NO_NUMBER : cost));
}

static const sz_twig *child(const sz_twig *t, const char *key) {
    const sz_twig *k = t->first;
    while (k && strcmp(k->key, key) != 0) k = k->next;
    return k;
}

static sz_status put_parameter(const spec *s, const sz_twig *t) {
    size_t known;
    if (t->kind != SZ_TWIG_MAP) return put_values(s, t->key, t);
    for (const sz_twig *k = t->first; k; k = k->next) SZ_TRY(check_facet(s, k));
    const sz_twig *values = child(t, "values");
    if (values) SZ_TRY(put_values(s, t->key, values));
    if (!values && !sz_space_find(s->space, t->key, &known))
        return at(s, t,
                  sz_fail(s->ctx, SZ_ERR_INPUT, "parameter '%s' has no key 'values'", t->key));
    for (const sz_twig *k = t->first; k; k = k->next) SZ_TRY(put_facet(s, t->key, k));
    return SZ_OK;
}

static sz_status put_parameters(const spec *s, const sz_twig *t) {
    if (t->kind != SZ_TWIG_MAP)
        return at(s, t,
                  sz_fail(s->ctx, SZ_ERR_INPUT,
                          "'parameters' needs names with values, such "
                          "as batch: 1-64*2"));
    for (const sz_twig *k = t->first; k; k = k->next) SZ_TRY(put_parameter(s, k));
    return SZ_OK;
}

// ---- the rest ----------------------------------------------------------------------------------

static sz_status put_constraints(const spec *s, const sz_twig *t) {
    if (t->kind == SZ_TWIG_MAP)
        return at(s, t,
                  sz_fail(s->ctx, SZ_ERR_INPUT,
                          "'constraints' needs a list, such as "
                          "- batch*seq <= 8192"));
    if (t->kind == SZ_TWIG_WORD) {
        SZ_TRY(need_word(s, t));
        return at(s, t, sz_space_constrain(s->ctx, s->space, t->text));
    }
    for (const sz_twig *k = t->first; k; k = k->next) {
        SZ_TRY(need_word(s, k));
        SZ_TRY(at(s, k, sz_space_constrain(s->ctx, s->space, k->text)));
    }
    return SZ_OK;
}

// A file beside the specification is named from there.
static sz_status put_file(const spec *s, const sz_twig *t) {
    SZ_TRY(need_word(s, t));
    const char *slash = strrchr(s->name, '/');
    const size_t folder = slash && t->text[0] != '/' ? (size_t)(slash - s->name) + 1 : 0;
    char *path = sz_arena_array(s->arena, folder + strlen(t->text) + 1, 1);
    if (!path) return sz_no_memory(s->ctx);
    memcpy(path, s->name, folder);
    memcpy(path + folder, t->text, strlen(t->text));
    return sz_space_wishes(s->ctx, s->space, t->key, path);
}

static sz_status put_key(const spec *s, const sz_twig *t) {
    static const char *const words[] = {
        "model",  "machine", "batch", "parameters", "constraints", "metrics", "higher",    "price",
        "pareto", "oracle",  "best",  "by",         "search",      "budget",  "dominance", NULL};
    const char *text;
    size_t i = 0;
    while (words[i] && strcmp(words[i], t->key) != 0) i++;
    if (!words[i]) return unknown(s, t, "a space", words);
    switch (i) {
    case 0:
        return put_models(s, t);
    case 1:
    case 2:
        return put_values(s, t->key, t);
    case 3:
        return put_parameters(s, t);
    case 4:
        return put_constraints(s, t);
    case 5:
        return put_file(s, t);
    default:
        SZ_TRY(joined(s, t, &text));
        return sz_space_wishes(s->ctx, s->space, t->key, text);
    }
}

// Models first: their words are parameters that others may speak of.
static sz_status fill(const spec *s, const sz_twig *root) {
    if (root->kind != SZ_TWIG_MAP)
        return at(s, root,
                  sz_fail(s->ctx, SZ_ERR_INPUT,
                          "a space needs keys, such as model: "
                          "resnet:depth=18,50"));
    const sz_twig *model = child(root, "model");
    if (model) SZ_TRY(put_key(s, model));
    for (const sz_twig *k = root->first; k; k = k->next)
        if (k != model) SZ_TRY(put_key(s, k));
    return SZ_OK;
}

sz_status sz_space_read(sz_ctx *ctx, const char *name, const char *text, size_t size,
                        sz_space **ret_space) {
    sz_arena arena;
    sz_twig *root;
    spec s = {.ctx = ctx, .name = name, .arena = &arena};
    sz_arena_init(&arena, ctx);
    sz_status status = sz_tree_read(ctx, &arena, name, text, size, &root);
    if (status == SZ_OK) status = sz_space_create(ctx, &s.space);
    if (status == SZ_OK) status = fill(&s, root);
    sz_arena_finish(&arena);
    if (status != SZ_OK) sz_space_destroy(s.space);
    if (status == SZ_OK) *ret_space = s.space;
    return status;
}
