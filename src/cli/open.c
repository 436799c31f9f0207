/* open: `hearth open`: a link that opens hearth in a browser, and the browser too where this
 * machine has a display. Every user of the machine can read the words that a program was started
 * with, so the link that a browser is given counts only for the user who asks; one that is printed
 * counts for whoever has it. */
#include <fcntl.h>
#include <signal.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/inner.h"
#include "os/os.h"

#define ASK_MS 10000u

static const char *variable(const struct cli *c, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; c->environment && c->environment[i]; i++) {
        const char *e = c->environment[i];
        if (!strncmp(e, name, len) && e[len] == '=' && e[len + 1])
            return e + len + 1;
    }
    return NULL;
}

/* What opens a browser here; NULL: nobody would see it. */
static const char *opener(const struct cli *c)
{
    struct utsname is;
    if (uname(&is) == 0 && !strcmp(is.sysname, "Darwin"))
        return variable(c, "SSH_CONNECTION") ? NULL : "open";
    return variable(c, "DISPLAY") || variable(c, "WAYLAND_DISPLAY") ? "xdg-open" : NULL;
}

/* In the background, for it may live as long as the browser. False: there is no such program. */
static bool start_browser(const char *program, const char *url)
{
    struct os_detached d;
    int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing < 0)
        return false;
    enum err e = os_detach(nothing, &d, NULL);
    if (!e && d.child == 0) {
        signal(SIGPIPE, SIG_DFL);
        char *argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)url, NULL};
        execvp(program, argv);
        bool told = os_write_all(d.ready_fd, SLICE("x"));
        _exit(told ? 127 : 126);
    }
    close(nothing);
    if (e)
        return false;
    char byte;
    ssize_t n = read(d.ready_fd, &byte, 1); /* closed, with nothing in it, once it runs */
    close(d.ready_fd);
    return n == 0;
}

/* ssh's words for getting from somebody's own machine to this one's loopback. */
static void print_tunnel(const struct cli *c, struct slice url, struct text *out)
{
    const char *ssh = variable(c, "SSH_CONNECTION"), *user = variable(c, "USER");
    struct slice words = slice_of(ssh), here = {0}, port = {0}, skip;
    struct slice host = url, address, at;
    bool good = ssh && slice_split(&words, ' ', &skip) && slice_split(&words, ' ', &skip) &&
                slice_split(&words, ' ', &here) && slice_split(&words, ' ', &port);
    if (!good || !slice_begins(url, SLICE("http://")))
        return;
    host = slice_from(host, strlen("http://"));
    (void)slice_split(&host, '/', &address);
    bool loopback = slice_begins(address, SLICE("127.")) || slice_begins(address, SLICE("[::1]"));
    size_t colon = address.len;
    while (colon && address.ptr[colon - 1] != ':')
        colon--;
    if (!loopback || !colon)
        return;
    at = slice_from(address, colon);
    text_add(out, SLICE("You are here over ssh. For a browser on your own machine, type this there "
                        "first, and leave it open:\n\n  ssh -N -L "));
    text_format(out, "%.*s:%.*s ", SLICE_ARG(at), SLICE_ARG(address));
    if (!slice_is(port, SLICE("22")))
        text_format(out, "-p %.*s ", SLICE_ARG(port));
    if (user) {
        text_visible(out, slice_of(user));
        text_byte(out, '@');
    }
    text_visible(out, here);
    text_add(out, SLICE("\n\n"));
}

static void print_link(const struct cli *c, const char *program, bool opened, struct slice url,
                       struct text *out)
{
    if (opened) {
        text_add(out,
                 SLICE("Your browser opens hearth. If it does not, this does, once, within two "
                       "minutes, for you on this machine:\n\n  "));
    } else {
        if (program)
            text_format(out, "There is no %s here to open a browser with.\n", program);
        else
            print_tunnel(c, url, out);
        text_add(out, SLICE("Open this in a browser, once, within two minutes:\n\n  "));
    }
    text_visible(out, url);
    text_add(out, SLICE("\n\nWhoever opens it may use and administer hearth for 12 hours.\n"));
}

int open_run(struct cli *c)
{
    bool quiet = c->options.hands.print || c->options.json;
    const char *program = quiet ? NULL : opener(c);
    const struct question q = {
        .method = METHOD_POST,
        .target = program ? "/hearth/v1/links?mine=1" : "/hearth/v1/links",
        .timeout_ms = ASK_MS,
    };
    struct answer a = {0};
    struct json_doc doc;
    int code = CLI_OK;
    if (cli_ask_json(c, &q, &a, &doc, &code)) {
        struct slice url = json_text(json_get(doc.root, "url"));
        const char *link = arena_cstr(&c->arena, url);
        if (c->options.json) {
            cli_json(&c->out, text_slice(&a.body));
        } else if (quiet) {
            text_visible(&c->out, url);
            text_byte(&c->out, '\n');
        } else {
            bool opened =
                program && link && slice_begins(url, SLICE("http")) && start_browser(program, link);
            print_link(c, program, opened, url, &c->out);
        }
        json_done(&doc);
    }
    answer_fini(&a);
    return code;
}
