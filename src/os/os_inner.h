/* os_inner: what the shared POSIX files of this room need from the system's own file, os_linux.c
 * or os_macos.c. Not for other rooms. All of these return 0 or a descriptor, or -1 with errno. */
#pragma once

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "os/os.h"

/* The longest name that fits into an address beside "/proc/self/fd/" and ten digits, rounded
 * down so that it is the same everywhere. */
#define OS_SOCKET_NAME_MOST 64

int os_sys_socket(int family, bool nonblocking); /* a stream, close-on-exec */
int os_sys_accept(int listener);                 /* close-on-exec, does not block */
int os_sys_pipe(int ends[2]);                    /* close-on-exec */
int os_sys_unnamed_file(int dirfd);              /* -1 and ENOTSUP: make a named one */
int os_sys_sync(int fd);                         /* the data and what finds it are on the disk */
void os_sys_no_dump(void);                       /* besides RLIMIT_CORE */

/* The path of an open folder, for calls that take only paths; false when there is none. */
bool os_sys_folder_path(int dirfd, char *path, size_t room);

/* What `name` is, itself and no link's end, and held fast: a descriptor, and the path by which
 * it is then found, "" where there is none. */
int os_sys_pin(int dirfd, const char *name, struct stat *ret_is, char *path, size_t room);

/* Opens the folder that `name` stands in, for use as a dirfd, and points at the last part. */
int os_open_parent(int dirfd, const char *name, const char **ret_last);

#define OS_READY_MOST 256u /* that one os_poll_wait tells */
