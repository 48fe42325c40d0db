/* trying - the statement of trying.c, for the connections that ask it. */
#pragma once
#include "common/db/db.h"

extern const DbStatement trying_rows;
