/* tls_test: sessions against OpenSSL's own client, over bytes in memory, and what becomes of
 * certificates and keys in files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypt/crypt.h"
#include "os/os.h"
#include "tls/inside.h"

static char folder_path[64];
static int folder;

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder_path, sizeof folder_path, "/tmp/hearth-tls-XXXXXX");
    if (!crypt_start() || !mkdtemp(folder_path))
        return -1;
    folder = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0 ? -1 : 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"tls/cert.pem", "tls/key.pem", "c.pem",
                                        "k.pem",        "d.pem",       "l.pem"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        unlinkat(folder, names[i], 0);
    unlinkat(folder, "tls", AT_REMOVEDIR);
    close(folder);
    return rmdir(folder_path);
}

static struct tls_context *own_context(void)
{
    struct tls_context *c = NULL;
    struct tls_source from = {.folder = folder};
    struct why why = {0};
    assert_int_equal(tls_context_open(&from, &c, &why), OK);
    return c;
}

/* ---- pairs of a client and a session -------------------------------------------------------- */

struct pair {
    struct tls_context *context;
    struct tls *server;
    SSL_CTX *rules;
    SSL *client;
    BIO *to_client, *from_client;
    struct text got; /* what the server read */
    size_t step;     /* bytes that go at once */
    enum tls_step last;
};

static void open_pair(struct pair *p, struct tls_context *c, int version)
{
    *p = (struct pair){.context = c, .step = SIZE_MAX, .last = TLS_MORE};
    p->server = tls_new(c);
    p->rules = SSL_CTX_new(TLS_client_method());
    assert_true(p->server && p->rules);
    SSL_CTX_set_security_level(p->rules, 0);
    SSL_CTX_set_min_proto_version(p->rules, version);
    SSL_CTX_set_max_proto_version(p->rules, version);
    p->client = SSL_new(p->rules);
    p->to_client = BIO_new(BIO_s_mem());
    p->from_client = BIO_new(BIO_s_mem());
    SSL_set_bio(p->client, p->to_client, p->from_client);
    SSL_set_connect_state(p->client);
}

static void close_pair(struct pair *p)
{
    SSL_free(p->client);
    SSL_CTX_free(p->rules);
    tls_free(p->server);
    text_fini(&p->got);
}

static void feed(struct pair *p, struct slice bytes)
{
    struct slice plain;
    while (bytes.len) {
        struct slice in = slice_to(bytes, min_size(p->step, bytes.len));
        bytes = slice_from(bytes, in.len);
        while ((p->last = tls_read(p->server, &in, &plain)) == TLS_BYTES)
            text_add(&p->got, plain);
        if (p->last != TLS_MORE)
            return;
        assert_int_equal(in.len, 0);
    }
}

/* Carries what each has written to the other; false when there was nothing. */
static bool carry(struct pair *p)
{
    char *ptr;
    size_t n = (size_t)BIO_get_mem_data(p->from_client, &ptr);
    struct text *out = tls_out(p->server), bytes = {0};
    bool any = n || out->len;
    text_add(&bytes, (struct slice){ptr, n});
    BIO_reset(p->from_client);
    feed(p, text_slice(&bytes));
    text_fini(&bytes);
    if (out->len)
        BIO_write(p->to_client, out->ptr, (int)out->len);
    text_clear(out);
    return any;
}

static bool shake(struct pair *p)
{
    int done;
    do {
        done = SSL_do_handshake(p->client);
    } while (carry(p) || (done != 1 && BIO_pending(p->to_client)));
    return done == 1 && tls_is_up(p->server);
}

static void read_all(struct pair *p, struct text *into)
{
    char bytes[4096];
    size_t n;
    while (SSL_read_ex(p->client, bytes, sizeof bytes, &n))
        text_add(into, (struct slice){bytes, n});
}

static void both_versions_speak_in_any_pieces(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    static const size_t steps[] = {SIZE_MAX, 1, 7};
    struct tls_context *c = own_context();
    (void)state;
    for (size_t i = 0; i < COUNT(versions) * COUNT(steps); i++) {
        struct pair p;
        struct text answer = {0};
        open_pair(&p, c, versions[i / COUNT(steps)]);
        p.step = steps[i % COUNT(steps)];
        assert_false(tls_is_up(p.server));
        assert_int_equal(tls_write(p.server, SLICE("too early")), ERR_TLS);
        assert_true(shake(&p));
        assert_int_equal(SSL_write(p.client, "question", 8), 8);
        carry(&p);
        assert_string_equal(text_cstr(&p.got), "question");
        assert_int_equal(tls_write(p.server, SLICE("answer")), OK);
        tls_finish(p.server);
        tls_finish(p.server);
        carry(&p);
        read_all(&p, &answer);
        assert_string_equal(text_cstr(&answer), "answer");
        assert_int_equal(SSL_get_shutdown(p.client), SSL_RECEIVED_SHUTDOWN);
        SSL_shutdown(p.client);
        carry(&p);
        assert_int_equal(p.last, TLS_END);
        text_fini(&answer);
        close_pair(&p);
    }
    tls_context_free(c);
}

static void much_goes_both_ways(void **state)
{
    enum { MUCH = 1 << 20 };
    struct tls_context *c = own_context();
    struct pair p;
    struct text answer = {0};
    char *bytes = calloc(1, MUCH);
    (void)state;
    for (size_t i = 0; i < MUCH; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    open_pair(&p, c, TLS1_3_VERSION);
    assert_true(shake(&p));
    assert_int_equal(SSL_write(p.client, bytes, MUCH), MUCH);
    carry(&p);
    assert_int_equal(p.got.len, MUCH);
    assert_memory_equal(p.got.ptr, bytes, MUCH);
    assert_int_equal(tls_write(p.server, (struct slice){bytes, MUCH}), OK);
    assert_true(tls_out(p.server)->len < MUCH + MUCH / 256); /* large records */
    carry(&p);
    read_all(&p, &answer);
    assert_int_equal(answer.len, MUCH);
    assert_memory_equal(answer.ptr, bytes, MUCH);
    text_fini(&answer);
    close_pair(&p);
    free(bytes);
    tls_context_free(c);
}

static void the_client_sees_the_fingerprint(void **state)
{
    struct tls_context *c = own_context();
    const struct tls_facts *facts = tls_context_facts(c);
    struct pair p;
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n;
    char hex[4], *at = strchr(facts->fingerprint, '\0') - 2;
    (void)state;
    open_pair(&p, c, TLS1_3_VERSION);
    assert_true(shake(&p));
    assert_true(X509_digest(SSL_get0_peer_certificate(p.client), EVP_sha256(), sum, &n));
    assert_int_equal(strlen(facts->fingerprint), 3 * n - 1);
    for (unsigned i = n; i-- > 0; at -= 3) {
        snprintf(hex, sizeof hex, "%02X", sum[i]);
        assert_memory_equal(at, hex, 2);
    }
    assert_true(facts->own);
    close_pair(&p);
    tls_context_free(c);
}

static void old_versions_and_other_protocols_are_refused(void **state)
{
    static const unsigned char h2[] = "\x02h2", both[] = "\x02h2\x08http/1.1";
    static const int old[] = {TLS1_VERSION, TLS1_1_VERSION};
    struct tls_context *c = own_context();
    const unsigned char *chosen;
    unsigned n;
    struct pair p;
    (void)state;
    for (size_t i = 0; i < COUNT(old); i++) {
        open_pair(&p, c, old[i]);
        assert_false(shake(&p));
        assert_int_equal(p.last, TLS_BAD);
        assert_true(*tls_problem(p.server));
        close_pair(&p);
    }
    open_pair(&p, c, TLS1_3_VERSION);
    SSL_set_alpn_protos(p.client, h2, sizeof h2 - 1);
    assert_false(shake(&p));
    close_pair(&p);
    open_pair(&p, c, TLS1_3_VERSION);
    SSL_set_alpn_protos(p.client, both, sizeof both - 1);
    assert_true(shake(&p));
    SSL_get0_alpn_selected(p.client, &chosen, &n);
    assert_true(n == 8 && memcmp(chosen, "http/1.1", 8) == 0);
    close_pair(&p);
    tls_context_free(c);
}

static void a_second_handshake_ends_it(void **state)
{
    struct tls_context *c = own_context();
    struct pair p;
    (void)state;
    open_pair(&p, c, TLS1_2_VERSION);
    assert_true(shake(&p));
    assert_true(SSL_renegotiate(p.client));
    SSL_do_handshake(p.client);
    carry(&p);
    assert_int_equal(p.last, TLS_BAD);
    assert_string_equal(tls_problem(p.server), "the client asked for a second handshake");
    assert_int_equal(tls_write(p.server, SLICE("x")), ERR_TLS);
    close_pair(&p);
    tls_context_free(c);
}

static void bytes_that_are_no_tls_end_it(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        enum tls_step comes; /* MORE: it could still become something */
    } junk[] = {
        {"\x16\x03\x01\x40\x00", 5, TLS_MORE},
        {"\x80\x2e\x01\x03\x01", 5, TLS_MORE},
        {"\x16\x03\x01\xff\xff", 5, TLS_BAD},
        {"\x16\x03\x01\x00\x09junk!junk", 14, TLS_BAD},
        {"\x16junkjunkjunkjunkjunkjunk", 25, TLS_BAD},
        {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 37, TLS_BAD},
    };
    struct tls_context *c = own_context();
    struct pair p;
    (void)state;
    for (size_t i = 0; i < COUNT(junk); i++) {
        open_pair(&p, c, TLS1_3_VERSION);
        feed(&p, (struct slice){junk[i].bytes, junk[i].len});
        if (p.last != junk[i].comes)
            fail_msg("junk %zu gives %d", i, (int)p.last);
        tls_finish(p.server);
        close_pair(&p);
    }
    /* A flipped bit in what was encrypted, and a client that is gone in the middle of a hello. */
    open_pair(&p, c, TLS1_3_VERSION);
    assert_true(shake(&p));
    SSL_write(p.client, "question", 8);
    char *ptr;
    long n = BIO_get_mem_data(p.from_client, &ptr);
    ptr[n - 1] ^= 1;
    carry(&p);
    assert_int_equal(p.last, TLS_BAD);
    assert_int_equal(p.got.len, 0);
    close_pair(&p);
    open_pair(&p, c, TLS1_3_VERSION);
    SSL_do_handshake(p.client);
    n = BIO_get_mem_data(p.from_client, &ptr);
    feed(&p, (struct slice){ptr, (size_t)n / 2});
    assert_int_equal(p.last, TLS_MORE);
    close_pair(&p);
    tls_context_free(c);
}

static void a_session_outlives_its_context(void **state)
{
    struct tls_context *c = own_context();
    struct pair p, q;
    (void)state;
    open_pair(&p, c, TLS1_3_VERSION);
    open_pair(&q, c, TLS1_2_VERSION);
    tls_context_free(c);
    assert_true(shake(&p));
    assert_true(shake(&q));
    close_pair(&p);
    close_pair(&q);
    tls_free(NULL);
    tls_context_free(NULL);
}

/* ---- our own certificate -------------------------------------------------------------------- */

static void our_own_is_made_once_and_again_when_a_name_is_new(void **state)
{
    struct sockaddr_storage at = {.ss_family = AF_INET};
    struct slice names[] = {SLICE("nas.local"), SLICE("10.1.2.3")};
    struct tls_source plain = {.folder = folder}, more = {.folder = folder,
                                                          .names = names,
                                                          .n_names = 2,
                                                          .addresses = &at,
                                                          .n_addresses = 1};
    struct tls_context *a, *b, *c, *d;
    struct why why;
    struct stat is;
    (void)state;
    ((struct sockaddr_in *)&at)->sin_addr.s_addr = htonl(0xc0000207); /* 192.0.2.7 */
    assert_int_equal(tls_context_open(&plain, &a, &why), OK);
    assert_int_equal(tls_context_open(&plain, &b, &why), OK);
    assert_int_equal(tls_context_open(&more, &c, &why), OK);
    assert_int_equal(tls_context_open(&plain, &d, &why), OK); /* the names stay in it */
    assert_string_equal(a->facts.fingerprint, b->facts.fingerprint);
    assert_string_not_equal(a->facts.fingerprint, c->facts.fingerprint);
    assert_string_equal(c->facts.fingerprint, d->facts.fingerprint);
    X509 *x = SSL_CTX_get0_certificate(c->ssl);
    assert_int_equal(X509_check_ip_asc(x, "192.0.2.7", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "10.1.2.3", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "::1", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "192.0.2.8", 0), 0);
    assert_int_equal(X509_check_host(x, "nas.local", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x, "example.com", 0, 0, NULL), 0);
    uint64_t days = (c->facts.ends_ms - os_wall_ms()) / 86400000;
    assert_true(days > 800 && days <= 825);
    assert_int_equal(fstatat(folder, "tls/key.pem", &is, 0), 0);
    assert_int_equal(is.st_mode & 0777, 0600);
    assert_int_equal(fstatat(folder, "tls", &is, 0), 0);
    assert_int_equal(is.st_mode & 0777, 0700);
    tls_context_free(a);
    tls_context_free(b);
    tls_context_free(c);
    tls_context_free(d);
}

static void our_own_is_mended_but_never_after_others_could_read_it(void **state)
{
    struct tls_source from = {.folder = folder};
    struct tls_context *c = own_context();
    struct why why = {0};
    (void)state;
    tls_context_free(c);
    assert_int_equal(os_write_file_whole(folder, "tls/cert.pem", SLICE("junk"), 0600, &why), OK);
    assert_int_equal(tls_context_open(&from, &c, &why), OK);
    tls_context_free(c);
    assert_int_equal(fchmodat(folder, "tls/key.pem", 0640, 0), 0);
    assert_int_equal(tls_context_open(&from, &c, &why), ERR_PERMISSION);
    assert_non_null(strstr(why.text, "tls/key.pem"));
    assert_int_equal(unlinkat(folder, "tls/key.pem", 0), 0);
}

/* ---- certificates in files ------------------------------------------------------------------ */

/* Valid for so many days from then on, counted from today. */
static void write_pair(const char *certificate, const char *key, long from, long days)
{
    char path[128];
    EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *x = X509_new();
    X509_time_adj_ex(X509_getm_notBefore(x), (int)from, 0, NULL);
    X509_time_adj_ex(X509_getm_notAfter(x), (int)(from + days), 0, NULL);
    X509_set_pubkey(x, pair);
    assert_true(X509_sign(x, pair, EVP_sha256()));
    snprintf(path, sizeof path, "%s/%s", folder_path, certificate);
    FILE *file = fopen(path, "w");
    assert_true(file && PEM_write_X509(file, x));
    fclose(file);
    snprintf(path, sizeof path, "%s/%s", folder_path, key);
    file = fopen(path, "w");
    assert_true(file && PEM_write_PrivateKey(file, pair, NULL, NULL, 0, NULL, NULL));
    fclose(file);
    chmod(path, 0600);
    X509_free(x);
    EVP_PKEY_free(pair);
}

static enum err open_files(const char *certificate, const char *key, struct why *why)
{
    char paths[2][128];
    struct tls_context *c;
    snprintf(paths[0], sizeof paths[0], "%s/%s", folder_path, certificate);
    snprintf(paths[1], sizeof paths[1], "%s/%s", folder_path, key);
    struct tls_source from = {.certificate = paths[0], .key = paths[1], .folder = -1};
    *why = (struct why){0};
    enum err e = tls_context_open(&from, &c, why);
    if (!e)
        tls_context_free(c);
    assert_true(!e || (why->code == e && strstr(why->text, folder_path)));
    return e;
}

static void a_pair_of_files_must_be_one_that_holds(void **state)
{
    struct why why;
    (void)state;
    write_pair("c.pem", "k.pem", -1, 2);
    assert_int_equal(open_files("c.pem", "k.pem", &why), OK);
    write_pair("d.pem", "l.pem", -1, 2);
    assert_int_equal(open_files("c.pem", "l.pem", &why), ERR_CONFIG);
    assert_non_null(strstr(why.text, "not the one of the certificate"));
    assert_int_equal(open_files("c.pem", "none.pem", &why), ERR_CONFIG);
    assert_int_equal(open_files("none.pem", "k.pem", &why), ERR_CONFIG);
    write_pair("d.pem", "l.pem", -3, 2);
    assert_int_equal(open_files("d.pem", "l.pem", &why), ERR_CONFIG);
    assert_non_null(strstr(why.text, "expired"));
    write_pair("d.pem", "l.pem", 1, 2);
    assert_int_equal(open_files("d.pem", "l.pem", &why), ERR_CONFIG);
    assert_non_null(strstr(why.text, "not valid yet"));
    assert_int_equal(open_files("k.pem", "k.pem", &why), ERR_CONFIG);
    assert_int_equal(fchmodat(folder, "c.pem", 0600, 0), 0);
    assert_int_equal(open_files("c.pem", "c.pem", &why), ERR_CONFIG);
    assert_int_equal(fchmodat(folder, "k.pem", 0604, 0), 0);
    assert_int_equal(open_files("c.pem", "k.pem", &why), ERR_PERMISSION);
    assert_non_null(strstr(why.text, "chmod 600"));
}

static void a_key_with_a_passphrase_is_not_asked_for(void **state)
{
    char path[128];
    struct why why;
    EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    (void)state;
    write_pair("c.pem", "k.pem", -1, 2);
    snprintf(path, sizeof path, "%s/k.pem", folder_path);
    FILE *file = fopen(path, "w");
    assert_true(file &&
                PEM_write_PKCS8PrivateKey(file, pair, EVP_aes_128_cbc(), "secret", 6, NULL, NULL));
    fclose(file);
    chmod(path, 0600);
    assert_int_equal(open_files("c.pem", "k.pem", &why), ERR_CONFIG);
    assert_non_null(strstr(why.text, "passphrase"));
    EVP_PKEY_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_versions_speak_in_any_pieces),
        cmocka_unit_test(much_goes_both_ways),
        cmocka_unit_test(the_client_sees_the_fingerprint),
        cmocka_unit_test(old_versions_and_other_protocols_are_refused),
        cmocka_unit_test(a_second_handshake_ends_it),
        cmocka_unit_test(bytes_that_are_no_tls_end_it),
        cmocka_unit_test(a_session_outlives_its_context),
        cmocka_unit_test(our_own_is_made_once_and_again_when_a_name_is_new),
        cmocka_unit_test(our_own_is_mended_but_never_after_others_could_read_it),
        cmocka_unit_test(a_pair_of_files_must_be_one_that_holds),
        cmocka_unit_test(a_key_with_a_passphrase_is_not_asked_for),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
