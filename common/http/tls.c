/* Certificates by name, tickets, the client's certificate: what libmicrohttpd leaves to its user.
 *
 * It makes a session with credentials of its own; before the handshake those are replaced by ours,
 * which hang on the connection. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/http/server_internal.h"

enum { HOSTS_ARENA_BYTES = 64 << 20 };

struct HttpCertificate {
    atomic_int refs;
    gnutls_pcert_st chain[HTTP_CHAIN_MAX];
    unsigned count;
    gnutls_privkey_t key;
    int64_t expires_s;
};

struct HttpTls {
    atomic_int refs;
    HttpCertificate *certificate;
    Arena *arena;
    HttpTlsHost *hosts; /* sorted by name */
    size_t host_count;
    gnutls_certificate_credentials_t credentials;
    gnutls_datum_t ticket_key;
    bool ask_certificate;
};

/* --- files ------------------------------------------------------------------------------------ */

/* A pipe or a device in the place of a file would hold up who reads it. */
static bool read_file(const char *path, gnutls_datum_t *ret_bytes, Err *err)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool fine = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0 &&
                info.st_size < HTTP_PEM_MAX;
    unsigned char *bytes = fine ? gnutls_calloc(1, (size_t)info.st_size + 1) : NULL;
    ssize_t len = bytes ? read(fd, bytes, (size_t)info.st_size) : 0;
    if (fd >= 0)
        close(fd);
    if (len <= 0) {
        gnutls_free(bytes);
        return ERR(err, ERR_FATAL, "http-certificate", "cannot read %s", path);
    }
    *ret_bytes = (gnutls_datum_t){bytes, (unsigned)len};
    return true;
}

static void forget(gnutls_datum_t *bytes)
{
    if (bytes->data)
        gnutls_memset(bytes->data, 0, bytes->size);
    gnutls_free(bytes->data);
    *bytes = (gnutls_datum_t){0};
}

/* --- certificates ----------------------------------------------------------------------------- */

static bool read_chain(HttpCertificate *made, const char *path, Err *err)
{
    gnutls_datum_t pem;
    TRY(read_file(path, &pem, err));
    made->count = HTTP_CHAIN_MAX;
    int code =
        gnutls_pcert_list_import_x509_raw(made->chain, &made->count, &pem, GNUTLS_X509_FMT_PEM, 0);
    forget(&pem);
    if (code != 0 || made->count == 0) {
        made->count = 0;
        return ERR(err, ERR_FATAL, "http-certificate", "%s holds no chain of certificates: %s",
                   path, gnutls_strerror(code));
    }
    gnutls_x509_crt_t first;
    if (gnutls_pcert_export_x509(&made->chain[0], &first) != 0)
        return ERR(err, ERR_FATAL, "http-certificate", "%s is malformed", path);
    made->expires_s = gnutls_x509_crt_get_expiration_time(first);
    gnutls_x509_crt_deinit(first);
    return true;
}

static bool read_key(HttpCertificate *made, const char *path, Err *err)
{
    gnutls_datum_t pem;
    TRY(read_file(path, &pem, err));
    CHECK(gnutls_privkey_init(&made->key) == 0);
    int code = gnutls_privkey_import_x509_raw(made->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    forget(&pem);
    return code == 0 || ERR(err, ERR_FATAL, "http-certificate", "%s holds no private key: %s", path,
                            gnutls_strerror(code));
}

static bool key_fits(const HttpCertificate *made)
{
    unsigned char of_chain[64], of_key[64];
    size_t chain_len = sizeof of_chain, key_len = sizeof of_key;
    gnutls_pubkey_t key;
    CHECK(gnutls_pubkey_init(&key) == 0);
    bool fits = gnutls_pubkey_import_privkey(key, made->key, 0, 0) == 0 &&
                gnutls_pubkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, of_key, &key_len) == 0 &&
                gnutls_pubkey_get_key_id(made->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, of_chain,
                                         &chain_len) == 0 &&
                key_len == chain_len && memcmp(of_key, of_chain, key_len) == 0;
    gnutls_pubkey_deinit(key);
    return fits;
}

bool http_certificate_read(const char *cert_file, const char *key_file,
                           HttpCertificate **ret_certificate, Err *err)
{
    HttpCertificate *made = calloc(1, sizeof *made);
    CHECK(made);
    atomic_init(&made->refs, 1);
    bool fine = read_chain(made, cert_file, err) && read_key(made, key_file, err);
    if (fine && !key_fits(made))
        fine =
            ERR(err, ERR_FATAL, "http-certificate", "%s is not the key of %s", key_file, cert_file);
    if (!fine) {
        http_certificate_release(made);
        return false;
    }
    *ret_certificate = made;
    return true;
}

HttpCertificate *http_certificate_hold(HttpCertificate *certificate)
{
    atomic_fetch_add(&certificate->refs, 1);
    return certificate;
}

void http_certificate_release(HttpCertificate *certificate)
{
    if (!certificate || atomic_fetch_sub(&certificate->refs, 1) > 1)
        return;
    for (unsigned i = 0; i < certificate->count; i++)
        gnutls_pcert_deinit(&certificate->chain[i]);
    if (certificate->key)
        gnutls_privkey_deinit(certificate->key);
    free(certificate);
}

int64_t http_certificate_expires_s(const HttpCertificate *certificate)
{
    return certificate->expires_s;
}

/* --- which one -------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return str_compare(((const HttpTlsHost *)a)->name, ((const HttpTlsHost *)b)->name);
}

static HttpCertificate *find(const HttpTls *tls, Str name)
{
    HttpTlsHost wanted = {.name = name};
    const HttpTlsHost *found =
        bsearch(&wanted, tls->hosts, tls->host_count, sizeof *tls->hosts, by_name);
    return found ? found->certificate : NULL;
}

/* spec: RFC 6125 §6.4.3: a star is one whole label, the leftmost. */
static HttpCertificate *find_below(const HttpTls *tls, Str name)
{
    char star[SNI_BYTES_MAX + 2];
    Str rest = str_skip(name, str_find_char(name, '.'));
    if (rest.len == 0 || rest.len > SNI_BYTES_MAX)
        return NULL;
    star[0] = '*';
    memcpy(star + 1, rest.ptr, rest.len);
    return find(tls, (Str){star, rest.len + 1});
}

static HttpCertificate *choose(const HttpTls *tls, Str name)
{
    HttpCertificate *found = name.len ? find(tls, name) : NULL;
    if (!found && name.len)
        found = find_below(tls, name);
    return found ? found : tls->certificate;
}

static void note_name(Conn *conn)
{
    unsigned type = 0;
    size_t len = sizeof conn->sni;
    conn->sni_len = 0;
    if (gnutls_server_name_get(conn->tls, conn->sni, &len, &type, 0) != 0 ||
        type != GNUTLS_NAME_DNS)
        return;
    conn->sni_len = strnlen(conn->sni, len);
    for (size_t i = 0; i < conn->sni_len; i++)
        if (conn->sni[i] >= 'A' && conn->sni[i] <= 'Z')
            conn->sni[i] = (char)(conn->sni[i] + ('a' - 'A'));
}

static int on_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                          gnutls_pcert_st **ret_chain, unsigned *ret_count,
                          gnutls_ocsp_data_st **ret_ocsp, unsigned *ret_ocsp_count,
                          gnutls_privkey_t *ret_key, unsigned *ret_flags)
{
    (void)info;
    Conn *conn = gnutls_session_get_ptr(session);
    note_name(conn);
    HttpCertificate *chosen = choose(conn->tls_set, (Str){conn->sni, conn->sni_len});
    *ret_chain = chosen->chain;
    *ret_count = chosen->count;
    *ret_key = chosen->key;
    *ret_ocsp = NULL;
    *ret_ocsp_count = 0;
    *ret_flags = 0; /* they stay ours; the connection holds them */
    return 0;
}

size_t tls_client_chain(const Conn *conn, Str *ret_chain, size_t room)
{
    unsigned count = 0;
    const gnutls_datum_t *der = conn->tls && conn->tls_set->ask_certificate
                                    ? gnutls_certificate_get_peers(conn->tls, &count)
                                    : NULL;
    if (!der || count > room) /* cut short it would be another chain */
        return 0;
    for (unsigned i = 0; i < count; i++) {
        union {
            unsigned char *bytes;
            const char *chars;
        } cast = {.bytes = der[i].data};
        ret_chain[i] = (Str){cast.chars, der[i].size};
    }
    return count;
}

/* --- a handshake ------------------------------------------------------------------------------ */

/* A resumed session asks for no certificate of ours, and brings the client's along without its
 * being looked at. */
static int on_handshake(gnutls_session_t session, unsigned type, unsigned post, unsigned incoming,
                        const gnutls_datum_t *message)
{
    (void)post, (void)message;
    Conn *conn = gnutls_session_get_ptr(session);
    if (incoming && type == GNUTLS_HANDSHAKE_CLIENT_HELLO)
        note_name(conn);
    if (!incoming || type != GNUTLS_HANDSHAKE_FINISHED)
        return 0;
    pthread_mutex_lock(&conn->lock);
    if (conn->phase == PHASE_HELLO)
        conn_enter(conn, PHASE_IDLE);
    pthread_mutex_unlock(&conn->lock);
    return 0;
}

void tls_begin(Conn *conn)
{
    HttpServer *server = conn->server;
    pthread_mutex_lock(&server->lock);
    conn->tls_set = server->tls;
    atomic_fetch_add(&conn->tls_set->refs, 1);
    pthread_mutex_unlock(&server->lock);
    HttpTls *set = conn->tls_set;
    gnutls_session_set_ptr(conn->tls, conn);
    CHECK(gnutls_credentials_set(conn->tls, GNUTLS_CRD_CERTIFICATE, set->credentials) == 0);
    if (set->ask_certificate)
        gnutls_certificate_server_set_request(conn->tls, GNUTLS_CERT_REQUEST);
    gnutls_session_ticket_enable_server(conn->tls, &set->ticket_key);
    gnutls_handshake_set_hook_function(conn->tls, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_POST,
                                       on_handshake);
}

void tls_release(HttpTls *tls)
{
    if (!tls || atomic_fetch_sub(&tls->refs, 1) > 1)
        return;
    for (size_t i = 0; i < tls->host_count; i++)
        http_certificate_release(tls->hosts[i].certificate);
    arena_free(tls->arena);
    http_certificate_release(tls->certificate);
    if (tls->credentials)
        gnutls_certificate_free_credentials(tls->credentials);
    forget(&tls->ticket_key);
    free(tls);
}

/* --- making one ------------------------------------------------------------------------------- */

static void copy_hosts(HttpTls *tls, const HttpTlsOptions *options)
{
    tls->hosts = ARENA_ARRAY(tls->arena, HttpTlsHost, options->host_count + 1);
    CHECK(tls->hosts);
    for (size_t i = 0; i < options->host_count; i++) {
        tls->hosts[i].name = arena_copy(tls->arena, options->hosts[i].name);
        tls->hosts[i].certificate = http_certificate_hold(options->hosts[i].certificate);
    }
    tls->host_count = options->host_count;
    qsort(tls->hosts, tls->host_count, sizeof *tls->hosts, by_name);
}

/* Our own key outlives the options: without a shared one a change would cost every session. */
static bool take_ticket_key(HttpServer *server, HttpTls *tls, const char *path, Err *err)
{
    gnutls_datum_t *own = &server->ticket_key, bytes = {0};
    if (!own->data && gnutls_session_ticket_key_generate(own) != 0)
        return ERR(err, ERR_FATAL, "http-server", "no random bytes for session tickets");
    CHECK(own->size == HTTP_TICKET_KEY_BYTES);
    if (path && !read_file(path, &bytes, err))
        return false;
    if (path && bytes.size != own->size) {
        forget(&bytes);
        return ERR(err, ERR_FATAL, "http-certificate", "%s does not hold %u bytes", path,
                   own->size);
    }
    if (!path) {
        bytes.data = gnutls_calloc(1, own->size);
        CHECK(bytes.data);
        bytes.size = own->size;
        memcpy(bytes.data, own->data, own->size);
    }
    tls->ticket_key = bytes;
    return true;
}

static bool name_authorities(HttpTls *tls, const char *path, Err *err)
{
    gnutls_datum_t pem;
    if (!path)
        return true;
    TRY(read_file(path, &pem, err));
    int count = gnutls_certificate_set_x509_trust_mem(tls->credentials, &pem, GNUTLS_X509_FMT_PEM);
    forget(&pem);
    return count > 0 || ERR(err, ERR_FATAL, "http-certificate", "%s holds no certificate", path);
}

bool http_server_use_tls(HttpServer *server, const HttpTlsOptions *options, Err *err)
{
    HttpTls *tls = calloc(1, sizeof *tls);
    CHECK(tls);
    atomic_init(&tls->refs, 1);
    tls->arena = arena_new(HOSTS_ARENA_BYTES);
    CHECK(gnutls_certificate_allocate_credentials(&tls->credentials) == 0);
    gnutls_certificate_set_retrieve_function3(tls->credentials, on_certificate);
    tls->ask_certificate = options->ask_certificate;
    tls->certificate = http_certificate_hold(options->certificate);
    copy_hosts(tls, options);
    if (!take_ticket_key(server, tls, options->ticket_key_file, err) ||
        !name_authorities(tls, options->client_ca_file, err)) {
        tls_release(tls);
        return false;
    }
    pthread_mutex_lock(&server->lock);
    HttpTls *former = server->tls;
    server->tls = tls;
    pthread_mutex_unlock(&server->lock);
    tls_release(former);
    return true;
}
