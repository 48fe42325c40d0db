/* tls - what a server shows in TLS handshakes, and what it asks for: swapped as a whole, while it
 * serves.
 *
 * Spec:    RFC 6066 §3 (a name without a certificate of its own gets the server's: whether it is
 *          served is decided by the request), RFC 5077 and RFC 8446 §4.6.1 (tickets), RFC 8446
 *          §4.3.2 (asking for the client's certificate).
 * Rule:    no renegotiation, no early data. A ticket key is used for what it makes new tickets of
 *          for 6 hours at most (GnuTLS derives a fresh one from it every few hours); with another
 *          key in its place old tickets cost a whole handshake and nothing else.
 * Owner:   a certificate is counted; what is given to http_server_use_tls is held there.
 * Threads: any.
 * Errors:  ERR_FATAL "http-certificate"; the text names the file, never what it holds.
 * Limits:  HTTP_CHAIN_MAX certificates, HTTP_PEM_MAX bytes a file. */
#pragma once
#include "common/base/err.h"
#include "common/base/str.h"

enum { HTTP_CHAIN_MAX = 10, HTTP_PEM_MAX = 1 << 20, HTTP_TICKET_KEY_BYTES = 64 };

typedef struct HttpServer HttpServer;
typedef struct HttpCertificate HttpCertificate;

/* PEM: the chain, the server's own first; its key, which must fit. */
bool http_certificate_read(const char *cert_file, const char *key_file,
                           HttpCertificate **ret_certificate, Err *err) MUST_USE;
HttpCertificate *http_certificate_hold(HttpCertificate *certificate);
void http_certificate_release(HttpCertificate *certificate);            /* NULL is fine */
int64_t http_certificate_expires_s(const HttpCertificate *certificate); /* Unix time */

typedef struct HttpTlsHost {
    Str name; /* lower case; "*.example.org": any one label below it that has none itself */
    HttpCertificate *certificate;
} HttpTlsHost;

typedef struct HttpTlsOptions {
    HttpCertificate *certificate; /* for names not among `hosts`, and for clients that say none */
    const HttpTlsHost *hosts;
    size_t host_count;
    const char *ticket_key_file; /* 64 bytes shared by replicas; NULL: random, own tickets only */
    bool ask_certificate;        /* clients may show one; nobody has checked it then */
    const char *client_ca_file;  /* PEM: the authorities that they are told of; NULL: of none */
} HttpTlsOptions;

/* For connections from now on. The former options stay in force on an error. */
bool http_server_use_tls(HttpServer *server, const HttpTlsOptions *options, Err *err) MUST_USE;
