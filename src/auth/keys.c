/* keys: the table of API keys. A key's text is hk_, its public id, _ and its secret. Only the id
 * finds it; the secret is proved by a keyed hash, compared in the same time wherever it differs.
 * An id that nobody has takes as long as another: the search has as many steps, and what stands
 * next to its place is compared. */
#include "auth/inside.h"

#include <stdio.h>

#include "base/mem.h"

static_assert(KEY_ID == sizeof(uint64_t), "an id is compared as one number");

static uint64_t number_of(const char *id)
{
    uint64_t n;
    memcpy(&n, id, sizeof n);
    return n;
}

/* The last slot whose id is not above this one; the first when all are. Always the same number of
 * steps, each without a branch on the ids. */
static size_t find_slot(const struct auth *a, uint64_t id)
{
    size_t at = 0;
    for (size_t step = a->n_keys; step > 1;) {
        size_t half = step / 2;
        at += (size_t)(a->slots[at + half].id <= id) * half;
        step -= half;
    }
    return at;
}

static struct key *find(const struct auth *a, uint64_t id)
{
    const struct slot *slot = &a->slots[find_slot(a, id)];
    return slot->id == id ? slot->key : NULL;
}

/* ---- the table ------------------------------------------------------------------------------ */

static void key_free(struct key *k)
{
    if (!k)
        return;
    mem_free((void *)(uintptr_t)k->who.ptr);
    mem_free((void *)(uintptr_t)k->models.ptr);
    mem_free(k);
}

static bool copy(struct slice from, const char *before, struct slice *ret)
{
    struct text t = {0};
    text_format(&t, "%s", before);
    text_add(&t, from);
    (void)text_cstr(&t); /* so that there is a block even for no bytes */
    if (t.failed) {
        text_fini(&t);
        return false;
    }
    *ret = text_slice(&t);
    return true;
}

static unsigned surfaces_of(struct slice words)
{
    struct slice word;
    unsigned bits = 0;
    if (!words.len)
        return surfaces_usual();
    while (slice_split(&words, ' ', &word))
        (void)surface_find(word, &bits); /* one of a newer version gives nothing here */
    return bits;
}

static struct key *key_new(struct auth *a, const struct key_row *row)
{
    static const char before[] = "key:";
    struct key *k = mem_new(struct key);
    if (!k)
        return NULL;
    memcpy(k->id, row->id, sizeof k->id);
    memcpy(k->hash, row->hash, sizeof k->hash);
    k->principal = row->principal;
    k->surfaces = surfaces_of(row->surfaces);
    k->created_ms = row->created_ms;
    k->expires_ms = row->expires_ms;
    k->revoked_ms = row->revoked_ms;
    k->kept = k->ended = row->revoked_ms != 0;
    k->grant = ++a->last_grant;
    if (!copy(row->name, before, &k->who) || !copy(row->models, "", &k->models)) {
        key_free(k);
        return NULL;
    }
    k->name = slice_from(k->who, sizeof before - 1);
    return k;
}

static bool has_room(struct auth *a)
{
    size_t room = a->room ? 2 * a->room : 16;
    if (a->n_keys < a->room)
        return true;
    struct slot *grown = mem_grow(a->slots, room * sizeof *grown);
    if (!grown)
        return false;
    a->slots = grown;
    a->room = room;
    return true;
}

static void insert(struct auth *a, struct key *k)
{
    uint64_t id = number_of(k->id);
    size_t at = a->n_keys;
    assert(a->n_keys < a->room);
    for (; at && a->slots[at - 1].id > id; at--)
        a->slots[at] = a->slots[at - 1];
    a->slots[at] = (struct slot){id, k};
    a->n_keys++;
}

struct loading {
    struct auth *auth;
    bool failed;
};

static void load_one(void *context, const struct key_row *row)
{
    struct loading *l = context;
    struct key *k = l->failed || !has_room(l->auth) ? NULL : key_new(l->auth, row);
    if (k)
        insert(l->auth, k);
    else
        l->failed = true;
}

enum err keys_load(struct auth *a, struct why *why)
{
    struct loading l = {.auth = a};
    if (!has_room(a))
        return why_set(why, ERR_NO_MEMORY, "no memory for the keys");
    insert(a, &a->nobody); /* so that there is always one to find */
    enum err e = store_keys(a->terms.store, load_one, &l, why);
    return e || !l.failed ? e : why_set(why, ERR_NO_MEMORY, "no memory for the keys");
}

void keys_free(struct auth *a)
{
    for (size_t i = 1; i < a->n_keys; i++)
        key_free(a->slots[i].key);
    mem_free(a->slots);
}

const struct key *auth_key_at(const struct auth *a, size_t i)
{
    return i + 1 < a->n_keys ? a->slots[i + 1].key : NULL; /* nobody's is the first */
}

bool auth_key_holds(const struct auth *a, const struct key *k)
{
    return !k->revoked_ms && (!k->expires_ms || a->terms.wall_ms() < k->expires_ms);
}

/* ---- judging -------------------------------------------------------------------------------- */

/* Up to the answer there is no branch on what was found: not even the processor's guesses, which
 * are wrong more often for what is rarer, shall tell. */
const struct key *keys_judge(struct auth *a, struct slice text, const char **ret_reason)
{
    static const char *const reasons[] = {"unknown key", "wrong secret", "", ""};
    unsigned char hash[HASH_BYTES];
    if (text.len != KEY_LETTERS || text.ptr[3 + KEY_ID] != '_') {
        *ret_reason = "malformed key";
        return NULL;
    }
    struct slice id = slice_to(slice_from(text, 3), KEY_ID);
    auth_hash(a, id, slice_from(text, 3 + KEY_ID + 1), hash);
    const struct slot *slot = &a->slots[find_slot(a, number_of(id.ptr))];
    unsigned found = slot->id == number_of(id.ptr);
    const struct key *k = slot->key; /* else its neighbour's */
    unsigned proved = crypt_equal(hash, k->hash, sizeof hash);
    crypt_forget(hash, sizeof hash);
    *ret_reason = reasons[found + 2 * (found & proved)];
    if (!(found & proved))
        return NULL;
    if (auth_key_holds(a, k))
        return k;
    *ret_reason = k->revoked_ms ? "revoked key" : "expired key";
    return NULL;
}

/* ---- changes -------------------------------------------------------------------------------- */

static void finish(struct key_change *c, enum err e)
{
    c->why.code = e;
    c->done(c);
}

static struct key *find_name(const struct auth *a, struct slice name)
{
    for (size_t i = 1; i < a->n_keys; i++) {
        struct key *k = a->slots[i].key;
        if (!k->revoked_ms && slice_is(k->name, name))
            return k;
    }
    return NULL;
}

static void write_surfaces(unsigned bits, struct text *out)
{
    for (unsigned s = 0; s < SURFACE_COUNT; s++) {
        if (bits >> s & 1)
            text_format(out, "%s%s", out->len ? " " : "", surface_name((enum surface)s));
    }
}

static void new_id(const struct auth *a, struct key_row *row)
{
    do {
        struct text id = {0};
        crypt_random_name(KEY_ID, &id);
        snprintf(row->id, sizeof row->id, "%s", text_cstr(&id));
        text_fini(&id);
    } while (row->id[0] && find(a, number_of(row->id)));
}

static void on_made(struct store_write *w)
{
    struct key_change *c = owner_of(w, struct key_change, write);
    struct auth *a = c->auth;
    enum err e = w->why.code;
    if (e == ERR_BUSY)
        e = why_param(&c->why, ERR_BAD_VALUE, "name", "there is a key of this name already");
    else if (e)
        c->why = w->why;
    else if (!has_room(a)) /* it is on the disk, and holds from the next start on */
        e = why_set(&c->why, ERR_NO_MEMORY, "no memory for the key: restart, then remove it");
    if (e) {
        key_free(c->made);
    } else {
        c->made->principal = w->id;
        insert(a, c->made);
        c->key = c->made;
        auth_wind(a);
    }
    c->made = NULL;
    finish(c, e);
    hold_drop(&a->hold);
}

void auth_key_make(struct auth *a, struct key_change *c, const struct key_terms *t)
{
    struct key_row row = {
        .owner = OWNER, .name = t->name, .models = t->models, .created_ms = a->terms.wall_ms()};
    struct text surfaces = {0};
    c->auth = a;
    c->why = (struct why){0};
    if (find_name(a, t->name)) {
        finish(c, why_param(&c->why, ERR_BAD_VALUE, "name", "there is a key of this name already"));
        return;
    }
    if (t->lasts_ms)
        row.expires_ms = row.created_ms + t->lasts_ms;
    if (t->surfaces)
        write_surfaces(t->surfaces, &surfaces);
    row.surfaces = text_slice(&surfaces);
    new_id(a, &row);
    text_format(&c->secret, "hk_%s_", row.id);
    auth_secret(&c->secret);
    if (c->secret.len == KEY_LETTERS)
        auth_hash(a, slice_of(row.id), slice_from(text_slice(&c->secret), 3 + KEY_ID + 1),
                  row.hash);
    c->made = c->secret.len == KEY_LETTERS && !surfaces.failed ? key_new(a, &row) : NULL;
    if (c->made) {
        c->write = (struct store_write){.done = on_made};
        hold_add(&a->hold); /* until it is done */
        store_key_add(a->terms.store, &c->write, &row);
    } else {
        finish(c, why_set(&c->why, ERR_NO_MEMORY, "no memory for a key"));
    }
    text_fini(&surfaces);
    crypt_forget(row.hash, sizeof row.hash);
}

static void on_revoked(struct store_write *w)
{
    struct key_change *c = owner_of(w, struct key_change, write);
    enum err e = w->why.code;
    c->made->kept = !e;
    c->key = c->made;
    if (e) {
        why_set(&c->why, e, "the key is refused until the next start, but no longer: %.200s",
                w->why.text);
        c->key = NULL;
    }
    struct auth *a = c->auth;
    finish(c, e);
    hold_drop(&a->hold);
}

/* It holds for nobody from here on, whatever becomes of the file. */
void auth_key_revoke(struct auth *a, struct key_change *c, struct slice id)
{
    struct key *k = id.len == KEY_ID ? find(a, number_of(id.ptr)) : NULL;
    c->auth = a;
    c->why = (struct why){0};
    if (!k || k->kept) {
        finish(c, why_set(&c->why, ERR_NOT_FOUND, "there is no key with this id"));
        return;
    }
    if (!k->revoked_ms)
        k->revoked_ms = a->terms.wall_ms();
    if (!k->ended) {
        k->ended = true;
        auth_end(a, k->grant);
    }
    c->made = k;
    c->write = (struct store_write){.done = on_revoked};
    hold_add(&a->hold);
    store_key_revoke(a->terms.store, &c->write, k->id, OWNER);
}

void key_forget(struct key_change *c)
{
    if (c->secret.ptr)
        crypt_forget(c->secret.ptr, c->secret.room);
    text_fini(&c->secret);
}
