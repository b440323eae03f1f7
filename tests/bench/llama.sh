#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# llama.cpp as a user meets it: libraries that misbehave are one sentence; one whose times are known
# is measured to take them; the real one, where tools/get-llama built it, runs every architecture
# that 'llm write' makes. Usage: llama.sh SIZEUP FAKES
set -eu
SIZEUP=$1 fakes=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work XDG_DATA_HOME=$work
failed=0

fail() {
    echo "FAILED: $*"
    cut -c 1-600 "$work/out" "$work/err"
    failed=1
}
run() { # WORD...
    status=0
    "$SIZEUP" "$@" >"$work/out" 2>"$work/err" || status=$?
}
wants() { # WHAT FILE PATTERN
    grep -q -e "$3" "$work/$2" || fail "$1: $2 has no '$3'"
}
measure() { # FILE WORD...
    run llm "$@" --measure --prompt 16 --generate 8 --threads 1 --time-budget 300ms --format json
}
# holds EXPRESSION: over `m`, the key "measured".
holds() {
    python3 -c "import json, sys
m = json.load(open(sys.argv[1]))['measured']
p, d = m['prefill'], m['decode']
sys.exit(not ($1))" "$work/out" 2>/dev/null || fail "not so: $1"
}
net='layers=2 hidden=64 heads=4 kv_heads=2 ffn=96 vocab=100 context=512'
make() { # ARCH TYPE WORD...
    local arch=$1 type=$2
    shift 2
    # shellcheck disable=SC2086  # words
    run llm write --arch "$arch" --type "$type" $net "$@" -o "$work/$arch.gguf"
    [ "$status" -eq 0 ] || fail "writing $arch"
}

make llama q8_0
for row in 'old|was built for another sizeup (interface 99, 1 is needed): run tools/get-llama' \
    'lacks|the library has no sz_llama_logits: it is none of tools/get-llama' \
    "refuses|llama.cpp does not take the file: unknown model architecture: 'fake'" \
    'nan|llama.cpp gives logits that are no numbers' \
    'same|llama.cpp gives the same logit for every token' \
    'crashes|the library crashed (signal 6)'; do
    export SIZEUP_LLAMA=$fakes/fake_llama_${row%%|*}.so
    measure "$work/llama.gguf"
    wants "a library that is ${row%%|*}" err "${row#*|}"
    [ "$status" -eq 4 ] || fail "exit $status of ${row%%|*}"
done
export SIZEUP_LLAMA=$work/nowhere
measure "$work/llama.gguf"
wants 'a library that is not there' err 'libsizeup_llama.so is not here'

# A step of one token takes 2 ms, each further token of a step 0.1 ms. A busy machine makes every
# step longer and their number smaller, never the reverse: lower limits are exact but for
# what two clocks differ by (1 % is allowed), the upper ones tell seconds from milliseconds.
for kind in right recurrent; do
    export SIZEUP_LLAMA=$fakes/fake_llama_$kind.so
    measure "$work/llama.gguf" --batch 2 --kv-dtype q8_0 --flash off
    [ "$status" -eq 0 ] || fail "exit $status of $kind"
    holds "m['backend'] == 'llama' and m['version'] == '0.0.1-fake' and m['threads'] == 1"
    holds "m['how'] == 'cache q8_0, plain attention, pieces of 512 tokens'"
    holds "d['min_s'] >= 1.98e-3 and m['tpot_s'] == d['median_s'] and d['n'] >= 3"
    holds "p['min_s'] >= 3.465e-3 and m['ttft_s'] == p['median_s'] and p['n'] >= 3"
    holds "d['min_s'] < 0.1 and p['min_s'] < 0.1 and p['load_s'] >= 0"
    holds "p['over_predicted'] is None and p['ci_lo_s'] <= p['median_s'] <= p['ci_hi_s']"
done
run llm "$work/llama.gguf" --measure --prompt 16 --generate 8 --time-budget 300ms --format json \
    --machine m2
holds "p['over_predicted'] > 1 and d['over_predicted'] > 1" # of a net of 0.1 M parameters
run llm "$work/llama.gguf" --measure --prompt 4 --generate 2 --threads 1 --time-budget 100ms
wants 'the table' out '^time to first token .* [0-9.]* ms '
run bench "$work/llama.gguf" batch=1 seq=1,4 past=8 --backend llama --threads 1 --generate 4 \
    --time-budget 100ms --preheat 10ms --store none --format jsonl
wants 'bench' out '"generate": 4'
wants 'bench' out '"dtype": "q8_0"'
wants 'bench' out ' --generate 4"'
wants 'bench' out '"how": "none"'
[ "$(grep -c '"load_s"' "$work/out")" -eq 2 ] || fail 'two cases share one model'
run bench mlp --backend llama --store none --format jsonl
wants 'a family' out 'llama.cpp runs GGUF files and nothing else'
run bench "$work/llama.gguf" dtype=bf16 --backend llama --store none --format jsonl
wants 'another format' out 'leave out --dtype and --streams'
measure "$work/llama.gguf" --prefix-hit 0.5
wants 'a cached prefix' err 'leave out --prefix-hit'
[ "$status" -eq 2 ] || fail "exit $status of a cached prefix"

unset SIZEUP_LLAMA
if ! "$SIZEUP" list backends --format csv | grep -q '^llama,.*,true,'; then
    echo 'skipped: llama.cpp is not here (tools/get-llama)'
    [ "$failed" -eq 0 ] || exit 1
    exit 77
fi
net='layers=2 hidden=256 heads=4 ffn=512 vocab=1000 context=256'
for arch in llama qwen2 qwen3 gemma gemma2 gemma3 gpt2 phi2 phi3 starcoder2 internlm2 minicpm \
    'qwen2moe|experts=4 shared_ffn=256' 'qwen3moe|experts=4' 'olmoe|experts=4' \
    'mixtral|experts=4'; do
    name=${arch%%|*} words=
    [ "$name" = "$arch" ] || words=${arch#*|}
    # shellcheck disable=SC2086  # words
    make "$name" f16 $words
    measure "$work/$name.gguf"
    [ "$status" -eq 0 ] || fail "llama.cpp runs $name"
done
for type in f32 f16 bf16 q4_0 q4_1 q5_0 q5_1 q8_0 q2_k q3_k q4_k q5_k q6_k iq4_nl mxfp4; do
    make llama $type
    measure "$work/llama.gguf" --batch 2
    [ "$status" -eq 0 ] || fail "llama.cpp runs $type"
    holds "m['tpot_s'] > 0 and m['ttft_s'] > 0 and m['threads'] == 1"
done
[ "$failed" -eq 0 ]
