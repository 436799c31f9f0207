/* plan: what connecting would write and show. Nothing is changed here. */
#include "connect/inside.h"

void connect_plan_fini(struct connect_plan *p)
{
    text_fini(&p->steps);
    arena_fini(&p->arena);
    *p = (struct connect_plan){0};
}

const char *plan_key(const struct connect_terms *t)
{
    return t->key ? t->key : "none";
}

/* A part that is there already is no part of the user's file. */
static enum err take_out_old(const struct connect_terms *t, struct connect_plan *p, struct why *why)
{
    struct connect_record r = {0};
    enum err e = connect_record_read(t->user, t->app, &r, why);
    p->base = p->before;
    if (!e && p->before.ptr && r.path && strcmp(r.path, p->path) == 0) {
        e = record_base(t->user, t->app, &r, p);
        if (e == ERR_CONFIG)
            e = why_set(why, e, "%.160s was changed where hearth's part stands", p->path);
        else if (!e && r.made)
            p->made = arena_cstr(&p->arena, slice_of(r.made));
        if (!e && p->mode == r.mode)
            p->mode_was = r.mode_was;
    }
    connect_record_fini(&r);
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err plan_open(const struct connect_terms *t, const char *path, struct connect_plan *p,
                   struct why *why)
{
    p->mode = 0600;
    if (t->app->how == CONNECT_WRITES && t->from != CONNECT_HERE) {
        text_format(&p->steps, "Put this into %s where %s runs:\n\n", path, t->app->title);
        return OK;
    }
    enum err e = file_find(&p->arena, path, &p->path, &p->made, why);
    if (e)
        return e;
    e = file_read(&p->arena, p->path, &p->before, &p->mode, why);
    if (e && e != ERR_NOT_FOUND)
        return e;
    return take_out_old(t, p, why);
}

/* What is not to be written here, and what else is needed where it runs. */
static void add_steps(const struct connect_terms *t, struct connect_plan *p)
{
    struct slice url = slice_of(t->base_url);
    bool here = slice_begins(url, SLICE("http://127.")) || slice_begins(url, SLICE("http://[::1]"));
    if (!p->path)
        text_add(&p->steps, p->after);
    if (!p->path && here && t->from == CONNECT_DOCKER)
        text_add(&p->steps, SLICE("\nIts container has to share this machine's network: docker run "
                                  "--network=host ...\n"));
    if (p->path && t->key && p->mode & 077) { /* nobody else's to read */
        p->mode_was = p->mode;
        p->mode &= 0700;
        text_format(&p->steps, "%s%s holds a key: from now on only its owner may read it.\n",
                    p->steps.len ? "\n" : "", p->path);
    }
    if (t->certificate)
        text_format(
            &p->steps,
            "\nGive it hearth's certificate too, %s:\n"
            "NODE_EXTRA_CA_CERTS (Node) or SSL_CERT_FILE (most others) names such a file.\n",
            t->certificate);
}

enum err connect_plan(const struct connect_terms *t, struct connect_plan *ret, struct why *why)
{
    struct connect_plan p = {0};
    if (t->app->how == CONNECT_NOT_BUILT)
        return why_set(why, ERR_NOT_IMPLEMENTED, "%s asks %s", t->app->title, t->app->missing);
    enum err e = t->app->fill(t, &p, why);
    if (!e)
        add_steps(t, &p);
    if (!e && p.steps.failed)
        e = why_set(why, ERR_NO_MEMORY, "no memory for the words");
    if (e && e != ERR_CONFIG)
        connect_plan_fini(&p);
    *ret = p;
    return e;
}
