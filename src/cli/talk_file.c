/* talk_file: a conversation as JSON: what POST /v1/chat/completions takes, so that any program can
 * go on with it. Read back, only text counts; a file of somebody else's may hold anything. */
#include "cli/talk.h"

#define MOST_MESSAGES 4096u /* the daemon takes no more */

void talk_write(const struct talk *t, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_put_pair(&w, "model", slice_of(t->model));
    talk_put_messages(t, &w);
    json_close_object(&w);
    text_byte(out, '\n');
}

static bool speaker_of(struct slice role, enum speaker *ret_speaker)
{
    static const struct {
        const char *role;
        enum speaker speaker;
    } rows[] = {
        {"system", SYSTEM}, {"developer", SYSTEM}, {"user", USER}, {"assistant", ASSISTANT}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (slice_is(role, slice_of(rows[i].role))) {
            *ret_speaker = rows[i].speaker;
            return true;
        }
    }
    return false;
}

/* Content is a text, or parts of which all are text. */
static bool add_content(const struct json_value *content, struct text *out)
{
    if (json_is_text(content)) {
        text_add(out, json_text(content));
        return true;
    }
    bool good = json_is_array(content);
    for (struct json_iter i = json_begin(content); good && json_next(&i);) {
        const struct json_value *words = json_get(i.value, "text");
        good = json_is_text(words);
        text_add(out, json_text(words));
    }
    return good;
}

static enum err take_message(struct talk *t, const struct json_value *m, size_t number,
                             struct why *why)
{
    struct text words = {0};
    enum speaker speaker;
    enum err e = OK;
    if (!speaker_of(json_text(json_get(m, "role")), &speaker))
        e = why_set(why, ERR_BAD_VALUE, "message %zu is of nobody known", number);
    else if (!add_content(json_get(m, "content"), &words))
        e = why_set(why, ERR_BAD_VALUE, "message %zu is more than text", number);
    else if (speaker == SYSTEM && t->n)
        e = why_set(why, ERR_BAD_VALUE, "message %zu is the system's and not the first", number);
    else if (words.failed || !talk_add(t, speaker, text_slice(&words)))
        e = why_set(why, ERR_NO_MEMORY, "no memory for message %zu", number);
    text_fini(&words);
    return e;
}

enum err talk_read(struct talk *t, struct slice json, struct why *why)
{
    struct json_doc doc;
    struct talk read = {.c = t->c, .model = t->model};
    size_t number = 0;
    enum err e = json_read(json, &json_usual_limits, NULL, &doc, why);
    if (e)
        return e;
    const struct json_value *messages =
        json_is_array(doc.root) ? doc.root : json_get(doc.root, "messages");
    if (!json_is_array(messages))
        e = why_set(why, ERR_BAD_VALUE, "there are no messages in it");
    else if (json_count(messages) > MOST_MESSAGES)
        e = why_set(why, ERR_TOO_MANY, "it has more than %u messages", MOST_MESSAGES);
    for (struct json_iter i = json_begin(messages); !e && json_next(&i);)
        e = take_message(&read, i.value, ++number, why);
    json_done(&doc);
    if (e) {
        talk_fini(&read);
        return e;
    }
    struct message *old = t->messages;
    size_t n = t->n, room = t->room;
    t->messages = read.messages;
    t->n = read.n;
    t->room = read.room;
    read.messages = old;
    read.n = n;
    read.room = room;
    talk_fini(&read);
    return OK;
}
