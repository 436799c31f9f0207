/* testing: a config folder of its own for each test, and its report without the folder's name. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/inner.h"

struct home {
    char dir[200];
    struct config_paths paths;
    struct arena arena;
};

static inline void home_put(struct home *h, const char *name, struct slice text)
{
    const char *path = arena_format(&h->arena, "%s/config/%s", h->dir, name).ptr;
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text.len ? text.ptr : "", 1, text.len, f), text.len);
    assert_int_equal(fclose(f), 0);
}

static inline struct home home_make(void)
{
    struct home h = {0};
    const char *tmp = getenv("TMPDIR");
    snprintf(h.dir, sizeof h.dir, "%s/hearth-config-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(h.dir));
    const char *named = arena_format(&h.arena, "HEARTH_HOME=%s", h.dir).ptr;
    const char *const environment[] = {"HOME=/home/me", named, NULL};
    assert_int_equal(config_paths_find(&h.arena, environment, &h.paths, NULL), OK);
    assert_int_equal(mkdir(h.paths.config, 0700), 0);
    assert_int_equal(mkdir(arena_format(&h.arena, "%s/conf.d", h.paths.config).ptr, 0700), 0);
    return h;
}

static inline void home_forget(struct home *h, const char *name)
{
    const char *path = arena_format(&h->arena, "%s/config/%s", h->dir, name).ptr;
    if (unlink(path) < 0)
        rmdir(path);
}

static inline void home_fini(struct home *h)
{
    static const char *const names[] = {"hearth.yaml",      ".env",          "llm_providers.yaml",
                                        "conf.d/10.yaml",   "conf.d/9.yaml", "conf.d/.hidden.yaml",
                                        "conf.d/notes.txt", "conf.d",        ""};
    for (size_t i = 0; i < COUNT(names); i++)
        home_forget(h, names[i]);
    assert_int_equal(rmdir(h->dir), 0);
    arena_fini(&h->arena);
}

/* The report without the folder in front of the names of its files. */
static inline const char *home_report(struct home *h, const struct config_report *r)
{
    struct text whole = {0}, out = {0};
    const char *prefix = arena_format(&h->arena, "%s/config/", h->dir).ptr, *found;
    config_report_print(r, &whole);
    const char *at = text_cstr(&whole);
    while ((found = strstr(at, prefix))) {
        text_add(&out, (struct slice){at, (size_t)(found - at)});
        at = found + strlen(prefix);
    }
    text_add(&out, slice_of(at));
    const char *kept = arena_cstr(&h->arena, text_slice(&out));
    text_fini(&whole);
    text_fini(&out);
    return kept;
}

/* The words of a fixture, looked for from here upwards: a test may run in any folder. */
static inline struct slice fixture(struct arena *a, const char *name)
{
    char path[300];
    for (size_t up = 0; up < 6; up++) {
        int n = 0;
        for (size_t i = 0; i < up; i++)
            n += snprintf(path + n, sizeof path - (size_t)n, "../");
        snprintf(path + n, sizeof path - (size_t)n, "tests/fixtures/%s", name);
        struct slice text = {0};
        bool loose;
        if (config_read_file(a, path, &text, &loose, NULL) == OK && text.ptr)
            return text;
    }
    fail_msg("no fixture %s above this folder", name);
    return (struct slice){0};
}

/* ---- whole folders in, the report's exact words out ----------------------------------------- */

struct c {
    const char *name;
    const char *hearth, *ten, *nine, *seed, *dotenv; /* conf.d/10.yaml, conf.d/9.yaml */
    const char *set[4], *environment[4];
    const char *report; /* "" when nothing is to be said */
};

static inline void home_change(struct home *h, const char *name, const char *text)
{
    home_forget(h, name);
    if (text)
        home_put(h, name, slice_of(text));
}

static inline enum err home_load(struct home *h, const char *const *environment,
                                 const char *const *set, struct config **ret_config,
                                 struct config_report *report)
{
    const struct config_sources sources = {&h->paths, environment, set, NULL};
    return config_load(&sources, ret_config, report);
}

static inline void home_check_all(const struct c *cases, size_t n)
{
    struct home h = home_make();
    unsigned wrong = 0;
    for (size_t i = 0; i < n; i++) {
        const struct c *c = &cases[i];
        const char *environment[5] = {0}, *set[5] = {0};
        memcpy(environment, c->environment, sizeof c->environment);
        memcpy(set, c->set, sizeof c->set);
        home_change(&h, "hearth.yaml", c->hearth);
        home_change(&h, "conf.d/10.yaml", c->ten);
        home_change(&h, "conf.d/9.yaml", c->nine);
        home_change(&h, "llm_providers.yaml", c->seed);
        home_change(&h, ".env", c->dotenv);
        struct config *config = NULL;
        struct config_report report;
        enum err e = home_load(&h, environment, set, &config, &report);
        const char *said = home_report(&h, &report);
        bool good = strstr(c->report, ": error: ") ? e == ERR_CONFIG : e == OK;
        if (!good || strcmp(said, c->report) != 0) {
            print_message("%s (%s):\n%sexpected:\n%s", c->name, err_row(e)->name, said, c->report);
            wrong++;
        }
        config_report_fini(&report);
        if (e == OK)
            config_free(config);
    }
    home_fini(&h);
    assert_int_equal(wrong, 0);
}
