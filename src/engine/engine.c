/* engine: see engine.h. */
#include "engine/engine.h"
