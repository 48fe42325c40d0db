/* bare_http - the floor under ingest's HTTP: libmicrohttpd over TLS that reads a body and answers.
 *
 *   bare_http --port N --cert F --key F --answer-bytes N [--tickets]
 *
 * Thread per connection, keep-alive; TLS sessions resume with --tickets alone.
 *
 * It looks at nothing and keeps nothing: what ingest costs beyond this is ingest's own work. The
 * ciphers are ingest's. */
#include <getopt.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <signal.h>

#include <microhttpd.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/http/server.h"

#define BODY_BYTES_MAX ((size_t)64 << 20)
#define PEM_BYTES_MAX 65536

static const char usage[] =
    "usage: bare_http --port N --cert F --key F [--answer-bytes N]\n"
    "\n"
    "The least that an HTTPS handler can do: libmicrohttpd with a thread for each connection, TLS "
    "with\n"
    "ingest's ciphers, keep-alive. It receives each request's body whole into memory, looks at "
    "none\n"
    "of it, and answers N bytes that lie ready. `make bench-pipeline` sends it the bodies that "
    "ingest\n"
    "gets, from the same client and at the same pace, and has it answer as many bytes as ingest "
    "does.\n"
    "What it does not do: hash or keep the body, wait for anybody, log, count.\n";

typedef struct Answer {
    char *text;
    size_t len;
} Answer;

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **request)
{
    (void)url, (void)method, (void)version;
    Buf *body = *request;
    if (!body) {
        body = malloc(sizeof *body);
        CHECK(body);
        buf_init(body, BODY_BYTES_MAX);
        *request = body;
        return MHD_YES;
    }
    if (*data_len) {
        buf_add(body, (Str){data, *data_len});
        *data_len = 0;
        return MHD_YES;
    }
    const Answer *answer = context;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->len, answer->text, MHD_RESPMEM_PERSISTENT);
    CHECK(response);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    enum MHD_Result queued = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return queued;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode why)
{
    (void)context, (void)connection, (void)why;
    if (*request)
        buf_clear(*request);
    free(*request);
    *request = NULL;
}

static gnutls_datum_t ticket_key;

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    (void)context, (void)socket_context;
    const union MHD_ConnectionInfo *tls =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (ticket_key.data && code == MHD_CONNECTION_NOTIFY_STARTED)
        gnutls_session_ticket_enable_server(tls->tls_session, &ticket_key);
}

static bool read_pem(const char *path, char pem[PEM_BYTES_MAX])
{
    FILE *file = path ? fopen(path, "re") : NULL;
    size_t got = file ? fread(pem, 1, PEM_BYTES_MAX - 1, file) : 0;
    if (file)
        fclose(file);
    return got > 0;
}

static struct MHD_Daemon *serve(uint64_t port, char *cert, char *key, Answer *answer)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return MHD_start_daemon(
        MHD_USE_TLS | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL,
        NULL, on_request, answer, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
        MHD_OPTION_HTTPS_MEM_CERT, cert, MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL,
        MHD_OPTION_HTTPS_PRIORITIES, HTTP_TLS_PRIORITIES, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U,
        MHD_OPTION_END);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", 1, NULL, 'p'},
        {"cert",  1, NULL, 'c'},
        {"key",      1, NULL, 'k'},
        {"answer-bytes",    1, NULL, 'b'},
        {"tickets",   0, NULL, 't'},
        {0 },
    };
    uint64_t port = 0, bytes = 2;
    const char *cert_path = NULL, *key_path = NULL;
    bool good = true;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'p' || c == 'b')
            good = good && str_to_u64(str_from(optarg), c == 'p' ? &port : &bytes);
        else if (c == 't')
            good = good && gnutls_session_ticket_key_generate(&ticket_key) == 0;
        else if (c == 'c' || c == 'k')
            *(c == 'c' ? &cert_path : &key_path) = optarg;
        else
            good = false;
    }
    static char cert[PEM_BYTES_MAX], key[PEM_BYTES_MAX];
    if (!good || !port || port > 65535 || bytes > BODY_BYTES_MAX || !read_pem(cert_path, cert) ||
        !read_pem(key_path, key)) {
        fprintf(stderr, "%s", usage);
        return 2;
    }
    sigset_t stop_signals;
    sigemptyset(&stop_signals);
    sigaddset(&stop_signals, SIGTERM);
    sigaddset(&stop_signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    Answer answer = {malloc(bytes + 1), bytes};
    CHECK(answer.text);
    memset(answer.text, ' ', bytes);
    struct MHD_Daemon *daemon = serve(port, cert, key, &answer);
    if (!daemon) {
        fprintf(stderr, "bare_http: cannot listen on port %llu\n", (unsigned long long)port);
        return 1;
    }
    int sign;
    sigwait(&stop_signals, &sign);
    MHD_stop_daemon(daemon);
    free(answer.text);
    return 0;
}
