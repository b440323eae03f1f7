// SPDX-License-Identifier: Apache-2.0
// Language models that are written as GGUF: their parameters are those of model cards, what is read
// back is what was written, the numbers are what their formats say, and nothing of a weight is
// held.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/export/gguf.h"

#include <math.h>
#include <sizeup/cost.h>
#include <sizeup/llm.h>
#include <sizeup/llm_write.h>
#include <sizeup/model.h>

static sz_ctx *ctx;

static int set_up(void **state) {
    (void)state;
    ctx = sz_ctx_create(NULL);
    return ctx ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    sz_ctx_clear(ctx);
    const size_t left = sz_ctx_memory_used(ctx);
    sz_ctx_destroy(ctx);
    return left == 0 ? 0 : -1;
}

static sz_llm_design design_of(const char *arch, const char *type, const char *const *words) {
    size_t n = 0;
    while (words[n]) n++;
    return (sz_llm_design){.arch = arch, .type = type, .words = words, .n_words = n, .seed = 7};
}

// ---- sizes of real models ----------------------------------------------------------------------

static int refuse(void *user, const char *bytes, size_t n) {
    (void)bytes, (void)n;
    ++*(int *)user;
    return 1;
}

// Parameters as the model cards' checkpoints have them, counted by safetensors' headers.
static void test_published(void **state) {
    static const struct {
        const char *arch, *words[14];
        int64_t params;
    } rows[] = {
        {"gpt2",
         {"layers=12", "hidden=768", "heads=12", "ffn=3072", "vocab=50257", "context=1024",
          "tied=1"},
         124439808},
        {"llama",
         {"layers=22", "hidden=2048", "heads=32", "kv_heads=4", "ffn=5632", "vocab=32000"},
         1100048384}, // TinyLlama 1.1B
        {"llama",
         {"layers=32", "hidden=4096", "heads=32", "kv_heads=8", "ffn=14336", "vocab=128256"},
         8030261248}, // Llama 3 8B
        {"mistral",
         {"layers=32", "hidden=4096", "heads=32", "kv_heads=8", "ffn=14336"},
         7241732096}, // Mistral 7B v0.1
        {"mixtral",
         {"layers=32", "hidden=4096", "heads=32", "kv_heads=8", "ffn=14336", "experts=8"},
         46702792704}, // Mixtral 8x7B
        {"qwen2",
         {"layers=24", "hidden=896", "heads=14", "kv_heads=2", "ffn=4864", "vocab=151936",
          "tied=1"},
         494032768}, // Qwen2 0.5B
        {"qwen3",
         {"layers=28", "hidden=1024", "heads=16", "kv_heads=8", "head_dim=128", "ffn=3072",
          "vocab=151936", "tied=1"},
         596049920}, // Qwen3 0.6B
        {"gemma",
         {"layers=18", "hidden=2048", "heads=8", "kv_heads=1", "head_dim=256", "ffn=16384",
          "vocab=256000"},
         2506172416}, // Gemma 2B
        {"gemma2",
         {"layers=26", "hidden=2304", "heads=8", "kv_heads=4", "head_dim=256", "ffn=9216",
          "vocab=256000"},
         2614341888}, // Gemma 2 2B
        {"phi",
         {"layers=32", "hidden=2560", "heads=32", "ffn=10240", "vocab=51200"},
         2779683840}, // Phi-2
        {"phi3",
         {"layers=32", "hidden=3072", "heads=32", "ffn=8192", "vocab=32064"},
         3821079552}, // Phi-3 mini
        {"starcoder2",
         {"layers=30", "hidden=3072", "heads=24", "kv_heads=2", "ffn=12288", "vocab=49152",
          "tied=1"},
         3030371328}, // StarCoder2 3B
        {"olmoe",
         {"layers=16", "hidden=2048", "heads=16", "ffn=1024", "vocab=50304", "experts=64",
          "experts_used=8"},
         6919161856}, // OLMoE 1B-7B
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const sz_llm_design d = design_of(rows[i].arch, "bf16", rows[i].words);
        sz_llm_written written;
        sz_buf buf;
        int drained = 0;
        sz_buf_init(&buf, ctx);
        buf.drain = refuse, buf.user = &drained; // the sizes are known before the first byte
        assert_int_equal(sz_llm_write(ctx, &d, &buf, &written), SZ_ERR_IO);
        sz_buf_finish(&buf);
        sz_ctx_clear(ctx);
        assert_int_equal(drained, 1);
        assert_int_equal(written.params, rows[i].params);
    }
}

// ---- both ways ---------------------------------------------------------------------------------

static const char *const types[] = {"f32",  "f16",  "bf16", "q4_0",   "q4_1",
                                    "q5_0", "q5_1", "q8_0", "q2_k",   "q3_k",
                                    "q4_k", "q5_k", "q6_k", "iq4_nl", "mxfp4"};
enum { TYPES = sizeof types / sizeof *types };
static const char *const small[] = {"layers=3",       "hidden=256", "heads=4",    "kv_heads=2",
                                    "ffn=512",        "vocab=300",  "context=64", "experts=4",
                                    "shared_ffn=256", NULL};

static void compare(const sz_buf *buf, const sz_llm_written *written, const char *name) {
    static const char *const binds[] = {"batch=1", "seq=2", "past=3"};
    const sz_load_options o = {.binds = binds, .n_binds = 3};
    sz_llm_facts facts;
    sz_model *m;
    sz_costs *costs;
    if (sz_model_load_memory(ctx, name, buf->data, buf->size, &o, &m) != SZ_OK)
        fail_msg("%s: %s", name, sz_ctx_error(ctx));
    if (sz_ctx_warning_count(ctx)) fail_msg("%s: %s", name, sz_ctx_warning(ctx, 0));
    assert_int_equal(sz_costs_create(ctx, m, NULL, &costs), SZ_OK);
    const sz_cost total = sz_costs_total(costs);
    assert_int_equal(total.params, written->params);
    assert_int_equal(total.weight_bytes, written->weight_bytes);
    assert_int_equal(sz_costs_covered(costs), sz_costs_node_count(costs));
    assert_int_equal(sz_model_llm(ctx, m, &facts), SZ_OK);
    assert_string_equal(facts.arch, written->arch);
    sz_costs_destroy(costs);
    sz_model_destroy(m);
}

static void test_read_back(void **state) {
    (void)state;
    for (size_t a = 0; sz_list_llm_writable(a); a++)
        for (size_t t = 0; t < TYPES; t++) {
            const char *arch = sz_list_llm_writable(a);
            const char *words[16];
            size_t n = 0;
            const bool mixes = strstr(arch, "moe") || strcmp(arch, "llama") == 0;
            for (size_t i = 0; small[i]; i++) {
                const bool of_experts = strncmp(small[i], "experts", 7) == 0;
                const bool shared = strncmp(small[i], "shared", 6) == 0;
                if ((of_experts && !mixes) || (shared && strcmp(arch, "qwen2moe") != 0)) continue;
                words[n++] = small[i];
            }
            words[n] = NULL;
            const sz_llm_design d = design_of(arch, types[t], words);
            sz_llm_written written;
            sz_buf buf;
            sz_buf_init(&buf, ctx);
            if (sz_llm_write(ctx, &d, &buf, &written) != SZ_OK)
                fail_msg("%s in %s: %s", arch, types[t], sz_ctx_error(ctx));
            assert_string_equal(written.type, types[t]);
            compare(&buf, &written, arch);
            sz_buf_finish(&buf);
        }
}

// The same design gives the same bytes, another seed others, zeros none; sizes stay.
static void test_seed(void **state) {
    const char *const words[] = {"layers=1", "hidden=32", "heads=2", "ffn=32", "vocab=16", NULL};
    sz_llm_design d = design_of("llama", "q4_0", words);
    sz_llm_written written;
    sz_buf bufs[4];
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        d.seed = i == 2 ? 8 : 7, d.zeros = i == 3;
        sz_buf_init(&bufs[i], ctx);
        assert_int_equal(sz_llm_write(ctx, &d, &bufs[i], &written), SZ_OK);
        assert_int_equal(bufs[i].size, bufs[0].size);
    }
    const size_t n = bufs[0].size, tail = 512; // the last matrix, of numbers alone
    assert_memory_equal(bufs[0].data, bufs[1].data, n);
    assert_memory_not_equal(bufs[0].data, bufs[2].data, n);
    for (size_t i = n - tail; i < n; i++) assert_int_equal(bufs[3].data[i], 0);
    for (size_t i = 0; i < 4; i++) sz_buf_finish(&bufs[i]);
}

// ---- numbers -----------------------------------------------------------------------------------

static double half(const unsigned char *p) {
    const unsigned v = (unsigned)p[0] | (unsigned)p[1] << 8, e = v >> 10 & 31, m = v & 1023;
    const double x = e ? ldexp(1024 + m, (int)e - 25) : ldexp(m, -24);
    return v >> 15 ? -x : x;
}

// By the definitions of the formats: a block of q4_0 is a half and 32 nibbles less 8; of q8_0 a
// half and 32 bytes; of q4_k two halves, 12 bytes of scales and offsets of 6 bits, 256 nibbles.
static size_t unpack(const char *type, const unsigned char *p, double *ret) {
    if (strcmp(type, "f16") == 0) return ret[0] = half(p), 1;
    if (strcmp(type, "q8_0") == 0) {
        for (size_t i = 0; i < 32; i++) ret[i] = half(p) * (int8_t)p[2 + i];
        return 32;
    }
    if (strcmp(type, "q4_0") == 0) {
        for (size_t i = 0; i < 16; i++) {
            ret[i] = half(p) * ((p[2 + i] & 15) - 8);
            ret[i + 16] = half(p) * ((p[2 + i] >> 4) - 8);
        }
        return 32;
    }
    for (size_t j = 0; j < 8; j++) {
        const unsigned char *s = p + 4;
        const int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
        const int least = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | (s[j] >> 6) << 4;
        for (size_t i = 0; i < 32; i++) {
            const unsigned char q = p[16 + j / 2 * 32 + i];
            ret[32 * j + i] = half(p) * scale * (j % 2 ? q >> 4 : q & 15) - half(p + 2) * least;
        }
    }
    return 256;
}

// Large, of mean 0 and spread as asked for: plain formats have powers of two, so a factor of
// sqrt(2) is left to them.
static void test_spread(void **state) {
    static const char *const some[] = {"f16", "q8_0", "q4_0", "q4_k"};
    static unsigned char bytes[1 << 16];
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        const sz_dtype t = sz_dtype_by_name(some[k]);
        const size_t block = (size_t)sz_dtype_get(t)->block_bytes, n = sizeof bytes / block;
        uint64_t seed = 3;
        double sum = 0, squares = 0, count = 0, out[256];
        sz_noise_fill(t, 0.02, &seed, bytes, n);
        for (size_t i = 0; i < n; i++) {
            const size_t got = unpack(some[k], bytes + i * block, out);
            for (size_t j = 0; j < got; j++) sum += out[j], squares += out[j] * out[j], count++;
        }
        const double spread = sqrt(squares / count), factor = k ? 1.01 : sqrt(2);
        assert_true(spread < 0.02 * factor && spread > 0.02 / factor);
        assert_true(fabs(sum / count) < 0.15 * spread);
    }
}

// ---- what can't be -----------------------------------------------------------------------------

static void test_refused(void **state) {
    static const struct {
        const char *arch, *type, *words[6];
        sz_status status;
        const char *says;
    } rows[] = {
        {"lama", NULL, {NULL}, SZ_ERR_USAGE, "architecture 'lama' can't be written; these can"},
        {"bert", NULL, {NULL}, SZ_ERR_USAGE, "architecture 'bert' can't be written"},
        {"llama", "q8_k", {NULL}, SZ_ERR_USAGE, "no weights are written in 'q8_k'"},
        {"llama", NULL, {"layer=3"}, SZ_ERR_USAGE, "did you mean 'layers'?"},
        {"llama", NULL, {"layers"}, SZ_ERR_USAGE, "words are NAME=NUMBER"},
        {"llama", NULL, {"layers=-1"}, SZ_ERR_USAGE, "is no number from 0 to"},
        {"llama", NULL, {"layers=99999999999"}, SZ_ERR_USAGE, "is no number from 0 to"},
        {"llama", NULL, {"layers=2"}, SZ_ERR_USAGE, "'hidden' is missing"},
        {"llama",
         NULL,
         {"layers=2", "hidden=10", "heads=3", "ffn=4"},
         SZ_ERR_USAGE,
         "3 heads do not divide hidden=10"},
        {"llama",
         NULL,
         {"layers=2", "hidden=12", "heads=4", "ffn=4"},
         SZ_ERR_USAGE,
         "say an even head_dim"},
        {"llama",
         NULL,
         {"layers=2", "hidden=16", "heads=4", "ffn=4", "kv_heads=3"},
         SZ_ERR_USAGE,
         "kv_heads=3 do not divide heads=4"},
        {"llama",
         "q4_k",
         {"layers=2", "hidden=256", "heads=4", "ffn=300"},
         SZ_ERR_INPUT,
         "rows of 300 elements are no whole blocks of 256 (q4_k)"},
        {"llama",
         NULL,
         {"layers=20000", "hidden=16", "heads=4", "ffn=4"},
         SZ_ERR_INPUT,
         "20000 blocks (num_hidden_layers), 10000 at most"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const sz_llm_design d = design_of(rows[i].arch, rows[i].type, rows[i].words);
        sz_llm_written written;
        sz_buf buf;
        sz_buf_init(&buf, ctx);
        assert_int_equal(sz_llm_write(ctx, &d, &buf, &written), rows[i].status);
        if (!strstr(sz_ctx_error(ctx), rows[i].says))
            fail_msg("'%s' says not '%s'", sz_ctx_error(ctx), rows[i].says);
        assert_int_equal(buf.size, 0);
        sz_buf_finish(&buf);
        sz_ctx_clear(ctx);
    }
}

int main(void) {
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(test_published, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_seed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_spread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down)};
    return cmocka_run_group_tests(all, NULL, NULL);
}
