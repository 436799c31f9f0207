#!/usr/bin/env bash
# step.sh WORDS COMMAND...: run a command quietly. One line with the seconds it took; what it printed
# comes out only if it fails (all of it), or if V=1 is set (as it comes).
set -uo pipefail
words=$1
shift
if [ -n "${V:-}" ]; then
    echo "$words: $*"
    exec "$@"
fi
mkdir -p build/tmp
log=$(mktemp build/tmp/step.XXXXXX)
trap 'rm -f "$log"' EXIT
began=$(date +%s%N)
"$@" >"$log" 2>&1 </dev/null
code=$?
tenths=$((($(date +%s%N) - began) / 100000000))
if [ "$code" = 0 ]; then
    printf '%-28s %5d.%d s\n' "$words" $((tenths / 10)) $((tenths % 10))
else
    cat "$log"
    printf '%-28s FAILED (exit %d, its output is above)\n' "$words" "$code"
fi
exit "$code"
