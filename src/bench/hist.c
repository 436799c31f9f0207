/* hist: a histogram with a fixed error. Times below HIST_EXACT have a slot each; above, each
 * doubling has half as many, so that a slot is never wider than a thousandth of its time. */
#include "bench/inside.h"

#define HALF (HIST_EXACT / 2)
#define HALF_BITS 10u

static size_t slot_of(uint64_t us)
{
    if (us < HIST_EXACT)
        return (size_t)us;
    unsigned shift = 63u - (unsigned)__builtin_clzll(us) - HALF_BITS;
    return shift * HALF + (size_t)(us >> shift);
}

static uint64_t last_of(size_t slot)
{
    if (slot < HIST_EXACT)
        return slot;
    unsigned shift = (unsigned)(slot / HALF) - 1;
    uint64_t first = (uint64_t)(slot - shift * HALF) << shift;
    return first + ((uint64_t)1 << shift) - 1;
}

void hist_record(struct hist *h, uint64_t us)
{
    us = min_u64(us, HIST_MOST_US);
    size_t slot = slot_of(us);
    assert(slot < HIST_SLOTS);
    h->counts[slot]++;
    h->n++;
    h->most = max_u64(h->most, us);
}

void hist_merge(struct hist *h, const struct hist *from)
{
    for (size_t i = 0; i < HIST_SLOTS; i++)
        h->counts[i] += from->counts[i];
    h->n += from->n;
    h->most = max_u64(h->most, from->most);
}

uint64_t hist_percentile(const struct hist *h, double percent)
{
    double rank = percent / 100 * (double)h->n;
    uint64_t wanted = (uint64_t)rank, seen = 0;
    if ((double)wanted < rank || !wanted)
        wanted++;
    for (size_t i = 0; i < HIST_SLOTS; i++) {
        seen += h->counts[i];
        if (seen >= wanted)
            return min_u64(last_of(i), h->most);
    }
    return h->most;
}
