// SPDX-License-Identifier: Apache-2.0
// The grammar of HLO text, private to hlo_text*.c.
#ifndef SZ_HLO_TEXT_H
#define SZ_HLO_TEXT_H

#include "model/import/hlo.h"
#include "model/import/hlo_scan.h"

typedef struct hlo_text {
    sz_ctx *ctx;
    hlo x;
    hlo_scan s;
    SZ_VEC(char) name;             // of the attribute that is being read
    SZ_VEC(char) own;              // name of the instruction or computation
    SZ_VEC(const sz_type *) items; // of tuple types that are open
    int64_t layout[SZ_MAX_RANK];   // of the tensor type read last
    int32_t n_layout;
    SZ_VEC(double) floats;
    SZ_VEC(int64_t) comps;
} hlo_text;

// A type: "f32[2,3]{1,0}", "(f32[2], s32[])", "token[]". In the arena.
sz_status hlo_text_type(hlo_text *t, const sz_type **ret);
// Is it a type that begins here, or a name? `*ret_word` is the word that stands here, if any.
sz_status hlo_text_operand(hlo_text *t, sz_value_id *ret_id);
// Numbers behind "constant(", up to the closing parenthesis; NULL where they are not kept.
sz_status hlo_text_literal(hlo_text *t, const sz_type *type, const sz_tensor **ret);
// ", name=value, ..." to the end of the instruction.
sz_status hlo_text_attrs(hlo_text *t, bool keep);

#endif
