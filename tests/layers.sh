#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The law of dependence: checks every #include of src/ against src/LAYERS, then checks itself: a
# violation planted in a copy must be found. Usage: tests/layers.sh SOURCE-ROOT
set -eu

check() { # SRC: prints every violation; fails when there is one
    (cd "$1" && find . -type f \( -name '*.[ch]' -o -name '*.def' -o -name '*.inc' \) |
        sed 's,^\./,,' | LC_ALL=C sort | awk '
        # The room of a path: the longest room in LAYERS that its folder starts with.
        function room_of(path,    r, best) {
            best = ""
            for (r in allowed)
                if (index(path, r "/") == 1 && length(r) > length(best)) best = r
            return best
        }
        function bad(why) { print "src/" file ":" line ": " why; found = 1 }
        BEGIN {
            while ((getline row < "LAYERS") > 0) {
                sub(/#.*/, "", row)
                n = split(row, word, /[ \t]+/)
                if (n == 0 || word[1] == "") continue
                sub(/:$/, "", word[1])
                allowed[word[1]] = " "
                for (i = 2; i <= n; i++) allowed[word[1]] = allowed[word[1]] word[i] " "
            }
        }
        {
            file = $0; line = 0; mine = room_of(file)
            if (mine == "") { bad("the folder is not in src/LAYERS"); next }
            while ((getline text < file) > 0) {
                line++
                if (text !~ /^[ \t]*#[ \t]*include/) continue
                sub(/^[ \t]*#[ \t]*include[ \t]*/, "", text)
                mark = substr(text, 1, 1)
                if (mark != "\"" && mark != "<") {
                    bad("an include by macro hides the room")
                    continue
                }
                target = substr(text, 2)
                sub(/[">].*/, "", target)
                if (mark == "<" && index(target, "sizeup/") == 1) continue
                if (mark == "<" && room_of(target) == "") continue
                if (target ~ /(^|\/)\.\.?\//) { bad("relative include \"" target "\""); continue }
                theirs = room_of(target)
                if (theirs == "") { bad("\"" target "\" does not name a room"); continue }
                if (theirs != mine && index(allowed[mine], " " theirs " ") == 0)
                    bad("room \"" mine "\" may not include room \"" theirs "\" (" target ")")
            }
            close(file)
        }
        END { exit found }')
}

src=$1/src
check "$src" || { echo 'the law of dependence is broken' >&2; exit 1; }

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
plant() { # PATH LINE: this line in a new file must be refused
    rm -rf "${copy:?}/src"
    cp -R "$src" "$copy/src"
    mkdir -p "$(dirname "$copy/src/$1")"
    printf '%s\n' "$2" >"$copy/src/$1"
    if check "$copy/src" >"$copy/out" || ! grep -q "src/$1:" "$copy/out"; then
        echo "a planted violation was not found: $1: $2" >&2
        exit 1
    fi
}
plant model/cost/planted.c '#include "machine/machine.h"'
plant base/planted.c '#include "os/file.h"'
plant machine/planted.c '#  include "model/graph/graph.h" // late'
plant model/graph/planted.h '#include "model/ops/ops.h"'
plant cli/planted.c '#include "base/base.h"'
plant report/planted.c '#include "../model/graph/graph.h"'
plant base/planted.c '#include "base.h"'
plant base/planted.c '#include <os/file.h>'
plant garage/planted.c 'int x;'
echo 'every include obeys src/LAYERS; planted violations are found'
