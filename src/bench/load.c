/* load: the generator. One thread, one poller, so many connections, one request on each at a time.
 * A caller is OFF, CONNECTING, IDLE or BUSY; a fault is counted, and its connection made anew. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench/inside.h"
#include "http/http.h"
#include "os/os.h"

#define READ_AT_ONCE (256u << 10)
#define BODY_MOST (16u << 20)
#define TICK_US 100000u
#define CONNECT_US 5000000u
#define PATIENCE_US 30000000u /* for one answer */
#define READY_AT_ONCE 256u

enum caller_state { OFF, CONNECTING, IDLE, BUSY };

struct caller {
    struct run *run;
    struct caller *next_idle;
    enum caller_state state;
    int fd;
    size_t sent; /* of the question */
    uint64_t due_us, sent_us;
    struct http_parser parser;
    struct text body;
    int status;
    bool keep_alive;
    char nonce[NONCE_LEN];
};

struct run {
    const struct bench_load *load;
    int poll;
    struct question question;
    struct judge judge;
    struct bench_figures figures;
    struct caller *callers, *idle;
    unsigned busy;
    uint64_t begin_us, from_us, until_us, tick_us; /* from .. until is counted */
    uint64_t asked, most;
    uint64_t nonce;
    enum err connecting; /* the last reason why a connection could not be made */
    struct hist hist;
    char buffer[READ_AT_ONCE];
};

static size_t question_len(const struct run *r)
{
    return r->question.before.len + NONCE_LEN + r->question.after.len;
}

/* ---- connections ---- */

static void rest(struct caller *c)
{
    c->state = IDLE;
    c->next_idle = c->run->idle;
    c->run->idle = c;
}

static void hang_up(struct caller *c)
{
    struct caller **at = &c->run->idle;
    if (c->fd >= 0)
        close(c->fd);
    for (; c->state == IDLE && *at; at = &(*at)->next_idle) {
        if (*at == c) {
            *at = c->next_idle;
            break;
        }
    }
    if (c->state == BUSY)
        c->run->busy--;
    c->fd = -1;
    c->state = OFF;
    http_parser_fini(&c->parser);
    text_clear(&c->body);
}

static void call(struct caller *c)
{
    const struct bench_place *place = c->run->load->place;
    enum err e =
        os_tcp_connect((const struct sockaddr *)&place->address, place->address_len, &c->fd);
    if (!e) {
        c->state = CONNECTING;
        e = os_poll_add(c->run->poll, c->fd, c);
        if (e)
            hang_up(c);
    }
    if (e)
        c->run->connecting = e;
}

static void connected(struct caller *c)
{
    int sys = 0;
    socklen_t len = sizeof sys;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &sys, &len) != 0)
        sys = errno;
    if (!sys) {
        rest(c);
        return;
    }
    c->run->connecting = sys == ECONNREFUSED ? ERR_CONNECT_REFUSED : os_err_of(sys);
    hang_up(c); /* the next tick tries again */
}

/* ---- what came of a request ---- */

static void count_right(struct caller *c)
{
    struct run *r = c->run;
    uint64_t now_us = os_mono_us();
    uint64_t at_us = r->load->rate ? c->due_us : now_us;
    r->figures.answered++;
    if (at_us < r->from_us || at_us >= r->until_us)
        return;
    r->figures.requests++;
    hist_record(&r->hist, now_us - c->due_us);
}

static void count_wrong(struct run *r, const struct why *why)
{
    if (!r->figures.wrong++)
        r->figures.why = *why;
}

static void fail(struct caller *c, enum err e, const char *words)
{
    struct why why = {0};
    why_set(&why, e, "%s", words);
    count_wrong(c->run, &why);
    hang_up(c);
    call(c);
}

static void answered(struct caller *c)
{
    struct run *r = c->run;
    struct why why = {0};
    bool is_right = false;
    if (c->body.failed)
        why_set(&why, ERR_BAD_RESPONSE, "an answer is longer than 16 MiB");
    else if (c->status != 200)
        judge_refusal(c->status, text_slice(&c->body), &why);
    else
        is_right = judge_body(&r->judge, text_slice(&c->body), c->nonce, &why);
    if (is_right)
        count_right(c);
    else
        count_wrong(r, &why);
    text_clear(&c->body);
    if (c->keep_alive && c->sent == question_len(r)) {
        r->busy--;
        rest(c);
    } else {
        hang_up(c);
        call(c);
    }
}

/* ---- bytes ---- */

static size_t add_vector(struct iovec *v, size_t n, struct slice part, size_t *skip)
{
    if (*skip >= part.len) {
        *skip -= part.len;
        return n;
    }
    v[n] = (struct iovec){(void *)(uintptr_t)(part.ptr + *skip), part.len - *skip};
    *skip = 0;
    return n + 1;
}

static void send_more(struct caller *c)
{
    const struct question *q = &c->run->question;
    while (c->sent < question_len(c->run)) {
        struct iovec v[3];
        size_t skip = c->sent, n = 0;
        n = add_vector(v, n, text_slice(&q->before), &skip);
        n = add_vector(v, n, (struct slice){c->nonce, NONCE_LEN}, &skip);
        n = add_vector(v, n, text_slice(&q->after), &skip);
        ssize_t wrote = writev(c->fd, v, (int)n);
        if (wrote > 0)
            c->sent += (size_t)wrote;
        else if (wrote < 0 && errno != EINTR)
            return; /* later; or it broke, and reading says how */
    }
}

static void ask(struct caller *c, uint64_t due_us)
{
    struct run *r = c->run;
    assert(c->state == IDLE && r->idle == c);
    r->idle = c->next_idle;
    c->state = BUSY;
    c->due_us = due_us;
    c->sent_us = os_mono_us();
    c->sent = 0;
    nonce_make(c->nonce, r->nonce++);
    r->busy++;
    r->asked++;
    send_more(c);
}

static void take(struct caller *c, struct slice in)
{
    for (;;) {
        struct slice run;
        if (c->state != BUSY) {
            if (in.len)
                fail(c, ERR_BAD_RESPONSE, "bytes came that answer nothing");
            return;
        }
        switch (http_parse(&c->parser, &in, &run)) {
        case HTTP_MORE:
            return;
        case HTTP_HEAD:
            c->status = http_head(&c->parser)->status;
            c->keep_alive = http_head(&c->parser)->keep_alive;
            break;
        case HTTP_BODY:
            text_add(&c->body, run);
            break;
        case HTTP_END:
            answered(c);
            break;
        case HTTP_BAD:
        case HTTP_CUT:
            fail(c, ERR_BAD_RESPONSE, c->parser.why);
            return;
        }
    }
}

static void ended(struct caller *c)
{
    if (c->state == BUSY && http_parse_eof(&c->parser) == HTTP_END) {
        c->keep_alive = false;
        answered(c);
    } else if (c->state == BUSY) {
        fail(c, ERR_EOF_BEFORE_HEADERS, "a connection was closed before its answer was complete");
    } else {
        hang_up(c); /* it was idle for too long for the other side: nothing is lost */
        call(c);
    }
}

static void receive(struct caller *c)
{
    struct run *r = c->run;
    for (int fd = c->fd; fd >= 0 && c->fd == fd && c->state != CONNECTING;) {
        ssize_t n = read(fd, r->buffer, sizeof r->buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            ended(c);
            return;
        }
        take(c, (struct slice){r->buffer, (size_t)n});
        if ((size_t)n < sizeof r->buffer)
            return;
    }
}

/* ---- turns ---- */

static void turn(struct run *r, uint64_t wait_us)
{
    struct os_ready ready[READY_AT_ONCE];
    size_t n = os_poll_wait(r->poll, ready, COUNT(ready), wait_us);
    for (size_t i = 0; i < n; i++) {
        struct caller *c = ready[i].owner;
        if (c->state == CONNECTING && ready[i].writable)
            connected(c);
        if (c->state == BUSY && ready[i].writable)
            send_more(c);
        if (c->state > CONNECTING && ready[i].readable)
            receive(c);
    }
}

/* Ten times a second: who has waited too long, and who has no connection. */
static void tick(struct run *r, uint64_t now_us)
{
    if (now_us < r->tick_us)
        return;
    r->tick_us = now_us + TICK_US;
    for (unsigned i = 0; i < r->load->connections; i++) {
        struct caller *c = &r->callers[i];
        if (c->state == OFF)
            call(c);
        else if (c->state == BUSY && now_us > c->sent_us + PATIENCE_US)
            fail(c, ERR_HDR_TIMEOUT, "no whole answer came within 30 s");
    }
    if (r->load->tell)
        r->load->tell(r->load->data, min_u64(now_us, r->until_us) - r->begin_us,
                      r->until_us - r->begin_us);
}

/* When the next request is due; UINT64_MAX: never, or not before somebody is idle. */
static uint64_t next_due(const struct run *r, uint64_t now_us)
{
    if (!r->idle || r->asked >= r->most)
        return UINT64_MAX;
    if (r->load->rate)
        return r->begin_us + r->asked * 1000000 / r->load->rate;
    return now_us < r->until_us ? now_us : UINT64_MAX;
}

static bool is_over(const struct run *r, uint64_t now_us)
{
    if (now_us > r->until_us + PATIENCE_US)
        return true;
    return !r->busy && (r->asked >= r->most || (!r->load->rate && now_us >= r->until_us));
}

static void go(struct run *r)
{
    uint64_t now_us = os_mono_us();
    r->begin_us = now_us;
    r->from_us = now_us + r->load->warm_us;
    r->until_us = r->from_us + r->load->run_us;
    if (r->load->rate)
        r->most = (r->load->warm_us + r->load->run_us) * r->load->rate / 1000000;
    while (!is_over(r, now_us)) {
        uint64_t due_us;
        while ((due_us = next_due(r, now_us)) <= now_us)
            ask(r->idle, due_us);
        tick(r, now_us);
        turn(r, min_u64(due_us, r->tick_us) - now_us);
        now_us = os_mono_us();
    }
    struct why why = {0};
    why_set(&why, ERR_CONNECT_REFUSED, "requests could not be sent: no connection");
    while (r->load->rate && r->asked < r->most) {
        count_wrong(r, &why);
        r->asked++;
    }
}

/* ---- a run ---- */

static enum err open_run(struct run *r, const struct bench_load *load, struct why *why)
{
    uint32_t random;
    os_random(&random, sizeof random);
    r->load = load;
    r->poll = -1;
    r->most = UINT64_MAX;
    r->nonce = random;
    r->judge.stream = load->stream;
    r->judge.chunks = load->chunks;
    question_make(load, &r->question);
    r->callers = mem_alloc(load->connections * sizeof *r->callers);
    if (!r->callers || r->question.before.failed || r->question.after.failed)
        return why_set(why, ERR_NO_MEMORY, "no memory for %u connections", load->connections);
    for (unsigned i = 0; i < load->connections; i++) {
        struct caller *c = &r->callers[i];
        *c = (struct caller){.run = r, .fd = -1, .body.limit = BODY_MOST};
        http_parser_init(&c->parser, HTTP_RESPONSE, NULL);
    }
    enum err e = os_poll_open(&r->poll);
    return e ? why_set(why, e, "cannot watch the connections") : OK;
}

static unsigned count_idle(const struct run *r)
{
    unsigned n = 0;
    for (const struct caller *c = r->idle; c; c = c->next_idle)
        n++;
    return n;
}

static enum err connect_all(struct run *r, struct why *why)
{
    const struct bench_load *load = r->load;
    uint64_t until_us = os_mono_us() + CONNECT_US;
    for (unsigned i = 0; i < load->connections && !r->connecting; i++)
        call(&r->callers[i]);
    while (!r->connecting && count_idle(r) < load->connections && os_mono_us() < until_us)
        turn(r, TICK_US);
    if (r->connecting == ERR_CONNECT_REFUSED)
        return why_set(why, ERR_CONNECT_REFUSED, "nothing listens at %s", load->place->host);
    if (r->connecting)
        return why_set(why, r->connecting, "cannot make %u connections to %s", load->connections,
                       load->place->host);
    if (count_idle(r) < load->connections)
        return why_set(why, ERR_CONNECT_TIMEOUT, "%s took only %u of %u connections in 5 s",
                       load->place->host, count_idle(r), load->connections);
    return OK;
}

static void close_run(struct run *r)
{
    for (unsigned i = 0; r->callers && i < r->load->connections; i++) {
        hang_up(&r->callers[i]);
        text_fini(&r->callers[i].body);
    }
    if (r->poll >= 0)
        close(r->poll);
    question_fini(&r->question);
    judge_fini(&r->judge);
    mem_free(r->callers);
    mem_free(r);
}

/* One question, to learn who answers. */
static enum err probe(const struct bench_load *load, bool *ret_exact, struct why *why)
{
    struct bench_load once = *load;
    once.connections = 1;
    once.rate = 0;
    once.warm_us = 0;
    once.run_us = PATIENCE_US;
    once.tell = NULL;
    struct run *r = mem_new(struct run);
    if (!r)
        return why_set(why, ERR_NO_MEMORY, "no memory for a run");
    enum err e = open_run(r, &once, why);
    if (!e)
        e = connect_all(r, why);
    if (!e) {
        r->most = 1;
        go(r);
        if (r->figures.wrong) {
            *why = r->figures.why;
            e = why->code;
        } else {
            *ret_exact = judge_is_mock(&r->judge, r->callers[0].nonce);
        }
    }
    close_run(r);
    return e;
}

static uint64_t cpu_us(void)
{
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) != 0)
        return 0;
    return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static void sum_up(struct run *r, uint64_t began_us)
{
    struct bench_figures *f = &r->figures;
    f->exact = r->judge.exact;
    f->per_second = (double)f->requests * 1e6 / (double)r->load->run_us;
    f->p50_us = hist_percentile(&r->hist, 50);
    f->p90_us = hist_percentile(&r->hist, 90);
    f->p99_us = hist_percentile(&r->hist, 99);
    f->p999_us = hist_percentile(&r->hist, 99.9);
    f->most_us = r->hist.most;
    f->cpu_us = cpu_us() - began_us;
}

enum err bench_measure(const struct bench_load *load, struct bench_figures *ret_figures,
                       struct why *why)
{
    struct why reason = {0};
    bool exact = false;
    assert(load->connections && load->run_us);
    enum err e = probe(load, &exact, why ? why : &reason);
    if (e)
        return e;
    struct run *r = mem_new(struct run);
    if (!r)
        return why_set(why, ERR_NO_MEMORY, "no memory for a run");
    e = open_run(r, load, why);
    r->judge.exact = exact;
    if (!e)
        e = connect_all(r, why);
    if (!e) {
        uint64_t began_us = cpu_us();
        go(r);
        sum_up(r, began_us);
        *ret_figures = r->figures;
    }
    close_run(r);
    return e;
}
