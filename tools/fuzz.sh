#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes every target for some seconds, with sanitizers. New inputs collect in build/fuzz/corpus;
# an input that breaks a target stays in build/fuzz. Usage: tools/fuzz.sh SECONDS
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
dir=${BUILD:-build}/fuzz
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:allow_addr2line=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
CC=clang CXX=clang++ tools/configure.sh "$dir" -Dfuzz=true -Dtests=disabled \
    -Db_sanitize=address,undefined -Db_lundef=false
ninja -C "$dir" --quiet
targets=0 broken=0
for target in "$dir"/fuzz/fuzz_*; do
    if [ ! -f "$target" ] || [ ! -x "$target" ]; then continue; fi
    name=$(basename "$target")
    targets=$((targets + 1))
    corpus=$dir/corpus/$name
    mkdir -p "$corpus"
    seeds=(fuzz/corpus/"$name" tests/models)
    [ -d "${seeds[0]}" ] || seeds=(tests/models)
    echo "== $name, $seconds s"
    if ! "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -print_final_stats=1 -verbosity=0 -artifact_prefix="$dir/$name-" \
        "$corpus" "${seeds[@]}"; then
        broken=$((broken + 1))
    fi
done
[ "$targets" -gt 0 ] || { echo 'no fuzz targets were built' >&2; exit 1; }
echo "$targets targets fuzzed, $broken broken"
[ "$broken" -eq 0 ]
