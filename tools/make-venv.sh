#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a Python environment in the build folder with the ONNX package, whose operator tests we run.
# Only tests use it. Usage: tools/make-venv.sh DIR
# Without a network the tests that need it are skipped, and this says so; in CI that is a failure.
set -eu
dir=$1
pins=$(dirname "$0")/../tests/requirements.txt
[ -f "$dir/ok" ] && cmp -s "$pins" "$dir/ok" && exit 0
echo "installing the Python packages of the operator tests into $dir (hash-pinned)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
make_it() {
    rm -rf "$dir"
    python3 -m venv "$dir" &&
        "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
            --require-hashes -r "$pins"
}
if make_it >"$log" 2>&1; then
    cp "$pins" "$dir/ok"
    exit 0
fi
rm -rf "$dir"
tail -n 5 "$log" >&2
echo "could not install them: the operator tests will be skipped" >&2
[ "${CI:-}" != true ]
