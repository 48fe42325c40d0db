/* destination - where documents are delivered to, and how: one object `destinations/NAME` of the
 * catalog, or what a service's settings say.
 *
 * Spec:    the members are the table of destination.c; README.md shows them with their defaults.
 *          An unknown member, a URL that is not https (plain http only to loopback), a file with a
 *          path, and what contradicts itself are refused.
 * Rule:    secrets are named by file; their contents are never part of an object.
 * Owner:   a Destination owns its texts. Threads: immutable once read.
 * Errors:  ERR_INPUT "object-json", "object-field"; the text says where.
 * Limits:  DESTINATION_NAME_MAX; 200 tenants, 200 URLs. */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"
#include "common/catalog/fields.h"
#include "common/catalog/object.h"

enum { DESTINATION_NAME_MAX = 100, DESTINATION_URL_MAX = 2000, DESTINATION_SECRET_MAX = 4096 };

typedef enum DestinationFormat { DESTINATION_LAKE, DESTINATION_DATALEDGER } DestinationFormat;
typedef enum DestinationAuth {
    DESTINATION_AUTH_NONE,
    DESTINATION_AUTH_API_KEY,
    DESTINATION_AUTH_MTLS,
    DESTINATION_AUTH_OAUTH2
} DestinationAuth;
typedef enum DestinationCallback {
    DESTINATION_CALLBACK_NONE,
    DESTINATION_CALLBACK_HMAC,
    DESTINATION_CALLBACK_API_KEY
} DestinationCallback;

typedef struct Destination {
    Arena *arena;
    const char *name; /* "lake" */
    uint64_t version; /* of the object; 0: from settings */
    Str about;
    int format; /* DestinationFormat */
    bool paused;
    bool fresh_connections; /* one per request */
    Str url;
    FieldTexts other_urls; /* what X-TechBD-DataLake-API-URL may say */
    FieldTexts tenants;    /* none: those that no destination names; "*": every one */
    int auth;              /* DestinationAuth */
    Str api_key_header, api_key_file;
    Str token_url, client_id, client_secret_file, scope;
    Str ca_file, cert_file, key_file;
    uint64_t connect_ms, total_ms;
    uint64_t attempts_max, backoff_min_ms, backoff_max_ms;
    uint64_t concurrency;
    uint64_t per_minute; /* requests; 0: no limit */
    uint64_t breaker_failures, breaker_open_min_ms, breaker_open_max_ms;
    int callback; /* DestinationCallback */
    Str callback_secret_file;
    Str ledger_actor, ledger_receiver;
    Str api_key; /* settings only: the key itself */
} Destination;

bool destination_read(Str name, Str json, Destination **ret_destination, Err *err) MUST_USE;
/* One with the defaults, for the settings to fill in; NULL without memory. */
Destination *destination_new(Str name);
void destination_free(Destination *destination); /* NULL is fine */

/* What the catalog calls: CatalogKind.make and unmake of the kind "destinations". */
bool destination_make(void *opaque, const CatalogObject *object, void **ret_made, Err *err);
void destination_unmake(void *made);

/* Does it name this tenant (or every one)? */
bool destination_names(const Destination *destination, Str tenant);
/* May a sender choose this URL? Its own counts too. Byte for byte, a trailing slash aside. */
bool destination_allows(const Destination *destination, Str url);
/* The same scheme, host and port as the destination's own URL: its credentials may go there. */
bool destination_same_origin(const Destination *destination, Str url);

/* Which of `all` a tenant's documents go to: those that name it; or else those that name nobody;
 * and those for every tenant. `ret_chosen` has room for `count`. Ledgers are never chosen. */
size_t destinations_choose(const Destination *const *all, size_t count, Str tenant,
                           const Destination **ret_chosen);
