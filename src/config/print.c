/* print: values and what is allowed for them, as people write them. */
#include "config/inner.h"

void config_time(uint64_t ms, struct text *out)
{
    if (ms % 1000)
        text_format(out, "%llums", (unsigned long long)ms);
    else if (ms && ms % 3600000 == 0)
        text_format(out, "%lluh", (unsigned long long)(ms / 3600000));
    else if (ms && ms % 60000 == 0)
        text_format(out, "%llum", (unsigned long long)(ms / 60000));
    else
        text_format(out, "%llus", (unsigned long long)(ms / 1000));
}

void config_size(uint64_t bytes, struct text *out)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
    size_t i = 0;
    for (; bytes && bytes % 1024 == 0 && i + 1 < COUNT(units); i++)
        bytes /= 1024;
    text_u64(out, bytes);
    text_add(out, slice_of(units[i]));
}

/* A secret of 12 characters or less shows nothing of itself. */
void config_print_mask(struct slice secret, struct text *out)
{
    text_add(out, SLICE("••••"));
    if (secret.len > 12)
        text_visible(out, slice_from(secret, secret.len - 4));
}

static struct slice choice(const struct row *row, unsigned n)
{
    struct slice word = {0}, rest = slice_of(row->choices);
    for (unsigned i = 0; i <= n && slice_split(&rest, ' ', &word); i++)
        ;
    return word;
}

/* Of a variable only the name: its value may be a secret. */
static void print_item(const struct row *row, struct slice item, bool unmask, struct text *out)
{
    size_t equals = slice_find(item, '=');
    if (row->type != ENV || unmask || equals == item.len) {
        text_visible(out, item);
        return;
    }
    text_visible(out, slice_to(item, equals + 1));
    config_print_mask(slice_from(item, equals + 1), out);
}

static void print_list(const struct row *row, const struct config_list *list, bool unmask,
                       struct text *out)
{
    text_byte(out, '[');
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            text_add(out, SLICE(", "));
        print_item(row, list->items[i], unmask, out);
    }
    text_byte(out, ']');
}

void config_print(const struct row *row, const void *base, bool unmask, struct text *out)
{
    const void *at = (const char *)base + row->at;
    struct slice s;
    switch (row->type) {
    case BOOL:
        text_add(out, *(const bool *)at ? SLICE("true") : SLICE("false"));
        break;
    case INT:
        text_u64(out, *(const uint64_t *)at);
        break;
    case TIME:
        config_time(*(const uint64_t *)at, out);
        break;
    case KEEP:
        if (*(const uint64_t *)at == CONFIG_FOREVER)
            text_add(out, SLICE("forever"));
        else
            config_time(*(const uint64_t *)at, out);
        break;
    case BYTES:
        config_size(*(const uint64_t *)at, out);
        break;
    case CHOICE:
        text_add(out, choice(row, *(const unsigned *)at));
        break;
    case TEXT:
    case PROSE:
    case WORD:
    case NUMBER:
    case LAYERS:
    case NAME:
    case PATH:
    case SECRET:
        s = slice_of(*(const char *const *)at);
        if (row->type == SECRET && !unmask && s.len)
            config_print_mask(s, out);
        else
            text_visible(out, s.len ? s : SLICE("\"\""));
        break;
    case NAMES:
    case ALIASES:
    case PATHS:
    case ENV:
    case FLAGS:
    case LISTEN:
    case PLAIN:
    case HOSTS:
    case ORIGINS:
    case USERS:
        print_list(row, at, unmask, out);
        break;
    }
}

void config_print_json(const struct row *row, const void *base, struct json_writer *w)
{
    const void *at = (const char *)base + row->at;
    struct text text = {0};
    if (row->type == BOOL) {
        json_put_bool(w, *(const bool *)at);
    } else if (row->type == INT) {
        json_put_u64(w, *(const uint64_t *)at);
    } else if (config_is_list(row)) {
        const struct config_list *list = at;
        json_open_array(w);
        for (size_t i = 0; i < list->n; i++) {
            text_clear(&text);
            print_item(row, list->items[i], false, &text);
            json_put_text(w, text_slice(&text));
        }
        json_close_array(w);
    } else {
        config_print(row, base, false, &text);
        json_put_text(w, text_slice(&text));
    }
    if (text.failed)
        w->out->failed = true;
    text_fini(&text);
}

/* A setting as it was written. Of a secret, only the name of a variable is told. */
void config_print_raw(const struct row *row, const struct setting *s, struct text *out)
{
    const struct yaml_node *node = s->node;
    if (node->kind == IS_SCALAR) {
        bool variable = slice_begins(node->text, SLICE("${")) &&
                        slice_find(node->text, '}') + 1 == node->text.len &&
                        slice_find(node->text, ':') == node->text.len;
        if (row->type == SECRET && !variable)
            config_print_mask(node->text, out);
        else
            print_item(row, node->text, false, out);
        return;
    }
    text_byte(out, '[');
    for (const struct yaml_node *i = node->first; i; i = i->next) {
        if (i->kind == IS_SCALAR && row->type != SECRET)
            print_item(row, i->text, false, out);
        else
            text_add(out, SLICE("…"));
        if (i->next)
            text_add(out, SLICE(", "));
    }
    text_byte(out, ']');
}

static void choices(const struct row *row, struct text *out)
{
    struct slice word;
    for (struct slice rest = slice_of(row->choices); slice_split(&rest, ' ', &word);) {
        text_add(out, word);
        if (rest.ptr)
            text_add(out, SLICE(", "));
    }
}

void config_allowed(const struct row *row, struct text *out)
{
    unsigned long long least = row->least, most = row->most;
    switch (row->type) {
    case BOOL:
        text_add(out, SLICE("true or false"));
        break;
    case INT:
        text_format(out, "a whole number from %llu to %llu", least, most);
        break;
    case TIME:
        text_add(out, SLICE("a time from "));
        config_time(row->least, out);
        text_add(out, SLICE(" to "));
        config_time(row->most, out);
        text_add(out, SLICE(", such as 250ms, 10s, 5m or 1h; a bare number means seconds"));
        break;
    case KEEP:
        text_add(out, SLICE("a time from 0s to "));
        config_time(row->most, out);
        text_add(out, SLICE(", such as 30s, 10m or 2h, or forever; a bare number means seconds"));
        break;
    case BYTES:
        text_add(out, SLICE("a size from "));
        config_size(row->least, out);
        text_add(out, SLICE(" to "));
        config_size(row->most, out);
        text_add(out, SLICE(", such as 512, 64KiB, 32MiB or 1GiB"));
        break;
    case CHOICE:
    case WORD:
        choices(row, out);
        break;
    case NUMBER:
        text_format(out,
                    row->choices[0] ? "a whole number from %lld to %lld"
                                    : "a number from %lld to %lld, such as 0.8",
                    (long long)row->least / 1000, (long long)row->most / 1000);
        break;
    case LAYERS:
        text_format(out, "auto, all, or a whole number from 0 to %llu", most);
        break;
    case PROSE:
        text_format(out, "a text of at most %llu bytes", most);
        break;
    case TEXT:
    case NAME:
        text_format(out, "a text of %llu to %llu bytes without control characters", least, most);
        break;
    case PATH:
        text_format(out, "a path of at most %llu bytes that begins with / or ~/", most);
        break;
    case SECRET:
        text_format(out, "at most %llu visible ASCII characters without blanks", most);
        break;
    case NAMES:
        if (row->choices[0])
            choices(row, out);
        else
            text_format(out, "at most %llu names of 1 to 256 bytes", most);
        break;
    case ALIASES:
        text_format(out, "at most %llu names of letters, digits, - _ . : / @ and +", most);
        break;
    case PATHS:
        text_format(out, "at most %llu paths that begin with / or ~/", most);
        break;
    case ENV:
        text_format(out, "at most %llu variables, each as NAME=VALUE", most);
        break;
    case FLAGS:
        text_format(out, "at most %llu words, each an item of the list", most);
        break;
    case LISTEN:
        text_format(out,
                    "at most %llu addresses with a port, such as 127.0.0.1:8420, [::1]:8420 or "
                    "localhost:8420",
                    most);
        break;
    case PLAIN:
        text_format(out,
                    "at most %llu IP addresses of `listen` but 0.0.0.0 and ::, and names of "
                    "interfaces such as docker0 or wg0",
                    most);
        break;
    case HOSTS:
        text_format(out, "at most %llu names or IP addresses without a port, such as nas.local",
                    most);
        break;
    case ORIGINS:
        text_format(out, "at most %llu origins such as http://localhost:3000", most);
        break;
    case USERS:
        text_format(out, "at most %llu users of this machine: numbers, names, or self", most);
        break;
    }
}
