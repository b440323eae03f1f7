// SPDX-License-Identifier: Apache-2.0
// `sizeup list TABLE`: the tables of the library, each as a document table.
#include "cli/machines.h"

#include <stdio.h>
#include <string.h>

#include <sizeup/bench.h>
#include <sizeup/cost.h>
#include <sizeup/dtype.h>
#include <sizeup/explore.h>
#include <sizeup/inference.h>
#include <sizeup/llm_write.h>
#include <sizeup/limits.h>
#include <sizeup/machine.h>
#include <sizeup/model.h>
#include <sizeup/network.h>
#include <sizeup/optimize.h>
#include <sizeup/results.h>
#include <sizeup/run.h>

static const cli_schema_row schema[] = {
    {1, "tables", CLI_J_ARRAY, "without a word: the tables there are", NULL, true},
    {2, "name", CLI_J_STRING, NULL, NULL, false},
    {2, "what", CLI_J_STRING, NULL, NULL, false},
#define LISTING(name, ident, what) {1, name, CLI_J_ARRAY, what, NULL, true},
#include "cli/listings.def"
#undef LISTING
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};
static const size_t n_schema = CLI_COUNT(schema);

const cli_usage cli_list_usage = {
    .schema = schema,
    .n_schema = &n_schema,
    .max_args = 1,
    .notes = "Without a word: the tables there are. --format gives any of them as JSON or CSV.\n",
};

// ---- one function per table --------------------------------------------------------------------

static void fill_ops(sz_doc *doc) {
    static const sz_column columns[] = {
        {"domain", "domain", NULL, SZ_AS_TEXT, 0},  {"name", "operator", NULL, SZ_AS_TEXT, 0},
        {"since", "since opset", NULL, SZ_AS_INT, 0}, {"kind", "kind", NULL, SZ_AS_TEXT, 0},
        {"costed", "costed", NULL, SZ_AS_TEXT, 0},
    };
    sz_doc_table(doc, "ops", columns, CLI_COUNT(columns));
    sz_op_row row;
    for (size_t i = 0; sz_list_op(i, &row); i++) {
        const sz_cell cells[] = {
            sz_cell_text(*row.domain ? row.domain : "ai.onnx"), sz_cell_text(row.name),
            sz_cell_i64(row.since), sz_cell_text(row.kind), sz_cell_bool(row.costed),
        };
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void fill_formats(sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "format", NULL, SZ_AS_TEXT, 0},
        {"extensions", "extensions", NULL, SZ_AS_TEXT, 0},
        {"what", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "formats", columns, CLI_COUNT(columns));
    sz_format_row row;
    for (size_t i = 0; sz_list_format(i, &row); i++) {
        const sz_cell cells[] = {sz_cell_text(row.name), sz_cell_text(row.extensions),
                                 sz_cell_text(row.what)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void fill_exchanges(sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "exchange", NULL, SZ_AS_TEXT, 0},
        {"what", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "exchanges", columns, CLI_COUNT(columns));
    sz_exchange_row row;
    for (size_t i = 0; sz_list_exchange(i, &row); i++) {
        const sz_cell cells[] = {sz_cell_text(row.name), sz_cell_text(row.what)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void fill_models(sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "model", NULL, SZ_AS_TEXT, 0},
        {"kind", "kind", NULL, SZ_AS_TEXT, 0},
        {"what", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "models", columns, CLI_COUNT(columns));
    sz_net_row row;
    for (size_t i = 0; sz_list_net(i, &row); i++) {
        const sz_cell cells[] = {sz_cell_text(row.name),
                                 sz_cell_text(row.is_net ? "net" : "operator"),
                                 sz_cell_text(row.what)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    sz_doc_line(doc, "Each stands for a model file: 'sizeup count resnet:depth=50,batch=8'.");
    sz_doc_line(doc, "Their parameters: 'sizeup list parameters'.");
}

static void fill_parameters(sz_doc *doc) {
    static const sz_column columns[] = {
        {"model", "model", NULL, SZ_AS_TEXT, 0},     {"name", "parameter", NULL, SZ_AS_TEXT, 0},
        {"default", "usual", NULL, SZ_AS_TEXT, 0},   {"values", "values", NULL, SZ_AS_TEXT, 0},
        {"what", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_net_row net;
    sz_net_param_row p;
    sz_doc_table(doc, "parameters", columns, CLI_COUNT(columns));
    for (size_t i = 0; sz_list_net(i, &net); i++)
        for (size_t k = 0; sz_list_net_param(i, k, &p); k++) {
            char range[64];
            if (p.max < 1 << 20)
                snprintf(range, sizeof range, "%lld-%lld%s", (long long)p.min, (long long)p.max,
                         p.many ? "[x...]" : "");
            else
                snprintf(range, sizeof range, "from %lld%s", (long long)p.min,
                         p.many ? "[x...]" : "");
            const sz_cell cells[] = {sz_cell_text(net.name), sz_cell_text(p.name),
                                     sz_cell_text(p.usual),
                                     sz_cell_text(p.words ? p.words : range),
                                     sz_cell_text(p.what)};
            sz_doc_row(doc, cells, CLI_COUNT(cells));
        }
}

static void fill_conventions(sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "convention", NULL, SZ_AS_TEXT, 0},
        {"unit", "unit", NULL, SZ_AS_TEXT, 0},
        {"what", "what it counts", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "conventions", columns, CLI_COUNT(columns));
    sz_convention_row row;
    for (size_t i = 0; sz_list_convention(i, &row); i++) {
        const sz_cell cells[] = {sz_cell_text(row.name), sz_cell_text(row.unit),
                                 sz_cell_text(row.what)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void fill_passes(sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "pass", NULL, SZ_AS_TEXT, 0},
        {"sort", "sort", NULL, SZ_AS_TEXT, 0},
        {"what", "what it does", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "passes", columns, CLI_COUNT(columns));
    sz_pass_row row;
    for (size_t i = 0; sz_list_pass(i, &row); i++) {
        const sz_cell cells[] = {sz_cell_text(row.name), sz_cell_text(row.sort),
                                 sz_cell_text(row.what)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

// The fusions of a recipe in one line.
static const char *fusions_of(size_t recipe, char *text, size_t size) {
    size_t len = 0;
    const char *name;
    text[0] = '\0';
    for (size_t i = 0; (name = sz_recipe_fusion(recipe, i)) && len + strlen(name) + 2 < size; i++) {
        if (len) text[len++] = ' ';
        memcpy(text + len, name, strlen(name) + 1);
        len += strlen(name);
    }
    return text;
}

static void fill_recipes(sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "recipe", NULL, SZ_AS_TEXT, 0},
        {"what", "what", NULL, SZ_AS_TEXT, 0},
        {"fusions", "fusions", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
        {"passes", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
        {"source", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    };
    sz_doc_table(doc, "recipes", columns, CLI_COUNT(columns));
    sz_recipe_row row;
    for (size_t i = 0; sz_list_recipe(i, &row); i++) {
        char fusions[1024];
        const sz_cell cells[] = {sz_cell_text(row.name), sz_cell_text(row.what),
                                 sz_cell_text(fusions_of(i, fusions, sizeof fusions)),
                                 sz_cell_text(row.passes), sz_cell_text(row.source)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void fill_stacks(sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "stack", NULL, SZ_AS_TEXT, 0},
        {"on", "on", NULL, SZ_AS_TEXT, 0},
        {"memory_lo", "memory from", NULL, SZ_AS_NUMBER, 0},
        {"memory_hi", "to", NULL, SZ_AS_NUMBER, 0},
        {"compute_lo", "compute from", NULL, SZ_AS_NUMBER, 0},
        {"compute_hi", "to", NULL, SZ_AS_NUMBER, 0},
        {"fixed_s", "fixed", "s", SZ_AS_SI, 0},
        {"source", "source", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "stacks", columns, CLI_COUNT(columns));
    sz_stack s;
    for (size_t i = 0; sz_list_stack(i, &s); i++) {
        const sz_cell cells[] = {sz_cell_text(s.name),      sz_cell_text(s.on),
                                 sz_cell_f64(s.memory_lo),  sz_cell_f64(s.memory_hi),
                                 sz_cell_f64(s.compute_lo), sz_cell_f64(s.compute_hi),
                                 sz_cell_f64(s.fixed_s),    sz_cell_text(s.source)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void fill_space(sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "parameter", NULL, SZ_AS_TEXT, 0},
        {"of", "of", NULL, SZ_AS_TEXT, 0},
        {"what", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "space", columns, CLI_COUNT(columns));
    sz_explore_parameter_row row;
    for (size_t i = 0; sz_list_explore_parameter(i, &row); i++) {
        const sz_cell cells[] = {sz_cell_text(row.name), sz_cell_text(row.of),
                                 sz_cell_text(row.what)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void fill_metrics(sz_doc *doc) {
    static const sz_column columns[] = {
        {"word", "metric", NULL, SZ_AS_TEXT, 0},
        {"key", "key in JSON", NULL, SZ_AS_TEXT, 0},
        {"unit", "unit", NULL, SZ_AS_TEXT, 0},
        {"higher", "more is better", NULL, SZ_AS_TEXT, 0},
        {"what", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "metrics", columns, CLI_COUNT(columns));
    sz_metric m;
    for (size_t i = 0; sz_list_metric(i, &m); i++) {
        const sz_cell cells[] = {sz_cell_text(m.word), sz_cell_text(m.key), sz_cell_text(m.unit),
                                 sz_cell_bool(m.higher), sz_cell_text(m.doc)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void fill_searches(sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "search", NULL, SZ_AS_TEXT, 0},
        {"what", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "searches", columns, CLI_COUNT(columns));
    sz_search_row row;
    for (size_t i = 0; sz_list_search(i, &row); i++) {
        const sz_cell cells[] = {sz_cell_text(row.name), sz_cell_text(row.what)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void fill_words(sz_doc *doc) {
    static const sz_column columns[] = {{"name", "word", NULL, SZ_AS_TEXT, 0},
                                        {"what", "what it is; what is taken without it", NULL,
                                         SZ_AS_TEXT, SZ_COLUMN_WRAP}};
    char archs[512] = "--arch";
    sz_llm_word_row row;
    sz_doc_table(doc, "words", columns, CLI_COUNT(columns));
    for (size_t i = 0; sz_list_llm_word(i, &row); i++) {
        const sz_cell cells[] = {sz_cell_text(row.name), sz_cell_text(row.what)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    for (size_t i = 0; sz_list_llm_writable(i); i++) {
        const size_t n = strlen(archs);
        snprintf(archs + n, sizeof archs - n, "%s %s", i ? "," : "", sz_list_llm_writable(i));
    }
    sz_doc_line(doc, "%s", archs);
}

static void fill_optimizers(sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "optimizer", NULL, SZ_AS_TEXT, 0},
        {"flops_per_parameter", "FLOPs", NULL, SZ_AS_INT, 0},
        {"states_per_parameter", "states", NULL, SZ_AS_INT, 0},
        {"what", "what it keeps", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "optimizers", columns, CLI_COUNT(columns));
    sz_optimizer_row row;
    for (size_t i = 0; sz_list_optimizer(i, &row); i++) {
        sz_cell cells[] = {sz_cell_text(row.name), sz_cell_i64(row.flops), sz_cell_i64(row.states),
                           sz_cell_text(row.what)};
        if (row.states < 0) cells[2] = sz_cell_text(NULL); // fewer than one each
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    sz_doc_line(doc, "FLOPs and f32 states of each parameter and update");
}

static void fill_dtypes(sz_doc *doc) {
    static const char *const classes[] = {
        [SZ_CLASS_NONE] = "none", [SZ_CLASS_FLOAT] = "float",   [SZ_CLASS_INT] = "int",
        [SZ_CLASS_UINT] = "uint", [SZ_CLASS_BOOL] = "bool",     [SZ_CLASS_STRING] = "string",
        [SZ_CLASS_COMPLEX] = "complex", [SZ_CLASS_BLOCK] = "block",
    };
    static const sz_column columns[] = {
        {"name", "dtype", NULL, SZ_AS_TEXT, 0},
        {"class", "class", NULL, SZ_AS_TEXT, 0},
        {"bits", "bits", NULL, SZ_AS_INT, 0},
        {"block_elements", "elements of a block", NULL, SZ_AS_INT, 0},
        {"block_bytes", "bytes of a block", NULL, SZ_AS_INT, 0},
    };
    sz_doc_table(doc, "dtypes", columns, CLI_COUNT(columns));
    for (int i = 1; i < sz_dtype_count(); i++) {
        const sz_dtype_info *t = sz_dtype_get((sz_dtype)i);
        bool known = (size_t)t->cls < CLI_COUNT(classes);
        const sz_cell cells[] = {
            sz_cell_text(t->name), sz_cell_text(known ? classes[t->cls] : NULL),
            sz_cell_i64(t->bits), sz_cell_i64(t->block_elements),
            t->block_bytes ? sz_cell_i64(t->block_bytes) : sz_cell_none(),
        };
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static const sz_column name_and_what[] = {
    {"name", "name", NULL, SZ_AS_TEXT, 0},
    {"what", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
};

static void put_name(sz_doc *doc, const char *name, const char *what) {
    const sz_cell cells[] = {sz_cell_text(name), sz_cell_text(what)};
    sz_doc_row(doc, cells, CLI_COUNT(cells));
}

static void fill_limits(sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "limit", NULL, SZ_AS_TEXT, 0},
        {"value", "value", NULL, SZ_AS_INT, 0},
        {"unit", "unit", NULL, SZ_AS_TEXT, 0},
        {"beyond", "beyond", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "limits", columns, CLI_COUNT(columns));
    sz_limit_row row;
    for (size_t i = 0; sz_list_limit(i, &row); i++) {
        const sz_cell cells[] = {sz_cell_text(row.name), sz_cell_i64(row.value),
                                 sz_cell_text(row.unit), sz_cell_text(row.beyond)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void fill_stores(sz_doc *doc) {
    static const sz_column columns[] = {
        {"scheme", "scheme", NULL, SZ_AS_TEXT, 0},
        {"what", "what", NULL, SZ_AS_TEXT, 0},
        {"off", "off", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "stores", columns, CLI_COUNT(columns));
    sz_store_driver_row row;
    for (size_t i = 0; sz_list_store_driver(i, &row); i++) {
        const sz_cell cells[] = {sz_cell_text(row.scheme), sz_cell_text(row.what),
                                 sz_cell_text(row.off)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void fill_results(sz_doc *doc) {
    static const sz_column columns[] = {{"name", "format", NULL, SZ_AS_TEXT, 0},
                                        {"what", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP}};
    sz_doc_table(doc, "results", columns, CLI_COUNT(columns));
    sz_result_format_row row;
    for (size_t i = 0; sz_list_result_format(i, &row); i++) {
        const sz_cell cells[] = {sz_cell_text(row.name), sz_cell_text(row.what)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

// Each is asked in a process of its own.
static void fill_backends(sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "backend", NULL, SZ_AS_TEXT, 0},
        {"what", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
        {"usable", "here", NULL, SZ_AS_TEXT, 0},
        {"version", "version", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"kernels", "kernels", NULL, SZ_AS_TEXT, 0},
        {"why", "where, or why not", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_backend_row row;
    sz_backend_state s;
    sz_doc_table(doc, "backends", columns, CLI_COUNT(columns));
    for (size_t i = 0; ctx && sz_list_backend(i, &row); i++) {
        if (sz_backend_ask(ctx, i, "/proc/self/exe", cli_environment(), &s) != SZ_OK)
            snprintf(s.off, sizeof s.off, "%s", sz_ctx_error(ctx));
        const sz_cell cells[] = {sz_cell_text(row.name),  sz_cell_text(row.what),
                                 sz_cell_bool(!s.off[0]), sz_cell_text(s.version),
                                 sz_cell_text(s.kernels), sz_cell_text(s.off[0] ? s.off : s.path)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
        if (s.advice[0]) sz_doc_line(doc, "%s is faster with %s", row.name, s.advice);
    }
    sz_ctx_destroy(ctx);
}

static void fill_suites(sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "suite", NULL, SZ_AS_TEXT, 0},
        {"workloads", "workloads", NULL, SZ_AS_INT, 0},
        {"what", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "suites", columns, CLI_COUNT(columns));
    sz_suite_row row;
    for (size_t i = 0; sz_list_suite(i, &row); i++) {
        const sz_cell cells[] = {sz_cell_text(row.name), sz_cell_i64(row.workloads),
                                 sz_cell_text(row.what)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    sz_doc_line(doc, "The begin of a name stands for all that go on from it: 'sizeup bench "
                     "deepbench-gemm'. A list of your own: 'sizeup bench suite:FILE'.");
}

static void fill_writers(sz_doc *doc) {
    sz_doc_table(doc, "writers", name_and_what, CLI_COUNT(name_and_what));
    sz_writer_row row;
    for (size_t i = 0; sz_list_writer(i, &row); i++) put_name(doc, row.name, row.what);
}

static void fill_commands(sz_doc *doc) {
    sz_doc_table(doc, "commands", name_and_what, CLI_COUNT(name_and_what));
    size_t n;
    const cli_command *all = cli_commands(&n);
    for (size_t i = 0; i < n; i++) put_name(doc, all[i].name, all[i].summary);
}

static void fill_machines(sz_doc *doc) {
    static const sz_column columns[] = {{"name", "machine", NULL, SZ_AS_TEXT, 0}};
    sz_doc_table(doc, "machines", columns, CLI_COUNT(columns));
    const char *name;
    for (size_t i = 0; (name = sz_list_machine(i)); i++) {
        const sz_cell cell = sz_cell_text(name);
        sz_doc_row(doc, &cell, 1);
    }
    sz_doc_line(doc, "and measurements that were saved: 'sizeup machine list'");
}

static void fill_kernels(sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "kernel", NULL, SZ_AS_TEXT, 0},    {"family", "family", NULL, SZ_AS_TEXT, 0},
        {"op", "operation", NULL, SZ_AS_TEXT, 0},   {"dtype", "dtype", NULL, SZ_AS_TEXT, 0},
        {"isa", "ISA", NULL, SZ_AS_TEXT, 0},        {"flops", "FLOPs", NULL, SZ_AS_INT, 0},
        {"loads", "loads", NULL, SZ_AS_INT, 0},     {"stores", "stores", NULL, SZ_AS_INT, 0},
        {"bytes", "bytes", NULL, SZ_AS_INT, 0},     {"runs", "runs here", NULL, SZ_AS_TEXT, 0},
    };
    sz_doc_table(doc, "kernels", columns, CLI_COUNT(columns));
    sz_kernel_row row;
    for (size_t i = 0; sz_list_kernel(i, &row); i++) {
        const sz_cell cells[] = {
            sz_cell_text(row.name),  sz_cell_text(row.family), sz_cell_text(row.op),
            sz_cell_text(row.dtype), sz_cell_text(row.isa),    sz_cell_i64(row.flops),
            sz_cell_i64(row.loads),  sz_cell_i64(row.stores),  sz_cell_i64(row.bytes),
            sz_cell_bool(row.runs),
        };
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    sz_doc_line(doc, "FLOPs, loads, stores and bytes are those of one iteration");
}

static void fill_sensors(sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "sensor", NULL, SZ_AS_TEXT, 0},
        {"what", "what", NULL, SZ_AS_TEXT, 0},
        {"here", "here", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "sensors", columns, CLI_COUNT(columns));
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_sensor_row row;
    for (size_t i = 0; ctx && sz_list_sensor(ctx, i, &row); i++) {
        const sz_cell cells[] = {sz_cell_text(row.name), sz_cell_text(row.what),
                                 sz_cell_text(row.here)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    sz_ctx_destroy(ctx);
}

// ---- run ---------------------------------------------------------------------------------------

typedef struct listing {
    const char *name;
    void (*fill)(sz_doc *doc);
    const char *what;
} listing;

static const listing listings[] = {
#define LISTING(name, ident, what) {name, fill_##ident, what},
#include "cli/listings.def"
#undef LISTING
};

const char *cli_listing(size_t i, const char **ret_what) {
    if (i >= CLI_COUNT(listings)) return NULL;
    *ret_what = listings[i].what;
    return listings[i].name;
}

static void fill_all(sz_doc *doc) {
    sz_doc_table(doc, "tables", name_and_what, CLI_COUNT(name_and_what));
    for (size_t i = 0; i < CLI_COUNT(listings); i++)
        put_name(doc, listings[i].name, listings[i].what);
}

static int print(cli_app *app, void (*fill)(sz_doc *doc)) {
    sz_doc *doc;
    if (sz_doc_create(app->out, "sizeup.list/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    fill(doc);
    int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

int cli_print_limits(cli_app *app) { return print(app, fill_limits); }

int cli_list(cli_app *app, const void *options) {
    (void)options;
    void (*fill)(sz_doc *doc) = app->n_args ? NULL : fill_all;
    const char *names[CLI_COUNT(listings) + 1] = {NULL};
    for (size_t i = 0; i < CLI_COUNT(listings); i++) {
        names[i] = listings[i].name;
        if (app->n_args && strcmp(names[i], app->args[0]) == 0) fill = listings[i].fill;
    }
    return fill ? print(app, fill) : cli_unknown(app, "table", app->args[0], names);
}
