/* spool: see struct spool. Writing a file blocks, so it is done by jobs of up to 256 KiB; while one
 * runs the connection is not read, which bounds what is held in memory. */
#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "conn/inside.h"
#include "os/os.h"

#define AT_ONCE (256u * 1024)

enum err spool_open(struct conn *c)
{
    c->h1.spool = (struct spool){.fd = -1};
    return os_temp_file(c->server->spool_folder, &c->h1.spool.fd, NULL);
}

static void write_part(struct job *j)
{
    struct spool *p = owner_of(j, struct spool, job);
    for (size_t at = 0; at < p->writing.len;) {
        ssize_t n =
            pwrite(p->fd, p->writing.ptr + at, p->writing.len - at, (off_t)(p->written + at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            p->failed = n < 0 ? errno : ENOSPC;
            return;
        }
        at += (size_t)n;
    }
    p->written += p->writing.len;
}

static void part_written(struct job *j)
{
    struct spool *p = owner_of(j, struct spool, job);
    struct conn *c = owner_of(p, struct conn, h1.spool);
    p->busy = false;
    text_clear(&p->writing);
    http1_spool_done(c, p->failed ? ERR_DISK : OK);
}

static enum err start(struct conn *c)
{
    struct spool *p = &c->h1.spool;
    struct text empty = p->writing;
    p->writing = p->gathered;
    p->gathered = empty;
    p->job.work = write_part;
    p->job.done = part_written;
    enum err e = job_start(&p->job, c->server->loop, &c->hold);
    p->busy = !e;
    return e;
}

enum err spool_add(struct conn *c, struct slice bytes)
{
    struct spool *p = &c->h1.spool;
    text_add(&p->gathered, bytes);
    if (p->gathered.failed)
        return ERR_NO_MEMORY;
    return p->gathered.len >= AT_ONCE && !p->busy ? start(c) : OK;
}

enum err spool_end(struct conn *c)
{
    struct spool *p = &c->h1.spool;
    p->ending = true;
    return p->gathered.len && !p->busy ? start(c) : OK;
}

/* While a job writes, its memory and descriptor stay; part_written calls this again. */
void spool_fini(struct spool *p)
{
    if (p->busy)
        return;
    if (p->fd > 0)
        close(p->fd);
    text_fini(&p->gathered);
    text_fini(&p->writing);
    *p = (struct spool){.fd = -1};
}
