/* launchd: the agent, for macOS. It runs from the login to the logout; there is no lingering, and
 * no walls but those of engines' own sandbox. Written from its documentation, and never run. */
#include "service/inside.h"

static const struct service_step steps[] = {
    {VERB_LOAD, true, {"launchctl", "bootout", "TARGET", NULL}}, /* an older file's */
    {VERB_START, true, {"launchctl", "bootstrap", "DOMAIN", "FILE", NULL}},
    {VERB_START, false, {"launchctl", "kickstart", "TARGET", NULL}},
    {VERB_STOP, false, {"launchctl", "kill", "SIGTERM", "TARGET", NULL}},
    {VERB_FORGET, true, {"launchctl", "bootout", "TARGET", NULL}},
    {VERB_ASK, true, {"launchctl", "print", "TARGET", NULL}}, /* fails when it is not loaded */
};

static const struct service_key keys[] = {
    {"state = ", KEY_ACTIVE},
    {"pid = ", KEY_PID},
    {"last exit code = ", KEY_CODE},
};

static void put_string(struct text *out, const char *before, const char *s, const char *after)
{
    text_format(out, "%s<string>", before);
    for (; *s; s++) {
        switch (*s) {
        case '&':
            text_add(out, SLICE("&amp;"));
            break;
        case '<':
            text_add(out, SLICE("&lt;"));
            break;
        case '>':
            text_add(out, SLICE("&gt;"));
            break;
        default:
            text_byte(out, *s);
        }
    }
    text_format(out, "</string>%s\n", after);
}

static void put_setting(struct text *out, const char *name, const char *value)
{
    if (!value)
        return;
    text_format(out, "    <key>%s</key>", name);
    put_string(out, "", value, "");
}

static void put_settings(const struct service *s, struct text *out)
{
    text_add(out, SLICE("  <key>EnvironmentVariables</key>\n  <dict>\n"));
    put_setting(out, SERVICE_VARIABLE, s->name);
    put_setting(out, "HEARTH_HOME", s->terms->own_home);
    for (const char *const *e = s->terms->environment; e && *e; e++) {
        if (!strncmp(*e, "PATH=", 5))
            put_setting(out, "PATH", *e + 5);
    }
    for (size_t i = 0; i < SERVICE_STORES; i++)
        put_setting(out, service_stores[i], service_folder(s, service_stores[i]));
    text_add(out, SLICE("  </dict>\n"));
}

static enum err write_agent(const struct service *s, const struct service_plan *plan,
                            struct text *out, struct why *why)
{
    struct text log = {0};
    (void)why;
    text_format(&log, "%s/hearth.log", s->terms->data);
    text_add(out, SLICE("<plist version=\"1.0\">\n<dict>\n  <key>Label</key>"));
    put_string(out, "", s->name, "");
    text_add(out, SLICE("  <key>ProgramArguments</key>\n  <array>\n"));
    put_string(out, "    ", plan->program, "");
    put_string(out, "    ", "up", "");
    text_add(out, SLICE("  </array>\n"));
    put_settings(s, out);
    text_add(out, SLICE("  <key>RunAtLoad</key><true/>\n"
                        "  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>\n"
                        "  <key>ProcessType</key><string>Interactive</string>\n"
                        "  <key>Umask</key><integer>63</integer>\n"));
    text_format(out, "  <key>ExitTimeOut</key><integer>%llu</integer>\n",
                (unsigned long long)(plan->stop_ms + 999) / 1000);
    text_add(out, SLICE("  <key>StandardOutPath</key>"));
    put_string(out, "", text_cstr(&log), "");
    text_add(out, SLICE("  <key>StandardErrorPath</key>"));
    put_string(out, "", text_cstr(&log), "");
    text_add(out, SLICE("</dict>\n</plist>\n<!--\n"));
    text_format(out, "Data=%s\nWalls=no\nLinger=no\n-->\n", s->terms->data);
    out->failed |= log.failed;
    text_fini(&log);
    return strstr(s->terms->data, "--") ? why_set(why, ERR_BAD_VALUE,
                                                  "the data folder has -- in its name, which the "
                                                  "file of an agent cannot hold")
                                        : OK;
}

const struct service_manager launchd_manager = {
    .kind = "launchd",
    .name = "dev.hearth",
    .sign = "/bin/launchctl",
    .usual_folder = "Library",
    .file = "LaunchAgents/dev.hearth.plist",
    .before = "<!-- ",
    .after = " -->",
    .steps = steps,
    .n_steps = COUNT(steps),
    .write = write_agent,
    .keys = keys,
    .n_keys = COUNT(keys),
};
