// SPDX-License-Identifier: Apache-2.0
// The store: what goes in comes out, by every driver.
#include "store_fixture.h"

#include <sys/wait.h>

#define FOR_BOTH(f) for (int driver_ = 0; fixture_driver(f, driver_, "s"); driver_++)

static void test_round_trip(void **state) {
    fixture *f = *state;
    FOR_BOTH(f) {
        char want[1024];
        listing l = {.n = 0};
        sz_store *s = open_store(f, SZ_STORE_WRITE);
        assert_lists(f, s, NULL, "");
        assert_int_equal(begin(f, s), 1);
        assert_int_equal(begin(f, s), 2);
        for (int i = 0; i < 3; i++) assert_int_equal(append(f, s, 1, i), i + 1);
        assert_int_equal(append(f, s, 2, 3), 1);
        assert_int_equal(append(f, s, 2, 1), 0); // known by its id, also of another run
        sz_store_close(s);

        s = open_store(f, SZ_STORE_READ);
        assert_lists(f, s, NULL, "1.1 1.2 1.3 2.1 ");
        assert_ok(f, sz_store_each(f->ctx, s, NULL, list_one, &l));
        record_text(want, sizeof want, 3);
        assert_string_equal(l.last, want); // byte for byte: unknown keys and all digits
        int64_t n = -1;
        assert_ok(f, sz_store_count(f->ctx, s, "hash2", &n));
        assert_int_equal(n, 1);
        assert_ok(f, sz_store_count(f->ctx, s, "hash9", &n));
        assert_int_equal(n, 0);
        assert_ok(f, sz_store_check(f->ctx, s));
        assert_int_equal(sz_store_begin(f->ctx, s, "{}", 2, &n), SZ_ERR_USAGE);
        sz_store_close(s);
    }
}

static void test_queries(void **state) {
    fixture *f = *state;
    static const char *const m4[] = {"m=4"}, *const both[] = {"spec.kind=gemm", "backend=one*"};
    static const char *const none[] = {"m=4.5"}, *const bad[] = {"backend"};
    static const struct {
        sz_store_query query;
        const char *want;
    } cases[] = {
        {{.run = 1}, "1.1 1.2 1.3 1.4 "},
        {{.run = 2}, "2.1 2.2 "},
        {{.run = 1, .number = 3}, "1.3 "},
        {{.case_like = "m=8"}, "1.4 "},
        {{.case_like = "gemm m=?"}, "1.1 1.2 1.3 1.4 "},
        {{.case_like = "*2"}, "1.2 2.2 "}, // 2 and 32
        {{.machine = "there"}, "1.1 1.4 "},
        {{.machine = "f1"}, "1.2 2.1 "},
        {{.since = "2026-11-05"}, "2.1 2.2 "},
        {{.until = "2026-11-02"}, "1.1 1.2 "},
        {{.since = "2026-11-02T12:00:00Z", .until = "2026-11-03"}, "1.2 1.3 "},
        {{.where = m4, .n_where = 1}, "1.3 "},
        {{.where = both, .n_where = 2}, "1.2 1.4 2.2 "},
        {{.where = none, .n_where = 1}, ""},
    };
    FOR_BOTH(f) {
        sz_store *s = open_store(f, SZ_STORE_WRITE);
        begin(f, s), begin(f, s);
        for (int i = 0; i < 6; i++) append(f, s, i < 4 ? 1 : 2, i);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            assert_lists(f, s, &cases[i].query, cases[i].want);
        const sz_store_query wrong = {.where = bad, .n_where = 1};
        listing l = {.n = 0};
        assert_int_equal(sz_store_each(f->ctx, s, &wrong, list_one, &l), SZ_ERR_USAGE);
        assert_sentence(f, "'backend' is no condition");
        sz_store_close(s);
    }
}

static void test_remove(void **state) {
    fixture *f = *state;
    FOR_BOTH(f) {
        int64_t removed = -1;
        sz_store *s = open_store(f, SZ_STORE_WRITE), *other = open_store(f, SZ_STORE_WRITE);
        begin(f, s), begin(f, s);
        for (int i = 0; i < 4; i++) append(f, s, i < 2 ? 1 : 2, i);
        assert_lists(f, other, NULL, "1.1 1.2 2.1 2.2 ");
        assert_ok(f, sz_store_remove(f->ctx, s, 1, 1, &removed));
        assert_int_equal(removed, 1);
        assert_ok(f, sz_store_remove(f->ctx, s, 2, 0, &removed));
        assert_int_equal(removed, 2);
        assert_lists(f, s, NULL, "1.2 ");
        // A store that was open meanwhile goes on in the new file, and numbers are not used again.
        assert_int_equal(begin(f, other), 3);
        assert_int_equal(append(f, other, 1, 10), 3);
        assert_int_equal(append(f, other, 3, 0), 1); // its id is free again
        assert_lists(f, s, NULL, "1.2 1.3 3.1 ");
        assert_int_equal(sz_store_remove(f->ctx, s, 2, 0, &removed), SZ_ERR_INPUT);
        assert_sentence(f, "there is no run 2");
        assert_int_equal(sz_store_remove(f->ctx, s, 1, 1, &removed), SZ_ERR_INPUT);
        assert_sentence(f, "there is no case 1.1");
        int64_t number;
        assert_int_equal(append_status(f, s, 7, 20, &number), SZ_ERR_INPUT);
        assert_sentence(f, "there is no run 7");
        sz_store_close(other);
        sz_store_close(s);
    }
}

static void test_documents(void **state) {
    fixture *f = *state;
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"{\"a\":1", "line 1, column 6"},
        {"[1]", "objects only"},
        {"{\"a\":1,\"a\":2}", "duplicate"},
        {"{\"id\":3}", "'id' of a record is not a string"},
        {"{\"a\":1e999}", "real number overflow"},
        {"", "line 1"},
    };
    FOR_BOTH(f) {
        int64_t number = -1;
        sz_store *s = open_store(f, SZ_STORE_WRITE);
        begin(f, s);
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            const size_t n = strlen(bad[i].text);
            assert_int_not_equal(sz_store_append(f->ctx, s, 1, bad[i].text, n, &number), SZ_OK);
            assert_sentence(f, bad[i].words);
        }
        // Without an id: the content is the id, so the same document is known.
        assert_ok(f, sz_store_append(f->ctx, s, 1, "{\"b\":1,\"a\":2}", 13, &number));
        assert_int_equal(number, 1);
        assert_ok(f, sz_store_append(f->ctx, s, 1, "{\"a\":2, \"b\":1}", 14, &number));
        assert_int_equal(number, 0);
        assert_ok(f, sz_store_append(f->ctx, s, 1, "{}", 2, &number));
        assert_int_equal(number, 2);
        sz_store_close(s);
    }
}

static void assert_exports(fixture *f, sz_store *s, const char *format, const char *want) {
    sz_buf buf;
    sz_buf_init(&buf, f->ctx);
    assert_ok(f, sz_store_export(f->ctx, s, NULL, format, &buf));
    sz_buf_putc(&buf, '\0');
    assert_string_equal(buf.data, want);
    sz_buf_finish(&buf);
}

static void test_export(void **state) {
    fixture *f = *state;
    static const char one[] = "{\"id\":\"x\",\"spec\":{\"m\":4,\"t\":[1,2]},\"time\":{\"s\":0.1}}";
    static const char two[] =
        "{\"id\":\"y\",\"spec\":{},\"case\":\"=1+1, \\\"q\\\"\",\"time\":{\"s\":null,\"n\":true}}";
    FOR_BOTH(f) {
        int64_t n;
        sz_store *s = open_store(f, SZ_STORE_WRITE);
        assert_exports(f, s, "json", "[]\n");
        assert_exports(f, s, "csv", "");
        begin(f, s);
        assert_ok(f, sz_store_append(f->ctx, s, 1, one, sizeof one - 1, &n));
        assert_ok(f, sz_store_append(f->ctx, s, 1, two, sizeof two - 1, &n));
        assert_exports(
            f, s, "jsonl",
            "{\"id\": \"x\", \"spec\": {\"m\": 4, \"t\": [1, 2]}, \"time\": {\"s\": 0.1}}\n"
            "{\"id\": \"y\", \"spec\": {}, \"case\": \"=1+1, \\\"q\\\"\", "
            "\"time\": {\"s\": null, \"n\": true}}\n");
        assert_exports(f, s, "csv",
                       "id,spec.m,spec.t,time.s,spec,case,time.n\n"
                       "x,4,\"[1,2]\",0.1,,,\n"
                       "y,,,,{},\"'=1+1, \"\"q\"\"\",true\n");
        sz_buf buf;
        sz_buf_init(&buf, f->ctx);
        assert_int_equal(sz_store_export(f->ctx, s, NULL, "xml", &buf), SZ_ERR_USAGE);
        sz_buf_finish(&buf);
        sz_store_close(s);
    }
}

// Held together: there for others at the release, a part that fails takes nothing else back.
static void test_hold(void **state) {
    fixture *f = *state;
    FOR_BOTH(f) {
        int64_t number;
        sz_store *s = open_store(f, SZ_STORE_WRITE);
        begin(f, s);
        assert_ok(f, sz_store_hold(f->ctx, s));
        for (int i = 0; i < 5; i++) assert_int_equal(append(f, s, 1, i), i + 1);
        assert_int_equal(append_status(f, s, 9, 50, &number), SZ_ERR_INPUT); // no such run
        assert_int_equal(append(f, s, 1, 5), 6);
        assert_ok(f, sz_store_release(f->ctx, s));
        assert_int_equal(append(f, s, 1, 6), 7);
        sz_store *other = open_store(f, SZ_STORE_READ);
        assert_lists(f, other, NULL, "1.1 1.2 1.3 1.4 1.5 1.6 1.7 ");
        sz_store_close(other);
        sz_store_close(s);
    }
}

static void test_copy(void **state) {
    fixture *f = *state;
    sz_copied done;
    fixture_paths(f, "sqlite", "a");
    sz_store *a = open_store(f, SZ_STORE_WRITE);
    fixture_paths(f, "jsonl", "b");
    sz_store *b = open_store(f, SZ_STORE_WRITE);
    begin(f, a), begin(f, a), begin(f, a);
    for (int i = 0; i < 4; i++) append(f, a, i < 3 ? 1 : 3, i);
    assert_ok(f, sz_store_copy(f->ctx, a, b, &done));
    assert_true(done.runs == 2 && done.cases == 4 && done.known == 0); // run 2 is empty
    assert_lists(f, b, NULL, "1.1 1.2 1.3 2.1 ");
    assert_ok(f, sz_store_copy(f->ctx, b, a, &done)); // back: all is known
    assert_true(done.runs == 0 && done.cases == 0 && done.known == 4);
    assert_lists(f, a, NULL, "1.1 1.2 1.3 3.1 ");
    sz_store_close(a);
    sz_store_close(b);
}

// Several processes write at once; each case is there, once.
static void write_in_child(fixture *f, int which, int each) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_store *s = NULL;
    int64_t run = 0, number = 0;
    char text[1024];
    bool good = ctx && sz_store_open(ctx, f->url, SZ_STORE_WRITE, &s) == SZ_OK &&
                sz_store_begin(ctx, s, "{}", 2, &run) == SZ_OK;
    for (int i = 0; good && i < each; i++) {
        const int n = record_text(text, sizeof text, which * each + i);
        good = sz_store_append(ctx, s, run, text, (size_t)n, &number) == SZ_OK && number == i + 1;
    }
    if (!good && ctx) fprintf(stderr, "child: %s\n", sz_ctx_error(ctx));
    _exit(good ? 0 : 1);
}

static void test_writers_at_once(void **state) {
    enum { WRITERS = 4, EACH = 25 };
    fixture *f = *state;
    FOR_BOTH(f) {
        listing l = {.n = 0};
        for (int i = 0; i < WRITERS; i++)
            if (fork() == 0) write_in_child(f, i, EACH);
        for (int i = 0; i < WRITERS; i++) {
            int status = -1;
            assert_true(wait(&status) > 0);
            assert_int_equal(status, 0);
        }
        sz_store *s = open_store(f, SZ_STORE_READ);
        assert_ok(f, sz_store_each(f->ctx, s, NULL, list_one, &l));
        assert_int_equal(l.n, WRITERS * EACH);
        assert_ok(f, sz_store_check(f->ctx, s));
        sz_store_close(s);
    }
}

static void test_drivers(void **state) {
    sz_store_driver_row row;
    size_t n = 0;
    (void)state;
    for (; sz_list_store_driver(n, &row); n++)
        assert_true(*row.scheme && *row.what && (!row.off || *row.off));
    assert_true(n >= 3);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),      TEST(test_queries), TEST(test_remove),
        TEST(test_documents),       TEST(test_export),  TEST(test_copy),
        TEST(test_writers_at_once), TEST(test_hold),    TEST(test_drivers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
