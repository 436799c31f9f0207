/* shims: from the words of older tools to ours, by a table; and `hearth shims install|rm|list`,
 * which makes and takes away links. A name that leads to anything else than this program is none of
 * our business. */
#include "cli/shims.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/inner.h"
#include "os/os.h"

#define LOOK_AGAIN_MS 500u
#define ASK_MS 2000u

static const char *const names[] = {"llm", "llm-client", "llm-manager", "llm-serve"};

/* `llm` is llm-client. Its words are those of --mode; "" is the one that it has without. */
struct meaning {
    const char *shim, *word;
    const char *words[3];
};
static const struct meaning meanings[] = {
    {"llm-client", "health", {"status"}},
    {"llm-client", "models", {"models"}},
    {"llm-client", "chat", {"chat"}},
    {"llm-client", "ask", {"ask"}},
    {"llm-client", "complete", {"ask"}},
    {"llm-client", "", {"chat"}},
    {"llm-manager", "start", {"up", "--detach"}},
    {"llm-manager", "stop", {"down"}},
    {"llm-manager", "restart", {"restart"}},
    {"llm-manager", "status", {"status"}},
    {"llm-manager", "health", {"status"}},
    {"llm-manager", "logs", {"logs"}},
    {"llm-manager", "models", {"models"}},
    {"llm-manager", "list", {"models"}},
    {"llm-manager", "test", {"ask", "Say hello."}},
    {"llm-manager", "download", {"pull"}},
};

/* Where the seeds had each role. */
static const struct {
    const char *role;
    unsigned port;
} ports[] = {{"code", 8081}, {"chat", 8082}, {"raw", 8083}};

/* ---- reading a line ------------------------------------------------------------------------ */

static const char *shim_of(const char *called)
{
    const char *slash = called ? strrchr(called, '/') : NULL;
    const char *name = slash ? slash + 1 : called;
    for (size_t i = 0; name && i < COUNT(names); i++) {
        if (!strcmp(names[i], name))
            return names[i];
    }
    return NULL;
}

static bool is_help(const char *word)
{
    return !strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help");
}

static const struct meaning *meaning_of(const char *shim, const char *word)
{
    for (size_t i = 0; i < COUNT(meanings); i++) {
        if (!strcmp(meanings[i].shim, shim) && !strcmp(meanings[i].word, word))
            return &meanings[i];
    }
    return NULL;
}

static enum err add_word(struct shim_line *l, const char *word, struct why *why)
{
    if (l->n == SHIM_WORDS)
        return why_set(why, ERR_BAD_REQUEST, "too many words");
    l->words[l->n++] = word;
    return OK;
}

static enum err add_meaning(struct shim_line *l, const struct meaning *m, struct why *why)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < COUNT(m->words) && m->words[i]; i++)
        e = add_word(l, m->words[i], why);
    return e;
}

static enum err read_manager(int argc, char **argv, struct shim_line *l, struct why *why)
{
    const struct meaning *m = argc > 1 ? meaning_of("llm-manager", argv[1]) : NULL;
    if (!m)
        return why_set(why, ERR_BAD_REQUEST, "llm-manager has no command %.60s",
                       argc > 1 ? argv[1] : "without a word");
    enum err e = add_meaning(l, m, why);
    for (int i = 2; i < argc && !e; i++)
        e = add_word(l, argv[i], why);
    return e;
}

/* --NAME VALUE or --NAME=VALUE: the value, and *i on its last word. */
static const char *value_of(int argc, char **argv, int *i, const char *name)
{
    size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) != 0)
        return NULL;
    if (argv[*i][n] == '=')
        return argv[*i] + n + 1;
    return argv[*i][n] == '\0' && *i + 1 < argc ? argv[++*i] : NULL;
}

static enum err read_client(int argc, char **argv, struct shim_line *l, struct why *why)
{
    const char *mode = NULL, *rest[SHIM_WORDS];
    size_t n = 0;
    for (int i = 1; i < argc; i++) {
        const char *value = value_of(argc, argv, &i, "--mode");
        if (value) {
            mode = value;
            continue;
        }
        value = value_of(argc, argv, &i, "--prompt");
        if (n == SHIM_WORDS)
            return why_set(why, ERR_BAD_REQUEST, "too many words");
        rest[n++] = value ? value : argv[i];
    }
    if (!mode)
        mode = n ? "ask" : "";
    const struct meaning *m = meaning_of("llm-client", mode);
    if (!m)
        return why_set(why, ERR_BAD_REQUEST, "%s has no mode %.60s", l->shim, mode);
    enum err e = add_meaning(l, m, why);
    for (size_t i = 0; i < n && !e; i++)
        e = add_word(l, rest[i], why);
    return e;
}

enum err shim_read(int argc, char **argv, struct shim_line *ret, struct why *why)
{
    struct shim_line l = {.shim = argc > 0 ? shim_of(argv[0]) : NULL};
    enum err e = OK;
    l.help = l.shim && argc == 2 && is_help(argv[1]);
    if (!l.shim || l.help) {
        *ret = l;
        return OK;
    }
    if (!strcmp(l.shim, "llm-manager")) {
        e = read_manager(argc, argv, &l, why);
    } else if (strcmp(l.shim, "llm-serve") != 0) {
        e = read_client(argc, argv, &l, why);
    } else if (argc != 2 || argv[1][0] == '-') {
        e = why_set(why, ERR_BAD_REQUEST, "llm-serve takes one role, as code, chat or raw");
    } else {
        l.role = argv[1];
    }
    if (!e)
        *ret = l;
    return e;
}

/* ---- serving a role in the foreground ------------------------------------------------------ */

static unsigned usual_port(const char *role)
{
    for (size_t i = 0; i < COUNT(ports); i++) {
        if (!strcmp(ports[i].role, role))
            return ports[i].port;
    }
    return 0;
}

/* Where the running daemon is asked for the role; false: nowhere. */
static bool find_address(struct cli *c, const char *role, struct text *address, bool *ret_runs)
{
    struct answer a = {0};
    struct json_doc doc = {0};
    bool found = false;
    *ret_runs = !cli_ask_status(c, ASK_MS, &a, NULL);
    if (*ret_runs && !json_read(text_slice(&a.body), &json_usual_limits, NULL, &doc, NULL)) {
        for (struct json_iter i = json_begin(json_get(doc.root, "ports"));
             !found && json_next(&i);) {
            found = slice_is(json_text(json_get(i.value, "role")), slice_of(role));
            if (found)
                cli_address(address, json_text(json_get(i.value, "address")));
        }
        json_done(&doc);
    }
    answer_fini(&a);
    return found;
}

static int wait_for_end(struct cli *c, const char *role, struct text *address)
{
    struct why why = {0};
    int data;
    pid_t pid;
    enum err e = os_open_private_folder(c->paths.data, &data, &why);
    if (e)
        return cli_fail(c, e, &why, NULL);
    text_format(&c->out, "%s is at %s. hearth runs in the background: Ctrl-C leaves it there.\n",
                role, text_cstr(address));
    cli_flush(c);
    while (os_lock_holder(data, CLI_LOCK, &pid) == OK)
        os_sleep_ms(LOOK_AGAIN_MS);
    close(data);
    return CLI_OK;
}

static int no_address(struct cli *c, const char *role)
{
    struct why why = {0};
    char next[160];
    unsigned port = usual_port(role);
    why_set(&why, ERR_BUSY, "hearth has no address for the role %.60s", role);
    snprintf(next, sizeof next, "`hearth listen role:%.60s %u`, then `hearth restart`.", role,
             port ? port : 8084);
    return cli_fail(c, ERR_BUSY, &why, next);
}

static bool has_port(const struct config *config, const char *role)
{
    for (size_t i = 0; i < config->ports_n; i++) {
        if (!strcmp(config->ports[i].role, role))
            return true;
    }
    return false;
}

/* A daemon of its own, in the foreground, with that port besides what the configuration says. */
static int serve_alone(struct cli *c, const char *role)
{
    struct config *config;
    struct owner owner;
    int code;
    unsigned port = usual_port(role);
    if (!change_load(c, &config, &code))
        return code;
    bool has = has_port(config, role);
    config_free(config);
    if (!has && (!port || owner_find(c, &owner)))
        return no_address(c, role);
    if (!has) {
        const char *set = arena_format(&c->arena, "ports.%s=127.0.0.1:%u", role, port).ptr;
        if (!set)
            return cli_fail(c, ERR_NO_MEMORY, NULL, NULL);
        c->options.set.items[c->options.set.n++] = set;
    }
    c->command = COMMAND_up;
    return up_run(c);
}

int shim_serve(struct cli *c, const char *role)
{
    struct text address = {0};
    bool runs;
    int code;
    if (find_address(c, role, &address, &runs))
        code = wait_for_end(c, role, &address);
    else
        code = runs ? no_address(c, role) : serve_alone(c, role);
    text_fini(&address);
    return code;
}

/* ---- the links ------------------------------------------------------------------------------ */

enum link_is { LINK_FREE, LINK_OURS, LINK_TAKEN };
struct shim_link {
    const char *name, *path; /* where it is to be; TAKEN: where it is */
    enum link_is is;
};
struct links {
    const char *folder, *program;
    struct shim_link all[COUNT(names)];
};

static bool is_us(const struct links *l, const char *path)
{
    struct stat ours, it;
    return stat(l->program, &ours) == 0 && stat(path, &it) == 0 && ours.st_dev == it.st_dev &&
           ours.st_ino == it.st_ino;
}

static bool is_there(const char *path)
{
    struct stat is;
    return lstat(path, &is) == 0;
}

/* In the folder, else anywhere on PATH. */
static void look(struct cli *c, const struct links *l, struct shim_link *k)
{
    struct slice rest = slice_of(cli_variable(c, "PATH")), folder;
    if (is_there(k->path)) {
        k->is = is_us(l, k->path) ? LINK_OURS : LINK_TAKEN;
        return;
    }
    k->is = LINK_FREE;
    while (rest.ptr && slice_split(&rest, ':', &folder)) {
        const char *path = arena_format(&c->arena, "%.*s/%s", SLICE_ARG(folder), k->name).ptr;
        if (!folder.len || !path || !is_there(path) || is_us(l, path))
            continue;
        k->is = LINK_TAKEN;
        k->path = path;
        return;
    }
}

static enum err find_links(struct cli *c, struct links *ret, struct why *why)
{
    struct links l = {.folder = c->options.care.folder};
    if (!l.folder)
        l.folder = arena_format(&c->arena, "%s/.local/bin", c->paths.home).ptr;
    enum err e = cli_program(c, &l.program, why);
    for (size_t i = 0; i < COUNT(names) && !e; i++) {
        struct shim_link *k = &l.all[i];
        k->name = names[i];
        k->path = l.folder ? arena_format(&c->arena, "%s/%s", l.folder, names[i]).ptr : NULL;
        if (!k->path)
            return why_set(why, ERR_NO_MEMORY, "no memory for paths");
        look(c, &l, k);
    }
    if (!e)
        *ret = l;
    return e;
}

static bool is_on_path(const struct cli *c, const char *folder)
{
    struct slice rest = slice_of(cli_variable(c, "PATH")), one;
    while (rest.ptr && slice_split(&rest, ':', &one)) {
        if (slice_is(one, slice_of(folder)))
            return true;
    }
    return false;
}

static void put_links(struct cli *c, const struct links *l, const bool *changed)
{
    static const char *const words[] = {"free", "hearth", "taken"};
    struct json_writer w = json_writer(&c->out);
    json_open_object(&w);
    json_put_pair(&w, "folder", slice_of(l->folder));
    json_key(&w, "on_path");
    json_put_bool(&w, is_on_path(c, l->folder));
    json_key(&w, "dry_run");
    json_put_bool(&w, c->options.dry_run);
    json_key(&w, "names");
    json_open_array(&w);
    for (size_t i = 0; i < COUNT(l->all); i++) {
        json_open_object(&w);
        json_put_pair(&w, "name", slice_of(l->all[i].name));
        json_put_pair(&w, "path", slice_of(l->all[i].path));
        json_put_pair(&w, "is", slice_of(words[l->all[i].is]));
        json_key(&w, "changed");
        json_put_bool(&w, changed && changed[i]);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    text_byte(&c->out, '\n');
}

static void tell_link(struct cli *c, const struct shim_link *k, const char *words)
{
    size_t from = c->out.len;
    text_add(&c->out, slice_of(k->name));
    cli_pad(&c->out, from, 13);
    text_add(&c->out, slice_of(words));
    text_visible(&c->out, slice_of(k->path));
    text_byte(&c->out, '\n');
}

static bool is_command(const char *word)
{
    for (enum command id = 0; id < COMMAND_COUNT; id++) {
        if (!strcmp(cli_command(id)->name, word))
            return true;
    }
    return false;
}

static void tell_meanings(struct cli *c, const char *shim)
{
    bool client = !shim || strcmp(shim, "llm-manager") != 0;
    for (size_t i = 0; i < COUNT(meanings); i++) {
        const struct meaning *m = &meanings[i];
        size_t from = c->out.len;
        if (shim && (!strcmp(shim, "llm-serve") || client != !strcmp(m->shim, "llm-client")))
            continue;
        text_format(&c->out, "  %s%s%s", m->shim,
                    strcmp(m->shim, "llm-client") != 0 ? " "
                    : m->word[0]                       ? " --mode "
                                                       : "",
                    m->word);
        cli_pad(&c->out, from, 32);
        text_format(&c->out, "hearth %s%s%s%s\n", m->words[0], m->words[1] ? " " : "",
                    m->words[1] ? m->words[1] : "",
                    is_command(m->words[0]) ? "" : " (not built yet)");
    }
    for (size_t i = 0; i < COUNT(ports) && (!shim || !strcmp(shim, "llm-serve")); i++) {
        size_t from = c->out.len;
        text_format(&c->out, "  llm-serve %s", ports[i].role);
        cli_pad(&c->out, from, 32);
        text_format(&c->out, "hearth up, with the role %s at 127.0.0.1:%u\n", ports[i].role,
                    ports[i].port);
    }
}

int shims_list_run(struct cli *c)
{
    struct links l;
    struct why why = {0};
    enum err e = find_links(c, &l, &why);
    if (e)
        return cli_fail(c, e, &why, NULL);
    if (c->options.json) {
        put_links(c, &l, NULL);
        return CLI_OK;
    }
    for (size_t i = 0; i < COUNT(l.all); i++)
        tell_link(c, &l.all[i],
                  l.all[i].is == LINK_FREE   ? "is not there: "
                  : l.all[i].is == LINK_OURS ? "is hearth: "
                                             : "is something else: ");
    text_add(&c->out, SLICE("\nWhat they mean (llm is llm-client):\n"));
    tell_meanings(c, NULL);
    return CLI_OK;
}

int shims_run(struct cli *c)
{
    return shims_list_run(c);
}

/* Through the hearth beside it, so that the next one there is meant too. */
static const char *target_of(struct cli *c, const struct links *l)
{
    const char *beside = arena_format(&c->arena, "%s/hearth", l->folder).ptr;
    return beside && is_us(l, beside) ? "hearth" : l->program;
}

static enum err make_folder(const struct links *l, struct why *why)
{
    int fd;
    if (access(l->folder, W_OK) == 0)
        return OK;
    enum err e = os_make_private_folder(l->folder, &fd, why);
    if (!e)
        close(fd);
    return e;
}

int shims_install_run(struct cli *c)
{
    struct links l;
    struct why why = {0};
    bool dry = c->options.dry_run, changed[COUNT(names)] = {0};
    enum err e = find_links(c, &l, &why);
    if (!e && !dry)
        e = make_folder(&l, &why);
    for (size_t i = 0; i < COUNT(l.all) && !e; i++) {
        struct shim_link *k = &l.all[i];
        if (k->is == LINK_FREE && !dry && symlink(target_of(c, &l), k->path) != 0)
            e = why_sys(&why, os_err_of(errno), errno, "cannot make %.200s", k->path);
        changed[i] = !e && k->is == LINK_FREE;
        if (!e && !c->options.json)
            tell_link(c, k,
                      k->is == LINK_TAKEN  ? "is left alone, it is something else: "
                      : k->is == LINK_OURS ? "is hearth already: "
                      : dry                ? "would be made: "
                                           : "is made: ");
    }
    if (e)
        return cli_fail(c, e, &why, NULL);
    if (c->options.json) {
        put_links(c, &l, changed);
    } else if (!is_on_path(c, l.folder)) {
        text_add(&c->out, SLICE("That folder is not on your PATH. For your shell's profile:\n"
                                "  export PATH=\""));
        text_visible(&c->out, slice_of(l.folder));
        text_add(&c->out, SLICE(":$PATH\"\n"));
    }
    return CLI_OK;
}

int shims_rm_run(struct cli *c)
{
    struct links l;
    struct why why = {0};
    bool dry = c->options.dry_run, changed[COUNT(names)] = {0};
    enum err e = find_links(c, &l, &why);
    for (size_t i = 0; i < COUNT(l.all) && !e; i++) {
        const struct shim_link *k = &l.all[i];
        struct stat is;
        bool ours = k->is == LINK_OURS && lstat(k->path, &is) == 0 && S_ISLNK(is.st_mode);
        if (ours && !dry && unlink(k->path) != 0)
            e = why_sys(&why, os_err_of(errno), errno, "cannot remove %.200s", k->path);
        changed[i] = !e && ours;
        if (!e && !c->options.json)
            tell_link(c, k,
                      !ours ? k->is == LINK_FREE ? "is not there: " : "is left alone: "
                      : dry ? "would be removed: "
                            : "is removed: ");
    }
    if (e)
        return cli_fail(c, e, &why, NULL);
    if (c->options.json)
        put_links(c, &l, changed);
    return CLI_OK;
}

/* ---- called by another name ---------------------------------------------------------------- */

bool shim_take(struct cli *c, int argc, char **argv, struct shim_line *ret, int *ret_code)
{
    struct why why = {0};
    enum err e = shim_read(argc, argv, ret, &why);
    if (e) {
        *ret_code = cli_fail(c, e, &why, "`hearth shims list` shows what these names mean.");
        return false;
    }
    if (ret->help) {
        text_format(&c->out, "%s is hearth:\n", ret->shim);
        tell_meanings(c, ret->shim);
        *ret_code = CLI_OK;
        return false;
    }
    if (!ret->shim || ret->role || is_command(ret->words[0]))
        return true;
    why_set(&why, ERR_NOT_IMPLEMENTED, "that is `hearth %s`, which is not built yet",
            ret->words[0]);
    *ret_code = cli_fail(c, ERR_NOT_IMPLEMENTED, &why, "");
    return false;
}
