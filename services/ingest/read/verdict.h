/* verdict - the statement behind /Bundles/status/operation-outcome, for lookups_start. */
#pragma once
#include "common/db/db.h"

extern const DbStatement verdict_latest;
