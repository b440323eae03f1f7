// SPDX-License-Identifier: Apache-2.0
// What a word of the command line names.
#include "cli/words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/compare.h"
#include "cli/stores.h"

// A file of results says so itself, as does a model; any other word names a machine.
static bool holds_results(const char *path) {
    sz_bench_set *set;
    sz_ctx *ctx = sz_ctx_create(NULL); // what is wrong with the file is said when it is read
    bool holds = false;
    if (!ctx) return false;
    if (sz_bench_set_create(ctx, &set) == SZ_OK) {
        holds = sz_bench_set_load(ctx, set, path, NULL) == SZ_OK ||
                !strstr(sz_ctx_error(ctx), "no results that are known");
        sz_bench_set_destroy(set);
    }
    sz_ctx_destroy(ctx);
    return holds;
}

cli_word_kind cli_kind_of(const char *word) {
    if (access(word, F_OK) != 0 && cli_is_place(word)) return CLI_PLACE;
    if (cli_is_model(word)) return CLI_MODEL;
    return access(word, F_OK) == 0 && holds_results(word) ? CLI_RECORDS : CLI_MACHINE;
}

sz_status cli_load_records(cli_app *app, const char *url, const char *word, cli_word_kind what,
                           sz_bench_set **ret_set) {
    sz_store *store = NULL;
    sz_status status = sz_bench_set_create(app->ctx, ret_set);
    if (status != SZ_OK) return status;
    if (what == CLI_RECORDS) return sz_bench_set_load(app->ctx, *ret_set, word, NULL);
    status = cli_store_open(app, url, SZ_STORE_READ, &store);
    if (status == SZ_OK) status = cli_load_place(app, store, word, *ret_set);
    sz_store_close(store);
    return status;
}

int cli_read_file(cli_app *app, const char *path, sz_buf *ret_buf) {
    enum { MOST = INT32_MAX };
    static char chunk[1 << 16];
    const bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    size_t n = 0;
    sz_buf_init(ret_buf, app->out);
    if (!file) return cli_error(app, CLI_INPUT, "cannot open '%s': %s", path, strerror(errno));
    while (ret_buf->size < MOST && (n = fread(chunk, 1, sizeof chunk, file)) > 0)
        sz_buf_put(ret_buf, chunk, n);
    const bool failed = ferror(file) != 0;
    const int why = errno;
    if (!standard) fclose(file);
    if (failed) return cli_error(app, CLI_INPUT, "cannot read '%s': %s", path, strerror(why));
    if (ret_buf->size >= MOST) return cli_error(app, CLI_INPUT, "'%s' is longer than 2 GiB", path);
    return sz_buf_status(ret_buf) == SZ_OK ? CLI_DONE : cli_error(app, CLI_BUG, "no memory");
}
