/* when: moments as people write them. */
#pragma once

#include "base/text.h"

/* "90s", "30min", "2h", "7d", "2w": so long before now. "2024-05-01", "2024-05-01T08:30",
 * "2024-05-01T08:30:15.250Z": in UTC. Digits alone: ms since 1970. False when it is none of these,
 * or lies before 1970 or after 9999. */
MUST_USE bool when_read(struct slice words, uint64_t now_ms, uint64_t *ret_ms);

#define WHEN_FORMS "2h, 30min, 7d, 2024-05-01 or 2024-05-01T08:30:00Z"
