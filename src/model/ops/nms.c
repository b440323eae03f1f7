// SPDX-License-Identifier: Apache-2.0
// NonMaxSuppression. Its shape depends on data; with known numbers the boxes are really selected.
#include "model/ops/move.h"
#include "model/ops/rules.h"

#include <inttypes.h>

typedef struct boxes {
    const float *corner; // of one batch: box k is corner[4 * k ...]
    const float *score;  // of one batch and class
    bool centers;        // corner holds centre x, centre y, width, height
    double iou, min_score;
    bool has_min_score;
    int64_t count, most; // boxes; how many to select per class
} boxes;

typedef struct edges {
    float low[2], high[2];
} edges;

static edges edges_of(const boxes *b, int64_t k) {
    const float *c = b->corner + 4 * k;
    edges e;
    for (int a = 0; a < 2; a++) {
        float p = b->centers ? c[a] - c[a + 2] / 2 : c[a];
        float q = b->centers ? c[a] + c[a + 2] / 2 : c[a + 2];
        e.low[a] = b->centers || p < q ? p : q; // corners may be any diagonal pair
        e.high[a] = b->centers || p < q ? q : p;
    }
    return e;
}

// Is the intersection over union of two boxes above the limit? Empty boxes never overlap.
static bool overlap(const boxes *b, int64_t i, int64_t j) {
    edges p = edges_of(b, i), q = edges_of(b, j);
    float common = 1, area[2] = {1, 1};
    for (int a = 0; a < 2; a++) {
        float low = p.low[a] > q.low[a] ? p.low[a] : q.low[a];
        float high = p.high[a] < q.high[a] ? p.high[a] : q.high[a];
        if (high <= low) return false;
        common *= high - low;
        area[0] *= p.high[a] - p.low[a];
        area[1] *= q.high[a] - q.low[a];
    }
    float all = area[0] + area[1] - common;
    if (common <= 0 || area[0] <= 0 || area[1] <= 0 || all <= 0) return false;
    return common / all > (float)b->iou;
}

static int compare_scores(const void *with, int64_t a, int64_t b) {
    const float *score = with;
    if (score[a] != score[b]) return score[a] > score[b] ? -1 : 1;
    return (a > b) - (a < b);
}

// Selects boxes of one class into `chosen` (room for all); `order` is scratch.
static int64_t select_class(const boxes *b, int64_t *order, int64_t *chosen) {
    int64_t candidates = 0, found = 0;
    for (int64_t k = 0; k < b->count; k++)
        if (!b->has_min_score || b->score[k] > (float)b->min_score) order[candidates++] = k;
    sz_sort(order, candidates, compare_scores, b->score);
    for (int64_t c = 0; c < candidates && found < b->most; c++) {
        int64_t k = 0;
        while (k < found && !overlap(b, order[c], chosen[k])) k++;
        if (k == found) chosen[found++] = order[c];
    }
    return found;
}

// Optional scalar `i`: its number or `def`. false: present but not known.
static bool read_number(const sz_infer *n, int i, double def, double *ret) {
    const sz_tensor *t = sz_in_value(n, i);
    *ret = def;
    if (!sz_has_in(n, i)) return true;
    if (!t || t->s) return false;
    if (t->count == 0) return true;
    if (t->i && t->i[0] == SZ_VALUE_UNKNOWN) return false;
    *ret = t->f ? t->f[0] : (double)t->i[0];
    return true;
}

// Beyond this selecting takes too long, and the shape stays unknown.
enum { MAX_OVERLAP_TESTS = 1 << 24 };

// Everything but the class at hand. false: numbers are not known or not worth the time.
static bool read_boxes(const sz_infer *n, boxes *b) {
    const sz_type *x = sz_in(n, 0), *s = sz_in(n, 1);
    double most;
    *b = (boxes){.centers = sz_attr_i(n->node, "center_point_box", 0) != 0};
    if (!read_number(n, 2, 0, &most) || !read_number(n, 3, 0, &b->iou) ||
        !read_number(n, 4, 0, &b->min_score))
        return false;
    const sz_tensor *min_score = sz_in_value(n, 4);
    b->has_min_score = min_score && min_score->count > 0;
    if (!sz_type_is_static(x) || !sz_type_is_static(s)) return false;
    b->count = x->dims[1];
    b->most = most <= 0 ? 0 : most < (double)b->count ? (int64_t)most : b->count;
    if (b->most == 0 || b->count == 0) return true; // nothing is selected whatever the boxes are
    const sz_tensor *tx = sz_in_value(n, 0), *ts = sz_in_value(n, 1);
    if (!tx || !ts || !tx->f || !ts->f) return false;
    if (sz_graph_root(n->graph)->is_scratch) return true;
    return ts->count <= MAX_OVERLAP_TESTS / b->most && sz_op_afford(n, ts->count * b->most);
}

static float *to_floats(const sz_infer *n, const sz_tensor *t) {
    float *f = sz_op_alloc(n, t->count ? (size_t)t->count : 1, sizeof *f);
    for (int64_t k = 0; f && k < t->count; k++) f[k] = (float)t->f[k];
    return f;
}

// Selects everywhere. *ret_count -1 = not known. `out` NULL: only count; else triples of (batch,
// class, box), room for `room` of them.
static sz_status run_nms(const sz_infer *n, int64_t *out, int64_t room, int64_t *ret_count) {
    boxes b;
    *ret_count = -1;
    if (!read_boxes(n, &b)) return SZ_OK;
    *ret_count = 0;
    if (b.most == 0 || sz_in_value(n, 1)->count == 0) return SZ_OK;
    const int64_t *s = sz_in(n, 1)->dims;
    const float *corner = to_floats(n, sz_in_value(n, 0)), *score = to_floats(n, sz_in_value(n, 1));
    int64_t *order = sz_op_alloc(n, (size_t)b.count, 2 * sizeof *order);
    if (!corner || !score || !order) return sz_no_memory(n->ctx);
    int64_t *chosen = order + b.count;
    for (int64_t batch = 0; batch < s[0]; batch++)
        for (int64_t cls = 0; cls < s[1]; cls++) {
            b.corner = corner + batch * b.count * 4;
            b.score = score + (batch * s[1] + cls) * b.count;
            int64_t found = select_class(&b, order, chosen);
            for (int64_t k = 0; out && k < found && *ret_count + k < room; k++) {
                int64_t *triple = out + 3 * (*ret_count + k);
                triple[0] = batch;
                triple[1] = cls;
                triple[2] = chosen[k];
            }
            *ret_count += found;
        }
    return SZ_OK;
}

sz_status sz_shape_non_max_suppression(sz_infer *n) {
    const sz_type *x = sz_in(n, 0), *s = sz_in(n, 1);
    int64_t dims[2] = {SZ_DIM_UNKNOWN, 3};
    if (x->rank >= 0 && x->rank != 3) return sz_op_fail(n, "boxes have rank %d, not 3", x->rank);
    if (s->rank >= 0 && s->rank != 3) return sz_op_fail(n, "scores have rank %d, not 3", s->rank);
    for (int k = 0; k < 2 && x->rank == 3 && s->rank == 3; k++) {
        int64_t a = x->dims[k], b = s->dims[2 * k]; // batches, then boxes
        if (a >= 0 && b >= 0 && a != b)
            return sz_op_fail(n, "boxes and scores differ in %s: %" PRId64 " and %" PRId64,
                              k ? "boxes" : "batches", a, b);
    }
    if (x->rank == 3 && x->dims[2] >= 0 && x->dims[2] != 4)
        return sz_op_fail(n, "boxes have %" PRId64 " coordinates, not 4", x->dims[2]);
    SZ_TRY(run_nms(n, NULL, 0, &dims[0]));
    return sz_out(n, 0, sz_dtype_by_name("i64"), 2, dims);
}

sz_status sz_value_non_max_suppression(sz_infer *n) {
    int64_t dims[2] = {0, 3}, count;
    sz_tensor *y;
    SZ_TRY(run_nms(n, NULL, 0, &dims[0]));
    if (dims[0] < 0) return SZ_OK;
    SZ_TRY(sz_move_out(n, 0, NULL, 2, dims, &y));
    return y && y->i ? run_nms(n, y->i, dims[0], &count) : SZ_OK;
}

// Comparisons of sorting the scores of every class: ceil(log2 boxes) per score. The overlap tests
// depend on the data and are not counted.
sz_status sz_cost_non_max_suppression(sz_costing *c) {
    int64_t per_score = 0;
    for (uint64_t p = 1; p < (uint64_t)sz_in_dim(&c->in, 0, 1); p *= 2) per_score++;
    return sz_cost_add_flops(c, 2, (const int64_t[]){sz_cost_in_elements(c, 1), per_score});
}
