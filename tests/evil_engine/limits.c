/* limits: attempts to take more than one's share: processes, memory, room for files. Each stops by
 * itself a little above what the tests' limits are, and gives all back when its process ends. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evil.h"

#define MIB (1L << 20)
#define MOST_PROCESSES 600
#define MOST_MEMORY (384 * MIB)
#define STEP (16 * MIB)
#define MOST_TMP (300 * MIB)
#define MOST_SHM (100 * MIB)
#define ONE_FILE (4 * MIB)
#define BIG_FILE (64 * MIB)
#define MANY_FILES 76 /* more than /tmp has room for */
#define MANY_SOCKETS 2000

static struct outcome fork_bomb(const struct target *t)
{
    (void)t;
    static pid_t children[MOST_PROCESSES];
    long n = 0;
    int sys = 0;
    while (n < MOST_PROCESSES) {
        pid_t child = fork();
        if (child == 0) {
            pause();
            _exit(0);
        }
        if (child < 0) {
            sys = errno;
            break;
        }
        children[n++] = child;
    }
    for (long i = 0; i < n; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    errno = sys;
    return n < MOST_PROCESSES ? bounded(n) : succeeded("as many processes as it wants");
}

static struct outcome take_memory(int flags, int fd)
{
    long n = 0;
    for (; n < MOST_MEMORY; n += STEP) {
        char *block = mmap(NULL, STEP, PROT_READ | PROT_WRITE, flags, fd, 0);
        if (block == MAP_FAILED)
            return bounded(n);
        for (long i = 0; i < STEP; i += 4096)
            block[i] = 1;
    }
    return succeeded("as much memory as it wants");
}

static struct outcome balloon(const struct target *t)
{
    (void)t;
    return take_memory(MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static struct outcome shared_memory(const struct target *t)
{
    (void)t;
    return take_memory(MAP_SHARED | MAP_ANONYMOUS, -1);
}

/* Each mapping of it is memory of its own. */
static struct outcome shared_zeros(const struct target *t)
{
    (void)t;
    int fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
    return fd < 0 ? refused() : take_memory(MAP_SHARED, fd);
}

/* Counted as a stack, which only its growing is measured by. */
static struct outcome many_stacks(const struct target *t)
{
    (void)t;
    return take_memory(MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1);
}

/* Files without a name, each below the limit. */
static struct outcome memory_files(const struct target *t)
{
    (void)t;
    long n = 0;
    for (; n < MOST_MEMORY; n += ONE_FILE) {
        int fd = memfd_create("evil", MFD_CLOEXEC);
        if (fd < 0 || posix_fallocate(fd, 0, ONE_FILE) != 0)
            return n ? bounded(n) : refused();
    }
    return succeeded("as much memory as it wants");
}

static struct outcome shared_segments(const struct target *t)
{
    (void)t;
    long n = 0;
    for (; n < MOST_MEMORY; n += STEP) {
        int id = shmget(IPC_PRIVATE, STEP, IPC_CREAT | 0600);
        char *block = id < 0 ? (char *)-1 : shmat(id, NULL, 0);
        if (id >= 0)
            shmctl(id, IPC_RMID, NULL); /* goes with the last that has it */
        if (block == (char *)-1)
            return n ? bounded(n) : refused();
        memset(block, 1, STEP);
    }
    return succeeded("as much memory as it wants");
}

/* How much was written into a file without a name; less than asked for: errno says why. */
static long fill_one(const char *folder, long most)
{
    static char bytes[65536];
    char path[512];
    snprintf(path, sizeof path, "%s/evil-fill-%d", folder, getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    long n = 0;
    if (fd < 0)
        return -1;
    unlink(path);
    while (n < most) {
        ssize_t done = write(fd, bytes, sizeof bytes);
        if (done <= 0)
            break;
        n += done;
    }
    return n; /* the descriptor stays: what is written stays until we end */
}

static struct outcome fill(const char *folder, long each, long most)
{
    signal(SIGXFSZ, SIG_IGN);
    long n = 0;
    while (n < most) {
        long got = fill_one(folder, each);
        if (got < 0 && n == 0)
            return refused();
        n += got > 0 ? got : 0;
        if (got < each)
            return bounded(n);
    }
    return succeeded("as much room as it wants");
}

static struct outcome fill_tmp(const struct target *t)
{
    return fill(t->tmp, ONE_FILE, MOST_TMP);
}

static struct outcome fill_shm(const struct target *t)
{
    (void)t;
    return fill("/dev/shm", ONE_FILE, MOST_SHM);
}

static struct outcome fill_devices(const struct target *t)
{
    (void)t;
    return fill("/dev", ONE_FILE, ONE_FILE);
}

static struct outcome one_big_file(const struct target *t)
{
    return fill(t->folder, BIG_FILE, BIG_FILE);
}

static struct outcome many_files(const struct target *t)
{
    return fill(t->folder, ONE_FILE, MANY_FILES * ONE_FILE);
}

/* What matters is where: the test looks whether there are any outside of the sandbox. */
static struct outcome many_sockets(const struct target *t)
{
    for (int i = 0; i < MANY_SOCKETS; i++) {
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int n = snprintf(at.sun_path, sizeof at.sun_path, "%s/evil-%d.sock", t->folder, i);
        bool done = fd >= 0 && n < (int)sizeof at.sun_path &&
                    bind(fd, (const struct sockaddr *)&at, sizeof at) == 0;
        if (fd >= 0)
            close(fd);
        if (!done)
            return i ? bounded(i) : refused();
    }
    return allowed("gone with it");
}

const struct attempt evil_limits[] = {
    {"fork_bomb", fork_bomb},         {"balloon", balloon},
    {"shared_memory", shared_memory}, {"fill_tmp", fill_tmp},
    {"fill_shm", fill_shm},           {"fill_devices", fill_devices},
    {"one_big_file", one_big_file},   {"many_files", many_files},
    {"shared_zeros", shared_zeros},   {"many_stacks", many_stacks},
    {"memory_files", memory_files},   {"shared_segments", shared_segments},
    {"many_sockets", many_sockets},   {NULL, NULL},
};
