/* client - HTTPS requests to one kind of peer, many at a time, on the caller's thread.
 *
 * Spec:    HTTP/1.1 keep-alive with connection reuse (a kept connection that has something to say
 *          before it is asked is closed and not used) and TLS 1.2+; the peer's certificate and name
 *          are always verified. Redirects are not followed, no proxy from the environment is used.
 * Owner:   the caller of http_client_new. A call's url, headers and body are borrowed until its
 *          done() ran; an HttpResult and all it points to is valid only inside done().
 * Threads: one thread per client, except http_client_wake. done() runs inside http_client_poll.
 * Errors:  _new: ERR_FATAL "http-client" (unreadable certificate files). _start: ERR_INPUT
 *          "http-url". What became of a call is data: HttpResult.
 * Limits:  HttpClientOptions. An answer past response_max_bytes is cut, and the call fails.
 *
 *   while (http_client_active(client))
 *       http_client_poll(client, 100);
 */
#pragma once
#include "common/base/err.h"
#include "common/base/str.h"

typedef struct HttpClient HttpClient;

typedef struct HttpClientOptions { /* 0 or NULL: the default in brackets */
    const char *ca_file;           /* PEM (the system's) */
    const char *cert_file;         /* PEM, for mutual TLS; with key_file */
    const char *key_file;
    const char *user_agent;      /* ("fhirbus") */
    uint32_t connect_timeout_ms; /* TCP and TLS (5000) */
    uint32_t timeout_ms;         /* a whole call, unless the call says otherwise (30000) */
    uint32_t connections_max;    /* open at a time; further calls wait in line (64) */
    uint32_t idle_max_s;         /* a connection idle for longer is not used again (60) */
    size_t response_max_bytes;   /* (1 MiB) */
    bool allow_plain_http;       /* http:// too; for loopback peers in tests */
    bool fresh_connections;      /* one per call: for peers that say more than they are asked */
} HttpClientOptions;

typedef struct HttpHeader {
    Str name;
    Str value;
} HttpHeader;

typedef enum HttpFailure {
    HTTP_FAILURE_NONE,      /* an answer with a status came; whatever the status */
    HTTP_FAILURE_RESOLVE,   /* no such host */
    HTTP_FAILURE_CONNECT,   /* refused, unreachable, reset before the request was sent */
    HTTP_FAILURE_TLS,       /* handshake or certificate */
    HTTP_FAILURE_TIMEOUT,   /* `sent` tells whether the peer may have the request */
    HTTP_FAILURE_BROKEN,    /* connection lost, malformed answer: the peer may have the request */
    HTTP_FAILURE_TOO_LARGE, /* answer past response_max_bytes; status and cut body are given */
    HTTP_FAILURE_CANCELLED, /* http_client_free with the call still open */
} HttpFailure;

typedef struct HttpResult {
    HttpFailure failure;
    bool sent;       /* bytes of the request left us: its effect is unknown unless an answer came */
    bool reused;     /* over a kept-alive connection */
    unsigned status; /* 0: none came */
    Str body;        /* decoded if the peer compressed it */
    const char *text;       /* why it failed, for the log: no header values, no body */
    uint32_t connect_us;    /* start to TCP+TLS ready; 0 when reused */
    uint32_t first_byte_us; /* start to the answer's first byte */
    uint32_t total_us;
    uint32_t peer_port;
    char peer_ip[46];
    const struct HttpAnswerHeaders *headers; /* for http_result_header */
} HttpResult;

/* The answer's (last) header of that name, ignoring case; STR_NONE if absent. */
Str http_result_header(const HttpResult *result, Str name);
const char *http_failure_name(HttpFailure failure); /* "none", "resolve", "connect", ... */

typedef struct HttpCall {
    const char *method; /* NULL: POST when there is a body, else GET */
    const char *url;    /* https://...; NUL-terminated */
    const HttpHeader *headers;
    size_t header_count;
    Str body;                                              /* len 0: no body */
    uint32_t timeout_ms;                                   /* 0: the client's */
    void (*done)(void *context, const HttpResult *result); /* once per started call */
    void *context;
} HttpCall;

bool http_client_new(const HttpClientOptions *options, HttpClient **ret_client, Err *err) MUST_USE;
/* Calls still open end with HTTP_FAILURE_CANCELLED. NULL is fine. */
void http_client_free(HttpClient *client);

/* Starts; done() never runs inside. */
bool http_client_start(HttpClient *client, const HttpCall *call, Err *err) MUST_USE;
/* Waits up to wait_ms for something to happen and does it; returns the calls still open. Without
 * calls it waits too, until wait_ms or http_client_wake. */
size_t http_client_poll(HttpClient *client, uint32_t wait_ms);
size_t http_client_active(const HttpClient *client);
void http_client_wake(HttpClient *client); /* from any thread: ends a poll's wait */
