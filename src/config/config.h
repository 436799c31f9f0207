/* config: what the user wanted, read from all its sources, checked as a whole and then never
 * changed: a reload makes a second one and asks for the difference. The tables options.def and
 * providers.def are the only list of settings; the documentation is written from them.
 * Reading files blocks: call this at start, in the command line, and in jobs. Nothing here is
 * shared between threads, no folder is made and no file is written. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "settings/settings.h"

/* ---- where things are ---- */
struct config_paths {
    const char *home;    /* what ~ means */
    const char *config;  /* hearth.yaml, conf.d/, .env, llm_providers.yaml */
    const char *data;    /* databases, engines */
    const char *run;     /* sockets */
    const char *library; /* the model folder unless `library` says otherwise */
};
/* environment: as environ. Absolute paths, allocated in *a. HEARTH_HOME=DIR puts all under DIR. */
enum err config_paths_find(struct arena *a, const char *const *environment,
                           struct config_paths *ret_paths, struct why *why) MUST_USE;

/* ---- problems ---- */
enum config_severity { CONFIG_ERROR, CONFIG_WARNING };
struct config_problem {
    enum config_severity severity;
    const char *file; /* a path, "command line", "environment NAME"; "" when none is to blame */
    unsigned line;    /* 0 when unknown */
    const char *key;  /* dotted path, "" when none */
    const char *text; /* what was found and what is allowed; visible characters only */
};
#define CONFIG_MOST_PROBLEMS 50u     /* of each severity; the counts go on */
struct config_report {               /* zero-filled is valid; config_report_fini frees */
    struct config_problem *problems; /* in the order of the sources, then by line */
    size_t n, errors, warnings;
    struct arena arena;
};
void config_report_fini(struct config_report *r);
/* A line each, as compilers do: `file:line: error: key: text`. */
void config_report_print(const struct config_report *r, struct text *out);
void config_report_json(const struct config_report *r, struct text *out);

/* ---- loading ---- */
struct config_sources {
    const struct config_paths *paths;
    const char *const *environment; /* as environ; NULL: none */
    const char *const *set;         /* "path=value" from the command line, NULL-ended; NULL: none */
};
/* ERR_CONFIG when the report holds an error; it may hold warnings with OK too. The report is
 * started anew. Nothing of the sources is kept. */
enum err config_load(const struct config_sources *sources, struct config **ret_config,
                     struct config_report *report) MUST_USE;
void config_free(struct config *c); /* NULL is fine */

/* ---- telling ---- */
/* All effective values, `path: value` a line; with origin also where each is from and what that
 * hid. Secrets are masked. */
void config_show(const struct config *c, bool origin, struct text *out);
void config_show_json(const struct config *c, struct text *out); /* always with the origins */

enum config_change_kind { CONFIG_SETTING, CONFIG_ADDED, CONFIG_REMOVED, CONFIG_CHANGED };
struct config_change { /* a setting, or a provider that was added, removed or changed */
    enum config_change_kind kind;
    const char *what;           /* the setting's path, the provider's name */
    bool live;                  /* a reload applies it; else it waits for a restart */
    const char *before, *after; /* of a setting: as config_show prints them; else "" */
};
/* What changed from one to the other; allocated in *a. */
enum err config_diff(const struct config *before, const struct config *after, struct arena *a,
                     struct config_change **ret_changes, size_t *ret_n) MUST_USE;

/* The reference of all settings as Markdown. */
void config_write_reference(struct text *out);
