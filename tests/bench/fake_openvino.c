// SPDX-License-Identifier: Apache-2.0
// A library that has OpenVINO's names and is none: of another release, without some functions, or
// one that dies when it is started.
#include <stdlib.h>

#include "run/backends/openvino.h"

#define EXPORT __attribute__((visibility("default")))

// The names that are written out below.
#define ov_get_openvino_version stub_version
#define ov_get_last_err_msg     stub_words
#define ov_core_create          stub_create
#ifdef FAKE_LACKS
#define ov_infer_request_wait stub_wait
#endif
#define F(result, name, parameters)                                                                \
    EXPORT int ov_##name(void);                                                                    \
    int ov_##name(void) { return -1; }
SZ_VINO_FUNCTIONS(F)
#undef ov_get_openvino_version
#undef ov_get_last_err_msg
#undef ov_core_create

EXPORT int ov_get_openvino_version(sz_vino_version *v);
EXPORT const char *ov_get_last_err_msg(void);
EXPORT int ov_core_create(void **ret);

int ov_get_openvino_version(sz_vino_version *v) {
#ifdef FAKE_OLD
    v->build = "2019.3.0-1-fake";
#else
    v->build = "2026.9.0-1-fake";
#endif
    v->what = "";
    return 0;
}

const char *ov_get_last_err_msg(void) {
    return "Exception from src/core.cpp:1:\nCheck 'false' failed at src/core.cpp:2:\nit is a "
           "fake\n";
}

int ov_core_create(void **ret) {
    *ret = NULL;
#ifdef FAKE_CRASHES
    abort();
#endif
    return -1;
}
