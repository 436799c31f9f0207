/* doctor_checks: the checks of `hearth doctor` that need few words each. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "os/os.h"
#include "sandbox/sandbox.h"

#define ASK_MS 2000u
#define MOST_PROBLEMS 8u           /* of the configuration; `hearth config check` tells all */
#define LEAST_DISK (200ull << 20)  /* below: not even the record of requests is safe */
#define LITTLE_DISK (2ull << 30)   /* below: no room for another engine */
#define LITTLE_MEMORY (1ull << 30) /* below: hardly any model can be loaded */

/* ---- configuration, daemon ------------------------------------------------------------------ */

static void tell_problem(struct doctor *d, const struct config_problem *p)
{
    bool error = p->severity == CONFIG_ERROR;
    struct text place = {0};
    if (p->line)
        text_format(&place, "%s:%u: ", p->file, p->line);
    else if (*p->file)
        text_format(&place, "%s: ", p->file);
    doctor_say(d, error ? FINDING_TROUBLE : FINDING_WARNING,
               error ? "correct it, then `hearth config check`" : "", "%s%s%s%s", text_cstr(&place),
               p->key, *p->key ? ": " : "", p->text);
    text_fini(&place);
}

void doctor_configuration(struct doctor *d)
{
    struct config_report report = {0};
    const struct config_sources sources = {.paths = &d->c->paths, .environment = d->c->environment};
    enum err e = config_load(&sources, &d->config, &report);
    for (size_t i = 0; i < min_size(report.n, MOST_PROBLEMS); i++)
        tell_problem(d, &report.problems[i]);
    if (report.n > MOST_PROBLEMS)
        doctor_say(d, e ? FINDING_TROUBLE : FINDING_WARNING, "hearth config check",
                   "and %zu more problems", report.n - MOST_PROBLEMS);
    const char *file = doctor_format(d, "%s/hearth.yaml", d->c->paths.config);
    if (!e && !report.n)
        doctor_say(d, FINDING_OK, "",
                   access(file, F_OK) == 0 ? "valid: %s" : "nothing is set: there is no %s", file);
    else if (e && !report.n)
        doctor_say(d, FINDING_TROUBLE, "", "it could not be read: %s", err_row(e)->words);
    config_report_fini(&report);
}

static void tell_running(struct doctor *d, const struct answer *a)
{
    struct json_doc doc;
    struct text address = {0};
    int64_t pid;
    if (json_read(text_slice(&a->body), &json_usual_limits, NULL, &doc, NULL)) {
        doctor_say(d, FINDING_TROUBLE, "hearth logs", "it answers nothing that can be read");
        return;
    }
    if (cli_who(doc.root, &address, &pid))
        doctor_say(d, FINDING_OK, "", "it runs, at %s (pid %lld)", text_cstr(&address),
                   (long long)pid);
    else
        doctor_say(d, FINDING_TROUBLE, "hearth logs", "it answers, but not as hearth does");
    d->running = true;
    text_fini(&address);
    json_done(&doc);
}

void doctor_daemon(struct doctor *d)
{
    struct answer a = {0};
    struct why why = {0};
    enum err e = cli_ask_status(d->c, ASK_MS, &a, &why);
    if (e == ERR_NOT_RUNNING)
        doctor_say(d, FINDING_NOTE, "", "it does not run; `hearth up --detach` starts it");
    else if (e)
        doctor_say(d, FINDING_TROUBLE, "hearth logs", "%s", why.text);
    else
        tell_running(d, &a);
    answer_fini(&a);
}

/* ---- the data folder ------------------------------------------------------------------------ */

/* The folder, or the nearest above it that there is. */
static const char *nearest(struct doctor *d, const char *path)
{
    struct slice s = slice_of(path);
    struct stat is;
    while (s.len > 1) {
        const char *at = doctor_format(d, "%.*s", SLICE_ARG(s));
        if (stat(at, &is) == 0)
            return at;
        while (s.len > 1 && s.ptr[s.len - 1] != '/')
            s.len--;
        s.len -= s.len > 1;
    }
    return "/";
}

static void judge_new_folder(struct doctor *d, const char *path)
{
    const char *above = nearest(d, path);
    if (faccessat(AT_FDCWD, above, W_OK | X_OK, AT_EACCESS) == 0)
        doctor_say(d, FINDING_NOTE, "", "%s is not there yet: the first start makes it", path);
    else
        doctor_say(d, FINDING_TROUBLE,
                   doctor_format(d,
                                 "give this user a folder there, or set HEARTH_HOME: "
                                 "sudo install -d -m 700 -o %ld %s",
                                 (long)geteuid(), path),
                   "%s cannot be made: this user may not write to %s", path, above);
}

static void judge_folder(struct doctor *d, int fd, const char *path)
{
    struct stat is;
    int file;
    struct why why = {0};
    if (os_temp_file(fd, &file, &why)) {
        doctor_say(d, FINDING_TROUBLE,
                   why.sys == ENOSPC ? "free some disk space"
                                     : doctor_format(d, "chmod u+rwx %s", path),
                   "nothing can be written to %s: %s", path, strerror(why.sys));
        return;
    }
    close(file);
    if (fstat(fd, &is) == 0 && is.st_mode & (S_IRWXG | S_IRWXO))
        doctor_say(d, FINDING_WARNING, doctor_format(d, "chmod 700 %s", path),
                   "others may look into %s", path);
    else
        doctor_say(d, FINDING_OK, "", "private and writable: %s", path);
}

void doctor_data(struct doctor *d)
{
    const char *path = d->c->paths.data;
    struct why why = {0};
    struct stat is;
    int fd;
    enum err e = os_open_private_folder(path, &fd, &why);
    if (!e) {
        judge_folder(d, fd, path);
        close(fd);
    } else if (e == ERR_NOT_FOUND && why.sys == ENOENT) {
        judge_new_folder(d, path);
    } else {
        bool theirs = stat(path, &is) == 0 && is.st_uid != geteuid();
        doctor_say(d, FINDING_TROUBLE,
                   theirs ? doctor_format(d, "sudo chown -R %ld %s", (long)geteuid(), path)
                          : doctor_format(d, "chmod 700 %s", path),
                   "%s", why.text);
    }
}

/* ---- disk, memory --------------------------------------------------------------------------- */

static const char *bytes_of(struct doctor *d, uint64_t bytes)
{
    struct text words = {0};
    cli_bytes(&words, bytes);
    const char *kept = doctor_format(d, "%s", text_cstr(&words));
    text_fini(&words);
    return kept;
}

static const char *mend_disk(struct doctor *d, const char *path)
{
    for (size_t i = 0; i < d->n_packs; i++) {
        if (!d->packs[i].used && d->packs[i].root)
            return doctor_format(d, "hearth engines rm %s", d->packs[i].id);
    }
    return doctor_format(d,
                         "free some space on the file system of %s; `hearth engines list` "
                         "shows what engines take",
                         path);
}

void doctor_disk(struct doctor *d)
{
    const char *path = nearest(d, d->c->paths.data);
    struct statvfs is;
    if (statvfs(path, &is) != 0) {
        doctor_say(d, FINDING_WARNING, "", "how much space there is in %s cannot be told: %s", path,
                   strerror(errno));
        return;
    }
    uint64_t room;
    if (__builtin_mul_overflow((uint64_t)is.f_bavail, (uint64_t)is.f_frsize, &room))
        room = UINT64_MAX;
    enum finding_state state = room < LEAST_DISK    ? FINDING_TROUBLE
                               : room < LITTLE_DISK ? FINDING_WARNING
                                                    : FINDING_OK;
    doctor_say(d, state, state == FINDING_OK ? "" : mend_disk(d, path), "%s free in %s",
               bytes_of(d, room), path);
}

void doctor_memory(struct doctor *d)
{
    const struct machine *m = &d->machine;
    if (!d->machine_known || !m->memory_total) {
        doctor_say(d, FINDING_NOTE, "", "how much there is cannot be told");
        return;
    }
    bool little = m->memory_free < LITTLE_MEMORY;
    doctor_say(d, little ? FINDING_WARNING : FINDING_OK,
               little ? "end what needs much of it: `ps aux --sort=-rss | head` shows that" : "",
               "%s, of which %s can be had now", bytes_of(d, m->memory_total),
               bytes_of(d, m->memory_free));
}

/* ---- engines -------------------------------------------------------------------------------- */

void doctor_sandbox(struct doctor *d)
{
    struct sandbox_verdict v = {0};
    sandbox_probe(d->c->environment, d->root, &v);
    if (v.kind == SANDBOX_BUBBLEWRAP)
        doctor_say(d, FINDING_OK, "", "engines run in a sandbox, by %s", v.program);
    else
        doctor_say(d, FINDING_WARNING,
                   *v.mend ? doctor_format(d, "%s", v.mend) : "sudo apt-get install bubblewrap",
                   "%s; engines run with sandbox: none", v.why);
}

static void tell_pack(struct doctor *d, const struct pack *p)
{
    if (*p->trouble)
        doctor_say(d, FINDING_WARNING, doctor_format(d, "hearth engines install %s", p->engine),
                   "%s cannot be used: %s", p->id, p->trouble);
    else
        doctor_say(d, FINDING_OK, "", "%s %s, %s (%s)%s", p->engine, p->version, p->flavour,
                   p->source, p->used ? ", in use" : "");
}

void doctor_engines(struct doctor *d)
{
    struct why why = {0};
    const char *folder = doctor_format(d, "%s/engines", d->c->paths.data);
    enum err e =
        packs_read(folder, doctor_variable(d, "PATH"), &d->c->arena, &d->packs, &d->n_packs, &why);
    if (e) {
        d->n_packs = 0;
        doctor_say(d, FINDING_TROUBLE, doctor_format(d, "look at %s", folder), "%s", why.text);
    } else if (!d->n_packs) {
        doctor_say(d, FINDING_WARNING, "hearth engines install llama.cpp",
                   "there is none: models of this machine cannot run");
    }
    for (size_t i = 0; i < d->n_packs; i++)
        tell_pack(d, &d->packs[i]);
}
