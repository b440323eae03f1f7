// SPDX-License-Identifier: Apache-2.0
// Requests from a CSV file: arrival_s,prompt,output.
#include "os/source.h"
#include "predict/serving/traffic.h"

#include <math.h>
#include <stdlib.h>

bool sz_read_number(const char *text, double *ret, const char **ret_end) {
    char *end;
    const double v = strtod(text, &end);
    if (end == text || !isfinite(v)) return false;
    *ret = v;
    *ret_end = end;
    return true;
}

typedef struct trace {
    sz_ctx *ctx;
    const char *name;
    int64_t line;
} trace;

static sz_status bad(const trace *t, const char *what, const char *at) {
    const size_t len = strcspn(at, ",\r\n");
    return sz_fail(t->ctx, SZ_ERR_INPUT, "file '%s' line %lld: %s: '%s'", t->name,
                   (long long)t->line, what, sz_show(t->ctx, (sz_str){at, (uint32_t)len}));
}

// A field, and *at behind the mark that ends it.
static bool field(const char **at, char ends, double *ret) {
    const char *end;
    if (!sz_read_number(*at, ret, &end)) return false;
    while (*end == ' ' || *end == '\r') end++;
    if (*end != ends) return false;
    *at = end + (ends != 0);
    return true;
}

static bool tokens(double v) { return v >= 1 && v <= SZ_MAX_REQUEST_TOKENS && v == floor(v); }

static sz_status parse_line(const trace *t, const char *line, double last,
                            sz_traffic_request *ret) {
    double arrival, prompt, output;
    const char *at = line;
    if (!field(&at, ',', &arrival) || arrival < 0)
        return bad(t, "arrival_s is no number of seconds from 0 on, with a comma behind", line);
    if (arrival < last)
        return bad(t, "arrivals go back in time; sort the lines by arrival_s", line);
    const char *from = at;
    if (!field(&at, ',', &prompt) || !tokens(prompt))
        return bad(t, "prompt is no whole number from 1 to 100000000, with a comma behind", from);
    from = at;
    if (!field(&at, 0, &output) || !tokens(output))
        return bad(t, "output is no whole number from 1 to 100000000 at the end of the line", from);
    *ret = (sz_traffic_request){arrival, (int64_t)prompt, (int64_t)output};
    return SZ_OK;
}

static bool is_blank(const char *s) { return s[strspn(s, " \t\r")] == 0; }

sz_status sz_trace_parse(sz_ctx *ctx, const char *name, char *text, size_t size, int64_t most,
                         sz_requests *requests) {
    static const char names[] = "arrival_s,prompt,output";
    trace t = {ctx, name, 0};
    double last = 0;
    for (size_t at = 0; at < size && (!most || (int64_t)requests->n < most);) {
        char *line = text + at, *end = memchr(line, '\n', size - at);
        const size_t len = end ? (size_t)(end - line) : size - at;
        line[len] = 0; // the caller has room for one more
        at += len + 1;
        t.line++;
        if (strlen(line) != len) return bad(&t, "a line holds a byte 0", line);
        if (t.line == 1) {
            if (strncmp(line, names, sizeof names - 1) != 0 || !is_blank(line + sizeof names - 1))
                return sz_fail(ctx, SZ_ERR_INPUT, "file '%s' line 1: it must be '%s'", name, names);
            continue;
        }
        if (is_blank(line)) continue;
        sz_traffic_request r = {0};
        SZ_TRY(parse_line(&t, line, last, &r));
        if (requests->n >= SZ_MAX_REQUESTS)
            return sz_fail(ctx, SZ_ERR_LIMIT, "file '%s' has more than %d requests", name,
                           SZ_MAX_REQUESTS);
        if (!sz_vec_push(ctx, requests, r)) return sz_no_memory(ctx);
        last = r.arrival_s;
    }
    if (!requests->n) return sz_fail(ctx, SZ_ERR_INPUT, "file '%s' has no requests", name);
    return SZ_OK;
}

sz_status sz_trace_read(sz_ctx *ctx, const char *path, int64_t most, sz_requests *requests) {
    sz_source *source;
    SZ_TRY(sz_source_open(ctx, path, &source));
    const uint64_t size = source->size;
    sz_status status = SZ_OK;
    if (size > SZ_MAX_TRACE_BYTES) {
        status = sz_fail(ctx, SZ_ERR_LIMIT, "file '%s' is longer than 1 GiB", path);
    } else {
        char *text = sz_alloc(ctx, (size_t)size + 1);
        status = text ? source->read(source, ctx, 0, text, (size_t)size) : sz_no_memory(ctx);
        if (status == SZ_OK) status = sz_trace_parse(ctx, path, text, (size_t)size, most, requests);
        sz_free(ctx, text, text ? (size_t)size + 1 : 0);
    }
    sz_source_close(source, ctx);
    return status;
}
