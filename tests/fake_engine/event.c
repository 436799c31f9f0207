/* events.jsonl: what happened, for the test to read afterwards. Never a key; a prompt only when a
 * test asks for it (`bodies`). Several runs with one socket's folder write one file. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "fake.h"

extern char **environ;

void event_number(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_put_int(w, n);
}

struct json_writer event_begin(const struct engine *e, const char *what, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_put_pair(&w, "event", slice_of(what));
    event_number(&w, "pid", getpid());
    event_number(&w, "at_ms", (int64_t)(now_us() / 1000));
    event_number(&w, "since_ms", (int64_t)((now_us() - e->began_us) / 1000));
    return w;
}

/* One write a line, so that lines of two processes do not mix. */
void event_end(const struct engine *e, struct json_writer *w)
{
    json_close_object(w);
    text_byte(w->out, '\n');
    if (e->events >= 0 && write(e->events, w->out->ptr, w->out->len) < 0)
        perror("fake_engine: events.jsonl");
    text_fini(w->out);
}

void event_plain(const struct engine *e, const char *what)
{
    struct text line = {0};
    struct json_writer w = event_begin(e, what, &line);
    event_end(e, &w);
}

static void put_environment(struct json_writer *w)
{
    json_key(w, "environment");
    json_open_array(w);
    for (char **at = environ; *at; at++)
        json_put_text(w, slice_to(slice_of(*at), slice_find(slice_of(*at), '=')));
    json_close_array(w);
}

void event_open(struct engine *e, int argc, char **argv)
{
    struct text path = {0}, line = {0};
    struct slice host = e->flags.host;
    size_t folder = host.len;
    while (folder > 0 && host.ptr[folder - 1] != '/')
        folder--;
    text_add(&path, slice_to(host, folder)); /* without one: the working folder */
    text_add(&path, SLICE("events.jsonl"));
    e->events = open(text_cstr(&path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    text_fini(&path);

    struct json_writer w = event_begin(e, "start", &line);
    json_key(&w, "argv");
    json_open_array(&w);
    for (int i = 0; i < argc; i++) {
        bool secret = i > 0 && strcmp(argv[i - 1], "--api-key") == 0;
        json_put_text(&w, secret ? SLICE("***") : slice_of(argv[i]));
    }
    json_close_array(&w);
    put_environment(&w);
    json_key(&w, "key_set");
    json_put_bool(&w, e->flags.key.len > 0);
    event_number(&w, "uid", getuid());
    event_number(&w, "parent", getppid());
    char folder_now[4096];
    json_put_pair(&w, "folder", slice_of(getcwd(folder_now, sizeof(folder_now))));
    event_end(e, &w);
}
