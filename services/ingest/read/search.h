/* search - the statements behind GET /interactions, for lookups_start. One for each way in: the
 * database walks another index for each. */
#pragma once
#include "common/db/db.h"

extern const DbStatement search_all, search_tenant, search_bundle, search_patient;
