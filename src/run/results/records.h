// SPDX-License-Identifier: Apache-2.0
// Records of measured cases as JSON and back, and the readers of other tools' files.
#ifndef SZ_RUN_RECORDS_H
#define SZ_RUN_RECORDS_H

#include "base/base.h"

#include <jansson.h>

#include <sizeup/bench.h>

enum { SZ_HASH_DIGITS = 32 };

// A record as a new object; NULL = no memory. What is not known is null, or 0.
json_t *sz_record_json(const sz_record_type *type, const void *record);
// And back. Keys that are absent or null mean "not known"; strings point into `object`, which may
// be NULL. `name` is that of the object, for messages.
sz_status sz_record_read(sz_ctx *ctx, const sz_record_type *type, const json_t *object,
                         const char *name, void *record);

// SZ_ASKED_... of a record.
unsigned sz_record_asked(const json_t *record);

// Give the record its case_hash and work_hash where it has none.
sz_status sz_record_hash(sz_ctx *ctx, json_t *record);

// ---- importing ---------------------------------------------------------------------------------

// One foreign result on its way to a record. All objects are new and become the record's.
typedef struct sz_foreign {
    const char *format;
    char case_name[512];
    json_t *spec, *settings, *machine, *software; // all have to be set
    const json_t *original;                       // kept as it is
    sz_bench bench;     // ran_as, time, rate, energy, started_utc, next_step
    json_t *extra_rate; // keys to add to `rate`, or NULL
} sz_foreign;
void sz_foreign_init(sz_foreign *f, const char *format, const json_t *original);

// Make it a record and add it to the set; releases what `f` owns in any case.
sz_status sz_foreign_add(sz_ctx *ctx, sz_bench_set *set, sz_foreign *f);

// Times of one run: an array of numbers, each worth `unit` seconds. What is not a positive number
// is refused. SZ_OK and *ret_n = 0 when `array` is no array or empty. To be freed by sz_free().
sz_status sz_foreign_times(sz_ctx *ctx, const json_t *array, const char *name, double unit,
                           double **ret_times, size_t *ret_n);
// Take these times as those of the result.
sz_status sz_foreign_take(sz_ctx *ctx, sz_foreign *f, const double *times, size_t n);

// All keys of an object that `is_setting` takes, as a new one; NULL = no memory.
json_t *sz_foreign_settings(const json_t *object, bool (*is_setting)(const char *key));

double sz_number(const json_t *object, const char *key);      // NaN when it is none
const char *sz_string(const json_t *object, const char *key); // NULL when it is none

// Add a parsed record of our own, which must be of the schema; the set keeps a reference.
sz_status sz_bench_set_take(sz_ctx *ctx, sz_bench_set *set, json_t *record);

// Per format: is it one, and read it. `root` is the JSON value, or an array of the values of lines.
#define FORMAT(name, ident, what)                                                                  \
    bool sz_is_##ident(const json_t *root);                                                        \
    sz_status sz_read_##ident(sz_ctx *ctx, sz_bench_set *set, const json_t *root);
#include "run/results/formats.def"
#undef FORMAT

#endif
