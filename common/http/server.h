/* server - HTTPS for senders: strict, limited in every direction, waiting without threads.
 *
 * One request's life: headers are checked (framing.h), begin() may refuse, the body is received
 * within its limits (and decompressed), handle() runs on a server thread and either fills the
 * reply, or says HTTP_WAIT: the connection is then parked and costs no thread until somebody calls
 * http_request_wake(), upon which handle() runs again. over() ends it, answered or not.
 *
 * Spec:    RFC 9110, RFC 9112. HTTP/1.1 keep-alive and pipelining; TLS 1.2+ with session tickets.
 * Owner:   the caller of http_server_start. A HttpRequest and everything from its arena and reply
 *          buffer live until over() returns. http_request_wake must not be called after over().
 * Threads: `threads` of the server's own. begin, room, handle, refuse and over of one request never
 * run at the same time; those of different requests do. Errors:  ERR_FATAL "listen-...",
 * "http-certificate", "http-server". Requests that break a rule are answered by refuse()'s text,
 * and by a close where framing is in doubt. Limits:  HttpServerOptions. What the limits cost a
 * sender: target, fields       414, 431, close framing in doubt     400, 501, close body too large
 * 413 (also when decompressed), close body too slow        408, close;  headers too slow or idle:
 * close buffered_max_bytes   503, Retry-After draining             answered, then closed */
#pragma once
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/http/tls.h"

/* AEAD and forward secrecy only, no SHA-1; AES-128 first, which is the fastest. */
#define HTTP_TLS_PRIORITIES                                                                        \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM:+CHACHA20-POLY1305:"      \
    "+AES-256-GCM:-RSA:-MAC-ALL:+AEAD:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:%SERVER_PRECEDENCE"

typedef struct HttpRequest HttpRequest;

typedef enum HttpNext {
    HTTP_REPLY, /* the reply is filled in: send it */
    HTTP_WAIT,  /* park until http_request_wake */
} HttpNext;

/* Where the server itself must say no, the service chooses the words. */
typedef struct HttpRefusal {
    unsigned status;
    const char *code; /* stable: "body-too-large" */
    const char *text; /* for people */
} HttpRefusal;

typedef struct HttpHandler {
    /* Headers are in, the body is not. NULL, or true: go on; false: the reply is filled in, the
     * body will not be read, the connection is closed after it. */
    bool (*begin)(void *context, HttpRequest *request);
    /* Its body is about to take so much memory more, in all within body_max_bytes. NULL, or a
     * refusal with status 0: let it. */
    HttpRefusal (*room)(void *context, HttpRequest *request, size_t more);
    HttpNext (*handle)(void *context, HttpRequest *request);
    void (*refuse)(void *context, HttpRequest *request, const HttpRefusal *refusal);
    /* `sent`: the reply went out whole, as far as we can know. Also for what TLS clients sent that
     * never became a request (begin was not called): without method, target, state. */
    void (*over)(void *context, HttpRequest *request, bool sent);
    void *context;
} HttpHandler;

/* What a connection's first bytes had of the PROXY protocol that they should not, or lacked. */
typedef enum HttpProxyTrouble {
    HTTP_PROXY_IGNORED, /* from somebody who may not say it: passed over, the peer is the client */
    HTTP_PROXY_BROKEN,  /* not readable: closed */
    HTTP_PROXY_MISSING, /* from somebody who must say it, in time: closed */
} HttpProxyTrouble;

typedef struct HttpServerOptions {
    Str listen;                  /* "127.0.0.1:8443" */
    const char *cert_file;       /* PEM chain; NULL: plain HTTP */
    const char *key_file;        /* PEM */
    const char *tls_priorities;  /* GnuTLS; NULL: HTTP_TLS_PRIORITIES */
    const char *ticket_key_file; /* tls.h */
    bool ask_certificate;        /* tls.h; with client_ca_file */
    const char *client_ca_file;
    uint32_t threads;                 /* 0: 2 */
    uint32_t connections_max;         /* 0: 4096 */
    uint32_t connections_per_address; /* 0: no limit (behind a load balancer all share one) */
    size_t body_max_bytes;            /* 0: 10 MiB */
    size_t buffered_max_bytes;        /* bodies in memory, all together; 0: 512 MiB */
    uint32_t fields_max;              /* 0: 100 */
    size_t field_bytes_max;           /* 0: 16 KiB */
    size_t target_max;                /* 0: 8 KiB */
    uint32_t idle_ms;                 /* between requests; 0: 60 s */
    uint32_t header_ms;               /* a TLS handshake; a header from its request line; 0: 10 s */
    uint32_t body_ms;                 /* header to the end of the body; 0: 60 s */
    uint32_t body_rate_min;           /* bytes/s, after body_grace_ms; 0: 1024 */
    uint32_t body_grace_ms;           /* 0: 5 s */
    uint32_t send_ms;                 /* the whole reply; 0: 60 s */
    size_t gzip_min_bytes;            /* replies from this size on; 0: 1400 */
    /* Numeric networks, by comma, of load balancers whose connections begin with a PROXY protocol
     * header (version 2, proxy.h): http_request_address is then what it says. NULL: there are none.
     */
    const char *proxy_from;
    uint32_t proxy_ms; /* for that header; 0: 3 s */
    void (*proxy_trouble)(void *context, Str peer, HttpProxyTrouble what); /* NULL: nobody cares */
    void *proxy_context;
    size_t body_headroom; /* writable bytes in front of each body; 0: none */
} HttpServerOptions;

typedef struct HttpServerStats {
    uint64_t connections_open, connections_total;
    uint64_t requests_total, requests_open;
    uint64_t refused_total;       /* by the server's own rules */
    uint64_t cut_slow_total;      /* 408s and connections cut for slowness */
    uint64_t tls_resumed_total;   /* of the connections that sent a request */
    uint64_t body_bytes_buffered; /* now */
    uint64_t bytes_received_total;
    uint64_t bytes_sent_total; /* bodies */
    uint64_t delay_us;         /* http_server_delay_us */
} HttpServerStats;

bool http_server_start(const HttpServerOptions *options, const HttpHandler *handler,
                       HttpServer **ret_server, Err *err) MUST_USE;
uint16_t http_server_port(const HttpServer *server);
void http_server_stats(HttpServer *server, HttpServerStats *ret_stats);
/* No new connections; idle ones are closed, replies carry "Connection: close". */
void http_server_drain(HttpServer *server);
/* Requests between their header and over(). */
uint64_t http_server_requests_open(HttpServer *server);
/* From http_request_wake until a server thread is there: a moving average of the last seconds. */
uint64_t http_server_delay_us(HttpServer *server);
/* Every waiting request must have been woken, and answered or given up by then. NULL is fine. */
void http_server_stop(HttpServer *server);

/* --- one request ------------------------------------------------------------------------------ */
void http_request_wake(HttpRequest *request); /* from any thread */

Arena *http_request_arena(HttpRequest *request);
Str http_request_method(const HttpRequest *request);
Str http_request_target(const HttpRequest *request); /* as sent */
Str http_request_path(const HttpRequest *request);   /* decoded */
Str http_request_query(const HttpRequest *request);  /* as sent */
/* Of an absolute target ("GET https://host/path"), as sent; ptr NULL: it names none. */
Str http_request_authority(const HttpRequest *request);
Str http_request_version(const HttpRequest *request); /* "HTTP/1.1" */
Str http_request_address(const HttpRequest *request); /* the peer's, numeric, no port */
/* The name that the TLS handshake asked for, lower case; STR_NONE: none, or no TLS. */
Str http_request_tls_name(const HttpRequest *request);
bool http_request_is_tls(const HttpRequest *request);
/* What the TLS client has shown that it holds the key of: DER, its own certificate first, borrowed
 * while the connection lives. Whether to believe it is the caller's to find out. 0: none, or more
 * than there is room for. */
size_t http_request_certificates(const HttpRequest *request, Str *ret_chain, size_t room);
/* The first header of that name, ignoring case; STR_NONE if absent. */
Str http_request_header(const HttpRequest *request, Str name);
size_t http_request_header_count(const HttpRequest *request, Str name);
/* All fields of that name as one list, of the request's arena (RFC 9110 §5.3); STR_NONE if absent.
 */
Str http_request_list(HttpRequest *request, Str name);
/* The i-th field as sent; false past the end. */
bool http_request_field(const HttpRequest *request, size_t index, Str *ret_name, Str *ret_value);
/* Complete in handle(); decompressed. Padding: one NUL behind it. */
Str http_request_body(const HttpRequest *request);
size_t http_request_body_bytes(const HttpRequest *request); /* also once it was taken */
/* The memory in which the body lies, body_headroom bytes before it, is the caller's to free() from
 * now on; the request has no body any more. NULL: there was none. */
void *http_request_take_body(HttpRequest *request);
int64_t http_request_started_us(const HttpRequest *request);  /* request line read; Unix time */
int64_t http_request_received_us(const HttpRequest *request); /* last byte of the body */
uint64_t http_request_started_ns(const HttpRequest *request); /* the same start, monotonic clock */
/* The service's own state of this request. */
void http_request_set_state(HttpRequest *request, void *state);
void *http_request_state(const HttpRequest *request);

/* --- its reply -------------------------------------------------------------------------------- */
void http_reply_status(HttpRequest *request, unsigned status);
unsigned http_reply_get_status(const HttpRequest *request);
/* Name and value are borrowed until over(); what would break the header is not sent. */
void http_reply_header(HttpRequest *request, const char *name, Str value);
/* As it was given, by that very name; STR_NONE: it was not. */
Str http_reply_get_header(const HttpRequest *request, const char *name);
/* Empty at first; its memory is reused by later requests. */
Buf *http_reply_body(HttpRequest *request);
void http_reply_reset(HttpRequest *request); /* as if nothing had been filled in */
void http_reply_close(HttpRequest *request); /* close the connection after it */

/* A body of any length that is made while it is sent: what is in the reply buffer goes first, then
 * what `more` puts there, each time into an emptied buffer. It runs on a server thread;
 * HTTP_MORE_WAIT parks the connection until http_request_wake. A reader that does not take one
 * filling within send_ms is cut. Never compressed. */
typedef enum HttpMore {
    HTTP_MORE,      /* something was put into the buffer */
    HTTP_MORE_WAIT, /* nothing yet */
    HTTP_MORE_END,  /* what the buffer holds is the last */
    HTTP_MORE_FAIL, /* break the connection: the peer shall see that it has not all */
} HttpMore;
void http_reply_stream(HttpRequest *request, HttpMore (*more)(void *context, HttpRequest *request),
                       void *context);
