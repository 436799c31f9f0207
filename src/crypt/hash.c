/* hash: see crypt.h. OpenSSL's SHA-256 uses the processor's own instructions; libsodium has the
 * rest. */
#include <openssl/evp.h>
#include <sodium.h>

#include "base/mem.h"
#include "crypt/crypt.h"

static_assert(HASH_BYTES == crypto_generichash_BYTES, "a keyed hash has another size");

/* OpenSSL reads its configuration and finds its algorithms with the first use: 2 ms that no request
 * should pay. */
bool crypt_start(void)
{
    unsigned char hash[HASH_BYTES];
    return sodium_init() >= 0 && crypt_sha256((struct slice){0}, hash) == OK;
}

/* ---- SHA-256 -------------------------------------------------------------------------------- */

struct digest {
    EVP_MD_CTX *context;
    bool failed;
};

/* Without a name it is the same kind as before, which need not be looked up. */
static void start(struct digest *d)
{
    bool known = EVP_MD_CTX_get0_md(d->context) != NULL;
    d->failed = EVP_DigestInit_ex(d->context, known ? NULL : EVP_sha256(), NULL) != 1;
}

struct digest *digest_new(void)
{
    struct digest *d = mem_new(struct digest);
    if (!d)
        return NULL;
    d->context = EVP_MD_CTX_new();
    if (!d->context) {
        mem_free(d);
        return NULL;
    }
    start(d);
    return d;
}

void digest_add(struct digest *d, struct slice bytes)
{
    d->failed |= EVP_DigestUpdate(d->context, bytes.ptr, bytes.len) != 1;
}

/* A hash that could not be made is all zeros, which no text has. */
void digest_end(struct digest *d, unsigned char ret[HASH_BYTES])
{
    if (d->failed || EVP_DigestFinal_ex(d->context, ret, NULL) != 1)
        memset(ret, 0, HASH_BYTES);
    start(d);
}

void digest_free(struct digest *d)
{
    if (!d)
        return;
    EVP_MD_CTX_free(d->context);
    mem_free(d);
}

enum err crypt_sha256(struct slice bytes, unsigned char ret[HASH_BYTES])
{
    return EVP_Digest(bytes.ptr, bytes.len, ret, NULL, EVP_sha256(), NULL) == 1 ? OK
                                                                                : ERR_NO_MEMORY;
}

/* ---- keyed ---------------------------------------------------------------------------------- */

void crypt_keyed(const unsigned char key[HASH_BYTES], const struct slice *parts, size_t n,
                 unsigned char ret[HASH_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, key, HASH_BYTES, HASH_BYTES);
    for (size_t i = 0; i < n; i++)
        crypto_generichash_update(&state, (const unsigned char *)parts[i].ptr, parts[i].len);
    crypto_generichash_final(&state, ret, HASH_BYTES);
}

bool crypt_equal(const void *a, const void *b, size_t n)
{
    return sodium_memcmp(a, b, n) == 0;
}

void crypt_forget(void *bytes, size_t n)
{
    sodium_memzero(bytes, n);
}

/* ---- as text -------------------------------------------------------------------------------- */

void crypt_hex(struct slice bytes, struct text *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];
        text_byte(out, digits[byte >> 4]);
        text_byte(out, digits[byte & 15]);
    }
}

void crypt_base64url(struct slice bytes, struct text *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned bits = 0, held = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bits = (bits << 8 | (unsigned char)bytes.ptr[i]) & 0xffff;
        for (held += 8; held >= 6; held -= 6)
            text_byte(out, digits[bits >> (held - 6) & 63]);
    }
    if (held)
        text_byte(out, digits[bits << (6 - held) & 63]);
}

void crypt_random_name(size_t n, struct text *out)
{
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";
    for (size_t i = 0; i < n; i++)
        text_byte(out, letters[randombytes_uniform(sizeof letters - 1)]);
}
