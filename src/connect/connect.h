/* connect: apps, and how each is told where hearth is: by a part put into a settings file of its
 * own, or by words for a person. What was put in is kept in the data folder, so that it can be
 * taken out again byte for byte. Nothing here speaks with the daemon but connect_ask, which asks as
 * the app would; keys are made and revoked by whoever calls.
 *
 * A file is read into a plan, and written from it only if it is still the same. It is ours to touch
 * when its owner and its folder's are who we are, links followed; anything else is refused. All of
 * it blocks: for commands, never for the loop. */
#pragma once

#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

enum connect_how {
    CONNECT_WRITES,    /* puts a part into the app's own file */
    CONNECT_SHOWS,     /* a person has to enter it; at most a file of hearth's own is made */
    CONNECT_NOT_BUILT, /* it asks in a way that hearth does not answer yet */
};
enum connect_from { CONNECT_HERE, CONNECT_DOCKER, CONNECT_REMOTE }; /* where the app runs */

struct connect_plan;
struct connect_terms;
struct connect_app {
    const char *name, *title;
    enum connect_how how;
    const char *role;                   /* of ours that fits it, if it is bound */
    const char *program, *folders[2];   /* by which it is found: on PATH, below the home */
    const char *missing, *meanwhile;    /* NOT_BUILT: what it asks; what works all the same */
    const char *bearer;                 /* what it sends as a token when there is no key */
    bool key_twice, lists, tools, once; /* how it asks: see ask.c */
    bool messages;                      /* it speaks Anthropic's dialect: see ask.c */
    bool mcp;                           /* it starts `hearth mcp` instead; it runs here only */
    enum err (*fill)(const struct connect_terms *t, struct connect_plan *p, struct why *why);
    bool (*reads)(struct slice text); /* is it still a file of the app's kind? */
};
const struct connect_app *connect_app_at(size_t i); /* NULL past the last */
const struct connect_app *connect_app_find(const char *name);

struct connect_user { /* whose apps these are */
    const char *home; /* what ~ means */
    const char *data; /* hearth's own folder */
    const char *const *environment;
};
/* By what it is seen on this machine, added to *ret; false: it is not. A container is not seen. */
bool connect_seen(const struct connect_app *app, const struct connect_user *u, struct text *ret);

/* ---- what is to be written, and shown ---- */

struct connect_terms {
    const struct connect_app *app;
    const struct connect_user *user;
    enum connect_from from;
    const char *base_url; /* with its /v1 */
    const char *model;
    bool named;              /* that model is meant, whatever the usual one is */
    const char *program;     /* hearth's own file; for apps that start it */
    const char *key;         /* NULL: it needs none */
    const char *certificate; /* the file that clients must be given; NULL: none */
    uint64_t context;        /* tokens that the model takes; 0: not known */
};

#define CONNECT_PARTS 2u
struct connect_plan { /* zero-filled is valid; connect_plan_fini frees */
    struct arena arena;
    const char *path;                  /* the file, links followed; NULL: none is written here */
    struct slice before;               /* its bytes now; ptr NULL: there is no such file */
    struct slice base;                 /* the same without a part of ours that is there already */
    struct slice after;                /* ptr NULL: it is to be removed */
    mode_t mode;                       /* of the file as it is, and as it will be */
    mode_t mode_was;                   /* before us, if we changed it; 0: we did not */
    struct slice parts[CONNECT_PARTS]; /* ours, as they stand in `after` */
    size_t n;
    bool whole;        /* `base` is what was there before us, byte for byte */
    const char *made;  /* the uppermost folder that is made for it, or was; NULL: all are there */
    struct text steps; /* for a person, lines */
};
void connect_plan_fini(struct connect_plan *p);
/* ERR_CONFIG: the app's file cannot be read safely, or says already what we would; why tells where,
 * and p->steps then has what to put in by hand. */
enum err connect_plan(const struct connect_terms *t, struct connect_plan *ret,
                      struct why *why) MUST_USE;

/* ---- what was done ---- */

struct connect_record { /* zero-filled is valid; its texts live in the arena */
    struct arena arena;
    const char *base_url, *model;    /* "" while nothing but a key was made */
    const char *key_id, *new_key_id; /* NULL: none; new: made and not in use yet, or not any more */
    const char *path, *made;         /* path: NULL: no file was written */
    bool had;                        /* there was a file before */
    const char *sha256;              /* of what was written */
    const char *was_sha256;          /* of what it was written over; NULL: nothing */
    mode_t mode, mode_was;           /* of what was written; before us. 0: there was no file */
    struct slice parts[CONNECT_PARTS];
    size_t n;
};
void connect_record_fini(struct connect_record *r);
/* ERR_NOT_FOUND: it is not connected. */
enum err connect_record_read(const struct connect_user *u, const struct connect_app *app,
                             struct connect_record *ret, struct why *why) MUST_USE;
/* One command at a time. ERR_BUSY; the lock lasts until the descriptor is closed. */
enum err connect_lock(const struct connect_user *u, int *ret_fd, struct why *why) MUST_USE;
/* Remembers a key that was just made, so that it can be revoked whatever happens; NULL: it is
 * revoked. */
enum err connect_note_key(const struct connect_user *u, const struct connect_app *app,
                          const char *key_id, struct why *why) MUST_USE;
/* Keeps what was there, writes the record, then the file. The key in use is then key_id. ERR_BUSY:
 * the file changed since the plan. */
enum err connect_write(const struct connect_terms *t, const struct connect_plan *p,
                       const char *key_id, struct why *why) MUST_USE;

/* How to take it out: the file as it was if nobody wrote to it since, else without our parts. path
 * NULL: there is nothing to do. ERR_CONFIG: our parts are not there as they were put in; the steps
 * have them. */
enum err connect_unplan(const struct connect_user *u, const struct connect_app *app,
                        const struct connect_record *r, struct connect_plan *ret,
                        struct why *why) MUST_USE;
enum err connect_unwrite(const struct connect_plan *p, struct why *why) MUST_USE;
enum err connect_forget(const struct connect_user *u, const struct connect_app *app,
                        struct why *why) MUST_USE;

/* ---- one real request ---- */

struct connect_question {
    const struct connect_app *app;
    const char *url; /* where it is asked from here: http://127.0.0.1:8420 */
    const char *model, *key;
    const char *program; /* for apps that start it, with the environment of: */
    const struct connect_user *user;
    unsigned timeout_ms;
    void (*waits)(void *data, uint64_t waited_ms); /* about five times a second; NULL is fine */
    void *data;
};
struct connect_answer {
    int status;                  /* of the last answer; 0: there was none */
    char model[200];             /* that answered */
    uint64_t first_us, whole_us; /* to the first word, to the end */
};
/* The error's words are the daemon's own where it sent some, and then *ret has the status. */
enum err connect_ask(const struct connect_question *q, struct connect_answer *ret,
                     struct why *why) MUST_USE;
