/* auth: who asks, and what he may. It judges a request by its headers and by what is known of its
 * connection, in this order: a credential of ours (an API key, a session) decides alone, wherever
 * it comes from; without one the kernel's word counts, for users that the configuration trusts;
 * else nobody asks. It knows keys by their public id and the keyed hash of their secret, and
 * sessions by their keyed hash, in memory only. Each right has a number, its grant: when it is
 * taken back or runs out, `ended` says so, and what still runs by it must end. It knows no paths
 * and no models: an endpoint names its surface. All of it belongs on the loop. */
#pragma once

#include "http/http.h"
#include "loop/loop.h"
#include "store/store.h"

struct auth;

enum surface {
#define SURFACE(name, ...) SURFACE_##name,
#include "auth/surfaces.def"
#undef SURFACE
    SURFACE_COUNT,
    SURFACE_anybody = SURFACE_COUNT /* of an endpoint that asks for no right */
};
#define SURFACE_BIT(name) (1u << SURFACE_##name)
unsigned surfaces_usual(void);                        /* of a key for which none are named */
bool surface_find(struct slice name, unsigned *bits); /* adds its bit */
const char *surface_name(enum surface s);
const char *surface_help(enum surface s);

struct auth_terms {
    struct loop *loop;
    struct hold *hold;
    struct store *store;
    const unsigned char *pepper; /* HASH_BYTES, until auth_close */
    uint64_t (*wall_ms)(void);
    void *context;
    void (*ended)(void *context, uint64_t grant);
};
/* Loads the keys. Blocks. */
enum err auth_open(const struct auth_terms *t, struct auth **ret_auth, struct why *why) MUST_USE;
void auth_close(struct auth *a); /* after the store: no change of a key is under way */

/* The users that need no key on this machine; replaces those of before. */
struct auth_user {
    uid_t uid;
    int64_t principal;
};
void auth_trust(struct auth *a, const struct auth_user *users, size_t n);

/* ---- judging ---- */
struct ask { /* a request, as far as it is known with its headers */
    const struct http_head *head;
    bool admin_socket;
    bool tls;
    bool here; /* asked at an address that only this machine reaches */
    bool user_known;
    uid_t uid;
    uint16_t port; /* of ours: cookies are named after it */
    bool own_page; /* a browser says that a page of ours asks, or the user himself */
};
struct asker { /* valid as long as auth is */
    int64_t principal;
    struct slice who;    /* for people and the ledger */
    struct slice models; /* as in struct key */
    unsigned surfaces;   /* bits */
    uint64_t grant, expires_ms;
};
/* ERR_UNAUTHORIZED whatever the reason; ERR_ORIGIN_NOT_ALLOWED: a session's cookie came with a
 * change that no page of ours asked for. *ret_reason, then: a literal, for our own counts only. */
enum err auth_judge(struct auth *a, const struct ask *ask, struct asker *ret_asker,
                    const char **ret_reason) MUST_USE;

/* ---- keys ---- */
struct key { /* read freely; revoked ones stay, since no id is ever used twice */
    char id[KEY_ID + 1];
    struct slice name, who;
    struct slice models; /* names and NAME* with blanks between them; "": all */
    unsigned surfaces;
    int64_t principal;
    uint64_t created_ms, expires_ms, revoked_ms; /* wall clock; 0: never, not */
    unsigned char hash[HASH_BYTES];
    uint64_t grant;
    bool ended, kept; /* its end was told; its revocation is on the disk */
};
const struct key *auth_key_at(const struct auth *a, size_t i); /* NULL past the last */
bool auth_key_holds(const struct auth *a, const struct key *k);

struct key_terms {
    struct slice name, models;
    unsigned surfaces; /* 0: the usual ones */
    uint64_t lasts_ms; /* 0: for ever */
};
struct
    key_change { /* embedded in who asks; stays until `done`, which always comes, perhaps at once */
    void (*done)(struct key_change *c);
    struct why why;        /* code OK: it is on the disk */
    const struct key *key; /* when it is OK */
    struct text secret;    /* of a new key: hk_...; whoever asked forgets it with key_forget */
    struct auth *auth;     /* these are auth's: */
    struct store_write write;
    struct key *made;
};
/* ERR_BAD_VALUE: there is a key of this name. */
void auth_key_make(struct auth *a, struct key_change *c, const struct key_terms *t);
/* In memory at once. ERR_NOT_FOUND: there is none with this id, or it is revoked already. */
void auth_key_revoke(struct auth *a, struct key_change *c, struct slice id);
void key_forget(struct key_change *c);

/* ---- sessions: what a browser has instead of a key ---- */
#define LINK_MS 120000u
#define SESSION_MS (12u * 3600000u)
/* A token for one session with the rights of `by`, good once and for LINK_MS; added to *token.
 * `only` of this machine's users may open it; NULL: whoever has it. */
enum err auth_link_make(struct auth *a, const struct asker *by, const uid_t *only,
                        struct text *token) MUST_USE;
/* The token becomes a session; *cookie: the value of Set-Cookie. ERR_UNAUTHORIZED. */
enum err auth_link_open(struct auth *a, const struct ask *ask, struct slice token,
                        struct text *cookie) MUST_USE;
/* The request's own session ends; *cookie tells the browser. ERR_NOT_FOUND: it came without. */
enum err auth_session_end(struct auth *a, const struct ask *ask, struct text *cookie) MUST_USE;
