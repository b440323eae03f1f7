#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds and tests one or more builds, and sums up: the last line is "N passed, N failed".
# Usage: tools/test.sh KIND...   kinds: release (gcc), clang and asan (clang and gcc with the
# sanitizers for addresses and undefined behaviour). A build that fails counts as one failed test.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
passed=0 failed=0 skipped=0

# Sanitizers stop at the first finding.
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:allow_addr2line=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export SIZEUP_PYTHON=$PWD/$build/venv/bin/python
sanitize=('-Db_sanitize=address,undefined' -Db_lundef=false)

tools/get-openvino "$build/openvino" # without it the tests of that library are skipped

results() { # FILE PATTERN: number of tests in a log of meson that ended so
    grep -cE "\"result\": \"($2)\"" "$1" || true
}

run() { # NAME DIR ARGUMENTS-OF-MESON-TEST OPTION...
    local name=$1 dir=$2 arguments=$3 log
    shift 3
    echo "== $name"
    if ! tools/configure.sh "$dir" -Dtests=enabled -Dwerror=true "$@" ||
        ! ninja -C "$dir" --quiet; then
        echo "$name: the build failed"
        failed=$((failed + 1))
        return
    fi
    log=$dir/meson-logs/testlog.json
    rm -f "$log"
    # shellcheck disable=SC2086  # the arguments are words
    meson test -C "$dir" --no-rebuild --print-errorlogs $arguments || true
    if [ ! -s "$log" ]; then
        echo "$name: the tests did not run"
        failed=$((failed + 1))
        return
    fi
    passed=$((passed + $(results "$log" 'OK|EXPECTEDFAIL')))
    skipped=$((skipped + $(results "$log" 'SKIP')))
    failed=$((failed + $(results "$log" 'FAIL|ERROR|TIMEOUT|INTERRUPT|UNEXPECTEDPASS')))
}

# Sanitized programs are slower, and the rules of the house have been checked once.
slow='--timeout-multiplier 5 --no-suite house'
for kind in "$@"; do
    case $kind in
        release) run 'gcc, release' "$build" '' ;;
        asan) run 'gcc, sanitizers' "$build/asan" "$slow" "${sanitize[@]}" ;;
        clang)
            CC=clang CXX=clang++ run 'clang, sanitizers' "$build/clang" "$slow" "${sanitize[@]}"
            ;;
        *) echo "unknown kind of build '$kind'" >&2; exit 2 ;;
    esac
done
echo
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed" | tee "$build/test-summary.txt"
[ "$failed" -eq 0 ]
