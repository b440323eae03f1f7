# SPDX-License-Identifier: Apache-2.0
# Completion of `sizeup` for bash: the program says what may follow.
# To try it: source <(sizeup help --completions bash)

# Leaves the words of the line up to the cursor in `line`. Bash takes words apart at = and :, so
# pieces without a blank between them are put together again.
_sizeup_words() {
    local rest=${COMP_LINE:0:COMP_POINT} i gap word
    line=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        gap=${rest%%[![:blank:]]*}
        rest=${rest#"$gap"}
        word=${COMP_WORDS[i]}
        [ "${#word}" -le "${#rest}" ] || word=$rest
        rest=${rest#"$word"}
        if [ "$i" -gt 0 ] && [ -z "$gap" ]; then
            line[${#line[@]} - 1]+=$word
        else
            line+=("$word")
        fi
    done
}

_sizeup() {
    local line answer word kind keep typed names name
    local program=${COMP_WORDS[0]/#\~/$HOME}
    _sizeup_words
    COMPREPLY=()
    word=${line[${#line[@]} - 1]}
    typed=''
    [[ $word == *[=:]* ]] && typed=${word%"${word##*[=:]}"} # stands there already, for readline
    mapfile -t answer < <("$program" help --complete -- "${line[@]:1}" 2>/dev/null)
    [ "${#answer[@]}" -gt 0 ] || return
    kind=${answer[0]%%$'\t'*}
    keep=${answer[0]#*$'\t'}
    for name in "${answer[@]:1}"; do
        name=${name%%$'\t'*}
        COMPREPLY+=("${name#"$typed"}")
    done
    if [ "${#COMPREPLY[@]}" -eq 1 ] && [[ ${COMPREPLY[0]} == *[=:,] ]]; then
        compopt -o nospace
    fi
    case $kind in
        files) names=$(compgen -f -- "${word#"$keep"}") ;;
        folders) names=$(compgen -d -- "${word#"$keep"}") ;;
        *) return ;;
    esac
    [ -n "$names" ] || return
    compopt -o filenames
    keep=${keep#"$typed"}
    while IFS= read -r name; do
        COMPREPLY+=("$keep$name")
    done <<<"$names"
}
complete -F _sizeup sizeup
