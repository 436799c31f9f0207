/* route: from a name to the places that may answer, in order, with reasons. A pure function of
 * its table and the facts it is given: no clock, no I/O, no state of its own. */
#pragma once

#include "backend/backend.h"

#define MOST_CANDIDATES 8u
#define MOST_NEAREST 3u

struct route_target { /* one place that can answer: a backend and its name for a model */
    struct slice model;
    struct backend *backend;
    uint64_t priority; /* lower first; equal: the order in the table */
};

struct route_table {
    const struct route_target *targets;
    size_t n;
};

struct route_candidate {
    const struct route_target *target;
    const char *reason; /* why it stands where it does */
};

struct route_plan {
    struct route_candidate list[MOST_CANDIDATES];
    unsigned n;
    struct slice nearest[MOST_NEAREST]; /* when nothing has the name */
    unsigned n_nearest;
};

/* scope: names and NAME* with blanks between them, of what may be asked; empty: all. What is not
 * in it is not there: neither as a candidate nor among the nearest. ERR_OUT_OF_SCOPE: the name is
 * not in it, whether or not anything has it. ERR_NO_MODEL: nothing has this name. An empty name,
 * or what clients send who were never told one, means the first model that may be asked. */
enum err route_plan(const struct route_table *t, struct slice name, struct slice scope,
                    struct route_plan *ret_plan) MUST_USE;
bool route_may(struct slice scope, struct slice name);

/* How many letters must change to make one of the other; at most `most` + 1. */
unsigned route_distance(struct slice a, struct slice b, unsigned most);
