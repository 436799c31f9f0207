/* context: what all sessions share: certificate, key, and the rules. What is offered: TLS 1.2 with
 * ECDHE and an AEAD, TLS 1.3; no renegotiation, no compression, no early data. Sessions are resumed
 * by tickets, so nothing is kept for those that are over. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <time.h>

#include "base/mem.h"
#include "crypt/crypt.h"
#include "os/os.h"
#include "tls/inside.h"

#define MOST_FILE ((size_t)1 << 20)
#define MOST_CHAIN 16

const char *tls_last_words(void)
{
    const char *words = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return words ? words : "it broke off";
}

/* ---- files ---------------------------------------------------------------------------------- */

void tls_pair_fini(struct tls_pair *p)
{
    X509_free(p->certificate);
    sk_X509_pop_free(p->chain, X509_free);
    EVP_PKEY_free(p->key);
    *p = (struct tls_pair){0};
}

/* The words are right already. */
static enum err blame_config(struct why *why)
{
    if (why)
        why->code = ERR_CONFIG;
    return ERR_CONFIG;
}

/* One that others could read has to be taken as known to them, as sshd does. */
static enum err check_mode(int folder, const char *path, struct why *why)
{
    struct stat is;
    if (fstatat(folder, path, &is, 0) != 0)
        return why_sys(why, os_err_of(errno), errno, "cannot look at the key %.200s", path);
    if (is.st_mode & 077)
        return why_set(why, ERR_PERMISSION,
                       "others may read the key %.200s (mode %03o): if nobody did, `chmod 600` it; "
                       "else replace key and certificate",
                       path, (unsigned)(is.st_mode & 0777));
    return OK;
}

static enum err read_pem(int folder, const char *path, BIO **ret_bio, struct why *why)
{
    struct text pem = {0};
    enum err e = os_read_file(folder, path, MOST_FILE, &pem, why);
    if (!e) {
        *ret_bio = BIO_new(BIO_s_mem());
        if (!*ret_bio || BIO_write(*ret_bio, pem.ptr, (int)pem.len) != (int)pem.len)
            e = why_set(why, ERR_NO_MEMORY, "no memory for %.200s", path);
    } else if (e == ERR_BAD_VALUE || e == ERR_BODY_TOO_LARGE) {
        e = blame_config(why);
    }
    if (pem.ptr)
        crypt_forget(pem.ptr, pem.len);
    text_fini(&pem);
    return e;
}

static int no_passphrase(char *into, int room, int writing, void *pointer)
{
    (void)into;
    (void)room;
    (void)writing;
    (void)pointer;
    return -1;
}

static enum err read_key(int folder, const char *path, struct tls_pair *p, struct why *why)
{
    BIO *bio = NULL;
    enum err e = check_mode(folder, path, why);
    if (!e)
        e = read_pem(folder, path, &bio, why);
    if (!e) {
        p->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
        if (!p->key)
            e = why_set(why, ERR_CONFIG,
                        "%.200s holds no private key that can be read (PEM, without a passphrase)",
                        path);
    }
    BIO_free(bio);
    return e;
}

static enum err read_certificate(int folder, const char *path, struct tls_pair *p, struct why *why)
{
    BIO *bio = NULL;
    X509 *next;
    enum err e = read_pem(folder, path, &bio, why);
    if (!e) {
        p->certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
        p->chain = sk_X509_new_null();
        if (!p->certificate || !p->chain)
            e = why_set(why, ERR_CONFIG, "%.200s holds no certificate (PEM, ours the first)", path);
    }
    while (!e && sk_X509_num(p->chain) < MOST_CHAIN &&
           (next = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL))) {
        if (!sk_X509_push(p->chain, next)) {
            X509_free(next);
            e = why_set(why, ERR_NO_MEMORY, "no memory for %.200s", path);
        }
    }
    BIO_free(bio);
    return e;
}

uint64_t tls_ends_ms(const X509 *certificate)
{
    struct tm end = {0};
    if (!ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end))
        return 0;
    time_t s = timegm(&end);
    return s > 0 ? (uint64_t)s * 1000 : 0;
}

static enum err check_pair(const struct tls_pair *p, const char *certificate, const char *key,
                           struct why *why)
{
    if (X509_check_private_key(p->certificate, p->key) != 1)
        return why_set(why, ERR_CONFIG,
                       "the key %.140s is not the one of the certificate %.140s: name the two that "
                       "were made together",
                       key, certificate);
    if (X509_cmp_current_time(X509_get0_notAfter(p->certificate)) <= 0)
        return why_set(why, ERR_CONFIG, "the certificate %.200s has expired: renew it",
                       certificate);
    if (X509_cmp_current_time(X509_get0_notBefore(p->certificate)) >= 0)
        return why_set(why, ERR_CONFIG,
                       "the certificate %.200s is not valid yet: is the clock right?", certificate);
    return OK;
}

enum err tls_pair_read(int folder, const char *certificate, const char *key,
                       struct tls_pair *ret_pair, struct why *why)
{
    struct tls_pair p = {0};
    enum err e = read_key(folder, key, &p, why);
    if (!e)
        e = read_certificate(folder, certificate, &p, why);
    if (!e)
        e = check_pair(&p, certificate, key, why);
    if (e)
        tls_pair_fini(&p);
    else
        *ret_pair = p;
    ERR_clear_error();
    return e;
}

/* ---- rules ---------------------------------------------------------------------------------- */

static int on_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
                   const unsigned char *offered, unsigned offered_len, void *pointer)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    (void)ssl;
    (void)pointer;
    if (SSL_select_next_proto(&chosen, ret_len, ours, sizeof ours - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool set_rules(SSL_CTX *ssl)
{
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(ssl, on_alpn, NULL);
    SSL_CTX_set_info_callback(ssl, tls_watch);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) &&
           SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) &&
           SSL_CTX_set_cipher_list(ssl, "ECDHE+AESGCM:ECDHE+CHACHA20");
}

static bool set_pair(SSL_CTX *ssl, const struct tls_pair *p)
{
    return SSL_CTX_use_certificate(ssl, p->certificate) && SSL_CTX_use_PrivateKey(ssl, p->key) &&
           SSL_CTX_set1_chain(ssl, p->chain);
}

/* As `openssl x509 -fingerprint -sha256` prints it. */
static bool set_facts(struct tls_facts *facts, X509 *certificate)
{
    unsigned char *der = NULL, sum[HASH_BYTES];
    int n = i2d_X509(certificate, &der);
    if (n <= 0 || crypt_sha256((struct slice){(const char *)der, (size_t)n}, sum)) {
        OPENSSL_free(der);
        return false;
    }
    OPENSSL_free(der);
    static_assert(sizeof facts->fingerprint >= 3 * HASH_BYTES, "no room for it");
    char *at = facts->fingerprint;
    for (size_t i = 0; i < HASH_BYTES; i++) {
        *at++ = "0123456789ABCDEF"[sum[i] >> 4];
        *at++ = "0123456789ABCDEF"[sum[i] & 15];
        *at++ = i + 1 < HASH_BYTES ? ':' : '\0';
    }
    facts->ends_ms = tls_ends_ms(certificate);
    return true;
}

/* ---- a context ------------------------------------------------------------------------------ */

static void free_now(struct tls_context *c)
{
    SSL_CTX_free(c->ssl);
    BIO_meth_free(c->method);
    mem_free(c);
}

enum err tls_context_open(const struct tls_source *from, struct tls_context **ret_context,
                          struct why *why)
{
    bool own = !from->certificate;
    struct tls_pair p = {0};
    struct tls_context *c = NULL;
    enum err e = own ? tls_own_open(from, &p, why)
                     : tls_pair_read(AT_FDCWD, from->certificate, from->key, &p, why);
    if (e == ERR_NOT_FOUND) /* a file that the configuration names */
        e = blame_config(why);
    if (e)
        return e;
    c = mem_new(struct tls_context);
    if (c) {
        c->ssl = SSL_CTX_new(TLS_server_method());
        c->method = tls_bio_method();
        c->facts.own = own;
    }
    if (!c || !c->ssl || !c->method || !set_rules(c->ssl) || !set_facts(&c->facts, p.certificate))
        e = why_set(why, ERR_NO_MEMORY, "no memory for TLS");
    else if (!set_pair(c->ssl, &p))
        e = why_set(why, ERR_CONFIG, "the certificate %.200s cannot be used: %s",
                    own ? "of our own" : from->certificate, tls_last_words());
    tls_pair_fini(&p);
    ERR_clear_error();
    if (!e)
        *ret_context = c;
    else if (c)
        free_now(c);
    return e;
}

void tls_context_free(struct tls_context *c)
{
    if (!c)
        return;
    c->closed = true;
    if (!c->sessions)
        free_now(c);
}

void tls_context_drop(struct tls_context *c)
{
    c->sessions--;
    if (c->closed && !c->sessions)
        free_now(c);
}

const struct tls_facts *tls_context_facts(const struct tls_context *c)
{
    return &c->facts;
}
