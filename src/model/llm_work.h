// SPDX-License-Identifier: Apache-2.0
// The part of a closed form that is no polynomial: attention, experts and tables.
#ifndef SZ_LLM_WORK_H
#define SZ_LLM_WORK_H

#include "model/llm_form.h"

typedef struct sz_form_step {
    int64_t batch, seq, past;
} sz_form_step;

// Adds it to *work.
sz_status sz_form_structure(const sz_llm_form *form, const sz_llm_counting *how,
                            const sz_form_step *at, sz_llm_work *work);

#endif
