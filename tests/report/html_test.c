// SPDX-License-Identifier: Apache-2.0
// Documents as HTML: what is escaped, how tables, lists and figures come out, and in text.
#include <sizeup/doc.h>

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
    const bool leak = sz_ctx_memory_used(ctx) != 0;
    sz_ctx_destroy(ctx);
    return leak ? -1 : 0;
}

// The document in a format, to be freed; it is destroyed.
static char *written(sz_doc *doc, const char *format) {
    sz_buf buf;
    sz_buf_init(&buf, ctx);
    const sz_write_options options = {.format = format};
    assert_int_equal(sz_doc_write(ctx, doc, &options, &buf), SZ_OK);
    sz_buf_putc(&buf, '\0');
    char *text = malloc(buf.size);
    assert_non_null(text);
    memcpy(text, buf.data, buf.size);
    sz_buf_finish(&buf);
    sz_doc_destroy(doc);
    return text;
}

static sz_doc *begin(void) {
    sz_doc *doc = NULL;
    assert_int_equal(sz_doc_create(ctx, "test/1", &doc), SZ_OK);
    return doc;
}

static size_t count(const char *text, const char *what) {
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what)) n++;
    return n;
}

static void expect(const char *text, const char *what) {
    if (!strstr(text, what)) fail_msg("the page lacks: %s", what);
}

static const char nasty[] = "</title><script>x()</script>\" onload=\"y()\x1b\xff";
static const char plain[] = "&lt;/title&gt;&lt;script&gt;x()&lt;/script&gt;&quot; onload=&quot;y()"
                            "\\x1b\\xff";

static sz_plot *plot_of(const char *tip) {
    sz_plot *plot = NULL;
    assert_int_equal(sz_plot_create(ctx, &plot), SZ_OK);
    sz_plot_set_axis(plot, 0, &(sz_plot_axis){"x", 0, 10, 1});
    sz_plot_set_axis(plot, 1, &(sz_plot_axis){tip, 0, 10, 1});
    sz_plot_add_point(plot, &(sz_plot_point){5, 5, 1, NULL, tip, SZ_PLOT_SERIES});
    return plot;
}

// One name at every place where a text can stand.
static void names_stay_text(void **state) {
    (void)state;
    static const sz_column columns[] = {{"a", nasty, nasty, SZ_AS_TEXT, 0}};
    sz_doc *doc = begin();
    sz_doc_title(doc, nasty, nasty);
    sz_doc_heading(doc, nasty);
    sz_doc_line(doc, "%s", nasty);
    sz_doc_fact_note(doc, "k", nasty, sz_cell_text(nasty), SZ_AS_TEXT, NULL, nasty);
    sz_doc_table(doc, "t", columns, 1);
    sz_doc_row(doc, (sz_cell[]){sz_cell_text(nasty)}, 1);
    sz_doc_table(doc, "l", columns, 1);
    sz_doc_as_list(doc);
    sz_doc_row(doc, (sz_cell[]){sz_cell_text(nasty)}, 1);
    const sz_doc_view views[] = {{nasty, plot_of(nasty)}, {nasty, plot_of(nasty)}};
    sz_doc_figure(doc, nasty, nasty, views, 2);
    char *page = written(doc, "html");
    assert_int_equal(count(page, "<script>"), 1); // the page's own
    assert_null(strstr(page, "x()</script>"));
    assert_null(strstr(page, "onload=\""));
    assert_null(strchr(page, '\x1b'));
    assert_true(count(page, plain) >= 16);
    free(page);
}

static void tables_and_lists(void **state) {
    (void)state;
    static const sz_column columns[] = {
        {"name", "name", NULL, SZ_AS_TEXT, 0},
        {"a_s", "a", "s", SZ_AS_SI, SZ_COLUMN_BAR},
        {"b_s", "b", "s", SZ_AS_SI, SZ_COLUMN_BAR | SZ_COLUMN_PAGE},
        {"n", "n", NULL, SZ_AS_INT, 0},
        {"hidden", NULL, NULL, SZ_AS_INT, SZ_COLUMN_DATA},
    };
    sz_doc *doc = begin();
    sz_doc_heading(doc, "First");
    sz_doc_table(doc, "t", columns, 5);
    const sz_cell one[] = {sz_cell_text("one"), sz_cell_f64(0.002), sz_cell_f64(0.004),
                           sz_cell_i64(1234567890123), sz_cell_i64(77)};
    sz_doc_row(doc, one, 5);
    sz_doc_row(doc, (sz_cell[]){sz_cell_text("two"), sz_cell_none(), sz_cell_f64(0.001)}, 3);
    char *page = written(doc, "html");
    expect(page, "<title>First</title>"); // a page without a title is called by its first heading
    expect(page, "<th scope=\"row\">one</th><td class=\"b\" data-v=\"0.002\"><i "
                 "style=\"--w:50.0%\"></i>2.00 ms"
                 "</td><td class=\"b\" data-v=\"0.004\"><i style=\"--w:100.0%\"></i>4.00 ms</td>"
                 "<td data-v=\"1234567890123\">1,234,567,890,123</td></tr>");
    expect(page, "<th scope=\"row\">two</th><td class=\"n\">\xE2\x80\x93</td>");
    assert_null(strstr(page, "77</td>"));
    free(page);
}

static void in_text_a_list_is_sentences(void **state) {
    (void)state;
    static const sz_column columns[] = {{"says", "says", NULL, SZ_AS_TEXT, 0},
                                        {"because", "because", NULL, SZ_AS_TEXT, 0},
                                        {"rule", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA}};
    const sz_cell row[] = {sz_cell_text("It is slow."), sz_cell_text("7 of 9"),
                           sz_cell_text("slow")};
    sz_doc *doc = begin();
    sz_doc_title(doc, "T", "below");
    sz_doc_table(doc, "l", columns, 3);
    sz_doc_as_list(doc);
    sz_doc_row(doc, row, 3);
    char *text = written(doc, "text");
    assert_string_equal(text, "T\nbelow\n\n- It is slow.\n    7 of 9\n");
    free(text);
    doc = begin();
    sz_doc_table(doc, "l", columns, 3);
    sz_doc_as_list(doc);
    sz_doc_row(doc, row, 3);
    char *json = written(doc, "json");
    expect(json, "\"rule\": \"slow\"");
    free(json);
}

static void figures_have_views(void **state) {
    (void)state;
    sz_doc *doc = begin();
    sz_doc_title(doc, "T", NULL);
    const sz_doc_view views[] = {{"log", plot_of("tip A")}, {"linear", plot_of("tip B")}};
    sz_doc_figure(doc, "A caption.", "what there is to see", views, 2);
    char *page = written(doc, "html");
    assert_int_equal(count(page, "<input type=\"radio\""), 2);
    assert_int_equal(count(page, " checked>"), 1);
    assert_int_equal(count(page, "<svg "), 2);
    expect(page, "aria-label=\"what there is to see: linear\"");
    expect(page, "<title>tip B</title>");
    expect(page, "<figcaption>A caption.</figcaption>");
    free(page);
    doc = begin();
    sz_doc_figure(doc, "A caption.", "alt", &(sz_doc_view){"one", plot_of(NULL)}, 1);
    char *md = written(doc, "md");
    assert_int_equal(count(md, "```\n"), 2);
    expect(md, "A caption.");
    free(md);
}

static void lines_go_on(void **state) {
    (void)state;
    sz_doc *doc = begin();
    sz_doc_line(doc, "- an item that");
    sz_doc_line(doc, "  goes on");
    sz_doc_line(doc, "A paragraph.");
    char *page = written(doc, "html");
    expect(page, "<p class=\"item\">an item that goes on</p>\n<p>A paragraph.</p>");
    free(page);
}

static void an_empty_document_is_a_page(void **state) {
    (void)state;
    char *page = written(begin(), "html");
    expect(page, "<title>test/1</title>");
    expect(page, "</main>");
    free(page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_stay_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tables_and_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(in_text_a_list_is_sentences, set_up, tear_down),
        cmocka_unit_test_setup_teardown(figures_have_views, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_go_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_document_is_a_page, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
