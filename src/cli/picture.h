// SPDX-License-Identifier: Apache-2.0
// A plot and the document that goes with it, for every command that draws.
#ifndef SZ_CLI_PICTURE_H
#define SZ_CLI_PICTURE_H

#include "cli/cli.h"

#include <sizeup/plot.h>

// Options of every command that draws; `type` has `int64_t width; bool ascii`.
#define CLI_PICTURE_OPTIONS(type)                                                                  \
    {"width",                                                                                      \
     'w',                                                                                          \
     CLI_INT,                                                                                      \
     "N",                                                                                          \
     NULL,                                                                                         \
     "columns of the plot in text (100), pixels of a picture (900)",                               \
     offsetof(type, width)},                                                                       \
    {                                                                                              \
        "ascii", 0, CLI_FLAG, NULL, NULL, "no character outside of ASCII in the plot",             \
            offsetof(type, ascii)                                                                  \
    }

typedef struct cli_picture {
    const sz_plot *plot;
    sz_doc *doc;
    int64_t width;
    bool ascii;
} cli_picture;

// The plot alone when the name after -o ends in .svg or .png. Else the document, in text with the
// plot above it.
int cli_write_picture(cli_app *app, const cli_picture *picture);

#endif
