/* os: what differs between systems, or is easy to get wrong on any: private folders, locks,
 * Unix sockets with paths of any length, randomness, clocks, limits, processes. With the loop the
 * only room in which #ifdef may stand. It owns nothing: descriptors it returns are the caller's,
 * all of them are close-on-exec. A dirfd may be AT_FDCWD. Nothing here logs; except where it says
 * so, nothing here may be called on the loop after the start, since files can block. */
#pragma once

#include <sys/socket.h>

#include "base/err.h"

/* ERR_PERMISSION, ERR_DISK, ERR_NO_MEMORY, ERR_NOT_FOUND, else ERR_SYSTEM. Any thread. */
enum err os_err_of(int sys);

/* ---- folders and files ---- */
/* Makes the folder and those above it, 0700 each that is new, and opens it. ERR_PERMISSION when
 * it is somebody else's or its group or others may write to it. */
MUST_USE enum err os_make_private_folder(const char *path, int *ret_dirfd, struct why *why);

/* The same checks, but makes nothing: ERR_NOT_FOUND when it is not there. */
MUST_USE enum err os_open_private_folder(const char *path, int *ret_dirfd, struct why *why);

/* The whole of a regular file, added to *into; ERR_NOT_FOUND, ERR_BODY_TOO_LARGE past the limit,
 * ERR_BAD_VALUE when it is no regular file. */
MUST_USE enum err os_read_file(int dirfd, const char *name, size_t limit, struct text *into,
                               struct why *why);

/* All or nothing, also over a loss of power: a new one is synced and put in the old one's place. */
MUST_USE enum err os_write_file_whole(int dirfd, const char *name, struct slice bytes, mode_t mode,
                                      struct why *why);
MUST_USE bool os_write_all(int fd, struct slice bytes); /* false with errno set */
MUST_USE enum err os_open_append(int dirfd, const char *name, int *ret_fd, struct why *why);

/* Without a name in this folder, gone with its last descriptor. */
MUST_USE enum err os_temp_file(int dirfd, int *ret_fd, struct why *why);
/* A folder of ours with all that is in it, at most so many entries; no link is followed. */
MUST_USE enum err os_remove_folder(const char *path, size_t most);

/* ---- one daemon a home ---- */
/* Takes the lock and writes our pid into the file. ERR_BUSY when another process has it. It lasts
 * until the descriptor is closed here and in every child that got it by fork, at the latest with
 * the process. The file stays. */
MUST_USE enum err os_lock_file(int dirfd, const char *name, int *ret_fd, struct why *why);

/* ERR_NOT_RUNNING when nobody holds the lock. The pid is what the holder wrote (0 while it has
 * not): good for showing, not for signals. */
MUST_USE enum err os_lock_holder(int dirfd, const char *name, pid_t *ret_pid);

/* ---- Unix sockets ---- */

/* Binds and listens, 0600, non-blocking. A socket of ours on which nobody answers is replaced;
 * ERR_BUSY when somebody does; ERR_PERMISSION when anything else is in the way. The name may
 * have at most 64 bytes; the folder's path may have any length. Where the system has no path for
 * a descriptor this changes the working folder for a moment, so no other thread may care. */
MUST_USE enum err os_unix_listen(int dirfd, const char *name, int *ret_fd, struct why *why);

/* Never waits, so the loop may call it: connected at once, or ERR_CONNECT_REFUSED with the errno in
 * why->sys (ENOENT, ECONNREFUSED, EACCES, EAGAIN when its queue is full). `nonblocking`: after. */
MUST_USE enum err os_unix_connect(const char *path, bool nonblocking, int *ret_fd, struct why *why);

/* The same in a folder of somebody who is not trusted: only a socket of our own user's, and no link
 * to one. Else ERR_PERMISSION. */
MUST_USE enum err os_unix_connect_own(const char *path, bool nonblocking, int *ret_fd,
                                      struct why *why);

/* Who is at the other end of a Unix socket. Any thread. */
MUST_USE enum err os_peer_uid(int fd, uid_t *ret_uid);

/* Who is at the other end of an accepted TCP connection, if that is a process of this machine: the
 * kernel is asked, by `asker`. ERR_NOT_FOUND when it cannot say: the peer is elsewhere, or its
 * socket is no longer anybody's (a closed one would read as root's). 2 to 3 us; the loop may. */
MUST_USE enum err os_peer_asker(int *ret_asker); /* ERR_SYSTEM: never, on this system */
MUST_USE enum err os_peer_uid_tcp(int asker, int fd, uid_t *ret_uid);

/* ---- many sockets on one thread, for programs that run without the loop ---- */

/* TCP, non-blocking, each write sent at once. A connection may still be under way: it is there, or
 * SO_ERROR says why not, when the socket becomes writable. Listening is on 127.0.0.1 only; port 0:
 * a free one. os_accept: -1 and errno. */
MUST_USE enum err os_tcp_connect(const struct sockaddr *to, size_t len, int *ret_fd);
MUST_USE enum err os_tcp_listen(uint16_t port, int *ret_fd, uint16_t *ret_port, struct why *why);
int os_accept(int listener);
struct os_ready {
    void *owner;
    bool readable, writable; /* both when it broke: the next call on it says how */
};
/* os_poll_add: each change to readable or writable is told once, so read and write until less was
 * done than asked for. A descriptor that is closed is watched no more. os_poll_wait returns how
 * many of `ready` it filled, 0 when the time is over; to the microsecond where the system can. */
MUST_USE enum err os_poll_open(int *ret_poll);
MUST_USE enum err os_poll_add(int poll, int fd, void *owner);
size_t os_poll_wait(int poll, struct os_ready *ready, size_t most, uint64_t wait_us);

/* ---- the process itself ---- */

/* Opens /dev/null for those of the descriptors 0, 1 and 2 that are closed: else the next socket is
 * one of them and gets what is printed. The first thing that main does. */
void os_open_standard(void);

/* Raises the number of files that may be open to what the system grants, the hard limit too if it
 * is below `least` and we may. Returns what holds now. */
uint64_t os_raise_files(uint64_t least);

/* Prompts and keys are in memory: no dump of it, neither to a file nor to a collector. */
void os_no_core_dumps(void);
void os_private_umask(void); /* what we make is ours alone, whoever makes it */

struct os_memory {
    uint64_t rss, anonymous; /* bytes */
};
/* Of a process, 0: of this one. root stands before the system's own files; "" is the real machine,
 * anything else a test's fake. Few µs; the loop may call both. */
MUST_USE enum err os_memory_of(const char *root, pid_t pid, struct os_memory *ret_memory);
MUST_USE enum err os_open_files_self(const char *root, size_t *ret_n);

/* Of this machine: cpu, cores, threads, memory, memory_free, apple; false where files tell it.
 * Of us: program, our own file, with " (deleted)" behind it after an update. */
MUST_USE bool os_fact(const char *name, char *into, size_t room);

struct os_detached {
    pid_t child;  /* 0 in the child */
    int ready_fd; /* the child's end to write to, the parent's to read from; a pipe */
};
/* Forks. The child leads a new session, reads from /dev/null and writes both outputs to log_fd,
 * and keeps its working folder. The parent reads the end of file when the child died or closed
 * its end. There must be no other thread yet: only the calling one exists in the child, and locks
 * that others held would stay held for ever. */
MUST_USE enum err os_detach(int log_fd, struct os_detached *ret, struct why *why);

/* ---- processes that we started; the loop may call all of these ---- */

/* A handle on this process and no later one of its number; -1: the system has no such thing, or it
 * is gone. os_pid_kill: at once. */
int os_pid_open(pid_t pid);
void os_pid_kill(int handle);

/* ---- chance and time ---- */
/* Fills all of it, or ends the process: there is no second-best randomness. Any thread. */
void os_random(void *bytes, size_t n);
uint64_t os_wall_ms(void);                   /* since 1970, may jump */
uint64_t os_mono_ms(void), os_mono_us(void); /* since some moment, only grow */
void os_sleep_ms(unsigned ms);               /* not on the loop; ends early on a signal */
/* Until poll's `events` are there; false: it is that time. Signals do not end it; no loop may. */
MUST_USE bool os_wait(int fd, short events, uint64_t until_ms);
bool os_has_loopback6(void); /* may a listener on ::1 be made here? */
struct os_address {          /* of this machine's interfaces */
    char interface[32];
    struct sockaddr_storage at; /* its port is 0 */
};
size_t os_addresses(struct os_address *into, size_t room); /* as many as there is room for */
