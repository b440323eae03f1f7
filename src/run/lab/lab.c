// SPDX-License-Identifier: Apache-2.0
// The table of experiments, what they share, and their results.
#include "run/lab/lab.h"

#include <math.h>
#include <stdio.h>

#include "os/clock.h"
#include "os/pages.h"
#include "os/pin.h"

static const struct {
    sz_lab_info info;
    sz_status (*run)(sz_lab *lab);
} experiments[] = {
#define LAB(name, ident, what, x_label, original, why)                                             \
    {{name, what, x_label, original, why}, sz_lab_##ident},
#include "run/lab/labs.def"
#undef LAB
};
enum { N_LABS = sizeof experiments / sizeof experiments[0] };

int sz_list_lab(size_t i, sz_lab_info *ret_info) {
    if (i >= N_LABS) return 0;
    *ret_info = experiments[i].info;
    return 1;
}

// ---- records -----------------------------------------------------------------------------------

#define ROW_FIELD(ctype, name, kind, unit, doc)                                                    \
    {#name, unit, doc, kind, offsetof(sz_lab_row, name)},
static const sz_field row_fields[] = {SZ_LAB_ROW_FIELDS(ROW_FIELD)};
#undef ROW_FIELD
#define RATE_FIELD(ctype, name, kind, unit, doc)                                                   \
    {#name, unit, doc, kind, offsetof(sz_lab_rate, name)},
static const sz_field rate_fields[] = {SZ_LAB_RATE_FIELDS(RATE_FIELD)};
#undef RATE_FIELD
#define RATIO_FIELD(ctype, name, kind, unit, doc)                                                  \
    {#name, unit, doc, kind, offsetof(sz_lab_ratio, name)},
static const sz_field ratio_fields[] = {SZ_LAB_RATIO_FIELDS(RATIO_FIELD)};
#undef RATIO_FIELD

const sz_record_type *sz_lab_row_type(void) {
    static const sz_record_type type = {"lab_row", row_fields,
                                        sizeof row_fields / sizeof row_fields[0]};
    return &type;
}

const sz_record_type *sz_lab_ratio_type(void) {
    static const sz_record_type type = {"lab_ratio", ratio_fields,
                                        sizeof ratio_fields / sizeof ratio_fields[0]};
    return &type;
}

const sz_record_type *sz_lab_rate_type(void) {
    static const sz_record_type type = {"lab_rate", rate_fields,
                                        sizeof rate_fields / sizeof rate_fields[0]};
    return &type;
}

// ---- buffer ------------------------------------------------------------------------------------

// Random f32 in [0.5, 1): memory controllers and hypervisors treat zeros as special. xorshift64:
// Marsaglia, J. Stat. Soft. 8(14), 2003.
static void fill(unsigned char *at, size_t bytes, uint64_t *seed) {
    uint64_t x = *seed, *words = (uint64_t *)(void *)at;
    for (size_t i = 0; i < bytes / 8; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        words[i] = (x & 0x007fffff007fffffu) | 0x3f0000003f000000u;
    }
    *seed = x;
}

// A virtual machine may get its pages at 0.3 GB/s: touching them must not eat the time.
sz_status sz_lab_buffer(sz_lab *lab, size_t wanted, size_t least) {
    enum { CHUNK = 1 << 20 };
    const double until = sz_clock_s() + (lab->options->quick ? 1 : 5);
    const int64_t available = sz_pages_available("");
    uint64_t seed = 0x9e3779b97f4a7c15u;
    size_t size = (wanted + CHUNK - 1) / CHUNK * CHUNK;
    if (available > 0 && size > (size_t)available / 3) size = (size_t)available / 3 / CHUNK * CHUNK;
    sz_lab_tell(lab, "fill memory with random numbers");
    if (size >= least) lab->bytes = sz_pages_map(size);
    if (!lab->bytes)
        return sz_fail(lab->ctx, SZ_ERR_UNAVAILABLE,
                       "'%s' needs %zu MiB of memory; less is free here", lab->info.name,
                       least >> 20);
    lab->mapped = size;
    for (; lab->size < size; lab->size += CHUNK) {
        if (lab->size >= least && sz_clock_s() > until) break;
        fill(lab->bytes + lab->size, CHUNK, &seed);
    }
    return SZ_OK;
}

void sz_lab_tell(const sz_lab *lab, const char *what) {
    if (lab->options->progress) lab->options->progress(lab->options->user, what);
}

bool sz_lab_near(double a, double b, double tolerance) {
    return fabs(a - b) <= tolerance * fmax(fabs(a), fabs(b));
}

// ---- results -----------------------------------------------------------------------------------

SZ_PRINTF(2, 0)
static const char *print(sz_lab *lab, const char *fmt, va_list args) {
    char text[400]; // longer ones are cut
    vsnprintf(text, sizeof text, fmt, args);
    return sz_arena_strdup(&lab->arena, text, strlen(text));
}

sz_status sz_lab_name(sz_lab *lab, sz_lab_case *c, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    c->row.what = print(lab, fmt, args);
    va_end(args);
    return c->row.what ? SZ_OK : sz_no_memory(lab->ctx);
}

sz_status sz_lab_add_rate(sz_lab *lab, double saved, double now, const char *fmt, ...) {
    sz_lab_rate rate = {.saved = saved, .now = now, .change = now / saved - 1};
    va_list args;
    va_start(args, fmt);
    rate.what = print(lab, fmt, args);
    va_end(args);
    return rate.what && sz_vec_push(lab->ctx, &lab->rates, rate) ? SZ_OK : sz_no_memory(lab->ctx);
}

sz_status sz_lab_compare(sz_lab *lab, const char *what, double original, double measured,
                         double predicted) {
    const sz_lab_ratio r = {sz_arena_strdup(&lab->arena, what, strlen(what)), original, measured,
                            predicted};
    return r.what && sz_vec_push(lab->ctx, &lab->ratios, r) ? SZ_OK : sz_no_memory(lab->ctx);
}

sz_status sz_lab_find(sz_lab *lab, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    const char *text = print(lab, fmt, args);
    va_end(args);
    return text && sz_vec_push(lab->ctx, &lab->findings, text) ? SZ_OK : sz_no_memory(lab->ctx);
}

// ---- run ---------------------------------------------------------------------------------------

static sz_status find_lab(sz_ctx *ctx, const char *name, size_t *ret_i) {
    char known[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < N_LABS; i++) {
        *ret_i = i;
        if (strcmp(experiments[i].info.name, name) == 0) return SZ_OK;
        if (n < sizeof known)
            n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "",
                                  experiments[i].info.name);
    }
    return sz_fail(ctx, SZ_ERR_USAGE, "unknown experiment '%s'; there are %s",
                   sz_show(ctx, sz_str_c(name)), known);
}

static sz_status prepare(sz_lab *lab) {
    sz_cpu_set mask;
    SZ_TRY(sz_cpu_parse(lab->ctx, lab->options->cpu_mask, &mask));
    lab->features = sz_cpu_detect() & ~mask;
    lab->loops = sz_lab_loops_for(lab->features);
    if (sz_pin_allowed(&lab->cpu, 1) < 1)
        return sz_fail(lab->ctx, SZ_ERR_UNAVAILABLE,
                       "the system does not tell which CPUs may be used");
    return SZ_OK;
}

sz_status sz_lab_run(sz_ctx *ctx, const char *name, const sz_machine *machine,
                     const sz_lab_options *options, sz_lab **ret_lab) {
    static const sz_lab_options none = {0};
    size_t which = 0;
    SZ_TRY(find_lab(ctx, name, &which));
    sz_lab *lab = sz_alloc(ctx, sizeof *lab);
    if (!lab) return sz_no_memory(ctx);
    lab->ctx = ctx;
    lab->info = experiments[which].info;
    lab->machine = machine;
    lab->options = options ? options : &none;
    sz_arena_init(&lab->arena, ctx);
    sz_status status = prepare(lab);
    if (status == SZ_OK) status = experiments[which].run(lab);
    sz_pages_unmap(lab->bytes, lab->mapped);
    lab->bytes = NULL, lab->machine = NULL, lab->options = NULL;
    if (status == SZ_OK)
        *ret_lab = lab;
    else
        sz_lab_destroy(lab);
    return status;
}

void sz_lab_destroy(sz_lab *lab) {
    if (!lab) return;
    sz_vec_finish(lab->ctx, &lab->rows);
    sz_vec_finish(lab->ctx, &lab->ratios);
    sz_vec_finish(lab->ctx, &lab->rates);
    sz_vec_finish(lab->ctx, &lab->findings);
    sz_arena_finish(&lab->arena);
    sz_free(lab->ctx, lab, sizeof *lab);
}

sz_lab_info sz_lab_about(const sz_lab *lab) { return lab->info; }
const char *sz_lab_isa(const sz_lab *lab) { return lab->loops->isa; }
size_t sz_lab_row_count(const sz_lab *lab) { return lab->rows.n; }
sz_lab_row sz_lab_row_at(const sz_lab *lab, size_t i) { return lab->rows.items[i]; }
size_t sz_lab_ratio_count(const sz_lab *lab) { return lab->ratios.n; }
sz_lab_ratio sz_lab_ratio_at(const sz_lab *lab, size_t i) { return lab->ratios.items[i]; }
size_t sz_lab_rate_count(const sz_lab *lab) { return lab->rates.n; }
sz_lab_rate sz_lab_rate_at(const sz_lab *lab, size_t i) { return lab->rates.items[i]; }
sz_lab_order sz_lab_ordering(const sz_lab *lab) { return lab->order; }
size_t sz_lab_finding_count(const sz_lab *lab) { return lab->findings.n; }
const char *sz_lab_finding(const sz_lab *lab, size_t i) { return lab->findings.items[i]; }
