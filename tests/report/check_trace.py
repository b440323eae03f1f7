#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds a trace to the documented trace event format: check_trace.py TRACE.json LAYERS.json

The fields are those of the format's description: "traceEvents", for each event "name", "ph",
"pid", "tid"; for a complete event ("X") "ts" and "dur" in microseconds, here of whole nanoseconds;
for metadata ("M") "args".
LAYERS is what `sizeup plot layers --format json` says of the same: the tracks must add up to it.
"""
import json
import math
import sys

METADATA = ('process_name', 'process_labels', 'process_sort_index', 'thread_name',
            'thread_sort_index')


def fail(why):
    sys.exit(f'{sys.argv[1]}: {why}')


def is_time(v):
    return isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) and v >= 0


def check_event(e):
    if not isinstance(e, dict) or not isinstance(e.get('name'), str) or not e['name']:
        fail(f'an event without a name: {e}')
    for key in ('pid', 'tid'):
        if not isinstance(e.get(key), int) or isinstance(e[key], bool):
            fail(f'{key} is no whole number: {e}')
    if e.get('ph') == 'M':
        if e['name'] not in METADATA or not isinstance(e['args'].get('name'), str):
            fail(f'not a name of the format: {e}')
    elif e.get('ph') == 'X':
        if not is_time(e.get('ts')) or not is_time(e.get('dur')):
            fail(f'ts or dur is no time: {e}')
        if not isinstance(e.get('cat'), str) or not isinstance(e.get('args'), dict):
            fail(f'cat or args: {e}')
    else:
        fail(f'an event of phase {e.get("ph")!r}')


def tracks_of(events):
    names = {e['tid']: e['args']['name'] for e in events if e['name'] == 'thread_name'}
    tracks = {name: [] for name in names.values()}
    for e in events:
        if e['ph'] == 'X':
            tracks[names[e['tid']]].append(e)
    return tracks


def check_track(name, events, want_s):
    at = 0 # whole nanoseconds, so that no viewer finds one event over another
    for e in events:
        begin, length = round(e['ts'] * 1e3), round(e['dur'] * 1e3)
        if begin != at or length < 1 or abs(e['ts'] * 1e3 - begin) > 1e-3:
            fail(f"{name}: '{e['name']}' begins at {begin} ns, what was before it ends at {at}")
        if e['args']['layer'] not in e['name'] or not 0 < e['args']['share'] <= 1:
            fail(f"{name}: '{e['name']}' says {e['args']}")
        at += length
    summed = math.fsum(e['dur'] for e in events) * 1e-6
    if abs(summed - want_s) > 0.6e-9:
        fail(f'{name}: {summed} s in the trace, {want_s} s of layers')


def main(trace_path, layers_path):
    with open(trace_path, encoding='utf-8') as f:
        trace = json.load(f)
    with open(layers_path, encoding='utf-8') as f:
        layers = json.load(f)['layers']
    events = trace['traceEvents']
    if trace.get('displayTimeUnit') not in ('ms', 'ns'):
        fail('displayTimeUnit')
    for e in events:
        check_event(e)
    tracks = tracks_of(events)
    wanted = {name: math.fsum(r[key] for r in layers if r[key] is not None)
              for name, key in (('measured', 'measured_s'), ('predicted', 'predicted_s'))}
    if sorted(tracks) != sorted(name for name, s in wanted.items() if s > 0):
        fail(f'tracks {sorted(tracks)}')
    for name, events in tracks.items():
        check_track(name, events, wanted[name])
    print(f'{trace_path}: {sum(len(t) for t in tracks.values())} events')


if __name__ == '__main__':
    main(*sys.argv[1:])
