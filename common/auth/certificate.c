#include "common/auth/certificate.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/check.h"

/* GnuTLS looks at a list's dates when it is added, and then never again: we look each time. */
typedef struct ListDates {
    gnutls_datum_t issuer; /* DER */
    time_t from, until;    /* until -1: it does not say */
} ListDates;

struct CertificateTrust {
    gnutls_x509_trust_list_t list;
    ListDates *dates; /* of its revocation lists */
    size_t date_count;
};

static gnutls_datum_t datum(Str bytes)
{
    union {
        const char *chars;
        unsigned char *bytes;
    } cast = {.chars = bytes.ptr};
    return (gnutls_datum_t){cast.bytes, (unsigned)bytes.len};
}

/* --- whom to believe -------------------------------------------------------------------------- */

static bool read_file(const char *path, gnutls_datum_t *ret_bytes, Err *err)
{
    gnutls_datum_t bytes = {0};
    if (gnutls_load_file(path, &bytes) != 0 || bytes.size == 0 || bytes.size > TRUST_FILE_MAX) {
        gnutls_free(bytes.data);
        return ERR(err, ERR_FATAL, "client-ca", "%s cannot be read, is empty or too large", path);
    }
    *ret_bytes = bytes;
    return true;
}

static bool add_authorities(gnutls_x509_trust_list_t list, const char *path, Err *err)
{
    gnutls_datum_t pem;
    TRY(read_file(path, &pem, err));
    int count = gnutls_x509_trust_list_add_trust_mem(list, &pem, NULL, GNUTLS_X509_FMT_PEM,
                                                     GNUTLS_TL_NO_DUPLICATES, 0);
    gnutls_free(pem.data);
    return count > 0 || ERR(err, ERR_FATAL, "client-ca", "%s holds no certificate", path);
}

/* --- revocation lists ------------------------------------------------------------------------- */

static bool signed_by_one_of_ours(gnutls_x509_crl_t crl, const gnutls_x509_crt_t *authorities,
                                  unsigned count)
{
    const unsigned dates =
        GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED | GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE;
    unsigned status = 0;
    if (gnutls_x509_crl_verify(crl, authorities, count, 0, &status) != 0)
        return false;
    /* Of a list that is only out of date GnuTLS says "invalid" as well. */
    return (status & ~(dates | GNUTLS_CERT_INVALID)) == 0 &&
           (!(status & GNUTLS_CERT_INVALID) || (status & dates));
}

static bool all_are_ours(const gnutls_x509_crl_t *crls, unsigned count, const char *ca_file)
{
    gnutls_datum_t pem;
    gnutls_x509_crt_t *authorities = NULL;
    unsigned authority_count = 0;
    Err err = {0};
    bool ours = true;
    if (!read_file(ca_file, &pem, &err))
        return false;
    int code =
        gnutls_x509_crt_list_import2(&authorities, &authority_count, &pem, GNUTLS_X509_FMT_PEM, 0);
    gnutls_free(pem.data);
    for (unsigned i = 0; code >= 0 && ours && i < count; i++)
        ours = signed_by_one_of_ours(crls[i], authorities, authority_count);
    for (unsigned i = 0; code >= 0 && i < authority_count; i++)
        gnutls_x509_crt_deinit(authorities[i]);
    if (code >= 0)
        gnutls_free(authorities);
    return code >= 0 && ours;
}

static void note_dates(CertificateTrust *trust, const gnutls_x509_crl_t *crls, unsigned count)
{
    trust->dates = calloc(count + 1, sizeof *trust->dates);
    CHECK(trust->dates);
    for (unsigned i = 0; i < count; i++) {
        ListDates *dates = &trust->dates[trust->date_count++];
        CHECK(gnutls_x509_crl_get_raw_issuer_dn(crls[i], &dates->issuer) == 0);
        dates->from = gnutls_x509_crl_get_this_update(crls[i]);
        dates->until = gnutls_x509_crl_get_next_update(crls[i]);
    }
}

/* A list that no authority of ours has signed would revoke nothing, unnoticed: it is refused. */
static bool add_revocations(CertificateTrust *trust, const char *path, const char *ca_file,
                            Err *err)
{
    gnutls_datum_t pem;
    gnutls_x509_crl_t *crls = NULL;
    unsigned count = 0;
    TRY(read_file(path, &pem, err));
    int code = gnutls_x509_crl_list_import2(&crls, &count, &pem, GNUTLS_X509_FMT_PEM, 0);
    gnutls_free(pem.data);
    if (code < 0)
        return ERR(err, ERR_FATAL, "client-ca", "%s holds no revocation list", path);
    if (!all_are_ours(crls, count, ca_file)) {
        for (unsigned i = 0; i < count; i++)
            gnutls_x509_crl_deinit(crls[i]);
        gnutls_free(crls);
        return ERR(err, ERR_FATAL, "client-ca",
                   "a revocation list of %s is of no authority of ours", path);
    }
    note_dates(trust, crls, count);
    int added = gnutls_x509_trust_list_add_crls(trust->list, crls, count, 0, 0);
    gnutls_free(crls); /* the lists themselves belong to the trust list now */
    return added == (int)count || ERR(err, ERR_FATAL, "client-ca",
                                      "a revocation list of %s is older than another one", path);
}

static bool is_of(const ListDates *dates, const gnutls_datum_t *issuer)
{
    return dates->issuer.size == issuer->size &&
           memcmp(dates->issuer.data, issuer->data, issuer->size) == 0;
}

/* Whether a list of the certificate's issuer is in force that should have been renewed. */
static bool list_is_stale(const CertificateTrust *trust, gnutls_x509_crt_t crt)
{
    gnutls_datum_t issuer = {0};
    time_t now = time(NULL);
    bool stale = false;
    if (gnutls_x509_crt_get_raw_issuer_dn(crt, &issuer) != 0)
        return true;
    for (size_t i = 0; i < trust->date_count && !stale; i++) {
        const ListDates *dates = &trust->dates[i];
        stale = is_of(dates, &issuer) &&
                (dates->from > now || (dates->until != (time_t)-1 && dates->until < now));
    }
    gnutls_free(issuer.data);
    return stale;
}

bool trust_read(const char *ca_file, const char *crl_file, CertificateTrust **ret_trust, Err *err)
{
    CertificateTrust *trust = calloc(1, sizeof *trust);
    CHECK(trust);
    CHECK(gnutls_x509_trust_list_init(&trust->list, 0) == 0);
    if (!add_authorities(trust->list, ca_file, err) ||
        (crl_file && !add_revocations(trust, crl_file, ca_file, err))) {
        trust_free(trust);
        return false;
    }
    *ret_trust = trust;
    return true;
}

void trust_free(CertificateTrust *trust)
{
    if (!trust)
        return;
    gnutls_x509_trust_list_deinit(trust->list, 1);
    for (size_t i = 0; i < trust->date_count; i++)
        gnutls_free(trust->dates[i].issuer.data);
    free(trust->dates);
    free(trust);
}

/* --- what a certificate says ------------------------------------------------------------------ */

static Str lower(Arena *arena, Str text)
{
    char *to = arena_alloc(arena, text.len + 1);
    CHECK(to);
    for (size_t i = 0; i < text.len; i++)
        to[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] + 32) : text.ptr[i];
    to[text.len] = '\0';
    return (Str){to, text.len};
}

static Str san_text(Arena *arena, int type, const unsigned char *bytes, size_t len)
{
    char address[INET6_ADDRSTRLEN];
    union {
        const unsigned char *bytes;
        const char *chars;
    } cast = {.bytes = bytes};
    Str value = {cast.chars, len};
    switch (type) {
    case GNUTLS_SAN_DNSNAME:
        return ARENA_JOIN(arena, STR("dns:"), lower(arena, value));
    case GNUTLS_SAN_URI:
        return ARENA_JOIN(arena, STR("uri:"), value);
    case GNUTLS_SAN_RFC822NAME:
        return ARENA_JOIN(arena, STR("email:"), value);
    case GNUTLS_SAN_IPADDRESS:
        if ((len != 4 && len != 16) ||
            !inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, address, sizeof address))
            return STR_NONE;
        return ARENA_JOIN(arena, STR("ip:"), str_from(address));
    default:
        return STR_NONE;
    }
}

static bool read_sans(gnutls_x509_crt_t crt, Arena *arena, CertificateFacts *facts)
{
    enum { SAN_BYTES_MAX = 1024 };
    Str *sans = ARENA_ARRAY(arena, Str, CERTIFICATE_SANS_MAX);
    CHECK(sans);
    for (unsigned i = 0; i < CERTIFICATE_SANS_MAX; i++) {
        unsigned char bytes[SAN_BYTES_MAX];
        size_t len = sizeof bytes;
        int type = gnutls_x509_crt_get_subject_alt_name(crt, i, bytes, &len, NULL);
        if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            break;
        if (type == GNUTLS_E_SHORT_MEMORY_BUFFER)
            continue; /* longer than any of ours */
        if (type < 0)
            return false;
        Str text = san_text(arena, type, bytes, len);
        if (text.ptr)
            sans[facts->san_count++] = text;
    }
    facts->sans = sans;
    return true;
}

static bool read_name(gnutls_x509_crt_t crt, bool issuer, Arena *arena, Str *ret_name)
{
    gnutls_datum_t name = {0};
    int code = issuer ? gnutls_x509_crt_get_issuer_dn3(crt, &name, 0)
                      : gnutls_x509_crt_get_dn3(crt, &name, 0);
    union {
        unsigned char *bytes;
        const char *chars;
    } cast = {.bytes = name.data};
    if (code == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
        *ret_name = STR(""); /* an empty name is legal */
        return true;
    }
    if (code != 0)
        return false;
    *ret_name = arena_copy(arena, (Str){cast.chars, name.size});
    gnutls_free(name.data);
    return ret_name->ptr != NULL;
}

static bool import(Str der, gnutls_x509_crt_t *ret_crt, Err *err)
{
    const gnutls_datum_t bytes = datum(der);
    CHECK(gnutls_x509_crt_init(ret_crt) == 0);
    if (gnutls_x509_crt_import(*ret_crt, &bytes, GNUTLS_X509_FMT_DER) == 0)
        return true;
    gnutls_x509_crt_deinit(*ret_crt);
    return ERR(err, ERR_INPUT, "certificate-malformed", "no X.509 certificate");
}

bool certificate_facts(Str der, Arena *arena, CertificateFacts *ret_facts, Err *err)
{
    gnutls_x509_crt_t crt;
    CertificateFacts facts = {0};
    TRY(import(der, &crt, err));
    bool fine = read_name(crt, false, arena, &facts.subject) &&
                read_name(crt, true, arena, &facts.issuer) && read_sans(crt, arena, &facts);
    gnutls_x509_crt_deinit(crt);
    if (!fine)
        return ERR(err, ERR_INPUT, "certificate-malformed", "its names cannot be read");
    CHECK(gnutls_hash_fast(GNUTLS_DIG_SHA256, der.ptr, der.len, facts.fingerprint) == 0);
    *ret_facts = facts;
    return true;
}

/* --- is it to be believed? -------------------------------------------------------------------- */

static const struct {
    unsigned status;
    const char *code, *text;
} verdicts[] = {
    {GNUTLS_CERT_REVOKED,                    "certificate-revoked",            "it is revoked"              },
    {GNUTLS_CERT_EXPIRED,                    "certificate-expired",            "it has expired"             },
    {GNUTLS_CERT_NOT_ACTIVATED,              "certificate-not-yet",            "it is not valid yet"        },
    {GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED, "certificate-revocation-unknown",
     "its authority's revocation list is out of date, or of the future"                                     },
    {GNUTLS_CERT_PURPOSE_MISMATCH,           "certificate-purpose",            "it is not meant for clients"},
};

static bool judge(unsigned status, Err *err)
{
    if (!status)
        return true;
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++)
        if (status & verdicts[i].status)
            return ERR(err, ERR_INPUT, verdicts[i].code, "%s", verdicts[i].text);
    return ERR(err, ERR_INPUT, "certificate-untrusted", "it leads to no authority of ours");
}

bool trust_check(const CertificateTrust *trust, const Str *chain, size_t count, Arena *arena,
                 CertificateFacts *ret_facts, Err *err)
{
    gnutls_x509_crt_t certificates[CERTIFICATE_CHAIN_MAX];
    size_t made = 0;
    unsigned status = 0;
    if (count == 0 || count > CERTIFICATE_CHAIN_MAX)
        return ERR(err, ERR_INPUT, "certificate-malformed", "no chain, or too long a one");
    bool fine = true;
    while (fine && made < count)
        if ((fine = import(chain[made], &certificates[made], err)))
            made++;
    union {
        const char *text;
        unsigned char *bytes;
    } purpose = {.text = GNUTLS_KP_TLS_WWW_CLIENT};
    gnutls_typed_vdata_st wanted = {GNUTLS_DT_KEY_PURPOSE_OID, purpose.bytes, 0};
    if (fine && gnutls_x509_trust_list_verify_crt2(trust->list, certificates, (unsigned)count,
                                                   &wanted, 1, 0, &status, NULL) != 0)
        fine = ERR(err, ERR_INPUT, "certificate-malformed", "its chain cannot be followed");
    bool stale = false;
    for (size_t i = 0; i < made; i++) {
        stale = stale || list_is_stale(trust, certificates[i]);
        gnutls_x509_crt_deinit(certificates[i]);
    }
    if (fine && !status && stale)
        status = GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED;
    return fine && judge(status, err) && certificate_facts(chain[0], arena, ret_facts, err);
}

static bool narrow(const CertificateTrust *trust, gnutls_x509_crt_t crt, int64_t *from_s,
                   int64_t *until_s)
{
    gnutls_datum_t issuer = {0};
    int64_t from = gnutls_x509_crt_get_activation_time(crt),
            until = gnutls_x509_crt_get_expiration_time(crt);
    if (gnutls_x509_crt_get_raw_issuer_dn(crt, &issuer) != 0)
        return false;
    for (size_t i = 0; i < trust->date_count; i++) {
        const ListDates *dates = &trust->dates[i];
        if (!is_of(dates, &issuer))
            continue;
        from = dates->from > from ? dates->from : from;
        until = dates->until != (time_t)-1 && dates->until < until ? dates->until : until;
    }
    gnutls_free(issuer.data);
    *from_s = from > *from_s ? from : *from_s;
    *until_s = until < *until_s ? until : *until_s;
    return true;
}

bool trust_window(const CertificateTrust *trust, const Str *chain, size_t count,
                  int64_t *ret_from_s, int64_t *ret_until_s, Err *err)
{
    int64_t from_s = INT64_MIN, until_s = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        gnutls_x509_crt_t crt;
        TRY(import(chain[i], &crt, err));
        bool fine = narrow(trust, crt, &from_s, &until_s);
        gnutls_x509_crt_deinit(crt);
        if (!fine)
            return ERR(err, ERR_INPUT, "certificate-malformed", "its names cannot be read");
    }
    *ret_from_s = from_s;
    *ret_until_s = until_s;
    return true;
}
