/* web: the page's bytes and its policy. The hashes are taken of the bytes that are served, so that
 * nobody has to keep them in step with the page. */
#include "web/web.h"

#include "crypt/crypt.h"

/* Made of page.html while hearth is built. */
extern const unsigned char web_page_html[];
extern const size_t web_page_html_size;

struct slice web_page(void)
{
    return (struct slice){(const char *)web_page_html, web_page_html_size};
}

/* What stands between the first <name> and the </name> behind it; the page has one of each. */
static struct slice inside(struct slice page, const char *begin, const char *end)
{
    struct slice open = slice_of(begin), close = slice_of(end);
    while (page.len && !slice_begins(page, open))
        page = slice_from(page, 1);
    struct slice from = slice_from(page, min_size(open.len, page.len));
    size_t n = 0;
    while (n < from.len && !slice_begins(slice_from(from, n), close))
        n++;
    return slice_to(from, n);
}

static enum err add_hash(struct text *out, struct slice bytes)
{
    unsigned char hash[HASH_BYTES];
    if (crypt_sha256(bytes, hash))
        return ERR_NO_MEMORY;
    text_add(out, SLICE("'sha256-"));
    crypt_base64url((struct slice){(const char *)hash, sizeof hash}, out);
    text_add(out, SLICE("='; ")); /* browsers take both alphabets, and want its padding */
    return OK;
}

enum err web_write_policy(struct text *out)
{
    struct slice page = web_page();
    text_add(out, SLICE("default-src 'none'; connect-src 'self'; img-src data:; script-src "));
    enum err e = add_hash(out, inside(page, "<script type=\"module\">", "</script>"));
    text_add(out, SLICE("style-src "));
    if (!e)
        e = add_hash(out, inside(page, "<style>", "</style>"));
    /* Nothing that a model says can become markup: the browser itself refuses to parse any. */
    text_add(out, SLICE("require-trusted-types-for 'script'; trusted-types 'none'; "
                        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"));
    return out->failed ? ERR_NO_MEMORY : e;
}
