/* test_endpoints: what the scenarios need to look inside. Not in an installed binary. */
#include <unistd.h>

#include "api/inside.h"

#define MOST_READ (64u * 1024)

static struct slice number_part(struct slice id)
{
    while (slice_find(id, '-') < id.len)
        id = slice_from(id, slice_find(id, '-') + 1);
    return id;
}

void test_follow(struct visit *v)
{
    struct slice query = v->x->head->query;
    struct why why;
    uint64_t id = 0, from = 0;
    bool valid = slice_u64(number_part(query_value(query, "id")), &id) &&
                 slice_u64(query_value(query, "from"), &from);
    v->request = valid ? request_find(v->api->desk, id, v->asker.principal) : NULL;
    v->numbered = true;
    if (!v->request || reader_follow(&v->reader, v->request, from)) {
        v->request = NULL;
        why_set(&why, ERR_NOT_FOUND, "no such request, or the event is no longer kept");
        answer_error(v, &why);
    }
}

void test_requests(struct visit *v)
{
    const struct desk *d = v->api->desk;
    const struct server *s = v->api->server;
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"requests", d->live},
        {"kept", d->kept},
        {"readers", d->readers},
        {"attempts", d->attempts},
        {"connections", s->open},
        {"accepted", s->accepted},
        {"served", s->served},
        {"body_bytes", s->bodies.used},
        {"slow_steps", v->api->loop->slow_steps},
        {"longest_step_us", v->api->loop->longest_step_us},
    };
    struct text body = {0};
    struct json_writer w = json_writer(&body);
    json_open_object(&w);
    for (size_t i = 0; i < COUNT(counts); i++) {
        json_key(&w, counts[i].name);
        json_put_u64(&w, counts[i].count);
    }
    json_close_object(&w);
    answer_json(v, 200, &body);
    text_fini(&body);
}

/* FNV-1a; reads on the loop, which only a test may do. */
static uint64_t hash_of(int fd)
{
    unsigned char part[MOST_READ];
    uint64_t hash = 14695981039346656037u;
    ssize_t n;
    for (off_t at = 0; (n = pread(fd, part, sizeof part, at)) > 0; at += n) {
        for (ssize_t i = 0; i < n; i++)
            hash = (hash ^ part[i]) * 1099511628211u;
    }
    return hash;
}

void test_upload(struct visit *v)
{
    struct text body = {0}, hex = {0};
    struct json_writer w = json_writer(&body);
    text_format(&hex, "%016llx", (unsigned long long)hash_of(v->x->spool_fd));
    json_open_object(&w);
    json_key(&w, "bytes");
    json_put_u64(&w, v->x->body_bytes);
    json_put_pair(&w, "hash", text_slice(&hex));
    json_close_object(&w);
    answer_json(v, 200, &body);
    text_fini(&body);
    text_fini(&hex);
}
