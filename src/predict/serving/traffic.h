// SPDX-License-Identifier: Apache-2.0
// The inside of a traffic: its requests in order of arrival.
#ifndef SZ_SERVING_TRAFFIC_H
#define SZ_SERVING_TRAFFIC_H

#include "base/base.h"

#include <sizeup/serve.h>

enum { SZ_MAX_REQUESTS = 10000000, SZ_MAX_REQUEST_TOKENS = 100000000 };
#define SZ_MAX_TRACE_BYTES ((uint64_t)1 << 30)

typedef SZ_VEC(sz_traffic_request) sz_requests;

struct sz_traffic {
    sz_ctx *ctx;
    sz_requests all;
    double rate;
};

// A number at the start of `text`: *ret_end behind it. False: there is none, or it is not finite.
bool sz_read_number(const char *text, double *ret, const char **ret_end);

// Lines of arrival_s,prompt,output below their names; at most `most` of them, 0 = all.
sz_status sz_trace_read(sz_ctx *ctx, const char *path, int64_t most, sz_requests *requests);
// The same of bytes in memory; `name` is for messages.
sz_status sz_trace_parse(sz_ctx *ctx, const char *name, char *text, size_t size, int64_t most,
                         sz_requests *requests);

#endif
