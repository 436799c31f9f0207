# shellcheck shell=bash
# row.sh: sourced by the tools that take time. One step that is done is one line: what was done, how
# long it took, what came over the network. With ROWS=FILE it is noted there too, for a sum.

now() { # tenths of a second; only differences mean something
    local ns
    ns=$(date +%s%N)
    echo $((ns / 100000000))
}

tenths() { # 123: prints 12.3
    echo "$(($1 / 10)).$(($1 % 10))"
}

megabytes() { # bytes: prints 31.2 MB
    echo "$(tenths $((($1 + 50000) / 100000))) MB"
}

fetched() { # apt's log: prints how many bytes it says it fetched
    awk '/^Fetched [0-9]/ {
        gsub(/,/, "", $2)
        n += $2 * ($3 == "kB" ? 1e3 : $3 == "MB" ? 1e6 : $3 == "GB" ? 1e9 : 1)
    } END { printf "%d\n", n }' "$1"
}

begin() { # step, words: what is being done, on a terminal, until its row takes the place
    [ ! -t 1 ] || printf '%-10s %s ...' "$1" "$2"
}

end() {
    [ ! -t 1 ] || printf '\r\033[K'
}

row() { # step, words, tenths of a second or "", bytes or ""
    local step=$1 line width=44
    local -a lines
    mapfile -t lines < <(fold -s -w "$width" <<<"$2")
    printf -v line '%-10s %-*s' "$step" "$width" "${lines[0]% }"
    unset 'lines[0]'
    [ -z "${3:-}" ] || printf -v line '%s %7s s' "$line" "$(tenths "$3")"
    [ "${4:-0}" = 0 ] || printf -v line '%s %11s' "$line" "$(megabytes "$4")"
    end
    printf '%s\n' "${line%"${line##*[! ]}"}"
    for line in "${lines[@]}"; do printf '%-10s %s\n' '' "${line% }"; done
    [ -z "${ROWS:-}" ] || printf '%s\t%s\t%s\n' "$step" "${3:-0}" "${4:-0}" >>"$ROWS"
}
