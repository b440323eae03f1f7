// SPDX-License-Identifier: Apache-2.0
// Stores that are not what they should be: each gives one sentence and stays as it was.
#include "store_fixture.h"

#include <sqlite3.h>
#include <sys/wait.h>

static void write_file(const fixture *f, const void *bytes, size_t n) {
    FILE *out = fopen(f->path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
}

static char *read_file(const fixture *f, size_t *ret_n) {
    FILE *in = fopen(f->path, "rb");
    assert_non_null(in);
    char *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    *ret_n = fread(bytes, 1, 1 << 20, in);
    fclose(in);
    return bytes;
}

static void make_store(fixture *f, int cases) {
    sz_store *s = open_store(f, SZ_STORE_WRITE);
    begin(f, s);
    for (int i = 0; i < cases; i++) append(f, s, 1, i);
    sz_store_close(s);
}

static void sql(const fixture *f, const char *text) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

// ---- what is no store --------------------------------------------------------------------------

static void test_urls(void **state) {
    fixture *f = *state;
    snprintf(f->url, sizeof f->url, "mysql:x");
    assert_fails(f, SZ_ERR_USAGE, "unknown kind of store 'mysql:'", SZ_STORE_WRITE);
    snprintf(f->url, sizeof f->url, "postgresql:x");
    assert_fails(f, SZ_ERR_USAGE, "is no URL of PostgreSQL", SZ_STORE_WRITE);
    snprintf(f->url, sizeof f->url, "sqlite:");
    assert_fails(f, SZ_ERR_USAGE, "names no file", SZ_STORE_WRITE);
    for (int i = 0; i < 2; i++) {
        snprintf(f->url, sizeof f->url, "%s:%s/none", i ? "jsonl" : "sqlite", f->folder);
        assert_fails(f, SZ_ERR_INPUT, "there is no store", SZ_STORE_READ);
        snprintf(f->url, sizeof f->url, "%s:%s", i ? "jsonl" : "sqlite", f->folder);
        assert_fails(f, SZ_ERR_INPUT, "is not a file", SZ_STORE_READ);
        snprintf(f->url, sizeof f->url, "%s:/proc/none/x", i ? "jsonl" : "sqlite");
        assert_fails(f, SZ_ERR_IO, "/proc/none/x': No such file", SZ_STORE_WRITE);
    }
}

static void test_other_files(void **state) {
    static const char text[] = "# Notes\n\nThis is no data base, and shall stay as it is.\n";
    fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        size_t n;
        fixture_paths(f, i ? "jsonl" : "sqlite", "notes");
        // Also where the text has no newline: it must not pass for a torn line.
        for (size_t size = sizeof text - 1; size > 4; size -= 7) {
            write_file(f, text, size);
            assert_fails(f, SZ_ERR_INPUT, i ? "line 1 is no JSON object" : "is not a SQLite file",
                         SZ_STORE_WRITE);
            char *left = read_file(f, &n);
            assert_int_equal(n, size);
            assert_memory_equal(left, text, size);
            free(left);
        }
    }
    write_file(f, "{\"a\":1}\n", 8);
    assert_fails(f, SZ_ERR_INPUT, "line 1 does not say to which run", SZ_STORE_WRITE);
}

static void test_other_schema(void **state) {
    fixture *f = *state;
    sql(f, "CREATE TABLE t(x)");
    assert_fails(f, SZ_ERR_INPUT, "of another program", SZ_STORE_WRITE);
    unlink(f->path);
    make_store(f, 1);
    sql(f, "CREATE VIEW v AS SELECT 1");
    assert_fails(f, SZ_ERR_INPUT, "tables that sizeup did not make", SZ_STORE_READ);
    sql(f, "DROP VIEW v; CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM result; END");
    assert_fails(f, SZ_ERR_INPUT, "tables that sizeup did not make", SZ_STORE_WRITE);
    sql(f, "DROP TRIGGER t; PRAGMA user_version=99");
    assert_fails(f, SZ_ERR_INPUT, "newer sizeup (version 99, this one knows 2)", SZ_STORE_READ);
    sql(f, "PRAGMA user_version=2");
    sz_store *s = open_store(f, SZ_STORE_READ);
    assert_lists(f, s, NULL, "1.1 ");
    sz_store_close(s);
    // A document that is no JSON: who wrote it was not sizeup.
    sql(f, "UPDATE result SET record='{'");
    s = open_store(f, SZ_STORE_READ);
    listing l = {.n = 0};
    assert_int_equal(sz_store_each(f->ctx, s, NULL, list_one, &l), SZ_ERR_INPUT);
    assert_sentence(f, "run 1, case 1: line 1");
    sz_store_close(s);
    write_file(f, "", 0);
    assert_fails(f, SZ_ERR_INPUT, "is empty", SZ_STORE_READ);
}

// ---- versions ----------------------------------------------------------------------------------

// A file as version 1 left it, made by hand.
static void make_version_1(const fixture *f) {
    sql(f, "CREATE TABLE run(id INTEGER PRIMARY KEY AUTOINCREMENT, header TEXT NOT NULL) STRICT;"
           "CREATE TABLE result(run INTEGER NOT NULL REFERENCES run(id), number INTEGER NOT NULL, "
           "record TEXT NOT NULL, PRIMARY KEY(run, number)) STRICT;"
           "INSERT INTO run(header) VALUES('{\"command\":\"old\"}');"
           "INSERT INTO result VALUES(1, 1, '{\"id\":\"id5\",\"case_hash\":\"hash5\"}');"
           "INSERT INTO result VALUES(1, 2, '{\"id\":\"b\",\"case_hash\":\"hash5\"}');"
           "PRAGMA application_id=1400526192; PRAGMA user_version=1;");
}

static void test_migration(void **state) {
    fixture *f = *state;
    int64_t n;
    make_version_1(f);
    sz_store *s = open_store(f, SZ_STORE_READ);
    assert_lists(f, s, NULL, "1.1 1.2 ");
    assert_ok(f, sz_store_count(f->ctx, s, "hash5", &n));
    assert_int_equal(n, 2);
    sz_store_close(s);
    s = open_store(f, SZ_STORE_WRITE);
    assert_int_equal(append(f, s, 1, 5), 0); // known by the id that the old row has
    assert_int_equal(append(f, s, 1, 6), 3);
    sz_store_close(s);
}

// Of several processes that meet an old file one brings it up to date.
static void test_migration_at_once(void **state) {
    enum { CHILDREN = 6 };
    fixture *f = *state;
    make_version_1(f);
    for (int i = 0; i < CHILDREN; i++)
        if (fork() == 0) {
            sz_ctx *ctx = sz_ctx_create(NULL);
            sz_store *s;
            sz_status status = sz_store_open(ctx, f->url, SZ_STORE_WRITE, &s);
            if (status != SZ_OK) fprintf(stderr, "child: %s\n", sz_ctx_error(ctx));
            _exit(status == SZ_OK ? 0 : 1);
        }
    for (int i = 0; i < CHILDREN; i++) {
        int status = -1;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    sz_store *s = open_store(f, SZ_STORE_READ);
    assert_lists(f, s, NULL, "1.1 1.2 ");
    sz_store_close(s);
}

// ---- damage ------------------------------------------------------------------------------------

// Every file that was cut or changed gives an answer or a sentence, also when it is written to.
static void try_file(fixture *f) {
    sz_store *s = NULL;
    listing l = {.n = 0};
    int64_t run = 0;
    sz_ctx_clear(f->ctx);
    sz_status status = sz_store_open(f->ctx, f->url, SZ_STORE_WRITE, &s);
    if (status == SZ_OK) {
        status = sz_store_each(f->ctx, s, NULL, list_one, &l);
        if (status == SZ_OK) status = sz_store_check(f->ctx, s);
        if (status == SZ_OK) status = sz_store_begin(f->ctx, s, "{}", 2, &run);
        sz_store_close(s);
    }
    assert_int_not_equal(status, SZ_ERR_INTERNAL);
    if (status != SZ_OK) assert_sentence(f, "'");
}

static void test_damage(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        size_t n;
        uint64_t random = 12345;
        fixture_paths(f, i ? "jsonl" : "sqlite", i ? "d.jsonl" : "d.db");
        make_store(f, 12);
        char *good = read_file(f, &n), *bad = malloc(n);
        assert_non_null(bad);
        for (int k = 0; k < 300; k++) {
            memcpy(bad, good, n);
            for (int m = 0; m < 1 + k % 8; m++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                bad[(random >> 33) % n] ^= (char)(1 + (random >> 20) % 255);
            }
            write_file(f, bad, k % 5 ? n : n * (size_t)k / 300);
            try_file(f);
        }
        free(good);
        free(bad);
    }
}

static void test_damaged_page(void **state) {
    fixture *f = *state;
    size_t n;
    make_store(f, 40);
    char *bytes = read_file(f, &n);
    assert_true(n > 3 * 4096);
    memset(bytes + 4096, 0xa5, n - 4096); // all but the schema
    write_file(f, bytes, n);
    free(bytes);
    sz_store *s = open_store(f, SZ_STORE_READ);
    listing l = {.n = 0};
    assert_int_equal(sz_store_each(f->ctx, s, NULL, list_one, &l), SZ_ERR_INPUT);
    assert_sentence(f, "is damaged; 'sqlite3 FILE .recover'");
    assert_int_equal(sz_store_check(f->ctx, s), SZ_ERR_INPUT);
    sz_store_close(s);
}

// A last line that was cut anywhere: the cases before it are there, the file can be written on.
static void test_torn_line(void **state) {
    fixture *f = *state;
    size_t n, last;
    fixture_paths(f, "jsonl", "torn");
    make_store(f, 3);
    char *bytes = read_file(f, &n);
    for (last = n - 1; bytes[last - 1] != '\n'; last--) continue;
    for (size_t cut = last; cut < n; cut++) {
        const bool whole = cut == n - 1; // only the newline is missing
        write_file(f, bytes, cut);
        sz_ctx_clear(f->ctx);
        sz_store *s = open_store(f, SZ_STORE_READ);
        assert_lists(f, s, NULL, whole ? "1.1 1.2 1.3 " : "1.1 1.2 ");
        assert_int_equal(sz_ctx_warning_count(f->ctx), cut > last && !whole);
        sz_store_close(s);
        s = open_store(f, SZ_STORE_WRITE);
        assert_int_equal(append(f, s, 1, 2), whole ? 0 : 3);
        assert_lists(f, s, NULL, "1.1 1.2 1.3 ");
        sz_store_close(s);
        size_t now;
        char *left = read_file(f, &now);
        assert_int_equal(now, n); // the very bytes that a crash had not let through
        assert_memory_equal(left, bytes, n);
        free(left);
    }
    free(bytes);
}

// ---- rights ------------------------------------------------------------------------------------

// As a user who may read the file but not write it. Root may always write, so it becomes another.
static int read_only_child(fixture *f) {
    sz_store *s = NULL;
    listing l = {.n = 0};
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 2;
    if (sz_store_open(f->ctx, f->url, SZ_STORE_WRITE, &s) == SZ_OK) return 3;
    const char *want = strcmp(f->scheme, "jsonl") == 0 ? "Permission denied" : "is read-only";
    if (!strstr(sz_ctx_error(f->ctx), want)) return 4;
    if (sz_store_open(f->ctx, f->url, SZ_STORE_READ, &s) != SZ_OK) return 5;
    if (sz_store_each(f->ctx, s, NULL, list_one, &l) != SZ_OK || l.n != 2) return 6;
    sz_store_close(s);
    return 0;
}

static void test_read_only(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        int status = -1;
        fixture_paths(f, i ? "jsonl" : "sqlite", i ? "r.jsonl" : "r.db");
        make_store(f, 2);
        assert_int_equal(chmod(f->path, 0444), 0);
        assert_int_equal(chmod(f->folder, 0755), 0);
        if (fork() == 0) _exit(read_only_child(f));
        assert_true(wait(&status) > 0);
        assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_urls),      TEST(test_other_files),       TEST(test_other_schema),
        TEST(test_migration), TEST(test_migration_at_once), TEST(test_damage),
        TEST(test_torn_line), TEST(test_damaged_page),      TEST(test_read_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
