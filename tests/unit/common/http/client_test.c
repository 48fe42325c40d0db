/* The client and the private port, against each other over loopback. */
#include "common/http/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/arena.h"
#include "common/http/listen.h"
#include "common/http/ops_server.h"

typedef struct Seen {
    int times;
    HttpFailure failure;
    unsigned status;
    bool sent, reused;
    char type[64];
    char body[256];
    size_t body_len;
} Seen;

static void saw(void *context, const HttpResult *result)
{
    Seen *seen = context;
    seen->times++;
    seen->failure = result->failure;
    seen->status = result->status;
    seen->sent = result->sent;
    seen->reused = result->reused;
    seen->body_len = result->body.len;
    Str type = http_result_header(result, STR("content-TYPE"));
    snprintf(seen->type, sizeof seen->type, "%.*s", STR_ARG(type));
    snprintf(seen->body, sizeof seen->body, "%.*s", STR_ARG(result->body));
}

static HttpClient *client_for(uint32_t timeout_ms, size_t response_max)
{
    HttpClient *client = NULL;
    Err err = {0};
    HttpClientOptions options = {
        .allow_plain_http = true, .timeout_ms = timeout_ms, .response_max_bytes = response_max};
    assert_true(http_client_new(&options, &client, &err));
    return client;
}

static Seen fetch(HttpClient *client, const char *method, const char *base, const char *path,
                  Str body)
{
    Seen seen = {0};
    Err err = {0};
    char url[128];
    snprintf(url, sizeof url, "%s%s", base, path);
    HttpCall call = {.method = method, .url = url, .body = body, .done = saw, .context = &seen};
    assert_true(http_client_start(client, &call, &err));
    while (http_client_active(client))
        http_client_poll(client, 100);
    assert_int_equal(seen.times, 1);
    return seen;
}

static bool is_ready;

static bool ready(void *context, Buf *why)
{
    (void)context;
    if (!is_ready)
        buf_add(why, STR("no broker\n"));
    return is_ready;
}

static void metrics(void *context, Buf *to)
{
    (void)context;
    for (int i = 0; i < 1000; i++)
        buf_add_format(to, "line_%d 1\n", i);
}

static OpsServer *serve(char base[64])
{
    OpsServer *server = NULL;
    Err err = {0};
    OpsCallbacks callbacks = {.ready = ready, .metrics = metrics};
    assert_true(ops_server_start(STR("127.0.0.1:0"), &callbacks, &server, &err));
    snprintf(base, 64, "http://127.0.0.1:%u", (unsigned)ops_server_port(server));
    return server;
}

static void private_port_tells_health_readiness_and_metrics(void **state)
{
    (void)state;
    char base[64];
    OpsServer *server = serve(base);
    HttpClient *client = client_for(5000, 0);
    Seen seen = fetch(client, NULL, base, "/healthz", STR_NONE);
    assert_int_equal(seen.status, 200);
    assert_string_equal(seen.body, "ok\n");
    is_ready = false;
    seen = fetch(client, NULL, base, "/readyz", STR_NONE);
    assert_int_equal(seen.status, 503);
    assert_string_equal(seen.body, "no broker\n");
    is_ready = true;
    seen = fetch(client, NULL, base, "/readyz", STR_NONE);
    assert_int_equal(seen.status, 200);
    seen = fetch(client, NULL, base, "/metrics", STR_NONE);
    assert_int_equal(seen.status, 200);
    assert_string_equal(seen.type, "text/plain; version=0.0.4; charset=utf-8");
    assert_true(seen.body_len > 9000);
    seen = fetch(client, NULL, base, "/nothing", STR_NONE);
    assert_int_equal(seen.status, 404);
    seen = fetch(client, NULL, base, "/healthz", STR("a body makes it a POST"));
    assert_int_equal(seen.status, 405);
    http_client_free(client);
    ops_server_stop(server);
}

static void connections_are_kept_and_reused(void **state)
{
    (void)state;
    char base[64];
    OpsServer *server = serve(base);
    HttpClient *client = client_for(5000, 0);
    assert_false(fetch(client, NULL, base, "/healthz", STR_NONE).reused);
    for (int i = 0; i < 5; i++)
        assert_true(fetch(client, NULL, base, "/healthz", STR_NONE).reused);
    http_client_free(client);
    ops_server_stop(server);
}

static void an_answer_past_the_limit_is_cut_and_fails(void **state)
{
    (void)state;
    char base[64];
    OpsServer *server = serve(base);
    HttpClient *client = client_for(5000, 100);
    Seen seen = fetch(client, NULL, base, "/metrics", STR_NONE);
    assert_int_equal(seen.failure, HTTP_FAILURE_TOO_LARGE);
    assert_int_equal(seen.status, 200);
    assert_int_equal(seen.body_len, 100);
    seen = fetch(client, NULL, base, "/healthz", STR_NONE);
    assert_int_equal(seen.failure, HTTP_FAILURE_NONE);
    http_client_free(client);
    ops_server_stop(server);
}

static void a_silent_peer_is_a_timeout_that_says_the_request_was_sent(void **state)
{
    (void)state;
    int fd = -1;
    uint16_t port = 0;
    Err err = {0};
    assert_true(listen_open(STR("127.0.0.1:0"), &fd, &port, &err));
    char base[64];
    snprintf(base, sizeof base, "http://127.0.0.1:%u", (unsigned)port);
    HttpClient *client = client_for(150, 0);
    Seen seen = fetch(client, NULL, base, "/", STR("x"));
    assert_int_equal(seen.failure, HTTP_FAILURE_TIMEOUT);
    assert_true(seen.sent);
    assert_int_equal(seen.status, 0);
    close(fd);
    seen = fetch(client, NULL, base, "/", STR("x"));
    assert_int_equal(seen.failure, HTTP_FAILURE_CONNECT);
    assert_false(seen.sent);
    http_client_free(client);
}

static void open_calls_are_cancelled_when_the_client_goes(void **state)
{
    (void)state;
    int fd = -1;
    uint16_t port = 0;
    Err err = {0};
    assert_true(listen_open(STR("127.0.0.1:0"), &fd, &port, &err));
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", (unsigned)port);
    HttpClient *client = client_for(5000, 0);
    Seen seen = {0};
    HttpCall call = {.url = url, .body = STR("x"), .done = saw, .context = &seen};
    assert_true(http_client_start(client, &call, &err));
    http_client_poll(client, 10);
    http_client_free(client);
    assert_int_equal(seen.times, 1);
    assert_int_equal(seen.failure, HTTP_FAILURE_CANCELLED);
    close(fd);
}

static void refuses_what_is_not_https_and_headers_with_line_breaks(void **state)
{
    (void)state;
    HttpClient *client = NULL;
    Err err = {0};
    assert_true(http_client_new(&(HttpClientOptions){0}, &client, &err));
    Seen seen = {0};
    HttpCall call = {.url = "http://127.0.0.1:1/", .done = saw, .context = &seen};
    assert_false(http_client_start(client, &call, &err));
    assert_string_equal(err.code, "http-url");
    call.url = "file:///etc/hostname";
    assert_false(http_client_start(client, &call, &err));
    call.url = "https://127.0.0.1:1/";
    HttpHeader header = {STR("X-A"), STR("b\r\nX-C: d")};
    call.headers = &header;
    call.header_count = 1;
    err = (Err){0};
    assert_false(http_client_start(client, &call, &err));
    assert_string_equal(err.code, "http-header");
    assert_int_equal(http_client_active(client), 0);
    assert_int_equal(seen.times, 0);
    http_client_free(client);
}

static void an_unreadable_certificate_is_said_at_birth(void **state)
{
    (void)state;
    HttpClient *client = NULL;
    Err err = {0};
    assert_false(
        http_client_new(&(HttpClientOptions){.ca_file = "/nowhere/ca.pem"}, &client, &err));
    assert_string_equal(err.code, "http-client");
}

static void addresses_are_numeric(void **state)
{
    (void)state;
    Err err = {0};
    int fd = -1;
    uint16_t port = 0;
    assert_false(listen_open(STR("localhost:80"), &fd, &port, &err));
    assert_string_equal(err.code, "listen-address");
    assert_false(listen_open(STR("127.0.0.1"), &fd, &port, &err));
    assert_false(listen_open(STR("127.0.0.1:99999"), &fd, &port, &err));
    assert_true(listen_is_loopback(STR("127.1.2.3:80")));
    assert_true(listen_is_loopback(STR("[::1]:80")));
    assert_false(listen_is_loopback(STR("0.0.0.0:80")));
    assert_false(listen_is_loopback(STR("[::]:80")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(private_port_tells_health_readiness_and_metrics),
        cmocka_unit_test(connections_are_kept_and_reused),
        cmocka_unit_test(an_answer_past_the_limit_is_cut_and_fails),
        cmocka_unit_test(a_silent_peer_is_a_timeout_that_says_the_request_was_sent),
        cmocka_unit_test(open_calls_are_cancelled_when_the_client_goes),
        cmocka_unit_test(refuses_what_is_not_https_and_headers_with_line_breaks),
        cmocka_unit_test(an_unreadable_certificate_is_said_at_birth),
        cmocka_unit_test(addresses_are_numeric),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
