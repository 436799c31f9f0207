/* tell: what systemd is told by a service that it started: one datagram to the socket that
 * NOTIFY_SOCKET names, a path or, after an @, a name without a file. See sd_notify(3). */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "service/service.h"

const char *service_own(void)
{
    const char *name = getenv(SERVICE_VARIABLE);
    return name && *name ? name : NULL;
}

void service_tell(const char *words)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    if (!len || (path[0] != '/' && path[0] != '@') || len >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, len);
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0)
        return;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    /* If it cannot be told, it will find out: nothing here depends on it. */
    (void)!sendto(fd, words, strlen(words), 0, (const struct sockaddr *)&to,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}
