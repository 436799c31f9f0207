/* log: one line an event, to a descriptor: time, level, room, words. Never prompts, never keys,
 * never bytes from the network that were not made visible: control bytes are escaped here.
 * Lines are gathered and written in one go by log_flush (the loop calls it each turn) or when
 * the gathered ones pass 32 KB; errors are written at once. Callable from any thread. */
#pragma once

#include "base/base.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_open(int fd, enum log_level least); /* starts with stderr and LOG_INFO */
void log_flush(void);
bool log_has(enum log_level level);
bool log_level_of(const char *name, enum log_level *ret_level);

void log_debug(const char *room, const char *format, ...) PRINTF(2, 3);
void log_info(const char *room, const char *format, ...) PRINTF(2, 3);
void log_warn(const char *room, const char *format, ...) PRINTF(2, 3);
void log_error(const char *room, const char *format, ...) PRINTF(2, 3);
