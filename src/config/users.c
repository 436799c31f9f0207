/* users: who of this machine is meant by a number or a name. The system's list of users may be
 * anywhere, so this blocks, as reading files does. */
#include <pwd.h>
#include <unistd.h>

#include "config/inner.h"

#define LONGEST_NAME 64u
#define MOST_ENTRY 16384u /* bytes of a user's entry */

bool config_user(struct slice s, uint32_t *ret_uid)
{
    uint64_t number;
    char name[LONGEST_NAME + 1], entry[MOST_ENTRY];
    struct passwd user, *found = NULL;
    if (slice_is(s, SLICE("self"))) {
        *ret_uid = geteuid();
        return true;
    }
    if (slice_u64(s, &number)) {
        *ret_uid = (uint32_t)number;
        return number < UINT32_MAX; /* the last one means nobody at all */
    }
    if (!s.len || s.len > LONGEST_NAME || memchr(s.ptr, '\0', s.len))
        return false;
    memcpy(name, s.ptr, s.len);
    name[s.len] = '\0';
    if (getpwnam_r(name, &user, entry, sizeof entry, &found) != 0 || !found)
        return false;
    *ret_uid = user.pw_uid;
    return true;
}
