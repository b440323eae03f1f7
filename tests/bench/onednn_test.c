// SPDX-License-Identifier: Apache-2.0
// Every operator that oneDNN runs, against the reference; by the library that is installed, and by
// another one where SIZEUP_ONEDNN names it, so that versions 2 and 3 are held to the same cases.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/graph/model.h"
#include "run/backends/job.h"
#include "run/backends/onednn/onednn.h"

static const char *const cases[] = {
#define CASE(...) __VA_ARGS__,
#include "onednn_cases.def"
#undef CASE
};

static bool is_low(const char *graph) { return strstr(graph, "bf16") || strstr(graph, "to=16"); }

static int complain(const char *graph, const char *why) {
    print_message("%s\n  %s\n", graph, why);
    return 1;
}

// All nodes run on the library, and the result is the reference's.
static int check_job(sz_ctx *ctx, sz_job *job, const char *graph) {
    char text[160];
    sz_check c;
    if (sz_job_first(job) != SZ_OK || sz_job_check(job, 1000, &c) != SZ_OK)
        return complain(graph, sz_ctx_error(ctx));
    for (size_t k = 0; k < job->nodes.n; k++) {
        if (job->nodes.items[k].why) return complain(graph, job->nodes.items[k].why);
        if (!job->nodes.items[k].step.kernel[0]) return complain(graph, "a kernel has no name");
    }
    if (strcmp(c.how, "whole") != 0) return complain(graph, c.why);
    if (!c.is_right || c.elements < 1) {
        snprintf(text, sizeof text, "off by %g, %g is allowed (%s)", c.error, c.allowed,
                 job->nodes.items[0].step.kernel);
        return complain(graph, text);
    }
    // Once more, with the other inputs and then with these: the same result.
    const sz_value_id out = job->graph->outputs.items[0];
    const sz_buffer *b = job->slots[0][out];
    void *first = malloc(b->bytes);
    assert_non_null(first);
    memcpy(first, b->data, b->bytes);
    for (int k = 0; k < SZ_INPUT_SETS; k++) assert_int_equal(sz_job_run(job), SZ_OK);
    assert_int_equal(sz_job_first(job), SZ_OK);
    const bool same = memcmp(first, b->data, b->bytes) == 0;
    free(first);
    return same ? 0 : complain(graph, "another result when it runs again");
}

static int check(sz_ctx *ctx, void *library, const char *graph) {
    char text[2048];
    sz_model *m;
    sz_job *job;
    snprintf(text, sizeof text, "graph { %s }", graph);
    if (sz_model_parse(ctx, text, NULL, &m) != SZ_OK) return complain(graph, sz_ctx_error(ctx));
    const sz_run_how how = {.threads = 1, .seed = 5};
    int failed = 0;
    if (sz_job_create(ctx, m->graph, &sz_backend_onednn, library, &how, &job) == SZ_OK) {
        failed = check_job(ctx, job, graph);
        sz_job_destroy(job);
    } else if (is_low(graph)) { // a CPU without instructions for a format: the library says so
        print_message("skipped: %s: %s\n", graph, sz_ctx_error(ctx));
    } else {
        failed = complain(graph, sz_ctx_error(ctx));
    }
    sz_model_destroy(m);
    return failed;
}

static void run_all(const char *path) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    void *library = NULL;
    sz_backend_facts facts;
    int failed = 0;
    if (sz_backend_onednn.open(ctx, path, &library) != SZ_OK) {
        print_message("skipped: %s\n", sz_ctx_error(ctx));
        sz_ctx_destroy(ctx);
        skip();
    }
    sz_backend_onednn.facts(library, &facts);
    print_message("oneDNN %s: %s\n", facts.version, facts.path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        failed += check(ctx, library, cases[i]);
    sz_ctx_destroy(ctx);
    if (failed) fail_msg("%d of %zu cases failed", failed, sizeof cases / sizeof *cases);
}

static void installed_one_is_right(void **state) {
    (void)state;
    run_all(NULL);
}

static void named_one_is_right(void **state) {
    (void)state;
    const char *path = getenv("SIZEUP_ONEDNN");
    if (!path) {
        print_message("skipped: SIZEUP_ONEDNN names no other library\n");
        skip();
    }
    run_all(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(installed_one_is_right),
                                       cmocka_unit_test(named_one_is_right)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
