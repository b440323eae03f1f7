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

// Hundredths of the size of the text. Which font a viewer takes is not known: these are about those
// of DejaVu Sans, one of the widest in use, so that a label never needs more than it was given.
static int hundredths(unsigned char c) {
    if (strchr("iljI|.,:;'!", c)) return 34;
    if (strchr("ft()[]-/ r\"", c)) return 41;
    if (strchr("mMwW@%", c)) return 92;
    if (c >= 'A' && c <= 'Z') return 70;
    return 62;
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
            sum += c >= 0xE3 ? 105 : 65; // first byte of a character; wide ones
        else if (c < 0x20)
            sum += 4 * 62; // shown as \x1b
    }
    return sum / 100 * size;
}
