// SPDX-License-Identifier: Apache-2.0
// Places for labels: what a box, turned or not, would cover; and labels in a column moved apart.
#include "report/drawing.h"

#include <math.h>

static const double DEGREE = 3.14159265358979323846 / 180;

void sz_places_finish(sz_places *p) {
    sz_vec_finish(p->ctx, &p->boxes);
    sz_vec_finish(p->ctx, &p->segments);
}

void sz_places_take(sz_places *p, const sz_label_box *box) {
    if (!sz_vec_push(p->ctx, &p->boxes, *box)) p->failed = true;
}

void sz_places_line(sz_places *p, sz_xy a, sz_xy b) {
    if (!sz_vec_push(p->ctx, &p->segments, a) || !sz_vec_push(p->ctx, &p->segments, b))
        p->failed = true;
}

// A point as the box sees it: its middle at 0, its sides along the axes.
static sz_xy turned(const sz_label_box *b, double x, double y) {
    const double c = cos(b->angle * DEGREE), s = sin(b->angle * DEGREE);
    const double dx = x - b->x, dy = y - b->y;
    return (sz_xy){dx * c + dy * s, -dx * s + dy * c};
}

static sz_xy corner(const sz_label_box *b, int i) {
    const double c = cos(b->angle * DEGREE), s = sin(b->angle * DEGREE);
    const double u = (i & 1 ? 0.5 : -0.5) * b->w, v = (i & 2 ? 0.5 : -0.5) * b->h;
    return (sz_xy){b->x + u * c - v * s, b->y + u * s + v * c};
}

// Is there a side of `a` with all of `b` beyond it? (Separating axes.)
static bool apart(const sz_label_box *a, const sz_label_box *b) {
    double lo_x = INFINITY, hi_x = -INFINITY, lo_y = INFINITY, hi_y = -INFINITY;
    for (int i = 0; i < 4; i++) {
        const sz_xy k = corner(b, i), t = turned(a, k.x, k.y);
        lo_x = fmin(lo_x, t.x), hi_x = fmax(hi_x, t.x);
        lo_y = fmin(lo_y, t.y), hi_y = fmax(hi_y, t.y);
    }
    return lo_x >= a->w / 2 || hi_x <= -a->w / 2 || lo_y >= a->h / 2 || hi_y <= -a->h / 2;
}

// Does the segment cross the box? Clipped against its four sides (Liang, Barsky 1984).
static bool crosses(const sz_label_box *b, sz_xy from, sz_xy to) {
    const sz_xy p = turned(b, from.x, from.y), q = turned(b, to.x, to.y);
    const double d[2] = {q.x - p.x, q.y - p.y}, at[2] = {p.x, p.y};
    const double half[2] = {b->w / 2, b->h / 2};
    double enter = 0, leave = 1;
    for (int i = 0; i < 2; i++) {
        if (fabs(d[i]) < 1e-12) {
            if (fabs(at[i]) >= half[i]) return false;
            continue;
        }
        const double t1 = (-half[i] - at[i]) / d[i], t2 = (half[i] - at[i]) / d[i];
        enter = fmax(enter, fmin(t1, t2));
        leave = fmin(leave, fmax(t1, t2));
    }
    return enter < leave;
}

int sz_places_clash(const sz_places *p, const sz_label_box *box) {
    for (int i = 0; i < 4; i++) {
        const sz_xy k = corner(box, i);
        if (k.x < p->left || k.x > p->right || k.y < p->top || k.y > p->bottom) return 2;
    }
    for (size_t i = 0; i < p->boxes.n; i++)
        if (!apart(box, &p->boxes.items[i]) && !apart(&p->boxes.items[i], box)) return 2;
    for (size_t i = 0; i + 1 < p->segments.n; i += 2)
        if (crosses(box, p->segments.items[i], p->segments.items[i + 1])) return 1;
    return 0;
}

// Groups that touch move as one, to the mean of where their members would like to be.
void sz_spread(double *at, size_t n, double apart_by, double lo, double hi) {
    size_t start = 0;
    while (start < n) {
        // `start` begins a group; grow it while it overlaps the next, and merge it backwards.
        size_t first = start, count = 1;
        double sum = at[start], head = at[start];
        for (;;) {
            head = fmin(fmax(sum / (double)count, lo), hi - apart_by * (double)(count - 1));
            if (head < lo) head = lo; // more than fit: the last ones stick out
            if (first > 0 && at[first - 1] + apart_by > head + 1e-9) {
                first--; // the group before is packed: its members join one by one
                count++;
                sum = 0;
                for (size_t i = 0; i < count; i++) sum += at[first + i] - apart_by * (double)i;
                continue;
            }
            if (first + count < n && head + apart_by * (double)count > at[first + count] + 1e-9) {
                sum += at[first + count] - apart_by * (double)count;
                count++;
                continue;
            }
            break;
        }
        start = first + count;
        for (size_t i = 0; i < count; i++) at[first + i] = head + apart_by * (double)i;
    }
}
