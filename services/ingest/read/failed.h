/* failed - the statement behind /Bundles/status/nyec-submission-failed, for lookups_start. */
#pragma once
#include "common/db/db.h"

extern const DbStatement failed_rows;
