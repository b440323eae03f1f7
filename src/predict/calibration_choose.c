// SPDX-License-Identifier: Apache-2.0
// Which calibrations serve a number of threads, of those that lie in a folder.
#include "predict/calibration.h"

#include <stdlib.h>

#include "os/folder.h"

typedef struct search {
    char start[256];           // "BACKEND-t", "BACKEND-DTYPE-t"
    int threads, below, above; // 0 = none
} search;

static sz_status look(void *user, const char *name) {
    search *s = user;
    const size_t n = strlen(s->start);
    char *end;
    if (strncmp(name, s->start, n) != 0) return SZ_OK;
    const long threads = strtol(name + n, &end, 10);
    if (end == name + n || strcmp(end, ".json") != 0 || threads < 1 || threads > 100000)
        return SZ_OK;
    if (threads <= s->threads && threads > s->below) s->below = (int)threads;
    if (threads >= s->threads && (s->above == 0 || threads < s->above)) s->above = (int)threads;
    return SZ_OK;
}

sz_status sz_calibration_choose(sz_ctx *ctx, const char *folder, const char *backend,
                                const char *dtype, int threads, sz_calibration **ret_calibration,
                                sz_calibration **ret_other) {
    char path[sizeof((search *)0)->start + 16];
    search s = {.threads = threads};
    sz_calibration *one = NULL, *other = NULL;
    SZ_TRY(sz_calibration_file(ctx, "", backend, dtype, 1, path, sizeof path));
    const size_t n = strlen(path) - strlen("/1.json");
    if (n >= sizeof s.start)
        return sz_fail(ctx, SZ_ERR_USAGE, "the name of the backend is too long");
    memcpy(s.start, path + 1, n);
    SZ_TRY(sz_folder_list(ctx, folder, look, &s));
    const int first = s.below ? s.below : s.above ? s.above : threads;
    SZ_TRY(sz_calibration_load(ctx, folder, backend, dtype, first, &one));
    if (s.below && s.above && s.above != s.below) {
        const sz_status status = sz_calibration_load(ctx, folder, backend, dtype, s.above, &other);
        if (status != SZ_OK) return sz_calibration_destroy(one), status;
    }
    *ret_calibration = one;
    *ret_other = other;
    return SZ_OK;
}

int sz_calibration_is_current(const sz_calibration *c) {
    int64_t bytes, changed_s;
    return c->library && sz_folder_stamp(c->library, &bytes, &changed_s) &&
           bytes == c->library_bytes && changed_s == c->library_changed_s;
}
