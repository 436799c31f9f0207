/* watch_draw: the picture that `hearth status --watch` shows, made of a daemon's status document,
 * the last rows of its ledger and the machine's memory. It knows no clock and no terminal: the
 * same view gives the same picture. It fits into the columns and lines that it is given: what is
 * less important is left out where there is little room, and what is cut says so. */
#include "cli/inner.h"

#define NARROW 70u
#define WIDE 110u
#define LEAST_COLUMNS 20u
#define MOST_ENGINES 12u /* where there is no terminal to fill */
#define MOST_PROVIDERS 4u
#define MINUTE_MS 60000u
#define MOST_REQUESTS 16u
#define MOST_WHY 2u /* lines */
#define LOW 20u     /* lines of a terminal that has no room for everything */

struct canvas {
    const struct watch_view *v;
    struct text *out;
    struct text line;  /* that is being made */
    size_t used, most; /* lines so far; that there may be */
};

/* ---- lines ---------------------------------------------------------------------------------- */

static size_t columns_of(const struct canvas *k)
{
    return max_size(k->v->columns, LEAST_COLUMNS);
}

static size_t lines_left(const struct canvas *k)
{
    return k->most > k->used ? k->most - k->used : 0;
}

/* What is beyond the last column is cut; colours are ended all the same. */
static void end_line(struct canvas *k)
{
    struct slice s = text_slice(&k->line);
    size_t width = 0;
    bool fits = lines_left(k) > 0;
    for (size_t i = 0, n; fits && i < s.len; i += n) {
        struct slice rest = slice_from(s, i);
        bool colour = s.ptr[i] == '\033';
        n = colour ? min_size(slice_find(rest, 'm') + 1, rest.len) : max_size(slice_utf8(rest), 1);
        if (colour || width++ < columns_of(k))
            text_add(k->out, slice_to(rest, n));
    }
    if (fits)
        cli_end_row(k->out);
    k->used += fits;
    k->out->failed |= k->line.failed;
    text_clear(&k->line);
}

/* ---- cells of a row: each is padded to its width, with two blanks behind it ---- */

static size_t begin(const struct canvas *k)
{
    return k->line.len;
}

static void end_cell(struct canvas *k, size_t from, size_t width)
{
    cli_pad(&k->line, from, width + 2);
}

/* Figures stand at the right of their column. */
static void put_right(struct canvas *k, size_t width, const char *words)
{
    for (size_t is = cli_width(slice_of(words)); is < width; is++)
        text_byte(&k->line, ' ');
    text_add(&k->line, slice_of(words));
    text_add(&k->line, SLICE("  "));
}

static void put_left(struct canvas *k, size_t width, struct slice words)
{
    size_t from = begin(k);
    if (words.len)
        cli_fit(&k->line, words, width);
    end_cell(k, from, width);
}

static void put_title(struct canvas *k, size_t width, const char *words, bool right)
{
    struct text cell = {0};
    cli_paint(&cell, k->v->colours, COLOUR_DIM, words);
    if (right) {
        put_right(k, width, text_cstr(&cell));
    } else {
        size_t from = begin(k);
        text_add(&k->line, text_slice(&cell));
        end_cell(k, from, width);
    }
    text_fini(&cell);
}

static void put_bar(struct canvas *k, size_t width, double share, enum colour colour)
{
    size_t full = share <= 0 ? 0 : share >= 1 ? width : (size_t)(share * (double)width + 0.5);
    struct text cells = {0};
    for (size_t i = 0; i < full; i++)
        text_add(&cells, k->v->ascii ? SLICE("#") : SLICE("\xe2\x96\x88"));
    cli_paint_visible(&k->line, k->v->colours, colour, text_slice(&cells));
    text_clear(&cells);
    for (size_t i = full; i < width; i++)
        text_add(&cells, k->v->ascii ? SLICE(".") : SLICE("\xe2\x96\x91"));
    cli_paint_visible(&k->line, k->v->colours, COLOUR_DIM, text_slice(&cells));
    text_fini(&cells);
}

/* ---- the first lines ------------------------------------------------------------------------- */

static void put_clock(struct canvas *k)
{
    size_t clock = strlen(k->v->clock), is = cli_width(text_slice(&k->line));
    if (is + 2 + clock > columns_of(k))
        return;
    cli_pad(&k->line, 0, columns_of(k) - clock);
    cli_paint(&k->line, k->v->colours, COLOUR_DIM, k->v->clock);
}

static void draw_head(struct canvas *k)
{
    const struct json_value *status = k->v->status;
    struct slice address = json_text(json_at(json_get(status, "listen"), 0));
    bool down = slice_is(json_text(json_get(status, "state")), SLICE("draining"));
    struct text name = {0};
    text_format(&name, "hearth %.*s", SLICE_ARG(json_text(json_get(status, "version"))));
    cli_paint_visible(&k->line, k->v->colours, COLOUR_BOLD, text_slice(&name));
    text_fini(&name);
    text_add(&k->line, SLICE("  "));
    cli_paint(&k->line, k->v->colours, down ? COLOUR_YELLOW : COLOUR_GREEN,
              down ? "going down" : "up");
    text_byte(&k->line, ' ');
    cli_duration(&k->line, requests_number(status, "uptime_ms"));
    if (cli_width(text_slice(&k->line)) + 2 + address.len + 2 + strlen(k->v->clock) <=
        columns_of(k)) {
        text_add(&k->line, SLICE("  "));
        text_visible(&k->line, address);
    }
    put_clock(k);
    end_line(k);
}

struct shares { /* of the machine's memory */
    uint64_t engines, others, rest;
};

/* What an engine maps of a model's file is memory that the system would call free. */
static struct shares shares_of(const struct watch_view *v)
{
    struct shares s = {0};
    uint64_t own = 0, total = v->memory_total;
    for (struct json_iter i = json_begin(json_get(v->status, "engines")); json_next(&i);) {
        const struct json_value *memory = json_get(i.value, "memory");
        s.engines += requests_number(memory, "rss");
        own += requests_number(memory, "anonymous");
    }
    uint64_t used = total - min_u64(v->memory_free, total);
    s.engines = min_u64(s.engines, total);
    s.others = min_u64(used - min_u64(own, used), total - s.engines);
    s.rest = total - s.engines - s.others;
    return s;
}

static void put_share(struct canvas *k, const char *name, uint64_t bytes, enum colour colour)
{
    struct text part = {0};
    text_format(&part, "%s ", name);
    cli_bytes(&part, bytes);
    size_t is = cli_width(text_slice(&k->line));
    if (bytes && is + part.len <= columns_of(k)) {
        cli_paint_visible(&k->line, k->v->colours, colour, text_slice(&part));
        text_add(&k->line, SLICE("  "));
    }
    text_fini(&part);
}

static void draw_memory(struct canvas *k)
{
    const struct watch_view *v = k->v;
    struct shares s = shares_of(v);
    double total = (double)max_u64(v->memory_total, 1);
    text_add(&k->line, SLICE("memory  "));
    if (v->memory_total) {
        size_t width = columns_of(k) > 44 ? min_size(columns_of(k) - 34, 60) : 10;
        size_t engines = (size_t)((double)s.engines / total * (double)width + 0.5);
        double rest = width > engines ? (double)(width - engines) : 1;
        put_bar(k, engines, 1, COLOUR_GREEN);
        put_bar(k, width - engines, (double)s.others / total * (double)width / rest, COLOUR_YELLOW);
        text_add(&k->line, SLICE("  "));
        cli_bytes(&k->line, s.engines + s.others);
        text_add(&k->line, SLICE(" of "));
        cli_bytes(&k->line, v->memory_total);
        end_line(k);
        text_add(&k->line, SLICE("        "));
        put_share(k, "engines", s.engines, COLOUR_GREEN);
        put_share(k, "others", s.others, COLOUR_YELLOW);
        put_share(k, "free", s.rest, COLOUR_NONE);
    }
    put_share(k, "hearth itself", requests_number(json_get(v->status, "memory"), "rss"),
              COLOUR_NONE);
    end_line(k);
}

/* ---- engines --------------------------------------------------------------------------------- */

enum { STATE = 10, BUSY = 9, RATE = 6, MEMORY = 9, STAYS = 10 };

/* What is in memory, what there is something to say about, the rest. */
enum { IN_MEMORY, NOTED, SILENT };

static int rank_of(const struct json_value *e)
{
    bool noted = requests_number(e, "waiting") || json_text(json_get(e, "why")).len;
    return json_get(e, "build") ? IN_MEMORY : noted ? NOTED : SILENT;
}

static size_t name_width(const struct canvas *k, const struct json_value *list, const char *key,
                         size_t rest)
{
    size_t width = strlen("provider");
    for (struct json_iter i = json_begin(list); json_next(&i);)
        width = max_size(width, cli_width(json_text(json_get(i.value, key))));
    size_t room = columns_of(k) > rest + 8 ? columns_of(k) - rest : 8;
    return min_size(width, room);
}

static const struct json_value *engine_before(const struct watch_view *v, struct slice model)
{
    for (struct json_iter i = json_begin(json_get(v->before, "engines")); json_next(&i);) {
        if (slice_is(json_text(json_get(i.value, "model")), model))
            return i.value;
    }
    return NULL;
}

/* Pieces of text a second since the picture before: engines send one for each token. */
static void put_rate(struct canvas *k, const struct json_value *e)
{
    const struct json_value *before = engine_before(k->v, json_text(json_get(e, "model")));
    uint64_t now = requests_number(e, "pieces"), then = requests_number(before, "pieces");
    struct text words = {0};
    if (before && now > then && k->v->apart_ms)
        text_format(&words, "%.1f", (double)(now - then) * 1000 / (double)k->v->apart_ms);
    put_right(k, RATE, text_cstr(&words));
    text_fini(&words);
}

static void put_busy(struct canvas *k, const struct json_value *e)
{
    struct text words = {0};
    uint64_t waiting = requests_number(e, "waiting");
    text_format(&words, "%llu of %llu", (unsigned long long)requests_number(e, "busy"),
                (unsigned long long)requests_number(e, "slots"));
    if (waiting)
        text_format(&words, " +%llu", (unsigned long long)waiting);
    put_left(k, BUSY, text_slice(&words));
    text_fini(&words);
}

static void put_progress(struct canvas *k, double share)
{
    struct text words = {0};
    put_bar(k, BUSY + 2 + RATE - 6, share, COLOUR_YELLOW);
    text_format(&words, "%.0f %%", share * 100);
    put_right(k, 6, text_cstr(&words));
    text_fini(&words);
}

static void put_memory(struct canvas *k, const struct json_value *e)
{
    uint64_t rss = requests_number(json_get(e, "memory"), "rss");
    struct text words = {0};
    if (rss)
        cli_bytes(&words, rss);
    put_right(k, MEMORY, text_cstr(&words));
    text_fini(&words);
}

/* Nobody wants to see the seconds of half an hour go by. */
static uint64_t round_up(uint64_t ms)
{
    uint64_t unit = ms > MINUTE_MS ? MINUTE_MS : 1000;
    return (ms + unit - 1) / unit * unit;
}

void status_stays(const struct json_value *e, struct text *out)
{
    uint64_t most = requests_number(e, "keep_alive_ms"), idle = requests_number(e, "idle_ms");
    if (json_is_true(json_get(e, "leaving")))
        text_add(out, SLICE("leaves"));
    else if (json_is_true(json_get(e, "pin")))
        text_add(out, SLICE("pinned"));
    else if (json_is_null(json_get(e, "keep_alive_ms")))
        text_add(out, SLICE("for ever"));
    else
        cli_duration(out, round_up(most - min_u64(idle, most)));
}

static void put_stays(struct canvas *k, const struct json_value *e)
{
    struct text words = {0};
    status_stays(e, &words);
    put_left(k, STAYS, text_slice(&words));
    text_fini(&words);
}

/* Too long for a column: so many lines of it at most, between words where that can be. */
static void draw_why(struct canvas *k, const struct json_value *e, size_t most)
{
    struct slice why = json_text(json_get(e, "why"));
    size_t width = columns_of(k) - 2;
    struct text shown = {0};
    if (why.len && !json_get(e, "build"))
        text_visible(&shown, why);
    struct slice rest = text_slice(&shown);
    for (size_t drawn = 0; rest.len && drawn < most; drawn++) {
        struct text line = {0};
        size_t at = 0, n = 0, blank = 0;
        for (; at < rest.len && n < width; n++) {
            blank = rest.ptr[at] == ' ' ? at : blank;
            at += max_size(slice_utf8(slice_from(rest, at)), 1);
        }
        bool last = drawn + 1 == most || at == rest.len;
        cli_fit(&line, last ? rest : slice_to(rest, blank ? blank : at), width);
        text_add(&k->line, SLICE("  "));
        cli_paint_visible(&k->line, k->v->colours, COLOUR_RED, text_slice(&line));
        end_line(k);
        rest = last ? (struct slice){0} : slice_from(rest, blank ? blank + 1 : at);
        text_fini(&line);
    }
    text_fini(&shown);
}

static void draw_engine(struct canvas *k, const struct json_value *e, size_t width)
{
    put_left(k, width, json_text(json_get(e, "model")));
    size_t from = begin(k);
    status_state(e, k->v->colours, &k->line);
    end_cell(k, from, STATE);
    struct slice build = json_text(json_get(e, "build"));
    bool loads = slice_is(json_text(json_get(e, "state")), SLICE("STARTING"));
    if (build.len && loads) { /* also when all is read and it is not ready yet */
        put_progress(k, json_number(json_get(e, "progress")));
    } else if (build.len || requests_number(e, "waiting")) {
        put_busy(k, e);
        put_rate(k, e);
    }
    if (build.len)
        put_memory(k, e);
    if (build.len && columns_of(k) >= NARROW)
        put_stays(k, e);
    if (build.len && columns_of(k) >= WIDE)
        text_visible(&k->line, build);
    end_line(k);
}

static void draw_engine_titles(struct canvas *k, size_t width)
{
    put_title(k, width, "model", false);
    put_title(k, STATE, "engine", false);
    put_title(k, BUSY, "busy", false);
    put_title(k, RATE, "tok/s", true);
    put_title(k, MEMORY, "memory", true);
    if (columns_of(k) >= NARROW)
        put_title(k, STAYS, "stays", false);
    if (columns_of(k) >= WIDE)
        put_title(k, 0, "build", false);
    end_line(k);
}

static void draw_more(struct canvas *k, size_t n, const char *what)
{
    struct text words = {0};
    text_format(&words, "and %zu more%s", n, what);
    cli_paint_visible(&k->line, k->v->colours, COLOUR_DIM, text_slice(&words));
    text_fini(&words);
    end_line(k);
}

/* In so many lines. */
static void draw_engines(struct canvas *k, size_t most)
{
    const struct json_value *engines = json_get(k->v->status, "engines");
    size_t n = json_count(engines), drawn = 0;
    size_t rest = 2 + STATE + 2 + BUSY + 2 + RATE + 2 + MEMORY;
    if (!n)
        return;
    rest += columns_of(k) >= NARROW ? 2 + STAYS : 0;
    rest += columns_of(k) >= WIDE ? 2 + 26 : 0;
    size_t width = name_width(k, engines, "model", rest);
    end_line(k);
    draw_engine_titles(k, width);
    for (int rank = IN_MEMORY; rank <= SILENT; rank++) {
        for (struct json_iter i = json_begin(engines); json_next(&i);) {
            size_t more = drawn + 1 < n; /* a line for how many */
            if (rank_of(i.value) != rank || most < 1 + more)
                continue;
            size_t from = k->used;
            draw_engine(k, i.value, width);
            draw_why(k, i.value, min_size(most - 1 - more, MOST_WHY));
            most -= min_size(k->used - from, most);
            drawn++;
        }
    }
    if (drawn < n)
        draw_more(k, n - drawn, "");
}

/* ---- providers ------------------------------------------------------------------------------- */

static void draw_providers(struct canvas *k)
{
    const struct json_value *providers = json_get(k->v->status, "providers");
    size_t n = json_count(providers), drawn = 0;
    size_t most = n > MOST_PROVIDERS ? MOST_PROVIDERS - 1 : n;
    size_t width = name_width(k, providers, "name", 2 + 5 + 2 + 7 + 20);
    if (!n)
        return;
    end_line(k);
    put_title(k, width, "provider", false);
    put_title(k, 5, "state", false);
    put_title(k, 7, "running", true);
    put_title(k, 0, "address", false);
    end_line(k);
    for (struct json_iter i = json_begin(providers); drawn < most && json_next(&i); drawn++) {
        struct slice state = json_text(json_get(i.value, "state")), why;
        bool on = slice_is(state, SLICE("on"));
        struct text live = {0};
        put_left(k, width, json_text(json_get(i.value, "name")));
        size_t from = begin(k);
        cli_paint_visible(&k->line, k->v->colours, on ? COLOUR_GREEN : COLOUR_YELLOW, state);
        end_cell(k, from, 5);
        text_u64(&live, requests_number(i.value, "live"));
        put_right(k, 7, text_cstr(&live));
        why = json_text(json_get(i.value, "why"));
        text_visible(&k->line, why.len ? why : json_text(json_get(i.value, "address")));
        text_fini(&live);
        end_line(k);
    }
    if (drawn < n)
        draw_more(k, n - drawn, "");
}

/* ---- requests -------------------------------------------------------------------------------- */

enum { AT = 8, WHO = 10, OUTCOME = 14, TOOK = 10, TOKENS = 10, PLACE = 18 };

static const struct stage {
    const char *state, *words;
} stages[] = {
    {"GATING", "comes in"},    {"READING", "comes in"},  {"DECODING", "comes in"},
    {"ADMITTING", "comes in"}, {"ROUTING", "comes in"},  {"WAITING", "waits"},
    {"TRYING", "begins"},      {"STREAMING", "answers"}, {"RESUMING", "goes on"},
    {"SETTLING", "ends"},
};

static struct slice stage_of(const struct json_value *r)
{
    struct slice state = json_text(json_get(r, "state"));
    for (size_t i = 0; i < COUNT(stages); i++) {
        if (slice_is(state, slice_of(stages[i].state)))
            return slice_of(stages[i].words);
    }
    return state;
}

static size_t model_room(const struct canvas *k)
{
    size_t rest = AT + 2 + 2 + OUTCOME + 2 + TOOK;
    rest += columns_of(k) >= NARROW ? WHO + 2 + 2 + TOKENS : 0;
    rest += columns_of(k) >= WIDE ? PLACE + 2 : 0;
    return columns_of(k) > rest + 8 ? min_size(columns_of(k) - rest, 32) : 8;
}

static void put_who(struct canvas *k, const struct json_value *r)
{
    if (columns_of(k) >= NARROW)
        put_left(k, WHO, json_text(json_get(r, "who")));
    put_left(k, model_room(k), json_text(json_get(r, "model")));
    if (columns_of(k) >= WIDE)
        put_left(k, PLACE, json_text(json_get(r, "target")));
}

static void put_outcome(struct canvas *k, struct slice words, enum colour colour)
{
    struct text cut = {0};
    size_t from = begin(k);
    cli_fit(&cut, words, OUTCOME);
    cli_paint_visible(&k->line, k->v->colours, colour, text_slice(&cut));
    end_cell(k, from, OUTCOME);
    text_fini(&cut);
}

static void put_took(struct canvas *k, uint64_t us)
{
    struct text words = {0};
    requests_us(&words, us);
    put_right(k, TOOK, text_cstr(&words));
    text_fini(&words);
}

static void draw_under_way(struct canvas *k, const struct json_value *r)
{
    put_left(k, AT, SLICE("now"));
    put_who(k, r);
    put_outcome(k, stage_of(r), COLOUR_NONE);
    put_took(k, requests_number(r, "age_ms") * 1000);
    end_line(k);
}

static void put_tokens(struct canvas *k, const struct json_value *row)
{
    struct text words = {0};
    if (columns_of(k) >= NARROW) {
        requests_tokens(&words, row);
        put_right(k, TOKENS, text_cstr(&words));
    }
    text_fini(&words);
}

static void draw_done(struct canvas *k, const struct json_value *row)
{
    struct text at = {0};
    struct slice outcome = json_text(json_get(row, "outcome"));
    if (json_is_null(json_get(row, "id")))
        return; /* that some could not be recorded */
    requests_at(&at, json_text(json_get(row, "at")));
    struct slice time = text_slice(&at);
    put_left(k, AT, time.len > AT ? slice_from(time, time.len - AT) : time);
    put_who(k, row);
    put_outcome(k, outcome, requests_colour(outcome, requests_number(row, "status")));
    put_took(k, requests_number(row, "total_us"));
    put_tokens(k, row);
    end_line(k);
    text_fini(&at);
}

static void draw_request_titles(struct canvas *k)
{
    const struct json_value *n = json_get(k->v->status, "requests");
    cli_paint(&k->line, k->v->colours, COLOUR_DIM, "requests  ");
    text_format(&k->line, "%llu under way, %llu done, %llu failed",
                (unsigned long long)requests_number(n, "live"),
                (unsigned long long)requests_number(n, "done"),
                (unsigned long long)requests_number(n, "failed"));
    end_line(k);
}

static void draw_requests(struct canvas *k)
{
    const struct json_value *under_way = json_get(json_get(k->v->status, "requests"), "under_way");
    size_t drawn = 0, n = json_count(under_way);
    end_line(k);
    draw_request_titles(k);
    size_t most = k->v->lines ? lines_left(k) : MOST_REQUESTS;
    size_t now = n > most ? (most ? most - 1 : 0) : n;
    for (struct json_iter i = json_begin(under_way); drawn < now && json_next(&i); drawn++)
        draw_under_way(k, i.value);
    if (now < n && most) {
        draw_more(k, n - now, " under way");
        return;
    }
    for (struct json_iter i = json_begin(k->v->rows); drawn < most && json_next(&i); drawn++)
        draw_done(k, i.value);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void draw_away(struct canvas *k)
{
    cli_paint(&k->line, k->v->colours, COLOUR_BOLD, "hearth");
    text_byte(&k->line, ' ');
    cli_paint(&k->line, k->v->colours, COLOUR_YELLOW, k->v->why);
    put_clock(k);
    end_line(k);
    end_line(k);
    text_add(&k->line, SLICE("for "));
    cli_duration(&k->line, k->v->away_ms / 1000 * 1000);
    text_add(&k->line, SLICE("; this goes on when it is back"));
    end_line(k);
    text_add(&k->line, SLICE("`hearth up --detach` starts it, `hearth logs` says why it ended"));
    end_line(k);
}

/* Engines get what requests and providers leave, and three lines in any case. */
static void draw_all(struct canvas *k)
{
    const struct json_value *requests = json_get(k->v->status, "requests");
    size_t providers = json_count(json_get(k->v->status, "providers"));
    size_t rows = json_count(json_get(requests, "under_way")) + json_count(k->v->rows);
    size_t engines = json_count(json_get(k->v->status, "engines"));
    bool low = k->v->lines && k->v->lines <= LOW;
    size_t others = 2 + min_size(rows, low ? 4 : 6) + 2; /* titles, and blank lines before */
    draw_head(k);
    end_line(k);
    draw_memory(k);
    if (low && engines)
        providers = 0;
    if (providers)
        others += 2 + min_size(providers, MOST_PROVIDERS);
    size_t left = lines_left(k) > others + 3 ? lines_left(k) - others : 3;
    draw_engines(k, k->v->lines ? left : MOST_ENGINES);
    if (providers)
        draw_providers(k);
    draw_requests(k);
}

void watch_draw(const struct watch_view *v, struct text *out)
{
    struct canvas k = {.v = v, .out = out, .most = v->lines ? v->lines - 1 : SIZE_MAX};
    if (v->status) {
        draw_all(&k);
    } else {
        draw_away(&k);
    }
    while (v->lines && lines_left(&k))
        end_line(&k);
    k.most = v->lines;
    if (v->lines) {
        cli_paint(&k.line, v->colours, COLOUR_DIM, "q ends it");
        end_line(&k);
    }
    text_fini(&k.line);
}
