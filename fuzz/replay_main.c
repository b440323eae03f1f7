// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target once per file given, over every file of the folders given (not below them),
// and again on each of those cut off at some places: a fuzzer that any compiler can build.
#include "fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_PATH = 4096, CUTS = 16 };
static const long max_size = 8L << 20;

static void run_file(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    if (!f) return;
    long size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    if (size >= 0 && size <= max_size && fseek(f, 0, SEEK_SET) == 0) {
        uint8_t *data = malloc(size ? (size_t)size : 1);
        if (data && fread(data, 1, (size_t)size, f) == (size_t)size) {
            LLVMFuzzerTestOneInput(data, (size_t)size);
            for (size_t i = 1; i < CUTS; i++) LLVMFuzzerTestOneInput(data, (size_t)size * i / CUTS);
            (*n)++;
        }
        free(data);
    }
    fclose(f);
}

static void run_folder(const char *path, size_t *n) {
    DIR *dir = opendir(path);
    char name[MAX_PATH];
    struct stat st;
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (stat(name, &st) == 0 && S_ISREG(st.st_mode)) run_file(name, n);
    }
    if (dir) closedir(dir);
}

int main(int argc, char **argv) {
    size_t n = 0;
    struct stat st;
    for (int i = 1; i < argc; i++) {
        if (stat(argv[i], &st) != 0) fprintf(stderr, "no such file: '%s'\n", argv[i]);
        else if (S_ISDIR(st.st_mode)) run_folder(argv[i], &n);
        else run_file(argv[i], &n);
    }
    printf("%zu files replayed\n", n);
    return n > 0 ? 0 : 1;
}
