#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/destinations/destination.h"
#include "common/destinations/secret.h"

static Destination *read_one(const char *name, const char *json)
{
    Destination *destination = NULL;
    Err err = {0};
    if (!destination_read(str_from(name), str_from(json), &destination, &err))
        fail_msg("%s: %s", json, err.text);
    return destination;
}

static void reads_every_member_and_fills_in_the_rest(void **state)
{
    (void)state;
    Destination *d = read_one(
        "qa",
        "{\"about\":\"QA lake\",\"format\":\"lake\",\"paused\":true,"
        "\"url\":\"https://qa.example.org/HRSNBundle\","
        "\"otherUrls\":[\"https://qa.example.org/Other\",\"https://x.example.org:8443/\"],"
        "\"tenants\":[\"qe-a\",\"qe-b\"],\"auth\":{\"kind\":\"oauth2\","
        "\"tokenUrl\":\"https://id.example.org/token\",\"clientId\":\"me\","
        "\"clientSecretFile\":\"qa-secret\",\"scope\":\"a b\"},\"tls\":{\"caFile\":\"ca.pem\","
        "\"certFile\":\"c.pem\",\"keyFile\":\"c.key\"},\"timeouts\":{\"connectMs\":100,"
        "\"totalMs\":200},\"retry\":{\"attempts\":3,\"backoffMinMs\":10,\"backoffMaxMs\":20},"
        "\"limits\":{\"concurrency\":4,\"perMinute\":60},\"breaker\":{\"failures\":2,"
        "\"openMinMs\":30,\"openMaxMs\":40},\"callback\":{\"kind\":\"hmac\","
        "\"secretFile\":\"cb\"}}");
    assert_true(d->paused);
    assert_true(str_is(d->url, "https://qa.example.org/HRSNBundle"));
    assert_int_equal(d->other_urls.count, 2);
    assert_int_equal(d->auth, DESTINATION_AUTH_OAUTH2);
    assert_true(str_is(d->scope, "a b") && str_is(d->key_file, "c.key"));
    assert_int_equal(d->connect_ms * 1000000 + d->total_ms * 1000 + d->attempts_max, 100200003);
    assert_int_equal(d->concurrency * 100 + d->per_minute, 460);
    assert_int_equal(d->callback, DESTINATION_CALLBACK_HMAC);
    destination_free(d);
    d = read_one("least", "{\"url\":\"https://lake.example.org\"}");
    assert_int_equal(d->auth, DESTINATION_AUTH_NONE);
    assert_int_equal(d->attempts_max, 10);
    assert_int_equal(d->total_ms, 60000);
    assert_true(str_is(d->api_key_header, "x-api-key"));
    destination_free(d);
}

static void what_cannot_be_used_is_refused_with_its_place(void **state)
{
    (void)state;
#define U "\"url\":\"https://lake.example.org/x\""
    static const char *const bad[][2] = {
        {"{",                                                                    "not JSON"       },
        {"[]",                                                                   "object"         },
        {"{}",                                                                   "url is required"},
        {"{\"url\":\"http://lake.example.org/\"}",                               "https"          },
        {"{\"url\":\"http://localhost.evil.org/\"}",                             "https"          },
        {"{\"url\":\"https://me:pw@lake.example.org/\"}",                        "without user"   },
        {"{\"url\":\"https://\"}",                                               "https"          },
        {"{" U ",\"colour\":1}",                                                 "\"colour\""     },
        {"{" U "," U "}",                                                        "twice"          },
        {"{" U ",\"retry\":{\"attempts\":0}}",                                   "\"attempts\""   },
        {"{" U ",\"retry\":{\"attempts\":2.5}}",                                 "whole number"   },
        {"{" U ",\"retry\":{\"url\":\"x\"}}",                                    "no such member" },
        {"{" U ",\"retry\":3}",                                                  "an object"      },
        {"{" U ",\"auth\":{\"kind\":\"basic\"}}",                                "one of these"   },
        {"{" U ",\"auth\":{\"kind\":\"api-key\"}}",                              "apiKeyFile"     },
        {"{" U ",\"auth\":{\"kind\":\"api-key\",\"apiKeyFile\":\"../secret\"}}", "without path"   },
        {"{" U ",\"auth\":{\"kind\":\"api-key\",\"apiKeyFile\":\".hidden\"}}",   "without path"   },
        {"{" U ",\"auth\":{\"kind\":\"mtls\"}}",                                 "certFile"       },
        {"{" U ",\"auth\":{\"kind\":\"oauth2\",\"clientId\":\"me\"}}",           "tokenUrl"       },
        {"{" U ",\"auth\":{\"apiKey\":\"secret\"}}",                             "no such member" },
        {"{" U ",\"callback\":{\"kind\":\"hmac\"}}",                             "secretFile"     },
        {"{" U ",\"timeouts\":{\"connectMs\":100,\"totalMs\":50}}",              "connectMs"      },
        {"{" U ",\"tenants\":\"a\"}",                                            "list"           },
        {"{" U ",\"auth\":{\"header\":\"x-api\\r\\nkey\"}}",                     "printable"      },
    };
#undef U
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        Destination *destination = NULL;
        Err err = {0};
        bool read = destination_read(STR("x"), str_from(bad[i][0]), &destination, &err);
        if (read || err.kind != ERR_INPUT || !strstr(err.text, bad[i][1]))
            fail_msg("%s: read %d, said: %s", bad[i][0], read, err.text);
    }
}

static void a_tenant_goes_to_those_that_name_it_or_else_to_the_rest(void **state)
{
    (void)state;
    Destination *all[] = {
        read_one("rest", "{\"url\":\"https://rest.example.org\"}"),
        read_one("a", "{\"url\":\"https://a.example.org\",\"tenants\":[\"qe-a\"]}"),
        read_one("a2", "{\"url\":\"https://a2.example.org\",\"tenants\":[\"qe-a\",\"qe-b\"]}"),
        read_one("mirror", "{\"url\":\"https://m.example.org\",\"tenants\":[\"*\"]}"),
        read_one("ledger", "{\"url\":\"https://l.example.org\",\"format\":\"dataledger\"}"),
    };
    static const struct {
        const char *tenant, *chosen;
    } cases[] = {
        {"qe-a", "a a2 mirror "},
        {"qe-b", "a2 mirror "  },
        {"qe-c", "rest mirror "},
        {"*",    "rest mirror "},
        {"",     "rest mirror "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const Destination *chosen[5];
        char names[200] = "";
        size_t count = destinations_choose((const Destination *const *)all, 5,
                                           str_from(cases[i].tenant), chosen);
        for (size_t c = 0; c < count; c++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s ", chosen[c]->name);
        assert_string_equal(names, cases[i].chosen);
    }
    for (int i = 0; i < 5; i++)
        destination_free(all[i]);
}

static void a_senders_url_must_be_listed_and_gets_no_foreign_credentials(void **state)
{
    (void)state;
    Destination *d = read_one("x", "{\"url\":\"https://lake.example.org/A\",\"otherUrls\":["
                                   "\"https://lake.example.org/B/\",\"https://other.org/A\"]}");
    assert_true(destination_allows(d, STR("https://lake.example.org/A")));
    assert_true(destination_allows(d, STR("https://lake.example.org/B")));
    assert_false(destination_allows(d, STR("https://lake.example.org/B/C")));
    assert_false(destination_allows(d, STR("https://lake.example.org")));
    assert_false(destination_allows(d, STR("")));
    assert_true(destination_same_origin(d, STR("https://LAKE.example.org/B")));
    assert_false(destination_same_origin(d, STR("https://other.org/A")));
    assert_false(destination_same_origin(d, STR("https://lake.example.org:444/A")));
    assert_false(destination_same_origin(d, STR("https://lake.example.org.evil.org/A")));
    destination_free(d);
}

static void a_secret_is_read_from_its_folder_and_compared_whole(void **state)
{
    (void)state;
    char folder[] = "/tmp/fhirbus-secret-XXXXXX", path[100];
    ARENA_AUTO arena = arena_new(1 << 16);
    Err err = {0};
    Str secret;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
    FILE *file = fopen(path, "we");
    fputs("abc123\n", file);
    fclose(file);
    assert_true(secret_read(folder, STR("key"), arena, &secret, &err));
    assert_true(str_is(secret, "abc123"));
    assert_true(secret_read("/nowhere", str_from(path), arena, &secret, &err));
    assert_false(secret_read(folder, STR("absent"), arena, &secret, &err));
    assert_int_equal(err.kind, ERR_RETRY);
    assert_true(secret_equal(STR("abc"), STR("abc")));
    assert_false(secret_equal(STR("abc"), STR("abd")));
    assert_false(secret_equal(STR("abc"), STR("abcabc")));
    assert_false(secret_equal(STR(""), STR("")));
    unlink(path);
    rmdir(folder);
}

static void a_signature_is_of_all_that_was_sent(void **state)
{
    (void)state;
    /* spec: RFC 4231 section 4.3 */
    const Str parts[] = {STR("what do ya "), STR("want for nothing?")};
    Str hex = STR("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_true(secret_signed(STR("Jefe"), parts, 2, hex));
    assert_false(secret_signed(STR("Jefe"), parts, 1, hex));
    assert_false(secret_signed(STR("jefe"), parts, 2, hex));
    assert_false(secret_signed(STR("Jefe"), parts, 2, STR("")));
    assert_false(secret_signed(STR("Jefe"), parts, 2, str_cut(hex, 0, 62)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_member_and_fills_in_the_rest),
        cmocka_unit_test(what_cannot_be_used_is_refused_with_its_place),
        cmocka_unit_test(a_tenant_goes_to_those_that_name_it_or_else_to_the_rest),
        cmocka_unit_test(a_senders_url_must_be_listed_and_gets_no_foreign_credentials),
        cmocka_unit_test(a_signature_is_of_all_that_was_sent),
        cmocka_unit_test(a_secret_is_read_from_its_folder_and_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
