/* models_live: `hearth models ps|load|unload`: what is in memory, and bringing it there and out of
 * it. What was asked for is waited for, and a terminal shows how far it is. */
#include "cli/talk.h"

#include "os/os.h"

#define ASK_MS 10000u
#define LOAD_MS (6u * 3600000u) /* the daemon gives up much sooner; so does who waits */
#define LOOK_AGAIN_MS 100u
#define LEAVE_MS 60000u /* an answer that is nearly whole may end first */
#define TELL_AFTER_MS 1000u
#define BAR_WIDTH 20u

static int which(struct cli *c)
{
    struct why why;
    why_set(&why, ERR_BAD_REQUEST, "which model?");
    return cli_fail(c, ERR_BAD_REQUEST, &why,
                    c->command == COMMAND_models_unload
                        ? "`hearth ps` shows what is in memory; `hearth down` stops hearth itself."
                        : "`hearth models` shows those there are.");
}

static const struct question status = {METHOD_GET, "/hearth/v1/status", SLICE(""), ASK_MS};

static const struct json_value *engine_of(const struct json_value *root, struct slice model)
{
    for (struct json_iter i = json_begin(json_get(root, "engines")); json_next(&i);) {
        if (slice_is(json_text(json_get(i.value, "model")), model))
            return i.value;
    }
    return NULL;
}

static bool is_loaded(const struct json_value *engine)
{
    return json_get(engine, "build") != NULL;
}

static const struct json_value *loaded_of(const struct json_value *root)
{
    for (struct json_iter i = json_begin(json_get(root, "engines")); json_next(&i);) {
        struct slice model = json_text(json_get(i.value, "model"));
        if (is_loaded(i.value) && !slice_is(model, SLICE(LIBRARY_GUIDE_NAME))) /* its own place */
            return i.value;
    }
    return NULL;
}

/* ---- ps -------------------------------------------------------------------------------------- */

enum column { MODEL, STATE, MEMORY, BUSY, STAYS, ENGINE, COLUMNS };
static const char *const titles[COLUMNS] = {"model", "state", "memory", "busy", "stays", "engine"};

static void put_column(const struct json_value *e, enum column column, struct text *out)
{
    uint64_t rss = requests_number(json_get(e, "memory"), "rss");
    double progress = json_number(json_get(e, "progress"));
    switch (column) {
    case MODEL:
        text_add(out, json_text(json_get(e, "model")));
        break;
    case STATE:
        status_state(e, false, out);
        if (progress < 1)
            text_format(out, " %.0f %%", progress * 100);
        break;
    case MEMORY:
        if (rss)
            cli_bytes(out, rss);
        else
            text_byte(out, '-');
        break;
    case BUSY:
        text_format(out, "%llu of %llu", (unsigned long long)requests_number(e, "busy"),
                    (unsigned long long)requests_number(e, "slots"));
        break;
    case STAYS:
        status_stays(e, out);
        break;
    case ENGINE:
        text_add(out, json_text(json_get(e, "build")));
        break;
    case COLUMNS:
        break;
    }
}

static void print_loaded(struct cli *c, const struct json_value *root)
{
    size_t n = json_count(json_get(root, "engines")), rows = 1;
    const char **cells = arena_array(&c->arena, const char *, (n + 1) * COLUMNS);
    c->out.failed |= !cells;
    if (!cells)
        return;
    memcpy(cells, titles, sizeof titles);
    for (struct json_iter i = json_begin(json_get(root, "engines")); json_next(&i);) {
        if (!is_loaded(i.value))
            continue;
        for (enum column column = 0; column < COLUMNS; column++) {
            struct text cell = {0};
            put_column(i.value, column, &cell);
            const char *words = arena_cstr(&c->arena, text_slice(&cell));
            cells[rows * COLUMNS + column] = words ? words : "";
            text_fini(&cell);
        }
        rows++;
    }
    if (rows > 1)
        cli_table(&c->out, cells, COLUMNS, rows);
    else
        text_add(&c->out, SLICE("No model is in memory. One is loaded when it is asked for, or now "
                                "by `hearth load MODEL`.\n"));
}

static void put_loaded(struct cli *c, const struct json_value *root)
{
    struct text all = {0}, one = {0};
    struct json_writer w = json_writer(&all);
    json_open_object(&w);
    json_key(&w, "models");
    json_open_array(&w);
    for (struct json_iter i = json_begin(json_get(root, "engines")); json_next(&i);) {
        if (!is_loaded(i.value))
            continue;
        text_clear(&one);
        json_copy(i.value, &one);
        json_put_raw(&w, text_slice(&one));
    }
    json_close_array(&w);
    json_close_object(&w);
    c->out.failed |= all.failed || one.failed;
    cli_json(&c->out, text_slice(&all));
    text_fini(&all);
    text_fini(&one);
}

int models_ps_run(struct cli *c)
{
    struct answer a = {0};
    struct json_doc doc;
    int code = CLI_OK;
    if (cli_ask_json(c, &status, &a, &doc, &code)) {
        if (c->options.json)
            put_loaded(c, doc.root);
        else
            print_loaded(c, doc.root);
        json_done(&doc);
    }
    answer_fini(&a);
    return code;
}

/* ---- how far it is --------------------------------------------------------------------------- */

static void end_progress(struct cli *c)
{
    if (c->err_terminal)
        text_add(&c->err, SLICE("\r\033[K"));
    cli_flush(c);
}

static void put_bar(struct text *t, double share)
{
    text_byte(t, '[');
    for (unsigned i = 0; i < BAR_WIDTH; i++)
        text_byte(t, (double)i + 0.5 < share * BAR_WIDTH ? '#' : ' ');
    text_format(t, "] %3.0f %%", share * 100);
}

/* What is loading is most likely what was asked for, whatever it is called here. */
static void put_progress(const struct json_value *root, struct text *t)
{
    const struct json_value *e = loaded_of(root);
    struct slice name = json_text(json_get(e, "model"));
    uint64_t busy = requests_number(e, "busy");
    if (!e) {
        text_add(t, SLICE("it is about to start"));
    } else if (slice_is(json_text(json_get(e, "state")), SLICE("STARTING"))) {
        text_visible(t, name);
        text_add(t, SLICE(" loading "));
        put_bar(t, json_number(json_get(e, "progress")));
    } else {
        text_add(t, SLICE("it waits for the place of "));
        text_visible(t, name);
        if (busy)
            text_format(t, ", which answers %llu", (unsigned long long)busy);
    }
}

/* While the daemon is waited for: it is asked on another connection. */
static void tell_progress(struct cli *c, uint64_t waited_ms)
{
    struct answer a = {0};
    struct json_doc doc;
    void (*waits)(struct cli *, uint64_t) = c->waits;
    if (!c->err_terminal || waited_ms < TELL_AFTER_MS)
        return;
    c->waits = NULL;
    bool told = !cli_ask(c, &status, &a, NULL) && a.status == 200 &&
                !json_read(text_slice(&a.body), &json_usual_limits, NULL, &doc, NULL);
    c->waits = waits;
    text_add(&c->err, SLICE("\r\033[K"));
    if (told) {
        put_progress(doc.root, &c->err);
        json_done(&doc);
    }
    text_add(&c->err, SLICE("  "));
    cli_duration(&c->err, waited_ms);
    cli_flush(c);
    answer_fini(&a);
}

static const char *target(struct cli *c, const char *what, bool now)
{
    struct text t = {0};
    text_format(&t, "/hearth/v1/models/%s?model=", what);
    http_query_encode(slice_of(c->options.arguments.items[0]), &t);
    text_add(&t, now ? SLICE("&now=1") : SLICE(""));
    const char *s = t.failed ? NULL : arena_cstr(&c->arena, text_slice(&t));
    text_fini(&t);
    return s ? s : "";
}

/* ---- load ------------------------------------------------------------------------------------ */

/* What came of it, as far as that is known a moment later. */
static void say_loaded(struct cli *c, struct slice model)
{
    struct answer a = {0};
    struct json_doc doc;
    bool known = !cli_ask(c, &status, &a, NULL) && a.status == 200 &&
                 !json_read(text_slice(&a.body), &json_usual_limits, NULL, &doc, NULL);
    const struct json_value *e = known ? engine_of(doc.root, model) : NULL;
    uint64_t rss = requests_number(json_get(e, "memory"), "rss");
    text_visible(&c->out, model);
    text_add(&c->out, SLICE(" is in memory"));
    if (rss) {
        text_add(&c->out, SLICE(": "));
        cli_bytes(&c->out, rss);
        text_add(&c->out, SLICE(", loaded in "));
        requests_us(&c->out, requests_number(e, "load_ms") * 1000);
    }
    if (json_is_true(json_get(e, "pin"))) {
        text_add(&c->out, SLICE(". It is pinned"));
    } else if (e && json_is_null(json_get(e, "keep_alive_ms"))) {
        text_add(&c->out, SLICE(". It stays until another model needs the place"));
    } else if (e && !requests_number(e, "keep_alive_ms")) {
        text_add(&c->out, SLICE(". It leaves again at once, for its keep_alive is 0"));
    } else if (e) {
        text_add(&c->out, SLICE(". It leaves when nobody asks it for "));
        cli_duration(&c->out, requests_number(e, "keep_alive_ms"));
    }
    text_add(&c->out, SLICE(".\n"));
    if (known)
        json_done(&doc);
    answer_fini(&a);
}

int models_load_run(struct cli *c)
{
    struct answer a = {0};
    struct json_doc doc;
    int code = CLI_OK;
    if (!c->options.arguments.n)
        return which(c);
    if (!talk_look(c, c->options.arguments.items[0], &code))
        return code;
    const struct question q = {METHOD_POST, target(c, "load", false), SLICE(""), LOAD_MS};
    c->waits = tell_progress;
    bool good = cli_ask_json(c, &q, &a, &doc, &code);
    c->waits = NULL;
    if (good) {
        if (c->options.json)
            cli_json(&c->out, text_slice(&a.body));
        else
            say_loaded(c, json_text(json_get(doc.root, "model")));
        json_done(&doc);
    }
    answer_fini(&a);
    return code;
}

/* ---- unload ---------------------------------------------------------------------------------- */

struct leaving {
    struct cli *c;
    struct slice model;
    int64_t pid; /* of its engine; another one is another load. 0: not seen yet */
    uint64_t busy, waiting;
    bool told, stays; /* stays: somebody had it loaded meanwhile */
};

static void put_askers(const struct leaving *l, struct text *out)
{
    text_format(out, " answers %llu", (unsigned long long)l->busy);
    if (l->waiting)
        text_format(out, ", and %llu wait%s", (unsigned long long)l->waiting,
                    l->waiting == 1 ? "s" : "");
}

static void tell_leaving(struct leaving *l, uint64_t waited_ms)
{
    struct text *err = &l->c->err;
    bool asked = l->busy || l->waiting;
    if (!asked || waited_ms < TELL_AFTER_MS || (l->told && !l->c->err_terminal))
        return;
    text_add(err, l->c->err_terminal ? SLICE("\r\033[K") : SLICE(""));
    text_visible(err, l->model);
    text_add(err, SLICE(" first"));
    put_askers(l, err);
    text_add(err, SLICE("; `hearth unload --now` breaks them off"));
    if (!l->c->err_terminal)
        text_byte(err, '\n');
    l->told = true;
    cli_flush(l->c);
}

/* True: nothing is to be waited for any more. Its engine is gone, or the daemon is, or it stays. */
static bool is_over(struct leaving *l, uint64_t waited_ms, int *ret_code)
{
    struct answer a = {0};
    struct json_doc doc;
    int64_t pid = 0;
    bool over = true;
    if (cli_ask_json(l->c, &status, &a, &doc, ret_code)) {
        const struct json_value *e = engine_of(doc.root, l->model);
        (void)json_int(json_get(e, "pid"), &pid);
        over = !is_loaded(e) || (l->pid && pid != l->pid);
        l->stays = !over && !json_is_true(json_get(e, "leaving"));
        l->pid = pid;
        l->busy = requests_number(e, "busy");
        l->waiting = requests_number(e, "waiting");
        if (!over && !l->stays)
            tell_leaving(l, waited_ms);
        json_done(&doc);
    }
    answer_fini(&a);
    return over || l->stays;
}

static int say_still_there(const struct leaving *l, uint64_t waited_ms)
{
    struct cli *c = l->c;
    struct why why = {0};
    struct text told = {0}, next = {0};
    text_visible(&told, l->model);
    if (l->stays) {
        text_add(&told, SLICE(" stays in memory: somebody had it loaded meanwhile"));
        text_add(&next, SLICE("`hearth unload` once more takes it out all the same."));
    } else if (l->busy || l->waiting) {
        text_add(&told, SLICE(" is still there after "));
        cli_duration(&told, waited_ms);
        text_add(&told, SLICE(": it"));
        put_askers(l, &told);
        text_add(&next, SLICE("It goes as soon as nobody asks it; `hearth unload --now "));
        text_visible(&next, l->model);
        text_add(&next, SLICE("` breaks them off."));
    } else {
        text_add(&told, SLICE(" is still ending after "));
        cli_duration(&told, waited_ms);
        text_add(&next, SLICE("`hearth ps` shows when it is gone."));
    }
    why_set(&why, ERR_BUSY, "%.250s", text_cstr(&told));
    int code = cli_fail(c, ERR_BUSY, &why, text_cstr(&next));
    text_fini(&told);
    text_fini(&next);
    return code;
}

/* False: it is still there, and that was told. */
static bool wait_until_gone(struct leaving *l, uint64_t most_ms, int *ret_code)
{
    uint64_t began_ms = os_mono_ms(), waited_ms = 0;
    bool over = is_over(l, 0, ret_code);
    while (!over && waited_ms < most_ms) {
        os_sleep_ms((unsigned)min_u64(LOOK_AGAIN_MS, most_ms - waited_ms));
        waited_ms = os_mono_ms() - began_ms;
        over = is_over(l, waited_ms, ret_code);
    }
    if (l->told)
        end_progress(l->c);
    if (*ret_code == CLI_OK && (!over || l->stays))
        *ret_code = say_still_there(l, waited_ms);
    return *ret_code == CLI_OK;
}

static void say_unloaded(struct cli *c, struct slice model, bool was_loaded)
{
    if (!c->options.json) {
        text_visible(&c->out, model);
        text_add(&c->out,
                 was_loaded ? SLICE(" is out of memory.\n") : SLICE(" was not in memory.\n"));
        return;
    }
    struct text line = {0};
    struct json_writer w = json_writer(&line);
    json_open_object(&w);
    json_put_pair(&w, "model", model);
    json_key(&w, "was_loaded");
    json_put_bool(&w, was_loaded);
    json_close_object(&w);
    c->out.failed |= line.failed;
    cli_json(&c->out, text_slice(&line));
    text_fini(&line);
}

int models_unload_run(struct cli *c)
{
    const char *timeout = c->options.hands.timeout;
    struct answer a = {0};
    struct json_doc doc;
    struct why why = {0};
    uint64_t most_ms = LEAVE_MS;
    int code = CLI_OK;
    if (!c->options.arguments.n)
        return which(c);
    if (timeout && !cli_take_duration(slice_of(timeout), &most_ms)) {
        why_set(&why, ERR_BAD_REQUEST,
                "--timeout takes a time such as 5s, 10m or 1h, not \"%.40s\"", timeout);
        return cli_fail(c, ERR_BAD_REQUEST, &why, "");
    }
    const struct question q = {METHOD_POST, target(c, "unload", c->options.now), SLICE(""), ASK_MS};
    if (cli_ask_json(c, &q, &a, &doc, &code)) {
        struct leaving l = {.c = c, .model = json_text(json_get(doc.root, "model"))};
        bool was_loaded = json_is_true(json_get(doc.root, "unloading"));
        if (!was_loaded || wait_until_gone(&l, most_ms, &code))
            say_unloaded(c, l.model, was_loaded);
        json_done(&doc);
    }
    answer_fini(&a);
    return code;
}
