/* http_judge: another reader of HTTP, to compare with ours. */
#pragma once

#include "base/text.h"

/* Adds the bytes of all bodies to *out with "\n.\n" after each message (interim responses are no
 * messages here). True when it found nothing wrong up to the end of the input. */
bool http_judge(bool response, struct slice in, struct text *out);
