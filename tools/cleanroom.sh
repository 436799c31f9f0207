#!/usr/bin/env bash
# cleanroom.sh [-s SUITE] [-d FOLDER] [-u] [-a] [REPOSITORY [COMMAND...]]: prove that a command
# works from nothing.
#
# Makes a minimal Debian (bookworm unless -s says otherwise) with only git, make and certificates in
# a folder, enters it with namespaces of its own, clones the repository (this one) and runs the
# command (make check) twice: the second time nothing may be installed. With -u it runs as a plain
# user who has sudo. With -a the command is make up. What it ends in must be the screen that
# docs/screens/first-nothing.txt shows, but for figures; then curl, which is installed only for that,
# asks what README.md asks: a model in a sandbox must answer. Then make down, stores of other programs
# (files of holes), make up: docs/screens/first.txt; and make down must have ended all of it. Prints
# the times and ends with the command's exit code.
#
# The room shares this machine's network: port 8420 must be free, or HEARTH_LISTEN name another.
# Needs root, debootstrap and several minutes, so it is no part of make check. The folder (a new one
# in build/, or -d) and every mount are removed at the end, also after a failure.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
suite=bookworm folder='' user='' answer=''

usage() {
    sed -n '2,3p' "$0" | sed 's/^# //' >&2
    exit 2
}
while getopts s:d:ua flag; do
    case $flag in
        s) suite=$OPTARG ;;
        d) folder=$OPTARG ;;
        u) user=tester ;;
        a) answer=yes ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))
repository=$(cd "${1:-$top}" && pwd)
[ $# = 0 ] || shift
[ $# -gt 0 ] || if [ -n "$answer" ]; then set -- make up; else set -- make check; fi
[ "$(id -u)" = 0 ] || { echo 'cleanroom: needs root' >&2 && exit 77; }
command -v debootstrap >/dev/null || { echo 'cleanroom: needs debootstrap (apt-get install debootstrap)' >&2 && exit 78; }

if [ "${CLEANROOM_INSIDE:-}" = "" ]; then
    mkdir -p "$top/build"
    room=${folder:-$(mktemp -d "$top/build/cleanroom.XXXXXX")}
    mkdir -p "$room" && chmod 755 "$room"
    [ -z "$(ls -A "$room")" ] || { echo "cleanroom: $room is not empty" >&2 && exit 2; }
    # The mounts are made in a mount namespace of the child's own and go with it; what is left is a
    # plain folder.
    trap 'rm -rf --one-file-system "$room" "$room.log"' EXIT
    code=0
    CLEANROOM_INSIDE=$room unshare --mount --pid --fork --propagation private \
        "$0" -s "$suite" ${user:+-u} ${answer:+-a} "$repository" "$@" || code=$?
    exit "$code"
fi

# --- from here on in namespaces of our own -------------------------------------------------------

room=$CLEANROOM_INSIDE
unset CLEANROOM_INSIDE
began=$SECONDS
log=$room.log

# The first source of this machine that serves Debian's main part: where the mirror is.
mirror=$(
    {
        cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed -n 's/^URIs: *\([^ ]*\).*/\1/p'
        cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
            sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\).*/\2/p' || :
    } | grep -m1 '/debian/*$'
) || { echo 'cleanroom: no Debian mirror in /etc/apt' >&2 && exit 1; }

debootstrap --variant=minbase --include="git,make,ca-certificates${user:+,sudo}" \
    "$suite" "$room" "$mirror" >"$log" 2>&1 || { tail -n 20 "$log" >&2 && exit 1; }

# What this machine needs to reach the mirror: its resolver, its proxy settings, its certificates.
cp /etc/resolv.conf /etc/hosts "$room/etc/"
grep -lsE '^ *Acquire::(http|https|Check|Retries|ForceIPv)' /etc/apt/apt.conf.d/* |
    xargs -r cp -t "$room/etc/apt/apt.conf.d/"
if [ -n "$(ls /usr/local/share/ca-certificates 2>/dev/null)" ]; then
    cp -r /usr/local/share/ca-certificates/. "$room/usr/local/share/ca-certificates/"
fi
printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$mirror" "$suite" \
    /usr/share/keyrings/debian-archive-keyring.gpg >"$room/etc/apt/sources.list.d/debian.sources"
: >"$room/etc/apt/sources.list"

git clone -q "$repository" "$room/srv/hearth"
echo "cleanroom: $suite, $(grep -c '^Package:' "$room/var/lib/dpkg/status") packages, made in $((SECONDS - began)) s"

mount --bind "$room" "$room"
mkdir -p "$room"/{proc,sys,dev,tmp,old}
mount -t proc proc "$room/proc"
mount -t sysfs -o ro sysfs "$room/sys" 2>/dev/null || mount --rbind /sys "$room/sys"
mount --rbind /dev "$room/dev"
mount -t tmpfs -o mode=1777 tmpfs "$room/tmp"
mount -t tmpfs -o mode=755 tmpfs "$room/run"
cd "$room"
pivot_root . old
umount -l /old
rmdir /old

enter=(env -i HOME=/root "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" LANG=C.UTF-8
    ${HEARTH_LISTEN:+"HEARTH_LISTEN=$HEARTH_LISTEN"})
/usr/sbin/update-ca-certificates >/dev/null 2>&1 || :
if [ -n "$user" ]; then
    /usr/sbin/useradd -m -s /bin/bash "$user"
    echo "$user ALL=(ALL) NOPASSWD: ALL" >"/etc/sudoers.d/$user"
    chown -R "$user" /srv/hearth
    enter=(setpriv --reuid="$user" --regid="$user" --init-groups "${enter[@]}" "HOME=/home/$user")
fi
cd /srv/hearth

again='' code=0
for round in first second; do
    began=$SECONDS
    echo "cleanroom: $round run of: $*"
    "${enter[@]}" "$@" >/run/said 2>&1 </dev/null || code=$?
    cat /run/said
    echo "cleanroom: $round run took $((SECONDS - began)) s, exit code $code"
    [ "$code" = 0 ] || exit "$code"
    again=$(grep '^setup ' /run/said | grep -v 'nothing is missing') || again=''
done
if [ -n "$again" ]; then
    echo "cleanroom: the second run still set something up" >&2
    exit 1
fi
[ -n "$answer" ] || exit 0

fail() {
    echo "cleanroom: $1" >&2
    exit 1
}
engines() { # how many run in this namespace
    cat /proc/[0-9]*/comm 2>/dev/null | grep -c '^llama-server' || :
}
masked() { # as tests/scenarios/screens.py
    sed -E -e 's/hearth run ([^F]|F[^I])[^ ]*/hearth run NAME/' -e 's/[0-9]+([.,][0-9]+)*/#/g' \
        -e 's/\b(MB|GB)\b/B/g' -e 's/ {2,}/  /g' -e 's/ +$//'
}
screen() { # name: the end of what was said must be the screen of that name
    sed -n '/^found /,$p' /run/said | masked >/run/seen
    masked <"docs/screens/$1.txt" | diff - /run/seen || fail "the screen is not docs/screens/$1.txt"
    echo "cleanroom: the screen is docs/screens/$1.txt"
}
stores() { # what Ollama, LM Studio and Hugging Face leave; no byte of it takes room
    local home=$1 n digest
    for n in 2 5; do
        digest=$(printf '%064d' "$n")
        mkdir -p "$home"/.ollama/models/{blobs,manifests/registry.ollama.ai/library/"model$n"}
        truncate -s "${n}GB" "$home/.ollama/models/blobs/sha256-$digest"
        printf '{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:%s"}]}' \
            "$digest" >"$home/.ollama/models/manifests/registry.ollama.ai/library/model$n/latest"
    done
    mkdir -p "$home"/.lmstudio/models/publisher/{One,Two}-GGUF
    truncate -s 4GB "$home/.lmstudio/models/publisher/One-GGUF/One-Q4_0.gguf"
    truncate -s 5GB "$home/.lmstudio/models/publisher/Two-GGUF/Two-Q4_0.gguf"
    mkdir -p "$home/.cache/huggingface/hub/models--org--name/snapshots/c"
    truncate -s 1MB "$home/.cache/huggingface/hub/models--org--name/snapshots/c/name-Q8_0.gguf"
}
screen first-nothing
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends curl >/run/curl.log 2>&1 ||
    fail "curl could not be installed: $(tail -n 1 /run/curl.log)"
address=$(sed -nE 's/^ready +([^ ]+).*/\1/p' /run/said)
said=$("${enter[@]}" curl -sS --max-time 60 "$address/v1/chat/completions" \
    -H 'Content-Type: application/json' \
    -d '{"messages": [{"role": "user", "content": "What is hearth?"}]}') || :
echo "cleanroom: curl got $said"
[[ $said == *'"content":"'?*'"finish_reason":"stop"'* ]] || fail 'no model answers'
[ "$(engines)" = 1 ] || fail "$(engines) engines run, not one"
status=$("${enter[@]}" build/release/hearth status --json)
[[ $status == *'"sandbox":"bubblewrap"'* ]] || fail 'the engine is in no sandbox'
"${enter[@]}" make down
"${enter[@]}" bash -c "$(declare -f stores); stores \"\$HOME\""
"${enter[@]}" make up >/run/said 2>&1 </dev/null || fail "with stores: $(tail -n 3 /run/said)"
cat /run/said
screen first
"${enter[@]}" make down
[ "$(engines)" = 0 ] || fail 'an engine is left'
echo 'cleanroom: a model answered, and all of it has ended'
