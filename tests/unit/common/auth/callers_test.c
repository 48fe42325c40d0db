#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/auth/callers.h"
#include "common/auth/credential.h"

#define HMAC_A "\"1111111111111111111111111111111111111111111111111111111111111111\""
#define HMAC_B "\"2222222222222222222222222222222222222222222222222222222222222222\""
#define PRINT "\"00:11:22:33445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\""

static Caller *caller_of(const char *json)
{
    void *made = NULL;
    Err err = {0};
    if (!auth_read(AUTH_CALLERS, STR("qe-a"), str_from(json), &made, &err))
        fail_msg("%s: %s", json, err.text);
    return made;
}

static void an_empty_caller_may_nothing(void **state)
{
    (void)state;
    Caller *caller = caller_of("{}");
    for (Permission p = 0; p < PERMISSION_COUNT; p++) {
        assert_false(caller_may(caller, p, STR("qe-a"), STR_NONE));
        assert_false(caller_may_for_all(caller, p));
    }
    assert_false(caller_may_send(caller, STR("fhir:Bundle")));
    auth_free(caller);
}

static void permissions_hold_for_their_tenant_alone(void **state)
{
    (void)state;
    Caller *caller = caller_of("{\"tenants\":[\"a\",\"b\"],\"permissions\":{\"connectAs\":[\"*\"],"
                               "\"read\":[\"a\"],\"sendAs\":[\"b#ward/r0d\"]}}");
    assert_true(caller_may(caller, PERMISSION_CONNECT_AS, STR("a"), STR_NONE));
    assert_true(caller_may(caller, PERMISSION_CONNECT_AS, STR("b"), STR("ward/r0d")));
    assert_false(caller_may(caller, PERMISSION_CONNECT_AS, STR("c"), STR_NONE));
    assert_false(caller_may(caller, PERMISSION_CONNECT_AS, STR("*"), STR_NONE));
    assert_false(caller_may(caller, PERMISSION_CONNECT_AS, STR(""), STR_NONE));
    assert_true(caller_may(caller, PERMISSION_READ, STR("a"), STR_NONE));
    assert_false(caller_may(caller, PERMISSION_READ, STR("b"), STR_NONE));
    assert_true(caller_may(caller, PERMISSION_SEND_AS, STR("b"), STR("ward/r0d")));
    assert_false(caller_may(caller, PERMISSION_SEND_AS, STR("b"), STR("ward/r0")));
    assert_false(caller_may(caller, PERMISSION_SEND_AS, STR("b"), STR_NONE));
    assert_false(caller_may(caller, PERMISSION_SEND_AS, STR("b#ward/r0d"), STR_NONE));
    assert_false(caller_may_for_all(caller, PERMISSION_CONNECT_AS));
    assert_true(str_is(caller_only_tenant(caller, PERMISSION_READ), "a"));
    assert_true(str_is(caller_only_tenant(caller, PERMISSION_SEND_AS), "b"));
    assert_null(caller_only_tenant(caller, PERMISSION_CONNECT_AS).ptr);
    assert_null(caller_only_tenant(caller, PERMISSION_REPLAY).ptr);
    auth_free(caller);
}

/* Nothing stored says which organisation it is of: whoever reads for one would read for all. */
static void an_organisation_sends_and_does_neither_read_replay_nor_administer(void **state)
{
    (void)state;
    static const char *const whole_tenant[] = {"read", "replay", "administer"};
    void *made = NULL;
    Err err = {0};
    for (size_t i = 0; i < 3; i++) {
        char json[200];
        snprintf(json, sizeof json, "{\"tenants\":[\"a\"],\"permissions\":{\"%s\":[\"a#w/1\"]}}",
                 whole_tenant[i]);
        assert_false(auth_read(AUTH_CALLERS, STR("qe-a"), str_from(json), &made, &err));
        assert_non_null(strstr(err.text, "whole tenants"));
        /* One that was published before is known, and may nothing by it. */
        assert_true(auth_read_published(AUTH_CALLERS, STR("qe-a"), str_from(json), &made, &err));
        for (Permission p = 0; p < PERMISSION_COUNT; p++)
            assert_false(caller_may(made, p, STR("a"), STR("w/1")));
        auth_free(made);
    }
    Caller *caller = caller_of("{\"tenants\":[\"*\"],\"permissions\":{\"read\":[\"*\"],"
                               "\"sendAs\":[\"a#w/1\"],\"connectAs\":[\"a#w/1\"]}}");
    assert_true(caller_may(caller, PERMISSION_SEND_AS, STR("a"), STR("w/1")));
    assert_true(caller_may(caller, PERMISSION_CONNECT_AS, STR("a"), STR("w/1")));
    assert_false(caller_may(caller, PERMISSION_SEND_AS, STR("a#w/1"), STR("w/1")));
    assert_false(caller_may(caller, PERMISSION_READ, STR("a#w/1"), STR_NONE));
    auth_free(caller);
}

static void a_star_of_tenants_is_everybody_but_only_what_is_permitted(void **state)
{
    (void)state;
    Caller *caller = caller_of("{\"tenants\":[\"*\"],\"permissions\":{\"read\":[\"*\"],"
                               "\"replay\":[\"x\"]}}");
    assert_true(caller_may(caller, PERMISSION_READ, STR("anybody"), STR_NONE));
    assert_true(caller_may_for_all(caller, PERMISSION_READ));
    assert_false(caller_may_for_all(caller, PERMISSION_REPLAY));
    assert_true(caller_may(caller, PERMISSION_REPLAY, STR("x"), STR_NONE));
    assert_false(caller_may(caller, PERMISSION_SEND_AS, STR("anybody"), STR_NONE));
    auth_free(caller);
    caller = caller_of("{\"disabled\":true,\"tenants\":[\"*\"],\"permissions\":{\"read\":[\"*\"],"
                       "\"sendCategories\":[\"*\"]}}");
    assert_false(caller_may(caller, PERMISSION_READ, STR("x"), STR_NONE));
    assert_false(caller_may_for_all(caller, PERMISSION_READ));
    assert_false(caller_may_send(caller, STR("csv")));
    auth_free(caller);
}

static void categories_fit_by_their_beginning(void **state)
{
    (void)state;
    Caller *caller = caller_of("{\"permissions\":{\"sendCategories\":[\"hl7v2:ADT^*\",\"csv\","
                               "\"fhir:Bundle\"]}}");
    assert_true(caller_may_send(caller, STR("hl7v2:ADT^A01")));
    assert_false(caller_may_send(caller, STR("hl7v2:ORU^R01")));
    assert_false(caller_may_send(caller, STR("hl7v2:ADT")));
    assert_true(caller_may_send(caller, STR("csv")));
    assert_true(caller_may_send(caller, STR("fhir:Bundle")));
    assert_false(caller_may_send(caller, STR("fhir:BundleX")));
    auth_free(caller);
}

static void a_category_may_name_the_resource_types_of_a_bundle(void **state)
{
    (void)state;
    Str bundle = STR("fhir:Bundle");
    Caller *caller =
        caller_of("{\"permissions\":{\"sendCategories\":[\"fhir:Bundle/Patient,Coverage\","
                  "\"fhir:Bundle/Observation\"]}}");
    assert_false(caller_may_send(caller, bundle));
    assert_true(caller_may_send_some(caller, bundle));
    assert_false(caller_may_send_some(caller, STR("fhir:Bun")));
    assert_true(caller_may_send_type(caller, bundle, STR("Coverage")));
    assert_true(caller_may_send_type(caller, bundle, STR("Observation")));
    assert_false(caller_may_send_type(caller, bundle, STR("Encounter")));
    assert_false(caller_may_send_type(caller, bundle, STR("Patient,Coverage")));
    assert_false(caller_may_send_type(caller, bundle, STR("")));
    auth_free(caller);
    caller = caller_of("{\"permissions\":{\"sendCategories\":[\"fhir:*\"]}}");
    assert_true(caller_may_send_some(caller, bundle));
    assert_true(caller_may_send_type(caller, bundle, STR("Encounter")));
    auth_free(caller);
}

static void what_cannot_be_meant_is_refused(void **state)
{
    (void)state;
    static const struct {
        AuthKind kind;
        const char *json;
    } bad[] = {
        {AUTH_CALLERS, "[]"                                                                      },
        {AUTH_CALLERS, "{\"tenant\":\"a\"}"                                                      },
        {AUTH_CALLERS, "{\"about\":\"a\",\"about\":\"b\"}"                                       },
        {AUTH_CALLERS, "{\"disabled\":\"false\"}"                                                },
        {AUTH_CALLERS, "{\"tenants\":[\"a#b\"]}"                                                 },
        {AUTH_CALLERS, "{\"tenants\":[\"a\"],\"permissions\":{\"read\":[\"b\"]}}"                },
        {AUTH_CALLERS, "{\"permissions\":{\"write\":[\"*\"]}}"                                   },
        {AUTH_CALLERS, "{\"permissions\":{\"sendCategories\":[\"xml:Bundle\"]}}"                 },
        {AUTH_CALLERS, "{\"permissions\":{\"sendCategories\":[\"fhir:*dle\"]}}"                  },
        {AUTH_CALLERS, "{\"permissions\":{\"sendCategories\":[\"fhir:Patient,x\"]}}"             },
        {AUTH_CALLERS, "{\"permissions\":{\"sendCategories\":[\"fhir:Bundle/\"]}}"               },
        {AUTH_CALLERS, "{\"permissions\":{\"sendCategories\":[\"fhir:Bundle/Patient,\"]}}"       },
        {AUTH_CALLERS, "{\"permissions\":{\"sendCategories\":[\"fhir:Bundle/Pat*\"]}}"           },
        {AUTH_CALLERS, "{\"permissions\":{\"read\":[\"*#a/b\"]}}"                                },
        {AUTH_CALLERS, "{\"certificates\":[{}]}"                                                 },
        {AUTH_CALLERS, "{\"certificates\":[{\"issuer\":\"CN=ca\"}]}"                             },
        {AUTH_CALLERS, "{\"certificates\":[{\"san\":\"a.example.org\"}]}"                        },
        {AUTH_CALLERS, "{\"certificates\":[{\"fingerprint\":\"0011\"}]}"                         },
        {AUTH_CALLERS, "{\"apiKeys\":[{\"id\":\"fbk_a\"}]}"                                      },
        {AUTH_CALLERS, "{\"apiKeys\":[{\"id\":\"fbk_a\",\"key\":\"secret\"}]}"                   },
        {AUTH_CALLERS, "{\"apiKeys\":[{\"hmac\":" HMAC_A "}]}"                                   },
        {AUTH_CALLERS, "{\"apiKeys\":[{\"id\":\"k\",\"hmac\":" HMAC_A ",\"expires\":\"soon\"}]}" },
        {AUTH_CALLERS, "{\"clients\":[{\"id\":\"c\"}]}"                                          },
        {AUTH_CALLERS, "{\"clients\":[{\"id\":\"c\",\"secrets\":[{}]}]}"                         },
        {AUTH_CALLERS, "{\"clients\":[{\"id\":\"c\",\"jwksUri\":\"http://a.example.org/\"}]}"    },
        {AUTH_CALLERS, "{\"clients\":[{\"id\":\"c\",\"certificate\":true,\"tokenLifeS\":0}]}"    },
        {AUTH_ISSUERS, "{}"                                                                      },
        {AUTH_ISSUERS, "{\"iss\":\"i\",\"audience\":[\"a\"],\"algorithms\":[\"none\"],"
                       "\"jwksUri\":\"https://i.example.org/jwks\"}"       },
        {AUTH_ISSUERS, "{\"iss\":\"i\",\"audience\":[\"a\"],\"algorithms\":[\"HS256\"],"
                       "\"jwksUri\":\"https://i.example.org/jwks\"}"       },
        {AUTH_ISSUERS, "{\"iss\":\"i\",\"audience\":[\"a\"],\"algorithms\":[\"RS256\"],"
                       "\"jwksUri\":\"http://i.example.org/jwks\"}"        },
        {AUTH_ISSUERS, "{\"iss\":\"i\",\"audience\":[\"a\"],\"algorithms\":[\"RS256\"],"
                       "\"jwksUri\":\"http://localhost.example.org/jwks\"}"},
        {AUTH_ISSUERS, "{\"iss\":\"i\",\"audience\":[\"a\"],\"algorithms\":[\"RS256\"],"
                       "\"jwksUri\":\"https://u@i.example.org/jwks\"}"     },
        {AUTH_ISSUERS, "{\"iss\":\"i\",\"audience\":[],\"algorithms\":[\"RS256\"],"
                       "\"jwksUri\":\"https://i.example.org/jwks\"}"       },
        {AUTH_PLANS,   "{\"burst\":20}"                                                          },
        {AUTH_PLANS,   "{\"quota\":1,\"period\":\"YEAR\"}"                                       },
        {AUTH_TENANTS, "{\"tenant\":\"*\"}"                                                      },
        {AUTH_TENANTS, "{\"organisations\":[{\"sourceDomain\":\"a\"}]}"                          },
        {AUTH_TENANTS,
         "{\"organisations\":[{\"sourceDomain\":\"a/b\",\"organisationCode\":\"c\"}]}"           },
        {AUTH_HOSTS,   "{\"certFile\":\"a.pem\"}"                                                },
        {AUTH_HOSTS,   "{\"cors\":{\"origins\":[\"*\"]}}"                                        },
        {AUTH_HOSTS,   "{\"cors\":{\"origins\":[\"https://a.example.org/\"]}}"                   },
        {AUTH_HOSTS,   "{\"cors\":{\"origins\":[\"https://*.*.example.org\"]}}"                  },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        void *made = NULL;
        Err err = {0};
        if (auth_read(bad[i].kind, STR("x"), str_from(bad[i].json), &made, &err))
            fail_msg("taken: %s", bad[i].json);
        assert_int_equal(err.kind, ERR_INPUT);
        assert_true(err.text[0]);
        assert_null(strstr(err.text, "secret\""));
    }
}

static void defaults_are_filled_in(void **state)
{
    (void)state;
    void *made = NULL;
    Err err = {0};
    assert_true(auth_read(AUTH_ISSUERS, STR("idp"),
                          STR("{\"iss\":\"https://i.example.org\",\"audience\":[\"a\"],"
                              "\"algorithms\":[\"ES256\"],\"jwks\":{\"keys\":[]}}"),
                          &made, &err));
    const TokenIssuer *issuer = made;
    assert_true(str_is(issuer->claim, "sub") && issuer->leeway_s == 60);
    assert_true(str_is(issuer->jwks, "{\"keys\":[]}"));
    auth_free(made);
    assert_true(auth_read(AUTH_TENANTS, STR("t"), STR("{}"), &made, &err));
    assert_true(str_is(((const Tenant *)made)->tenant, "t"));
    auth_free(made);
    assert_true(auth_read(AUTH_PLANS, STR("p"), STR("{\"ratePerS\":10}"), &made, &err));
    assert_int_equal(((const UsagePlan *)made)->burst, 10);
    auth_free(made);
    Caller *caller = caller_of("{\"clients\":[{\"id\":\"c\",\"certificate\":true}]}");
    assert_int_equal(caller->clients[0].token_life_s, 300);
    auth_free(caller);
}

/* --- the book --------------------------------------------------------------------------------- */

typedef struct Fixture {
    Catalog *catalog;
    Callers *callers;
} Fixture;

static void publish(Fixture *fixture, const char *id, const char *data)
{
    char value[4096];
    Err err = {0};
    static int version;
    snprintf(value, sizeof value,
             "{\"id\":\"%s\",\"version\":%d,\"publishedAt\":\"2026-11-23T04:00:00.000Z\","
             "\"publishedBy\":\"t\",\"data\":%s}",
             id, ++version, data ? data : "");
    if (!catalog_apply(fixture->catalog, str_from(id), data ? str_from(value) : STR_NONE, &err))
        fail_msg("%s: %s", id, err.text);
}

static int open_book(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    const CatalogOptions options = {.kinds = auth_kinds, .kind_count = AUTH_KIND_COUNT};
    Err err = {0};
    assert_true(catalog_open_detached(&options, &fixture->catalog, &err));
    fixture->callers = callers_new(fixture->catalog, NULL);
    *state = fixture;
    return 0;
}

static int close_book(void **state)
{
    Fixture *fixture = *state;
    callers_free(fixture->callers);
    catalog_close(fixture->catalog);
    free(fixture);
    return 0;
}

static void finds_by_each_kind_of_credential(void **state)
{
    Fixture *fixture = *state;
    publish(fixture, "callers/a",
            "{\"clients\":[{\"id\":\"client-a\",\"secrets\":[{\"hmac\":" HMAC_A "}]}],"
            "\"apiKeys\":[{\"id\":\"fbk_a\",\"hmac\":" HMAC_A "}],"
            "\"certificates\":[{\"san\":\"dns:a.example.org\",\"issuer\":\"CN=ca\"}]}");
    publish(fixture, "callers/b",
            "{\"certificates\":[{\"fingerprint\":" PRINT "},{\"subject\":\"CN=b,O=x\"}]}");
    publish(fixture, "tenants/t",
            "{\"organisations\":[{\"sourceDomain\":\"ward\",\"organisationCode\":\"r0d\"}]}");
    publish(fixture, "issuers/i",
            "{\"iss\":\"https://i\",\"audience\":[\"a\"],\"algorithms\":[\"ES256\"],"
            "\"jwks\":{\"keys\":[]}}");
    const CallerBook *book = callers_acquire(fixture->callers);
    const Caller *caller = NULL;
    assert_int_equal(book_callers(book), 2);
    assert_non_null(book_client(book, STR("client-a"), &caller));
    assert_true(str_is(caller->name, "a"));
    assert_null(book_client(book, STR("fbk_a"), &caller));
    assert_non_null(book_api_key(book, STR("fbk_a"), &caller));
    assert_null(book_api_key(book, STR("client-a"), &caller));
    assert_non_null(book_issuer(book, STR("https://i")));
    assert_null(book_issuer(book, STR("https://i/")));
    assert_true(str_is(book_tenant_of(book, STR("ward"), STR("r0d")), "t"));
    assert_null(book_tenant_of(book, STR("ward"), STR("r0")).ptr);
    assert_null(book_tenant_of(book, STR("wardr"), STR("0d")).ptr);

    Str sans[] = {STR("dns:x"), STR("dns:a.example.org")};
    CertificateFacts facts = {.subject = STR("CN=?"), .issuer = STR("CN=ca"), sans, 2};
    caller = book_certificate(book, &facts, 1);
    assert_true(caller && str_is(caller->name, "a"));
    facts.issuer = STR("CN=another");
    assert_null(book_certificate(book, &facts, 1));
    facts.subject = STR("CN=b,O=x");
    caller = book_certificate(book, &facts, 1);
    assert_true(caller && str_is(caller->name, "b"));
    facts.issuer = STR("CN=ca"); /* now both fit */
    assert_null(book_certificate(book, &facts, 1));
    callers_release(book);
}

static void what_two_claim_belongs_to_neither(void **state)
{
    Fixture *fixture = *state;
    const char *both = "{\"apiKeys\":[{\"id\":\"fbk_a\",\"hmac\":" HMAC_A "}]}";
    const Caller *caller = NULL;
    publish(fixture, "callers/a", both);
    publish(fixture, "callers/b", both);
    const CallerBook *book = callers_acquire(fixture->callers);
    assert_null(book_api_key(book, STR("fbk_a"), &caller));
    assert_int_equal(book_ambiguous(book), 1);
    callers_release(book);
    publish(fixture, "callers/b", NULL);
    book = callers_acquire(fixture->callers);
    assert_non_null(book_api_key(book, STR("fbk_a"), &caller));
    callers_release(book);
}

static void a_held_book_stays_as_it_was(void **state)
{
    Fixture *fixture = *state;
    publish(fixture, "callers/a", "{\"about\":\"one\"}");
    const CallerBook *before = callers_acquire(fixture->callers);
    publish(fixture, "callers/a", "{\"about\":\"two\"}");
    const CallerBook *after = callers_acquire(fixture->callers);
    assert_true(str_is(book_caller(before, STR("a"))->about, "one"));
    assert_true(str_is(book_caller(after, STR("a"))->about, "two"));
    callers_release(after);
    callers_release(before);
}

static void finds_each_of_many(void **state)
{
    Fixture *fixture = *state;
    char id[64], data[200];
    const Caller *caller = NULL;
    for (int i = 0; i < 300; i++) {
        snprintf(id, sizeof id, "callers/c%d", i);
        snprintf(data, sizeof data, "{\"apiKeys\":[{\"id\":\"k%d\",\"hmac\":%s}]}", i, HMAC_B);
        publish(fixture, id, data);
    }
    const CallerBook *book = callers_acquire(fixture->callers);
    for (int i = 0; i < 300; i++) {
        snprintf(id, sizeof id, "k%d", i);
        assert_non_null(book_api_key(book, str_from(id), &caller));
        snprintf(data, sizeof data, "c%d", i);
        assert_true(str_is(caller->name, data));
    }
    assert_null(book_api_key(book, STR("k300"), &caller));
    callers_release(book);
}

/* --- credentials ------------------------------------------------------------------------------ */

static void a_credential_is_known_by_its_form(void **state)
{
    (void)state;
    Credential one, two;
    Str id = STR_NONE;
    credential_new(CREDENTIAL_API_KEY, &one);
    credential_new(CREDENTIAL_API_KEY, &two);
    assert_string_not_equal(one.text, two.text);
    assert_int_equal(strlen(one.text), CREDENTIAL_LEN);
    assert_true(credential_id(CREDENTIAL_API_KEY, str_from(one.text), &id));
    assert_int_equal(id.len, CREDENTIAL_ID_LEN);
    assert_false(credential_id(CREDENTIAL_CLIENT_SECRET, str_from(one.text), &id));
    for (size_t i = 0; i < CREDENTIAL_LEN; i++) {
        Credential wrong = one;
        wrong.text[i] = wrong.text[i] == 'a' ? 'b' : 'a';
        assert_false(credential_id(CREDENTIAL_API_KEY, str_from(wrong.text), &id));
    }
    assert_false(credential_id(CREDENTIAL_API_KEY, str_cut(str_from(one.text), 0, 74), &id));
    assert_false(credential_id(CREDENTIAL_API_KEY, STR_NONE, &id));
}

static void an_hmac_depends_on_all_it_is_of(void **state)
{
    (void)state;
    uint8_t a[CREDENTIAL_HMAC_BYTES], b[CREDENTIAL_HMAC_BYTES];
    credential_hmac(STR("k"), CREDENTIAL_CLIENT_SECRET, STR("c"), STR("s"), a);
    credential_hmac(STR("k"), CREDENTIAL_CLIENT_SECRET, STR("c"), STR("s"), b);
    assert_true(credential_equal(a, b));
    credential_hmac(STR("l"), CREDENTIAL_CLIENT_SECRET, STR("c"), STR("s"), b);
    assert_false(credential_equal(a, b));
    credential_hmac(STR("k"), CREDENTIAL_API_KEY, STR("c"), STR("s"), b);
    assert_false(credential_equal(a, b));
    credential_hmac(STR("k"), CREDENTIAL_CLIENT_SECRET, STR("d"), STR("s"), b);
    assert_false(credential_equal(a, b));
    credential_hmac(STR("k"), CREDENTIAL_CLIENT_SECRET, STR(""), STR("cs"), b);
    assert_false(credential_equal(a, b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_caller_may_nothing),
        cmocka_unit_test(permissions_hold_for_their_tenant_alone),
        cmocka_unit_test(an_organisation_sends_and_does_neither_read_replay_nor_administer),
        cmocka_unit_test(a_star_of_tenants_is_everybody_but_only_what_is_permitted),
        cmocka_unit_test(categories_fit_by_their_beginning),
        cmocka_unit_test(a_category_may_name_the_resource_types_of_a_bundle),
        cmocka_unit_test(what_cannot_be_meant_is_refused),
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test_setup_teardown(finds_by_each_kind_of_credential, open_book, close_book),
        cmocka_unit_test_setup_teardown(what_two_claim_belongs_to_neither, open_book, close_book),
        cmocka_unit_test_setup_teardown(a_held_book_stays_as_it_was, open_book, close_book),
        cmocka_unit_test_setup_teardown(finds_each_of_many, open_book, close_book),
        cmocka_unit_test(a_credential_is_known_by_its_form),
        cmocka_unit_test(an_hmac_depends_on_all_it_is_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
