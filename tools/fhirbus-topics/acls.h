/* acls - who may read and write which topic: the table, and the verb that applies it. */
#pragma once
#include "common/bus/acls.h"

/* `principals`: "User:fhirbus-*", the star for the part of a service. 0: done, or nothing differs.
 */
int acls_run(const BusConfig *bus, const char *principals, bool check_only, uint32_t wait_ms);
