#!/usr/bin/env bash
# setup_deps.sh OLD NEW: bring yyjson and llhttp from Debian NEW to a Debian OLD that lacks them.
#
# They land in build/deps as static libraries with .pc files, fetched as tools/other_suite.sh does.
# See the decision on Debian 12's libraries in docs/decisions. Quick and silent when the stamp says
# that it is done.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/row.sh
. tools/other_suite.sh
old=$1 new=$2
apt=$PWD/build/apt deps=$PWD/build/deps
recipe="recipe 1, from Debian $new" # raise the number when what is made here changes

if [ -e "$deps/stamp" ]; then
    read -r line <"$deps/stamp"
    [ "$line" != "$recipe" ] || exit 0
fi

die() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

fail() {
    end
    grep -E '^(E|Err):?' "$apt/log" | tail -n 8 >&2 || tail -n 8 "$apt/log" >&2
    die "could not $1" "$2" "the whole of what apt said is in $apt/log"
}

began=$(now)
begin setup "llhttp and yyjson from Debian $new"
rm -rf "$deps.new"
mkdir -p "$deps.new"/{include,lib/pkgconfig}
suite_begin ||
    die "nothing in /etc/apt serves the main part of $old, so where to find $new is not known" \
        'add the usual Debian source again, then run it again'

# A source of somebody else's may have no such suite, and then apt's word for the whole is "failed":
# what counts is whether the two packages can be had.
apt_get update || :
cd "$apt/get"
apt_get download libllhttp-dev ||
    fail "get llhttp from Debian $new" 'is there a network, and does the mirror in /etc/apt carry it?'
# The packaged yyjson has no static library: build the released source.
apt_get source --download-only --tar-only yyjson ||
    fail "get yyjson's source from Debian $new" 'does the mirror in /etc/apt carry source packages?'

dpkg -x libllhttp-dev_*.deb "$apt/x"
mkdir "$apt/x/yyjson"
tar -xf yyjson_*.orig.tar.* -C "$apt/x/yyjson" --strip-components=1
cp "$apt/x/usr/include/llhttp.h" "$apt/x/yyjson/src/yyjson.h" "$deps.new/include/"
cp "$(find "$apt/x/usr" -name libllhttp.a)" "$deps.new/lib/"
gcc -O2 -fPIC -DNDEBUG -c "$apt/x/yyjson/src/yyjson.c" -o "$apt/x/yyjson.o" 2>>"$apt/log" ||
    fail 'compile yyjson' 'is gcc whole?'
ar rcs "$deps.new/lib/libyyjson.a" "$apt/x/yyjson.o"

version_of() { # package: 9.2.1 from libllhttp-dev_9.2.1~7.3.0+..., 0.10.0 from yyjson_0.10.0+ds...
    local file
    file=$(ls "$1"_*)
    file=${file#*_}
    printf '%s\n' "${file%%[~+_-]*}"
}
pc() { # name, library, version
    # shellcheck disable=SC2016 # these are for pkg-config
    printf '%s\n' 'prefix=${pcfiledir}/../..' '' "Name: $1" "Description: $1 for hearth, static" \
        "Version: $3" 'Libs: -L${prefix}/lib -l'"$2" 'Cflags: -I${prefix}/include' \
        >"$deps.new/lib/pkgconfig/$1.pc"
}
llhttp=$(version_of libllhttp-dev) yyjson=$(version_of yyjson)
pc libllhttp llhttp "$llhttp"
pc yyjson yyjson "$yyjson"
printf '%s\n' "$recipe" "llhttp $llhttp" "yyjson $yyjson" >"$deps.new/stamp"
cd ../..
rm -rf "$deps" && mv "$deps.new" "$deps"
row setup "llhttp $llhttp and yyjson $yyjson from Debian $new, into build/deps" $(($(now) - began)) \
    "$(fetched "$apt/log")"
rm -rf "$apt"
