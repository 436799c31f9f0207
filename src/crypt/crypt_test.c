/* crypt_test: hashes against published values, and what becomes of the file of keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypt/crypt.h"

static struct slice bytes_of(const unsigned char *hash)
{
    return (struct slice){(const char *)hash, HASH_BYTES};
}

static void assert_hex(const unsigned char hash[HASH_BYTES], const char *hex)
{
    struct text said = {0};
    crypt_hex(bytes_of(hash), &said);
    assert_string_equal(text_cstr(&said), hex);
    text_fini(&said);
}

#define SHA_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA_NONE "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void sha256_is_the_published_one(void **state)
{
    unsigned char hash[HASH_BYTES];
    (void)state;
    assert_int_equal(crypt_sha256(SLICE("abc"), hash), OK);
    assert_hex(hash, SHA_ABC);
    assert_int_equal(crypt_sha256((struct slice){0}, hash), OK);
    assert_hex(hash, SHA_NONE);
}

static void a_digest_in_parts_is_the_whole(void **state)
{
    unsigned char hash[HASH_BYTES];
    struct digest *d = digest_new();
    (void)state;
    assert_non_null(d);
    for (int round = 0; round < 2; round++) { /* it starts anew */
        digest_add(d, SLICE("a"));
        digest_add(d, (struct slice){0});
        digest_add(d, SLICE("bc"));
        digest_end(d, hash);
        assert_hex(hash, SHA_ABC);
    }
    digest_free(d);
    digest_free(NULL);
}

static void a_keyed_hash_needs_the_key_and_the_bytes(void **state)
{
    unsigned char key[HASH_BYTES] = {1}, a[HASH_BYTES], b[HASH_BYTES];
    struct slice whole[] = {SLICE("one"), SLICE("two")}, cut[] = {SLICE("onetwo")};
    (void)state;
    crypt_keyed(key, whole, 2, a);
    crypt_keyed(key, cut, 1, b); /* who hashes fields must say where each ends */
    assert_true(crypt_equal(a, b, HASH_BYTES));
    key[0] = 2;
    crypt_keyed(key, whole, 2, b);
    assert_false(crypt_equal(a, b, HASH_BYTES));
}

static void bytes_as_text(void **state)
{
    static const struct {
        const char *bytes, *text;
    } rows[] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"\xff\xfe\xfd", "__79"}};
    unsigned char zeros[HASH_BYTES] = {0};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text said = {0};
        crypt_base64url(slice_of(rows[i].bytes), &said);
        assert_string_equal(text_cstr(&said), rows[i].text);
        text_fini(&said);
    }
    struct text said = {0};
    crypt_base64url(bytes_of(zeros), &said);
    assert_int_equal(said.len, 43);
    text_clear(&said);
    crypt_random_name(8, &said);
    assert_int_equal(said.len, 8);
    text_fini(&said);
}

/* ---- the file of keys ----------------------------------------------------------------------- */

static int enter_folder(void **state)
{
    char path[] = "/tmp/crypt-test-XXXXXX";
    if (!mkdtemp(path))
        return -1;
    *state = strdup(path);
    return 0;
}

static int leave_folder(void **state)
{
    char name[64];
    snprintf(name, sizeof name, "%s/secrets.key", (const char *)*state);
    unlink(name);
    rmdir(*state);
    free(*state);
    return 0;
}

static void keys_are_made_once_and_kept(void **state)
{
    int folder = open(*state, O_RDONLY | O_DIRECTORY);
    struct crypt_keys first, second;
    struct why why;
    assert_int_equal(crypt_keys_open(folder, &first, &why), OK);
    assert_int_equal(crypt_keys_open(folder, &second, &why), OK);
    assert_memory_equal(&first, &second, sizeof first);
    assert_memory_not_equal(first.pepper, first.chain, HASH_BYTES);
    struct stat seen;
    assert_int_equal(fstatat(folder, "secrets.key", &seen, 0), 0);
    assert_int_equal(seen.st_mode & 0777, 0600);
    close(folder);
}

static void a_file_that_others_may_read_is_refused(void **state)
{
    int folder = open(*state, O_RDONLY | O_DIRECTORY);
    struct crypt_keys keys;
    struct why why;
    assert_int_equal(crypt_keys_open(folder, &keys, &why), OK);
    static const mode_t modes[] = {0640, 0604, 0620, 0644, 0666};
    for (size_t i = 0; i < COUNT(modes); i++) {
        assert_int_equal(fchmodat(folder, "secrets.key", modes[i], 0), 0);
        assert_int_equal(crypt_keys_open(folder, &keys, &why), ERR_PERMISSION);
        assert_non_null(strstr(why.text, "chmod 600"));
    }
    close(folder);
}

static void what_is_no_key_is_never_replaced(void **state)
{
    static const char *const words[] = {"", "short\n", "zz", NULL};
    int folder = open(*state, O_RDONLY | O_DIRECTORY);
    struct crypt_keys keys;
    struct why why;
    for (size_t i = 0; words[i]; i++) {
        int fd = openat(folder, "secrets.key", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, words[i], strlen(words[i])), strlen(words[i]));
        close(fd);
        assert_int_equal(crypt_keys_open(folder, &keys, &why), ERR_BAD_VALUE);
        struct stat seen;
        assert_int_equal(fstatat(folder, "secrets.key", &seen, 0), 0);
        assert_int_equal(seen.st_size, strlen(words[i]));
    }
    close(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_is_the_published_one),
        cmocka_unit_test(a_digest_in_parts_is_the_whole),
        cmocka_unit_test(a_keyed_hash_needs_the_key_and_the_bytes),
        cmocka_unit_test(bytes_as_text),
        cmocka_unit_test_setup_teardown(keys_are_made_once_and_kept, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(a_file_that_others_may_read_is_refused, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(what_is_no_key_is_never_replaced, enter_folder,
                                        leave_folder),
    };
    return crypt_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
