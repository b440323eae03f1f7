// SPDX-License-Identifier: Apache-2.0
// The arithmetic around the products of pieces: splitting operands, adding up, scaling back.
#ifndef SZ_OZAKI_SPLIT_H
#define SZ_OZAKI_SPLIT_H

#include "model/ops/ozaki.h"
#include "run/backends/ref/ref.h"

typedef enum sz_piece_form { SZ_PIECE_I8, SZ_PIECE_BF16, SZ_PIECE_F32 } sz_piece_form;

// One operand. Rows of the first one share an exponent, columns of the second one do.
typedef struct sz_split {
    int64_t rows, columns;
    bool by_column;
    int count, width;
    sz_piece_form form;
    void *pieces[SZ_OZAKI_MOST]; // like the operand, dense
    int *exponents;              // of a row, or of a column
    double *factors[2];          // that scale it: the first piece is a whole number then
    double *row;                 // room for one row
    double *given;               // the same, for rows in f32
    double *most;                // largest of a column
} sz_split;

// Lines that share an exponent.
static inline int64_t sz_split_lines(const sz_split *s) {
    return s->by_column ? s->columns : s->rows;
}

// False: the operand holds a number that is not finite; *ret_line is its row or column.
bool sz_split_operand(const sz_split *s, const sz_buffer *from, int64_t *ret_line);

// sum = sum x shrink + the n products; `first`: sum = the n products. Numbers are i32 or f32.
void sz_split_fold(const void *const *products, int n, bool is_integer, bool first, double shrink,
                   double *sum, int64_t count);
// y = sum x 2^(row's + column's exponent) at the scale of two first pieces.
void sz_split_finish(const sz_split *a, const sz_split *b, const double *sum, sz_buffer *y);

#endif
