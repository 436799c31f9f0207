/* auth_test: who asks. With the real store in a folder of its own; heads are made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/log.h"
#include "base/mem.h"
#include "os/os.h"

#define STRANGER 61001u
#define FRIEND 61002u
#define MOST_FIELDS 8u

struct bench {
    char folder[64];
    struct loop loop;
    struct hold hold;
    struct store *store;
    struct auth *auth;
    struct key_change change;
    bool done, gone;
    uint64_t ended[64];
    size_t n_ended;
    struct http_field fields[MOST_FIELDS];
    struct http_head head;
    struct ask ask;
    struct asker asker;
    const char *reason;
    char value[256]; /* of a field */
};

static const unsigned char pepper[HASH_BYTES] = "pepper";

static void on_ended(void *context, uint64_t grant)
{
    struct bench *b = context;
    assert_true(b->n_ended < COUNT(b->ended));
    b->ended[b->n_ended++] = grant;
}

static bool has_ended(const struct bench *b, uint64_t grant)
{
    for (size_t i = 0; i < b->n_ended; i++) {
        if (b->ended[i] == grant)
            return true;
    }
    return false;
}

static void on_gone(struct hold *h)
{
    owner_of(h, struct bench, hold)->gone = true;
}

static void open_all(struct bench *b)
{
    struct why why;
    b->hold = (struct hold){.count = 1, .gone = on_gone};
    b->gone = false;
    assert_int_equal(loop_open(&b->loop, &why), OK);
    const struct store_terms store = {.loop = &b->loop,
                                      .hold = &b->hold,
                                      .folder = b->folder,
                                      .chain_key = pepper,
                                      .audit_most = 1 << 20,
                                      .wall_ms = os_wall_ms};
    assert_int_equal(store_open(&store, &b->store, &why), OK);
    const struct auth_terms auth = {.loop = &b->loop,
                                    .hold = &b->hold,
                                    .store = b->store,
                                    .pepper = pepper,
                                    .wall_ms = os_wall_ms,
                                    .context = b,
                                    .ended = on_ended};
    assert_int_equal(auth_open(&auth, &b->auth, &why), OK);
}

static void close_all(struct bench *b)
{
    auth_close(b->auth);
    store_close(b->store);
    hold_drop(&b->hold);
    loop_run(&b->loop);
    assert_true(b->gone);
    loop_close(&b->loop);
}

static int set_up(void **state)
{
    const char *temporary = getenv("TMPDIR");
    struct bench *b = mem_new(struct bench);
    snprintf(b->folder, sizeof b->folder, "%.40s/auth-XXXXXX", temporary ? temporary : "/tmp");
    assert_non_null(mkdtemp(b->folder));
    assert_true(crypt_start());
    log_open(2, LOG_ERROR);
    umask(077);
    open_all(b);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    close_all(b);
    DIR *folder = opendir(b->folder);
    for (struct dirent *one; (one = readdir(folder));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", b->folder, one->d_name);
        (void)unlink(path);
    }
    closedir(folder);
    rmdir(b->folder);
    mem_free(b);
    return 0;
}

/* ---- asking --------------------------------------------------------------------------------- */

/* From nobody in particular, at 127.0.0.1:8420. */
static void fresh(struct bench *b)
{
    b->head = (struct http_head){.method = METHOD_GET, .fields = b->fields};
    b->ask = (struct ask){.head = &b->head, .here = true, .port = 8420};
    b->asker = (struct asker){0};
    b->reason = "";
}

static void add(struct bench *b, const char *name, const char *value)
{
    assert_true(b->head.count < MOST_FIELDS);
    b->fields[b->head.count++] = (struct http_field){slice_of(name), slice_of(value)};
}

static void as_user(struct bench *b, uid_t uid)
{
    b->ask.user_known = true;
    b->ask.uid = uid;
}

static enum err judge(struct bench *b)
{
    return auth_judge(b->auth, &b->ask, &b->asker, &b->reason);
}

static enum err with_key(struct bench *b, const char *key)
{
    snprintf(b->value, sizeof b->value, "Bearer %s", key);
    fresh(b);
    add(b, "authorization", b->value);
    return judge(b);
}

/* ---- changing ------------------------------------------------------------------------------- */

static void on_done(struct key_change *c)
{
    owner_of(c, struct bench, change)->done = true;
}

static enum err wait(struct bench *b)
{
    while (!b->done)
        uv_run(&b->loop.uv, UV_RUN_ONCE);
    return b->change.why.code;
}

static enum err make(struct bench *b, const struct key_terms *terms, char key[64])
{
    b->change = (struct key_change){.done = on_done};
    b->done = false;
    auth_key_make(b->auth, &b->change, terms);
    enum err e = wait(b);
    if (!e)
        snprintf(key, 64, "%s", text_cstr(&b->change.secret));
    key_forget(&b->change);
    return e;
}

static enum err take_back(struct bench *b, const char *id)
{
    b->change = (struct key_change){.done = on_done};
    b->done = false;
    auth_key_revoke(b->auth, &b->change, slice_of(id));
    return wait(b);
}

static void trust(struct bench *b)
{
    const struct auth_user users[] = {{geteuid(), OWNER}, {FRIEND, 7}};
    auth_trust(b->auth, users, COUNT(users));
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void keys_are_judged_wherever_they_stand(void **state)
{
    struct bench *b = *state;
    char key[64], basic[256], other[64];
    struct key_terms terms = {.name = SLICE("laptop"), .models = SLICE("a b*")};
    assert_int_equal(make(b, &terms, key), OK);
    assert_int_equal(strlen(key), 3 + KEY_ID + 1 + 43);
    assert_int_equal(with_key(b, key), OK);
    assert_true(slice_is(b->asker.who, SLICE("key:laptop")));
    assert_true(slice_is(b->asker.models, SLICE("a b*")));
    assert_int_equal(b->asker.surfaces, SURFACE_BIT(models) | SURFACE_BIT(chat));
    assert_true(b->asker.principal > OWNER);
    static const char *const names[] = {"x-api-key", "api-key"};
    for (size_t i = 0; i < COUNT(names); i++) {
        fresh(b);
        add(b, names[i], key);
        assert_int_equal(judge(b), OK);
    }
    snprintf(basic, sizeof basic, "bEaReR   %s", key);
    fresh(b);
    add(b, "authorization", basic);
    assert_int_equal(judge(b), OK);
    add(b, "x-api-key", key); /* the same twice is one */
    assert_int_equal(judge(b), OK);
    terms.name = SLICE("other");
    assert_int_equal(make(b, &terms, other), OK);
    add(b, "api-key", other);
    assert_int_equal(judge(b), ERR_UNAUTHORIZED);
    fresh(b);
    add(b, "authorization", "Basic dXNlcjpzZWNyZXQ="); /* user:secret */
    as_user(b, geteuid());
    assert_int_equal(judge(b), ERR_UNAUTHORIZED); /* nobody is trusted yet */
    assert_string_equal(b->reason, "no credential, another user");
    trust(b);
    assert_int_equal(judge(b), OK);
}

static void to_base64(const char *words, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0, held = 0;
    for (; *words; words++) {
        bits = (bits << 8 | (unsigned char)*words) & 0xffff;
        for (held += 8; held >= 6; held -= 6)
            *out++ = digits[bits >> (held - 6) & 63];
    }
    if (held)
        *out++ = digits[bits << (6 - held) & 63];
    *out = '\0';
}

static void basic_has_a_key_for_a_password(void **state)
{
    static const char *const users[] = {"", "user", "a user with a rather long name"};
    struct bench *b = *state;
    char key[64], pair[256], value[512] = "Basic ";
    const struct key_terms terms = {.name = SLICE("k")};
    assert_int_equal(make(b, &terms, key), OK);
    for (size_t i = 0; i < COUNT(users); i++) {
        snprintf(pair, sizeof pair, "%s:%s", users[i], key);
        to_base64(pair, value + 6);
        fresh(b);
        add(b, "authorization", value);
        assert_int_equal(judge(b), OK);
        value[10] = '!';
        assert_int_equal(judge(b), ERR_UNAUTHORIZED);
        assert_string_equal(b->reason, "no credential");
    }
}

/* One of ours decides alone: who sends a bad one is nobody, whoever he is. */
static void what_is_wrong_with_a_key(void **state)
{
    struct bench *b = *state;
    char key[64], bad[64];
    struct key_terms terms = {.name = SLICE("k"), .lasts_ms = 1000};
    assert_int_equal(make(b, &terms, key), OK);
    trust(b);
    const struct {
        size_t at;
        const char *reason;
    } places[] = {{3, "unknown key"},
                  {3 + KEY_ID - 1, "unknown key"},
                  {3 + KEY_ID, "malformed key"},
                  {3 + KEY_ID + 1, "wrong secret"},
                  {3 + KEY_ID + 22, "wrong secret"},
                  {3 + KEY_ID + 43, "wrong secret"}};
    for (size_t i = 0; i < COUNT(places); i++) {
        memcpy(bad, key, sizeof bad);
        bad[places[i].at] = bad[places[i].at] == 'z' ? 'y' : 'z';
        assert_int_equal(with_key(b, bad), ERR_UNAUTHORIZED);
        assert_string_equal(b->reason, places[i].reason);
        as_user(b, geteuid());
        assert_int_equal(judge(b), ERR_UNAUTHORIZED);
        b->ask.admin_socket = true;
        assert_int_equal(judge(b), ERR_UNAUTHORIZED);
    }
    static const char *const malformed[] = {"hk_", "hk_x", "hk_' OR 1=1 --", "hk_abcdefgh_"};
    for (size_t i = 0; i < COUNT(malformed); i++) {
        assert_int_equal(with_key(b, malformed[i]), ERR_UNAUTHORIZED);
        assert_string_equal(b->reason, "malformed key");
    }
    memcpy(bad, key, sizeof bad);
    memcpy(bad + strlen(key), " ", 2);
    assert_int_equal(with_key(b, bad), OK); /* a blank behind it is the header's */
    bad[strlen(key)] = 'A';
    assert_int_equal(with_key(b, bad), ERR_UNAUTHORIZED);
    os_sleep_ms(1010);
    assert_int_equal(with_key(b, key), ERR_UNAUTHORIZED);
    assert_string_equal(b->reason, "expired key");
    char id[KEY_ID + 1] = "";
    memcpy(id, key + 3, KEY_ID);
    assert_int_equal(take_back(b, id), OK);
    assert_int_equal(with_key(b, key), ERR_UNAUTHORIZED);
    assert_string_equal(b->reason, "revoked key");
    assert_int_equal(take_back(b, id), ERR_NOT_FOUND);
    assert_int_equal(take_back(b, "nosuchid"), ERR_NOT_FOUND);
    assert_int_equal(take_back(b, ""), ERR_NOT_FOUND);
}

static void words_that_are_not_ours_are_none(void **state)
{
    static const char *const words[] = {"Bearer sk-whatever",
                                        "Bearer",
                                        "Bearer HK_abcdefgh_x",
                                        "Bearer  ",
                                        "Digest hk_x",
                                        "hk_abcdefgh",
                                        "Basic",
                                        "Basic aGs6",
                                        "Basic ====",
                                        "",
                                        "Bearer '; DROP TABLE key"};
    struct bench *b = *state;
    trust(b);
    for (size_t i = 0; i < COUNT(words); i++) {
        fresh(b);
        add(b, "authorization", words[i]);
        assert_int_equal(judge(b), ERR_UNAUTHORIZED);
        assert_string_equal(b->reason, "no credential");
        as_user(b, FRIEND);
        assert_int_equal(judge(b), OK);
        assert_int_equal(b->asker.principal, 7);
    }
}

static void the_kernel_names_users(void **state)
{
    static const struct {
        const char *header;
        bool relayed;
    } headers[] = {{"forwarded", true},
                   {"x-forwarded-for", true},
                   {"x-forwarded-host", true},
                   {"x-real-ip", true},
                   {"via", true},
                   {"cf-connecting-ip", true},
                   {"x-forwarder", false},
                   {"viaduct", false},
                   {"cfx", false}};
    struct bench *b = *state;
    trust(b);
    fresh(b);
    as_user(b, FRIEND);
    assert_int_equal(judge(b), OK);
    assert_true(slice_is(b->asker.who, SLICE("uid:61002")));
    assert_int_equal(b->asker.surfaces & SURFACE_BIT(admin), 0);
    assert_int_not_equal(b->asker.surfaces & SURFACE_BIT(metrics), 0);
    b->ask.admin_socket = true;
    assert_int_equal(judge(b), OK);
    assert_int_not_equal(b->asker.surfaces & SURFACE_BIT(admin), 0);
    b->ask.uid = STRANGER;
    assert_int_equal(judge(b), ERR_UNAUTHORIZED);
    b->ask.user_known = false;
    assert_int_equal(judge(b), ERR_UNAUTHORIZED);
    for (size_t i = 0; i < COUNT(headers); i++) {
        fresh(b);
        as_user(b, geteuid());
        add(b, headers[i].header, "127.0.0.1");
        assert_int_equal(judge(b), headers[i].relayed ? ERR_UNAUTHORIZED : OK);
    }
    fresh(b); /* at the address that others reach too, even he needs a key */
    as_user(b, geteuid());
    b->ask.here = false;
    assert_int_equal(judge(b), ERR_UNAUTHORIZED);
    auth_trust(b->auth, NULL, 0);
    fresh(b);
    as_user(b, geteuid());
    assert_int_equal(judge(b), ERR_UNAUTHORIZED);
    b->ask.admin_socket = true; /* the daemon's own user can always administer it */
    assert_int_equal(judge(b), OK);
    assert_true(slice_is(b->asker.who, SLICE("owner")));
}

static void a_right_that_is_taken_back_ends(void **state)
{
    struct bench *b = *state;
    char key[64];
    const struct key_terms terms = {.name = SLICE("k")};
    assert_int_equal(make(b, &terms, key), OK);
    assert_int_equal(with_key(b, key), OK);
    uint64_t by_key = b->asker.grant;
    trust(b);
    fresh(b);
    as_user(b, FRIEND);
    assert_int_equal(judge(b), OK);
    uint64_t by_user = b->asker.grant;
    trust(b); /* nothing changed */
    assert_int_equal(b->n_ended, 0);
    const struct auth_user only_me = {geteuid(), OWNER};
    auth_trust(b->auth, &only_me, 1);
    assert_true(has_ended(b, by_user));
    assert_int_equal(b->n_ended, 1);
    trust(b); /* who is trusted again has another right */
    assert_int_equal(judge(b), OK);
    assert_int_not_equal(b->asker.grant, by_user);
    char id[KEY_ID + 1] = "";
    memcpy(id, key + 3, KEY_ID);
    b->change = (struct key_change){.done = on_done};
    b->done = false;
    auth_key_revoke(b->auth, &b->change, slice_of(id));
    assert_true(has_ended(b, by_key)); /* at once, before it is on the disk */
    assert_int_equal(with_key(b, key), ERR_UNAUTHORIZED);
    assert_int_equal(wait(b), OK);
}

static void a_key_that_runs_out_ends_by_itself(void **state)
{
    struct bench *b = *state;
    char key[64];
    const struct key_terms terms = {.name = SLICE("k"), .lasts_ms = 100};
    assert_int_equal(make(b, &terms, key), OK);
    assert_int_equal(with_key(b, key), OK);
    uint64_t began_ms = os_mono_ms();
    while (!has_ended(b, b->asker.grant))
        uv_run(&b->loop.uv, UV_RUN_ONCE);
    assert_in_range(os_mono_ms() - began_ms, 50, 1000);
    assert_int_equal(with_key(b, key), ERR_UNAUTHORIZED);
}

static void keys_outlive_a_restart(void **state)
{
    struct bench *b = *state;
    char kept[64], gone[64], again[64];
    struct key_terms terms = {.name = SLICE("kept"), .models = SLICE("m*")};
    assert_int_equal(make(b, &terms, kept), OK);
    assert_int_equal(make(b, &terms, again), ERR_BAD_VALUE); /* one key a name */
    terms = (struct key_terms){.name = SLICE("gone"), .surfaces = SURFACE_BIT(admin)};
    assert_int_equal(make(b, &terms, gone), OK);
    char id[KEY_ID + 1] = "";
    memcpy(id, gone + 3, KEY_ID);
    assert_int_equal(take_back(b, id), OK);
    assert_int_equal(make(b, &terms, again), OK); /* its name is free, its id is not */
    assert_memory_not_equal(again + 3, gone + 3, KEY_ID);
    close_all(b);
    open_all(b);
    assert_int_equal(with_key(b, kept), OK);
    assert_true(slice_is(b->asker.models, SLICE("m*")));
    assert_int_equal(with_key(b, again), OK);
    assert_int_equal(b->asker.surfaces, SURFACE_BIT(admin));
    assert_int_equal(with_key(b, gone), ERR_UNAUTHORIZED);
    assert_string_equal(b->reason, "revoked key"); /* it is remembered: no id comes twice */
}

static void many_keys_are_told_apart(void **state)
{
    enum { MANY = 60 };
    struct bench *b = *state;
    char(*keys)[64] = mem_alloc(MANY * sizeof *keys);
    char name[16];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "key %u", i);
        const struct key_terms terms = {.name = slice_of(name)};
        assert_int_equal(make(b, &terms, keys[i]), OK);
    }
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "key:key %u", i);
        assert_int_equal(with_key(b, keys[i]), OK);
        assert_true(slice_is(b->asker.who, slice_of(name)));
        char mixed[64]; /* one's id and another's secret */
        memcpy(mixed, keys[i], sizeof mixed);
        memcpy(mixed + 3, keys[(i + 1) % MANY] + 3, KEY_ID);
        assert_int_equal(with_key(b, mixed), ERR_UNAUTHORIZED);
        memcpy(mixed, keys[i], sizeof mixed); /* the first 20 characters are the same */
        memcpy(mixed + 20, keys[(i + 1) % MANY] + 20, 35);
        assert_int_equal(with_key(b, mixed), ERR_UNAUTHORIZED);
    }
    mem_free(keys);
}

/* ---- sessions ------------------------------------------------------------------------------- */

static void administer(struct bench *b)
{
    fresh(b);
    as_user(b, geteuid());
    b->ask.admin_socket = true;
    assert_int_equal(judge(b), OK);
}

/* The cookie of a new session, opened by this user. */
static void open_session(struct bench *b, uid_t uid, char cookie[128])
{
    struct text token = {0}, set = {0};
    assert_int_equal(auth_link_make(b->auth, &b->asker, NULL, &token), OK);
    fresh(b);
    as_user(b, uid);
    assert_int_equal(auth_link_open(b->auth, &b->ask, text_slice(&token), &set), OK);
    struct slice first = slice_to(text_slice(&set), slice_find(text_slice(&set), ';'));
    snprintf(cookie, 128, "theme=dark; %.*s", SLICE_ARG(first));
    text_clear(&set);
    assert_int_equal(auth_link_open(b->auth, &b->ask, text_slice(&token), &set), ERR_UNAUTHORIZED);
    text_fini(&token);
    text_fini(&set);
}

static enum err with_cookie(struct bench *b, const char *cookie, uid_t uid)
{
    fresh(b);
    if (uid)
        as_user(b, uid);
    add(b, "cookie", cookie);
    return judge(b);
}

static void a_session_is_one_users(void **state)
{
    struct bench *b = *state;
    char cookie[128];
    administer(b);
    open_session(b, STRANGER, cookie);
    assert_int_equal(with_cookie(b, cookie, STRANGER), OK);
    assert_int_not_equal(b->asker.surfaces & SURFACE_BIT(admin), 0);
    assert_int_equal(b->asker.principal, OWNER);
    uint64_t grant = b->asker.grant;
    assert_int_equal(with_cookie(b, cookie, FRIEND), ERR_UNAUTHORIZED);
    assert_string_equal(b->reason, "another user's session");
    assert_int_equal(with_cookie(b, cookie, 0), ERR_UNAUTHORIZED);
    fresh(b);
    as_user(b, STRANGER);
    add(b, "cookie", cookie);
    b->ask.port = 8421; /* another daemon's */
    assert_int_equal(judge(b), ERR_UNAUTHORIZED);
    assert_string_equal(b->reason, "no credential, another user");
    b->ask.port = 8420;
    b->head.method = METHOD_POST;
    assert_int_equal(judge(b), ERR_ORIGIN_NOT_ALLOWED);
    b->ask.own_page = true;
    assert_int_equal(judge(b), OK);
    struct text set = {0};
    assert_int_equal(auth_session_end(b->auth, &b->ask, &set), OK);
    assert_int_equal(auth_session_end(b->auth, &b->ask, &set), ERR_NOT_FOUND);
    text_fini(&set);
    assert_true(has_ended(b, grant));
    assert_int_equal(with_cookie(b, cookie, STRANGER), ERR_UNAUTHORIZED);
}

/* What a command hands to a browser stands in a command line, where all users can read it. */
static void a_link_may_be_for_one_user(void **state)
{
    struct bench *b = *state;
    struct text token = {0}, set = {0};
    const uid_t friend = FRIEND;
    administer(b);
    assert_int_equal(auth_link_make(b->auth, &b->asker, &friend, &token), OK);
    fresh(b);
    as_user(b, STRANGER);
    assert_int_equal(auth_link_open(b->auth, &b->ask, text_slice(&token), &set), ERR_UNAUTHORIZED);
    fresh(b);
    b->ask.here = false; /* another machine's */
    assert_int_equal(auth_link_open(b->auth, &b->ask, text_slice(&token), &set), ERR_UNAUTHORIZED);
    fresh(b);
    as_user(b, FRIEND); /* who was turned away did not use it up */
    assert_int_equal(auth_link_open(b->auth, &b->ask, text_slice(&token), &set), OK);
    text_fini(&token);
    text_fini(&set);
}

static void cookies_are_written_for_browsers(void **state)
{
    struct bench *b = *state;
    struct text token = {0}, set = {0};
    administer(b);
    assert_int_equal(auth_link_make(b->auth, &b->asker, NULL, &token), OK);
    fresh(b);
    b->ask.tls = true;
    b->ask.here = false;
    assert_int_equal(auth_link_open(b->auth, &b->ask, text_slice(&token), &set), OK);
    struct slice s = text_slice(&set);
    assert_true(slice_begins(s, SLICE("__Host-hearth-8420=")));
    assert_true(slice_ends(s, SLICE("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure")));
    text_clear(&token);
    administer(b);
    assert_int_equal(auth_link_make(b->auth, &b->asker, NULL, &token), OK);
    fresh(b); /* here, and nobody can say who it is: a session would be everybody's */
    assert_int_equal(auth_link_open(b->auth, &b->ask, text_slice(&token), &set), ERR_UNAUTHORIZED);
    text_fini(&token);
    text_fini(&set);
}

static void a_session_ends_with_the_key_behind_it(void **state)
{
    struct bench *b = *state;
    char key[64], cookie[128], id[KEY_ID + 1] = "";
    const struct key_terms terms = {
        .name = SLICE("k"), .models = SLICE("m"), .surfaces = SURFACE_BIT(admin)};
    assert_int_equal(make(b, &terms, key), OK);
    assert_int_equal(with_key(b, key), OK);
    open_session(b, FRIEND, cookie);
    assert_int_equal(with_cookie(b, cookie, FRIEND), OK);
    assert_int_equal(b->asker.surfaces, SURFACE_BIT(admin)); /* no more than the key */
    assert_true(slice_is(b->asker.models, SLICE("m")));
    uint64_t grant = b->asker.grant;
    memcpy(id, key + 3, KEY_ID);
    assert_int_equal(take_back(b, id), OK);
    assert_true(has_ended(b, grant));
    assert_int_equal(with_cookie(b, cookie, FRIEND), ERR_UNAUTHORIZED);
}

static void links_and_sessions_are_bounded(void **state)
{
    struct bench *b = *state;
    char first[128], cookie[128];
    administer(b);
    const struct asker me = b->asker;
    open_session(b, FRIEND, first);
    for (unsigned i = 0; i < 200; i++) {
        struct text token = {0};
        b->n_ended = 0;
        b->asker = me;
        assert_int_equal(auth_link_make(b->auth, &me, NULL, &token), OK); /* never opened */
        open_session(b, FRIEND, cookie);
        assert_int_equal(with_cookie(b, cookie, FRIEND), OK);
        text_fini(&token);
    }
    assert_int_equal(with_cookie(b, first, FRIEND), ERR_UNAUTHORIZED);
}

#define WITH_BENCH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(keys_are_judged_wherever_they_stand),
        WITH_BENCH(basic_has_a_key_for_a_password),
        WITH_BENCH(what_is_wrong_with_a_key),
        WITH_BENCH(words_that_are_not_ours_are_none),
        WITH_BENCH(the_kernel_names_users),
        WITH_BENCH(a_right_that_is_taken_back_ends),
        WITH_BENCH(a_key_that_runs_out_ends_by_itself),
        WITH_BENCH(keys_outlive_a_restart),
        WITH_BENCH(many_keys_are_told_apart),
        WITH_BENCH(a_session_is_one_users),
        WITH_BENCH(a_link_may_be_for_one_user),
        WITH_BENCH(cookies_are_written_for_browsers),
        WITH_BENCH(a_session_ends_with_the_key_behind_it),
        WITH_BENCH(links_and_sessions_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
