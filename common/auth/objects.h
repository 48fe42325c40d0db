/* objects - who may call, as what, how much: the catalog's objects of six kinds.
 *
 *   callers/NAME   a sender, reader or gateway with its credentials and permissions
 *   issuers/NAME   somebody else whose tokens are believed
 *   plans/NAME     how much a caller or tenant may ask for
 *   tenants/NAME   a tenant and the organisations that belong to it
 *   hosts/NAME     a host name that senders use: certificate, tenant, CORS, branding
 *   accounts/NAME  a person who signs in to the diagnostics pages
 *
 * Spec:    the members are the tables of objects.c; docs/security.md shows them.
 * Rule:    no secret is ever part of an object: HMACs of them are (credential.h), under a key that
 *          the topic does not hold; private keys are named by file.
 * Owner:   an object owns its texts. Threads: immutable once read.
 * Errors:  ERR_INPUT "object-json", "object-field"; the text says where, never a value. */
#pragma once
#include "common/auth/texts.h"
#include "common/catalog/catalog.h"

/* --- callers ---------------------------------------------------------------------------------- */

/* All that is given must fit. Subject and issuer are names as RFC 4514 writes them. */
typedef struct CertificateMatcher {
    uint8_t fingerprint[32]; /* SHA-256 of the certificate; zeros: any */
    Str subject;
    Str san; /* "dns:a.example.org", "uri:...", "email:...", "ip:..." */
    Str issuer;
    int64_t expires_us, revoked_us; /* 0: never */
} CertificateMatcher;

/* What is kept of a secret that was shown once. */
typedef struct StoredSecret {
    Str id;           /* of an API key: what it begins with (credential.h) */
    uint8_t hmac[32]; /* credential_hmac */
    Str about;
    int64_t created_us, expires_us, revoked_us; /* 0: never */
} StoredSecret;

/* How a caller asks for tokens: any of what is given. */
typedef struct OAuthClient {
    Str id;
    StoredSecret *secrets; /* client_secret_basic, client_secret_post */
    size_t secret_count;
    Str jwks;               /* private_key_jwt: its public keys, as JSON */
    Str jwks_uri;           /* or where they are */
    bool certificate;       /* tls_client_auth: the caller's certificate suffices */
    bool certificate_bound; /* tokens only over mutual TLS, bound to that certificate */
    AuthTexts scopes;       /* what it may ask for; none: system slash *.cruds */
    uint64_t token_life_s;
} OAuthClient;

/* What a permission is for. Values are "*" (every tenant of the caller), "tenant", or, to speak and
 * to send, "tenant#source-domain/organisation-code" for one organisation of it. */
typedef enum Permission {
    PERMISSION_CONNECT_AS, /* speak for it at all */
    PERMISSION_SEND_AS,    /* hand in its documents */
    PERMISSION_READ,       /* see what became of them */
    PERMISSION_ADMINISTER,
    PERMISSION_REPLAY,
    PERMISSION_COUNT,
} Permission;
const char *permission_name(Permission permission); /* "connectAs" */

typedef struct Caller {
    Arena *arena;
    Str name;         /* of the object */
    uint64_t version; /* of the object */
    Str about;
    bool disabled;     /* refused, with whatever credential */
    bool gateway;      /* may name the original client and its tenant */
    Str plan;          /* plans/NAME */
    AuthTexts tenants; /* for whom it may ever act; "*": everybody */
    AuthTexts may[PERMISSION_COUNT];
    AuthTexts send_categories; /* "fhir:Bundle", "fhir:Bundle/Patient,Coverage", "fhir:*",
                                  "hl7v2:ADT^A01", "hl7v2:ADT^*", "csv" */
    CertificateMatcher *certificates;
    size_t certificate_count;
    OAuthClient *clients;
    size_t client_count;
    StoredSecret *api_keys;
    size_t api_key_count;
} Caller;

/* --- issuers ---------------------------------------------------------------------------------- */

typedef struct TokenIssuer {
    Arena *arena;
    Str name;
    uint64_t version;
    Str about;
    bool disabled;
    Str iss;              /* exactly what its tokens say */
    Str jwks_uri;         /* https; plain http to loopback only */
    Str jwks;             /* or its keys themselves, as JSON */
    Str ca_file;          /* by which its server is believed; none: the system's */
    AuthTexts audience;   /* one of these must be in `aud` */
    AuthTexts algorithms; /* of RS256 PS256 ES256 EdDSA */
    Str claim;            /* whose text names the caller */
    AuthPairs callers;    /* its text -> callers/NAME */
    bool type_required;   /* tokens must say typ at+jwt (RFC 9068) */
    uint64_t leeway_s, life_max_s, refresh_s;
} TokenIssuer;

/* --- plans, tenants, hosts -------------------------------------------------------------------- */

typedef enum PlanPeriod { PLAN_DAY, PLAN_WEEK, PLAN_MONTH } PlanPeriod;

/* 0: no limit of that kind */
typedef struct UsagePlan {
    Arena *arena;
    Str name;
    Str about;
    uint64_t burst, rate_per_s;
    uint64_t quota;
    int period; /* PlanPeriod */
    uint64_t concurrency, body_max_bytes;
} UsagePlan;

typedef struct Organisation {
    Str source_domain, organisation_code;
    Str about;
} Organisation;

/* Which web pages of other origins may read answers. No origins: none. */
typedef struct CorsPolicy {
    AuthTexts origins, methods, headers;
    bool credentials;
    uint64_t max_age_s;
} CorsPolicy;

typedef struct Tenant {
    Arena *arena;
    Str name;
    Str about;
    bool disabled;
    Str tenant; /* as X-TechBD-Tenant-ID says it; default: the name */
    Str plan;   /* beside that of the caller */
    Organisation *organisations;
    size_t organisation_count;
    CorsPolicy cors; /* of its answers, whatever the host */
} Tenant;

typedef struct HostName {
    Arena *arena;
    Str name; /* "hub.qe-a.example.org" */
    Str about;
    Str tenant; /* whom requests without a tenant are for; empty: nobody */
    Str cert_file, key_file;
    CorsPolicy cors;
    Str url, publisher; /* branding: implementation.url, links; publisher of /metadata */
} HostName;

/* --- accounts --------------------------------------------------------------------------------- */

typedef enum AccountRight {
    ACCOUNT_READ,   /* what became of documents */
    ACCOUNT_REVEAL, /* and what they say: payloads unmasked */
    ACCOUNT_REPLAY,
    ACCOUNT_ADMINISTER,
    ACCOUNT_RIGHT_COUNT,
} AccountRight;
const char *account_right_name(AccountRight right); /* "read" */

typedef struct Account {
    Arena *arena;
    Str name; /* of the object; what is typed */
    Str about;
    bool disabled;
    AuthTexts tenants; /* "*": all of them */
    AuthTexts rights;  /* names of AccountRight */
    Str argon2id;      /* password.h; empty: no password opens it */
    AuthTexts oidc;    /* what the provider's claim says of it: subjects, addresses */
} Account;
bool account_may(const Account *account, AccountRight right);

/* --- of the catalog --------------------------------------------------------------------------- */

typedef enum AuthKind {
    AUTH_CALLERS,
    AUTH_ISSUERS,
    AUTH_PLANS,
    AUTH_TENANTS,
    AUTH_HOSTS,
    AUTH_ACCOUNTS,
    AUTH_KIND_COUNT,
} AuthKind;
/* The kinds for catalog_open: "callers", "issuers" ... What they make is the struct above. */
extern const CatalogKind auth_kinds[AUTH_KIND_COUNT];

/* `data` by itself, without a catalog: what tools do before they publish. Free with auth_free. */
bool auth_read(AuthKind kind, Str name, Str data, void **ret_object, Err *err) MUST_USE;
/* What is on the topic already: also what was right when it was published and would not be taken
 * any more. */
bool auth_read_published(AuthKind kind, Str name, Str data, void **ret_object, Err *err) MUST_USE;
/* As auth_read, of somebody who was shown the object without what is hidden (auth_write_shown):
 * where an HMAC is missing that of the same id in `before` (NULL: there is none) is meant, and its
 * password's hash where an account has none. */
bool auth_read_over(AuthKind kind, Str name, Str data, const void *before, void **ret_object,
                    Err *err) MUST_USE;
/* As it was written: what follows from other members is not filled in, what contradicts itself not
 * refused. For who changes it and reads the whole again. */
bool auth_read_as_written(AuthKind kind, Str name, Str data, void **ret_object, Err *err) MUST_USE;
/* One that says nothing yet. */
void *auth_new(AuthKind kind, Str name);
void auth_free(void *object); /* NULL is fine */
/* The object as JSON again; `out` decides the limit. */
void auth_write(AuthKind kind, const void *object, Buf *out);
/* Whether objects of a kind have what is not shown. */
bool auth_hides(AuthKind kind);
/* Without HMACs and hashes of passwords: `object` loses them. */
void auth_write_shown(AuthKind kind, void *object, Buf *out);
/* By the catalog's name of it; false: there is none. */
bool auth_kind_named(Str name, AuthKind *ret_kind);

/* --- questions -------------------------------------------------------------------------------- */

/* `organisation` is "source-domain/organisation-code", or empty: then only a permission for the
 * whole tenant counts. To read, replay and administer only such a one does, whatever is named. */
bool caller_may(const Caller *caller, Permission permission, Str tenant, Str organisation);
/* `category` is "fhir:Bundle", "hl7v2:ADT^A01", "csv": with whatever is in it. */
bool caller_may_send(const Caller *caller, Str category);
/* One in which there are resources of this type ... */
bool caller_may_send_type(const Caller *caller, Str category, Str type);
/* ... or of some type at least: what there is shows in the body. */
bool caller_may_send_some(const Caller *caller, Str category);
/* The one tenant that it may do this for; STR_NONE when there are none or several. */
Str caller_only_tenant(const Caller *caller, Permission permission);
/* For every tenant there is? */
bool caller_may_for_all(const Caller *caller, Permission permission);
/* Neither revoked nor expired. */
bool secret_in_force(const StoredSecret *secret, int64_t now_us);
