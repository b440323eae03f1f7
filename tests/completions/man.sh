#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every manual page is read by mandoc, and by groff through man, without a warning; its NAME can be
# indexed; nothing of the help is lost in it. Usage: tests/completions/man.sh SIZEUP
set -eu
sizeup=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work
failed=0 read_by=''
wrong() { echo "$1"; failed=$((failed + 1)); }

for tool in mandoc man lexgrog; do
    if command -v "$tool" >/dev/null; then read_by+=" $tool"; fi
done
[ -n "$read_by" ] || { echo 'neither mandoc nor man is installed'; exit 77; }
pages=0
while IFS=, read -r name _; do
    [ "$name" = name ] && name=''
    page=$work/sizeup${name:+-$name}.1
    # shellcheck disable=SC2086  # no name: the program's page
    "$sizeup" help --man $name -o "$page"
    pages=$((pages + 1))
    case $read_by in *mandoc*)
        told=$(mandoc -Tlint -W warning "$page" 2>&1) || true
        [ -z "$told" ] || wrong "$told"
        mandoc -Tascii -Owidth=200 "$page" | col -b >"$work/shown"
        ;;
    esac
    case $read_by in *' man '*)
        told=$(MANWIDTH=200 man --warnings -E ascii -l "$page" 2>&1 >"$work/shown") || true
        [ -z "$told" ] || wrong "$page by groff: $told"
        ;;
    esac
    case $read_by in *lexgrog*)
        lexgrog "$page" >"$work/index" || wrong "$page: its NAME cannot be indexed"
        grep -q "sizeup${name:+-$name} - " "$work/index" || wrong "$page: $(cat "$work/index")"
        ;;
    esac
    # shellcheck disable=SC2086
    for option in $("$sizeup" help $name | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--.*'); do
        grep -q -- "$option" "$work/shown" || wrong "$page: $option is lost"
    done
done < <("$sizeup" list commands --format csv)
echo "$pages pages, read by$read_by, $failed wrong"
[ "$failed" -eq 0 ]
