#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ONNX's own operator tests and the whole models inside its wheel: run.sh SIZEUP.
# $SIZEUP_PYTHON names a Python with onnx; without it the tests are skipped (exit 77).
set -eu
here=$(dirname "$0")
sizeup=$1
python=${SIZEUP_PYTHON:-}
if [ -z "$python" ] || ! "$python" -c 'import onnx' 2>/dev/null; then
    echo "skipped: SIZEUP_PYTHON names no Python with onnx (make venv)"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" "$here/make_cases.py" "$folder"
"$python" "$here/check.py" "$sizeup" "$folder" --at-least 1850 --list
"$python" "$here/check_light.py" "$sizeup"
