/* What a model says, on its way to a terminal: whatever it is and however it is cut, no order is
 * among it, and where it is cut makes no difference. And conversations from a file: what is read
 * and written again is read again and stays the same. */
#include "cli/talk.h"

#include "fuzz.h"

static void check_harmless(struct slice s)
{
    for (size_t i = 0, n; i < s.len; i += n) {
        unsigned char c = (unsigned char)s.ptr[i];
        n = slice_utf8(slice_from(s, i));
        MUST(n > 0);
        MUST(c >= 0x20 || c == '\n' || c == '\t');
        MUST(c != 0x7f && !(c == 0xc2 && (unsigned char)s.ptr[i + 1] < 0xa0));
    }
}

static void check_filter(struct slice in)
{
    struct text whole = {0}, pieces = {0};
    struct filter one = {0}, two = {0};
    size_t cut = fuzz_cut(in);
    filter_add(&one, in, &whole);
    filter_end(&one, &whole);
    filter_add(&two, slice_to(in, cut), &pieces);
    filter_add(&two, slice_from(in, cut), &pieces);
    filter_end(&two, &pieces);
    check_harmless(text_slice(&whole));
    MUST(slice_is(text_slice(&whole), text_slice(&pieces)));
    text_fini(&whole);
    text_fini(&pieces);
}

static void check_file(struct slice in)
{
    struct talk t = {.model = "m"}, again = {.model = "m"};
    struct text once = {0}, twice = {0};
    if (talk_read(&t, in, NULL) == OK) {
        talk_write(&t, &once);
        MUST(talk_read(&again, text_slice(&once), NULL) == OK);
        talk_write(&again, &twice);
        MUST(slice_is(text_slice(&once), text_slice(&twice)));
    }
    talk_fini(&t);
    talk_fini(&again);
    text_fini(&once);
    text_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {(const char *)data, size};
    check_filter(in);
    check_file(in);
    return 0;
}
