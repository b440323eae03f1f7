#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Types command lines and Tab into a real shell: drive.py SIZEUP SCRIPT SHELL TESTS

Each case is a line and what Tab makes of it, or the words that Tab shows. The shell runs on a
terminal of its own; a key of ours tells what then stands on its line.
"""
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

# What is typed, and the line after one Tab.
INSERTS = [
    ('sizeup cou', 'sizeup count '),
    ('sizeup predict --over', 'sizeup predict --overlap '),
    ('sizeup count --format js', 'sizeup count --format json '),
    ('sizeup count --format=js', 'sizeup count --format=json '),
    ('sizeup bench gemm --format jsonl --back', 'sizeup bench gemm --format jsonl --backend '),
    ('sizeup count --by t', 'sizeup count --by total '),
    ('sizeup predict -m bench-b', 'sizeup predict -m bench-box '),
    ('sizeup predict --machine coral,bench-b', 'sizeup predict --machine coral,bench-box '),
    ('sizeup predict --machine=coral,bench-b', 'sizeup predict --machine=coral,bench-box '),
    ('sizeup count resnet:dep', 'sizeup count resnet:depth='),
    ('sizeup count resnet:depth=50,bat', 'sizeup count resnet:depth=50,batch='),
    ('sizeup bench gemm dtype=f6', 'sizeup bench gemm dtype=f64 '),
    ('sizeup list conv', 'sizeup list conventions '),
    ('sizeup schema machine.c', 'sizeup schema machine.compare '),
    ('sizeup help calib', 'sizeup help calibrate '),
    ('sizeup machine desc', 'sizeup machine describe '),
    ('sizeup count my-net.o', 'sizeup count my-net.onnx '),
    ('sizeup count with\\ bl', 'sizeup count with\\ blank.onnx '),
    ('sizeup count -o my-net.o', 'sizeup count -o my-net.onnx '),
    ('sizeup count --output=my-net.o', 'sizeup count --output=my-net.onnx '),
    ('sizeup machine describe --root fold', 'sizeup machine describe --root folder/'),
    ('sizeup explain mlp --against fvc', 'sizeup explain mlp --against fvcore '),
    ('sizeup optimize mlp --for openv', 'sizeup optimize mlp --for openvino '),
    ('sizeup count mlp --optimizer adag', 'sizeup count mlp --optimizer adagrad '),
    ('sizeup nonsense --fo', 'sizeup nonsense --fo'),
]
# What is typed, words that are shown, words that are not.
SHOWN = [
    ('sizeup count --format ', ['text', 'json', 'csv', 'md'], ['jsonl']),
    ('sizeup bench gemm --format ', ['text', 'json', 'csv', 'md', 'jsonl'], []),
    ('sizeup compare a b --match ', ['case', 'work'], []),
    ('sizeup count trans', ['transformer'], ['resnet']),
    ('sizeup plot ', ['roofline', 'memory'], []),
]

RC = {
    'bash': r'''
PS1='$ '
bind 'set bell-style none'; bind 'set show-all-if-ambiguous on'
bind 'set completion-query-items 0'; bind 'set page-completions off'
source "$SCRIPT"
show() { printf '%s' "$READLINE_LINE" >"$OUT.new"; mv "$OUT.new" "$OUT"; READLINE_LINE=''
READLINE_POINT=0; }
bind -x '"\C-x\C-g": show'
: >"$OUT"
''',
    'zsh': r'''
PS1='$ '; unsetopt beep; LISTMAX=1000
fpath=("$FUNCTIONS" $fpath)
autoload -Uz compinit; compinit -u -D
show() { print -rn -- "$BUFFER" >"$OUT.new"; command mv "$OUT.new" "$OUT"; BUFFER='' }
zle -N show; bindkey '^X^G' show
: >"$OUT"
''',
    'fish': r'''
function fish_prompt; echo '$ '; end
source "$SCRIPT"
function show
    printf %s (commandline -b) >"$OUT.new"; command mv "$OUT.new" "$OUT"; commandline -r ''
end
bind \cx\cg 'commandline -f cancel' show
: >"$OUT"
''',
}
START = {
    'bash': ['bash', '--noprofile', '--rcfile', '{rc}', '-i'],
    'zsh': ['zsh', '-d', '-i'],
    'fish': ['fish', '--no-config', '-i', '-C', 'source {rc}'],
}


class Shell:
    """A shell at a terminal."""

    def __init__(self, name, words, env, folder, out):
        self.out, self.screen = out, b''
        pid, self.fd = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.execvpe(words[0], words, env)
        self.wait(name)

    def read(self, seconds):
        if select.select([self.fd], [], [], seconds)[0]:
            self.screen += os.read(self.fd, 65536)

    def wait(self, what):
        end = time.monotonic() + 60
        while not os.path.exists(self.out):
            if time.monotonic() > end:
                sys.exit(f'no answer of the shell to {what!r}:\n{self.screen.decode()}')
            self.read(0.05)
        with open(self.out, encoding='utf-8') as f:
            text = f.read()
        os.remove(self.out)
        return text

    def type(self, line, tabs):
        """The line after some tabs, and what the screen showed."""
        self.screen = b''
        os.write(self.fd, line.encode() + b'\t' * tabs)
        end = time.monotonic() + 0.4  # a pager that opens late must find no key in its way
        while time.monotonic() < end:
            self.read(0.1)
        os.write(self.fd, b'\x18\x07')
        line = self.wait(line)
        self.read(0.05)
        return line, re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', ' ', self.screen.decode(errors='replace'))


def environment(home, sizeup, script, tests, shell):
    bin_folder, folder, data = (os.path.join(home, name) for name in ('bin', 'work', 'data'))
    machines = os.path.join(data, 'sizeup', 'machines')
    for path in (bin_folder, os.path.join(folder, 'folder'), machines,
                 os.path.join(home, 'functions')):
        os.makedirs(path)
    os.symlink(sizeup, os.path.join(bin_folder, 'sizeup'))
    for name in ('my-net.onnx', 'with blank.onnx', 'other.txt'):
        open(os.path.join(folder, name), 'w').close()
    shutil.copy(os.path.join(tests, 'predict', 'two.json'),
                os.path.join(machines, 'bench-box.json'))
    shutil.copy(script, os.path.join(home, 'functions', '_sizeup'))
    rc = os.path.join(home, '.zshrc')
    with open(rc, 'w') as f:
        f.write(RC[shell])
    env = {'PATH': bin_folder + ':' + os.environ['PATH'], 'HOME': home, 'ZDOTDIR': home,
           'XDG_DATA_HOME': data, 'SCRIPT': script, 'OUT': os.path.join(home, 'out'),
           'FUNCTIONS': os.path.join(home, 'functions'), 'TERM': 'xterm', 'LC_ALL': 'C.UTF-8',
           'COLUMNS': '200', 'LINES': '50'}
    for name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS'):
        env[name] = os.environ.get(name, '')
    return env, rc, folder


def run(sizeup, script, shell, tests):
    with tempfile.TemporaryDirectory() as home:
        env, rc, folder = environment(home, sizeup, script, tests, shell)
        words = [word.format(rc=rc) for word in START[shell]]
        s = Shell(shell, words, env, folder, env['OUT'])
        bad = 0
        for line, want in INSERTS:
            got, screen = s.type(line, 1)
            if got.rstrip() != want.rstrip() or (want[-1] == ' ') != (got[-1] == ' '):
                bad += 1
                print(f'{line!r}: {got!r}, not {want!r}\n{screen}')
        for line, there, away in SHOWN:
            _, screen = s.type(line, 2 if shell == 'bash' else 1)
            shown = set(re.split(r'[\s/]+', screen))
            if not set(there) <= shown or set(away) & shown:
                bad += 1
                print(f'{line!r}: shown are not {there}:\n{screen}')
        os.close(s.fd)
        print(f'{shell}: {len(INSERTS) + len(SHOWN)} lines, {bad} wrong')
        return bad


def main():
    sizeup, script, shell, tests = (sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4])
    if not shutil.which(shell):
        print(f'{shell} is not installed')
        sys.exit(77)
    subprocess.run([shell, '--no-execute' if shell == 'fish' else '-n', script], check=True)
    if shell == 'zsh':  # above it is found by its name in a folder
        subprocess.run([shell, '-f', '-c', 'autoload -Uz compinit; compinit -u -D; source "$1"; '
                        '[[ $_comps[sizeup] == _sizeup ]]', '-', script], check=True)
    try:  # a container or a changed root may have none
        for fd in pty.openpty():
            os.close(fd)
    except OSError as error:
        print(f'the script is fit to be read; no key was pressed, there is no terminal: {error}')
        sys.exit(77)
    sys.exit(run(os.path.realpath(sizeup), os.path.realpath(script), shell, tests) > 0)


if __name__ == '__main__':
    main()
