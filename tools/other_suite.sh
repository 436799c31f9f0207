# shellcheck shell=bash
# other_suite.sh: sourced by tools that bring something from another suite of Debian's. apt does the
# fetching and checks the signatures, but under a state folder of its own: the machine's sources,
# lists and packages stay as they are, and root is not needed. The mirror and its key are those of
# the machine's own configuration, with the suite's name changed.
#
# The tool sets `apt` to the folder, which is made anew, and `old` and `new` to the suites' names;
# then suite_begin, and apt_get with what apt-get takes. What apt says is in $apt/log.

suite_begin() { # fails when the machine has no source that serves OLD's main part
    rm -rf "$apt"
    mkdir -p "$apt"/{apt.conf.d,sources.list.d,lists/partial,cache/archives/partial,get,x}
    : >"$apt/status"
    : >"$apt/log"
    suite_settings
    suite_sources >"$apt/sources.list.d/hearth.sources"
    [ -s "$apt/sources.list.d/hearth.sources" ]
}

apt_get() {
    APT_CONFIG=$apt/apt.conf LC_ALL=C apt-get -q "$@" >>"$apt/log" 2>&1 </dev/null
}

# Prints, in apt's stanza form, every source of the machine that serves OLD's main part, pointing at
# NEW. Both forms that apt reads are understood; a key written inside a stanza is carried along.
suite_sources() {
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
suite_settings() {
    cp /etc/apt/apt.conf.d/* "$apt/apt.conf.d/" 2>/dev/null || :
    printf '%s;\n' '#clear APT::Update' 'Dir::Etc::SourceList "/dev/null"' \
        "Dir::Etc::SourceParts \"$apt/sources.list.d\"" 'Dir::Etc::PreferencesParts "/dev/null"' \
        "Dir::State \"$apt\"" "Dir::State::Lists \"$apt/lists\"" \
        "Dir::State::status \"$apt/status\"" "Dir::Cache \"$apt/cache\"" \
        "APT::Sandbox::User \"$(id -un)\"" 'Acquire::Languages "none"' 'Acquire::Retries "2"' \
        >"$apt/apt.conf.d/zz-hearth"
    printf 'Dir::Etc::Parts "%s";\n' "$apt/apt.conf.d" >"$apt/apt.conf"
}
