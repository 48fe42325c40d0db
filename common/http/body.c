/* Receiving a request's body: bounded, decompressed as it comes. */
#include "common/base/check.h"
#include "common/http/server_internal.h"

enum { FIRST_ROOM = 16 * 1024 };

void body_refuse(HttpRequest *request, unsigned status, const char *code, const char *text)
{
    if (request->body_refusal.status == 0)
        request->body_refusal = (HttpRefusal){status, code, text};
}

static void too_large(HttpRequest *request)
{
    body_refuse(request, 413, "body-too-large", "The request body is too large");
}

/* The service's word on it comes first. */
static bool service_lets(HttpRequest *request, size_t more)
{
    const HttpHandler *handler = &request->server->handler;
    HttpRefusal refusal = {0};
    if (handler->room)
        refusal = handler->room(handler->context, request, more);
    if (refusal.status)
        body_refuse(request, refusal.status, refusal.code, refusal.text);
    return refusal.status == 0;
}

/* Room for `room` bytes and a NUL, within what all bodies together may take. */
static bool take_room(HttpRequest *request, size_t room)
{
    if (room <= request->body_room)
        return true;
    HttpServer *server = request->server;
    size_t more = room - request->body_room;
    if (!service_lets(request, more))
        return false;
    if (atomic_fetch_add(&server->buffered, more) + more > server->options.buffered_max_bytes) {
        atomic_fetch_sub(&server->buffered, more);
        body_refuse(request, 503, "overloaded", "Too many request bodies at once, try again");
        return false;
    }
    request->buffered += more;
    size_t headroom = server->options.body_headroom;
    char *grown = realloc(request->body_memory, headroom + room + 1);
    if (!grown) {
        body_refuse(request, 503, "overloaded", "No memory for the request body, try again");
        return false;
    }
    request->body_memory = grown;
    request->body = grown + headroom;
    request->body_room = room;
    return true;
}

static bool grow_room(HttpRequest *request)
{
    /* one byte more than allowed: what is exactly at the limit is seen to end there */
    size_t max = request->server->options.body_max_bytes + 1;
    size_t room = request->body_room ? request->body_room * 2 : FIRST_ROOM;
    if (request->body_room >= max) {
        too_large(request);
        return false;
    }
    return take_room(request, room < max ? room : max);
}

static void begin_coding(HttpRequest *request)
{
    Str coding = http_request_header(request, STR("content-encoding"));
    if (!coding.ptr || str_eq_ignore_case(coding, STR("identity")))
        return;
    if (http_request_header_count(request, STR("content-encoding")) > 1 ||
        (!str_eq_ignore_case(coding, STR("gzip")) && !str_eq_ignore_case(coding, STR("x-gzip")))) {
        body_refuse(request, 415, "content-encoding", "Content-Encoding must be gzip or identity");
        return;
    }
    request->coding = BODY_GZIP;
    int ret = request->inflate_ready ? inflateReset(&request->inflate)
                                     : inflateInit2(&request->inflate, 15 + 16);
    CHECK(ret == Z_OK);
    request->inflate_ready = true;
    request->inflate_done = false;
}

void body_begin(HttpRequest *request)
{
    const Framing *framing = &request->framing;
    begin_coding(request);
    if (framing->has_length && framing->length > request->server->options.body_max_bytes)
        too_large(request);
    if (request->body_refusal.status)
        return;
    if (framing->has_length && request->coding == BODY_PLAIN)
        take_room(request, (size_t)framing->length);
}

static void add_plain(HttpRequest *request, Str part)
{
    while (part.len > request->body_room - request->body_len)
        if (!grow_room(request))
            return;
    memcpy(request->body + request->body_len, part.ptr, part.len);
    request->body_len += part.len;
}

static void add_gzip(HttpRequest *request, Str part)
{
    z_stream *z = &request->inflate;
    z->next_in = (Bytef *)(uintptr_t)part.ptr; /* zlib does not write there */
    z->avail_in = (uInt)part.len;
    while (z->avail_in || !request->inflate_done) {
        if (request->inflate_done) { /* spec: RFC 1952 §2.2: members may follow one another */
            CHECK(inflateReset(z) == Z_OK);
            request->inflate_done = false;
        }
        if (request->body_len == request->body_room && !grow_room(request))
            return;
        size_t room = request->body_room - request->body_len;
        z->next_out = (Bytef *)request->body + request->body_len;
        z->avail_out = (uInt)room;
        int ret = inflate(z, Z_NO_FLUSH);
        request->body_len += room - z->avail_out;
        if (ret == Z_STREAM_END) {
            request->inflate_done = true;
        } else if (ret == Z_BUF_ERROR || (ret == Z_OK && z->avail_in == 0 && z->avail_out > 0)) {
            return; /* wants more input */
        } else if (ret != Z_OK) {
            body_refuse(request, 400, "content-encoding-broken", "The gzip data is broken");
            return;
        }
    }
}

void body_add(HttpRequest *request, Str part)
{
    if (request->body_refusal.status) {
        request->discarded += part.len;
        return;
    }
    if (request->coding == BODY_GZIP)
        add_gzip(request, part);
    else
        add_plain(request, part);
    if (request->body_len > request->server->options.body_max_bytes)
        too_large(request);
    if (request->body_refusal.status) /* give the memory back at once */
        body_clear(request);
}

void body_end(HttpRequest *request)
{
    if (request->body_refusal.status)
        return;
    bool sent_some = request->framing.chunked || request->framing.length > 0;
    if (request->coding == BODY_GZIP && sent_some && !request->inflate_done) {
        body_refuse(request, 400, "content-encoding-broken", "The gzip data ends early");
        return;
    }
    if (request->body)
        request->body[request->body_len] = '\0';
}

void *http_request_take_body(HttpRequest *request)
{
    void *memory = request->body_memory;
    request->body = request->body_memory = NULL;
    request->body_room = 0;
    atomic_fetch_sub(&request->server->buffered, request->buffered);
    request->buffered = 0;
    return memory;
}

void body_clear(HttpRequest *request)
{
    free(http_request_take_body(request));
    request->body_len = 0;
}
