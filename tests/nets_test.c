// SPDX-License-Identifier: Apache-2.0
// Families of nets against published counts, counts of real exports, and counts by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <sizeup/cost.h>
#include <sizeup/model.h>
#include <sizeup/optimize.h>

typedef struct reference {
    const char *spec;
    int64_t params, macs; // -1 = not stated by the source
    int64_t statistics;   // running means and variances, which the source does not count
    const char *source;
} reference;

static const reference references[] = {
    // torchvision's table of weights: parameters, and GMACs where exact from its exports
    {"resnet:depth=18", 11689512, 1814073344, 9600, "torchvision; MACs of its ONNX export"},
    {"resnet:depth=34", 21797672, -1, 17024, "torchvision"},
    {"resnet:depth=50", 25557032, -1, 53120, "torchvision"},
    {"resnet:depth=101", 44549160, -1, 105344, "torchvision"},
    {"resnet:depth=152", 60192808, -1, 151424, "torchvision"},
    {"vgg:depth=11", 132863336, -1, 0, "torchvision"},
    {"vgg:depth=13", 133047848, -1, 0, "torchvision"},
    {"vgg:depth=16", 138357544, 15470264320, 0, "torchvision; MACs of its ONNX export"},
    {"vgg:depth=19", 143667240, -1, 0, "torchvision"},
    {"mobilenet", 3504872, 300774272, 34112, "torchvision mobilenet_v2, 0.301 GMACs"},
    {"mobilenet:width=140", 6108776, -1, 47936, "timm mobilenetv2_140"},
    {"ssd", 35641826, 34858153472, 0, "torchvision ssd300_vgg16: 35,641,826 parameters, 34.858 G"},
    {"deeplab:aux=1", 42004074, 178721945088, 57216, "torchvision deeplabv3_resnet50, 178.722 G"},
    // the second head: 1024 x 256 x 9 + 512 + 256 x 21 + 21
    {"deeplab", 42004074 - 2365205, -1, 56704, "torchvision, without the second head by hand"},
    {"deeplab:depth=101,aux=1", 60996202, 258743039488, 109440,
     "torchvision deeplabv3_resnet101, 258.743 G"},
    {"vit", 86567656, 17563828224, 0, "torchvision vit_b_16; MACs of its ONNX export"},
    {"vit:layers=24,heads=16,hidden=1024", 304326632, -1, 0, "torchvision vit_l_16"},
    {"vit:patch=32", 88224232, -1, 0, "torchvision vit_b_32"},
    // transformers: parameters; MACs are half of torch's FlopCounterMode
    {"bert", 109482240, 11174215680, 0, "bert-base-uncased; MACs of its ONNX export"},
    {"bert:layers=24,heads=16,hidden=1024", 335141888, -1, 0, "bert-large-uncased"},
    {"gpt", 124439808, 16114089984, 0, "gpt2; MACs of its ONNX export"},
    {"gpt:layers=48,hidden=1600,heads=25", 1557611200, -1, 0, "gpt2-xl"},
    {"llama", 6738415616, -1, 0, "Llama-2-7b"},
    {"llama:kv_heads=8,ffn=14336,vocab=128256", 8030261248, 1929782493184 / 2, 0, "Llama-3-8B"},
    {"llama:kv_heads=8,ffn=14336,vocab=128256,seq=1", 8030261248, 15009841152 / 2, 0,
     "Llama-3-8B, one token"},
    {"llama:hidden=2048,layers=22,heads=32,kv_heads=4,ffn=5632", 1100048384, 267764367360 / 2, 0,
     "TinyLlama-1.1B"},
    {"llama:hidden=896,layers=24,heads=14,kv_heads=2,ffn=4864,vocab=151936,tied=1,qkv_bias=1",
     494032768, -1, 0, "Qwen2-0.5B"},
    // tests/models/unet.onnx, whose norms are folded; 32 channels, 3 levels
    {"unet:channels=32,depth=3", -1, 9221177344, 0, "MACs of tests/models/unet.onnx"},
    // (138493 + 26744) x (64 + 128) + 256 x 256 + 256 + 256 x 128 + 128 + 128 x 64 + 64 + 129
    {"ncf", 31832577, 256 * 256 + 256 * 128 + 128 * 64 + 128, 0, "by hand"},
    // as above with embeddings of 8 and 32; 64 x 32 + 32, 32 x 16 + 16, 16 x 8 + 8, 16 + 1
    {"ncf:users=100,items=50,factors=8,layers=64x32x16x8",
     150 * (8 + 32) + 64 * 32 + 32 + 32 * 16 + 16 + 16 * 8 + 8 + 17,
     64 * 32 + 32 * 16 + 16 * 8 + 16, 0, "by hand"},
    // 784 x 512 + 512, 512 x 512 + 512, 512 x 10 + 10
    {"mlp:input=784,width=512,layers=2,output=10", 669706, 784 * 512 + 512 * 512 + 512 * 10, 0,
     "by hand"},
    {"gemm:m=3,n=5,k=7,bias=1,batch=2", 40, 2 * 3 * 5 * 7, 0, "by hand"},
    {"gemm:m=3,n=5,k=7,bias=1,batch=2,ta=1,tb=1", 40, 2 * 3 * 5 * 7, 0, "by hand"},
    {"batchmatmul:m=3,n=5,k=7,batch=2", 0, 210, 0, "by hand"},
    {"conv2d:channels=2,filters=3,size=9x7,kernel=3x2,stride=2x1,pad=1x0,dilation=1x2,bias=0", 36,
     5 * 5 * 36, 0, "by hand: 5 x 5 outputs"},
    {"conv3d:channels=1,filters=1,size=4x5x6,kernel=1x2x3,pad=0,bias=0", 6, 4 * 4 * 4 * 6, 0,
     "by hand"},
    {"attention:project=1,heads=4,kv_heads=2,head_dim=8,seq=3,keys=5,batch=2",
     2 * (32 * 32 + 32) + 2 * (32 * 16 + 16),
     2 * (2 * 3 * 32 * 32 + 2 * 5 * 32 * 16 + 2 * 4 * 3 * 5 * 8), 0, "by hand"},
    {"conv2d:channels=8,filters=16,size=10,kernel=3,pad=0,stride=2,groups=4,bias=0,batch=2",
     16 * 2 * 9, 2 * 16 * 16 * 2 * 9, 0, "by hand: 4 x 4 outputs"},
    {"conv2d:channels=8,filters=4,size=5,kernel=2,pad=0,stride=2,transposed=1,bias=0", 8 * 4 * 4,
     8 * 25 * 4 * 4, 0, "by hand: inputs x filters x window"},
    {"conv1d:channels=2,filters=3,size=9,kernel=3,pad=0,bias=0", 18, 7 * 18, 0, "by hand"},
    {"conv3d:channels=2,filters=3,size=4,kernel=3,pad=1,bias=0", 162, 64 * 162, 0, "by hand"},
    {"lstm:input=3,units=5,steps=7,batch=2", 4 * 5 * (3 + 5) + 8 * 5, 7 * 2 * 4 * 5 * (3 + 5), 0,
     "T B 4 H (I + H)"},
    {"lstm:input=3,units=5,steps=7,bidirectional=1,layers=2",
     2 * (4 * 5 * 8 + 40) + 2 * (4 * 5 * 15 + 40), 7 * 2 * 4 * 5 * 8 + 7 * 2 * 4 * 5 * 15, 0,
     "the second layer sees both directions"},
    {"gru:input=3,units=5,steps=7", 3 * 5 * 8 + 30, 7 * 3 * 5 * 8, 0, "T B 3 H (I + H)"},
    {"rnn:input=3,units=5,steps=7", 5 * 8 + 10, 7 * 5 * 8, 0, "T B H (I + H)"},
    {"attention:heads=4,kv_heads=2,head_dim=8,seq=3,keys=5,causal=1,batch=2", 0,
     2 * 2 * 4 * 3 * 5 * 8, 0, "2 B H S T D"},
    {"transformer:layers=1,heads=2,hidden=8,seq=3,ffn=16,bias=0", 4 * 64 + 2 * 128 + 4 * 8,
     3 * (4 * 64 + 2 * 128) + 2 * 3 * 3 * 8, 0, "S (4 H^2 + 2 H F) + 2 S^2 H; 2 norms of 2 H"},
    {"transformer:layers=1,heads=2,hidden=8,seq=1,past=6,ffn=16,gated=1,bias=0,norm=rms,kv_heads=1",
     64 + 64 + 2 * 32 + 3 * 128 + 2 * 8, 64 + 64 + 2 * 32 + 3 * 128 + 2 * 7 * 8, 0,
     "one token after six"},
};

static sz_cost total_of(sz_ctx *ctx, const char *spec) {
    sz_model *model = NULL;
    sz_costs *costs = NULL;
    const sz_cost_options options = {0};
    sz_status status = sz_model_load(ctx, spec, NULL, &model);
    if (status != SZ_OK) fail_msg("%s: %s", spec, sz_ctx_error(ctx));
    status = sz_costs_create(ctx, model, &options, &costs);
    if (status != SZ_OK) fail_msg("%s: %s", spec, sz_ctx_error(ctx));
    const sz_cost total = sz_costs_total(costs);
    if (sz_costs_covered(costs) != sz_model_node_count(model))
        fail_msg("%s: a node has no cost", spec);
    sz_costs_destroy(costs);
    sz_model_destroy(model);
    return total;
}

static void counts_as_the_sources(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
        const reference *r = &references[i];
        const sz_cost total = total_of(ctx, r->spec);
        if (r->params >= 0 && total.params != r->params + r->statistics)
            fail_msg("%s: %lld parameters, but %lld by %s", r->spec, (long long)total.params,
                     (long long)r->params, r->source);
        if (r->macs >= 0 && total.macs != r->macs)
            fail_msg("%s: %lld MACs, but %lld by %s", r->spec, (long long)total.macs,
                     (long long)r->macs, r->source);
    }
    sz_ctx_destroy(ctx);
}

// Each family as it is, and in each numeric format that it takes; no warning, and the text form
// reads back to the same counts.
static void every_family_builds(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_net_row row;
    size_t n = 0;
    for (; sz_list_net(n, &row); n++) {
        sz_model *model = NULL, *again = NULL;
        char spec[64];
        const sz_cost total = total_of(ctx, row.name);
        const int from_f64 = strcmp(row.name, "ozaki") == 0; // has no lower format than f32
        snprintf(spec, sizeof spec, "%s:dtype=%s,batch=3", row.name, from_f64 ? "f32" : "bf16");
        const sz_cost three = total_of(ctx, spec);
        assert_int_equal(three.macs, 3 * total.macs);
        assert_int_equal(2 * three.weight_bytes,
                         total.weight_bytes); // no family has weights in other formats
        assert_int_equal(sz_model_load(ctx, row.name, NULL, &model), SZ_OK);
        if (sz_model_parse(ctx, sz_model_text(model), NULL, &again) != SZ_OK)
            fail_msg("%s: %s", row.name, sz_ctx_error(ctx));
        assert_string_equal(sz_model_text(model), sz_model_text(again));
        sz_model_destroy(again);
        sz_model_destroy(model);
    }
    assert_true(n > 30);
    if (sz_ctx_warning_count(ctx)) fail_msg("%s", sz_ctx_warning(ctx, 0));
    sz_ctx_destroy(ctx);
}

// A net is optimized on the way in, as a file is: a residual block becomes a few kernels.
static void is_optimized_like_a_file(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    const sz_optimize_options how = {.recipe = "generic"};
    const sz_load_options load = {.optimize = &how};
    sz_model *model = NULL;
    sz_costs *costs = NULL;
    assert_int_equal(sz_model_load(ctx, "resnet:depth=18", &load, &model), SZ_OK);
    assert_int_equal(sz_costs_create(ctx, model, NULL, &costs), SZ_OK);
    assert_true(sz_costs_is_optimized(costs));
    // 20 convolutions with all behind them, a pool, a mean with its view, a product with its bias
    assert_int_equal(sz_costs_node_count(costs), 24);
    sz_costs_destroy(costs);
    sz_model_destroy(model);
    sz_ctx_destroy(ctx);
}

static const struct {
    const char *spec, *message;
} refusals[] = {
    {"resnet:depth=42", "net 'resnet:depth=42': depth=42 is none of 18, 34, 50, 101 and 152"},
    {"resnet:depht=50", "net 'resnet' has no parameter 'depht' (it has: depth, image, in_channels, "
                        "classes, width, batch, dtype)"},
    {"resnet:depth", "net 'resnet': 'depth' is not NAME=VALUE"},
    {"resnet:depth=", "net 'resnet': depth is a whole number from 18 to 152, not ''"},
    {"resnet:depth=5x", "net 'resnet': depth is a whole number from 18 to 152, not '5x'"},
    {"resnet:batch=0", "net 'resnet': batch is a whole number from 1 to 16777216, not '0'"},
    {"resnet:batch=99999999999999999999",
     "net 'resnet': batch is a whole number from 1 to 16777216, not '99999999999999999999'"},
    {"resnet:batch=2,batch=3", "net 'resnet': batch is given twice"},
    {"resnet:batch=2,", "net 'resnet': a comma with nothing behind it"},
    {"mlp:act=swish", "net 'mlp': act is one of relu|gelu|silu|tanh|none, not 'swish'"},
    {"mlp:dtype=i8", "net 'mlp' cannot be built in i8: only gemm and batchmatmul can"},
    {"bert:heads=7", "heads=7 must divide hidden=768"},
    {"gpt:seq=2000", "2000 tokens are more than positions=1024"},
    {"unet:image=100", "image must be a multiple of 16, since depth=4"},
    {"conv2d:groups=3", "groups=3 must divide the channels, 64 and 64"},
    {"attention:kv_heads=5", "kv_heads=5 must divide heads=12"},
    {"attention:seq=5,keys=3,causal=1", "causal attention needs as many keys as queries: 3 and 5"},
    {"conv2d:kernel=3x3x3", "kernel has 3 numbers, but there are 2 axes: give one for all, or 2"},
    {"conv2d:kernel=3x", "net 'conv2d': kernel is a whole number from 1 to 1024, not ''"},
    {"conv2d:kernel=x3", "net 'conv2d': kernel is a whole number from 1 to 1024, not ''"},
    {"conv2d:kernel=3x2000", "net 'conv2d': kernel is a whole number from 1 to 1024, not '2000'"},
    {"transpose:shape=1x2x3x4x5x6x7x8x9", "net 'transpose': shape has more than 8 numbers"},
    {"transpose:shape=1x2x3x4x5x6x7x8", "shape has more than 7 axes"},
    {"transpose:shape=3x0", "shape has an axis of size 0"},
    {"transpose:shape=3x4,order=0x2", "order is none of the 3 axes: each of 0 to 2 once"},
    {"transpose:shape=3x4,order=0x2x2", "order is none of the 3 axes: each of 0 to 2 once"},
    {"transpose:shape=3x4,order=0x2x3", "order is none of the 3 axes: each of 0 to 2 once"},
    {"gemm:dtype=i8,ta=1", "bias, ta and tb are for floating point"},
    {"gemm:m=3x4", "net 'gemm': m is a whole number from 1 to 1073741824, not '3x4'"},
    {"ssd:image=200", "image is too small for six maps: at least 268"},
    {"deeplab:depth=34", "net 'deeplab': depth is a whole number from 50 to 152, not '34'"},
    {"pool:kernel=3,pad=3", "pad=3 must be less than kernel=3, or a window is all border"},
    {"gemm:m=03", "net 'gemm': m is a whole number from 1 to 1073741824, not '03'"},
    {"ncf:layers=64", "layers needs 2 numbers or more: the width of the input, then the layers"},
    {"ncf:layers=63x5", "layers begins with 63, the length of two embeddings: it must be even"},
    {"cosmoflow:blocks=9", "size is too small for so many blocks, each of which halves it"},
};

static void refuses_with_a_sentence(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        sz_model *model = NULL;
        assert_int_equal(sz_model_load(ctx, refusals[i].spec, NULL, &model), SZ_ERR_USAGE);
        if (!strstr(sz_ctx_error(ctx), refusals[i].message))
            fail_msg("%s: %s", refusals[i].spec, sz_ctx_error(ctx));
        assert_null(model);
    }
    sz_ctx_destroy(ctx);
}

// A folder that holds no model hides no family; one that does is meant.
static void a_folder_of_that_name(void **state) {
    (void)state;
    char folder[] = "/tmp/nets-XXXXXX", back[4096];
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *model = NULL;
    assert_non_null(getcwd(back, sizeof back));
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(mkdir("mlp", 0700), 0);
    assert_int_equal(sz_model_load(ctx, "mlp", NULL, &model), SZ_OK);
    sz_model_destroy(model);
    assert_int_equal(sz_model_load(ctx, "mlp/", NULL, &model), SZ_ERR_INPUT);
    assert_non_null(strstr(sz_ctx_error(ctx), "folder"));
    FILE *config = fopen("mlp/config.json", "w");
    assert_non_null(config);
    fputs("[]", config);
    fclose(config);
    assert_int_equal(sz_model_load(ctx, "mlp", NULL, &model), SZ_ERR_INPUT);
    assert_non_null(strstr(sz_ctx_error(ctx), "config.json"));
    assert_int_equal(unlink("mlp/config.json"), 0);
    assert_int_equal(rmdir("mlp"), 0);
    assert_int_equal(chdir(back), 0);
    assert_int_equal(rmdir(folder), 0);
    sz_ctx_destroy(ctx);
}

// The sizes of one axis for all and the same for each are one and the same.
static void numbers_for_axes(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    const sz_cost one = total_of(ctx, "conv3d:size=6,kernel=3,stride=2,dilation=2,pad=2");
    const sz_cost each = total_of(
        ctx, "conv3d:size=6x6x6,kernel=3x3x3,stride=2x2x2,dilation=2x2x2,pad=2x2x2");
    assert_int_equal(one.macs, each.macs);
    assert_int_equal(one.bytes_moved, each.bytes_moved);
    assert_int_equal(total_of(ctx, "transpose:shape=3x4x5,order=0x3x1x2").bytes_moved, 2 * 240);
    assert_int_equal(total_of(ctx, "transpose:rows=3,width=20").bytes_moved, 2 * 240);
    sz_ctx_destroy(ctx);
}

// Sizes at their limits end in a refusal or a count, never in a crash.
static void survives_extreme_sizes(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_net_row row;
    sz_net_param_row p;
    for (size_t i = 0; sz_list_net(i, &row); i++)
        for (size_t k = 0; sz_list_net_param(i, k, &p); k++) {
            if (p.words || strcmp(p.name, "layers") == 0) continue; // those grow the graph itself
            const int64_t ends[] = {p.min, p.max};
            for (int e = 0; e < 2; e++) {
                char spec[96];
                sz_model *model = NULL;
                snprintf(spec, sizeof spec, "%s:%s=%lld", row.name, p.name, (long long)ends[e]);
                const sz_status status = sz_model_load(ctx, spec, NULL, &model);
                if (status != SZ_OK && !*sz_ctx_error(ctx)) fail_msg("%s: no sentence", spec);
                assert_int_not_equal(status, SZ_ERR_INTERNAL);
                sz_model_destroy(model);
            }
        }
    sz_ctx_destroy(ctx);
}

// All sizes of a family as large as they may be, and large ones that are no powers of two: no sum
// or product of a family may overflow, which the sanitizers see.
static void survives_all_sizes_at_once(void **state) {
    (void)state;
    static const long long sizes[] = {1 << 30, 1000003, 46341, 3};
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_net_row row;
    sz_net_param_row p;
    for (size_t i = 0; sz_list_net(i, &row); i++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            char spec[1024];
            sz_model *model = NULL;
            int len = snprintf(spec, sizeof spec, "%s", row.name);
            for (size_t k = 0, n = 0; sz_list_net_param(i, k, &p); k++)
                if (!p.words && p.min <= 1 && p.max >= 1 << 24)
                    len += snprintf(spec + len, sizeof spec - (size_t)len, "%c%s=%lld",
                                    n++ ? ',' : ':', p.name,
                                    sizes[s] > p.max ? (long long)p.max : sizes[s]);
            const sz_status status = sz_model_load(ctx, spec, NULL, &model);
            if (status != SZ_OK && !*sz_ctx_error(ctx)) fail_msg("%s: no sentence", spec);
            assert_int_not_equal(status, SZ_ERR_INTERNAL);
            sz_model_destroy(model);
        }
    sz_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_as_the_sources),
        cmocka_unit_test(every_family_builds),
        cmocka_unit_test(is_optimized_like_a_file),
        cmocka_unit_test(refuses_with_a_sentence),
        cmocka_unit_test(a_folder_of_that_name),
        cmocka_unit_test(numbers_for_axes),
        cmocka_unit_test(survives_extreme_sizes),
        cmocka_unit_test(survives_all_sizes_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
