/* wire: see wire.h. All of a head comes in one call, so each span is one piece of it; llhttp is
 * paused at the head's end and thrown away: bodies are counted by parse.c. */
#include "http/wire.h"

#include <llhttp.h>

struct reader {
    llhttp_t machine; /* first: the callbacks get a pointer to it */
    wire_field_fn *on_field;
    void *owner;
    struct slice name, value;
};

static int extend(struct slice *s, const char *at, size_t length)
{
    if (!s->ptr)
        *s = (struct slice){at, length};
    else
        s->len = (size_t)(at - s->ptr) + length;
    return HPE_OK;
}

static int on_name(llhttp_t *machine, const char *at, size_t length)
{
    return extend(&owner_of(machine, struct reader, machine)->name, at, length);
}

static int on_value(llhttp_t *machine, const char *at, size_t length)
{
    return extend(&owner_of(machine, struct reader, machine)->value, at, length);
}

static int on_value_complete(llhttp_t *machine)
{
    struct reader *r = owner_of(machine, struct reader, machine);
    r->on_field(r->owner, r->name, slice_trim(r->value));
    r->name = r->value = (struct slice){0};
    return HPE_OK;
}

static int on_head_complete(llhttp_t *machine)
{
    (void)machine;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_head_complete,
};

bool wire_read(bool response, struct slice head, wire_field_fn *on_field, void *owner,
               struct wire_reading *ret_reading)
{
    struct reader r = {.on_field = on_field, .owner = owner};
    llhttp_init(&r.machine, response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
    enum llhttp_errno e = llhttp_execute(&r.machine, head.ptr, head.len);
    if (e != HPE_PAUSED) {
        const char *reason = e == HPE_OK ? NULL : llhttp_get_error_reason(&r.machine);
        ret_reading->why = reason && *reason ? reason : "the head does not end where it should";
        return false;
    }
    /* It stops on the last LF or behind it, by version. */
    const char *stop = llhttp_get_error_pos(&r.machine), *end = head.ptr + head.len;
    if (stop != end && stop != end - 1) {
        ret_reading->why = "the head ends in the middle";
        return false;
    }
    ret_reading->has_length = r.machine.flags & F_CONTENT_LENGTH;
    ret_reading->chunked = r.machine.flags & F_CHUNKED;
    ret_reading->content_length = r.machine.content_length;
    return true;
}
