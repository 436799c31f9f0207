/* show: all effective values, with where each is from and what that hid. */
#include "config/inner.h"

static const struct whole *whole_of(const struct config *c)
{
    return owner_of((uintptr_t)c, const struct whole, config);
}

/* What is shown of a provider: what was said, and what holds without being said. */
static bool is_shown(const struct entry *e, size_t field)
{
    return e->set[field] || config_fields[field].standard[0];
}

static void place(const struct setting *s, struct text *out)
{
    text_visible(out, slice_of(s->source->name));
    if (s->line)
        text_format(out, ":%u", s->line);
}

/* Where a value is from that nobody set. */
static struct slice unsaid(const struct row *row)
{
    return row == &config_fields[FIELD_KIND] ? SLICE("by its name") : SLICE("default");
}

static void origin(const struct row *row, const struct setting *s, struct text *out)
{
    text_add(out, SLICE("  # "));
    if (!s) {
        text_add(out, unsaid(row));
        return;
    }
    place(s, out);
    for (const struct setting *hidden = s->hides; hidden; hidden = hidden->hides) {
        text_add(out, hidden == s->hides ? SLICE("; hides ") : SLICE(", "));
        place(hidden, out);
        text_add(out, SLICE(": "));
        config_print_raw(row, hidden, out);
    }
}

static void show_provider(const struct entry *e, bool with_origin, struct text *out)
{
    if (!e->p.on)
        text_format(out, "# %s is switched off: %s\n", e->p.name, e->p.off);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const struct row *row = &config_fields[i];
        if (!is_shown(e, i))
            continue;
        text_format(out, "providers.%s.%s: ", e->p.name, row->path);
        if (e->unset[i])
            config_print_raw(row, e->set[i], out);
        else
            config_print(row, e, false, out);
        if (with_origin)
            origin(row, e->set[i], out);
        text_byte(out, '\n');
    }
}

void config_show(const struct config *c, bool with_origin, struct text *out)
{
    const struct whole *w = whole_of(c);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct row *row = &config_options[i];
        text_format(out, "%s: ", row->path);
        config_print(row, c, false, out);
        if (with_origin)
            origin(row, w->set[i], out);
        text_byte(out, '\n');
    }
    for (size_t i = 0; i < w->entries_n; i++)
        show_provider(w->entries[i], with_origin, out);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void put_place(struct json_writer *w, const struct row *row, const struct setting *s)
{
    json_put_pair(w, "from", s ? slice_of(s->source->name) : unsaid(row));
    json_key(w, "line");
    if (s && s->line)
        json_put_u64(w, s->line);
    else
        json_put_null(w);
}

static void put_origin(struct json_writer *w, const struct row *row, const struct setting *s)
{
    put_place(w, row, s);
    json_key(w, "hides");
    json_open_array(w);
    for (const struct setting *hidden = s ? s->hides : NULL; hidden; hidden = hidden->hides) {
        struct text raw = {0};
        config_print_raw(row, hidden, &raw);
        json_open_object(w);
        put_place(w, row, hidden);
        json_put_pair(w, "value", text_slice(&raw));
        json_close_object(w);
        w->out->failed |= raw.failed;
        text_fini(&raw);
    }
    json_close_array(w);
}

static void put_provider(struct json_writer *w, const struct entry *e)
{
    json_open_object(w);
    json_put_pair(w, "name", slice_of(e->p.name));
    json_key(w, "on");
    json_put_bool(w, e->p.on);
    json_put_pair(w, "off", slice_of(e->p.off));
    json_key(w, "fields");
    json_open_array(w);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const struct row *row = &config_fields[i];
        if (!is_shown(e, i))
            continue;
        json_open_object(w);
        json_put_pair(w, "field", slice_of(row->path));
        json_key(w, "value");
        if (e->unset[i])
            json_put_null(w);
        else
            config_print_json(row, e, w);
        put_origin(w, row, e->set[i]);
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
}

void config_show_json(const struct config *c, struct text *out)
{
    const struct whole *whole = whole_of(c);
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_key(&w, "settings");
    json_open_array(&w);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct row *row = &config_options[i];
        json_open_object(&w);
        json_put_pair(&w, "path", slice_of(row->path));
        json_key(&w, "value");
        config_print_json(row, c, &w);
        json_key(&w, "live");
        json_put_bool(&w, row->live);
        put_origin(&w, row, whole->set[i]);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_key(&w, "providers");
    json_open_array(&w);
    for (size_t i = 0; i < whole->entries_n; i++)
        put_provider(&w, whole->entries[i]);
    json_close_array(&w);
    json_close_object(&w);
}
