/* tar: headers of ustar (POSIX.1-1988), as every tar reads them. Sizes from 8 GiB on are written in
 * base 256, as GNU's. Of others' only what we write ourselves is taken: regular files. */
#include <stdio.h>

#include "backup/inside.h"

enum { NAME = 0, MODE = 100, UID = 108, GID = 116, SIZE = 124, TIME = 136, SUM = 148, TYPE = 156 };
enum { MAGIC = 257, PREFIX = 345 };
enum { NAME_ROOM = 100, PREFIX_ROOM = 155, NUMBER = 8, LONG = 12 };

static void put_octal(unsigned char *at, size_t room, uint64_t n)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%0*llo", (int)room - 1, (unsigned long long)n);
    memcpy(at, digits, room); /* with the NUL */
}

static void put_size(unsigned char *at, uint64_t n)
{
    if (n < 1ull << 33) {
        put_octal(at, LONG, n);
        return;
    }
    memset(at, 0, LONG);
    at[0] = 0x80;
    for (size_t i = 0; i < 8; i++)
        at[LONG - 1 - i] = (unsigned char)(n >> (8 * i));
}

static unsigned sum_of(const unsigned char block[TAR_BLOCK])
{
    unsigned sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= SUM && i < SUM + NUMBER ? ' ' : block[i];
    return sum;
}

bool tar_put(const struct tar_entry *entry, unsigned char block[TAR_BLOCK])
{
    const char *slash = strrchr(entry->name, '/');
    const char *last = slash ? slash + 1 : entry->name;
    size_t before = slash ? (size_t)(slash - entry->name) : 0;
    if (!*last || strlen(last) > NAME_ROOM || before > PREFIX_ROOM)
        return false;
    memset(block, 0, TAR_BLOCK);
    memcpy(block + NAME, last, strlen(last));
    memcpy(block + PREFIX, entry->name, before);
    put_octal(block + MODE, NUMBER, entry->mode & 0777);
    put_octal(block + UID, NUMBER, 0);
    put_octal(block + GID, NUMBER, 0);
    put_size(block + SIZE, entry->size);
    put_octal(block + TIME, LONG, (uint64_t)entry->seconds & 0777777777777);
    block[TYPE] = '0';
    memcpy(block + MAGIC,
           "ustar\0"
           "00",
           8);
    put_octal(block + SUM, NUMBER - 1, sum_of(block));
    block[SUM + NUMBER - 1] = ' ';
    return true;
}

static bool take_octal(const unsigned char *at, size_t room, uint64_t *ret)
{
    uint64_t n = 0;
    size_t i = 0;
    while (i < room && at[i] >= '0' && at[i] <= '7')
        n = n << 3 | (uint64_t)(at[i++] - '0');
    if (!i || (i < room && at[i] != '\0' && at[i] != ' '))
        return false;
    *ret = n;
    return true;
}

static bool take_size(const unsigned char *at, uint64_t *ret)
{
    uint64_t n = 0;
    if (at[0] != 0x80)
        return take_octal(at, LONG, ret);
    for (size_t i = 1; i < LONG; i++) {
        if (n >> 55)
            return false;
        n = n << 8 | at[i];
    }
    *ret = n;
    return true;
}

bool tar_take(const unsigned char block[TAR_BLOCK], struct tar_entry *ret)
{
    struct tar_entry e = {0};
    uint64_t sum, mode, seconds;
    if (!take_octal(block + SUM, NUMBER, &sum) || sum != sum_of(block) ||
        memcmp(block + MAGIC, "ustar", 6) != 0 || (block[TYPE] != '0' && block[TYPE] != '\0') ||
        !take_size(block + SIZE, &e.size) || !take_octal(block + MODE, NUMBER, &mode) ||
        !take_octal(block + TIME, LONG, &seconds))
        return false;
    int before = (int)strnlen((const char *)block + PREFIX, PREFIX_ROOM);
    int last = (int)strnlen((const char *)block + NAME, NAME_ROOM);
    int n = snprintf(e.name, sizeof e.name, "%.*s%s%.*s", before, (const char *)block + PREFIX,
                     before ? "/" : "", last, (const char *)block + NAME);
    if (n <= 0 || (size_t)n >= sizeof e.name)
        return false;
    e.mode = (unsigned)(mode & 0777);
    e.seconds = (int64_t)seconds;
    *ret = e;
    return true;
}

bool tar_is_end(const unsigned char block[TAR_BLOCK])
{
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        if (block[i])
            return false;
    }
    return true;
}
