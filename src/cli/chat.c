/* chat: `hearth chat`: a conversation. A question that got no answer is no part of it; /retry asks
 * it again. At a terminal what fails is told and the chat goes on; else it ends there. */
#include "cli/talk.h"

#define PROMPT ">>> "
#define PROMPT_MORE "... "

static void note(struct cli *c, const char *words)
{
    cli_paint(&c->err, c->err_colours, COLOUR_DIM, words);
    text_byte(&c->err, '\n');
}

/* What becomes of an answer that was stopped. */
static const char *stopped_words(const struct reply *r, struct slice old)
{
    if (!r->answer.len)
        return "(stopped)";
    return old.len ? "(stopped; the answer before stays in the conversation)"
                   : "(stopped; what there is stays in the conversation)";
}

int chat_say(struct chat *chat, struct slice words, struct slice old)
{
    struct talk *t = &chat->talk;
    struct reply r = {0};
    text_clear(&chat->unanswered);
    if (!talk_add(t, USER, words))
        return cli_fail(t->c, ERR_NO_MEMORY, NULL, NULL);
    int code = talk_ask(t, &r);
    if (r.interrupted && !lines_edits(chat->lines))
        talk_end_interrupted(t->c);
    bool whole = code == CLI_OK && !r.interrupted;
    bool kept = r.answer.len && (whole || !old.len);
    if (kept && !talk_add(t, ASSISTANT, text_slice(&r.answer)))
        code = cli_fail(t->c, ERR_NO_MEMORY, NULL, NULL);
    if (t->messages[t->n - 1].speaker == USER) {
        text_add(&chat->unanswered, text_slice(&t->messages[t->n - 1].words));
        talk_drop(t);
    }
    if (r.interrupted)
        note(t->c, stopped_words(&r, old));
    else if (code && old.len)
        note(t->c, "(the answer before stays in the conversation)");
    reply_fini(&r);
    return code;
}

/* One message: the lines of it, until it is whole. */
static enum line next_message(struct chat *chat, struct gather *g)
{
    struct text line = {0};
    enum line got;
    bool whole = false, any = false;
    do {
        got = lines_next(chat->lines, any ? PROMPT_MORE : PROMPT, &line);
        any = got == LINE_READ;
        whole = any && gather_add(g, text_slice(&line));
    } while (any && !whole);
    if (got == LINE_END && g->words.len)
        got = LINE_READ; /* the end of stdin ends it, too */
    text_fini(&line);
    return got;
}

static int answer(struct chat *chat, struct slice words)
{
    int code = CLI_OK;
    if (!slice_trim(words).len)
        return CLI_OK;
    if (!take_is_text(words)) {
        struct why why = {0};
        why_set(&why, ERR_BAD_VALUE, "that is not text in UTF-8");
        return cli_fail(chat->talk.c, ERR_BAD_VALUE, &why, "");
    }
    return chat_word(chat, words, &code) ? code : chat_say(chat, words, SLICE(""));
}

static int go_on(struct chat *chat)
{
    struct cli *c = chat->talk.c;
    struct gather g = {0};
    int code = CLI_OK;
    while (!chat->over && !c->broken) {
        enum line got = next_message(chat, &g);
        if (got == LINE_INTERRUPTED)
            note(c, "(Ctrl-D or /bye ends the chat)");
        else if (got == LINE_END)
            break;
        else
            code = answer(chat, text_slice(&g.words));
        gather_clear(&g);
        cli_flush(c);
        if (code && !lines_edits(chat->lines))
            break;
    }
    gather_clear(&g);
    return lines_edits(chat->lines) ? CLI_OK : code;
}

static void greet(struct cli *c, const char *model)
{
    text_visible(&c->out, slice_of(model[0] ? model : "hearth"));
    cli_paint(&c->out, c->out_colours, COLOUR_DIM,
              "  /help shows the commands, Ctrl-D ends the chat");
    text_byte(&c->out, '\n');
}

int chat_with(struct cli *c, const char *model)
{
    struct chat chat = {.talk = {.c = c, .model = model}};
    const char *system = c->options.talk.system;
    int code;
    chat.lines = lines_open(c);
    if (!chat.lines || !talk_set_system(&chat.talk, slice_of(system ? system : ""))) {
        code = cli_fail(c, ERR_NO_MEMORY, NULL, NULL);
    } else {
        if (lines_edits(chat.lines))
            greet(c, model);
        code = go_on(&chat);
    }
    lines_close(chat.lines);
    talk_fini(&chat.talk);
    text_fini(&chat.unanswered);
    text_fini(&chat.file);
    return code;
}

int chat_run(struct cli *c)
{
    const char *model = NULL;
    int code = CLI_OK;
    if (!talk_choose(c, &model, &code) || (model[0] && !talk_knows(c, model, &code)))
        return code;
    return chat_with(c, model);
}
