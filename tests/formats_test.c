// SPDX-License-Identifier: Apache-2.0
// Counts of OpenVINO IR and StableHLO text against numbers that are not ours: the reference counts
// of the ONNX files that are the same nets (tests/models/truth), XLA's own cost analysis of the
// same functions ("lowered"), and closed forms. Each graph also survives printing and reading back.
// Usage: formats_test TESTS [NAME...]
#include <sizeup/cost.h>
#include <sizeup/model.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

enum { MAX_BINDS = 4, MAX_TEXT = 1024, ANY = -1 };

typedef struct row {
    const char *file, *binds[MAX_BINDS], *convention;
    int64_t macs, params, flops;
    double tolerance;               // of flops
    int64_t bytes, transcendentals; // what XLA reports besides, within 1 %
} row;

// Parameters of an IR are the float constants in it. Against the ONNX file of the same net:
//   conv1d, resnet18, unet, mobilenet_v2  OpenVINO keeps equal small constants (zero biases of one
//       size, numbers of activations) once: 21, 960, 480 and 5318 elements less
//   lstm       adds the biases of input and recurrence: 2 x 4096 become 2 x 2048 elements, and 3
//       first states of 512 are filled in instead: 5632 less
//   bert_base  cuts the table of positions from 512 to 128 rows of 768, and the same constants
//   once:
//       299556 less
//   llama_tiny shares a norm of 256, makes 32 frequencies and 6 numbers of its own: 218 less
//   resnet18.int8qdq  limits of FakeQuantize in place of scales: 132 scalars for 31, so 101 more
static const row rows[] = {
    {"openvino/conv1d.xml", {0}, NULL, 2460560384, 4414517 - 21, ANY, 0},
    {"openvino/lstm.xml", {0}, NULL, 151322624, 2502666 - 5632, ANY, 0},
    {"openvino/mobilenet_v2.xml", {0}, NULL, 300774272, 3475078 - 5318, ANY, 0},
    {"openvino/resnet18.xml", {0}, NULL, 1814073344, 11680872 - 960, ANY, 0},
    {"openvino/unet.xml", {0}, NULL, 9221177344, 1924706 - 480, ANY, 0},
    {"openvino/bert_base.xml", {0}, NULL, 11174215680, 109364786 - 299556, ANY, 0},
    {"openvino/llama_tiny.xml", {0}, NULL, 3883008, 4866371 - 218, ANY, 0},
    {"openvino/resnet18.int8qdq.xml", {0}, NULL, 1814073344, 11688663 + 101, ANY, 0},
    // 2 pictures of 32 x 48: (8 x 27 + 8 x 9) x 16 x 24 each, and 8 x 10
    {"openvino/convnet_dyn.xml",
     {"image.0=2", "image.2=32", "image.3=48"},
     NULL,
     2 * ((8 * 27 + 8 * 9) * 16 * 24 + 80),
     8 * 27 + 8 * 9 + 80,
     ANY,
     0},
    // 4 rows through 64 x 128 and 128 x 32; a scale per row, or per group of 32
    {"openvino/mlp_int8.xml", {"x.0=4"}, NULL, 4 * 12288, 12288 + 160, ANY, 0},
    {"openvino/mlp_int4.xml", {"x.0=4"}, NULL, 4 * 12288, 12288 + 384, ANY, 0},
    {"openvino/mlp_nf4.xml", {"x.0=4"}, NULL, 4 * 12288, 12288 + 384, ANY, 0},
    // S tokens behind P: S (4 x 16 x 16 + 50 x 16) and S (S + P) x 2 heads x (8 + 8)
    {"openvino/decoder_stateful.xml",
     {"input_ids.0=1", "input_ids.1=5"},
     NULL,
     5 * 1824 + 5 * 5 * 32,
     ANY,
     ANY,
     0},
    {"openvino/decoder_stateful.xml",
     {"input_ids.0=3", "input_ids.1=1", "past=7"},
     NULL,
     3 * (1824 + 8 * 32),
     ANY,
     ANY,
     0},

    {"hlo/bar.stablehlo.mlir", {0}, "xla", ANY, 0, 100000000, 0, 1200000000, 0},
    {"hlo/bar_fori.stablehlo.mlir", {0}, "xla", ANY, 0, 2000002, 0, 28000056, 0},
    // 100 trips of a product and a sum per element, an addition and the 101 comparisons of the
    // count
    {"hlo/bar_fori.stablehlo.mlir", {0}, NULL, 0, 0, 100 * (2 * 1000000 + 1) + 101, 0},
    {"hlo/convnet.stablehlo.mlir", {0}, "xla", ANY, 0, 19816960, 0, 8252756, 0},
    {"hlo/foo.stablehlo.mlir", {0}, "xla", 0, 0, 1000000, 0, 12000000, 0},
    {"hlo/foo_matmul.stablehlo.mlir", {0}, "xla", 2097152, 0, 4194304, 0, 196608, 0},
    {"hlo/int8_matmul.stablehlo.mlir", {0}, "xla", 2097152, 0, 4194304, 0, 81920, 0},
    {"hlo/matmul_chain.stablehlo.mlir", {0}, "xla", 169869312, 0, 339738624, 0, 5603328, 0},
    {"hlo/mlp_fwd.stablehlo.mlir", {0}, "xla", 17121280, 0, 34292032, 0, 3251744, 0},
    {"hlo/sort_gather.stablehlo.mlir", {0}, "xla", 0, 0, 2244992, 0, 1480085, 0},
    // on the way to HLO a sum of 128 x 128 zeros is folded
    {"hlo/transformer_block.stablehlo.mlir",
     {0},
     "xla",
     218103808,
     0,
     440957952,
     0.01,
     75625624,
     524800},
    {"hlo/while_dynamic.stablehlo.mlir", {0}, "xla", ANY, 0, 532480, 0, 131093, 0},
};

enum { N_ROWS = sizeof rows / sizeof *rows };

static int mismatches;

static void check(const row *r, const char *what, int64_t want, int64_t got, double tolerance) {
    const double off = (double)got - (double)want;
    if (want == ANY || (off <= tolerance * (double)want && -off <= tolerance * (double)want))
        return;
    print_error("%s: %s: want %" PRId64 ", got %" PRId64 "\n", r->file, what, want, got);
    mismatches++;
}

static void check_text(sz_ctx *ctx, const row *r, sz_model *model) {
    const sz_load_options options = {.allow_symbols = 1};
    const char *text = sz_model_text(model);
    sz_model *again = NULL;
    if (!text || sz_model_parse(ctx, text, &options, &again) != SZ_OK) {
        print_error("%s: its text form can't be read: %s\n", r->file, sz_ctx_error(ctx));
        mismatches++;
        return;
    }
    check(r, "nodes of its text form", sz_model_node_count(model), sz_model_node_count(again), 0);
    sz_model_destroy(again);
}

static sz_status count(sz_ctx *ctx, const row *r, const char *path) {
    sz_load_options options = {.binds = r->binds};
    const sz_cost_options by = {.convention = r->convention};
    sz_model *model = NULL;
    sz_costs *costs = NULL;
    while (options.n_binds < MAX_BINDS && r->binds[options.n_binds]) options.n_binds++;
    sz_status status = sz_model_load(ctx, path, &options, &model);
    if (status == SZ_OK) status = sz_costs_create(ctx, model, &by, &costs);
    if (status == SZ_OK) {
        const sz_cost total = sz_costs_total(costs);
        check(r, "macs", r->macs, total.macs, 0);
        check(r, "params", r->params, total.params, 0);
        check(r, "flops", r->flops, total.flops, r->tolerance);
        sz_xla_totals xla = {0};
        if (r->bytes) {
            check(r, "answers of XLA", 1, sz_costs_xla(costs, &xla), 0);
            check(r, "bytes accessed", r->bytes, xla.bytes_accessed, 0.01);
            check(r, "transcendentals", r->transcendentals, xla.transcendentals, 0.01);
        }
        check_text(ctx, r, model);
    }
    sz_costs_destroy(costs);
    sz_model_destroy(model);
    return status;
}

static const char *folder;

static void test_row(void **state) {
    const row *r = *state;
    char path[MAX_TEXT];
    sz_ctx *ctx = sz_ctx_create(NULL);
    assert_non_null(ctx);
    mismatches = 0;
    snprintf(path, sizeof path, "%s/models/%s", folder, r->file);
    if (count(ctx, r, path) != SZ_OK) {
        print_error("%s: %s\n", r->file, sz_ctx_error(ctx));
        mismatches++;
    }
    sz_ctx_clear(ctx);
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
    sz_ctx_destroy(ctx);
    assert_int_equal(mismatches, 0);
}

int main(int argc, char **argv) {
    struct CMUnitTest tests[N_ROWS];
    size_t n = 0;
    if (argc < 2) return 2;
    folder = argv[1];
    for (size_t i = 0; i < N_ROWS; i++) {
        if (argc > 2 && !strstr(rows[i].file, argv[2])) continue;
        tests[n++] = (struct CMUnitTest){
            .name = rows[i].file, .test_func = test_row, .initial_state = (void *)(size_t)&rows[i]};
    }
    return _cmocka_run_group_tests("formats", tests, n, NULL, NULL);
}
