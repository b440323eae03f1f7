#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Brings a build folder to the options given, and does nothing when it has them: a reconfigure
# costs seconds. Usage: tools/configure.sh DIR [-Dname=value...]
set -eu
dir=$1
shift
stamp=$dir/.options

quietly() {
    local out
    out=$("$@" 2>&1) || { printf '%s\n' "$out" | tail -n 30 >&2; return 1; }
}

if ! command -v meson >/dev/null; then
    echo "meson is missing: type 'make deps' first" >&2
    exit 1
fi
if [ ! -f "$dir/build.ninja" ]; then
    echo "configuring $dir"
    # A set-up that failed half-way leaves a folder that meson would refuse.
    if [ -d "$dir/meson-private" ]; then
        quietly meson setup --wipe "$dir" "$@"
    else
        quietly meson setup "$dir" "$@"
    fi
    printf '%s\n' "$@" >"$stamp"
    exit 0
fi
touch "$stamp"
changed=()
for option in "$@"; do
    grep -qxF -e "$option" "$stamp" || changed+=("$option")
done
[ ${#changed[@]} -gt 0 ] || exit 0
echo "configuring $dir: ${changed[*]}"
quietly meson setup --reconfigure "$dir" "${changed[@]}"
for option in "${changed[@]}"; do
    kept=$(grep -v -e "^${option%%=*}=" "$stamp" || true)
    printf '%s\n' "$kept" "$option" | sed '/^$/d' >"$stamp"
done
