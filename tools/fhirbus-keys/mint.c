/* Private keys and certificates made here. */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/auth/certificate.h"
#include "common/auth/jwk.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "tools/fhirbus-keys/keys.h"

enum { CERTIFICATE_DAYS = 90, SERIAL_BYTES = 16, PATH_ROOM = 4096 };

static const struct {
    const char *name;
    gnutls_pk_algorithm_t family;
    unsigned bits;
    JwsAlgorithm algorithm;
} kinds[] = {
    {"ed25519", GNUTLS_PK_EDDSA_ED25519, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_ED25519),   JWS_EDDSA},
    {"p256",    GNUTLS_PK_ECDSA,         GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), JWS_ES256},
    {"rsa",     GNUTLS_PK_RSA,           3072,                                             JWS_RS256},
};

/* Under another name first: whoever reads the folder sees a whole file or none. What is there
 * already is never overwritten. */
static bool write_file(const char *path, gnutls_datum_t bytes, unsigned mode, Err *err)
{
    char part[PATH_ROOM];
    int len = snprintf(part, sizeof part, "%s.part", path);
    int fd = len < PATH_ROOM ? open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode) : -1;
    bool fine = fd >= 0 && write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size;
    if (fd >= 0)
        close(fd);
    fine = fine && link(part, path) == 0;
    int why = errno;
    if (fd >= 0)
        unlink(part);
    return fine || ERR(err, ERR_FATAL, why == EEXIST ? "file-exists" : "file", "%s: %s", path,
                       strerrordesc_np(why));
}

static bool write_key(const char *path, gnutls_x509_privkey_t key, Err *err)
{
    gnutls_datum_t pem;
    CHECK(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN,
                                            &pem) == 0);
    bool fine = write_file(path, pem, 0600, err);
    gnutls_memset(pem.data, 0, pem.size);
    gnutls_free(pem.data);
    return fine;
}

static bool public_half(gnutls_x509_privkey_t key, JwsAlgorithm algorithm, Arena *arena,
                        Str *ret_jwks)
{
    gnutls_privkey_t private;
    gnutls_pubkey_t public;
    BUF_AUTO json;
    buf_init(&json, JWKS_BYTES_MAX);
    CHECK(gnutls_privkey_init(&private) == 0 && gnutls_pubkey_init(&public) == 0);
    CHECK(gnutls_privkey_import_x509(private, key, 0) == 0);
    CHECK(gnutls_pubkey_import_privkey(public, private, 0, 0) == 0);
    buf_add(&json, STR("{\"keys\":["));
    bool fine = jwk_write(public, algorithm, &json);
    buf_add(&json, STR("]}"));
    gnutls_pubkey_deinit(public);
    gnutls_privkey_deinit(private);
    *ret_jwks = arena_copy(arena, buf_str(&json));
    return fine;
}

bool mint_key(const char *path, const char *kind, Arena *arena, Str *ret_jwks, Err *err)
{
    gnutls_x509_privkey_t key;
    size_t k = 0;
    while (k < sizeof kinds / sizeof kinds[0] && strcmp(kinds[k].name, kind) != 0)
        k++;
    if (k == sizeof kinds / sizeof kinds[0])
        return ERR(err, ERR_INPUT, "key-kind", "ed25519, p256 or rsa");
    CHECK(gnutls_x509_privkey_init(&key) == 0);
    CHECK(gnutls_x509_privkey_generate(key, kinds[k].family, kinds[k].bits, 0) == 0);
    bool fine = public_half(key, kinds[k].algorithm, arena, ret_jwks) && write_key(path, key, err);
    gnutls_x509_privkey_deinit(key);
    return fine;
}

/* FOLDER/20261128T101112.345Z.pem */
static bool name_by_time(const char *folder, int64_t now_ms, char path[PATH_ROOM], Err *err)
{
    char name[32];
    struct tm utc;
    time_t now = (time_t)(now_ms / 1000);
    CHECK(gmtime_r(&now, &utc));
    strftime(name, sizeof name, "%Y%m%dT%H%M%S", &utc);
    return snprintf(path, PATH_ROOM, "%s/%s.%03dZ.pem", folder, name, (int)(now_ms % 1000)) <
               PATH_ROOM ||
           ERR(err, ERR_INPUT, "file", "the folder's name is too long");
}

/* Named by time: the newest is the last. One that somebody else makes in the same instant keeps its
 * name. */
bool verb_signing_key(Tool *tool, Err *err)
{
    char path[PATH_ROOM];
    Str jwks;
    const char *kind = tool->command.count > 2 ? tool->command.words[2] : "ed25519";
    bool made = false;
    do {
        *err = (Err){0};
        TRY(name_by_time(tool->command.words[1], clock_wall_ms(), path, err));
        made = mint_key(path, kind, tool->arena, &jwks, err);
    } while (!made && strcmp(err->code, "file-exists") == 0);
    if (!made)
        return false;
    tell_made(tool, "made", path);
    return true;
}

/* --- certificates ----------------------------------------------------------------------------- */

typedef struct Authority {
    gnutls_x509_crt_t certificate;
    gnutls_x509_privkey_t key;
} Authority;

static bool read_authority(const char *tls, Authority *ca, Err *err)
{
    char path[PATH_ROOM];
    gnutls_datum_t pem = {0}, key = {0};
    snprintf(path, sizeof path, "%s/ca.pem", tls);
    bool fine = gnutls_load_file(path, &pem) == 0;
    snprintf(path, sizeof path, "%s/ca.key", tls);
    fine = fine && gnutls_load_file(path, &key) == 0;
    CHECK(gnutls_x509_crt_init(&ca->certificate) == 0 && gnutls_x509_privkey_init(&ca->key) == 0);
    fine = fine && gnutls_x509_crt_import(ca->certificate, &pem, GNUTLS_X509_FMT_PEM) == 0 &&
           gnutls_x509_privkey_import2(ca->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0) == 0;
    gnutls_free(pem.data);
    gnutls_free(key.data);
    return fine || ERR(err, ERR_INPUT, "not-a-development-stack",
                       "%s holds no development CA: this is for a stack of `make up`", tls);
}

static void fill(gnutls_x509_crt_t crt, const char *name, gnutls_x509_privkey_t key)
{
    unsigned char serial[SERIAL_BYTES];
    time_t now = (time_t)(clock_wall_ms() / 1000);
    char san[200];
    snprintf(san, sizeof san, "%s.localhost", name);
    CHECK(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial) == 0);
    serial[0] = (serial[0] & 0x7f) | 1; /* positive, and not of fewer bytes */
    CHECK(gnutls_x509_crt_set_version(crt, 3) == 0);
    CHECK(gnutls_x509_crt_set_serial(crt, serial, sizeof serial) == 0);
    CHECK(gnutls_x509_crt_set_activation_time(crt, now - 60) == 0);
    CHECK(gnutls_x509_crt_set_expiration_time(crt, now + CERTIFICATE_DAYS * 86400) == 0);
    CHECK(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_ORGANIZATION_NAME, 0,
                                        "fhirbus development", 19) == 0);
    CHECK(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                        (unsigned)strlen(name)) == 0);
    CHECK(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, san, (unsigned)strlen(san),
                                               GNUTLS_FSAN_SET) == 0);
    CHECK(gnutls_x509_crt_set_basic_constraints(crt, 0, -1) == 0);
    CHECK(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE) == 0);
    CHECK(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0) == 0);
    CHECK(gnutls_x509_crt_set_key(crt, key) == 0);
}

static bool write_certificate(const char *folder, const char *name, gnutls_x509_crt_t crt,
                              Arena *arena, CertificateFacts *ret_facts, Err *err)
{
    char path[PATH_ROOM];
    gnutls_datum_t pem, der;
    CHECK(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem) == 0);
    CHECK(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der) == 0);
    union {
        unsigned char *bytes;
        const char *chars;
    } cast = {.bytes = der.data};
    snprintf(path, sizeof path, "%s/%s.pem", folder, name);
    bool fine =
        write_file(path, pem, 0644, err) &&
        certificate_facts(arena_copy(arena, (Str){cast.chars, der.size}), arena, ret_facts, err);
    gnutls_free(pem.data);
    gnutls_free(der.data);
    return fine;
}

bool mint_certificate(const char *tls, const char *folder, const char *name, Arena *arena,
                      CertificateFacts *ret_facts, Err *err)
{
    char path[PATH_ROOM];
    Authority ca = {0};
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    bool fine = read_authority(tls, &ca, err);
    CHECK(gnutls_x509_privkey_init(&key) == 0 && gnutls_x509_crt_init(&crt) == 0);
    if (fine) {
        CHECK(gnutls_x509_privkey_generate(
                  key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) == 0);
        fill(crt, name, key);
        fine = gnutls_x509_crt_sign2(crt, ca.certificate, ca.key, GNUTLS_DIG_SHA256, 0) == 0 ||
               ERR(err, ERR_FATAL, "certificate", "it could not be signed");
    }
    snprintf(path, sizeof path, "%s/%s.key", folder, name);
    fine = fine && write_key(path, key, err) &&
           write_certificate(folder, name, crt, arena, ret_facts, err);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
    gnutls_x509_crt_deinit(ca.certificate);
    gnutls_x509_privkey_deinit(ca.key);
    return fine;
}
