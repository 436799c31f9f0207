/* stores: what was found on this machine, by where it was found: as rows of the first screen, as
 * the end of `hearth models`, as JSON; and which of it fits. Sizes of files are told as their
 * stores tell them, in powers of ten. */
#include "cli/inner.h"

#include <sys/stat.h>

#define GB 1000000000u
#define MB 1000000u

void stores_size(struct text *out, uint64_t bytes)
{
    if (bytes >= 100ull * GB)
        text_format(out, "%llu GB", (unsigned long long)((bytes + GB / 2) / GB));
    else if (bytes >= GB)
        text_format(out, "%.1f GB", (double)bytes / GB);
    else
        text_format(out, "%llu MB", (unsigned long long)((bytes + MB / 2) / MB));
}

struct sum { /* of one store, over its places */
    size_t models;
    uint64_t bytes;
    const struct library_place *unread; /* one that could not be read */
    bool there;
};

static struct sum sum_of(const struct library *l, enum library_store store)
{
    struct sum s = {0};
    for (size_t i = 0; i < l->n_places; i++) {
        const struct library_place *p = &l->places[i];
        if (p->store != store)
            continue;
        s.there |= p->err || p->models;
        s.models += p->models;
        s.bytes += p->bytes;
        if (p->err)
            s.unread = p;
    }
    return s;
}

static void print_sum(struct text *out, enum library_store store, const struct sum *s)
{
    size_t from = out->len;
    text_add(out, slice_of(library_title(store)));
    cli_pad(out, from, 14);
    if (s->models || !s->unread) {
        text_format(out, "%3zu model%s", s->models, s->models == 1 ? "" : "s");
        cli_pad(out, from, 26);
        struct text words = {0};
        stores_size(&words, s->bytes);
        for (size_t i = words.len; i < 8; i++)
            text_byte(out, ' ');
        text_add(out, text_slice(&words));
        out->failed |= words.failed;
        text_fini(&words);
    }
    if (s->unread) {
        text_add(out, s->models ? SLICE("; ") : SLICE(""));
        text_visible(out, slice_of(s->unread->path));
        text_add(out, SLICE(" cannot be read by this user"));
    }
}

bool stores_print(const struct library *l, struct text *out)
{
    bool any = false;
    uint64_t twice = library_twice(l);
    for (enum library_store store = 0; store < LIBRARY_STORES; store++) {
        struct sum s = sum_of(l, store);
        if (!s.there)
            continue;
        text_add(out, any ? SLICE("\n           ") : SLICE("found      "));
        print_sum(out, store, &s);
        any = true;
    }
    if (any && twice) {
        text_add(out, SLICE("      "));
        stores_size(out, twice);
        text_add(out, SLICE(" of these are the same bytes twice"));
    }
    if (any)
        text_byte(out, '\n');
    if (l->more)
        text_add(out,
                 SLICE("           there is more than hearth looks at: the rest is left out\n"));
    return any;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

void stores_put(const struct library *l, struct json_writer *w)
{
    json_key(w, "stores");
    json_open_array(w);
    for (size_t i = 0; i < l->n_places; i++) {
        const struct library_place *p = &l->places[i];
        json_open_object(w);
        json_put_pair(w, "store", slice_of(library_word(p->store)));
        json_put_pair(w, "path", slice_of(p->path));
        json_key(w, "readable");
        json_put_bool(w, !p->err);
        json_key(w, "models");
        json_put_u64(w, p->models);
        json_key(w, "bytes");
        json_put_u64(w, p->bytes);
        json_close_object(w);
    }
    json_close_array(w);
    json_key(w, "twice_bytes");
    json_put_u64(w, library_twice(l));
    json_key(w, "more");
    json_put_bool(w, l->more);
}

/* The files that hold a model's bytes besides its own. */
void stores_put_doubles(const struct library *l, const char *file, struct json_writer *w)
{
    size_t at = 0;
    while (at < l->n && strcmp(l->models[at].file, file) != 0)
        at++;
    json_key(w, "doubles");
    json_open_array(w);
    for (size_t i = 0; at < l->n && i < l->n; i++) {
        const struct library_model *m = &l->models[i];
        bool same = m->same_as == l->models[at].same_as;
        bool alike = m->looks_as == l->models[at].looks_as;
        if (i == at || (!same && !alike))
            continue;
        json_open_object(w);
        json_put_pair(w, "store", slice_of(library_word(m->store)));
        json_put_pair(w, "name", slice_of(m->name));
        json_put_pair(w, "file", slice_of(m->file));
        json_put_pair(w, "by", same ? SLICE("what the store states") : SLICE("they look the same"));
        json_close_object(w);
    }
    json_close_array(w);
}

/* ---- what fits ------------------------------------------------------------------------------ */

/* A model needs its size and some for its context and the engine; a quarter of the memory is for
 * everything else. Until its header is read that is all that can be said. */
static bool fits(uint64_t bytes, uint64_t memory)
{
    return bytes + bytes / 10 + 512ull * MB <= memory - memory / 4;
}

bool stores_bytes(const struct library *l, const struct config_model *m, uint64_t *ret_bytes)
{
    struct stat st;
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->models[i].file, m->file) == 0) {
            *ret_bytes = l->models[i].bytes;
            return true;
        }
    }
    bool there = stat(m->file, &st) == 0 && S_ISREG(st.st_mode);
    *ret_bytes = there ? (uint64_t)st.st_size : 0;
    return there;
}

const struct config_model *stores_best(struct config *config, uint64_t memory, uint64_t *ret_bytes)
{
    const struct library *l = config_library(config);
    const struct config_model *best = NULL;
    *ret_bytes = 0;
    for (size_t i = 0; i < config->models_n; i++) {
        const struct config_model *m = &config->models[i];
        uint64_t bytes;
        if (m->embedding || m->rerank || m->guide || !stores_bytes(l, m, &bytes) ||
            bytes <= *ret_bytes || !fits(bytes, memory))
            continue;
        best = m;
        *ret_bytes = bytes;
    }
    return best;
}
