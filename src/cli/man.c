// SPDX-License-Identifier: Apache-2.0
// Manual pages as source for man(7), made of the tables of commands and options.
#include "cli/complete.h"

#include <ctype.h>
#include <string.h>

enum { WIDTH = 78 }; // of the source: longer lines are bad style there

// Text of a page, with lines of its own; `column` is where the next word begins.
typedef struct page {
    sz_buf *buf;
    size_t column;
} page;

// Characters that roff would act on or show as others.
static void put_char(sz_buf *buf, char c) {
    switch (c) {
    case '\\': sz_buf_puts(buf, "\\e"); break;
    case '-': sz_buf_puts(buf, "\\-"); break;
    case '\'': sz_buf_puts(buf, "\\(aq"); break;
    case '`': sz_buf_puts(buf, "\\(ga"); break;
    case '^': sz_buf_puts(buf, "\\(ha"); break;
    case '~': sz_buf_puts(buf, "\\(ti"); break;
    default: sz_buf_putc(buf, c);
    }
}

static void put_plain(sz_buf *buf, const char *text, size_t n) {
    if (n && text[0] == '.') sz_buf_puts(buf, "\\&");
    for (size_t i = 0; i < n; i++) put_char(buf, text[i]);
}

// Bytes of the source.
static size_t plain_size(const char *text, size_t n) {
    size_t size = n;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\\' || text[i] == '-') size++;
        else if (strchr("'`^~", text[i])) size += 3;
    }
    return size;
}

static void end_line(page *p) {
    if (p->column) sz_buf_putc(p->buf, '\n');
    p->column = 0;
}

// Words that flow.
static void put_words(page *p, const char *text, size_t n) {
    for (size_t i = 0; i < n;) {
        while (i < n && text[i] == ' ') i++;
        size_t end = i;
        while (end < n && text[end] != ' ') end++;
        if (end == i) break;
        const size_t size = plain_size(text + i, end - i);
        if (p->column && p->column + 1 + size > WIDTH) end_line(p);
        if (p->column) sz_buf_putc(p->buf, ' '), p->column++;
        put_plain(p->buf, text + i, end - i);
        p->column += size;
        i = end;
    }
}

static void put_line(page *p, const char *text) {
    put_words(p, text, strlen(text));
    end_line(p);
}

static void put_head(page *p, const char *title) {
    end_line(p);
    sz_buf_printf(p->buf, ".SH %s\n", title);
}

// ".TP" with a term in bold.
static void put_term(page *p, const char *term, size_t n) {
    end_line(p);
    sz_buf_puts(p->buf, ".TP\n\\fB");
    put_plain(p->buf, term, n);
    sz_buf_puts(p->buf, "\\fR\n");
}

static void put_item(page *p, const char *term, const char *what) {
    put_term(p, term, strlen(term));
    put_line(p, what);
}

// ---- options -----------------------------------------------------------------------------------

static void put_option(page *p, const cli_option *o) {
    end_line(p);
    sz_buf_puts(p->buf, ".TP\n");
    if (o->letter) sz_buf_printf(p->buf, "\\fB\\-%c\\fR, ", o->letter);
    sz_buf_puts(p->buf, "\\fB\\-\\-");
    put_plain(p->buf, o->name, strlen(o->name));
    sz_buf_puts(p->buf, "\\fR");
    if (o->arg) {
        sz_buf_puts(p->buf, " \\fI");
        put_plain(p->buf, o->arg, strlen(o->arg));
        sz_buf_puts(p->buf, "\\fR");
    }
    sz_buf_putc(p->buf, '\n');
    put_words(p, o->help, strlen(o->help));
    if (o->initial && *o->initial != '-') {
        put_words(p, "(", 1);
        for (const char *c = o->initial; *c; c++) put_char(p->buf, *c);
        sz_buf_puts(p->buf, " unless given)");
    }
    end_line(p);
}

static void put_options(page *p, const char *title, const cli_option *options, size_t n) {
    if (n == 0) return;
    put_head(p, title);
    for (size_t i = 0; i < n; i++) put_option(p, &options[i]);
}

// ---- notes -------------------------------------------------------------------------------------

// Length of the term of "show [NAME]    show a machine: ..."; 0: the line is text that flows.
static size_t term_of(const char *line, size_t n) {
    enum { LONGEST = 24 };
    for (size_t i = 1; i + 1 < n && i <= LONGEST; i++)
        if (line[i] == ' ' && line[i + 1] == ' ') return i;
    return 0;
}

// An indented line stands as it is, unless it goes on with the text of a term.
static bool put_indented(page *p, const char *line, size_t n, bool in_term) {
    if (in_term) {
        put_words(p, line, n);
        return true;
    }
    end_line(p);
    sz_buf_puts(p->buf, ".PP\n.nf\n.RS\n");
    put_plain(p->buf, line + strspn(line, " "), n - strspn(line, " "));
    sz_buf_puts(p->buf, "\n.RE\n.fi\n.PP\n");
    return false;
}

static void put_notes(page *p, const char *notes) {
    bool in_term = false;
    for (size_t n; *notes; notes += n + (notes[n] == '\n')) {
        n = strcspn(notes, "\n");
        const size_t term = term_of(notes, n);
        if (n == 0) continue;
        if (notes[0] == ' ') in_term = put_indented(p, notes, n, in_term);
        else if (term) {
            put_term(p, notes, term);
            put_words(p, notes + term, n - term);
            in_term = true;
        } else {
            if (in_term) end_line(p), sz_buf_puts(p->buf, ".PP\n");
            in_term = false;
            put_words(p, notes, n);
        }
    }
    end_line(p);
}

// A paragraph mark with nothing behind it is bad style: take it off again.
static void drop_last_paragraph(page *p) {
    static const char mark[] = ".PP\n";
    const size_t n = sizeof mark - 1;
    end_line(p);
    if (p->buf->size >= n && memcmp(p->buf->data + p->buf->size - n, mark, n) == 0)
        p->buf->size -= n;
}

// ---- sections ----------------------------------------------------------------------------------

typedef struct example {
    const char *command;
    bool in_help;
    const char *line, *what;
} example;

static const example examples[] = {
#define EXAMPLE(command, in_help, line, what) {command, in_help, line, what},
#include "cli/examples.def"
#undef EXAMPLE
};

void cli_put_examples(sz_buf *buf) {
    size_t width = 0;
    for (size_t i = 0; i < CLI_COUNT(examples); i++)
        if (examples[i].in_help && strlen(examples[i].line) > width)
            width = strlen(examples[i].line);
    sz_buf_puts(buf, "examples:\n");
    for (size_t i = 0; i < CLI_COUNT(examples); i++)
        if (examples[i].in_help)
            sz_buf_printf(buf, "  %-*s %s\n", (int)width, examples[i].line, examples[i].what);
}

// Those of a command; NULL: those that the help shows.
static void put_examples(page *p, const char *command) {
    bool head = false;
    for (size_t i = 0; i < CLI_COUNT(examples); i++) {
        const example *e = &examples[i];
        if (command ? strcmp(e->command, command) != 0 : !e->in_help) continue;
        if (!head) put_head(p, "EXAMPLES");
        head = true;
        put_item(p, e->line, e->what);
    }
}

static const struct {
    const char *code, *what;
} exits[] = {
    {"0", "done"},
    {"1", "the answer is \"no\": a gate failed, a difference was found"},
    {"2", "the command line is not understood"},
    {"3", "bad input"},
    {"4", "not available here"},
    {"70", "a bug of sizeup; please report it"},
};

static void put_exits(page *p) {
    put_head(p, "EXIT STATUS");
    for (size_t i = 0; i < CLI_COUNT(exits); i++) put_item(p, exits[i].code, exits[i].what);
}

static void put_reference(page *p, const char *command, const char *end) {
    sz_buf_puts(p->buf, ".BR sizeup");
    if (command) sz_buf_printf(p->buf, "\\-%s", command);
    sz_buf_printf(p->buf, " (1)%s\n", end);
}

static void put_title(page *p, const char *command, const char *summary) {
    sz_buf_puts(p->buf, ".\\\" Made by: sizeup help --man");
    if (command) sz_buf_printf(p->buf, " %s", command);
    sz_buf_puts(p->buf, "\n.TH SIZEUP");
    if (command) sz_buf_putc(p->buf, '-');
    for (const char *c = command; c && *c; c++) sz_buf_putc(p->buf, (char)toupper((int)*c));
    sz_buf_printf(p->buf, " 1 %s \"sizeup %s\"\n.nh\n", SZ_RELEASED, sz_version());
    put_head(p, "NAME");
    sz_buf_printf(p->buf, "sizeup%s%s \\- ", command ? "\\-" : "", command ? command : "");
    put_plain(p->buf, summary, strlen(summary)); // one line, whatever its length: apropos reads it
    sz_buf_putc(p->buf, '\n');
    put_head(p, "SYNOPSIS");
}

// ---- pages -------------------------------------------------------------------------------------

static void put_command_page(page *p, const cli_command *c) {
    size_t n;
    const cli_option *common = cli_common_options(&n);
    put_title(p, c->name, c->summary);
    sz_buf_printf(p->buf, ".B sizeup %s\n[\\fIoptions\\fR]\n", c->name);
    put_line(p, c->synopsis);
    if (c->usage->notes) {
        put_head(p, "DESCRIPTION");
        put_notes(p, c->usage->notes);
        drop_last_paragraph(p);
    }
    put_options(p, "OPTIONS", c->usage->options, c->usage->n_options);
    put_options(p, "COMMON OPTIONS", common, n);
    put_exits(p);
    put_examples(p, c->name);
    put_head(p, "SEE ALSO");
    put_reference(p, NULL, "");
}

static void put_program_page(page *p) {
    size_t n;
    const cli_option *common = cli_common_options(&n);
    put_title(p, NULL, "size up neural nets: what they cost, how long they take, and where");
    sz_buf_puts(p->buf, ".B sizeup\n\\fICOMMAND\\fR [\\fIoptions\\fR] ...\n");
    put_head(p, "DESCRIPTION");
    put_line(p, "Counts what a neural net costs, measures what a machine can do, predicts how long "
                "the one takes on the other, and holds the prediction to a run. A net is a file "
                "(ONNX, OpenVINO IR, HLO, StableHLO, GGUF, safetensors), found by its content, or "
                "a family of nets with its parameters, such as resnet:depth=50,batch=8.");
    put_head(p, "COMMANDS");
    size_t n_commands;
    const cli_command *all = cli_commands(&n_commands);
    for (size_t i = 0; i < n_commands; i++) put_item(p, all[i].name, all[i].summary);
    put_options(p, "COMMON OPTIONS", common, n);
    put_exits(p);
    put_head(p, "ENVIRONMENT");
    put_item(p, "NO_COLOR", "when it is set and not empty, no colour");
    put_item(p, "XDG_DATA_HOME", "folder of data; .local/share in HOME unless set");
    put_head(p, "FILES");
    put_item(p, "$XDG_DATA_HOME/sizeup/machines/", "measurements of machines");
    put_item(p, "$XDG_DATA_HOME/sizeup/calibrations/", "what predicts the times of libraries");
    put_item(p, "$XDG_DATA_HOME/sizeup/results.db", "cases that were measured");
    put_examples(p, NULL);
    put_head(p, "SEE ALSO");
    for (size_t i = 0; i < n_commands; i++)
        put_reference(p, all[i].name, i + 1 < n_commands ? "," : "");
}

int cli_print_man(cli_app *app, const cli_command *command) {
    sz_buf buf;
    sz_buf_init(&buf, app->out);
    page p = {&buf, 0};
    if (command) put_command_page(&p, command);
    else put_program_page(&p);
    int code = cli_write(app, &buf);
    sz_buf_finish(&buf);
    return code;
}
