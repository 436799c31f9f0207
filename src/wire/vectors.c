/* vectors: as numbers, or as the same floats in base64, little endian: as the caller asked,
 * whatever the target gave. Clients that ask for base64 do not look whether they got it: a list of
 * numbers becomes zeros there. */
#include <math.h>

#include "wire/codec.h"

#define MOST_VECTORS 2048u /* as many as there may be inputs */

#define FLOAT_BYTES 4u

static void put_group(struct text *out, const unsigned char *b, size_t n)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = (unsigned)b[0] << 16 | (n > 1 ? (unsigned)b[1] << 8 : 0) | (n > 2 ? b[2] : 0);
    char group[4] = {letters[bits >> 18 & 63], letters[bits >> 12 & 63],
                     n > 1 ? letters[bits >> 6 & 63] : '=', n > 2 ? letters[bits & 63] : '='};
    text_add(out, (struct slice){group, sizeof group});
}

static void put_coded(struct json_writer *w, const struct json_value *numbers)
{
    struct text coded = {0};
    unsigned char kept[3];
    size_t n = 0;
    for (struct json_iter i = json_begin(numbers); json_next(&i);) {
        float value = (float)json_number(i.value);
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        for (unsigned k = 0; k < FLOAT_BYTES; k++) {
            kept[n++] = (unsigned char)(bits >> 8 * k);
            if (n == sizeof kept) {
                put_group(&coded, kept, n);
                n = 0;
            }
        }
    }
    if (n)
        put_group(&coded, kept, n);
    json_put_text(w, text_slice(&coded));
    w->out->failed |= coded.failed;
    text_fini(&coded);
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool put_numbers(struct json_writer *w, struct slice coded)
{
    uint32_t bits = 0, word = 0;
    unsigned have = 0, bytes = 0;
    bool fine = true;
    while (coded.len && coded.ptr[coded.len - 1] == '=')
        coded.len--;
    json_open_array(w);
    for (size_t i = 0; i < coded.len; i++) {
        int v = value_of(coded.ptr[i]);
        fine &= v >= 0;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        word |= (bits >> have & 0xff) << 8 * bytes;
        if (++bytes == FLOAT_BYTES) {
            float value;
            memcpy(&value, &word, sizeof value);
            fine &= isfinite(value) != 0;
            json_put_float(w, value);
            word = bytes = 0;
        }
    }
    json_close_array(w);
    return fine && bytes == 0;
}

/* One of the list, with its vector the other way. */
static bool put_item(struct json_writer *w, const struct json_value *item)
{
    bool fine = true;
    json_open_object(w);
    for (struct json_iter i = json_begin(item); fine && json_next(&i);) {
        json_key_slice(w, i.key);
        if (!slice_is(i.key, SLICE("embedding")))
            json_put_value(w, i.value);
        else if (json_is_array(i.value))
            put_coded(w, i.value);
        else
            fine = put_numbers(w, json_text(i.value));
    }
    json_close_object(w);
    return fine;
}

bool vectors_are_sound(const struct json_value *root)
{
    const struct json_value *data = json_get(root, "data");
    bool text = json_is_text(json_get(json_at(data, 0), "embedding"));
    bool sound = json_is_array(data) && json_count(data) && json_count(data) <= MOST_VECTORS;
    for (struct json_iter i = json_begin(data); sound && json_next(&i);) {
        const struct json_value *vector = json_get(i.value, "embedding");
        sound = text ? json_text(vector).len > 0 : json_is_array(vector) && json_count(vector);
    }
    return sound;
}

bool vectors_fit(const struct decoder *d, const struct json_value *root)
{
    const struct json_value *first = json_get(json_at(json_get(root, "data"), 0), "embedding");
    return !(d->wire.base64 ? json_is_array(first) : json_is_text(first));
}

enum err vectors_turn(struct decoder *d, const struct json_value *root, struct event *event,
                      struct why *why)
{
    const struct json_value *data = json_get(root, "data");
    struct text out = {0};
    struct json_writer w = json_writer(&out);
    bool fine = true;
    json_open_object(&w);
    for (struct json_iter i = json_begin(root); json_next(&i);) {
        json_key_slice(&w, i.key);
        if (i.value != data) {
            json_put_value(&w, i.value);
            continue;
        }
        json_open_array(&w);
        for (struct json_iter k = json_begin(data); fine && json_next(&k);)
            fine = put_item(&w, k.value);
        json_close_array(&w);
    }
    json_close_object(&w);
    text_fini(&d->edited);
    d->edited = out;
    event->raw = event->json = text_slice(&d->edited);
    if (!fine)
        return why_set(why, ERR_BAD_RESPONSE, "its vectors are neither numbers nor base64");
    return out.failed ? ERR_NO_MEMORY : OK;
}
