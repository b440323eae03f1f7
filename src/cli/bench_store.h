// SPDX-License-Identifier: Apache-2.0
// Measured cases on their way into a store.
#ifndef SZ_CLI_BENCH_STORE_H
#define SZ_CLI_BENCH_STORE_H

#include "cli/cli.h"

#include <sizeup/results.h>

typedef struct cli_bench_store {
    cli_app *app;
    sz_store *store; // NULL = results are not kept
    int64_t run;
    bool lost; // it took no more
} cli_bench_store;

// Begin a run in the store of --store URL; "none" is no store, NULL the usual one.
sz_status cli_bench_store_open(cli_app *app, const char *url, cli_bench_store *ret_store);
void cli_bench_store_close(cli_bench_store *store);

// Keep a record. A full disk is no reason to lose what is measured from here on: that is said once.
void cli_bench_store_keep(cli_bench_store *store, const char *record, size_t size);

#endif
