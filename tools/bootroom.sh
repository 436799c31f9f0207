#!/usr/bin/env bash
# bootroom.sh [-b FOLDER] [-e ENGINES]: prove that the service comes back after a restart of the machine.
#
# Boots systemd on a copy of this machine's root that lies in memory (an overlay: nothing here is
# changed), in namespaces of its own and without a network but its loopback. There, as a plain user:
# installs the service, has it serve a model whose engine is in a sandbox, restarts hearth through
# it, kills it, breaks its configuration; reboots, and expects all of it to be there again, with
# lingering, without a login; and takes it away. With -e the engine is the real one of that folder (a
# data/engines, after `hearth engines install llama.cpp`), and the model a generated one; else it is the tests' fake engine, of build/check. hearth itself is the
# one in FOLDER (build/release).
#
# Needs root, systemd with its user manager (libpam-systemd), bubblewrap and a minute; no part of
# make check. Ends with 0 when all was as it should be, and prints what was seen.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/release pack=''
while getopts b:e: flag; do
    case $flag in
        b) build=$OPTARG ;;
        e) pack=$(cd "$OPTARG" && pwd) ;;
        *) sed -n '2s/^# //p' "$0" >&2 && exit 2 ;;
    esac
done
build=$(cd "$build" && pwd)
[ "$(id -u)" = 0 ] || { echo 'bootroom: needs root' >&2 && exit 77; }
for it in /lib/systemd/systemd /usr/bin/bwrap; do
    [ -x "$it" ] || { echo "bootroom: needs $it" >&2 && exit 78; }
done

# What a sanitizer does at a program's end is none of the calls that the unit permits: it would hang.
if grep -q __asan_init "$build/hearth"; then
    echo "bootroom: $build is built with sanitizers, which the unit does not permit; take build/release" >&2
    exit 2
fi

# A mount namespace of our own keeps the room through its reboots, and takes it away at the end.
if [ -z "${BOOTROOM:-}" ]; then
    room=$(mktemp -d /tmp/bootroom.XXXXXX)
    trap 'rmdir "$room"' EXIT
    code=0
    BOOTROOM=$room unshare --mount --propagation private "$0" -b "$build" ${pack:+-e "$pack"} || code=$?
    exit "$code"
fi
room=$BOOTROOM
mount -t tmpfs -o mode=755 bootroom "$room"
mkdir "$room"/{upper,work,root}
mount -t overlay -o "lowerdir=/,upperdir=$room/upper,workdir=$room/work" bootroom "$room/root"
root=$room/root user=roomer uid=4242 init='' boots=0

say() { echo "bootroom: $*"; }
fail() {
    echo "bootroom: $*" >&2
    exit 1
}

# ---- the room ----

furnish() {
    local unit
    : >"$root/etc/fstab"
    echo bootroom >"$root/etc/hostname"
    # Nothing of this machine's own is started: what it has enabled is hidden.
    mkdir -p "$room/units" "$room/lingers" "$root/var/lib/systemd/linger" "$root/home/$user"
    mount --bind "$room/units" "$root/etc/systemd/system"
    mount --bind "$room/lingers" "$root/var/lib/systemd/linger"
    for unit in systemd-udevd.service systemd-udev-trigger.service systemd-networkd.service \
        systemd-resolved.service apparmor.service ldconfig.service systemd-timesyncd.service; do
        ln -s /dev/null "$root/etc/systemd/system/$unit"
    done
    cat >"$root/etc/systemd/system/bootroom.target" <<'END'
[Unit]
Requires=basic.target
Wants=systemd-logind.service systemd-user-sessions.service polkit.service
After=basic.target
AllowIsolate=yes
END
    echo "$user:x:$uid:$uid::/home/$user:/bin/bash" >>"$root/etc/passwd"
    echo "$user:x:$uid:" >>"$root/etc/group"
    echo "gpus:x:4243:$user" >>"$root/etc/group"
    echo "$user:*:19000:0:99999:7:::" >>"$root/etc/shadow"
    install -D -m 755 -t "$root/opt/hearth" "$build/hearth" "$build/hearth-bridge"
    if [ -n "$pack" ]; then
        mkdir -p "$root/home/$user/.local/share/hearth"
        cp -r "$pack" "$root/home/$user/.local/share/hearth/engines"
    else
        install -D -m 755 build/check/tests/fake_engine/fake_engine "$root/opt/pack/llama-server"
    fi
    chown -R "$uid:$uid" "$root/home/$user"
    chmod 700 "$root/home/$user" "$root/home/$user/.local/share/hearth" 2>/dev/null || :
}

# PID 1 of the room: its own processes, mounts, control groups, names and network.
boot() {
    boots=$((boots + 1))
    unshare --mount --pid --fork --uts --ipc --net --cgroup --propagation private bash -euc '
        root=$1
        mount -t proc proc "$root/proc"
        mount -t sysfs -o ro sysfs "$root/sys"
        mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
        mount -t tmpfs -o mode=755 dev "$root/dev"
        mkdir "$root"/dev/{pts,shm}
        mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
        ln -s pts/ptmx "$root/dev/ptmx"
        mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
        for node in null zero full random urandom tty; do
            : >"$root/dev/$node"
            mount --bind "/dev/$node" "$root/dev/$node"
        done
        ln -s /proc/self/fd "$root/dev/fd"
        mknod "$root/dev/gpu" c 1 5 # zeros, for one group only: as a GPU is
        chown 0:4243 "$root/dev/gpu"
        chmod 660 "$root/dev/gpu"
        mount -t tmpfs -o mode=755 run "$root/run"
        mount -t tmpfs -o mode=1777 tmp "$root/tmp"
        mkdir "$root/tmp/old"
        hostname bootroom
        ip link set lo up 2>/dev/null || :
        cd "$root"
        pivot_root . tmp/old
        umount -l /tmp/old
        rmdir /tmp/old
        exec env -i container=bootroom PATH=/usr/sbin:/usr/bin:/sbin:/bin \
            /lib/systemd/systemd --unit=bootroom.target --log-target=console
    ' bash "$root" >"$room/console.$boots" 2>&1 </dev/null &
    local outer=$! i
    for ((i = 0; i < 300; i++)); do
        init=$(pgrep -P "$outer" 2>/dev/null | head -n 1) || init=''
        if [ -n "$init" ] && inside systemctl is-active --quiet bootroom.target 2>/dev/null; then
            runner=$outer
            say "boot $boots: systemd is up ($(inside systemctl --version | head -n 1))"
            return
        fi
        kill -0 "$outer" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 40 "$room/console.$boots" >&2
    fail 'systemd did not come up'
}

inside() { # as root
    nsenter -t "$init" --mount --pid --uts --ipc --net --cgroup --root --wd -- \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
}
as_user() {
    inside setpriv --reuid="$uid" --regid="$uid" --clear-groups \
        env HOME="/home/$user" USER="$user" PATH=/opt/hearth:/usr/bin:/bin \
        "XDG_RUNTIME_DIR=/run/user/$uid" ASAN_OPTIONS=detect_leaks=0 "$@"
}
shut_down() { # the room ends; its files stay
    inside systemctl --no-block poweroff || :
    wait "$runner" || :
}
trap '[ -z "$init" ] || kill -9 "$init" 2>/dev/null || :' EXIT

until_ok() { # so many tenths of a second, command
    local i tenths=$1
    shift
    for ((i = 0; i < tenths; i++)); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    return 1
}

asks() { # one chat request, answered by the model of the room
    as_user bash -c 'exec 3<>/dev/tcp/127.0.0.1/8420
        body='"'"'{"model":"m","max_tokens":4,"messages":[{"role":"user","content":"hi"}]}'"'"'
        printf "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${#body}\r\n\r\n$body" >&3
        timeout 60 cat <&3' | grep -q '"finish_reason":"'
}
main_pid() { as_user systemctl --user show -P MainPID hearth.service; }
status_has() { as_user hearth status --json | grep -q "$1"; }

# ---- what is to be shown ----

furnish
boot
inside loginctl enable-linger "$user"
until_ok 100 as_user systemctl --user is-active --quiet default.target || fail 'no user manager'
inside loginctl disable-linger "$user" # whoever logs in has one; it is to be seen what --linger does
until_ok 50 inside test ! -e "/run/user/$uid/systemd/private" || :
inside systemctl start "user@$uid.service"

if [ -n "$pack" ]; then
    as_user hearth up --detach --example >/dev/null
    as_user hearth down >/dev/null
    model=$(inside sh -c "ls /home/$user/.local/share/hearth/*.gguf | head -n 1")
else
    as_user hearth engines add /opt/pack >/dev/null || fail 'the fake engine was not taken'
    as_user sh -c 'printf GGUF >~/model.gguf'
    model=/home/$user/model.gguf
fi
as_user hearth models add "$model" --name m >/dev/null

as_user mkdir "/home/$user/.aws"
as_user sh -c 'echo secret | tee ~/.aws/credentials >~/.netrc'
as_user hearth up --detach >/dev/null
as_user hearth service install --linger >"$room/said" || fail 'it was not installed'
grep 'started by hand' "$room/said" || fail 'it does not tell of the one that was started by hand'
as_user systemctl --user start hearth.service 2>/dev/null && fail 'a second daemon was started'
as_user hearth status >/dev/null || fail 'a start that failed took away the sockets of the daemon that runs'
as_user hearth restart || fail 'it was not handed over'
unit=/home/$user/.config/systemd/user/hearth.service
as_user systemd-analyze --user --no-pager verify "$unit" || fail 'systemd finds fault with the unit'
as_user systemd-analyze --user --no-pager security --offline=true "$unit" | tail -n 1
status_has '"service":"hearth.service"' || fail 'status does not say whose it is'
asks || fail 'the model does not answer'
status_has '"sandbox":"bubblewrap"' || fail 'the engine is in no sandbox'
say 'the service answers, its engine is in a sandbox'
pid=$(main_pid)
say "as the kernel sees it: $(inside grep -E '^(NoNewPrivs|Seccomp|CapBnd):' "/proc/$pid/status" | tr '\t\n' '  ')"

inside grep -q secret "/home/$user/.netrc" || fail 'there is nothing to keep from it'
inside grep -qr secret "/proc/$pid/root/home/$user/.aws" "/proc/$pid/root/home/$user/.netrc" 2>/dev/null &&
    fail 'it may read what is kept for other programs'

walls=$(inside sed -nE 's/^((Private|Protect)[A-Za-z]+|CapabilityBoundingSet|NoNewPrivileges|Restrict[A-Za-z]+)=(.*)/-p\1=\3/p' "$unit")
mapfile -t walls <<<"$walls"
as_user systemd-run --user --quiet --collect -pType=oneshot "${walls[@]}" bwrap --unshare-all \
    --ro-bind / / --dev /dev --dev-bind /dev/gpu /dev/gpu --proc /proc \
    dd if=/dev/gpu of=/dev/null bs=1 count=1 || fail 'a device of the group is not to be had'
say "a sandbox behind the unit's ${#walls[@]} walls has a device that is its group's"

as_user hearth restart || fail 'restart'
[ "$(main_pid)" != "$pid" ] && [ "$(main_pid)" != 0 ] || fail 'restart left the old one'
pid=$(main_pid)
inside kill -9 "$pid"
until_ok 100 status_has '"service":"hearth.service"' || fail 'it was not started again after kill -9'
[ "$(main_pid)" != "$pid" ] || fail 'it is the one that was killed'
asks || fail 'the model does not answer after kill -9'
say 'restarted, and after kill -9 there again'
as_user hearth reload >/dev/null || fail 'reload'
as_user systemctl --user reload hearth.service || fail 'reload by systemd'

as_user hearth down || fail 'down'
[ "$(as_user systemctl --user is-active hearth.service)" = inactive ] || fail 'down left it active'
as_user hearth status >/dev/null 2>&1 && fail 'down left it answering'
as_user sh -c 'echo "nonsense: 1" >~/.config/hearth/hearth.yaml'
code=0
as_user hearth up >/dev/null 2>&1 || code=$?
[ "$code" = 78 ] || fail "a broken configuration ended with $code"
as_user rm "/home/$user/.config/hearth/hearth.yaml"
as_user hearth up || fail 'up'
as_user hearth backup "/home/$user/b.tar" >/dev/null || fail 'backup'
code=0
as_user hearth down >/dev/null
as_user hearth up --set log.level=debug >/dev/null 2>&1 || code=$?
[ "$code" = 2 ] || fail "settings of one run ended with $code"
as_user hearth up >/dev/null
say 'down and up speak to it'

shut_down
boot
until_ok 200 status_has '"service":"hearth.service"' || {
    as_user journalctl --user --no-pager -n 30 >&2 || :
    fail 'after the restart of the machine it is not there'
}
asks || fail 'after the restart of the machine the model does not answer'
status_has '"sandbox":"bubblewrap"' || fail 'after the restart of the machine: no sandbox'
say 'after the restart of the machine it answers, without a login'
as_user hearth service status

for verb in install rm; do
    code=0
    as_user env "HEARTH_HOME=/home/$user/other" hearth service $verb >/dev/null 2>&1 || code=$?
    [ "$code" = 75 ] || fail "service $verb of another home ended with $code"
done
as_user sh -c 'echo "trusted_uids: [self, 0]" >~/.config/hearth/hearth.yaml'
as_user hearth service install | grep 'no walls' || fail 'trusted users did not cost the walls'
as_user hearth restart >/dev/null || fail 'it does not start without walls'
asks || fail 'without walls the model does not answer'
status_has '"sandbox":"bubblewrap"' || fail 'without walls: no sandbox'
as_user hearth service rm || fail 'rm'
inside test ! -e "$unit" || fail 'the unit is left'
inside test ! -e "/home/$user/.config/systemd" || fail 'folders are left'
inside test ! -e "/var/lib/systemd/linger/$user" || fail 'lingering is left'
[ "$(inside sh -c 'cat /proc/[0-9]*/comm 2>/dev/null' | grep -cE '^(hearth|llama-server|bwrap)' || :)" = 0 ] || fail 'processes are left'
inside systemctl start "user@$uid.service" # a login: he has no manager without, now
as_user mkdir -p "/home/$user/.config/systemd/user"
as_user sh -c "echo '[Service]' >$unit"
code=0
as_user hearth service install >/dev/null 2>&1 || code=$?
[ "$code" = 77 ] || fail "over somebody else's unit: $code"
code=0
as_user hearth service rm >/dev/null 2>&1 || code=$?
[ "$code" = 77 ] && [ "$(inside cat "$unit")" = '[Service]' ] || fail "somebody else's unit was touched"
say "gone without a trace; somebody else's unit is left alone"
shut_down
say 'all was as it should be'
