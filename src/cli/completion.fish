# Completion of hearth for fish. The program itself says what may stand there.
function __hearth_words
    set -l words (commandline -opc)
    set -l found ($words[1] completion words -- $words[2..-1] (commandline -ct) 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c hearth -f -a '(__hearth_words)'
