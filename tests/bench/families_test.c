// SPDX-License-Identifier: Apache-2.0
// Every family of nets, small, on every backend that is here: what runs gives what the reference
// gives, what does not is refused with a reason. A family without a row fails.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sizeup/model.h>

#include "model/graph/model.h"
#include "run/backends/runner.h"

static const char *const specs[] = {
    "gemm:m=7,n=5,k=9",
    "gemm:m=7,n=5,k=9,ta=1",
    "gemm:m=7,n=5,k=9,tb=1,bias=1",
    "gemm:m=7,n=5,k=9,ta=1,tb=1,dtype=f64",
    "gemm:m=7,n=5,k=9,batch=3,bias=1",
    "gemm:m=17,n=33,k=65,dtype=i8",
    "batchmatmul:m=4,n=5,k=6,batch=3",
    "conv1d:channels=4,filters=6,size=20",
    "conv1d:channels=4,filters=6,size=9,stride=2,transposed=1",
    "conv2d:channels=4,filters=6,size=9x7,kernel=3x2,stride=2x1,pad=1x0,dilation=1x2",
    "conv2d:channels=6,filters=6,size=8,groups=6",
    "conv2d:channels=6,filters=4,size=8,groups=2,kernel=5,pad=2",
    "conv2d:channels=6,filters=4,size=5,kernel=2,pad=0,stride=2,transposed=1",
    "conv2d:channels=6,filters=4,size=5x4,kernel=3x2,pad=0,groups=2,stride=2x3,transposed=1",
    "conv3d:channels=3,filters=4,size=4x5x6,kernel=1x2x3",
    "conv3d:channels=3,filters=4,size=4,kernel=2,pad=0,stride=2,transposed=1",
    "rnn:input=3,units=4,steps=3,batch=2",
    "lstm:input=3,units=4,steps=3,batch=2,layers=2,bidirectional=1",
    "gru:input=3,units=4,steps=3,batch=2",
    "attention:heads=2,head_dim=8,seq=5,batch=2",
    "attention:heads=4,kv_heads=2,head_dim=4,seq=3,keys=5,causal=1",
    "attention:heads=4,kv_heads=2,head_dim=4,seq=3,keys=5,project=1",
    "softmax:rows=5,width=37",
    "layernorm:rows=5,width=37",
    "rmsnorm:rows=5,width=37",
    "batchnorm:channels=5,size=7x6",
    "groupnorm:channels=8,size=7,groups=4",
    "pool:channels=3,size=9x8,kernel=3x2,stride=2,pad=1x0",
    "pool:channels=3,size=9,kernel=3,pad=1,op=average",
    "pool:channels=3,size=9,op=lp",
    "pool:channels=3,size=9,op=global_average",
    "pool:channels=3,size=9,op=global_max",
    "pool:channels=3,size=12,dims=1",
    "pool:channels=3,size=6,dims=3,op=average",
    "add:rows=5,width=7,batch=2",
    "add:rows=5,width=7,batch=2,with=row",
    "add:rows=5,width=7,batch=2,with=column",
    "mul:rows=5,width=7,batch=2,with=scalar",
    "mul:rows=5,width=7",
    "relu:rows=5,width=37",
    "gelu:rows=5,width=37",
    "exp:rows=5,width=37",
    "reduce:rows=5,width=7",
    "reduce:rows=5,width=7,op=mean,axis=rows",
    "reduce:rows=5,width=7,op=max",
    "reduce:rows=5,width=7,op=min",
    "reduce:rows=5,width=7,op=prod",
    "reduce:rows=5,width=7,op=l2",
    "gather:rows=50,width=3,count=9",
    "gather:rows=50,width=3,count=9,ids=zipf",
    "scatter:rows=50,width=3,count=9,batch=2",
    "embedding:vocab=60,hidden=5,seq=7",
    "embedding:vocab=60,hidden=5,seq=7,ids=zipf,batch=2",
    "transpose:rows=5,width=7,batch=2",
    "transpose:shape=3x4x5,order=0x2x1x3,batch=2",
    "copy:rows=5,width=7",
    "mlp:input=9,width=8,layers=2,batch=3",
    "cnn:image=16,blocks=2,channels=4",
    "resnet:depth=18,image=32,width=8,classes=10",
    "resnet:depth=50,image=32,width=8,classes=10",
    "vgg:depth=11,image=32,width=4,hidden=32,classes=10",
    "mobilenet:image=32,width=25,classes=10",
    "deeplab:image=17,width=4,classes=3",
    "ssd:image=270,width=4,classes=3",
    "probe:seed=8,steps=6,work=1",
    "ozaki:m=6,n=5,k=7,count=3,pieces=f32",
    "unet:image=16,channels=4,depth=2",
    "cosmoflow:size=8,channels=4,blocks=2",
    "transformer:layers=1,heads=2,hidden=8,seq=5",
    "transformer:layers=2,heads=4,kv_heads=2,hidden=16,seq=3,past=4,norm=rms,gated=1,order=pre",
    "bert:layers=1,heads=2,hidden=16,seq=5,vocab=50",
    "gpt:layers=1,heads=2,hidden=16,seq=5,vocab=50",
    "llama:layers=1,heads=4,kv_heads=2,hidden=16,ffn=24,seq=3,past=4,vocab=50",
    "vit:image=32,patch=16,layers=1,heads=2,hidden=16,classes=10",
    "dlrm:tables=3,rows=50,dim=8",
    "ncf:users=50,items=40,factors=8,width=16",
};
enum { SPECS = sizeof specs / sizeof *specs };

static bool is_of(const char *spec, const char *family) {
    const size_t n = strlen(family);
    return strncmp(spec, family, n) == 0 && spec[n] == ':';
}

static void every_family_has_a_row(void **state) {
    (void)state;
    sz_net_row row;
    for (size_t i = 0; sz_list_net(i, &row); i++) {
        size_t n = 0;
        for (size_t k = 0; k < SPECS; k++) n += is_of(specs[k], row.name);
        if (n == 0) fail_msg("'%s' has no small case in specs[]", row.name);
    }
}

// Runs twice more after it was checked: both sets of inputs, and a state that survives.
static void run_and_check(const char *spec, const sz_backend *b, sz_runner *r) {
    sz_check c;
    assert_int_equal(r->type->check(r->state, 1, &c), SZ_OK);
    if (strcmp(c.how, "none") == 0) fail_msg("%s on %s is not checked: %s", spec, b->name, c.why);
    if (c.elements < 1 || !c.is_right)
        fail_msg("%s on %s: off by %g, %g is allowed (%lld elements)", spec, b->name, c.error,
                 c.allowed, (long long)c.elements);
    for (int k = 0; k < 2; k++) assert_int_equal(r->type->run(r->state), SZ_OK);
    assert_int_equal(r->type->check(r->state, 1, &c), SZ_OK);
    if (!c.is_right) fail_msg("%s on %s: wrong when run again", spec, b->name);
}

// Did the library itself run a node of it?
static bool library_ran(const sz_runner *r) {
    for (size_t i = 0; i < r->type->layer_count(r->state); i++)
        if (!r->type->layer(r->state, i).why) return true;
    return false;
}

static bool try_spec(sz_ctx *ctx, const char *spec, const sz_backend *b, void *library) {
    const sz_run_how how = {.threads = 1, .seed = 7};
    sz_model *m;
    sz_runner r = {NULL, NULL};
    bool ran = false;
    if (sz_model_load(ctx, spec, NULL, &m) != SZ_OK) fail_msg("%s: %s", spec, sz_ctx_error(ctx));
    const sz_status status = sz_runner_create(ctx, m->graph, b, library, &how, &r);
    if (status == SZ_OK) {
        run_and_check(spec, b, &r);
        ran = library_ran(&r);
        if (!ran) fail_msg("%s on %s: all of it is the reference's", spec, b->name);
        sz_runner_finish(&r);
    } else {
        if (status != SZ_ERR_UNAVAILABLE || strlen(sz_ctx_error(ctx)) < 20)
            fail_msg("%s on %s: %s", spec, b->name, sz_ctx_error(ctx));
        print_message("  %s\n", sz_ctx_error(ctx));
        sz_ctx_clear(ctx);
    }
    sz_model_destroy(m);
    return ran;
}

static void *open_backend(sz_ctx *ctx, const sz_backend *b, bool *ret_is_here) {
    void *library = NULL;
    *ret_is_here = b->open(ctx, NULL, &library) == SZ_OK;
    if (!*ret_is_here) print_message("skipped: %s: %s\n", b->name, sz_ctx_error(ctx));
    sz_ctx_clear(ctx);
    return library;
}

static void the_reference_runs_all(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t k = 0; k < SPECS; k++)
        if (!try_spec(ctx, specs[k], &sz_backend_ref, NULL)) fail_msg("ref: %s", specs[k]);
    sz_ctx_destroy(ctx);
}

// What a library is known to take must not fall back to the reference unseen.
static const char *const at_least[] = {"gemm",      "batchmatmul", "conv1d", "conv2d", "conv3d",
                                       "softmax",   "layernorm",   "pool",   "add",    "mul",
                                       "batchnorm", "relu",        "gelu",   "exp"};

static void libraries_agree_or_refuse(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    const sz_backend *b;
    for (size_t i = 0; (b = sz_backend_get(i)); i++) {
        bool is_here, ran[SPECS] = {false};
        if (b == &sz_backend_ref) continue;
        void *library = open_backend(ctx, b, &is_here);
        for (size_t k = 0; is_here && k < SPECS; k++) ran[k] = try_spec(ctx, specs[k], b, library);
        size_t n = 0;
        for (size_t k = 0; k < SPECS; k++) n += ran[k];
        print_message("%s: ran %zu of %d\n", b->name, n, SPECS);
        if (!is_here || strcmp(b->name, "onednn") != 0) continue;
        for (size_t f = 0; f < sizeof at_least / sizeof *at_least; f++) {
            bool one = false;
            for (size_t k = 0; k < SPECS; k++) one |= ran[k] && is_of(specs[k], at_least[f]);
            if (!one) fail_msg("oneDNN ran none of '%s'", at_least[f]);
        }
    }
    sz_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_has_a_row),
        cmocka_unit_test(the_reference_runs_all),
        cmocka_unit_test(libraries_agree_or_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
