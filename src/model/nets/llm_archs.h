// SPDX-License-Identifier: Apache-2.0
// The table of architectures (llm_archs.def).
#ifndef SZ_LLM_ARCHS_H
#define SZ_LLM_ARCHS_H

#include "model/nets/checkpoint.h"

// Sets what the architecture of `llm` (its name in GGUF) settles; unknown ones are taken as the
// usual decoder.
void sz_llm_by_arch(sz_llm *llm);
// GGUF's name of a model_type of config.json; NULL when it is not in the table.
const char *sz_llm_arch_of(sz_str model_type);

#endif
