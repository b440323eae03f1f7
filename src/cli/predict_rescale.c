// SPDX-License-Identifier: Apache-2.0
// `sizeup predict MODEL --from A --to B --time T`: a measured time carried to another machine.
#include "cli/predict.h"

#include "cli/machines.h"

typedef struct answer {
    const cli_predict_rescale *job;
    sz_rescaled time;
} answer;

static void put_json(sz_json *j, const void *what) {
    const answer *a = what;
    sz_json_key_str(j, "model", sz_model_path(a->job->model));
    sz_json_key_str(j, "level", a->job->how.level);
    sz_json_key_str(j, "from", a->job->from);
    sz_json_key_str(j, "to", a->job->to);
    sz_json_key_object(j, "total");
    sz_json_record(j, sz_rescaled_type(), &a->time);
    sz_json_end_object(j);
}

static void put_seconds(sz_doc *doc, const char *title, double s, const char *note) {
    sz_doc_fact_note(doc, NULL, title, sz_cell_f64(s), SZ_AS_SI, "s", note);
}

static void fill_doc(sz_doc *doc, const void *what) {
    const answer *a = what;
    const sz_rescaled *r = &a->time;
    sz_doc_heading(doc, sz_model_path(a->job->model));
    put_seconds(doc, "measured", r->measured_s, a->job->from);
    put_seconds(doc, "time", r->time_s, a->job->to);
    put_seconds(doc, "from", r->time_lo_s, NULL);
    put_seconds(doc, "to", r->time_hi_s,
                "by compute or by memory alone; no confidence interval");
    sz_doc_fact_note(doc, NULL, "efficiency", sz_cell_f64(r->efficiency), SZ_AS_PERCENT, NULL,
                     "paper time over measured time, carried over");
    put_seconds(doc, "if all were compute", r->by_compute_s, NULL);
    put_seconds(doc, "if all were memory", r->by_memory_s, NULL);
}

int cli_predict_rescaled(const cli_predict_rescale *job) {
    sz_machine *from = NULL, *to = NULL;
    answer a = {.job = job};
    static const cli_answer how = {"sizeup.predict.rescaled/1", put_json, fill_doc};
    sz_status status = cli_machine_load(job->app, job->from, &from);
    if (status == SZ_OK) status = cli_machine_load(job->app, job->to, &to);
    if (status == SZ_OK)
        status = sz_rescale(job->app->ctx, job->costs, from, to, &job->how, job->measured_s,
                            &a.time);
    const int code = status == SZ_OK ? cli_write_answer(job->app, &how, &a)
                                     : cli_fail(job->app, status);
    sz_machine_destroy(from);
    sz_machine_destroy(to);
    return code;
}
