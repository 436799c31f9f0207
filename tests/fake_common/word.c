/* Values of words, as every fake reads them. */
#include "fake_common/word.h"

static int hex(char c)
{
    const char *at = c ? strchr("0123456789abcdef", c | 32) : NULL;
    return at ? (int)(at - "0123456789abcdef") : -1;
}

size_t word_decode(struct slice s, char *to)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '%' && i + 2 < s.len && hex(s.ptr[i + 1]) >= 0 && hex(s.ptr[i + 2]) >= 0) {
            to[n++] = (char)(hex(s.ptr[i + 1]) << 4 | hex(s.ptr[i + 2]));
            i += 2;
        } else {
            to[n++] = s.ptr[i];
        }
    }
    return n;
}

bool word_number(struct slice value, int64_t *ret_n)
{
    bool minus = slice_begins(value, SLICE("-"));
    uint64_t n;
    if (!slice_u64(slice_from(value, minus), &n) || n > INT64_MAX)
        return false;
    *ret_n = minus ? -(int64_t)n : (int64_t)n;
    return true;
}

bool word_choice(struct slice value, const char *choices, int *ret_n)
{
    struct slice rest = slice_of(choices), one;
    for (int i = 0; slice_split(&rest, ' ', &one); i++) {
        if (slice_is(one, value)) {
            *ret_n = i;
            return true;
        }
    }
    return false;
}
