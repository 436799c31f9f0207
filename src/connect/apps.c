/* apps: the table of them, and whether they are on this machine. What each asks and reads is
 * gathered in docs/apps.md with the versions that were seen. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connect/inside.h"

static const struct connect_app apps[] = {
    {.name = "codex",
     .title = "Codex",
     .how = CONNECT_NOT_BUILT,
     .role = "code",
     .program = "codex",
     .folders = {".codex"},
     .missing = "POST /v1/responses"},
    {.name = "continue",
     .title = "Continue",
     .how = CONNECT_WRITES,
     .role = "code",
     .program = "cn",
     .folders = {".continue"},
     .bearer = "Bearer none",
     .key_twice = true,
     .tools = true,
     .fill = continue_fill,
     .reads = yaml_reads},
    {.name = "opencode",
     .title = "opencode",
     .how = CONNECT_WRITES,
     .role = "code",
     .program = "opencode",
     .folders = {".config/opencode", ".local/share/opencode"},
     .bearer = "Bearer none",
     .tools = true,
     .fill = opencode_fill,
     .reads = jsonc_reads},
    {.name = "open-webui",
     .title = "Open WebUI",
     .how = CONNECT_SHOWS,
     .role = "chat",
     .program = "open-webui",
     .folders = {NULL},
     .bearer = "Bearer none",
     .lists = true,
     .fill = open_webui_fill,
     .reads = any_reads},
    {.name = "sillytavern",
     .title = "SillyTavern",
     .how = CONNECT_SHOWS,
     .role = "chat",
     .program = "sillytavern",
     .folders = {"SillyTavern"},
     .bearer = "Bearer",
     .lists = true,
     .once = true,
     .fill = sillytavern_fill,
     .reads = any_reads},
    {.name = "n8n",
     .title = "n8n",
     .how = CONNECT_NOT_BUILT,
     .role = "chat",
     .program = "n8n",
     .folders = {".n8n"},
     .missing = "POST /v1/responses",
     .meanwhile = "Meanwhile its OpenAI Chat Model node asks what hearth has, once \"Use Responses "
                  "API\" is off in\nit; the credential takes hearth's address and any text as its "
                  "key."},
    {.name = "aider",
     .title = "aider",
     .how = CONNECT_WRITES,
     .role = "code",
     .program = "aider",
     .folders = {".aider.conf.yml", ".aider"},
     .bearer = "Bearer none",
     .fill = aider_fill,
     .reads = yaml_reads},
    {.name = "claude-desktop",
     .title = "Claude Desktop",
     .how = CONNECT_WRITES,
     .role = "chat",
     .program = "claude-desktop",
     .folders = {".config/Claude", "Library/Application Support/Claude"},
     .mcp = true,
     .fill = claude_desktop_fill,
     .reads = jsonc_reads},
    {.name = "claude-code",
     .title = "Claude Code",
     .how = CONNECT_WRITES,
     .role = "code",
     .program = "claude",
     .folders = {".claude"},
     .bearer = "Bearer none",
     .messages = true,
     .tools = true,
     .fill = claude_code_fill,
     .reads = jsonc_reads},
};

const struct connect_app *connect_app_at(size_t i)
{
    return i < COUNT(apps) ? &apps[i] : NULL;
}

const struct connect_app *connect_app_find(const char *name)
{
    for (size_t i = 0; i < COUNT(apps); i++) {
        if (strcmp(apps[i].name, name) == 0)
            return &apps[i];
    }
    return NULL;
}

const char *connect_variable(const struct connect_user *u, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *e = u->environment; e && *e; e++) {
        if (!strncmp(*e, name, len) && (*e)[len] == '=' && (*e)[len + 1])
            return *e + len + 1;
    }
    return NULL;
}

static bool is_program(struct slice folder, const char *name, struct text *ret)
{
    struct text path = {0};
    struct stat is;
    text_format(&path, "%.*s/%s", SLICE_ARG(folder), name);
    bool found = folder.len && folder.ptr[0] == '/' && access(text_cstr(&path), X_OK) == 0 &&
                 stat(text_cstr(&path), &is) == 0 && S_ISREG(is.st_mode);
    if (found)
        text_add(ret, text_slice(&path));
    text_fini(&path);
    return found;
}

bool connect_seen(const struct connect_app *app, const struct connect_user *u, struct text *ret)
{
    struct slice path = slice_of(connect_variable(u, "PATH")), folder;
    while (path.len && slice_split(&path, ':', &folder)) {
        if (is_program(folder, app->program, ret))
            return true;
    }
    for (size_t i = 0; i < COUNT(app->folders) && app->folders[i]; i++) {
        struct text place = {0};
        struct stat is;
        text_format(&place, "%s/%s", u->home, app->folders[i]);
        bool found = stat(text_cstr(&place), &is) == 0;
        if (found)
            text_add(ret, text_slice(&place));
        text_fini(&place);
        if (found)
            return true;
    }
    return false;
}
