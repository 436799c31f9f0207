/* env: `hearth env`: the variables that lead programs which speak OpenAI's API to hearth, as lines
 * for a shell to read. With a daemon the address is its own, else that of the configuration. */
#include <unistd.h>

#include "cli/inner.h"

#define ASK_MS 2000u
#define ANY_KEY "hearth" /* programs insist on one; the kernel says who asks */

/* ---- shells ---------------------------------------------------------------------------------- */

struct env_shell {
    const char *names; /* that SHELL may end in, too */
    const char *before, *between, *after;
    const char *escaped; /* within single quotes: a backslash makes these themselves */
    const char *usage;   /* how what we print gets into it */
};
static const struct env_shell shells[] = {
    {"sh bash zsh dash ksh ash", "export ", "=", "", "", "eval \"$(hearth env)\""},
    {"fish", "set -gx ", " ", ";", "\\'", "hearth env | source"},
    {"csh tcsh", "setenv ", " ", ";", "!", "eval \"`hearth env`\""},
};

const struct env_shell *env_shell(struct slice name)
{
    for (size_t i = 0; i < COUNT(shells); i++) {
        struct slice rest = slice_of(shells[i].names), word;
        while (slice_split(&rest, ' ', &word)) {
            if (slice_is(word, name))
                return &shells[i];
        }
    }
    return NULL;
}

static bool is_plain(struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !strchr("-_./:,@%+", c))
            return false;
    }
    return value.len > 0;
}

/* Single quotes keep all but themselves, and what the shell escapes even there. */
static void put_quoted(const struct env_shell *shell, struct slice value, struct text *out)
{
    text_byte(out, '\'');
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        bool escaped = strchr(shell->escaped, c) != NULL;
        if (escaped)
            text_byte(out, '\\');
        if (c == '\'' && !escaped)
            text_add(out, SLICE("'\\''"));
        else
            text_byte(out, c);
    }
    text_byte(out, '\'');
}

bool env_line(const struct env_shell *shell, const char *name, struct slice value, struct text *out)
{
    for (size_t i = 0; i < value.len; i++) {
        if ((unsigned char)value.ptr[i] < ' ' || value.ptr[i] == 0x7f)
            return false; /* a line end would begin a command */
    }
    text_format(out, "%s%s%s", shell->before, name, shell->between);
    if (is_plain(value))
        text_add(out, value);
    else
        put_quoted(shell, value, out);
    text_format(out, "%s\n", shell->after);
    return true;
}

static const struct env_shell *shell_of(const struct cli *c)
{
    struct slice path = {0};
    if (c->options.hands.shell)
        return env_shell(slice_of(c->options.hands.shell));
    for (size_t i = 0; c->environment && c->environment[i]; i++) {
        if (!strncmp(c->environment[i], "SHELL=", 6))
            path = slice_of(c->environment[i] + 6);
    }
    size_t at = path.len;
    while (at && path.ptr[at - 1] != '/')
        at--;
    const struct env_shell *shell = env_shell(slice_from(path, at));
    return shell ? shell : &shells[0];
}

/* ---- the address ----------------------------------------------------------------------------- */

static bool is_here(struct slice url)
{
    return slice_begins(url, SLICE("http://127.")) || slice_begins(url, SLICE("http://[::1]"));
}

/* Of a running daemon; role: "" is any. Its own machine's address is the best. */
static bool find_live(const struct json_value *status, struct slice role, struct text *out)
{
    struct slice found = {0};
    for (struct json_iter i = json_begin(json_get(status, role.len ? "ports" : "listen"));
         json_next(&i);) {
        struct slice url = json_text(role.len ? json_get(i.value, "address") : i.value);
        bool fits = !role.len || slice_is(json_text(json_get(i.value, "role")), role);
        if (fits && slice_begins(url, SLICE("http")) && (!found.len || is_here(url)) &&
            !is_here(found))
            found = url;
    }
    text_add(out, found);
    return found.len > 0;
}

static bool put_address(const struct config_address *a, struct text *out)
{
    bool any = !strcmp(a->host, "0.0.0.0") || !strcmp(a->host, "::");
    bool v6 = strchr(a->host, ':') != NULL;
    if (a->place == CONFIG_UNIX || !a->port)
        return false;
    if (a->place == CONFIG_LOCALHOST || any)
        text_format(out, "http://%s:%u", v6 ? "[::1]" : "127.0.0.1", a->port);
    else
        text_format(out, v6 ? "%s://[%s]:%u" : "%s://%s:%u", a->local ? "http" : "https", a->host,
                    a->port);
    return true;
}

static bool find_configured(const struct config *c, struct slice role, struct text *out)
{
    for (size_t i = 0; role.len && i < c->ports_n; i++) {
        if (slice_is(slice_of(c->ports[i].role), role))
            return put_address(&c->ports[i].address, out);
    }
    for (size_t i = 0; !role.len && i < c->listen.n; i++) {
        if (put_address(&c->listen_addresses[i], out))
            return true;
    }
    return false;
}

static bool is_trusted(const struct config *c)
{
    for (size_t i = 0; i < c->trusted_uids.n; i++) {
        if (c->trusted[i] == geteuid())
            return true;
    }
    return false;
}

static int no_address(struct cli *c, bool running)
{
    struct why why;
    const char *role = c->options.hands.role;
    if (role) {
        why_set(&why, ERR_NOT_FOUND, "no address asks the role %.60s alone", role);
        return cli_fail(c, ERR_NOT_FOUND, &why,
                        "`hearth listen role:ROLE PORT` makes one; a role's name may also stand "
                        "where a model's does.");
    }
    why_set(&why, ERR_INTERNAL,
            running ? "hearth listens at its own socket only"
                    : "the configuration names no address with a port, and hearth is not running");
    return cli_fail(c, ERR_INTERNAL, &why, "`hearth listen 8420` gives it one.");
}

/* ---- telling --------------------------------------------------------------------------------- */

struct pair {
    const char *name;
    struct slice value;
};

static void put_json(struct cli *c, const struct pair *pairs, size_t n, bool running)
{
    struct text all = {0};
    struct json_writer w = json_writer(&all);
    json_open_object(&w);
    for (size_t i = 0; i < n; i++)
        json_put_pair(&w, pairs[i].name, pairs[i].value);
    json_key(&w, "running");
    json_put_bool(&w, running);
    json_close_object(&w);
    c->out.failed |= all.failed;
    cli_json(&c->out, text_slice(&all));
    text_fini(&all);
}

static int tell(struct cli *c, const struct env_shell *shell, struct slice url, bool running)
{
    const struct pair pairs[] = {
        {"OPENAI_BASE_URL", url},
        {"OPENAI_API_KEY", SLICE(ANY_KEY)},
        {"OPENAI_MODEL", slice_of(c->options.model)},
    };
    size_t n = COUNT(pairs) - !c->options.model;
    bool good = true;
    if (c->options.json)
        put_json(c, pairs, n, running);
    for (size_t i = 0; !c->options.json && i < n; i++)
        good = good && env_line(shell, pairs[i].name, pairs[i].value, &c->out);
    if (good)
        return CLI_OK;
    struct why why;
    text_clear(&c->out);
    why_set(&why, ERR_BAD_REQUEST, "no model is named so: it has a line end or a control in it");
    return cli_fail(c, ERR_BAD_REQUEST, &why, NULL);
}

/* On stderr: stdout is for eval. */
static void tell_notes(struct cli *c, const struct env_shell *shell, const struct config *config,
                       bool running)
{
    if (!running)
        text_add(&c->err, SLICE("hearth is not running; this is its address by the configuration. "
                                "`hearth up --detach` starts it.\n"));
    if (config && !is_trusted(config))
        text_add(&c->err, SLICE("`trusted_uids` does not list you, so programs of yours need a key "
                                "as OPENAI_API_KEY: `hearth keys create NAME` makes one.\n"));
    if (c->out_terminal && !c->options.json)
        text_format(&c->err, "For this shell: %s\n", shell->usage);
}

int env_run(struct cli *c)
{
    const struct env_shell *shell = shell_of(c);
    const struct config_sources sources = {&c->paths, c->environment, NULL, NULL};
    struct slice role = slice_of(c->options.hands.role ? c->options.hands.role : "");
    struct config *config = NULL;
    struct config_report report = {0};
    struct answer a = {0};
    struct json_doc doc;
    struct why why;
    struct text url = {0};
    int code;
    if (!shell) {
        why_set(&why, ERR_BAD_REQUEST, "--shell takes sh, fish or csh, not \"%.40s\"",
                c->options.hands.shell);
        return cli_fail(c, ERR_BAD_REQUEST, &why, NULL);
    }
    bool running = !cli_ask_status(c, ASK_MS, &a, &why) && a.status == 200 &&
                   !json_read(text_slice(&a.body), &json_usual_limits, NULL, &doc, NULL);
    if (config_load(&sources, &config, &report))
        config = NULL;
    bool found = running  ? find_live(doc.root, role, &url)
                 : config ? find_configured(config, role, &url)
                          : false;
    text_add(&url, SLICE("/v1"));
    if (!running && !config) {
        config_report_print(&report, &c->err);
        why_set(&why, ERR_CONFIG, "hearth is not running, and its configuration is not valid");
        code = cli_fail(c, ERR_CONFIG, &why, "Correct what is named above.");
    } else if (!found) {
        code = no_address(c, running);
    } else {
        code = tell(c, shell, text_slice(&url), running);
        if (code == CLI_OK)
            tell_notes(c, shell, config, running);
    }
    if (running)
        json_done(&doc);
    answer_fini(&a);
    text_fini(&url);
    config_report_fini(&report);
    config_free(config);
    return code;
}
