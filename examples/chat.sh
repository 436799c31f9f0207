#!/bin/sh
# chat.sh TEXT [MODEL]: one question, the answer as it streams, with curl alone. What comes are the
# raw events; stream.py makes text of them.
# HEARTH_URL says where hearth is; without a model it takes the first that it has.
set -eu
[ $# -ge 1 ] || { echo "usage: $0 TEXT [MODEL]" >&2; exit 2; }

json_string() { # quotes for JSON: backslash, quote, tab, line end
    printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e "s/$(printf '\t')/\\\\t/g" |
        awk '{ printf "%s%s", (NR > 1 ? "\\n" : ""), $0 }'
}

curl -sSN --fail-with-body "${HEARTH_URL:-http://127.0.0.1:8420}/v1/chat/completions" \
    -H 'Content-Type: application/json' \
    -d "{\"model\": \"$(json_string "${2:-}")\", \"stream\": true,
         \"messages\": [{\"role\": \"user\", \"content\": \"$(json_string "$1")\"}]}"
