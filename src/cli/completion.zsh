#compdef hearth
# Completion of hearth for zsh. The program itself says what may stand there.
_hearth() {
    local line
    local -a found
    for line in "${(@f)$(${(Q)words[1]/#\~/$HOME} completion words -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    if (( $#found )); then
        _describe -V hearth found
    else
        _files
    fi
}
if [[ ${funcstack[1]} == _hearth ]]; then
    _hearth "$@"
else
    compdef _hearth hearth
fi
