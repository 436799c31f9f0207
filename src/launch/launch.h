/* launch: from a model's settings and a pack to the command line of an engine. Pure. */
#pragma once

#include "config/config.h"
#include "machine/machine.h"
#include "pack/pack.h"
#include "sandbox/sandbox.h"
