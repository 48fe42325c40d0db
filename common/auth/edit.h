/* edit - a caller's object changed: credentials, certificates, permissions, before it is published
 * again.
 *
 * Owner:   what is added lives in the caller's own arena. Threads: one caller, one thread.
 * Errors:  ERR_FATAL "credential-key" (too short, or there is none); ERR_INPUT "certificate-pem".
 */
#pragma once
#include "common/auth/callers.h"
#include "common/auth/credential.h"

enum { CREDENTIAL_KEY_BYTES_MIN = 32, EDIT_TOKEN_LIFE_S = 300 };

/* Each: the list with a zeroed element more, which is returned. */
StoredSecret *caller_add_key(Caller *caller);
StoredSecret *caller_add_secret(Caller *caller, OAuthClient *client);
CertificateMatcher *caller_add_certificate(Caller *caller);
/* NULL: there is none, and it was not to be made. */
OAuthClient *caller_client(Caller *caller, Str id, bool make);
/* A copy of `text`, unless it is there already. */
void caller_add_text(Caller *caller, AuthTexts *texts, Str text);
void caller_take_text(AuthTexts *texts, Str text);
/* By its name in the object, "sendCategories" too; NULL: there is no such permission. */
AuthTexts *caller_permission(Caller *caller, Str name);

StoredSecret *caller_key(Caller *caller, Str id); /* NULL: there is none */
/* Of whichever client. */
StoredSecret *caller_secret(Caller *caller, Str id, OAuthClient **ret_client);

/* What a new credential is to be like. */
typedef struct Minting {
    CredentialKind kind;
    Str owner; /* the client's id; an API key has none */
    Str key;   /* under which HMACs are kept */
    Str about;
    int64_t expires_us;
} Minting;
/* Its HMAC is kept in *to; its text is to be shown once. */
bool caller_mint(Caller *caller, const Minting *minting, StoredSecret *to,
                 Credential *ret_credential, Err *err) MUST_USE;
/* The matcher fits the first certificate of `pem` alone, by its fingerprint. */
bool caller_match_pem(Caller *caller, Str pem, CertificateMatcher *to, Err *err) MUST_USE;

/* By its fingerprint, subject or SAN. */
bool caller_certificate_is(const CertificateMatcher *matcher, Str wanted);

/* What another object of the kind claims already: such a thing would belong to neither. NULL: none.
 */
const char *auth_clash(const CatalogView *view, AuthKind kind, Str name, const void *object);
