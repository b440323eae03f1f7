#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The program under a real MPI: explore over ranks gives what one process gives, also when a rank is
# killed; the network is measured, on this machine and over a link whose rate is set between two
# network namespaces. Usage: tests/ranks/mpi.sh SIZEUP PLUGIN
set -eu
sizeup=$1 plugin=$2
if [ ! -e "$plugin" ]; then echo "skipped: built without MPI"; exit 77; fi
if ! command -v mpirun >/dev/null; then echo "skipped: no mpirun here"; exit 77; fi
if ! mpirun --version 2>/dev/null | grep -q 'Open MPI'; then
    echo "skipped: mpirun is not that of Open MPI"
    exit 77
fi

room=$(mktemp -d)
spaces=0
clean() {
    [ "$spaces" = 0 ] || for i in 1 2; do ip netns del "sz$$-$i" || true; done
    rm -rf "$room"
}
trap clean EXIT
fail() { echo "$1" >&2; exit 1; }
export XDG_DATA_HOME=$room/data HOME=$room NO_COLOR=1
# A test may run as root and on fewer CPUs than ranks; a sanitizer sees leaks of MPI's own.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl_base_warn_component_unused=0
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
run() { timeout 150 mpirun --oversubscribe "$@"; }
value() { # FILE EXPRESSION of d: what python makes of the JSON
    python3 -c "import json,sys; d=json.load(open(sys.argv[1])); print($2)" "$1"
}

# ---- explore ------------------------------------------------------------------------------------

space=(explore --model 'transformer:layers=1-24+1,heads=4,hidden=256-1024+256'
    --machine a100,h100 --batch '1-64*2' dtype=f32,f16 --format json)
"$sizeup" "${space[@]}" >"$room/one.json"
[ "$(value "$room/one.json" "d['evaluated']")" = 2688 ] || fail 'not 24 x 4 x 2 x 7 x 2 settings'
for n in 2 4; do
    run -n "$n" "$sizeup" "${space[@]}" >"$room/many.json"
    cmp "$room/one.json" "$room/many.json" || fail "$n ranks give other results than one process"
done
echo "explore: 1, 2 and 4 ranks give the same bytes"

# A rank that is killed loses what it was at; its warning is all that differs.
longer=(explore --model 'transformer:layers=1-24+1,heads=4,hidden=256-1024+64'
    --machine a100,h100,v100 --batch '1-64*2' dtype=f32,f16 --format json)
"$sizeup" "${longer[@]}" >"$room/whole.json"
# The last rank, once it is at work: MPI starts in less CPU time than that.
ticks_at_work=$(($(getconf CLK_TCK) * 7 / 10))
ticks() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '{print $12 + $13}'; }
is_rank() { # PROCESS RANK: of the ranks of this test
    [ "$(tr '\0' '\n' <"/proc/$1/environ" 2>/dev/null |
        grep -cxE "OMPI_COMM_WORLD_RANK=$2|HOME=$room")" = 2 ]
}
kill_last() { # RANKS LAUNCHER
    local killed='' p
    for _ in $(seq 3000); do
        kill -0 "$2" 2>/dev/null && [ -z "$killed" ] || break
        for p in $(pgrep -x "$(basename "$sizeup")" || true); do
            is_rank "$p" $(($1 - 1)) && [ "$(ticks "$p" || echo 0)" -ge "$ticks_at_work" ] ||
                continue
            kill -KILL "$p" && killed=$p
        done
        sleep 0.02
    done
}
# With two ranks nobody is left but rank 0.
for n in 2 3; do
    run --enable-recovery -n "$n" "$sizeup" "${longer[@]}" >"$room/lost.json" 2>"$room/lost.err" &
    launcher=$!
    kill_last "$n" "$launcher"
    wait "$launcher" || fail "$n ranks, of which one was killed: exit $? $(cat "$room/lost.err")"
    if grep -q 'was lost; others go on' "$room/lost.err"; then
        points='[(p["parameters"],p["metrics"],p["on_front"]) for p in d["points"]]'
        [ "$(value "$room/lost.json" "$points")" = "$(value "$room/whole.json" "$points")" ] ||
            fail 'with a rank lost there are other points'
        echo "explore: of $n ranks one was killed, which changed no point"
    else
        cmp "$room/whole.json" "$room/lost.json" || fail 'the end of a rank changed the results'
        echo "explore: all was done before one of $n ranks was killed"
    fi
done

# What is wrong ends all ranks, with its exit code.
set +e
run -n 2 "$sizeup" explore --model no-such-net --machine a100 >"$room/out" 2>"$room/err"
code=$?
set -e
[ "$code" = 3 ] || [ "$code" = 2 ] || fail "a model that is not there: exit $code"
grep -q 'no-such-net' "$room/err" || fail 'the message does not name the model'

# What is measured: one rank of a machine, and its records are kept.
measured=(explore --model 'mlp:layers=1,2,width=64' --batch 1,4,16 backend=plain threads=1
    --by bench --preheat 2ms --time-budget 10ms --format json)
run -n 3 "$sizeup" "${measured[@]}" --store "$room/one.db" >"$room/bench.json" 2>"$room/err"
[ "$(value "$room/bench.json" "[p['metrics']['latency_s']>0 for p in d['points']]")" = \
    "$(value "$room/bench.json" '[True]*6')" ] || fail 'a setting was not measured'
[ "$(value "$room/bench.json" "[w[:20] for w in d['warnings'] if 'stood by' in w]")" = \
    "['2 of 3 ranks stood b']" ] || fail 'more than one rank of a machine measured'
stored() { "$sizeup" results list --store "$1" --format json |
    python3 -c 'import json,sys; print(len(json.load(sys.stdin)["cases"]))'; }
[ "$(stored "$room/one.db")" = 6 ] || fail 'other records than one for each setting'
run -n 2 "$sizeup" "${measured[@]}" --store "$room/one.db" --resume >"$room/again.json" \
    2>"$room/err"
[ "$(stored "$room/one.db")" = 6 ] || fail 'what was in the store was measured again'
echo "explore: of three ranks on one machine one measures"

# ---- network ------------------------------------------------------------------------------------

set +e
"$sizeup" machine network 2>"$room/err"
code=$?
set -e
[ "$code" = 4 ] || fail "without a launcher: exit $code"
grep -q "run 'mpirun -n 2 sizeup machine network'" "$room/err" || fail 'no word of mpirun'

run -n 3 "$sizeup" machine network --quick --message 65536 --save trio --format json \
    >"$room/trio.json" 2>"$room/err"
[ "$(value "$room/trio.json" "len([l for l in d['links'] if 'level' in l])")" = 7 ] ||
    fail 'not 7 links'
[ "$(value "$room/trio.json" "all(m['n']>0 and m['verdict'] for l in d['links'] if 'level' in l
    for m in l['messages'])")" = True ] || fail 'a size was not timed'
"$sizeup" machine show trio --format json | cmp - <(sed 's/"name": "here"/"name": "trio"/' \
    "$room/trio.json") || fail 'what is kept is not what was shown'
run -n 2 "$sizeup" machine network a100 --quick --message 4096 --save cluster --format csv \
    >"$room/csv" 2>"$room/err"
grep -q all_reduce "$room/csv" || fail 'no all_reduce in the CSV'
echo "network: measured on this machine"

# ---- two nodes ----------------------------------------------------------------------------------

if [ "$(id -u)" != 0 ] || ! ip netns add "sz$$-1" 2>/dev/null; then
    echo "no network namespaces here: two nodes were left out"
    exit 0
fi
ip netns add "sz$$-2"
spaces=1
ip link add szv1 netns "sz$$-1" type veth peer name szv2 netns "sz$$-2"
for i in 1 2; do
    ip -n "sz$$-$i" link set lo up
    ip -n "sz$$-$i" addr add "10.77.66.$i/24" dev "szv$i"
    ip -n "sz$$-$i" link set "szv$i" up
    sed "s/^......../0000000$i/" /proc/sys/kernel/random/boot_id >"$room/boot-sz$$-$i"
done
cat >"$room/agent" <<AGENT
#!/usr/bin/env bash
# Starts a command on a "node": in its network namespace, under its name and with the mark of a
# machine of its own.
while [ "\${1#-}" != "\$1" ]; do shift; done
host=\$1
shift
exec ip netns exec "\$host" unshare --uts --mount sh -c "hostname \$host
    mount --bind $room/boot-\$host /proc/sys/kernel/random/boot_id; \$*"
AGENT
chmod +x "$room/agent"
nodes() { # WORD...: sizeup with a rank on each node
    "$room/agent" "sz$$-1" "timeout 150 mpirun --mca plm_rsh_agent $room/agent \
        --mca plm_rsh_no_tree_spawn 1 --mca btl tcp,self --mca btl_tcp_if_include 10.77.66.0/24 \
        --mca oob_tcp_if_include 10.77.66.0/24 --host sz$$-1,sz$$-2 -n 2 -x XDG_DATA_HOME -x HOME \
        -x ASAN_OPTIONS -x OMPI_ALLOW_RUN_AS_ROOT -x OMPI_ALLOW_RUN_AS_ROOT_CONFIRM \
        $sizeup $(printf '%q ' "$@")"
}
nodes "${space[@]}" >"$room/many.json" 2>"$room/err" || fail "$(cat "$room/err")"
cmp "$room/one.json" "$room/many.json" || fail 'two nodes give other results than one process'
echo "explore: two nodes give the same bytes"

nodes "${measured[@]}" --store "$room/two.db" >"$room/bench.json" 2>"$room/err" ||
    fail "$(cat "$room/err")"
[ "$(value "$room/bench.json" "[w for w in d['warnings'] if 'stood by' in w]")" = '[]' ] ||
    fail 'a node did not measure'
[ "$(value "$room/bench.json" "sum(p['metrics']['latency_s']>0 for p in d['points'])")" = 6 ] ||
    fail 'a setting was not measured on two nodes'
[ "$(stored "$room/two.db")" = 6 ] || fail 'two nodes: other records than one for each setting'
echo "explore: two nodes measure, and one store has their records"

# ---- a link whose rate is known -----------------------------------------------------------------

for i in 1 2; do
    if ! ip netns exec "sz$$-$i" tc qdisc add dev "szv$i" root tbf rate 400mbit burst 16kb \
        latency 50ms 2>/dev/null; then
        echo "no tc, or no tbf in this kernel: the link with a set rate was left out"
        exit 0
    fi
done
nodes machine network --quick --message 1048576 --save two --format json \
    >"$room/two.json" 2>"$room/err" || fail "$(cat "$room/err")"
# 400 Mbit/s of frames of 1514 bytes, of which 1448 are the message's: 47.8 MB/s. Of a stream: there
# and back, a busy machine adds its time slices.
value "$room/two.json" "[(l['name'],l['level'],l['latency_s'],l['byte_per_s'],len(l['segments'])) \
    for l in d['links'] if 'level' in l]"
rate=$(value "$room/two.json" "[l['byte_per_s'] for l in d['links'] \
    if l.get('exchange')=='stream' and l['level']=='network'][0]")
[ "$(python3 -c "print(abs($rate / (400e6 / 8 * 1448 / 1514) - 1) < 0.15)")" = True ] ||
    fail "a link of 47.8 MB/s was measured as $rate"
[ "$(value "$room/two.json" "sorted({(l['level'],l['ranks'],l['nodes']) for l in d['links'] \
    if 'level' in l})")" = "[('network', 2, 2)]" ] ||
    fail 'other levels than two nodes with a rank each'
echo "network: a link of 47.8 MB/s was measured as $rate"
