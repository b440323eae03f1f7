// SPDX-License-Identifier: Apache-2.0
// `sizeup llm --machine`: from the options to a prediction.
#include "cli/llm.h"

#include "cli/machines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool read_bytes(const char *text, double *ret) {
    char *end;
    *ret = -1;
    if (!text) return true;
    *ret = strtod(text, &end);
    return end != text && !*end && *ret >= 0 && isfinite(*ret);
}

static sz_inference_options options_of(const llm_job *job, double reserve) {
    const llm_options *o = job->options;
    const double more = (double)job->live_of_two.peak_bytes - (double)job->live.peak_bytes;
    return (sz_inference_options){.prompt = o->prompt,
                                  .generate = o->generate > 0 ? o->generate : 1,
                                  .batch = o->batch,
                                  .context = job->context,
                                  .page = o->page,
                                  .counting = {strcmp(o->attention, "half") == 0, job->kv_dtype},
                                  .prefix_hit = o->prefix_hit,
                                  .draft_tokens = o->draft_tokens,
                                  .accept = o->accept,
                                  .draft = job->draft,
                                  .stack = o->stack,
                                  .dtype = o->dtype,
                                  .threads = (int)o->threads,
                                  .norm = o->norm,
                                  .reserve_bytes = reserve,
                                  .activation_bytes_per_sequence = more,
                                  .activation_bytes = (double)job->live.peak_bytes -
                                                      more * (double)o->batch};
}

int llm_predict(cli_app *app, llm_job *job) {
    const llm_options *o = job->options;
    double reserve;
    if (!read_bytes(o->reserve, &reserve))
        return cli_error(app, CLI_USAGE,
                         "--reserve '%s' is no number of bytes: 0 or more, e.g. 1e9", o->reserve);
    if (!o->machine) return CLI_DONE;
    sz_status status = cli_machine_load(app, o->machine, &job->machine);
    const sz_inference_options how = options_of(job, reserve);
    if (status == SZ_OK)
        status = sz_inference_predict(app->ctx, job->form, job->machine, &how, &job->told);
    return status == SZ_OK ? CLI_DONE : cli_fail(app, status);
}
