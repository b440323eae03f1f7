#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Golden tests of the command line: a folder per case with
#   cmd      one line of shell; $SIZEUP is the program, $MODELS the test models, $TMP a fresh folder
#   stdout   what it must print (no file: nothing)
#   stderr   the same for standard error
#   exit     its exit status (no file: 0)
# Usage: tests/cli/run.sh SIZEUP [CASE...]. SIZEUP_UPDATE=1 rewrites the expectations.
# Cases run in tests/, so that paths in the output are the same everywhere; the name of the fresh
# folder is shown as TMP.
set -eu
SIZEUP=$(realpath "$1")
shift
cd "$(dirname "$0")"
cases=("$@")
if [ ${#cases[@]} -eq 0 ]; then
    for file in */cmd; do
        [ -f "$file" ] && cases+=("$(dirname "$file")")
    done
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

run_case() { # NAME: leaves stdout, stderr, exit in $work
    local status=0
    rm -rf "${work:?}/tmp" "${work:?}/home"
    mkdir "$work/tmp" "$work/home"
    (cd .. && env -i PATH="$PATH" HOME="$work/home" TMP="$work/tmp" SIZEUP="$SIZEUP" \
        MODELS=models LC_ALL=C TERM=dumb COLUMNS=100 \
        ASAN_OPTIONS="${ASAN_OPTIONS:-}" UBSAN_OPTIONS="${UBSAN_OPTIONS:-}" \
        bash -c "$(cat "cli/$1/cmd")" >"$work/stdout" 2>"$work/stderr" </dev/null) || status=$?
    sed -i "s,$work/tmp,TMP,g; s,$work/home,HOME,g" "$work/stdout" "$work/stderr"
    echo "$status" >"$work/exit"
    [ "$status" -ne 0 ] || : >"$work/exit"
}

compare() { # NAME PART
    local want=$1/$2
    [ -f "$want" ] || want=/dev/null
    diff -u --label "$1/$2" --label 'the program' "$want" "$work/$2"
}

update() { # NAME PART: an empty expectation needs no file
    if [ -s "$work/$2" ]; then cat "$work/$2" >"$1/$2"; else rm -f "$1/$2"; fi
}

failed=0
for name in "${cases[@]}"; do
    [ -f "$name/cmd" ] || { echo "no case '$name'" >&2; exit 2; }
    run_case "$name"
    for part in stdout stderr exit; do
        if [ "${SIZEUP_UPDATE:-}" = 1 ]; then
            update "$name" "$part"
        elif ! compare "$name" "$part"; then
            echo "FAILED $name ($part): $(cat "$name/cmd")"
            failed=$((failed + 1))
        fi
    done
done
echo "${#cases[@]} cases, $failed differences"
[ ${#cases[@]} -gt 0 ] || exit 77
[ "$failed" -eq 0 ]
