// SPDX-License-Identifier: Apache-2.0
// How a finished experiment is shown.
#ifndef SZ_CLI_LAB_H
#define SZ_CLI_LAB_H

#include "cli/picture.h"

#include <sizeup/lab.h>

void lab_draw(const sz_lab *lab, const sz_machine *machine, sz_plot *plot);
void lab_fill_doc(const cli_app *app, const sz_lab *lab, const sz_machine *machine, sz_doc *doc);

#endif
