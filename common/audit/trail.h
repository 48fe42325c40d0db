/* trail - the kept record: its chain, its columns, and how it reads as FHIR.
 *
 * Spec:    hl7.org/fhir/R4/auditevent.html; the chain: services/persister/migrations, "audit".
 * Owner:   texts live in the arena or point into the record's bytes.
 * Threads: pure. */
#pragma once
#include "common/base/buf.h"
#include "common/envelope/envelope.h"

enum { AUDIT_HASH_BYTES = 32, AUDIT_COLUMN_BYTES = 200 };

/* The columns beside the bytes: what is searched. Texts are never NULL. */
typedef struct AuditColumns {
    const char *kind; /* audit_kind_name, or "unreadable" */
    int64_t at_us;
    Str action, operation, resource, tenant, caller, address;
    int32_t status, outcome;
    Str subject;
} AuditColumns;

/* at_us: the broker's time, for records that have none, or none that can be. False: unreadable; the
 * columns then say so, and the bytes are kept all the same. */
bool audit_columns(Str bytes, int64_t at_us, Arena *arena, AuditColumns *ret_columns,
                   AuditRecord *ret_record);

typedef struct AuditPlace {
    int32_t partition;
    int64_t seq, topic_offset;
} AuditPlace;
/* hash: that of the record before; becomes this one's. */
void audit_chain(unsigned char hash[AUDIT_HASH_BYTES], const AuditPlace *place, Str bytes);

/* An AuditEvent, in one line; its id is the record's. */
void audit_event_write(const AuditRecord *record, const AuditPlace *place, Buf *out);
