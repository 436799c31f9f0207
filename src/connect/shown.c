/* shown: apps whose settings a person enters. Open WebUI keeps its own in a database, and takes
 * those of its environment at its first start: they come in a file of ours, so that no key stands
 * in a command line. SillyTavern's settings.json is written by its page whenever anything changes,
 * in a form of its own, so nothing that is put there could be taken out again byte for byte. */
#include "connect/inside.h"

/* ---- Open WebUI ---- */

static void open_webui_steps(const struct connect_terms *t, struct connect_plan *p)
{
    struct slice url = slice_of(t->base_url);
    bool shares = t->from == CONNECT_DOCKER && (slice_begins(url, SLICE("http://127.0.0.1:")) ||
                                                slice_begins(url, SLICE("http://[::1]:")));
    if (t->from == CONNECT_DOCKER)
        text_format(&p->steps,
                    "Start its container with this file:\n\n"
                    "  docker run -d --name open-webui %s --env-file '%s' \\\n"
                    "    -v open-webui:/app/backend/data ghcr.io/open-webui/open-webui:main\n\n"
                    "Then open http://127.0.0.1:%s in a browser.\n",
                    shares ? "--network=host" : "-p 3000:8080", p->path, shares ? "8080" : "3000");
    else if (t->from == CONNECT_HERE)
        text_format(&p->steps,
                    "Start it with these settings:\n\n"
                    "  (set -a; . '%s'; open-webui serve --host 127.0.0.1)\n",
                    p->path);
    text_format(&p->steps,
                "%sOne that was started before keeps the settings of its own database. Enter them "
                "there:\n"
                "  Admin Panel > Settings > Connections > OpenAI API > +\n"
                "  URL %s\n"
                "  Key %s\n"
                "and choose the model %s in its chat.\n",
                p->steps.len ? "\n" : "", t->base_url, plan_key(t), t->model);
}

/* In a folder that outlives the connection: what somebody wrote beside our part stays his. */
static enum err open_webui_file(const struct connect_terms *t, struct connect_plan *p,
                                struct why *why)
{
    struct text part = {0};
    const char *path = arena_format(&p->arena, "%s/connect/open-webui.env", t->user->data).ptr;
    enum err e =
        path ? plan_open(t, path, p, why) : why_set(why, ERR_NO_MEMORY, "no memory for a path");
    if (e)
        return e;
    struct slice text = p->base.ptr ? p->base : SLICE("");
    text_add(&part, text.len && !slice_ends(text, SLICE("\n")) ? SLICE("\n") : SLICE(""));
    text_format(&part,
                "# made by `hearth connect %s`, removed by `hearth disconnect %s`\n"
                "OPENAI_API_BASE_URL=%s\nOPENAI_API_KEY=%s\n",
                t->app->name, t->app->name, t->base_url, plan_key(t));
    const struct put put = {text.len, text_slice(&part)};
    e = merge_put(p, text, &put, 1, why);
    text_fini(&part);
    return e;
}

enum err open_webui_fill(const struct connect_terms *t, struct connect_plan *p, struct why *why)
{
    /* to another machine nothing of this one's leads */
    enum err e = t->from == CONNECT_REMOTE ? OK : open_webui_file(t, p, why);
    if (!e)
        open_webui_steps(t, p);
    return e;
}

/* ---- SillyTavern ---- */

enum err sillytavern_fill(const struct connect_terms *t, struct connect_plan *p, struct why *why)
{
    (void)why;
    text_format(&p->steps,
                "Enter this in SillyTavern, behind the plug at the top (API Connections):\n"
                "  1. API: Chat Completion\n"
                "  2. Chat Completion Source: Custom (OpenAI-compatible)\n"
                "  3. Custom Endpoint (Base URL): %s\n"
                "  4. Custom API Key: %s\n"
                "  5. Enter a Model ID: %s\n"
                "  6. Connect\n"
                "Nothing was written: its page rewrites its settings file whenever anything "
                "changes.\n",
                t->base_url, t->key ? t->key : "(leave it empty)", t->model);
    return OK;
}
