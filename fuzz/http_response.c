/* Responses. It makes no difference how the bytes are cut; no more body comes out than the head
 * says; and where llhttp accepts the same bytes, it sees the same bodies and the same ends. */
#include "http/http.h"

#include "fuzz.h"
#include "http/testing.h"
#include "http_judge.h"

static struct told tell(struct slice in, size_t step)
{
    struct told t = {0};
    http_parser_init(&t.parser, HTTP_RESPONSE, NULL);
    for (; in.len; in = slice_from(in, min_size(step, in.len)))
        told_feed(&t, slice_to(in, min_size(step, in.len)));
    told_eof(&t);
    return t;
}

static bool read_bodies(struct slice in, struct text *out)
{
    struct http_parser p;
    struct slice body;
    enum http_step step;
    uint64_t length = 0;
    http_parser_init(&p, HTTP_RESPONSE, NULL);
    while ((step = http_parse(&p, &in, &body)) != HTTP_MORE && step != HTTP_BAD) {
        const struct http_head *h = http_head(&p);
        MUST(h->status >= 200 && h->status <= 599 && h->count <= 100);
        MUST(h->has_length + h->chunked + h->until_eof <= 1);
        if (step == HTTP_BODY) {
            MUST(body.len && h->has_body);
            length += body.len;
            text_add(out, body);
        } else if (step == HTTP_END) {
            MUST(!h->has_length || !h->has_body || length == h->content_length);
            text_add(out, SLICE("\n.\n"));
        } else {
            length = 0;
        }
    }
    MUST(p.err == OK || p.err == ERR_BAD_RESPONSE);
    if (http_parse_eof(&p) == HTTP_END)
        text_add(out, SLICE("\n.\n"));
    bool good = p.err == OK;
    http_parser_fini(&p);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {(const char *)data, size};
    if (!size)
        return 0;
    struct told whole = tell(in, size), cut = tell(in, max_size(fuzz_cut(in), 1)),
                bytes = tell(in, 1);
    MUST(slice_is(text_slice(&whole.text), text_slice(&cut.text)));
    MUST(slice_is(text_slice(&whole.text), text_slice(&bytes.text)));
    MUST(whole.parser.err == cut.parser.err && whole.parser.err == bytes.parser.err);

    struct text ours = {0}, theirs = {0};
    bool we = read_bodies(in, &ours), they = http_judge(true, in, &theirs);
    if (we && they)
        MUST(slice_is(text_slice(&ours), text_slice(&theirs)));
    MUST(slice_begins(text_slice(&ours), text_slice(&theirs)) ||
         slice_begins(text_slice(&theirs), text_slice(&ours)));
    text_fini(&ours);
    text_fini(&theirs);
    told_fini(&whole);
    told_fini(&cut);
    told_fini(&bytes);
    return 0;
}
