// SPDX-License-Identifier: Apache-2.0
// `sizeup plot compare A B`: ratios of the times of two runs.
#include "cli/plots.h"
#include "cli/stores.h"
#include "cli/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int finding_of(const sz_change *r) {
    static const struct {
        const char *text;
        int finding;
    } words[] = {{"slower", 1}, {"faster", -1}, {"no difference", 0}};
    for (size_t i = 0; r->finding && i < CLI_COUNT(words); i++)
        if (strcmp(r->finding, words[i].text) == 0) return words[i].finding;
    return 2;
}

static void put_rows(sz_doc *doc, const sz_bench_comparison *c) {
    sz_doc_record_table(doc, "rows", sz_change_type());
    for (size_t i = 0; i < sz_bench_comparison_count(c); i++) {
        const sz_change r = sz_bench_comparison_row(c, i);
        sz_doc_record_row(doc, sz_change_type(), &r);
    }
}

static sz_status draw(cli_app *app, const plot_options *o, const sz_bench_comparison *c,
                      sz_plot *plot) {
    const size_t n = sz_bench_comparison_count(c);
    char title[300], sub[200];
    const sz_changes sums = sz_bench_comparison_sums(c);
    sz_chart_change *rows = calloc(n + 1, sizeof *rows);
    if (!rows) return SZ_ERR_MEMORY;
    for (size_t i = 0; i < n; i++) {
        const sz_change r = sz_bench_comparison_row(c, i);
        const bool tested = isfinite(r.shift);
        rows[i] = (sz_chart_change){.name = r.name,
                                    .ratio = tested ? r.shift : r.ratio,
                                    .lo = tested ? r.shift_lo : NAN,
                                    .hi = tested ? r.shift_hi : NAN,
                                    .a_s = r.a_s,
                                    .b_s = r.b_s,
                                    .finding = finding_of(&r)};
    }
    const char *a = cli_base_name(app->args[1]), *b = cli_base_name(app->args[2]);
    snprintf(title, sizeof title, "%.100s beside %.100s", b, a);
    snprintf(sub, sizeof sub, "A = %.60s, B = %.60s: %lld slower, %lld faster of %lld tested", a, b,
             (long long)sums.slower, (long long)sums.faster, (long long)sums.tested);
    const sz_chart_changes_options how = {title, sub, sums.mean_ratio,
                                          (int)(o->top > 10000 ? 10000 : o->top)};
    const sz_status status = sz_chart_changes(app->ctx, rows, n, &how, plot);
    free(rows);
    return status;
}

static int show(cli_app *app, const plot_options *o, const sz_bench_comparison *c) {
    sz_plot *plot = NULL;
    sz_doc *doc = NULL;
    if (sz_bench_comparison_count(c) == 0)
        return cli_error(app, CLI_INPUT, "A and B have no case in common");
    int code = plot_start(app, "compare", app->args[1], &plot, &doc);
    if (code == CLI_DONE) {
        const sz_status status = draw(app, o, c, plot);
        if (status != SZ_OK) code = cli_fail(app, status);
    }
    if (code == CLI_DONE) {
        if (!cli_wants(app, "text") && !cli_wants(app, "md")) put_rows(doc, c);
        code = cli_write_picture(app, &(cli_picture){plot, doc, &o->picture});
    }
    sz_doc_destroy(doc);
    sz_plot_destroy(plot);
    return code;
}

int plot_compare(cli_app *app, const plot_options *o) {
    sz_bench_set *sets[2] = {NULL, NULL};
    sz_bench_comparison *c = NULL;
    sz_status status = SZ_OK;
    if (app->n_args < 3) return cli_error(app, CLI_USAGE, "plot compare needs two runs A B");
    for (int i = 0; status == SZ_OK && i < 2; i++) {
        const cli_word_kind what = cli_kind_of(app->args[i + 1]);
        if (what != CLI_PLACE && what != CLI_RECORDS)
            return sz_bench_set_destroy(sets[0]),
                   cli_error(app, CLI_USAGE, "'%s' is neither a run nor a file of results",
                             app->args[i + 1]);
        status = cli_load_records(app, o->store, app->args[i + 1], what, &sets[i]);
    }
    const sz_compare_options how = {strcmp(o->match, "work") == 0, 0};
    if (status == SZ_OK) status = sz_bench_compare(app->ctx, sets[0], sets[1], &how, &c);
    const int code = status == SZ_OK ? show(app, o, c) : cli_fail(app, status);
    sz_bench_comparison_destroy(c);
    sz_bench_set_destroy(sets[0]);
    sz_bench_set_destroy(sets[1]);
    return code;
}
