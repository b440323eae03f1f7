#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each public header must compile alone, as C99 and as C++17, without a warning.
# Usage: tests/headers.sh SOURCE-ROOT CC [CXX]
set -eu
root=$1 cc=$2 cxx=${3:-}
flags=(-Wall -Wextra -Wpedantic -Werror -fsyntax-only -I "$root/include")
failed=0 checked=0
for header in "$root"/include/sizeup/*.h; do
    checked=$((checked + 1))
    # By way of an #include, as a user has it: compiled directly, a header is not a header.
    text="#include <sizeup/$(basename "$header")>"
    echo "$text" | $cc -std=c99 "${flags[@]}" -x c - || failed=1
    [ -z "$cxx" ] || echo "$text" | $cxx -std=c++17 "${flags[@]}" -x c++ - || failed=1
done
[ "$checked" -gt 0 ] || { echo 'no public headers found' >&2; exit 1; }
echo "$checked public headers, C99${cxx:+ and C++17}"
exit "$failed"
