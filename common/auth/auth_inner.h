/* auth_inner - what auth.c (files, reloading), identify.c and grant.c share; nobody else includes
 * it. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "common/auth/auth.h"
#include "common/auth/certificate.h"
#include "common/auth/keys.h"
#include "common/auth/known.h"
#include "common/auth/signing.h"
#include "common/auth/verified.h"
#include "common/watch/watch.h"

/* What comes from files: replaced as a whole; readers hold what they use. */
typedef struct AuthFiles {
    atomic_uint refs;
    CertificateTrust *trust; /* NULL: none */
    SigningRing *ring;       /* NULL: none */
    uint64_t stamp;          /* of the files; also what verified signatures were checked by */
} AuthFiles;

struct Auth {
    AuthOptions options;
    Callers *callers;
    KeyStore *keys;
    Verified *verified;
    KnownCertificates *known;
    pthread_mutex_t lock; /* files */
    AuthFiles *files;
    Watch *watch;
    uint64_t tried, followed; /* the watch's: stamp of the files, generation of the book */
};

const AuthFiles *files_acquire(Auth *auth);
void files_release(const AuthFiles *files);

/* A JWT of anybody's: by its iss. */
bool token_identify(Auth *auth, const AuthFiles *files, Str token, Arena *arena,
                    AuthIdentity *identity, const Caller **ret_caller);
/* "YWJj": the SHA-256 of a certificate as cnf has it. */
Str certificate_thumbprint(const CertificateFacts *facts, Arena *arena);
