// SPDX-License-Identifier: Apache-2.0
#include "explore/expression.h"

#include "explore/explore.h"

#include <sizeup/text.h>

#include <math.h>
#include <stdlib.h>

// Each row: symbol, how tight it binds, operands. Instructions are named by their row.
enum {
    OR,
    AND,
    NOT,
    LE,
    GE,
    NE,
    LT,
    GT,
    EQ,
    PLUS,
    MINUS,
    TIMES,
    OVER,
    REST,
    SIGN,
    OPEN,
    N_OPERATORS,
    NUMBER,
    WORD,
    PARAMETER,
    FACT
};
static const struct operator_row {
    const char *symbol;
    int binds, operands;
} operators[N_OPERATORS] = {
    [OR] = {"or", 1, 2},  [AND] = {"and", 2, 2}, [NOT] = {"not", 3, 1}, [LE] = {"<=", 4, 2},
    [GE] = {">=", 4, 2},  [NE] = {"!=", 4, 2},   [LT] = {"<", 4, 2},    [GT] = {">", 4, 2},
    [EQ] = {"=", 4, 2},   [PLUS] = {"+", 5, 2},  [MINUS] = {"-", 5, 2}, [TIMES] = {"*", 6, 2},
    [OVER] = {"/", 6, 2}, [REST] = {"%", 6, 2},  [SIGN] = {"-", 7, 1},  [OPEN] = {"(", 0, 0},
};

// What is on the stack while it is read: a number, the text of a word, a value that may be either,
// or whether something holds.
typedef enum kind { IS_NUMBER, IS_WORD, IS_VALUE, IS_TRUTH } kind;

typedef struct reader {
    sz_ctx *ctx;
    const struct sz_space *space;
    sz_arena *arena;
    const char *text, *at;
    sz_expression *out;
    uint8_t waiting[SZ_EXPRESSION_DEPTH]; // operators
    size_t n_waiting;
    kind kinds[SZ_EXPRESSION_DEPTH];
    size_t n_kinds;
    bool wants_operand;
    const char *word; // the last one that is no name
} reader;

static sz_status fail(const reader *r, const char *what) {
    return sz_fail(r->ctx, SZ_ERR_INPUT, "at character %zu: %s", (size_t)(r->at - r->text) + 1,
                   what);
}

static sz_status emit(reader *r, sz_instruction i) {
    if (r->out->n == SZ_EXPRESSION_LONG) return fail(r, "it is too long");
    r->out->code[r->out->n++] = i;
    return SZ_OK;
}

// A word that is no parameter where it can't be meant as one of its values.
static sz_status fail_word(const reader *r) {
    const char *names[SZ_SPACE_PARAMETERS + 1] = {NULL};
    for (size_t i = 0; i < r->space->n_parameters; i++) names[i] = r->space->parameters[i].name;
    const char *near = sz_text_nearest(r->word, names);
    return sz_fail(r->ctx, SZ_ERR_INPUT,
                   "'%s' is no parameter%s%s%s; other words only stand beside a parameter and = "
                   "or !=",
                   r->word, near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

// ---- operators ---------------------------------------------------------------------------------

static bool is_amount(kind k) { return k == IS_NUMBER || k == IS_VALUE; }

// Do the operands suit the operator? What it leaves.
static sz_status check_kinds(const reader *r, int op, kind a, kind b, kind *ret) {
    *ret = op <= EQ ? IS_TRUTH : IS_NUMBER;
    if (op == OR || op == AND || op == NOT)
        return a == IS_TRUTH && b == IS_TRUTH
                   ? SZ_OK
                   : fail(r, "and, or, not join comparisons, such as 'batch <= 8'");
    if (a == IS_TRUTH || b == IS_TRUTH)
        return fail(r, "a comparison is no number: join comparisons by and, or");
    if (op == EQ || op == NE) {
        const bool is_odd = (a == IS_WORD && b != IS_VALUE) || (b == IS_WORD && a != IS_VALUE);
        return is_odd ? fail_word(r) : SZ_OK;
    }
    return is_amount(a) && is_amount(b) ? SZ_OK : fail_word(r);
}

static sz_status apply(reader *r, int op) {
    const size_t operands = (size_t)operators[op].operands;
    if (r->n_kinds < operands) return fail(r, "an operand is missing");
    const kind b = r->kinds[r->n_kinds - 1], a = r->kinds[r->n_kinds - operands];
    kind left;
    SZ_TRY(check_kinds(r, op, a, b, &left));
    r->n_kinds -= operands;
    r->kinds[r->n_kinds++] = left;
    return emit(r, (sz_instruction){.op = (uint8_t)op});
}

static sz_status push_operator(reader *r, int op) {
    const bool is_prefix = op == NOT || op == SIGN || op == OPEN;
    while (!is_prefix && r->n_waiting > 0 &&
           operators[r->waiting[r->n_waiting - 1]].binds >= operators[op].binds)
        SZ_TRY(apply(r, r->waiting[--r->n_waiting]));
    if (r->n_waiting == SZ_EXPRESSION_DEPTH) return fail(r, "it is nested too deeply");
    r->waiting[r->n_waiting++] = (uint8_t)op;
    r->wants_operand = true;
    return SZ_OK;
}

static sz_status close_bracket(reader *r) {
    while (r->n_waiting > 0 && r->waiting[r->n_waiting - 1] != OPEN)
        SZ_TRY(apply(r, r->waiting[--r->n_waiting]));
    if (r->n_waiting == 0) return fail(r, "')' without '('");
    r->n_waiting--;
    r->at++;
    return SZ_OK;
}

// ---- operands ----------------------------------------------------------------------------------

static sz_status push_operand(reader *r, sz_instruction i, kind k) {
    if (r->n_kinds == SZ_EXPRESSION_DEPTH) return fail(r, "it is nested too deeply");
    r->kinds[r->n_kinds++] = k;
    r->wants_operand = false;
    return emit(r, i);
}

static sz_status push_name(reader *r, const char *word) {
    size_t p;
    if (sz_space_find(r->space, word, &p)) {
        r->out->uses |= UINT64_C(1) << p;
        return push_operand(r, (sz_instruction){.op = PARAMETER, .at = (uint32_t)p}, IS_VALUE);
    }
    for (size_t i = 0; i < r->space->facts.n; i++)
        if (strcmp(r->space->facts.items[i].name, word) == 0) {
            r->out->uses |= UINT64_C(1) << r->space->facts.items[i].parameter;
            return push_operand(r, (sz_instruction){.op = FACT, .at = (uint32_t)i}, IS_NUMBER);
        }
    r->word = word;
    return push_operand(r, (sz_instruction){.op = WORD, .word = word}, IS_WORD);
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' ||
           (unsigned char)c >= 128;
}
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static sz_status copy_word(reader *r, const char *from, size_t len, const char **ret) {
    *ret = sz_arena_strdup(r->arena, from, len);
    return *ret ? SZ_OK : sz_no_memory(r->ctx);
}

static sz_status read_quoted(reader *r) {
    const char *end = strchr(r->at + 1, *r->at), *word;
    if (!end) return fail(r, "a quote is open");
    SZ_TRY(copy_word(r, r->at + 1, (size_t)(end - r->at - 1), &word));
    r->at = end + 1;
    r->word = word;
    return push_operand(r, (sz_instruction){.op = WORD, .word = word}, IS_WORD);
}

static sz_status read_number(reader *r) {
    char *end;
    const double v = strtod(r->at, &end);
    if (is_letter(*end)) return fail(r, "a name begins with a letter: write words in quotes");
    r->at = end;
    return push_operand(r, (sz_instruction){.op = NUMBER, .number = v}, IS_NUMBER);
}

static sz_status read_operand(reader *r) {
    const char c = *r->at;
    if (c == '(' || c == '-') {
        SZ_TRY(push_operator(r, c == '(' ? OPEN : SIGN));
        r->at++;
        return SZ_OK;
    }
    if (c == '\'' || c == '"') return read_quoted(r);
    if (is_digit(c) || (c == '.' && is_digit(r->at[1]))) return read_number(r);
    if (!is_letter(c)) return fail(r, c ? "an operand is missing here" : "it ends too early");
    const char *end = r->at, *word;
    while (is_letter(*end) || is_digit(*end)) end++;
    SZ_TRY(copy_word(r, r->at, (size_t)(end - r->at), &word));
    if (strcmp(word, "not") == 0) {
        SZ_TRY(push_operator(r, NOT));
        r->at = end;
        return SZ_OK;
    }
    r->at = end;
    return push_name(r, word);
}

static sz_status read_operator(reader *r) {
    if (*r->at == ')') return close_bracket(r);
    for (int op = 0; op < SIGN; op++) {
        const size_t len = strlen(operators[op].symbol);
        if (op == NOT || strncmp(r->at, operators[op].symbol, len) != 0) continue;
        if (op <= AND && (is_letter(r->at[len]) || is_digit(r->at[len]))) continue;
        SZ_TRY(push_operator(r, op));
        r->at += len + (op == EQ && r->at[1] == '='); // == is = too
        return SZ_OK;
    }
    return fail(r, "an operator is missing here: + - * / % < <= > >= = != and or");
}

// ---- all ---------------------------------------------------------------------------------------

static sz_status read_all(reader *r) {
    r->wants_operand = true;
    for (;;) {
        r->at += strspn(r->at, " \t\n");
        if (!*r->at && !r->wants_operand) break;
        SZ_TRY(r->wants_operand ? read_operand(r) : read_operator(r));
    }
    while (r->n_waiting > 0) {
        if (r->waiting[r->n_waiting - 1] == OPEN) return fail(r, "')' is missing");
        SZ_TRY(apply(r, r->waiting[--r->n_waiting]));
    }
    if (r->kinds[0] != IS_TRUTH) return fail(r, "nothing is compared: write 'batch <= 8'");
    return SZ_OK;
}

sz_status sz_expression_read(sz_ctx *ctx, const struct sz_space *space, sz_arena *arena,
                             const char *text, sz_expression *ret_expression) {
    sz_expression e = {.code = sz_arena_array(arena, SZ_EXPRESSION_LONG, sizeof *e.code)};
    reader r = {.ctx = ctx, .space = space, .arena = arena, .text = text, .at = text, .out = &e};
    if (!e.code) return sz_no_memory(ctx);
    SZ_TRY(read_all(&r));
    *ret_expression = e;
    return SZ_OK;
}

// ---- running -----------------------------------------------------------------------------------

typedef struct value {
    double number;
    const char *word; // NULL: a number alone
} value;

static value value_of(const sz_instruction *i, const sz_space *s, const uint32_t *setting) {
    if (i->op == NUMBER) return (value){i->number, NULL};
    if (i->op == WORD) return (value){SZ_NO_NUMBER, i->word};
    if (i->op == FACT) {
        const sz_fact *f = &s->facts.items[i->at];
        return (value){f->numbers[setting[f->parameter]], NULL};
    }
    const sz_parameter *p = &s->parameters[i->at];
    if (p->judge >= 0 && !sz_space_exists(s, setting, i->at)) return (value){SZ_NO_NUMBER, ""};
    return (value){p->numbers[setting[i->at]], p->values[setting[i->at]]};
}

static bool is_same(value a, value b) {
    if (!isnan(a.number) && !isnan(b.number)) return a.number == b.number;
    return a.word && b.word && strcmp(a.word, b.word) == 0;
}

static double truth_of(int op, value a, value b) {
    switch (op) {
    case OR:
        return a.number != 0 || b.number != 0;
    case AND:
        return a.number != 0 && b.number != 0;
    case LE:
        return a.number <= b.number;
    case GE:
        return a.number >= b.number;
    case LT:
        return a.number < b.number;
    case GT:
        return a.number > b.number;
    case EQ:
        return is_same(a, b);
    default:
        return !is_same(a, b);
    }
}

static double amount_of(int op, double a, double b) {
    switch (op) {
    case PLUS:
        return a + b;
    case MINUS:
        return a - b;
    case TIMES:
        return a * b;
    case OVER:
        return a / b;
    default:
        return fmod(a, b);
    }
}

bool sz_expression_holds(const sz_expression *e, const sz_space *s, const uint32_t *setting) {
    value stack[SZ_EXPRESSION_DEPTH];
    size_t n = 0;
    for (uint32_t i = 0; i < e->n; i++) {
        const sz_instruction *k = &e->code[i];
        if (k->op > N_OPERATORS) {
            stack[n++] = value_of(k, s, setting);
        } else if (k->op == NOT || k->op == SIGN) {
            const double v = stack[n - 1].number;
            stack[n - 1] = (value){k->op == NOT ? v == 0 : -v, NULL};
        } else {
            const value a = stack[n - 2], b = stack[n - 1];
            n--;
            stack[n - 1] = (value){
                k->op <= EQ ? truth_of(k->op, a, b) : amount_of(k->op, a.number, b.number), NULL};
        }
    }
    return stack[0].number != 0;
}
