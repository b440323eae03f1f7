#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The few rules of style that matter, as a program. Usage: tests/style.sh SOURCE-ROOT
# Then it checks itself: each rule must find a slip planted in a small tree of its own.
set -eu

# Files under the rules, as paths below the root.
sources() {
    find src include tests fuzz bench examples -type f \
        \( -name '*.[ch]' -o -name '*.def' -o -name '*.inc' \) 2>/dev/null | LC_ALL=C sort
}
scripts() {
    find tests tools fuzz bench examples .ci -type f \( -name '*.sh' -o -name '*.py' \) \
        ! -name make_bad_inputs.py 2>/dev/null # a corpus that others keep
    ls tools/install-deps .ci/run Makefile 2>/dev/null
    find . -name meson.build -not -path './build/*' 2>/dev/null
}

# Layout: first line, width, tabs, trailing blanks, length of files and of functions.
layout() {
    sources | while read -r file; do
        awk -v file="$file" '
            function bad(why) { print file ":" NR ": " why }
            NR == 1 && $0 != "// SPDX-License-Identifier: Apache-2.0" {
                bad("the first line must be: // SPDX-License-Identifier: Apache-2.0")
            }
            {
                width = $0
                sub(/[ ]*\\$/, "", width) # where a macro goes on matters to nobody
                gsub(/[\200-\277]/, "", width) # the later bytes of a UTF-8 character
                # A row of a table stays on one line, however long.
                if (length(width) > 100 && file !~ /\.def$/) bad("longer than 100 columns")
            }
            /\t/ { bad("a tab") }
            /[ \t\r]$/ { bad("blanks at the end of the line") }
            # A function opens at a "{" that ends a line which starts at the margin, or which goes
            # on from a line at the margin (a head over several lines).
            !open && /^[A-Za-z_]/ && !/^(struct|enum|union|typedef|extern)[^(]*$/ { head = 1 }
            !open && head && /\{$/ && !/= *\{$/ { open = NR }
            /[;{}]$/ { head = 0 }
            /^}/ {
                if (open && NR - open + 1 > 100) {
                    print file ":" open ": a function of " NR - open + 1 " lines (at most 100)"
                }
                open = 0
            }
            END { if (NR > 600) print file ": " NR " lines (at most 600)" }
        ' "$file"
    done
    scripts | while read -r file; do
        head -n 2 "$file" | grep -q '^# SPDX-License-Identifier: Apache-2.0$' ||
            echo "$file:1: no SPDX line at the top"
        awk -v file="$file" 'length($0) > 100 { print file ":" NR ": longer than 100 columns" }' \
            "$file"
    done
}

# The library never prints, exits, aborts, reads the environment or starts a shell, and uses none of
# the functions that cannot be used safely.
manners() {
    sources | grep '^src/' | grep -v '^src/cli/' | while read -r file; do
        awk -v file="$file" '
            BEGIN {
                word = "(^|[^A-Za-z0-9_.>])"
                loud = "(v?printf|puts|putchar|perror|psignal|exit|_exit|_Exit|quick_exit|abort|"
                loud = loud "assert|getenv|secure_getenv|setenv|putenv|system|popen|signal)[ ]*\\("
                unsafe = "(strcpy|strcat|stpcpy|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|atof|"
                unsafe = unsafe "alloca|tmpnam|mktemp)[ ]*\\("
            }
            {
                code = $0
                gsub(/\\./, "", code)      # escapes inside strings
                gsub(/"[^"]*"/, "\"\"", code)
                sub(/\/\/.*/, "", code)
                if (code ~ word loud) print file ":" NR ": the library must not: " $0
                if (code ~ word unsafe) print file ":" NR ": unsafe function: " $0
                if (code ~ word "(stdout|stderr|stdin|environ)([^A-Za-z0-9_]|$)")
                    print file ":" NR ": the library must not use standard streams: " $0
            }
        ' "$file"
    done
}

check() { (cd "$1" && export LC_ALL=C && layout && manners); }

found=$(check "$1")
if [ -n "$found" ]; then
    printf '%s\n' "$found" >&2
    echo "$(printf '%s\n' "$found" | wc -l) slips of style" >&2
    exit 1
fi

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
spdx='// SPDX-License-Identifier: Apache-2.0'
plant() { # WORDS-OF-THE-FINDING TEXT...: the file made of these lines must be found wanting
    local words=$1
    shift
    mkdir -p "$tree/src/base"
    printf '%s\n' "$@" >"$tree/src/base/planted.c"
    if ! check "$tree" | grep -q "planted.c.*$words"; then
        echo "a planted slip was not found: $words" >&2
        exit 1
    fi
}
plant 'first line' 'int x;'
plant '100 columns' "$spdx" "// $(printf '%0100d' 0)"
plant 'tab' "$spdx" "$(printf 'int\tx;')"
plant 'blanks' "$spdx" 'int x; '
plant 'function of 104 lines' "$spdx" 'int f(void) {' "$(yes '    ;' | head -n 102)" '}'
plant 'function of 105 lines' "$spdx" 'int f(int a,' '      int b) {' \
    "$(yes '    ;' | head -n 103)" '}'
plant 'function of 106 lines' "$spdx" 'struct s *f(int a) {' "$(yes '    ;' | head -n 104)" '}'
plant '601 lines' "$spdx" "$(yes 'int x;' | head -n 600)"
plant 'must not' "$spdx" 'int f(void) { exit(1); }'
plant 'must not' "$spdx" 'int f(void) { return printf("x"); }'
plant 'must not' "$spdx" 'char *f(void) { return getenv("HOME"); }'
plant 'standard streams' "$spdx" 'int f(void) { return fputs("x", stderr); }'
plant 'unsafe' "$spdx" 'void f(char *a) { strcpy(a, "x"); }'
printf '%s\n' "$spdx" '// never exit(1) or printf() to stdout' \
    'const char *f(void) { return "abort() \"stderr\" printf(x)"; }' >"$tree/src/base/planted.c"
found=$(check "$tree")
[ -z "$found" ] || { echo "a false alarm: $found" >&2; exit 1; }
echo 'style: no slips; planted ones are found'
