# Completion of hearth for bash. The program itself says what may stand there.
_hearth() {
    local line=${COMP_LINE:0:COMP_POINT} cur before word help
    local -a words
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    cur=${words[${#words[@]}-1]}
    # bash takes what is behind a colon or an equals sign for a word of its own
    before=
    [[ $cur == *[:=]* && $COMP_WORDBREAKS == *:* ]] && before=${cur%"${cur##*[:=]}"}
    COMPREPLY=()
    while IFS=$'\t' read -r word help; do
        printf -v word %q "${word#"$before"}" # a name is no code, whatever it holds
        COMPREPLY+=("$word")
    done < <("${COMP_WORDS[0]/#\~/$HOME}" completion words -- "${words[@]:1}" 2>/dev/null)
}
complete -o bashdefault -o default -F _hearth hearth
