/* search - records of the trail, newest first, a page at a time.
 *
 * Owner:   texts are borrowed until audit_search returns; what it yields lives in the arena and the
 *          result. Threads: those of the Db. Errors: those of db_run. */
#pragma once
#include "common/audit/trail.h"
#include "common/db/db.h"

enum { AUDIT_PAGE_MAX = 1000 };

/* Empty texts, outcome -1: any. */
typedef struct AuditSearch {
    Str tenant, caller, address, action, resource;
    int32_t outcome;
    /* Who looked for this patient, or at its interactions. */
    Str patient, subject;
    int64_t from_us, to_us; /* [from, to) */
    bool after;             /* goes on behind this record ... */
    int64_t after_us;
    AuditPlace after_place;
    size_t limit;
} AuditSearch;

extern const DbStatement audit_search_all, audit_search_caller, audit_search_resource,
    audit_search_patient; /* all of them prepared by the Db */

typedef struct AuditFound {
    AuditPlace place;
    int64_t at_us;
    AuditRecord record; /* an unreadable one: operation "unreadable" */
} AuditFound;

bool audit_search(Db *db, const AuditSearch *search, Arena *arena, AuditFound **ret_list,
                  size_t *ret_count, Err *err) MUST_USE;
