/* overview - the statements of overview.c, for the connections that ask them. */
#pragma once
#include "common/db/db.h"

extern const DbStatement overview_sums, overview_menus;
