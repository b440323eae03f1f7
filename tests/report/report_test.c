// SPDX-License-Identifier: Apache-2.0
// Encoders against names made to break them, numbers, and documents against their expected text.
#include <sizeup/doc.h>
#include <sizeup/json.h>
#include <sizeup/text.h>

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

static sz_ctx *ctx;

static int set_up(void **state) {
    (void)state;
    ctx = sz_ctx_create(NULL);
    return ctx ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    bool leak = sz_ctx_memory_used(ctx) != 0;
    sz_ctx_destroy(ctx);
    return leak ? -1 : 0;
}

// The buffer's text with a NUL, to be freed.
static char *take(sz_buf *buf) {
    assert_int_equal(sz_buf_status(buf), SZ_OK);
    char *text = malloc(buf->size + 1);
    assert_non_null(text);
    if (buf->size) memcpy(text, buf->data, buf->size);
    text[buf->size] = 0;
    sz_buf_finish(buf);
    return text;
}

static void expect(sz_buf *buf, const char *want) {
    char *got = take(buf);
    bool same = strcmp(got, want) == 0;
    if (!same) fprintf(stderr, "want:\n%s\ngot:\n%s\n", want, got); // cmocka's own words are cut
    free(got);
    assert_true(same);
}

static void expect_escape(sz_sink sink, const char *bytes, size_t n, const char *want) {
    sz_buf buf;
    sz_buf_init(&buf, ctx);
    sz_escape(&buf, sink, bytes, n);
    expect(&buf, want);
}

// ---- encoders ----------------------------------------------------------------------------------

typedef struct poison {
    const char *bytes;
    size_t n;
    const char *terminal, *markdown, *csv, *json;
} poison;
#define POISON(bytes) bytes, sizeof bytes - 1

static const poison poisons[] = {
    {POISON("conv1/Conv_0"), "conv1/Conv_0", "conv1/Conv_0", "conv1/Conv_0", "conv1/Conv_0"},
    {POISON("a\x1b[2Jb"), "a\\x1b[2Jb", "a\\\\x1b\\[2Jb", "a\\x1b[2Jb", "a\\u001b[2Jb"},
    {POISON("a\nb\tc\r"), "a\\nb\\tc\\r", "a\\\\nb\\\\tc\\\\r", "a\\nb\\tc\\r", "a\\nb\\tc\\r"},
    {POISON("nul\0x"), "nul\\x00x", "nul\\\\x00x", "nul\\x00x", "nul\\u0000x"},
    {POISON("del\x7f"), "del\\x7f", "del\\\\x7f", "del\\x7f", "del\\u007f"},
    {POISON("c1\xc2\x9b" "31m"), "c1\\u009b31m", "c1\\\\u009b31m", "c1\\u009b31m", "c1\\u009b31m"},
    {POISON("\xe2\x80\xae" "txt"), "\\u202etxt", "\\\\u202etxt", "\\u202etxt", "\\u202etxt"},
    {POISON("\xe2\x81\xa6i\xe2\x80\x8f"), "\\u2066i\\u200f", "\\\\u2066i\\\\u200f",
     "\\u2066i\\u200f", "\\u2066i\\u200f"},
    {POISON("\xff\xfe\xc3("), "\\xff\\xfe\\xc3(", "\\\\xff\\\\xfe\\\\xc3(", "\\xff\\xfe\\xc3(",
     "\\\\xff\\\\xfe\\\\xc3("},
    {POISON("\xc0\x80"), "\\xc0\\x80", "\\\\xc0\\\\x80", "\\xc0\\x80", "\\\\xc0\\\\x80"},
    {POISON("\xed\xa0\x80"), "\\xed\\xa0\\x80", "\\\\xed\\\\xa0\\\\x80", "\\xed\\xa0\\x80",
     "\\\\xed\\\\xa0\\\\x80"},
    {POISON("\xf5\x80\x80\x80"), "\\xf5\\x80\\x80\\x80", "\\\\xf5\\\\x80\\\\x80\\\\x80",
     "\\xf5\\x80\\x80\\x80", "\\\\xf5\\\\x80\\\\x80\\\\x80"},
    {POISON("cut\xe2\x80"), "cut\\xe2\\x80", "cut\\\\xe2\\\\x80", "cut\\xe2\\x80",
     "cut\\\\xe2\\\\x80"},
    {POISON("\xc3\xa9\xe5\xb1\xa4"), "\xc3\xa9\xe5\xb1\xa4", "\xc3\xa9\xe5\xb1\xa4",
     "\xc3\xa9\xe5\xb1\xa4", "\xc3\xa9\xe5\xb1\xa4"},
    {POISON("\xf3\xa0\x80\x81"), "\\u0e0001", "\\\\u0e0001", "\\u0e0001", "\\udb40\\udc01"},
    {POISON("a|b`c*d"), "a|b`c*d", "a\\|b\\`c\\*d", "a|b`c*d", "a|b`c*d"},
    {POISON("<script>&"), "<script>&", "&lt;script&gt;&amp;", "<script>&", "<script>&"},
    {POISON("say \"x\", y\\"), "say \"x\", y\\", "say \"x\", y\\\\", "\"say \"\"x\"\", y\\\"",
     "say \\\"x\\\", y\\\\"},
    {POISON("=1+1"), "=1+1", "=1+1", "'=1+1", "=1+1"},
    {POISON("+x"), "+x", "+x", "'+x", "+x"},
    {POISON("-x"), "-x", "-x", "'-x", "-x"},
    {POISON("@x"), "@x", "@x", "'@x", "@x"},
    {POISON("\tx"), "\\tx", "\\\\tx", "'\\tx", "\\tx"},
    {POISON("\0x"), "\\x00x", "\\\\x00x", "'\\x00x", "\\u0000x"},
    {POISON("=HYPERLINK(\"a\",\"b\")"), "=HYPERLINK(\"a\",\"b\")", "=HYPERLINK(\"a\",\"b\")",
     "\"'=HYPERLINK(\"\"a\"\",\"\"b\"\")\"", "=HYPERLINK(\\\"a\\\",\\\"b\\\")"},
    {POISON(""), "", "", "", ""},
};

static void encoders_defuse_poison_names(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof poisons / sizeof poisons[0]; i++) {
        const poison *p = &poisons[i];
        expect_escape(SZ_SINK_TERMINAL, p->bytes, p->n, p->terminal);
        expect_escape(SZ_SINK_MARKDOWN, p->bytes, p->n, p->markdown);
        expect_escape(SZ_SINK_CSV, p->bytes, p->n, p->csv);
        expect_escape(SZ_SINK_JSON, p->bytes, p->n, p->json);
    }
}

static uint32_t random_state = 1;
static uint32_t random_bits(void) {
    random_state = random_state * 1664525u + 1013904223u; // Numerical Recipes
    return random_state >> 8;
}

// Bytes that are likely to be cut, joined or special.
static size_t random_bytes(char *bytes, size_t size) {
    static const char favourites[] =
        "\0\x1b\n\"\\\xff\xc3\xa9\xe2\x80\xae\xed\xa0\x80\xf0\x9f\x98\x80,=|";
    size_t n = random_bits() % size;
    for (size_t i = 0; i < n; i++)
        bytes[i] = random_bits() % 2 ? favourites[random_bits() % (sizeof favourites - 1)]
                                     : (char)(random_bits() & 255);
    return n;
}

static void any_bytes_give_clean_output(void **state) {
    (void)state;
    for (int round = 0; round < 20000; round++) {
        char bytes[24];
        size_t n = random_bytes(bytes, sizeof bytes);
        for (int sink = SZ_SINK_TERMINAL; sink <= SZ_SINK_JSON; sink++) {
            sz_buf buf;
            sz_buf_init(&buf, ctx);
            sz_escape(&buf, (sz_sink)sink, bytes, n);
            for (size_t i = 0; i < buf.size; i++)
                assert_true((unsigned char)buf.data[i] >= ' ' && buf.data[i] != 0x7f);
            // jansson refuses strings that are not UTF-8.
            json_t *text = json_stringn(buf.data ? buf.data : "", buf.size);
            assert_non_null(text);
            json_decref(text);
            sz_buf_finish(&buf);
        }
    }
}

// ---- JSON --------------------------------------------------------------------------------------

static void json_of_any_bytes_is_valid(void **state) {
    (void)state;
    for (int round = 0; round < 5000; round++) {
        char bytes[24];
        size_t n = random_bytes(bytes, sizeof bytes);
        sz_buf buf;
        sz_json json;
        sz_buf_init(&buf, ctx);
        sz_json_init(&json, &buf, round % 3);
        sz_json_begin_object(&json);
        sz_json_key(&json, "name");
        sz_json_str_n(&json, bytes, n);
        sz_json_end_object(&json);
        json_error_t error;
        json_t *root = json_loadb(buf.data, buf.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
                                  &error);
        assert_non_null(root);
        json_decref(root);
        sz_buf_finish(&buf);
    }
}

static void json_has_commas_lines_and_nulls(void **state) {
    (void)state;
    sz_buf buf;
    sz_json json;
    sz_buf_init(&buf, ctx);
    sz_json_init(&json, &buf, 1);
    sz_json_begin_object(&json);
    sz_json_key_i64(&json, "least", INT64_MIN);
    sz_json_key_f64(&json, "nan", NAN);
    sz_json_key_f64(&json, "inf", -INFINITY);
    sz_json_key_str(&json, "none", NULL);
    sz_json_key_bool(&json, "yes", 7);
    sz_json_key_array(&json, "empty");
    sz_json_end_array(&json);
    sz_json_key_array(&json, "list");
    sz_json_i64(&json, 1);
    sz_json_begin_object(&json);
    sz_json_key_i64(&json, "a", 2);
    sz_json_key_i64(&json, "b", 3);
    sz_json_end_object(&json);
    sz_json_end_array(&json);
    sz_json_end_object(&json);
    expect(&buf, "{\n"
                 "  \"least\": -9223372036854775808,\n"
                 "  \"nan\": null,\n"
                 "  \"inf\": null,\n"
                 "  \"none\": null,\n"
                 "  \"yes\": true,\n"
                 "  \"empty\": [],\n"
                 "  \"list\": [1, {\"a\": 2, \"b\": 3}]\n"
                 "}\n");
}

typedef struct sample {
    int64_t count;
    double ratio;
    const char *name;
    int flag;
} sample;
static const sz_field sample_fields[] = {
    {"count", "B", "a count", SZ_FIELD_I64, offsetof(sample, count)},
    {"ratio", "FLOP/B", "a ratio", SZ_FIELD_F64, offsetof(sample, ratio)},
    {"name", "", "a name", SZ_FIELD_STR, offsetof(sample, name)},
    {"flag", "", "a flag", SZ_FIELD_BOOL, offsetof(sample, flag)},
};
static const sz_record_type sample_type = {"sample", sample_fields, 4};

static void json_writes_records_by_descriptor(void **state) {
    (void)state;
    const sample record = {42, 0.1, "x\n", 1};
    sz_buf buf;
    sz_json json;
    sz_buf_init(&buf, ctx);
    sz_json_init(&json, &buf, 0);
    sz_json_begin_object(&json);
    sz_json_record(&json, &sample_type, &record);
    sz_json_end_object(&json);
    expect(&buf, "{\"count\": 42, \"ratio\": 0.1, \"name\": \"x\\n\", \"flag\": true}\n");
}

// ---- numbers -----------------------------------------------------------------------------------

static void expect_f64(double v, const char *want) {
    sz_buf buf;
    sz_buf_init(&buf, ctx);
    sz_buf_f64(&buf, v);
    expect(&buf, want);
}

static void doubles_read_back(void **state) {
    (void)state;
    expect_f64(0, "0");
    expect_f64(0.1, "0.1");
    expect_f64(-2.5, "-2.5");
    expect_f64(1e15, "1e+15");
    expect_f64(123456789012345.0, "123456789012345");
    expect_f64(1.0 / 3, "0.3333333333333333");
    expect_f64(0.1 + 0.2, "0.30000000000000004");
    expect_f64(5e-324, "4.94065645841247e-324");
    expect_f64(1.7976931348623157e308, "1.7976931348623157e+308");
    expect_f64(0.00001, "0.00001");
    expect_f64(1e-6, "1e-06");
    for (int round = 0; round < 50000; round++) {
        uint64_t high = random_bits(), middle = random_bits();
        uint64_t bits = high << 40 ^ middle << 20 ^ random_bits();
        double v;
        memcpy(&v, &bits, sizeof v);
        if (round % 2) v = (double)(random_bits() % 100000) / (1 + random_bits() % 1000);
        if (!isfinite(v)) continue;
        sz_buf buf;
        sz_buf_init(&buf, ctx);
        sz_buf_f64(&buf, v);
        char *text = take(&buf), shorter[40];
        assert_true(strtod(text, NULL) == v);
        snprintf(shorter, sizeof shorter, "%.15g", v);
        if (strtod(shorter, NULL) == v && !strchr(text, 'e') && !strchr(shorter, 'e'))
            assert_string_equal(text, shorter);
        free(text);
    }
}

static void numbers_for_people(void **state) {
    (void)state;
    static const struct {
        sz_format format;
        double v;
        const char *unit, *want;
    } cases[] = {
        {SZ_AS_SI, 0, NULL, "0"},
        {SZ_AS_SI, 999, NULL, "999"},
        {SZ_AS_SI, 999.6, "B", "1.00 kB"},
        {SZ_AS_SI, 1000, NULL, "1.00 k"},
        {SZ_AS_SI, 1814073344, NULL, "1.81 G"},
        {SZ_AS_SI, 46758048, "B", "46.8 MB"},
        {SZ_AS_SI, 999499, "B", "999 kB"},
        {SZ_AS_SI, 999500, "B", "1.00 MB"},
        {SZ_AS_SI, 640, "B", "640 B"},
        {SZ_AS_SI, 9.2e18, NULL, "9.20 E"},
        {SZ_AS_SI, 0.0123, "s", "12.3 ms"},
        {SZ_AS_SI, 0.00000123, "s", "1.23 µs"},
        {SZ_AS_SI, 1, "s", "1 s"},
        {SZ_AS_SI, -1500, NULL, "-1.50 k"},
        {SZ_AS_SI, NAN, NULL, "-"},
        {SZ_AS_NUMBER, 27.8937, "FLOP/B", "27.89 FLOP/B"},
        {SZ_AS_NUMBER, 0.125, NULL, "0.125"},
        {SZ_AS_NUMBER, 9.9996, NULL, "10.00"},
        {SZ_AS_NUMBER, 123456.7, NULL, "123,457"},
        {SZ_AS_NUMBER, 0.00001234, NULL, "1.23e-05"},
        {SZ_AS_PERCENT, 0.55, NULL, "55.0%"},
        {SZ_AS_PERCENT, 1, NULL, "100.0%"},
        {SZ_AS_INT, 1234567, NULL, "1,234,567"},
        {SZ_AS_INT, -1000, "B", "-1,000 B"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sz_buf buf;
        sz_buf_init(&buf, ctx);
        sz_buf_number(&buf, cases[i].format, cases[i].v, cases[i].unit);
        expect(&buf, cases[i].want);
    }
    sz_buf buf;
    sz_buf_init(&buf, ctx);
    sz_buf_grouped(&buf, INT64_MIN);
    expect(&buf, "-9,223,372,036,854,775,808");
}

// ---- text --------------------------------------------------------------------------------------

static void expect_short(const char *text, size_t width, const char *want) {
    sz_buf buf;
    sz_buf_init(&buf, ctx);
    sz_text_shorten(&buf, text, strlen(text), width);
    if (width) assert_true(sz_text_width(buf.data, buf.size) <= width);
    expect(&buf, want);
}

static void long_names_lose_their_middle(void **state) {
    (void)state;
    expect_short("abcdefgh", 8, "abcdefgh");
    expect_short("abcdefgh", 7, "ab…efgh");
    expect_short("abcdefgh", 6, "a…efgh");
    expect_short("abcdefgh", 1, "…");
    expect_short("abcdefgh", 0, "");
    expect_short("層層層層", 5, "…層");
    expect_short("ééééé", 3, "…éé");
    assert_int_equal(sz_text_width("e\xcc\x81", 3), 1);
}

static void a_near_name_is_a_hint(void **state) {
    (void)state;
    static const char *const names[] = {"count", "explain", "list", NULL};
    assert_string_equal(sz_text_nearest("cuont", names), "count");
    assert_string_equal(sz_text_nearest("lst", names), "list");
    assert_null(sz_text_nearest("zzzzzz", names));
    assert_null(sz_text_nearest("", names));
    char huge[5000];
    memset(huge, 'a', sizeof huge - 1);
    huge[sizeof huge - 1] = 0;
    assert_null(sz_text_nearest(huge, names));
}

// ---- documents ---------------------------------------------------------------------------------

static sz_doc *sample_doc(void) {
    static const sz_column columns[] = {
        {"name", "layer", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"macs", "MACs", NULL, SZ_AS_SI, 0},
        {"bytes", "moved", "B", SZ_AS_SI, 0},
        {"rate", "speed", "FLOP/s", SZ_AS_SI, 0},
        {NULL, "share", NULL, SZ_AS_PERCENT, SZ_COLUMN_SHOW},
        {"hidden", NULL, NULL, SZ_AS_INT, SZ_COLUMN_DATA},
        {"why", "why", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc *doc;
    assert_int_equal(sz_doc_create(ctx, "sizeup.test/1", &doc), SZ_OK);
    sz_doc_heading(doc, "head\x1b");
    sz_doc_fact(doc, "macs", "MACs", sz_cell_i64(1814073344), SZ_AS_SI, NULL);
    sz_doc_fact(doc, "bytes", "weights", sz_cell_i64(640), SZ_AS_SI, "B");
    sz_doc_fact_note(doc, "time_s", "time", sz_cell_f64(0.0123), SZ_AS_SI, "s", "about");
    sz_doc_fact(doc, "where", "where", sz_cell_text("a\nb"), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "secret", NULL, sz_cell_none(), SZ_AS_TEXT, NULL);
    sz_doc_table(doc, "rows", columns, 7);
    const sz_cell one[] = {sz_cell_text("/model/a very long name of a layer/Conv"),
                           sz_cell_i64(118013952), sz_cell_i64(640), sz_cell_f64(1e12),
                           sz_cell_f64(0.75), sz_cell_i64(7),
                           sz_cell_text("words that go on in the next line of the table")};
    const sz_cell two[] = {sz_cell_text("=x|y"), sz_cell_i64(0), sz_cell_i64(6422528)};
    sz_doc_row(doc, one, 7);
    sz_doc_rule(doc);
    sz_doc_row(doc, two, 3);
    sz_doc_line(doc, "a line, %d%%", 50);
    return doc;
}

static void expect_doc(const char *format, int width, const char *want) {
    sz_doc *doc = sample_doc();
    sz_buf buf;
    sz_buf_init(&buf, ctx);
    sz_write_options options = {.format = format, .width = width};
    assert_int_equal(sz_doc_write(ctx, doc, &options, &buf), SZ_OK);
    sz_doc_destroy(doc);
    expect(&buf, want);
}

#define TEN "──────────"
#define RULE TEN TEN TEN TEN TEN TEN TEN TEN "────────\n"

static void document_as_text(void **state) {
    (void)state;
    expect_doc("text", 88,
        "head\\x1b\n"
        "  MACs     1,814,073,344     (1.81 G)\n"
        "  weights            640 B\n"
        "  time              12.3 ms            about\n"
        "  where    a\\nb\n"
        "\n"
        RULE
        "layer             MACs    moved  speed [FLOP/s]  share  why\n"
        RULE
        "/mod…layer/Conv  118 M   640  B          1.00 T  75.0%  words that go on in the next\n"
        "                                                        line of the table\n"
        RULE
        "=x|y               0    6.42 MB             -        -  -\n"
        RULE
        "a line, 50%\n");
}

static void document_as_markdown(void **state) {
    (void)state;
    expect_doc("md", 0,
        "## head\\\\x1b\n"
        "\n"
        "- MACs: 1,814,073,344 (1.81 G)\n"
        "- weights: 640 B\n"
        "- time: 12.3 ms about\n"
        "- where: a\\\\nb\n"
        "\n"
        "| layer | MACs | moved | speed \\[FLOP/s\\] | share | why |\n"
        "|:---|---:|---:|---:|---:|:---|\n"
        "| /model/a very long name of a layer/Conv | 118 M | 640 B | 1.00 T | 75.0% | "
        "words that go on in the next line of the table |\n"
        "| =x\\|y | 0 | 6.42 MB | - | - | - |\n"
        "\n"
        "a line, 50%\n");
}

static void document_as_csv(void **state) {
    (void)state;
    expect_doc("csv", 0,
        "name,macs,bytes,rate,hidden,why\r\n"
        "/model/a very long name of a layer/Conv,118013952,640,1000000000000,7,"
        "words that go on in the next line of the table\r\n"
        "'=x|y,0,6422528,,,\r\n");
}

static void document_as_json(void **state) {
    (void)state;
    expect_doc("json", 0,
        "{\n"
        "  \"schema\": \"sizeup.test/1\",\n"
        "  \"macs\": 1814073344,\n"
        "  \"bytes\": 640,\n"
        "  \"time_s\": 0.0123,\n"
        "  \"where\": \"a\\nb\",\n"
        "  \"secret\": null,\n"
        "  \"rows\": [\n"
        "    {\"name\": \"/model/a very long name of a layer/Conv\", \"macs\": 118013952, "
        "\"bytes\": 640, \"rate\": 1000000000000, \"hidden\": 7, "
        "\"why\": \"words that go on in the next line of the table\"},\n"
        "    {\"name\": \"=x|y\", \"macs\": 0, \"bytes\": 6422528, \"rate\": null, "
        "\"hidden\": null, \"why\": null}\n"
        "  ]\n"
        "}\n");
}

// And a line behind a row ends no table.
static void negative_numbers_in_csv_are_numbers(void **state) {
    (void)state;
    static const sz_column columns[] = {{"v", "v", NULL, SZ_AS_INT, 0}};
    sz_doc *doc;
    assert_int_equal(sz_doc_create(ctx, NULL, &doc), SZ_OK);
    sz_doc_table(doc, "rows", columns, 1);
    const sz_cell cell = sz_cell_i64(-5);
    sz_doc_row(doc, &cell, 1);
    sz_doc_line(doc, "of the first row");
    sz_doc_row(doc, &cell, 1);
    sz_buf buf;
    sz_buf_init(&buf, ctx);
    sz_write_options options = {.format = "csv"};
    assert_int_equal(sz_doc_write(ctx, doc, &options, &buf), SZ_OK);
    sz_doc_destroy(doc);
    expect(&buf, "v\r\n-5\r\n-5\r\n");
}

static void an_unknown_format_is_named(void **state) {
    (void)state;
    sz_doc *doc = sample_doc();
    sz_buf buf;
    sz_buf_init(&buf, ctx);
    sz_write_options options = {.format = "xml"};
    assert_int_equal(sz_doc_write(ctx, doc, &options, &buf), SZ_ERR_USAGE);
    assert_non_null(strstr(sz_ctx_error(ctx), "'xml'"));
    sz_buf_finish(&buf);
    sz_doc_destroy(doc);
}

// ---- no memory ---------------------------------------------------------------------------------

typedef struct counter {
    int left; // allocations that still work
} counter;

static void *failing_realloc(void *user, void *old, size_t old_size, size_t new_size) {
    counter *c = user;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return c->left-- > 0 ? realloc(old, new_size) : NULL;
}

// Whatever allocation fails, writing says so, or the output is whole.
static void no_memory_is_reported(void **state) {
    (void)state;
    static const char *const formats[] = {"text", "json", "csv", "md"};
    for (int i = 0; i < 4 * 60; i++) {
        counter c = {i / 4};
        const sz_allocator allocator = {failing_realloc, &c};
        sz_ctx *own = sz_ctx_create(&allocator);
        if (!own) continue;
        sz_doc *doc = NULL;
        if (sz_doc_create(own, "s", &doc) == SZ_OK) {
            sz_buf buf;
            sz_buf_init(&buf, own);
            sz_doc_heading(doc, "head");
            sz_doc_fact(doc, "k", "t", sz_cell_text("v"), SZ_AS_TEXT, NULL);
            sz_doc_record_table(doc, "rows", &sample_type);
            sz_doc_record_row(doc, &sample_type, &(sample){1, 2, "x", 0});
            sz_doc_line(doc, "line");
            sz_write_options options = {.format = formats[i % 4]};
            sz_status status = sz_doc_write(own, doc, &options, &buf);
            assert_true(status == SZ_OK || status == SZ_ERR_MEMORY);
            if (c.left < 0) assert_int_equal(status, SZ_ERR_MEMORY);
            sz_buf_finish(&buf);
        }
        sz_doc_destroy(doc);
        assert_int_equal(sz_ctx_memory_used(own), 0);
        sz_ctx_destroy(own);
    }
}

typedef struct pipe_end {
    size_t got, calls;
    int refuse;
} pipe_end;

static int drain(void *user, const char *bytes, size_t n) {
    pipe_end *p = user;
    (void)bytes;
    p->got += n;
    p->calls++;
    return p->refuse;
}

static void a_drain_keeps_the_buffer_small(void **state) {
    (void)state;
    for (int refuse = 0; refuse < 2; refuse++) {
        pipe_end end = {.refuse = refuse};
        sz_buf buf;
        sz_buf_init(&buf, ctx);
        buf.drain = drain;
        buf.user = &end;
        for (int i = 0; i < 100000; i++) sz_buf_puts(&buf, "0123456789");
        assert_int_equal(sz_buf_status(&buf), refuse ? SZ_ERR_IO : SZ_OK);
        if (refuse) assert_int_equal(end.calls, 1);
        else assert_int_equal(end.got + buf.size, 1000000);
        assert_true(buf.capacity <= 1 << 17);
        sz_buf_finish(&buf);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(encoders_defuse_poison_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_bytes_give_clean_output, set_up, tear_down),
        cmocka_unit_test_setup_teardown(json_of_any_bytes_is_valid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(json_has_commas_lines_and_nulls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(json_writes_records_by_descriptor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(doubles_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_for_people, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_names_lose_their_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_near_name_is_a_hint, set_up, tear_down),
        cmocka_unit_test_setup_teardown(document_as_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(document_as_markdown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(document_as_csv, set_up, tear_down),
        cmocka_unit_test_setup_teardown(document_as_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(negative_numbers_in_csv_are_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_format_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_memory_is_reported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_drain_keeps_the_buffer_small, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
