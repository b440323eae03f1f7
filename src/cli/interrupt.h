// SPDX-License-Identifier: Apache-2.0
// Ctrl-C as a wish to end early and keep what is done.
#ifndef SZ_CLI_INTERRUPT_H
#define SZ_CLI_INTERRUPT_H

// From now on the first Ctrl-C (or request to terminate) sets *result to 1; the second one ends the
// program at once.
const volatile int *cli_catch_interrupts(void);
void cli_release_interrupts(void); // Ctrl-C does again what it did before

#endif
