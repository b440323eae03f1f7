#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds Debian packages into BUILD/deb, looks at them with lintian, installs them into a folder
# and runs them there. Where the headers of Open MPI are, ranks are one of them.
# Usage: tools/make-deb.sh BUILD
set -eu
cd "$(dirname "$0")/.."
out=$1/deb
mkdir -p "$out"
out=$(cd "$out" && pwd)
fail() { echo "$1" >&2; exit 1; }
version=$(sed -nE "s/^project\(.* version: '([^']+)'.*/\1/p" meson.build)
released=$(sed -nE "s/^released = '([^']+)'.*/\1/p" meson.build)
maintainer=$(sed -n 's/^Maintainer: //p' debian/control)
rm -rf "${out:?}"/*

# A copy of what belongs to the project: the packages are built in it, not here.
tree=$out/sizeup-$version
mkdir "$tree"
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard
else
    find . -path ./build -prune -o -type f -print0
fi | tar -c --null -T - | tar -x -C "$tree"
cat >"$tree/debian/changelog" <<CHANGES
sizeup ($version) unstable; urgency=medium

  * Version $version: NEWS.md tells what it can do.

 -- $maintainer  $(LC_ALL=C date -u -R -d "$released")
CHANGES

profile=()
if ! pkg-config --exists ompi-c; then
    profile=(-Ppkg.sizeup.nompi)
    echo "no package of ranks: the headers of Open MPI are not here (libopenmpi-dev)"
fi
echo "building packages of version $version in $out"
(cd "$tree" && dpkg-buildpackage -b -us -uc "${profile[@]}") >"$out/log" 2>&1 || {
    tail -n 30 "$out/log" >&2
    fail "the packages could not be built; $out/log tells all"
}
command -v lintian >/dev/null && lintian --fail-on error --allow-root "$out"/*.changes

# Installed by dpkg into a folder, with a database of its own. No script runs in it.
stage=$out/root
mkdir -p "$stage/var/lib/dpkg/info" "$stage/var/lib/dpkg/updates"
touch "$stage/var/lib/dpkg/status"
staged() {
    dpkg --root="$stage" --force-not-root --force-depends --log="$out/dpkg.log" "$@" \
        >"$out/install.log" 2>&1 || fail "dpkg could not $*: $(tail -n 3 "$out/install.log")"
}
staged --install "$out"/*.deb
dpkg --root="$stage" --verify sizeup libsizeup0 libsizeup-dev
lib=$(dirname "$(find "$stage/usr/lib" -name 'libsizeup.so.0')")
run() { LD_LIBRARY_PATH=$lib "$stage/usr/bin/sizeup" "$@"; }
[ "$(run --version)" = "sizeup $version" ] || fail 'the installed command tells another version'
run count tests/models/mlp.onnx --format json --quiet | grep -q '"macs": 535040' ||
    fail 'the installed command counts wrongly'
for command in $(run list commands --format csv | sed 1d | cut -d, -f1); do
    [ -f "$stage/usr/share/man/man1/sizeup-$command.1.gz" ] || fail "no page: sizeup-$command(1)"
done
for file in bash-completion/completions/sizeup zsh/vendor-completions/_sizeup \
    fish/vendor_completions.d/sizeup.fish; do
    [ -f "$stage/usr/share/$file" ] || fail "not installed: $file"
done
export PKG_CONFIG_LIBDIR=$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$stage
# shellcheck disable=SC2046  # the flags are words
cc examples/count.c $(pkg-config --cflags --libs sizeup) -o "$out/count"
LD_LIBRARY_PATH=$lib "$out/count" tests/models/mlp.onnx | grep -qx 'macs 535040' ||
    fail 'a program that is linked to the installed library counts wrongly'

# Ranks: with the plug-in as one process, and a sentence without it or without Open MPI.
sweep=(explore --model mlp:layers=1-4+1 --machine a100 --batch '1-8*2' --format json --quiet)
as_rank() { OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=2 run "${sweep[@]}" 2>&1 || true; }
if [ ${#profile[@]} -eq 0 ]; then
    dpkg --root="$stage" --verify sizeup-mpi
    run "${sweep[@]}" >"$out/one.json"
    if command -v mpirun >/dev/null; then
        LD_LIBRARY_PATH=$lib mpirun --allow-run-as-root --oversubscribe -n 2 \
            "$stage/usr/bin/sizeup" "${sweep[@]}" >"$out/two.json"
        cmp "$out/one.json" "$out/two.json" || fail 'two ranks give other results than one process'
    fi
    sed s/libmpi[.]so/libnpi.so/g "$lib/sizeup/sizeup-mpi.so" >"$out/bare.so" # no Open MPI here
    SIZEUP_MPI=$out/bare.so as_rank | grep -q 'openmpi-bin' ||
        fail "without Open MPI the command says: $(SIZEUP_MPI=$out/bare.so as_rank)"
    staged --purge sizeup-mpi
fi
as_rank | grep -q 'install the package sizeup-mpi' ||
    fail "without the plug-in the command says: $(as_rank)"
run "${sweep[@]}" >/dev/null || fail 'without ranks the command does not run'
# shellcheck disable=SC2046  # the names are words
staged --purge $(dpkg-query --admindir="$stage/var/lib/dpkg" -W -f '${binary:Package}\n')
left=$(find "$stage" -name '*sizeup*' -not -path "$stage/var/*")
[ -z "$left" ] || fail "purged, but left: $left"
rm -rf "$tree"
echo "packages: $(cd "$out" && echo *.deb)"
