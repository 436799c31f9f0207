#!/usr/bin/env bash
# step.sh "STEP WORDS" COMMAND...: run a command quietly. One line with the seconds it took; what it
# printed comes out only if it fails (all of it), or if V=1 is set (as it comes).
set -uo pipefail
. tools/row.sh
words=$1
shift
if [ -n "${V:-}" ]; then
    echo "$words: $*"
    exec "$@"
fi
mkdir -p build/tmp
log=$(mktemp build/tmp/step.XXXXXX)
trap 'rm -f "$log"' EXIT
began=$(now)
begin "${words%% *}" "${words#* }"
"$@" >"$log" 2>&1 </dev/null
code=$?
if [ "$code" = 0 ]; then
    row "${words%% *}" "${words#* }" $(($(now) - began))
else
    end
    cat "$log"
    printf '%-10s %s FAILED (exit %d, its output is above)\n' "${words%% *}" "${words#* }" "$code"
fi
exit "$code"
