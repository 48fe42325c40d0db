/* One request, from its request line to over(): libmicrohttpd's callbacks. */
#include <sys/socket.h>

#include "common/http/fields.h"
#include "common/http/server_internal.h"

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint64_t monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* --- what the service may ask ----------------------------------------------------------------- */

Arena *http_request_arena(HttpRequest *request)
{
    return request->arena;
}
Str http_request_method(const HttpRequest *request)
{
    return request->method;
}
Str http_request_target(const HttpRequest *request)
{
    return request->raw_target;
}
Str http_request_path(const HttpRequest *request)
{
    return request->target.path;
}
Str http_request_query(const HttpRequest *request)
{
    return request->target.query;
}
Str http_request_authority(const HttpRequest *request)
{
    return request->target.authority;
}
Str http_request_version(const HttpRequest *request)
{
    return request->version;
}
Str http_request_address(const HttpRequest *request)
{
    return (Str){request->conn->address, request->conn->address_len};
}
Str http_request_tls_name(const HttpRequest *request)
{
    const Conn *conn = request->conn;
    return conn->sni_len ? (Str){conn->sni, conn->sni_len} : STR_NONE;
}
bool http_request_is_tls(const HttpRequest *request)
{
    return request->conn->tls != NULL;
}
size_t http_request_certificates(const HttpRequest *request, Str *ret_chain, size_t room)
{
    return tls_client_chain(request->conn, ret_chain, room);
}
Str http_request_body(const HttpRequest *request)
{
    return request->body ? (Str){request->body, request->body_len} : STR("");
}
size_t http_request_body_bytes(const HttpRequest *request)
{
    return request->body_len;
}
int64_t http_request_started_us(const HttpRequest *request)
{
    return request->started_us;
}
int64_t http_request_received_us(const HttpRequest *request)
{
    return request->received_us;
}
uint64_t http_request_started_ns(const HttpRequest *request)
{
    return request->started_ns;
}
void http_request_set_state(HttpRequest *request, void *state)
{
    request->state = state;
}
void *http_request_state(const HttpRequest *request)
{
    return request->state;
}

Str http_request_header(const HttpRequest *request, Str name)
{
    for (size_t i = 0; i < request->field_count; i++)
        if (str_eq_ignore_case(request->fields[i].name, name))
            return request->fields[i].value;
    return STR_NONE;
}

static Str join_fields(HttpRequest *request, Str name, size_t count)
{
    Str *parts = ARENA_ARRAY(request->arena, Str, 2 * count);
    size_t used = 0;
    for (size_t i = 0; parts && i < request->field_count; i++) {
        if (!str_eq_ignore_case(request->fields[i].name, name))
            continue;
        if (used)
            parts[used++] = STR(", ");
        parts[used++] = request->fields[i].value;
    }
    return parts ? arena_join(request->arena, parts, used) : STR_NONE;
}

Str http_request_list(HttpRequest *request, Str name)
{
    size_t count = http_request_header_count(request, name);
    return count > 1 ? join_fields(request, name, count) : http_request_header(request, name);
}

size_t http_request_header_count(const HttpRequest *request, Str name)
{
    size_t count = 0;
    for (size_t i = 0; i < request->field_count; i++)
        count += str_eq_ignore_case(request->fields[i].name, name);
    return count;
}

bool http_request_field(const HttpRequest *request, size_t index, Str *ret_name, Str *ret_value)
{
    if (index >= request->field_count)
        return false;
    *ret_name = request->fields[index].name;
    *ret_value = request->fields[index].value;
    return true;
}

void http_request_wake(HttpRequest *request)
{
    Conn *conn = request->conn;
    pthread_mutex_lock(&conn->lock);
    request->woken = true;
    if (request->parked) {
        request->parked = false;
        request->woken_ns = monotonic_ns();
        MHD_resume_connection(conn->mhd);
    }
    pthread_mutex_unlock(&conn->lock);
}

/* --- the request line ------------------------------------------------------------------------- */

static void note_resumption(Conn *conn)
{
    if (!conn->tls || conn->counted_resumption)
        return;
    conn->counted_resumption = true;
    if (gnutls_session_is_resumed(conn->tls))
        atomic_fetch_add_explicit(&conn->server->resumed, 1, memory_order_relaxed);
}

HttpRequest *request_new_on(Conn *conn)
{
    HttpRequest *request = request_take(conn->server);
    request->conn = conn;
    request->started_us = now_us();
    request->started_ns = monotonic_ns();
    return request;
}

void *request_line(void *cls, const char *target, struct MHD_Connection *mhd)
{
    (void)cls;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    Conn *conn = info ? info->socket_context : NULL;
    if (!conn)
        return NULL;
    HttpRequest *request = request_new_on(conn);
    request->raw_target = arena_copy(request->arena, str_from(target));
    note_resumption(conn);
    pthread_mutex_lock(&conn->lock);
    conn->request = request;
    if (conn->phase != PHASE_CUT)
        conn_enter(conn, PHASE_HEADER);
    pthread_mutex_unlock(&conn->lock);
    return request;
}

/* --- saying no -------------------------------------------------------------------------------- */

void request_refuse(HttpRequest *request, const HttpRefusal *refusal)
{
    const HttpHandler *handler = &request->server->handler;
    atomic_fetch_add_explicit(&request->server->refused, 1, memory_order_relaxed);
    request->header_count = 0;
    buf_reset(&request->reply);
    request->status = refusal->status;
    handler->refuse(handler->context, request, refusal);
    request->answered = true;
}

void request_refuse_slow(Conn *conn)
{
    HttpRequest *request = conn->request;
    if (!request->answered) {
        HttpRefusal refusal = {408, "body-too-slow", "The request body came too slowly"};
        request_refuse(request, &refusal);
    }
    reply_write_raw(request);
    conn_enter(conn, PHASE_CUT);
    shutdown(conn->fd, SHUT_RD); /* makes the server's thread look, which closes */
}

/* Answers now, in the middle of things, and throws away what still comes for a moment. */
static enum MHD_Result answer_and_linger(HttpRequest *request)
{
    reply_write_raw(request);
    pthread_mutex_lock(&request->conn->lock);
    conn_enter(request->conn, PHASE_LINGER);
    pthread_mutex_unlock(&request->conn->lock);
    return MHD_YES;
}

/* --- the header ------------------------------------------------------------------------------- */

static enum MHD_Result collect_field(void *cls, enum MHD_ValueKind kind, const char *name,
                                     size_t name_len, const char *value, size_t value_len)
{
    HttpRequest *request = cls;
    (void)kind;
    if (request->field_count == FIELDS_HARD_MAX)
        return MHD_NO;
    const Str field = {name, name_len}, sent = {value ? value : "", value ? value_len : 0};
    request->fields[request->field_count++] = (FramingField){field, framing_value(field, sent)};
    return MHD_YES;
}

static bool collect_fields(HttpRequest *request)
{
    int count = MHD_get_connection_values(request->conn->mhd, MHD_HEADER_KIND, NULL, NULL);
    size_t room = count < 0 ? 0 : (size_t)count;
    request->fields =
        room > FIELDS_HARD_MAX ? NULL : ARENA_ARRAY(request->arena, FramingField, room + 1);
    if (!request->fields)
        return false;
    MHD_get_connection_values_n(request->conn->mhd, MHD_HEADER_KIND, collect_field, request);
    return true;
}

/* True: framing is clear. */
static bool check_framing(HttpRequest *request)
{
    const HttpServerOptions *o = &request->server->options;
    FramingLimits limits = {o->fields_max, o->field_bytes_max};
    if (!http_is_token(request->method))
        request->framing = (Framing){
            .status = 400, .code = "request-malformed", .text = "The request is malformed"};
    else if (collect_fields(request))
        request->framing =
            framing_check(request->version, request->fields, request->field_count, &limits);
    else
        request->framing =
            (Framing){.status = 431, .code = "framing-fields", .text = "Too many header fields"};
    return request->framing.status == 0;
}

static void check_target(HttpRequest *request)
{
    Err err = {0};
    if (!request->raw_target.ptr || request->raw_target.len > request->server->options.target_max)
        body_refuse(request, 414, "target-too-long", "The request target is too long");
    else if (!http_target_parse(request->raw_target, request->arena, &request->target, &err))
        body_refuse(request, 400, err.code, "The request target is malformed");
}

static bool expects_continue(const HttpRequest *request)
{
    return str_eq_ignore_case(http_request_header(request, STR("expect")), STR("100-continue"));
}

static bool expects_body(const HttpRequest *request)
{
    return request->framing.chunked || request->framing.length > 0;
}

static bool service_begins(HttpRequest *request)
{
    const HttpHandler *handler = &request->server->handler;
    return !handler->begin || handler->begin(handler->context, request);
}

static enum MHD_Result first_call(HttpRequest *request)
{
    const HttpServer *server = request->server;
    request->began = true;
    atomic_fetch_add_explicit(&request->server->requests_open, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&request->server->requests_total, 1, memory_order_relaxed);
    if (!check_framing(request)) {
        const Framing *f = &request->framing;
        request->target.path = STR("");
        request_refuse(request, &(HttpRefusal){f->status, f->code, f->text});
        return answer_and_linger(request);
    }
    check_target(request);
    if (!request->body_refusal.status) {
        request->answered = !service_begins(request);
        if (!request->answered)
            body_begin(request);
    }
    if (request->body_refusal.status)
        request_refuse(request, &request->body_refusal);
    if (request->answered && expects_body(request)) {
        if (expects_continue(request))
            return reply_queue(request);
        if (request->framing.length > server->options.body_max_bytes)
            return answer_and_linger(request);
    }
    pthread_mutex_lock(&request->conn->lock);
    conn_enter(request->conn, PHASE_BODY);
    pthread_mutex_unlock(&request->conn->lock);
    return MHD_YES;
}

/* --- body and work ---------------------------------------------------------------------------- */

static enum MHD_Result receive(HttpRequest *request, Str part)
{
    Conn *conn = request->conn;
    HttpServer *server = request->server;
    atomic_fetch_add_explicit(&server->received, part.len, memory_order_relaxed);
    pthread_mutex_lock(&conn->lock);
    conn->phase_bytes += part.len;
    bool lingering = conn->phase == PHASE_LINGER;
    pthread_mutex_unlock(&conn->lock);
    if (lingering)
        return MHD_YES;
    if (request->answered) {
        request->discarded += part.len;
    } else {
        body_add(request, part);
        if (request->body_refusal.status)
            request_refuse(request, &request->body_refusal);
    }
    if (request->answered && request->discarded > server->options.body_max_bytes)
        return answer_and_linger(request);
    return MHD_YES;
}

static enum MHD_Result send_reply(HttpRequest *request)
{
    pthread_mutex_lock(&request->conn->lock);
    conn_enter(request->conn, PHASE_REPLY);
    pthread_mutex_unlock(&request->conn->lock);
    return reply_queue(request);
}

static enum MHD_Result work(HttpRequest *request)
{
    const HttpHandler *handler = &request->server->handler;
    Conn *conn = request->conn;
    for (;;) {
        if (atomic_load_explicit(&request->server->stopping, memory_order_relaxed))
            return MHD_NO;
        if (handler->handle(handler->context, request) == HTTP_REPLY)
            return send_reply(request);
        pthread_mutex_lock(&conn->lock);
        bool woken = request->woken || atomic_load(&request->server->stopping);
        request->woken = false;
        if (!woken) {
            MHD_suspend_connection(conn->mhd);
            request->parked = true;
        }
        pthread_mutex_unlock(&conn->lock);
        if (!woken)
            return MHD_YES;
    }
}

static enum MHD_Result last_call(HttpRequest *request)
{
    if (request->ended) {
        pthread_mutex_lock(&request->conn->lock);
        request->woken = false;
        uint64_t woken_ns = request->woken_ns;
        request->woken_ns = 0;
        pthread_mutex_unlock(&request->conn->lock);
        if (woken_ns)
            delay_note(request->server, woken_ns, monotonic_ns());
        return work(request);
    }
    request->ended = true;
    request->received_us = now_us();
    if (!request->answered) {
        body_end(request);
        if (request->body_refusal.status)
            request_refuse(request, &request->body_refusal);
    }
    if (request->answered)
        return send_reply(request);
    pthread_mutex_lock(&request->conn->lock);
    conn_enter(request->conn, PHASE_WORK);
    pthread_mutex_unlock(&request->conn->lock);
    return work(request);
}

static bool conn_grab(Conn *conn, bool *ret_lingering)
{
    pthread_mutex_lock(&conn->lock);
    bool alive = conn->phase != PHASE_CUT;
    conn->busy = alive;
    *ret_lingering = conn->phase == PHASE_LINGER;
    pthread_mutex_unlock(&conn->lock);
    return alive;
}

static void conn_let_go(Conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    conn->busy = false;
    pthread_mutex_unlock(&conn->lock);
}

enum MHD_Result request_access(void *cls, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_size, void **con_cls)
{
    (void)cls;
    (void)mhd;
    (void)url;
    HttpRequest *request = *con_cls;
    bool lingering = false;
    enum MHD_Result ret = MHD_NO;
    if (!request || !conn_grab(request->conn, &lingering))
        return MHD_NO;
    Conn *conn = request->conn;
    if (!request->began) {
        request->method = arena_copy(request->arena, str_from(method));
        request->version = arena_copy(request->arena, str_from(version));
        ret = first_call(request);
    } else if (*upload_size) {
        ret = receive(request, (Str){upload, *upload_size});
        *upload_size = 0;
    } else if (!lingering) {
        ret = last_call(request);
    }
    conn_let_go(conn);
    return ret;
}

void request_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                       enum MHD_RequestTerminationCode how)
{
    (void)cls;
    (void)mhd;
    HttpRequest *request = *con_cls;
    if (!request)
        return;
    *con_cls = NULL;
    Conn *conn = request->conn;
    pthread_mutex_lock(&conn->lock);
    conn->request = NULL;
    if (conn->phase != PHASE_CUT)
        conn_enter(conn, PHASE_IDLE);
    pthread_mutex_unlock(&conn->lock);
    if (request->began) {
        const HttpHandler *handler = &request->server->handler;
        bool sent =
            request->replied && (request->raw || how == MHD_REQUEST_TERMINATED_COMPLETED_OK);
        handler->over(handler->context, request, sent);
        atomic_fetch_sub_explicit(&request->server->requests_open, 1, memory_order_relaxed);
    }
    request_give_back(request);
}
