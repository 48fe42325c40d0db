/* acls - who may do what at the brokers, as a list in code: applied, or compared.
 *
 * Rule:    idempotent. What is missing is added; what the named principals may beside the list is
 *          taken away: the list is all that they may. Rules for "everybody" (User:*) widen it and
 *          are told, not touched. Nothing is said of principals that the list does not name.
 * Errors:  ERR_RETRY "bus-unavailable", "bus-timeout"; ERR_FATAL "acl-refused" (no authorizer, or
 *          not permitted), "acl-differs" (check only).
 * Limits:  ACLS_MAX rows. */
#pragma once
#include "common/bus/bus.h"

enum { ACLS_MAX = 400 };

typedef enum AclResource { ACL_TOPIC, ACL_GROUP, ACL_CLUSTER } AclResource;

/* Operations, as bits. Reading and writing imply describing. */
enum {
    ACL_READ = 1,
    ACL_WRITE = 2,
    ACL_CREATE = 4,
    ACL_DELETE = 8,
    ACL_ALTER = 16,
    ACL_DESCRIBE = 32,
    ACL_DESCRIBE_CONFIGS = 64,
    ACL_ALTER_CONFIGS = 128,
};

/* One row of the list: a principal, a thing, what it may do with it. */
typedef struct AclRow {
    const char *principal; /* "User:fhirbus-ingest" */
    AclResource resource;
    const char *name; /* without the topics' prefix; "submit.*": all that begin so; of the cluster:
                         NULL */
    unsigned operations;
} AclRow;

typedef enum AclChange {
    ACL_FINE,
    ACL_ADDED,
    ACL_REMOVED,
    ACL_MISSING, /* check only */
    ACL_EXTRA,   /* check only; or for everybody */
} AclChange;

typedef struct AclReport {
    AclChange change;
    const char *principal, *resource, *name, *operation;
    bool prefixed;
} AclReport;

/* Says of every operation of every row, and of what there is besides, what became of it. */
bool bus_acls_ensure(const BusConfig *config, const AclRow *rows, size_t count, bool check_only,
                     uint32_t timeout_ms, void (*tell)(void *opaque, const AclReport *report),
                     void *opaque, Err *err) MUST_USE;
