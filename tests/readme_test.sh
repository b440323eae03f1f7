#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The table in README.md must be what the program prints: the block after the marker count-table is
# the output of the command line "build/sizeup ..." last shown before it.
# Usage: tests/readme_test.sh SOURCE-ROOT SIZEUP; with SIZEUP_UPDATE=1 it puts the program's output
# into README.md instead.
set -eu
sizeup=$(realpath "$2")
cd "$1"
got=$(mktemp) new=$(mktemp) want=$(mktemp)
trap 'rm -f "$got" "$new" "$want"' EXIT
words=$(awk '/^<!-- count-table -->$/ { print command; exit }
    sub(/^    build\/sizeup /, "") { command = $0 }' README.md)
[ -n "$words" ] || { echo 'README.md shows no command before <!-- count-table -->' >&2; exit 1; }
# shellcheck disable=SC2086  # the words of the command
LC_ALL=C COLUMNS=100 TERM=dumb "$sizeup" $words >"$got"

# The fenced block after the marker; prints it, or the whole README with `body` in its place.
fence() {
    awk -v body="$1" '
        /^<!-- count-table -->$/ { marked = 1 }
        marked && /^```/ {
            if (inside) { marked = 0; inside = 0; ended = 1 }
            else {
                inside = 1
                if (body != "") {
                    print
                    while ((getline text < body) > 0) print text
                }
                next
            }
        }
        inside && body != "" { next }
        inside { print }
        body != "" { print }
        END { exit !ended }' README.md
}
if [ "${SIZEUP_UPDATE:-}" = 1 ]; then
    fence "$got" >"$new"
    cat "$new" >README.md
    echo 'README.md rewritten'
    exit 0
fi
fence '' >"$want" || { echo 'README.md has no block after <!-- count-table -->' >&2; exit 1; }
[ -s "$want" ] || { echo 'the table of README.md is empty' >&2; exit 1; }
diff -u --label README.md --label 'the program' "$want" "$got"
