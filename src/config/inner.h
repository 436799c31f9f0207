/* inner: what the files of this room share. The way of a value: a source (command line, file, ...)
 * is gathered into settings, one chain of them for each row of the tables, the one that holds
 * first; then each row takes its value from the head of its chain, is checked, and written to its
 * member of struct config or of an entry's values. All memory is the arena of the configuration. */
#pragma once

#include "base/json.h"
#include "base/yaml.h"
#include "config/config.h"

/* ---- the tables ---- */
enum type {
    BOOL,
    INT,
    TIME,
    KEEP, /* a time, or for ever */
    BYTES,
    TEXT,
    PROSE,  /* a text of several lines */
    CHOICE, /* kept as a number */
    WORD,   /* a choice that is kept as a text */
    NUMBER, /* a decimal number that is kept as a text */
    LAYERS,
    PATH,
    SECRET,
    NAME,
    NAMES, /* from here on lists */
    ALIASES,
    PATHS,
    ENV,
    FLAGS,
    LISTEN,
    PLAIN,
    HOSTS,
    ORIGINS,
    USERS
};

struct row {
    const char *path; /* of an entry's field: its name */
    enum type type;
    size_t at;            /* offset in struct config, or in an entry's values */
    const char *standard; /* the default as it would be written; "" when there is none */
    uint64_t least, most;
    const char *choices; /* CHOICE, WORD: words with blanks between them */
    bool live;
    const char *help;
};

#define OPTION(...) +1
enum {
    OPTION_COUNT = 0
#include "config/options.def"
};
#undef OPTION

enum field { /* of a provider */
#define FIELD(name, ...) FIELD_##name,
#include "config/providers.def"
#undef FIELD
             FIELD_COUNT
};

enum model_field {
#define FIELD(name, ...) MODEL_##name,
#include "config/models.def"
#undef FIELD
    MODEL_FIELD_COUNT
};

struct kind_row {
    const char *name;
    bool built;
    const char *entries; /* names that mean it, with blanks between them */
    const char *usual;   /* its address when nobody says one; "": it has none */
};

extern const struct row config_options[OPTION_COUNT];
extern const struct row config_fields[FIELD_COUNT];
extern const struct row config_model_fields[MODEL_FIELD_COUNT];
extern const struct kind_row config_kinds[CONFIG_KIND_COUNT];
bool config_is_list(const struct row *row);

/* ---- sections: maps of entries that all have the same fields ---- */
enum section_id { PROVIDERS, MODELS, ROLES, PORTS, SECTION_COUNT };

struct section {
    const char *name;    /* "providers" */
    const char *one;     /* "provider" */
    const char *such_as; /* one of its fields */
    const struct row *fields;
    size_t fields_n;
    size_t size;   /* of the struct that the fields are members of */
    unsigned most; /* entries */
    bool single;   /* an entry is the value of its only field */
    bool (*is_name)(struct slice s);
    const char *names; /* what a name may be */
};
extern const struct section config_sections[SECTION_COUNT];

/* ---- where settings come from ---- */
enum rank { COMMAND_LINE, ENVIRONMENT, DOTENV, FILES, SEED_FILE, FOUND }; /* lower ones win */

struct source {
    enum rank rank;
    unsigned order;   /* for the report: as they are read */
    const char *name; /* a file's path, else words */
};

struct setting {
    const struct source *source;
    unsigned line;                /* 0 when it has none */
    const struct yaml_node *node; /* a scalar or a list, never a map; its line is right too */
    struct setting *hides;        /* the next in order, of less weight */
};

struct entry { /* one of a section */
    const struct section *section;
    const char *name;
    void *values;              /* what the fields are members of */
    struct setting **set;      /* of each field; NULL: not */
    const struct entry **from; /* of each field: the pattern whose setting that is; NULL: its own */
    const char **unset;        /* of each field: the variable that it needs and nobody set */
    unsigned order;            /* of its first mention in a file */
    const struct source *source; /* of its first mention */
    unsigned line;
};
struct entries {
    struct entry **list;
    size_t n;
};

struct provider { /* the values of an entry under `providers:` */
    struct config_provider p;
    bool enabled;
    const char *base_url, *host, *socket, *model;
    struct config_list models;
};
struct port { /* of one under `ports:` */
    struct config_list listen;
};

struct whole {            /* what a struct config * points into */
    struct config config; /* first: config_free finds the rest by it */
    struct arena arena;
    struct setting *set[OPTION_COUNT];
    struct entries entries[SECTION_COUNT]; /* sorted as they are in config */
    struct library library;
};
static inline const struct whole *config_whole(const struct config *c)
{
    return owner_of((uintptr_t)c, const struct whole, config);
}

/* ---- variables: the environment and .env ---- */
#define MOST_VARIABLES 1000u /* in one .env */
struct variable {
    struct slice name, value;
    unsigned line;
};
struct variables {
    const char *const *environment;
    struct variable *dotenv;
    size_t n;
};

/* ---- loading ---- */
struct found; /* a problem and its place in the order */

struct loader {
    const struct config_sources *sources;
    struct whole *whole;
    struct arena *arena; /* the whole's */
    struct config_report *report;
    struct found *found;
    size_t found_n;
    struct variables variables;
    unsigned sources_n;     /* sources opened so far: their order */
    unsigned entries_order; /* providers that a file has named so far */
    bool failed;            /* no memory: all the rest is in vain */
};

/* report.c */
void config_say(struct loader *l, enum config_severity severity, const struct source *source,
                const struct config_problem *about);
void config_say_format(struct loader *l, enum config_severity severity, const struct source *source,
                       const struct config_problem *place, const char *format, ...) PRINTF(5, 6);
/* The same with words that are made for it; they are freed here. */
void config_say_words(struct loader *l, enum config_severity severity, const struct source *source,
                      const struct config_problem *about, struct text *words);
bool config_report_finish(struct loader *l); /* sorts; false without memory */

/* files.c: OK with a NULL slice when there is no such file. Errors are words for the report.
 * *ret_loose: anybody may write the file. */
enum err config_read_file(struct arena *a, const char *path, struct slice *ret_text,
                          bool *ret_loose, struct why *why) MUST_USE;
/* The names in a folder that end in .yaml, sorted by bytes; none when there is no folder. */
enum err config_list_folder(struct arena *a, const char *path, struct config_list *ret_names,
                            struct why *why) MUST_USE;

/* variables.c */
void config_read_dotenv(struct loader *l, const struct source *source, struct slice text);
bool config_variable(const struct variables *v, struct slice name, struct slice *ret_value);
enum expanded { EXPANDED, EXPANDED_NOT, EXPANDED_UNSET };
/* ${NAME}, ${NAME:-otherwise} and $$ in s. *ret_name: the variable met last, the missing one with
 * EXPANDED_UNSET. EXPANDED_NOT: what is written is no such thing. */
enum expanded config_expand(const struct variables *v, struct slice s, struct text *out,
                            struct slice *ret_name);

/* gather.c */
struct at { /* where in a source we are */
    const struct source *source;
    struct slice path;
};
void config_gather(struct loader *l);
void config_gather_yaml(struct loader *l, const struct source *source, struct slice text);
void config_gather_word(struct loader *l, const struct source *source, struct slice path,
                        struct slice value, unsigned line);
struct source *config_source(struct loader *l, enum rank rank, const char *name);
void config_env_name(const struct row *row, struct text *out); /* HEARTH_LOG_LEVEL */
/* To the end of a chain; a second one in files is told. */
void config_add(struct loader *l, const struct at *at, struct setting **chain,
                const struct yaml_node *node);
/* A path out of a source: cut, and without anything that fools a terminal. */
const char *config_visible(struct loader *l, struct slice path);

/* found.c: models that lie on this machine, as a source of the least weight. */
void config_gather_found(struct loader *l);

/* entries.c */
const struct section *config_section_of(struct slice path); /* NAME. begins it; NULL: none */
/* path: what follows the section's name and dot. */
void config_take_entry(struct loader *l, const struct section *section, const struct at *at,
                       const struct yaml_node *node);
struct entry *config_find_entry(const struct whole *w, enum section_id id, struct slice name);
/* The one of this name, or a new one. NULL: there are too many, or there is no memory. */
struct entry *config_add_entry(struct loader *l, enum section_id id, const struct source *source,
                               struct slice name);
void config_take_fields(struct loader *l, struct entry *e);
/* SECTION.NAME, or SECTION.NAME.FIELD. */
const char *config_entry_key(struct loader *l, const struct entry *e, const char *field);
/* Variables that nobody set are errors, where no section has a use for them. */
void config_check_unset(struct loader *l, const struct entry *e);
void config_sort_entries(struct entries *all); /* in the order of the files */

/* names.c */
struct slice config_plain_name(struct slice name); /* without :latest */

/* load.c */
void config_resolve_options(struct loader *l);
/* found: adds what lies on this machine, once it is known where to look; NULL: nothing does. */
enum err config_load_from(const struct config_sources *sources, struct config **ret_config,
                          struct config_report *report, void (*gather)(struct loader *l),
                          void (*found)(struct loader *l)) MUST_USE;

/* nearest.c: the row, or group of rows, that was meant; empty when none is near. */
struct slice config_nearest(struct slice path, const struct row *rows, size_t n);
size_t config_distance(struct slice a, struct slice b, size_t most);

/* value.c */
enum taken { TAKEN, TAKEN_BAD, TAKEN_UNSET };
/* Writes the setting's value to base + row->at. TAKEN_BAD: the report has it, under `key`.
 * TAKEN_UNSET: *ret_variable, NUL-ended, is not set; nobody has reported it yet. */
enum taken config_take(struct loader *l, const struct row *row, const char *key,
                       const struct setting *s, void *base, const char **ret_variable);
void config_say_unset(struct loader *l, enum config_severity severity, const struct setting *s,
                      const char *key, const char *variable);
bool config_take_standard(struct arena *a, const struct row *row, const char *home, void *base);
/* print.c */
void config_print(const struct row *row, const void *base, bool unmask, struct text *out);
void config_print_json(const struct row *row, const void *base, struct json_writer *w);
void config_print_mask(struct slice secret, struct text *out);
void config_print_raw(const struct row *row, const struct setting *s, struct text *out);
void config_allowed(const struct row *row, struct text *out); /* what may stand there, in words */
void config_time(uint64_t ms, struct text *out);
void config_size(uint64_t bytes, struct text *out);

/* address.c */
enum where { WHERE_GOOD, WHERE_BAD, WHERE_LATER };
/* *ret_words: what is wrong with it (BAD) or what a later version will do (LATER). */
enum where config_address(struct arena *a, struct slice s, struct config_address *ret_address,
                          const char **ret_path, const char **ret_words);
/* May it stand in `plain:`, in `hosts:`? */
bool config_is_plain(struct slice s);
bool config_is_host(struct slice s);
/* Do two of them answer to the same connections? Those with port 0 never do. */
bool config_same_listener(const struct config_address *a, const struct config_address *b);
/* users.c: "self", a number, or the name of a user of this machine. Blocks. */
bool config_user(struct slice s, uint32_t *ret_uid);
bool config_listen_address(struct arena *a, struct slice s, struct config_address *ret_address);

/* provider.c, model.c, role.c: after the options, in this order */
void config_resolve_providers(struct loader *l);
void config_resolve_models(struct loader *l);
void config_resolve_roles(struct loader *l);
/* names.c: no name may mean two things. */
void config_check_names(struct loader *l);
bool config_is_pattern(const char *name);

/* words.c: what a word in a list must look like. */
bool config_is_model_name(struct slice s);
bool config_is_model_key(struct slice s); /* the same, or a pattern */
bool config_is_variable(struct slice s);  /* NAME=VALUE */
/* Why this may not stand in `env`, in `extra`, in words; false: it may. */
bool config_is_barred(enum type type, struct slice s, struct text *words);
void config_write_barred(struct text *out); /* as Markdown */
