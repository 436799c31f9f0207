/* chain: the proof that the rows are what was written. Each row's hash covers the row and the hash
 * before it, under a key that only this installation has. Pure: bytes in, hashes out.
 *
 * Version 1. The canonical form of a row is its cells in the order of enum row_cell, then the
 * number of its tries, then for each its cells in the order of enum try_cell. A cell is a letter
 * and what it says:
 *   '-'                          nothing
 *   '0'                          zero
 *   '1' to '8', so many bytes    a number, two's complement, the lowest byte first
 *   't', 4 bytes length, bytes   a text
 *   'b', 4 bytes length, bytes   bytes
 * so that no two rows have the same form. What is hashed is: "r1", the file's id, the segment's
 * number, the row's seq, the hash before (each of fixed size), the form. A cell that is a number of
 * a word stands for its text, which has a proof of its own; so has each segment. */
#include "store/inside.h"

#define HEAD_BYTES 9u  /* of one cell, at most */
#define MOST_CELLS 10u /* that are hashed where they stand */

static void put_u64(unsigned char *to, uint64_t n, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (unsigned char)(n >> (8 * i));
}

static unsigned bytes_of(int64_t n)
{
    uint64_t size = (uint64_t)(n < 0 ? ~n : n) << 1; /* and a bit for the sign */
    return n == 0 ? 0 : (unsigned)(64 - __builtin_clzll(size | 1) + 7) / 8;
}

/* What stands before the bytes of a cell, or is all of it. */
static unsigned put_head(char *to, const struct cell *c)
{
    if (c->kind == CELL_NULL) {
        *to = '-';
        return 1;
    }
    if (c->kind == CELL_INT) {
        unsigned bytes = bytes_of(c->n);
        *to = (char)('0' + bytes);
        put_u64((unsigned char *)to + 1, (uint64_t)c->n, bytes);
        return 1 + bytes;
    }
    *to = c->kind == CELL_TEXT ? 't' : 'b';
    put_u64((unsigned char *)to + 1, c->s.len, 4);
    return 5;
}

void chain_add(struct text *form, const struct cell *cells, unsigned n)
{
    size_t need = 0;
    for (unsigned i = 0; i < n; i++)
        need += HEAD_BYTES + (cells[i].kind >= CELL_TEXT ? cells[i].s.len : 0);
    char *to = text_room(form, need);
    if (!to)
        return;
    char *at = to;
    for (unsigned i = 0; i < n; i++) {
        const struct cell *c = &cells[i];
        at += put_head(at, c);
        if (c->kind >= CELL_TEXT && c->s.len) {
            memcpy(at, c->s.ptr, c->s.len);
            at += c->s.len;
        }
    }
    form->len += (size_t)(at - to);
}

void chain_row(const unsigned char *key, const struct segment *at, int64_t seq,
               const unsigned char before[HASH_BYTES], struct slice form,
               unsigned char ret[HASH_BYTES])
{
    unsigned char place[2 + FILE_ID + 16 + HASH_BYTES] = "r1";
    memcpy(place + 2, at->file, FILE_ID);
    put_u64(place + 2 + FILE_ID, (uint64_t)at->number, 8);
    put_u64(place + 10 + FILE_ID, (uint64_t)seq, 8);
    memcpy(place + 18 + FILE_ID, before, HASH_BYTES);
    struct slice parts[] = {{(const char *)place, sizeof place}, form};
    crypt_keyed(key, parts, COUNT(parts), ret);
}

void chain_first(const unsigned char *key, const unsigned char *file, unsigned char ret[HASH_BYTES])
{
    struct slice parts[] = {SLICE("f1"), {(const char *)file, FILE_ID}};
    crypt_keyed(key, parts, COUNT(parts), ret);
}

void chain_word(const unsigned char *key, const unsigned char *file, int64_t id, struct slice text,
                unsigned char ret[HASH_BYTES])
{
    unsigned char number[8];
    put_u64(number, (uint64_t)id, 8);
    struct slice parts[] = {
        SLICE("w1"), {(const char *)file, FILE_ID}, {(const char *)number, 8}, text};
    crypt_keyed(key, parts, COUNT(parts), ret);
}

/* Without memory of its own: it cannot fail, so no proof is ever right or wrong for lack of any. */
static void hash_cells(const unsigned char *key, struct slice what, const struct cell *cells,
                       unsigned n, unsigned char ret[HASH_BYTES])
{
    char heads[MOST_CELLS][HEAD_BYTES];
    struct slice parts[1 + 2 * MOST_CELLS] = {what};
    size_t used = 1;
    assert(n <= MOST_CELLS);
    for (unsigned i = 0; i < n; i++) {
        parts[used++] = (struct slice){heads[i], put_head(heads[i], &cells[i])};
        if (cells[i].kind >= CELL_TEXT && cells[i].s.len)
            parts[used++] = cells[i].s;
    }
    crypt_keyed(key, parts, used, ret);
}

/* A segment's columns but the last, which seals these. */
#define SEGMENT_CELLS 9u
static void segment_cells(const struct segment *g, struct cell ret[SEGMENT_CELLS])
{
    const struct cell cells[SEGMENT_CELLS] = {
        cell_blob(g->file, FILE_ID),
        cell_int(g->number),
        cell_int(g->day),
        cell_int(g->first_seq),
        cell_int(g->last_seq),
        cell_int(g->rows),
        cell_blob(g->before, HASH_BYTES),
        cell_blob(g->head, HASH_BYTES),
        cell_int((int64_t)g->status),
    };
    memcpy(ret, cells, sizeof cells);
}

void chain_segment(const unsigned char *key, const struct segment *g, unsigned char ret[HASH_BYTES])
{
    struct cell cells[SEGMENT_CELLS];
    segment_cells(g, cells);
    hash_cells(key, SLICE("s1"), cells, COUNT(cells), ret);
}

void chain_key_row(const unsigned char *key, const struct key_row *row,
                   unsigned char ret[HASH_BYTES])
{
    const struct cell cells[] = {
        cell_text(slice_of(row->id)),
        cell_int(row->principal),
        cell_int(row->owner),
        cell_text(row->name),
        cell_text(row->models),
        cell_text(row->surfaces),
        cell_blob(row->hash, HASH_BYTES),
        cell_int((int64_t)row->created_ms),
        cell_int((int64_t)row->expires_ms),
        cell_int((int64_t)row->revoked_ms),
    };
    hash_cells(key, SLICE("k1"), cells, COUNT(cells), ret);
}

/* ---- cells ---------------------------------------------------------------------------------- */

struct cell cell_int(int64_t n)
{
    return (struct cell){.kind = CELL_INT, .n = n};
}

struct cell cell_text(struct slice s)
{
    return (struct cell){.kind = CELL_TEXT, .s = s};
}

struct cell cell_blob(const void *bytes, size_t n)
{
    return (struct cell){.kind = bytes ? CELL_BLOB : CELL_NULL, .s = {bytes, n}};
}

void cell_bind(sqlite3_stmt *s, int place, const struct cell *c)
{
    if (c->kind == CELL_INT)
        sqlite3_bind_int64(s, place, c->n);
    else if (c->kind == CELL_TEXT)
        db_bind(s, place, c->s);
    else if (c->kind == CELL_BLOB)
        db_bind_blob(s, place, c->s.ptr, c->s.len);
    else
        sqlite3_bind_null(s, place);
}

struct cell cell_read(sqlite3_stmt *s, int column)
{
    int type = sqlite3_column_type(s, column);
    if (type == SQLITE_NULL)
        return (struct cell){.kind = CELL_NULL};
    if (type == SQLITE_INTEGER)
        return cell_int(sqlite3_column_int64(s, column));
    const void *bytes =
        type == SQLITE_TEXT ? sqlite3_column_text(s, column) : sqlite3_column_blob(s, column);
    size_t n = bytes ? (size_t)sqlite3_column_bytes(s, column) : 0;
    return (struct cell){.kind = type == SQLITE_TEXT ? CELL_TEXT : CELL_BLOB,
                         .s = {bytes ? bytes : "", n}};
}

/* ---- segments ------------------------------------------------------------------------------- */

bool segment_read(sqlite3_stmt *s, int column, const unsigned char *key, struct segment *ret)
{
    unsigned char mac[HASH_BYTES], right[HASH_BYTES];
    *ret = (struct segment){.number = sqlite3_column_int64(s, column + 1),
                            .day = sqlite3_column_int64(s, column + 2),
                            .first_seq = sqlite3_column_int64(s, column + 3),
                            .last_seq = sqlite3_column_int64(s, column + 4),
                            .rows = sqlite3_column_int64(s, column + 5),
                            .status = (enum segment_status)sqlite3_column_int(s, column + 8)};
    if (!db_hash(s, column, ret->file, FILE_ID) ||
        !db_hash(s, column + 6, ret->before, HASH_BYTES) ||
        !db_hash(s, column + 7, ret->head, HASH_BYTES) || !db_hash(s, column + 9, mac, HASH_BYTES))
        return false;
    chain_segment(key, ret, right);
    return crypt_equal(mac, right, HASH_BYTES);
}

void segment_bind(sqlite3_stmt *s, const unsigned char *key, const struct segment *g,
                  unsigned char mac[HASH_BYTES])
{
    struct cell cells[SEGMENT_CELLS + 1];
    chain_segment(key, g, mac);
    segment_cells(g, cells);
    cells[SEGMENT_CELLS] = cell_blob(mac, HASH_BYTES);
    for (unsigned i = 0; i < COUNT(cells); i++)
        cell_bind(s, (int)i + 1, &cells[i]);
}
