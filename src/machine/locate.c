// SPDX-License-Identifier: Apache-2.0
#include "machine/locate.h"

// The text has been read by the JSON library already, so its form is known to be good; what is
// checked here is only that nothing runs past the end.
typedef struct cursor {
    const char *p, *end;
    int line;
} cursor;

static void skip_blanks(cursor *c) {
    for (; c->p < c->end && strchr(" \t\r\n", *c->p) && *c->p; c->p++) c->line += *c->p == '\n';
}

// From a quote to behind the closing one.
static void skip_string(cursor *c) {
    for (c->p++; c->p < c->end && *c->p != '"'; c->p++)
        if (*c->p == '\\') c->p++;
    if (c->p < c->end)
        c->p++;
    else
        c->p = c->end;
}

// A value with all that is in it: count brackets, which strings may hold too.
static void skip_value(cursor *c) {
    size_t depth = 0;
    skip_blanks(c);
    do {
        skip_blanks(c);
        if (c->p >= c->end) return;
        if (*c->p == '"') {
            skip_string(c);
        } else if (*c->p == '{' || *c->p == '[') {
            depth++, c->p++;
        } else if (*c->p == '}' || *c->p == ']') {
            if (depth == 0) return;
            depth--, c->p++;
        } else if (*c->p == ',' || *c->p == ':') {
            if (depth == 0) return;
            c->p++;
        } else {
            while (c->p < c->end && !strchr(" \t\r\n,:]}", *c->p)) c->p++;
        }
    } while (depth > 0);
}

static bool take(cursor *c, char wanted) {
    skip_blanks(c);
    if (c->p >= c->end || *c->p != wanted) return false;
    c->p++;
    return true;
}

// From the start of an object to the start of a member's value. Keys of ours hold no escapes.
static bool enter_member(cursor *c, const char *key) {
    const size_t len = strlen(key);
    if (!take(c, '{')) return false;
    do {
        skip_blanks(c);
        if (c->p >= c->end || *c->p != '"') return false;
        const char *name = c->p + 1;
        skip_string(c);
        const bool found = (size_t)(c->p - 1 - name) == len && memcmp(name, key, len) == 0;
        if (!take(c, ':')) return false;
        skip_blanks(c);
        if (found) return true;
        skip_value(c);
    } while (take(c, ','));
    return false;
}

static bool enter_element(cursor *c, size_t index) {
    if (!take(c, '[')) return false;
    for (; index > 0; index--) {
        skip_value(c);
        if (!take(c, ',')) return false;
    }
    skip_blanks(c);
    return c->p < c->end && *c->p != ']';
}

int sz_locate(const char *text, size_t size, const sz_step *steps, size_t n) {
    cursor c = {text, text + size, 1};
    skip_blanks(&c);
    for (size_t i = 0; i < n; i++) {
        const int line = c.line;
        if (!enter_member(&c, steps[i].key)) return line;
        const int member = c.line;
        if (steps[i].index != SIZE_MAX && !enter_element(&c, steps[i].index)) return member;
    }
    return c.line;
}
