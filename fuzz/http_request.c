/* Requests. It makes no difference how the bytes are cut; an accepted head means one thing only;
 * and where llhttp accepts the same bytes, it sees the same bodies and the same ends. */
#include "http/http.h"

#include "fuzz.h"
#include "http/testing.h"
#include "http_judge.h"

static void check_head(const struct http_head *h)
{
    struct text path = {0}, again = {0};
    struct slice host;
    uint16_t port;
    MUST(http_field_count(h, "host") == 1 && http_host_split(h->host, &host, &port));
    MUST(h->method != METHOD_NONE && h->minor <= 1 && h->count <= 100);
    MUST(!h->chunked || (!h->has_length && h->minor == 1));
    MUST(http_field_count(h, "content-length") == h->has_length);
    MUST(http_field_count(h, "transfer-encoding") == h->chunked);
    MUST(h->path.len && (h->path.ptr[0] == '/' || slice_is(h->path, SLICE("*"))));
    for (unsigned i = 0; i < h->count; i++)
        MUST(slice_find(h->fields[i].name, '_') == h->fields[i].name.len);
    if (http_path_ok(h->path, &path)) {
        const char *plain = text_cstr(&path);
        MUST(strlen(plain) == path.len && plain[0] == '/');
        MUST(!strstr(plain, "//") && !strstr(plain, "/../") && !strchr(plain, '\\'));
    }
    /* What we write is read as what was meant. */
    MUST(http_write_request(&again, h->method, h->target, h->fields, h->count));
    struct http_parser p;
    struct slice in = text_slice(&again), body;
    http_parser_init(&p, HTTP_REQUEST, NULL);
    MUST(http_parse(&p, &in, &body) == HTTP_HEAD && in.len == 0);
    const struct http_head *h2 = http_head(&p);
    MUST(h2->count == h->count && slice_is(h2->path, h->path) && slice_is(h2->host, h->host));
    MUST(h2->content_length == h->content_length && h2->chunked == h->chunked);
    http_parser_fini(&p);
    text_fini(&again);
    text_fini(&path);
}

static struct told tell(struct slice in, size_t step)
{
    struct told t = {0};
    http_parser_init(&t.parser, HTTP_REQUEST, NULL);
    for (; in.len; in = slice_from(in, min_size(step, in.len)))
        told_feed(&t, slice_to(in, min_size(step, in.len)));
    told_eof(&t);
    return t;
}

/* The same as the judge writes down. */
static enum err read_bodies(struct slice in, struct text *out)
{
    struct http_parser p;
    struct slice body;
    enum http_step step;
    http_parser_init(&p, HTTP_REQUEST, NULL);
    while ((step = http_parse(&p, &in, &body)) != HTTP_MORE && step != HTTP_BAD) {
        if (step == HTTP_HEAD)
            check_head(http_head(&p));
        else if (step == HTTP_BODY)
            text_add(out, body);
        else
            text_add(out, SLICE("\n.\n"));
    }
    enum err e = p.err;
    http_parser_fini(&p);
    return e;
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
    enum err e = read_bodies(in, &ours);
    bool good = http_judge(false, in, &theirs);
    if (e == OK && good)
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
