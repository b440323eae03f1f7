// SPDX-License-Identifier: Apache-2.0
// Numbers with units on the command line.
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

int cli_read_time(const cli_app *app, const char *option, const char *text, double *ret_s) {
    static const struct {
        const char *unit;
        double s;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"min", 60}, {"h", 3600}};
    char *end;
    const double v = strtod(text, &end);
    for (size_t i = 0; end != text && i < CLI_COUNT(units); i++)
        if (strcmp(end, units[i].unit) == 0 && v >= 0 && v <= 1e6) {
            *ret_s = v * units[i].s;
            return CLI_DONE;
        }
    return cli_error(app, CLI_USAGE,
                     "option '--%s' needs a time such as 500ms, 5s or 10min, not '%s'", option,
                     text);
}
