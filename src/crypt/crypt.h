/* crypt: hashes, and the keys of this installation. SHA-256 for what a person may want to compute
 * again (prompts, answers, certificates), keyed BLAKE2b for what nobody else may be able to make
 * (proofs of API keys, the chain of audit rows). It encrypts nothing. */
#pragma once

#include "base/err.h"

#define HASH_BYTES 32u

/* Once, before anything else of this room; false: the system's randomness or library is broken. */
bool crypt_start(void) MUST_USE;

/* ---- SHA-256 ---- */
struct digest;                   /* one that grows */
struct digest *digest_new(void); /* NULL: no memory */
void digest_add(struct digest *d, struct slice bytes);
void digest_end(struct digest *d,
                unsigned char ret[HASH_BYTES]); /* of all so far; it starts anew */
void digest_free(struct digest *d);             /* NULL is fine */
enum err crypt_sha256(struct slice bytes, unsigned char ret[HASH_BYTES]) MUST_USE;

/* ---- keyed: the same only for who has the key ---- */
void crypt_keyed(const unsigned char key[HASH_BYTES], const struct slice *parts, size_t n,
                 unsigned char ret[HASH_BYTES]);
/* Takes as long wherever they differ. */
bool crypt_equal(const void *a, const void *b, size_t n);

/* ---- as text ---- */
void crypt_hex(struct slice bytes, struct text *out);
/* Letters, digits, - and _; 32 bytes are 43 of them. */
void crypt_base64url(struct slice bytes, struct text *out);
/* So many random letters and digits without those that look alike. */
void crypt_random_name(size_t n, struct text *out);
/* Nothing of it stays in memory. */
void crypt_forget(void *bytes, size_t n);

/* ---- the keys of this installation ---- */
struct crypt_keys {                   /* each for one purpose, derived from data/secrets.key */
    unsigned char pepper[HASH_BYTES]; /* proofs of API keys and sessions */
    unsigned char chain[HASH_BYTES];  /* audit rows */
};
/* Reads the file, or makes it. Blocks. ERR_PERMISSION when anybody but us could have read it,
 * ERR_BAD_VALUE when it is not what we wrote: it is never replaced. */
enum err crypt_keys_open(int data_folder, struct crypt_keys *ret_keys, struct why *why) MUST_USE;
