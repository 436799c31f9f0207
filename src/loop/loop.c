/* loop: the loop itself, holds and the bus. At the end of each turn, before it waits, the loop
 * sends what streams gathered and writes the log. */
#include "loop/loop.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/inside.h"

#define SLOW_STEP_US 5000u

void hold_add(struct hold *h)
{
    h->count++;
}

void hold_drop(struct hold *h)
{
    assert(h->count > 0);
    if (--h->count == 0)
        h->gone(h);
}

static void *replaced_calloc(size_t n, size_t each)
{
    size_t bytes;
    return __builtin_mul_overflow(n, each, &bytes) ? NULL : mem_alloc(bytes);
}

static void *replaced_malloc(size_t bytes)
{
    return mem_grow(NULL, bytes);
}

static void end_turn(struct loop *l)
{
    if (!l->turn_began_us)
        return; /* nothing was ready */
    uint64_t took = loop_now_us(l) - l->turn_began_us;
    l->turn_began_us = 0;
    l->turns++;
    l->busy_us += took;
    l->longest_turn_us = max_u64(took, l->longest_turn_us);
}

static void before_wait(uv_prepare_t *p)
{
    struct loop *l = owner_of(p, struct loop, before_wait);
    streams_send_all(l);
    log_flush();
    end_turn(l);
}

static void do_nothing(uv_work_t *work)
{
    (void)work;
}

static void did_nothing(uv_work_t *work, int status)
{
    (void)work, (void)status;
}

/* libuv makes its threads with the first job. They are made here, with every signal blocked: one
 * that ends the process by default would, if it came to them after the watches are closed. */
static bool make_threads(struct loop *l)
{
    sigset_t all, before;
    uv_work_t first;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool made = uv_queue_work(&l->uv, &first, do_nothing, did_nothing) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    return made;
}

enum err loop_open(struct loop *l, struct why *why)
{
    *l = (struct loop){0};
    uv_replace_allocator(replaced_malloc, mem_grow, replaced_calloc, mem_free);
    l->bus = mem_alloc(BUS_ROOM * sizeof *l->bus);
    l->read_buffer = mem_alloc(READ_BUFFER);
    if (!l->bus || !l->read_buffer || uv_loop_init(&l->uv) != 0 || !make_threads(l)) {
        mem_free(l->bus);
        mem_free(l->read_buffer);
        return why_set(why, ERR_NO_MEMORY, "the event loop cannot be made");
    }
    uv_prepare_init(&l->uv, &l->before_wait);
    uv_prepare_start(&l->before_wait, before_wait);
    uv_unref((uv_handle_t *)&l->before_wait);
    return OK;
}

void loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_close(struct loop *l)
{
    uv_close((uv_handle_t *)&l->before_wait, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT); /* the last close callbacks */
    int busy = uv_loop_close(&l->uv);
    assert(busy == 0);
    (void)busy;
    mem_free(l->bus);
    mem_free(l->read_buffer);
    log_flush();
}

uint64_t loop_now_ms(const struct loop *l)
{
    return uv_now(&l->uv);
}

uint64_t loop_now_us(const struct loop *l)
{
    (void)l;
    return uv_hrtime() / 1000;
}

void step_begin(struct loop *l)
{
    l->step_began_us = loop_now_us(l);
    if (!l->turn_began_us)
        l->turn_began_us = l->step_began_us;
}

void step_end(struct loop *l, const char *what)
{
    l->step_ended_us = loop_now_us(l);
    uint64_t took = l->step_ended_us - l->step_began_us;
    l->longest_step_us = max_u64(took, l->longest_step_us);
    if (took > SLOW_STEP_US) {
        l->slow_steps++;
        log_warn("loop", "a %s step took %llu us", what, (unsigned long long)took);
    }
}

void bus_say(struct loop *l, const char *topic, const char *format, ...)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct bus_item *item = &l->bus[++l->bus_last % BUS_ROOM];
    item->number = l->bus_last;
    item->at_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    item->topic = topic;
    va_list args;
    va_start(args, format);
    vsnprintf(item->words, sizeof item->words, format, args);
    va_end(args);
}

const struct bus_item *bus_get(const struct loop *l, uint64_t number)
{
    uint64_t oldest = l->bus_last >= BUS_ROOM ? l->bus_last - BUS_ROOM + 1 : 1;
    number = max_u64(number, oldest);
    return number <= l->bus_last ? &l->bus[number % BUS_ROOM] : NULL;
}
