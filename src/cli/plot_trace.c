// SPDX-License-Identifier: Apache-2.0
// Layers as a trace of events, which Perfetto and chrome://tracing show: an object with the list
// "traceEvents"; complete events ("ph":"X") have name, pid, tid, and their begin and length in
// microseconds; events of metadata ("ph":"M") name process and threads.
#include "cli/plots.h"

#include <math.h>

static void put_head(sz_json *j, const char *name, const char *phase, int64_t track) {
    sz_json_begin_object(j);
    sz_json_key_str(j, "name", name);
    sz_json_key_str(j, "ph", phase);
    sz_json_key_i64(j, "pid", 1);
    sz_json_key_i64(j, "tid", track);
}

static void put_name(sz_json *j, const char *event, int64_t track, const char *name) {
    put_head(j, event, "M", track);
    sz_json_key_object(j, "args");
    sz_json_key_str(j, "name", name);
    sz_json_end_object(j);
    sz_json_end_object(j);
}

static void put_layer(sz_json *j, const sz_chart_layer *l, int64_t track, double begin_s,
                      double time_s, size_t number) {
    put_head(j, l->name ? l->name : "?", "X", track);
    sz_json_key_str(j, "cat", l->kind ? l->kind : "layer");
    sz_json_key_f64(j, "ts", begin_s * 1e6);
    sz_json_key_f64(j, "dur", time_s * 1e6);
    sz_json_key_object(j, "args");
    sz_json_key_i64(j, "number", (int64_t)number);
    if (isfinite(l->predicted_lo_s)) sz_json_key_f64(j, "predicted_lo_s", l->predicted_lo_s);
    if (isfinite(l->predicted_hi_s)) sz_json_key_f64(j, "predicted_hi_s", l->predicted_hi_s);
    sz_json_end_object(j);
    sz_json_end_object(j);
}

static void put_track(sz_json *j, const plot_trace *t, int track) {
    double at = 0;
    put_name(j, "thread_name", track + 1, t->names[track]);
    for (size_t i = 0; i < t->n[track]; i++) {
        const sz_chart_layer *l = &t->tracks[track][i];
        const double time = track == 0 ? l->measured_s : l->predicted_s;
        if (!isfinite(time) || time < 0) continue;
        put_layer(j, l, track + 1, at, time, i + 1);
        at += time;
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
