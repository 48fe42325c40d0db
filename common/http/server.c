/* The server's life, its connections, and the watch that cuts the slow ones. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/http/listen.h"
#include "common/http/server_internal.h"

enum {
    WATCH_MS = 100,
    LOOK_EVERY = 5,
    LINGER_MS = 2000,
    SPARE_MAX = 128,
    SPARE_REPLY_MAX = 512 * 1024,
    POOL_SLACK = 32 * 1024, /* of a connection's memory beside the header: two TLS records */
    DRAIN_IDLE_MS = 200,
};

int64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- spare requests --------------------------------------------------------------------------- */

static HttpRequest *request_new(HttpServer *server)
{
    HttpRequest *request = calloc(1, sizeof *request);
    CHECK(request);
    request->server = server;
    request->arena = arena_new(server->options.body_max_bytes + REQUEST_ARENA_SLACK);
    buf_init(&request->reply, REPLY_BODY_MAX);
    buf_init(&request->packed, REPLY_BODY_MAX);
    return request;
}

static void request_free(HttpRequest *request)
{
    body_clear(request);
    if (request->inflate_ready)
        inflateEnd(&request->inflate);
    if (request->deflate_ready)
        deflateEnd(&request->deflate);
    buf_clear(&request->reply);
    buf_clear(&request->packed);
    arena_free(request->arena);
    free(request);
}

HttpRequest *request_take(HttpServer *server)
{
    pthread_mutex_lock(&server->lock);
    HttpRequest *request = server->spare;
    if (request) {
        server->spare = request->next_free;
        server->spare_count--;
    }
    pthread_mutex_unlock(&server->lock);
    return request ? request : request_new(server);
}

static void trim(Buf *buf)
{
    if (buf->room > SPARE_REPLY_MAX)
        buf_clear(buf);
    buf_reset(buf);
}

/* What is costly to make is kept: arena, buffers, zlib's states. */
static void request_clean(HttpRequest *request)
{
    body_clear(request);
    if (arena_used_bytes(request->arena) > SPARE_ARENA_MAX) {
        arena_free(request->arena);
        request->arena = arena_new(request->server->options.body_max_bytes + REQUEST_ARENA_SLACK);
    } else {
        arena_reset(request->arena);
    }
    trim(&request->reply);
    trim(&request->packed);
    HttpRequest clean = {
        .server = request->server,
        .arena = request->arena,
        .inflate = request->inflate,
        .inflate_ready = request->inflate_ready,
        .reply = request->reply,
        .packed = request->packed,
        .deflate = request->deflate,
        .deflate_ready = request->deflate_ready,
    };
    /* zlib's states point back at their z_stream, which stays where it is */
    *request = clean;
}

void request_give_back(HttpRequest *request)
{
    HttpServer *server = request->server;
    request_clean(request);
    pthread_mutex_lock(&server->lock);
    bool keep = server->spare_count < SPARE_MAX;
    if (keep) {
        request->next_free = server->spare;
        server->spare = request;
        server->spare_count++;
    }
    pthread_mutex_unlock(&server->lock);
    if (!keep)
        request_free(request);
}

/* --- connections ------------------------------------------------------------------------------ */

void conn_enter(Conn *conn, Phase phase)
{
    conn->phase = phase;
    conn->phase_since_ms = clock_ms();
    conn->phase_bytes = 0;
}

static void note_address(Conn *conn)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *any = info ? info->client_addr : NULL;
    const void *bytes = NULL;
    if (any && any->sa_family == AF_INET)
        bytes = &((const struct sockaddr_in *)(const void *)any)->sin_addr;
    else if (any && any->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)(const void *)any)->sin6_addr;
    if (bytes && inet_ntop(any->sa_family, bytes, conn->address, sizeof conn->address))
        conn->address_len = strlen(conn->address);
}

static void conn_opened(HttpServer *server, struct MHD_Connection *mhd, void **socket_context)
{
    Conn *conn = calloc(1, sizeof *conn);
    CHECK(conn);
    conn->server = server;
    conn->mhd = mhd;
    CHECK(pthread_mutex_init(&conn->lock, NULL) == 0);
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    conn->fd = fd ? fd->connect_fd : -1;
    if (server->secure) {
        const union MHD_ConnectionInfo *tls =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        conn->tls = tls ? tls->tls_session : NULL;
        if (conn->tls) {
            tls_begin(conn);
            wire_open(conn);
            pages_watch(conn);
        }
    }
    note_address(conn);
    conn_enter(conn, conn->tls ? PHASE_HELLO : PHASE_IDLE);
    atomic_fetch_add(&server->connections_open, 1);
    atomic_fetch_add(&server->connections_total, 1);
    pthread_mutex_lock(&server->lock);
    conn->next = server->conns;
    if (conn->next)
        conn->next->prev = conn;
    server->conns = conn;
    pthread_mutex_unlock(&server->lock);
    *socket_context = conn;
}

static void conn_closed(HttpServer *server, Conn *conn)
{
    if (conn->tls) {
        pages_forget(conn);
        wire_close(conn);
    }
    pthread_mutex_lock(&server->lock);
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        server->conns = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    pthread_mutex_unlock(&server->lock);
    tls_release(conn->tls_set);
    pthread_mutex_destroy(&conn->lock);
    free(conn);
    atomic_fetch_sub(&server->connections_open, 1);
}

static void connection_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
                              enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        conn_opened(cls, mhd, socket_context);
    else if (*socket_context)
        conn_closed(cls, *socket_context);
}

/* --- the watch -------------------------------------------------------------------------------- */

static void cut(Conn *conn)
{
    conn_enter(conn, PHASE_CUT);
    shutdown(conn->fd, SHUT_RDWR);
}

static bool body_is_slow(const Conn *conn, const HttpServerOptions *o, int64_t age)
{
    if (age > (int64_t)o->body_ms)
        return true;
    return age > (int64_t)o->body_grace_ms &&
           conn->phase_bytes < (uint64_t)age * o->body_rate_min / 1000;
}

static int64_t age_limit(const HttpServer *server, Phase phase)
{
    const HttpServerOptions *o = &server->options;
    switch (phase) {
    case PHASE_IDLE:
        return atomic_load(&server->draining) ? DRAIN_IDLE_MS : (int64_t)o->idle_ms;
    case PHASE_HELLO:
    case PHASE_HEADER:
        return (int64_t)o->header_ms;
    case PHASE_REPLY:
        return (int64_t)o->send_ms;
    case PHASE_LINGER:
        return LINGER_MS;
    case PHASE_BODY: /* body_is_slow knows better */
    case PHASE_WORK:
    case PHASE_CUT:
        break;
    }
    return INT64_MAX;
}

/* libmicrohttpd misses an end of stream that arrives together with data on a plain socket (it
 * takes a short read for "nothing more" under edge-triggered epoll). */
static bool peer_has_left(const Conn *conn)
{
    char byte;
    bool reading = conn->phase == PHASE_HELLO || conn->phase == PHASE_IDLE ||
                   conn->phase == PHASE_HEADER || conn->phase == PHASE_BODY ||
                   conn->phase == PHASE_LINGER;
    return reading && recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void watch_conn(HttpServer *server, Conn *conn, int64_t now, bool look)
{
    pthread_mutex_lock(&conn->lock);
    int64_t age = now - conn->phase_since_ms;
    if (!conn->busy) {
        if (look && age > WATCH_MS && peer_has_left(conn))
            cut(conn);
        if (conn->phase == PHASE_BODY && body_is_slow(conn, &server->options, age)) {
            atomic_fetch_add(&server->cut_slow, 1);
            request_refuse_slow(conn);
        } else if (age > age_limit(server, conn->phase)) {
            if (conn->phase == PHASE_HELLO || conn->phase == PHASE_HEADER ||
                conn->phase == PHASE_REPLY)
                atomic_fetch_add(&server->cut_slow, 1);
            cut(conn);
        }
    }
    pthread_mutex_unlock(&conn->lock);
}

static void *watch_main(void *context)
{
    HttpServer *server = context;
    pthread_setname_np(pthread_self(), "http-watch");
    pthread_mutex_lock(&server->lock);
    for (unsigned turn = 0; !atomic_load(&server->stopping); turn++) {
        const struct timespec until = clock_after_ms(CLOCK_MONOTONIC, WATCH_MS);
        pthread_cond_timedwait(&server->stop_watch, &server->lock, &until);
        int64_t now = clock_ms();
        for (Conn *conn = server->conns; conn; conn = conn->next)
            watch_conn(server, conn, now, turn % LOOK_EVERY == 0);
    }
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

/* --- start ------------------------------------------------------------------------------------ */

static void default_u32(uint32_t *value, uint32_t initial)
{
    if (*value == 0)
        *value = initial;
}

static void default_size(size_t *value, size_t initial)
{
    if (*value == 0)
        *value = initial;
}

static void set_defaults(HttpServerOptions *o)
{
    if (!o->tls_priorities)
        o->tls_priorities = HTTP_TLS_PRIORITIES;
    default_u32(&o->threads, 2);
    default_u32(&o->connections_max, 4096);
    default_u32(&o->fields_max, 100);
    default_u32(&o->idle_ms, 60000);
    default_u32(&o->header_ms, 10000);
    default_u32(&o->body_ms, 60000);
    default_u32(&o->body_rate_min, 1024);
    default_u32(&o->body_grace_ms, 5000);
    default_u32(&o->send_ms, 60000);
    default_u32(&o->proxy_ms, 3000);
    default_size(&o->body_max_bytes, (size_t)10 * 1024 * 1024);
    default_size(&o->buffered_max_bytes, (size_t)512 * 1024 * 1024);
    default_size(&o->field_bytes_max, (size_t)16 * 1024);
    default_size(&o->target_max, (size_t)8 * 1024);
    default_size(&o->gzip_min_bytes, 1400);
}

static bool load_tls(HttpServer *server, Err *err)
{
    const HttpServerOptions *o = &server->options;
    HttpCertificate *own;
    if (!o->cert_file)
        return true;
    if (!o->key_file)
        return ERR(err, ERR_FATAL, "http-certificate", "a certificate without its key");
    TRY(http_certificate_read(o->cert_file, o->key_file, &own, err));
    HttpTlsOptions options = {.certificate = own,
                              .ticket_key_file = o->ticket_key_file,
                              .ask_certificate = o->ask_certificate,
                              .client_ca_file = o->client_ca_file};
    bool fine = http_server_use_tls(server, &options, err);
    http_certificate_release(own);
    return fine;
}

/* libmicrohttpd wants a certificate, or to be told that somebody else has them. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *authorities, int count,
                          const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                          gnutls_pcert_st **certificates, unsigned *certificate_count,
                          gnutls_privkey_t *key)
{
    (void)session, (void)authorities, (void)count, (void)algorithms, (void)algorithm_count;
    (void)certificates, (void)certificate_count, (void)key;
    return -1;
}

/* Targets stay as sent: target.c decodes them, strictly. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

/* Where we accept by ourselves: libmicrohttpd wants a socket to listen to for its pool of threads.
 * This one has a name that nobody knows, and whoever finds it is turned away. */
static int listen_nowhere(void)
{
    const struct sockaddr_un unnamed = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (bind(fd, (const struct sockaddr *)&unnamed, sizeof unnamed.sun_family) != 0 ||
                    listen(fd, 1) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static enum MHD_Result comes_by_network(void *cls, const struct sockaddr *peer, socklen_t len)
{
    (void)cls;
    return len > 0 && (peer->sa_family == AF_INET || peer->sa_family == AF_INET6) ? MHD_YES
                                                                                  : MHD_NO;
}

static bool start_daemon(HttpServer *server, int fd)
{
    const HttpServerOptions *o = &server->options;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)no_certificate   },
        {MHD_OPTION_HTTPS_PRIORITIES,    0, (void *)(uintptr_t)o->tls_priorities},
        {MHD_OPTION_END,                 0, NULL                                },
    };
    /* libmicrohttpd 0.9.75 with epoll forgets, as long as a handshake is under way, that it has
     * read all there was: the thread spins until the client's next word, ten seconds of a processor
     * for a client that says none. poll has no such memory. */
    server->secure = server->tls != NULL;
    unsigned flags = MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
                     (server->secure ? MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_TLS
                                     : MHD_USE_EPOLL_INTERNAL_THREAD);
    if (!server->secure)
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    unsigned threads = o->threads > 1 ? o->threads : 0; /* a pool of one is not a pool */
    size_t memory = o->field_bytes_max + o->target_max + POOL_SLACK;
    server->daemon = MHD_start_daemon(
        flags, 0, comes_by_network, NULL, request_access, server, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT, o->connections_max,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->connections_per_address,
        MHD_OPTION_CONNECTION_TIMEOUT, 0U, MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory,
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)16 * 1024, MHD_OPTION_URI_LOG_CALLBACK,
        request_line, server, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, request_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        connection_notify, server, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    return server->daemon != NULL;
}

static bool start_watch(HttpServer *server)
{
    server->watching = pthread_create(&server->watch, NULL, watch_main, server) == 0;
    return server->watching;
}

static HttpServer *server_new(const HttpServerOptions *options, const HttpHandler *handler)
{
    HttpServer *server = calloc(1, sizeof *server);
    CHECK(server);
    server->options = *options;
    set_defaults(&server->options);
    server->handler = *handler;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    CHECK(pthread_cond_init(&server->stop_watch, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
    CHECK(pthread_mutex_init(&server->lock, NULL) == 0);
    return server;
}

bool http_server_start(const HttpServerOptions *options, const HttpHandler *handler,
                       HttpServer **ret_server, Err *err)
{
    int fd = -1;
    HttpServer *server = server_new(options, handler);
    if (!load_tls(server, err) || !listen_open(server->options.listen, &fd, &server->port, err)) {
        http_server_stop(server);
        return false;
    }
    bool own = server->options.proxy_from != NULL;
    int daemon_fd = own ? listen_nowhere() : fd;
    if (daemon_fd < 0 || !start_daemon(server, daemon_fd) || !start_watch(server)) {
        if (!server->daemon && daemon_fd >= 0)
            close(daemon_fd);
        if (own)
            close(fd);
        http_server_stop(server);
        return ERR(err, ERR_FATAL, "http-server", "cannot serve on %.*s (%s)",
                   STR_ARG(options->listen),
                   options->cert_file ? "certificate, key, priorities?" : "threads?");
    }
    if (own && !acceptor_start(server, fd, err)) {
        close(fd);
        http_server_stop(server);
        return false;
    }
    *ret_server = server;
    return true;
}

uint16_t http_server_port(const HttpServer *server)
{
    return server->port;
}

void http_server_stats(HttpServer *server, HttpServerStats *ret_stats)
{
    *ret_stats = (HttpServerStats){
        .connections_open = atomic_load(&server->connections_open),
        .connections_total = atomic_load(&server->connections_total),
        .requests_total = atomic_load(&server->requests_total),
        .requests_open = atomic_load(&server->requests_open),
        .refused_total = atomic_load(&server->refused),
        .cut_slow_total = atomic_load(&server->cut_slow),
        .tls_resumed_total = atomic_load(&server->resumed),
        .body_bytes_buffered = atomic_load(&server->buffered),
        .bytes_received_total = atomic_load(&server->received),
        .bytes_sent_total = atomic_load(&server->sent),
        .delay_us = http_server_delay_us(server),
    };
}

uint64_t http_server_requests_open(HttpServer *server)
{
    return atomic_load(&server->requests_open);
}

/* --- drain and stop --------------------------------------------------------------------------- */

void http_server_drain(HttpServer *server)
{
    if (atomic_exchange(&server->draining, true))
        return;
    acceptor_stop(server->acceptor);
    server->acceptor = NULL;
    /* libmicrohttpd's threads may look at it until they end: it only hears nobody any more. */
    server->quiesced = MHD_quiesce_daemon(server->daemon);
    if (server->quiesced >= 0)
        shutdown(server->quiesced, SHUT_RDWR);
}

/* libmicrohttpd cannot stop with parked connections: their threads see `stopping` and close. */
static void unpark_all(HttpServer *server)
{
    pthread_mutex_lock(&server->lock);
    for (Conn *conn = server->conns; conn; conn = conn->next) {
        pthread_mutex_lock(&conn->lock);
        if (conn->request && conn->request->parked) {
            conn->request->parked = false;
            MHD_resume_connection(conn->mhd);
        }
        pthread_mutex_unlock(&conn->lock);
    }
    pthread_mutex_unlock(&server->lock);
}

void http_server_stop(HttpServer *server)
{
    if (!server)
        return;
    atomic_store(&server->stopping, true);
    if (server->watching) {
        pthread_mutex_lock(&server->lock);
        pthread_cond_signal(&server->stop_watch);
        pthread_mutex_unlock(&server->lock);
        pthread_join(server->watch, NULL);
    }
    if (server->daemon) {
        http_server_drain(server);
        unpark_all(server);
        MHD_stop_daemon(server->daemon);
        if (server->quiesced >= 0)
            close(server->quiesced);
    }
    for (HttpRequest *spare = server->spare, *next; spare; spare = next) {
        next = spare->next_free;
        request_free(spare);
    }
    if (server->ticket_key.data) {
        gnutls_memset(server->ticket_key.data, 0, server->ticket_key.size);
        gnutls_free(server->ticket_key.data);
    }
    tls_release(server->tls);
    pthread_cond_destroy(&server->stop_watch);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
