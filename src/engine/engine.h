/* engine: children of ours that serve models, as backends. */
#pragma once

#include "backend/backend.h"
#include "child/child.h"
#include "launch/launch.h"
#include "provider/provider.h"
