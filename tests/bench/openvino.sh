#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenVINO as a user meets it: libraries that are none say so in one sentence; the real one, where
# tools/get-openvino put it, runs families and files. Usage: openvino.sh SIZEUP FAKES MODELS
set -eu
SIZEUP=$1 fakes=$2 models=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work XDG_DATA_HOME=$work
failed=0

bench() { # WORD...
    status=0
    "$SIZEUP" bench "$@" --backend openvino --threads 1 --time-budget 50ms --preheat 10ms \
        --store none --format jsonl >"$work/out" 2>"$work/err" || status=$?
}
wants() { # WHAT FILE PATTERN
    grep -q -e "$3" "$work/$2" && return
    echo "FAILED: $1: $2 has no '$3'"
    cut -c 1-400 "$work/out" "$work/err"
    failed=1
}

for row in "old|version '2019.3.0-1-fake' of OpenVINO was not tried with this program" \
    'lacks|the library has no ov_infer_request_wait: OpenVINO 2026.x is needed' \
    'broken|OpenVINO does not start: it is a fake (status -1)' \
    'crashes|the library crashed (signal 6)'; do
    export SIZEUP_OPENVINO=$fakes/fake_openvino_${row%%|*}.so
    bench mlp
    wants "a library that is ${row%%|*}" out "\"error\": \"${row#*|}"
    [ "$status" -eq 4 ] || { echo "FAILED: exit $status of ${row%%|*}"; failed=1; }
done
export SIZEUP_OPENVINO=$work/nowhere
bench mlp
wants 'a library that is not there' out '"error": "[^"]*nowhere[^"]*cannot open'

unset SIZEUP_OPENVINO
if ! "$SIZEUP" list backends --format csv | grep -q '^openvino,.*,true,'; then
    echo 'skipped: OpenVINO is not here (tools/get-openvino)'
    [ "$failed" -eq 0 ] || exit 1
    exit 77
fi
for what in mlp 'conv2d channels=8 filters=8 size=9' "$models/squeezenet1_1.onnx" \
    "$models/lstm.onnx"; do
    # shellcheck disable=SC2086  # words of a workload
    bench $what
    wants "$what" out '"dtype": "f32"'
    wants "$what" out '"how": "whole"'
    wants "$what" out '"version": "2026\.'
    wants "$what" out '"median_s": [0-9]'
done
bench "$models/resnet18.int8qdq.onnx"
wants 'a net of whole numbers' out '"dtype": "i8"'

# A file with its weights goes to the library as it is; what it refuses is one sentence.
"$SIZEUP" optimize "$models/mlp.onnx" --passes dead --write "$work/mlp.onnx" >/dev/null 2>&1
truncate -s 4M "$work/weights.absent"
bench "$work/mlp.onnx"
wants 'a file with its weights' out '"median_s": [0-9]'
bench "$models/mobilenet_v2.ort_all.onnx"
wants 'an operator that it lacks' out '"error": "OpenVINO does not take the net: '
[ "$(wc -l <"$work/err")" -le 4 ] || { echo 'FAILED: its noise came through'; failed=1; }

# A decoder that keeps its cache as a state: the prompt and tokens behind it.
decoder=$(dirname "$0")/decoder
for prompt in 4 32; do
    "$SIZEUP" llm "$decoder" --measure --backend openvino --prompt $prompt --generate 8 --batch 2 \
        --threads 1 --time-budget 100ms --format json >"$work/out" 2>"$work/err" ||
        { echo "FAILED: exit $?"; failed=1; }
    wants 'a decoder' out '"how": "with its state in f16, shapes free"'
    wants 'a decoder' out '"tpot_s": [0-9]'
    wants 'a decoder' out '"ttft_s": [0-9]'
done
"$SIZEUP" llm "$decoder" --measure --backend openvino --kv-dtype u8 --generate 8 --threads 1 \
    --time-budget 100ms --format json >"$work/out" 2>"$work/err"
wants 'a cache of 8 bits' out '"how": "with its state in u8, shapes free"'
"$SIZEUP" llm "$decoder" --measure --backend openvino --kv-dtype q4_0 --generate 8 --threads 1 \
    >"$work/out" 2>"$work/err" && { echo 'FAILED: any cache is taken'; failed=1; }
wants 'another cache' err 'OpenVINO keeps a cache in f16, f32, bf16 or u8, not in q4_0'
"$SIZEUP" llm "$decoder" --measure --backend openvino --run "$models/mlp.onnx" --threads 1 \
    >"$work/out" 2>"$work/err" && { echo 'FAILED: another net runs'; failed=1; }
wants 'another net' err "no input begins with a free dimension"
exit $failed
