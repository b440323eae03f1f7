// SPDX-License-Identifier: Apache-2.0
// A plot and the document that goes with it, for every command that draws.
#ifndef SZ_CLI_PICTURE_H
#define SZ_CLI_PICTURE_H

#include "cli/cli.h"

#include <sizeup/plot.h>

// What the options of a picture fill in.
typedef struct cli_picture_options {
    int64_t width;
    bool ascii, svg, png, pdf, terminal;
    const char *theme;
} cli_picture_options;

// Options of every command that draws; `type` has `cli_picture_options picture`.
#define CLI_PICTURE_OPTIONS(type)                                                                  \
    {"width",                                                                                      \
     'w',                                                                                          \
     CLI_INT,                                                                                      \
     "N",                                                                                          \
     NULL,                                                                                         \
     "columns of the plot in text (100), pixels of a picture (900)",                               \
     offsetof(type, picture.width)},                                                               \
    {"ascii", 0, CLI_FLAG, NULL, NULL, "no character outside of ASCII in the plot",                \
     offsetof(type, picture.ascii)},                                                               \
    {"svg", 0, CLI_FLAG, NULL, NULL, "the picture alone, as SVG; without -o on standard output",   \
     offsetof(type, picture.svg)},                                                                 \
    {"png", 0, CLI_FLAG, NULL, NULL, "the same as PNG", offsetof(type, picture.png)},              \
    {"pdf", 0, CLI_FLAG, NULL, NULL, "the same as PDF", offsetof(type, picture.pdf)},              \
    {"terminal", 0, CLI_FLAG, NULL, NULL, "the same in text, without the numbers below",           \
     offsetof(type, picture.terminal)},                                                            \
    {                                                                                              \
        "theme", 0, CLI_CHOICE, "light|dark|auto", "light",                                        \
            "colours of a picture; auto: SVG that follows its viewer",                             \
            offsetof(type, picture.theme)                                                          \
    }

typedef struct cli_picture {
    const sz_plot *plot;
    sz_doc *doc;
    const cli_picture_options *options; // NULL = as usual
} cli_picture;

// The plot alone when an option or the ending of the name after -o says so. Else the document, in
// text with the plot above it.
int cli_write_picture(cli_app *app, const cli_picture *picture);

const char *cli_base_name(const char *path); // what stands after the last slash: for titles

#endif
