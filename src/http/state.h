/* state: what parse.c and head.c share: the memory of one http_parser. */
#pragma once

#include "http/http.h"

#define HTTP_MOST_FIELDS 100

/* Who moves: take_line and end_line those up to TRAILERS that are lines, take_chunk_byte the CHUNK
 * ones, http_parse the rest. */
enum phase {
    PHASE_FIRST_LINE, /* also between messages */
    PHASE_FIELDS,
    PHASE_BODY_LENGTH, /* `left` bytes to go; also "no body" */
    PHASE_BODY_EOF,
    PHASE_CHUNK_SIZE, /* hexadecimal digits */
    PHASE_CHUNK_EXTENSION,
    PHASE_CHUNK_LF, /* of the line with the size */
    PHASE_CHUNK_DATA,
    PHASE_CHUNK_DATA_CR,
    PHASE_CHUNK_DATA_LF,
    PHASE_TRAILERS,
    PHASE_ENDED, /* http_head() is still good; the next byte begins a message */
};

struct http_state {
    enum phase phase;
    struct text block;    /* the head: whole lines with their CR LF */
    struct text trailers; /* the same for trailers, after a request line of our own */
    size_t line;          /* where the line that is being read begins */
    size_t fields_at;     /* where the first field line begins */
    bool after_cr;
    unsigned blank_lines; /* before the first line */
    unsigned lines;       /* fields so far */
    unsigned interim;     /* responses 1xx passed over */
    uint64_t left;        /* of the body, or of a chunk */
    unsigned digits;      /* of a chunk's size */
    size_t extensions;    /* bytes of all chunk extensions of this message */
    size_t target_at, target_len;
    struct http_head head;
    struct http_field fields[HTTP_MOST_FIELDS];
};

/* Notes why nothing more can be read. A response is always BAD_RESPONSE, whatever e says, unless it
 * is NO_MEMORY. Returns false. */
bool http_refuse(struct http_parser *p, enum err e, const char *why);

/* head.c: both false after http_refuse. The first line, without its CR LF, as soon as it is there;
 * and the block when its blank line is there: fills state->head, whose slices it points into it. */
bool head_first_line(struct http_parser *p, struct slice line);
bool head_finish(struct http_parser *p);
bool head_check_trailers(struct http_parser *p);
