// SPDX-License-Identifier: Apache-2.0
// Every family's function and parameters, and what they write their tables with.
#ifndef SZ_NETS_FAMILIES_H
#define SZ_NETS_FAMILIES_H

#include "model/nets/build.h"

// Of a parameter. Products of a few of them stay far below 2^63.
enum { SZ_NET_MAX_SIZE = 1 << 30, SZ_NET_MAX_LAYERS = 10000 };

#define SZ_PARAM_END                                                                               \
    { NULL, 0, 0, 0, NULL, NULL }
#define SZ_PARAM_SIZE(name, def, doc)                                                              \
    { name, def, 1, SZ_NET_MAX_SIZE, NULL, doc }
#define SZ_PARAM_FLAG(name, def, doc)                                                              \
    { name, def, 0, 1, NULL, doc }
// One number for all axes, or one for each.
#define SZ_PARAM_AXES(name, def, min, max, doc)                                                    \
    { name, def, min, max, sz_net_numbers, doc }
#define SZ_PARAM_LAYERS(def, doc)                                                                  \
    { "layers", def, 1, SZ_NET_MAX_LAYERS, NULL, doc }
// The index of the usual word is 0.
#define SZ_PARAM_WORDS(name, words, doc)                                                           \
    { name, 0, 0, 0, words, doc }

#define NET(name, is_net, what)                                                                    \
    extern const sz_net_param sz_family_##name##_params[];                                         \
    void sz_family_##name(sz_net *n);
#include "model/nets/nets.def"
#undef NET

#endif
