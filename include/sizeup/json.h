// SPDX-License-Identifier: Apache-2.0
/** @file
 * JSON written in one pass into a buffer: always valid, always UTF-8, never NaN.
 */
#ifndef SIZEUP_JSON_H
#define SIZEUP_JSON_H

#include <sizeup/record.h>
#include <sizeup/text.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SZ_JSON_MAX_DEPTH = 32 };

/** The writer. Commas, indents and colons are its work; the caller's is to balance begin and end
 * and to give a key before each value in an object. Errors of memory stay in the buffer. */
typedef struct sz_json {
    sz_buf *buf;
    int depth;        /**< containers open */
    int lines;        /**< members of containers up to this depth stand on lines of their own */
    int after_key;    /**< a key waits for its value */
    uint32_t filled;  /**< bit d: the container at depth d has a member */
} sz_json;

/** Members of the outermost `lines` levels get a line each; what is deeper stays on one line. */
SZ_API void sz_json_init(sz_json *json, sz_buf *buf, int lines);

SZ_API void sz_json_begin_object(sz_json *json);
SZ_API void sz_json_end_object(sz_json *json);
SZ_API void sz_json_begin_array(sz_json *json);
SZ_API void sz_json_end_array(sz_json *json);
SZ_API void sz_json_key(sz_json *json, const char *key); /**< any bytes: escaped */

SZ_API void sz_json_i64(sz_json *json, int64_t v);
SZ_API void sz_json_f64(sz_json *json, double v); /**< reads back as v; not finite: null */
SZ_API void sz_json_bool(sz_json *json, int v);
SZ_API void sz_json_null(sz_json *json);
SZ_API void sz_json_str(sz_json *json, const char *text); /**< NULL: null */
SZ_API void sz_json_str_n(sz_json *json, const char *bytes, size_t n);

/** Key and value in one call. */
SZ_API void sz_json_key_i64(sz_json *json, const char *key, int64_t v);
SZ_API void sz_json_key_f64(sz_json *json, const char *key, double v);
SZ_API void sz_json_key_bool(sz_json *json, const char *key, int v);
SZ_API void sz_json_key_str(sz_json *json, const char *key, const char *text);
SZ_API void sz_json_key_object(sz_json *json, const char *key); /**< key and begin_object */
SZ_API void sz_json_key_array(sz_json *json, const char *key);  /**< key and begin_array */

/** All fields of a record as members of the object that is open. */
SZ_API void sz_json_record(sz_json *json, const sz_record_type *type, const void *record);

/** "warnings": [...], the warnings of ctx. */
SZ_API void sz_json_warnings(sz_json *json, const sz_ctx *ctx);

#ifdef __cplusplus
}
#endif
#endif
