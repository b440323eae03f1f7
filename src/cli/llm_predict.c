// SPDX-License-Identifier: Apache-2.0
// `sizeup llm --machine`: from the options to a prediction.
#include "cli/llm.h"

#include "cli/machines.h"

#include <inttypes.h>
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

int cli_llm_check_devices(cli_app *app, const llm_options *o, int64_t devices) {
    if (o->devices <= 0 || o->devices == devices) return CLI_DONE;
    return cli_error(app, CLI_USAGE,
                     "--tp x --cp x --pp x --dp are %" PRId64 " devices, --devices says %" PRId64
                     ": leave --devices out, or change a degree",
                     devices, o->devices);
}

// The degrees, where they are of more than one device.
static int read_plan(cli_app *app, llm_job *job) {
    const llm_options *o = job->options;
    sz_llm_plan *p = &job->plan;
    *p = (sz_llm_plan){.tensor = o->tp, .pipeline = o->pp, .data = o->dp, .experts = o->ep};
    int64_t devices;
    if (__builtin_mul_overflow(o->tp, o->pp, &devices) ||
        __builtin_mul_overflow(devices, o->dp, &devices) || devices < 1)
        return cli_error(app, CLI_USAGE,
                         "--tp, --pp and --dp are 1 or more, and no more than 2^20");
    const int code = cli_llm_check_devices(app, o, devices);
    if (code != CLI_DONE) return code;
    if (o->cp != 1)
        return cli_error(app, CLI_USAGE, "--cp is known for --mode training: leave it out");
    if (devices == 1 && o->ep == 1) return CLI_DONE;
    if (!o->machine)
        return cli_error(app, CLI_USAGE,
                         "several devices need to be known: give --machine a100 or another");
    if (o->per_node < 1 || !(o->node_rate > 0))
        return cli_error(app, CLI_USAGE, "--per-node and --node-rate are above 0");
    job->how.plan = p;
    const sz_status status = sz_network_of_machine(app->ctx, job->machine, o->per_node,
                                                   o->node_rate, &p->net);
    return status == SZ_OK ? CLI_DONE : cli_fail(app, status);
}

int llm_predict(cli_app *app, llm_job *job) {
    const llm_options *o = job->options;
    double reserve;
    if (!read_bytes(o->reserve, &reserve))
        return cli_error(app, CLI_USAGE,
                         "--reserve '%s' is no number of bytes: 0 or more, e.g. 1e9", o->reserve);
    if (!o->machine) return read_plan(app, job);
    sz_status status = cli_machine_load(app, o->machine, &job->machine);
    if (status != SZ_OK) return cli_fail(app, status);
    job->how = options_of(job, reserve);
    const int code = read_plan(app, job);
    if (code != CLI_DONE) return code;
    status = sz_inference_predict(app->ctx, job->form, job->machine, &job->how, &job->told);
    return status == SZ_OK ? CLI_DONE : cli_fail(app, status);
}
