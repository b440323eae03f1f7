// SPDX-License-Identifier: Apache-2.0
// What was measured already, and how to go on: `bench --resume`.
#include "cli/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- words -------------------------------------------------------------------------------------

static size_t bytes_of(const char *batch, const char *dtype, const cli_strings *binds) {
    size_t n = 1;
    if (batch) n += strlen("batch=") + strlen(batch) + 1;
    if (dtype) n += strlen("dtype=") + strlen(dtype) + 1;
    for (size_t i = 0; i < binds->n; i++) n += strlen(binds->items[i]) + 1;
    return n;
}

static char *add(cli_bench_words *w, char *at, const char *name, const char *value) {
    w->items[w->n++] = at;
    return at + sprintf(at, "%s%s", name, value) + 1;
}

bool cli_bench_words_make(const cli_app *app, const char *batch, const char *dtype,
                          const cli_strings *binds, cli_bench_words *w) {
    const size_t n = (size_t)app->n_args - 1;
    *w = (cli_bench_words){.items = malloc((n + binds->n + 3) * sizeof *w->items),
                           .text = malloc(bytes_of(batch, dtype, binds))};
    if (!w->items || !w->text) return cli_bench_words_release(w), false;
    char *at = w->text;
    for (size_t i = 0; i < n; i++) w->items[w->n++] = app->args[i + 1];
    if (batch) at = add(w, at, "batch=", batch);
    if (dtype) at = add(w, at, "dtype=", dtype);
    for (size_t i = 0; i < binds->n; i++) {
        const char *word = binds->items[i];
        if (i > 0 && !strchr(word, '=')) { // goes on with the range before it
            at[-1] = ',';
            at += sprintf(at, "%s", word) + 1;
        } else {
            at = add(w, at, "", word);
        }
    }
    return true;
}

void cli_bench_words_release(cli_bench_words *w) {
    free(w->items);
    free(w->text);
    *w = (cli_bench_words){NULL, 0, NULL};
}

// ---- the command line --------------------------------------------------------------------------

static size_t put(char *buf, size_t cap, size_t n, const char *text, size_t size) {
    for (size_t i = 0; i < size && n + 1 < cap; i++) buf[n++] = text[i];
    return n;
}

static size_t put_word(char *buf, size_t cap, size_t n, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=:,./%@*";
    const bool quoted = !*word || word[strspn(word, plain)] || strchr(word, '*');
    n = put(buf, cap, n, quoted ? " '" : " ", quoted ? 2 : 1);
    for (; *word; word++)
        n = *word == '\'' ? put(buf, cap, n, "'\\''", 4) : put(buf, cap, n, word, 1);
    return quoted ? put(buf, cap, n, "'", 1) : n;
}

// The system keeps the words in the order in which they were given.
void cli_bench_again(const char *more, char *buf, size_t cap) {
    char line[4096], word[4096]; // without passwords: it is shown and stored
    FILE *f = fopen("/proc/self/cmdline", "re");
    const size_t size = f ? fread(line, 1, sizeof line - 1, f) : 0;
    bool there = false;
    if (f) fclose(f);
    line[size] = '\0';
    size_t n = put(buf, cap, 0, "sizeup", 6);
    for (size_t i = strlen(line) + 1; i < size; i += strlen(line + i) + 1) {
        there |= strcmp(line + i, more) == 0;
        sz_store_redact(line + i, word, sizeof word);
        n = put_word(buf, cap, n, word);
    }
    if (!there && *more) n = put_word(buf, cap, n, more);
    buf[n < cap ? n : cap - 1] = '\0';
}

// ---- the store ---------------------------------------------------------------------------------

typedef struct finding {
    cli_app *app;
    unsigned wanted;
    sz_buf *buf;
    size_t begin;
    bool found;
} finding;

static bool is_enough(const sz_bench *b, unsigned wanted) {
    if (b->time.n <= 0) return false; // it has no times: it failed
    return (b->asked & wanted) == wanted;
}

// A later one takes the place of an earlier one.
static sz_status look(void *user, const sz_stored *found) {
    finding *f = user;
    sz_bench_set *one;
    size_t size = found->size;
    sz_status status = sz_bench_set_create(f->app->out, &one);
    if (status != SZ_OK) return status;
    status = sz_bench_set_add(f->app->out, one, found->json, found->size);
    const bool good = status == SZ_OK && is_enough(sz_bench_set_get(one, 0), f->wanted);
    sz_bench_set_destroy(one);
    if (!good) return SZ_OK; // what can't be read is measured anew
    while (size > 0 && found->json[size - 1] != '}') size--;
    if (size == 0) return SZ_OK;
    f->found = true;
    f->buf->size = f->begin;
    sz_buf_put(f->buf, found->json, size - 1);
    sz_buf_printf(f->buf, ", \"from_store\": \"%lld.%lld\"}\n", (long long)found->run,
                  (long long)found->number);
    return SZ_OK;
}

sz_status cli_bench_find(cli_app *app, sz_store *store, const char *case_hash, unsigned wanted,
                         sz_buf *buf, bool *ret_found) {
    char where[128];
    const char *words[] = {where};
    finding f = {app, wanted, buf, buf->size, false};
    snprintf(where, sizeof where, "case_hash=%s", case_hash);
    const sz_store_query query = {.where = words, .n_where = 1};
    const sz_status status = sz_store_each(app->ctx, store, &query, look, &f);
    *ret_found = f.found;
    return status;
}
