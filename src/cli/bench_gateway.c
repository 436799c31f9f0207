/* bench_gateway: `hearth bench gateway URL [--against URL]`. Of two addresses the rounds take
 * turns, so that what else the machine does falls on both. Keys are taken from the environment:
 * words of a command line can be read by every user of the machine. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/inner.h"
#include "os/os.h"

#define SECONDS_MOST 3600
#define BODY_MOST (64u << 20)
#define RATE_MOST 1000000u
#define WARM_MOST_US 500000u
#define FILES_BESIDE 64u

struct progress {
    struct cli *c;
    size_t at, of; /* measurements */
};

static void tell(void *data, uint64_t done_us, uint64_t of_us)
{
    const struct progress *p = data;
    uint64_t percent = (p->at * 100 + done_us * 100 / max_u64(of_us, 1)) / p->of;
    text_format(&p->c->err, "\r%llu %%", (unsigned long long)percent);
    cli_flush(p->c);
}

static void tell_no_more(struct cli *c)
{
    text_add(&c->err, SLICE("\r\033[K"));
    cli_flush(c);
}

/* NULL: the variable is not set, or empty. */
static const char *key_in(const struct cli *c, const char *name)
{
    size_t n = strlen(name);
    for (const char *const *v = c->environment; v && *v; v++) {
        if (!strncmp(*v, name, n) && (*v)[n] == '=' && (*v)[n + 1])
            return *v + n + 1;
    }
    return NULL;
}

static bool read_seconds(const char *words, uint64_t *ret_us)
{
    char *end;
    double seconds = strtod(words, &end);
    if (end == words || *end || !(seconds >= 0.01 && seconds <= SECONDS_MOST))
        return false;
    *ret_us = (uint64_t)(seconds * 1e6);
    return true;
}

static bool read_size(const char *words, size_t *ret_bytes)
{
    struct slice digits = slice_of(words);
    unsigned shift = 0;
    if (slice_ends(digits, SLICE("K")) || slice_ends(digits, SLICE("k")))
        shift = 10;
    if (slice_ends(digits, SLICE("M")))
        shift = 20;
    digits.len -= shift > 0;
    uint64_t n;
    if (!slice_u64(digits, &n) || n > BODY_MOST >> shift)
        return false;
    *ret_bytes = (size_t)n << shift;
    return true;
}

static enum err read_load(const struct cli *c, struct bench_load *load, struct why *why)
{
    const struct bench_options *o = &c->options.bench;
    if (!c->options.arguments.n)
        return why_set(why, ERR_BAD_REQUEST,
                       "which address? as `hearth bench gateway "
                       "http://127.0.0.1:8420`");
    if (!read_seconds(o->seconds, &load->run_us))
        return why_set(why, ERR_BAD_REQUEST, "--seconds takes a number from 0.01 to %d",
                       SECONDS_MOST);
    if (!read_size(o->body, &load->body))
        return why_set(why, ERR_BAD_REQUEST, "--body takes bytes, as 1000, 32K or 1M; at most 64M");
    if (!o->connections || o->connections > BENCH_CONNECTIONS_MOST)
        return why_set(why, ERR_BAD_REQUEST, "--connections takes a number from 1 to %u",
                       BENCH_CONNECTIONS_MOST);
    if (!o->chunks || o->chunks > BENCH_CHUNKS_MOST)
        return why_set(why, ERR_BAD_REQUEST, "--chunks takes a number from 1 to %u",
                       BENCH_CHUNKS_MOST);
    if (o->rate > RATE_MOST)
        return why_set(why, ERR_BAD_REQUEST, "--rate is at most %u", RATE_MOST);
    load->connections = (unsigned)o->connections;
    load->chunks = (unsigned)o->chunks;
    load->rate = (unsigned)o->rate;
    load->stream = o->stream;
    load->model = o->model;
    load->warm_us = min_u64(WARM_MOST_US, load->run_us / 4);
    return OK;
}

static const char *what_next(enum err e)
{
    switch ((int)e) {
    case ERR_CONNECT_REFUSED:
        return "Start the server, or correct the address.";
    case ERR_AUTH_401_403:
        return "If it wants a key, put it into HEARTH_BENCH_KEY; that of --against into "
               "HEARTH_BENCH_AGAINST_KEY.";
    case ERR_NO_MODEL:
        return "Name a model that it has with --model, and check the address.";
    case ERR_DNS:
        return "Correct the name, or give an IP address.";
    case ERR_BAD_RESPONSE:
        return "Is this the address of an OpenAI-compatible API?";
    default:
        return "";
    }
}

static enum err measure_all(struct cli *c, const struct bench_load *wanted, struct measured *all,
                            size_t n, struct why *why)
{
    struct bench_load load = *wanted;
    struct bench_place places[2];
    size_t rounds = n == 1 ? 1 : BENCH_ROUNDS;
    struct progress progress = {c, 0, rounds * n};
    enum err e = OK;
    for (size_t i = 0; !e && i < n; i++)
        e = bench_find(all[i].url, &places[i], why);
    if (c->err_terminal) {
        load.tell = tell;
        load.data = &progress;
    }
    for (size_t i = 0; !e && i < rounds * n; i++) {
        struct measured *m = &all[i % n];
        progress.at = i;
        load.place = &places[i % n];
        load.key = m->key;
        e = bench_measure(&load, &m->rounds[m->n], why);
        m->n += !e;
    }
    if (load.tell)
        tell_no_more(c);
    return e;
}

int bench_gateway_run(struct cli *c)
{
    struct bench_load load = {0};
    struct why why = {0};
    enum err e = read_load(c, &load, &why);
    if (e)
        return cli_fail(c, e, &why, "See `hearth help bench gateway`.");
    struct measured all[2] = {
        {.url = c->options.arguments.items[0], .key = key_in(c, "HEARTH_BENCH_KEY")},
        {.url = c->options.bench.against, .key = key_in(c, "HEARTH_BENCH_AGAINST_KEY")}};
    size_t n = all[1].url ? 2 : 1;
    uint64_t files = load.connections + FILES_BESIDE;
    if (os_raise_files(files) < files) {
        why_set(&why, ERR_SYSTEM, "the system does not grant %llu open files",
                (unsigned long long)files);
        return cli_fail(c, ERR_SYSTEM, &why, NULL);
    }
    e = measure_all(c, &load, all, n, &why);
    if (e)
        return cli_fail(c, e, &why, what_next(e));
    if (c->options.json)
        bench_json(&load, all, n, &c->out);
    else
        bench_print(&load, all, n, &c->out);
    uint64_t wrong = 0;
    for (size_t i = 0; i < all[0].n * n; i++)
        wrong += all[i % n].rounds[i / n].wrong;
    return wrong ? CLI_FAILED : CLI_OK;
}
