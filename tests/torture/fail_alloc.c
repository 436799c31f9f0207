/* fail_alloc: makes the n-th allocation of a running daemon fail. Linked, by the linker's --wrap,
 * in front of base/mem in builds with test endpoints only. A test maps the file that the variable
 * HEARTH_FAIL_ALLOC names and writes there which allocation to fail; without the variable nothing
 * fails and nothing is counted. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

struct orders {               /* the file, in the machine's own words */
    _Atomic uint64_t count;   /* allocations so far: written here */
    _Atomic uint64_t fail_at; /* the number of the one to fail; 0: none. Written by the test */
    _Atomic uint64_t forever; /* 1: all from then on */
    _Atomic uint64_t failed;  /* how many did: written here */
};

static struct orders *orders;

void *__real_mem_alloc(size_t bytes);
void *__real_mem_grow(void *block, size_t bytes);
void *__wrap_mem_alloc(size_t bytes);
void *__wrap_mem_grow(void *block, size_t bytes);

__attribute__((constructor)) static void find_orders(void)
{
    const char *path = getenv("HEARTH_FAIL_ALLOC");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *at = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    orders = at == MAP_FAILED ? NULL : at;
    close(fd);
}

static bool must_fail(void)
{
    if (!orders)
        return false;
    uint64_t number = atomic_fetch_add(&orders->count, 1) + 1, at = atomic_load(&orders->fail_at);
    bool fails = at && (number == at || (number > at && atomic_load(&orders->forever)));
    if (fails)
        atomic_fetch_add(&orders->failed, 1);
    return fails;
}

void *__wrap_mem_alloc(size_t bytes)
{
    return must_fail() ? NULL : __real_mem_alloc(bytes);
}

void *__wrap_mem_grow(void *block, size_t bytes)
{
    return must_fail() ? NULL : __real_mem_grow(block, bytes);
}
