/* The parts of ingest that need neither broker nor socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/json/write.h"
#include "services/ingest/exchange.h"
#include "services/ingest/flow.h"
#include "services/ingest/hosts.h"
#include "services/ingest/routes.h"
#include "services/ingest/text.h"

static const char *route_name_of(const char *method, const char *path)
{
    RouteMatch m = route_find(str_from(method), str_from(path));
    return m.route ? m.route->name : m.path_known ? "405" : "404";
}

static void routes_with_and_without_a_trailing_slash(void **state)
{
    (void)state;
    assert_string_equal(route_name_of("POST", "/Bundle"), "/Bundle");
    assert_string_equal(route_name_of("POST", "/Bundle/"), "/Bundle");
    assert_string_equal(route_name_of("POST", "/Bundle/$validate/"), "/Bundle/$validate");
    assert_string_equal(route_name_of("GET", "/metadata/"), "/metadata");
    assert_string_equal(route_name_of("HEAD", "/metadata"), "/metadata");
    assert_string_equal(route_name_of("GET", "/Bundle/$status/abc/"), "/Bundle/$status");
    RouteMatch m = route_find(STR("GET"), STR("/Bundle/$status/abc"));
    assert_true(str_is(m.parameters[0], "abc"));
}

static void knows_what_it_does_not_serve(void **state)
{
    (void)state;
    const char *const unknown[] = {"/",
                                   "",
                                   "/bundle",
                                   "/Bundle//",
                                   "//Bundle",
                                   "/Bundle/x",
                                   "/Bundle/$status",
                                   "/Bundle/$status/",
                                   "/Bundle/$status/a/b",
                                   "/Bundle/$validate/x",
                                   "/metadata/x"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_string_equal(route_name_of("POST", unknown[i]), "404");
    assert_string_equal(route_name_of("GET", "/Bundle"), "405");
    assert_string_equal(route_name_of("post", "/Bundle"), "405");
    assert_string_equal(route_name_of("HEAD", "/Bundle"), "405");
    assert_string_equal(route_find(STR("PUT"), STR("/metadata")).allow, "GET, HEAD");
    assert_string_equal(route_find(STR("GET"), STR("/Bundle")).allow, "POST");
}

static void a_path_in_words_goes_before_names(void **state)
{
    (void)state;
    assert_string_equal(route_name_of("POST", "/Bundle/replay"), "/Bundle/replay");
    assert_string_equal(route_name_of("PUT", "/admin/callers/x"), "/admin");
    assert_string_equal(route_name_of("PUT", "/admin/api/session"), "405");
    assert_string_equal(route_find(STR("PUT"), STR("/admin/api/session")).allow,
                        "GET, HEAD, POST, DELETE");
}

static void allows_only_listed_hosts(void **state)
{
    (void)state;
    Str list = STR("hub.example.org, *.qe.example.com,[::1]");
    assert_true(host_allowed(list, STR("HUB.example.org:8443")));
    assert_true(host_allowed(list, STR("hub.example.org.")));
    assert_true(host_allowed(list, STR("a.qe.example.com")));
    assert_true(host_allowed(list, STR("a.b.qe.example.com:1")));
    assert_true(host_allowed(list, STR("[::1]:8443")));
    assert_false(host_allowed(list, STR("qe.example.com")));
    assert_false(host_allowed(list, STR("xqe.example.com")));
    assert_false(host_allowed(list, STR("hub.example.org.evil.test")));
    assert_false(host_allowed(list, STR("")));
    assert_false(host_allowed(list, STR_NONE));
    assert_false(host_allowed(list, STR(":8443")));
    assert_false(host_allowed(list, STR("[::1")));
    assert_true(host_allowed(STR(""), STR("anything")));
}

static void reads_old_header_text_as_latin_1(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(4096);
    assert_true(str_is(text_utf8(arena, STR("caf\xc3\xa9")), "caf\xc3\xa9"));
    assert_true(str_is(text_utf8(arena, STR("caf\xe9")), "caf\xc3\xa9"));
    assert_true(str_is(text_utf8(arena, STR("\xff\xc3")), "\xc3\xbf\xc3\x83"));
    assert_int_equal(text_utf8(arena, STR("")).len, 0);
}

static void writes_json_strings(void **state)
{
    (void)state;
    BUF_AUTO out;
    buf_init(&out, 1000);
    json_write_string(&out, STR("a\"b\\c\n\t\x01/\x7f\xc3\xa9\xff"));
    assert_string_equal(out.data, "\"a\\\"b\\\\c\\n\\t\\u0001/\\u007f\xc3\xa9\xef\xbf\xbd\"");
    buf_reset(&out);
    json_write_string(&out, STR(""));
    assert_string_equal(out.data, "\"\"");
}

/* Then every id of a sender's may have been used before, for all that is known here. */
static void without_claims_an_id_is_nobodys(void **state)
{
    (void)state;
    const IngestConfig config = {.claims = false};
    Ingest ingest = {.config = &config};
    Exchange exchange = {.ingest = &ingest, .correlation_id = STR("x")};
    assert_int_equal(step_claim(&exchange), STEP_NEXT);
    assert_true(exchange.maybe_taken);
    assert_null(exchange.question);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_with_and_without_a_trailing_slash),
        cmocka_unit_test(knows_what_it_does_not_serve),
        cmocka_unit_test(a_path_in_words_goes_before_names),
        cmocka_unit_test(allows_only_listed_hosts),
        cmocka_unit_test(reads_old_header_text_as_latin_1),
        cmocka_unit_test(writes_json_strings),
        cmocka_unit_test(without_claims_an_id_is_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
