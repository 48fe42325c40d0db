/* admin - the objects of the topic `config` over HTTP: what fhirbus-keys does by hand.
 *
 * look.c         GET: lists and single objects, of memory alone, on the server's thread
 * change.c       everything else, one after the other on a thread of its own: preconditions, the
 *                administrator's authority, what others claim, publishing, the reply
 * objects.c      PUT and DELETE of an object
 * plain.c        rules and destinations: what they must be, and what goes before and after them
 * credentials.c  API keys, client secrets, certificates of a caller: made, ended
 *
 * Rule:    who asks is step_authenticate's business (RIGHT_ADMINISTER; nobody is ever anonymous
 *          here); what of it that may see, change and grant is common/auth/authority.h's.
 * Errors:  what is not the administrator's is as good as absent (404); what may not be done to what
 *          may be seen is 403. An object that was changed meanwhile: 412; If-Match is needed to
 *          overwrite: 428; what another object claims: 409. */
#pragma once
#include "common/auth/authority.h"
#include "common/auth/edit.h"
#include "services/ingest/exchange.h"
#include "services/ingest/lookups.h"

enum { ADMIN_ETAG_BYTES = 64, ADMIN_LIST_MAX = 1000 };

typedef struct AdminChange AdminChange;

/* One kind of change. */
typedef struct AdminVerb {
    /* Makes *ret_after of `before` (NULL: there is none) and the request; auth_free is the
     * caller's. NULL: the object is taken away. */
    bool (*edit)(AdminChange *change, const void *before, void **ret_after, Err *err);
    /* What the reply says of it once it is published; NULL: the object. */
    void (*tell)(AdminChange *change, Buf *to);
    bool of_caller; /* its route names the caller first */
    bool makes;     /* the object need not be there */
    bool removes;
    bool overwrites; /* of an object that is there the version must be said */
    unsigned status; /* 200, 201 */
} AdminVerb;

/* A kind that is published as it was written. */
typedef struct AdminPlain {
    const char *name;
    bool (*check)(AdminChange *change, Err *err);   /* of `body`, before it is published */
    bool (*prepare)(AdminChange *change, Err *err); /* what must be there by then; or NULL */
    bool (*let_go)(AdminChange *change, Err *err);  /* may it be taken away? or NULL */
} AdminPlain;

/* Owner: freed with its exchange. Texts are the request's, which is parked meanwhile. */
struct AdminChange {
    Question base;
    const AdminVerb *verb;
    AuthKind kind;           /* AUTH_KIND_COUNT: `plain` says which */
    const AdminPlain *plain; /* NULL: a kind of common/auth */
    Str name, item, body, comment;
    Str id; /* kind/name */
    Authority authority;
    Str if_match;
    bool only_new; /* If-None-Match: * */
    bool force;    /* ?force=true */
    /* of credentials.c: what was made, to be shown this once */
    Credential credential;
    char credential_id[CREDENTIAL_ID_LEN + 1];
    bool is_secret, removed;
    /* what became of it */
    unsigned status;
    char code[40], text[600];
    Buf reply;
    char etag[ADMIN_ETAG_BYTES];
};

extern const AdminVerb admin_put, admin_delete;
extern const AdminVerb admin_key_create, admin_key_end;
extern const AdminVerb admin_secret_create, admin_secret_end;
extern const AdminVerb admin_certificate_add, admin_certificate_end;

/* False: what became of it is said. */
bool admin_fail(AdminChange *change, unsigned status, const char *code, const char *text);
/* Whoever asks, with what it may. */
Authority admin_authority(const Exchange *exchange);
/* "4-1a2b3c4d", in quotes: version and start of the hash of what it says. */
void admin_etag(const CatalogObject *object, char ret_etag[ADMIN_ETAG_BYTES]);
/* As the topic has it, without HMACs. False: it cannot be read. */
bool admin_write(AuthKind kind, const CatalogObject *object, Buf *to);
