#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Settings that are measured: kept as they come, found again after kill -9, ended by a budget or a
# signal, and chosen by predictions. Usage: explore.sh SIZEUP FOLDER
set -eu -o pipefail
SIZEUP=$1 fakes=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work XDG_DATA_HOME=$work
failed=0
n=16

fail() {
    echo "FAILED: $1"
    failed=1
}
explore() { # STORE OPTION...: n settings of 40 ms and more on the fake library
    local store=$1
    shift
    exec "$SIZEUP" explore --model gemm:m=8-15 n=8,9 k=8 backend=blas threads=1 --by bench \
        --blas "$fakes/fake_right.so" --time-budget 40ms --preheat 0s --store "$store" "$@"
}
stored() { # STORE: finished cases of it, sorted by name
    [ -e "$1" ] || return 0
    "$SIZEUP" results list --store "$1" --format json 2>"$work/noise" |
        grep -o '"case": "[^"]*"' | sort || true
}
ask() { # FILE PYTHON-EXPRESSION over the document d
    python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$1" "$2"
}

# ---- the same numbers as the records -----------------------------------------------------------

(explore "jsonl:$work/whole.jsonl" --format json --oracle m >"$work/whole") 2>"$work/err" ||
    fail "$(cat "$work/err")"
python3 - "$work/whole" "$work/whole.jsonl" $n <<'EOF' || fail "points differ from the records"
import json, sys
d = json.load(open(sys.argv[1]))
lines = [json.loads(line) for line in open(sys.argv[2])]
lines = [line.get("record", line.get("json", line)) for line in lines]
records = {r["case"]: r for r in lines if "case" in r}
assert d["by"] == "bench" and d["complete"] and len(d["points"]) == len(records) == int(sys.argv[3])
for p in d["points"]:
    r = records["gemm:m={m},n={n},k={k}".format(**p["parameters"])]
    time, metrics, ends = r["time"], p["metrics"], p["intervals"]
    assert metrics["latency_s"] == time["median_s"] and "why" not in p
    assert ends["latency_s"] == [time["ci_lo_s"], time["ci_hi_s"]]
    assert metrics["throughput_per_s"] == r["rate"]["samples_per_s"]
    assert metrics["params"] == p["parameters"]["n"] * p["parameters"]["k"]
    assert r["ran_as"]["backend"] == "blas" and r["settings"]["threads"] == 1
assert len(d["oracle"]) == 8
EOF

# ---- kill -9, again and again ------------------------------------------------------------------

kills=0
before=0
for try in $(seq 60); do
    (explore "$work/killed.db" --resume >"$work/out" 2>"$work/err") &
    pid=$!
    sleep "0.$(printf '%02d' $((try * 7 % 80 + 15)))"
    if kill -9 "$pid" 2>"$work/noise"; then kills=$((kills + 1)); fi
    wait "$pid" 2>"$work/noise" || true
    stored "$work/killed.db" >"$work/list"
    now=$(wc -l <"$work/list")
    [ "$(sort -u "$work/list" | wc -l)" -eq "$now" ] || fail "a setting is there twice"
    [ "$now" -ge "$before" ] || fail "a setting is gone"
    before=$now
    [ "$now" -eq $n ] && break
done
[ "$kills" -ge 2 ] || fail "it was killed $kills times only"
for pass in 1 2; do # what is left; then all of it is there
    (explore "$work/killed.db" --resume --format json >"$work/out$pass" 2>"$work/err") ||
        fail "$(cat "$work/err")"
done
stored "$work/killed.db" >"$work/list"
[ "$(wc -l <"$work/list")" -eq $n ] || fail "$(wc -l <"$work/list") settings are stored, not $n"
[ "$(ask "$work/out2" '[p["metrics"] for p in d["points"]]')" = \
    "$(ask "$work/out1" '[p["metrics"] for p in d["points"]]')" ] || fail "it measured again"

# ---- the budget, and a signal ------------------------------------------------------------------

status=0
(explore "$work/budget.db" --budget 1ms --format json >"$work/out" 2>"$work/err") || status=$?
[ "$status" -eq 1 ] || fail "budget: exit status $status"
[ "$(ask "$work/out" 'd["complete"], len(d["points"])')" = "(False, 8)" ] ||
    fail "budget: $(ask "$work/out" 'd["complete"], len(d["points"])'), and a group is 8"
grep -q "8 settings were looked at; to go on: sizeup explore .*--resume$" "$work/err" ||
    fail "budget: $(cat "$work/err")"

# A shell's background jobs ignore SIGINT, and so would what they start.
status=0
python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$SIZEUP" explore --model gemm:m=8-15 n=8,9 k=8 \
    backend=blas threads=1 --by bench --blas "$fakes/fake_right.so" --time-budget 300ms \
    --preheat 0s --store "$work/int.db" --format json >"$work/out" 2>"$work/err" &
pid=$!
for try in $(seq 200); do
    [ "$(stored "$work/int.db" | wc -l)" -gt 0 ] && break
    sleep 0.05
done
kill -INT "$pid"
wait "$pid" || status=$?
[ "$status" -eq 1 ] || fail "SIGINT: exit status $status"
[ "$(ask "$work/out" 'd["complete"]')" = False ] || fail "SIGINT: it says that it is done"
known=$(ask "$work/out" 'sum("why" not in p for p in d["points"])')
[ "$(stored "$work/int.db" | wc -l)" -eq "$known" ] || fail "SIGINT: shown and stored differ"
again=$(sed -n 's/.*to go on: sizeup //p' "$work/err")
eval "'$SIZEUP' $again" >"$work/out" 2>"$work/err" || fail "SIGINT: $(cat "$work/err")"
[ "$(stored "$work/int.db" | wc -l)" -eq $n ] || fail "SIGINT: the rest was not measured"

# ---- what can't be measured --------------------------------------------------------------------

refuse() { # SENTENCE WORD...
    local status=0 sentence=$1
    shift
    "$SIZEUP" explore --by bench --store none --preheat 0s --time-budget 20ms "$@" >"$work/out" \
        2>"$work/err" || status=$?
    [ "$status" -ne 0 ] || fail "$*: it should have failed"
    grep -q -e "$sentence" "$work/err" || fail "$*: $(cat "$work/err")"
}
refuse "only this machine can be measured: '--by bench' takes --machine here, not 'a100'" \
    --model gemm --machine a100
refuse "parameter 'level' is of predictions" --model gemm level=bound,sum
refuse "unknown backend 'nothing'" --model gemm backend=nothing
refuse "parameter 'threads' has the value 'x'" --model gemm threads=x
refuse "'--resume' needs the store" --model gemm --resume
refuse "none of the 1 settings can be had; the first: .*/nowhere/libblas.so" \
    --model gemm m=8 backend=blas --blas /nowhere/libblas.so
refuse "search 'guided' chooses what to measure by predictions: it is for --by bench" \
    --model gemm --by predict --machine a100 --search guided

# A library that crashes costs its settings, and the others are measured.
("$SIZEUP" explore --model gemm m=12,13 n=8 k=8 backend=blas,plain threads=1 --by bench \
    --blas "$fakes/fake_crashes.so" --time-budget 20ms --preheat 0s --store none --format json \
    >"$work/out" 2>"$work/err") || fail "crash: $(cat "$work/err")"
[ "$(ask "$work/out" '[(p["parameters"]["m"], p["why"]) for p in d["points"] if "why" in p]')" = \
    "[(13, 'the library crashed (signal 6)')]" ] || fail "crash: $(cat "$work/out")"

# ---- chosen by predictions ---------------------------------------------------------------------

# Time grows with m, n and k alike, so few of these can be on a front of time and parameters.
cat >"$work/here.json" <<'EOF'
{"schema": "sizeup.machine/1", "name": "here", "source": "datasheet",
 "cpu": {"model": "made up", "isa": [], "cores": 1, "threads": 1},
 "peaks": [{"device": "core", "unit": "fma", "op": "fma", "dtype": "f32", "threads": 1,
            "flop_per_s": 5e10, "theoretical_flop_per_s": 5e10},
           {"device": "core", "unit": "simd", "op": "add", "dtype": "f32", "threads": 1,
            "flop_per_s": 2.5e10, "theoretical_flop_per_s": 2.5e10}],
 "levels": [{"name": "DRAM", "capacity_bytes": 8e9, "line_bytes": 64,
             "bandwidth": [{"mix": "copy", "threads": 1, "byte_per_s": 1e10}]}]}
EOF
mkdir -p "$work/sizeup/machines"
cp "$work/here.json" "$work/sizeup/machines/here.json"
("$SIZEUP" explore --model gemm m=128-512*2 n=64-512*2 k=128-512*2 backend=plain threads=1 \
    --by bench --search guided --pareto latency,params --time-budget 30ms --preheat 0s \
    --store none --format json >"$work/out" 2>"$work/err") || fail "guided: $(cat "$work/err")"
python3 - "$work/out" <<'EOF' || fail "guided: $(cat "$work/err")"
import json, sys
d = json.load(open(sys.argv[1]))
points = d["points"]
skipped = [p for p in points if p.get("why", "").startswith("skipped: predicted dominated by ")]
measured = [p for p in points if "why" not in p]
assert len(points) == 36 and len(skipped) + len(measured) == 36, (len(skipped), len(measured))
assert d["skipped"] == len(skipped) and 16 <= len(measured) <= 30, len(measured)
least = {"m": 128, "n": 64, "k": 128}
assert any(all(p["parameters"][k] == v for k, v in least.items()) for p in measured)
assert all(p["metrics"]["latency_s"] is None and not p["on_front"] for p in skipped)
EOF
exit $failed
