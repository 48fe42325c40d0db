/* status - the statement behind $status, for lookups_start. */
#pragma once
#include "common/db/db.h"

extern const DbStatement status_rows;
