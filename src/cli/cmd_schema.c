// SPDX-License-Identifier: Apache-2.0
// `sizeup schema COMMAND`: the JSON Schema (draft 2020-12) of a command's JSON, made from the rows
// of cli_schema_row beside the code that writes it, and from the descriptors of records.
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const cli_schema_row schema[] = {
    {1, "commands", CLI_J_ARRAY, "those that have a schema, and parts of them", NULL, false},
    {2, "command", CLI_J_STRING, NULL, NULL, false},
    {2, "schema", CLI_J_STRING, "name that its JSON bears", NULL, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};
static const size_t n_schema = CLI_COUNT(schema);

const cli_usage cli_schema_usage = {
    .max_args = 1,
    .schema = schema,
    .n_schema = &n_schema,
    .notes = "Without a word: the commands that have one.\n",
};

static void put_type(sz_json *json, const char *type, bool or_null) {
    sz_json_key(json, "type");
    if (or_null) {
        sz_json_begin_array(json);
        sz_json_str(json, type);
        sz_json_str(json, "null");
        sz_json_end_array(json);
    } else sz_json_str(json, type);
}

static void begin_property(sz_json *json, const char *key, const char *doc) {
    sz_json_key_object(json, key);
    if (doc && *doc) sz_json_key_str(json, "description", doc);
}

static void put_array(sz_json *json, const char *type) {
    put_type(json, "array", false);
    sz_json_key_object(json, "items");
    put_type(json, type, false);
    sz_json_end_object(json);
}

// A whole property whose value holds no keys of its own.
static void put_leaf(sz_json *json, const cli_schema_row *row) {
    begin_property(json, row->key, row->doc);
    switch (row->type) {
    case CLI_J_STRING: put_type(json, "string", true); break;
    case CLI_J_INTEGER: put_type(json, "integer", false); break;
    case CLI_J_NUMBER: put_type(json, "number", true); break;
    case CLI_J_BOOL: put_type(json, "boolean", false); break;
    case CLI_J_STRINGS: put_array(json, "string"); break;
    case CLI_J_NUMBERS: put_array(json, "number"); break;
    case CLI_J_VALUE:
        sz_json_key_array(json, "type");
        sz_json_str(json, "number");
        sz_json_str(json, "string");
        sz_json_end_array(json);
        break;
    case CLI_J_SHAPE:
        put_type(json, "array", true);
        sz_json_key_object(json, "items");
        sz_json_key_array(json, "type");
        sz_json_str(json, "integer");
        sz_json_str(json, "string");
        sz_json_str(json, "null");
        sz_json_end_array(json);
        sz_json_end_object(json);
        break;
    case CLI_J_OBJECT:
    case CLI_J_MAYBE:
    case CLI_J_ARRAY:
    case CLI_J_MAP:
    case CLI_J_RECORD: break; // have keys of their own
    }
    sz_json_end_object(json);
}

static void put_field(sz_json *json, const sz_field *field) {
    static const char *const types[] = {
        [SZ_FIELD_I64] = "integer", [SZ_FIELD_F64] = "number", [SZ_FIELD_STR] = "string",
        [SZ_FIELD_BOOL] = "boolean",
    };
    begin_property(json, field->name, field->doc);
    put_type(json, types[field->kind], field->kind == SZ_FIELD_F64 || field->kind == SZ_FIELD_STR);
    sz_json_end_object(json);
}

// ---- nested rows -------------------------------------------------------------------------------

// The rows of one object: from `first` on, while they are at least as deep as it.
typedef struct level {
    size_t first;
    int depth;
    bool wrapped; // inside of "items" or "additionalProperties"
} level;

static bool has_keys(cli_json type) {
    return type == CLI_J_OBJECT || type == CLI_J_MAYBE || type == CLI_J_ARRAY ||
           type == CLI_J_MAP;
}

static void begin_object_schema(sz_json *json, bool or_null) {
    put_type(json, "object", or_null);
    sz_json_key_object(json, "properties");
}

// Close "properties", name those that are always there, close the object.
static void end_level(sz_json *json, const level *l, const cli_schema_row *rows, size_t n) {
    sz_json_end_object(json);
    sz_json_key_array(json, "required");
    if (l->depth == 1) sz_json_str(json, "schema");
    for (size_t i = l->first; i < n && rows[i].depth >= l->depth; i++) {
        if (rows[i].depth > l->depth || rows[i].optional) continue;
        if (rows[i].type != CLI_J_RECORD) {
            sz_json_str(json, rows[i].key);
            continue;
        }
        const sz_record_type *type = rows[i].record();
        for (size_t f = 0; f < type->n_fields; f++) sz_json_str(json, type->fields[f].name);
    }
    sz_json_end_array(json);
    sz_json_end_object(json);
    if (l->wrapped) sz_json_end_object(json);
}

static level begin_level(sz_json *json, const cli_schema_row *row, size_t index) {
    bool wrapped = row->type == CLI_J_ARRAY || row->type == CLI_J_MAP;
    begin_property(json, row->key, row->doc);
    if (wrapped) {
        put_type(json, row->type == CLI_J_ARRAY ? "array" : "object", false);
        sz_json_key_object(json, row->type == CLI_J_ARRAY ? "items" : "additionalProperties");
    }
    begin_object_schema(json, row->type == CLI_J_MAYBE);
    return (level){index + 1, row->depth + 1, wrapped};
}

static void put_rows(sz_json *json, const cli_schema_row *rows, size_t n) {
    enum { MAX_LEVELS = 8 }; // of our own tables; a test writes them all
    level levels[MAX_LEVELS] = {{0, 1, false}};
    int top = 0;
    for (size_t i = 0; i < n; i++) {
        while (top > 0 && rows[i].depth < levels[top].depth)
            end_level(json, &levels[top--], rows, n);
        if (rows[i].type == CLI_J_RECORD) {
            const sz_record_type *type = rows[i].record();
            for (size_t f = 0; f < type->n_fields; f++) put_field(json, &type->fields[f]);
        } else if (!has_keys(rows[i].type)) put_leaf(json, &rows[i]);
        else if (top + 1 < MAX_LEVELS) levels[++top] = begin_level(json, &rows[i], i);
    }
    while (top >= 0) end_level(json, &levels[top--], rows, n);
}

// ---- which there are ---------------------------------------------------------------------------

typedef struct schema_of {
    char name[64]; // "machine", "machine.compare"
    const cli_schema_row *rows;
    size_t n_rows;
} schema_of;

// The i-th of all; false past the end.
static bool get_schema(size_t i, schema_of *ret) {
    size_t n, at = 0;
    const cli_command *all = cli_commands(&n);
    for (size_t c = 0; c < n; c++) {
        const cli_usage *u = all[c].usage;
        if (!u->schema) continue;
        if (at++ == i) {
            *ret = (schema_of){.rows = u->schema, .n_rows = *u->n_schema};
            snprintf(ret->name, sizeof ret->name, "%s", all[c].name);
            return true;
        }
        for (const cli_word_schema *w = u->words; w && w->word; w++) {
            if (at++ != i) continue;
            *ret = (schema_of){.rows = w->rows, .n_rows = w->n_rows};
            snprintf(ret->name, sizeof ret->name, "%s.%s", all[c].name, w->word);
            return true;
        }
    }
    return false;
}

bool cli_schema_name(size_t i, char *buf, size_t cap) {
    schema_of s;
    if (!get_schema(i, &s)) return false;
    snprintf(buf, cap, "%s", s.name);
    return true;
}

static void put_schema(sz_json *json, const schema_of *s) {
    char name[96];
    snprintf(name, sizeof name, "sizeup.%s/1", s->name);
    sz_json_begin_object(json);
    sz_json_key_str(json, "$schema", "https://json-schema.org/draft/2020-12/schema");
    sz_json_key_str(json, "title", name);
    begin_object_schema(json, false);
    sz_json_key_object(json, "schema");
    sz_json_key_str(json, "const", name);
    sz_json_end_object(json);
    put_rows(json, s->rows, s->n_rows);
}

// ---- run ---------------------------------------------------------------------------------------

static int list_schemas(cli_app *app) {
    static const sz_column columns[] = {{"command", "command", NULL, SZ_AS_TEXT, 0},
                                        {"schema", "schema", NULL, SZ_AS_TEXT, 0}};
    schema_of s;
    sz_doc *doc;
    if (sz_doc_create(app->out, "sizeup.schema/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    sz_doc_table(doc, "commands", columns, CLI_COUNT(columns));
    for (size_t i = 0; get_schema(i, &s); i++) {
        char name[96];
        snprintf(name, sizeof name, "sizeup.%s/1", s.name);
        const sz_cell cells[] = {sz_cell_text(s.name), sz_cell_text(name)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

int cli_schema(cli_app *app, const void *options) {
    enum { MAX_SCHEMAS = 63 };
    schema_of all[MAX_SCHEMAS];
    const char *names[MAX_SCHEMAS + 1] = {NULL};
    size_t n = 0, found = MAX_SCHEMAS;
    (void)options;
    if (app->n_args == 0) return list_schemas(app);
    for (; n < MAX_SCHEMAS && get_schema(n, &all[n]); n++) {
        names[n] = all[n].name;
        if (strcmp(all[n].name, app->args[0]) == 0) found = n;
    }
    if (found == MAX_SCHEMAS) return cli_unknown(app, "schema", app->args[0], names);
    sz_buf buf;
    sz_json json;
    sz_buf_init(&buf, app->out);
    sz_json_init(&json, &buf, 2);
    put_schema(&json, &all[found]);
    int code = cli_write(app, &buf);
    sz_buf_finish(&buf);
    return code;
}
