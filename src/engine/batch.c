/* batch: calls for vectors, which come by the dozen and are small. As many as the engine has slots
 * are under way at once; who comes then stands in line, and when one is through, all in line that
 * ask alike go together, as one call with several inputs. So nobody waits for others to come, and
 * many cost little more than a few. Each gets the answer that he would have got alone.
 *   in line -> alone      batch_look  a slot is free, and nobody behind it asks alike
 *   in line -> in a batch batch_look  the same, and others do
 *   batch   -> in line    come_back   the engine refuses it: each is asked again alone
 *   any     -> gone       batch_leave it is answered, it fails, or its caller left
 * How long somebody stands in line is bounded by those before him, each of which has its deadlines,
 * by the length of the queue, and by his request's own time. */
#include "base/mem.h"
#include "engine/inside.h"

#define MOST_INPUTS 64u
#define MOST_BYTES (256u * 1024)   /* of inputs in one batch */
#define MOST_ANSWER (1024u * 1024) /* bytes, as far as is known before; read in one turn */
#define MOST_ALIKE 65536u          /* of an input that may go with others */
#define WEIGHS 8u                  /* what an input costs besides its bytes */

struct batch {
    struct batch *next, **at;
    struct engine *engine;
    struct attempt inner;
    struct arena arena;
    struct call call;
    struct decoder decoder;
    struct text body, answer;
    struct trying *first, *last; /* by the places of their inputs */
    struct trying *told;         /* hears its answer right now; NULL: it left meanwhile */
    unsigned n;                  /* inputs that were asked for; who left has one still */
    size_t weight;               /* of all of them */
    bool over;                   /* its answer is being told */
};

static struct gather *gather_of(const struct engine *e)
{
    return e->spawn ? &e->spawn->gather : NULL;
}

/* ---- the line ------------------------------------------------------------------------------- */

static void put_in_line(struct gather *g, struct trying *t, struct trying *behind)
{
    struct trying **at = behind ? &behind->mate : &g->first;
    t->mate = *at;
    *at = t;
    if (!t->mate)
        g->last = t;
    t->stands = STANDS_IN_LINE;
    g->waiting++;
}

static void take_from(struct trying **first, struct trying **last, struct trying *t)
{
    struct trying *before = NULL;
    for (struct trying *k = *first; k && k != t; k = k->mate)
        before = k;
    if (before)
        before->mate = t->mate;
    else
        *first = t->mate;
    if (*last == t)
        *last = before;
    t->mate = NULL;
}

static void take_from_line(struct gather *g, struct trying *t)
{
    take_from(&g->first, &g->last, t);
    t->stands = STANDS_NOWHERE;
    g->waiting--;
}

/* ---- whether two ask alike ------------------------------------------------------------------- */

static bool is_single(struct slice input)
{
    size_t at = 1;
    if (!input.len || input.len > MOST_ALIKE)
        return false;
    if (input.ptr[0] == '"')
        return true;
    while (input.ptr[0] == '[' && at < input.len && strchr(" \t\r\n", input.ptr[at]))
        at++;
    return input.ptr[0] == '[' && at < input.len && input.ptr[at] >= '0' && input.ptr[at] <= '9';
}

static struct slice input_of(const struct trying *t)
{
    return (struct slice){t->body.ptr + t->input.value, t->input.end - t->input.value};
}

static struct slice before_input(const struct trying *t)
{
    return (struct slice){t->body.ptr, t->input.value};
}

static struct slice behind_input(const struct trying *t)
{
    return slice_from(text_slice(&t->body), t->input.end);
}

static bool are_alike(const struct trying *a, const struct trying *b)
{
    return a->single && b->single && slice_is(before_input(a), before_input(b)) &&
           slice_is(behind_input(a), behind_input(b));
}

static size_t weight_of(const struct trying *t)
{
    return input_of(t).len + WEIGHS;
}

/* ---- going ----------------------------------------------------------------------------------- */

static void batch_free(struct batch *b)
{
    *b->at = b->next;
    if (b->next)
        b->next->at = b->at;
    decoder_fini(&b->decoder);
    arena_fini(&b->arena);
    text_fini(&b->body);
    text_fini(&b->answer);
    mem_free(b);
}

static struct order order_of(const struct trying *t)
{
    return (struct order){.call = t->call,
                          .target = {.model = t->model, .slot = -1},
                          .decoder = t->decoder,
                          .id = t->id};
}

static void go_alone(struct engine *e, struct trying *t)
{
    struct order order = order_of(t);
    struct why why;
    t->stands = STANDS_ALONE;
    e->spawn->gather.flying++;
    enum err err = tries_start_inside(t, &order, &why);
    if (err)
        tries_finish(t, err, &why);
}

/* Whom the first in line takes with it; all move into the batch. */
static void collect(struct gather *g, struct batch *b, struct trying *first)
{
    size_t bytes = 0, most = MOST_INPUTS;
    if (g->answer_bytes)
        most = min_size(most, max_size(MOST_ANSWER / g->answer_bytes, 1));
    text_add(&b->body, before_input(first));
    text_byte(&b->body, '[');
    for (struct trying *t = first, *next; t && b->n < most; t = next) {
        struct slice input = input_of(t);
        next = t->mate;
        if (!are_alike(first, t) || bytes + input.len > MOST_BYTES)
            continue;
        take_from_line(g, t);
        text_add(&b->body, b->n ? SLICE(",") : SLICE(""));
        text_add(&b->body, input);
        bytes += input.len;
        if (b->last)
            b->last->mate = t;
        else
            b->first = t;
        b->last = t;
        t->batch = b;
        t->stands = STANDS_IN_BATCH;
        t->place = b->n++;
        t->before = b->weight;
        b->weight += weight_of(t);
    }
    text_byte(&b->body, ']');
    text_add(&b->body, behind_input(first));
}

static struct trying *take_first(struct batch *b)
{
    struct trying *t = b->first;
    if (t) {
        take_from(&b->first, &b->last, t);
        t->batch = NULL;
        t->stands = STANDS_NOWHERE;
    }
    return t;
}

/* Behind each other at the front of the line, in their order, and from now on each for himself. */
static void come_back(struct gather *g, struct batch *b)
{
    struct trying *behind = NULL;
    for (struct trying *t; (t = take_first(b)); behind = t) {
        t->single = false;
        put_in_line(g, t, behind);
    }
}

static void on_event(struct attempt *a, const struct event *event);
static void on_done(struct attempt *a, enum err err, const struct why *why);

static enum err start(struct engine *e, struct batch *b, const struct trying *first,
                      struct why *why)
{
    static const struct attempt_ops ops = {on_event, on_done};
    struct order order = {.target = {.model = first->model, .slot = -1},
                          .call = &b->call,
                          .decoder = &b->decoder,
                          .id = first->id};
    if (b->body.failed)
        return why_set(why, ERR_NO_MEMORY, "no memory to ask for several together");
    enum err err = dialect_decode_call(DIALECT_OPENAI, CALL_EMBED, text_slice(&b->body), &b->arena,
                                       &b->call, why);
    if (err)
        return err;
    b->decoder.model = b->call.model;
    b->decoder.arena = &b->arena;
    order.target.engine = true;
    e->so_far.calls++;
    return attempt_start(e->spawn->http, &b->inner, &ops, &order, why);
}

static void go_together(struct engine *e, struct trying *first)
{
    struct gather *g = &e->spawn->gather;
    struct batch *b = mem_new(struct batch);
    struct why why;
    if (!b) {
        take_from_line(g, first);
        go_alone(e, first);
        return;
    }
    b->engine = e;
    b->next = g->batches;
    b->at = &g->batches;
    if (b->next)
        b->next->at = &b->next;
    g->batches = b;
    g->flying++;
    collect(g, b, first);
    if (start(e, b, first, &why)) { /* each hears for himself why */
        g->flying--;
        come_back(g, b);
        batch_free(b);
    }
}

static bool has_room(const struct engine *e)
{
    return e->spawn->gather.flying < max_size(e->backend.queue.slots, 1);
}

static bool has_mate(const struct trying *first)
{
    for (const struct trying *t = first->mate; t; t = t->mate) {
        if (are_alike(first, t))
            return true;
    }
    return false;
}

void batch_look(struct engine *e)
{
    struct gather *g = gather_of(e);
    if (!g || g->looking)
        return;
    g->looking = true; /* who fails at once comes here again */
    while (g->first && e->spawn->http && has_room(e)) {
        struct trying *t = g->first;
        if (has_mate(t)) {
            go_together(e, t);
        } else {
            take_from_line(g, t);
            go_alone(e, t);
        }
    }
    g->looking = false;
}

/* ---- what comes back ------------------------------------------------------------------------- */

static void on_event(struct attempt *a, const struct event *event)
{
    struct batch *b = owner_of(a, struct batch, inner);
    tries_heard(b->engine, event);
    if (event->kind == EVENT_WHOLE)
        text_add(&b->answer, event->json);
}

/* Of all tokens, the part that is this one's: by the bytes of the inputs, and nothing is lost. */
static int64_t share_of(const struct batch *b, const struct trying *t, uint64_t tokens)
{
    uint64_t before = tokens * t->before / b->weight;
    return (int64_t)(tokens * (t->before + weight_of(t)) / b->weight - before);
}

static void put_usage(struct json_writer *w, int64_t tokens)
{
    json_open_object(w);
    json_key(w, "prompt_tokens");
    json_put_int(w, tokens);
    json_key(w, "total_tokens");
    json_put_int(w, tokens);
    json_close_object(w);
}

static void put_item(struct json_writer *w, const struct json_value *item)
{
    json_open_array(w);
    json_open_object(w);
    for (struct json_iter i = json_begin(item); json_next(&i);) {
        json_key_slice(w, i.key);
        if (slice_is(i.key, SLICE("index")))
            json_put_int(w, 0);
        else
            json_put_value(w, i.value);
    }
    json_close_object(w);
    json_close_array(w);
}

/* The answer as it had been to this one alone. */
static void write_own(const struct json_value *root, const struct json_value *item, int64_t tokens,
                      struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    for (struct json_iter i = json_begin(root); json_next(&i);) {
        json_key_slice(&w, i.key);
        if (slice_is(i.key, SLICE("data")))
            put_item(&w, item);
        else if (slice_is(i.key, SLICE("usage")))
            put_usage(&w, tokens);
        else
            json_put_value(&w, i.value);
    }
    json_close_object(&w);
}

static void tell(struct batch *b, struct trying *t, const struct text *own)
{
    struct event event, end = {.kind = EVENT_END, .ready = true, .usage = NO_USAGE};
    struct why why = {0};
    enum err e = own->failed ? why_set(&why, ERR_NO_MEMORY, "no memory for an answer")
                             : decoder_whole(t->decoder, text_slice(own), &event, &why);
    b->told = t;
    if (!e)
        t->outer->ops->event(t->outer, &event);
    if (!e && b->told)
        t->outer->ops->event(t->outer, &end);
    if (b->told) {
        b->told = NULL;
        t->telling = NULL;
        tries_finish(t, e, e ? &why : NULL);
    }
}

/* Where each place's vector stands in the answer; false: not one for each. */
static bool find_items(const struct json_value *data, const struct json_value **items, unsigned n)
{
    int64_t index;
    for (struct json_iter i = json_begin(data); json_next(&i);) {
        if (!json_int(json_get(i.value, "index"), &index) || index < 0 || index >= (int64_t)n)
            return false;
        items[index] = i.value;
    }
    for (unsigned i = 0; i < n; i++) {
        if (!items[i])
            return false;
    }
    return true;
}

/* False: it is no answer to what was asked. */
static bool split(struct batch *b)
{
    static const struct json_limits limits = {.depth = 64, .values = 8000000};
    const struct json_value *items[MOST_INPUTS] = {0};
    struct json_doc doc;
    int64_t tokens;
    if (b->answer.failed || json_read(text_slice(&b->answer), &limits, NULL, &doc, NULL))
        return false;
    bool fine = find_items(json_get(doc.root, "data"), items, b->n);
    if (!tokens_told(json_get(json_get(doc.root, "usage"), "prompt_tokens"), &tokens) || tokens < 0)
        tokens = 0;
    for (struct trying *t; fine && (t = take_first(b));) {
        struct text own = {0};
        write_own(doc.root, items[t->place], share_of(b, t, (uint64_t)tokens), &own);
        t->telling = b;
        tell(b, t, &own);
        text_fini(&own);
    }
    json_done(&doc);
    return fine;
}

/* What the engine says of one input, or what it cannot read, is no word on the others. */
static bool is_about_one(enum err e)
{
    return e == ERR_TARGET_REFUSED || e == ERR_CTX_TOO_LONG || e == ERR_HTTP_5XX ||
           e == ERR_BAD_RESPONSE || e == ERR_CANNOT || e == ERR_NO_MEMORY;
}

static void on_done(struct attempt *a, enum err err, const struct why *why)
{
    struct batch *b = owner_of(a, struct batch, inner);
    struct engine *e = b->engine;
    struct gather *g = gather_of(e);
    struct why kept;
    why_set(&kept, ERR_BAD_RESPONSE, "its answer has not one vector for each input");
    if (err)
        kept = *why;
    b->over = true;
    if (g)
        g->flying--;
    if (g && b->n)
        g->answer_bytes = b->answer.len / b->n;
    bool fine = !err && split(b);
    if (!fine && g && (!err || is_about_one(err)))
        come_back(g, b);
    for (struct trying *t; (t = take_first(b));)
        tries_ended(t, kept.code, &kept);
    batch_free(b);
    batch_look(e);
}

/* ---- coming and leaving ---------------------------------------------------------------------- */

bool batch_takes(const struct order *o)
{
    return o->call->kind == CALL_EMBED || o->call->kind == CALL_VECTOR;
}

enum err batch_join(struct trying *t, const struct order *o, struct why *why)
{
    struct engine *e = t->engine;
    struct gather *g = &e->spawn->gather;
    struct target target = {.model = o->target.model, .engine = true, .slot = -1};
    if (!g->first && has_room(e)) {
        t->stands = STANDS_ALONE;
        g->flying++;
        return tries_start_inside(t, o, why);
    }
    enum err err = decoder_begin(o->decoder, o->call, e->backend.dialect, &target, &t->body, why);
    if (err)
        return err;
    t->call = o->call;
    t->decoder = o->decoder;
    t->model = o->target.model;
    t->id = o->id;
    t->single =
        json_find_span(text_slice(&t->body), SLICE("input"), &t->input) && is_single(input_of(t));
    put_in_line(g, t, g->last);
    return OK;
}

void batch_leave(struct trying *t)
{
    struct gather *g = gather_of(t->engine);
    struct batch *b = t->batch;
    if (t->telling)
        t->telling->told = NULL;
    if (t->stands == STANDS_ALONE && g)
        g->flying--;
    else if (t->stands == STANDS_IN_LINE && g)
        take_from_line(g, t);
    if (b) {
        take_from(&b->first, &b->last, t);
        if (!b->first && !b->over) {
            attempt_cancel(&b->inner);
            batch_free(b);
            if (g)
                g->flying--;
        }
    }
    text_fini(&t->body);
}
