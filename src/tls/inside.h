/* inside: what the files of room tls share with each other. */
#pragma once

#include <openssl/ssl.h>

#include "tls/tls.h"

#define MOST_RECORD 16384u /* bytes of plain text */

struct tls_context {
    SSL_CTX *ssl;
    BIO_METHOD *method; /* of the sessions' bytes, see session.c */
    struct tls_facts facts;
    unsigned sessions; /* the context goes with the last one once it is `closed` */
    bool closed;
    char plain[MOST_RECORD]; /* what tls_read gave last */
};

/* session.c */
BIO_METHOD *tls_bio_method(void); /* NULL: no memory */
/* OpenSSL's news about a session. */
void tls_watch(const SSL *ssl, int where, int what);

/* context.c */
void tls_context_drop(struct tls_context *c); /* one session less */
/* What OpenSSL says about its last failure, and nothing is left of it. */
const char *tls_last_words(void);

struct tls_pair { /* a certificate, those that vouch for it, and its key */
    X509 *certificate;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
};
void tls_pair_fini(struct tls_pair *p);
/* Both files of a folder, or anywhere. ERR_CONFIG: they are not what they should be, do not belong
 * together or hold no longer; ERR_NOT_FOUND; ERR_PERMISSION. */
enum err tls_pair_read(int folder, const char *certificate, const char *key,
                       struct tls_pair *ret_pair, struct why *why) MUST_USE;
uint64_t tls_ends_ms(const X509 *certificate);

/* own.c: reads our own pair, or makes it. */
enum err tls_own_open(const struct tls_source *from, struct tls_pair *ret_pair,
                      struct why *why) MUST_USE;
