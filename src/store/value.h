// SPDX-License-Identifier: Apache-2.0
// JSON values: read with a place in every message, looked up by path, written, matched.
#ifndef SZ_STORE_VALUE_H
#define SZ_STORE_VALUE_H

#include "base/base.h"

#include <jansson.h>

#include <sizeup/json.h>
#include <sizeup/results.h>

// One JSON value. "line 3, column 7: ..." when there is none; duplicate keys, values nested deeper
// than 24 levels and numbers that no double or int64_t holds are refused.
sz_status sz_value_parse(sz_ctx *ctx, const char *text, size_t size, json_t **ret_value);

// Value at a path such as "machine.name"; NULL when there is none. A key that holds a point is
// found where it stands in the outermost object.
const json_t *sz_value_at(const json_t *root, const char *path);
const char *sz_value_text(const json_t *root, const char *path); // NULL when it is no string

// Write a value. Keys keep their order, numbers read back as they are.
void sz_value_put(sz_json *json, const json_t *value);
// The same on one line, with sorted keys when `sorted`: the canonical form that hashes are made of.
// To be freed by free(); NULL = no memory.
char *sz_value_line(const json_t *value, bool sorted);
// First digits of the hash of the canonical form. SZ_ERR_MEMORY when there is none.
sz_status sz_value_hash(sz_ctx *ctx, const json_t *value, size_t digits, char *ret_text);

// Gives a document without an "id" one: the hash of the document, so that storing it again changes
// nothing. SZ_ERR_INPUT when it has one that is no string.
sz_status sz_value_give_id(sz_ctx *ctx, json_t *record);

// '*' any characters, '?' one; all others themselves.
bool sz_value_like(const char *pattern, const char *text);
// Is the record meant by the query? Run and number are the caller's.
bool sz_query_matches(const sz_store_query *query, const json_t *record);

#endif
