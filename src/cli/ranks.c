// SPDX-License-Identifier: Apache-2.0
#include "cli/ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Variables of launchers: which rank, of how many.
static const char *const launchers[][2] = {
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"}, // Open MPI
    {"PMI_RANK", "PMI_SIZE"},                         // MPICH, Intel MPI, Slurm with PMI-2
    {"PMIX_RANK", "SLURM_STEP_NUM_TASKS"},            // Slurm with PMIx
};

int64_t cli_launched(void) {
    for (size_t i = 0; i < CLI_COUNT(launchers); i++) {
        const char *rank = getenv(launchers[i][0]), *size = getenv(launchers[i][1]);
        if (rank && size) return strtoll(size, NULL, 10);
    }
    return 0;
}

bool cli_ranks_are_strangers(void) {
    const char *tasks = getenv("SLURM_STEP_NUM_TASKS");
    return cli_launched() == 0 && getenv("SLURM_PROCID") && tasks && strtoll(tasks, NULL, 10) > 1;
}

static bool plugin_path(char *buf, size_t cap) {
    static const char *const places[] = {"sizeup-mpi.so",
                                         "../" SZ_CLI_LIBDIR "/sizeup/sizeup-mpi.so"};
    const char *given = getenv("SIZEUP_MPI");
    char folder[4096];
    if (given && given[0]) return (size_t)snprintf(buf, cap, "%s", given) < cap;
    const ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (n <= 0) return false;
    folder[n] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash) *slash = '\0';
    for (size_t i = 0; i < CLI_COUNT(places); i++) {
        const int len = snprintf(buf, cap, "%s/%s", folder, places[i]);
        if (len > 0 && (size_t)len < cap && access(buf, R_OK) == 0) return true;
    }
    return false;
}

sz_status cli_ranks_open(cli_app *app, sz_ranks **ret_ranks) {
    char path[4200];
    const int64_t told = cli_launched();
    if (!plugin_path(path, sizeof path)) {
        cli_error(app, CLI_UNAVAILABLE,
                  "no 'sizeup-mpi.so' beside the program, which takes part in MPI: install the "
                  "package sizeup-mpi, or libopenmpi-dev and openmpi-bin before 'make'");
        return SZ_ERR_UNAVAILABLE;
    }
    const sz_status status = sz_ranks_open(app->ctx, path, ret_ranks);
    if (status != SZ_OK) {
        cli_fail(app, status);
        return status;
    }
    if (told <= 1 || sz_ranks_count(*ret_ranks) > 1) return SZ_OK;
    cli_error(app, CLI_UNAVAILABLE,
              "the launcher started %lld ranks, but %s sees one: it is the launcher of another MPI",
              (long long)told, sz_ranks_library(*ret_ranks));
    sz_ranks_close(*ret_ranks);
    *ret_ranks = NULL;
    return SZ_ERR_UNAVAILABLE;
}

int cli_ranks_end(sz_ranks *ranks, int code) {
    if (ranks && code != CLI_DONE && code != CLI_NO && sz_ranks_count(ranks) > 1) {
        fflush(stdout);
        sz_ranks_abandon(ranks, code);
    }
    sz_ranks_close(ranks);
    return code;
}
