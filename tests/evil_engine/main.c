/* main: makes each attempt in a process of its own, and prints one line of JSON for it: what was
 * tried, what became of it, what stopped it. See evil.h. Words of the command line: NAME=VALUE. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evil.h"

#define PATIENCE_S 20
#define RESULT_FD 1000

static const struct word {
    const char *name;
    size_t at;
    bool number;
} words[] = {
    {"home", offsetof(struct target, home), false},
    {"data", offsetof(struct target, data), false},
    {"admin_socket", offsetof(struct target, admin_socket), false},
    {"abstract_socket", offsetof(struct target, abstract_socket), false},
    {"model", offsetof(struct target, model), false},
    {"folder", offsetof(struct target, folder), false},
    {"pack", offsetof(struct target, pack), false},
    {"setuid_program", offsetof(struct target, setuid_program), false},
    {"tmp", offsetof(struct target, tmp), false},
    {"daemon", offsetof(struct target, daemon), true},
    {"tcp_port", offsetof(struct target, tcp_port), true},
    {"udp_port", offsetof(struct target, udp_port), true},
};

static void read_word(struct target *t, const char *text)
{
    for (size_t i = 0; i < COUNT(words); i++) {
        size_t len = strlen(words[i].name);
        if (strncmp(text, words[i].name, len) != 0 || text[len] != '=')
            continue;
        void *place = (char *)t + words[i].at;
        if (words[i].number)
            *(long *)place = strtol(text + len + 1, NULL, 10);
        else
            *(const char **)place = text + len + 1;
        return;
    }
    fprintf(stderr, "evil_engine: not understood: %s\n", text);
    exit(2);
}

/* Has this process rights that the one which started it was not to have? */
static int am_i_privileged(void)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");
    bool any = geteuid() != getuid();
    while (status && fgets(line, sizeof line, status)) {
        if (strncmp(line, "CapEff:", 7) == 0)
            any |= strtoull(line + 7, NULL, 16) != 0;
    }
    return any;
}

static struct outcome make_attempt(const struct attempt *a, const struct target *t)
{
    int ends[2], status;
    struct outcome o = {0};
    if (pipe(ends) != 0)
        return o;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], RESULT_FD);
        close(ends[0]);
        close(ends[1]);
        alarm(PATIENCE_S);
        o = a->run(t);
        _exit(write(RESULT_FD, &o, sizeof o) != (ssize_t)sizeof o);
    }
    close(ends[1]);
    bool told = child > 0 && read(ends[0], &o, sizeof o) == (ssize_t)sizeof o;
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) < 0)
        snprintf(o.note, sizeof o.note, "no process");
    else if (!told && WIFSIGNALED(status))
        snprintf(o.note, sizeof o.note, "signal %d", WTERMSIG(status));
    return o;
}

static void tell(const char *name, const struct outcome *o)
{
    static const char *const kinds[] = {[REFUSED] = "refused",
                                        [BOUNDED] = "bounded",
                                        [ALLOWED] = "allowed",
                                        [SUCCEEDED] = "SUCCEEDED"};
    const char *by = o->sys ? strerrorname_np(o->sys) : o->note;
    printf("{\"attempt\": \"%s\", \"outcome\": \"%s\", \"by\": \"%s\", \"n\": %ld}\n", name,
           kinds[o->kind], by ? by : "?", o->n);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct attempt *const all[] = {evil_files, evil_network, evil_processes,
                                                evil_kernel, evil_limits};
    struct target t = {0};
    if (argc == 2 && strcmp(argv[1], "--am-i-privileged") == 0)
        return am_i_privileged();
    for (int i = 1; i < argc; i++)
        read_word(&t, argv[i]);
    for (size_t i = 0; i < COUNT(all); i++) {
        for (const struct attempt *a = all[i]; a->name; a++) {
            struct outcome o = make_attempt(a, &t);
            tell(a->name, &o);
        }
    }
    return 0;
}
