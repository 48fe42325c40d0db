/* ordering_key - which documents may not overtake each other, without telling the broker whose
 * they are.
 *
 * Rule:    HMAC-SHA-256(secret, kind + tenant + identity), cut to 16 bytes. Identity of a FHIR
 *          Bundle: Bundle.identifier, else the identifier of its first Patient entry, else (or
 *          when the text cannot be read so far) the interaction id.
 * Bounds:  one pass over at most ORDERING_SCAN_BYTES of the document, constant stack however deep
 *          it nests; no document is built, nothing is allocated.
 *          Fuzzed: tests/fuzz/ordering_key_fuzz.c.
 * Threads: pure. */
#pragma once
#include "common/base/str.h"

enum {
    ORDERING_KEY_BYTES = 16,
    ORDERING_SCAN_BYTES = 16 * 1024 * 1024,
};

typedef struct OrderingKey {
    unsigned char bytes[ORDERING_KEY_BYTES];
} OrderingKey;

typedef enum OrderingSource {
    ORDERING_BY_INTERACTION, /* no identity of its own */
    ORDERING_BY_BUNDLE,      /* Bundle.identifier */
    ORDERING_BY_PATIENT,     /* Patient.identifier[0] */
} OrderingSource;

/* `secret` is the same in all replicas of ingest (setting ORDERING_KEY_SECRET). `ret_source` may be
 * NULL. */
OrderingKey ordering_key(Str secret, Str tenant, Str interaction_id, Str document,
                         OrderingSource *ret_source);

/* The scan alone: raw JSON text of the identifier's system and value (still escaped). */
typedef struct DocumentIdentity {
    OrderingSource source;
    Str system;
    Str value;
} DocumentIdentity;
DocumentIdentity ordering_identity(Str document);
