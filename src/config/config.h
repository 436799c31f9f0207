/* config: what the user wanted, read from all its sources, checked as a whole and then never
 * changed: a reload makes a second one and asks for the difference. The tables options.def,
 * providers.def and models.def are the only list of settings; the documentation is written from
 * them.
 * Reading files blocks: call this at start, in the command line, and in jobs. Nothing here is
 * shared between threads, no folder is made and no file is written. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "library/library.h"
#include "settings/settings.h"

/* ---- where things are ---- */
struct config_paths {
    const char *home;    /* what ~ means */
    const char *config;  /* hearth.yaml, conf.d/, .env, llm_providers.yaml */
    const char *data;    /* databases, engines */
    const char *run;     /* sockets */
    const char *library; /* the model folder unless `library` says otherwise */
    bool apart;          /* HEARTH_HOME says where; the machine's own folders are not ours */
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
struct config_draft {  /* how conf.d would be with this file in it */
    const char *file;  /* its name there: role-code.yaml */
    struct slice text; /* NULL ptr: as if it were not there */
};
struct config_sources {
    const struct config_paths *paths;
    const char *const *environment; /* as environ; NULL: none */
    const char *const *set;         /* "path=value" from the command line, NULL-ended; NULL: none */
    const struct config_draft *draft; /* NULL: none */
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
void config_show_set(const struct config *c, struct text *out);  /* what somebody set, and where */
void config_show_json(const struct config *c, struct text *out); /* always with the origins */
/* The same of one entry, as "models" and a name; false: there is none. */
bool config_show_entry(const struct config *c, const char *section, const char *name, bool origin,
                       struct text *out);
bool config_show_entry_json(const struct config *c, const char *section, const char *name,
                            struct text *out);

/* What lies on this machine, as it was when this was loaded. Models of it are models of the
 * configuration, unless their names were taken. Who loaded it may compare them. */
struct library *config_library(struct config *c);

struct config_origin {
    const char *name; /* a file's path, or words */
    unsigned line;    /* 0: it has none */
    bool file;        /* hearth.yaml, or one in conf.d */
};
/* Where a path is set: listen, roles.code, models.NAME.ctx, or models.NAME for its first mention.
 * What a pattern sets is nobody else's. False: nowhere. */
bool config_find_origin(const struct config *c, const char *path, struct config_origin *ret_origin);
enum config_form { CONFIG_NO_FIELD, CONFIG_VALUE, CONFIG_VALUES, CONFIG_BY_HAND };
/* What may be written to a field of a section's entries; BY_HAND: nothing, by a program. */
enum config_form config_form_of(const char *section, struct slice field);

enum config_change_kind { CONFIG_SETTING, CONFIG_ADDED, CONFIG_REMOVED, CONFIG_CHANGED };
struct config_change { /* a setting, or an entry that was added, removed or changed */
    enum config_change_kind kind;
    const char *what;           /* the setting's path, the entry's name */
    const char *section;        /* providers, models; of a setting "" */
    bool live;                  /* a reload applies it; else it waits for a restart */
    const char *before, *after; /* of a setting: as config_show prints them; else "" */
};
/* What changed from one to the other; allocated in *a. */
enum err config_diff(const struct config *before, const struct config *after, struct arena *a,
                     struct config_change **ret_changes, size_t *ret_n) MUST_USE;

/* The reference of all settings as Markdown. */
void config_write_reference(struct text *out);
