/* sm: see sm.h. */
#include "base/sm.h"

#include "base/log.h"

void sm_init(struct sm *m, const struct sm_table *table, unsigned first, uint64_t now_us)
{
    assert(table->n <= SM_MOST_STATES && first < table->n);
    *m = (struct sm){.table = table, .state = first, .entered_us = now_us};
}

bool sm_may(const struct sm *m, unsigned to)
{
    return to < m->table->n && (m->table->states[m->state].may_go_to & (1u << to));
}

void sm_move(struct sm *m, unsigned to, uint64_t now_us, uint64_t id)
{
    assert(sm_may(m, to));
    uint64_t spent = now_us - m->entered_us;
    m->spent_us[m->state] += (uint32_t)min_u64(spent, UINT32_MAX - m->spent_us[m->state]);
    if (log_has(LOG_DEBUG)) {
        log_debug(m->table->room, "id=%llu %s -> %s after %llu us", (unsigned long long)id,
                  sm_name(m), m->table->states[to].name, (unsigned long long)spent);
    }
    m->state = to;
    m->entered_us = now_us;
}
