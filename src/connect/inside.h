/* inside: what the files of this room share. */
#pragma once

#include "base/json.h"
#include "connect/connect.h"

#define MOST_FILE (1u << 20) /* bytes of a settings file: more is none that a person writes */

const char *connect_variable(const struct connect_user *u, const char *name); /* NULL: not set */

/* ---- file.c: a file of the user's, and of nobody else ---- */

/* `path` with links followed, in *a; also when there is no file yet. ERR_PERMISSION: it, or its
 * folder, is somebody else's; ERR_BAD_VALUE: it is no plain file. *ret_made: the uppermost folder
 * that is missing, or NULL. */
enum err file_find(struct arena *a, const char *path, const char **ret_path, const char **ret_made,
                   struct why *why) MUST_USE;
/* Of a path that file_find gave. ERR_NOT_FOUND. */
enum err file_read(struct arena *a, const char *path, struct slice *ret_bytes, mode_t *ret_mode,
                   struct why *why) MUST_USE;
/* All or nothing. bytes.ptr NULL: it is removed, and then the folders up to `made`, if empty.
 * Only if the file is still `before`: else ERR_BUSY. */
struct file_change {
    const char *path, *made;
    struct slice before, after;
    mode_t mode;
};
enum err file_write(const struct file_change *f, struct why *why) MUST_USE;
/* 64 hex digits, in *a; NULL: no memory. */
const char *file_sha256(struct arena *a, struct slice bytes);

/* ---- merge.c: parts of ours in a text of somebody else's ---- */

struct put { /* one part, and where it goes in the text as it was */
    size_t at;
    struct slice part;
};
/* In the order of their places. p->after and p->parts follow from p->base (or `skeleton`, when
 * there is no file) and these. */
enum err merge_put(struct connect_plan *p, struct slice text, const struct put *puts, size_t n,
                   struct why *why) MUST_USE;
/* The text without the parts; false: one of them is not there, or not once only. */
bool merge_cut(struct slice text, const struct slice *parts, size_t n, struct text *out);
struct slice merge_eol(struct slice text); /* how its lines end */
bool merge_is_blank(struct slice text);    /* nothing but blanks and line ends */
enum err merge_refuse(struct connect_plan *p, struct slice by_hand, struct why *why,
                      const char *format, ...) PRINTF(4, 5);

/* ---- the formats ---- */

/* A JSON string, which is one of YAML's too. */
void put_quoted(struct text *out, const char *s);
/* Does a text read, as the app's kind of file? After something was taken out of it. */
bool yaml_reads(struct slice text);
bool jsonc_reads(struct slice text);
bool any_reads(struct slice text);
/* The same length, so that each byte stands where it stood: comments and commas before a bracket
 * become blanks. False: a comment that has no end. */
bool jsonc_mask(struct slice text, struct text *out);

/* ---- json_part.c ---- */

struct json_style {
    struct slice eol, unit; /* unit: one step of indentation */
};
struct json_work { /* an app's file, while a part is put into it */
    const struct connect_terms *terms;
    struct connect_plan *plan;
    struct slice text;
    struct json_style style;
    struct text plain; /* the same without what JSON does not know */
    struct json_doc doc;
    bool read;
    struct text parts[CONNECT_PARTS];
};
struct json_app {                                          /* what each app does its own way */
    enum err (*put)(struct json_work *w, struct why *why); /* ERR_CONFIG: it may not be */
    bool (*is_right)(struct json_work *w);                 /* as the plan has it now */
    struct slice (*by_hand)(struct json_work *w);          /* what a person would put in */
};
/* Reads w->text, puts the part in and judges what became of it. The document stays until
 * json_work_fini. */
enum err json_merge(struct json_work *w, const struct json_app *app, struct why *why);
void json_work_fini(struct json_work *w);
extern const struct json_style json_usual_style;
/* The members of an object of ours as a person would write them, each on a line of its own; a list
 * of texts stays on one. */
void json_lay_out(const struct json_style *s, struct slice json, unsigned depth, struct text *out);
/* After a bracket that opens: what follows it, or the bracket that closes. */
void json_end_part(const struct json_style *s, struct text *out, bool more, unsigned depth);
/* As the first member stands, if it has a line of its own. */
struct slice json_unit(struct slice plain, size_t root);
/* Has `after` every member of `before`, as it was, leaving that of one name aside? */
bool json_holds_all(const struct json_value *before, const struct json_value *after,
                    const char *but);
unsigned text_line(struct slice text, size_t at); /* of a byte, for words */

enum err claude_code_fill(const struct connect_terms *t, struct connect_plan *p, struct why *why);
enum err claude_desktop_fill(const struct connect_terms *t, struct connect_plan *p,
                             struct why *why);
enum err continue_fill(const struct connect_terms *t, struct connect_plan *p, struct why *why);
enum err opencode_fill(const struct connect_terms *t, struct connect_plan *p, struct why *why);
enum err aider_fill(const struct connect_terms *t, struct connect_plan *p, struct why *why);
enum err open_webui_fill(const struct connect_terms *t, struct connect_plan *p, struct why *why);
enum err sillytavern_fill(const struct connect_terms *t, struct connect_plan *p, struct why *why);

/* ---- plan.c ---- */

/* Reads the file at `path` into the plan: path, before, base, mode, made. Where the app does not
 * run here, there is none, and the steps begin with where it is. */
enum err plan_open(const struct connect_terms *t, const char *path, struct connect_plan *p,
                   struct why *why) MUST_USE;
const char *plan_key(const struct connect_terms *t); /* "none" where none is needed */

/* ---- claude_desktop.c ---- */

#define DESKTOP_PLACES 4u
struct desktop_place { /* a variable that says where hearth's folders are */
    const char *name;
    struct slice value;
};
/* Those that are set, for a program that is started without them; how many. */
size_t desktop_places(const struct connect_user *u, struct desktop_place places[DESKTOP_PLACES]);

/* ---- ask_mcp.c ---- */

enum err ask_mcp(const struct connect_question *q, struct connect_answer *ret,
                 struct why *why) MUST_USE;

/* ---- record.c ---- */

/* From p->before: p->base and p->whole. ERR_CONFIG: our parts are not there as they were put in. */
enum err record_base(const struct connect_user *u, const struct connect_app *app,
                     const struct connect_record *r, struct connect_plan *p) MUST_USE;

/* ---- yaml_text.c: where something stands in a text that yaml_read took ---- */

struct yaml_node;
/* Where a line begins, or the text's end. Lines end with LF, as they do for whoever counts them in
 * an editor; a text with other ends is found out, since what comes of it is read again. */
size_t yaml_line_at(struct slice text, unsigned line);
size_t yaml_at(struct slice text, const struct yaml_node *n);
/* The same, but that `after` has so many members more at its end; and that the list under `grown`
 * has one item more at its beginning. NULL: none is. */
bool yaml_grew(const struct yaml_node *before, const struct yaml_node *after, size_t more,
               const char *grown);
/* What stands before and after our part, for whoever reads the file. */
void yaml_mark(struct text *out, size_t indent, const char *app, bool begins, struct slice eol);
