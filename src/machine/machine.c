/* machine: see machine.h. */
#include "machine/machine.h"
