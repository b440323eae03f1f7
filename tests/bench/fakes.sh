#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Libraries that misbehave cost their own case; the sweep goes on. Usage: fakes.sh SIZEUP FOLDER
set -eu
SIZEUP=$1 fakes=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work XDG_DATA_HOME=$work
failed=0

sweep() { # FAKE OPTION...: m = 8, 13, 16 on the fake library
    local fake=$1 status=0
    shift
    "$SIZEUP" bench gemm m=8,13,16 n=8 k=8 --backend blas --blas "$fakes/fake_$fake.so" \
        --threads 1 --time-budget 50ms --preheat 10ms --format jsonl "$@" \
        >"$work/out" 2>"$work/err" || status=$?
    echo "$status" >"$work/status"
}
wants() { # WHAT FILE PATTERN COUNT
    local n
    n=$(grep -c -e "$3" "$work/$2" || true)
    [ "$n" -eq "$4" ] && return
    echo "FAILED: $1: $n lines of $2 have '$3', not $4"
    cut -c 1-400 "$work/out" "$work/err"
    failed=1
}

sweep right
wants 'a good library' out '"verdict": "' 3
wants 'a good library' out '"error": "' 0

sweep crashes
wants 'a crash' out '"verdict": "' 2
wants 'a crash' out '"error": "the library crashed (signal 6)"' 1
wants 'a crash' err 'm=13.*the library crashed' 1
wants 'a crash' status '^0$' 1

sweep hangs --timeout 2600ms --progress
wants 'a hang' out '"verdict": "' 2
wants 'a hang' out '"error": "no sign of life for 2.6 s while checking its result: ' 1
wants 'a sign of life' err '^measuring: gemm:m=13,n=8,k=8 on blas: checking its result for 2 s$' 1

sweep wrong
wants 'a wrong result' out '"verdict": "' 2
wants 'a wrong result' out '"error": "its result is wrong: .*it was not timed"' 1
wants 'a wrong result' out '"error": "its result.*"median_s": [0-9]' 0

sweep exits
wants 'an exit' out '"verdict": "' 2
wants 'an exit' out '"error": "the child ended early (exit 3)"' 1

sweep killed
wants 'no memory' out '"verdict": "' 2
wants 'no memory' out '"error": "the child was killed, as the system does when memory' 1

sweep babbles # lines that look like ours, and half a line before one of ours
wants 'babble' out '"verdict": "' 3
wants 'babble' out '"error": "' 0

sweep lacks
wants 'a missing function' out '"error": ".*has no cblas_sgemm or no cblas_dgemm"' 3
wants 'a missing function' status '^4$' 1

# A oneDNN of another version, by the option: the sentence of the library, no number.
status=0
"$SIZEUP" bench gemm m=8 n=8 k=8 --backend onednn --onednn "$fakes/fake_dnnl_newer.so" \
    --time-budget 50ms --preheat 0s --format jsonl >"$work/out" 2>"$work/err" || status=$?
echo "$status" >"$work/status"
wants 'another version' out '"error": ".*version 4.0.0 is not called here: oneDNN 2.6 or later' 1
wants 'another version' out '"onednn": ".*fake_dnnl_newer.so"' 1
wants 'another version' out '"verdict": "' 0
wants 'another version' status '^4$' 1

# Nobody named a library, and oneDNN is not here (an empty file lies over it, where we may do that):
# own kernels run, and say so. More threads than there are CPUs get a word.
real=$(ldconfig -p | sed -n 's/.*libdnnl\.so\.[23] .*=> //p')
hide='for f in $0; do mount --bind /dev/null "$f" || exit 77; done; exec "$@"'
without_onednn() { # OPTION...
    status=0
    unshare -m sh -c "$hide" "$real" "$SIZEUP" bench gemm m=8 n=8 --time-budget 50ms --preheat 0s \
        --format jsonl "$@" >"$work/out" 2>"$work/err" || status=$?
    [ "$status" -eq 0 ] && return
    grep -q 'mount:\|unshare:' "$work/err" && return 1
    cat "$work/err"
    failed=1
    return 1
}
if without_onednn k=8 --threads 1000 --store none; then
    wants 'no oneDNN' out '"backend": "plain", "version"' 1
    wants 'no oneDNN' err 'onednn is not here (.*): own kernels run instead' 1
    wants 'many threads' err '1000 threads are more than the [0-9]* CPUs that may be used' 1
fi
# A sweep that goes on knows what they measured, and measures what is new.
if without_onednn k=8 --threads 1 --store "$work/own.db" &&
    without_onednn k=8,9 --threads 1 --store "$work/own.db" --resume; then
    wants 'own kernels before' out '"backend": *"plain"' 2
    wants 'own kernels before' out '"from_store": "1.1"' 1
    wants 'own kernels before' out '"from_store": "' 1
fi
# A file that was named is another matter.
status=0
"$SIZEUP" bench gemm m=8 n=8 k=8 --onednn "$work/none.so" --store none --format jsonl \
    >"$work/out" 2>"$work/err" || status=$?
echo "$status" >"$work/status"
wants 'a named file that is not there' out '"error": ' 1
wants 'a named file that is not there' status '^4$' 1

# What does not fit is refused with the number before anything is allocated; the rest runs.
status=0
"$SIZEUP" bench gemm m=8,100000000 n=1000000 k=8 dtype=f32 --backend ref --time-budget 50ms \
    --preheat 0s --format jsonl >"$work/out" 2>"$work/err" || status=$?
wants 'a shape too big' out '"error": "it needs [0-9.e+]* GB of memory, [0-9.]* GB are free"' 1
wants 'a shape too big' out '"verdict": "' 1

# What was measured is in the store, and only then.
"$SIZEUP" results list --format json >"$work/out"
wants 'the store' out '"case": "gemm:m=16,n=8,k=8"' 8
exit $failed
