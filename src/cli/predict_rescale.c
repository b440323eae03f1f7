// SPDX-License-Identifier: Apache-2.0
// `sizeup predict MODEL --from A --to B --time T`: a measured time carried to another machine.
#include "cli/predict.h"

#include "cli/machines.h"

static void put_json(const cli_app *app, const cli_predict_rescale *job, const sz_rescaled *r,
                     sz_buf *buf) {
    sz_json j;
    sz_json_init(&j, buf, 2);
    sz_json_begin_object(&j);
    sz_json_key_str(&j, "schema", "sizeup.predict.rescaled/1");
    sz_json_key_str(&j, "model", sz_model_path(job->model));
    sz_json_key_str(&j, "level", job->how.level);
    sz_json_key_str(&j, "from", job->from);
    sz_json_key_str(&j, "to", job->to);
    sz_json_key_object(&j, "total");
    sz_json_record(&j, sz_rescaled_type(), r);
    sz_json_end_object(&j);
    sz_json_warnings(&j, app->ctx);
    sz_json_end_object(&j);
}

static void put_seconds(sz_doc *doc, const char *title, double s, const char *note) {
    sz_doc_fact_note(doc, NULL, title, sz_cell_f64(s), SZ_AS_SI, "s", note);
}

static void fill_doc(sz_doc *doc, const cli_predict_rescale *job, const sz_rescaled *r) {
    sz_doc_heading(doc, sz_model_path(job->model));
    put_seconds(doc, "measured", r->measured_s, job->from);
    put_seconds(doc, "time", r->time_s, job->to);
    put_seconds(doc, "from", r->time_lo_s, NULL);
    put_seconds(doc, "to", r->time_hi_s,
                "by compute or by memory alone; no confidence interval");
    sz_doc_fact_note(doc, NULL, "efficiency", sz_cell_f64(r->efficiency), SZ_AS_PERCENT, NULL,
                     "paper time over measured time, carried over");
    put_seconds(doc, "if all were compute", r->by_compute_s, NULL);
    put_seconds(doc, "if all were memory", r->by_memory_s, NULL);
}

static int write_out(const cli_predict_rescale *job, const sz_rescaled *r) {
    cli_app *app = job->app;
    sz_doc *doc;
    int code;
    if (cli_wants(app, "json")) {
        sz_buf buf;
        cli_stream(app, &buf);
        put_json(app, job, r, &buf);
        code = cli_write(app, &buf);
        sz_buf_finish(&buf);
        return code;
    }
    if (sz_doc_create(app->out, "sizeup.predict.rescaled/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    fill_doc(doc, job, r);
    code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

int cli_predict_rescaled(const cli_predict_rescale *job) {
    sz_machine *from = NULL, *to = NULL;
    sz_rescaled r;
    sz_status status = cli_machine_load(job->app, job->from, &from);
    if (status == SZ_OK) status = cli_machine_load(job->app, job->to, &to);
    if (status == SZ_OK)
        status = sz_rescale(job->app->ctx, job->costs, from, to, &job->how, job->measured_s, &r);
    const int code = status == SZ_OK ? write_out(job, &r) : cli_fail(job->app, status);
    sz_machine_destroy(from);
    sz_machine_destroy(to);
    return code;
}
