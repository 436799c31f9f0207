/* own: the certificate that we make for ourselves, tls/cert.pem and tls/key.pem in the data folder.
 * It vouches for this machine's names and addresses and can sign nothing else, so a client may be
 * told to trust the file. Names that it once had stay in it when it is made again: a laptop that
 * goes from one network to another and back has one certificate, not two that alternate. */
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "crypt/crypt.h"
#include "os/os.h"
#include "tls/inside.h"

#define FOLDER "tls"
#define CERTIFICATE FOLDER "/cert.pem"
#define KEY FOLDER "/key.pem"
#define DAYS 825             /* some clients refuse those that hold longer */
#define RENEW_MS 2592000000u /* 30 days before its end */
#define MOST_NAMES 100       /* with more it starts anew */

struct names { /* subject alternative names */
    GENERAL_NAMES *list;
    bool grew, failed;
};

static bool is_same(const GENERAL_NAME *a, const GENERAL_NAME *b)
{
    return a->type == b->type &&
           GENERAL_NAME_cmp((GENERAL_NAME *)(uintptr_t)a, (GENERAL_NAME *)(uintptr_t)b) == 0;
}

/* Takes `name` over. */
static void add(struct names *n, GENERAL_NAME *name)
{
    for (int i = 0; name && i < sk_GENERAL_NAME_num(n->list); i++) {
        if (is_same(sk_GENERAL_NAME_value(n->list, i), name)) {
            GENERAL_NAME_free(name);
            return;
        }
    }
    n->grew = true;
    if (!name || !sk_GENERAL_NAME_push(n->list, name)) {
        GENERAL_NAME_free(name);
        n->failed = true;
    }
}

/* What X.509 writes as text, and an address as bytes. */
static void add_text(struct names *n, const char *text)
{
    ASN1_OCTET_STRING *ip = a2i_IPADDRESS(text);
    ASN1_IA5STRING *dns = ip ? NULL : ASN1_IA5STRING_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ERR_clear_error();
    if (!name || (dns && !ASN1_STRING_set(dns, text, -1)) || (!dns && !ip)) {
        ASN1_OCTET_STRING_free(ip);
        ASN1_IA5STRING_free(dns);
        GENERAL_NAME_free(name);
        n->failed = true;
        return;
    }
    GENERAL_NAME_set0_value(name, ip ? GEN_IPADD : GEN_DNS, ip ? (void *)ip : (void *)dns);
    add(n, name);
}

static void add_address(struct names *n, const struct sockaddr_storage *at)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)at;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)at;
    ASN1_OCTET_STRING *ip = ASN1_OCTET_STRING_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    int set = 0;
    if (ip && at->ss_family == AF_INET6)
        set = ASN1_OCTET_STRING_set(ip, v6->sin6_addr.s6_addr, 16);
    else if (ip)
        set = ASN1_OCTET_STRING_set(ip, (const unsigned char *)&v4->sin_addr, 4);
    if (!set || !name) {
        ASN1_OCTET_STRING_free(ip);
        GENERAL_NAME_free(name);
        n->failed = true;
        return;
    }
    GENERAL_NAME_set0_value(name, GEN_IPADD, ip);
    add(n, name);
}

/* What the machine calls itself; not every one has a name that may stand in a certificate. */
static bool host_name(char *into, size_t room)
{
    if (gethostname(into, room) != 0)
        return false;
    into[room - 1] = '\0';
    return *into && into[strspn(into, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-.")] == '\0';
}

static void add_all(struct names *n, const struct tls_source *from)
{
    char host[65];
    static const char *const always[] = {"localhost", "127.0.0.1", "::1"};
    struct text local = {0};
    for (size_t i = 0; i < COUNT(always); i++)
        add_text(n, always[i]);
    if (host_name(host, sizeof host)) {
        add_text(n, host);
        text_format(&local, "%.*s.local", (int)strcspn(host, "."), host);
        add_text(n, text_cstr(&local));
    }
    for (size_t i = 0; i < from->n_addresses; i++)
        add_address(n, &from->addresses[i]);
    for (size_t i = 0; i < from->n_names; i++)
        add_text(n, from->names[i].ptr);
    n->failed |= local.failed;
    text_fini(&local);
}

/* ---- making it ------------------------------------------------------------------------------ */

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool good = extension && X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    return good;
}

static bool set_serial(X509 *x)
{
    unsigned char random[16];
    os_random(random, sizeof random);
    random[0] = (unsigned char)((random[0] & 0x7f) | 0x40); /* positive, never short */
    BIGNUM *number = BN_bin2bn(random, sizeof random, NULL);
    bool good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x));
    BN_free(number);
    return good;
}

static bool fill(X509 *x, EVP_PKEY *key, const GENERAL_NAMES *names)
{
    X509_NAME *subject = X509_get_subject_name(x);
    /* Clocks differ: a client that is an hour behind may believe it too. */
    return set_serial(x) && X509_set_version(x, X509_VERSION_3) &&
           X509_gmtime_adj(X509_getm_notBefore(x), -86400) &&
           X509_time_adj_ex(X509_getm_notAfter(x), DAYS - 1, 0, NULL) &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                      (const unsigned char *)"hearth on this machine", -1, -1, 0) &&
           X509_set_issuer_name(x, subject) && X509_set_pubkey(x, key) &&
           add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x, NID_ext_key_usage, "serverAuth") &&
           add_extension(x, NID_subject_key_identifier, "hash") &&
           X509_add1_ext_i2d(x, NID_subject_alt_name, (void *)(uintptr_t)names, 0, 0) &&
           X509_sign(x, key, EVP_sha256());
}

/* The bytes of a memory BIO, to a file. */
static enum err write_pem(BIO *bio, int folder, const char *path, struct why *why)
{
    char *ptr = NULL;
    long n = BIO_get_mem_data(bio, &ptr);
    enum err e = os_write_file_whole(folder, path, (struct slice){ptr, (size_t)n}, 0600, why);
    crypt_forget(ptr, (size_t)n);
    return e;
}

static enum err keep(const struct tls_pair *p, int folder, struct why *why)
{
    BIO *certificate = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
    enum err e = OK;
    if (!certificate || !key || !PEM_write_bio_X509(certificate, p->certificate) ||
        !PEM_write_bio_PrivateKey(key, p->key, NULL, NULL, 0, NULL, NULL))
        e = why_set(why, ERR_NO_MEMORY, "no memory for a certificate");
    if (!e && mkdirat(folder, FOLDER, 0700) != 0 && errno != EEXIST)
        e = why_sys(why, os_err_of(errno), errno, "cannot make the folder " FOLDER);
    if (!e)
        e = write_pem(key, folder, KEY, why);
    if (!e)
        e = write_pem(certificate, folder, CERTIFICATE, why);
    BIO_free(certificate);
    BIO_free(key);
    return e;
}

static enum err make(int folder, const GENERAL_NAMES *names, struct tls_pair *ret_pair,
                     struct why *why)
{
    struct tls_pair p = {.certificate = X509_new(),
                         .chain = sk_X509_new_null(),
                         .key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")};
    enum err e = OK;
    if (!p.certificate || !p.chain || !p.key || !fill(p.certificate, p.key, names))
        e = why_set(why, ERR_INTERNAL, "a certificate cannot be made: %s", tls_last_words());
    else
        e = keep(&p, folder, why);
    if (e)
        tls_pair_fini(&p);
    else
        *ret_pair = p;
    return e;
}

/* ---- the way in ----------------------------------------------------------------------------- */

static bool ends_soon(const X509 *certificate)
{
    return tls_ends_ms(certificate) < os_wall_ms() + RENEW_MS;
}

enum err tls_own_open(const struct tls_source *from, struct tls_pair *ret_pair, struct why *why)
{
    struct tls_pair p = {0};
    struct names names = {0};
    enum err e = tls_pair_read(from->folder, CERTIFICATE, KEY, &p, why);
    if (e && e != ERR_NOT_FOUND && e != ERR_CONFIG)
        return e;
    bool is_new = e != OK;
    if (e == ERR_CONFIG)
        log_warn("tls", "%s; a new one is made", why->text);
    if (!is_new)
        names.list = X509_get_ext_d2i(p.certificate, NID_subject_alt_name, NULL, NULL);
    if (!names.list || sk_GENERAL_NAME_num(names.list) > MOST_NAMES) {
        GENERAL_NAMES_free(names.list);
        names.list = sk_GENERAL_NAME_new_null();
    }
    if (names.list)
        add_all(&names, from);
    if (!names.list || names.failed) {
        e = why_set(why, ERR_NO_MEMORY, "no memory for a certificate");
    } else if (is_new || names.grew || ends_soon(p.certificate)) {
        tls_pair_fini(&p);
        e = make(from->folder, names.list, &p, why);
        if (!e)
            log_info("tls", "a certificate of our own was made: " CERTIFICATE);
    } else {
        e = OK;
    }
    GENERAL_NAMES_free(names.list);
    if (e)
        tls_pair_fini(&p);
    else
        *ret_pair = p;
    return e;
}
