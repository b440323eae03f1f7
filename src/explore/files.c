// SPDX-License-Identifier: Apache-2.0
// What a space takes from outside: files as text, machines as facts.
#include "explore/explore.h"

#include "machine/machine.h"
#include "os/source.h"

// A specification or a table of metrics.
#define MOST_BYTES ((uint64_t)256 << 20)

static sz_status read_whole(sz_ctx *ctx, const char *path, char **ret_text, size_t *ret_size) {
    sz_source *source;
    SZ_TRY(sz_source_open(ctx, path, &source));
    const uint64_t size = source->size;
    sz_status status = SZ_OK;
    char *text = NULL;
    if (size > MOST_BYTES)
        status = sz_fail(ctx, SZ_ERR_LIMIT, "file '%s' is larger than 256 MiB", path);
    else if (!(text = sz_alloc(ctx, size + 1)))
        status = sz_no_memory(ctx);
    if (status == SZ_OK) status = source->read(source, ctx, 0, text, size);
    sz_source_close(source, ctx);
    if (status != SZ_OK) {
        if (text) sz_free(ctx, text, size + 1);
        return status;
    }
    *ret_text = text;
    *ret_size = size;
    return SZ_OK;
}

sz_status sz_space_load(sz_ctx *ctx, const char *path, sz_space **ret_space) {
    char *text;
    size_t size;
    SZ_TRY(read_whole(ctx, path, &text, &size));
    const sz_status status = sz_space_read(ctx, path, text, size, ret_space);
    sz_free(ctx, text, size + 1);
    return status;
}

sz_status sz_space_join_file(sz_ctx *ctx, sz_space *space, const char *path, const char *higher) {
    char *text;
    size_t size;
    SZ_TRY(read_whole(ctx, path, &text, &size));
    const sz_status status = sz_space_join(ctx, space, path, text, size, higher);
    sz_free(ctx, text, size + 1);
    return status;
}

// ---- machines ----------------------------------------------------------------------------------

static double memory_of(const sz_machine *m) {
    const int dram = sz_main_memory(m);
    const int64_t level = dram < 0 ? 0 : m->levels.items[dram].level.capacity_bytes;
    const int64_t bytes = level > 0 ? level : m->cpu.memory_bytes;
    return bytes > 0 ? (double)bytes : SZ_NO_NUMBER;
}

static double threads_of(const sz_machine *m) {
    return m->cpu.threads > 0 ? (double)m->cpu.threads : SZ_NO_NUMBER;
}

static double tdp_of(const sz_machine *m) {
    return m->power.tdp_w > 0 ? m->power.tdp_w : SZ_NO_NUMBER;
}

sz_status sz_space_machine_facts(sz_ctx *ctx, sz_space *space, const sz_machine *const *machines,
                                 size_t n) {
    static const struct fact {
        const char *name;
        double (*of)(const sz_machine *m);
    } facts[] = {
        {"machine.memory", memory_of}, {"machine.threads", threads_of}, {"machine.tdp", tdp_of}};
    if (n == 0) return SZ_OK;
    double *numbers = sz_arena_array(&space->arena, n, sizeof *numbers);
    if (!numbers) return sz_no_memory(ctx);
    for (size_t f = 0; f < sizeof facts / sizeof *facts; f++) {
        for (size_t i = 0; i < n; i++) numbers[i] = facts[f].of(machines[i]);
        SZ_TRY(sz_space_fact(ctx, space, "machine", facts[f].name, numbers));
    }
    return SZ_OK;
}
