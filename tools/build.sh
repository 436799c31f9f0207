#!/usr/bin/env bash
# build.sh FOLDER...: configure (once, or again when what is asked for has changed) and build
# build/release, build/check or build/fuzz. Nothing else in the repository calls meson setup.
set -euo pipefail
cd "$(dirname "$0")/.."

for folder in "$@"; do
    case $folder in
        # The product.
        release) compiler=${CC:-gcc} options='--buildtype=debugoptimized -Dtests=false -Dtest_endpoints=false' ;;
        # The same with sanitizers and the endpoints that tests need.
        check)
            compiler=${CC:-gcc}
            options='--buildtype=debugoptimized -Db_sanitize=address,undefined -Dtest_endpoints=true'
            ;;
        # libFuzzer, which only clang has.
        fuzz)
            compiler=clang
            options='--buildtype=debugoptimized -Db_lundef=false -Db_sanitize=address,undefined -Dtests=false -Dfuzz=true'
            ;;
        *) echo "build.sh: no such folder: $folder" >&2 && exit 2 ;;
    esac
    dir=build/$folder
    # meson does not look again at the defaults in project(), so a change there counts too.
    project=$(sed -n '/^project(/,/)$/p' meson.build | cksum)
    asked="$compiler $options ${CFLAGS:-} ${LDFLAGS:-} in $PWD, $project"
    if [ ! -e "$dir/build.ninja" ] || [ "$(cat "$dir/asked" 2>/dev/null)" != "$asked" ]; then
        rm -rf "$dir"
        # shellcheck disable=SC2086 # options are words
        CC=$compiler tools/step.sh "configure $folder" meson setup $options "$dir"
        printf '%s\n' "$asked" >"$dir/asked"
    fi
    tools/step.sh "build $folder" ninja -C "$dir"
done
