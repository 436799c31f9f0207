/* show: all effective values, with where each is from and what that hid. */
#include "config/inner.h"

/* What is shown of an entry: what was said, and what holds without being said. */
static bool is_shown(const struct entry *e, size_t field)
{
    bool holds =
        e->section != &config_sections[MODELS] || ((const struct config_model *)e->values)->file[0];
    return e->set[field] || (holds && e->section->fields[field].standard[0]);
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

static void show_field(const struct entry *e, size_t i, bool with_origin, struct text *out)
{
    const struct row *row = &e->section->fields[i];
    text_format(out, "%s.%s%s%s: ", e->section->name, e->name, row->path[0] ? "." : "", row->path);
    if (e->unset[i])
        config_print_raw(row, e->set[i], out);
    else
        config_print(row, e->values, false, out);
    if (with_origin)
        origin(row, e->set[i], out);
    text_byte(out, '\n');
}

static void show_entry(const struct entry *e, bool with_origin, struct text *out)
{
    const struct provider *p = e->section == &config_sections[PROVIDERS] ? e->values : NULL;
    if (p && !p->p.on)
        text_format(out, "# %s is switched off: %s\n", e->name, p->p.off);
    for (size_t i = 0; i < e->section->fields_n; i++) {
        if (is_shown(e, i))
            show_field(e, i, with_origin, out);
    }
}

void config_show(const struct config *c, bool with_origin, struct text *out)
{
    const struct whole *w = config_whole(c);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct row *row = &config_options[i];
        text_format(out, "%s: ", row->path);
        config_print(row, c, false, out);
        if (with_origin)
            origin(row, w->set[i], out);
        text_byte(out, '\n');
    }
    for (size_t id = 0; id < SECTION_COUNT; id++) {
        for (size_t i = 0; i < w->entries[id].n; i++)
            show_entry(w->entries[id].list[i], with_origin, out);
    }
}

void config_show_set(const struct config *c, struct text *out)
{
    const struct whole *w = config_whole(c);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct row *row = &config_options[i];
        if (!w->set[i])
            continue;
        text_format(out, "%s: ", row->path);
        config_print(row, c, false, out);
        origin(row, w->set[i], out);
        text_byte(out, '\n');
    }
    for (size_t id = 0; id < SECTION_COUNT; id++) {
        for (size_t i = 0; i < w->entries[id].n; i++) {
            const struct entry *e = w->entries[id].list[i];
            for (size_t f = 0; f < e->section->fields_n; f++) {
                if (e->set[f])
                    show_field(e, f, true, out);
            }
        }
    }
}

static const struct entry *find(const struct config *c, const char *section, const char *name)
{
    for (enum section_id id = 0; id < SECTION_COUNT; id++) {
        if (strcmp(config_sections[id].name, section) == 0)
            return config_find_entry(config_whole(c), id, slice_of(name));
    }
    return NULL;
}

bool config_show_entry(const struct config *c, const char *section, const char *name,
                       bool with_origin, struct text *out)
{
    const struct entry *e = find(c, section, name);
    if (e)
        show_entry(e, with_origin, out);
    return e != NULL;
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

static void put_fields(struct json_writer *w, const struct entry *e)
{
    json_key(w, "fields");
    json_open_array(w);
    for (size_t i = 0; i < e->section->fields_n; i++) {
        const struct row *row = &e->section->fields[i];
        if (!is_shown(e, i))
            continue;
        json_open_object(w);
        json_put_pair(w, "field", slice_of(row->path));
        json_key(w, "value");
        if (e->unset[i])
            json_put_null(w);
        else
            config_print_json(row, e->values, w);
        put_origin(w, row, e->set[i]);
        json_close_object(w);
    }
    json_close_array(w);
}

static void put_entry(struct json_writer *w, const struct entry *e)
{
    const struct provider *p = e->section == &config_sections[PROVIDERS] ? e->values : NULL;
    json_open_object(w);
    json_put_pair(w, "name", slice_of(e->name));
    if (p) {
        json_key(w, "on");
        json_put_bool(w, p->p.on);
        json_put_pair(w, "off", slice_of(p->p.off));
    }
    put_fields(w, e);
    json_close_object(w);
}

/* path: of an option; of an entry that is one value, its section and name. */
static void put_setting(struct json_writer *w, struct slice path, const struct row *row,
                        const void *base, const struct setting *s)
{
    json_open_object(w);
    json_put_pair(w, "path", path);
    json_key(w, "value");
    config_print_json(row, base, w);
    json_key(w, "live");
    json_put_bool(w, row->live);
    put_origin(w, row, s);
    json_close_object(w);
}

static void put_singles(struct json_writer *w, const struct entries *entries)
{
    for (size_t i = 0; i < entries->n; i++) {
        const struct entry *e = entries->list[i];
        struct text path = {0};
        text_format(&path, "%s.%s", e->section->name, e->name);
        put_setting(w, text_slice(&path), e->section->fields, e->values, e->set[0]);
        w->out->failed |= path.failed;
        text_fini(&path);
    }
}

bool config_show_entry_json(const struct config *c, const char *section, const char *name,
                            struct text *out)
{
    const struct entry *e = find(c, section, name);
    struct json_writer w = json_writer(out);
    if (e)
        put_entry(&w, e);
    return e != NULL;
}

void config_show_json(const struct config *c, struct text *out)
{
    const struct whole *whole = config_whole(c);
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_key(&w, "settings");
    json_open_array(&w);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        put_setting(&w, slice_of(config_options[i].path), &config_options[i], c, whole->set[i]);
    for (size_t id = 0; id < SECTION_COUNT; id++) {
        if (config_sections[id].single)
            put_singles(&w, &whole->entries[id]);
    }
    json_close_array(&w);
    for (size_t id = 0; id < SECTION_COUNT; id++) {
        if (config_sections[id].single)
            continue;
        json_key(&w, config_sections[id].name);
        json_open_array(&w);
        for (size_t i = 0; i < whole->entries[id].n; i++)
            put_entry(&w, whole->entries[id].list[i]);
        json_close_array(&w);
    }
    json_close_object(&w);
}

/* ---- where something is set, and what may be ------------------------------------------------ */

static bool tell(const struct source *source, unsigned line, struct config_origin *ret)
{
    *ret = (struct config_origin){source->name, line, source->rank == FILES};
    return true;
}

static bool origin_of_field(const struct entry *e, struct slice field, struct config_origin *ret)
{
    for (size_t i = 0; i < e->section->fields_n; i++) {
        bool is = slice_is(field, slice_of(e->section->fields[i].path));
        if (is && e->set[i] && !e->from[i])
            return tell(e->set[i]->source, e->set[i]->line, ret);
    }
    return false;
}

bool config_find_origin(const struct config *c, const char *path, struct config_origin *ret_origin)
{
    const struct whole *w = config_whole(c);
    const struct section *section = config_section_of(slice_of(path));
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(config_options[i].path, path) == 0 && w->set[i])
            return tell(w->set[i]->source, w->set[i]->line, ret_origin);
    }
    const struct entries *all = section ? &w->entries[section - config_sections] : NULL;
    struct slice rest = section ? slice_from(slice_of(path), strlen(section->name) + 1) : SLICE("");
    for (size_t i = 0; all && i < all->n; i++) {
        const struct entry *e = all->list[i];
        struct slice name = slice_of(e->name);
        if (slice_is(rest, name))
            return section->single ? origin_of_field(e, SLICE(""), ret_origin)
                                   : tell(e->source, e->line, ret_origin);
        if (slice_begins(rest, name) && rest.ptr[name.len] == '.' &&
            origin_of_field(e, slice_from(rest, name.len + 1), ret_origin))
            return true;
    }
    return false;
}

enum config_form config_form_of(const char *section, struct slice field)
{
    for (size_t id = 0; id < SECTION_COUNT; id++) {
        const struct section *s = &config_sections[id];
        for (size_t i = 0; i < s->fields_n && strcmp(s->name, section) == 0; i++) {
            const struct row *row = &s->fields[i];
            if (!slice_is(slice_of(row->path), field))
                continue;
            if (row->type == ENV || row->type == FLAGS)
                return CONFIG_BY_HAND;
            return config_is_list(row) ? CONFIG_VALUES : CONFIG_VALUE;
        }
    }
    return CONFIG_NO_FIELD;
}
