/* keys: data/secrets.key, 32 random bytes in hexadecimal, from which every key of this installation
 * is derived. Whoever has it can forge proofs and audit rows, so a file that others could have read
 * is refused rather than mended: only its owner knows whether it has leaked. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypt/crypt.h"
#include "os/os.h"

#define FILE_NAME "secrets.key"
#define FILE_BYTES (2 * HASH_BYTES + 1) /* and the line's end */

static_assert(HASH_BYTES == crypto_kdf_KEYBYTES, "a master key has another size");

static enum err check_mode(int data_folder, struct why *why)
{
    struct stat seen;
    if (fstatat(data_folder, FILE_NAME, &seen, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? why_set(why, ERR_NOT_FOUND, "%s", "")
                               : why_sys(why, os_err_of(errno), errno, FILE_NAME);
    if (!S_ISREG(seen.st_mode) || seen.st_uid != geteuid() || (seen.st_mode & 077))
        return why_set(why, ERR_PERMISSION,
                       FILE_NAME " in the data folder may be read by others (mode %03o, uid %u): "
                                 "if nobody did, `chmod 600` it; else delete it and make new keys",
                       (unsigned)(seen.st_mode & 0777), (unsigned)seen.st_uid);
    return OK;
}

static enum err make(int data_folder, unsigned char master[HASH_BYTES], struct why *why)
{
    struct text words = {0};
    randombytes_buf(master, HASH_BYTES);
    crypt_hex((struct slice){(const char *)master, HASH_BYTES}, &words);
    text_byte(&words, '\n');
    enum err e = words.failed
                     ? why_set(why, ERR_NO_MEMORY, "no memory")
                     : os_write_file_whole(data_folder, FILE_NAME, text_slice(&words), 0600, why);
    if (words.ptr)
        crypt_forget(words.ptr, words.len);
    text_fini(&words);
    return e;
}

static enum err read_master(int data_folder, unsigned char master[HASH_BYTES], struct why *why)
{
    struct text words = {0};
    size_t got = 0;
    enum err e = os_read_file(data_folder, FILE_NAME, FILE_BYTES, &words, why);
    if (!e && (words.len != FILE_BYTES ||
               sodium_hex2bin(master, HASH_BYTES, words.ptr, 2 * (size_t)HASH_BYTES, NULL, &got,
                              NULL) != 0 ||
               got != HASH_BYTES))
        e = ERR_BAD_VALUE;
    if (e == ERR_BAD_VALUE || e == ERR_BODY_TOO_LARGE)
        e = why_set(why, ERR_BAD_VALUE,
                    FILE_NAME " in the data folder is not what was written there: bring it back "
                              "from a backup, or delete it and make new keys");
    if (words.ptr)
        crypt_forget(words.ptr, words.len);
    text_fini(&words);
    return e;
}

enum err crypt_keys_open(int data_folder, struct crypt_keys *ret_keys, struct why *why)
{
    unsigned char master[HASH_BYTES];
    enum err e = check_mode(data_folder, why);
    if (e == ERR_NOT_FOUND)
        e = make(data_folder, master, why);
    else if (!e)
        e = read_master(data_folder, master, why);
    if (!e) {
        crypto_kdf_derive_from_key(ret_keys->pepper, HASH_BYTES, 1, "hearthK1", master);
        crypto_kdf_derive_from_key(ret_keys->chain, HASH_BYTES, 2, "hearthK1", master);
    }
    crypt_forget(master, sizeof master);
    return e;
}
