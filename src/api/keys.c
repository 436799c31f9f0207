/* keys: API keys, links and sessions, for whoever administers. A key's text leaves once, in the
 * answer that made it. */
#include "api/inside.h"

#include "base/mem.h"

#define MOST_MODELS 64u
#define MOST_SCOPE 4096u /* bytes of all of them */
#define MOST_LASTING_S (10.0 * 366 * 86400)

/* ---- what is asked -------------------------------------------------------------------------- */

struct wish { /* for a key */
    struct slice name;
    const struct json_value *models, *surfaces;
    bool admin;
    int64_t expires_in_s;
};
static const struct json_field fields[] = {
    {"name", JSON_TEXT, true, true, 1, KEY_NAME, offsetof(struct wish, name)},
    {"models", JSON_ARRAY, false, false, 0, MOST_MODELS, offsetof(struct wish, models)},
    {"surfaces", JSON_ARRAY, false, false, 1, SURFACE_COUNT, offsetof(struct wish, surfaces)},
    {"admin", JSON_BOOL, false, false, 0, 0, offsetof(struct wish, admin)},
    {"expires_in_s", JSON_INT, false, false, 1, MOST_LASTING_S,
     offsetof(struct wish, expires_in_s)},
};

/* What is misspelt would else make a key that may more than was meant. */
static enum err check_names(const struct json_value *root, struct why *why)
{
    for (struct json_iter i = json_begin(root); json_next(&i);) {
        bool known = false;
        for (size_t f = 0; f < COUNT(fields); f++)
            known |= slice_is(i.key, slice_of(fields[f].name));
        if (known)
            continue;
        struct text name = {.limit = 60};
        text_visible(&name, slice_to(i.key, min_size(i.key.len, 15)));
        enum err e = why_param(why, ERR_BAD_VALUE, text_cstr(&name), "there is no such field");
        text_fini(&name);
        return e;
    }
    return OK;
}

static bool is_visible(struct slice s)
{
    struct text shown = {0};
    text_visible(&shown, s);
    bool same = slice_is(text_slice(&shown), s);
    text_fini(&shown);
    for (size_t i = 0, n; same && i < s.len; i += n) {
        n = slice_utf8(slice_from(s, i));
        same = n != 0;
    }
    return same;
}

static bool is_scope(struct slice s)
{
    size_t star = slice_find(s, '*');
    return s.len && s.len <= 256 && is_visible(s) && slice_find(s, ' ') == s.len &&
           (star == s.len || star == s.len - 1);
}

static enum err take_models(const struct json_value *models, struct text *out, struct why *why)
{
    for (struct json_iter i = json_begin(models); json_next(&i);) {
        struct slice name = json_text(i.value);
        if (!json_is_text(i.value) || !is_scope(name))
            return why_param(why, ERR_BAD_VALUE, "models",
                             "a model is a name without blanks, or the beginning of one and a *");
        text_add(out, out->len ? SLICE(" ") : SLICE(""));
        text_add(out, name);
    }
    if (out->len > MOST_SCOPE)
        return why_param(why, ERR_BAD_VALUE, "models", "%u bytes at most in all", MOST_SCOPE);
    return out->failed ? why_set(why, ERR_NO_MEMORY, "no memory") : OK;
}

static enum err take_surfaces(const struct wish *w, unsigned *ret_bits, struct why *why)
{
    unsigned bits = 0;
    for (struct json_iter i = json_begin(w->surfaces); json_next(&i);) {
        if (surface_find(json_text(i.value), &bits))
            continue;
        struct slice name = json_text(i.value);
        struct text shown = {0}, there = {0};
        text_visible(&shown, slice_to(name, min_size(name.len, 40)));
        for (unsigned s = 0; s < SURFACE_COUNT; s++)
            text_format(&there, "%s%s", s ? ", " : "", surface_name((enum surface)s));
        enum err e = why_param(why, ERR_BAD_VALUE, "surfaces", "\"%s\" is no surface; there are %s",
                               text_cstr(&shown), text_cstr(&there));
        text_fini(&shown);
        text_fini(&there);
        return e;
    }
    if (w->admin)
        bits = (bits ? bits : surfaces_usual()) | SURFACE_BIT(admin);
    *ret_bits = bits;
    return OK;
}

static enum err read_wish(const struct json_value *root, struct key_terms *terms,
                          struct text *models, struct why *why)
{
    struct wish w = {0};
    if (!json_is_object(root))
        return why_set(why, ERR_BAD_REQUEST, "the body is no object");
    enum err e = check_names(root, why);
    if (!e)
        e = json_fields(root, fields, COUNT(fields), &w, why);
    if (!e && (!is_visible(w.name) || !slice_is(w.name, slice_trim(w.name))))
        e = why_param(why, ERR_BAD_VALUE, "name",
                      "the name has characters that cannot be seen, or blanks at its ends");
    if (!e)
        e = take_models(w.models, models, why);
    if (!e)
        e = take_surfaces(&w, &terms->surfaces, why);
    terms->name = w.name;
    terms->models = text_slice(models);
    terms->lasts_ms = (uint64_t)w.expires_in_s * 1000;
    return e;
}

/* ---- what is told --------------------------------------------------------------------------- */

static void put_time(struct json_writer *w, const char *key, uint64_t ms)
{
    json_key(w, key);
    if (ms)
        json_put_u64(w, ms);
    else
        json_put_null(w);
}

static void write_key(struct json_writer *w, const struct key *k, struct slice secret)
{
    struct slice models = k->models, model;
    json_open_object(w);
    json_put_pair(w, "id", slice_of(k->id));
    json_put_pair(w, "name", k->name);
    if (secret.len)
        json_put_pair(w, "key", secret);
    json_key(w, "models");
    json_open_array(w);
    while (models.len && slice_split(&models, ' ', &model))
        json_put_text(w, model);
    json_close_array(w);
    json_key(w, "surfaces");
    json_open_array(w);
    for (unsigned s = 0; s < SURFACE_COUNT; s++) {
        if (k->surfaces >> s & 1)
            json_put_text(w, slice_of(surface_name((enum surface)s)));
    }
    json_close_array(w);
    put_time(w, "created_ms", k->created_ms);
    put_time(w, "expires_ms", k->expires_ms);
    put_time(w, "revoked_ms", k->revoked_ms);
    json_close_object(w);
}

void keys_list(struct visit *v)
{
    const struct key *k;
    struct text body = {0};
    struct json_writer w = json_writer(&body);
    json_open_array(&w);
    for (size_t i = 0; (k = auth_key_at(v->api->auth, i)); i++) {
        if (!k->revoked_ms)
            write_key(&w, k, (struct slice){0});
    }
    json_close_array(&w);
    answer_json(v, 200, &body);
    text_fini(&body);
}

/* For texts with a secret in them. */
static void forget(struct text *t)
{
    if (t->ptr)
        crypt_forget(t->ptr, t->room);
    text_fini(t);
}

/* The file is written by another thread; its caller may be gone when it is done. */
static void on_changed(struct key_change *c)
{
    struct pending *p = owner_of(c, struct pending, change);
    struct visit *v = p->visit;
    struct text body = {0};
    if (v)
        v->pending = NULL;
    if (v && c->why.code) {
        answer_error(v, &c->why);
    } else if (v) {
        struct json_writer w = json_writer(&body);
        write_key(&w, c->key, text_slice(&c->secret));
        answer_json(v, c->secret.len ? 201 : 200, &body);
    }
    forget(&body);
    key_forget(c);
    mem_free(p);
}

static struct pending *pending_new(struct visit *v)
{
    struct why why;
    struct pending *p = mem_new(struct pending);
    if (!p) {
        why_set(&why, ERR_NO_MEMORY, "no memory");
        answer_error(v, &why);
        return NULL;
    }
    p->visit = v;
    p->change.done = on_changed;
    v->pending = p;
    return p;
}

void keys_create(struct visit *v)
{
    struct json_doc doc;
    struct why why = {0};
    struct text models = {0};
    struct key_terms terms = {0};
    struct auth *auth = v->api->auth;
    if (json_read(text_slice(&v->x->body.bytes), &json_usual_limits, NULL, &doc, &why)) {
        answer_error(v, &why);
        return;
    }
    why.code = read_wish(doc.root, &terms, &models, &why);
    struct pending *p = why.code ? NULL : pending_new(v);
    if (p)
        auth_key_make(auth, &p->change, &terms);
    else if (why.code)
        answer_error(v, &why);
    json_done(&doc);
    text_fini(&models);
}

void keys_remove(struct visit *v)
{
    struct auth *auth = v->api->auth;
    struct slice id = v->id;
    struct pending *p = pending_new(v);
    if (p)
        auth_key_revoke(auth, &p->change, id);
}

/* ---- sessions ------------------------------------------------------------------------------- */

void links_create(struct visit *v)
{
    struct text url = {0}, body = {0};
    struct why why;
    bool mine = slice_is(query_value(v->x->head->query, "mine"), SLICE("1"));
    const struct peer *p = v->x->peer;
    text_format(&url, "%.*s/hearth/v1/open?token=", SLICE_ARG(v->api->base));
    if (mine && !p->user_known) {
        why_param(&why, ERR_BAD_VALUE, "mine", "the system does not say whose link it would be");
        answer_error(v, &why);
    } else if (auth_link_make(v->api->auth, &v->asker, mine ? &p->uid : NULL, &url)) {
        why_set(&why, ERR_NO_MEMORY, "no memory for a link");
        answer_error(v, &why);
    } else {
        struct json_writer w = json_writer(&body);
        json_open_object(&w);
        json_put_pair(&w, "url", text_slice(&url));
        json_key(&w, "expires_in_s");
        json_put_u64(&w, LINK_MS / 1000);
        json_close_object(&w);
        answer_json(v, 201, &body);
    }
    forget(&url);
    forget(&body);
}

void open_link(struct visit *v)
{
    struct ask ask = gate_ask(v);
    struct text cookie = {0};
    struct why why;
    enum err e = ERR_METHOD_NOT_ALLOWED; /* HEAD: who only looks at a link must not use it up */
    if (v->x->head->method == METHOD_GET)
        e = auth_link_open(v->api->auth, &ask, query_value(v->x->head->query, "token"), &cookie);
    if (e) {
        why_set(&why, e, "%s", "");
        visit_refused(v, e);
        answer_error(v, &why);
    } else {
        answer_cookie(v, text_slice(&cookie), SLICE("/"),
                      SLICE("This browser may use and administer hearth for the next 12 hours.\n"));
    }
    forget(&cookie);
}

void session_end(struct visit *v)
{
    struct ask ask = gate_ask(v);
    struct text cookie = {0};
    struct why why;
    enum err e = auth_session_end(v->api->auth, &ask, &cookie);
    if (e) {
        why_set(&why, e, "this was not asked with a session");
        answer_error(v, &why);
    } else {
        answer_cookie(v, text_slice(&cookie), (struct slice){0}, SLICE("The session is over.\n"));
    }
    text_fini(&cookie);
}
