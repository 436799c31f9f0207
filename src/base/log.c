/* log: see log.h. One of the two files that may hold mutable variables of its own: a log is
 * needed where nobody can hand one over. A full disk or a broken pipe drops lines, counted. */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GATHER 32768u
#define LONGEST_LINE 2048u

static struct {
    pthread_mutex_t lock;
    int fd;
    enum log_level least;
    bool is_file;
    size_t len;
    bool dropped; /* lines, since the last that got through */
    char lines[GATHER];
} out = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO, .least = LOG_INFO};

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARN] = "warn",
    [LOG_ERROR] = "error",
};

/* A pipe or a terminal that nobody reads must not stop the loop: it takes as much as it can. */
static bool would_wait(void)
{
    struct pollfd p = {.fd = out.fd, .events = POLLOUT};
    return !out.is_file && poll(&p, 1, 0) != 1;
}

static void write_out(void)
{
    size_t at = 0;
    while (at < out.len) {
        size_t most = out.is_file ? out.len - at : min_size(out.len - at, PIPE_BUF);
        ssize_t n = would_wait() ? 0 : write(out.fd, out.lines + at, most);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            out.dropped = true;
            break;
        }
        at += (size_t)n;
    }
    out.len = 0;
}

void log_open(int fd, enum log_level least)
{
    pthread_mutex_lock(&out.lock);
    write_out();
    struct stat about;
    out.fd = fd;
    out.least = least;
    out.is_file = fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    pthread_mutex_unlock(&out.lock);
}

void log_flush(void)
{
    pthread_mutex_lock(&out.lock);
    if (out.len)
        write_out();
    pthread_mutex_unlock(&out.lock);
}

bool log_has(enum log_level level)
{
    return level >= out.least;
}

bool log_level_of(const char *name, enum log_level *ret_level)
{
    for (size_t i = 0; i < COUNT(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* Controls become '?': whoever wants their value makes them visible before. */
static size_t tame(char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];
        if (c < 0x20 || c == 0x7f)
            line[i] = '?';
    }
    return len;
}

static void line(enum log_level level, const char *room, const char *format, va_list args)
    PRINTF(3, 0);
static void line(enum log_level level, const char *room, const char *format, va_list args)
{
    char text[LONGEST_LINE];
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    int more = snprintf(text + n, sizeof text - n, ".%03ldZ %-5s %-8s ", now.tv_nsec / 1000000,
                        level_names[level], room);
    n += more > 0 ? (size_t)more : 0;
    more = vsnprintf(text + n, sizeof text - n - 1, format, args);
    n = min_size(n + (more > 0 ? (size_t)more : 0), sizeof text - 2);
    n = tame(text, n);
    text[n++] = '\n';

    pthread_mutex_lock(&out.lock);
    if (out.dropped && !would_wait()) {
        more = snprintf(out.lines + out.len, sizeof out.lines - out.len,
                        "(nobody took the log for a while: lines are missing)\n");
        out.len += min_size(more > 0 ? (size_t)more : 0, sizeof out.lines - out.len - 1);
        out.dropped = false;
    }
    if (out.len + n > sizeof out.lines)
        write_out();
    memcpy(out.lines + out.len, text, n);
    out.len += n;
    if (level >= LOG_WARN)
        write_out();
    pthread_mutex_unlock(&out.lock);
}

#define LINE(level)                                                                                \
    if (log_has(level)) {                                                                          \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        line(level, room, format, args);                                                           \
        va_end(args);                                                                              \
    }

void log_debug(const char *room, const char *format, ...)
{
    LINE(LOG_DEBUG)
}

void log_info(const char *room, const char *format, ...)
{
    LINE(LOG_INFO)
}

void log_warn(const char *room, const char *format, ...)
{
    LINE(LOG_WARN)
}

void log_error(const char *room, const char *format, ...)
{
    LINE(LOG_ERROR)
}
