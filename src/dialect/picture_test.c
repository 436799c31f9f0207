/* picture: what passes as a picture, by its first bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/openai_chat.h"

#define BYTES(s)                                                                                   \
    {                                                                                              \
        s, sizeof s - 1                                                                            \
    }

static void code(struct slice file, struct text *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < file.len; i += 3) {
        unsigned n = 0;
        for (size_t k = 0; k < 3; k++)
            n = n << 8 | (i + k < file.len ? (unsigned char)file.ptr[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            text_byte(out, i + k <= file.len ? letters[n >> (18 - 6 * k) & 63] : '=');
    }
}

#define PNG "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
#define JPEG "\xff\xd8\xff\xe0\0\x04JF"
#define WEBP "RIFF\x24\0\0\0WEBP"

static const struct {
    const char *label;
    struct slice file;
    bool good;
} files[] = {
    {"png", BYTES(PNG "\0\0\1\0\0\0\1\0\x08\x06\0\0\0"), true},
    {"png of 50 megapixels", BYTES(PNG "\0\0\x27\x10\0\0\x13\x88\x08\x06"), true},
    {"png of more", BYTES(PNG "\0\0\x27\x10\0\0\x13\x89\x08\x06"), false},
    {"png bomb", BYTES(PNG "\0\0\xff\xff\0\0\xff\xff\x08\x06"), false},
    {"png whose product overflows", BYTES(PNG "\x80\0\0\0\0\0\0\2\x08\x06"), false},
    {"png without a width", BYTES(PNG "\0\0\0\0\0\0\1\0\x08\x06"), false},
    {"png cut", BYTES(PNG "\0\0\1\0\0\0\1"), false},
    {"png of another first chunk", BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIDAT\0\0\1\0\0\0\1\0"), false},
    {"gif", BYTES("GIF89a\x10\0\x10\0\xf7"), true},
    {"gif bomb", BYTES("GIF87a\xff\xff\xff\xff\xf7"), false},
    {"gif of no version", BYTES("GIF90a\x10\0\x10\0\xf7"), false},
    {"jpeg", BYTES(JPEG "\xff\xc0\0\x11\x08\0\x10\0\x10\x03"), true},
    {"jpeg, grey, progressive", BYTES(JPEG "\xff\xff\xc2\0\x0b\x08\0\x10\0\x10\x01"), true},
    {"jpeg of four inks", BYTES(JPEG "\xff\xc0\0\x14\x08\0\x10\0\x10\x04"), false},
    {"jpeg bomb", BYTES(JPEG "\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03"), false},
    {"jpeg without a size", BYTES(JPEG "\xff\xda\0\x08\x03"), false},
    {"jpeg cut", BYTES(JPEG "\xff\xc0\0\x11\x08\0\x10"), false},
    {"jpeg whose segments have no length", BYTES(JPEG "\xff\xe1\0\0\xff\xe1\0\0"), false},
    {"jpeg 2000", BYTES("\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14"), false},
    {"avif",
     BYTES("\0\0\0\x20"
           "ftypavif\0\0\0\0avifmif1"),
     false},
    {"svg", BYTES("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\"/>"), false},
    {"tiff", BYTES("II*\0\x08\0\0\0\0\0\0\0\0\0\0\0"), false},
    {"webp", BYTES(WEBP "VP8 \x18\0\0\0\x30\x01\0\x9d\x01\x2a\x10\0\x10\0"), true},
    {"webp without loss", BYTES(WEBP "VP8L\x18\0\0\0\x2f\x0f\xc0\x03\0\0\0\0\0\0"), true},
    {"webp with extras", BYTES(WEBP "VP8X\x0a\0\0\0\0\0\0\0\x0f\0\0\x0f\0\0"), true},
    {"webp bomb", BYTES(WEBP "VP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff"), false},
    {"nothing", BYTES(""), false},
    {"a letter", BYTES("x"), false},
};

static void by_first_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        struct text url = {0};
        struct why why;
        bool remote;
        text_add(&url, SLICE("data:image/png;base64,"));
        code(files[i].file, &url);
        enum err e = picture_judge(text_slice(&url), "messages", &remote, &why);
        if (e != (files[i].good ? OK : ERR_BAD_VALUE))
            fail_msg("%s: %d", files[i].label, (int)e);
        text_fini(&url);
    }
}

static void a_camera_writes_much_before(void **state)
{
    (void)state;
    struct text file = {0}, url = {0};
    struct why why;
    bool remote;
    text_add(&file, (struct slice){"\xff\xd8", 2});
    for (unsigned i = 0; i < 40; i++) {
        text_add(&file, (struct slice){"\xff\xe1\xff\xff", 4});
        for (unsigned k = 0; k < 0xffff - 2; k++)
            text_byte(&file, (char)k);
    }
    text_add(&file, (struct slice){"\xff\xc0\0\x11\x08\0\x10\0\x10\x03", 10});
    text_add(&url, SLICE("data:image/jpeg;base64,"));
    code(text_slice(&file), &url);
    assert_int_equal(picture_judge(text_slice(&url), "messages", &remote, &why), OK);
    text_fini(&file);
    text_fini(&url);
}

static void by_address(void **state)
{
    (void)state;
    const struct {
        const char *url;
        bool good, remote;
    } rows[] = {
        {"https://example.org/a.png", true, true},
        {"HTTP://example.org/a.png", true, true},
        {"file:///etc/passwd", false, false},
        {"ftp://example.org/a.png", false, false},
        {"/etc/passwd", false, false},
        {"", false, false},
        {"data:image/png,R0lGODlhEAAQAPc", false, false},
        {"data:image/gif;base64", false, false},
        {"data:image/gif;base64,", false, false},
        {"data:image/gif;base64,R0lGODlhEAAQAPc=", true, false},
        {"DATA:image/gif;base64,R0lGODlhEAAQAPc=", true, false},
        {"data:image/gif;base64,R0lG ODlhEAAQAPc=", false, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct why why;
        bool remote = false;
        enum err e = picture_judge(slice_of(rows[i].url), "messages", &remote, &why);
        if (e != (rows[i].good ? OK : ERR_BAD_VALUE) || remote != rows[i].remote)
            fail_msg("%s: %d %d", rows[i].url, (int)e, remote);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_first_bytes),
        cmocka_unit_test(a_camera_writes_much_before),
        cmocka_unit_test(by_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
