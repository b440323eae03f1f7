#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds pages of `sizeup report` to what they must be: check_page.py PAGE.html COUNT.json

The parser is html5lib in its strict mode, which reports each error that a browser would repair.
COUNT.json is what `sizeup count --format json` says of the same net: the page must have its totals.
"""
import base64
import hashlib
import json
import re
import sys

import html5lib

NS = '{http://www.w3.org/1999/xhtml}'
SVG = '{http://www.w3.org/2000/svg}'


def fail(why):
    sys.exit(f'{sys.argv[1]}: {why}')


def local(tag):
    return tag.split('}')[-1] if isinstance(tag, str) else ''


def text_of(e):
    return ''.join(e.itertext())


def check_alone(root, text):
    """Nothing from outside, no script but its own, no attribute that is one."""
    scripts = [e for e in root.iter() if local(e.tag) == 'script']
    if len(scripts) != 1:
        fail(f'{len(scripts)} scripts')
    digest = base64.b64encode(hashlib.sha256(scripts[0].text.encode()).digest()).decode()
    policy = [e.get('content') for e in root.iter(NS + 'meta')
              if e.get('http-equiv') == 'Content-Security-Policy']
    if len(policy) != 1 or f"script-src 'sha256-{digest}'" not in policy[0]:
        fail('the policy does not name the script by its hash')
    if "default-src 'none'" not in policy[0]:
        fail('the policy lets something in')
    for e in root.iter():
        tag = local(e.tag)
        if tag in ('img', 'iframe', 'object', 'embed', 'link', 'base', 'form', 'image', 'use'):
            fail(f'an element <{tag}>')
        for name, value in e.attrib.items():
            name = local(name)
            if name.startswith('on'):
                fail(f'an attribute {name}')
            if name in ('src', 'href') and not value.startswith('#'):
                fail(f'{name}="{value}" leads outside')
    if re.search(r'(?<![\w.])https?://(?!www\.w3\.org/2000/svg)', text):
        fail('an address of the network')


def check_plain(text):
    """No character that steers instead of being seen."""
    for c in text:
        n = ord(c)
        if (n < 32 and c != '\n') or 0x7f <= n < 0xa0 or 0x202a <= n <= 0x202e or \
                0x2066 <= n <= 0x2069 or n in (0x200b, 0x200e, 0x200f, 0xfeff):
            fail(f'a raw character U+{n:04X}')


def check_accessible(root):
    ids = [e.get('id') for e in root.iter() if e.get('id')]
    if len(ids) != len(set(ids)):
        fail('an id twice')
    for e in root.iter():
        for name in ('aria-labelledby', 'for'):
            if e.get(name) and e.get(name) not in ids:
                fail(f'{name}="{e.get(name)}" names nothing')
        if local(e.tag) == 'a' and e.get('href', '#')[1:] not in ids:
            fail(f'a link to {e.get("href")} that is not there')
        if local(e.tag) == 'th' and e.get('scope') not in ('row', 'col'):
            fail('a head of a table without scope')
        if local(e.tag) == 'svg' and not (e.get('role') == 'img' and e.get('aria-label')):
            fail('a picture without words')
        if local(e.tag) == 'input' and local(e.tag) == 'input' and not e.get('id'):
            fail('a button without an id')
    if len([e for e in root.iter(NS + 'h1')]) != 1:
        fail('not one h1')
    for figure in root.iter(NS + 'figure'):
        if not [e for e in figure.iter(NS + 'figcaption') if text_of(e).strip()]:
            fail('a figure without a caption')
    for table in root.iter(NS + 'table'):
        heads = len(list(next(table.iter(NS + 'thead')).iter(NS + 'th')))
        for row in next(table.iter(NS + 'tbody')).iter(NS + 'tr'):
            if len(list(row)) != heads:
                fail(f'a row of {len(list(row))} cells under {heads} heads')


def luminance(rgb):
    parts = [int(rgb[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    parts = [p / 12.92 if p <= .03928 else ((p + .055) / 1.055) ** 2.4 for p in parts]
    return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2]


def contrast(a, b):
    x, y = sorted((luminance(a), luminance(b)))
    return (y + .05) / (x + .05)


def check_contrast(text):
    themes = re.findall(r':root \{(.*?)\}', text, re.S)
    if len(themes) != 2:
        fail(f'{len(themes)} themes')
    for theme in themes:
        colors = dict(re.findall(r'--(\w+): (#[0-9a-f]{6});', theme))
        for ink in ('ink', 'soft', 'accent'):
            for ground in ('ground', 'hover'):
                ratio = contrast(colors[ink], colors[ground])
                if ratio < 4.5:
                    fail(f'{ink} on {ground} has a contrast of {ratio:.2f}')


def facts_of(root):
    facts = {}
    for item in root.iter(NS + 'dl'):
        for div in item:
            dt, dd = next(div.iter(NS + 'dt')), next(div.iter(NS + 'dd'))
            facts[text_of(dt)] = dd.get('data-v') or text_of(dd)
    return facts


def check_facts(root, count):
    facts, total = facts_of(root), count['total']
    for title, key in (('parameters', 'params'), ('multiply-accumulates', 'macs'),
                       ('operations', 'flops'), ('weights', 'weight_bytes'),
                       ('bytes moved, at least', 'bytes_moved'),
                       ('activations, at most', 'peak_activation_bytes')):
        if facts.get(title) != str(total[key]):
            fail(f"'{title}' is {facts.get(title)}, count says {total[key]}")
    if facts['model'] != count['model']['path']:
        fail(f"the model is {facts['model']!r}")


def check_layers(root, count):
    """The table of layers: as many rows as nodes, with their operations and bytes, in order."""
    for section in root.iter(NS + 'section'):
        heads = [text_of(e) for e in section.iter(NS + 'h2')]
        if heads != ['Layers']:
            continue
        table = next(section.iter(NS + 'table'))
        names = [text_of(e) for e in next(table.iter(NS + 'thead')).iter(NS + 'th')]
        rows = list(next(table.iter(NS + 'tbody')).iter(NS + 'tr'))
        if len(rows) != len(count['nodes']):
            fail(f"{len(rows)} layers, count has {len(count['nodes'])} nodes")
        for row, node in zip(rows, count['nodes']):
            cells = dict(zip(names, list(row)))
            for title, key in (('operations', 'flops'), ('moved', 'bytes_moved'),
                               ('parameters', 'params'), ('MACs', 'macs')):
                want = node['bytes_read'] + node['bytes_written'] if key == 'bytes_moved' \
                    else node[key]
                if cells[title].get('data-v') != str(want):
                    fail(f"{node['name']!r}: {title} {cells[title].get('data-v')}, not {want}")
            if text_of(cells['operator']) != node['op']:
                fail(f"{node['name']!r}: operator {text_of(cells['operator'])!r}")
        return
    fail('no table of layers')


def main(page, count_path):
    with open(page, encoding='utf-8') as f:
        text = f.read()
    with open(count_path, encoding='utf-8') as f:
        count = json.load(f)
    root = html5lib.HTMLParser(strict=True).parse(text)
    check_alone(root, text)
    check_plain(text)
    check_accessible(root)
    check_contrast(text)
    check_facts(root, count)
    check_layers(root, count)
    print(f'{page}: {len(text)} characters, {len(count["nodes"])} layers')


if __name__ == '__main__':
    main(*sys.argv[1:])
