// SPDX-License-Identifier: Apache-2.0
// What every command sees. The command line sees only the public headers of the library.
//
// To add a command `foo`: a row in commands.def; cmd_foo.c with `const cli_usage cli_foo_usage`
// (its options, examples and schema) and `int cli_foo(cli_app *app, const void *options)`; its
// name in meson.build; a case in tests/cli. Parsing, help, --version, --format, -o, --quiet,
// errors, warnings and exit codes are the framework's.
#ifndef SZ_CLI_H
#define SZ_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sizeup/ctx.h>
#include <sizeup/doc.h>
#include <sizeup/json.h>
#include <sizeup/record.h>
#include <sizeup/text.h>

// ---- exit codes --------------------------------------------------------------------------------

enum {
    CLI_DONE = 0,
    CLI_NO = 1,          // the answer is "no"
    CLI_USAGE = 2,
    CLI_INPUT = 3,       // bad input
    CLI_UNAVAILABLE = 4, // not available here
    CLI_BUG = 70         // a bug of ours
};

// ---- options -----------------------------------------------------------------------------------

// Words of a repeated option, in the order given. Owned by the framework; points into argv.
typedef struct cli_strings {
    const char **items;
    size_t n;
} cli_strings;

typedef enum cli_kind {
    CLI_FLAG,   // bool
    CLI_STRING, // const char *
    CLI_INT,    // int64_t, not negative
    CLI_NUMBER, // double, finite
    CLI_CHOICE, // const char *: one of the words of `arg`, "a|b|c"
    CLI_LIST,   // cli_strings: may be repeated
    CLI_WORDS   // cli_strings: may be repeated; commas separate words too
} cli_kind;

// One row per option: parsing and help come from it.
typedef struct cli_option {
    const char *name;    // long name without dashes
    char letter;         // short name, 0 = none
    cli_kind kind;
    const char *arg;     // placeholder in the help; for CLI_CHOICE the words
    const char *initial; // value when not given, as on the command line; NULL = zero. A negative
                         // one means "not given": users can't give it and the help is silent
    const char *help;    // one line
    size_t offset;       // of the target in the command's struct of options
} cli_option;

// ---- schema ------------------------------------------------------------------------------------

// One row per key of a command's JSON, in order; `depth` says what it is in (1 = the top object).
typedef enum cli_json {
    CLI_J_OBJECT,  // deeper rows that follow are its keys
    CLI_J_MAYBE,   // the same, or null
    CLI_J_ARRAY,   // of objects with the deeper rows as keys
    CLI_J_MAP,     // object from any name to objects with the deeper rows as keys
    CLI_J_STRING,  // string or null
    CLI_J_INTEGER,
    CLI_J_NUMBER,  // number or null
    CLI_J_BOOL,
    CLI_J_STRINGS, // array of strings
    CLI_J_NUMBERS, // array of numbers
    CLI_J_SHAPE,   // array of integers (null unknown, string symbol), or null
    CLI_J_VALUE,   // number or string
    CLI_J_RECORD   // all fields of `record`, at this depth; key unused
} cli_json;

typedef struct cli_schema_row {
    int depth;
    const char *key;
    cli_json type;
    const char *doc;                       // may be NULL
    const sz_record_type *(*record)(void); // CLI_J_RECORD
    bool optional;
} cli_schema_row;

// JSON of a command's word that is no object of the command's own: `schema machine.compare`.
typedef struct cli_word_schema {
    const char *word; // "compare"; NULL ends the list
    const cli_schema_row *rows;
    size_t n_rows;
} cli_word_schema;

// ---- commands ----------------------------------------------------------------------------------

// What a command takes and gives beside its row in commands.def.
typedef struct cli_usage {
    const cli_option *options;
    size_t n_options;
    size_t size;               // of the struct of options; it is zeroed, then filled
    int min_args, max_args;    // words that are no options; max -1 = any number
    const char *extra_format;  // one more word for --format, which the command writes itself
    const char *notes;         // lines after the options in the help, NULL = none
    const cli_schema_row *schema; // NULL = none
    const size_t *n_schema;
    const cli_word_schema *words; // NULL = none
} cli_usage;

typedef struct cli_app {
    sz_ctx *ctx;          // for library calls: its error and warnings are what gets shown
    sz_ctx *out;          // for documents and buffers: not under the memory limit of the input
    const char *command;  // name of the command that runs
    const char *const *args; // words that are no options
    int n_args;
    const char *format;   // "text", "json", "csv", "md"
    const char *output;   // -o FILE; NULL = standard output
    bool quiet;
    bool color;           // standard output is a terminal and colour is wanted
    bool error_color;     // the same for standard error
    bool progress;        // standard error is a terminal and not --quiet
    size_t warned;        // warnings of ctx that were shown already
    int stream_error;     // errno of a streamed write
} cli_app;

typedef int cli_run(cli_app *app, const void *options);

typedef struct cli_command {
    const char *name, *synopsis, *summary;
    cli_run *run;
    const cli_usage *usage;
} cli_command;

#define COMMAND(name, ident, synopsis, summary)                                                    \
    cli_run cli_##ident;                                                                           \
    extern const cli_usage cli_##ident##_usage;
#include "cli/commands.def"
#undef COMMAND

const cli_command *cli_commands(size_t *ret_n);
const cli_command *cli_find_command(const char *name); // NULL when there is none

#define CLI_COUNT(array) (sizeof(array) / sizeof(array)[0])

// ---- for commands ------------------------------------------------------------------------------

// Show the error of app->ctx on standard error and give the exit code of `status`.
int cli_fail(cli_app *app, sz_status status);
// Show a sentence (may hold names from files or from the command line) and give `code`.
int cli_error(const cli_app *app, int code, const char *fmt, ...) SZ_PRINTF(3, 4);
// A sentence of the command's own as a warning on standard error, unless --quiet.
void cli_warn(cli_app *app, const char *fmt, ...) SZ_PRINTF(2, 3);
// Where `name` lies in the folder of data, by XDG_DATA_HOME or HOME. False: neither is an absolute
// path.
bool cli_data_place(const char *name, char *buf, size_t cap);
// Seconds of "500ms", "5s", "10min"; else CLI_USAGE with the option's name.
int cli_read_time(const cli_app *app, const char *option, const char *text, double *ret_s);
// CLI_USAGE with "unknown KIND 'word'" and the nearest of `candidates` (NULL-ended) as a hint.
int cli_unknown(const cli_app *app, const char *kind, const char *word,
                const char *const *candidates);

// Write a document in app->format, or bytes as they are, to -o FILE or standard output, after the
// warnings of app->ctx went to standard error. Give CLI_DONE or the code of what went wrong.
// The warnings are added to the JSON of a document.
int cli_write_doc(cli_app *app, sz_doc *doc);
// A file that is too large to be held: `make` puts it into a buffer that empties itself. It appears
// whole or not at all; long runs of zeros become holes.
int cli_write_large(cli_app *app, const char *path, sz_status (*make)(void *user, sz_buf *buf),
                    void *user);
int cli_write(cli_app *app, const sz_buf *buf);
// An empty buffer for an output that may be long: on standard output it is written as it grows.
// cli_write() writes the rest.
void cli_stream(cli_app *app, sz_buf *ret_buf);
bool cli_wants(const cli_app *app, const char *format); // app->format is `format`

// What a command has to say: keys of JSON between "schema" and "warnings", and a document for the
// other formats. `what` is the command's own.
typedef struct cli_answer {
    const char *schema;
    void (*put_json)(sz_json *json, const void *what);
    void (*fill_doc)(sz_doc *doc, const void *what);
} cli_answer;
int cli_write_answer(cli_app *app, const cli_answer *answer, const void *what);

// ---- framework ---------------------------------------------------------------------------------

typedef struct cli_common {
    const char *format, *output;
    bool quiet, no_color, help, version, limits;
} cli_common;

// Parse argv[1..argc-1] into `common` and `target` (NULL when usage has no options). Words that are
// no options are moved to the end of argv; *ret_first is the first of them. usage NULL: only common
// options, and the first word ends them. Gives CLI_DONE, or the exit code after an error line.
int cli_parse(const cli_app *app, const cli_usage *usage, int argc, char **argv, cli_common *common,
              void *target, int *ret_first);
int cli_apply_initial(const cli_app *app, const cli_usage *usage, void *target);
void cli_release(const cli_usage *usage, void *target); // frees the lists
const cli_option *cli_common_options(size_t *ret_n);

// Names of tables, for completions: of `sizeup list`, with one line each; of `sizeup schema`.
// NULL or false past the end.
const char *cli_listing(size_t i, const char **ret_what);
bool cli_schema_name(size_t i, char *buf, size_t cap);

void cli_show_warnings(cli_app *app); // those that were not shown yet
int cli_print_help(cli_app *app, const cli_command *command); // NULL: of sizeup itself
int cli_print_version(cli_app *app);
int cli_print_limits(cli_app *app);

#endif
