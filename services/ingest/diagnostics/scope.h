/* scope - whose rows a question may see: said to the database before it, in the same transaction.
 *
 * The tables of the diagnostics pages show ingest nothing until `fhirbus.scope` names tenants (or
 * '*'); their row-level security does the rest, whatever a statement forgets.
 * Owner:   the text lives in the exchange's arena. Threads: scope_of: those of the exchange;
 *          scope_run: a lookup thread. */
#pragma once
#include "common/db/db.h"
#include "services/ingest/exchange.h"

extern const DbStatement scope_set;

/* The tenant that was named, else all for which the caller may read: an array as PostgreSQL writes
 * it, {"qe-a","qe-b"}; {*}: everybody's. */
Str scope_of(const Exchange *exchange);
/* The same of those for which the caller has another permission. */
Str scope_for(const Exchange *exchange, Permission permission);
bool scope_is_all(Str scope);
/* One statement within the scope. */
bool scope_run(Db *db, Str scope, const DbStatement *statement, const DbParams *params,
               DbResult **ret_result, Err *err) MUST_USE;
