// SPDX-License-Identifier: Apache-2.0
// Several machines by their names.
#include "cli/machines.h"

#include <stdio.h>
#include <string.h>

typedef struct many {
    cli_app *app;
    sz_machine **machines;
    size_t most, n;
} many;

static sz_status add(many *m, const char *name) {
    if (m->n == m->most) return SZ_OK;
    const sz_status status = cli_machine_load(m->app, name, &m->machines[m->n]);
    if (status == SZ_OK) m->n++;
    return status;
}

// A saved file that is broken is left out with a warning; data sheets are ours.
static sz_status add_everything(many *m) {
    char folder[4096], **saved = NULL;
    if (cli_machine_folder(folder, sizeof folder)) {
        sz_status status = sz_machine_names(m->app->ctx, folder, &saved);
        for (size_t i = 0; status == SZ_OK && saved[i]; i++) {
            if (add(m, saved[i]) == SZ_OK) continue;
            cli_warn(m->app, "machine '%s' is left out: %s", saved[i], sz_ctx_error(m->app->ctx));
        }
        if (status == SZ_OK) sz_machine_names_free(m->app->ctx, saved);
    }
    for (size_t i = 0; sz_list_machine(i); i++) {
        const sz_status status = add(m, sz_list_machine(i));
        if (status != SZ_OK) return status;
    }
    return SZ_OK;
}

static sz_status add_named(many *m, const char *names) {
    char name[256];
    for (const char *p = names; *p; p += strcspn(p, ","), p += *p == ',') {
        const size_t len = strcspn(p, ","), n = len < sizeof name ? len : sizeof name - 1;
        memcpy(name, p, n);
        name[n] = '\0';
        const sz_status status = add(m, name);
        if (status != SZ_OK) return status;
    }
    return SZ_OK;
}

sz_status cli_machines_load(cli_app *app, const char *names, sz_machine **machines, size_t most,
                            size_t *ret_n) {
    many m = {app, machines, most, 0};
    const sz_status status = strcmp(names, "all") == 0 ? add_everything(&m) : add_named(&m, names);
    *ret_n = m.n;
    return status;
}
