// SPDX-License-Identifier: Apache-2.0
#include "run/lab/rates.h"

#include <math.h>
#include <stdio.h>

// ---- roofs -------------------------------------------------------------------------------------

// The widest row for work on f32 vectors that this CPU runs.
static const sz_kernel *peak_row(sz_cpu_set cpu, const char *op) {
    const sz_kernel *best = NULL, *k;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++) {
        if (k->family != SZ_KERNEL_peak || strcmp(k->op, op) != 0) continue;
        if (strcmp(k->dtype, "f32") != 0 || strcmp(sz_kernel_unit(k), "vector") != 0) continue;
        if (!k->run || !sz_kernel_runs(k, cpu)) continue;
        if (!best || sz_kernel_bits(k) >= sz_kernel_bits(best)) best = k;
    }
    return best;
}

static bool again_roof(const sz_lab *lab, int roof, sz_lab_again *a) {
    static const char *const ops[SZ_LAB_ROOFS][2] = {[SZ_STEP_FMA] = {"fma", "mul+add"},
                                                     [SZ_STEP_MUL_MAX] = {"max+mul", NULL},
                                                     [SZ_STEP_ADD_MAX] = {"add+max", NULL},
                                                     [SZ_LAB_ROOF_ADD] = {"add", NULL}};
    a->kernel = peak_row(lab->features, ops[roof][0]);
    if (!a->kernel && ops[roof][1]) a->kernel = peak_row(lab->features, ops[roof][1]);
    if (!a->kernel) return false;
    sz_kernel_state_init(a->kernel, &a->fresh);
    return true;
}

// ---- memory ------------------------------------------------------------------------------------

static const struct {
    sz_kernel_family family;
    int arrays;
} walks[SZ_N_MIXES] = {
    [SZ_MIX_LOAD] = {SZ_KERNEL_load, 1},
    [SZ_MIX_TRIAD] = {SZ_KERNEL_triad, 3},
    [SZ_MIX_COPY] = {SZ_KERNEL_copy, 2},
    [SZ_MIX_STORE] = {SZ_KERNEL_store, 1},
};

// Over a set in main memory, or one between two levels, again and again.
static bool again_over(const sz_lab *lab, size_t bytes, int mix, bool four, sz_lab_again *a) {
    const sz_kernel_family family = four ? SZ_KERNEL_load_four : walks[mix].family;
    a->kernel = sz_kernel_widest(family, lab->features);
    if (!a->kernel || !a->kernel->run || bytes > lab->size) return false;
    a->walk = sz_walk_make(a->kernel, four ? 4 : walks[mix].arrays, lab->bytes, bytes, false);
    return a->walk.bytes >= SZ_KERNEL_STEP;
}

// A cache is walked as it was when it was measured: by a mask.
static bool again_mix(const sz_lab *lab, const sz_lab_model *m, size_t level, int mix,
                      sz_lab_again *a) {
    const int arrays = walks[mix].arrays;
    const size_t each = (size_t)m->level[level].mix[mix].set_bytes / (size_t)arrays;
    a->kernel = sz_kernel_widest(walks[mix].family, lab->features);
    if (!a->kernel || !a->kernel->run || (size_t)arrays * each > lab->size) return false;
    if (each < SZ_KERNEL_STEP || (each & (each - 1)) != 0) return false;
    a->walk = sz_walk_make(a->kernel, arrays, lab->bytes, each, true);
    return true;
}

// ---- all ---------------------------------------------------------------------------------------

void sz_lab_again_run(void *again, int thread, int64_t n) {
    sz_lab_again *a = again;
    (void)thread;
    if (a->kernel->family == SZ_KERNEL_peak)
        sz_peak_run(a->kernel, &a->fresh, &a->state, n);
    else
        sz_walk_run(&a->walk, n);
}

double sz_lab_again_unit(const sz_lab_again *a) {
    return a->kernel->family == SZ_KERNEL_peak ? sz_kernel_flops(a->kernel, 0) : a->kernel->bytes;
}

static size_t list_level(sz_lab *lab, sz_lab_model *now, size_t level, sz_lab_again *list) {
    size_t n = 0;
    for (int i = 0; i < SZ_N_MIXES; i++) {
        sz_lab_known *rate = &now->level[level].mix[i];
        list[n] = (sz_lab_again){.now = rate};
        if (rate->used) n += again_mix(lab, now, level, i, &list[n]);
    }
    return n;
}

// Loads at one place and at four: whichever is faster is the rate.
static size_t list_over(sz_lab *lab, size_t bytes, sz_lab_level *level, sz_lab_again *list) {
    size_t n = 0;
    for (int i = 0; i < SZ_N_MIXES; i++)
        for (int four = 0; four <= (i == SZ_MIX_LOAD); four++) {
            list[n] = (sz_lab_again){.now = &level->mix[i]};
            if (level->mix[i].used) n += again_over(lab, bytes, i, four, &list[n]);
        }
    return n;
}

// In the whole buffer, which must be many times what the caches hold.
static size_t list_dram(sz_lab *lab, sz_lab_model *now, size_t level, sz_lab_again *list) {
    enum { BEYOND_CACHES = 4 };
    const double caches = level > 0 ? now->level[level - 1].most : 0;
    if ((double)lab->size < BEYOND_CACHES * caches) return 0;
    return list_over(lab, lab->size, &now->level[level], list);
}

size_t sz_lab_again_list(sz_lab *lab, sz_lab_model *now, sz_lab_again list[SZ_LAB_AGAIN]) {
    size_t n = 0;
    for (int i = 0; i < SZ_LAB_ROOFS; i++) {
        list[n] = (sz_lab_again){.now = &now->roof[i]};
        if (now->roof[i].used) n += again_roof(lab, i, &list[n]);
    }
    for (size_t l = 0; l < now->n_levels; l++)
        n += now->level[l].dram ? list_dram(lab, now, l, list + n)
                                : list_level(lab, now, l, list + n);
    for (size_t i = 0; i < now->n_between; i++)
        n += list_over(lab, (size_t)now->between[i].bytes, &now->between[i].level, list + n);
    return n;
}

// ---- results -----------------------------------------------------------------------------------

// Medians, as those of the record are.
static sz_status tell(sz_lab *lab, const sz_lab_known *saved, const sz_lab_known *now,
                      const char *where, const char *what) {
    const double median = now->median > 0 ? now->median : SZ_NAN;
    return sz_lab_add_rate(lab, saved->per_s, median, "%s%s%s", where, *where ? ", " : "", what);
}

static sz_status tell_roofs(sz_lab *lab, const sz_lab_model *saved, const sz_lab_model *now) {
    static const char *const names[SZ_LAB_ROOFS] = {[SZ_STEP_FMA] = "f32 fma",
                                                    [SZ_STEP_MUL_MAX] = "f32 max+mul",
                                                    [SZ_STEP_ADD_MAX] = "f32 add+max",
                                                    [SZ_LAB_ROOF_ADD] = "f32 add"};
    for (int i = 0; i < SZ_LAB_ROOFS; i++)
        if (now->roof[i].used) SZ_TRY(tell(lab, &saved->roof[i], &now->roof[i], "", names[i]));
    return SZ_OK;
}

static sz_status tell_level(sz_lab *lab, const sz_lab_level *saved, const sz_lab_level *now,
                            const char *name) {
    for (int i = 0; i < SZ_N_MIXES; i++)
        if (now->mix[i].used)
            SZ_TRY(tell(lab, &saved->mix[i], &now->mix[i], name, sz_lab_mix_name((sz_lab_mix)i)));
    return SZ_OK;
}

static sz_status tell_memory(sz_lab *lab, const sz_lab_model *saved, const sz_lab_model *now) {
    for (size_t l = 0; l < now->n_levels; l++)
        SZ_TRY(tell_level(lab, &saved->level[l], &now->level[l], now->level[l].name));
    for (size_t k = 0; k < now->n_between; k++) {
        char name[32];
        snprintf(name, sizeof name, "set of %.3g MB", 1e-6 * now->between[k].bytes);
        SZ_TRY(tell_level(lab, &saved->between[k].level, &now->between[k].level, name));
    }
    return SZ_OK;
}

sz_status sz_lab_again_take(sz_lab *lab, const sz_lab_model *saved, sz_lab_model *now,
                            const sz_lab_again *list, const sz_reading *readings, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!(readings[i].rate.median > 0) || readings[i].why_not) continue;
        const double rate = sz_lab_fast_end(&readings[i].rate);
        if (list[i].now->median > 0 && list[i].now->per_s >= rate) continue; // the other walk
        list[i].now->per_s = rate;
        list[i].now->median = readings[i].rate.median;
        list[i].now->measured = true;
    }
    sz_lab_model_fill(now);
    SZ_TRY(tell_roofs(lab, saved, now));
    return tell_memory(lab, saved, now);
}
