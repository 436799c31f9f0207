/* tls: the server's side of TLS over bytes in memory. A context is a certificate with its key and
 * what may be spoken (TLS 1.2 and 1.3, HTTP/1.1); a session is one connection of it. It knows no
 * sockets, no loop and no deadlines, and asks no client for a certificate. */
#pragma once

#include <sys/socket.h>

#include "base/err.h"

/* ---- the certificate ---- */
struct tls_context;

struct tls_source {
    const char *certificate, *key; /* PEM files; both NULL: our own, kept in tls/ of `folder` */
    int folder;
    /* Our own is good for this machine's names and also for these. It is made again when one of
     * them is missing in it, or when it is about to end. */
    const struct slice *names;
    size_t n_names;
    const struct sockaddr_storage *addresses;
    size_t n_addresses;
};
/* Blocks; any thread. ERR_PERMISSION when others may read the key, ERR_CONFIG when certificate and
 * key cannot be used; the words name the file. */
enum err tls_context_open(const struct tls_source *from, struct tls_context **ret_context,
                          struct why *why) MUST_USE;
void tls_context_free(struct tls_context *c); /* its sessions live on; NULL is fine */

struct tls_facts {
    bool own;              /* nobody but us vouches for it */
    char fingerprint[100]; /* SHA-256 of the certificate, as AB:CD:... */
    uint64_t ends_ms;      /* since 1970 */
};
const struct tls_facts *tls_context_facts(const struct tls_context *c);

/* ---- a session; one thread ---- */
struct tls;

struct tls *tls_new(struct tls_context *c); /* NULL: no memory */
void tls_free(struct tls *t);               /* NULL is fine */

enum tls_step {
    TLS_MORE,  /* all bytes are taken */
    TLS_BYTES, /* *ret_plain came; call again */
    TLS_END,   /* the client sent its end */
    TLS_BAD    /* tls_problem says why; what is to be sent is the last */
};
/* Takes the client's bytes off *in. *ret_plain is valid until the next call for any session of the
 * same context. Each call may add to what is to be sent. */
enum tls_step tls_read(struct tls *t, struct slice *in, struct slice *ret_plain);
/* Only once tls_is_up. ERR_NO_MEMORY, else ERR_TLS: the session is over. */
enum err tls_write(struct tls *t, struct slice plain) MUST_USE;
void tls_finish(struct tls *t);      /* our end; a session that is not up or is over has none */
struct text *tls_out(struct tls *t); /* what is to be sent: the caller takes it */
bool tls_is_up(const struct tls *t); /* the handshake is over */
const char *tls_problem(const struct tls *t);
