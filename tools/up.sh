#!/usr/bin/env bash
# up.sh: from a fresh clone to a model that answers: sets up, builds, brings an engine, starts hearth
# and asks once. What is done already is not done again.
#
# The relay works without an engine, so one that cannot be had is told in a line and is no failure;
# nor is a machine without bubblewrap. The model that answers is hearth's own guide, or where there is
# none a generated one (`hearth up --example`: a setting of that one run, in no file of the user's).
# Needs no more than the build does: no curl, no Python.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/row.sh
hearth=build/release/hearth
mkdir -p build/tmp
ROWS=$(mktemp "$PWD/build/tmp/rows.XXXXXX") # absolute: tools change their folder
said=$ROWS.said
export ROWS
trap 'rm -f "$ROWS" "$said"' EXIT

text() { # JSON of hearth's, the name of a text: prints the first of that name
    [[ $1 =~ \"$2\":\"([^\"]*)\" ]] && printf '%s\n' "${BASH_REMATCH[1]}"
}

why() { # what a command of hearth's said first, without apt's words
    sed -n '1s/^hearth: //p' "$said" | sed 's/: apt says: .*//'
}

set_up() {
    # Bubblewrap alone is no reason to stop.
    if ! tools/setup.sh build run; then
        ! command -v bwrap >/dev/null || exit
        tools/setup.sh build 2>/dev/null || exit
        row sandbox 'none: bubblewrap is missing'
    fi
    grep -q '^setup' "$ROWS" || row setup 'nothing is missing'
}

# What it computes with, besides its own build.
devices() {
    local machine
    machine=$($hearth doctor gpu --json 2>/dev/null) || machine=''
    printf 'CPU (%s)' "$(text "$machine" instructions || echo 'of an unknown kind')"
    case $machine in
        *'"devices":[]'*) printf ', no GPU seen' ;;
        *'"devices":[{'*) printf '; a GPU is there, see hearth doctor gpu' ;;
    esac
}

bring_engine() { # sets engine to true if there is one
    local json began
    engine=false
    began=$(now)
    json=$($hearth engines list --json)
    if [[ $json =~ \"engine\":\"llama.cpp\",\"version\":\"([^\"]*)\"[^{]*\"used\":true ]]; then
        row engine "llama.cpp ${BASH_REMATCH[1]}, there already; $(devices)"
        engine=true
        return
    elif [[ $json == *'"engine":"llama.cpp"'* ]]; then
        row engine 'llama.cpp, found and never tried: see hearth engines doctor'
        engine=true
        return
    fi
    begin engine 'llama.cpp, from the packages of Debian'
    if json=$($hearth engines install llama.cpp --json 2>"$said"); then
        [[ $json =~ \"fetched_bytes\":([0-9]+) ]] || BASH_REMATCH=('' 0)
        row engine "llama.cpp $(text "$json" version), $(devices)" $(($(now) - began)) \
            "${BASH_REMATCH[1]}"
        engine=true
    else
        row engine "none: $(why); the relay works without" $(($(now) - began))
    fi
}

start() { # sets address, example, started
    local json example_too=() began
    began=$(now)
    ! $engine || [ -n "$(guide)" ] || example_too=(--example)
    json=$($hearth up --detach --json "${example_too[@]}")
    address=$(text "$json" address)
    example=false started=false
    [[ $json != *'"example":true'* ]] || example=true
    if [[ $json == *'"started":true'* ]]; then
        started=true
        row hearth 'started' $(($(now) - began))
    elif [[ $json =~ \"pid\":([0-9]+) && $(readlink "/proc/${BASH_REMATCH[1]}/exe") == *' (deleted)' ]]; then
        row hearth 'runs already, from an older build; make down and make up change that'
    else
        row hearth 'runs already'
    fi
}

# ~/.local/bin/hearth leads here, unless something else has that name.
link() {
    local folder=$HOME/.local/bin to=$PWD/$hearth at
    at=$folder/hearth
    if [ -L "$at" ] && [[ $(readlink "$at") == */build/release/hearth ]]; then
        [ "$(readlink "$at")" = "$to" ] || ln -sfn "$to" "$at" || return 0
    elif [ ! -e "$at" ] && [ ! -L "$at" ]; then
        mkdir -p "$folder" 2>/dev/null && ln -s "$to" "$at" 2>/dev/null ||
            row link "$folder cannot be written: hearth is $to"
    elif [ "$(readlink -f "$at")" != "$(readlink -f "$to")" ]; then
        row link "$at is there and leads elsewhere: left alone"
    fi
}

# The answer to one question, by bash alone: curl may not be there.
ask() { # host, port, body
    local c
    exec {c}<>"/dev/tcp/$1/$2" || return
    printf 'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n' >&"$c"
    printf 'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' ${#3} "$3" >&"$c"
    timeout 60 cat <&"$c"
}

answer() {
    local model words body reply sandbox='' began
    began=$(now)
    model='' words='Say hello.'
    if $example; then
        model=example
    elif [[ $($hearth status --json) == *'"model":"hearth-guide"'* ]]; then
        model=hearth-guide words='What is hearth?'
    fi
    if ! $engine || [ -z "$model" ] || ! [[ $address =~ ^http://\[?([^]/]*)\]?:([0-9]+)$ ]]; then
        return 0
    fi
    begin answer "from $model"
    body='{"model":"'$model'","messages":[{"role":"user","content":"'$words'"}]}'
    reply=$(ask "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "$body" 2>&1) || :
    if [[ $reply != 'HTTP/1.1 200 '* || $reply != *'"finish_reason":"'* ]]; then
        row answer "none: $(text "$reply" message || echo 'the daemon said nothing')"
        echo "hearth runs, but its engine does not answer: $hearth doctor, $hearth engines doctor" >&2
        exit 1
    fi
    [[ $($hearth status --json) != *'"sandbox":"none"'* ]] || sandbox=', sandbox: none'
    row answer "from $model$sandbox" $(($(now) - began))
}

# The model that comes with hearth, if it does.
guide() {
    [[ $($hearth models --json) != *'"name":"hearth-guide"'* ]] || echo hearth-guide
}

sum() {
    local -a n
    mapfile -t n < <(awk -F'\t' '$1 != "setup" { t += $2; b += $3 } { all += $3 }
        END { printf "%d\n%.0f\n%.0f\n", t, b, all }' "$ROWS")
    [ "${n[2]}" != 0 ] || return 0 # nothing was brought, so there is nothing to compare
    row total 'all of it' $(($(now) - first)) "${n[2]}"
    row '' 'without setup; the aim: 120 s, 120 MB' "${n[0]}" "${n[1]}"
}

first=$(now)
set_up
tools/build.sh release
bring_engine
start
link
answer
sum
echo
$hearth
