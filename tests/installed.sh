#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs into a folder of its own, builds the example against what lies there and runs it. Also
# looks at the symbols of the library: what it gives away, and what it takes from the C library.
# Usage: tests/installed.sh SOURCE-ROOT BUILD-ROOT PREFIX LIBDIR CC
set -eu
source=$1 build=$2 prefix=$3 libdir=$4 cc=$5
stage=$build/tests/stage
fail() { echo "$1" >&2; exit 1; }

rm -rf "$stage"
meson install -C "$build" --destdir "$stage" --no-rebuild --quiet
lib=$stage$prefix/$libdir
for file in "$lib/libsizeup.so" "$lib/libsizeup.so.0" "$lib/pkgconfig/sizeup.pc" \
    "$stage$prefix/bin/sizeup"; do
    [ -e "$file" ] || fail "not installed: ${file#"$stage"}"
done
for header in "$source"/include/sizeup/*.h; do
    cmp -s "$header" "$stage$prefix/include/sizeup/$(basename "$header")" ||
        fail "not installed: $(basename "$header")"
done

# Only sz_ names leave the library; the SONAME carries the version of the interface.
names=$(nm -D --defined-only "$lib/libsizeup.so" | awk '{print $3}')
stray=$(printf '%s\n' "$names" | grep -v '^sz_' || true)
[ -z "$stray" ] || fail "the library exports: $stray"
# Every function of the headers is exported, so that any user can link to it.
for name in $(cat "$source"/include/sizeup/*.h | tr '\n' ' ' | sed 's/;/;\n/g' |
    sed -nE 's/.*SZ_API [^(;]*[ *](sz_[a-z0-9_]+)\(.*/\1/p'); do
    printf '%s\n' "$names" | grep -qx "$name" || fail "declared but not in the library: $name"
done
readelf -d "$lib/libsizeup.so" | grep -q 'SONAME.*\[libsizeup\.so\.0\]' || fail 'wrong SONAME'

# The library never prints, exits, aborts or reads the environment. (The stack protector and the
# fortified functions of the compiler may end the process: they do so when memory is overrun.)
banned='printf|__printf_chk|puts|putchar|perror|stdout|stderr|exit|_exit|abort|getenv'
banned="$banned|secure_getenv|system|__assert_fail"
loud=$(nm -D --undefined-only "$lib/libsizeup.so" | awk '{sub(/@.*/, "", $2); print $2}' |
    grep -xE "$banned" || true)
[ -z "$loud" ] || fail "the library calls: $loud"

export PKG_CONFIG_LIBDIR=$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$stage PKG_CONFIG_PATH=
flags=$(pkg-config --cflags --libs sizeup)
# shellcheck disable=SC2086  # the flags are words
$cc -std=c99 -Wall -Wextra -Wpedantic -Werror "$source/examples/count.c" $flags -o "$stage/count"
got=$(LD_LIBRARY_PATH=$lib "$stage/count" "$source/tests/models/mlp.onnx")
printf '%s\n' "$got"
printf '%s\n' "$got" | grep -qx 'parameters 535818' || fail 'wrong number of parameters'
printf '%s\n' "$got" | grep -qx 'macs 535040' || fail 'wrong number of MACs'
if LD_LIBRARY_PATH=$lib "$stage/count" "$source/no such.onnx" 2>"$stage/err"; then
    fail 'a file that is not there was counted'
fi
grep -q 'no such.onnx' "$stage/err" || fail 'the message does not name the file'

# The command finds its library from where it stands.
"$stage$prefix/bin/sizeup" --version | grep -q '^sizeup ' || fail 'the installed command fails'
