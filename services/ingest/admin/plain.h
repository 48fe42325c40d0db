/* plain - the kinds beside those of common/auth: rules and destinations. They are published as they
 * were written, by who administers for everybody, once they have been read as the services read
 * them.
 *
 * Threads: that of the changes.
 * Errors:  as admin.h: what is refused says what and where. */
#pragma once
#include "services/ingest/admin/admin.h"

/* By the catalog's name of it; NULL: there is none. */
const AdminPlain *admin_plain(Str kind);
