/* status: `hearth status`, the daemon's status document as JSON or for people. */
#include "cli/inner.h"

#define ASK_MS 5000u
#define MODELS_SHOWN 3u
#define WIDEST_COLUMN 44u

static uint64_t number(const struct json_value *object, const char *key)
{
    int64_t n = 0;
    return json_int(json_get(object, key), &n) && n > 0 ? (uint64_t)n : 0;
}

/* hearth 0.1.0 is up (pid 4711, 2 h 5 min) */
void status_headline(const struct json_value *status, bool colours, struct text *out)
{
    text_add(out, SLICE("hearth "));
    text_visible(out, json_text(json_get(status, "version")));
    text_add(out, SLICE(" is "));
    cli_paint(out, colours, COLOUR_GREEN, "up");
    text_format(out, " (pid %llu, ", (unsigned long long)number(status, "pid"));
    cli_duration(out, number(status, "uptime_ms"));
    text_add(out, SLICE(")\n"));
}

static void label(struct text *out, const char *words)
{
    text_format(out, "  %-13s", words);
}

/* Nothing about a file that is well. `aside`: what to say of a new one in a damaged one's place. */
static void print_file(const struct json_value *side, const char *name, struct slice aside,
                       bool colours, struct text *out)
{
    bool up = json_is_true(json_get(side, "up"));
    if (!side || (up && !json_is_true(json_get(side, "put_aside"))))
        return;
    label(out, name);
    cli_paint_visible(out, colours, COLOUR_YELLOW, up ? aside : json_text(json_get(side, "why")));
    text_byte(out, '\n');
}

static void print_recorded(const struct json_value *store, struct text *out)
{
    if (!store)
        return;
    label(out, "recorded");
    text_format(out, "%llu requests, ", (unsigned long long)number(store, "rows_written"));
    cli_bytes(out, number(store, "audit_bytes"));
    if (number(store, "rows_lost"))
        text_format(out, ", %llu lost", (unsigned long long)number(store, "rows_lost"));
    if (number(store, "lag_ms") >= 1000) {
        text_format(out, "; %llu wait since ", (unsigned long long)number(store, "rows_waiting"));
        cli_duration(out, number(store, "lag_ms"));
    }
    text_byte(out, '\n');
}

/* Which certificate clients see, and how they come to trust it. */
void status_tls(const struct json_value *status, struct text *out)
{
    const struct json_value *tls = json_get(status, "tls");
    if (!json_is_object(tls))
        return;
    label(out, "certificate");
    text_visible(out, json_text(json_get(tls, "certificate")));
    if (json_is_true(json_get(tls, "self_signed"))) {
        text_add(out, SLICE(" (made by hearth)\n"));
        label(out, "");
        text_add(out,
                 SLICE("copy it to clients, which then trust it: curl --cacert cert.pem ...\n"));
    } else {
        text_byte(out, '\n');
    }
    label(out, "SHA-256");
    text_visible(out, json_text(json_get(tls, "sha256")));
    text_byte(out, '\n');
}

static void print_device(const struct json_value *d, bool colours, struct text *out)
{
    struct slice driver = json_text(json_get(d, "driver"));
    label(out, "device");
    text_visible(out, json_text(json_get(d, "name")));
    if (json_is_true(json_get(d, "usable"))) {
        text_add(out, SLICE(" ("));
        text_visible(out, driver);
        text_add(out, SLICE(")\n"));
        return;
    }
    text_add(out, SLICE(": "));
    cli_paint_visible(out, colours, COLOUR_YELLOW, json_text(json_get(d, "trouble")));
    text_add(out, SLICE("; see `hearth doctor gpu`\n"));
}

/* Nothing before the daemon has looked at it. */
static void print_machine(const struct json_value *status, bool colours, struct text *out)
{
    const struct json_value *m = json_get(status, "machine");
    if (!json_is_object(m))
        return;
    label(out, "processor");
    text_visible(out, json_text(json_get(m, "cpu")));
    text_add(out, SLICE(" ("));
    text_visible(out, json_text(json_get(m, "instructions")));
    text_format(out, "), %llu cores, %llu threads\n", (unsigned long long)number(m, "cores"),
                (unsigned long long)number(m, "threads"));
    label(out, "machine");
    cli_bytes(out, number(m, "memory_total"));
    text_add(out, SLICE(" of memory, "));
    cli_bytes(out, number(m, "memory_free"));
    text_add(out, SLICE(" free "));
    cli_duration(out, number(status, "machine_age_ms"));
    text_add(out, SLICE(" ago\n"));
    for (struct json_iter i = json_begin(json_get(m, "devices")); json_next(&i);)
        print_device(i.value, colours, out);
}

static void print_facts(const struct json_value *status, bool colours, struct text *out)
{
    const struct json_value *memory = json_get(status, "memory");
    const struct json_value *requests = json_get(status, "requests");
    label(out, "address");
    bool first = true;
    for (struct json_iter i = json_begin(json_get(status, "listen")); json_next(&i);
         first = false) {
        if (!first)
            text_add(out, SLICE(", "));
        cli_address(out, json_text(i.value));
    }
    text_byte(out, '\n');
    for (struct json_iter i = json_begin(json_get(status, "ports")); json_next(&i);) {
        label(out, "role");
        text_visible(out, json_text(json_get(i.value, "role")));
        text_add(out, SLICE(" at "));
        cli_address(out, json_text(json_get(i.value, "address")));
        text_byte(out, '\n');
    }
    status_tls(status, out);
    if (json_is_text(json_get(status, "service"))) {
        label(out, "service");
        text_visible(out, json_text(json_get(status, "service")));
        text_byte(out, '\n');
    }
    label(out, "memory");
    cli_bytes(out, number(memory, "rss"));
    text_add(out, SLICE(" (its own: "));
    cli_bytes(out, number(memory, "anonymous"));
    text_add(out, SLICE(")\n"));
    print_machine(status, colours, out);
    label(out, "connections");
    text_format(out, "%llu\n", (unsigned long long)number(status, "connections"));
    label(out, "requests");
    text_format(out, "%llu running, %llu done, %llu failed\n",
                (unsigned long long)number(requests, "live"),
                (unsigned long long)number(requests, "done"),
                (unsigned long long)number(requests, "failed"));
    print_recorded(json_get(status, "store"), out);
    print_file(json_get(json_get(status, "store"), "state"), "keys",
               SLICE("a damaged file was put aside (state.db.bad-...) and a new one is in use: all "
                     "keys are gone, make new ones"),
               colours, out);
    print_file(json_get(json_get(status, "store"), "audit"), "record",
               SLICE("a damaged file was put aside (audit.db.bad-...); a new one is in use"),
               colours, out);
}

/* ---- providers ---- */

static bool is_on(const struct json_value *provider)
{
    return slice_is(json_text(json_get(provider, "state")), SLICE("on"));
}

/* Why it is off, else its models: a few names and how many more. */
static void print_what(const struct json_value *provider, struct text *out)
{
    if (!is_on(provider)) {
        text_visible(out, json_text(json_get(provider, "why")));
        return;
    }
    const struct json_value *models = json_get(provider, "models");
    size_t n = 0;
    for (struct json_iter i = json_begin(models); n < MODELS_SHOWN && json_next(&i); n++) {
        if (n)
            text_add(out, SLICE(", "));
        text_visible(out, json_text(i.value));
    }
    if (json_count(models) > n)
        text_format(out, " and %zu more", json_count(models) - n);
    if (!n)
        text_add(out, SLICE("no models yet"));
}

enum column { NAME, KIND, STATE, LIVE, ADDRESS, COLUMNS };
static const char *const titles[COLUMNS] = {"provider", "kind", "state", "running", "address"};

static void print_column(const struct json_value *p, enum column column, bool colours,
                         struct text *out)
{
    switch (column) {
    case NAME:
        text_visible(out, json_text(json_get(p, "name")));
        break;
    case KIND:
        text_visible(out, json_text(json_get(p, "kind")));
        break;
    case STATE:
        cli_paint_visible(out, colours, is_on(p) ? COLOUR_GREEN : COLOUR_YELLOW,
                          json_text(json_get(p, "state")));
        break;
    case LIVE:
        text_format(out, "%llu", (unsigned long long)number(p, "live"));
        break;
    case ADDRESS:
        text_visible(out, json_text(json_get(p, "address")));
        break;
    case COLUMNS:
        break;
    }
}

static void find_widths(const struct json_value *providers, size_t widths[COLUMNS])
{
    struct text word = {0};
    for (enum column column = 0; column < COLUMNS; column++) {
        widths[column] = strlen(titles[column]);
        for (struct json_iter i = json_begin(providers); json_next(&i);) {
            text_clear(&word);
            print_column(i.value, column, false, &word);
            widths[column] = max_size(widths[column], cli_width(text_slice(&word)));
        }
        widths[column] = min_size(widths[column], WIDEST_COLUMN);
    }
    text_fini(&word);
}

static void print_providers(const struct json_value *providers, bool colours, struct text *out)
{
    size_t widths[COLUMNS];
    if (!json_count(providers))
        return;
    find_widths(providers, widths);
    text_byte(out, '\n');
    for (enum column column = 0; column < COLUMNS; column++) {
        size_t from = out->len;
        text_add(out, slice_of(titles[column]));
        cli_pad(out, from, widths[column] + 2);
    }
    text_add(out, SLICE("models\n"));
    for (struct json_iter i = json_begin(providers); json_next(&i);) {
        for (enum column column = 0; column < COLUMNS; column++) {
            size_t from = out->len;
            print_column(i.value, column, colours, out);
            cli_pad(out, from, widths[column]);
            text_add(out, SLICE("  "));
        }
        print_what(i.value, out);
        text_byte(out, '\n');
    }
}

/* ---- what next ---- */

struct answering { /* what there is to ask */
    size_t all, good;
    bool example_only; /* the one of `hearth up --example` */
};

static struct answering count_answering(const struct json_value *status)
{
    struct answering n = {0};
    size_t examples = 0;
    for (struct json_iter i = json_begin(json_get(status, "providers")); json_next(&i);) {
        n.all++;
        n.good += is_on(i.value);
    }
    for (struct json_iter i = json_begin(json_get(status, "engines")); json_next(&i);) {
        n.all++;
        n.good += !json_text(json_get(i.value, "why")).len || json_get(i.value, "build");
        examples += slice_is(json_text(json_get(i.value, "model")), SLICE("example"));
    }
    n.example_only = n.all == 1 && examples == 1;
    return n;
}

void status_next(const struct json_value *status, const char *config_folder, struct text *out)
{
    struct answering n = count_answering(status);
    text_add(out, SLICE("Next: "));
    if (!n.all) {
        text_add(out, SLICE("bring a model with `hearth models add FILE.gguf`, or name a provider "
                            "in\n      "));
        text_visible(out, slice_of(config_folder));
        text_add(out, SLICE("/hearth.yaml, then `hearth reload`.\n"));
    } else if (!n.good) {
        text_add(out,
                 SLICE("nothing can answer: mend what `hearth status` and `hearth doctor` name, "
                       "then `hearth reload`.\n"));
    } else if (n.example_only) {
        text_add(out, SLICE("bring a model of yours: `hearth models add FILE.gguf`.\n"));
    } else {
        text_add(out, SLICE("give an app the address "));
        cli_address(out, json_text(json_at(json_get(status, "listen"), 0)));
        text_add(out, SLICE("/v1\n"));
    }
}

void status_print(const struct json_value *status, const char *config_folder, bool colours,
                  struct text *out)
{
    const struct json_value *warnings = json_get(status, "warnings");
    status_headline(status, colours, out);
    print_facts(status, colours, out);
    print_providers(json_get(status, "providers"), colours, out);
    status_engines(json_get(status, "engines"), colours, out);
    if (json_count(warnings))
        text_byte(out, '\n');
    for (struct json_iter i = json_begin(warnings); json_next(&i);) {
        cli_paint(out, colours, COLOUR_YELLOW, "warning:");
        text_byte(out, ' ');
        text_visible(out, json_text(i.value));
        text_byte(out, '\n');
    }
    text_byte(out, '\n');
    status_next(status, config_folder, out);
}

int status_run(struct cli *c)
{
    struct answer a = {0};
    struct json_doc doc;
    struct why why = {0};
    if (c->options.hands.watch)
        return watch_run(c);
    enum err e = cli_ask_status(c, ASK_MS, &a, &why);
    if (e == ERR_NOT_RUNNING)
        return cli_not_running(c);
    if (e)
        return cli_fail(c, e, &why, "Its log may say more: `hearth logs`.");
    int code = CLI_OK;
    if (a.status != 200) {
        code = cli_refused(c, &a);
    } else if (json_read(text_slice(&a.body), &json_usual_limits, NULL, &doc, &why)) {
        code = cli_fail(c, ERR_INTERNAL, &why, NULL);
    } else {
        if (c->options.json)
            cli_json(&c->out, text_slice(&a.body));
        else
            status_print(doc.root, c->paths.config, c->out_colours, &c->out);
        json_done(&doc);
    }
    answer_fini(&a);
    return code;
}
