# SPDX-License-Identifier: Apache-2.0
# Completion of `sizeup` for fish: the program says what may follow.
# To try it: sizeup help --completions fish | source

function __sizeup_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l plain (string unescape -- $word); and set word $plain
    set -l answer (command $words[1] help --complete -- $words[2..-1] $word 2>/dev/null)
    test (count $answer) -gt 0; or return
    set -l first (string split -m 1 \t -- $answer[1])
    set -l typed (string sub -s (math (string length -- $first[2]) + 1) -- $word)
    printf '%s\n' $answer[2..-1]
    switch $first[1]
        case files
            for name in (__fish_complete_path $typed)
                printf '%s%s\n' $first[2] $name
            end
        case folders
            for name in (__fish_complete_directories $typed '')
                printf '%s%s\n' $first[2] $name
            end
    end
end

complete -c sizeup -f -a '(__sizeup_complete)'
