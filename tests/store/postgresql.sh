#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts a PostgreSQL server of its own in a temporary folder, runs the tests of the store on it,
# and stops it. Usage: postgresql.sh OWN-TEST STORE-TEST CRASH-TEST [SIZEUP]
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 || true)
if [ -z "$bin" ] || [ ! -x "$bin/initdb" ] || ! command -v psql >/dev/null ||
    ! ldconfig -p 2>/dev/null | grep -q 'libpq\.so\.5'; then
    echo "skipped: PostgreSQL (server, psql, libpq.so.5) is not installed"
    exit 77
fi
programs=()
for program in "$@"; do programs+=("$(realpath "$program")"); done
work=$(mktemp -d)
as=()
if [ "$(id -u)" -eq 0 ]; then # a server does not run as root
    if ! id postgres >/dev/null 2>&1; then
        echo "skipped: there is no user 'postgres' to run a server as"
        exit 77
    fi
    as=(setpriv --reuid=postgres --regid=postgres --init-groups)
    chown postgres "$work"
fi
chmod 755 "$work"
stop() {
    "${as[@]}" "$bin/pg_ctl" -D "$work/data" -m immediate -w stop >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap stop EXIT
cd "$work"
echo 'a secret' >"$work/secret"
"${as[@]}" "$bin/initdb" -D "$work/data" -A scram-sha-256 --pwfile="$work/secret" -U tester \
    -E UTF8 --no-locale -N >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"${as[@]}" "$bin/pg_ctl" -D "$work/data" -w -l "$work/server.log" \
    -o "-c listen_addresses= -c unix_socket_directories=$work -c fsync=off" start \
    >"$work/log" 2>&1 ||
    { cat "$work/log" "$work/server.log"; exit 1; }
export SIZEUP_TEST_POSTGRESQL="postgresql://tester:a%20secret@/postgres?host=$work"
for test in "${programs[@]:0:3}"; do "$test"; done

# From the command line: what was measured is in the store, and the password nowhere that is shown.
[ $# -lt 4 ] && exit 0
sizeup=${programs[3]}
psql -q -d "$SIZEUP_TEST_POSTGRESQL" -c 'SET client_min_messages TO warning' \
    -c 'DROP SCHEMA IF EXISTS sizeup CASCADE'
{
    export HOME=$work
    "$sizeup" bench gemm m=8 n=8 k=8 --backend plain --threads 1 --time-budget 50ms \
        --preheat 0s --store "$SIZEUP_TEST_POSTGRESQL"
    "$sizeup" results list --store "$SIZEUP_TEST_POSTGRESQL"
    "$sizeup" results show last --format json --store "$SIZEUP_TEST_POSTGRESQL"
    "$sizeup" results export --run last --format json --store "$SIZEUP_TEST_POSTGRESQL"
    "$sizeup" results --store "postgresql://tester:a%20secret@/none?host=$work" || true
    "$sizeup" results --store "postgresql://tester:a%20secret@/x?host=$work&bad=1" || true
} >"$work/out" 2>&1
psql -q -d "$SIZEUP_TEST_POSTGRESQL" -t -c 'SELECT header FROM sizeup.run' >>"$work/out"
grep -q 'gemm:m=8,n=8,k=8' "$work/out" || { cat "$work/out"; exit 1; }
grep -q 'tester:\*\*\*@' "$work/out" || { cat "$work/out"; exit 1; }
if grep -n 'secret' "$work/out"; then
    echo "FAILED: a password is shown"
    exit 1
fi
