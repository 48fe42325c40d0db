/* A server with tiny limits that echoes, waits and refuses, for tests/integration/http. Settings
 * are arguments NAME=VALUE; it prints its port and serves until stdin ends.
 *
 *   POST /echo            the body back (sha-free: byte for byte)
 *   GET  /wait?ms=50      answers after that time, woken by another thread
 *   GET  /fields          how many header fields it saw
 *   GET  /tls             the name that the handshake asked for, how many certificates it showed
 *   anything under /no    refused by begin() with 404
 *
 * It says its counts for each byte on stdin; 'd' drains it, 'r' reads its certificates again. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/http/server.h"
#include "common/http/target.h"

enum { HOSTS_MAX = 8, PATH_BYTES = 300 };

/* host=NAME,CERT,KEY; may be there several times */
static struct {
    Str names[HOSTS_MAX];
    char cert_files[HOSTS_MAX][PATH_BYTES], key_files[HOSTS_MAX][PATH_BYTES];
    size_t count;
} tls;

typedef struct Waiter {
    HttpRequest *request;
    unsigned ms;
    bool started;
    atomic_bool done;
    pthread_t thread;
} Waiter;

static bool begin(void *context, HttpRequest *request)
{
    (void)context;
    if (!str_starts(http_request_path(request), STR("/no")))
        return true;
    http_reply_status(request, 404);
    http_reply_header(request, "Content-Type", STR("text/plain"));
    buf_add(http_reply_body(request), STR("no such thing\n"));
    return false;
}

static void *wake_later(void *context)
{
    Waiter *waiter = context;
    usleep(waiter->ms * 1000);
    atomic_store(&waiter->done, true);
    http_request_wake(waiter->request);
    return NULL;
}

static HttpNext wait_a_while(HttpRequest *request)
{
    Waiter *waiter = http_request_state(request);
    if (!waiter) {
        waiter = calloc(1, sizeof *waiter);
        CHECK(waiter);
        uint64_t ms = 10;
        str_to_u64(
            http_query_get(http_request_query(request), STR("ms"), http_request_arena(request)),
            &ms);
        waiter->ms = (unsigned)ms;
        waiter->request = request;
        http_request_set_state(request, waiter);
        CHECK(pthread_create(&waiter->thread, NULL, wake_later, waiter) == 0);
        return HTTP_WAIT;
    }
    if (!atomic_load(&waiter->done))
        return HTTP_WAIT;
    buf_add(http_reply_body(request), STR("waited\n"));
    return HTTP_REPLY;
}

static HttpNext handle(void *context, HttpRequest *request)
{
    (void)context;
    Str path = http_request_path(request);
    http_reply_status(request, 200);
    if (str_is(path, "/wait"))
        return wait_a_while(request);
    http_reply_header(request, "Content-Type", STR("application/octet-stream"));
    if (str_is(path, "/tls")) {
        Str chain[HTTP_CHAIN_MAX];
        buf_add_format(http_reply_body(request), "%.*s %zu\n",
                       STR_ARG(http_request_tls_name(request)),
                       http_request_certificates(request, chain, HTTP_CHAIN_MAX));
    } else if (str_is(path, "/fields")) {
        size_t n = 0;
        Str name, value;
        while (http_request_field(request, n, &name, &value))
            n++;
        buf_add_format(http_reply_body(request), "%zu\n", n);
    } else {
        buf_add(http_reply_body(request), http_request_body(request));
    }
    return HTTP_REPLY;
}

static void refuse(void *context, HttpRequest *request, const HttpRefusal *refusal)
{
    (void)context;
    http_reply_header(request, "Content-Type", STR("application/json"));
    buf_add_format(http_reply_body(request), "{\"code\":\"%s\"}\n", refusal->code);
}

static void over(void *context, HttpRequest *request, bool sent)
{
    (void)context;
    (void)sent;
    Waiter *waiter = http_request_state(request);
    if (!waiter)
        return;
    pthread_join(waiter->thread, NULL);
    free(waiter);
}

static bool read_hosts(HttpServer *server, const HttpServerOptions *options)
{
    HttpTlsHost hosts[HOSTS_MAX];
    HttpTlsOptions now = {.hosts = hosts,
                          .ticket_key_file = options->ticket_key_file,
                          .ask_certificate = options->ask_certificate,
                          .client_ca_file = options->client_ca_file};
    Err err = {0};
    bool fine =
        http_certificate_read(options->cert_file, options->key_file, &now.certificate, &err);
    for (; fine && now.host_count < tls.count; now.host_count++) {
        size_t i = now.host_count;
        hosts[i].name = tls.names[i];
        fine =
            http_certificate_read(tls.cert_files[i], tls.key_files[i], &hosts[i].certificate, &err);
        if (!fine)
            break;
    }
    fine = fine && http_server_use_tls(server, &now, &err);
    for (size_t i = 0; i < now.host_count; i++)
        http_certificate_release(hosts[i].certificate);
    http_certificate_release(now.certificate);
    if (!fine)
        fprintf(stderr, "%s: %s\n", err.code, err.text);
    return fine;
}

static void add_host(Str text)
{
    Str part;
    CHECK(tls.count < HOSTS_MAX);
    size_t i = tls.count++;
    str_split(&text, ',', &tls.names[i]);
    str_split(&text, ',', &part);
    snprintf(tls.cert_files[i], PATH_BYTES, "%.*s", STR_ARG(part));
    snprintf(tls.key_files[i], PATH_BYTES, "%.*s", STR_ARG(text));
}

static void set(HttpServerOptions *options, const char *argument)
{
    Str rest = str_from(argument), name;
    uint64_t n = 0;
    str_split(&rest, '=', &name);
    str_to_u64(rest, &n);
    struct {
        const char *name;
        uint32_t *value;
    } numbers[] = {
        {"threads",     &options->threads                },
        {"fields",      &options->fields_max             },
        {"idle_ms",     &options->idle_ms                },
        {"header_ms",   &options->header_ms              },
        {"body_ms",     &options->body_ms                },
        {"rate",        &options->body_rate_min          },
        {"grace_ms",    &options->body_grace_ms          },
        {"send_ms",     &options->send_ms                },
        {"connections", &options->connections_max        },
        {"per_address", &options->connections_per_address},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (str_is(name, numbers[i].name))
            *numbers[i].value = (uint32_t)n;
    if (str_is(name, "body"))
        options->body_max_bytes = n;
    else if (str_is(name, "buffered"))
        options->buffered_max_bytes = n;
    else if (str_is(name, "cert"))
        options->cert_file = rest.ptr;
    else if (str_is(name, "key"))
        options->key_file = rest.ptr;
    else if (str_is(name, "tickets"))
        options->ticket_key_file = rest.ptr;
    else if (str_is(name, "ask"))
        options->ask_certificate = n != 0;
    else if (str_is(name, "ca"))
        options->client_ca_file = rest.ptr;
    else if (str_is(name, "host"))
        add_host(rest);
    else if (str_is(name, "listen"))
        options->listen = rest;
}

int main(int argc, char **argv)
{
    HttpServerOptions options = {.listen = STR("127.0.0.1:0")};
    for (int i = 1; i < argc; i++)
        set(&options, argv[i]);
    HttpHandler handler = {.begin = begin, .handle = handle, .refuse = refuse, .over = over};
    HttpServer *server = NULL;
    Err err = {0};
    if (!http_server_start(&options, &handler, &server, &err)) {
        fprintf(stderr, "%s: %s\n", err.code, err.text);
        return 1;
    }
    if (tls.count && !read_hosts(server, &options))
        return 1;
    printf("port %u\n", (unsigned)http_server_port(server));
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {
        HttpServerStats stats;
        if (byte == 'r')
            (void)!read_hosts(server, &options);
        http_server_stats(server, &stats);
        printf("connections %lu requests %lu buffered %lu resumed %lu slow %lu refused %lu\n",
               stats.connections_open, stats.requests_open, stats.body_bytes_buffered,
               stats.tls_resumed_total, stats.cut_slow_total, stats.refused_total);
        fflush(stdout);
        if (byte == 'd')
            http_server_drain(server);
    }
    http_server_stop(server);
    return 0;
}
