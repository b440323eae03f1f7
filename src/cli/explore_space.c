// SPDX-License-Identifier: Apache-2.0
// From the command line and a specification to a space with its machines.
#include "cli/explore.h"

#include "cli/machines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- machines ----------------------------------------------------------------------------------

// "all": what was saved here, and the data sheets.
static void add_all(explore_job *job, sz_buf *buf) {
    char folder[4096], **saved = NULL;
    if (cli_machine_folder(folder, sizeof folder) &&
        sz_machine_names(job->app->ctx, folder, &saved) == SZ_OK) {
        for (size_t i = 0; saved[i]; i++) sz_buf_printf(buf, "%s,", saved[i]);
        sz_machine_names_free(job->app->ctx, saved);
    }
    for (size_t i = 0; sz_list_machine(i); i++) sz_buf_printf(buf, "%s,", sz_list_machine(i));
}

// The numbers of a custom machine have commas between them: it is one value.
static sz_status put_machines(explore_job *job) {
    const cli_strings *asked = &job->options->machines;
    size_t at;
    if (asked->n == 0) {
        if (sz_space_find(job->space, "machine", &at)) return SZ_OK;
        return sz_space_add(job->app->ctx, job->space, "machine", "here");
    }
    sz_buf buf;
    sz_buf_init(&buf, job->app->out);
    for (size_t i = 0; i < asked->n; i++) {
        if (strcmp(asked->items[i], "all") == 0)
            add_all(job, &buf);
        else
            sz_buf_printf(&buf, "%s,", asked->items[i]);
    }
    sz_status status = sz_buf_status(&buf);
    if (status == SZ_OK) {
        buf.data[buf.size - 1] = 0; // the last comma
        status = asked->n == 1 && strncmp(asked->items[0], "custom:", 7) == 0
                     ? sz_space_add_word(job->app->ctx, job->space, "machine", buf.data)
                     : sz_space_add(job->app->ctx, job->space, "machine", buf.data);
    }
    sz_buf_finish(&buf);
    return status;
}

static int load_machines(explore_job *job) {
    size_t at;
    if (!sz_space_find(job->space, "machine", &at)) return CLI_DONE;
    const int64_t n = sz_space_values(job->space, at);
    if (n > EXPLORE_MACHINES)
        return cli_error(job->app, CLI_USAGE, "more than %d machines", EXPLORE_MACHINES);
    for (int64_t i = 0; i < n; i++) {
        const sz_status status = cli_machine_load(
            job->app, sz_space_value(job->space, at, (uint32_t)i), &job->machines[i]);
        if (status != SZ_OK) return cli_fail(job->app, status);
        job->n_machines++;
    }
    return CLI_DONE;
}

// ---- prices ------------------------------------------------------------------------------------

// Of the machine with that name, or of all.
static int put_price(explore_job *job, const char *word, size_t len) {
    const char *equals = memchr(word, '=', len);
    char *end;
    size_t at;
    bool found = false;
    const double price = strtod(equals ? equals + 1 : word, &end);
    if (end != word + len || !(price > 0))
        return cli_error(job->app, CLI_USAGE,
                         "a price is a number above 0, or NAME=NUMBER for each machine, not '%.*s'",
                         (int)len, word);
    if (!sz_space_find(job->space, "machine", &at)) return CLI_DONE;
    for (size_t i = 0; i < job->n_machines; i++) {
        const char *name = sz_space_value(job->space, at, (uint32_t)i);
        const bool is_meant = !equals || (strlen(name) == (size_t)(equals - word) &&
                                          strncmp(name, word, strlen(name)) == 0);
        if (is_meant) job->prices[i] = price;
        found = found || is_meant;
    }
    if (found) return CLI_DONE;
    return cli_error(job->app, CLI_USAGE, "the price names '%.*s', which is none of the machines",
                     (int)(equals - word), word);
}

static int put_prices(explore_job *job) {
    int code = CLI_DONE;
    const char *text = explore_wish(job, job->options->price, "price", NULL);
    for (const char *p = text; p && *p && code == CLI_DONE; p += strcspn(p, ","), p += *p == ',')
        code = put_price(job, p, strcspn(p, ","));
    return code;
}

// ---- words -------------------------------------------------------------------------------------

static sz_status put_words(explore_job *job) {
    sz_ctx *ctx = job->app->ctx;
    const explore_options *o = job->options;
    sz_status status = SZ_OK;
    for (size_t i = 0; status == SZ_OK && i < o->models.n; i++)
        status = sz_space_add_model(ctx, job->space, o->models.items[i]);
    if (status == SZ_OK) status = put_machines(job);
    if (status == SZ_OK && o->batch) status = sz_space_add(ctx, job->space, "batch", o->batch);
    for (size_t i = 0; status == SZ_OK && i < o->constraints.n; i++)
        status = sz_space_constrain(ctx, job->space, o->constraints.items[i]);
    return status;
}

// "NAME=RANGE"
static int put_parameter(explore_job *job, const char *word) {
    char name[256];
    const char *eq = strchr(word, '=');
    if (!eq || eq == word || (size_t)(eq - word) >= sizeof name)
        return cli_error(job->app, CLI_USAGE,
                         "'%s' is not NAME=RANGE: the model goes behind --model", word);
    snprintf(name, sizeof name, "%.*s", (int)(eq - word), word);
    const sz_status status = sz_space_add(job->app->ctx, job->space, name, eq + 1);
    return status == SZ_OK ? CLI_DONE : cli_fail(job->app, status);
}

static sz_status open_space(explore_job *job) {
    if (!job->options->spec) return sz_space_create(job->app->ctx, &job->space);
    return sz_space_load(job->app->ctx, job->options->spec, &job->space);
}

static sz_status finish(explore_job *job) {
    sz_ctx *ctx = job->app->ctx;
    const char *file = explore_wish(job, job->options->metrics, "metrics", NULL);
    const char *higher = explore_wish(job, job->options->higher, "higher", NULL);
    sz_status status = sz_space_machine_facts(
        ctx, job->space, (const sz_machine *const *)job->machines, job->n_machines);
    if (status == SZ_OK && file) status = sz_space_join_file(ctx, job->space, file, higher);
    return status == SZ_OK ? sz_space_ready(ctx, job->space) : status;
}

int explore_space_make(explore_job *job) {
    sz_status status = open_space(job);
    if (status == SZ_OK && job->options->models.n > 0) sz_space_forget_models(job->space);
    if (status == SZ_OK) status = put_words(job);
    if (status != SZ_OK) return cli_fail(job->app, status);
    for (int i = 0; i < job->app->n_args; i++) {
        const int code = put_parameter(job, job->app->args[i]);
        if (code != CLI_DONE) return code;
    }
    int code = load_machines(job);
    if (code == CLI_DONE) code = put_prices(job);
    if (code != CLI_DONE) return code;
    status = finish(job);
    return status == SZ_OK ? CLI_DONE : cli_fail(job->app, status);
}
