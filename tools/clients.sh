#!/usr/bin/env bash
# clients.sh: the programs of others that tests drive against the daemon, in build/clients.
#
#   venv           Python with openai, anthropic, ollama, mcp, httpx; Node and npm come in it too,
#                  since what Debian packages is too old for some of the next
#   node_modules   openai, @anthropic-ai/sdk, ollama, @modelcontextprotocol/sdk, @continuedev/cli
#   vim            the plugin llama.vim, from Debian's package vim-llama.cpp
#
# The versions are those of tests/clients. A part is made anew when its versions changed, and quick
# and silent when its stamp says that it is done. What cannot be fetched is no failure: the tests
# that need it are skipped by name, and the next run tries again.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/row.sh
. tools/other_suite.sh
from=$PWD/tests/clients to=$PWD/build/clients
python=${PYTHON:-python3}
[ -n "${PYTHON:-}" ] || [ ! -x /usr/bin/python3 ] || python=/usr/bin/python3
mkdir -p "$to"
log=$to/log

is_done() { # part, what it is made of
    [ "$(cat "$to/$1.stamp" 2>/dev/null)" = "$2" ]
}

make_part() { # part, what it is made of, words, function
    local began
    ! is_done "$1" "$2" || return 0
    began=$(now)
    begin clients "$3"
    rm -f "$to/$1.stamp"
    : >"$log"
    if "$4" >>"$log" 2>&1 </dev/null; then
        printf '%s\n' "$2" >"$to/$1.stamp"
        row clients "$3" $(($(now) - began))
    else
        row clients "$3: not to be had now (build/clients/$1.log); tests that need it are skipped"
        mv "$log" "$to/$1.log"
    fi
}

make_venv() {
    rm -rf "$to/venv"
    "$python" -m venv "$to/venv" &&
        "$to/venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off \
            --only-binary :all: --retries 1 --timeout 30 -r "$from/requirements.txt"
}

# Node trusts its own list of authorities alone, unless it is told that the machine's count too.
make_node() {
    export NODE_USE_SYSTEM_CA=1
    cp "$from/package.json" "$from/package-lock.json" "$from/.npmrc" "$to/" &&
        (cd "$to" && PATH="$to/venv/bin:$PATH" npm ci --fetch-retries=1 --fetch-timeout=60000)
}

# As old as Debian 12 there is no such package; the files of a newer one work with its vim.
make_vim() {
    rm -rf "$to/vim"
    apt=$to/apt
    suite_begin && { apt_get update || :; } &&
        (cd "$apt/get" && apt_get download vim-llama.cpp && dpkg -x vim-llama.cpp_*.deb "$apt/x") &&
        cp -r "$apt/x/usr/share/vim-llama.cpp" "$to/vim" && rm -rf "$apt" && return
    cat "$apt/log"
    rm -rf "$apt"
    return 1
}

# The folder's own path is in the venv's programs, so it counts as well.
venv="$("$python" --version) in $to, $(cksum <"$from/requirements.txt")"
make_part venv "$venv" "Python's and Node, into build/clients" make_venv
if is_done venv "$venv"; then
    make_part node_modules "$venv, $(cksum <"$from/package-lock.json")" "Node's, into build/clients" \
        make_node
fi
old='' new=forky
# shellcheck source=/dev/null
[ ! -r /etc/os-release ] || old=$(. /etc/os-release && [ "${ID:-}" = debian ] && echo "${VERSION_CODENAME:-}") || :
if [ -n "$old" ]; then
    make_part vim "recipe 1, from Debian $new" "vim's plugin from Debian $new, into build/clients" make_vim
fi
rm -f "$log"
