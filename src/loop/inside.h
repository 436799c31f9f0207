/* inside: what the files of room loop share with each other. */
#pragma once

#include "loop/loop.h"

#define READ_BUFFER 65536u /* of the loop, for all streams */

/* Around the work of a callback: what takes longer than 5 ms is logged and counted. */
void step_begin(struct loop *l);
void step_end(struct loop *l, const char *what);

void streams_send_all(struct loop *l);
enum err err_from_uv(int status); /* OK for 0 */
