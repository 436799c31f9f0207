/* Requests on a real loop with places that do what the test says: how events are numbered and kept,
 * what readers may do, where a failed try leads, what waits, and that nothing stays behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "request/request.h"

#define PLACES 3u
#define CALL "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define WITHOUT_END UINT32_MAX

struct place { /* a backend */
    struct backend backend;
    struct attempt *attempt;
    struct decoder *decoder;
    enum err refuses; /* to start */
    unsigned starts, cancels, pauses, frees;
    bool paused;
};

struct follower { /* a reader, with what it took */
    struct reader reader;
    struct text got;
    unsigned room; /* events that it takes yet */
    enum err breaks;
    uint64_t next; /* number it has to get next */
    bool ended, frees_itself;
};

struct bench {
    struct loop loop;
    struct audit audit;
    struct desk desk;
    struct place places[PLACES];
    struct route_target targets[PLACES];
    struct route_table table;
    struct budget budget;
    struct hold hold;
    unsigned quiet, gone;
};

/* ---- a place --------------------------------------------------------------------------------- */

static enum err place_start(struct backend *b, struct attempt *a, const struct order *o,
                            struct why *why)
{
    struct place *p = owner_of(b, struct place, backend);
    p->starts++;
    if (p->refuses)
        return why_set(why, p->refuses, "it refuses");
    assert_null(p->attempt);
    assert_true(slice_is(o->target.model, SLICE("m")) || o->call->model.len == 0);
    p->attempt = a;
    p->decoder = o->decoder;
    p->paused = false;
    return OK;
}

static void place_pause(struct attempt *a, bool on)
{
    struct place *p = owner_of(a->backend, struct place, backend);
    assert_int_equal(p->paused, !on);
    p->paused = on;
    p->pauses += on;
}

static void place_cancel(struct attempt *a)
{
    struct place *p = owner_of(a->backend, struct place, backend);
    assert_ptr_equal(p->attempt, a);
    p->attempt = NULL;
    p->cancels++;
}

static void place_free(struct backend *b)
{
    owner_of(b, struct place, backend)->frees++;
}

static void say(struct place *p, enum event_kind kind, const char *raw)
{
    struct event e = {.kind = kind, .raw = slice_of(raw), .usage = NO_USAGE};
    if (p->attempt)
        p->attempt->ops->event(p->attempt, &e);
}

static void over(struct place *p, enum err e)
{
    struct why why;
    struct attempt *a = p->attempt;
    why_set(&why, e, "broken on purpose");
    p->attempt = NULL;
    if (a)
        attempt_done(a, e, e ? &why : NULL);
}

static void end(struct place *p)
{
    say(p, EVENT_END, "E");
    over(p, OK);
}

/* ---- a reader -------------------------------------------------------------------------------- */

static enum err take(struct reader *r, const struct event *e)
{
    struct follower *f = owner_of(r, struct follower, reader);
    bool last = e->kind == EVENT_END || e->kind == EVENT_ERROR;
    assert_false(f->ended);
    if (last) {
        assert_null(r->request);
        if (e->kind == EVENT_ERROR)
            text_format(&f->got, "!%s", err_row(e->why->code)->name);
        else
            text_add(&f->got, e->raw);
        f->ended = true;
        if (f->frees_itself) {
            text_fini(&f->got);
            mem_free(f);
        }
        return OK;
    }
    if (f->breaks)
        return f->breaks;
    if (!f->room)
        return ERR_BUSY;
    assert_int_equal(e->number, f->next);
    f->next = e->number + 1;
    f->room--;
    text_add(&f->got, e->raw);
    return OK;
}

static const struct reader_ops ops = {take};

static struct follower follower(unsigned room)
{
    return (struct follower){.reader = {.ops = &ops}, .room = room};
}

static void expect(struct follower *f, const char *got)
{
    assert_string_equal(text_cstr(&f->got), got);
    text_fini(&f->got);
}

/* ---- the bench ------------------------------------------------------------------------------- */

static void on_quiet(struct desk *d)
{
    owner_of(d, struct bench, desk)->quiet++;
}

static void on_gone(struct hold *h)
{
    owner_of(h, struct bench, hold)->gone++;
}

static int set_up(void **state)
{
    static const struct backend_ops backend_ops = {
        .start = place_start, .pause = place_pause, .cancel = place_cancel, .free = place_free};
    static const struct slice names[PLACES] = {SLICE("one"), SLICE("two"), SLICE("three")};
    struct bench *b = mem_new(struct bench);
    struct why why;
    log_open(2, LOG_ERROR);
    assert_int_equal(loop_open(&b->loop, &why), OK);
    for (unsigned i = 0; i < PLACES; i++) {
        b->places[i].backend = (struct backend){
            .ops = &backend_ops, .name = names[i], .dialect = DIALECT_OPENAI, .queue.length = 2};
        b->targets[i] =
            (struct route_target){SLICE("m"), &b->places[i].backend, i, ROUTE_MAY, ROUTE_TEXT};
    }
    b->table = (struct route_table){.targets = b->targets, .n = PLACES};
    b->budget.most = 1u << 30;
    b->desk = (struct desk){
        .loop = &b->loop,
        .audit = &b->audit,
        .routes = &b->table,
        .settings = {10000, 10000, 3, true, 100},
        .quiet = on_quiet,
    };
    b->hold.gone = on_gone;
    desk_open(&b->desk, &b->hold);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    if (!b->desk.draining)
        desk_drain(&b->desk, true);
    desk_close(&b->desk);
    loop_run(&b->loop);
    assert_int_equal(b->gone, 1);
    assert_null(b->desk.requests);
    assert_int_equal(b->desk.live, 0);
    assert_int_equal(b->desk.kept, 0);
    assert_int_equal(b->desk.readers, 0);
    assert_int_equal(b->desk.attempts, 0);
    assert_int_equal(b->budget.used, 0);
    assert_int_equal(b->audit.done + b->audit.failed + b->audit.left, b->desk.last_id);
    for (unsigned i = 0; i < PLACES; i++) {
        assert_int_equal(b->places[i].backend.users, 0);
        assert_int_equal(b->places[i].backend.queue.busy, 0);
        assert_int_equal(b->places[i].backend.queue.waiting, 0);
    }
    loop_close(&b->loop);
    mem_free(b);
    return 0;
}

static void give(struct bench *b, struct request *r, struct slice bytes)
{
    struct body body = {.budget = &b->budget};
    assert_int_equal(body_add(&body, bytes), OK);
    request_admit(r);
    request_give(r, &body);
}

static struct request *begin(struct bench *b, struct follower *f, bool by_itself)
{
    struct request_terms terms = {
        .kind = CALL_CHAT, .dialect = DIALECT_OPENAI, .ends_by_itself = by_itself};
    struct request *r = request_new(&b->desk, &terms);
    assert_non_null(r);
    if (f)
        assert_int_equal(reader_follow(&f->reader, r, 0), OK);
    return r;
}

static struct request *ask(struct bench *b, struct follower *f)
{
    struct request *r = begin(b, f, false);
    give(b, r, SLICE(CALL));
    return r;
}

static void turns_until(struct bench *b, const bool *done)
{
    while (!*done)
        uv_run(&b->loop.uv, UV_RUN_ONCE);
}

/* ---- the plain way --------------------------------------------------------------------------- */

static void test_plain(void **state)
{
    struct bench *b = *state;
    struct place *p = &b->places[0];
    struct follower f = follower(WITHOUT_END);
    ask(b, &f);
    assert_int_equal(p->starts, 1);
    assert_int_equal(b->desk.attempts, 1);
    say(p, EVENT_BYTES, ":");
    say(p, EVENT_HEAD, "h");
    say(p, EVENT_TEXT, "a");
    say(p, EVENT_HEAD, ""); /* a dropped one has no number */
    struct event usage = {.kind = EVENT_USAGE, .raw = SLICE("u"), .usage = {3, 5}};
    p->attempt->ops->event(p->attempt, &usage);
    end(p);
    assert_true(f.ended);
    assert_int_equal(f.next, 4);
    expect(&f, ":hauE");
    assert_int_equal(b->audit.done, 1);
    assert_int_equal(b->audit.prompt_tokens, 3);
    assert_int_equal(b->audit.completion_tokens, 5);
    assert_int_equal(p->cancels, 0);
    loop_run(&b->loop);
    assert_null(b->desk.requests); /* it went by itself */
}

static void test_bodies(void **state)
{
    static const struct {
        const char *body, *got;
    } cases[] = {
        {"{", "!BAD_JSON"},
        {"{\"messages\":[]}", "!TOO_MANY"},
        {"{\"model\":\"n\",\"messages\":[{\"role\":\"user\"}]}", "!NO_MODEL"},
    };
    struct bench *b = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct follower f = follower(WITHOUT_END);
        give(b, begin(b, &f, false), slice_of(cases[i].body));
        expect(&f, cases[i].got);
    }
    assert_int_equal(b->audit.failed, COUNT(cases));
    assert_int_equal(b->places[0].starts, 0);
}

/* A large body is decoded by a job; what happens meanwhile waits for it. */
static void test_large_body(void **state)
{
    struct bench *b = *state;
    struct text body = {0};
    struct follower f = follower(WITHOUT_END), gone = follower(WITHOUT_END);
    text_add(&body, SLICE("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\""));
    for (int i = 0; i < 1 << 20; i++)
        text_byte(&body, 'x');
    text_add(&body, SLICE("\"}]}"));
    give(b, begin(b, &f, false), text_slice(&body));
    give(b, begin(b, &gone, false), text_slice(&body));
    reader_leave(&gone.reader, ERR_CLIENT_GONE);
    assert_int_equal(b->places[0].starts, 0);
    while (!b->places[0].starts || b->desk.live > 1)
        uv_run(&b->loop.uv, UV_RUN_ONCE);
    end(&b->places[0]);
    assert_int_equal(b->audit.left, 1);
    expect(&f, "E");
    expect(&gone, "");
    text_fini(&body);
}

/* Much of an answer is hashed by a job: the row comes with its end, or with the desk's. */
static void test_large_answer(void **state)
{
    struct bench *b = *state;
    struct text large = {0};
    assert_non_null(text_room(&large, 1 << 19));
    memset(large.ptr, 'x', 1 << 19);
    large.len = 1 << 19;
    for (unsigned i = 0; i < 2; i++) {
        struct follower f = follower(WITHOUT_END);
        struct request *r = ask(b, &f);
        request_gave(r, 200, text_slice(&large));
        request_gave(r, 200, SLICE("y"));
        end(&b->places[0]);
        expect(&f, "E");
        assert_int_equal(b->audit.done, i);
        while (!b->audit.done)
            uv_run(&b->loop.uv, UV_RUN_ONCE);
    }
    assert_int_equal(b->audit.bytes_out, large.len + 1);
    text_fini(&large);
}

/* ---- readers --------------------------------------------------------------------------------- */

#define TWENTY "12345678901234567890"

static void test_slow_reader(void **state)
{
    struct bench *b = *state;
    struct place *p = &b->places[0];
    struct follower f = follower(1);
    struct text all = {0};
    unsigned kept = 0, left;
    b->desk.settings.stream_buffer = 20000;
    ask(b, &f);
    say(p, EVENT_TEXT, TWENTY);
    text_add(&all, SLICE(TWENTY));
    for (; !p->paused; kept++) {
        say(p, EVENT_TEXT, TWENTY);
        text_add(&all, SLICE(TWENTY));
        assert_in_range(kept, 0, 1000);
    }
    assert_in_range(kept, 10, 1000); /* it was paused late, and goes on at half of that */
    for (left = kept; p->paused; left--) {
        f.room = 1;
        reader_wake(&f.reader);
    }
    assert_in_range(left, kept / 2 - 1, kept / 2 + 1);
    assert_int_equal(p->pauses, 1);
    f.room = WITHOUT_END;
    reader_wake(&f.reader);
    say(p, EVENT_TEXT, TWENTY);
    text_add(&all, SLICE(TWENTY));
    f.room = 0;
    say(p, EVENT_TEXT, "z");
    text_byte(&all, 'z');
    end(p); /* the slow one follows on */
    assert_false(f.ended);
    assert_int_equal(b->desk.live, 0);
    assert_int_equal(b->desk.kept, 1);
    f.room = WITHOUT_END;
    reader_wake(&f.reader);
    text_byte(&all, 'E');
    assert_true(f.ended);
    expect(&f, text_cstr(&all));
    text_fini(&all);
}

static void test_reader_leaves(void **state)
{
    struct bench *b = *state;
    struct place *p = &b->places[0];
    for (int i = 0; i < 3; i++) { /* before the body, before content, after it */
        struct follower f = follower(WITHOUT_END);
        struct request *r = begin(b, &f, false);
        if (i)
            give(b, r, SLICE(CALL));
        if (i == 2)
            say(p, EVENT_TEXT, "a");
        reader_leave(&f.reader, ERR_CLIENT_GONE);
        reader_leave(&f.reader, ERR_CLIENT_GONE); /* any number of times */
        assert_null(f.reader.request);
        assert_null(p->attempt);
        expect(&f, i == 2 ? "a" : "");
        assert_int_equal(b->audit.left, i + 1);
    }
    assert_int_equal(p->starts, 2);
    assert_int_equal(p->cancels, 2);
    struct follower slow = follower(0); /* leaves when all is over but for it */
    ask(b, &slow);
    say(p, EVENT_TEXT, "a");
    end(p);
    reader_leave(&slow.reader, ERR_TOO_SLOW);
    expect(&slow, "");
    assert_int_equal(b->audit.done, 0); /* it did not get what was there for it */
    assert_int_equal(b->audit.left, 4);
}

/* A right is taken back: what is asked by it ends wherever it is, and nothing else does. */
static void test_revoked(void **state)
{
    static const struct {
        uint64_t grant;
        const char *got;
    } cases[] = {{7, "h!REVOKED"}, {7, "!REVOKED"}, {7, "!REVOKED"}, {8, "E"}};
    struct bench *b = *state;
    struct place *p = &b->places[0];
    struct follower followers[COUNT(cases)];
    struct request *requests[COUNT(cases)];
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct request_terms terms = {
            .kind = CALL_CHAT, .dialect = DIALECT_OPENAI, .grant = cases[i].grant};
        followers[i] = follower(WITHOUT_END);
        requests[i] = request_new(&b->desk, &terms);
        assert_int_equal(reader_follow(&followers[i].reader, requests[i], 0), OK);
    }
    p->backend.queue.slots = 1;
    give(b, requests[0], SLICE(CALL));
    say(p, EVENT_TEXT, "h");
    give(b, requests[1], SLICE(CALL)); /* waits for the slot */
    request_admit(requests[2]);        /* its body is on its way still */
    give(b, requests[3], SLICE(CALL)); /* waits behind it */
    desk_revoke(&b->desk, 7);
    desk_revoke(&b->desk, 7); /* again, and one that nobody has */
    desk_revoke(&b->desk, 9);
    assert_int_equal(b->desk.live, 1);
    while (p->starts < 2)
        uv_run(&b->loop.uv, UV_RUN_ONCE);
    end(p);
    for (size_t i = 0; i < COUNT(cases); i++)
        expect(&followers[i], cases[i].got);
    assert_int_equal(p->cancels, 1);
}

/* Three readers of one request: all from the start, one that leaves and comes back, one late. */
static void test_many_readers(void **state)
{
    struct bench *b = *state;
    struct place *p = &b->places[0];
    struct follower all = follower(WITHOUT_END), back = follower(2), late = follower(WITHOUT_END);
    struct follower ahead = follower(WITHOUT_END), none = follower(WITHOUT_END);
    struct request *r = begin(b, &all, true);
    assert_int_equal(reader_follow(&back.reader, r, 0), OK);
    give(b, r, SLICE(CALL));
    say(p, EVENT_HEAD, "h");
    say(p, EVENT_TEXT, "a");
    say(p, EVENT_TEXT, "b");
    reader_leave(&back.reader, ERR_CLIENT_GONE);
    assert_string_equal(text_cstr(&back.got), "ha");
    reader_leave(&all.reader, ERR_CLIENT_GONE); /* nobody left: it goes on */
    say(p, EVENT_TEXT, TWENTY TWENTY TWENTY TWENTY TWENTY TWENTY);
    assert_int_equal(p->pauses, 0); /* and nobody slows it down */
    assert_ptr_equal(request_find(&b->desk, request_id(r), 0), r);
    assert_null(request_find(&b->desk, request_id(r) + 1, 0));
    assert_null(request_find(&b->desk, request_id(r), 7)); /* another's */
    back.room = WITHOUT_END;
    assert_int_equal(reader_follow(&back.reader, r, back.next), OK);
    assert_int_equal(reader_follow(&late.reader, r, 0), OK);
    ahead.next = 5;
    assert_int_equal(reader_follow(&ahead.reader, r, 5), OK);
    say(p, EVENT_TEXT, "4");
    say(p, EVENT_TEXT, "5");
    end(p);
    expect(&back, "hab" TWENTY TWENTY TWENTY TWENTY TWENTY TWENTY "45E");
    expect(&late, "hab" TWENTY TWENTY TWENTY TWENTY TWENTY TWENTY "45E");
    expect(&ahead, "5E");
    expect(&all, "hab");
    all = follower(WITHOUT_END); /* it is done, and can be read still */
    all.next = 4;
    assert_int_equal(reader_follow(&all.reader, r, 4), OK);
    expect(&all, "45E");
    assert_int_equal(reader_follow(&none.reader, r, 7), ERR_NOT_FOUND);
    assert_int_equal(b->desk.kept, 1);
}

static void test_reader_breaks(void **state)
{
    struct bench *b = *state;
    struct follower f = follower(0);
    f.breaks = ERR_BAD_RESPONSE;
    ask(b, &f);
    say(&b->places[0], EVENT_TEXT, "a");
    assert_true(f.ended);
    expect(&f, "!BAD_RESPONSE");
    assert_null(b->places[0].attempt);
    f = follower(WITHOUT_END); /* in the middle */
    ask(b, &f);
    say(&b->places[0], EVENT_TEXT, "a");
    f.breaks = ERR_NO_MEMORY;
    say(&b->places[0], EVENT_TEXT, "b");
    expect(&f, "a!NO_MEMORY");
    assert_int_equal(b->audit.failed, 2);
}

/* With others that follow, who are gone with the last event. */
static void test_one_of_many_breaks(void **state)
{
    struct bench *b = *state;
    struct follower *first = mem_new(struct follower), *last = mem_new(struct follower);
    struct follower f = follower(WITHOUT_END);
    *first = *last = follower(WITHOUT_END);
    first->frees_itself = last->frees_itself = true;
    f.breaks = ERR_BAD_RESPONSE;
    struct request *r = begin(b, first, true);
    assert_int_equal(reader_follow(&f.reader, r, 0), OK);
    assert_int_equal(reader_follow(&last->reader, r, 0), OK);
    give(b, r, SLICE(CALL));
    say(&b->places[0], EVENT_TEXT, "a");
    reader_leave(&f.reader, ERR_BAD_RESPONSE);
    text_fini(&f.got);
    assert_int_equal(b->desk.readers, 0);
    assert_int_equal(b->audit.failed, 1);
}

/* Whoever follows may be gone with the last event: at once, from what is kept, or on an error. */
static void test_reader_frees_itself(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 5; i++) {
        struct follower *f = mem_new(struct follower), *other = mem_new(struct follower);
        *f = follower(i == 1 ? 0 : WITHOUT_END);
        *other = *f;
        f->frees_itself = other->frees_itself = true;
        struct request *r = begin(b, f, i >= 3);
        if (i >= 3)
            assert_int_equal(reader_follow(&other->reader, r, 0), OK);
        else
            mem_free(other);
        give(b, r, SLICE(CALL));
        say(&b->places[0], EVENT_TEXT, "a");
        if (i % 2)
            end(&b->places[0]);
        else
            over(&b->places[0], ERR_EOF_MID_STREAM);
        if (i == 1) {
            f->room = WITHOUT_END;
            reader_wake(&f->reader);
        }
        assert_int_equal(b->desk.readers, 0);
    }
}

/* ---- tries ----------------------------------------------------------------------------------- */

static void test_next_place(void **state)
{
    static const struct {
        enum err fails[3]; /* of each try; OK: it answers */
        unsigned starts[PLACES];
        const char *got;
    } cases[] = {
        {{ERR_CONNECT_REFUSED, OK, OK}, {1, 1, 0}, "htE"},
        {{ERR_HTTP_5XX, ERR_HTTP_429, OK}, {1, 1, 1}, "htE"},
        {{ERR_HTTP_5XX, ERR_HTTP_429, ERR_AUTH_401_403}, {1, 1, 1}, "h!AUTH_401_403"},
        {{ERR_HTTP_409_LOADING, OK, OK}, {2, 0, 0}, "htE"},
        {{ERR_HTTP_409_LOADING, ERR_HTTP_409_LOADING, OK}, {2, 1, 0}, "htE"},
        {{ERR_HTTP_409_LOADING, ERR_CONNECT_REFUSED, OK}, {2, 1, 0}, "htE"},
        {{ERR_TARGET_REFUSED, OK, OK}, {1, 0, 0}, "h!TARGET_REFUSED"},
        {{ERR_HTTP_5XX, ERR_CTX_TOO_LONG, OK}, {1, 1, 0}, "h!CTX_TOO_LONG"},
    };
    struct bench *b = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct follower f = follower(WITHOUT_END);
        for (unsigned k = 0; k < PLACES; k++)
            b->places[k].starts = 0;
        ask(b, &f);
        for (unsigned k = 0; k < 3 && !f.ended; k++) {
            struct place *p = b->places;
            while (!p->attempt)
                assert_true(++p < b->places + PLACES);
            assert_int_equal(p->decoder->head_sent, k > 0);
            if (k == 0)
                say(p, EVENT_HEAD, "h"); /* no content: another may still begin anew */
            if (cases[i].fails[k]) {
                over(p, cases[i].fails[k]);
                continue;
            }
            say(p, EVENT_TEXT, "t");
            end(p);
        }
        for (unsigned k = 0; k < PLACES; k++)
            assert_int_equal(b->places[k].starts, cases[i].starts[k]);
        expect(&f, cases[i].got);
    }
}

static void test_limits_of_tries(void **state)
{
    struct bench *b = *state;
    struct follower f = follower(WITHOUT_END);
    b->desk.settings.attempts = 2;
    for (unsigned i = 0; i < PLACES; i++)
        b->places[i].refuses = ERR_CONNECT_REFUSED;
    ask(b, &f);
    expect(&f, "!CONNECT_REFUSED");
    assert_int_equal(b->places[0].starts, 1);
    assert_int_equal(b->places[1].starts, 1);
    assert_int_equal(b->places[2].starts, 0);
    b->desk.settings.failover = false;
    f = follower(WITHOUT_END);
    ask(b, &f);
    expect(&f, "!CONNECT_REFUSED");
    assert_int_equal(b->places[1].starts, 1);
}

static void test_after_content(void **state)
{
    static const enum event_kind content[] = {EVENT_TEXT, EVENT_REASONING, EVENT_TOOL};
    struct bench *b = *state;
    for (size_t i = 0; i < COUNT(content); i++) {
        struct follower f = follower(WITHOUT_END);
        ask(b, &f);
        say(&b->places[0], content[i], "a");
        over(&b->places[0], ERR_EOF_MID_STREAM);
        expect(&f, "a!EOF_MID_STREAM");
    }
    assert_int_equal(b->places[1].starts, 0);
    assert_int_equal(b->audit.failed, COUNT(content));
}

/* The configuration changes under way: a place goes when the last request lets go of it. */
static void test_retired(void **state)
{
    struct bench *b = *state;
    struct follower f = follower(WITHOUT_END);
    ask(b, &f);
    b->table.n = 0;
    for (unsigned i = 0; i < PLACES; i++)
        backend_retire(&b->places[i].backend);
    over(&b->places[0], ERR_HTTP_5XX);
    say(&b->places[1], EVENT_TEXT, "a");
    assert_int_equal(b->places[0].frees + b->places[1].frees + b->places[2].frees, 0);
    end(&b->places[1]);
    expect(&f, "aE");
    for (unsigned i = 0; i < PLACES; i++)
        assert_int_equal(b->places[i].frees, 1);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void test_queue(void **state)
{
    struct bench *b = *state;
    struct follower f[4];
    b->places[0].backend.queue.slots = 1;
    for (size_t i = 0; i < COUNT(f); i++) {
        f[i] = follower(WITHOUT_END);
        ask(b, &f[i]);
    }
    assert_int_equal(b->places[0].starts, 1);
    assert_int_equal(b->places[0].backend.queue.waiting, 2);
    assert_int_equal(b->places[1].starts, 1); /* the queue was full for the fourth */
    reader_leave(&f[1].reader, ERR_CLIENT_GONE);
    end(&b->places[0]);
    end(&b->places[1]);
    while (b->places[0].starts < 2) /* the third's turn, at the latest in the loop's next one */
        uv_run(&b->loop.uv, UV_RUN_ONCE);
    over(&b->places[0], ERR_HTTP_5XX); /* gives its slot back and goes to another */
    assert_int_equal(b->places[0].backend.queue.busy, 0);
    end(&b->places[1]);
    expect(&f[0], "E");
    expect(&f[1], "");
    expect(&f[2], "E");
    expect(&f[3], "E");
}

static void test_waited_too_long(void **state)
{
    struct bench *b = *state;
    struct follower first = follower(WITHOUT_END), second = follower(WITHOUT_END);
    b->desk.settings.queue_wait_ms = 20;
    b->places[0].backend.queue.slots = b->places[1].backend.queue.slots = 1;
    b->table.n = 1;
    ask(b, &first);
    ask(b, &second);
    turns_until(b, &second.ended);
    expect(&second, "!WAITED_TOO_LONG");
    b->table.n = 2; /* where another place has room, it goes there */
    second = follower(WITHOUT_END);
    ask(b, &second);
    while (!b->places[1].attempt && !second.ended)
        uv_run(&b->loop.uv, UV_RUN_ONCE);
    end(&b->places[1]);
    expect(&second, "E");
    end(&b->places[0]);
    expect(&first, "E");
}

static void test_deadline(void **state)
{
    struct bench *b = *state;
    struct follower trying = follower(WITHOUT_END), streaming = follower(WITHOUT_END),
                    reading = follower(WITHOUT_END);
    b->desk.settings.total_ms = 30;
    b->table.n = 2;
    b->places[0].backend.queue.slots = b->places[1].backend.queue.slots = 1;
    ask(b, &streaming);
    say(&b->places[0], EVENT_TEXT, "a");
    b->targets[0].priority = 5; /* the second place goes first now */
    ask(b, &trying);
    request_admit(begin(b, &reading, false));
    loop_run(&b->loop); /* all go by themselves */
    expect(&streaming, "a!DEADLINE");
    expect(&trying, "!DEADLINE");
    expect(&reading, "!DEADLINE");
    assert_int_equal(b->places[0].cancels, 1);
    assert_int_equal(b->places[1].cancels, 1);
}

/* ---- going down ------------------------------------------------------------------------------ */

static void test_drain_now(void **state)
{
    struct bench *b = *state;
    struct follower f[4];
    b->table.n = 1;
    b->places[0].backend.queue.slots = 1;
    for (size_t i = 0; i < COUNT(f); i++)
        f[i] = follower(WITHOUT_END);
    ask(b, &f[0]);
    say(&b->places[0], EVENT_TEXT, "a");
    ask(b, &f[1]);
    request_admit(begin(b, &f[2], false));
    begin(b, &f[3], false);
    desk_drain(&b->desk, true);
    for (size_t i = 0; i < COUNT(f); i++)
        expect(&f[i], i ? "!SHUTTING_DOWN" : "a!SHUTTING_DOWN");
    assert_int_equal(b->quiet, 1);
    assert_int_equal(b->places[0].starts, 1); /* who waited got no turn */
}

static void test_drain(void **state)
{
    struct bench *b = *state;
    struct follower f = follower(WITHOUT_END), kept = follower(WITHOUT_END);
    give(b, begin(b, &kept, true), SLICE(CALL));
    end(&b->places[0]);
    expect(&kept, "E");
    ask(b, &f);
    desk_drain(&b->desk, false);
    say(&b->places[0], EVENT_TEXT, "a");
    assert_int_equal(b->quiet, 0);
    end(&b->places[0]);
    expect(&f, "aE");
    assert_int_equal(b->quiet, 1);
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(test_plain),
        WITH_BENCH(test_bodies),
        WITH_BENCH(test_large_body),
        WITH_BENCH(test_large_answer),
        WITH_BENCH(test_slow_reader),
        WITH_BENCH(test_reader_leaves),
        WITH_BENCH(test_many_readers),
        WITH_BENCH(test_reader_breaks),
        WITH_BENCH(test_one_of_many_breaks),
        WITH_BENCH(test_reader_frees_itself),
        WITH_BENCH(test_next_place),
        WITH_BENCH(test_limits_of_tries),
        WITH_BENCH(test_after_content),
        WITH_BENCH(test_retired),
        WITH_BENCH(test_queue),
        WITH_BENCH(test_waited_too_long),
        WITH_BENCH(test_deadline),
        WITH_BENCH(test_revoked),
        WITH_BENCH(test_drain_now),
        WITH_BENCH(test_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
