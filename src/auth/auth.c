/* auth: judging, grants and their ends. See auth.h. */
#include "auth/inside.h"

#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/os.h"

#define MOST_NAP_MS 60000u /* the wall clock may be set while the timer runs */

/* ---- surfaces ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool usual;
    const char *help;
} surfaces[SURFACE_COUNT] = {
#define SURFACE(name, usual, help) {#name, usual, help},
#include "auth/surfaces.def"
#undef SURFACE
};

unsigned surfaces_usual(void)
{
    unsigned bits = 0;
    for (unsigned s = 0; s < SURFACE_COUNT; s++)
        bits |= (unsigned)surfaces[s].usual << s;
    return bits;
}

bool surface_find(struct slice name, unsigned *bits)
{
    for (unsigned s = 0; s < SURFACE_COUNT; s++) {
        if (slice_is(name, slice_of(surfaces[s].name))) {
            *bits |= 1u << s;
            return true;
        }
    }
    return false;
}

const char *surface_name(enum surface s)
{
    return surfaces[s].name;
}

const char *surface_help(enum surface s)
{
    return surfaces[s].help;
}

#define ALL_SURFACES ((1u << SURFACE_COUNT) - 1)

/* ---- secrets -------------------------------------------------------------------------------- */

void auth_secret(struct text *out)
{
    char bytes[HASH_BYTES];
    os_random(bytes, sizeof bytes);
    crypt_base64url((struct slice){bytes, sizeof bytes}, out);
    crypt_forget(bytes, sizeof bytes);
}

void auth_hash(const struct auth *a, struct slice kind, struct slice text,
               unsigned char ret[HASH_BYTES])
{
    const struct slice parts[] = {kind, SLICE("\0"), text};
    crypt_keyed(a->pepper, parts, COUNT(parts), ret);
}

/* ---- the ends of rights --------------------------------------------------------------------- */

void auth_end(struct auth *a, uint64_t grant)
{
    for (unsigned i = 0; i < MOST_PASSES; i++) {
        struct pass *p = &a->passes[i];
        bool own = p->kind == PASS_SESSION && p->asker.grant == grant;
        if (p->kind == PASS_NONE || (p->by != grant && !own))
            continue;
        struct pass was = *p;
        *p = (struct pass){0};
        if (was.kind == PASS_SESSION && !own)
            auth_end(a, was.asker.grant);
    }
    a->terms.ended(a->terms.context, grant);
}

static void end_keys(struct auth *a)
{
    for (size_t i = 1; i < a->n_keys; i++) {
        struct key *k = a->slots[i].key;
        if (k->ended || auth_key_holds(a, k))
            continue;
        k->ended = true;
        auth_end(a, k->grant);
    }
}

static void end_sessions(struct auth *a)
{
    for (unsigned i = 0; i < MOST_PASSES; i++) {
        struct pass *p = &a->passes[i];
        if (p->kind == PASS_SESSION && loop_now_ms(a->terms.loop) >= p->until_ms)
            auth_end(a, p->asker.grant);
    }
}

void auth_wind(struct auth *a)
{
    uint64_t nap_ms = UINT64_MAX, wall_ms = a->terms.wall_ms();
    uint64_t now_ms = loop_now_ms(a->terms.loop);
    for (size_t i = 1; i < a->n_keys; i++) {
        const struct key *k = a->slots[i].key;
        if (k->expires_ms && !k->ended)
            nap_ms = min_u64(nap_ms, k->expires_ms > wall_ms ? k->expires_ms - wall_ms : 0);
    }
    for (unsigned i = 0; i < MOST_PASSES; i++) {
        const struct pass *p = &a->passes[i];
        if (p->kind == PASS_SESSION)
            nap_ms = min_u64(nap_ms, p->until_ms > now_ms ? p->until_ms - now_ms : 0);
    }
    if (nap_ms != UINT64_MAX)
        timer_set(&a->timer, min_u64(nap_ms, MOST_NAP_MS) + 1);
}

static void on_time(struct timer *t)
{
    struct auth *a = owner_of(t, struct auth, timer);
    end_keys(a);
    end_sessions(a);
    auth_wind(a);
}

/* ---- users of this machine ------------------------------------------------------------------ */

static struct user *find_user(const struct auth *a, uid_t uid)
{
    struct user *u = a->users;
    while (u && u->uid != uid)
        u = u->next;
    return u;
}

static struct user *user_of(struct auth *a, uid_t uid)
{
    struct user *u = find_user(a, uid);
    if (u)
        return u;
    u = mem_new(struct user);
    if (!u)
        return NULL;
    u->uid = uid;
    u->next = a->users;
    a->users = u;
    if (uid == geteuid())
        snprintf(u->who, sizeof u->who, "owner");
    else
        snprintf(u->who, sizeof u->who, "uid:%lu", (unsigned long)uid);
    return u;
}

void auth_trust(struct auth *a, const struct auth_user *users, size_t n)
{
    for (struct user *u = a->users; u; u = u->next) {
        bool stays = false;
        for (size_t i = 0; i < n; i++)
            stays |= users[i].uid == u->uid;
        if (u->trusted && !stays) {
            u->trusted = false;
            auth_end(a, u->grant);
        }
    }
    for (size_t i = 0; i < n; i++) {
        struct user *u = user_of(a, users[i].uid);
        if (!u)
            continue; /* no memory: he needs a key */
        if (!u->trusted)
            u->grant = ++a->last_grant;
        u->trusted = true;
        u->principal = users[i].principal;
    }
}

static const struct user *judge_user(const struct auth *a, const struct ask *ask, bool relayed,
                                     const char **ret_reason)
{
    const struct user *u = ask->user_known ? find_user(a, ask->uid) : NULL;
    if (ask->admin_socket && ask->user_known && ask->uid == a->self.uid)
        return &a->self;
    if (!ask->user_known || !(ask->here || ask->admin_socket))
        *ret_reason = "no credential";
    else if (!u || !u->trusted)
        *ret_reason = "no credential, another user";
    else if (relayed && !ask->admin_socket)
        *ret_reason = "no credential, through a proxy";
    else
        return u;
    return NULL;
}

/* ---- judging -------------------------------------------------------------------------------- */

static bool changes(const struct http_head *head)
{
    return head->method != METHOD_GET && head->method != METHOD_HEAD &&
           head->method != METHOD_OPTIONS;
}

static struct asker asker_of_key(const struct key *k)
{
    return (struct asker){.principal = k->principal,
                          .who = k->who,
                          .models = k->models,
                          .surfaces = k->surfaces,
                          .grant = k->grant,
                          .expires_ms = k->expires_ms};
}

/* The kernel's word is for use; only over its own socket it is for administration too. */
static struct asker asker_of_user(const struct user *u, bool admin_socket)
{
    return (struct asker){.principal = u->principal,
                          .who = slice_of(u->who),
                          .surfaces =
                              admin_socket ? ALL_SURFACES : ALL_SURFACES & ~SURFACE_BIT(admin),
                          .grant = u->grant};
}

static enum err judge(struct auth *a, const struct ask *ask, const struct credentials *c,
                      struct asker *ret_asker, const char **ret_reason)
{
    *ret_reason = "two credentials";
    if (c->two)
        return ERR_UNAUTHORIZED;
    if (c->key.len) {
        const struct key *k = keys_judge(a, c->key, ret_reason);
        if (k)
            *ret_asker = asker_of_key(k);
        return k ? OK : ERR_UNAUTHORIZED;
    }
    if (c->session.len) {
        const struct pass *p = sessions_judge(a, ask, c->session, ret_reason);
        if (p && changes(ask->head) && !ask->own_page) {
            *ret_reason = "a session's cookie on a foreign page";
            return ERR_ORIGIN_NOT_ALLOWED;
        }
        if (p)
            *ret_asker = p->asker;
        return p ? OK : ERR_UNAUTHORIZED;
    }
    const struct user *u = judge_user(a, ask, c->relayed, ret_reason);
    if (u)
        *ret_asker = asker_of_user(u, ask->admin_socket);
    return u ? OK : ERR_UNAUTHORIZED;
}

enum err auth_judge(struct auth *a, const struct ask *ask, struct asker *ret_asker,
                    const char **ret_reason)
{
    struct credentials c;
    char name[32];
    credentials_find(ask->head, session_cookie(ask, name), &c);
    enum err e = judge(a, ask, &c, ret_asker, ret_reason);
    if (c.key.ptr == c.basic)
        crypt_forget(c.basic, c.key.len);
    return e;
}

/* ---- opening, closing ----------------------------------------------------------------------- */

static void on_gone(struct hold *h)
{
    struct auth *a = owner_of(h, struct auth, hold);
    struct hold *outer = a->terms.hold;
    keys_free(a);
    for (struct user *u = a->users, *next; u; u = next) {
        next = u->next;
        mem_free(u);
    }
    crypt_forget(a, sizeof *a);
    mem_free(a);
    hold_drop(outer);
}

void auth_close(struct auth *a)
{
    timer_close(&a->timer);
}

enum err auth_open(const struct auth_terms *t, struct auth **ret_auth, struct why *why)
{
    struct auth *a = mem_new(struct auth);
    if (!a)
        return why_set(why, ERR_NO_MEMORY, "no memory for the keys");
    a->terms = *t;
    memcpy(a->pepper, t->pepper, sizeof a->pepper);
    a->terms.pepper = a->pepper;
    a->self = (struct user){.uid = geteuid(),
                            .principal = OWNER,
                            .grant = ++a->last_grant,
                            .trusted = true,
                            .who = "owner"};
    os_random(a->nobody.hash, sizeof a->nobody.hash);
    a->nobody.kept = a->nobody.ended = true; /* and no request can change it */
    hold_add(t->hold);
    a->hold = (struct hold){.gone = on_gone};
    timer_open(&a->timer, t->loop, &a->hold, on_time);
    enum err e = keys_load(a, why);
    if (e) {
        auth_close(a);
        return e;
    }
    auth_wind(a);
    *ret_auth = a;
    return OK;
}
