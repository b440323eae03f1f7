#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Pages of `sizeup report`: page.sh SIZEUP TESTS-FOLDER
# $SIZEUP_PYTHON names a Python with html5lib and onnx; without it the test is skipped (exit 77).
# Where chromium is installed, the pages are opened in it too.
set -eu
sizeup=$1
tests=$2
here=$tests/report
python=${SIZEUP_PYTHON:-}
if [ -z "$python" ] || ! "$python" -c 'import onnx, html5lib' 2>/dev/null; then
    echo "skipped: SIZEUP_PYTHON names no Python with onnx and html5lib (make venv)"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME=$folder XDG_DATA_HOME=$folder/data

page() { # NAME MODEL OPTIONS...: a page and its check
    local name=$1 model=$2
    shift 2
    "$sizeup" report "$model" "$@" --quiet -o "$folder/$name.html"
    "$sizeup" count "$model" --by node --format json --quiet -o "$folder/$name.json"
    "$python" "$here/check_page.py" "$folder/$name.html" "$folder/$name.json"
}

"$python" "$here/make_hostile.py" "$folder/hostile.onnx"
page hostile "$folder/hostile.onnx" --machine m2
page resnet resnet:depth=50 --machine h100 --explore "$here/explore.json"
page bert bert:layers=12,seq=128 --machine rpi5,m2,h100 --dtype f16
page coral mobilenet:width=0.5 --machine coral 2>/dev/null || page coral mobilenet --machine coral
page unknown "$tests/models/conv1d.onnx" # no machine is known
"$sizeup" report "$tests/audit/record.json" --machine "$tests/audit/machine.json" --quiet \
    -o "$folder/run.html"
grep -q 'Measured it takes' "$folder/run.html"
grep -q '<figure class="views">' "$folder/run.html"

# The same facts in every format.
"$sizeup" report resnet:depth=50 --machine h100 --format json --quiet -o "$folder/report.json"
"$python" - "$folder/report.json" "$folder/resnet.json" <<'CODE'
import json, sys
report, count = (json.load(open(path, encoding='utf-8')) for path in sys.argv[1:])
assert report['schema'] == 'sizeup.report/1'
for key in ('params', 'macs', 'flops', 'weight_bytes', 'bytes_moved', 'peak_activation_bytes'):
    assert report[key] == count['total'][key], key
assert len(report['layers']) == len(count['nodes'])
share = sum(layer['share'] for layer in report['layers'])
assert abs(share - 1) < 1e-9, share
for finding in report['findings']:
    assert finding['says'] and finding['because'] and finding['rule'], finding
CODE
"$sizeup" report "$folder/hostile.onnx" --machine m2 --format csv --quiet >"$folder/hostile.csv"
if grep -qP '(^|,)"?[=@+-][A-Za-z]' "$folder/hostile.csv"; then
    echo "a formula in CSV" >&2
    exit 1
fi

# Traces, by the fields that their format asks for.
trace() { # NAME WORDS...
    local name=$1
    shift
    "$sizeup" plot layers "$@" --quiet --terminal --trace "$folder/$name.trace.json" >/dev/null
    "$sizeup" plot layers "$@" --quiet --format json >"$folder/$name.layers.json"
    "$python" "$here/check_trace.py" "$folder/$name.trace.json" "$folder/$name.layers.json"
}
trace run "$tests/audit/record.json" --predicted --machine "$tests/audit/machine.json" \
    --level roofline
trace ran "$tests/audit/record.json"
trace told resnet:depth=18 --machine h100
trace names "$folder/hostile.onnx" --machine m2
trace many "$tests/models/mobilenet_v2.onnx" --machine a100 # some nodes take no time

browser=$(command -v chromium || command -v chromium-browser || true)
if [ -z "$browser" ]; then
    echo "chromium is not installed: pages were parsed, not opened"
    exit 0
fi
"$python" "$here/check_browser.py" "$browser" "$folder/hostile.html" "$folder/resnet.html"
"$python" "$here/check_viewer.py" "$browser" "$folder"/*.trace.json
