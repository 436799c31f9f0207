#!/usr/bin/env bash
# setup.sh GROUP...: see that what a job needs is on this machine, and install what is missing.
#
# Says one line for each thing it does and nothing when there is nothing to do. What is there is
# judged by probing (a command, a pkg-config name, a file), never by a package database, so a
# self-built compiler counts too. On Debian and Ubuntu the missing packages come through apt, as
# root or with sudo; elsewhere it prints the line to type. Ends with 78 where it cannot install.
# It never adds or changes a package source of the machine.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/row.sh

# groups       probe               Debian, Ubuntu                     Fedora          Arch       Homebrew
#   "-" = nothing to install there; "PKG@bookworm" = only on Debian 12; "PKG@!bookworm" = not there.
#   Several packages for one probe are joined by a comma.
table='
build          cmd:gcc             gcc                                gcc             gcc        -
build          hdr:stdio.h         libc6-dev                          glibc-devel     glibc      -
build          cmd:meson           meson                              meson           meson      meson
build          cmd:ninja           ninja-build                        ninja-build     ninja      ninja
build          cmd:pkg-config      pkg-config                         pkgconf         pkgconf    pkgconf
build          cmd:xz              xz-utils@bookworm                  -               -          -
build          pc:libuv            libuv1-dev                         libuv-devel     libuv      libuv
build          pc:yaml-0.1         libyaml-dev                        libyaml-devel   libyaml    libyaml
build          pc:yyjson           libyyjson-dev@!bookworm            yyjson-devel    yyjson     yyjson
build          pc:libllhttp        libllhttp-dev@!bookworm            llhttp-devel    llhttp     llhttp
build          pc:libsodium        libsodium-dev                      libsodium-devel libsodium  libsodium
build          pc:libssl           libssl-dev                         openssl-devel   openssl    openssl@3
build          pc:sqlite3          libsqlite3-dev                     sqlite-devel    sqlite     sqlite
build          pc:zlib             zlib1g-dev                         zlib-devel      zlib       zlib
build          pc:libzstd          libzstd-dev                        libzstd-devel   zstd       zstd
build          pc:libedit          libedit-dev                        libedit-devel   libedit    libedit
run,check,bench cmd:bwrap           bubblewrap                         bubblewrap      bubblewrap -
check          cmd:python3         python3                            python3         python     python3
check,bench    py:pytest           python3-pytest                     python3-pytest  python-pytest  pytest
check          py:ensurepip        python3-venv                       -               -          -
check          cmd:vim             vim                                vim-enhanced    vim        vim
check          pc:cmocka           libcmocka-dev                      libcmocka-devel cmocka     cmocka
check          lib:asan            libgcc-12-dev@bookworm             libasan,libubsan -         -
check          cmd:curl            curl                               curl            curl       curl
check          cmd:strace          strace                             strace          strace     -
check          cmd:clang-format-14 clang-format-14@bookworm           -               -          -
check          cmd:chromium        chromium@bookworm                  chromium        chromium   -
check          cmd:chromium        chromium@trixie                    -               -          -
check,fuzz     cmd:clang           clang                              clang           clang      -
check,fuzz     run:clang_fuzzer    libclang-rt-dev                    compiler-rt     compiler-rt -
bench          cmd:python3         python3                            python3         python     python3
bench          cmd:nginx           nginx-light                        nginx           nginx      nginx
bench          cmd:haproxy         haproxy                            haproxy         haproxy    haproxy
'
# Groups that contain others.
contains='check=build fuzz=build bench=build'
# Programs that a package would start as a service: installed here as programs only.
services='nginx haproxy'

die() { # code, words...
    local code=$1
    shift
    printf 'setup: %s\n' "$@" >&2
    exit "$code"
}

# --- what is there -----------------------------------------------------------------------------

export PKG_CONFIG_PATH="$PWD/build/deps/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
PATH="$PATH:/usr/sbin:/sbin" # where a plain user's PATH does not look for nginx and haproxy
python=${PYTHON:-python3}
[ -n "${PYTHON:-}" ] || [ ! -x /usr/bin/python3 ] || python=/usr/bin/python3

lib_there() {
    local file
    file=$(gcc -print-file-name="lib$1.so" 2>/dev/null) && [ -e "$file" ]
}

clang_fuzzer() {
    local dir
    dir=$(clang -print-runtime-dir 2>/dev/null) || return 1
    set -- "$dir"/libclang_rt.fuzzer*.a "${dir%/*}"/*/libclang_rt.fuzzer*.a
    local file
    for file in "$@"; do [ ! -e "$file" ] || return 0; done
    return 1
}

there() { # probe
    local what=${1#*:}
    case $1 in
        cmd:*) command -v "$what" >/dev/null ;;
        hdr:*) [ "$system" = brew ] || [ -e "/usr/include/$what" ] ;;
        pc:*) pkg-config --exists "$what" 2>/dev/null ;;
        py:*) "$python" -c "import importlib.util as u, sys; sys.exit(not u.find_spec('$what'))" \
            2>/dev/null ;;
        lib:*) [ "$system" = brew ] || lib_there "$what" ;;
        run:*) "$what" ;;
    esac
}

# --- which system ------------------------------------------------------------------------------

find_system() { # sets system (a column), codename, pretty
    local ID='' ID_LIKE='' VERSION_CODENAME='' PRETTY_NAME=''
    system=other codename='' pretty='this system'
    if [ "$(uname -s)" = Darwin ]; then
        system=brew pretty=macOS
        return
    fi
    # shellcheck source=/dev/null
    [ ! -r /etc/os-release ] || . /etc/os-release
    codename=$VERSION_CODENAME pretty=${PRETTY_NAME:-this system}
    case " $ID $ID_LIKE " in
        *' debian '* | *' ubuntu '*) system=apt ;;
        *' fedora '* | *' rhel '*) system=dnf ;;
        *' arch '*) system=pacman ;;
    esac
    [ "$ID" = debian ] || codename="not-debian-$codename"
}

packages_of() { # the table's cells after the probe: prints the packages this system needs
    local cell
    case $system in
        dnf) cell=$2 ;;
        pacman) cell=$3 ;;
        brew) cell=$4 ;;
        *) cell=$1 ;;
    esac
    case $cell in
        -) return ;;
        *@!*) [ "$codename" != "${cell#*@!}" ] || return 0 ;;
        *@*) [ "$codename" = "${cell#*@}" ] || return 0 ;;
    esac
    cell=${cell%%@*}
    printf '%s ' "${cell//,/ }"
}

# --- installing --------------------------------------------------------------------------------

root_prefix() { # prints "" or "sudo"; fails when neither root nor a usable sudo
    if [ "$(id -u)" = 0 ]; then
        return
    fi
    command -v sudo >/dev/null || return 1
    if sudo -n true 2>/dev/null || { [ -t 0 ] && [ -t 2 ]; }; then
        echo sudo
    else
        return 1
    fi
}

apt() { # what apt says goes to the log
    $sudo env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -o DPkg::Lock::Timeout=300 "$@" \
        >>"$log" 2>&1 </dev/null
}

# While a package is installed that would start a service, say no to the start, and do not let it
# start at the next boot either: a benchmark's proxy has no business on port 80.
hold_services() {
    local name
    for name in $services; do
        case " $missing " in *" $name"*) holds="$holds $name" ;; esac
    done
    policy=/usr/sbin/policy-rc.d
    if [ -z "$holds" ] || [ -e "$policy" ]; then
        policy=''
        return
    fi
    printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
    $sudo chmod 755 "$policy"
}

release_services() {
    local name
    [ -z "$policy" ] || $sudo rm -f "$policy"
    policy=''
    for name in $holds; do
        ! command -v systemctl >/dev/null || $sudo systemctl disable --quiet "$name" 2>/dev/null || :
    done
    holds=''
}

install_apt() {
    local line="apt-get update && apt-get install -y --no-install-recommends $missing" began
    began=$(now)
    if ! sudo=$(root_prefix); then
        command -v sudo >/dev/null && line="sudo sh -c '$line'" || line="as root: $line"
        die 78 "missing on $pretty: $missing" "install with:" "  $line"
    fi
    $sudo true # asks for the password now
    begin setup "apt brings $(wc -w <<<"$missing") packages"
    mkdir -p build
    log=$PWD/build/setup.log holds='' policy=''
    : >"$log"
    # A source that cannot be reached is no failure yet: what is wanted may come from another.
    apt update || :
    trap release_services EXIT
    hold_services
    # shellcheck disable=SC2086 # a list of words
    if ! apt install -y --no-install-recommends $missing; then
        end
        grep -E '^(E|W|Err)(:|[0-9])' "$log" | tail -n 12 >&2 || tail -n 12 "$log" >&2
        die 1 "apt could not install: $missing" \
            'is there a network, are the sources in /etc/apt right, and is dpkg in order' \
            "(dpkg --configure -a)? Then run it again. All that apt said: $log"
    fi
    release_services
    trap - EXIT
    row setup "$missing" $(($(now) - began)) "$(fetched "$log")"
    rm -f "$log"
}

tell_to_install() {
    case $system in
        dnf) die 78 "missing on $pretty; install with:" "  sudo dnf install $missing" ;;
        pacman) die 78 "missing on $pretty; install with:" "  sudo pacman -S --needed $missing" ;;
        brew) die 78 "missing on $pretty (not tested there); install with:" "  brew install $missing" ;;
        *) die 78 "missing on $pretty; install what it calls these Debian packages:" "  $missing" ;;
    esac
}

# --- the job -----------------------------------------------------------------------------------

wanted=" $* "
for pair in $contains; do
    case $wanted in *" ${pair%%=*} "*) wanted="$wanted${pair#*=} " ;; esac
done

find_missing() { # sets missing to the packages whose probes fail
    missing='' absent=''
    local groups probe cells group
    while read -r groups probe cells; do
        [ -n "$groups" ] || continue
        for group in ${groups//,/ }; do
            case $wanted in *" $group "*) ;; *) continue ;; esac
            # Where this system has no package for it, it is either not needed or comes otherwise.
            # shellcheck disable=SC2086
            cells=$(packages_of $cells)
            if [ -n "$cells" ] && ! there "$probe"; then
                missing="$missing$cells" absent="$absent$probe "
            fi
            break
        done
    done <<<"$table"
    missing=${missing% }
}

find_system
find_missing
if [ -n "$missing" ]; then
    if [ "$system" = apt ]; then install_apt; else tell_to_install; fi
    find_missing
    [ -z "$absent" ] || die 78 "installed, yet not found: ${absent% } (from $missing)" \
        'is another version of it first in PATH, or PKG_CONFIG_PATH set to hide it?'
fi
if [ "$codename" = bookworm ]; then
    case $wanted in *' build '*) tools/setup_deps.sh "$codename" trixie ;; esac
fi
