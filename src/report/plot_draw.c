// SPDX-License-Identifier: Apache-2.0
// The display list, and how wide a text will be.
#include "report/drawing.h"

#include <string.h>

void sz_shape_add(sz_drawing *d, const sz_shape *shape) {
    if (shape->kind == SZ_SHAPE_TEXT && !shape->text) return;
    if (!sz_vec_push(d->ctx, &d->shapes, *shape)) d->failed = true;
}

void sz_drawing_finish(sz_drawing *d) {
    sz_vec_finish(d->ctx, &d->shapes);
    sz_vec_finish(d->ctx, &d->points);
    sz_arena_finish(&d->arena);
}

// Hundredths of the size of the text, from ' ' to '~'. Which font a viewer takes is not known:
// these are of DejaVu Sans, one of the widest in use, so that a label never needs more than it was
// given.
static int hundredths(unsigned char c) {
    static const unsigned char widths[] = {
        32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84, 84, 84, 53,
        100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79,
        60, 79, 69, 63, 61, 73, 68, 99, 69, 61, 69, 39, 34, 39, 84, 50,
        50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61,
        63, 63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84,
    };
    return widths[c - 0x20];
}

double sz_look_width(const sz_look *look, const char *text, double size) {
    const size_t n = strlen(text);
    if (look->cell_w > 0) return (double)sz_text_width(text, n) * look->cell_w;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c < 0x7F)
            sum += hundredths(c);
        else if (c >= 0xC0)
            sum += c >= 0xE3 ? 105 : c == 0xE2 ? 84 : 70; // first byte of a character; wide ones
        else if (c < 0x20)
            sum += 4 * 62; // shown as \x1b
    }
    return sum / 100 * size;
}
