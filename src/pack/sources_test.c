/* sources_test: what the machine's sources for apt become. */
#include "pack/testing.h"

#define DEBIAN "URIs: http://m/debian\n"
#define HEAD "Types: deb\nSuites: testing\nComponents: main\n"
#define TAIL "Targets: Packages\n\n"

static const struct {
    const char *name;
    bool lines;
    const char *text, *becomes;
} rows[] = {
    {"a stanza", false,
     "Types: deb\nURIs: http://m/debian\nSuites: bookworm bookworm-updates\nComponents: main\n"
     "Signed-By: /usr/share/keyrings/k.gpg\n",
     HEAD DEBIAN "Signed-By: /usr/share/keyrings/k.gpg\n" TAIL},
    {"comments, other case, a blank at the end, CRLF", false,
     "# old\ntypes: deb deb-src\r\nuris: http://m/debian\n# mirror: x\nSUITES: bookworm\n"
     "components: contrib main \n \n",
     HEAD "uris: http://m/debian\n" TAIL},
    {"a key inside is carried along", false,
     "Types: deb\nURIs: http://m/debian\nSuites: bookworm\nComponents: main\n"
     "Signed-By:\n -----BEGIN\n .\n abc\n -----END\n",
     HEAD DEBIAN "Signed-By:\n -----BEGIN\n .\n abc\n -----END\n" TAIL},
    {"words that go on in the next line", false,
     "Types: deb\nURIs: http://m/debian\nSuites:\n bookworm\n x\nComponents:\n main\n",
     HEAD DEBIAN TAIL},
    {"what is of this machine only is left out", false,
     "Types: deb\nURIs: http://m/debian\nSuites: stable\nComponents: main\nArchitectures: i386\n"
     "Languages: none\nTargets: Translations\n",
     HEAD DEBIAN TAIL},
    {"twice the same is once", false,
     "Types: deb\nURIs: http://m/debian\nSuites: sid\nComponents: main\n\n\n"
     "Types: deb\nURIs: http://m/debian\nSuites: testing\nComponents: main\n",
     HEAD DEBIAN TAIL},
    {"switched off", false,
     "Types: deb\nURIs: http://m/debian\nSuites: bookworm\nComponents: main\nEnabled: no\n", ""},
    {"source only", false,
     "Types: deb-src\nURIs: http://m/debian\nSuites: bookworm\nComponents: main\n", ""},
    {"security alone", false,
     "Types: deb\nURIs: http://m/s\nSuites: bookworm-security\nComponents: main\n", ""},
    {"without main", false,
     "Types: deb\nURIs: http://m/debian\nSuites: bookworm\nComponents: contrib\n", ""},
    {"a disc", false, "Types: deb\nURIs: cdrom:[Debian]/\nSuites: bookworm\nComponents: main\n",
     ""},
    {"nothing", false, "", ""},
    {"a line that goes on with nothing", false, " lost\n: x\n", ""},

    {"a line", true, "deb http://m/debian bookworm main contrib\n", HEAD DEBIAN TAIL},
    {"options", true,
     "deb [ arch=amd64 signed-by=/a.gpg,/b.gpg trusted=yes ] http://m/debian bookworm main\n",
     HEAD DEBIAN "Signed-By: /a.gpg /b.gpg\nTrusted: yes\n" TAIL},
    {"options that stand close", true, "deb [trusted=yes] http://m/debian\tbookworm\tmain\n",
     HEAD DEBIAN "Trusted: yes\n" TAIL},
    {"comments and others", true,
     "# deb http://m/debian bookworm main\n deb-src http://m/debian bookworm main\n"
     "deb cdrom:[x]/ bookworm main\ndeb http://m/debian bookworm-updates main\n"
     "deb http://m/debian bookworm contrib # main\ndeb http://m/flat ./\ndeb\ndeb [x\ndeb [\n",
     ""},
    {"two lines for one mirror", true,
     "deb http://m/debian bookworm main\ndeb http://m/debian testing main\n", HEAD DEBIAN TAIL},
};

static void both_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text out = {0};
        sources_rewrite(slice_of(rows[i].text), rows[i].lines, "bookworm", "testing", &out);
        assert_false(out.failed);
        if (strcmp(text_cstr(&out), rows[i].becomes) != 0)
            fail_msg("%s: became\n%s", rows[i].name, text_cstr(&out));
        text_fini(&out);
    }
}

static void the_machines_own(void **state)
{
    struct place *p = *state;
    struct text out = {0};
    struct why why = {0};
    assert_int_equal(sources_gather(p->path, "bookworm", "testing", &out, &why), ERR_NOT_FOUND);
    put_file(p, "etc/apt/sources.list", "deb http://one bookworm main\n", 0644);
    put_file(p, "etc/apt/sources.list.d/a.list", "deb http://two bookworm main\n", 0644);
    put_file(p, "etc/apt/sources.list.d/b.sources",
             "Types: deb\nURIs: http://three\nSuites: bookworm\nComponents: main\n", 0644);
    put_file(p, "etc/apt/sources.list.d/c.disabled", "deb http://four bookworm main\n", 0644);
    assert_int_equal(sources_gather(p->path, "bookworm", "testing", &out, &why), OK);
    const char *text = text_cstr(&out);
    assert_true(strstr(text, "http://one") && strstr(text, "http://two") &&
                strstr(text, "http://three") && !strstr(text, "http://four"));
    text_fini(&out);
}

static void which_system(void **state)
{
    struct place *p = *state;
    struct os_release os;
    os_release_read(p->path, &os);
    assert_string_equal(os.id, "");
    put_file(p, "etc/os-release", "NAME=\"x\"\nID=debian\nVERSION_CODENAME=\"bookworm\"\n", 0644);
    os_release_read(p->path, &os);
    assert_string_equal(os.id, "debian");
    assert_string_equal(os.codename, "bookworm");
    put_file(p, "etc/os-release", "ID=\"ubuntu\"\nID_LIKE=debian\n", 0644);
    os_release_read(p->path, &os);
    assert_string_equal(os.id, "ubuntu");
    assert_string_equal(os.codename, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms),
        cmocka_unit_test_setup_teardown(the_machines_own, place_open, place_close),
        cmocka_unit_test_setup_teardown(which_system, place_open, place_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
