/* doctor_test: what the doctor says of machines that are made here: who has a port, which devices
 * are used, how it looks on a terminal. Whole runs are scenarios. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"

struct place {
    char root[64];
    struct cli c;
    struct doctor d;
};

static int remove_one(const char *path, const struct stat *is, int kind, struct FTW *at)
{
    (void)is, (void)kind, (void)at;
    return remove(path);
}

static int setup(void **state)
{
    static const char *const environment[] = {"PATHS=/x", "PATH=/bin", NULL};
    struct place *p = test_calloc(1, sizeof *p);
    snprintf(p->root, sizeof p->root, "/tmp/doctor-test-XXXXXX");
    p->c.environment = environment;
    p->c.paths = (struct config_paths){.config = "/c", .data = "/d"};
    p->d = (struct doctor){.c = &p->c, .root = p->root, .check = "gpu", .machine_known = true};
    *state = p;
    return mkdtemp(p->root) ? 0 : -1;
}

static int teardown(void **state)
{
    struct place *p = *state;
    nftw(p->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    arena_fini(&p->c.arena);
    test_free(p);
    return 0;
}

static void path_of(const struct place *p, const char *name, char path[256])
{
    snprintf(path, 256, "%s%s", p->root, name);
    for (size_t i = strlen(p->root) + 1; path[i]; i++) {
        if (path[i] != '/')
            continue;
        path[i] = '\0';
        mkdir(path, 0755);
        path[i] = '/';
    }
}

static void put(const struct place *p, const char *name, const char *text)
{
    char path[256];
    path_of(p, name, path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* ---- who has a port ---- */

static const char tcp[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 0100007F:20E4 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 "
    "11 1 0000000000000000 20 4 0 10 -1\n"
    "   1: 0100007F:20E5 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
    "12 1 0000000000000000 20 4 0 10 -1\n"
    "   2: 0500A8C0:20E6 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 "
    "13 1 0000000000000000 20 4 0 10 -1\n"
    "   3: 00000000:20E7 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1002        0 "
    "14 1 0000000000000000 20 4 0 10 -1\n"
    "   4: 0100007F:20E8 00000000\n"
    "rubbish\n";
static const char tcp6[] =
    "  sl  local_address remote_address st\n"
    "   0: 00000000000000000000000001000000:20E9 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000  1003        0 15 1 0000000000000000 20 4 0 10 -1\n"
    "   1: 0000000000000000FFFF00000100007F:20EA 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000  1004        0 16 1 0000000000000000 20 4 0 10 -1\n";

static struct sockaddr_storage at(const char *host, uint16_t port)
{
    struct sockaddr_storage is = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&is;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&is;
    bool is6 = strchr(host, ':') != NULL;
    is.ss_family = is6 ? AF_INET6 : AF_INET;
    assert_int_equal(
        inet_pton(is.ss_family, host, is6 ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr), 1);
    *(is6 ? &v6->sin6_port : &v4->sin_port) = htons(port);
    return is;
}

static void ports_have_owners(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *host;
        uint16_t port;
        bool found;
        unsigned long uid;
        long pid;
        const char *name;
    } cases[] = {
        {"127.0.0.1", 0x20e4, false, 0, 0, ""}, /* a connection, no listener */
        {"127.0.0.1", 0x20e5, true, 1000, 77, "python3"},
        {"127.0.0.1", 0x20e6, false, 0, 0, ""}, /* another address */
        {"192.168.0.5", 0x20e6, true, 1001, 0, ""},
        {"127.0.0.1", 0x20e7, true, 1002, 0, ""}, /* all addresses */
        {"127.0.0.1", 0x20e8, false, 0, 0, ""},
        {"::1", 0x20e9, true, 1003, 78, "\\x1bevil"},
        {"127.0.0.1", 0x20ea, true, 1004, 0, ""},
        {"::1", 0x20e5, false, 0, 0, ""},
    };
    char path[256];
    put(p, "/proc/net/tcp", tcp);
    put(p, "/proc/net/tcp6", tcp6);
    put(p, "/proc/self/comm", "wrong\n");
    put(p, "/proc/77/comm", "python3\n");
    put(p, "/proc/78/comm", "\033evil\n");
    path_of(p, "/proc/77/fd/3", path);
    assert_int_equal(symlink("socket:[12]", path), 0);
    path_of(p, "/proc/78/fd/0", path);
    assert_int_equal(symlink("socket:[1]", path), 0);
    path_of(p, "/proc/78/fd/1", path);
    assert_int_equal(symlink("socket:[15]", path), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct port_owner who;
        struct sockaddr_storage where = at(cases[i].host, cases[i].port);
        port_owner(p->root, &where, &who);
        assert_int_equal(who.found, cases[i].found);
        assert_int_equal(who.uid, cases[i].uid);
        assert_int_equal(who.pid, cases[i].pid);
        assert_string_equal(who.name, cases[i].name);
    }
}

/* ---- devices ---- */

static const char *const nodes[] = {"/dev/dri/renderD128"};
static const struct device good = {.kind = DEVICE_AMD,
                                   .id = "0000:03:00.0",
                                   .name = "AMD Radeon RX 6900 XT",
                                   .driver = "amdgpu",
                                   .memory_total = 17163091968,
                                   .memory_free = 16089350144,
                                   .trouble = "",
                                   .mend = "",
                                   .note = "",
                                   .vulkan = true,
                                   .nodes = nodes,
                                   .n_nodes = 1};
static const struct device bad = {.kind = DEVICE_NVIDIA,
                                  .id = "0000:01:00.0",
                                  .name = "NVIDIA GeForce RTX 4090 with a name that is long",
                                  .driver = "",
                                  .trouble = "no driver is loaded for it",
                                  .mend = "sudo apt-get install nvidia-driver",
                                  .note = ""};

static const struct pack *a_pack(const char *flavour, const char *trouble)
{
    static struct pack p;
    p = (struct pack){.id = "llama.cpp-1-test", .flavour = flavour, .trouble = trouble};
    return &p;
}

static void devices_are_used_or_told(void **state)
{
    struct place *p = *state;
    const struct {
        const struct device *device;
        const struct pack *pack;
        const char *flavour, *trouble;
        enum finding_state state;
        const char *says, *mend;
    } cases[] = {
        {&good, NULL, NULL, NULL, FINDING_WARNING, "no engine uses it",
         "hearth engines install llama.cpp --flavour vulkan"},
        {&good, NULL, "cpu", "", FINDING_WARNING, "no engine uses it", "--flavour vulkan"},
        {&good, NULL, "cuda", "", FINDING_WARNING, "no engine uses it", "--flavour vulkan"},
        {&good, NULL, "vulkan", "it is broken", FINDING_WARNING, "no engine uses it",
         "--flavour vulkan"},
        {&good, NULL, "vulkan", "", FINDING_OK, "used by llama.cpp-1-test", ""},
        {&bad, NULL, "cuda", "", FINDING_WARNING, "cannot be used: no driver",
         "sudo apt-get install nvidia-driver"},
        {NULL, NULL, "cuda", "", FINDING_OK, "models run on the processor", ""},
    };
    put(p, "/usr/lib64/libvulkan_radeon.so", "");
    put(p, "/usr/share/vulkan/icd.d/radeon_icd.json",
        "{\"ICD\":{\"library_path\":\"libvulkan_radeon.so\"}}");
    for (size_t i = 0; i < COUNT(cases); i++) {
        p->d.n = 0;
        p->d.machine =
            (struct machine){.devices = cases[i].device, .n_devices = cases[i].device != NULL};
        p->d.packs = cases[i].flavour ? a_pack(cases[i].flavour, cases[i].trouble) : NULL;
        p->d.n_packs = cases[i].flavour != NULL;
        doctor_gpu(&p->d);
        assert_int_equal(p->d.n, 1);
        assert_int_equal(p->d.findings[0].state, cases[i].state);
        assert_non_null(strstr(p->d.findings[0].words, cases[i].says));
        assert_non_null(strstr(p->d.findings[0].mend, cases[i].mend));
    }
}

static void vulkan_without_its_driver(void **state)
{
    struct place *p = *state;
    p->d.machine = (struct machine){.devices = &good, .n_devices = 1};
    p->d.packs = a_pack("vulkan", "");
    p->d.n_packs = 1;
    doctor_gpu(&p->d);
    assert_int_equal(p->d.n, 2);
    assert_non_null(strstr(p->d.findings[1].mend, "mesa-vulkan-drivers"));
}

/* ---- how it looks ---- */

static void assert_narrow(struct text *t)
{
    struct slice rest = text_slice(t);
    for (struct slice line; slice_split(&rest, '\n', &line);) {
        if (cli_width(line) >= 80)
            fail_msg("%zu columns: %.*s", cli_width(line), SLICE_ARG(line));
        assert_true(!line.len || line.ptr[line.len - 1] != ' ');
    }
}

static void the_table_of_devices(void **state)
{
    (void)state;
    const struct device devices[] = {good, bad};
    const struct machine m = {.cpu = "AMD Ryzen 9 7950X",
                              .instructions = "AVX-512",
                              .cores = 1,
                              .threads = 2,
                              .memory_total = 67108864000,
                              .memory_free = 1073741824,
                              .devices = devices,
                              .n_devices = 2};
    static const char *const drivers[20] = {"/a", "/b", "/c", "/d", "/e", "/f", "/g",
                                            "/h", "/i", "/j", "/k", "/l", "/m", "/n"};
    struct text out = {0};
    gpu_print(&m, drivers, 14, false, &out);
    assert_string_equal(
        text_cstr(&out),
        "processor  AMD Ryzen 9 7950X (AVX-512), 1 core, 2 threads\n"
        "memory     62.5 GiB, of which 1.0 GiB can be had now\n"
        "\n"
        "device                          driver              memory    free      state\n"
        "AMD Radeon RX 6900 XT           amdgpu              15.9 GiB  14.9 GiB  usable\n"
        "NVIDIA GeForce RTX 4090 with..  none                -         -         trouble\n"
        "  trouble  no driver is loaded for it\n"
        "  mend     sudo apt-get install nvidia-driver\n"
        "\n"
        "An engine that uses them is given:\n"
        "  /dev/dri/renderD128\n"
        "  /a\n  /b\n  /c\n  /d\n  /e\n  /f\n  /g\n  /h\n  /i\n  /j\n  /k\n  /l\n"
        "  and 2 more files of drivers (--json names all)\n");
    assert_narrow(&out);
    text_clear(&out);
    gpu_json(&m, drivers, 14, &out);
    struct json_doc doc;
    assert_int_equal(json_read(text_slice(&out), &json_usual_limits, NULL, &doc, NULL), OK);
    assert_int_equal(json_count(json_get(doc.root, "drivers")), 14);
    assert_int_equal(json_count(json_get(json_get(doc.root, "machine"), "devices")), 2);
    json_done(&doc);
    text_fini(&out);
}

static void findings_fit_a_terminal(void **state)
{
    struct place *p = *state;
    struct text out = {0};
    doctor_say(&p->d, FINDING_TROUBLE,
               "sudo apt-get install one two three four five six seven "
               "eight nine ten",
               "words that go on and on, past the end of what a terminal shows, to %s",
               "/a/path/that/has/no/blank/in/it");
    doctor_say(&p->d, FINDING_OK, "", "fine");
    doctor_print(&p->d, false, &out);
    assert_string_equal(
        text_cstr(&out),
        "trouble  gpu            words that go on and on, past the end of what a\n"
        "                        terminal shows, to /a/path/that/has/no/blank/in/it\n"
        "         mend           sudo apt-get install one two three four five six seven\n"
        "                        eight nine ten\n"
        "ok                      fine\n"
        "\n"
        "1 trouble, 0 warnings.\n");
    assert_narrow(&out);
    text_clear(&out);
    doctor_json(&p->d, &out);
    assert_non_null(strstr(text_cstr(&out), "\"ok\":false"));
    assert_non_null(strstr(text_cstr(&out), "\"state\":\"trouble\""));
    text_clear(&out);
    p->d.n = 0;
    for (size_t i = 0; i < 2 * MOST_FINDINGS; i++)
        doctor_say(&p->d, FINDING_OK, "", "\033[31m");
    assert_int_equal(p->d.n, MOST_FINDINGS);
    assert_string_equal(p->d.findings[0].words, "\\x1b[31m");
    doctor_print(&p->d, false, &out);
    assert_non_null(strstr(text_cstr(&out), "Nothing is wrong.\n"));
    text_fini(&out);
}

static void variables_are_found_by_their_whole_name(void **state)
{
    struct place *p = *state;
    assert_string_equal(doctor_variable(&p->d, "PATH"), "/bin");
    assert_null(doctor_variable(&p->d, "PAT"));
}

#define TRY(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRY(ports_have_owners),         TRY(devices_are_used_or_told),
        TRY(vulkan_without_its_driver), TRY(the_table_of_devices),
        TRY(findings_fit_a_terminal),   TRY(variables_are_found_by_their_whole_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
