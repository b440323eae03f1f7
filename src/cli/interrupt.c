// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

// The one thing a handler may touch.
static volatile sig_atomic_t interrupted;
static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { SIGNALS = sizeof signals / sizeof signals[0] };
static struct sigaction before[SIGNALS];

static void note_interrupt(int number) {
    (void)number;
    interrupted = 1;
}

// What was ignored (as by nohup) stays so.
const volatile int *cli_catch_interrupts(void) {
    struct sigaction catch = {.sa_handler = note_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&catch.sa_mask);
    interrupted = 0;
    for (size_t i = 0; i < SIGNALS; i++) {
        sigaction(signals[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN) sigaction(signals[i], &catch, NULL);
    }
    return &interrupted;
}

void cli_release_interrupts(void) {
    for (size_t i = 0; i < SIGNALS; i++) sigaction(signals[i], &before[i], NULL);
}
