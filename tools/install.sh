#!/usr/bin/env bash
# install.sh install|uninstall PREFIX: put the product under PREFIX, or take it away again.
#
# What was put there is noted with its checksum in PREFIX/share/hearth/installed; a file that is
# not in that note, or has changed since, is somebody else's and is neither overwritten nor removed.
# DESTDIR is put in front of every path, for packagers.
set -euo pipefail
cd "$(dirname "$0")/.."
verb=$1 prefix=$2 root=${DESTDIR:-}
note=$root$prefix/share/hearth/installed

# from, mode, to (under PREFIX)
files='
build/release/hearth 755 bin/hearth
build/release/hearth-bridge 755 bin/hearth-bridge
models/guide/hearth-guide.gguf 644 share/hearth/hearth-guide.gguf
build/release/share/hearth.1 644 share/man/man1/hearth.1
build/release/share/hearth.bash 644 share/bash-completion/completions/hearth
build/release/share/_hearth 644 share/zsh/site-functions/_hearth
build/release/share/hearth.fish 644 share/fish/vendor_completions.d/hearth.fish
'

# The manual page and the completions are what the program itself says.
tell() {
    local say="env HEARTH_HOME=/ build/release/hearth" at=build/release/share
    mkdir -p "$at"
    $say help --man >"$at/hearth.1"
    $say completion bash >"$at/hearth.bash"
    $say completion zsh >"$at/_hearth"
    $say completion fish >"$at/hearth.fish"
}

sum() { sha256sum "$1" | cut -d' ' -f1; }

is_ours() { # path under PREFIX
    [ -e "$note" ] && grep -qxF "$(sum "$root$prefix/$1") $1" "$note"
}

each() { # function: called with from, mode, to
    local from mode to
    while read -r from mode to; do
        [ -z "$from" ] || "$1" "$from" "$mode" "$to"
    done <<<"$files"
}

may_write() {
    if [ -e "$root$prefix/$3" ] && ! is_ours "$3"; then
        echo "install: $root$prefix/$3 is there and is not ours: move it away, or choose another PREFIX" >&2
        exit 1
    fi
}

put() {
    local at=$root$prefix/$3
    mkdir -p "${at%/*}"
    install -m "$2" "$1" "$at.new"
    mv -f "$at.new" "$at" # a running one keeps its file
    printf '%s %s\n' "$(sum "$at")" "$3" >>"$note.new"
    echo "installed $at"
}

take_away() {
    local at=$root$prefix/$3
    if [ ! -e "$at" ]; then
        echo "not there: $at"
    elif is_ours "$3"; then
        rm -f "$at"
        echo "removed $at"
    else
        echo "left alone, not ours: $at" >&2
    fi
}

case $verb in
    install)
        tell
        each may_write
        mkdir -p "${note%/*}"
        : >"$note.new"
        each put
        mv -f "$note.new" "$note"
        case ":$PATH:" in
            *":$prefix/bin:"*) ;;
            *) [ -n "$root" ] || echo "$prefix/bin is not in your PATH: add it to your shell's profile" ;;
        esac
        ;;
    uninstall)
        each take_away
        rm -f "$note"
        rmdir "${note%/*}" 2>/dev/null || :
        ;;
    *) echo "install.sh install|uninstall PREFIX" >&2 && exit 2 ;;
esac
