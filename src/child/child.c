/* child: see child.h. */
#include "child/child.h"
