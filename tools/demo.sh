#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One page for a newcomer: what a net costs, what this machine can do, how long the one takes on the
# other, on paper. Usage: tools/demo.sh SIZEUP
set -eu
sizeup=$1
model=tests/models/resnet18.onnx
cd "$(dirname "$0")/.."

say() { printf '\n%s\n' "$@"; }
show() { # the command as one would type it, then what it prints
    printf '\n$ %s' "$sizeup"
    printf ' %s' "$@"
    printf '\n\n'
    "$sizeup" "$@"
}

say '1. What does a net cost? ResNet-18, a network that names what is in a picture. The file holds
   no weights and needs none: sizes are enough. A MAC is one multiplication and one addition.'
show count "$model" --by op

say '2. What can this machine do? Two limits matter: arithmetic per second, and bytes per second
   from memory. (A few seconds of measuring; a full run is slower and closer.)'
show machine measure --quick --save here

say '3. How long does the one take on the other, at best? Every layer needs at least its
   arithmetic at full speed, and its bytes at full bandwidth; the slower of the two counts.'
show predict "$model" --machine here --top 8

# Without a network, or on another machine, this is left out: get-openvino says why.
if tools/get-openvino "$(dirname "$sizeup")/openvino" &&
    [ -f "$(dirname "$sizeup")/openvino/ok" ]; then
    say '4. How long does it really take? OpenVINO runs the whole net, with made-up weights. Its
   result is compared with a reference first.'
    show bench "$model" --backend openvino --time-budget 1s --store none
fi

say "Next: put your own model.onnx in place of this one. '$sizeup help' lists all commands,
'$sizeup list machines' the machines whose data sheets are known, as --machine h100."
