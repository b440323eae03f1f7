#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The installed libraries, each in its child: the product must be right. What is not installed is
# skipped in the loader's own words. Usage: tests/machine/libraries.sh SIZEUP
set -eu
SIZEUP=$1
done=0
for name in OpenBLAS BLIS oneDNN; do
    line=$(OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 "$SIZEUP" machine library-child "$name" 1)
    case $line in
    *'"absent": '*) echo "skipped $name: $line"; continue ;;
    *'"right": false'*) echo "$name computes wrong numbers: $line" >&2; exit 1 ;;
    *'"right": true'*) ;;
    *) echo "$name gave no product: $line" >&2; exit 1 ;;
    esac
    case $line in
    *'"kernel": "'*'"isa": "'*'"size": 512'*) ;;
    *) echo "$name does not say what it chose: $line" >&2; exit 1 ;;
    esac
    done=$((done + 1))
done
[ "$done" -gt 0 ] || exit 77

# A library that is told the narrowest kernels must be found out.
line=$(OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 OPENBLAS_CORETYPE=Prescott \
    "$SIZEUP" machine library-child OpenBLAS 1)
case $line in
*'"kernel": "Prescott"'*'"suggest": "OPENBLAS_CORETYPE='*) ;;
*'"kernel": "Prescott"'*) echo "no better kernels were suggested: $line" >&2; exit 1 ;;
*) echo "skipped the wrong choice: no OpenBLAS that obeys OPENBLAS_CORETYPE" ;;
esac
echo "$done libraries"
