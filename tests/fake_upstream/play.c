/* Playing an answer: the head, the events one by one with their waits, the end, and the faults
 * that strike on the way. Each step writes into the connection's `out`; the next one begins when
 * that has been sent, so a client that does not read stops its own answer only. */
#include "say.h"

enum { FLOOD_PIECE = 65536 };

/* --- the request ------------------------------------------------------------------------------ */

/* What is left of a script whose misbehaviour is used up. */
static void calm(struct script *s)
{
    memset(s->faults, 0, sizeof(s->faults));
    s->wire.status = 200;
    s->wire.body = BODY_BY_STATUS;
    s->wire.raw = (struct slice){0};
    s->wire.flood = FLOOD_NONE;
    s->pace.delay_ms = 0;
}

static void settle(struct script *s, bool stream)
{
    if (s->wire.body == BODY_BY_STATUS && s->wire.status >= 400)
        s->wire.body = BODY_ERROR;
    else if (s->wire.body == BODY_BY_STATUS)
        s->wire.body = stream ? BODY_SSE : BODY_JSON;
    if (s->wrong[0]) {
        s->wire.status = 400;
        s->wire.body = BODY_ERROR;
        s->shape.message = slice_of(s->wrong);
        s->shape.code = SLICE("fake_script");
    }
}

void play_start(struct conn *c, const struct voice *voice, struct slice head, struct slice body)
{
    struct play *p = &c->play;
    struct stats *t = &c->server->stats;
    *p = (struct play){.number = ++t->requests, .running = true, .step = STEP_HEAD};
    p->asked.voice = voice;
    ask_read(p, c->server, body);
    if (p->script.wrong[0])
        t->wrong_scripts++;
    unsigned seen = stats_nonce(t, p->script.shape.nonce.len ? p->script.shape.nonce : SLICE("-"));
    if (p->script.times && seen > p->script.times)
        calm(&p->script);
    settle(&p->script, p->asked.stream);
    p->flood_left = p->script.wire.flood_bytes;
    p->steps = p->script.wire.raw.len ? 0 : p->script.wire.body == BODY_SSE ? events_count(p) : 1;
    t->answering++;

    struct record *r = &t->records[p->number % RECORDS];
    text_fini(&r->head), text_fini(&r->body), text_fini(&r->sent);
    *r = (struct record){.number = p->number, .conn = c->id};
    text_add(&r->head, head);
    text_add(&r->body, body);
}

void play_done(struct play *p)
{
    text_fini(&p->script.wire.headers);
    arena_fini(&p->arena);
    *p = (struct play){0};
}

/* --- bytes ------------------------------------------------------------------------------------ */

/* The body's part that belongs to event i; for answers that are no streams there is one. */
static void write_body(const struct play *p, int i, struct text *out)
{
    switch ((enum body_kind)p->script.wire.body) {
    case BODY_BY_STATUS:
    case BODY_SSE:
        events_write(p, i, out);
        break;
    case BODY_JSON:
        events_object(p, out);
        break;
    case BODY_ERROR:
        events_error(p, out);
        break;
    case BODY_HTML:
        text_add(out, SLICE("<!DOCTYPE html><html><body><h1>It works!</h1></body></html>\n"));
        break;
    case BODY_EMPTY:
        break;
    }
}

static size_t body_length(const struct play *p)
{
    struct text all = {0};
    for (int i = 0; i < p->steps; i++)
        write_body(p, i, &all);
    size_t n = all.len;
    text_fini(&all);
    return n;
}

static struct slice reason_of(int64_t status)
{
    return status == 200 ? SLICE("OK") : SLICE("Fake");
}

static struct slice type_of(const struct play *p)
{
    const struct wire *w = &p->script.wire;
    static const char *const types[] = {[BODY_JSON] = "application/json",
                                        [BODY_HTML] = "text/html",
                                        [BODY_ERROR] = "application/json",
                                        [BODY_EMPTY] = "text/event-stream"};
    if (!w->type.len && w->body == BODY_SSE)
        return slice_of(events_type(p));
    return w->type.len ? w->type : slice_of(types[w->body]);
}

static void write_head(struct conn *c, struct text *out)
{
    struct play *p = &c->play;
    const struct wire *w = &p->script.wire;
    if (w->raw.len) {
        text_add(out, w->raw);
        return;
    }
    text_format(out, "HTTP/1.1 %d %.*s\r\n", (int)w->status, SLICE_ARG(reason_of(w->status)));
    if (!slice_is(w->type, SLICE("-")))
        text_format(out, "Content-Type: %.*s\r\n", SLICE_ARG(type_of(p)));
    if (p->asked.voice->request_id)
        text_format(out, "Request-Id: req_fake_%llu\r\n", (unsigned long long)p->number);
    text_add(out, text_slice(&w->headers));
    if (w->framing == FRAMING_CHUNKED)
        text_add(out, SLICE("Transfer-Encoding: chunked\r\n"));
    else if (w->framing == FRAMING_LENGTH)
        text_format(out, "Content-Length: %lld\r\n",
                    w->length >= 0 ? (long long)w->length : (long long)body_length(p));
    if (!w->keep || w->framing == FRAMING_CLOSE)
        text_add(out, SLICE("Connection: close\r\n"));
    if (w->flood != FLOOD_HEADER && w->flood != FLOOD_HEADERS)
        text_add(out, SLICE("\r\n"));
}

static void frame(const struct wire *w, struct slice bytes, struct text *out)
{
    if (w->framing != FRAMING_CHUNKED) {
        text_add(out, bytes);
        return;
    }
    while (bytes.len) {
        size_t n = w->chunk > 0 ? min_size(bytes.len, (size_t)w->chunk) : bytes.len;
        text_format(out, "%zx%s\r\n", n, w->chunk_ext ? ";ext=\"quoted; value\";bare" : "");
        text_add(out, slice_to(bytes, n));
        text_add(out, SLICE("\r\n"));
        bytes = slice_from(bytes, n);
    }
}

/* Events i and those joined to it. Returns how many that were. */
static int write_events(struct conn *c, int i, struct text *out)
{
    struct play *p = &c->play;
    struct text body = {0};
    int n = 0, most = (int)(p->script.shape.join > 0 ? p->script.shape.join : 1);
    for (; n < most && i + n < p->steps; n++)
        write_body(p, i + n, &body);
    struct record *r = stats_record(&c->server->stats, p->number);
    if (r && r->sent.len < LARGEST)
        text_add(&r->sent, text_slice(&body));
    frame(&p->script.wire, text_slice(&body), out);
    text_fini(&body);
    return n;
}

static void write_end(const struct wire *w, struct text *out)
{
    if (w->raw.len || w->framing != FRAMING_CHUNKED)
        return;
    text_add(out, SLICE("0\r\n"));
    if (w->trailers)
        text_add(out, SLICE("X-Trailer: late\r\nX-Other: value\r\n"));
    text_add(out, SLICE("\r\n"));
}

/* --- floods: bytes without an end, a piece at a time ------------------------------------------ */

static void fill(struct text *out, struct slice with, int64_t bytes)
{
    for (int64_t n = 0; n < bytes; n += (int64_t)with.len)
        text_add(out, with);
}

/* For 1xx answers the number counts heads, for all else bytes. */
static const struct flood_row {
    int step; /* before which it comes */
    const char *first, *piece, *last;
} flood_rows[] = {
    [FLOOD_NONE] = {STEP_AFTER, "", "", ""},
    [FLOOD_HEADER] = {0, "X-Flood: ", "aaaaaaaaaaaaaaaa", "\r\n\r\n"},
    [FLOOD_HEADERS] = {0, "", "X-Flood-Header: some value\r\n", "\r\n"},
    [FLOOD_INFO] = {STEP_HEAD, "", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", ""},
    [FLOOD_LINE] = {1, "data: ", "aaaaaaaaaaaaaaaa", "\n\n"},
    [FLOOD_CHUNK_EXT] = {1, "1;", "aaaaaaaaaaaaaaaa", "\r\n\n\r\n"},
};

/* True while the flood of this step goes on. */
static bool pour(struct conn *c)
{
    struct play *p = &c->play;
    const struct script *s = &p->script;
    const struct flood_row *row = &flood_rows[s->wire.flood];
    if (row->step != p->step || p->flood_left <= 0)
        return false;
    struct text piece = {0};
    int64_t each = s->wire.flood == FLOOD_INFO ? (int64_t)strlen(row->piece) : 1;
    int64_t n = p->flood_left * each < FLOOD_PIECE ? p->flood_left : FLOOD_PIECE / each;
    if (p->flood_left == s->wire.flood_bytes)
        text_add(&piece, slice_of(row->first));
    fill(&piece, slice_of(row->piece), n * each);
    p->flood_left -= n;
    if (p->flood_left <= 0)
        text_add(&piece, slice_of(row->last));
    if (s->wire.flood == FLOOD_LINE)
        frame(&s->wire, text_slice(&piece), &c->out);
    else
        text_add(&c->out, text_slice(&piece));
    text_fini(&piece);
    return true;
}

/* --- steps ------------------------------------------------------------------------------------ */

static int public_step(const struct play *p)
{
    return p->step < p->steps ? p->step : p->step == p->steps ? STEP_END : STEP_AFTER;
}

static const struct point *fault_here(const struct play *p, bool middle, enum fault *ret_fault)
{
    for (int f = 0; f < FAULT_COUNT; f++) {
        const struct point *at = &p->script.faults[f];
        if (at->set && at->middle == middle && at->step == public_step(p)) {
            *ret_fault = (enum fault)f;
            return at;
        }
    }
    return NULL;
}

static int64_t wait_ms(const struct play *p)
{
    const struct pace *pace = &p->script.pace;
    enum fault f;
    int64_t wait = 0;
    if (p->step == STEP_HEAD)
        wait = pace->delay_ms;
    else if (p->step == 0)
        wait = pace->first_ms;
    else if (p->step < p->steps)
        wait = pace->gap_ms;
    if (p->step > STEP_HEAD && fault_here(p, false, &f) && f != FAULT_STALL)
        wait += pace->fault_ms; /* so that what was sent before is read before the fault is seen */
    return wait;
}

static void finish(struct conn *c)
{
    struct play *p = &c->play;
    const struct wire *w = &p->script.wire;
    enum fault f;
    c->server->stats.answered++;
    c->server->stats.answering--;
    bool closes = !w->keep || w->framing == FRAMING_CLOSE ||
                  (w->close_after && c->requests >= (uint64_t)w->close_after);
    p->running = false;
    if (fault_here(p, false, &f))
        conn_fault(c, f);
    else if (closes)
        conn_close(c);
    if (!c->dead && !p->stalled)
        play_done(p);
}

/* Writes the step; leaves the second half away when a fault strikes in its middle. */
static void write_step(struct conn *c)
{
    struct play *p = &c->play;
    enum fault f;
    size_t began = c->out.len;
    bool broken = fault_here(p, true, &f) != NULL;
    int n = 1;
    if (p->step == STEP_HEAD)
        write_head(c, &c->out);
    else if (p->step < p->steps)
        n = write_events(c, p->step, &c->out);
    else if (p->step == p->steps)
        write_end(&p->script.wire, &c->out);
    else
        text_add(&c->out, p->script.wire.extra);
    if (broken)
        c->out.len = began + (c->out.len - began) / 2;
    p->step += n;
    p->delayed = false;
    if (broken) {
        p->script.faults[f] = (struct point){.set = true, .step = public_step(p)};
        if (p->step > p->steps)
            p->script.faults[f].step = STEP_AFTER;
    }
}

void play_step(struct conn *c)
{
    struct play *p = &c->play;
    enum fault f;
    if (!p->delayed) {
        p->delayed = true;
        int64_t wait = p->step == p->steps + 1 ? p->script.pace.extra_ms : wait_ms(p);
        if (wait > 0) {
            timer_set(c, now_us() + (uint64_t)wait * 1000);
            return;
        }
    }
    if (p->step > p->steps + 1) {
        finish(c);
    } else if (p->step <= p->steps && fault_here(p, false, &f)) {
        conn_fault(c, f);
    } else if (!pour(c)) {
        write_step(c);
    }
}
