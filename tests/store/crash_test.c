// SPDX-License-Identifier: Apache-2.0
// A process that is killed at any moment, or whose disk is full, loses no finished case.
#include "store_fixture.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

enum { KILLS = 50 };

// Append cases from `first` on until killed; write the number of each that was stored to `fd`.
static void append_forever(const fixture *f, int fd, int first) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_store *s = NULL;
    int64_t run = 0, number = 0;
    char text[1024];
    if (!ctx || sz_store_open(ctx, f->url, SZ_STORE_WRITE, &s) != SZ_OK ||
        sz_store_begin(ctx, s, "{}", 2, &run) != SZ_OK) {
        fprintf(stderr, "child: %s\n", ctx ? sz_ctx_error(ctx) : "no memory");
        _exit(1);
    }
    for (int i = first;; i++) {
        const int n = record_text(text, sizeof text, i);
        if (sz_store_append(ctx, s, run, text, (size_t)n, &number) != SZ_OK) _exit(1);
        if (write(fd, &i, sizeof i) != (ssize_t)sizeof i) _exit(1);
    }
}

// Start a writer, kill it a while after its start, or after its first report; the last case that it
// reported, or first - 1.
static int kill_a_writer(const fixture *f, int first, bool from_start, long wait_ns) {
    int ends[2], last = first - 1, i, status;
    const struct timespec pause = {0, wait_ns};
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        append_forever(f, ends[1], first);
    }
    close(ends[1]);
    if (!from_start && read(ends[0], &i, sizeof i) == (ssize_t)sizeof i) last = i;
    nanosleep(&pause, NULL);
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read(ends[0], &i, sizeof i) == (ssize_t)sizeof i) last = i;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    return last;
}

typedef struct finding {
    unsigned char *there;
    int n;
} finding;

static sz_status note_case(void *user, const sz_stored *found) {
    finding *w = user;
    const char *id = strstr(found->json, "\"id\":\"id");
    const int i = id ? atoi(id + 8) : -1;
    if (i < 0 || i >= w->n || w->there[i]) return SZ_ERR_INTERNAL;
    w->there[i] = 1;
    return SZ_OK;
}

static void check_all(fixture *f, const unsigned char *reported, int n) {
    finding w = {calloc((size_t)n, 1), n};
    assert_non_null(w.there);
    sz_ctx_clear(f->ctx);
    sz_store *s = open_store(f, SZ_STORE_WRITE); // it may have died before there was a file
    assert_ok(f, sz_store_check(f->ctx, s));
    assert_ok(f, sz_store_each(f->ctx, s, NULL, note_case, &w));
    for (int i = 0; i < n; i++)
        if (reported[i] && !w.there[i]) fail_msg("case %d was stored and is lost", i);
    sz_store_close(s);
    free(w.there);
}

static void test_kill(void **state) {
    enum { MOST = 1000000 };
    fixture *f = *state;
    for (int driver = 0; fixture_driver(f, driver, "k"); driver++) {
        unsigned char *reported = calloc(MOST, 1);
        int first = 0, total = 0;
        assert_non_null(reported);
        for (int k = 0; k < KILLS; k++) {
            // Moments 0 to 50 ms apart, in no order.
            const long wait_ns = (long)(k * 7919 % KILLS) * 1000000;
            const int last = kill_a_writer(f, first, k % 3 == 0, wait_ns);
            for (int i = first; i <= last; i++, total++) reported[i] = 1;
            first = last + 100; // one more may be stored than was reported
            assert_true(first < MOST - 100000);
            check_all(f, reported, first);
        }
        printf("%s: %d kills, %d cases\n", f->scheme, KILLS, total);
        assert_true(total >= KILLS / 2); // at least those that were killed after a report
        free(reported);
    }
}

// Append until it fails. Exit code: cases stored, + 100 when the failure was a sentence with these
// words and the store can still be read.
static int fill(const fixture *f, const struct rlimit *most, const char *words) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_store *s = NULL;
    char text[1024];
    int64_t number;
    int stored = 0;
    signal(SIGXFSZ, SIG_IGN);
    if (sz_store_open(ctx, f->url, SZ_STORE_WRITE, &s) != SZ_OK) return 0;
    if (most && setrlimit(RLIMIT_FSIZE, most) != 0) return 0;
    for (int i = 3; i < 2000 && stored < 150; i++) {
        const int n = record_text(text, sizeof text, i);
        if (sz_store_append(ctx, s, 1, text, (size_t)n, &number) != SZ_OK) break;
        stored++;
    }
    const char *error = sz_ctx_error(ctx);
    const bool good = strstr(error, f->path) && !strchr(error, '\n') && strstr(error, words);
    if (!good) fprintf(stderr, "child: '%s'\n", error);
    // The store that failed can still be read, and is closed in peace.
    int64_t n = -1;
    const bool readable = sz_store_count(ctx, s, "hash1", &n) == SZ_OK && n == 1;
    sz_store_close(s);
    return good && readable ? 100 + stored : stored;
}

// No file may grow beyond a size: what happens at a quota, without any privilege.
static void test_limited(void **state) {
    fixture *f = *state;
    for (int driver = 0; driver < 2; driver++) {
        int status = -1;
        struct stat st;
        listing l = {.n = 0};
        fixture_paths(f, driver ? "jsonl" : "sqlite", driver ? "f.jsonl" : "f.db");
        sz_store *s = open_store(f, SZ_STORE_WRITE);
        begin(f, s);
        for (int i = 0; i < 3; i++) append(f, s, 1, i);
        sz_store_close(s);
        assert_int_equal(stat(f->path, &st), 0);
        const struct rlimit most = {(rlim_t)st.st_size + 10000, (rlim_t)st.st_size + 10000};
        const char *words = driver ? "File too large" : "what was stored before is safe";
        if (fork() == 0) _exit(fill(f, &most, words));
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) > 100);
        s = open_store(f, SZ_STORE_WRITE);
        assert_ok(f, sz_store_check(f->ctx, s));
        assert_ok(f, sz_store_each(f->ctx, s, NULL, list_one, &l));
        assert_int_equal(l.n, 3 + WEXITSTATUS(status) - 100);
        assert_true(append(f, s, 1, 2500) > 0); // with room again it goes on
        sz_store_close(s);
    }
}

// A small file system, where the system lets us have one.
enum { NO_MOUNT = 77 };
static int fill_tmpfs(fixture *f) {
    if (unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)) != 0) return NO_MOUNT;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return NO_MOUNT;
    const bool lines = strcmp(f->scheme, "jsonl") == 0;
    const char *size = lines ? "size=32k" : "size=60k";
    if (mount("sizeup", f->folder, "tmpfs", 0, size) != 0) return NO_MOUNT;
    sz_store *s = NULL;
    int64_t run, number;
    char text[1024];
    if (sz_store_open(f->ctx, f->url, SZ_STORE_WRITE, &s) != SZ_OK) return 1;
    if (sz_store_begin(f->ctx, s, "{}", 2, &run) != SZ_OK) return 2;
    const int n = record_text(text, sizeof text, 1);
    if (sz_store_append(f->ctx, s, run, text, (size_t)n, &number) != SZ_OK) return 3;
    sz_store_close(s);
    const int code = fill(f, NULL, lines ? "No space left" : "the disk is full");
    if (code <= 100) return 4;
    if (sz_store_open(f->ctx, f->url, SZ_STORE_READ, &s) != SZ_OK) return 5;
    listing l = {.n = 0};
    if (sz_store_check(f->ctx, s) != SZ_OK) return 6;
    if (sz_store_each(f->ctx, s, NULL, list_one, &l) != SZ_OK) return 7;
    sz_store_close(s);
    return l.n == (size_t)(code - 100) + 1 ? 0 : 8;
}

static void test_full(void **state) {
    fixture *f = *state;
    for (int driver = 0; driver < 2; driver++) {
        int status = -1;
        fixture_paths(f, driver ? "jsonl" : "sqlite", driver ? "t.jsonl" : "t.db");
        if (fork() == 0) _exit(fill_tmpfs(f));
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == NO_MOUNT) {
            print_message("no file system of our own may be mounted here: only limits are tried\n");
            return;
        }
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest killed[] = {TEST(test_kill)};
    const struct CMUnitTest full[] = {TEST(test_limited), TEST(test_full)};
    const int failed = cmocka_run_group_tests(killed, NULL, NULL);
    // The disk of a server is not ours.
    return failed + (fixture_server() ? 0 : cmocka_run_group_tests(full, NULL, NULL));
}
