// SPDX-License-Identifier: Apache-2.0
#include "store/value.h"

#include <math.h>
#include <stdlib.h>

#include "base/sha256.h"

enum { MAX_DEPTH = 24, MAX_PATH_BYTES = 512 };

// ---- reading -----------------------------------------------------------------------------------

// An open container and where its members go on.
typedef struct level {
    const json_t *container;
    void *iterator; // of an object
    size_t index;   // of an array
} level;

// Next member of a container; *ret_key is NULL in an array. NULL at its end.
static const json_t *next_member(level *l, const char **ret_key) {
    *ret_key = NULL;
    if (json_is_array(l->container)) return json_array_get(l->container, l->index++);
    // jansson iterates only what is not const, and changes nothing.
    json_t *object = (json_t *)(uintptr_t)l->container;
    l->iterator = l->iterator ? json_object_iter_next(object, l->iterator)
                              : json_object_iter(object);
    if (!l->iterator) return NULL;
    *ret_key = json_object_iter_key(l->iterator);
    return json_object_iter_value(l->iterator);
}

static bool is_container(const json_t *v) { return json_is_object(v) || json_is_array(v); }

static bool is_too_deep(const json_t *value) {
    level levels[MAX_DEPTH];
    const char *key;
    int depth = 0;
    if (!is_container(value)) return false;
    levels[depth++] = (level){value, NULL, 0};
    while (depth > 0) {
        const json_t *v = next_member(&levels[depth - 1], &key);
        if (!v)
            depth--;
        else if (is_container(v) && depth == MAX_DEPTH)
            return true;
        else if (is_container(v))
            levels[depth++] = (level){v, NULL, 0};
    }
    return false;
}

sz_status sz_value_parse(sz_ctx *ctx, const char *text, size_t size, json_t **ret_value) {
    json_error_t error;
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!value)
        return sz_fail(ctx, SZ_ERR_INPUT, "line %d, column %d: %s", error.line, error.column,
                       sz_show(ctx, sz_str_c(error.text)));
    if (is_too_deep(value)) {
        json_decref(value);
        return sz_fail(ctx, SZ_ERR_LIMIT, "values are nested deeper than %d levels", MAX_DEPTH);
    }
    *ret_value = value;
    return SZ_OK;
}

// ---- paths -------------------------------------------------------------------------------------

const json_t *sz_value_at(const json_t *root, const char *path) {
    const json_t *whole = json_object_get(root, path);
    char key[MAX_PATH_BYTES];
    while (!whole && root) {
        const size_t n = strcspn(path, ".");
        if (n >= sizeof key) return NULL;
        memcpy(key, path, n);
        key[n] = '\0';
        root = json_object_get(root, key);
        if (!path[n]) return root;
        path += n + 1;
    }
    return whole;
}

const char *sz_value_text(const json_t *root, const char *path) {
    return json_string_value(sz_value_at(root, path));
}

// ---- writing -----------------------------------------------------------------------------------

static void put_scalar(sz_json *json, const json_t *v) {
    switch (json_typeof(v)) {
    case JSON_STRING:
        sz_json_str_n(json, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        sz_json_i64(json, json_integer_value(v));
        break;
    case JSON_REAL:
        sz_json_f64(json, json_real_value(v));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        sz_json_bool(json, json_is_true(v));
        break;
    case JSON_NULL:
    case JSON_OBJECT:
    case JSON_ARRAY:
        sz_json_null(json);
        break;
    }
}

static void open_level(sz_json *json, level *levels, int *depth, const json_t *v) {
    levels[(*depth)++] = (level){v, NULL, 0};
    if (json_is_object(v))
        sz_json_begin_object(json);
    else
        sz_json_begin_array(json);
}

static void close_level(sz_json *json, const level *l) {
    if (json_is_object(l->container))
        sz_json_end_object(json);
    else
        sz_json_end_array(json);
}

void sz_value_put(sz_json *json, const json_t *value) {
    level levels[MAX_DEPTH];
    int depth = 0;
    if (is_container(value))
        open_level(json, levels, &depth, value);
    else
        put_scalar(json, value);
    while (depth > 0) {
        const char *key;
        const json_t *v = next_member(&levels[depth - 1], &key);
        if (v && key) sz_json_key(json, key);
        if (v && is_container(v) && depth < MAX_DEPTH)
            open_level(json, levels, &depth, v);
        else if (v)
            put_scalar(json, v);
        else
            close_level(json, &levels[--depth]);
    }
}

char *sz_value_line(const json_t *value, bool sorted) {
    const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17);
    return json_dumps(value, flags | (sorted ? JSON_SORT_KEYS : 0));
}

sz_status sz_value_hash(sz_ctx *ctx, const json_t *value, size_t digits, char *ret_text) {
    sz_sha256 hash;
    char *line = sz_value_line(value, true);
    if (!line) return sz_no_memory(ctx);
    sz_sha256_init(&hash);
    sz_sha256_add(&hash, line, strlen(line));
    sz_sha256_hex(&hash, digits, ret_text);
    free(line);
    return SZ_OK;
}

// ---- matching ----------------------------------------------------------------------------------

bool sz_value_like(const char *pattern, const char *text) {
    const char *star = NULL, *retry = NULL;
    while (*text) {
        if (*pattern == '*')
            star = pattern++, retry = text;
        else if (*pattern == '?' || *pattern == *text)
            pattern++, text++;
        else if (star)
            pattern = star + 1, text = ++retry;
        else
            return false;
    }
    while (*pattern == '*') pattern++;
    return *pattern == '\0';
}

static bool is_meant(const char *wanted, const char *text) {
    if (!text) return false;
    return strpbrk(wanted, "*?") ? sz_value_like(wanted, text) : strstr(text, wanted) != NULL;
}

// A key alone is looked for in the record and in the objects that say what was measured.
static const json_t *find_named(const json_t *record, const char *name) {
    static const char *const objects[] = {"spec", "settings", "ran_as"};
    const json_t *v = sz_value_at(record, name);
    for (size_t i = 0; !v && i < sizeof objects / sizeof *objects; i++)
        v = sz_value_at(json_object_get(record, objects[i]), name);
    return v;
}

static bool is_value(const json_t *v, const char *wanted) {
    char *end;
    if (json_is_string(v)) return sz_value_like(wanted, json_string_value(v));
    if (json_is_true(v)) return strcmp(wanted, "true") == 0;
    if (json_is_false(v)) return strcmp(wanted, "false") == 0;
    if (json_is_null(v)) return strcmp(wanted, "null") == 0;
    if (!json_is_number(v)) return false;
    const double number = strtod(wanted, &end);
    return end != wanted && !*end && number == json_number_value(v);
}

static bool has_value(const json_t *record, const char *condition) {
    const char *equals = strchr(condition, '=');
    char name[MAX_PATH_BYTES];
    if (!equals || (size_t)(equals - condition) >= sizeof name) return false;
    memcpy(name, condition, (size_t)(equals - condition));
    name[equals - condition] = '\0';
    const json_t *v = find_named(record, name);
    return v && is_value(v, equals + 1);
}

static bool is_on(const json_t *record, const char *machine) {
    const char *name = sz_value_text(record, "machine.name");
    const char *fingerprint = sz_value_text(record, "machine.fingerprint");
    return (name && sz_value_like(machine, name)) ||
           (fingerprint && strcmp(machine, fingerprint) == 0);
}

bool sz_query_matches(const sz_store_query *q, const json_t *record) {
    const char *started = sz_value_text(record, "started_utc");
    if (q->case_like && !is_meant(q->case_like, sz_value_text(record, "case"))) return false;
    if (q->machine && !is_on(record, q->machine)) return false;
    if (q->since && !(started && strcmp(started, q->since) >= 0)) return false;
    if (q->until && !(started && strncmp(started, q->until, strlen(q->until)) <= 0)) return false;
    for (size_t i = 0; i < q->n_where; i++)
        if (!has_value(record, q->where[i])) return false;
    return true;
}

sz_status sz_value_give_id(sz_ctx *ctx, json_t *record) {
    enum { ID_DIGITS = 16 };
    char id[ID_DIGITS + 1];
    const json_t *known = json_object_get(record, "id");
    if (json_is_string(known) && json_string_length(known) > 0) return SZ_OK;
    if (known && !json_is_null(known))
        return sz_fail(ctx, SZ_ERR_INPUT, "the 'id' of a record is not a string");
    json_object_del(record, "id");
    SZ_TRY(sz_value_hash(ctx, record, ID_DIGITS, id));
    if (json_object_set_new(record, "id", json_string(id)) == 0) return SZ_OK;
    return sz_no_memory(ctx);
}
