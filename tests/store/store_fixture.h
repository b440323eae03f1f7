// SPDX-License-Identifier: Apache-2.0
// What the tests of the store share: a folder of their own, and records by number.
#ifndef SZ_STORE_FIXTURE_H
#define SZ_STORE_FIXTURE_H

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <sizeup/results.h>

enum { MAX_TEXT = 8192 };

typedef struct fixture {
    sz_ctx *ctx;
    char folder[64];
    char url[512], path[128]; // of a store in the folder
    const char *scheme;
} fixture;

// A server to try instead of files: its URL, of a database that is ours alone; NULL = none.
static inline const char *fixture_server(void) { return getenv("SIZEUP_TEST_POSTGRESQL"); }

// The server's store, empty.
static inline void fixture_empty_server(fixture *f) {
    char command[700];
    f->scheme = "postgresql";
    snprintf(f->path, sizeof f->path, "%.120s", fixture_server());
    snprintf(f->url, sizeof f->url, "%s", fixture_server());
    snprintf(command, sizeof command,
             "psql -q -d '%s' -c 'SET client_min_messages TO warning' "
             "-c 'DROP SCHEMA IF EXISTS sizeup CASCADE'",
             fixture_server());
    assert_int_equal(system(command), 0);
}

// The i-th kind of store that is tried, empty; false past the end. Servers are tried alone.
static inline void fixture_paths(fixture *f, const char *scheme, const char *name);
static inline bool fixture_driver(fixture *f, int i, const char *name) {
    static const char *const schemes[] = {"sqlite", "jsonl"};
    char file[64];
    if (i > 1 || (i > 0 && fixture_server())) return false;
    if (fixture_server()) {
        fixture_empty_server(f);
        return true;
    }
    snprintf(file, sizeof file, "%s.%s", name, schemes[i]);
    fixture_paths(f, schemes[i], file);
    return true;
}

static inline void fixture_paths(fixture *f, const char *scheme, const char *name) {
    f->scheme = scheme;
    snprintf(f->path, sizeof f->path, "%s/%s", f->folder, name);
    snprintf(f->url, sizeof f->url, "%s:%s", scheme, f->path);
}

static inline int fixture_setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->ctx = sz_ctx_create(NULL);
    snprintf(f->folder, sizeof f->folder, "/tmp/sizeup-store-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    fixture_paths(f, "sqlite", "results.db");
    *state = f;
    return 0;
}

static inline void fixture_clean(const fixture *f) {
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    assert_int_equal(system(command), 0);
}

static inline int fixture_teardown(void **state) {
    fixture *f = *state;
    sz_ctx_clear(f->ctx);
    assert_int_equal(sz_ctx_memory_used(f->ctx), 0);
    fixture_clean(f);
    sz_ctx_destroy(f->ctx);
    free(f);
    return 0;
}

#define assert_ok(f, call)                                                                         \
    do {                                                                                           \
        sz_status status_ = (call);                                                                \
        if (status_ != SZ_OK)                                                                      \
            fail_msg("%s: status %d: %s", #call, (int)status_, sz_ctx_error((f)->ctx));            \
    } while (0)

// One sentence: neither empty nor of several lines, and with these words in it.
static inline void assert_sentence(const fixture *f, const char *words) {
    const char *error = sz_ctx_error(f->ctx);
    if (!*error || strchr(error, '\n') || !strstr(error, words))
        fail_msg("'%s' should hold '%s'", error, words);
}

static inline void assert_fails(fixture *f, sz_status want, const char *words, sz_store_mode mode) {
    sz_store *s = NULL;
    sz_ctx_clear(f->ctx);
    const sz_status got = sz_store_open(f->ctx, f->url, mode, &s);
    if (got == SZ_OK) sz_store_close(s);
    assert_int_equal(got, want);
    assert_sentence(f, words);
}

static inline sz_store *open_store(fixture *f, sz_store_mode mode) {
    sz_store *s = NULL;
    assert_ok(f, sz_store_open(f->ctx, f->url, mode, &s));
    return s;
}

static inline int64_t begin(fixture *f, sz_store *s) {
    static const char header[] = "{\"schema\":\"sizeup.run/1\",\"command\":\"test\","
                                 "\"started_utc\":\"2026-11-28T10:00:00Z\"}";
    int64_t run = 0;
    assert_ok(f, sz_store_begin(f->ctx, s, header, sizeof header - 1, &run));
    return run;
}

// Record number i: m = 2^i.
static inline int record_text(char *text, size_t cap, int i) {
    return snprintf(text, cap,
                    "{\"schema\":\"sizeup.bench/1\",\"id\":\"id%d\",\"case\":\"gemm m=%d\","
                    "\"case_hash\":\"hash%d\",\"spec\":{\"kind\":\"gemm\",\"m\":%d},"
                    "\"ran_as\":{\"backend\":\"%s\"},\"time\":{\"median_s\":%.17g},"
                    "\"machine\":{\"name\":\"%s\",\"fingerprint\":\"f%d\"},"
                    "\"started_utc\":\"2026-11-%02dT12:00:00Z\",\"new_key\":[1,{\"deep\":null}]}",
                    i, 1 << i % 20, i, 1 << i % 20, i % 2 ? "onednn" : "blas", 0.1 / (i + 1),
                    i % 3 ? "here" : "there", i % 3, 1 + i % 28);
}

static inline sz_status append_status(fixture *f, sz_store *s, int64_t run, int i, int64_t *ret) {
    char text[1024];
    const int n = record_text(text, sizeof text, i);
    return sz_store_append(f->ctx, s, run, text, (size_t)n, ret);
}

static inline int64_t append(fixture *f, sz_store *s, int64_t run, int i) {
    int64_t number = -1;
    assert_ok(f, append_status(f, s, run, i, &number));
    return number;
}

typedef struct listing {
    char text[MAX_TEXT]; // "1.1 1.2 2.1 "
    size_t n;
    char last[MAX_TEXT];
} listing;

static inline sz_status list_one(void *user, const sz_stored *found) {
    listing *l = user;
    const size_t at = strlen(l->text);
    snprintf(l->text + at, sizeof l->text - at, "%d.%d ", (int)found->run, (int)found->number);
    snprintf(l->last, sizeof l->last, "%s", found->json);
    if (strlen(found->json) != found->size) return SZ_ERR_INTERNAL;
    l->n++;
    return SZ_OK;
}

static inline void assert_lists(fixture *f, sz_store *s, const sz_store_query *query,
                                const char *want) {
    listing l = {.n = 0};
    assert_ok(f, sz_store_each(f->ctx, s, query, list_one, &l));
    assert_string_equal(l.text, want);
}

#endif
