/* rights: what is remembered and who may ask, opened before anybody can: the keys of this
 * installation, the store, auth; and the users whom the configuration trusts, each with a principal
 * of his own. */
#include "daemon/inside.h"

#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "os/os.h"

static void on_ended(void *context, uint64_t grant)
{
    struct daemon *d = context;
    desk_revoke(&d->desk, grant);
}

/* Without its file the daemon still serves: these users are then nobody that is recorded. */
static int64_t principal_of(struct store *s, uint32_t uid)
{
    struct text name = {0};
    struct why why;
    int64_t id = 0;
    text_format(&name, "uid:%lu", (unsigned long)uid);
    if (uid == geteuid())
        id = OWNER;
    else if (store_principal(s, "user", text_slice(&name), OWNER, &id, &why))
        log_warn("daemon", "user %lu is not recorded: %s", (unsigned long)uid, why.text);
    text_fini(&name);
    return id;
}

struct auth_user *rights_users(struct store *s, const struct config *c)
{
    struct auth_user *users = mem_alloc(max_size(c->trusted_uids.n, 1) * sizeof *users);
    for (size_t i = 0; users && i < c->trusted_uids.n; i++)
        users[i] = (struct auth_user){c->trusted[i], principal_of(s, c->trusted[i])};
    return users;
}

static enum err open_store(struct daemon *d, struct why *why)
{
    struct store_terms terms = {.loop = &d->loop,
                                .hold = &d->hold,
                                .folder = d->up->sources->paths->data,
                                .chain_key = d->rights.keys.chain,
                                .audit_most = d->config->audit_size_bytes,
                                .wall_ms = os_wall_ms};
    terms.states = request_state_names(&terms.states_n);
    d->audit.states_n = terms.states_n;
    return store_open(&terms, &d->rights.store, why);
}

static void on_asked(struct hold *h)
{
    struct daemon *d = owner_of(h, struct daemon, rights.asking);
    if (d->rights.store)
        store_close(d->rights.store);
}

enum err rights_open(struct daemon *d, struct why *why)
{
    const struct auth_terms terms = {.loop = &d->loop,
                                     .hold = &d->hold,
                                     .pepper = d->rights.keys.pepper,
                                     .wall_ms = os_wall_ms,
                                     .context = d,
                                     .ended = on_ended};
    struct auth_terms auth = terms;
    d->rights.asking = (struct hold){.count = 1, .gone = on_asked};
    enum err e = crypt_start() ? OK : why_set(why, ERR_SYSTEM, "the system has no randomness");
    if (!e)
        e = crypt_keys_open(d->folders.data, &d->rights.keys, why);
    if (!e)
        e = open_store(d, why);
    auth.store = d->rights.store;
    if (!e)
        e = auth_open(&auth, &d->rights.auth, why);
    struct auth_user *users = e ? NULL : rights_users(d->rights.store, d->config);
    if (!e && !users)
        e = why_set(why, ERR_NO_MEMORY, "no memory for the users");
    if (!e)
        auth_trust(d->rights.auth, users, d->config->trusted_uids.n);
    mem_free(users);
    d->api.auth = d->rights.auth;
    d->api.store = d->audit.store = d->rights.store;
    return e;
}

void rights_close(struct daemon *d)
{
    if (d->rights.auth)
        auth_close(d->rights.auth);
    d->audit.store = NULL; /* what comes now comes too late for it */
    crypt_forget(&d->rights.keys, sizeof d->rights.keys);
    if (d->rights.asking.count) /* zero: it was never opened */
        hold_drop(&d->rights.asking);
}
