/* What the fake upstream saw, and the commands that tell it. */
#include "fake.h"
#include "fake_common/frame.h"

struct record *stats_record(struct stats *t, uint64_t number)
{
    struct record *r = &t->records[number % RECORDS];
    return r->number == number ? r : NULL;
}

unsigned stats_nonce(struct stats *t, struct slice nonce)
{
    uint64_t hash = frame_hash(nonce);
    for (size_t i = 0; i < NONCES; i++) {
        size_t at = (hash + i) % NONCES;
        if (!t->nonces[at].hash)
            t->nonces[at].hash = hash;
        if (t->nonces[at].hash == hash)
            return ++t->nonces[at].n;
    }
    return 1; /* full: every nonce is new */
}

void stats_hangup(struct stats *t, const struct play *p)
{
    struct hangup *h = &t->last_hangups[t->hangups++ % HANGUPS];
    *h = (struct hangup){.request = p->number, .at_ms = now_us() / 1000, .step = p->step};
}

void stats_clear(struct stats *t)
{
    uint64_t open = t->open, answering = t->answering, opened = t->opened;
    for (size_t i = 0; i < RECORDS; i++) {
        struct record *r = &t->records[i];
        text_fini(&r->head), text_fini(&r->body), text_fini(&r->sent);
    }
    memset(t, 0, sizeof(*t));
    /* Connections are numbered by the server, so those that live on keep their numbers. */
    t->open = open, t->answering = answering, t->opened = opened;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void put_u64(struct json_writer *w, const char *key, uint64_t n)
{
    json_key(w, key);
    json_put_u64(w, n);
}

static void put_base64(struct json_writer *w, const char *key, struct slice s)
{
    struct text t = {0};
    frame_base64(s, &t);
    json_put_pair(w, key, text_slice(&t));
    text_fini(&t);
}

static void put_nonces(struct json_writer *w, const struct stats *t)
{
    unsigned once = 0, more = 0, most = 0;
    for (size_t i = 0; i < NONCES; i++) {
        once += t->nonces[i].n == 1;
        more += t->nonces[i].n > 1;
        most = t->nonces[i].n > most ? t->nonces[i].n : most;
    }
    json_key(w, "nonces");
    json_open_object(w);
    put_u64(w, "asked_once", once);
    put_u64(w, "asked_again", more);
    put_u64(w, "most", most);
    json_close_object(w);
}

static void tell_stats(struct server *s, struct slice rest, struct json_writer *w)
{
    (void)rest;
    const struct stats *t = &s->stats;
    json_open_object(w);
    put_u64(w, "now_ms", now_us() / 1000);
    put_u64(w, "opened", t->opened);
    put_u64(w, "open", t->open);
    put_u64(w, "requests", t->requests);
    put_u64(w, "answering", t->answering);
    put_u64(w, "answered", t->answered);
    put_u64(w, "bytes_in", t->bytes_in);
    put_u64(w, "bytes_out", t->bytes_out);
    put_u64(w, "wrong_scripts", t->wrong_scripts);
    put_u64(w, "hangups", t->hangups);
    json_key(w, "last_hangups");
    json_open_array(w);
    uint64_t first = t->hangups > HANGUPS ? t->hangups - HANGUPS : 0;
    for (uint64_t i = first; i < t->hangups; i++) {
        const struct hangup *h = &t->last_hangups[i % HANGUPS];
        json_open_object(w);
        put_u64(w, "request", h->request);
        put_u64(w, "at_ms", h->at_ms);
        json_key(w, "step");
        json_put_int(w, h->step);
        json_close_object(w);
    }
    json_close_array(w);
    json_key(w, "per_connection");
    json_open_array(w);
    for (uint64_t i = 0; i < s->next_conn && i < CONNS_TOLD; i++) {
        if (t->per_conn[i])
            json_put_u64(w, t->per_conn[i]);
    }
    json_close_array(w);
    put_nonces(w, t);
    json_close_object(w);
}

static void tell_last(struct server *s, struct slice rest, struct json_writer *w)
{
    uint64_t most = RECORDS;
    if (rest.len && !slice_u64(rest, &most))
        most = RECORDS;
    json_open_array(w);
    for (uint64_t n = s->stats.requests; n > 0 && most > 0; n--, most--) {
        const struct record *r = stats_record(&s->stats, n);
        if (!r)
            break;
        json_open_object(w);
        put_u64(w, "request", r->number);
        put_u64(w, "connection", r->conn);
        put_base64(w, "head", text_slice(&r->head));
        put_base64(w, "body", text_slice(&r->body));
        put_base64(w, "sent", text_slice(&r->sent));
        json_close_object(w);
    }
    json_close_array(w);
}

static void tell_right(struct json_writer *w, bool right)
{
    json_open_object(w);
    json_key(w, "ok");
    json_put_bool(w, right);
    json_close_object(w);
}

static void do_clear(struct server *s, struct slice rest, struct json_writer *w)
{
    (void)rest;
    stats_clear(&s->stats);
    tell_right(w, true);
}

static void do_script(struct server *s, struct slice rest, struct json_writer *w)
{
    struct script script;
    struct arena arena = {0};
    script_init(&script);
    script_read(&script, rest, s->name, &arena);
    tell_right(w, !script.wrong[0]);
    text_fini(&script.wire.headers);
    arena_fini(&arena);
    text_clear(&s->usual);
    text_add(&s->usual, rest);
}

static const struct {
    const char *name;
    void (*run)(struct server *s, struct slice rest, struct json_writer *w);
} commands[] = {
    {"stats", tell_stats},
    {"last", tell_last},
    {"clear", do_clear},
    {"script", do_script},
};

void stats_command(struct server *s, struct slice command, struct text *out)
{
    struct json_writer w = json_writer(out);
    size_t blank = slice_find(command, ' ');
    struct slice name = slice_to(command, blank);
    struct slice rest = slice_from(command, min_size(blank + 1, command.len));
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (slice_is(name, slice_of(commands[i].name))) {
            commands[i].run(s, rest, &w);
            return;
        }
    }
    tell_right(&w, false);
}
