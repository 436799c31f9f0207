/* child: one process that we started, on the loop: its input, its outputs line by line, its end. It
 * knows nothing of engines and starts nothing again. */
#pragma once

#include "loop/loop.h"
