/* ollama: what Ollama's clients ask besides chats. All of it is told from what the daemon knows of
 * its models: no engine is woken for it, no provider asked and no file read. What is not known is
 * left out or empty, as it is there too; what is not done here is said, with what to do instead. */
#include "api/inside.h"

#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "os/os.h"

/* Clients take it apart at its points and compare: what is here is what that version has. */
#define OLLAMA_VERSION "0.33.0"
#define FOR_EVER_MS (253402300799ull * 1000) /* the last second of the year 9999 */

/* ---- words ----------------------------------------------------------------------------------- */

static void put_time(struct json_writer *w, const char *key, uint64_t ms)
{
    char words[40] = "";
    struct tm at;
    time_t seconds = (time_t)(ms / 1000);
    if (gmtime_r(&seconds, &at))
        strftime(words, sizeof words, "%Y-%m-%dT%H:%M:%SZ", &at);
    json_put_pair(w, key, slice_of(words));
}

static void put_u64(struct json_writer *w, const char *key, uint64_t n)
{
    json_key(w, key);
    json_put_u64(w, n);
}

/* Of what is in a model's file nothing is known but what kind of file it is. */
static void put_details(const struct model_entry *m, struct json_writer *w)
{
    json_key(w, "details");
    json_open_object(w);
    json_put_pair(w, "parent_model", SLICE(""));
    json_put_pair(w, "format", m->local ? SLICE("gguf") : SLICE(""));
    json_put_pair(w, "family", SLICE(""));
    json_key(w, "families");
    json_open_array(w);
    json_close_array(w);
    json_put_pair(w, "parameter_size", SLICE(""));
    json_put_pair(w, "quantization_level", SLICE(""));
    json_close_object(w);
}

static void put_model(const struct model_entry *m, struct json_writer *w)
{
    json_put_pair(w, "name", m->name);
    json_put_pair(w, "model", m->name);
    put_u64(w, "size", m->bytes);
    json_put_pair(w, "digest", m->digest);
    put_details(m, w);
}

static void put_word(struct json_writer *w, bool said, struct slice word)
{
    if (said)
        json_put_text(w, word);
}

/* What may be asked of it. That a call names tools is passed on to any model. */
static void put_capabilities(const struct model_entry *m, struct json_writer *w)
{
    bool chats = !m->embeds && !m->ranks;
    json_key(w, "capabilities");
    json_open_array(w);
    put_word(w, chats, SLICE("completion"));
    put_word(w, chats, SLICE("tools"));
    put_word(w, m->sees, SLICE("vision"));
    put_word(w, m->thinks, SLICE("thinking"));
    put_word(w, m->embeds, SLICE("embedding"));
    json_close_array(w);
}

static void answer(struct visit *v, struct text *body)
{
    answer_json(v, 200, body);
    text_fini(body);
}

/* ---- what there is --------------------------------------------------------------------------- */

void ollama_version(struct visit *v)
{
    struct text body = {0};
    struct json_writer w = json_writer(&body);
    json_open_object(&w);
    json_put_pair(&w, "version", SLICE(OLLAMA_VERSION));
    json_close_object(&w);
    answer(v, &body);
}

static struct json_writer open_models(struct text *body)
{
    struct json_writer w = json_writer(body);
    json_open_object(&w);
    json_key(&w, "models");
    json_open_array(&w);
    return w;
}

void ollama_tags(struct visit *v)
{
    struct text body = {0};
    struct json_writer w = open_models(&body);
    for (size_t i = 0; i < v->api->n_models; i++) {
        const struct model_entry *m = &v->api->models[i];
        if (!visit_may_ask(v, m->name))
            continue;
        json_open_object(&w);
        put_model(m, &w);
        put_time(&w, "modified_at", m->changed_ms);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    answer(v, &body);
}

static void put_running(const struct model_entry *m, const struct model_state *s,
                        struct json_writer *w)
{
    uint64_t ends_ms = s->leaves_in_ms == UINT64_MAX ? FOR_EVER_MS : os_wall_ms() + s->leaves_in_ms;
    json_open_object(w);
    put_model(m, w);
    put_time(w, "expires_at", min_u64(ends_ms, FOR_EVER_MS));
    put_u64(w, "size_vram", 0); /* how much lies there, nobody tells */
    put_u64(w, "context_length", s->context);
    json_close_object(w);
}

void ollama_ps(struct visit *v)
{
    struct text body = {0};
    struct json_writer w = open_models(&body);
    for (size_t i = 0; i < v->api->n_models; i++) {
        const struct model_entry *m = &v->api->models[i];
        struct model_state s = {0};
        if (m->local && visit_may_ask(v, m->name) &&
            v->api->admin->look_at_model(v->api->context, m->name, &s))
            put_running(m, &s, &w);
    }
    json_close_array(&w);
    json_close_object(&w);
    answer(v, &body);
}

/* ---- one of them ----------------------------------------------------------------------------- */

/* The model that a body names, and what it says of a stream: those are told the same in lines. */
static enum err read_body(const struct visit *v, const struct model_entry **ret_model,
                          bool *ret_streams, struct why *why)
{
    struct json_doc doc;
    enum err e = json_read(text_slice(&v->x->body.bytes), &json_usual_limits, NULL, &doc, why);
    if (e)
        return e;
    struct slice name = json_text(json_get(doc.root, "model"));
    if (!name.len)
        name = json_text(json_get(doc.root, "name")); /* its older word */
    *ret_streams = !json_is_false(json_get(doc.root, "stream"));
    e = visit_find_model(v, name, ret_model, why);
    json_done(&doc);
    return e;
}

static void put_info(const struct visit *v, const struct model_entry *m, struct json_writer *w)
{
    struct model_state s = {0};
    uint64_t context = m->context;
    if (m->local && v->api->admin->look_at_model(v->api->context, m->name, &s) && s.context)
        context = s.context;
    json_key(w, "model_info");
    json_open_object(w);
    json_put_pair(w, "general.architecture", SLICE("unknown")); /* it stands in the file alone */
    json_put_pair(w, "general.basename", m->name);
    if (context)
        put_u64(w, "unknown.context_length", context);
    json_close_object(w);
}

static void put_parameters(const struct model_entry *m, struct json_writer *w)
{
    struct text words = {0};
    if (m->context)
        text_format(&words, "num_ctx %llu", (unsigned long long)m->context);
    json_put_pair(w, "parameters", text_slice(&words));
    text_fini(&words);
}

void ollama_show(struct visit *v)
{
    const struct model_entry *m;
    struct text body = {0};
    struct why why = {0};
    bool streams;
    if (read_body(v, &m, &streams, &why)) {
        answer_error(v, &why);
        return;
    }
    struct json_writer w = json_writer(&body);
    json_open_object(&w);
    json_put_pair(&w, "modelfile", SLICE(""));
    put_parameters(m, &w);
    json_put_pair(&w, "template", SLICE("")); /* it stands in the file, and the engine uses it */
    put_details(m, &w);
    put_info(v, m, &w);
    put_capabilities(m, &w);
    put_time(&w, "modified_at", m->changed_ms);
    json_close_object(&w);
    answer(v, &body);
}

/* ---- what is done by hand here --------------------------------------------------------------- */

/* Of a model that is there nothing is missing. */
void ollama_pull(struct visit *v)
{
    const struct model_entry *m;
    struct text body = {0};
    struct why why = {0};
    bool streams;
    enum err e = read_body(v, &m, &streams, &why);
    if (e == ERR_NO_MODEL)
        why_param(&why, ERR_NO_MODEL, "model",
                  "pull fetches nothing here: `hearth models add FILE` takes a model's file that "
                  "is on this machine");
    if (e) {
        answer_error(v, &why);
        return;
    }
    struct json_writer w = json_writer(&body);
    json_open_object(&w);
    json_put_pair(&w, "status", SLICE("success"));
    json_close_object(&w);
    text_byte(&body, '\n');
    if (streams)
        answer_plain(v, SLICE("application/x-ndjson"), &body);
    else
        answer_json(v, 200, &body);
    text_fini(&body);
}

void ollama_not_here(struct visit *v)
{
    static const struct {
        const char *path, *instead;
    } rows[] = {
        {"/api/create", "`hearth models set NAME KEY=VALUE` gives a model other settings"},
        {"/api/copy", "an alias gives a model another name: `hearth models set NAME aliases=...`"},
        {"/api/delete", "`hearth models rm NAME` takes a model out of the configuration"},
        {"/api/push", "nothing is sent to a registry from here"},
    };
    struct why why = {0};
    const char *instead = "";
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (strcmp(rows[i].path, v->endpoint->path) == 0)
            instead = rows[i].instead;
    }
    why_set(&why, ERR_NOT_DONE, "%s is not done over this interface; %s", v->endpoint->path,
            instead);
    answer_error(v, &why);
}

/* ---- the root -------------------------------------------------------------------------------- */

/* A browser names what it can show; programs only look whether somebody is there. */
void ollama_root(struct visit *v)
{
    struct slice accept = http_field(v->x->head, "accept"), part;
    while (slice_split(&accept, ',', &part)) {
        struct slice media = slice_trim(slice_to(part, slice_find(part, ';')));
        if (slice_is_nocase(media, SLICE("text/html"))) {
            page(v);
            return;
        }
    }
    struct text words = {0};
    text_add(&words, SLICE("Ollama is running"));
    answer_plain(v, SLICE("text/plain; charset=utf-8"), &words);
    text_fini(&words);
}
