/* web: the page at `/`, a chat for the browser in one file that the program carries inside itself
 * (page.html). It knows nobody and keeps nothing: what the page asks for is asked over the same
 * endpoints as by any other client, and judged there. */
#pragma once

#include "base/err.h"

#define WEB_MOST_BYTES 30000u /* of the page; its test holds it to that */

struct slice web_page(void);
/* What a browser may let the page do (Content-Security-Policy): run this one script and style, by
 * their hashes, and talk to where it came from. ERR_NO_MEMORY, or it is complete. */
enum err web_write_policy(struct text *out) MUST_USE;
