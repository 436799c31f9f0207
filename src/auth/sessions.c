/* sessions: what a browser has instead of a key. Whoever administers makes a link; its token opens
 * one session, once. Both are known here by their keyed hash only, and end with the daemon, with
 * the right of him who made the link, and by time. Cookies know no ports: a session that was opened
 * on this machine counts only for the user who opened it, since his browser shows its cookie to
 * everybody else's servers on 127.0.0.1 too. */
#include "auth/inside.h"

static bool holds(const struct auth *a, const struct pass *p)
{
    uint64_t over = p->asker.expires_ms; /* the key's with which the link was made */
    return p->kind != PASS_NONE && loop_now_ms(a->terms.loop) < p->until_ms &&
           (!over || a->terms.wall_ms() < over);
}

static bool is_for(const struct pass *p, const struct ask *ask)
{
    return !p->bound || (ask->user_known && ask->uid == p->uid);
}

/* All are looked at, in the same time. */
static struct pass *find(struct auth *a, enum pass_kind kind, struct slice text)
{
    struct pass *found = NULL;
    unsigned char hash[HASH_BYTES];
    auth_hash(a, kind == PASS_LINK ? SLICE("link") : SLICE("session"), text, hash);
    for (unsigned i = 0; i < MOST_PASSES; i++) {
        struct pass *p = &a->passes[i];
        bool same = crypt_equal(hash, p->hash, sizeof hash);
        if (same && p->kind == kind && holds(a, p))
            found = p;
    }
    crypt_forget(hash, sizeof hash);
    return found;
}

/* A free one, else the one that would end first. */
static struct pass *place_for(struct auth *a, enum pass_kind kind)
{
    struct pass *from = kind == PASS_LINK ? a->passes : a->passes + MOST_LINKS;
    struct pass *best = from;
    for (struct pass *p = from; p < from + (kind == PASS_LINK ? MOST_LINKS : MOST_SESSIONS); p++) {
        if (!holds(a, p)) {
            best = p;
            break;
        }
        if (p->until_ms < best->until_ms)
            best = p;
    }
    uint64_t grant = best->kind == PASS_SESSION ? best->asker.grant : 0;
    *best = (struct pass){.kind = kind};
    if (grant)
        auth_end(a, grant);
    return best;
}

struct slice session_cookie(const struct ask *ask, char name[static 32])
{
    struct slice prefix = ask->tls ? SLICE("__Host-hearth-") : SLICE("hearth-");
    char digits[MOST_DIGITS];
    struct slice port = slice_of_u64(digits, ask->port); /* five digits at most */
    memcpy(name, prefix.ptr, prefix.len);
    memcpy(name + prefix.len, port.ptr, port.len);
    return (struct slice){name, prefix.len + port.len};
}

static void write_cookie(const struct ask *ask, struct slice value, uint64_t age_ms,
                         struct text *out)
{
    char name[32];
    text_add(out, session_cookie(ask, name));
    text_format(out, "=%.*s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%llu%s", SLICE_ARG(value),
                (unsigned long long)(age_ms / 1000), ask->tls ? "; Secure" : "");
}

enum err auth_link_make(struct auth *a, const struct asker *by, const uid_t *only,
                        struct text *token)
{
    size_t from = token->len;
    auth_secret(token);
    if (token->failed)
        return ERR_NO_MEMORY;
    struct pass *p = place_for(a, PASS_LINK);
    auth_hash(a, SLICE("link"), slice_from(text_slice(token), from), p->hash);
    p->asker = *by;
    p->by = by->grant;
    p->until_ms = loop_now_ms(a->terms.loop) + LINK_MS;
    p->bound = only != NULL;
    p->uid = only ? *only : 0;
    return OK;
}

enum err auth_link_open(struct auth *a, const struct ask *ask, struct slice token,
                        struct text *cookie)
{
    struct text secret = {0};
    struct pass *link = token.len == SECRET_LETTERS ? find(a, PASS_LINK, token) : NULL;
    if (!link || (ask->here && !ask->user_known) || !is_for(link, ask))
        return ERR_UNAUTHORIZED;
    auth_secret(&secret);
    write_cookie(ask, text_slice(&secret), SESSION_MS, cookie);
    enum err e = cookie->failed || secret.failed ? ERR_NO_MEMORY : OK;
    if (!e) {
        struct pass made = {.kind = PASS_SESSION,
                            .asker = link->asker,
                            .by = link->by,
                            .until_ms = loop_now_ms(a->terms.loop) + SESSION_MS,
                            .bound = ask->user_known,
                            .uid = ask->uid};
        *link = (struct pass){0};
        made.asker.grant = ++a->last_grant;
        auth_hash(a, SLICE("session"), text_slice(&secret), made.hash);
        *place_for(a, PASS_SESSION) = made;
        auth_wind(a);
    }
    if (secret.ptr)
        crypt_forget(secret.ptr, secret.room);
    text_fini(&secret);
    return e;
}

const struct pass *sessions_judge(struct auth *a, const struct ask *ask, struct slice value,
                                  const char **ret_reason)
{
    const struct pass *p = value.len == SECRET_LETTERS ? find(a, PASS_SESSION, value) : NULL;
    if (!p)
        *ret_reason = "unknown session";
    else if (!is_for(p, ask))
        *ret_reason = "another user's session";
    else
        return p;
    return NULL;
}

enum err auth_session_end(struct auth *a, const struct ask *ask, struct text *cookie)
{
    char name[32];
    struct credentials c;
    const char *reason;
    credentials_find(ask->head, session_cookie(ask, name), &c);
    const struct pass *p = c.session.len ? sessions_judge(a, ask, c.session, &reason) : NULL;
    if (!p)
        return ERR_NOT_FOUND;
    write_cookie(ask, SLICE("over"), 0, cookie);
    auth_end(a, p->asker.grant);
    return OK;
}
