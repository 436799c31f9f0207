/* pack: see pack.h. */
#include "pack/pack.h"
