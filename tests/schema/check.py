#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the JSON that commands print to the schemas that `sizeup schema` prints.

Usage: check.py SIZEUP TESTS. Every expected output of the command line that is JSON is validated,
and what the commands below print now. A key that no schema names is a difference too.
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

try:
    import jsonschema
except ImportError:
    print('the package jsonschema is not there: make venv')
    sys.exit(77)

SIZEUP, TESTS = os.path.realpath(sys.argv[1]), os.path.realpath(sys.argv[2])
BENCH = '--backend ref --preheat 0s --time-budget 10ms --store results.db --machine none'
NETS = 'mlp:layers=1,width=16 mlp:layers=1,width=32'
GPT = 'gpt:layers=96,hidden=12288,heads=96,seq=2048,vocab=51200,positions=2048'
# What no case of the command line prints as JSON, or not in every form. Run in a folder that is
# empty at first, in this order; the exit status may be 0 or 1.
COMMANDS = '''
count resnet:depth=18 --mode training --recompute full
count resnet:depth=18 --optimized --for openvino
count mlp --formula
optimize resnet:depth=18 --for onnxruntime
explain mlp --against fvcore
machine show a100
machine show coral
machine show cpu:cores=2,clock=1e9,fma=8,dram=10e9
machine describe
machine list
machine compare a100 h100
predict resnet:depth=18 --machine a100
predict resnet:depth=18 --machine a100 --optimized yes --level tiles --price 2 --carbon 400
predict mlp --machine a100,t4
predict mlp --machine all
predict mlp --from a100 --to t4 --time 1ms
predict transformer:layers=1,heads=2,hidden=32,seq=16 --machine coral --split best --dtype int8
bench gemm m=8 n=8 k=8 {BENCH} --layers
bench mlp:layers=1,width=16 {BENCH} --layers --mode training
bench gemm m=8 n=8 k=8 {BENCH}
compare 1 3 --store results.db
compare {NETS}
results list --store results.db
results runs --store results.db
results show last --store results.db
results show 1.1 --store results.db
results export --store results.db
results check --store results.db
results import {TESTS}/results/hyperfine.json --store results.db
results delete last --store results.db
explore --model mlp --machine a100,t4 batch=1,8 dtype=f32,f16 --oracle batch
explore --model mlp --machine a100 batch=1-64*2 --pareto latency,memory,energy --price 2
explore --model mlp:layers=1,width=16 --by bench batch=1,2 --preheat 0s --time-budget 10ms
explore --model mlp --machine a100 batch=1-64*2 --search sobol --points 4 --show front
report mlp --machine a100
report resnet:depth=18 --machine a100,t4 --level sum --dtype f16
report last --store results.db
llm write --arch llama layers=1 hidden=64 heads=2 ffn=64 vocab=64 --zeros -o small.gguf
plot layers mlp --machine a100
plot roofline mlp --machine a100
plot memory mlp
plot memory mlp --mode training
lab
machine measure --explain fma
llm --mode training --machine a100 --devices 64 --global-batch 64 --plans {GPT}
lab intensity --quick
schema
list
'''


def describe(word):
    return subprocess.run([SIZEUP, 'schema', word], capture_output=True, check=True).stdout


def close(node):
    """Where a schema names keys, no others."""
    if isinstance(node, dict):
        keys = node.get('properties')
        if keys and 'additionalProperties' not in node:
            node['additionalProperties'] = False
            if 'title' in node:
                keys.setdefault('warnings', {'type': 'array', 'items': {'type': 'string'}})
        for value in node.values():
            close(value)
    elif isinstance(node, list):
        for value in node:
            close(value)


def load_schemas():
    table = subprocess.run([SIZEUP, 'schema', '--format', 'csv'], capture_output=True, check=True)
    schemas = {}
    for line in table.stdout.decode().splitlines()[1:]:
        word, name = line.split(',')
        schema = json.loads(describe(word))
        jsonschema.Draft202012Validator.check_schema(schema)
        if schema['title'] != name:
            sys.exit(f"{word}: its title is '{schema['title']}'")
        close(schema)
        schemas[name] = jsonschema.Draft202012Validator(schema)
    return schemas


class Report:
    def __init__(self, schemas):
        self.schemas, self.seen, self.checked, self.bad = schemas, set(), 0, 0

    def wrong(self, where, what):
        self.bad += 1
        print(f'{where}: {what}')

    def check(self, where, value):
        for record in value if isinstance(value, list) else [value]:
            name = record.get('schema') if isinstance(record, dict) else None
            if name not in self.schemas:
                self.wrong(where, f'no schema for {name!r}')
                continue
            self.seen.add(name)
            self.checked += 1
            for error in list(self.schemas[name].iter_errors(record))[:4]:
                at = '/'.join(str(part) for part in error.absolute_path)
                self.wrong(where, f'{name} at /{at}: {error.message[:300]}')


def read_text(text):
    """The JSON of an output: one value, or one a line; None when it is none."""
    if text[:1] not in '[{':
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines()]
    except json.JSONDecodeError:
        return None


def check_cases(report):
    for path in sorted(glob.glob(os.path.join(TESTS, 'cli', '*', 'stdout'))):
        with open(os.path.join(os.path.dirname(path), 'cmd'), encoding='utf-8') as f:
            command = f.read()
        with open(path, encoding='utf-8') as f:
            value = read_text(f.read() or ' ')
        if ' schema ' in command or value is None:
            continue
        report.check(os.path.basename(os.path.dirname(path)), value)


def check_command(report, line, folder):
    words = line.format(BENCH=BENCH, GPT=GPT, NETS=NETS, TESTS=TESTS).split()
    done = subprocess.run([SIZEUP, *words, '--format', 'json', '--quiet'], capture_output=True,
                          cwd=folder, stdin=subprocess.DEVNULL, check=False,
                          env=dict(os.environ, HOME=folder, XDG_DATA_HOME=''))
    value = read_text(done.stdout.decode() or ' ')
    if done.returncode not in (0, 1) or value is None:
        report.wrong(line, f'exit {done.returncode}: {done.stderr.decode()[:400]}')
    else:
        report.check(line, value)


def main():
    report = Report(load_schemas())
    check_cases(report)
    tables = subprocess.run([SIZEUP, 'list', '--format', 'csv'], capture_output=True, check=True)
    lines = COMMANDS.strip().splitlines()
    lines += ['list ' + row.split(',')[0] for row in tables.stdout.decode().splitlines()[1:]]
    with tempfile.TemporaryDirectory() as folder:
        for line in lines:
            check_command(report, line, folder)
    for name in sorted(set(report.schemas) - report.seen):
        print(f'never seen: {name}')
    print(f'{report.checked} documents, {len(report.seen)} of {len(report.schemas)} schemas, '
          f'{report.bad} differences')
    sys.exit(report.bad > 0)


main()
