#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The kernels of 64-bit ARM and the loops of the lab, built by a cross compiler and run by an
# emulator: are their results right? Speed cannot be told this way. Skipped where the tools are
# missing: Debian's packages are gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user.
# Usage: tests/machine/arm.sh SOURCE-ROOT
set -eu
cd "$1"
skip() { echo "skipped: $1"; exit 77; }
cc=${CROSS_CC:-aarch64-linux-gnu-gcc} qemu=${QEMU:-qemu-aarch64}
command -v "$cc" > /dev/null || skip "no $cc"
command -v "$qemu" > /dev/null || skip "no $qemu"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo 'int main(void) { return 0; }' > "$work/try.c"
"$cc" -static -o "$work/try" "$work/try.c" 2> /dev/null || skip "$cc has no C library to link to"

flags="-std=c17 -O2 -Wall -Wextra -Werror -ffp-contract=off -D_GNU_SOURCE -Iinclude -Isrc"
# shellcheck disable=SC2086
"$cc" $flags -static -o "$work/kernels" tests/machine/arm_main.c src/machine/kernels/*.c \
    src/machine/kernels/*/*.c src/os/cpu.c src/base/*.c -lm
# shellcheck disable=SC2086
"$cc" $flags -static -o "$work/loops" tests/machine/loops_main.c src/run/lab/loops*.c src/os/cpu.c \
    src/base/*.c -lm

# CPU, then the instruction sets that must have run there.
run() {
    cpu=$1
    shift
    echo "on $cpu:"
    timeout 120 "$qemu" -cpu "$cpu" "$work/kernels" "$@" || { echo "FAILED on $cpu"; exit 1; }
}
# Must find no row to run, and must not meet an instruction that is not there.
refuse() {
    out=$(timeout 120 "$qemu" -cpu "$1" "$work/kernels" "$2") && status=0 || status=$?
    if [ "$status" != 1 ] || [ "$out" != "$2: no row ran" ]; then
        echo "FAILED: $2 on $1 gave $status: $out"
        exit 1
    fi
    echo "on $1: no row of $2, as it should be"
}
run cortex-a72 c neon "arm64 scalar"
run neoverse-n1 neon "neon dotprod"
run max,sve=off neon "neon dotprod" "neon bf16"
for bits in 128 256 512 2048; do
    run "max,sve-max-vq=$((bits / 128)),sve-default-vector-length=-1" sve
done
refuse cortex-a72 sve
refuse cortex-a72 "neon dotprod"
refuse max,sve=off sve
echo "loops of the lab:"
timeout 120 "$qemu" -cpu cortex-a72 "$work/loops" neon
echo "all results are right"
