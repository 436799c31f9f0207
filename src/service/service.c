/* service: which manager, what its file says, and its commands, run to their end. See service.h. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "os/os.h"
#include "process/process.h"
#include "service/inside.h"

#define MOST_FILE 65536u
#define QUICK_MS 20000u
#define START_MS 130000u /* the manager gives up before */

/* ---- its file ---- */

bool line_of(struct slice text, const char *begins, struct slice *ret_rest)
{
    struct slice line;
    while (slice_split(&text, '\n', &line)) {
        line = slice_trim(line);
        if (slice_begins(line, slice_of(begins))) {
            *ret_rest = slice_from(line, strlen(begins));
            return true;
        }
    }
    return false;
}

/* "": it says nothing, or there is no memory for it: then it is for no folder of ours. */
static const char *data_of(struct arena *a, struct slice text)
{
    struct slice rest;
    const char *data = line_of(text, "Data=", &rest) ? arena_cstr(a, rest) : NULL;
    return data ? data : "";
}

static bool says(struct slice text, const char *key, const char *value)
{
    struct slice rest;
    return line_of(text, key, &rest) && slice_is(rest, slice_of(value));
}

static enum err read_file(struct service *s, struct why *why)
{
    struct text text = {0};
    enum err e = os_read_file(AT_FDCWD, s->file, MOST_FILE, &text, why);
    if (e == ERR_BODY_TOO_LARGE || e == ERR_BAD_VALUE) {
        s->is = SERVICE_FOREIGN;
        e = OK;
    } else if (e == ERR_NOT_FOUND) {
        s->is = SERVICE_ABSENT;
        e = OK;
    } else if (!e) {
        struct slice all = text_slice(&text);
        s->is = mark_read(s->manager, all);
        bool ours = s->is == SERVICE_OURS || s->is == SERVICE_CHANGED;
        s->data = ours ? data_of(s->arena, all) : "";
        s->here = ours && !strcmp(s->data, s->terms->data);
        s->walls = ours && says(all, "Walls=", "yes");
        s->linger = ours && says(all, "Linger=", "yes");
    }
    text_fini(&text);
    return e;
}

enum err service_find(struct arena *a, const struct service_terms *terms, struct service *ret,
                      struct why *why)
{
    static const struct service_manager *const managers[] = {&systemd_manager, &launchd_manager};
    struct service s = {.terms = terms, .arena = a, .data = ""};
    for (size_t i = 0; i < COUNT(managers) && !s.manager; i++) {
        if (access(managers[i]->sign, F_OK) == 0)
            s.manager = managers[i];
    }
    if (!s.manager && terms->any)
        s.manager = managers[0];
    if (!s.manager)
        return why_set(why, ERR_NOT_FOUND,
                       "neither systemd nor launchd runs here, so nothing can start hearth");
    const char *folder = s.manager->folder_setting
                             ? process_variable(terms->environment, s.manager->folder_setting)
                             : NULL;
    s.name = s.manager->name;
    s.kind = s.manager->kind;
    s.file = folder && folder[0] == '/' ? arena_format(a, "%s/%s", folder, s.manager->file).ptr
                                        : arena_format(a, "%s/%s/%s", terms->home,
                                                       s.manager->usual_folder, s.manager->file)
                                              .ptr;
    if (!s.file)
        return why_set(why, ERR_NO_MEMORY, "no memory for paths");
    enum err e = read_file(&s, why);
    if (!e)
        *ret = s;
    return e;
}

const char *const service_stores[SERVICE_STORES] = {"OLLAMA_MODELS", "LLAMA_CACHE",
                                                    "HF_HUB_CACHE",  "HUGGINGFACE_HUB_CACHE",
                                                    "HF_HOME",       "XDG_CACHE_HOME"};

const char *service_folder(const struct service *s, const char *variable)
{
    const char *value = process_variable(s->terms->environment, variable);
    return value && value[0] == '/' ? value : NULL;
}

static bool is_plain(const char *word)
{
    for (; word && *word; word++) {
        if ((unsigned char)*word < 0x20 || *word == 0x7f)
            return false;
    }
    return true;
}

enum err service_text(const struct service *s, const struct service_plan *plan, struct text *out,
                      struct why *why)
{
    const struct service_terms *t = s->terms;
    const char *const words[] = {plan->program,
                                 t->own_home,
                                 t->config,
                                 t->data,
                                 t->library,
                                 process_variable(t->environment, "PATH"),
                                 process_variable(t->environment, "XDG_CONFIG_HOME"),
                                 process_variable(t->environment, "XDG_DATA_HOME")};
    struct text below = {0};
    bool plain = true;
    for (size_t i = 0; i < COUNT(words); i++)
        plain = plain && is_plain(words[i]);
    for (size_t i = 0; i < SERVICE_STORES; i++)
        plain = plain && is_plain(service_folder(s, service_stores[i]));
    if (!plain)
        return why_set(why, ERR_BAD_VALUE,
                       "a path or a variable has a control character in it, which %s cannot read",
                       s->name);
    enum err e = s->manager->write(s, plan, &below, why);
    if (!e && !below.failed)
        e = mark_put(s->manager, text_slice(&below), out);
    text_add(out, text_slice(&below));
    if (!e && (below.failed || out->failed))
        e = why_set(why, ERR_NO_MEMORY, "no memory for %s", s->name);
    text_fini(&below);
    return e;
}

/* ---- its commands ---- */

/* Without a login of its own (su, cron) a user has his manager nevertheless. */
static const char *const *environment_of(const struct service *s)
{
    const char *const *from = s->terms->environment;
    char folder[64];
    size_t n = 0;
    while (from && from[n])
        n++;
    snprintf(folder, sizeof folder, "/run/user/%ld", (long)geteuid());
    if (process_variable(from, "XDG_RUNTIME_DIR") || access(folder, F_OK) != 0)
        return from;
    const char **with = arena_array(s->arena, const char *, n + 2);
    const char *runtime = arena_format(s->arena, "XDG_RUNTIME_DIR=%s", folder).ptr;
    if (!with || !runtime)
        return from;
    memcpy(with, from, n * sizeof *with);
    with[n] = runtime;
    return with;
}

static const char *user_name(const struct service *s)
{
    const struct passwd *who = getpwuid(geteuid());
    const char *name = who ? arena_cstr(s->arena, slice_of(who->pw_name)) : NULL;
    return name ? name : "";
}

static const char *word_of(const struct service *s, const char *word)
{
    long uid = (long)geteuid();
    if (!strcmp(word, "FILE"))
        return s->file;
    if (!strcmp(word, "USER"))
        return user_name(s);
    if (!strcmp(word, "DOMAIN"))
        return arena_format(s->arena, "gui/%ld", uid).ptr;
    if (!strcmp(word, "TARGET"))
        return arena_format(s->arena, "gui/%ld/%s", uid, s->name).ptr;
    return word;
}

struct running {
    const struct service *service;
    const struct service_wait *wait;
    struct text *said; /* NULL: not wanted */
};

static void on_wait(void *owner)
{
    const struct service_wait *wait = owner;
    wait->tell(wait->owner);
}

static enum err run_step(const struct running *r, const struct service_step *step, uint64_t ms,
                         struct why *why)
{
    const char *argv[STEP_WORDS + 1] = {0};
    struct process p = {0};
    bool told = r->wait && r->wait->tell;
    for (size_t i = 0; step->words[i]; i++)
        argv[i] = word_of(r->service, step->words[i]);
    const struct process_run run = {
        .plan = {.argv = argv, .environment = environment_of(r->service)},
        .deadline_ms = ms,
        .waits = told ? on_wait : NULL,
        .owner = told ? (void *)(uintptr_t)r->wait : NULL,
    };
    enum err e = process_run(&run, &p, why);
    if (e)
        return e;
    e = process_check(&p, argv[0], why);
    if (r->said)
        text_add(r->said, text_slice(&p.out.text));
    process_fini(&p);
    return e;
}

static enum err run_all(const struct running *r, enum service_verb verb, uint64_t ms,
                        struct why *why)
{
    const struct service_manager *m = r->service->manager;
    enum err e = OK;
    for (size_t i = 0; i < m->n_steps && !e; i++) {
        if (m->steps[i].verb != verb)
            continue;
        e = run_step(r, &m->steps[i], ms, why);
        if (m->steps[i].may_fail)
            e = OK;
    }
    return e;
}

static enum err run(const struct service *s, enum service_verb verb, struct why *why)
{
    const struct running r = {.service = s};
    return run_all(&r, verb, QUICK_MS, why);
}

bool service_has_namespaces(const struct service *s)
{
    static const char *const argv[] = {"unshare", "--user", "true", NULL};
    const struct process_run run = {.plan = {.argv = argv, .environment = s->terms->environment},
                                    .deadline_ms = QUICK_MS};
    struct process p = {0};
    enum err e = process_run(&run, &p, NULL);
    bool has = e == ERR_NOT_FOUND || (!e && p.code == 0);
    process_fini(&p);
    return has;
}

/* With a file of its own for a moment, where files do not outlive the login. */
bool service_may_wall(const struct service *s, const char *const *argv)
{
    const char *top = process_variable(environment_of(s), "XDG_RUNTIME_DIR");
    const char *folder = top ? arena_format(s->arena, "%s/systemd/user", top).ptr : NULL;
    struct text text = {0};
    int fd;
    if (!s->manager->probe || !folder || os_make_private_folder(folder, &fd, NULL))
        return false;
    s->manager->write_probe(argv, &text);
    bool good = !text.failed &&
                !os_write_file_whole(fd, s->manager->probe, text_slice(&text), 0600, NULL) &&
                !run(s, VERB_PROBE, NULL);
    (void)unlinkat(fd, s->manager->probe, 0);
    (void)!run(s, VERB_PROBED, NULL);
    close(fd);
    text_fini(&text);
    return good;
}

enum err service_start(const struct service *s, const struct service_wait *wait, struct why *why)
{
    const struct running r = {.service = s, .wait = wait};
    return run_all(&r, VERB_START, START_MS, why);
}

enum err service_stop(const struct service *s, struct why *why)
{
    return run(s, VERB_STOP, why);
}

/* ---- putting it there, and taking it away ---- */

static enum err open_folder(const struct service *s, int *ret_folder, const char **ret_name,
                            struct why *why)
{
    const char *slash = strrchr(s->file, '/');
    const char *folder = arena_format(s->arena, "%.*s", (int)(slash - s->file), s->file).ptr;
    *ret_name = slash + 1;
    if (!folder)
        return why_set(why, ERR_NO_MEMORY, "no memory for paths");
    return os_make_private_folder(folder, ret_folder, why);
}

static enum err put_file(struct service *s, struct slice text, struct why *why)
{
    const char *name;
    int folder;
    enum err e = open_folder(s, &folder, &name, why);
    if (e)
        return e;
    e = os_write_file_whole(folder, name, text, 0644, why);
    close(folder);
    return e ? e : read_file(s, why);
}

static bool is_the_same(const struct service *s, struct slice text)
{
    struct text there = {0};
    bool same = !os_read_file(AT_FDCWD, s->file, MOST_FILE, &there, NULL) &&
                slice_is(text_slice(&there), text);
    text_fini(&there);
    return same;
}

enum err service_may_touch(const struct service *s, struct why *why)
{
    if (s->is == SERVICE_OURS && !s->here)
        return why_set(why, ERR_BUSY, "%s is another home's, with its data in %.200s", s->name,
                       s->data);
    if (s->is == SERVICE_OURS || s->is == SERVICE_ABSENT)
        return OK;
    return why_set(why, ERR_PERMISSION, "%.200s %s", s->file,
                   s->is == SERVICE_CHANGED ? "was changed by somebody since hearth wrote it"
                                            : "is there and was not written by hearth");
}

enum err service_put(struct service *s, const struct service_plan *plan, bool *ret_changed,
                     struct why *why)
{
    struct text text = {0};
    enum err e = service_may_touch(s, why);
    if (!e)
        e = service_text(s, plan, &text, why);
    bool changed = !e && !is_the_same(s, text_slice(&text));
    if (changed)
        e = put_file(s, text_slice(&text), why);
    if (!e)
        e = run(s, VERB_LOAD, why);
    text_fini(&text);
    if (!e)
        *ret_changed = changed;
    return e;
}

/* Folders of its path that are empty now, but none above the usual ones. */
static void remove_folders(const struct service *s)
{
    size_t most = strlen(s->file) - strlen(s->manager->file);
    char path[4096];
    int len = snprintf(path, sizeof path, "%s", s->file);
    char *slash;
    if (len < 0 || (size_t)len >= sizeof path)
        return;
    while ((slash = strrchr(path, '/')) && (size_t)(slash - path) > most) {
        *slash = '\0';
        if (rmdir(path) != 0)
            return;
    }
}

enum err service_remove(struct service *s, struct why *why)
{
    if (s->is == SERVICE_ABSENT)
        return why_set(why, ERR_NOT_FOUND, "there is no service: %.200s is not there", s->file);
    enum err e = service_may_touch(s, why);
    if (!e)
        e = run(s, VERB_FORGET, why);
    if (!e && unlink(s->file) != 0)
        e = why_sys(why, os_err_of(errno), errno, "cannot remove %.200s", s->file);
    if (!e)
        e = run(s, VERB_GONE, why);
    if (e)
        return e;
    remove_folders(s);
    s->is = SERVICE_ABSENT;
    return s->linger ? service_linger(s, false, why) : OK;
}

/* ---- how it is ---- */

void state_read(const struct service_manager *m, struct slice said, struct service_state *ret)
{
    for (size_t i = 0; i < m->n_keys; i++) {
        struct slice value;
        uint64_t n = 0;
        if (!line_of(said, m->keys[i].begins, &value))
            continue;
        switch (m->keys[i].is) {
        case KEY_ACTIVE:
            snprintf(ret->active, sizeof ret->active, "%.*s", SLICE_ARG(value));
            break;
        case KEY_PID:
            ret->pid = slice_u64(value, &n) ? (int64_t)n : 0;
            break;
        case KEY_CODE:
            ret->code = slice_u64(value, &n) ? (int64_t)n : 0;
            break;
        case KEY_ENABLED:
            ret->enabled = slice_begins(value, SLICE("enabled"));
            break;
        }
    }
    ret->runs = ret->pid > 0;
}

static bool lingers(const struct service *s)
{
    const char *name = user_name(s);
    char path[512];
    if (!s->manager->linger_folder || !*name)
        return false;
    snprintf(path, sizeof path, "%s/%s", s->manager->linger_folder, name);
    return access(path, F_OK) == 0;
}

enum err service_ask(const struct service *s, struct service_state *ret, struct why *why)
{
    struct text said = {0};
    struct why inner = {0};
    struct service_state state = {
        .active = "inactive", .enabled = !s->manager->linger_folder, .lingers = lingers(s)};
    const struct running r = {.service = s, .said = &said};
    enum err e = run_all(&r, VERB_ASK, QUICK_MS, &inner);
    state_read(s->manager, text_slice(&said), &state);
    text_fini(&said);
    if (e)
        return why_set(why, ERR_NOT_RUNNING, "%s of this user does not answer: %.200s", s->kind,
                       inner.text);
    *ret = state;
    return OK;
}

const char *service_linger_line(const struct service *s)
{
    return s->manager->linger_line;
}

enum err service_linger(const struct service *s, bool on, struct why *why)
{
    struct why inner = {0};
    enum err e = run(s, on ? VERB_LINGER : VERB_NO_LINGER, &inner);
    if (!e)
        return OK;
    return why_set(why, ERR_PERMISSION, "lingering cannot be turned %s by you: %.200s",
                   on ? "on" : "off", inner.text);
}
