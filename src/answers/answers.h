/* answers: what hearth has to say about itself: the pages of docs/answers, which the program
 * carries inside itself, and finding the one that fits some words. It needs no model, no file and
 * no daemon, and does not understand a question: it compares words. */
#pragma once

#include "base/text.h"

#define ANSWERS_MOST 256u /* pages */

struct answers_page { /* as its page has it, in Markdown; lies in the program */
    struct slice name, title, words, text;
};

/* Takes the first page off *rest, which is answers_all() to begin with. False at the end. */
MUST_USE bool answers_next(struct slice *rest, struct answers_page *ret);
struct slice answers_all(void);

/* The pages that fit a question best, the best first; how many, 0 when none has to do with it. The
 * name of a page finds that page. */
size_t answers_find(struct slice question, struct answers_page *ret, size_t most);
