/* inside: what the files of room auth share with each other. */
#pragma once

#include "auth/auth.h"

#define SECRET_LETTERS 43u                            /* 32 bytes in base64url */
#define KEY_LETTERS (3 + KEY_ID + 1 + SECRET_LETTERS) /* hk_ id _ secret */
#define MOST_BASIC 512u                               /* bytes of a user and his password */

struct user { /* one of this machine; stays once it was trusted, for its grant */
    struct user *next;
    uid_t uid;
    int64_t principal;
    uint64_t grant;
    bool trusted;
    char who[24];
};

enum pass_kind { PASS_NONE, PASS_LINK, PASS_SESSION };
struct pass { /* a token that opens a session, or a session */
    enum pass_kind kind;
    unsigned char hash[HASH_BYTES];
    struct asker asker;
    uint64_t by;       /* the grant of who made the link: ends with it */
    uint64_t until_ms; /* monotonic */
    bool bound;        /* only for this user of this machine: */
    uid_t uid;
};
#define MOST_LINKS 32u
#define MOST_SESSIONS 64u
#define MOST_PASSES (MOST_LINKS + MOST_SESSIONS)

struct slot { /* of a key, in the order of ids */
    uint64_t id;
    struct key *key;
};

struct auth {
    struct auth_terms terms;
    struct hold hold;
    unsigned char pepper[HASH_BYTES];
    struct slot *slots; /* the first is nobody's */
    size_t n_keys, room;
    struct key nobody; /* what is compared while there is no key */
    struct user *users;
    struct user self; /* the daemon's own user, on its own socket */
    struct pass passes[MOST_PASSES];
    uint64_t last_grant;
    struct timer timer; /* for what runs out next */
};

/* credentials.c: what the headers hold that is ours. Pure. */
struct credentials {
    struct slice key, session; /* "": none */
    bool two;                  /* different ones */
    bool relayed;              /* somebody passed it on for somebody else */
    char basic[MOST_BASIC];
};
void credentials_find(const struct http_head *head, struct slice cookie, struct credentials *ret);

/* keys.c */
enum err keys_load(struct auth *a, struct why *why) MUST_USE;
void keys_free(struct auth *a);
/* NULL, and why not. Takes as long whether there is such a key or not. */
const struct key *keys_judge(struct auth *a, struct slice text, const char **ret_reason);

/* sessions.c */
const struct pass *sessions_judge(struct auth *a, const struct ask *ask, struct slice value,
                                  const char **ret_reason);
struct slice session_cookie(const struct ask *ask, char name[static 32]);

/* auth.c */
void auth_end(struct auth *a, uint64_t grant); /* and all that came of it */
void auth_wind(struct auth *a);                /* the timer */
void auth_secret(struct text *out);            /* SECRET_LETTERS letters */
void auth_hash(const struct auth *a, struct slice kind, struct slice text,
               unsigned char ret[HASH_BYTES]);
