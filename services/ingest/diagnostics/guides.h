/* guides - the statement of guides.c, for the connections that ask it. */
#pragma once
#include "common/db/db.h"

extern const DbStatement guides_used;
