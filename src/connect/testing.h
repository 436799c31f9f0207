/* testing: a home and a data folder of their own for each test, and an app's file in them. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "connect/inside.h"
#include "os/os.h"

struct ground {
    char dir[200], home[220], data[220];
    struct connect_user user;
};

static inline struct ground *ground_make(void)
{
    static const char *const environment[] = {"PATH=/nowhere", NULL};
    struct ground *g = mem_new(struct ground);
    const char *tmp = getenv("TMPDIR");
    assert_non_null(g);
    snprintf(g->dir, sizeof g->dir, "%s/hearth-connect-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(g->dir));
    snprintf(g->home, sizeof g->home, "%s/home", g->dir);
    snprintf(g->data, sizeof g->data, "%s/data", g->dir);
    assert_int_equal(mkdir(g->home, 0755), 0);
    g->user = (struct connect_user){g->home, g->data, environment};
    return g;
}

static inline int ground_remove_one(const char *path, const struct stat *s, int kind,
                                    struct FTW *at)
{
    (void)s, (void)kind, (void)at;
    return remove(path);
}

static inline void ground_fini(struct ground *g)
{
    nftw(g->dir, ground_remove_one, 8, FTW_DEPTH | FTW_PHYS);
    mem_free(g);
}

static inline void ground_path(const struct ground *g, const char *name, char path[400])
{
    snprintf(path, 400, "%s/%s", g->home, name);
}

/* A file below the home, with its folders. */
static inline void ground_put(const struct ground *g, const char *name, const char *text)
{
    char path[400];
    int fd = -1;
    ground_path(g, name, path);
    for (char *slash = strchr(path + strlen(g->home) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_true(os_write_all(fd, slice_of(text)));
    close(fd);
}

static inline bool ground_has(const struct ground *g, const char *name)
{
    char path[400];
    struct stat is;
    ground_path(g, name, path);
    return lstat(path, &is) == 0;
}

static inline void ground_check(const struct ground *g, const char *name, const char *text)
{
    char path[400];
    struct text now = {0};
    ground_path(g, name, path);
    assert_int_equal(os_read_file(AT_FDCWD, path, MOST_FILE, &now, NULL), OK);
    assert_string_equal(text_cstr(&now), text);
    text_fini(&now);
}

static inline struct connect_terms ground_terms(const struct ground *g, const char *app)
{
    return (struct connect_terms){.app = connect_app_find(app),
                                  .user = &g->user,
                                  .base_url = "http://127.0.0.1:8420/v1",
                                  .program = "/opt/hearth \"x\"",
                                  .model = "code"};
}

static inline enum err ground_connect(const struct ground *g, const char *app, struct why *why)
{
    const struct connect_terms t = ground_terms(g, app);
    struct connect_plan p = {0};
    enum err e = connect_plan(&t, &p, why);
    if (!e)
        e = connect_write(&t, &p, NULL, why);
    connect_plan_fini(&p);
    return e;
}

static inline enum err ground_disconnect(const struct ground *g, const char *app, struct why *why)
{
    const struct connect_terms t = ground_terms(g, app);
    struct connect_record r = {0};
    struct connect_plan p = {0};
    enum err e = connect_record_read(&g->user, t.app, &r, why);
    if (!e)
        e = connect_unplan(&g->user, t.app, &r, &p, why);
    if (!e)
        e = connect_unwrite(&p, why);
    if (!e)
        e = connect_forget(&g->user, t.app, why);
    connect_plan_fini(&p);
    connect_record_fini(&r);
    return e;
}
