// SPDX-License-Identifier: Apache-2.0
// Libraries that say they are oneDNN: of a version that is not called (VERSION_MAJOR, ...MINOR), or
// of one that is, without the functions.
#ifdef VERSION_MAJOR
typedef struct version {
    int major, minor, patch;
    const char *hash;
    unsigned cpu, gpu;
} version;

__attribute__((visibility("default"))) const version *dnnl_version(void);
__attribute__((visibility("default"))) const version *dnnl_version(void) {
    static const version v = {VERSION_MAJOR, VERSION_MINOR, 0, "none", 0, 0};
    return &v;
}
#else
extern const int nothing;
__attribute__((visibility("default"))) const int nothing = 0;
#endif
