#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Embed the data sheets of machines: embed.py OUT.c FILE.json ...

A sheet is checked to be JSON whose name is its file's name, so that a typing error ends the build.
"""
import json
import os
import sys


def main(out, paths):
    rows = []
    for path in sorted(paths, key=lambda p: os.path.splitext(p)[0]):
        name = os.path.splitext(os.path.basename(path))[0]
        with open(path, encoding='utf-8') as f:
            sheet = json.load(f)
        if sheet.get('name') != name or name != name.lower():
            sys.exit(f"{path}: 'name' is not '{name}'")
        # Without blanks: the text is read by a program.
        rows.append((name, json.dumps(sheet, separators=(',', ':'), ensure_ascii=True).encode()))
    with open(out, 'w', encoding='ascii') as f:
        f.write('// Made by tools/embed.py.\n#include "machine/datasheets.h"\n\n')
        for i, (name, text) in enumerate(rows):
            f.write(f'static const char sheet_{i}[] = {{')
            for at in range(0, len(text), 20):
                f.write('\n    ' + ' '.join(f'{byte},' for byte in text[at:at + 20]))
            f.write('\n};\n')
        f.write('\nconst sz_datasheet sz_datasheets[] = {\n')
        for i, (name, text) in enumerate(rows):
            f.write(f'    {{"{name}", sheet_{i}, sizeof sheet_{i}}},\n')
        f.write('};\nconst size_t sz_n_datasheets =\n'
                '    sizeof sz_datasheets / sizeof sz_datasheets[0];\n')


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2:])
