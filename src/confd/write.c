/* write: fields as YAML, and the name of their file. */
#include "base/json.h"
#include "confd/inside.h"

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

void confd_file_name(const struct confd_terms *t, struct text *out)
{
    struct slice section = slice_of(t->section), name = slice_of(t->name);
    if (section.len) { /* model-, role-, port- */
        text_add(out,
                 slice_ends(section, SLICE("s")) ? slice_to(section, section.len - 1) : section);
        text_byte(out, '-');
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (is_plain(c) || c == '-' || c == '_' || c == '.')
            text_byte(out, c);
        else
            text_format(out, "%%%02X", (unsigned)(unsigned char)c);
    }
    text_add(out, SLICE(".yaml"));
}

/* Letters, digits and what is in paths and addresses; words that mean nothing at all are not. */
static bool is_bare(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        bool inner = s.ptr[i] == ':' || s.ptr[i] == '@' || s.ptr[i] == '+' || s.ptr[i] == '-';
        if (!is_plain(s.ptr[i]) && !(s.ptr[i] && strchr("/._", s.ptr[i])) &&
            !(inner && i && i + 1 < s.len))
            return false;
    }
    return s.len && !slice_is_nocase(s, SLICE("null"));
}

/* A JSON string is one of YAML's between double quotes. */
static void write_scalar(struct slice s, struct text *out)
{
    struct json_writer w = json_writer(out);
    if (is_bare(s))
        text_add(out, s);
    else
        json_put_text(&w, s);
}

static void write_value(const struct field *f, struct text *out)
{
    text_add(out, f->list ? SLICE(": [") : SLICE(": "));
    for (size_t i = 0; i < f->n; i++) {
        text_add(out, i ? SLICE(", ") : SLICE(""));
        write_scalar(f->values[i], out);
    }
    text_add(out, f->list ? SLICE("]\n") : SLICE("\n"));
}

void confd_write(const char *section, const char *name, const struct fields *fields,
                 struct text *out)
{
    if (!fields->n)
        return;
    if (section[0])
        text_format(out, "%s:\n  ", section);
    write_scalar(slice_of(name), out);
    if (!fields->list[0].path[0]) {
        write_value(&fields->list[0], out);
        return;
    }
    text_add(out, SLICE(":\n"));
    for (size_t i = 0; i < fields->n; i++) {
        text_add(out, SLICE("    "));
        write_scalar(slice_of(fields->list[i].path), out);
        write_value(&fields->list[i], out);
    }
}
