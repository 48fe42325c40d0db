/* Answering: through libmicrohttpd where it lets us, past it in the middle of a body. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/base/check.h"
#include "common/http/fields.h"
#include "common/http/server_internal.h"

enum { GZIP_LEVEL = 1, RAW_MAX = 64 * 1024 };

void http_reply_status(HttpRequest *request, unsigned status)
{
    request->status = status;
}

unsigned http_reply_get_status(const HttpRequest *request)
{
    return request->status;
}

static bool is_sendable(Str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return value.ptr != NULL;
}

void http_reply_header(HttpRequest *request, const char *name, Str value)
{
    if (request->header_count == REPLY_HEADERS_MAX || !is_sendable(value))
        return;
    request->headers[request->header_count].name = name;
    request->headers[request->header_count++].value = value;
}

Str http_reply_get_header(const HttpRequest *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    return STR_NONE;
}

Buf *http_reply_body(HttpRequest *request)
{
    return &request->reply;
}

void http_reply_reset(HttpRequest *request)
{
    request->header_count = 0;
    buf_reset(&request->reply);
}

void http_reply_close(HttpRequest *request)
{
    request->close = true;
}

static const Str *find_header(const HttpRequest *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (str_eq_ignore_case(str_from(request->headers[i].name), str_from(name)))
            return &request->headers[i].value;
    return NULL;
}

/* Fills request->packed; false: send it as it is. */
static bool pack(HttpRequest *request)
{
    if (request->reply.len < request->server->options.gzip_min_bytes ||
        find_header(request, "Content-Encoding") ||
        !http_accepts_gzip(http_request_list(request, STR("accept-encoding"))))
        return false;
    z_stream *z = &request->deflate;
    int ret = request->deflate_ready
                  ? deflateReset(z)
                  : deflateInit2(z, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    CHECK(ret == Z_OK);
    request->deflate_ready = true;
    size_t room = deflateBound(z, request->reply.len);
    buf_reset(&request->packed);
    char *to = buf_reserve(&request->packed, room);
    if (!to || room > UINT32_MAX)
        return false;
    z->next_in = (Bytef *)request->reply.data;
    z->avail_in = (uInt)request->reply.len;
    z->next_out = (Bytef *)to;
    z->avail_out = (uInt)room;
    if (deflate(z, Z_FINISH) != Z_STREAM_END)
        return false;
    request->packed.len = room - z->avail_out;
    return request->packed.len < request->reply.len;
}

/* libmicrohttpd wants NUL-terminated values; those from the arena and most literals are not
 * guaranteed to be. */
static void add_header(struct MHD_Response *response, HttpRequest *request, const char *name,
                       Str value)
{
    Str copy = arena_copy(request->arena, value);
    if (copy.ptr)
        MHD_add_response_header(response, name, copy.ptr);
}

void http_reply_stream(HttpRequest *request, HttpMore (*more)(void *context, HttpRequest *request),
                       void *context)
{
    request->more = more;
    request->more_context = context;
}

/* --- a body that is made while it is sent ----------------------------------------------------- */

static void enter(HttpRequest *request, Phase phase)
{
    Conn *conn = request->conn;
    pthread_mutex_lock(&conn->lock);
    if (conn->phase != PHASE_CUT)
        conn_enter(conn, phase);
    pthread_mutex_unlock(&conn->lock);
}

/* True: parked, until somebody wakes it; false: somebody has in the meantime. */
static bool park(HttpRequest *request)
{
    Conn *conn = request->conn;
    pthread_mutex_lock(&conn->lock);
    bool woken = request->woken || atomic_load(&request->server->stopping);
    request->woken = false;
    if (!woken) {
        if (conn->phase != PHASE_CUT)
            conn_enter(conn, PHASE_WORK);
        MHD_suspend_connection(conn->mhd);
        request->parked = true;
    }
    pthread_mutex_unlock(&conn->lock);
    return !woken;
}

static ssize_t read_on(void *cls, uint64_t at, char *to, size_t room)
{
    (void)at;
    HttpRequest *request = cls;
    while (request->more_at == request->reply.len) {
        if (request->more_ended)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (atomic_load_explicit(&request->server->stopping, memory_order_relaxed))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        buf_reset(&request->reply);
        request->more_at = 0;
        HttpMore next = request->more(request->more_context, request);
        if (next == HTTP_MORE_FAIL || request->reply.overflowed)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (next == HTTP_MORE_WAIT && park(request))
            return 0;
        request->more_ended = next == HTTP_MORE_END;
        if (request->reply.len)
            enter(request, PHASE_REPLY);
    }
    size_t len = request->reply.len - request->more_at;
    len = len < room ? len : room;
    memcpy(to, request->reply.data + request->more_at, len);
    request->more_at += len;
    atomic_fetch_add_explicit(&request->server->sent, len, memory_order_relaxed);
    return (ssize_t)len;
}

/* --- handing it over -------------------------------------------------------------------------- */

enum { STREAM_BLOCK = 32 * 1024 };

static struct MHD_Response *make_response(HttpRequest *request, const Buf *body)
{
    if (request->more)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_on, request,
                                                 NULL);
    atomic_fetch_add_explicit(&request->server->sent, body->len, memory_order_relaxed);
    /* The buffer is the request's: it lives until `over`, the response does not live longer. */
    return MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_PERSISTENT);
}

enum MHD_Result reply_queue(HttpRequest *request)
{
    bool packed = !request->more && pack(request);
    Buf *body = packed ? &request->packed : &request->reply;
    buf_add(body, STR("")); /* so that there is a `data` */
    struct MHD_Response *response = make_response(request, body);
    if (!response)
        return MHD_NO;
    for (size_t i = 0; i < request->header_count; i++)
        add_header(response, request, request->headers[i].name, request->headers[i].value);
    if (packed)
        MHD_add_response_header(response, "Content-Encoding", "gzip");
    if (!request->more && request->reply.len >= request->server->options.gzip_min_bytes)
        MHD_add_response_header(response, "Vary", "Accept-Encoding");
    if (request->close || atomic_load_explicit(&request->server->draining, memory_order_relaxed))
        MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result ret = MHD_queue_response(request->conn->mhd, request->status, response);
    MHD_destroy_response(response);
    request->replied = ret == MHD_YES;
    request->head_due =
        request->replied && !request->more && body->len > 0 && !str_is(request->method, "HEAD");
    return ret;
}

static void write_all(const Conn *conn, Str bytes)
{
    while (bytes.len) { /* sockets do not block: what the kernel does not take is lost */
        ssize_t n = conn->tls ? pages_send(conn->tls, bytes.ptr, bytes.len)
                              : send(conn->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n == GNUTLS_E_INTERRUPTED || (n < 0 && !conn->tls && errno == EINTR))
            continue;
        if (n <= 0)
            return;
        bytes = str_skip(bytes, (size_t)n);
    }
}

void reply_write_raw(HttpRequest *request)
{
    BUF_AUTO out;
    buf_init(&out, RAW_MAX);
    buf_add_format(&out, "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: %zu\r\n",
                   request->status, MHD_get_reason_phrase_for(request->status), request->reply.len);
    for (size_t i = 0; i < request->header_count; i++)
        buf_add_format(&out, "%s: %.*s\r\n", request->headers[i].name,
                       STR_ARG(request->headers[i].value));
    buf_add(&out, STR("\r\n"));
    buf_add(&out, buf_str(&request->reply));
    write_all(request->conn, buf_str(&out));
    request->replied = request->raw = true;
}
