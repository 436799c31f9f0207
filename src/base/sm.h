/* sm: a declared state machine. The table says where each state may go and how long it may last;
 * sm_move is the only writer and asserts the table, logs the move and stamps the time. */
#pragma once

#include "base/base.h"

#define SM_MOST_STATES 16

struct sm_state {
    const char *name;
    uint32_t may_go_to;  /* bit set of states */
    uint32_t longest_ms; /* 0: left in the same step or bounded by something else */
};

struct sm_table {
    const char *room;
    const struct sm_state *states;
    unsigned n;
};

struct sm { /* read freely; written by sm.c */
    const struct sm_table *table;
    unsigned state;
    uint64_t entered_us;
    uint32_t spent_us[SM_MOST_STATES]; /* per state, summed over visits */
};

void sm_init(struct sm *m, const struct sm_table *table, unsigned first, uint64_t now_us);
void sm_move(struct sm *m, unsigned to, uint64_t now_us, uint64_t id);
bool sm_may(const struct sm *m, unsigned to);

static inline const char *sm_name(const struct sm *m)
{
    return m->table->states[m->state].name;
}
