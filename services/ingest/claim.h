/* claim - the sender's own id: was it used before, with what, and what was the answer?
 *
 * Spec:    promise 3 of the architecture. (tenant, route, id) is claimed for one body (sha256)
 *          before anything is published: the same body gets the recorded or still pending answer,
 *          another body 409, another route an interaction id derived from it. Without the database
 *          the request is taken all the same: what is behind the broker knows (tenant, id, sha256).
 * The statements are listed for lookups_start. */
#pragma once
#include "common/db/db.h"

extern const DbStatement claim_take;
extern const DbStatement claim_recall;
