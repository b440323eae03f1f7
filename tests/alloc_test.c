// SPDX-License-Identifier: Apache-2.0
// The Nth request for memory fails, for N = 1, 2, 3 ... until nothing is refused; and the same with
// all requests from the Nth on. Whatever is refused: no crash, no leak, and either "out of memory"
// or the very result that comes without a refusal. Usage: alloc_test TESTS
//
// Built twice: with the library's arena, and with one in which each request is an allocation
// (alloc/exact_arena.c), so that no place that asks for memory is passed over.
#include <sizeup/cost.h>
#include <sizeup/doc.h>
#include <sizeup/formula.h>
#include <sizeup/json.h>
#include <sizeup/model.h>
#include <sizeup/optimize.h>

#include "alloc/cases.h"
#include "alloc/hook.h"
#include "alloc/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

#include "alloc/machines.h" // asserts
#include "alloc/predictions.h"

enum { MAX_PATH = 4096, MAX_COMPLAINTS = 10 };

// fontconfig, below cairo, keeps what it made for fonts until the process ends.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libfontconfig"; }

static const char *folder; // tests/

// ---- what is done ------------------------------------------------------------------------------

static void put_costs(run *r, const sz_costs *costs) {
    const sz_cost t = sz_costs_total(costs);
    const sz_activations live = sz_costs_activations(costs);
    const sz_training step = sz_costs_training(costs);
    const int64_t numbers[] = {t.params,
                               t.macs,
                               t.flops,
                               t.weight_bytes,
                               t.bytes_moved,
                               live.peak_bytes,
                               live.total_bytes,
                               live.peak_node,
                               step.backward_flops,
                               step.peak_bytes,
                               sz_costs_covered(costs)};
    put(r, numbers, sizeof numbers);
    for (size_t i = 0; i < sz_costs_node_count(costs); i++) {
        const sz_node_cost n = sz_costs_node(costs, i);
        if (!n.name || !n.op || !n.signature) complain(r, "a text of a node is NULL");
        put_number(r, n.cost.flops);
        put(r, n.name, strlen(n.name));
        if (n.note) put(r, n.note, strlen(n.note));
        for (size_t o = 0; o < n.n_outputs; o++)
            if (!sz_costs_node_output(costs, i, o).shape) complain(r, "a shape is NULL");
    }
    for (size_t i = 0; i < sz_costs_op_count(costs); i++)
        put_number(r, sz_costs_op(costs, i).cost.bytes_moved);
}

static void cost_as(run *r, const sz_model *model, const char *convention, int training) {
    const sz_cost_options options = {.convention = convention, .training = training};
    sz_costs *costs = NULL;
    if (!succeeds(r, sz_costs_create(r->ctx, model, &options, &costs))) return;
    put_costs(r, costs);
    sz_costs_destroy(costs);
}

static void cost(run *r, const sz_model *model, const char *convention) {
    cost_as(r, model, convention, 1);
}

static void put_model(run *r, sz_model *model) {
    put_number(r, sz_model_node_count(model));
    put(r, sz_model_path(model), strlen(sz_model_path(model)));
    for (size_t i = 0; i < sz_model_input_count(model); i++)
        if (!sz_model_input(model, i).name) complain(r, "a name is NULL");
    for (size_t i = 0; i < sz_model_output_count(model); i++)
        put_number(r, sz_model_output(model, i).rank);
    for (size_t i = 0; i < sz_model_symbol_count(model); i++)
        if (!sz_model_symbol(model, i, NULL)) complain(r, "a symbol is NULL");
    if (!sz_model_format(model) || !sz_model_producer(model)) complain(r, "a fact is NULL");
    const char *text = sz_model_text(model);
    if (!text)
        (void)succeeds(r, SZ_ERR_MEMORY);
    else
        put(r, text, strlen(text));
}

static sz_load_options options_of(const scenario *s) {
    return (sz_load_options){.inputs = &s->option, .n_inputs = s->option != NULL};
}

static void path_of(const scenario *s, char *ret_path) {
    snprintf(ret_path, MAX_PATH, "%s/models/%s", folder, s->model);
}

static void count_file(run *r, const scenario *s) {
    char path[MAX_PATH];
    const sz_load_options options = options_of(s);
    sz_model *model = NULL;
    path_of(s, path);
    if (!succeeds(r, sz_model_load(r->ctx, path, &options, &model))) return;
    cost(r, model, NULL);
    put_model(r, model);
    sz_model_destroy(model);
}

// The bytes of a file, read once.
static const void *bytes_of(const char *path, size_t *ret_size) {
    static char kept[MAX_PATH], bytes[1 << 20];
    static size_t size;
    if (strcmp(kept, path) != 0) {
        FILE *f = fopen(path, "rb");
        if (!f) fail_msg("can't open %s", path);
        size = fread(bytes, 1, sizeof bytes, f);
        fclose(f);
        assert_in_range(size, 1, sizeof bytes - 1);
        snprintf(kept, sizeof kept, "%s", path);
    }
    *ret_size = size;
    return bytes;
}

static void count_memory(run *r, const scenario *s) {
    char path[MAX_PATH];
    const sz_load_options options = options_of(s);
    sz_model *model = NULL;
    size_t size;
    path_of(s, path);
    const void *bytes = bytes_of(path, &size);
    if (!succeeds(r, sz_model_load_memory(r->ctx, "model", bytes, size, &options, &model))) return;
    cost(r, model, NULL);
    put_model(r, model);
    sz_model_destroy(model);
}

// A file that is cut off: an error of the input, or no memory to find that out.
static void refuse_file(run *r, const scenario *s) {
    char path[MAX_PATH];
    const sz_load_options options = options_of(s);
    sz_model *model = NULL;
    size_t size;
    path_of(s, path);
    const void *bytes = bytes_of(path, &size);
    sz_status status = sz_model_load_memory(r->ctx, "cut", bytes, size - 1, &options, &model);
    if (status == SZ_OK) complain(r, "a file that is cut off is read");
    if (status != SZ_ERR_INPUT) (void)succeeds(r, status);
    put_number(r, status);
    sz_model_destroy(model);
}

// All passes of all recipes that differ, what they leave, and its costs.
static void optimize_file(run *r, const scenario *s) {
    static const char *const recipes[] = {"generic", "onnxruntime", "xla"};
    char path[MAX_PATH];
    path_of(s, path);
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        const sz_optimize_options how = {.recipe = recipes[i]};
        sz_load_options options = options_of(s);
        sz_model *model = NULL;
        options.optimize = &how;
        if (!succeeds(r, sz_model_load(r->ctx, path, &options, &model))) return;
        cost_as(r, model, NULL, 0);
        put_model(r, model);
        sz_model_destroy(model);
    }
}

static void count_text(run *r, const scenario *s) {
    const sz_load_options options = options_of(s);
    sz_model *model = NULL;
    if (!succeeds(r, sz_model_parse(r->ctx, s->model, &options, &model))) return;
    cost(r, model, NULL);
    put_model(r, model);
    sz_model_destroy(model);
}

// The formulas of a file.
static void find_formula(run *r, const scenario *s) {
    char path[MAX_PATH];
    const sz_load_options options = options_of(s);
    sz_formula *formula = NULL;
    path_of(s, path);
    if (!succeeds(r, sz_formula_create(r->ctx, path, &options, NULL, &formula))) return;
    for (size_t i = 0; i < sz_formula_count(formula); i++) {
        const sz_formula_row row = sz_formula_get(formula, i);
        const char *text = row.text ? row.text : row.why;
        put(r, text, strlen(text));
    }
    sz_formula_destroy(formula);
}

static void explain(run *r, const sz_model *model, const char *against) {
    sz_explanation *x = NULL;
    int64_t ours, theirs;
    if (!succeeds(r, sz_explain(r->ctx, model, "sizeup", against, &x))) return;
    sz_explanation_totals(x, &ours, &theirs);
    put_number(r, ours);
    put_number(r, theirs);
    for (size_t i = 0; i < sz_explanation_count(x); i++) {
        const sz_difference d = sz_explanation_get(x, i);
        put(r, d.op, strlen(d.op));
        put(r, d.why, strlen(d.why));
    }
    sz_explanation_destroy(x);
}

// Every convention, and what tells it from our own.
static void compare_conventions(run *r, const scenario *s) {
    char path[MAX_PATH];
    sz_model *model = NULL;
    sz_convention_row row;
    path_of(s, path);
    if (!succeeds(r, sz_model_load(r->ctx, path, NULL, &model))) return;
    for (size_t i = 0; sz_list_convention(i, &row); i++) {
        cost(r, model, row.name);
        explain(r, model, row.name);
    }
    sz_model_destroy(model);
}

static void fill(sz_doc *doc, const sz_ctx *ctx) {
    static const sz_column columns[] = {
        {"name", "name", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"bytes", "bytes", "B", SZ_AS_SI, 0},
        {"what", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    static const char words[] = "a long remark that has to go on in the next line, and in the one "
                                "after that, because it is wider than what is left of the page";
    const sz_cost total = {.params = 1, .macs = 2, .flops = 4, .arithmetic_intensity = 0.5};
    sz_doc_heading(doc, "a heading");
    sz_doc_line(doc, "a line with %d numbers and a \x1b byte", 1);
    sz_doc_fact(doc, "macs", "MACs", sz_cell_i64(1814073344), SZ_AS_SI, NULL);
    sz_doc_fact_note(doc, "part", "part", sz_cell_f64(0.25), SZ_AS_PERCENT, NULL, "of all");
    sz_doc_table(doc, "layers", columns, 3);
    for (int i = 0; i < 40; i++) {
        const sz_cell cells[] = {sz_cell_text("=a,\"b\"|<c>"), sz_cell_i64((int64_t)i << i / 2),
                                 i % 8 ? sz_cell_none() : sz_cell_text(words)};
        sz_doc_row(doc, cells, 3);
        if (i % 16 == 15) sz_doc_rule(doc);
    }
    sz_doc_record_table(doc, "total", sz_cost_type());
    sz_doc_record_row(doc, sz_cost_type(), &total);
    sz_doc_warnings(doc, ctx);
}

static void write_document(run *r, const scenario *s) {
    const sz_write_options options = {.format = s->option, .width = 60, .color = 1};
    sz_doc *doc = NULL;
    sz_buf buf;
    if (!succeeds(r, sz_doc_create(r->ctx, "sizeup.test/1", &doc))) return;
    sz_buf_init(&buf, r->ctx);
    fill(doc, r->ctx);
    if (succeeds(r, sz_doc_write(r->ctx, doc, &options, &buf))) put(r, buf.data, buf.size);
    sz_buf_finish(&buf);
    sz_doc_destroy(doc);
}

static void write_json(run *r, const scenario *s) {
    sz_buf buf;
    sz_json json;
    const sz_cost total = {.params = 1, .arithmetic_intensity = 1.5};
    (void)s;
    sz_buf_init(&buf, r->ctx);
    sz_json_init(&json, &buf, 2);
    sz_json_begin_object(&json);
    sz_json_key_array(&json, "list");
    for (int i = 0; i < 200; i++) sz_json_str(&json, i % 3 ? "text \xff \n" : NULL);
    sz_json_end_array(&json);
    sz_json_key_object(&json, "total");
    sz_json_record(&json, sz_cost_type(), &total);
    sz_json_end_object(&json);
    sz_json_warnings(&json, r->ctx);
    sz_json_end_object(&json);
    if (sz_buf_status(&buf) == SZ_OK)
        put(r, buf.data, buf.size);
    else if (sz_buf_status(&buf) == SZ_ERR_MEMORY)
        r->failed = true;
    else
        complain(r, "the buffer fails with another status than SZ_ERR_MEMORY");
    sz_buf_finish(&buf);
}

static void run_case(run *r, const scenario *s) {
    (void)succeeds(r, alloc_case_run(r->ctx, &r->digest, s->model));
}

// ---- the scenarios -----------------------------------------------------------------------------

static const char text_graph[] =
    "graph text opset=17 {\n"
    "  input x: f32[N,3,8,8], c: bool[], items: seq(f32[2])\n"
    "  w = const f32[4,3,3,3]\n"
    "  s = const i64[2] {0, -1}\n"
    "  late: f32[N,?,6,6] = Conv(x, w) {pads=[0,0,0,0], auto_pad=\"NOTSET\"} as \"first \\x01\"\n"
    "  flat = Reshape(late, s) {allowzero=0}\n"
    "  n = SequenceLength(items)\n"
    "  odd = \"odd domain\".Mystery(flat, _) {a=[1.5, 2.0], t=type seq(f32[...]), v=const f32[1] "
    "{0.5}}\n"
    "  y = If(c) {then_branch=graph { t = Relu(flat) output t }, "
    "else_branch=graph { e = If(c) {then_branch=graph { u = Neg(flat) output u }, "
    "else_branch=graph { v = Abs(flat) output v }} output e }}\n"
    "  output y, n, odd\n"
    "}\n";

#define WEIGHTS "../../fuzz/corpus/"

static const scenario scenarios[] = {
    {"mlp", count_file, "mlp.onnx", NULL, 300, 200},
    {"mlp from memory", count_memory, "mlp.onnx", NULL, 300, 200},
    {"mlp.int8dyn", count_file, "mlp.int8dyn.onnx", NULL, 300, 100},
    {"resnet18", count_file, "resnet18.onnx", NULL, 300, 100},
    {"resnet18 from memory", count_memory, "resnet18.onnx", NULL, 300, 100},
    {"resnet18.dynamo", count_file, "resnet18.dynamo.onnx", NULL, 50, 100},
    {"lstm.dyn", count_file, "lstm.dyn.onnx", "ids=2x8", 300, 200},
    {"lstm.dyn from memory", count_memory, "lstm.dyn.onnx", "ids=2x8", 300, 200},
    {"gpt2_prefill.fused", count_file, "gpt2_prefill.fused.onnx", NULL, 0, 60},
    {"ssdlite", count_file, "ssdlite.onnx", NULL, 0, 25},
    {"lstm.dyn, cut off", refuse_file, "lstm.dyn.onnx", NULL, 100, 200},
    {"gguf", count_file, WEIGHTS "fuzz_gguf_count/valid.llama.gguf", NULL, 300, 60},
    {"gguf, cut off", refuse_file, WEIGHTS "fuzz_gguf_count/valid.llama.gguf", NULL, 100, 60},
    {"safetensors", count_file, WEIGHTS "fuzz_safetensors_count/valid.small.safetensors", NULL, 300,
     200},
    {"config.json", count_file, WEIGHTS "fuzz_safetensors_count/valid.llama.json", NULL, 300, 60},
    {"conventions", compare_conventions, "mlp.int8dyn.onnx", NULL, 300, 100},
    {"optimized", optimize_file, "mlp.int8dyn.onnx", NULL, 300, 100},
    {"optimized resnet18", optimize_file, "resnet18.bn.onnx", NULL, 0, 60},
    {"optimized llama", optimize_file, "llama_tiny.onnx", NULL, 0, 40},
    {"formula", find_formula, "lstm.dyn.onnx", NULL, 100, 60},
    {"a graph as text", count_text, text_graph, "x=2x3x8x8", 300, 200},
    {"document as text", write_document, NULL, "text", 300, 200},
    {"document as json", write_document, NULL, "json", 300, 200},
    {"document as csv", write_document, NULL, "csv", 300, 200},
    {"document as md", write_document, NULL, "md", 300, 200},
    {"json", write_json, NULL, NULL, 300, 200},
    {"fallbacks", predict_graph,
     "graph net opset=17 { input x: f32[1,8,16,16] w = const f32[8,8,3,3] a = Conv(x, w) "
     "b = Erf(a) c = Relu(b) d = Reshape(c, s) s = const i64[2] {1, -1} output d }",
     "coral", 200, 60},
    {"machines", compare_machines, "cpu:cores=8,clock=3e9,fma=32,dram=50e9,l2=1M", NULL, 300, 200},
    {"data sheet", load_sheet, "a100", NULL, 300, 200},
    {"a system that tells little", describe_little, NULL, NULL, 300, 200},
    {"plot as svg", draw, NULL, "svg", 300, 200},
    {"plot as png", draw, NULL, "png", 300, 200},
    {"plot as text", draw, NULL, "text", 300, 200},
    {"plot as pdf", draw, NULL, "pdf", 300, 200},
    {"chart of a front", draw_chart, NULL, "front", 300, 200},
    {"chart of an oracle", draw_chart, NULL, "oracle", 300, 200},
    {"chart of a staircase", draw_chart, NULL, "steps", 300, 200},
    {"lab add-vs-matmul", run_lab, NULL, "add-vs-matmul", 0, 60},
    {"lab fma-vs-max", run_lab, NULL, "fma-vs-max", 0, 40},
    {"lab matvec-vs-outer", run_lab, NULL, "matvec-vs-outer", 0, 60},
    {"lab intensity", run_lab, NULL, "intensity", 0, 60},
    {"lab one-bit", run_lab, NULL, "one-bit", 0, 60},
};
enum { N_SCENARIOS = sizeof scenarios / sizeof *scenarios };

// ---- runs --------------------------------------------------------------------------------------

static long n_runs, n_complaints; // of a test

static void report(const scenario *s, const hook *h, const char *what, const char *text) {
    if (++n_complaints > MAX_COMPLAINTS) return;
    print_error("%s: %s %ld: %s%s%s\n", s->name, h->all_after ? "all from" : "only", h->fail_at,
                what, text && *text ? ": " : "", text ? text : "");
}

// One run; the digest is 0 when a call failed.
static uint64_t run_once(const scenario *s, hook *h, uint64_t expected) {
    const sz_allocator allocator = hook_allocator(h);
    run r = {.ctx = sz_ctx_create(&allocator), .digest = 0xcbf29ce484222325u};
    n_runs++;
    if (!r.ctx) {
        if (!h->refused) report(s, h, "no context", NULL);
        return 0;
    }
    s->work(&r, s);
    if (r.complaint) report(s, h, r.complaint, r.text);
    if (r.failed && !h->refused) report(s, h, "fails for no reason", sz_ctx_error(r.ctx));
    if (!r.failed && expected && r.digest != expected) report(s, h, "another result", NULL);
    sz_ctx_clear(r.ctx);
    if (sz_ctx_memory_used(r.ctx) != 0) report(s, h, "memory in use at the end", NULL);
    sz_ctx_destroy(r.ctx);
    if (h->fault) report(s, h, "misuse of the allocator", h->fault);
    if (h->live_blocks || h->live_bytes) report(s, h, "a leak", NULL);
    return r.failed ? 0 : r.digest;
}

// All N up to `dense`, then about `spread` more, by a fixed seed.
static long next_n(const scenario *s, long n, long count, uint64_t *seed) {
    if (n < s->dense) return n + 1;
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    long step = (count - s->dense) / (s->spread ? s->spread : 1);
    return n + 1 + (step > 0 ? (long)((*seed >> 33) % (uint64_t)(2 * step)) : 0);
}

// Fails each of the requests from `first` on that belong to the sample, in both ways.
static void torture(const scenario *s, long first) {
    hook clean = {0};
    const uint64_t expected = run_once(s, &clean, 0);
    if (!expected) {
        report(s, &clean, "does not work at all", NULL);
        return;
    }
    for (int all = 0; all < 2; all++) {
        uint64_t seed = 1;
        for (long n = next_n(s, first - 1, clean.count, &seed); n <= clean.count;
             n = next_n(s, n, clean.count, &seed)) {
            hook h = {0};
            hook_arm(&h, n, all);
            run_once(s, &h, expected);
        }
    }
}

static void test_scenario(void **state) {
    const scenario *s = *state;
    n_complaints = n_runs = 0;
    torture(s, 1);
    print_message("%s: %ld runs\n", s->name, n_runs);
    assert_int_equal(n_complaints, 0);
}

// Every operator: the case files, from the end of reading their text on.
static void try_case(void *user, const char *title, const char *text) {
    (void)user;
    const scenario s = {title, run_case, text, NULL, 1000, 0};
    torture(&s, alloc_case_requests(text) + 1);
}

static void test_cases(void **state) {
    char path[MAX_PATH];
    (void)state;
    snprintf(path, sizeof path, "%s/ops", folder);
    n_complaints = n_runs = 0;
    int n = alloc_cases_read(path, try_case, NULL);
    print_message("%d cases of operators: %ld runs\n", n, n_runs);
    assert_true(n > 0);
    assert_int_equal(n_complaints, 0);
}

int main(int argc, char **argv) {
    static struct CMUnitTest tests[N_SCENARIOS + 1];
    if (argc != 2) {
        fprintf(stderr, "usage: alloc_test TESTS\n");
        return 2;
    }
    folder = argv[1];
    for (size_t i = 0; i < N_SCENARIOS; i++)
        tests[i] = (struct CMUnitTest){scenarios[i].name, test_scenario, NULL, NULL,
                                       (void *)(uintptr_t)&scenarios[i]};
    tests[N_SCENARIOS] = (struct CMUnitTest){.name = "operators", .test_func = test_cases};
    make_little();
    const int failed = cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
    drop_little();
    return failed > 0;
}
