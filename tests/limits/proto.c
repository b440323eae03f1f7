// SPDX-License-Identifier: Apache-2.0
#include "proto.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VARINT = 0, BYTES = 2 };

const bytes nothing;

static void need(bytes *b, size_t n) {
    if (b->cap - b->n >= n) return;
    while (b->cap - b->n < n) b->cap = b->cap ? b->cap * 2 : 256;
    b->p = realloc(b->p, b->cap);
    if (b->p) return;
    fprintf(stderr, "no memory for the test\n");
    exit(99);
}

void bytes_free(bytes *b) {
    free(b->p);
    *b = nothing;
}

void put_raw(bytes *b, const void *p, size_t n) {
    need(b, n);
    if (n) memcpy(b->p + b->n, p, n);
    b->n += n;
}

void put_varint(bytes *b, uint64_t v) {
    need(b, 10);
    for (; v > 127; v >>= 7) b->p[b->n++] = (unsigned char)(v | 128);
    b->p[b->n++] = (unsigned char)v;
}

void put_tag(bytes *b, uint32_t field, uint32_t type) { put_varint(b, field << 3 | type); }

void put_number(bytes *b, uint32_t field, uint64_t v) {
    put_tag(b, field, VARINT);
    put_varint(b, v);
}

static void put_bytes(bytes *b, uint32_t field, const void *p, size_t n) {
    put_tag(b, field, BYTES);
    put_varint(b, n);
    put_raw(b, p, n);
}

void put_text(bytes *b, uint32_t field, const char *text) {
    put_bytes(b, field, text, strlen(text));
}

void put_fill(bytes *b, uint32_t field, char c, size_t n) {
    put_tag(b, field, BYTES);
    put_varint(b, n);
    need(b, n);
    memset(b->p + b->n, c, n);
    b->n += n;
}

void put_message(bytes *b, uint32_t field, bytes *message) {
    put_bytes(b, field, message->p, message->n);
    bytes_free(message);
}

bytes make_node(const char *op, const char *domain, const char *const *inputs,
                const char *const *outputs) {
    bytes b = nothing;
    while (*inputs) put_text(&b, 1, *inputs++);
    while (*outputs) put_text(&b, 2, *outputs++);
    put_text(&b, 4, op);
    if (domain) put_text(&b, 7, domain);
    return b;
}

bytes make_info(const char *name, int dtype, int rank, const int64_t *dims) {
    bytes info = nothing, type = info, tensor = info, shape = info;
    for (int i = 0; i < rank; i++) {
        bytes dim = nothing;
        put_number(&dim, 1, (uint64_t)dims[i]);
        put_message(&shape, 1, &dim);
    }
    put_number(&tensor, 1, (uint64_t)dtype);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_text(&info, 1, name);
    put_message(&info, 2, &type);
    return info;
}

bytes make_ones(const char *name, int64_t n, int as_field) {
    static const unsigned char one[8] = {1};
    bytes b = nothing, data = b;
    for (int64_t i = 0; i < n; i++) put_raw(&data, one, as_field ? 1 : 8);
    put_number(&b, 1, (uint64_t)n);
    put_number(&b, 2, 7); // INT64
    put_text(&b, 8, name);
    put_message(&b, as_field ? 7 : 9, &data);
    return b;
}

bytes make_model(bytes *graph, int64_t opset, int64_t ir) {
    bytes b = nothing, import = b;
    put_number(&import, 2, (uint64_t)opset);
    put_number(&b, 1, (uint64_t)ir);
    put_message(&b, 8, &import);
    put_message(&b, 7, graph);
    return b;
}

// ---- pieces ------------------------------------------------------------------------------------

const char *numbered(char letter, int64_t i) {
    static char text[4][32];
    static unsigned next;
    char *t = text[next++ % 4];
    snprintf(t, sizeof *text, "%c%" PRId64, letter, i);
    return t;
}

void add_node(bytes *graph, const char *op, const char *a, const char *b, const char *out) {
    const char *const inputs[] = {a, b, NULL}, *const outputs[] = {out, NULL};
    bytes node = make_node(op, NULL, inputs, outputs);
    put_message(graph, 1, &node);
}

void add_output(bytes *graph, const char *name) {
    bytes info = nothing;
    put_text(&info, 1, name);
    put_message(graph, 12, &info);
}

void add_input(bytes *graph) {
    const int64_t dims[] = {2};
    bytes info = make_info("x", 1, 1, dims);
    put_message(graph, 11, &info);
}

// x: f32[2] -> Relu -> y
bytes small_graph(void) {
    bytes graph = nothing;
    add_input(&graph);
    add_node(&graph, "Relu", "x", NULL, "y");
    add_output(&graph, "y");
    return graph;
}

bytes small_model(void) {
    bytes graph = small_graph();
    return make_model(&graph, 17, 8);
}
