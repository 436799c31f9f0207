/* session: one connection's TLS. OpenSSL reads and writes through a BIO of ours that takes bytes
 * from the slice being read and adds them to a text: nothing is copied on the way and nothing is
 * kept but the record that is not complete. */
#include <openssl/err.h>

#include "base/mem.h"
#include "tls/inside.h"

struct tls {
    SSL *ssl;
    struct tls_context *context;
    struct slice in; /* during tls_read */
    struct text out;
    const char *problem;
    bool over; /* nothing more may be read or written */
};

/* ---- bytes for OpenSSL ---------------------------------------------------------------------- */

static int on_bio_read(BIO *bio, char *into, int n)
{
    struct tls *t = BIO_get_data(bio);
    size_t got = min_size(t->in.len, (size_t)n);
    BIO_clear_retry_flags(bio);
    if (!got) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(into, t->in.ptr, got);
    t->in = slice_from(t->in, got);
    return (int)got;
}

static int on_bio_write(BIO *bio, const char *from, int n)
{
    struct tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    text_add(&t->out, (struct slice){from, (size_t)n});
    return t->out.failed ? -1 : n;
}

static long on_bio_ask(BIO *bio, int what, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return what == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "hearth");
    if (m && BIO_meth_set_read(m, on_bio_read) && BIO_meth_set_write(m, on_bio_write) &&
        BIO_meth_set_ctrl(m, on_bio_ask))
        return m;
    BIO_meth_free(m);
    return NULL;
}

/* A client that asks for a new handshake is told no and would be free to ask for ever: it is let
 * go at the first time. */
void tls_watch(const SSL *ssl, int where, int what)
{
    struct tls *t = SSL_get_app_data(ssl);
    if (where == SSL_CB_WRITE_ALERT && (what & 0xff) == SSL_AD_NO_RENEGOTIATION) {
        t->over = true;
        t->problem = "the client asked for a second handshake";
    }
}

/* ---- beginning and end ---------------------------------------------------------------------- */

struct tls *tls_new(struct tls_context *c)
{
    struct tls *t = mem_new(struct tls);
    BIO *bio = NULL;
    if (t)
        t->ssl = SSL_new(c->ssl);
    if (t && t->ssl)
        bio = BIO_new(c->method);
    if (!bio) {
        if (t)
            SSL_free(t->ssl);
        mem_free(t);
        ERR_clear_error();
        return NULL;
    }
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_accept_state(t->ssl);
    SSL_set_app_data(t->ssl, t);
    t->context = c;
    c->sessions++;
    return t;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    tls_context_drop(t->context);
    text_fini(&t->out);
    mem_free(t);
}

/* ---- what happens --------------------------------------------------------------------------- */

static void fail(struct tls *t)
{
    const char *words = tls_last_words();
    if (!t->problem)
        t->problem = t->out.failed ? "no memory" : words;
    t->over = true;
}

enum tls_step tls_read(struct tls *t, struct slice *in, struct slice *ret_plain)
{
    size_t n = 0;
    if (t->over)
        return t->problem ? TLS_BAD : TLS_END;
    ERR_clear_error();
    t->in = *in;
    int done = SSL_read_ex(t->ssl, t->context->plain, sizeof t->context->plain, &n);
    int error = done ? SSL_ERROR_NONE : SSL_get_error(t->ssl, done);
    *in = t->in;
    t->in = (struct slice){0};
    if (t->out.failed ||
        (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_ZERO_RETURN))
        fail(t);
    if (t->over)
        return TLS_BAD;
    if (error == SSL_ERROR_ZERO_RETURN)
        return TLS_END;
    *ret_plain = (struct slice){t->context->plain, n};
    return error == SSL_ERROR_NONE ? TLS_BYTES : TLS_MORE;
}

enum err tls_write(struct tls *t, struct slice plain)
{
    size_t n = 0;
    if (t->over || !tls_is_up(t))
        return ERR_TLS;
    ERR_clear_error();
    if (!plain.len || (SSL_write_ex(t->ssl, plain.ptr, plain.len, &n) && !t->out.failed))
        return OK;
    fail(t);
    return t->out.failed ? ERR_NO_MEMORY : ERR_TLS;
}

void tls_finish(struct tls *t)
{
    if (t->over || !tls_is_up(t) || (SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN))
        return;
    SSL_shutdown(t->ssl);
    ERR_clear_error();
}

struct text *tls_out(struct tls *t)
{
    return &t->out;
}

bool tls_is_up(const struct tls *t)
{
    return SSL_is_init_finished(t->ssl);
}

const char *tls_problem(const struct tls *t)
{
    return t->problem ? t->problem : "";
}
