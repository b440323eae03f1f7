// SPDX-License-Identifier: Apache-2.0
#include "audit/audit.h"

#include <math.h>

#include "base/record.h"
#include "store/value.h"

SZ_RECORD_TYPE(audit_row, SZ_AUDIT_ROW_FIELDS)
SZ_RECORD_TYPE(audit_sums, SZ_AUDIT_SUMS_FIELDS)
SZ_RECORD_TYPE(audit_cause, SZ_AUDIT_CAUSE_FIELDS)

static sz_status run(sz_audit *a) {
    const char *text = sz_bench_set_text(a->set, a->index);
    SZ_TRY(sz_value_parse(a->ctx, text, strlen(text), &a->record));
    SZ_TRY(sz_audit_predict(a));
    if (!isnan(a->bench->layers_sum_s)) SZ_TRY(sz_audit_join(a)); // else the net as a whole
    return sz_audit_explain(a);
}

sz_status sz_audit_create(sz_ctx *ctx, const sz_bench_set *set, size_t record,
                          const sz_audit_options *options, sz_audit **ret_audit) {
    sz_audit *a = sz_alloc(ctx, sizeof *a);
    if (!a) return sz_no_memory(ctx);
    a->ctx = ctx, a->set = set, a->index = record, a->options = *options;
    a->bench = sz_bench_set_get(set, record);
    sz_arena_init(&a->arena, ctx);
    const sz_status status = run(a);
    if (status == SZ_OK)
        *ret_audit = a;
    else
        sz_audit_destroy(a);
    return status;
}

void sz_audit_destroy(sz_audit *a) {
    if (!a) return;
    sz_vec_finish(a->ctx, &a->rows);
    sz_vec_finish(a->ctx, &a->causes);
    sz_estimate_destroy(a->estimate);
    sz_costs_destroy(a->costs);
    sz_model_destroy(a->model);
    sz_machine_destroy(a->machine);
    json_decref(a->record);
    sz_arena_finish(&a->arena);
    sz_free(a->ctx, a, sizeof *a);
}

size_t sz_audit_count(const sz_audit *a) { return a->rows.n; }
sz_audit_row sz_audit_get(const sz_audit *a, size_t i) { return a->rows.items[i].row; }
const char *sz_audit_source(const sz_audit *a, size_t i, size_t k) {
    const sz_audit_name *name = a->rows.items[i].first;
    while (k > 0 && name) name = name->next, k--;
    return name ? name->text : NULL;
}
sz_audit_sums sz_audit_summed(const sz_audit *a) { return a->sums; }
size_t sz_audit_cause_count(const sz_audit *a) { return a->causes.n; }
sz_audit_cause sz_audit_cause_get(const sz_audit *a, size_t i) { return a->causes.items[i]; }
const sz_estimate *sz_audit_estimate(const sz_audit *a) { return a->estimate; }
