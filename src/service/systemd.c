/* systemd: the unit. What it may do is as little as engines in their sandbox, GPUs and models
 * anywhere on the disk leave possible; docs/decisions/0020 says what each line is for, and which
 * usual ones would break what.
 *
 * Rows with `walls` need a user namespace, which a manager of a user makes with PrivateUsers. They
 * stand together or not at all. */
#include "process/process.h"
#include "service/inside.h"

struct row {
    bool walls;
    const char *line;
};
static const struct row rows[] = {
    {false,
     "# No new rights, and no calls but these. Mounts and namespaces are for bubblewrap, in"},
    {false, "# which the engines run."},
    {false, "NoNewPrivileges=yes"},
    {false, "KeyringMode=private"},
    {false, "UMask=0077"},
    {false, "LockPersonality=yes"},
    {false, "RestrictRealtime=yes"},
    {false, "RestrictSUIDSGID=yes"},
    {false, "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK"},
    {false, "RestrictNamespaces=user mnt pid net ipc uts cgroup"},
    {false, "SystemCallArchitectures=native"},
    {false, "SystemCallFilter=@system-service seccomp mount umount2 pivot_root"},
    {false, "SystemCallFilter=~@resources @keyring @chown"},
    {false, "SystemCallFilter=~io_uring_setup io_uring_enter io_uring_register"},
    {false, "SystemCallErrorNumber=EPERM"},
    {true, "# The machine is there to be read, but for what is not its business."},
    {true, "PrivateUsers=yes"},
    {true, "CapabilityBoundingSet="},
    {true, "PrivateMounts=yes"},
    {true, "PrivateTmp=yes"},
    {true, "ProtectSystem=strict"},
    {true, "ProtectHome=read-only"},
    {true, "InaccessiblePaths=-%h/.ssh -%h/.gnupg -%h/.local/share/keyrings"},
    {true, "InaccessiblePaths=-%h/.password-store -%h/.netrc -%h/.git-credentials"},
    {true, "InaccessiblePaths=-%h/.aws -%h/.kube -%h/.docker/config.json"},
    {true, "InaccessiblePaths=-%h/.mozilla -%h/.config/google-chrome -%h/.config/chromium"},
    {true, "ProtectControlGroups=yes"},
    {true, "ProtectKernelModules=yes"},
    {true, "ProtectClock=yes"},
    {true, "ProtectHostname=yes"},
};

static const struct service_step steps[] = {
    {VERB_LOAD, false, {"systemctl", "--user", "daemon-reload", NULL}},
    {VERB_LOAD, false, {"systemctl", "--user", "--quiet", "enable", "hearth.service", NULL}},
    {VERB_START, true, {"systemctl", "--user", "reset-failed", "hearth.service", NULL}},
    {VERB_START, false, {"systemctl", "--user", "start", "hearth.service", NULL}},
    {VERB_STOP, false, {"systemctl", "--user", "--no-block", "stop", "hearth.service", NULL}},
    {VERB_FORGET,
     false,
     {"systemctl", "--user", "--quiet", "--now", "disable", "hearth.service", NULL}},
    {VERB_GONE, false, {"systemctl", "--user", "daemon-reload", NULL}},
    {VERB_GONE, true, {"systemctl", "--user", "reset-failed", "hearth.service", NULL}},
    {VERB_PROBE, false, {"systemctl", "--user", "daemon-reload", NULL}},
    {VERB_PROBE, false, {"systemctl", "--user", "start", "hearth-probe.service", NULL}},
    {VERB_PROBED, false, {"systemctl", "--user", "daemon-reload", NULL}},
    {VERB_PROBED, true, {"systemctl", "--user", "reset-failed", "hearth-probe.service", NULL}},
    {VERB_ASK,
     false,
     {"systemctl", "--user", "show", "hearth.service", "-p",
      "ActiveState,UnitFileState,MainPID,ExecMainStatus", NULL}},
    {VERB_LINGER, false, {"loginctl", "enable-linger", "USER", NULL}},
    {VERB_NO_LINGER, false, {"loginctl", "disable-linger", "USER", NULL}},
};

static const struct service_key keys[] = {
    {"ActiveState=", KEY_ACTIVE},
    {"MainPID=", KEY_PID},
    {"ExecMainStatus=", KEY_CODE},
    {"UnitFileState=", KEY_ENABLED},
};

void systemd_quote(struct text *out, const char *before, const char *word, bool command)
{
    text_format(out, "\"%s", before);
    for (; *word; word++) {
        if (*word == '"' || *word == '\\')
            text_byte(out, '\\');
        else if (*word == '%' || (command && *word == '$'))
            text_byte(out, *word);
        text_byte(out, *word);
    }
    text_byte(out, '"');
}

/* A path where quotes are not taken off. */
static void put_plain(struct text *out, const char *path)
{
    for (; *path; path++) {
        if (*path == '%')
            text_byte(out, '%');
        text_byte(out, *path);
    }
}

static void put_setting(struct text *out, const char *name, const char *value)
{
    if (!value)
        return;
    struct text both = {0};
    text_format(&both, "%s=%s", name, value);
    text_add(out, SLICE("Environment="));
    systemd_quote(out, "", text_cstr(&both), false);
    text_byte(out, '\n');
    out->failed |= both.failed;
    text_fini(&both);
}

/* So that it finds what the user's shell finds, and is in the same folders. */
static void put_settings(const struct service *s, struct text *out)
{
    static const char *const folders[] = {"XDG_CONFIG_HOME", "XDG_DATA_HOME"};
    put_setting(out, SERVICE_VARIABLE, s->name);
    put_setting(out, "PATH", process_variable(s->terms->environment, "PATH"));
    put_setting(out, "HEARTH_HOME", s->terms->own_home);
    for (size_t i = 0; i < COUNT(folders) && !s->terms->own_home; i++)
        put_setting(out, folders[i], service_folder(s, folders[i]));
    for (size_t i = 0; i < SERVICE_STORES; i++)
        put_setting(out, service_stores[i], service_folder(s, service_stores[i]));
}

/* With a minus: one that is not there is no failure. */
static void put_writable(const struct service *s, struct text *out)
{
    const struct service_terms *t = s->terms;
    const char *const usual[] = {t->config, t->data, t->library};
    const char *const own[] = {t->own_home, t->library};
    const char *const *paths = t->own_home ? own : usual;
    size_t n = t->own_home ? COUNT(own) : COUNT(usual);
    text_add(out, SLICE("ReadWritePaths="));
    for (size_t i = 0; i < n; i++) {
        systemd_quote(out, "-", paths[i], false);
        text_byte(out, i + 1 < n ? ' ' : '\n');
    }
}

static void put_rows(bool walls, struct text *out)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (walls || !rows[i].walls)
            text_format(out, "%s\n", rows[i].line);
    }
}

/* Started, it has ended when the start is over. */
static void write_probe(const char *const *argv, struct text *out)
{
    text_add(out, SLICE("[Service]\nType=oneshot\nExecStart="));
    for (; *argv; argv++) {
        systemd_quote(out, "", *argv, true);
        text_byte(out, argv[1] ? ' ' : '\n');
    }
    put_rows(true, out);
}

static void put_service(const struct service *s, const struct service_plan *plan, struct text *out)
{
    text_add(out, SLICE("[Service]\n"
                        "Type=notify\n"
                        "NotifyAccess=main\n"
                        "ExecStart="));
    systemd_quote(out, "", plan->program, true);
    text_add(out, SLICE(" up\nExecReload="));
    systemd_quote(out, "", plan->program, true);
    text_add(out, SLICE(" reload\n"));
    put_settings(s, out);
    text_add(out, SLICE("StandardOutput=append:"));
    put_plain(out, s->terms->data);
    text_add(out, SLICE("/hearth.log\n"
                        "StandardError=inherit\n"
                        "# What a wrong configuration and another daemon in this home end with.\n"
                        "Restart=on-failure\n"
                        "RestartSec=1\n"
                        "RestartPreventExitStatus=2 75 77 78\n"
                        "TimeoutStartSec=120\n"));
    text_format(out, "TimeoutStopSec=%llu\n", (unsigned long long)(plan->stop_ms + 999) / 1000);
    text_add(out, SLICE("# It ends its engines itself. One that was ended for want of memory is no "
                        "reason to end it.\n"
                        "KillMode=mixed\n"
                        "OOMPolicy=continue\n"));
    if (!s->terms->own_home)
        text_add(out, SLICE("# A start that fails while a daemon of yours runs must leave that its "
                            "sockets.\n"
                            "RuntimeDirectory=hearth\n"
                            "RuntimeDirectoryMode=0700\n"
                            "RuntimeDirectoryPreserve=yes\n"));
    text_byte(out, '\n');
    put_rows(plan->walls, out);
    if (plan->walls)
        put_writable(s, out);
}

static enum err write_unit(const struct service *s, const struct service_plan *plan,
                           struct text *out, struct why *why)
{
    (void)why;
    text_add(out, SLICE("# What you want to be otherwise: systemctl --user edit hearth.service\n"
                        "[Unit]\n"
                        "Description=hearth, local models behind one address\n"
                        "StartLimitIntervalSec=60\n"
                        "StartLimitBurst=5\n"
                        "\n"));
    put_service(s, plan, out);
    text_add(out, SLICE("\n[Install]\nWantedBy=default.target\n"
                        "\n[X-Hearth]\n"));
    text_format(out, "Data=%s\nWalls=%s\nLinger=%s\n", s->terms->data, plan->walls ? "yes" : "no",
                plan->linger ? "yes" : "no");
    return OK;
}

const struct service_manager systemd_manager = {
    .kind = "systemd",
    .name = "hearth.service",
    .sign = "/run/systemd/system",
    .folder_setting = "XDG_CONFIG_HOME",
    .usual_folder = ".config",
    .file = "systemd/user/hearth.service",
    .before = "# ",
    .after = "",
    .linger_folder = "/var/lib/systemd/linger",
    .linger_line = "loginctl enable-linger",
    .steps = steps,
    .n_steps = COUNT(steps),
    .write = write_unit,
    .probe = "hearth-probe.service",
    .write_probe = write_probe,
    .keys = keys,
    .n_keys = COUNT(keys),
};
