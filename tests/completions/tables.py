#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds completions to what the program accepts: tables.py SIZEUP TESTS

Whatever the help of an option says to come from 'list TABLE' or from a|b|c is offered, whole and
nothing else; every option and every command is offered; a row of src/cli/values.def that no
command has any use for is found.
"""
import os
import re
import subprocess
import sys

SIZEUP, TESTS = sys.argv[1], sys.argv[2]
failures = []


def ask(*words):
    done = subprocess.run([SIZEUP, *words], capture_output=True, check=True,
                          env=dict(os.environ, HOME='/nowhere', XDG_DATA_HOME=''))
    return done.stdout.decode().splitlines()


def offered(*words):
    """Kind, what stays of the word, and the words."""
    lines = ask('help', '--complete', '--', *words)
    kind, keep = lines[0].split('\t')
    return kind, keep, [line.split('\t')[0] for line in lines[1:]]


def check(what, got, want):
    if sorted(got) != sorted(want):
        failures.append(f'{what}: offered {sorted(got)}, not {sorted(want)}')


def names(table):
    return [line.split(',')[0].strip('"') for line in ask('list', table, '--format', 'csv')[1:]]


def options(command):
    """(name, placeholder, help) of each option, from the help."""
    text = re.sub(r'\n {30}', ' ', '\n'.join(ask('help', command)))
    row = re.compile(r'^ +(?:-\w, )?--([\w-]+)(?: (\S+))?(?:  +| )(.*)$', re.M)
    return [m.groups() for m in row.finditer(text)]


COMMANDS = names('commands')


def check_option(command, name, arg, told):
    kind, keep, words = offered(command, '--' + name, '')
    table = re.search(r"'list (\w+)'", told)
    if arg and '|' in arg and arg.islower():
        check(f'{command} --{name}', words, arg.split('|'))
    elif arg and table:
        extra = {'stacks': ['none']}.get(table.group(1), [])
        check(f'{command} --{name}', words, names(table.group(1)) + extra)
    elif arg and name == 'machine':
        check(f'{command} --{name}', words, names('machines') + ['here'])
    elif arg == 'FILE' and kind != 'files':
        failures.append(f'{command} --{name}: {kind}, not files')
    elif arg in ('FOLDER', 'DIR') and kind != 'folders':
        failures.append(f'{command} --{name}: {kind}, not folders')
    # The same with "=", where the word begins with what stays.
    inline = offered(command, f'--{name}=')[2] if arg else []
    check(f'{command} --{name}=', inline, [f'--{name}={word}' for word in words] if arg else [])


def check_rows(seen_options, places):
    with open(os.path.join(TESTS, '..', 'src', 'cli', 'values.def'), encoding='utf-8') as f:
        rows = re.findall(r'^(VALUE|PLACE)\("([^"]+)"', f.read(), re.M)
    for kind, name in rows:
        if name not in (seen_options if kind == 'VALUE' else places):
            failures.append(f'values.def: no command has {name}')


def main():
    seen, places = set(), set()
    check('commands', offered('')[2], COMMANDS)
    for command in COMMANDS:
        rows = options(command)
        seen |= {name for name, _, _ in rows}
        check(f'{command} --', offered(command, '--')[2], ['--' + name for name, _, _ in rows])
        usage = ask('help', command)[0].replace('usage: sizeup ' + command + ' [options]', '')
        places |= set(re.split(r'[\s\[\]|]+', usage.replace('...', '')))
        for row in rows:
            check_option(command, *row)
    check('list', offered('list', '')[2], [line.split(',')[0] for line in
                                           ask('list', '--format', 'csv')[1:]])
    check('schema', offered('schema', '')[2], [line.split(',')[0] for line in
                                               ask('schema', '--format', 'csv')[1:]])
    check('lab', offered('lab', '')[2], [line.split(',')[0] for line in
                                         ask('lab', '--format', 'csv')[1:]])
    check('families', offered('predict', '')[2], names('models'))
    rows = [line.split(',') for line in ask('list', 'parameters', '--format', 'csv')[1:]]
    for net in {row[0] for row in rows}:
        check(net, offered('count', net + ':')[2],
              [f'{net}:{row[1]}=' for row in rows if row[0] == net])
    check_rows(seen, places)
    print('\n'.join(failures))
    print(f'{len(COMMANDS)} commands, {len(failures)} differences')
    sys.exit(bool(failures))


main()
