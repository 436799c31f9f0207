/* testing: what the tests of this room share. Feeds bytes to a parser in pieces and writes down
 * what it says, so that two ways to cut the same bytes can be compared as texts. */
#pragma once

#include "http/http.h"

#define CUTS_EACH 3000 /* longer inputs are cut at some places only */

struct told {
    struct text text; /* "POST /x|body|END " and so on */
    struct http_parser parser;
    bool in_body, broken;
};

static inline void told_head(struct told *t, const struct http_head *h)
{
    if (h->status)
        text_format(&t->text, "%d", h->status);
    else
        text_format(&t->text, "%.*s %.*s %.*s", SLICE_ARG(http_method_name(h->method)),
                    SLICE_ARG(h->path), SLICE_ARG(h->host));
    if (h->query.ptr)
        text_format(&t->text, " query=%.*s", SLICE_ARG(h->query));
    if (!h->keep_alive)
        text_format(&t->text, " last");
    if (h->expect_continue)
        text_format(&t->text, " expects");
    if (h->until_eof)
        text_format(&t->text, " until-eof");
    for (unsigned i = 0; i < h->count; i++)
        text_format(&t->text, "\n  %.*s: %.*s", SLICE_ARG(h->fields[i].name),
                    SLICE_ARG(h->fields[i].value));
    text_byte(&t->text, '\n');
}

/* False when it takes no more. */
static inline bool told_step(struct told *t, enum http_step step, struct slice body)
{
    if (step == HTTP_BODY && !t->in_body)
        text_format(&t->text, "body=");
    else if (step != HTTP_BODY && step != HTTP_MORE && t->in_body)
        text_byte(&t->text, '\n');
    if (step != HTTP_MORE)
        t->in_body = step == HTTP_BODY;
    switch (step) {
    case HTTP_MORE:
        return false;
    case HTTP_HEAD:
        told_head(t, http_head(&t->parser));
        return true;
    case HTTP_BODY:
        text_add(&t->text, body);
        return true;
    case HTTP_END:
        text_format(&t->text, "END\n");
        return true;
    case HTTP_BAD:
    case HTTP_CUT:
        text_format(&t->text, "%s %s: %s\n", step == HTTP_BAD ? "BAD" : "CUT",
                    err_row(t->parser.err)->name, t->parser.why);
        t->broken = true;
        return false;
    }
    return false;
}

static inline void told_feed(struct told *t, struct slice piece)
{
    struct slice body = {0};
    while (!t->broken && told_step(t, http_parse(&t->parser, &piece, &body), body)) {
    }
    assert(t->broken || piece.len == 0);
}

static inline void told_eof(struct told *t)
{
    if (!t->broken)
        told_step(t, http_parse_eof(&t->parser), (struct slice){0});
}

static inline void told_fini(struct told *t)
{
    http_parser_fini(&t->parser);
    text_fini(&t->text);
}
