// SPDX-License-Identifier: Apache-2.0
// Layers as a trace of events, which Perfetto and chrome://tracing show: an object with the list
// "traceEvents"; complete events ("ph":"X") have name, pid, tid, and their begin and length in
// microseconds; events of metadata ("ph":"M") name process and threads.
#include "cli/plots.h"

#include <math.h>

enum { MOST_S = 1 << 23 }; // 97 days: in nanoseconds a double holds it

// One that has the number of the process would be shown as its main thread.
static int64_t tid_of(int track) { return track + 2; }

static double time_of(const plot_trace *t, int track, size_t i) {
    const sz_chart_layer *l = &t->tracks[track][i];
    const double time_s = track == 0 ? l->measured_s : l->predicted_s;
    return isfinite(time_s) && time_s > 0 ? time_s : 0;
}

typedef struct span {
    int64_t begin_ns, end_ns;
    double all_s; // of its track
} span;

static double sum_of(const plot_trace *t, int track) {
    double sum = 0;
    for (size_t i = 0; i < t->n[track]; i++) sum += time_of(t, track, i);
    return sum;
}

static void put_rest(sz_json *j, const char *phase, int64_t track) {
    sz_json_key_str(j, "ph", phase);
    sz_json_key_i64(j, "pid", 1);
    sz_json_key_i64(j, "tid", track);
}

static void put_name(sz_json *j, const char *event, int64_t track, const char *name) {
    sz_json_begin_object(j);
    sz_json_key_str(j, "name", event);
    put_rest(j, "M", track);
    sz_json_key_object(j, "args");
    sz_json_key_str(j, "name", name);
    sz_json_end_object(j);
    sz_json_end_object(j);
}

// The operator first: of a short event a viewer shows the first letters only.
static void put_layer_name(sz_json *j, const sz_chart_layer *l) {
    const bool both = l->kind && l->name;
    sz_buf name;
    sz_buf_init(&name, j->buf->ctx);
    sz_buf_puts(&name, l->kind ? l->kind : "");
    sz_buf_puts(&name, both ? " " : "");
    sz_buf_puts(&name, l->name ? l->name : l->kind ? "" : "?");
    sz_json_key(j, "name");
    sz_json_str_n(j, name.data ? name.data : "", name.size);
    sz_buf_finish(&name);
}

static void put_layer(sz_json *j, const plot_trace *t, int track, size_t i, const span *at) {
    const sz_chart_layer *l = &t->tracks[track][i];
    sz_json_begin_object(j);
    put_layer_name(j, l);
    put_rest(j, "X", tid_of(track));
    sz_json_key_str(j, "cat", l->kind ? l->kind : "layer");
    sz_json_key_f64(j, "ts", (double)at->begin_ns / 1e3);
    sz_json_key_f64(j, "dur", (double)(at->end_ns - at->begin_ns) / 1e3);
    sz_json_key_object(j, "args");
    if (l->name) sz_json_key_str(j, "layer", l->name);
    sz_json_key_i64(j, "number", (int64_t)i + 1);
    sz_json_key_f64(j, "share", time_of(t, track, i) / at->all_s);
    sz_json_key_f64(j, t->keys[track], time_of(t, track, i));
    if (isfinite(l->predicted_lo_s)) sz_json_key_f64(j, "predicted_lo_s", l->predicted_lo_s);
    if (isfinite(l->predicted_hi_s)) sz_json_key_f64(j, "predicted_hi_s", l->predicted_hi_s);
    sz_json_end_object(j);
    sz_json_end_object(j);
}

// Viewers count whole nanoseconds: an event that begins before the other ends would be drawn below
// it, or dropped. What takes no time is left out, as it would be an arrow and not a bar.
static void put_track(sz_json *j, const plot_trace *t, int track) {
    span at = {0, 0, sum_of(t, track)};
    double at_s = 0;
    put_name(j, "thread_name", tid_of(track), t->names[track]);
    for (size_t i = 0; i < t->n[track]; i++) {
        at_s += time_of(t, track, i);
        if (!(at_s < MOST_S)) return;
        at.end_ns = llround(at_s * 1e9);
        if (at.end_ns > at.begin_ns) put_layer(j, t, track, i, &at);
        at.begin_ns = at.end_ns;
    }
}

void plot_trace_json(const plot_trace *t, sz_buf *buf) {
    sz_json j;
    sz_json_init(&j, buf, 2);
    sz_json_begin_object(&j);
    sz_json_key_array(&j, "traceEvents");
    put_name(&j, "process_name", 0, t->what);
    for (int track = 0; track < 2; track++)
        if (t->n[track] > 0) put_track(&j, t, track);
    sz_json_end_array(&j);
    sz_json_key_str(&j, "displayTimeUnit", "ns");
    sz_json_key_object(&j, "otherData");
    for (int track = 0; track < 2; track++)
        if (t->n[track] > 0) sz_json_key_str(&j, t->names[track], t->notes[track]);
    sz_json_end_object(&j);
    sz_json_end_object(&j);
}
