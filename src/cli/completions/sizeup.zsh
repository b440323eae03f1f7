#compdef sizeup
# SPDX-License-Identifier: Apache-2.0
# Completion of `sizeup` for zsh: the program says what may follow.
# To try it: source <(sizeup help --completions zsh)

_sizeup() {
    local -a answer line open closed open_told closed_told
    local kind keep name told
    line=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
    answer=("${(@f)$("${(Q)words[1]/#\~/$HOME}" help --complete -- "${line[@]}" 2>/dev/null)}")
    kind=${answer[1]%%$'\t'*}
    keep=${answer[1]#*$'\t'}
    for name in "${(@)answer[2,-1]}"; do
        told=${name#*$'\t'}
        name=${name%%$'\t'*}
        [[ -z $told ]] || told="$name  -- $told"
        if [[ $name == *[=:,] ]]; then
            open+=("$name")
            open_told+=("${told:-$name}")
        else
            closed+=("$name")
            closed_told+=("${told:-$name}")
        fi
    done
    # Words that go on get no blank.
    [[ ${#open} -eq 0 ]] || compadd -l -S '' -d open_told -a open
    [[ ${#closed} -eq 0 ]] || compadd -l -d closed_told -a closed
    case $kind in
        files) compset -P "${(b)keep}" || true; _files ;;
        folders) compset -P "${(b)keep}" || true; _files -/ ;;
    esac
}

# Found by its name in a folder of functions, it is run for the first time; sourced, it is told.
if [[ $funcstack[1] == _sizeup ]]; then
    _sizeup "$@"
else
    compdef _sizeup sizeup
fi
