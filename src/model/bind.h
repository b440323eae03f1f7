// SPDX-License-Identifier: Apache-2.0
// Free dimensions get sizes: --bind and --input.
#ifndef SZ_BIND_H
#define SZ_BIND_H

#include "model/graph/graph.h"

#include <sizeup/model.h>

// Apply the options to the inputs of the graph. Fails when an option names nothing, contradicts
// itself, or a symbol stays free (unless options->allow_symbols).
sz_status sz_bind(sz_graph *g, const sz_load_options *options);

#endif
