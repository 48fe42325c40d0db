#include "common/auth/jwk.h"

#include <gnutls/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/auth/base64url.h"
#include "common/base/check.h"
#include "common/json/json.h"

enum {
    SCRATCH_BYTES = 8 << 20,
    RSA_BITS_MIN = 2048,
    RSA_BITS_MAX = 8192,
    COORDINATE_BYTES_MAX = 48,
    EDDSA_BYTES = 64,
    KID_MAX = 500,
};

enum { P256, P384, ED25519, CURVE_COUNT };

typedef struct Curve {
    const char *kty, *crv;
    gnutls_ecc_curve_t curve;
    size_t coordinate_bytes;
    bool has_y;
} Curve;

static const Curve curves[CURVE_COUNT] = {
    [P256] = {"EC",  "P-256",   GNUTLS_ECC_CURVE_SECP256R1, 32, true },
    [P384] = {"EC",  "P-384",   GNUTLS_ECC_CURVE_SECP384R1, 48, true },
    [ED25519] = {"OKP", "Ed25519", GNUTLS_ECC_CURVE_ED25519,   32, false},
};
typedef struct Jwk {
    gnutls_pubkey_t key;
    int family;             /* gnutls_pk_algorithm_t */
    const Curve *curve;     /* NULL: of no curve */
    JwsAlgorithm algorithm; /* JWS_NONE: any that fits the family */
    char *kid;              /* NULL: none */
    size_t kid_len;
} Jwk;

struct Jwks {
    atomic_uint refs;
    Jwk keys[JWKS_KEYS_MAX];
    size_t count;
    uint64_t stamp;
};

static const struct {
    const char *name;
    int family;
    const Curve *curve;
    gnutls_sign_algorithm_t sign;
} algorithms[] = {
    [JWS_NONE] = {"none",  GNUTLS_PK_UNKNOWN,       NULL,             GNUTLS_SIGN_UNKNOWN            },
    [JWS_RS256] = {"RS256", GNUTLS_PK_RSA,           NULL,             GNUTLS_SIGN_RSA_SHA256         },
    [JWS_RS384] = {"RS384", GNUTLS_PK_RSA,           NULL,             GNUTLS_SIGN_RSA_SHA384         },
    [JWS_PS256] = {"PS256", GNUTLS_PK_RSA,           NULL,             GNUTLS_SIGN_RSA_PSS_RSAE_SHA256},
    [JWS_ES256] = {"ES256", GNUTLS_PK_ECDSA,         &curves[P256],    GNUTLS_SIGN_ECDSA_SHA256       },
    [JWS_ES384] = {"ES384", GNUTLS_PK_ECDSA,         &curves[P384],    GNUTLS_SIGN_ECDSA_SHA384       },
    [JWS_EDDSA] = {"EdDSA", GNUTLS_PK_EDDSA_ED25519, &curves[ED25519], GNUTLS_SIGN_EDDSA_ED25519      },
};

JwsAlgorithm jws_algorithm(Str name)
{
    for (JwsAlgorithm a = JWS_RS256; a <= JWS_EDDSA; a++)
        if (str_is(name, algorithms[a].name))
            return a;
    return JWS_NONE;
}

const char *jws_algorithm_name(JwsAlgorithm algorithm)
{
    return algorithms[algorithm].name;
}

static gnutls_datum_t datum(Str bytes)
{
    union {
        const char *chars;
        unsigned char *bytes;
    } cast = {.chars = bytes.ptr};
    return (gnutls_datum_t){cast.bytes, (unsigned)bytes.len};
}

/* --- reading ---------------------------------------------------------------------------------- */

typedef struct Reading {
    const JsonDoc *doc;
    const JsonNode *node;
    Arena *arena;
} Reading;

static bool bytes_of(const Reading *reading, const char *name, Str *ret_bytes)
{
    Str text = json_get_text(reading->doc, reading->node, name);
    return text.len > 0 && base64url_decode(text, reading->arena, ret_bytes) && ret_bytes->len > 0;
}

static bool import_rsa(const Reading *reading, gnutls_pubkey_t key)
{
    Str n, e;
    if (!bytes_of(reading, "n", &n) || !bytes_of(reading, "e", &e) || e.len > 8)
        return false;
    while (n.len && n.ptr[0] == '\0')
        n = str_skip(n, 1);
    if (n.len * 8 < RSA_BITS_MIN || n.len * 8 > RSA_BITS_MAX)
        return false;
    unsigned last = (unsigned char)e.ptr[e.len - 1];
    bool is_one = true;
    for (size_t i = 0; i < e.len; i++)
        is_one = is_one && (unsigned char)e.ptr[i] == (i + 1 == e.len);
    if (is_one || last % 2 == 0) /* with e = 1 everybody can sign */
        return false;
    const gnutls_datum_t modulus = datum(n), exponent = datum(e);
    return gnutls_pubkey_import_rsa_raw(key, &modulus, &exponent) == 0;
}

static const Curve *curve_of(const Reading *reading)
{
    Str kty = json_get_text(reading->doc, reading->node, "kty");
    Str crv = json_get_text(reading->doc, reading->node, "crv");
    for (size_t i = 0; i < CURVE_COUNT; i++)
        if (str_is(kty, curves[i].kty) && str_is(crv, curves[i].crv))
            return &curves[i];
    return NULL;
}

static bool import_curve(const Reading *reading, const Curve *curve, gnutls_pubkey_t key)
{
    Str x, y = STR_NONE;
    if (!bytes_of(reading, "x", &x) || x.len != curve->coordinate_bytes)
        return false;
    if (curve->has_y && (!bytes_of(reading, "y", &y) || y.len != curve->coordinate_bytes))
        return false;
    const gnutls_datum_t dx = datum(x), dy = datum(y);
    return gnutls_pubkey_import_ecc_raw(key, curve->curve, &dx, curve->has_y ? &dy : NULL) == 0;
}

static bool import(const Reading *reading, gnutls_pubkey_t key, const Curve **ret_curve)
{
    const Curve *curve = curve_of(reading);
    *ret_curve = curve;
    if (str_is(json_get_text(reading->doc, reading->node, "kty"), "RSA"))
        return import_rsa(reading, key);
    return curve && import_curve(reading, curve, key);
}

/* False: passed over. */
static bool read_key(const Reading *reading, Jwk *ret_jwk)
{
    Jwk jwk = {0};
    Str use = json_get_text(reading->doc, reading->node, "use");
    Str alg = json_get_text(reading->doc, reading->node, "alg");
    Str kid = json_get_text(reading->doc, reading->node, "kid");
    if ((use.ptr && !str_is(use, "sig")) || (alg.ptr && !jws_algorithm(alg)) || kid.len > KID_MAX ||
        (reading->node->flags & JSON_FLAG_HAS_DUPLICATES))
        return false;
    CHECK(gnutls_pubkey_init(&jwk.key) == 0);
    if (!import(reading, jwk.key, &jwk.curve)) {
        gnutls_pubkey_deinit(jwk.key);
        return false;
    }
    jwk.family = gnutls_pubkey_get_pk_algorithm(jwk.key, NULL);
    jwk.algorithm = jws_algorithm(alg);
    if (kid.ptr) {
        jwk.kid = malloc(kid.len + 1);
        CHECK(jwk.kid);
        memcpy(jwk.kid, kid.ptr, kid.len);
        jwk.kid_len = kid.len;
    }
    *ret_jwk = jwk;
    return true;
}

bool jwks_read(Str json, Jwks **ret_jwks, Err *err)
{
    static const JsonLimits limits = {.depth = 8, .nodes = 10000};
    JsonDoc doc;
    ARENA_AUTO arena = arena_new(SCRATCH_BYTES);
    CHECK(arena);
    if (json.len > JWKS_BYTES_MAX || !json_read(json, NULL, &limits, arena, &doc, NULL, err))
        return ERR(err, ERR_INPUT, "jwks-json", "not JSON, or too much of it");
    const JsonNode *keys = json_get(&doc, json_root(&doc), "keys");
    if (!keys || keys->kind != JSON_KIND_ARRAY)
        return ERR(err, ERR_INPUT, "jwks-json", "no list of keys");
    Jwks *jwks = calloc(1, sizeof *jwks);
    CHECK(jwks);
    atomic_init(&jwks->refs, 1);
    jwks->stamp = str_hash(json);
    JSON_EACH(&doc, node, keys)
    {
        const Reading reading = {&doc, node, arena};
        if (node->kind == JSON_KIND_OBJECT && jwks->count < JWKS_KEYS_MAX &&
            read_key(&reading, &jwks->keys[jwks->count]))
            jwks->count++;
    }
    *ret_jwks = jwks;
    return true;
}

static Jwks *counted(const Jwks *jwks)
{
    union {
        const Jwks *held;
        Jwks *jwks;
    } cast = {.held = jwks};
    return cast.jwks;
}

const Jwks *jwks_hold(const Jwks *jwks)
{
    atomic_fetch_add(&counted(jwks)->refs, 1);
    return jwks;
}

void jwks_free(const Jwks *held)
{
    Jwks *jwks = counted(held);
    if (!jwks || atomic_fetch_sub(&jwks->refs, 1) > 1)
        return;
    for (size_t i = 0; i < jwks->count; i++) {
        gnutls_pubkey_deinit(jwks->keys[i].key);
        free(jwks->keys[i].kid);
    }
    free(jwks);
}

size_t jwks_count(const Jwks *jwks)
{
    return jwks->count;
}

uint64_t jwks_stamp(const Jwks *jwks)
{
    return jwks->stamp;
}

/* --- verifying -------------------------------------------------------------------------------- */

static bool fits(const Jwk *jwk, JwsAlgorithm algorithm, Str kid)
{
    if (jwk->family != algorithms[algorithm].family || jwk->curve != algorithms[algorithm].curve ||
        (jwk->algorithm && jwk->algorithm != algorithm))
        return false;
    return !kid.ptr || (jwk->kid && str_eq(kid, (Str){jwk->kid, jwk->kid_len}));
}

/* The only one that is meant; NULL when there is none, or no telling which. */
static const Jwk *meant(const Jwks *jwks, JwsAlgorithm algorithm, Str kid)
{
    const Jwk *found = NULL;
    for (size_t i = 0; algorithm && i < jwks->count; i++) {
        if (!fits(&jwks->keys[i], algorithm, kid))
            continue;
        if (found)
            return NULL;
        found = &jwks->keys[i];
    }
    return found;
}

bool jwks_has(const Jwks *jwks, JwsAlgorithm algorithm, Str kid)
{
    return meant(jwks, algorithm, kid) != NULL;
}

static bool verify(const Jwk *jwk, JwsAlgorithm algorithm, Str input, Str signature)
{
    const gnutls_datum_t data = datum(input), sig = datum(signature);
    return gnutls_pubkey_verify_data2(jwk->key, algorithms[algorithm].sign, 0, &data, &sig) >= 0;
}

/* spec: RFC 7518 §3.4: r and s, each as long as a coordinate, where GnuTLS wants them in DER */
static bool verify_ecdsa(const Jwk *jwk, JwsAlgorithm algorithm, Str input, Str signature)
{
    gnutls_datum_t der = {0};
    size_t half = algorithms[algorithm].curve->coordinate_bytes;
    if (signature.len != 2 * half)
        return false;
    const gnutls_datum_t r = datum(str_cut(signature, 0, half));
    const gnutls_datum_t s = datum(str_skip(signature, half));
    if (gnutls_encode_rs_value(&der, &r, &s) != 0)
        return false;
    union {
        unsigned char *bytes;
        const char *chars;
    } cast = {.bytes = der.data};
    bool fine = verify(jwk, algorithm, input, (Str){cast.chars, der.size});
    gnutls_free(der.data);
    return fine;
}

bool jwks_verify(const Jwks *jwks, JwsAlgorithm algorithm, Str kid, Str input, Str signature)
{
    const Jwk *jwk = meant(jwks, algorithm, kid);
    if (!jwk || !signature.len || (algorithm == JWS_EDDSA && signature.len != EDDSA_BYTES))
        return false;
    return algorithms[algorithm].family == GNUTLS_PK_ECDSA
               ? verify_ecdsa(jwk, algorithm, input, signature)
               : verify(jwk, algorithm, input, signature);
}

/* --- writing ---------------------------------------------------------------------------------- */

static Str trimmed(gnutls_datum_t number)
{
    union {
        unsigned char *bytes;
        const char *chars;
    } cast = {.bytes = number.data};
    Str bytes = {cast.chars, number.size};
    while (bytes.len > 1 && bytes.ptr[0] == '\0')
        bytes = str_skip(bytes, 1);
    return bytes;
}

static void write_number(Buf *out, const char *name, Str bytes)
{
    buf_add_format(out, "\"%s\":\"", name);
    base64url_write(out, bytes);
    buf_add(out, STR("\""));
}

/* spec: RFC 7518 §6.2.1.2: as long as the curve says, leading zeros included */
static void write_coordinate(Buf *out, const char *name, const Curve *curve, gnutls_datum_t number)
{
    char padded[COORDINATE_BYTES_MAX] = {0};
    Str bytes = trimmed(number);
    CHECK(bytes.len <= curve->coordinate_bytes);
    memcpy(padded + curve->coordinate_bytes - bytes.len, bytes.ptr, bytes.len);
    write_number(out, name, (Str){padded, curve->coordinate_bytes});
}

static bool write_rsa(gnutls_pubkey_t key, Buf *out)
{
    gnutls_datum_t n, e;
    if (gnutls_pubkey_export_rsa_raw(key, &n, &e) != 0)
        return false;
    write_number(out, "e", trimmed(e));
    buf_add(out, STR(",\"kty\":\"RSA\","));
    write_number(out, "n", trimmed(n));
    gnutls_free(n.data);
    gnutls_free(e.data);
    return true;
}

static bool write_curve(gnutls_pubkey_t key, Buf *out)
{
    gnutls_ecc_curve_t curve;
    gnutls_datum_t x, y = {0};
    size_t c = 0;
    if (gnutls_pubkey_export_ecc_raw2(key, &curve, &x, &y, 0) != 0)
        return false;
    while (c < CURVE_COUNT && curves[c].curve != curve)
        c++;
    if (c < CURVE_COUNT) {
        buf_add_format(out, "\"crv\":\"%s\",\"kty\":\"%s\",", curves[c].crv, curves[c].kty);
        write_coordinate(out, "x", &curves[c], x);
    }
    if (c < CURVE_COUNT && curves[c].has_y) {
        buf_add(out, STR(","));
        write_coordinate(out, "y", &curves[c], y);
    }
    gnutls_free(x.data);
    gnutls_free(y.data);
    return c < CURVE_COUNT;
}

/* The required members in the order of RFC 7638 §3.3. */
static bool write_members(gnutls_pubkey_t key, Buf *out)
{
    return gnutls_pubkey_get_pk_algorithm(key, NULL) == GNUTLS_PK_RSA ? write_rsa(key, out)
                                                                      : write_curve(key, out);
}

bool jwk_thumbprint(gnutls_pubkey_t key, char ret_text[JWK_THUMBPRINT_LEN + 1])
{
    char digest[32];
    BUF_AUTO json, text;
    buf_init(&json, JWKS_BYTES_MAX);
    buf_init(&text, JWK_THUMBPRINT_LEN + 1);
    buf_add(&json, STR("{"));
    TRY(write_members(key, &json));
    buf_add(&json, STR("}"));
    CHECK(gnutls_hash_fast(GNUTLS_DIG_SHA256, json.data, json.len, digest) == 0);
    base64url_write(&text, (Str){digest, sizeof digest});
    CHECK(text.len == JWK_THUMBPRINT_LEN);
    memcpy(ret_text, text.data, JWK_THUMBPRINT_LEN);
    ret_text[JWK_THUMBPRINT_LEN] = '\0';
    return true;
}

bool jwk_write(gnutls_pubkey_t key, JwsAlgorithm algorithm, Buf *out)
{
    char kid[JWK_THUMBPRINT_LEN + 1];
    TRY(jwk_thumbprint(key, kid));
    buf_add_format(out, "{\"kid\":\"%s\",\"use\":\"sig\",\"alg\":\"%s\",", kid,
                   algorithms[algorithm].name);
    TRY(write_members(key, out));
    buf_add(out, STR("}"));
    return !out->overflowed;
}
