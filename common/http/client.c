#include "common/http/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/check.h"

enum { ERROR_TEXT = CURL_ERROR_SIZE, HEADER_TEXT_MAX = 8192 };

/* One call; kept in a free list with its easy handle, whose settings are made once. */
typedef struct Call {
    struct Call *next_free;
    struct Call *prev, *next; /* list of the open ones */
    CURL *easy;
    struct curl_slist *headers;
    void (*done)(void *context, const HttpResult *result);
    void *context;
    Buf body;
    HttpClient *client;
    bool too_large;
    bool stale; /* its kept connection had something to say: once more on a new one */
    char error[ERROR_TEXT];
} Call;

struct HttpClient {
    CURLM *multi;
    Call *free_calls;
    Call *open;
    size_t active;
    bool closing;
    int *sockets; /* that are open */
    size_t socket_count, socket_room;
    HttpClientOptions options;
    char *ca_file, *cert_file, *key_file, *user_agent;
};

/* What http_result_header looks into. */
struct HttpAnswerHeaders {
    CURL *easy;
};

static pthread_once_t curl_ready = PTHREAD_ONCE_INIT;

static void curl_prepare(void)
{
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

const char *http_failure_name(HttpFailure failure)
{
    static const char *const names[] = {"none",    "resolve", "connect",   "tls",
                                        "timeout", "broken",  "too-large", "cancelled"};
    return names[failure];
}

static char *copy_text(const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    CHECK(copy || !text);
    return copy;
}

static bool readable(const char *file, Err *err)
{
    if (file && access(file, R_OK) != 0)
        return ERR(err, ERR_FATAL, "http-client", "cannot read %s", file);
    return true;
}

bool http_client_new(const HttpClientOptions *options, HttpClient **ret_client, Err *err)
{
    pthread_once(&curl_ready, curl_prepare);
    TRY(readable(options->ca_file, err));
    TRY(readable(options->cert_file, err));
    TRY(readable(options->key_file, err));
    HttpClient *client = calloc(1, sizeof *client);
    CHECK(client);
    HttpClientOptions *o = &client->options;
    *o = *options;
    o->connect_timeout_ms = o->connect_timeout_ms ? o->connect_timeout_ms : 5000;
    o->timeout_ms = o->timeout_ms ? o->timeout_ms : 30000;
    o->connections_max = o->connections_max ? o->connections_max : 64;
    o->idle_max_s = o->idle_max_s ? o->idle_max_s : 60;
    o->response_max_bytes = o->response_max_bytes ? o->response_max_bytes : 1024 * 1024;
    o->ca_file = client->ca_file = copy_text(o->ca_file);
    o->cert_file = client->cert_file = copy_text(o->cert_file);
    o->key_file = client->key_file = copy_text(o->key_file);
    o->user_agent = client->user_agent = copy_text(o->user_agent ? o->user_agent : "fhirbus");
    client->multi = curl_multi_init();
    CHECK(client->multi);
    curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)o->connections_max);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)o->connections_max);
    *ret_client = client;
    return true;
}

static size_t receive(char *bytes, size_t size, size_t count, void *context)
{
    Call *call = context;
    size_t len = size * count;
    size_t room = call->body.max_bytes - call->body.len;
    Str part = {bytes, len < room ? len : room};
    if (part.len < len)
        call->too_large = true;
    buf_add(&call->body, part);
    return call->too_large ? 0 : len; /* 0 ends the transfer with CURLE_WRITE_ERROR */
}

/* --- kept connections --------------------------------------------------------------------------
 * A peer that answers twice would have its second answer taken for that to the next request, and so
 * on; libcurl 7.88 does not look. Whatever waits on a kept connection before a request is sent is
 * none of ours (or the peer's good-bye): the request goes over a new one. */
static curl_socket_t socket_open(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    HttpClient *client = context;
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    if (client->socket_count == client->socket_room) {
        size_t room = client->socket_room ? client->socket_room * 2 : 16;
        int *grown = realloc(client->sockets, room * sizeof *grown);
        CHECK(grown);
        client->sockets = grown;
        client->socket_room = room;
    }
    client->sockets[client->socket_count++] = fd;
    return fd;
}

static int socket_close(void *context, curl_socket_t fd)
{
    HttpClient *client = context;
    for (size_t i = 0; i < client->socket_count; i++)
        if (client->sockets[i] == fd) {
            client->sockets[i] = client->sockets[--client->socket_count];
            break;
        }
    return close(fd);
}

static int port_of(int fd)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &len) != 0)
        return -1;
    in_port_t port = name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                                                : ((struct sockaddr_in *)&name)->sin_port;
    return ntohs(port);
}

static bool has_input(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

static int before_request(void *context, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
    Call *call = context;
    const HttpClient *client = call->client;
    long connects = 1;
    (void)peer_ip, (void)own_ip, (void)peer_port;
    curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &connects);
    for (size_t i = 0; connects == 0 && i < client->socket_count; i++)
        if (port_of(client->sockets[i]) == own_port && has_input(client->sockets[i])) {
            call->stale = true;
            return CURL_PREREQFUNC_ABORT;
        }
    return CURL_PREREQFUNC_OK;
}

static void settle_options(HttpClient *client, Call *call)
{
    CURL *easy = call->easy;
    const HttpClientOptions *o = &client->options;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, o->allow_plain_http ? "http,https" : "https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (o->ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, o->ca_file);
        /* Those of the system's folder would count too, and are read anew for each connection: 150
         * ms of CPU on Debian. */
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (o->cert_file)
        curl_easy_setopt(easy, CURLOPT_SSLCERT, o->cert_file);
    if (o->key_file)
        curl_easy_setopt(easy, CURLOPT_SSLKEY, o->key_file);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, o->user_agent);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)o->idle_max_s);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, o->fresh_connections ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, socket_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, client);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, socket_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, client);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
}

static Call *call_take(HttpClient *client)
{
    Call *call = client->free_calls;
    if (call) {
        client->free_calls = call->next_free;
    } else {
        call = calloc(1, sizeof *call);
        CHECK(call);
        call->client = client;
        call->easy = curl_easy_init();
        CHECK(call->easy);
        buf_init(&call->body, client->options.response_max_bytes);
        settle_options(client, call);
    }
    call->next = client->open;
    call->prev = NULL;
    if (client->open)
        client->open->prev = call;
    client->open = call;
    client->active++;
    return call;
}

static void call_give_back(HttpClient *client, Call *call)
{
    if (call->prev)
        call->prev->next = call->next;
    else
        client->open = call->next;
    if (call->next)
        call->next->prev = call->prev;
    client->active--;
    curl_slist_free_all(call->headers);
    call->headers = NULL;
    buf_reset(&call->body);
    call->too_large = call->stale = false;
    call->error[0] = '\0';
    call->next_free = client->free_calls;
    client->free_calls = call;
}

static void call_free(Call *call)
{
    curl_slist_free_all(call->headers);
    curl_easy_cleanup(call->easy);
    buf_clear(&call->body);
    free(call);
}

static bool has_line_break(Str s)
{
    return s.len &&
           (memchr(s.ptr, '\r', s.len) || memchr(s.ptr, '\n', s.len) || memchr(s.ptr, '\0', s.len));
}

static bool add_header(struct curl_slist **list, const HttpHeader *header)
{
    char line[HEADER_TEXT_MAX];
    if (has_line_break(header->name) || has_line_break(header->value) || header->name.len == 0)
        return false;
    /* curl drops "Name:" and wants "Name;" for a header without a value */
    int len = header->value.len ? snprintf(line, sizeof line, "%.*s: %.*s", STR_ARG(header->name),
                                           STR_ARG(header->value))
                                : snprintf(line, sizeof line, "%.*s;", STR_ARG(header->name));
    if (len < 0 || (size_t)len >= sizeof line)
        return false;
    struct curl_slist *longer = curl_slist_append(*list, line);
    CHECK(longer);
    *list = longer;
    return true;
}

static bool set_request(const HttpClient *client, Call *call, const HttpCall *wanted, Err *err)
{
    CURL *easy = call->easy;
    /* "Expect:" without a value keeps curl from waiting for a 100 before a large body. */
    call->headers = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; i < wanted->header_count; i++)
        if (!add_header(&call->headers, &wanted->headers[i]))
            return ERR(err, ERR_INPUT, "http-header", "header %zu cannot be sent", i);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    if (curl_easy_setopt(easy, CURLOPT_URL, wanted->url) != CURLE_OK)
        return ERR(err, ERR_INPUT, "http-url", "not a URL");
    if (wanted->body.len) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)wanted->body.len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, wanted->body.ptr);
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
    } else {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 0L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, wanted->method);
    uint32_t timeout = wanted->timeout_ms ? wanted->timeout_ms : client->options.timeout_ms;
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout);
    return true;
}

static bool url_allowed(const HttpClient *client, const char *url)
{
    Str text = str_from(url);
    if (has_line_break(text))
        return false;
    if (text.len > 8 && str_eq_ignore_case(str_cut(text, 0, 8), STR("https://")))
        return true;
    return client->options.allow_plain_http && text.len > 7 &&
           str_eq_ignore_case(str_cut(text, 0, 7), STR("http://"));
}

bool http_client_start(HttpClient *client, const HttpCall *wanted, Err *err)
{
    if (client->closing)
        return ERR(err, ERR_FATAL, "http-client", "the client is closing");
    if (!url_allowed(client, wanted->url))
        return ERR(err, ERR_INPUT, "http-url", "the URL is not https");
    Call *call = call_take(client);
    call->done = wanted->done;
    call->context = wanted->context;
    if (!set_request(client, call, wanted, err) ||
        curl_multi_add_handle(client->multi, call->easy) != CURLM_OK) {
        call_give_back(client, call);
        return err && err->kind != ERR_NONE ? false
                                            : ERR(err, ERR_FATAL, "http-client", "curl refused");
    }
    return true;
}

static HttpFailure failure_of(const Call *call, CURLcode code, bool sent)
{
    if (call->too_large)
        return HTTP_FAILURE_TOO_LARGE;
    switch ((int)code) {
    case CURLE_OK:
        return HTTP_FAILURE_NONE;
    case CURLE_COULDNT_RESOLVE_HOST:
        return HTTP_FAILURE_RESOLVE;
    case CURLE_COULDNT_CONNECT:
        return HTTP_FAILURE_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return HTTP_FAILURE_TLS;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_FAILURE_TIMEOUT;
    default:
        return sent ? HTTP_FAILURE_BROKEN : HTTP_FAILURE_CONNECT;
    }
}

static uint32_t micros(CURL *easy, CURLINFO what)
{
    curl_off_t value = 0;
    curl_easy_getinfo(easy, what, &value);
    return value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static long number(CURL *easy, CURLINFO what)
{
    long value = 0;
    curl_easy_getinfo(easy, what, &value);
    return value;
}

static void result_fill(Call *call, CURLcode code, HttpResult *result)
{
    CURL *easy = call->easy;
    result->sent = number(easy, CURLINFO_REQUEST_SIZE) > 0;
    result->failure = failure_of(call, code, result->sent);
    result->status = (unsigned)number(easy, CURLINFO_RESPONSE_CODE);
    result->reused = number(easy, CURLINFO_NUM_CONNECTS) == 0 && result->sent;
    result->body = buf_str(&call->body);
    result->text = result->failure == HTTP_FAILURE_TOO_LARGE ? "the answer is too large"
                   : call->error[0]                          ? call->error
                                                             : curl_easy_strerror(code);
    uint32_t tls = micros(easy, CURLINFO_APPCONNECT_TIME_T);
    uint32_t tcp = micros(easy, CURLINFO_CONNECT_TIME_T);
    result->connect_us = result->reused ? 0 : tls ? tls : tcp;
    result->first_byte_us = micros(easy, CURLINFO_STARTTRANSFER_TIME_T);
    result->total_us = micros(easy, CURLINFO_TOTAL_TIME_T);
    result->peer_port = (uint32_t)number(easy, CURLINFO_PRIMARY_PORT);
    const char *ip = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip);
    snprintf(result->peer_ip, sizeof result->peer_ip, "%s", ip ? ip : "");
}

/* Nothing was sent. */
static bool start_afresh(HttpClient *client, Call *call)
{
    call->stale = false;
    curl_multi_remove_handle(client->multi, call->easy);
    curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
    buf_reset(&call->body);
    return curl_multi_add_handle(client->multi, call->easy) == CURLM_OK;
}

static void call_done(HttpClient *client, Call *call, CURLcode code)
{
    HttpResult result = {0};
    if (call->stale && start_afresh(client, call))
        return;
    result_fill(call, code, &result);
    const struct HttpAnswerHeaders headers = {call->easy};
    result.headers = &headers;
    curl_multi_remove_handle(client->multi, call->easy);
    call->done(call->context, &result);
    call_give_back(client, call);
}

size_t http_client_poll(HttpClient *client, uint32_t wait_ms)
{
    int running = 0;
    curl_multi_perform(client->multi, &running);
    int left = 0;
    CURLMsg *message = curl_multi_info_read(client->multi, &left);
    if (!message) {
        curl_multi_poll(client->multi, NULL, 0, (int)wait_ms, NULL);
        curl_multi_perform(client->multi, &running);
        message = curl_multi_info_read(client->multi, &left);
    }
    for (; message; message = curl_multi_info_read(client->multi, &left)) {
        if (message->msg != CURLMSG_DONE)
            continue;
        char *call = NULL; /* CURLOPT_PRIVATE is declared as text */
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        call_done(client, (Call *)(void *)call, message->data.result);
    }
    return client->active;
}

size_t http_client_active(const HttpClient *client)
{
    return client->active;
}

void http_client_wake(HttpClient *client)
{
    curl_multi_wakeup(client->multi);
}

Str http_result_header(const HttpResult *result, Str name)
{
    char text[256];
    struct curl_header *found = NULL;
    if (!result->headers || name.len >= sizeof text)
        return STR_NONE;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    CURL *easy = result->headers->easy;
    if (curl_easy_header(easy, text, 0, CURLH_HEADER, -1, &found) != CURLHE_OK)
        return STR_NONE;
    if (found->amount > 1)
        (void)curl_easy_header(easy, text, found->amount - 1, CURLH_HEADER, -1, &found);
    return str_from(found->value);
}

static void cancel(HttpClient *client, Call *call)
{
    HttpResult result = {.failure = HTTP_FAILURE_CANCELLED, .text = "cancelled"};
    result.sent = number(call->easy, CURLINFO_REQUEST_SIZE) > 0;
    curl_multi_remove_handle(client->multi, call->easy);
    call->done(call->context, &result);
    call_give_back(client, call);
}

void http_client_free(HttpClient *client)
{
    if (!client)
        return;
    client->closing = true; /* a done() that starts another call must not keep us here */
    while (client->open)
        cancel(client, client->open);
    for (Call *call = client->free_calls, *next; call; call = next) {
        next = call->next_free;
        call_free(call);
    }
    curl_multi_cleanup(client->multi);
    free(client->sockets);
    free(client->ca_file);
    free(client->cert_file);
    free(client->key_file);
    free(client->user_agent);
    free(client);
}
