// SPDX-License-Identifier: Apache-2.0
#include "cases.h"

#include "hook.h"
#include "model/cost/node_cost.h"
#include "model/ops/ops.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_TEXT = 1 << 16, MAX_TITLE = 512, MAX_PATH = 4096 };

// ---- reading -----------------------------------------------------------------------------------

typedef struct reader {
    void (*each)(void *user, const char *title, const char *text);
    void *user;
    int n;
    bool open; // inside a case
    int depth; // of braces
    char title[MAX_TITLE], text[MAX_TEXT];
    size_t len;
} reader;

static void add(reader *r, const char *s, size_t n) {
    if (r->len + n >= MAX_TEXT) n = 0;
    memcpy(r->text + r->len, s, n);
    r->len += n;
    r->text[r->len] = 0;
}

static bool begins(const char *s, const char *word) {
    size_t n = strlen(word);
    return strncmp(s, word, n) == 0 && (s[n] == ' ' || s[n] == '\t' || s[n] == 0);
}

// The first '=' or '(' outside of quotes comes after a colon and white space, or not at all.
static bool is_input(const char *s) {
    bool quoted = false, colon = false;
    for (; *s && (quoted || (*s != '#' && *s != '(')); s++) {
        if (quoted && *s == '\\' && s[1])
            s++;
        else if (*s == '"')
            quoted = !quoted;
        else if (!quoted && *s == '=')
            return false;
        else if (!quoted && *s == ':' && (s[1] == ' ' || s[1] == '\t'))
            colon = true;
    }
    return colon;
}

// A claim, not a value that is called like one.
static bool is_claim(const char *s) {
    if (!begins(s, "expect") && !begins(s, "error") && !begins(s, "warning")) return false;
    s += strcspn(s, " \t");
    s += strspn(s, " \t");
    return *s && !strchr("=,:", *s);
}

static int depth_change(const char *s) {
    int depth = 0;
    bool quoted = false;
    for (; *s && (quoted || *s != '#'); s++) {
        if (quoted && *s == '\\' && s[1])
            s++;
        else if (*s == '"')
            quoted = !quoted;
        else if (!quoted)
            depth += (*s == '{') - (*s == '}');
    }
    return depth;
}

static void end_case(reader *r) {
    if (!r->open) return;
    add(r, "}\n", 2);
    r->open = false;
    r->n++;
    r->each(r->user, r->title, r->text);
}

static void begin_case(reader *r, const char *title) {
    snprintf(r->title, sizeof r->title, "%s", title);
    r->open = true;
    r->len = 0;
    add(r, "graph case", 10);
    for (const char *p = strstr(title, " opset"); p; p = strstr(p + 1, " opset"))
        if (memchr(p + 1, '=', strcspn(p + 1, " \t"))) add(r, p, 1 + strcspn(p + 1, " \t"));
    add(r, " {\n", 3);
}

static void take_line(reader *r, const char *line) {
    const char *s = line + strspn(line, " \t");
    if (r->depth == 0 && begins(s, "case")) {
        end_case(r);
        begin_case(r, s + 4 + strspn(s + 4, " \t"));
        return;
    }
    if (!r->open || (r->depth == 0 && is_claim(s))) return;
    if (r->depth == 0 && is_input(s) && !begins(s, "input")) add(r, "input ", 6);
    add(r, line, strlen(line));
    add(r, "\n", 1);
    r->depth += depth_change(s);
    if (r->depth < 0) r->depth = 0;
}

static void read_file(reader *r, const char *path) {
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    while (f && getline(&line, &size, f) >= 0) {
        line[strcspn(line, "\r\n")] = 0;
        take_line(r, line);
    }
    end_case(r);
    r->depth = 0;
    free(line);
    if (f) fclose(f);
}

int alloc_cases_read(const char *folder,
                     void (*each)(void *user, const char *title, const char *text), void *user) {
    static reader r;
    DIR *dir = opendir(folder);
    r = (reader){.each = each, .user = user};
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char path[MAX_PATH];
        const char *dot = strrchr(e->d_name, '.');
        if (!dot || strcmp(dot, ".txt") != 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        read_file(&r, path);
    }
    if (dir) closedir(dir);
    return r.n;
}

// ---- running -----------------------------------------------------------------------------------

static void put(uint64_t *digest, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) *digest = (*digest ^ p[i]) * 0x100000001b3u;
}

static sz_status cost_all(sz_graph *g, uint64_t *digest) {
    for (size_t i = 0; i < g->nodes.n; i++) {
        sz_work work;
        const char *unknown = NULL;
        SZ_TRY(sz_cost_node(g, (sz_node_id)i, &work, &unknown));
        put(digest, &work, sizeof work);
        if (unknown) put(digest, unknown, strlen(unknown));
    }
    return SZ_OK;
}

static sz_status steps(sz_graph *g, uint64_t *digest) {
    SZ_TRY(sz_graph_verify(g));
    SZ_TRY(sz_ops_resolve(g));
    SZ_TRY(sz_ops_infer(g));
    for (size_t i = 0; i < g->values.n; i++) {
        const sz_value *v = &g->values.items[i];
        put(digest, &v->type.rank, sizeof v->type.rank);
        for (int32_t k = 0; k < v->type.rank; k++) put(digest, &v->type.dims[k], 8);
        if (v->known && v->known->i) put(digest, v->known->i, (size_t)v->known->count * 8);
    }
    return cost_all(g, digest);
}

sz_status alloc_case_run(sz_ctx *ctx, uint64_t *digest, const char *text) {
    sz_graph *g = NULL;
    sz_status status = sz_graph_parse(ctx, text, strlen(text), &g);
    if (status == SZ_OK) status = steps(g, digest);
    sz_graph_destroy(g);
    if (status == SZ_OK || status == SZ_ERR_MEMORY) return status;
    put(digest, &status, sizeof status); // the sentence may lack a type that there was no room for
    return SZ_OK;
}

long alloc_case_requests(const char *text) {
    hook h = {0};
    const sz_allocator allocator = hook_allocator(&h);
    sz_ctx *ctx = sz_ctx_create(&allocator);
    sz_graph *g = NULL;
    if (sz_graph_parse(ctx, text, strlen(text), &g) != SZ_OK) g = NULL;
    long n = h.count;
    sz_graph_destroy(g);
    sz_ctx_destroy(ctx);
    return n;
}
