/* bench_upstream: `hearth bench upstream`, the mock in the foreground. */
#include "cli/inner.h"
#include "os/os.h"

#define FILES_WANTED 16384u

static void tell_ready(void *data, uint16_t port)
{
    struct cli *c = data;
    text_format(&c->out,
                "the mock listens on http://127.0.0.1:%u/v1, model " BENCH_MODEL
                "; Ctrl-C ends it\n",
                (unsigned)port);
    cli_flush(c);
}

int bench_upstream_run(struct cli *c)
{
    const struct bench_options *o = &c->options.bench;
    struct why why = {0};
    if (o->port > UINT16_MAX || o->chunks < 1 || o->chunks > BENCH_CHUNKS_MOST ||
        o->gap_ms > 60000) {
        why_set(&why, ERR_BAD_REQUEST,
                "--port is at most 65535, --chunks 1 to %u, --gap at most 60000",
                BENCH_CHUNKS_MOST);
        return cli_fail(c, ERR_BAD_REQUEST, &why, NULL);
    }
    const struct bench_mock mock = {.port = (uint16_t)o->port,
                                    .chunks = (unsigned)o->chunks,
                                    .gap_ms = (unsigned)o->gap_ms,
                                    .ready = tell_ready,
                                    .data = c};
    os_raise_files(FILES_WANTED);
    enum err e = bench_serve(&mock, &why);
    return cli_fail(c, e, &why,
                    e == ERR_BUSY ? "Another program has this port; name another." : NULL);
}
