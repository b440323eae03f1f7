// SPDX-License-Identifier: Apache-2.0
// What is particular to a store on PostgreSQL: passwords, versions of its schema, what is not ours,
// a server that goes away, two who wait for each other.
#include "store_fixture.h"

// A statement that is not by the driver.
static void do_sql(const char *sql) {
    char command[1500];
    snprintf(command, sizeof command, "psql -q -v ON_ERROR_STOP=1 -d '%s' -c \"%s\" >/dev/null",
             fixture_server(), sql);
    assert_int_equal(system(command), 0);
}

static void test_passwords(void **state) {
    static const struct {
        const char *url, *shown;
    } urls[] = {
        {"postgresql://me:secret@host/db", "postgresql://me:***@host/db"},
        {"postgresql://me@host:5432/db", "postgresql://me@host:5432/db"},
        {"postgresql://host:5432/db", "postgresql://host:5432/db"},
        {"postgresql://me:se:cr@et@host/db?sslmode=require",
         "postgresql://me:***@host/db?sslmode=require"},
        {"postgresql://me:se/cret@host/db", "postgresql://me:***@host/db"},
        {"postgresql:///db?user=me&password=secret&sslpassword=other&host=h",
         "postgresql:///db?user=me&password=***&sslpassword=***&host=h"},
        {"--store=postgresql://me:s@h/d", "--store=postgresql://me:***@h/d"},
        {"sqlite:a:b@c", "sqlite:a:b@c"},
    };
    char shown[128];
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        sz_store_redact(urls[i].url, shown, sizeof shown);
        assert_string_equal(shown, urls[i].shown);
    }
    sz_store_redact("postgresql://me:secret@host/db", shown, 20);
    assert_string_equal(shown, "postgresql://me:***");
}

static void test_sentences(void **state) {
    fixture *f = *state;
    static const char *const bad[] = {"postgresql:host=h password=secret",
                                      "postgresql://me:secret@h:port/db",
                                      "postgresql://me:secret@h/db?nonsense=secret"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(f->url, sizeof f->url, "%s", bad[i]);
        assert_fails(f, SZ_ERR_USAGE, "is no URL of PostgreSQL", SZ_STORE_WRITE);
        assert_null(strstr(sz_ctx_error(f->ctx), "secret"));
    }
    snprintf(f->url, sizeof f->url, "postgresql://me:secret@/db?host=%s", f->folder);
    assert_fails(f, SZ_ERR_UNAVAILABLE, "does not answer", SZ_STORE_WRITE);
    assert_sentence(f, "me:***@");
    assert_null(strstr(sz_ctx_error(f->ctx), "secret"));
    // A wrong password is not in the sentence either.
    const char *host = strstr(fixture_server(), "@/");
    snprintf(f->url, sizeof f->url, "postgresql://tester:wrong%s", host);
    assert_fails(f, SZ_ERR_UNAVAILABLE, "password authentication failed", SZ_STORE_WRITE);
    assert_null(strstr(sz_ctx_error(f->ctx), "wrong"));
}

static void test_nothing_there(void **state) {
    fixture *f = *state;
    fixture_empty_server(f);
    assert_fails(f, SZ_ERR_INPUT, "nothing was stored there yet", SZ_STORE_READ);
    do_sql("CREATE SCHEMA sizeup");
    do_sql("CREATE TABLE sizeup.run(theirs int)");
    assert_fails(f, SZ_ERR_INPUT, "that is not of sizeup", SZ_STORE_WRITE);
    do_sql("SELECT theirs FROM sizeup.run"); // as it was
}

// A store of version 1, which had no keys beside the documents.
static void test_migration(void **state) {
    fixture *f = *state;
    int64_t n = -1;
    fixture_empty_server(f);
    do_sql("CREATE SCHEMA sizeup");
    do_sql("CREATE TABLE sizeup.version(version integer NOT NULL)");
    do_sql("INSERT INTO sizeup.version VALUES(1)");
    do_sql("CREATE TABLE sizeup.run(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
           "header text NOT NULL)");
    do_sql(
        "CREATE TABLE sizeup.result(run bigint NOT NULL REFERENCES sizeup.run(id), number bigint "
        "NOT NULL, record text NOT NULL, PRIMARY KEY(run, number))");
    do_sql("INSERT INTO sizeup.run(header) VALUES('{}')");
    do_sql("INSERT INTO sizeup.result VALUES(1, 1, '{\\\"id\\\":\\\"id0\\\",\\\"case_hash\\\":"
           "\\\"hash0\\\",\\\"m\\\":1}')");
    assert_fails(f, SZ_ERR_INPUT, "is of an older version", SZ_STORE_READ);
    sz_store *s = open_store(f, SZ_STORE_WRITE);
    assert_ok(f, sz_store_count(f->ctx, s, "hash0", &n));
    assert_int_equal(n, 1);
    assert_int_equal(append(f, s, 1, 0), 0); // its id is known
    assert_int_equal(append(f, s, 1, 1), 2);
    assert_ok(f, sz_store_check(f->ctx, s));
    sz_store_close(s);
    do_sql("UPDATE sizeup.version SET version = 99");
    assert_fails(f, SZ_ERR_INPUT, "is of a newer version (99)", SZ_STORE_WRITE);
}

// Values are values, whatever they look like.
static void test_values(void **state) {
    fixture *f = *state;
    static const char odd[] = "{\"id\":\"'); DROP SCHEMA sizeup CASCADE; --\",\"case_hash\":\"$1\","
                              "\"text\":\"\\u00e4 \\\" ' \\\\ %s\"}";
    int64_t number = 0, n = 0;
    fixture_empty_server(f);
    sz_store *s = open_store(f, SZ_STORE_WRITE);
    begin(f, s);
    assert_ok(f, sz_store_append(f->ctx, s, 1, odd, sizeof odd - 1, &number));
    assert_int_equal(number, 1);
    assert_ok(f, sz_store_count(f->ctx, s, "$1", &n));
    assert_int_equal(n, 1);
    assert_ok(f, sz_store_count(f->ctx, s, "' OR '1'='1", &n));
    assert_int_equal(n, 0);
    assert_ok(f, sz_store_check(f->ctx, s));
    // More than a page of rows comes in order.
    for (int i = 0; i < 150; i++) assert_int_equal(append(f, s, 1, i), i + 2);
    listing l = {.n = 0};
    assert_ok(f, sz_store_each(f->ctx, s, NULL, list_one, &l));
    assert_int_equal(l.n, 151);
    assert_non_null(strstr(l.text, "1.64 1.65 1.66 "));
    sz_store_close(s);
}

// The server ends the connection: a sentence, and another one finds all that was stored.
static void test_lost(void **state) {
    fixture *f = *state;
    int64_t number;
    fixture_empty_server(f);
    sz_store *s = open_store(f, SZ_STORE_WRITE);
    begin(f, s);
    append(f, s, 1, 0);
    do_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
           "application_name = 'sizeup'");
    assert_int_equal(append_status(f, s, 1, 1, &number), SZ_ERR_UNAVAILABLE);
    assert_sentence(f, "was lost");
    assert_null(strstr(sz_ctx_error(f->ctx), "secret"));
    sz_store_close(s);
    s = open_store(f, SZ_STORE_READ);
    assert_lists(f, s, NULL, "1.1 ");
    assert_int_equal(sz_store_begin(f->ctx, s, "{}", 2, &number), SZ_ERR_USAGE);
    sz_store_close(s);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_passwords), TEST(test_sentences), TEST(test_nothing_there),
        TEST(test_migration), TEST(test_values),    TEST(test_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
