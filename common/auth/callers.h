/* callers - the book of callers: "who is this, and what may it do", answered from memory.
 *
 * A book is compiled from the catalog's objects of the kinds of objects.h, as they are at one
 * moment, and never changes; when the catalog changes a new one takes its place. Who holds a book
 * keeps it until callers_release.
 *
 * Rule:    what two objects claim (a client id, an API key's id, an iss, an organisation) belongs
 * to neither of them: `ambiguous` counts such things, and the log names the objects. Owner:   all
 * that a look-up yields lives as long as the book. Threads: any. Limits: those of the catalog. */
#pragma once
#include "common/auth/objects.h"
#include "common/obs/log.h"

typedef struct Callers Callers;
typedef struct CallerBook CallerBook;

/* `catalog` was opened with auth_kinds (and whatever else), and outlives this. */
Callers *callers_new(Catalog *catalog, const Log *log);
void callers_free(Callers *callers); /* NULL is fine; books must have been released */
/* Has all been read? Before that nobody can be told apart. */
bool callers_ready(Callers *callers);

const CallerBook *callers_acquire(Callers *callers);
void callers_release(const CallerBook *book); /* NULL is fine */

uint64_t book_generation(const CallerBook *book);
size_t book_callers(const CallerBook *book);
size_t book_ambiguous(const CallerBook *book);

/* Each: NULL when there is none, or more than one. Disabled callers are found: ask `disabled`. */
const Caller *book_caller(const CallerBook *book, Str name);
const Caller *book_caller_at(const CallerBook *book, size_t index); /* NULL past the end */
const OAuthClient *book_client(const CallerBook *book, Str id, const Caller **ret_caller);
const StoredSecret *book_api_key(const CallerBook *book, Str id, const Caller **ret_caller);
const TokenIssuer *book_issuer(const CallerBook *book, Str iss);         /* no disabled ones */
const TokenIssuer *book_issuer_at(const CallerBook *book, size_t index); /* NULL past the end */
const UsagePlan *book_plan(const CallerBook *book, Str name);
const HostName *book_host(const CallerBook *book, Str host);        /* lower case, without port */
const HostName *book_host_at(const CallerBook *book, size_t index); /* NULL past the end */
/* The tenant that an organisation belongs to; STR_NONE: nobody's. */
Str book_tenant_of(const CallerBook *book, Str source_domain, Str organisation_code);
/* What tenants/NAME says of it; NULL: it has no object, which is no fault. */
const Tenant *book_tenant(const CallerBook *book, Str tenant);
const Tenant *book_tenant_at(const CallerBook *book, size_t index); /* NULL past the end */
const Account *book_account(const CallerBook *book, Str name);
/* By what the identity provider's claim says. */
const Account *book_account_of(const CallerBook *book, Str claim);

/* A certificate whose chain has been checked. */
typedef struct CertificateFacts {
    uint8_t fingerprint[32]; /* SHA-256 */
    Str subject, issuer;     /* RFC 4514 */
    const Str *sans;         /* "dns:...", "uri:...", "email:...", "ip:..." */
    size_t san_count;
} CertificateFacts;
/* The caller one of whose matchers fits; NULL when none does, or those of several callers do. */
const Caller *book_certificate(const CallerBook *book, const CertificateFacts *facts,
                               int64_t now_us);
