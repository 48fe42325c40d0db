/* server_internal - what the server's files share; nobody else includes it.
 *
 * server.c lifecycle, connections, the watch over slow ones; request.c a request from header to
 * over; body.c receiving and decompressing; reply.c answering; pages.c in place of
 * libmicrohttpd's own answers; acceptor.c connections of load balancers; wire.c between GnuTLS and
 * the socket. */
#pragma once
#include "common/http/server.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <zlib.h>

#include "common/http/framing.h"
#include "common/http/lines.h"
#include "common/http/target.h"
#include "common/http/tls.h"

enum {
    REPLY_HEADERS_MAX = 32,
    REQUEST_ARENA_SLACK = 8 * 1024 * 1024, /* of a request's arena, beside its body's size */
    SPARE_ARENA_MAX = 512 * 1024,          /* larger ones are not kept */
    REPLY_BODY_MAX = 256 * 1024 * 1024,
    FIELDS_HARD_MAX = 1024, /* collected at most; the setting may be lower */
    SNI_BYTES_MAX = 255,
};

typedef struct HttpTls HttpTls;

/* Where a connection is: the watch limits the time of each. */
typedef enum Phase {
    PHASE_HELLO,  /* the TLS handshake is not over */
    PHASE_IDLE,   /* no request line yet */
    PHASE_HEADER, /* request line read */
    PHASE_BODY,
    PHASE_WORK, /* ours to answer: no limit here, the service has deadlines */
    PHASE_REPLY,
    PHASE_LINGER, /* refused in mid-body and answered: what still comes is thrown away, so that the
                     close does not destroy the answer on its way (RFC 9112 §9.6) */
    PHASE_CUT,    /* given up; MHD will notice the shut socket */
} Phase;

typedef struct Conn {
    struct Conn *prev, *next; /* HttpServer.conns, under its lock */
    struct HttpServer *server;
    struct MHD_Connection *mhd;
    gnutls_session_t tls;        /* NULL on plain HTTP */
    HttpTls *tls_set;            /* what it was shown and asked */
    char sni[SNI_BYTES_MAX + 1]; /* lower case */
    size_t sni_len;
    int fd;
    pthread_mutex_t lock; /* phase changes, wake and park */
    Phase phase;
    bool busy; /* a server thread is inside a callback: hands off */
    int64_t phase_since_ms;
    uint64_t phase_bytes; /* received in PHASE_BODY, on the wire; under lock */
    bool counted_resumption;
    bool page_said;            /* pages.c: what libmicrohttpd still sends is not for the peer */
    struct Conn *next_watched; /* pages.c's table */
    HttpRequest *request;      /* the present one, or NULL */
    bool shaken;               /* the handshake is over */
    struct Ahead *ahead;       /* wire.c: read from the socket and not yet decrypted; or NULL */
    Buf held;                  /* wire.c: encrypted and not yet sent ... */
    size_t held_at;            /* ... from here on */
    size_t owed;               /* wire.c: plain text in it that libmicrohttpd was not told of */
    bool gathers;              /* wire.c: nothing leaves yet */
    HttpLines lines;           /* pages.c: of what was received */
    char address[64];
    size_t address_len;
} Conn;

typedef enum BodyCoding { BODY_PLAIN, BODY_GZIP } BodyCoding;

struct HttpRequest {
    HttpRequest *next_free;
    Conn *conn;
    HttpServer *server;
    Arena *arena;
    void *state;
    /* as received */
    Str method, raw_target, version;
    HttpTarget target;
    FramingField *fields;
    size_t field_count;
    Framing framing;
    int64_t started_us, received_us;
    uint64_t started_ns;
    /* body.c */
    char *body, *body_memory; /* body_headroom bytes before it; both NULL once taken */
    size_t body_len, body_room;
    size_t buffered; /* counted in server->buffered */
    BodyCoding coding;
    z_stream inflate;
    bool inflate_ready, inflate_done;
    HttpRefusal body_refusal; /* status 0: fine so far */
    size_t discarded;
    /* request.c */
    bool began;         /* the header was looked at: over() is due */
    bool ended;         /* the body is complete */
    bool answered;      /* the reply is filled in; what still comes of the body is discarded */
    bool parked, woken; /* under conn->lock */
    uint64_t woken_ns;  /* when it was parked and is no more; 0: it was not */
    bool replied, raw;  /* handed to the socket; past libmicrohttpd */
    bool head_due;      /* its head is not sent yet, and a body follows */
    /* reply.c */
    unsigned status;
    bool close;
    struct {
        const char *name;
        Str value;
    } headers[REPLY_HEADERS_MAX];
    size_t header_count;
    Buf reply, packed;
    z_stream deflate;
    bool deflate_ready;
    HttpMore (*more)(void *context, HttpRequest *request); /* NULL: the body is whole */
    void *more_context;
    size_t more_at; /* of the reply buffer: sent so far */
    bool more_ended;
};

typedef struct Acceptor Acceptor;

struct HttpServer {
    HttpServerOptions options;
    HttpHandler handler;
    struct MHD_Daemon *daemon;
    Acceptor *acceptor; /* NULL: libmicrohttpd accepts by itself */
    uint16_t port;
    int quiesced;              /* the socket that heard newcomers, once it drains */
    bool secure;               /* TLS; as long as it serves */
    HttpTls *tls;              /* for new connections; under lock */
    gnutls_datum_t ticket_key; /* our own, where none is shared */
    pthread_t watch;
    bool watching;
    pthread_mutex_t lock; /* conns, spare requests */
    pthread_cond_t stop_watch;
    Conn *conns;
    HttpRequest *spare;
    size_t spare_count;
    atomic_bool draining;
    atomic_bool stopping;
    _Atomic uint64_t buffered;
    _Atomic uint64_t connections_open, connections_total, requests_total, requests_open, refused,
        cut_slow, resumed, received, sent;
    _Atomic uint64_t delay_ns, delay_at_ns; /* of delay.c */
};

/* server.c */
int64_t clock_ms(void);
void conn_enter(Conn *conn, Phase phase); /* with conn->lock held */
HttpRequest *request_take(HttpServer *server);
void request_give_back(HttpRequest *request);

/* tls.c */
void tls_begin(Conn *conn); /* before the handshake */
void tls_release(HttpTls *tls);
size_t tls_client_chain(const Conn *conn, Str *ret_chain, size_t room);

/* request.c: MHD's callbacks */
void *request_line(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result request_access(void *cls, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_size, void **con_cls);
void request_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                       enum MHD_RequestTerminationCode how);
void request_refuse(HttpRequest *request, const HttpRefusal *refusal);
/* One that begins now, of which nothing is known yet; not the connection's. */
HttpRequest *request_new_on(Conn *conn);
/* From the watch, with conn->lock held and the connection in PHASE_BODY, not busy. */
void request_refuse_slow(Conn *conn);

/* body.c: a refusal is kept in request->body_refusal; the first one counts */
void body_begin(HttpRequest *request);
void body_add(HttpRequest *request, Str part); /* once refused, it counts and discards */
void body_end(HttpRequest *request);
void body_refuse(HttpRequest *request, unsigned status, const char *code, const char *text);
void body_clear(HttpRequest *request);

/* pages.c: sessions whose connection libmicrohttpd might answer by itself */
void pages_watch(Conn *conn);
void pages_forget(const Conn *conn);
/* gnutls_record_send itself, without the watch. */
ssize_t pages_send(gnutls_session_t session, const void *data, size_t size);

/* wire.c: TLS connections only */
void wire_open(Conn *conn);
size_t wire_ahead(const Conn *conn); /* bytes read from the socket and not yet decrypted */
void wire_close(Conn *conn);
/* As gnutls_record_send; `more_follows`: keeps it for the next call. */
ssize_t wire_send(Conn *conn, Str text, bool more_follows);

/* acceptor.c: takes `listener` over when it yields true. */
bool acceptor_start(HttpServer *server, int listener, Err *err) MUST_USE;
void acceptor_stop(Acceptor *acceptor); /* NULL is fine */

/* delay.c */
void delay_note(HttpServer *server, uint64_t woken_ns, uint64_t now_ns);

/* reply.c */
enum MHD_Result reply_queue(HttpRequest *request);
/* Writes the reply past MHD, which takes none in the middle of a body. */
void reply_write_raw(HttpRequest *request);
