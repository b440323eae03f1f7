// SPDX-License-Identifier: Apache-2.0
// Ensembles of decision trees of ai.onnx.ml.
//
// Cost: for each sample and tree as many comparisons as the deepest leaf of the tree lies deep, and
// one addition of the leaf: an upper bound, as the way down depends on data. Then the transform of
// the scores. The tables of nodes are attributes and not counted as traffic.
#include "model/ops/ml.h"
#include "model/ops/move.h"
#include "model/ops/rules.h"

#include <inttypes.h>

// ---- shapes ------------------------------------------------------------------------------------

// How many classes or targets a list of ids names: one more than the largest id.
static int64_t count_ids(const sz_infer *n, const char *name) {
    const int64_t *ids;
    int32_t count = sz_attr_ints(n->node, name, &ids);
    int64_t most = 0;
    for (int32_t k = 0; k < count; k++)
        if (ids[k] >= most) most = ids[k] < INT64_MAX ? ids[k] + 1 : INT64_MAX;
    return most;
}

static sz_status tree_targets(sz_infer *n, const char *ids, sz_dtype dtype) {
    const sz_attr *a = sz_attr_find(n->node, "n_targets");
    int64_t targets = a && a->kind == SZ_ATTR_INT ? a->i : count_ids(n, ids);
    if (targets < 1 || targets == INT64_MAX)
        return sz_op_fail(n, "n_targets is %" PRId64, targets);
    return sz_out(n, 0, dtype, 2, (const int64_t[]){sz_ml_batch(n), targets});
}

sz_status sz_shape_tree_ensemble(sz_infer *n) {
    return tree_targets(n, "leaf_targetids", sz_in_dtype(n, 0));
}

sz_status sz_shape_tree_regressor(sz_infer *n) {
    return tree_targets(n, "target_ids", sz_dtype_by_name("f32"));
}

sz_status sz_shape_tree_classifier(sz_infer *n) {
    int64_t classes = sz_ml_length(n, "classlabels_int64s");
    if (classes == 0) classes = sz_ml_length(n, "classlabels_strings");
    if (classes == 0) classes = count_ids(n, "class_ids");
    return sz_ml_scores(n, classes);
}

// ---- depth -------------------------------------------------------------------------------------

enum { LEAF = -1, NO_SUCH = -2 };

typedef struct forest {
    int64_t n;
    int64_t *child[2];   // of each node: index of a node, or LEAF (a leaf has two of them)
    int64_t *depth;      // comparisons up to and with this node; 0 = not visited
    int64_t *stack;
    bool *is_child;
    int64_t trees, comparisons; // summed over all trees
} forest;

static sz_status forest_alloc(const sz_infer *n, int64_t nodes, forest *f) {
    *f = (forest){.n = nodes};
    int64_t *room = sz_op_alloc(n, nodes ? (size_t)nodes : 1, 4 * sizeof *room);
    f->is_child = sz_op_alloc(n, nodes ? (size_t)nodes : 1, sizeof *f->is_child);
    if (!room || !f->is_child) return sz_no_memory(n->ctx);
    f->child[0] = room;
    f->child[1] = room + nodes;
    f->depth = room + 2 * nodes;
    f->stack = room + 3 * nodes;
    return SZ_OK;
}

// Adds the tree at `root`. NULL, or why its depth cannot be told.
static const char *add_tree(forest *f, int64_t root) {
    int64_t deepest = 0, top = 0;
    f->trees++;
    if (f->depth[root]) return "trees share nodes";
    f->depth[root] = 1;
    f->stack[top++] = root;
    while (top > 0) {
        int64_t at = f->stack[--top];
        if (f->depth[at] > deepest) deepest = f->depth[at];
        for (int k = 0; k < 2; k++) {
            int64_t next = f->child[k][at];
            if (next == LEAF) continue;
            if (f->depth[next]) return "trees share nodes or run in a circle";
            f->depth[next] = f->depth[at] + 1;
            f->stack[top++] = next; // at most once per node: the stack is large enough
        }
    }
    return sz_add(f->comparisons, deepest, &f->comparisons) ? NULL : "too many comparisons";
}

static sz_status cost_forest(sz_costing *c, const forest *f, int scores) {
    const int64_t batch = sz_ml_batch(&c->in);
    SZ_TRY(sz_cost_add_flops(c, 2, (const int64_t[]){batch, f->comparisons}));
    SZ_TRY(sz_cost_add_flops(c, 2, (const int64_t[]){batch, f->trees}));
    return sz_cost_add_flops(c, 2, (const int64_t[]){sz_cost_out_elements(c, scores),
                                                     sz_ml_transform_work(&c->in)});
}

// ---- TreeEnsemble (5): children are positions, leaves are kept apart ---------------------------

static bool take_branch(const sz_infer *n, forest *f, int k, const char *ids, const char *leafs) {
    const int64_t *id, *leaf;
    if (sz_attr_ints(n->node, ids, &id) != f->n || sz_attr_ints(n->node, leafs, &leaf) != f->n)
        return false;
    for (int64_t i = 0; i < f->n; i++) {
        f->child[k][i] = leaf[i] ? LEAF : id[i];
        if (!leaf[i] && (id[i] < 0 || id[i] >= f->n)) return false;
    }
    return true;
}

sz_status sz_cost_tree_ensemble(sz_costing *c) {
    const sz_infer *n = &c->in;
    const int64_t *roots;
    int32_t n_roots = sz_attr_ints(n->node, "tree_roots", &roots);
    forest f;
    SZ_TRY(forest_alloc(n, sz_ml_length(n, "nodes_featureids"), &f));
    if (!take_branch(n, &f, 0, "nodes_truenodeids", "nodes_trueleafs") ||
        !take_branch(n, &f, 1, "nodes_falsenodeids", "nodes_falseleafs"))
        return sz_cost_unknown(c, "the lists of tree nodes do not fit together");
    for (int32_t k = 0; k < n_roots; k++) {
        if (roots[k] < 0 || roots[k] >= f.n)
            return sz_cost_unknown(c, "a tree root is out of range");
        const char *why = add_tree(&f, roots[k]);
        if (why) return sz_cost_unknown(c, why);
    }
    return cost_forest(c, &f, 0);
}

// ---- TreeEnsembleClassifier and -Regressor: nodes are named by (tree, node) ---------------------

typedef struct names {
    const int64_t *tree, *node;
    int64_t n, *order; // positions sorted by name
} names;

static int compare_keys(int64_t tree_a, int64_t node_a, int64_t tree_b, int64_t node_b) {
    if (tree_a != tree_b) return tree_a < tree_b ? -1 : 1;
    return (node_a > node_b) - (node_a < node_b);
}

static int compare_names(const void *with, int64_t a, int64_t b) {
    const names *s = with;
    int c = compare_keys(s->tree[a], s->node[a], s->tree[b], s->node[b]);
    return c ? c : (a > b) - (a < b);
}

// Files list their nodes in order; only then is there nothing to sort.
static void sort_names(names *s) {
    bool sorted = true;
    for (int64_t k = 0; k < s->n; k++) s->order[k] = k;
    for (int64_t k = 1; k < s->n && sorted; k++) sorted = compare_names(s, k - 1, k) < 0;
    if (!sorted) sz_sort(s->order, s->n, compare_names, s);
}

static int64_t find_name(const names *s, int64_t tree, int64_t node) {
    int64_t low = 0, high = s->n;
    while (low < high) {
        int64_t mid = low + (high - low) / 2, at = s->order[mid];
        int c = compare_keys(s->tree[at], s->node[at], tree, node);
        if (c == 0) return at;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NO_SUCH;
}

static bool link_children(const sz_infer *n, const names *s, forest *f) {
    static const char *const lists[2] = {"nodes_truenodeids", "nodes_falsenodeids"};
    const sz_attr *modes = sz_attr_find(n->node, "nodes_modes");
    const int64_t *ids;
    if (!modes || modes->kind != SZ_ATTR_STRINGS || modes->n != f->n) return false;
    for (int k = 0; k < 2; k++) {
        if (sz_attr_ints(n->node, lists[k], &ids) != f->n) return false;
        for (int64_t i = 0; i < f->n; i++) {
            bool leaf = sz_str_is(modes->strings[i], "LEAF");
            int64_t child = leaf ? LEAF : find_name(s, s->tree[i], ids[i]);
            if (child == NO_SUCH) return false;
            if (!leaf) f->is_child[child] = true;
            f->child[k][i] = child;
        }
    }
    return true;
}

// A leaf makes no comparison: take off the one that add_tree counted for it.
static const char *add_named_tree(forest *f, int64_t root) {
    int64_t before = f->comparisons;
    const char *why = add_tree(f, root);
    if (!why && f->comparisons > before) f->comparisons--;
    return why;
}

static sz_status cost_named_trees(sz_costing *c, int scores) {
    const sz_infer *n = &c->in;
    names s;
    forest f;
    s.n = sz_attr_ints(n->node, "nodes_treeids", &s.tree);
    SZ_TRY(forest_alloc(n, s.n, &f));
    s.order = f.stack; // free until the trees are walked
    if (sz_attr_ints(n->node, "nodes_nodeids", &s.node) != s.n)
        return sz_cost_unknown(c, "the lists of tree nodes do not fit together");
    sort_names(&s);
    if (!link_children(n, &s, &f))
        return sz_cost_unknown(c, "the lists of tree nodes do not fit together");
    for (int64_t i = 0; i < f.n; i++) {
        const char *why = f.is_child[i] ? NULL : add_named_tree(&f, i);
        if (why) return sz_cost_unknown(c, why);
    }
    for (int64_t i = 0; i < f.n; i++)
        if (!f.depth[i]) return sz_cost_unknown(c, "trees run in a circle");
    return cost_forest(c, &f, scores);
}

sz_status sz_cost_tree_classifier(sz_costing *c) { return cost_named_trees(c, 1); }
sz_status sz_cost_tree_regressor(sz_costing *c) { return cost_named_trees(c, 0); }
