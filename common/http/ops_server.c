#include "common/http/ops_server.h"

#include <microhttpd.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/http/listen.h"

enum { CONNECTIONS_MAX = 32, IDLE_S = 60 };

struct OpsServer {
    struct MHD_Daemon *daemon;
    OpsCallbacks callbacks;
    uint16_t port;
};

/* Each page fills `to` and yields the status. */
typedef unsigned PageFill(const OpsCallbacks *callbacks, Buf *to);

static unsigned page_health(const OpsCallbacks *c, Buf *to)
{
    bool good = !c->healthy || c->healthy(c->context);
    buf_add(to, good ? STR("ok\n") : STR("not healthy\n"));
    return good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned page_ready(const OpsCallbacks *c, Buf *to)
{
    bool good = !c->ready || c->ready(c->context, to);
    if (good)
        buf_reset(to);
    if (to->len == 0)
        buf_add(to, good ? STR("ready\n") : STR("not ready\n"));
    return good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned page_metrics(const OpsCallbacks *c, Buf *to)
{
    if (c->metrics)
        c->metrics(c->context, to);
    return to->overflowed ? MHD_HTTP_INTERNAL_SERVER_ERROR : MHD_HTTP_OK;
}

static const struct {
    const char *path;
    PageFill *fill;
    const char *type;
} pages[] = {
    {"/healthz", page_health,  "text/plain; charset=utf-8"               },
    {"/readyz",  page_ready,   "text/plain; charset=utf-8"               },
    {"/metrics", page_metrics, "text/plain; version=0.0.4; charset=utf-8"},
};

static enum MHD_Result send_page(struct MHD_Connection *connection, unsigned status,
                                 const char *type, Buf *body)
{
    buf_add(body, STR("")); /* so that there is a `data` */
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result ret = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return ret;
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **con_cls)
{
    (void)version;
    (void)upload;
    static char seen;
    if (!*con_cls) { /* answer on the second call, so that the connection can be kept alive */
        *con_cls = &seen;
        return MHD_YES;
    }
    if (*upload_size) {
        *upload_size = 0;
        return MHD_YES;
    }
    const OpsServer *server = cls;
    BUF_AUTO body;
    buf_init(&body, OPS_BODY_MAX);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        buf_add(&body, STR("GET only\n"));
        return send_page(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", &body);
    }
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (strcmp(url, pages[i].path) != 0)
            continue;
        unsigned status = pages[i].fill(&server->callbacks, &body);
        return send_page(connection, status, pages[i].type, &body);
    }
    buf_add(&body, STR("/healthz /readyz /metrics\n"));
    return send_page(connection, MHD_HTTP_NOT_FOUND, "text/plain", &body);
}

bool ops_server_start(Str listen, const OpsCallbacks *callbacks, OpsServer **ret_server, Err *err)
{
    int fd = -1;
    uint16_t port = 0;
    TRY(listen_open(listen, &fd, &port, err));
    OpsServer *server = calloc(1, sizeof *server);
    CHECK(server);
    server->callbacks = *callbacks;
    server->port = port;
    server->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, server, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_S, MHD_OPTION_END);
    if (!server->daemon) {
        close(fd);
        free(server);
        return ERR(err, ERR_FATAL, "ops-server", "cannot serve on %.*s", STR_ARG(listen));
    }
    *ret_server = server;
    return true;
}

uint16_t ops_server_port(const OpsServer *server)
{
    return server->port;
}

void ops_server_stop(OpsServer *server)
{
    if (!server)
        return;
    MHD_stop_daemon(server->daemon);
    free(server);
}
