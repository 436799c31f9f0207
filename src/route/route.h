/* route: from a name to the places that may answer, in order, with reasons. A pure function of
 * its table and the facts it is given: no clock, no I/O, no state of its own. */
#pragma once

#include "backend/backend.h"

#define MOST_CANDIDATES 8u
#define MOST_NEAREST 3u
#define MOST_REASON 96u /* bytes, with its NUL */

enum route_unnamed { ROUTE_MAY, ROUTE_LAST };
enum route_does { ROUTE_TEXT, ROUTE_EMBED, ROUTE_RERANK }; /* what a model is for */
struct route_target { /* one place that can answer: a backend and its name for a model */
    struct slice model;
    struct backend *backend;
    uint64_t priority;          /* lower first; equal: the order in the table */
    enum route_unnamed unnamed; /* does it answer who named no model? LAST: if nothing else may */
    enum route_does does;       /* and then only who wants this */
};

struct route_alias { /* another name of a model */
    struct slice alias, model;
};

struct route_role { /* what callers ask for instead of a model */
    struct slice name;
    const struct slice *models; /* names, aliases or model/NAME, the best first */
    size_t n;                   /* 0: it is bound to nothing */
};

struct route_table {
    const struct route_target *targets;
    size_t n;
    const struct route_alias *aliases;
    size_t n_aliases;
    const struct route_role *roles;
    size_t n_roles;
    bool known_names; /* names that programs have built in mean roles: known.def */
};
struct route_wish {
    struct slice name;
    struct slice scope;   /* names and NAME* that may be asked, blanks between; "": all */
    enum route_does does; /* what for; looked at where no model is named */
};

struct route_candidate {
    const struct route_target *target;
    char reason[MOST_REASON]; /* why it stands where it does */
};

struct route_plan {
    struct route_candidate list[MOST_CANDIDATES];
    unsigned n;
    bool by_name;      /* the caller named this very model, by a name of its own or an alias */
    struct slice role; /* what was asked, when it is one; the table's */
    struct slice nearest[MOST_NEAREST]; /* when nothing has the name */
    unsigned n_nearest;
};

/* A name is that of a model, else an alias, else a role, else one that programs have built in;
 * model/NAME and role/NAME mean that alone. `:latest` at its end is no part of it. No name, or what
 * clients send who were never told one, means the first model that does what is wanted.
 * What is not in the scope is not there: neither as a candidate nor among the nearest. A right to
 * the name that was asked is one to all that it leads to; else only what may be asked by its own
 * name is left.
 * ERR_OUT_OF_SCOPE: nothing is, whether or not anything has the name. ERR_NO_MODEL: nothing has
 * this name. ERR_ROLE_UNBOUND: a role that is bound to nothing. ERR_NO_TARGET: a role of whose
 * models none is there. ret_plan->role is set with the last two. */
enum err route_plan(const struct route_table *t, const struct route_wish *wish,
                    struct route_plan *ret_plan) MUST_USE;
bool route_may(struct slice scope, struct slice name);
/* Does this role hold this model? As route_plan sees it; the scope is not looked at. */
bool route_holds(const struct route_table *t, struct slice role, struct slice model);

/* How many letters must change to make one of the other; at most `most` + 1. */
unsigned route_distance(struct slice a, struct slice b, unsigned most);
