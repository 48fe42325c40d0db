/* replaying - the statements of replaying.c, for the connections that ask them. */
#pragma once
#include "common/db/db.h"

extern const DbStatement replaying_list;
