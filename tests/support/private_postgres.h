/* private_postgres - a PostgreSQL of its own for an integration test (tests/support/postgres).
 *
 * Owner:   stop removes server and data. A test that dies leaves them; the next start does not
 * mind. Errors:  start yields false where there is no PostgreSQL to start: skip the test visibly.
 */
#pragma once
#include "common/db/db.h"

typedef struct PrivatePostgres {
    char dir[64];
    char port[8];
    DbConfig config; /* superuser, database postgres, no TLS */
} PrivatePostgres;

bool private_postgres_start(PrivatePostgres *pg);
bool private_postgres_halt(PrivatePostgres *pg, const char *mode); /* fast, immediate */
bool private_postgres_restart(PrivatePostgres *pg);
void private_postgres_stop(PrivatePostgres *pg);
/* Runs fhirbus-migrate up ($OUT/bin). */
bool private_postgres_migrate(const PrivatePostgres *pg);
