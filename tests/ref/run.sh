#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ONNX's node tests with their numbers: run.sh REF_RUN [more for check_nodes.py]. $SIZEUP_PYTHON
# names a Python with onnx; without it the test is skipped (exit 77).
set -eu
python=${SIZEUP_PYTHON:-}
if [ -z "$python" ] || ! "$python" -c 'import onnx' 2>/dev/null; then
    echo "skipped: SIZEUP_PYTHON names no Python with onnx (make venv)"
    exit 77
fi
"$python" "$(dirname "$0")/check_nodes.py" "$1" --at-least 95 --list "${@:2}"
