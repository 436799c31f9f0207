/* inside: what the files of this room share: the histogram, and what is asked and answered. */
#pragma once

#include "bench/bench.h"

/* ---- hist.c ---- */
/* Counts of times from 1 us to 100 s (longer ones count as that), to three digits or better, in
 * memory that does not grow. A zero-filled one is valid and empty. */
#define HIST_MOST_US 100000000u
#define HIST_EXACT 2048u /* below that, each microsecond has its own count */
#define HIST_SLOTS (HIST_EXACT + 16u * HIST_EXACT / 2)

struct hist {
    uint64_t n, most;
    uint32_t counts[HIST_SLOTS];
};
void hist_record(struct hist *h, uint64_t us);
void hist_merge(struct hist *h, const struct hist *from);
/* The time that so many hundredths of all did not exceed; 0 when there are none. */
uint64_t hist_percentile(const struct hist *h, double percent);

/* ---- script.c: what both ends know ---- */
/* Every prompt begins with a number of its own and the mock's answer with the same, so that an
 * answer that reached another's connection is found. */
#define NONCE_LEN 10u
#define NONCE_NONE "0000000000"
void nonce_make(char nonce[NONCE_LEN], uint64_t n);
bool nonce_is(struct slice s);

/* The mock's text: the nonce, then " w1", " w2" and so on: `chunks` pieces. */
void script_piece(struct text *out, const char nonce[NONCE_LEN], unsigned i);
void script_text(struct text *out, const char nonce[NONCE_LEN], unsigned chunks);

/* A request in two parts with the nonce between them. */
struct question {
    struct text before, after;
};
void question_make(const struct bench_load *load, struct question *q);
void question_fini(struct question *q);

/* An answer in parts; a stream's events are for sending one at a time, too. */
struct script_key {
    unsigned chunks;
    bool stream, usage;
};
struct script_answer {
    struct script_key key;
    struct text bytes; /* head and body, with NONCE_NONE in it once */
    size_t nonce_at;
    size_t body_at; /* where the head ends */
    size_t *ends;   /* of a stream: where each part ends that is sent on its own */
    unsigned parts;
};
MUST_USE enum err script_answer_make(const struct script_key *key,
                                     struct script_answer *ret_answer);
void script_answer_fini(struct script_answer *a);

/* ---- judge.c: is an answer right? ---- */
struct judge { /* zero-filled but for the first three is ready */
    bool stream, exact;
    unsigned chunks;
    /* A body that was read in full and found right: the next that differs from it in nothing but
     * the nonce needs no reading. */
    struct text known, expected, said, scratch;
    size_t known_nonce;
};
void judge_fini(struct judge *j);
/* A body with status 200. *why says what is wrong with it. */
bool judge_body(struct judge *j, struct slice body, const char nonce[NONCE_LEN], struct why *why);
/* Is the text of the last body the mock's answer to this question? */
bool judge_is_mock(struct judge *j, const char nonce[NONCE_LEN]);
/* Any other status, as an error with words. */
void judge_refusal(int status, struct slice body, struct why *why);
