// SPDX-License-Identifier: Apache-2.0
#include "cli/calibrations.h"

#include <stdio.h>
#include <string.h>

#include <sizeup/run.h>

#include "cli/machines.h"

bool cli_calibration_folder(char *buf, size_t cap) {
    return cli_data_place("calibrations", buf, cap);
}

// ---- version -----------------------------------------------------------------------------------

// Of the library that is here now, by asking it in a child; false: it is not here, or no backend.
static bool ask_version(const char *backend, sz_backend_state *s) {
    sz_backend_row row;
    sz_ctx *ctx = sz_ctx_create(NULL); // what goes wrong is no matter of the prediction
    bool is_here = false;
    for (size_t i = 0; ctx && sz_list_backend(i, &row); i++)
        if (strcmp(row.name, backend) == 0)
            is_here = sz_backend_ask(ctx, i, "/proc/self/exe", cli_environment(), s) == SZ_OK &&
                      !s->off[0];
    sz_ctx_destroy(ctx);
    return is_here && s->version[0];
}

// As long as the library's file is the one that was calibrated, nobody has to be asked. Where the
// library is not here, its times are those of then.
static bool is_other_version(const cli_calibration_wants *w, const sz_calibration *c,
                             sz_backend_state *s) {
    const char *then = sz_calibration_about(c).version;
    if (!then) return false;
    if (w->version) {
        snprintf(s->version, sizeof s->version, "%s", w->version);
        return strcmp(then, w->version) != 0;
    }
    return !sz_calibration_is_current(c) && ask_version(w->backend, s) &&
           strcmp(then, s->version) != 0;
}

// ---- all ---------------------------------------------------------------------------------------

static const char *give_up(cli_app *app, const char *reason, char why[CLI_LEVEL_WHY]) {
    if (reason != why) snprintf(why, CLI_LEVEL_WHY, "%s", reason);
    cli_warn(app, "%s; level 'roofline' is shown instead", why);
    return "roofline";
}

const char *cli_calibration_find(cli_app *app, const cli_calibration_wants *w,
                                 sz_calibration **ret_calibration, sz_calibration **ret_other,
                                 char why[CLI_LEVEL_WHY]) {
    char folder[4096];
    sz_backend_state now = {.version = ""};
    sz_calibration *c = NULL, *other = NULL;
    why[0] = 0;
    if (!cli_calibration_folder(folder, sizeof folder))
        return give_up(app, "neither XDG_DATA_HOME nor HOME is an absolute path", why);
    if (sz_calibration_choose(app->ctx, folder, w->backend, w->dtype, w->threads, &c, &other) !=
        SZ_OK)
        return give_up(app, sz_ctx_error(app->ctx), why);
    if (!is_other_version(w, c, &now)) {
        *ret_calibration = c;
        *ret_other = other;
        return "calibrated";
    }
    snprintf(why, CLI_LEVEL_WHY,
             "backend '%s' was calibrated as version %s and is %s now: 'sizeup calibrate --backend "
             "%s --threads %d' does it anew",
             w->backend, sz_calibration_about(c).version, now.version, w->backend, w->threads);
    sz_calibration_destroy(c);
    sz_calibration_destroy(other);
    return give_up(app, why, why);
}
