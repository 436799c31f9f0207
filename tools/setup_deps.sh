#!/usr/bin/env bash
# setup_deps.sh OLD NEW: bring yyjson and llhttp from Debian NEW to a Debian OLD that lacks them.
#
# They land in build/deps as static libraries with .pc files. apt does the fetching and checks the
# signatures, but under a state folder of its own in build/apt: the machine's sources, lists and
# packages stay as they are, and root is not needed. The mirror and its key are those of the
# machine's own configuration, with the suite's name changed. See the decision on Debian 12's
# libraries in docs/decisions. Quick and silent when the stamp says that it is done.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/row.sh
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

# Prints, in apt's stanza form, every source of the machine that serves OLD's main part, pointing at
# NEW. Both forms that apt reads are understood; a key written inside a stanza is carried along.
sources() {
    local file
    for file in /etc/apt/sources.list.d/*.sources; do
        [ ! -r "$file" ] || awk -v old="$old" -v new="$new" '
            function flush() {
                if (binary && suite && main && !off) {
                    printf "Types: deb deb-src\nSuites: %s\nComponents: main\n%s", new, kept
                    print "Targets: Packages Sources\n"
                }
                binary = suite = main = off = 0
                kept = field = ""
            }
            function has(word, i) {
                for (i = 2; i <= NF; i++)
                    if ($i == word) return 1
                return 0
            }
            /^#/ { next }
            /^[ \t]*$/ { flush(); next }
            /^[^ \t]/ { field = tolower($1) }
            field == "types:" { binary = binary || has("deb"); next }
            field == "suites:" { suite = suite || has(old); next }
            field == "components:" { main = main || has("main"); next }
            field == "enabled:" { off = tolower($2) == "no"; next }
            field == "targets:" || field == "architectures:" { next }
            { kept = kept $0 "\n" }
            END { flush() }' "$file"
    done
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | awk -v old="$old" -v new="$new" '
        $1 != "deb" { next }
        {
            key = trusted = ""
            if (match($0, /\[[^]]*\]/)) {
                n = split(substr($0, RSTART + 1, RLENGTH - 2), option, " ")
                for (i = 1; i <= n; i++) {
                    if (option[i] ~ /^signed-by=/) key = substr(option[i], 11)
                    if (option[i] ~ /^trusted=/) trusted = substr(option[i], 9)
                }
                $0 = substr($0, 1, RSTART - 1) substr($0, RSTART + RLENGTH)
            }
            main = 0
            for (i = 4; i <= NF && $i !~ /^#/; i++)
                if ($i == "main") main = 1
            if ($3 != old || !main) next
            gsub(/,/, " ", key)
            printf "Types: deb deb-src\nURIs: %s\nSuites: %s\nComponents: main\n", $2, new
            if (key != "") print "Signed-By: " key
            if (trusted != "") print "Trusted: " trusted
            print "Targets: Packages Sources\n"
        }' || :
}

# The machine's own settings (a proxy, say) hold; its hooks after an update do not run, and ours come
# last. apt reads the folder in the order of the names.
write_settings() {
    cp /etc/apt/apt.conf.d/* "$apt/apt.conf.d/" 2>/dev/null || :
    printf '%s;\n' '#clear APT::Update' 'Dir::Etc::SourceList "/dev/null"' \
        "Dir::Etc::SourceParts \"$apt/sources.list.d\"" 'Dir::Etc::PreferencesParts "/dev/null"' \
        "Dir::State \"$apt\"" "Dir::State::Lists \"$apt/lists\"" \
        "Dir::State::status \"$apt/status\"" "Dir::Cache \"$apt/cache\"" \
        "APT::Sandbox::User \"$(id -un)\"" 'Acquire::Languages "none"' 'Acquire::Retries "2"' \
        >"$apt/apt.conf.d/zz-hearth"
    printf 'Dir::Etc::Parts "%s";\n' "$apt/apt.conf.d" >"$apt/apt.conf"
}

apt_get() {
    APT_CONFIG=$apt/apt.conf LC_ALL=C apt-get -q "$@" >>"$apt/log" 2>&1 </dev/null
}

fail() {
    end
    grep -E '^(E|Err):?' "$apt/log" | tail -n 8 >&2 || tail -n 8 "$apt/log" >&2
    die "could not $1" "$2" "the whole of what apt said is in $apt/log"
}

began=$(now)
begin setup "llhttp and yyjson from Debian $new"
rm -rf "$apt" "$deps.new"
mkdir -p "$apt"/{apt.conf.d,sources.list.d,lists/partial,cache/archives/partial,get,x} "$deps.new"/{include,lib/pkgconfig}
: >"$apt/status"
: >"$apt/log"
write_settings
sources >"$apt/sources.list.d/hearth.sources"
[ -s "$apt/sources.list.d/hearth.sources" ] ||
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
