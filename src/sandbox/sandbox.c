/* sandbox: see sandbox.h. */
#include "sandbox/sandbox.h"
