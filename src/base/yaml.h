/* yaml: reads what people write by hand into a tree. The only user of libyaml. Taken is the part
 * of YAML that means the same to everybody: one document of maps, lists and scalars. Anchors,
 * aliases, tags, merge keys, %TAG and a second document are refused, and so is a key that stands
 * twice in one map. Safe for hostile bytes: size, depth and number of values are bounded.
 * What a plain scalar means (number, true, time) is the reader's business. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#define MOST_YAML_BYTES (1u << 20) /* bytes of text */
#define MOST_YAML_DEPTH 32u        /* lists and maps in one another */
#define MOST_YAML_VALUES 100000u   /* values and keys */

enum yaml_kind { IS_SCALAR, IS_LIST, IS_MAP };

struct yaml_node {
    enum yaml_kind kind;
    bool plain;                    /* a scalar without quotes, and no block */
    unsigned line, column;         /* from 1; the column counts characters */
    struct slice text;             /* of a scalar: UTF-8, ends in a NUL, holds none */
    size_t count;                  /* items of a list, members of a map */
    const struct yaml_node *first; /* of them, in the order of the text */
    const struct yaml_node *next;  /* the next item or member of the same list or map */
    const struct yaml_node *key;   /* of a map's member: its key, a scalar; else NULL */
};

/* The tree lives in *a. A text without a value gives an empty plain scalar. file_name is for the
 * words of an error, `FILE:LINE: what is wrong`; with NULL they come without the place. In both
 * cases why->param holds the line in decimal ("" when there is none). */
enum err yaml_read(struct arena *a, struct slice text, const char *file_name,
                   const struct yaml_node **ret_root, struct why *why) MUST_USE;

/* NULL when *map is no map or has no such key. */
const struct yaml_node *yaml_get(const struct yaml_node *map, struct slice key);
/* Nothing, `~` or `null`, without quotes. */
bool yaml_is_null(const struct yaml_node *n);
