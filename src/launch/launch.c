/* launch: see launch.h. */
#include "launch/launch.h"
