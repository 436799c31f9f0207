/* endpoints: the table as an array, looking a path up, and its documentation. */
#include "api/inside.h"

#define NO_BODY 0, false, false
#define JSON_BODY 0, true, false
#define SPOOL_BODY (1ull << 40), false, false
#define SMALL_JSON (64u << 10), true, false
/* For surfaces whose clients never said what they send. */
#define LAX_JSON 0, true, true
#define SMALL_LAX_JSON (64u << 10), true, true

#define ENDPOINT(method, path, surface, kind, ends, dialect, take, leaves, body, handler, help)    \
    {METHOD_##method,                                                                              \
     path,                                                                                         \
     SURFACE_##surface,                                                                            \
     CALL_##kind,                                                                                  \
     ENDS_##ends,                                                                                  \
     DIALECT_##dialect,                                                                            \
     TAKE_##take,                                                                                  \
     LEAVES_##leaves,                                                                              \
     body,                                                                                         \
     handler,                                                                                      \
     help},
static const struct endpoint endpoints[] = {
#include "api/endpoints.def"
#if HEARTH_TEST_ENDPOINTS
#    include "api/test_endpoints.def"
#endif
};
#undef ENDPOINT

static bool takes(const struct endpoint *e, enum http_method method)
{
    return e->method == method || (e->method == METHOD_GET && method == METHOD_HEAD);
}

static void allow(struct text *allowed, const struct endpoint *e)
{
    text_add(allowed, allowed->len ? SLICE(", ") : SLICE(""));
    text_add(allowed, http_method_name(e->method));
    if (e->method == METHOD_GET)
        text_add(allowed, SLICE(", HEAD"));
}

/* "/a/{id}" is any one part behind "/a/"; {name} may be several. */
static bool is_path(struct slice path, struct slice of, struct slice *ret_id)
{
    size_t brace = slice_find(of, '{');
    if (brace == of.len)
        return slice_is(path, of);
    if (!slice_begins(path, slice_to(of, brace)))
        return false;
    struct slice id = slice_from(path, brace);
    *ret_id = id;
    return id.len && (slice_ends(of, SLICE("{name}")) || slice_find(id, '/') == id.len);
}

enum err endpoint_find(struct slice path, enum http_method method,
                       const struct endpoint **ret_endpoint, struct slice *ret_id,
                       struct text *allowed)
{
    enum err e = ERR_NOT_FOUND;
    for (size_t i = 0; i < COUNT(endpoints); i++) {
        if (!is_path(path, slice_of(endpoints[i].path), ret_id))
            continue;
        *ret_endpoint = &endpoints[i]; /* also for 405: errors have its dialect */
        if (takes(&endpoints[i], method))
            return OK;
        allow(allowed, &endpoints[i]);
        e = ERR_METHOD_NOT_ALLOWED;
    }
    return e;
}

void api_write_reference(struct text *out)
{
    text_add(out, SLICE("| method | path | surface | body | answer | what it does |\n"
                        "| --- | --- | --- | --- | --- | --- |\n"));
    static const char *const leaves[] = {[LEAVES_JSON] = "JSON",
                                         [LEAVES_SSE] = "JSON or an event stream",
                                         [LEAVES_NDJSON] = "JSON lines",
                                         [LEAVES_TEXT] = "text",
                                         [LEAVES_BYTES] = "bytes"};
    for (size_t i = 0; i < COUNT(endpoints); i++) {
        const struct endpoint *e = &endpoints[i];
        text_format(out, "| %s | `%s` | %s | %s | %s | %s |\n", http_method_name(e->method).ptr,
                    e->path, e->surface == SURFACE_anybody ? "anybody" : surface_name(e->surface),
                    e->take == TAKE_NONE ? "none"
                    : e->json            ? "JSON"
                                         : "any, to a file",
                    leaves[e->leaves], e->help);
    }
}
