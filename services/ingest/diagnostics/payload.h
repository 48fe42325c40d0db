/* payload - the statements of payload.c, for the connections that ask them. */
#pragma once
#include "common/db/db.h"

extern const DbStatement payload_original, payload_bundle;
