// SPDX-License-Identifier: Apache-2.0
#include "os/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_PATH_BYTES = 4096, MAX_CPU = 1 << 20 };

int64_t sz_proc_read(const char *root, const char *path, char *buf, size_t cap) {
    char full[MAX_PATH_BYTES];
    size_t n = 0;
    int len = snprintf(full, sizeof full, "%s%s", root, path);
    if (cap == 0 || len < 0 || (size_t)len >= sizeof full) return -1;
    int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return -1;
    while (n < cap - 1) { // files of /proc come in pieces
        ssize_t got = read(fd, buf + n, cap - 1 - n);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        n += (size_t)got;
    }
    close(fd);
    buf[n] = '\0';
    return (int64_t)n;
}

bool sz_proc_line(const char *root, const char *path, char *buf, size_t cap) {
    if (sz_proc_read(root, path, buf, cap) <= 0) return false;
    buf[strcspn(buf, "\n")] = '\0';
    return buf[0] != '\0';
}

static int64_t suffix_factor(char c) {
    switch (c) {
    case 'K': case 'k': return 1024;
    case 'M': return 1024 * 1024;
    case 'G': return 1024 * 1024 * 1024;
    default: return 1;
    }
}

int64_t sz_proc_int(const char *root, const char *path, int64_t fallback) {
    char text[64], *end;
    int64_t value;
    if (!sz_proc_line(root, path, text, sizeof text)) return fallback;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || end == text || !sz_mul(v, suffix_factor(*end), &value)) return fallback;
    return value;
}

// Copy [p, p + n) without blanks at its ends, cut to cap - 1 bytes.
static void copy_trimmed(const char *p, size_t n, char *buf, size_t cap) {
    while (n > 0 && (*p == ' ' || *p == '\t')) p++, n--;
    while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t' || p[n - 1] == '\r')) n--;
    if (n > cap - 1) n = cap - 1;
    memcpy(buf, p, n);
    buf[n] = '\0';
}

bool sz_proc_value(const char *text, const char *key, char *buf, size_t cap) {
    const size_t key_len = strlen(key);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, key, key_len) != 0) continue;
        const char *p = line + key_len;
        p += strspn(p, " \t");
        if (*p != ':') continue;
        p++;
        copy_trimmed(p, strcspn(p, "\n"), buf, cap);
        return true;
    }
    return false;
}

static bool parse_cpu(const char **s, long *ret_cpu) {
    char *end;
    if (**s < '0' || **s > '9') return false;
    *ret_cpu = strtol(*s, &end, 10);
    *s = end;
    return *ret_cpu >= 0 && *ret_cpu < MAX_CPU;
}

int sz_proc_cpus(const char *list, int *ret_cpus, int cap) {
    int n = 0;
    for (const char *s = list; *s && *s != '\n';) {
        long first, last;
        if (!parse_cpu(&s, &first)) return -1;
        last = first;
        if (*s == '-' && (s++, !parse_cpu(&s, &last))) return -1;
        if (last < first) return -1;
        for (long cpu = first; cpu <= last; cpu++, n++)
            if (n < cap) ret_cpus[n] = (int)cpu;
        if (n > MAX_CPU) return -1;
        if (*s == ',') s++;
        else if (*s && *s != '\n') return -1;
    }
    return n;
}

// user nice system idle iowait irq softirq steal: proc(5)
static bool read_ticks(const char *root, long long ticks[8]) {
    char text[256];
    if (sz_proc_read(root, "/proc/stat", text, sizeof text) <= 0) return false;
    return sscanf(text, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &ticks[0], &ticks[1],
                  &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6], &ticks[7]) == 8;
}

int64_t sz_proc_steal_ticks(const char *root) {
    long long ticks[8];
    return read_ticks(root, ticks) ? ticks[7] : -1;
}

int64_t sz_proc_busy_ticks(const char *root) {
    long long t[8];
    return read_ticks(root, t) ? t[0] + t[1] + t[2] + t[5] + t[6] : -1;
}

double sz_proc_steal_share(const char *root) {
    long long ticks[8];
    double sum = 0;
    if (!read_ticks(root, ticks)) return __builtin_nan("");
    for (int i = 0; i < 8; i++) sum += (double)ticks[i];
    return sum > 0 ? (double)ticks[7] / sum : __builtin_nan("");
}
