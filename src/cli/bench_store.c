// SPDX-License-Identifier: Apache-2.0
#include "cli/bench_store.h"

#include "cli/bench.h"
#include "cli/stores.h"

#include <string.h>

sz_status cli_bench_store_open(cli_app *app, const char *url, cli_bench_store *s) {
    char line[2048];
    sz_buf header;
    sz_json j;
    *s = (cli_bench_store){.app = app};
    if (url && strcmp(url, "none") == 0) return SZ_OK;
    sz_status status = cli_store_open(app, url, SZ_STORE_WRITE, &s->store);
    if (status != SZ_OK) return status;
    cli_bench_again("", line, sizeof line);
    sz_buf_init(&header, app->out);
    sz_json_init(&j, &header, 0);
    sz_json_begin_object(&j);
    sz_json_key_str(&j, "command", line);
    sz_json_end_object(&j);
    status = sz_buf_status(&header);
    if (status == SZ_OK)
        status = sz_store_begin(app->ctx, s->store, header.data, header.size, &s->run);
    sz_buf_finish(&header);
    return status;
}

void cli_bench_store_close(cli_bench_store *s) {
    sz_store_close(s->store);
    s->store = NULL;
}

void cli_bench_store_keep(cli_bench_store *s, const char *record, size_t size) {
    int64_t number;
    if (!s->store || s->lost) return;
    sz_ctx *ctx = sz_ctx_create(NULL);
    if (!ctx || sz_store_append(ctx, s->store, s->run, record, size, &number) != SZ_OK) {
        s->lost = true;
        cli_error(s->app, CLI_UNAVAILABLE, "results are not kept from here on: %s",
                  ctx ? sz_ctx_error(ctx) : "no memory");
    }
    sz_ctx_destroy(ctx);
}
