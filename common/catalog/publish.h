/* publish - puts one object on the topic `config`, or takes it off: what administration does.
 *
 * Rule:    whoever publishes has checked that the object's kind accepts it; a service that cannot
 *          use it keeps the last good one, but only until it restarts. Each change, also one that
 *          was refused, leaves an audit record (common/audit): by whom, over which version.
 * Owner:   nothing is kept.
 * Threads: the caller's; it waits.
 *          Of several that change the same version in the same moment, in whatever processes, one
 *          does: the first by the order of the log (heads.h).
 * Errors:  ERR_INPUT "object-id", "object-bytes", "publish-version" (it is not the version that the
 *          caller expected, or no longer), "publish-unknown" (nothing to remove), "publish-refused"
 *          (this program cannot use it); ERR_RETRY of common/bus,
 *          "publish-unseen" (published, but it did not come back in time), "audit-unpublished" (in
 *          force, but the brokers did not take the audit record). */
#pragma once
#include "common/catalog/catalog.h"

typedef struct CatalogChange {
    Str id;
    Str data; /* JSON; ptr NULL: remove it */
    Str by, comment;
    Str address;               /* of whoever asked for it; empty: this machine */
    bool expects;              /* only if the version in force is `expected` ... */
    uint64_t expected_version; /* ... 0: only if there is none */
} CatalogChange;

/* `catalog` is ready, was asked for the object's kind, and `publishes`. On success the change has
 * come back by it; *ret_version is 0 after a removal. */
bool catalog_publish(Catalog *catalog, const BusConfig *bus, const CatalogChange *change,
                     uint32_t timeout_ms, uint64_t *ret_version, Err *err) MUST_USE;
