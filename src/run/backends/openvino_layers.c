// SPDX-License-Identifier: Apache-2.0
#include "run/backends/openvino.h"

#include <math.h>
#include <stdio.h>
static void copy(const char *in, size_t n, char *out, size_t *ret_n) {
    if (out) memcpy(out, in, n);
    *ret_n = n;
}
const sz_vino_crypts sz_vino_map_callbacks = {copy, copy};
sz_status sz_vino_look(sz_vino_net *net) { net->lowest = net->precision; return SZ_OK; }
sz_status sz_vino_profile_once(sz_vino_net *net) { (void)net; return SZ_OK; }
double sz_vino_layer_time(const sz_vino_net *net, const sz_vino_layer *l) { (void)net, (void)l; return NAN; }
