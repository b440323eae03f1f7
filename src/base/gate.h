// SPDX-License-Identifier: Apache-2.0
// Gates: "NAME:+3%" = NAME must not rise by more than 3 %, "NAME:-3%" = not fall.
#ifndef SZ_GATE_H
#define SZ_GATE_H

#include "base/base.h"

typedef struct sz_gate {
    sz_str name;
    double limit; // signed: 0.03, -0.03
    bool falling; // by the sign as it was written: "-0%" means no fall at all
} sz_gate;

// SZ_ERR_USAGE, with `example` as what a gate looks like, when the text is none.
sz_status sz_gate_parse(sz_ctx *ctx, const char *text, const char *example, sz_gate *ret_gate);

// Is a change, new / old, more than the gate lets through?
bool sz_gate_breaks(const sz_gate *gate, double ratio);

#endif
