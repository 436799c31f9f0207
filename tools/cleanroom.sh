#!/usr/bin/env bash
# cleanroom.sh [-s SUITE] [-d FOLDER] [-u] [REPOSITORY [COMMAND...]]: prove that a command works
# from nothing.
#
# Makes a minimal Debian (bookworm unless -s says otherwise) with only git, make and certificates in
# a folder, enters it with namespaces of its own, clones the repository (this one) and runs the
# command (make check) twice: the second time nothing may be installed. With -u it runs as a plain
# user who has sudo. Prints the times and ends with the command's exit code.
#
# Needs root, debootstrap and several minutes, so it is no part of make check. The folder (a new one
# in build/, or -d) and every mount are removed at the end, also after a failure.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
suite=bookworm folder='' user=''

usage() {
    sed -n '2,3p' "$0" | sed 's/^# //' >&2
    exit 2
}
while getopts s:d:u flag; do
    case $flag in
        s) suite=$OPTARG ;;
        d) folder=$OPTARG ;;
        u) user=tester ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))
repository=$(cd "${1:-$top}" && pwd)
[ $# = 0 ] || shift
[ $# -gt 0 ] || set -- make check
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
        "$0" -s "$suite" ${user:+-u} "$repository" "$@" || code=$?
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
echo "cleanroom: $suite, $(ls "$room/var/lib/dpkg/info"/*.list | wc -l) packages, made in $((SECONDS - began)) s"

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

enter=(env -i HOME=/root "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" LANG=C.UTF-8)
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
    again=$(grep '^setup:' /run/said) || again=''
done
if [ -n "$again" ]; then
    echo "cleanroom: the second run still set something up" >&2
    exit 1
fi
