#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A sweep that is ended by whatever goes on where it was: kill -9, SIGTERM, a full disk, a second
# sweep on the same store. Usage: resume.sh SIZEUP FOLDER
set -eu -o pipefail
SIZEUP=$1 fakes=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work XDG_DATA_HOME=$work
failed=0
sizes=8,9,10,11,12,13,14,15,16,17,18,19
n=12

fail() {
    echo "FAILED: $1"
    failed=1
}
sweep() { # STORE OPTION...: n cases of 40 ms and more on the fake library
    local store=$1
    shift
    exec "$SIZEUP" bench gemm m=$sizes n=8 k=8 --backend blas --blas "$fakes/fake_right.so" \
        --threads 1 --time-budget 40ms --preheat 0s --store "$store" "$@"
}
stored() { # STORE: finished cases of it, sorted by name
    [ -e "$1" ] || return 0
    "$SIZEUP" results list --store "$1" --format json |
        grep -o '"case": "[^"]*"' | sort || true
}

# ---- kill -9, again and again ------------------------------------------------------------------

kills=0
for try in $(seq 60); do
    (sweep "$work/killed.db" --resume --format jsonl >"$work/out" 2>"$work/err") &
    pid=$!
    # Each time a little later, so that it dies in all its parts.
    sleep "0.$(printf '%02d' $((try * 7 % 80 + 15)))"
    if kill -9 "$pid" 2>"$work/noise"; then kills=$((kills + 1)); fi
    wait "$pid" 2>"$work/noise" || true
    # Not one case is half there, and none twice.
    stored "$work/killed.db" >"$work/list"
    [ "$(sort -u "$work/list" | wc -l)" -eq "$(wc -l <"$work/list")" ] ||
        fail "a case is there twice"
    [ "$(wc -l <"$work/list")" -eq $n ] && break
done
for pass in 1 2; do # what is left; then all of it is there
    (sweep "$work/killed.db" --resume --format jsonl >"$work/out" 2>"$work/err")
done
stored "$work/killed.db" >"$work/list"
[ "$(wc -l <"$work/list")" -eq $n ] || fail "$(wc -l <"$work/list") cases are stored, not $n"
[ "$(grep -c '"schema": *"sizeup.bench/1"' "$work/out")" -eq $n ] || fail "the output is not whole"
[ "$(grep -c '"from_store": "' "$work/out")" -eq $n ] || fail "cases were run again"
[ "$kills" -ge 2 ] || fail "it was killed $kills times only"

# Text says so too; and what is asked for beyond is measured.
(sweep "$work/killed.db" --resume >"$work/out" 2>"$work/err")
grep -q "^$n of $n cases were in the store, the oldest from 20" "$work/out" || fail "no word of it"
(sweep "$work/killed.db" --resume --counters --format jsonl >"$work/out" 2>"$work/err")
[ "$(grep -c '"from_store": "' "$work/out")" -eq 0 ] || fail "counters were not counted"

# ---- signals -----------------------------------------------------------------------------------

for signal in TERM INT; do
    status=0
    # A shell's background jobs ignore SIGINT, and so would what they start.
    python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$SIZEUP" bench gemm m=$sizes n=8 k=8 --backend blas \
        --blas "$fakes/fake_right.so" --threads 1 --time-budget 300ms --preheat 0s \
        --store "$work/$signal.db" --format jsonl >"$work/out" 2>"$work/err" &
    pid=$!
    for try in $(seq 200); do
        grep -q schema "$work/out" && break
        sleep 0.05
    done
    child=$(pgrep -P "$pid" || true)
    kill -"$signal" "$pid"
    wait "$pid" || status=$?
    [ "$status" -eq 1 ] || fail "$signal: exit status $status"
    grep -q "interrupted: [0-9]* of $n cases were not measured; to go on: sizeup bench gemm " \
        "$work/err" || fail "$signal: $(cat "$work/err")"
    grep -q -e '--resume$' "$work/err" || fail "$signal: no word of --resume"
    [ -z "$child" ] || ! kill -0 "$child" 2>"$work/noise" || fail "$signal: the child lives on"
    stored "$work/$signal.db" >"$work/list"
    lines=$(grep -c schema "$work/out" || true)
    [ "$(wc -l <"$work/list")" -eq "$lines" ] || fail "$signal: shown and stored differ"
    # The line that it gave goes on.
    again=$(sed -n 's/.*to go on: sizeup //p' "$work/err")
    eval "'$SIZEUP' $again" >"$work/out" 2>"$work/err" || fail "$signal: $(cat "$work/err")"
    stored "$work/$signal.db" >"$work/list"
    [ "$(wc -l <"$work/list")" -eq $n ] || fail "$signal: the rest was not measured"
done

# ---- two sweeps at once ------------------------------------------------------------------------

(sweep "$work/both.db" --format jsonl >"$work/out1" 2>"$work/err1") &
first=$!
(sweep "$work/both.db" --seed 2 --format jsonl >"$work/out2" 2>"$work/err2") &
second=$!
wait "$first" || fail "the first of two sweeps: $(cat "$work/err1")"
wait "$second" || fail "the second of two sweeps: $(cat "$work/err2")"
stored "$work/both.db" >"$work/list"
[ "$(wc -l <"$work/list")" -eq $((2 * n)) ] || fail "two sweeps stored $(wc -l <"$work/list")"

# ---- a full disk -------------------------------------------------------------------------------

# The file of the store may grow to 24 KiB, and no more; a case takes a few.
status=0
(ulimit -f 24 && trap '' XFSZ && sweep "jsonl:$work/full.jsonl" --format jsonl) \
    2>"$work/err" | cat >"$work/out" || status=$?
[ "$status" -eq 4 ] || fail "full disk: exit status $status"
[ "$(grep -c 'results are not kept from here on' "$work/err")" -eq 1 ] ||
    fail "full disk: $(cat "$work/err")"
[ "$(grep -c schema "$work/out")" -eq $n ] || fail "full disk: what was measured is not shown"
stored=$(grep -c schema "$work/full.jsonl" || true)
[ "$stored" -ge 1 ] && [ "$stored" -lt $n ] || fail "full disk: $stored cases are stored"
exit $failed
