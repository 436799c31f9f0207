/* connecting: what `hearth connect` and `hearth disconnect` share. What is written where is room
 * connect's; here is what the daemon has to say. */
#pragma once

#include "cli/inner.h"
#include "connect/connect.h"

struct job { /* one app that is being connected */
    struct cli *cli;
    const struct connect_app *app;
    struct connect_user user;
    struct connect_terms terms;
    struct connect_plan plan;
    struct connect_record record; /* of before */
    struct connect_answer answer;
    const char *ask_url; /* where it is asked from here */
    const char *key_id;  /* of the key that was made now; NULL: none */
    bool running, asked;
};

struct connect_user connecting_user(const struct cli *c);
int connecting_no_app(struct cli *c, const char *name);
void connecting_lines(struct text *out, struct slice lines); /* made visible */

/* Each fills the job's terms; false: that was told, and *ret_code is the exit code. */
bool connecting_address(struct job *j, const struct config *config, int *ret_code);
/* A role that fits comes before a model, since it lasts longer. */
bool connecting_model(struct job *j, const struct config *config, int *ret_code);
/* How much the model takes that answered, if it is an engine's of ours. */
void connecting_context(struct job *j);
bool connecting_make_key(struct job *j, int *ret_code);

/* False: the key may hold still, and that was told. One that is gone already is revoked. id NULL:
 * there is nothing to do. */
bool connecting_revoke(struct cli *c, const char *id, int *ret_code);
/* Revokes what was made for a connection that failed; returns `code`. */
int connecting_take_back(struct job *j, int code);
