// SPDX-License-Identifier: Apache-2.0
// Colours and marks.
#include "report/drawing.h"

// Series: told apart also by readers who see no red or green, and by their lightness in print.
static const sz_color colors[SZ_N_COLORS] = {
    [SZ_PLOT_INK] = {0x1f2933, 0xe6ebf0, -1},
    [SZ_PLOT_GREY] = {0x616e7c, 0x9aa7b4, 245},
    [SZ_PLOT_FAINT] = {0xe4e7eb, 0x303a45, 240},
    [SZ_PLOT_ROOF] = {0x33527a, 0x8fb3e3, 110},
    [SZ_PLOT_MEMORY] = {0x2b7f78, 0x5cc3b8, 73},
    [SZ_PLOT_ROOF2] = {0xa14a1f, 0xf0976a, 173},
    [SZ_PLOT_MEMORY2] = {0xa87718, 0xe2b450, 178},
    [SZ_PLOT_SERIES] = {0x3b6fb6, 0x6ea6f2, 68},
    {0xd9822b, 0xf0a24e, 172},
    {0x2f9e6e, 0x55c795, 71},
    {0xb5446e, 0xee82a9, 168},
    {0x7b61c4, 0xac98f5, 98},
    {0x8d6e4b, 0xc6a47f, 137},
    {0x2aa1b3, 0x58cadc, 37},
    {0x7b8794, 0xa9b4c0, 246},
};

int sz_color_index(int color) {
    if (color < 0) return SZ_PLOT_INK;
    if (color < SZ_PLOT_SERIES) return color;
    return SZ_PLOT_SERIES + (color - SZ_PLOT_SERIES) % SZ_PLOT_N_SERIES;
}

sz_color sz_color_of(int color) { return colors[sz_color_index(color)]; }

static unsigned mixed(unsigned rgb, unsigned with) {
    unsigned tint = 0;
    for (int shift = 16; shift >= 0; shift -= 8) {
        const unsigned c = rgb >> shift & 0xFF, paper = with >> shift & 0xFF;
        tint |= (c * 45 + paper * 55) / 100 << shift;
    }
    return tint;
}

unsigned sz_paint_rgb(int paint, bool dark) {
    const unsigned ground = dark ? 0x12161b : 0xfbfcfd, paper = dark ? 0x191f26 : 0xffffff;
    if (paint == SZ_PAINT_PAPER) return paper;
    if (paint == SZ_PAINT_GROUND) return ground;
    const sz_color c = sz_color_of(paint & ~SZ_PAINT_TINT);
    const unsigned rgb = dark ? c.dark : c.rgb;
    return paint & SZ_PAINT_TINT ? mixed(rgb, paper) : rgb;
}

sz_mark sz_mark_of(int color) {
    return color < SZ_PLOT_SERIES ? SZ_MARK_CIRCLE
                                  : (sz_mark)((color - SZ_PLOT_SERIES) % SZ_MARK_RING);
}

// All of about the area of the circle of radius 1.
static const double square[][2] = {{-.87, -.87}, {.87, -.87}, {.87, .87}, {-.87, .87}};
static const double diamond[][2] = {{0, -1.2}, {1.2, 0}, {0, 1.2}, {-1.2, 0}};
static const double up[][2] = {{0, -1.25}, {1.2, .9}, {-1.2, .9}};
static const double down[][2] = {{0, 1.25}, {1.2, -.9}, {-1.2, -.9}};
static const double cross[][2] = {{-.4, -1.2}, {.4, -1.2}, {.4, -.4},   {1.2, -.4},
                                  {1.2, .4},   {.4, .4},   {.4, 1.2},   {-.4, 1.2},
                                  {-.4, .4},   {-1.2, .4}, {-1.2, -.4}, {-.4, -.4}};
static const double x_shape[][2] = {{0.57, -1.13}, {1.13, -0.57},  {0.57, 0},      {1.13, 0.57},
                                    {0.57, 1.13},  {0, 0.57},      {-0.57, 1.13},  {-1.13, 0.57},
                                    {-0.57, 0},    {-1.13, -0.57}, {-0.57, -1.13}, {0, -0.57}};
static const double star[][2] = {{0, -1.35},     {0.35, -0.49}, {1.28, -0.42}, {0.57, 0.19},
                                 {0.79, 1.09},   {0, 0.6},      {-0.79, 1.09}, {-0.57, 0.19},
                                 {-1.28, -0.42}, {-0.35, -0.49}};

size_t sz_mark_corners(sz_mark mark, const double (**ret_xy)[2]) {
    static const struct {
        const double (*xy)[2];
        size_t n;
    } shapes[SZ_N_MARKS] = {
        [SZ_MARK_SQUARE] = {square, 4}, [SZ_MARK_DIAMOND] = {diamond, 4},
        [SZ_MARK_UP] = {up, 3},         [SZ_MARK_DOWN] = {down, 3},
        [SZ_MARK_CROSS] = {cross, 12},  [SZ_MARK_X] = {x_shape, 12},
        [SZ_MARK_STAR] = {star, 10},
    };
    *ret_xy = shapes[mark].xy;
    return shapes[mark].n;
}
