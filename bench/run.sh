#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How fast the program is, and whether its measurements stand up: bench/run.sh BUILD/sizeup. With
# PEERS=1 also against onnx-tool and onnxsim, which go into a virtual environment of their own below
# the build folder, and against likwid-bench, from Debian, and loops in plain C.
set -eu
sizeup=$1
here=$(dirname "$0")
build=$(dirname "$sizeup")
args=()
machine_args=()
status=0
command -v python3 >/dev/null ||
    { echo "bench: python3 is missing, it is what we compare with"; exit 4; }
if [ "${PEERS:-0}" = 1 ]; then
    venv=$build/venv-peers
    if ! "$venv/bin/python" -c "import onnx_tool, onnxsim" 2>/dev/null; then
        echo "bench: installing onnx, onnx-tool and onnxsim into $venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet -r "$here/requirements-peers.txt"
    fi
    args+=(--peers "$venv/bin/python")
    if ! command -v likwid-bench >/dev/null; then
        echo "bench: installing likwid"
        apt-get install --yes --quiet likwid >/dev/null ||
            echo "bench: likwid could not be installed"
    fi
    machine_args+=(--peers "$build/peers")
fi
# One thread: the harness is compared with a bare loop, not with the threads of a library.
overhead=$(dirname "$sizeup")/tests/bench/bench_overhead
if [ -x "$overhead" ]; then
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 "$overhead" ||
        { echo "bench: the harness adds over 2 %"; status=1; }
else
    echo "bench: $overhead is not built (configure with -Dtests=enabled)"
fi
by_hand=$(dirname "$sizeup")/tests/bench/bench_dnnl_loop
if [ -x "$by_hand" ]; then
    OMP_NUM_THREADS=1 "$by_hand" ||
        { echo "bench: a product is not as fast as one called by hand, by over 2 %"; status=1; }
fi
layouts=$build/tests/bench/bench_layouts
if [ -x "$layouts" ]; then
    OMP_NUM_THREADS=$(nproc) "$layouts" "$(nproc)" resnet:depth=50 mobilenet unet:image=128 ||
        status=1
fi
predictions=$build/tests/bench/bench_predictions
if [ -x "$predictions" ]; then
    "$predictions" || { echo "bench: a prediction of 1000 nodes takes over 10 ms"; status=1; }
fi
# Tables of measurements that others published: DATA=FOLDER.
if [ -n "${DATA:-}" ] && [ -x "$build/tests/bench/bench_gpus" ]; then
    "$build/tests/bench/bench_gpus" "$DATA"
    if [ -f "$DATA/vidur_collectives.csv" ]; then
        "$build/tests/bench/bench_collectives" "$DATA/vidur_collectives.csv" || status=1
    fi
    if [ -f "$DATA/timm_infer_rtx3090.csv" ]; then
        python3 "$here/timm.py" "$sizeup" "$DATA" || status=1
    fi
else
    echo "bench: kernels of GPUs are not asked: DATA names no folder with their tables"
fi
# Ten minutes of calibration for each library and number of threads that was not calibrated, and
# four of measuring. CALIBRATE=no leaves it out.
threads=1
[ "$(nproc)" -lt 2 ] || threads=1,2
if [ "${CALIBRATE:-10min}" = no ]; then
    echo "bench: predictions are not held to measurements: CALIBRATE=no"
else
    python3 "$here/predict.py" "$sizeup" --threads "$threads" --budget "${CALIBRATE:-10min}" \
        --rounds 1 || status=1
fi
python3 "$here/training.py" "$sizeup" || status=1
python3 "$here/decoding.py" "$sizeup" || status=1
python3 "$here/bench.py" "$sizeup" "$here/../tests/models" "${args[@]}" || status=1
python3 "$here/machine.py" "$sizeup" "${machine_args[@]}" || status=1
python3 "$here/explore.py" "$sizeup" || status=1
python3 "$here/speed.py" "$sizeup" || status=1
exit $status
