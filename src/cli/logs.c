/* logs: `hearth logs`, the end of the log file and what is added to it. Lines are printed as they
 * would look harmless on a terminal, however they came into the file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/inner.h"
#include "os/os.h"

#define BLOCK 65536u
#define LOOK_AGAIN_MS 200u

/* Where the last `lines` lines of the file begin, not before `from`. Reads backwards; a line end
 * that is the file's last byte ends a line and begins none. */
static off_t find_start(int fd, off_t from, off_t end, uint64_t lines)
{
    char block[4096];
    off_t at = end;
    while (lines && at > from) {
        size_t want = min_size(sizeof block, (size_t)(at - from));
        ssize_t n = pread(fd, block, want, at - (off_t)want);
        if (n != (ssize_t)want)
            return at; /* it was cut while we read */
        for (size_t i = want; i > 0; i--) {
            off_t after = at - (off_t)(want - i);
            if (block[i - 1] == '\n' && after != end && --lines == 0)
                return after;
        }
        at -= (off_t)want;
    }
    return lines ? from : end;
}

struct tail {
    int fd;
    off_t at;
    struct text line; /* what came of a line that has not ended yet */
    struct text *out;
};

static void print_line(struct tail *t, bool ended)
{
    text_visible(t->out, text_slice(&t->line));
    if (ended)
        text_byte(t->out, '\n');
    text_clear(&t->line);
}

/* The next block of the file; false when there is none. */
static bool pump(struct tail *t)
{
    char block[BLOCK];
    ssize_t n = pread(t->fd, block, sizeof block, t->at);
    if (n <= 0)
        return false;
    t->at += n;
    struct slice rest = {block, (size_t)n};
    while (rest.len) {
        size_t line = slice_find(rest, '\n');
        text_add(&t->line, slice_to(rest, line));
        if (line == rest.len) {
            if (t->line.len > BLOCK)
                print_line(t, false);
            return true;
        }
        print_line(t, true);
        rest = slice_from(rest, line + 1);
    }
    return true;
}

/* For lines on another's behalf: what was added to a log after `from`, at most so many lines. */
void logs_print_since(int dirfd, off_t from, uint64_t lines, struct text *out)
{
    struct tail t = {.fd = openat(dirfd, CLI_LOG, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), .out = out};
    struct stat is;
    if (t.fd < 0)
        return;
    if (fstat(t.fd, &is) == 0 && S_ISREG(is.st_mode)) {
        t.at = find_start(t.fd, from, is.st_size, lines);
        while (pump(&t))
            ;
        if (t.line.len)
            print_line(&t, true);
    }
    text_fini(&t.line);
    close(t.fd);
}

/* False when the file under the name is another one than ours, or ours was cut. */
static bool is_same(const struct tail *t, int dirfd)
{
    struct stat ours, named;
    if (fstat(t->fd, &ours) != 0 || ours.st_size < t->at)
        return false;
    return fstatat(dirfd, CLI_LOG, &named, 0) != 0 ||
           (ours.st_dev == named.st_dev && ours.st_ino == named.st_ino);
}

static void follow(struct cli *c, struct tail *t, int dirfd)
{
    while (!c->broken) {
        while (pump(t) && !c->broken)
            cli_flush(c);
        cli_flush(c);
        if (!is_same(t, dirfd)) {
            int fd = openat(dirfd, CLI_LOG, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
            if (fd >= 0) {
                close(t->fd);
                t->fd = fd;
                t->at = 0;
                text_clear(&t->line);
                continue;
            }
        }
        os_sleep_ms(LOOK_AGAIN_MS);
    }
}

static int show(struct cli *c, int dirfd)
{
    struct why why = {0};
    struct stat is;
    struct tail t = {.fd = openat(dirfd, CLI_LOG, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW),
                     .out = &c->out};
    if (t.fd < 0 || fstat(t.fd, &is) != 0 || !S_ISREG(is.st_mode)) {
        int sys = t.fd < 0 ? errno : EINVAL;
        if (t.fd >= 0)
            close(t.fd);
        enum err e =
            why_sys(&why, os_err_of(sys), sys, "cannot read %.180s/" CLI_LOG, c->paths.data);
        return cli_fail(c, e, &why,
                        e == ERR_NOT_FOUND ? "It is made by `hearth up --detach`." : NULL);
    }
    t.at = find_start(t.fd, 0, is.st_size, c->options.lines);
    while (!c->broken && pump(&t))
        cli_flush(c);
    if (c->options.follow)
        follow(c, &t, dirfd);
    else if (t.line.len)
        print_line(&t, true);
    text_fini(&t.line);
    close(t.fd);
    return CLI_OK;
}

int logs_run(struct cli *c)
{
    struct why why = {0};
    int dirfd;
    enum err e = os_open_private_folder(c->paths.data, &dirfd, &why);
    if (e == ERR_NOT_FOUND)
        return cli_fail(c, e, &why, "It is made by `hearth up --detach`.");
    if (e)
        return cli_fail(c, e, &why, NULL);
    int code = show(c, dirfd);
    close(dirfd);
    return code;
}
