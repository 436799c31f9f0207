/* credentials: see inside.h. What is not ours counts as nothing: apps must send something. */
#include "auth/inside.h"

static void add(struct credentials *c, struct slice *place, struct slice text)
{
    if (place->len && !slice_is(*place, text))
        c->two = true;
    *place = text;
    if (c->key.len && c->session.len)
        c->two = true;
}

static void add_key(struct credentials *c, struct slice text)
{
    if (slice_begins(text, SLICE("hk_")))
        add(c, &c->key, text);
}

static int digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* False when it is no base64, or too long to be ours. */
static bool decode(struct slice text, char *to, size_t room, size_t *ret_n)
{
    unsigned bits = 0, held = 0;
    size_t n = 0;
    while (text.len && text.ptr[text.len - 1] == '=')
        text.len--;
    for (size_t i = 0; i < text.len; i++) {
        int value = digit(text.ptr[i]);
        if (value < 0 || n == room)
            return false;
        bits = (bits << 6 | (unsigned)value) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            to[n++] = (char)(bits >> held & 0xff);
        }
    }
    *ret_n = n;
    return true;
}

/* The user's name is of no interest. */
static void add_basic(struct credentials *c, struct slice text)
{
    size_t n;
    char decoded[MOST_BASIC];
    if (!decode(text, decoded, sizeof decoded, &n))
        return;
    struct slice pair = {decoded, n};
    size_t colon = slice_find(pair, ':');
    struct slice password = slice_from(pair, min_size(colon + 1, n));
    if (slice_begins(password, SLICE("hk_"))) {
        struct slice kept = {c->basic, password.len};
        bool other = c->key.ptr == c->basic && !slice_is(c->key, password);
        memmove(c->basic, password.ptr, password.len);
        c->two |= other;
        add_key(c, kept);
    }
    crypt_forget(decoded, sizeof decoded);
}

static void add_authorization(struct credentials *c, struct slice value)
{
    size_t blank = slice_find(value, ' ');
    struct slice scheme = slice_to(value, blank), rest = slice_trim(slice_from(value, blank));
    if (slice_is_nocase(scheme, SLICE("Bearer")))
        add_key(c, rest);
    else if (slice_is_nocase(scheme, SLICE("Basic")))
        add_basic(c, rest);
}

static void add_cookies(struct credentials *c, struct slice value, struct slice name)
{
    struct slice pair;
    while (slice_split(&value, ';', &pair)) {
        pair = slice_trim(pair);
        size_t equals = slice_find(pair, '=');
        if (equals + 1 < pair.len && slice_is(slice_to(pair, equals), name))
            add(c, &c->session, slice_from(pair, equals + 1));
    }
}

static bool is_of_proxy(struct slice name)
{
    static const struct slice names[] = {{"forwarded", 9}, {"via", 3}, {"x-real-ip", 9}};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (slice_is(name, names[i]))
            return true;
    }
    return slice_begins(name, SLICE("x-forwarded-")) || slice_begins(name, SLICE("cf-"));
}

void credentials_find(const struct http_head *head, struct slice cookie, struct credentials *ret)
{
    ret->key = ret->session = (struct slice){0};
    ret->two = ret->relayed = false;
    for (unsigned i = 0; i < head->count; i++) {
        struct slice name = head->fields[i].name, value = head->fields[i].value;
        if (slice_is(name, SLICE("authorization")))
            add_authorization(ret, slice_trim(value));
        else if (slice_is(name, SLICE("x-api-key")) || slice_is(name, SLICE("api-key")))
            add_key(ret, slice_trim(value));
        else if (slice_is(name, SLICE("cookie")))
            add_cookies(ret, value, cookie);
        else if (is_of_proxy(name))
            ret->relayed = true;
    }
}
