/* debian_test: an install from a mirror that is a folder of the test's, with the real apt and
 * dpkg but without a network. The program in the package is none that runs: what becomes of it
 * is the probe's word; here it is what is fetched, checked and unpacked. Skipped where there is
 * no apt. */
#include "pack/testing.h"

#include "crypt/crypt.h"

static bool has_apt(void)
{
    return is_program("/usr/bin/apt-get") && is_program("/usr/bin/dpkg-deb");
}

static void run(const char *const *argv, char *into, size_t room)
{
    struct process p;
    const struct process_run r = {
        .plan = {.argv = argv, .environment = (const char *const *)environ}, .deadline_ms = 30000};
    assert_int_equal(process_run(&r, &p, NULL), OK);
    assert_int_equal(p.code, 0);
    struct slice line = process_last_line(text_slice(&p.out.text), NULL);
    if (into)
        snprintf(into, room, "%.*s", SLICE_ARG(line));
    process_fini(&p);
}

static void hash_of(struct place *p, const char *name, char hex[HASH_BYTES * 2 + 1], size_t *ret_n)
{
    struct text bytes = {0}, out = {0};
    unsigned char hash[HASH_BYTES];
    char path[256];
    snprintf(path, sizeof path, "%s/%s", p->path, name);
    assert_int_equal(os_read_file(AT_FDCWD, path, 1 << 20, &bytes, NULL), OK);
    assert_int_equal(crypt_sha256(text_slice(&bytes), hash), OK);
    crypt_hex((struct slice){(const char *)hash, sizeof hash}, &out);
    snprintf(hex, HASH_BYTES * 2 + 1, "%s", text_cstr(&out));
    *ret_n = bytes.len;
    text_fini(&bytes);
    text_fini(&out);
}

struct mirror { /* what is wrong with it */
    const char *origin, *until;
    bool forged;
};

static void put_release(struct place *p, const struct mirror *m, const char *arch)
{
    char hex[HASH_BYTES * 2 + 1], name[160];
    size_t n;
    struct text out = {0};
    snprintf(name, sizeof name, "mirror/dists/testing/main/binary-%s/Packages", arch);
    hash_of(p, name, hex, &n);
    text_format(&out,
                "Origin: %s\nSuite: testing\nCodename: next\nDate: Sat, 17 Oct 2020 08:29:31 UTC\n"
                "%s%s%sArchitectures: %s\nComponents: main\nSHA256:\n %s %zu "
                "main/binary-%s/Packages\n",
                m->origin, m->until ? "Valid-Until: " : "", m->until ? m->until : "",
                m->until ? "\n" : "", arch, hex, n, arch);
    put_file(p, "mirror/dists/testing/Release", text_cstr(&out), 0644);
    text_fini(&out);
}

/* A Debian with one source, and a mirror with one package that wants wget, which is not there. */
static void put_system(struct place *p, const struct mirror *m)
{
    static const char control[] = "Package: llama.cpp-tools\nVersion: 1:2.3.4+dfsg-5\n"
                                  "Architecture: all\nMaintainer: x\nDescription: x\n"
                                  "Depends: wget, debconf (>= 0.5)\n";
    char from[128], to[160], arch[32], hex[HASH_BYTES * 2 + 1], name[160];
    size_t n;
    struct text out = {0};
    run((const char *const[]){"dpkg", "--print-architecture", NULL}, arch, sizeof arch);
    put_file(p, "etc/os-release", "ID=debian\nVERSION_CODENAME=bookworm\n", 0644);
    put_file(p, "etc/apt/apt.conf.d/hook",
             "APT::Update::Post-Invoke {\"touch hook-ran\";};\nAPT::Install-Recommends \"true\";\n",
             0644);
    text_format(&out,
                "Types: deb\nURIs: copy:%s/mirror\nSuites: bookworm\nComponents: main\n"
                "Trusted: yes\n",
                p->path);
    put_file(p, "etc/apt/sources.list.d/x.sources", text_cstr(&out), 0644);
    put_file(p, "deb/DEBIAN/control", control, 0644);
    put_file(p, "deb/usr/bin/llama-server", "#!/nothing\n", 0755);
    put_file(p, "deb/usr/lib/x", "x", 0644);
    put_file(p, "deb/usr/share/doc/x/copyright", "x", 0644);
    put_file(p, "mirror/pool/x", "", 0644);
    snprintf(from, sizeof from, "%s/deb", p->path);
    snprintf(to, sizeof to, "%s/mirror/pool/llama.deb", p->path);
    run((const char *const[]){"dpkg-deb", "--root-owner-group", "-b", from, to, NULL}, NULL, 0);
    hash_of(p, "mirror/pool/llama.deb", hex, &n);
    text_clear(&out);
    text_format(&out, "%sFilename: pool/llama.deb\nSize: %zu\nSHA256: %s\n\n", control, n,
                m->forged ? "00000000000000000000000000000000000000000000000000000000000000ff"
                          : hex);
    snprintf(name, sizeof name, "mirror/dists/testing/main/binary-%s/Packages", arch);
    put_file(p, name, text_cstr(&out), 0644);
    text_fini(&out);
    put_release(p, m, arch);
}

static const struct pack_wish wish = {.engine = "llama.cpp"};

static void an_install(void **state)
{
    struct place *p = *state;
    struct pack_made made;
    struct why why = {0};
    if (!has_apt())
        skip();
    put_system(p, &(struct mirror){.origin = "Debian"});
    assert_int_equal(pack_install(&p->work, &wish, &made, &why), OK);
    assert_false(made.was_there);
    assert_int_equal(made.files, 1);
    assert_string_equal(made.pack->id, "llama.cpp-2.3.4-debian");
    assert_string_equal(made.pack->source, "debian testing");
    assert_true(is_there(p, "engines/llama.cpp-2.3.4-debian/root/usr/bin/llama-server"));
    assert_true(is_there(p, "engines/llama.cpp-2.3.4-debian/root/run/hearth"));
    assert_true(is_there(p, "engines/llama.cpp-2.3.4-debian/root/lib/x"));
    assert_false(is_there(p, "engines/llama.cpp-2.3.4-debian/root/usr/share/doc"));
    assert_false(is_there(p, "engines/llama.cpp-2.3.4-debian/apt"));
    assert_int_equal(entries_in(p, ".new"), 0);
    assert_int_not_equal(access("hook-ran", F_OK), 0); /* hooks are not for us */
    assert_null(strstr(text_cstr(&p->said), "over its date"));

    /* it cannot run, so the same is made again, beside; one that is well is not */
    bool bad = *made.pack->trouble != '\0';
    assert_true(bad || made.pack->used || !made.pack->probed);
    assert_int_equal(pack_install(&p->work, &wish, &made, &why), OK);
    assert_int_equal(made.was_there, !bad);
    assert_string_equal(made.pack->id, bad ? "llama.cpp-2.3.4-debian-2" : "llama.cpp-2.3.4-debian");
}

static void a_list_that_is_over_its_date(void **state)
{
    struct place *p = *state;
    struct pack_made made;
    struct why why = {0};
    if (!has_apt())
        skip();
    put_system(p, &(struct mirror){.origin = "Debian", .until = "Sat, 24 Oct 2020 08:29:31 UTC"});
    assert_int_equal(pack_install(&p->work, &wish, &made, &why), OK);
    if (!strstr(text_cstr(&p->said), "the mirror's list of Sat, 17 Oct 2020 08:29:31 UTC is over "
                                     "its date; used all the same"))
        fail_msg("said: %s", text_cstr(&p->said));
}

static void only_debians_own(void **state)
{
    struct place *p = *state;
    struct pack_made made;
    struct why why = {0};
    if (!has_apt())
        skip();
    put_system(p, &(struct mirror){.origin = "Somebody"});
    assert_int_not_equal(pack_install(&p->work, &wish, &made, &why), OK);
    assert_int_equal(entries_in(p, ".new") + entries_in(p, "llama"), 0);
}

static void a_package_that_is_not_what_the_list_says(void **state)
{
    struct place *p = *state;
    struct pack_made made;
    struct why why = {0};
    if (!has_apt())
        skip();
    put_system(p, &(struct mirror){.origin = "Debian", .forged = true});
    assert_int_equal(pack_install(&p->work, &wish, &made, &why), ERR_SYSTEM);
    assert_non_null(strstr(why.text, "apt says"));
    assert_int_equal(entries_in(p, ".new") + entries_in(p, "llama"), 0);
}

static void a_mirror_that_is_away(void **state)
{
    struct place *p = *state;
    struct pack_made made;
    struct why why = {0};
    char from[128], to[128];
    if (!has_apt())
        skip();
    put_system(p, &(struct mirror){.origin = "Debian"});
    snprintf(from, sizeof from, "%s/mirror", p->path);
    snprintf(to, sizeof to, "%s/away", p->path);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(pack_install(&p->work, &wish, &made, &why), ERR_SYSTEM);
    assert_int_equal(entries_in(p, ".new") + entries_in(p, "llama"), 0);
}

static void what_cannot_be_wished(void **state)
{
    struct place *p = *state;
    struct pack_made made;
    struct why why = {0};
    struct pack_wish other = {.engine = "other"};
    assert_int_equal(pack_install(&p->work, &other, &made, &why), ERR_BAD_REQUEST);
    other = (struct pack_wish){.engine = "llama.cpp", .flavour = "pink"};
    assert_int_equal(pack_install(&p->work, &other, &made, &why), ERR_BAD_REQUEST);
    other = (struct pack_wish){.engine = "llama.cpp", .suite = "x\nURIs: y"};
    assert_int_equal(pack_install(&p->work, &other, &made, &why), ERR_BAD_REQUEST);
    put_file(p, "etc/os-release", "ID=fedora\n", 0644);
    assert_int_equal(pack_install(&p->work, &wish, &made, &why), ERR_NOT_IMPLEMENTED);
    assert_non_null(strstr(why.text, "fedora"));
    assert_false(is_there(p, "engines"));
}

int main(void)
{
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, place_open, place_close)
    const struct CMUnitTest tests[] = {
        IN_PLACE(an_install),
        IN_PLACE(a_list_that_is_over_its_date),
        IN_PLACE(only_debians_own),
        IN_PLACE(a_package_that_is_not_what_the_list_says),
        IN_PLACE(a_mirror_that_is_away),
        IN_PLACE(what_cannot_be_wished),
    };
    return crypt_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
