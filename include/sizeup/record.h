// SPDX-License-Identifier: Apache-2.0
/** @file
 * Records: plain structs whose field list is written once.
 *
 * A record type is declared by an X-macro list of rows F(ctype, name, kind, unit, doc). The list
 * makes the struct and the descriptor; JSON keys, CSV columns, table headers and docs come from the
 * descriptor, so a new field never touches a writer.
 */
#ifndef SIZEUP_RECORD_H
#define SIZEUP_RECORD_H

#include <sizeup/ctx.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sz_field_kind {
    SZ_FIELD_I64, /**< int64_t */
    SZ_FIELD_F64, /**< double; not finite means "no value" and is written as null */
    SZ_FIELD_STR, /**< const char *, NUL-terminated, NULL means "no value" */
    SZ_FIELD_BOOL /**< int, 0 or 1 */
} sz_field_kind;

typedef struct sz_field {
    const char *name; /**< JSON key and C member, carries the unit: "time_s" */
    const char *unit; /**< SI unit to print: "s", "B", "FLOP", "" */
    const char *doc;  /**< one line */
    sz_field_kind kind;
    size_t offset;
} sz_field;

typedef struct sz_record_type {
    const char *name;
    const sz_field *fields;
    size_t n_fields;
} sz_record_type;

/** Helpers for the X-macro lists. */
#define SZ_FIELD_MEMBER(ctype, name, kind, unit, doc) ctype name;

#ifdef __cplusplus
}
#endif
#endif
