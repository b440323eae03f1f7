#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Embed data files as C: embed.py OUT.c FILE ...

Data sheets of machines (.json) are checked to be JSON whose name is the file's name, suites of
workloads (.tsv) to be ASCII with a title, so that a typing error ends the build. Scripts that
complete command lines (.bash, .zsh, .fish) are ASCII, and go by the name of the shell. Of a style
sheet and a script (.css, .js) comments and indents are left out.
"""
import base64
import hashlib
import json
import os
import re
import sys


def sheet(path, name):
    with open(path, encoding='utf-8') as f:
        data = json.load(f)
    if data.get('name') != name or name != name.lower():
        sys.exit(f"{path}: 'name' is not '{name}'")
    # Without blanks: the text is read by a program.
    return json.dumps(data, separators=(',', ':'), ensure_ascii=True).encode()


def suite(path, name):
    with open(path, encoding='ascii') as f:
        lines = f.read().split('\n')
    if name != name.lower() or not (len(lines) > 2 and lines[1].startswith('# ')):
        sys.exit(f'{path}: the name is lower case, the second line "# TITLE"')
    return '\n'.join([lines[1]] + lines[2:]).encode()


def script(path, name):
    with open(path, encoding='ascii') as f:
        return f.read().encode()


def asset(path, name):
    with open(path, encoding='ascii') as f:
        text = re.sub(r'/\*.*?\*/', '', f.read(), flags=re.S)
    if '</' in text:
        sys.exit(f'{path}: "</" would end the element that it stands in')
    return ''.join(line.strip() + '\n' for line in text.split('\n') if line.strip()).encode()


# header, type, table, its length, reader
KINDS = {'.json': ('machine/datasheets.h', 'sz_datasheet', 'sz_datasheets', 'sz_n_datasheets',
                   sheet),
         '.tsv': ('run/bench/suite.h', 'sz_suite', 'sz_suites', 'sz_n_suites', suite),
         '.bash': ('cli/complete.h', 'cli_script', 'cli_scripts', 'cli_n_scripts', script),
         '.css': ('report/html.h', 'sz_asset', 'sz_assets', 'sz_n_assets', asset)}


def main(out, paths):
    header, row_type, table, count, read = KINDS[os.path.splitext(paths[0])[1]]
    rows = []
    for path in sorted(paths, key=lambda p: os.path.splitext(p)):
        stem, extension = os.path.splitext(os.path.basename(path))
        name = extension[1:] if read is script else stem
        rows.append((name, read(path, name)))
        if path.endswith('.js'): # by which a page says that no other script may run
            digest = hashlib.sha256(rows[-1][1]).digest()
            rows.append((name + '-hash', base64.b64encode(digest)))
    with open(out, 'w', encoding='ascii') as f:
        f.write(f'// Made by tools/embed.py.\n#include "{header}"\n\n')
        for i, (name, text) in enumerate(rows):
            f.write(f'static const char text_{i}[] = {{')
            for at in range(0, len(text), 20):
                f.write('\n    ' + ' '.join(f'{byte},' for byte in text[at:at + 20]))
            f.write('\n};\n')
        f.write(f'\nconst {row_type} {table}[] = {{\n')
        for i, (name, text) in enumerate(rows):
            f.write(f'    {{"{name}", text_{i}, sizeof text_{i}}},\n')
        f.write(f'}};\nconst size_t {count} =\n    sizeof {table} / sizeof {table}[0];\n')


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2:])
