#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <assert.h>
#include <cmocka.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include "common/auth/base64url.h"
#include "common/auth/jwt.h"
#include "common/auth/scope.h"
#include "common/auth/signing.h"

enum { NOW = 1800000000 };

/* --- fixtures: a folder of keys --------------------------------------------------------------- */

typedef struct Fixture {
    char folder[64];
    Arena *arena;
} Fixture;

static void write_key(const Fixture *fixture, const char *name, gnutls_pk_algorithm_t family,
                      unsigned bits, int64_t since_s)
{
    gnutls_x509_privkey_t key;
    gnutls_datum_t pem;
    char path[200];
    const struct utimbuf times = {since_s, since_s};
    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(gnutls_x509_privkey_generate(key, family, bits, 0), 0);
    assert_int_equal(
        gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem),
        0);
    snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(pem.data, 1, pem.size, file), pem.size);
    fclose(file);
    assert_int_equal(utime(path, &times), 0);
    gnutls_free(pem.data);
    gnutls_x509_privkey_deinit(key);
}

static int set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/jwt-test-XXXXXX");
    if (!mkdtemp(fixture->folder))
        return 1;
    fixture->arena = arena_new(32 << 20);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;
    static const char *const names[] = {"1-rsa.pem", "2-ec.pem", "3-ed.pem", "other.txt",
                                        "bad.pem"};
    char path[200];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", fixture->folder, names[i]);
        unlink(path);
    }
    rmdir(fixture->folder);
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

static SigningRing *ring_of(const Fixture *fixture)
{
    SigningRing *ring = NULL;
    Err err = {0};
    if (!ring_read(fixture->folder, 60, &ring, &err))
        fail_msg("%s", err.text);
    return ring;
}

static Str sign(const Fixture *fixture, const SigningRing *ring, const char *claims)
{
    BUF_AUTO token;
    Err err = {0};
    buf_init(&token, 16384);
    assert_true(ring_sign(ring, "at+jwt", str_from(claims), NOW, &token, &err));
    return arena_copy(fixture->arena, buf_str(&token));
}

static Str encoded(const Fixture *fixture, const char *text)
{
    BUF_AUTO out;
    buf_init(&out, 16384);
    base64url_write(&out, str_from(text));
    return arena_copy(fixture->arena, buf_str(&out));
}

/* A token of these parts; the signature is taken from another one or made up. */
static Str forged(const Fixture *fixture, const char *header, const char *claims, Str signature)
{
    return ARENA_JOIN(fixture->arena, encoded(fixture, header), STR("."), encoded(fixture, claims),
                      STR("."), signature);
}

static const char *why_not(const Fixture *fixture, Str token, const Jwks *jwks, unsigned allowed)
{
    Jwt jwt;
    Err err = {0};
    if (!jwt_read(token, fixture->arena, &jwt, &err) || !jwt_verify(&jwt, jwks, allowed, &err))
        return err.code;
    return "fine";
}

#define ALL (1u << JWS_RS256 | 1u << JWS_PS256 | 1u << JWS_ES256 | 1u << JWS_EDDSA)

/* --- signatures ------------------------------------------------------------------------------- */

/* spec: RFC 8037 appendix A.4, A.3; RFC 7515 appendix A.3 */
static void known_answers_hold(void **state)
{
    const Fixture *fixture = *state;
    Jwks *jwks = NULL;
    Err err = {0};
    Str signature;
    assert_true(jwks_read(STR("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                              "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
                              "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
                              "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                              "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}"),
                          &jwks, &err));
    assert_int_equal(jwks_count(jwks), 2);
    assert_true(base64url_decode(STR("hgyY0il_MGCjP0JzlnLWG1PPOt7-"
                                     "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"),
                                 fixture->arena, &signature));
    assert_true(jwks_verify(jwks, JWS_EDDSA, STR_NONE,
                            STR("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"),
                            signature));
    assert_false(jwks_verify(jwks, JWS_EDDSA, STR_NONE,
                             STR("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmd"),
                             signature));
    assert_true(base64url_decode(STR("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-"
                                     "F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"),
                                 fixture->arena, &signature));
    const Str input =
        STR("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0d"
            "HA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ");
    assert_true(jwks_verify(jwks, JWS_ES256, STR_NONE, input, signature));
    assert_false(jwks_verify(jwks, JWS_ES256, STR_NONE, input, str_cut(signature, 0, 63)));
    assert_false(jwks_verify(jwks, JWS_RS256, STR_NONE, input, signature));
    jwks_free(jwks);
}

static void each_kind_of_key_signs_what_it_verifies(void **state)
{
    const Fixture *fixture = *state;
    static const struct {
        const char *file;
        gnutls_pk_algorithm_t family;
        unsigned bits;
        JwsAlgorithm algorithm;
    } kinds[] = {
        {"1-rsa.pem", GNUTLS_PK_RSA,           2048,                                             JWS_RS256},
        {"2-ec.pem",  GNUTLS_PK_ECDSA,         GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), JWS_ES256},
        {"3-ed.pem",  GNUTLS_PK_EDDSA_ED25519, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_ED25519),
         JWS_EDDSA                                                                                        },
    };
    for (size_t i = 0; i < 3; i++) {
        write_key(fixture, kinds[i].file, kinds[i].family, kinds[i].bits, NOW - 1000);
        SigningRing *ring = ring_of(fixture); /* the newest signs */
        Str token = sign(fixture, ring, "{\"sub\":\"a\"}");
        Jwt jwt;
        Err err = {0};
        assert_true(jwt_read(token, fixture->arena, &jwt, &err));
        assert_int_equal(jwt.algorithm, kinds[i].algorithm);
        assert_true(jwt_verify(&jwt, ring_jwks(ring), ALL, &err));
        assert_false(jwt_verify(&jwt, ring_jwks(ring), ALL & ~(1u << jwt.algorithm), &err));
        assert_int_equal(jwks_count(ring_jwks(ring)), i + 1);
        assert_null(strstr(ring_json(ring).ptr, "\"d\":"));
        ring_free(ring);
    }
}

static void a_new_key_signs_only_once_it_was_published_for_a_while(void **state)
{
    const Fixture *fixture = *state;
    Jwt jwt;
    Err err = {0};
    write_key(fixture, "2-ec.pem", GNUTLS_PK_ECDSA,
              GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), NOW - 1000);
    write_key(fixture, "3-ed.pem", GNUTLS_PK_EDDSA_ED25519,
              GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_ED25519), NOW - 59);
    SigningRing *ring = ring_of(fixture);
    uint64_t stamp = ring_folder_stamp(fixture->folder);
    assert_true(jwt_read(sign(fixture, ring, "{}"), fixture->arena, &jwt, &err));
    assert_int_equal(jwt.algorithm, JWS_ES256);
    assert_int_equal(jwks_count(ring_jwks(ring)), 2);
    ring_free(ring);
    write_key(fixture, "3-ed.pem", GNUTLS_PK_EDDSA_ED25519,
              GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_ED25519), NOW - 60);
    assert_true(stamp != ring_folder_stamp(fixture->folder));
    ring = ring_of(fixture);
    assert_true(jwt_read(sign(fixture, ring, "{}"), fixture->arena, &jwt, &err));
    assert_int_equal(jwt.algorithm, JWS_EDDSA);
    ring_free(ring);
}

static void a_folder_without_usable_keys_is_refused(void **state)
{
    const Fixture *fixture = *state;
    SigningRing *ring = NULL;
    Err err = {0};
    char path[200];
    assert_false(ring_read(fixture->folder, 0, &ring, &err));
    snprintf(path, sizeof path, "%s/bad.pem", fixture->folder);
    FILE *file = fopen(path, "we");
    fputs("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", file);
    fclose(file);
    assert_false(ring_read(fixture->folder, 0, &ring, &err));
    assert_string_equal(err.code, "signing-keys");
    assert_false(ring_read("/nonexistent", 0, &ring, &err));
}

/* --- SMART's algorithms ----------------------------------------------------------------------- */

/* An RSA or EC key made here, its JWK as a client would publish it, signatures by GnuTLS. */
typedef struct Signer {
    gnutls_privkey_t key;
    Jwks *jwks;
    gnutls_digest_algorithm_t hash;
    size_t coordinate; /* 0: RSA */
} Signer;

static void add_number(Buf *out, const char *name, gnutls_datum_t number, size_t width)
{
    char padded[600] = {0};
    size_t skip = width && number.size > width ? number.size - width : 0;
    size_t len = number.size - skip, pad = width > len ? width - len : 0;
    assert_true(pad + len <= sizeof padded);
    memcpy(padded + pad, number.data + skip, len);
    buf_add_format(out, ",\"%s\":\"", name);
    base64url_write(out, (Str){padded, pad + len});
    buf_add(out, STR("\""));
    gnutls_free(number.data);
}

static Signer signer_new(gnutls_pk_algorithm_t family, unsigned bits, const char *crv,
                         const char *alg, gnutls_digest_algorithm_t hash, size_t coordinate)
{
    Signer signer = {.hash = hash, .coordinate = coordinate};
    gnutls_datum_t a, b;
    Err err = {0};
    BUF_AUTO json;
    buf_init(&json, 8192);
    assert_int_equal(gnutls_privkey_init(&signer.key), 0);
    assert_int_equal(gnutls_privkey_generate(signer.key, family, bits, 0), 0);
    buf_add_format(&json, "{\"keys\":[{\"kty\":\"%s\",\"kid\":\"k\",\"alg\":\"%s\"",
                   coordinate ? "EC" : "RSA", alg);
    if (coordinate) {
        assert_int_equal(gnutls_privkey_export_ecc_raw(signer.key, NULL, &a, &b, NULL), 0);
        buf_add_format(&json, ",\"crv\":\"%s\"", crv);
    } else {
        assert_int_equal(
            gnutls_privkey_export_rsa_raw(signer.key, &a, &b, NULL, NULL, NULL, NULL, NULL, NULL),
            0);
    }
    add_number(&json, coordinate ? "x" : "n", a, coordinate);
    add_number(&json, coordinate ? "y" : "e", b, coordinate);
    buf_add(&json, STR("}]}"));
    assert_true(jwks_read(buf_str(&json), &signer.jwks, &err));
    return signer;
}

static void signer_clear(Signer *signer)
{
    gnutls_privkey_deinit(signer->key);
    jwks_free(signer->jwks);
}

static void add_rs(char *to, gnutls_datum_t number, size_t width)
{
    size_t skip = number.size > width ? number.size - width : 0;
    memset(to, 0, width);
    memcpy(to + width - (number.size - skip), number.data + skip, number.size - skip);
    gnutls_free(number.data);
}

static Str token_by(const Fixture *fixture, const Signer *signer, const char *header)
{
    BUF_AUTO out;
    gnutls_datum_t made, r, s;
    char raw[96];
    Str text = ARENA_JOIN(fixture->arena, encoded(fixture, header), STR("."),
                          encoded(fixture, "{\"iss\":\"c\"}"));
    buf_init(&out, 16384);
    buf_add(&out, text);
    const gnutls_datum_t data = {(unsigned char *)out.data, (unsigned)out.len};
    assert_int_equal(gnutls_privkey_sign_data(signer->key, signer->hash, 0, &data, &made), 0);
    if (signer->coordinate) {
        assert_int_equal(gnutls_decode_rs_value(&made, &r, &s), 0);
        add_rs(raw, r, signer->coordinate);
        add_rs(raw + signer->coordinate, s, signer->coordinate);
    }
    buf_add(&out, STR("."));
    base64url_write(&out, signer->coordinate ? (Str){raw, 2 * signer->coordinate}
                                             : (Str){(char *)made.data, made.size});
    gnutls_free(made.data);
    return arena_copy(fixture->arena, buf_str(&out));
}

static Str changed(const Fixture *fixture, Str token, size_t at)
{
    char *copy = arena_alloc(fixture->arena, token.len);
    memcpy(copy, token.ptr, token.len);
    copy[at] = copy[at] == 'A' ? 'B' : 'A';
    return (Str){copy, token.len};
}

/* spec: hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html: servers SHALL take both
 */
static void the_384_algorithms_of_smart_are_known_by_their_own_keys(void **state)
{
    const Fixture *fixture = *state;
    Signer rsa = signer_new(GNUTLS_PK_RSA, 2048, NULL, "RS384", GNUTLS_DIG_SHA384, 0);
    Signer ec = signer_new(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1),
                           "P-384", "ES384", GNUTLS_DIG_SHA384, 48);
    Signer other = signer_new(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1),
                              "P-384", "ES384", GNUTLS_DIG_SHA384, 48);
    Signer small = signer_new(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
                              "P-256", "ES256", GNUTLS_DIG_SHA384, 32);
    enum { BOTH = 1u << JWS_RS384 | 1u << JWS_ES384 };
    Str by_rsa = token_by(fixture, &rsa, "{\"alg\":\"RS384\",\"kid\":\"k\"}");
    Str by_ec = token_by(fixture, &ec, "{\"alg\":\"ES384\",\"kid\":\"k\"}");
    assert_string_equal(why_not(fixture, by_rsa, rsa.jwks, BOTH), "fine");
    assert_string_equal(why_not(fixture, by_ec, ec.jwks, BOTH), "fine");
    assert_string_equal(why_not(fixture, by_rsa, rsa.jwks, ALL), "jwt-algorithm");
    assert_string_equal(why_not(fixture, by_ec, ec.jwks, ALL), "jwt-algorithm");
    Str rsa_bit = changed(fixture, by_rsa, by_rsa.len - 20);
    Str ec_bit = changed(fixture, by_ec, by_ec.len - 20);
    Str ec_claims = changed(fixture, by_ec, str_find_char(by_ec, '.') + 5);
    Str ec_short = str_cut(by_ec, 0, by_ec.len - 4);
    /* The right key and hash under another name: RS256 for RS384, a small curve for ES384. */
    Str as_rs256 = token_by(fixture, &rsa, "{\"alg\":\"RS256\",\"kid\":\"k\"}");
    Str as_es256 = token_by(fixture, &ec, "{\"alg\":\"ES256\",\"kid\":\"k\"}");
    Str as_es384 = token_by(fixture, &small, "{\"alg\":\"ES384\",\"kid\":\"k\"}");
    const Str tokens[] = {by_ec,     by_ec,    by_rsa,   by_ec,    rsa_bit, ec_bit,
                          ec_claims, ec_short, as_rs256, as_es256, as_es384};
    const Jwks *const sets[] = {other.jwks, small.jwks, ec.jwks,  rsa.jwks, rsa.jwks,  ec.jwks,
                                ec.jwks,    ec.jwks,    rsa.jwks, ec.jwks,  small.jwks};
    static_assert(sizeof tokens / sizeof tokens[0] == sizeof sets / sizeof sets[0], "pairs");
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
        if (strcmp(why_not(fixture, tokens[i], sets[i], ALL | BOTH), "fine") == 0)
            fail_msg("taken: %zu", i);
    signer_clear(&rsa);
    signer_clear(&ec);
    signer_clear(&other);
    signer_clear(&small);
}

/* --- forgeries -------------------------------------------------------------------------------- */

static void forged_tokens_are_refused(void **state)
{
    const Fixture *fixture = *state;
    write_key(fixture, "1-rsa.pem", GNUTLS_PK_RSA, 2048, NOW - 1000);
    write_key(fixture, "2-ec.pem", GNUTLS_PK_ECDSA,
              GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), NOW + 1000);
    SigningRing *ring = ring_of(fixture);
    const Jwks *jwks = ring_jwks(ring);
    const char *claims = "{\"sub\":\"root\"}";
    Str good = sign(fixture, ring, claims);
    Str signature = str_skip(good, str_rfind_char(good, '.') + 1);
    Str kid = str_skip(ring_json(ring), str_find(ring_json(ring), STR("\"kid\":\"")) + 7);
    kid = str_cut(kid, 0, 43);
    assert_string_equal(why_not(fixture, good, jwks, ALL), "fine");
#define HEAD(text) arena_format(fixture->arena, text, STR_ARG(kid)).ptr
    const struct {
        const char *header, *claims, *code;
        Str signature;
    } bad[] = {
        {"{\"alg\":\"none\"}",                                                  claims,                          "jwt-algorithm", signature  },
        {"{\"alg\":\"None\"}",                                                  claims,                          "jwt-algorithm", signature  },
        {"{\"alg\":\"none\"}",                                                  claims,                          "jwt-algorithm", STR("")    },
        {"{\"typ\":\"JWT\"}",                                                   claims,                          "jwt-algorithm", signature  },
        {HEAD("{\"alg\":\"HS256\",\"kid\":\"%.*s\"}"),                          claims,                          "jwt-algorithm", signature  },
        {HEAD("{\"alg\":\"RS256\",\"kid\":\"%.*s\"}"),                          "{\"sub\":\"boss\"}",            "jwt-signature",
         signature                                                                                                                           },
        {HEAD("{\"alg\":\"PS256\",\"kid\":\"%.*s\"}"),                          claims,                          "jwt-signature", signature  },
        {HEAD("{\"alg\":\"ES256\",\"kid\":\"%.*s\"}"),                          claims,                          "jwt-signature", signature  },
        {"{\"alg\":\"RS256\",\"kid\":\"../../dev/null\"}",                      claims,                          "jwt-signature", signature  },
        {"{\"alg\":\"RS256\",\"kid\":\"' OR 1=1\"}",                            claims,                          "jwt-signature", signature  },
        {"{\"alg\":\"RS256\",\"kid\":\"\"}",                                    claims,                          "jwt-signature", signature  },
        {"{\"alg\":\"RS256\",\"kid\":7}",                                       claims,                          "jwt-form",      signature  },
        {"{\"alg\":\"RS256\",\"alg\":\"none\"}",                                claims,                          "jwt-form",      signature  },
        {"{\"alg\":\"RS256\",\"crit\":[\"x\"],\"x\":1}",                        claims,                          "jwt-form",      signature  },
        {"{\"alg\":\"RS256\",\"b64\":false}",                                   claims,                          "jwt-form",      signature  },
        {HEAD("{\"alg\":\"RS256\",\"jku\":\"https://evil\",\"kid\":\"%.*s\"}"), claims,
         "jwt-signature",                                                                                                         signature  },
        {HEAD("{\"alg\":\"RS256\",\"x5u\":\"https://evil\",\"kid\":\"%.*s\"}"), claims,
         "jwt-signature",                                                                                                         signature  },
        {HEAD("{\"alg\":\"RS256\",\"kid\":\"%.*s\"}"),                          "[]",                            "jwt-form",      signature  },
        {HEAD("{\"alg\":\"RS256\",\"kid\":\"%.*s\"}"),                          "{\"sub\":\"a\",\"sub\":\"b\"}", "jwt-form",
         signature                                                                                                                           },
        {HEAD("{\"alg\":\"RS256\",\"kid\":\"%.*s\"}"),                          claims,                          "jwt-form",      STR("")    },
        {HEAD("{\"alg\":\"RS256\",\"kid\":\"%.*s\"}"),                          claims,                          "jwt-form",      STR("a b") },
        {HEAD("{\"alg\":\"RS256\",\"kid\":\"%.*s\"}"),                          claims,                          "jwt-signature", STR("AAAA")},
    };
#undef HEAD
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        Str token = forged(fixture, bad[i].header, bad[i].claims, bad[i].signature);
        assert_string_equal(why_not(fixture, token, jwks, ALL), bad[i].code);
    }
    static const char *const shapes[] = {"",    ".",       "..",       "...",
                                         "a.b", "a.b.c.d", "e30.e30.", "=.=.="};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        assert_string_not_equal(why_not(fixture, str_from(shapes[i]), jwks, ALL), "fine");
    /* Each single letter of it counts: the last may hold unused bits, which must be zero. */
    for (size_t i = 0; i < good.len; i++) {
        Str wrong = arena_copy(fixture->arena, good);
        union {
            const char *held;
            char *chars;
        } cast = {.held = wrong.ptr};
        cast.chars[i] = cast.chars[i] == 'A' ? 'B' : 'A';
        if (i % 7 == 0 || i + 1 == good.len)
            assert_string_not_equal(why_not(fixture, wrong, jwks, ALL), "fine");
    }
    ring_free(ring);
}

/* The public key as an HMAC secret, and keys that are none. */
static void keys_that_everybody_has_are_not_read(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}",
        "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AA\",\"y\":\"AA\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_"
        "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"enc\","
        "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"HS256\","
        "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
        "7",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char json[400];
        Jwks *jwks = NULL;
        Err err = {0};
        snprintf(json, sizeof json, "{\"keys\":[%s]}", bad[i]);
        assert_true(jwks_read(str_from(json), &jwks, &err));
        assert_int_equal(jwks_count(jwks), 0);
        jwks_free(jwks);
    }
    Jwks *jwks = NULL;
    Err err = {0};
    assert_false(jwks_read(STR("[]"), &jwks, &err));
    assert_false(jwks_read(STR("{\"keys\":{}}"), &jwks, &err));
}

/* --- claims ----------------------------------------------------------------------------------- */

static void what_it_claims_is_checked(void **state)
{
    const Fixture *fixture = *state;
    static const struct {
        const char *claims, *code;
    } cases[] = {
        {"\"iss\":\"i\",\"aud\":\"a\",\"jti\":\"1\",\"exp\":1800000100",                         "fine"        },
        {"\"iss\":\"i\",\"aud\":[\"x\",\"a\"],\"jti\":\"1\",\"exp\":1800000100.5",               "fine"        },
        {"\"iss\":\"i\",\"aud\":\"a\",\"jti\":\"1\",\"exp\":1799999980",                         "fine"        },
        {"\"iss\":\"i\",\"aud\":\"a\",\"jti\":\"1\",\"exp\":1799999970",                         "jwt-expired" },
        {"\"iss\":\"i\",\"aud\":\"a\",\"jti\":\"1\"",                                            "jwt-expired" },
        {"\"iss\":\"i\",\"aud\":\"a\",\"jti\":\"1\",\"exp\":\"1800000100\"",                     "jwt-form"    },
        {"\"iss\":\"i\",\"aud\":\"a\",\"jti\":\"1\",\"exp\":-5",                                 "jwt-form"    },
        {"\"iss\":\"i\",\"aud\":\"a\",\"jti\":\"1\",\"exp\":1e99",                               "jwt-form"    },
        {"\"iss\":\"i\",\"aud\":\"a\",\"jti\":\"1\",\"exp\":1800000100.0e9",                     "jwt-form"    },
        {"\"iss\":\"i\",\"aud\":\"a\",\"jti\":\"1\",\"exp\":99999999999999999999",               "jwt-form"    },
        {"\"iss\":\"i\",\"aud\":\"a\",\"jti\":\"1\",\"exp\":1800009999",                         "jwt-life"    },
        {"\"iss\":\"i\",\"aud\":\"a\",\"jti\":\"1\",\"exp\":1800000100,\"nbf\":1800000050",
         "jwt-not-yet"                                                                                         },
        {"\"iss\":\"i\",\"aud\":\"a\",\"jti\":\"1\",\"exp\":1800000100,\"nbf\":1800000020",      "fine"        },
        {"\"iss\":\"i\",\"aud\":\"a\",\"jti\":\"1\",\"exp\":1800000100,\"iat\":1800000050",
         "jwt-not-yet"                                                                                         },
        {"\"iss\":\"I\",\"aud\":\"a\",\"jti\":\"1\",\"exp\":1800000100",                         "jwt-issuer"  },
        {"\"aud\":\"a\",\"jti\":\"1\",\"exp\":1800000100",                                       "jwt-issuer"  },
        {"\"iss\":\"i\",\"aud\":\"b\",\"jti\":\"1\",\"exp\":1800000100",                         "jwt-audience"},
        {"\"iss\":\"i\",\"jti\":\"1\",\"exp\":1800000100",                                       "jwt-audience"},
        {"\"iss\":\"i\",\"aud\":[],\"jti\":\"1\",\"exp\":1800000100",                            "jwt-audience"},
        {"\"iss\":\"i\",\"aud\":{\"a\":\"a\"},\"jti\":\"1\",\"exp\":1800000100",                 "jwt-form"    },
        {"\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800000100",                                       "jwt-id"      },
        {"\"iss\":\"i\",\"aud\":\"a\",\"jti\":\"1\",\"exp\":1800000100,\"cnf\":{\"jkt\":\"x\"}",
         "jwt-form"                                                                                            },
    };
    const Str audience = STR("a");
    const JwtExpected expected = {.iss = STR("i"),
                                  .audiences = &audience,
                                  .audience_count = 1,
                                  .typ = "at+jwt",
                                  .now_s = NOW,
                                  .leeway_s = 30,
                                  .life_max_s = 300,
                                  .jti_required = true};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char claims[300];
        Jwt jwt;
        Err err = {.code = "fine"};
        snprintf(claims, sizeof claims, "{%s}", cases[i].claims);
        Str token = forged(fixture, "{\"alg\":\"ES256\",\"typ\":\"application/AT+JWT\"}", claims,
                           STR("AAAA"));
        if (jwt_read(token, fixture->arena, &jwt, &err))
            (void)!jwt_check(&jwt, &expected, &err);
        if (strcmp(err.code, cases[i].code) != 0)
            fail_msg("%s: %s", claims, err.code);
    }
    Jwt jwt;
    Err err = {0};
    Str token =
        forged(fixture, "{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
               "{\"iss\":\"i\",\"aud\":\"a\",\"jti\":\"1\",\"exp\":1800000100}", STR("AAAA"));
    assert_true(jwt_read(token, fixture->arena, &jwt, &err));
    assert_false(jwt_check(&jwt, &expected, &err));
    assert_string_equal(err.code, "jwt-type");
}

/* --- base64url, scopes ------------------------------------------------------------------------ */

static void base64url_is_strict(void **state)
{
    const Fixture *fixture = *state;
    static const char *const bad[] = {"A",   "AA=",  "AA==", "AB", "AAB",
                                      "A A", "AA\n", "A+",   "A/", "AAAAA"};
    Str bytes;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(base64url_decode(str_from(bad[i]), fixture->arena, &bytes));
    for (size_t len = 0; len < 40; len++) {
        char raw[40];
        BUF_AUTO text;
        buf_init(&text, 100);
        for (size_t i = 0; i < len; i++)
            raw[i] = (char)(i * 37 + len);
        base64url_write(&text, (Str){raw, len});
        assert_true(base64url_decode(buf_str(&text), fixture->arena, &bytes));
        assert_true(str_eq(bytes, (Str){raw, len}));
    }
    assert_true(base64_decode(STR("YTpi"), fixture->arena, &bytes) && str_is(bytes, "a:b"));
    assert_true(base64_decode(STR("YTo="), fixture->arena, &bytes) && str_is(bytes, "a:"));
    assert_false(base64_decode(STR("YTo"), fixture->arena, &bytes));
    assert_false(base64_decode(STR("Y==="), fixture->arena, &bytes));
}

static void scopes_cover_what_they_say(void **state)
{
    const Fixture *fixture = *state;
    static const ScopeNeed create = {.type = "Bundle", .letter = 'c'};
    static const ScopeNeed search = {.type = "Patient", .letter = 's'};
    static const ScopeNeed replay = {.own = "fhirbus/replay"};
    assert_true(scope_covers(STR("system/*.cruds"), &create));
    assert_true(scope_covers(STR("x system/Bundle.c"), &create));
    assert_true(scope_covers(STR("system/*.write"), &create));
    assert_false(scope_covers(STR("system/*.read"), &create));
    assert_true(scope_covers(STR("system/Patient.read"), &search));
    assert_false(scope_covers(STR("system/Bundle.cruds"), &search));
    assert_false(scope_covers(STR("system/*.sd user/*.cruds patient/*.c"), &create));
    assert_false(scope_covers(STR("system/*.dc"), &create));
    assert_false(scope_covers(STR("system/*.cc"), &create));
    assert_false(scope_covers(STR("system/.c system/*. system/B*.c system/Bundle"), &create));
    assert_false(scope_covers(STR("system/*.cruds"), &replay));
    assert_true(scope_covers(STR("fhirbus/replay"), &replay));
    assert_false(scope_covers(STR(""), &create));

    Str some[] = {STR("system/Bundle.cr"), STR("fhirbus/replay")};
    AuthTexts none = {0}, two = {some, 2};
    Arena *arena = fixture->arena;
    assert_true(str_is(scope_grant(STR(""), none, arena), "system/*.cruds"));
    assert_true(str_is(scope_grant(STR(""), two, arena), "system/Bundle.cr fhirbus/replay"));
    assert_true(str_is(scope_grant(STR("system/Bundle.c system/Patient.c openid"), two, arena),
                       "system/Bundle.c"));
    assert_true(str_is(scope_grant(STR("system/Patient.rs"), none, arena), "system/Patient.rs"));
    assert_null(scope_grant(STR("fhirbus/replay"), none, arena).ptr);
    assert_null(scope_grant(STR("system/*.c"), two, arena).ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(known_answers_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_kind_of_key_signs_what_it_verifies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_key_signs_only_once_it_was_published_for_a_while,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_without_usable_keys_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_384_algorithms_of_smart_are_known_by_their_own_keys,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(forged_tokens_are_refused, set_up, tear_down),
        cmocka_unit_test(keys_that_everybody_has_are_not_read),
        cmocka_unit_test_setup_teardown(what_it_claims_is_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(base64url_is_strict, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scopes_cover_what_they_say, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
