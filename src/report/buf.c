// SPDX-License-Identifier: Apache-2.0
// The growing buffer, and numbers in it: exact ones for machines, short ones for people.
#include "base/base.h"
#include "report/shortest.h"

#include <sizeup/text.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void sz_buf_init(sz_buf *buf, sz_ctx *ctx) { *buf = (sz_buf){.ctx = ctx}; }

void sz_buf_finish(sz_buf *buf) {
    sz_free(buf->ctx, buf->data, buf->capacity);
    *buf = (sz_buf){.ctx = buf->ctx};
}

enum { DRAIN_AT = 1 << 16 };

// Hand what is there to the drain; true when that made room for n bytes.
static bool drained(sz_buf *buf, size_t n) {
    if (!buf->drain || buf->size < DRAIN_AT) return false;
    if (buf->drain(buf->user, buf->data, buf->size) != 0) {
        buf->failed = SZ_ERR_IO;
        return false;
    }
    buf->size = 0;
    return buf->capacity >= n;
}

static bool grow(sz_buf *buf, size_t n) {
    if (drained(buf, n)) return true;
    if (buf->failed) return false;
    size_t capacity = buf->capacity ? buf->capacity : 256;
    while (capacity - buf->size < n) {
        if (capacity > SIZE_MAX / 2) capacity = 0;
        if (capacity == 0) break;
        capacity *= 2;
    }
    char *data = capacity ? sz_realloc(buf->ctx, buf->data, buf->capacity, capacity) : NULL;
    if (!data) {
        buf->failed = SZ_ERR_MEMORY;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

// Room for n more bytes; false when there is none, now or earlier.
static inline bool room(sz_buf *buf, size_t n) {
    if (buf->failed) return false;
    return (buf->capacity - buf->size >= n && buf->data) || grow(buf, n);
}

void sz_buf_put(sz_buf *buf, const char *bytes, size_t n) {
    if (n == 0 || !room(buf, n)) return;
    memcpy(buf->data + buf->size, bytes, n);
    buf->size += n;
}

void sz_buf_puts(sz_buf *buf, const char *text) { sz_buf_put(buf, text, strlen(text)); }

void sz_buf_putc(sz_buf *buf, char c) {
    if (room(buf, 1)) buf->data[buf->size++] = c;
}

void sz_buf_pad(sz_buf *buf, char c, size_t n) {
    if (n == 0 || !room(buf, n)) return;
    memset(buf->data + buf->size, c, n);
    buf->size += n;
}

void sz_buf_printf(sz_buf *buf, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    // One byte more than the text: vsnprintf ends with a NUL.
    if (n < 0) buf->failed = SZ_ERR_INTERNAL;
    if (n < 0 || !room(buf, (size_t)n + 1)) return;
    va_start(args, fmt);
    vsnprintf(buf->data + buf->size, (size_t)n + 1, fmt, args);
    va_end(args);
    buf->size += (size_t)n;
}

sz_status sz_buf_status(const sz_buf *buf) {
    return buf->failed ? (sz_status)buf->failed : SZ_OK;
}

// ---- exact numbers -----------------------------------------------------------------------------

// Digits of v at the end of `text` (room for 20); returns where they start.
static char *digits_of(uint64_t v, char *end) {
    do {
        *--end = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    return end;
}

void sz_buf_i64(sz_buf *buf, int64_t v) {
    char text[24], *end = text + sizeof text;
    char *p = digits_of(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, end);
    if (v < 0) *--p = '-';
    sz_buf_put(buf, p, (size_t)(end - p));
}

// Numbers of at most 15 digits that are m / 10^k with k <= 22: m and 10^k are exact doubles and
// division rounds correctly, so reading "m e-k" gives the same double (Clinger 1990, the fast
// path). snprintf and strtod would take most of the time of a large report.
static bool put_short(sz_buf *buf, double v) {
    static const double tens[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11};
    double a = fabs(v);
    if (a >= 1e15 || (a < 1e-5 && a != 0)) return false;
    for (int k = 0; k < 12; k++) {
        double scaled = a * tens[k];
        if (scaled >= 1e15) return false;
        uint64_t m = (uint64_t)(scaled + 0.5);
        if ((double)m / tens[k] != a) continue;
        char text[40], *end = text + sizeof text, *p = end;
        for (int i = 0; i < k; i++, m /= 10) *--p = (char)('0' + m % 10);
        if (k) *--p = '.';
        p = digits_of(m, p);
        if (signbit(v)) *--p = '-';
        sz_buf_put(buf, p, (size_t)(end - p));
        return true;
    }
    return false;
}

void sz_buf_f64(sz_buf *buf, double v) {
    if (!isfinite(v)) {
        sz_buf_put(buf, "null", 4);
        return;
    }
    if (put_short(buf, v)) return;
    char text[40];
    const size_t n = sz_shortest(v, text);
    if (n > 0) {
        sz_buf_put(buf, text, n);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (digits == 17 || strtod(text, NULL) == v) break;
    }
    // The C library prints the point of the caller's locale, which may have more than one byte.
    bool point = false;
    for (const char *p = text; *p; p++) {
        bool plain = (*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == 'e';
        if (plain) sz_buf_putc(buf, *p);
        else if (!point) sz_buf_putc(buf, '.');
        point = point || !plain;
    }
}

// ---- numbers for people ------------------------------------------------------------------------

void sz_buf_grouped(sz_buf *buf, int64_t v) {
    char plain[24], *end = plain + sizeof plain;
    char *p = digits_of(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, end);
    if (v < 0) sz_buf_putc(buf, '-');
    for (; p < end; p++) {
        sz_buf_putc(buf, *p);
        if ((end - p) % 3 == 1 && end - p > 1) sz_buf_putc(buf, ',');
    }
}

// v with `places` decimals and a point whatever the locale; |v| < 1e15.
static void put_fixed(sz_buf *buf, double v, int places) {
    static const double tens[] = {1, 10, 100, 1000, 10000};
    uint64_t scaled = (uint64_t)(fabs(v) * tens[places] + 0.5), unit = (uint64_t)tens[places];
    if (v < 0 && scaled) sz_buf_putc(buf, '-');
    sz_buf_i64(buf, (int64_t)(scaled / unit));
    if (!places) return;
    sz_buf_putc(buf, '.');
    for (uint64_t digit = unit / 10, rest = scaled % unit; digit; digit /= 10)
        sz_buf_putc(buf, (char)('0' + rest / digit % 10));
}

// `digits` significant digits, at least the whole part: 1.81, 18.1, 181.
static void put_digits(sz_buf *buf, double v, int digits) {
    double a = fabs(v);
    int places = digits - 1;
    // The next power of ten counts as reached when rounding at this place reaches it.
    for (double limit = 10; places > 0 && a + 0.5 * pow(10, -places) >= limit;
         limit *= 10) places--;
    put_fixed(buf, v, places);
}

// Very large or small: 1.23e-07.
static void put_power(sz_buf *buf, double v) {
    int power = 0;
    double a = fabs(v);
    while (a >= 9.995) a /= 10, power++;
    while (a != 0 && a < 0.9995) a *= 10, power--;
    put_fixed(buf, v < 0 ? -a : a, 2);
    sz_buf_printf(buf, "e%+03d", power);
}

static void put_si(sz_buf *buf, double v, const char *unit) {
    static const char *const prefixes[] = {"a", "f", "p", "n", "µ", "m", "", "k", "M", "G", "T",
                                           "P", "E"};
    enum { ONE = 6, LAST = 12 };
    int k = ONE;
    double a = fabs(v);
    while (k < LAST && a >= 999.5) a /= 1000, k++;
    // Counts are whole: only what has a unit can be a thousandth of it.
    while (k > 0 && a > 0 && a < 0.9995 && *unit) a *= 1000, k--;
    double shown = v < 0 ? -a : a;
    if (a >= 1e15) put_power(buf, shown);
    else if (k == ONE && a == floor(a)) put_fixed(buf, shown, 0);
    else put_digits(buf, shown, 3);
    if (k != ONE || *unit) sz_buf_putc(buf, ' ');
    sz_buf_puts(buf, prefixes[k]);
    sz_buf_puts(buf, unit);
}

// Ratios: four digits, few of them behind the point.
static void put_number(sz_buf *buf, double v) {
    double a = fabs(v);
    if (a != 0 && (a >= 1e9 || a < 1e-3)) put_power(buf, v);
    else if (a == floor(a)) sz_buf_grouped(buf, (int64_t)v);
    else if (a >= 9999.5) sz_buf_grouped(buf, (int64_t)(v + (v < 0 ? -0.5 : 0.5)));
    else put_digits(buf, v, 4);
}

void sz_buf_number(sz_buf *buf, sz_format format, double v, const char *unit) {
    const char *after = unit ? unit : "";
    if (!isfinite(v)) {
        sz_buf_putc(buf, '-');
        return;
    }
    switch (format) {
    case SZ_AS_SI: put_si(buf, v, after); return;
    case SZ_AS_PERCENT:
        if (fabs(v) < 1e12) put_fixed(buf, 100 * v, 1);
        sz_buf_putc(buf, '%');
        return;
    case SZ_AS_INT:
        if (fabs(v) < 9e18) sz_buf_grouped(buf, (int64_t)v);
        else put_number(buf, v);
        break;
    case SZ_AS_NUMBER:
    case SZ_AS_COMMAND:
    case SZ_AS_TEXT: put_number(buf, v); break;
    }
    if (!*after) return;
    sz_buf_putc(buf, ' ');
    sz_buf_puts(buf, after);
}
