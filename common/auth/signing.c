#include "common/auth/signing.h"

#include <dirent.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/auth/base64url.h"
#include "common/base/check.h"

enum { NAME_MAX_BYTES = 200, PATH_MAX_BYTES = 4096, KEY_FILE_MAX = 64 * 1024 };

typedef struct SigningKey {
    char name[NAME_MAX_BYTES];
    gnutls_privkey_t key;
    JwsAlgorithm algorithm;
    char kid[JWK_THUMBPRINT_LEN + 1];
    int64_t since_s;
} SigningKey;

struct SigningRing {
    SigningKey keys[SIGNING_KEYS_MAX]; /* by name */
    size_t count;
    uint64_t publish_s;
    Buf json;
    Jwks *jwks;
};

/* --- the folder ------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const SigningKey *)a)->name, ((const SigningKey *)b)->name);
}

static bool is_key_file(const char *name)
{
    return name[0] != '.' && str_ends(str_from(name), STR(".pem")) && strlen(name) < NAME_MAX_BYTES;
}

static bool list_keys(const char *folder, SigningRing *ring, Err *err)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return ERR(err, ERR_FATAL, "signing-keys", "%s cannot be read", folder);
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (is_key_file(entry->d_name) && ring->count < SIGNING_KEYS_MAX)
            snprintf(ring->keys[ring->count++].name, NAME_MAX_BYTES, "%.*s", NAME_MAX_BYTES - 1,
                     entry->d_name);
    closedir(dir);
    qsort(ring->keys, ring->count, sizeof ring->keys[0], by_name);
    return ring->count > 0 || ERR(err, ERR_FATAL, "signing-keys", "%s holds no *.pem", folder);
}

uint64_t ring_folder_stamp(const char *folder)
{
    SigningRing *ring = calloc(1, sizeof *ring);
    uint64_t stamp = 0;
    CHECK(ring);
    if (list_keys(folder, ring, NULL))
        for (size_t i = 0; i < ring->count; i++) {
            char line[PATH_MAX_BYTES];
            struct stat facts = {0};
            snprintf(line, sizeof line, "%s/%s", folder, ring->keys[i].name);
            if (stat(line, &facts) != 0)
                continue;
            snprintf(line, sizeof line, "%s %lld %lld %lld", ring->keys[i].name,
                     (long long)facts.st_mtim.tv_sec, (long long)facts.st_size,
                     (long long)facts.st_ino);
            stamp = stamp * 31 + str_hash(str_from(line));
        }
    free(ring);
    return stamp;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool read_file(const char *path, char bytes[KEY_FILE_MAX], unsigned *ret_len,
                      int64_t *ret_since_s)
{
    struct stat facts;
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t len = fread(bytes, 1, KEY_FILE_MAX, file);
    bool fine = fstat(fileno(file), &facts) == 0 && len > 0 && len < KEY_FILE_MAX;
    fclose(file);
    if (!fine)
        return false;
    *ret_len = (unsigned)len;
    *ret_since_s = facts.st_mtim.tv_sec;
    return true;
}

static JwsAlgorithm algorithm_of(gnutls_privkey_t key)
{
    unsigned bits = 0;
    int family = gnutls_privkey_get_pk_algorithm(key, &bits);
    if (family == GNUTLS_PK_RSA && bits >= 2048)
        return JWS_RS256;
    if (family == GNUTLS_PK_ECDSA && bits == 256)
        return JWS_ES256;
    return family == GNUTLS_PK_EDDSA_ED25519 ? JWS_EDDSA : JWS_NONE;
}

static bool load(const char *path, SigningKey *key)
{
    unsigned char bytes[KEY_FILE_MAX];
    gnutls_datum_t pem = {bytes, 0};
    union {
        unsigned char *bytes;
        char *chars;
    } cast = {.bytes = bytes};
    if (!read_file(path, cast.chars, &pem.size, &key->since_s))
        return false;
    CHECK(gnutls_privkey_init(&key->key) == 0);
    bool fine = gnutls_privkey_import_x509_raw(key->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0) == 0;
    explicit_bzero(bytes, sizeof bytes);
    key->algorithm = fine ? algorithm_of(key->key) : JWS_NONE;
    return key->algorithm != JWS_NONE;
}

static bool publish(SigningKey *key, Buf *json)
{
    gnutls_pubkey_t public;
    CHECK(gnutls_pubkey_init(&public) == 0);
    bool fine = gnutls_pubkey_import_privkey(public, key->key, 0, 0) == 0 &&
                jwk_thumbprint(public, key->kid) && jwk_write(public, key->algorithm, json);
    gnutls_pubkey_deinit(public);
    return fine;
}

static bool load_all(const char *folder, SigningRing *ring, Err *err)
{
    TRY(list_keys(folder, ring, err));
    buf_add(&ring->json, STR("{\"keys\":["));
    for (size_t i = 0; i < ring->count; i++) {
        char path[PATH_MAX_BYTES];
        int len = snprintf(path, sizeof path, "%s/%s", folder, ring->keys[i].name);
        if (i)
            buf_add(&ring->json, STR(","));
        if (len >= PATH_MAX_BYTES || !load(path, &ring->keys[i]) ||
            !publish(&ring->keys[i], &ring->json))
            return ERR(err, ERR_FATAL, "signing-keys",
                       "%s is no private key in PEM of RSA (2048 bits or more), P-256 or Ed25519",
                       ring->keys[i].name);
    }
    buf_add(&ring->json, STR("]}"));
    return jwks_read(buf_str(&ring->json), &ring->jwks, err);
}

bool ring_read(const char *folder, uint64_t publish_s, SigningRing **ret_ring, Err *err)
{
    SigningRing *ring = calloc(1, sizeof *ring);
    CHECK(ring);
    ring->publish_s = publish_s;
    buf_init(&ring->json, JWKS_BYTES_MAX);
    if (!load_all(folder, ring, err)) {
        ring_free(ring);
        return false;
    }
    *ret_ring = ring;
    return true;
}

void ring_free(SigningRing *ring)
{
    if (!ring)
        return;
    for (size_t i = 0; i < ring->count; i++)
        if (ring->keys[i].key)
            gnutls_privkey_deinit(ring->keys[i].key);
    buf_clear(&ring->json);
    jwks_free(ring->jwks);
    free(ring);
}

const Jwks *ring_jwks(const SigningRing *ring)
{
    return ring->jwks;
}

Str ring_json(const SigningRing *ring)
{
    return buf_str(&ring->json);
}

/* --- signing ---------------------------------------------------------------------------------- */

static const SigningKey *signer(const SigningRing *ring, int64_t now_s)
{
    const SigningKey *chosen = &ring->keys[0];
    for (size_t i = 0; i < ring->count; i++)
        if (ring->keys[i].since_s + (int64_t)ring->publish_s <= now_s)
            chosen = &ring->keys[i];
    return chosen;
}

/* spec: RFC 7518 §3.4: r and s of 32 bytes each */
static bool write_rs(const gnutls_datum_t *der, Buf *out)
{
    gnutls_datum_t number[2];
    char both[64] = {0};
    if (gnutls_decode_rs_value(der, &number[0], &number[1]) != 0)
        return false;
    bool fine = true;
    for (int i = 0; i < 2; i++) {
        const unsigned char *bytes = number[i].data;
        unsigned len = number[i].size;
        while (len > 32 && *bytes == 0) {
            bytes++;
            len--;
        }
        fine = fine && len <= 32;
        if (fine)
            memcpy(both + 32 * i + 32 - len, bytes, len);
        gnutls_free(number[i].data);
    }
    if (fine)
        base64url_write(out, (Str){both, sizeof both});
    return fine;
}

static bool write_signature(const SigningKey *key, Str input, Buf *out)
{
    static const gnutls_sign_algorithm_t how[] = {[JWS_RS256] = GNUTLS_SIGN_RSA_SHA256,
                                                  [JWS_ES256] = GNUTLS_SIGN_ECDSA_SHA256,
                                                  [JWS_EDDSA] = GNUTLS_SIGN_EDDSA_ED25519};
    union {
        const char *chars;
        unsigned char *bytes;
    } cast = {.chars = input.ptr}, made;
    const gnutls_datum_t data = {cast.bytes, (unsigned)input.len};
    gnutls_datum_t signature;
    if (gnutls_privkey_sign_data2(key->key, how[key->algorithm], 0, &data, &signature) != 0)
        return false;
    made.bytes = signature.data;
    bool fine = key->algorithm != JWS_ES256 || write_rs(&signature, out);
    if (key->algorithm != JWS_ES256)
        base64url_write(out, (Str){made.chars, signature.size});
    gnutls_free(signature.data);
    return fine;
}

bool ring_sign(const SigningRing *ring, const char *typ, Str claims, int64_t now_s, Buf *out,
               Err *err)
{
    const SigningKey *key = signer(ring, now_s);
    size_t from = out->len;
    char header[200];
    int len = snprintf(header, sizeof header, "{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"}",
                       jws_algorithm_name(key->algorithm), typ, key->kid);
    base64url_write(out, (Str){header, (size_t)len});
    buf_add_char(out, '.');
    base64url_write(out, claims);
    Str input = str_skip(buf_str(out), from);
    BUF_AUTO signature;
    buf_init(&signature, 2048);
    if (!write_signature(key, input, &signature))
        return ERR(err, ERR_FATAL, "signing-keys", "a token could not be signed");
    buf_add_char(out, '.');
    buf_add(out, buf_str(&signature));
    return !out->overflowed || ERR(err, ERR_FATAL, "signing-keys", "a token is too long");
}
