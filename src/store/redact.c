// SPDX-License-Identifier: Apache-2.0
// URLs with a password in them, as they may be shown.
#include <stdio.h>
#include <string.h>

#include <sizeup/results.h>

typedef struct writer {
    char *buf;
    size_t cap, n;
} writer;

static void put(writer *w, const char *from, size_t n) {
    for (size_t i = 0; i < n; i++, w->n++)
        if (w->n + 1 < w->cap) w->buf[w->n] = from[i];
    if (w->cap) w->buf[w->n < w->cap ? w->n : w->cap - 1] = '\0';
}

// From the first colon of user and password to the last '@': a password that holds an '@' or a '/'
// as it is, and should not, goes with it.
static const char *put_user(writer *w, const char *from) {
    const char *end = from + strcspn(from, "?"), *at = end;
    while (at > from && at[-1] != '@') at--;
    const char *colon = memchr(from, ':', (size_t)(at - from));
    if (at == from || !colon) return from;
    put(w, from, (size_t)(colon + 1 - from));
    put(w, "***", 3);
    return at - 1;
}

void sz_store_redact(const char *word, char *buf, size_t cap) {
    static const char scheme[] = "postgresql:", key[] = "password=";
    writer w = {buf, cap, 0};
    put(&w, "", 0);
    const char *url = strstr(word, scheme);
    if (!url) {
        put(&w, word, strlen(word));
        return;
    }
    url += sizeof scheme - 1;
    url += strspn(url, "/");
    put(&w, word, (size_t)(url - word));
    const char *rest = put_user(&w, url);
    for (const char *p; (p = strstr(rest, key)); rest = p + strcspn(p, "& ")) {
        p += sizeof key - 1;
        put(&w, rest, (size_t)(p - rest));
        put(&w, "***", 3);
    }
    put(&w, rest, strlen(rest));
}
