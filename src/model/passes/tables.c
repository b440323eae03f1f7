// SPDX-License-Identifier: Apache-2.0
// The tables of passes and recipes.
#include "model/passes/pass.h"

#include <sizeup/optimize.h>

static const sz_pass passes[] = {
#define PASS(name, sort, ident, what) {name, SZ_PASS_##sort, sz_pass_##ident, what},
#include "model/passes/passes.def"
#undef PASS
};
enum { N_PASSES = sizeof passes / sizeof *passes };

#define F(fusion) (UINT64_C(1) << SZ_FUSE_##fusion)
static const sz_recipe recipes[] = {
#define RECIPE(name, passes, fusions, what, source) {name, passes, what, source, fusions},
#include "model/passes/recipes.def"
#undef RECIPE
};
#undef F
enum { N_RECIPES = sizeof recipes / sizeof *recipes };

static const char *const fusion_names[] = {
#define FUSION(ident, name, what) name,
#include "model/passes/fusions.def"
#undef FUSION
};

int32_t sz_pass_count(void) { return N_PASSES; }
const sz_pass *sz_pass_get(int32_t i) { return i >= 0 && i < N_PASSES ? &passes[i] : NULL; }

int32_t sz_pass_find(sz_str name) {
    for (int32_t i = 0; i < N_PASSES; i++)
        if (sz_str_is(name, passes[i].name)) return i;
    return SZ_NONE;
}

const sz_recipe *sz_recipe_get(int32_t i) { return i >= 0 && i < N_RECIPES ? &recipes[i] : NULL; }

const sz_recipe *sz_recipe_find(const char *name) {
    for (int32_t i = 0; i < N_RECIPES; i++)
        if (!name || strcmp(recipes[i].name, name) == 0) return &recipes[i];
    return NULL;
}

int sz_list_pass(size_t i, sz_pass_row *ret_row) {
    const sz_pass *p = i < N_PASSES ? &passes[i] : NULL;
    if (!p) return 0;
    *ret_row = (sz_pass_row){p->name, p->sort == SZ_PASS_REWRITE ? "rewrite" : "fusion", p->what};
    return 1;
}

int sz_list_recipe(size_t i, sz_recipe_row *ret_row) {
    const sz_recipe *r = i < N_RECIPES ? &recipes[i] : NULL;
    if (!r) return 0;
    *ret_row = (sz_recipe_row){r->name, r->passes, r->what, r->source};
    return 1;
}

const char *sz_recipe_fusion(size_t recipe, size_t i) {
    if (recipe >= N_RECIPES) return NULL;
    for (int f = 0; f < SZ_N_FUSIONS; f++)
        if ((recipes[recipe].fusions >> f & 1) && i-- == 0) return fusion_names[f];
    return NULL;
}
