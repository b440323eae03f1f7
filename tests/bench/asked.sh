#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What can be asked for beside times, end to end: layers, energy on a sensor that is a file,
# counters, threads, and the words of a model file. Usage: asked.sh SIZEUP FOLDER
set -eu -o pipefail
SIZEUP=$1 fakes=$2
models=$(dirname "$0")/../models
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work XDG_DATA_HOME=$work
failed=0

fail() {
    echo "FAILED: $1"
    cut -c 1-600 "$work/out" "$work/err"
    failed=1
}
bench() {
    local status=0
    "$SIZEUP" bench "$@" --store none >"$work/out" 2>"$work/err" || status=$?
    echo "$status" >"$work/status"
}
has() { # WHAT PATTERN [FILE]
    grep -q -e "$2" "$work/${3:-out}" || fail "$1: no '$2'"
}

short=(--time-budget 50ms --preheat 0s --format jsonl)
blas=(--backend blas --blas "$fakes/fake_right.so")

# Layers: every node of the net, each timed and counted, and their sum.
bench mlp layers=2 width=32 batch=4 --backend ref "${short[@]}" --layers
has layers '"layers_sum_s": [0-9.e-]*, "asked": \["layers"\]'
has layers '"layers_runs": [0-9]'
timed=$(grep -o '"time_s": [0-9]' "$work/out" | wc -l)
[ "$timed" -eq "$(grep -o '"sources": ' "$work/out" | wc -l)" ] || fail 'a layer without time'
bench mlp layers=2 width=32 batch=4 --backend ref --time-budget 50ms --layers --top 2
has 'table of layers' '^2 of [0-9]* layers; --top 0 shows all.$'
has 'table of layers' '^Layers add up to [0-9.]* % of the whole'

# Energy: a package that takes 1 J every 4 ms or so, as long as the file is there.
zone=$work/root/sys/class/powercap/intel-rapl:0
mkdir -p "$zone"
echo package-0 >"$zone/name"
echo 262143328850 >"$zone/max_energy_range_uj"
echo 0 >"$zone/energy_uj"
touch "$work/on"
(
    joule=0
    while [ -e "$work/on" ]; do
        joule=$((joule + 1))
        echo ${joule}000000 >"$zone/new"
        mv "$zone/new" "$zone/energy_uj"
        sleep 0.003
    done
) &
meter=$!
bench gemm m=8 n=8 k=8 "${blas[@]}" --threads 1 --time-budget 600ms --preheat 0s --format jsonl \
    --energy --root "$work/root"
rm "$work/on"
wait "$meter" || true
has energy '"energy": {"joule": [0-9]'
has energy '"method": "powercap, [0-9.]* s of the timed loop after [0-9.]* s at rest"'
has energy '"idle_w": [0-9]'
has energy '"name": "package-0", "whole": true, "joule": [0-9]'
has energy '"samples_per_j": [0-9]'

bench gemm m=8 n=8 k=8 "${blas[@]}" "${short[@]}" --energy --root "$work/nowhere"
has 'no energy' '"energy": {"joule": null,.*"why": "powercap: /sys/class/powercap holds no zone'
bench gemm m=8 n=8 k=8 "${blas[@]}" "${short[@]}" --energy --counters --cache cold
has 'cold energy' '"why": "with cold caches, emptying them would be measured too"'
bench gemm m=8 n=8 k=8 "${blas[@]}" "${short[@]}"
has 'not asked' '"why": "not asked for (--energy)"}, "counters": {},'

# Counters: those that the kernel keeps are there, the others have a reason, or both are numbers.
bench gemm m=8 n=8 k=8 "${blas[@]}" "${short[@]}" --counters
has counters '"counters": {.*"runs": [1-9][0-9]*, "running_share": [0-9.]*, "multiplexed": '
has counters '"page_faults": [0-9]\|"why": {.*"page_faults": "'

# Threads in turn; the reference has one.
bench gemm m=8 n=8 k=8 --backend ref,blas --blas "$fakes/fake_right.so" --threads 1,2 "${short[@]}"
[ "$(wc -l <"$work/out")" -eq 3 ] || fail 'threads: not three records'
has threads '"settings": {"backend": "blas", "threads": 2,'

# A family takes --batch and --dtype as its parameters.
bench gemm m=8 n=8 k=8 --batch 1,2 --dtype f32,f64 --backend ref "${short[@]}"
[ "$(wc -l <"$work/out")" -eq 4 ] || fail 'not four records'
has family '"spec": {"kind": "gemm".*"batch": 2, "dtype": "f64"}'
bench gemm dtype=f32 --dtype f64 --backend ref
has twice "'dtype' is given twice" err

# A file: its first free dimension has another name.
bench "$models/conv1d.dyn.onnx" T=800 --batch 1,2 --backend ref "${short[@]}"
[ "$(grep -c '"verdict": "' "$work/out")" -eq 2 ] || fail 'a batch of a file'
has file '"T": 800, "batch": 2}'
bench "$models/conv1d.dyn.onnx" --input wave=2x1x800 --backend ref "${short[@]}"
has shape '"inputs": \["wave=2x1x800"\]'
has shape '"reproducer": "sizeup bench .* --input wave=2x1x800 --backend ref'
bench "$models/conv1d.onnx" --batch 2 --backend ref "${short[@]}"
has fixed "the batch of '.*' can't be chosen: its input 'wave' is 1x1x16000" err
bench "$models/conv1d.dyn.onnx" --bind T=800 --batch 1 --dtype f32,bf16 --backend ref "${short[@]}"
[ "$(grep -c '"verdict": "' "$work/out")" -eq 1 ] || fail 'its own format'
has format "\"error\": \"backend 'ref' runs a net in the format in which it is written, f32: for"
bench "$models/conv1d.dyn.onnx" T=800 --batch 1 --dtype f33 --backend ref
has format "'f33' is no format that a library can be asked for" err
bench gemm --input x=1x2 --backend ref
has family "follow from its parameters: --input is for files" err
bench gemm m=8 n=8 k=8 --streams 2 --backend ref "${short[@]}"
has streams "runs one batch at a time" err

# Where it ran, and what was built from what.
bench gemm m=8 n=8 k=8 --backend ref "${short[@]}"
has revision '"sizeup_revision": "[0-9a-z-]*", "compiler": "[^"]*", "build": "[^"]*"'
has surroundings '"env_changed": {.*"after_s": [0-9]'
exit $failed
