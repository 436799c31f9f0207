/* doctor: `hearth doctor`, a table of checks. */
#include "cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>

#define AT_CHECK 9u
#define AT_WORDS 24u

static const struct {
    const char *name;
    check_fn *run;
} checks[] = {
    {"configuration", doctor_configuration}, /* others need what it read */
    {"daemon", doctor_daemon},
    {"port", doctor_port},
    {"data", doctor_data},
    {"engines", doctor_engines},
    {"disk", doctor_disk}, /* names a pack that could go */
    {"sandbox", doctor_sandbox},
    {"memory", doctor_memory},
    {"gpu", doctor_gpu},
};

static const struct {
    const char *name;
    enum colour colour;
} states[FINDING_STATES] = {
    [FINDING_OK] = {"ok", COLOUR_GREEN},
    [FINDING_NOTE] = {"note", COLOUR_DIM},
    [FINDING_WARNING] = {"warning", COLOUR_YELLOW},
    [FINDING_TROUBLE] = {"trouble", COLOUR_RED},
};

/* ---- for the checks ------------------------------------------------------------------------- */

const char *doctor_format(struct doctor *d, const char *format, ...)
{
    struct text visible = {0};
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    text_visible(&visible, slice_of(line));
    const char *kept = arena_cstr(&d->c->arena, text_slice(&visible));
    text_fini(&visible);
    return kept ? kept : "";
}

void doctor_say(struct doctor *d, enum finding_state state, const char *mend, const char *format,
                ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (d->n == MOST_FINDINGS)
        return; /* who has so many mends these first */
    d->findings[d->n++] = (struct finding){
        .state = state, .check = d->check, .words = doctor_format(d, "%s", line), .mend = mend};
}

const char *doctor_variable(const struct doctor *d, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *e = d->c->environment; e && *e; e++) {
        if (!strncmp(*e, name, len) && (*e)[len] == '=')
            return *e + len + 1;
    }
    return NULL;
}

/* ---- telling -------------------------------------------------------------------------------- */

static void print_one(const struct finding *f, bool repeats, bool colours, struct text *out)
{
    size_t from = out->len;
    cli_paint(out, colours, states[f->state].colour, states[f->state].name);
    cli_pad(out, from, AT_CHECK);
    text_add(out, slice_of(repeats ? "" : f->check));
    cli_pad(out, from, AT_WORDS);
    cli_wrap(out, AT_WORDS, f->words);
    if (!*f->mend)
        return;
    from = out->len;
    cli_pad(out, from, AT_CHECK);
    cli_paint(out, colours, COLOUR_BOLD, "mend");
    cli_pad(out, from, AT_WORDS);
    cli_wrap(out, AT_WORDS, f->mend);
}

static size_t count(const struct doctor *d, enum finding_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++)
        n += d->findings[i].state == state;
    return n;
}

static bool is_well(const struct doctor *d)
{
    return !count(d, FINDING_TROUBLE) && !count(d, FINDING_WARNING);
}

void doctor_print(const struct doctor *d, bool colours, struct text *out)
{
    size_t troubles = count(d, FINDING_TROUBLE), warnings = count(d, FINDING_WARNING);
    for (size_t i = 0; i < d->n; i++)
        print_one(&d->findings[i], i && d->findings[i - 1].check == d->findings[i].check, colours,
                  out);
    text_byte(out, '\n');
    if (is_well(d))
        text_add(out, SLICE("Nothing is wrong.\n"));
    else
        text_format(out, "%zu trouble%s, %zu warning%s.\n", troubles, troubles == 1 ? "" : "s",
                    warnings, warnings == 1 ? "" : "s");
}

void doctor_json(const struct doctor *d, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_key(&w, "ok");
    json_put_bool(&w, is_well(d));
    json_key(&w, "checks");
    json_open_array(&w);
    for (size_t i = 0; i < d->n; i++) {
        const struct finding *f = &d->findings[i];
        json_open_object(&w);
        json_put_pair(&w, "check", slice_of(f->check));
        json_put_pair(&w, "state", slice_of(states[f->state].name));
        json_put_pair(&w, "words", slice_of(f->words));
        json_put_pair(&w, "mend", slice_of(f->mend));
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    text_byte(out, '\n');
}

int doctor_run(struct cli *c)
{
    struct doctor d = {.c = c, .root = ""};
    struct why why = {0};
    d.machine_known = !machine_read(d.root, &c->arena, &d.machine, &why);
    for (size_t i = 0; i < COUNT(checks); i++) {
        d.check = checks[i].name;
        checks[i].run(&d);
    }
    if (c->options.json)
        doctor_json(&d, &c->out);
    else
        doctor_print(&d, c->out_colours, &c->out);
    config_free(d.config);
    return is_well(&d) ? CLI_OK : CLI_FAILED;
}
