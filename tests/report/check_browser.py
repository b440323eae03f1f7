#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens pages in headless Chromium: check_browser.py BROWSER HOSTILE.html PAGE.html

Of the hostile page the document must be what the parser of the other test saw: nothing in it ran.
Of the page a copy without its policy is sorted and filtered by a script of the test.
"""
import html
import os
import re
import subprocess
import sys
import tempfile

import html5lib

USE = """
(function () {
  var out = [], table = null;
  document.querySelectorAll("section").forEach(function (s) {
    if (s.querySelector("h2") && s.querySelector("h2").textContent === "Layers")
      table = s.querySelector("table");
  });
  function say(name, value) { out.push(name + "=" + value); }
  function keys(title) {
    var heads = [].slice.call(table.tHead.rows[0].cells);
    var c = heads.findIndex(function (h) { return h.textContent === title; });
    return [].slice.call(table.tBodies[0].rows).map(function (r) {
      return parseFloat(r.cells[c].getAttribute("data-v"));
    });
  }
  function click(title) {
    table.tHead.querySelectorAll("button").forEach(function (b) {
      if (b.textContent === title) b.click();
    });
  }
  function ordered(v, sign) {
    return v.every(function (x, i) { return i === 0 || sign * (x - v[i - 1]) >= 0; });
  }
  say("before", ordered(keys("time"), -1));
  click("time");
  say("down", ordered(keys("time"), -1));
  click("time");
  say("up", ordered(keys("time"), 1));
  say("aria", table.tHead.querySelectorAll("[aria-sort=ascending]").length);
  var input = table.parentNode.previousElementSibling.querySelector("input");
  input.value = "maxpool";
  input.dispatchEvent(new Event("input"));
  say("shown", [].slice.call(table.tBodies[0].rows).filter(function (r) {
    return !r.hidden;
  }).length);
  var views = document.querySelectorAll("figure.views")[0];
  function visible() {
    return [].slice.call(views.querySelectorAll(".view")).map(function (v) {
      return getComputedStyle(v).display !== "none";
    }).join();
  }
  say("first", visible());
  views.querySelectorAll("input")[1].checked = true;
  say("second", visible());
  say("tips", document.querySelectorAll("[data-tip]").length > 0);
  say("titles", document.querySelectorAll("svg title").length);
  say("wide", document.documentElement.scrollWidth <= document.documentElement.clientWidth);
  parent.document.body.setAttribute("data-test", out.join(";"));
})();
"""
WANT = {'before': 'false', 'down': 'true', 'up': 'true', 'aria': '1', 'shown': '1',
        'first': 'true,false,false', 'second': 'false,true,false', 'tips': 'true', 'titles': '0',
        'wide': 'true'}


def dom(browser, path, width=1280):
    with tempfile.TemporaryDirectory() as home:
        run = subprocess.run(
            [browser, '--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run',
             f'--user-data-dir={home}', f'--window-size={width},900', '--dump-dom',
             '--allow-file-access-from-files', '--enable-logging=stderr', '--v=0',
             'file://' + os.path.abspath(path)],
            capture_output=True, text=True, timeout=120, check=False)
    if '</html>' not in run.stdout:
        sys.exit(f'the browser gave no document: {run.stderr[-500:]}')
    return run.stdout


def check_hostile(browser, path):
    seen = dom(browser, path)
    title = re.search(r'<title>(.*?)</title>', seen).group(1)
    if title != 'hostile.onnx':
        sys.exit(f'a name changed the title of the page: {title}')
    elements = [e for e in html5lib.parse(seen).iter() if isinstance(e.tag, str)]
    tags = [e.tag.split('}')[-1] for e in elements]
    if tags.count('script') != 1 or 'img' in tags:
        sys.exit('a name became an element')
    if [name for e in elements for name in e.attrib if name.split('}')[-1].startswith('on')]:
        sys.exit('a name became an attribute that runs')
    if 'button' not in tags:
        sys.exit('the script of the page did not run under its own policy')


def check_use(browser, path, width):
    with open(path, encoding='utf-8') as f:
        text = f.read()
    text = re.sub(r'<meta http-equiv=.*?>', '', text, count=1, flags=re.S)
    text = text.replace('</body>', '<script>' + USE + '</script></body>')
    copy, frame = path + '.used.html', path + '.frame.html'
    with open(copy, 'w', encoding='utf-8') as f:
        f.write(text)
    # A window is never narrower than some 500 pixels, a frame is as narrow as it is asked to be.
    with open(frame, 'w', encoding='utf-8') as f:
        f.write(f'<body><iframe src="{os.path.basename(copy)}" '
                f'style="width:{width}px;height:900px;border:0"></iframe></body>')
    found = re.search(r'data-test="(.*?)"', dom(browser, frame))
    if not found:
        sys.exit('the script of the test did not get to its end')
    got = dict(part.split('=', 1) for part in html.unescape(found.group(1)).split(';'))
    if got != WANT:
        sys.exit(f'at a width of {width}: {got}')


def main(browser, hostile, page):
    check_hostile(browser, hostile)
    for width in (1280, 390):
        check_use(browser, page, width)
    print(f'opened in {os.path.basename(browser)}')


if __name__ == '__main__':
    main(*sys.argv[1:])
