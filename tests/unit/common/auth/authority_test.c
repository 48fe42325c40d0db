#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/auth/authority.h"
#include "common/auth/edit.h"

static void *object_of(AuthKind kind, const char *json)
{
    void *made = NULL;
    Err err = {0};
    if (!auth_read(kind, STR("it"), str_from(json), &made, &err))
        fail_msg("%s: %s", json, err.text);
    return made;
}

/* May whoever is `self`, acting for `tenant`, put `after` in the place of `before`? */
static bool permits(const char *self, const char *tenant, AuthKind kind, const char *before,
                    const char *after)
{
    Caller *caller = object_of(AUTH_CALLERS, self);
    void *old = before ? object_of(kind, before) : NULL;
    void *new = after ? object_of(kind, after) : NULL;
    Authority authority = {caller, str_from(tenant)};
    bool may = authority_permits(&authority, kind, old, new);
    auth_free(new);
    auth_free(old);
    auth_free(caller);
    return may;
}

#define ROOT "{\"tenants\":[\"*\"],\"permissions\":{\"administer\":[\"*\"]}}"
#define ADMIN                                                                                      \
    "{\"tenants\":[\"a\",\"b\"],\"permissions\":{\"administer\":[\"a\"],\"read\":[\"*\"],"         \
    "\"sendAs\":[\"b\"],\"connectAs\":[\"a#w/1\"],\"sendCategories\":[\"fhir:*\"]}}"
#define CALLER(tenants, more) "{\"tenants\":[" tenants "]" more "}"
#define READS(tenants, entry) CALLER(tenants, ",\"permissions\":{\"read\":[" entry "]}")

static void who_administers_for_all_may_everything_unless_it_acts_for_one(void **state)
{
    (void)state;
    const char *other = CALLER("\"x\"", ",\"gateway\":true,\"permissions\":{\"sendAs\":[\"*\"]}");
    assert_true(permits(ROOT, NULL, AUTH_CALLERS, NULL, other));
    assert_true(permits(ROOT, NULL, AUTH_CALLERS, other, NULL));
    assert_true(permits(ROOT, NULL, AUTH_CALLERS, NULL, "{}"));
    assert_true(permits(ROOT, NULL, AUTH_PLANS, NULL, "{\"quota\":1}"));
    assert_true(permits(ROOT, "x", AUTH_CALLERS, NULL, other));
    assert_false(permits(ROOT, "y", AUTH_CALLERS, NULL, other));
    assert_false(permits(ROOT, "x", AUTH_CALLERS, NULL, "{}"));
    assert_false(permits(ROOT, "x", AUTH_PLANS, NULL, "{\"quota\":1}"));
    assert_true(permits(ROOT, "x", AUTH_TENANTS, NULL, "{\"tenant\":\"x\"}"));
    assert_false(permits(ROOT, "x", AUTH_TENANTS, NULL, "{\"tenant\":\"y\"}"));
    assert_false(permits("{\"disabled\":true,\"tenants\":[\"*\"],\"permissions\":{\"administer\":"
                         "[\"*\"]}}",
                         NULL, AUTH_CALLERS, NULL, other));
}

static void an_administrator_stays_within_its_tenants_before_and_after(void **state)
{
    (void)state;
    const char *ours = READS("\"a\"", "\"*\""), *theirs = READS("\"b\"", "\"*\"");
    const char *both = READS("\"a\",\"b\"", "\"a\""), *all = READS("\"*\"", "\"a\"");
    assert_true(permits(ADMIN, NULL, AUTH_CALLERS, NULL, ours));
    assert_true(permits(ADMIN, "a", AUTH_CALLERS, ours, ours));
    assert_true(permits(ADMIN, NULL, AUTH_CALLERS, ours, NULL));
    const char *const outside[] = {theirs, both, all, "{}"};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        assert_false(permits(ADMIN, NULL, AUTH_CALLERS, NULL, outside[i]));
        assert_false(permits(ADMIN, NULL, AUTH_CALLERS, ours, outside[i]));
        assert_false(permits(ADMIN, NULL, AUTH_CALLERS, outside[i], ours));
        assert_false(permits(ADMIN, NULL, AUTH_CALLERS, outside[i], NULL));
    }
}

static void nobody_grants_what_it_has_not(void **state)
{
    (void)state;
    static const struct {
        const char *permissions;
        bool may;
    } table[] = {
        {"\"read\":[\"*\"]",                             true },
        {"\"read\":[\"a\"]",                             true },
        {"\"administer\":[\"*\"]",                       true }, /* of a alone, as `tenants` says */
        {"\"sendAs\":[\"a\"]",                           false}, /* it may, but for another tenant */
        {"\"sendAs\":[\"*\"]",                           false},
        {"\"replay\":[\"a\"]",                           false},
        {"\"connectAs\":[\"a#w/1\"]",                    true },
        {"\"sendCategories\":[\"fhir:Bundle/Patient\"]", true },
        {"\"connectAs\":[\"a\"]",                        false}, /* of one organisation, not of all */
        {"\"connectAs\":[\"a#w/2\"]",                    false},
        {"\"sendCategories\":[\"fhir:Bundle\"]",         true },
        {"\"sendCategories\":[\"fhir:*\"]",              true },
        {"\"sendCategories\":[\"*\"]",                   false},
        {"\"sendCategories\":[\"csv\"]",                 false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char json[200];
        snprintf(json, sizeof json, CALLER("\"a\"", ",\"permissions\":{%s}"), table[i].permissions);
        bool made = permits(ADMIN, NULL, AUTH_CALLERS, NULL, json);
        bool changed = permits(ADMIN, NULL, AUTH_CALLERS, json, json);
        bool removed = permits(ADMIN, NULL, AUTH_CALLERS, json, NULL);
        if (made != table[i].may || changed != table[i].may || removed != table[i].may)
            fail_msg("%s", table[i].permissions);
    }
}

/* Who may send some types hands on these and no others, and not the whole. */
static void resource_types_are_handed_on_one_by_one(void **state)
{
    (void)state;
    Caller *self =
        object_of(AUTH_CALLERS, "{\"tenants\":[\"a\"],\"permissions\":{\"administer\":[\"*\"],"
                                "\"sendCategories\":[\"fhir:Bundle/Patient,Coverage\"]}}");
    const Authority authority = {.caller = self};
    static const struct {
        const char *category;
        bool granted;
    } cases[] = {
        {"fhir:Bundle/Patient",           true },
        {"fhir:Bundle/Coverage,Patient",  true },
        {"fhir:Bundle/Patient,Encounter", false},
        {"fhir:Bundle",                   false},
        {"fhir:*",                        false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[200];
        snprintf(json, sizeof json,
                 "{\"tenants\":[\"a\"],\"permissions\":{\"sendCategories\":[\"%s\"]}}",
                 cases[i].category);
        void *after = object_of(AUTH_CALLERS, json);
        if (authority_permits(&authority, AUTH_CALLERS, NULL, after) != cases[i].granted)
            fail_msg("%s", cases[i].category);
        auth_free(after);
    }
    auth_free(self);
}

static void plans_gateways_and_urls_are_not_for_the_taking(void **state)
{
    (void)state;
    const char *plain = CALLER("\"a\"", ""), *planned = CALLER("\"a\"", ",\"plan\":\"p\"");
    const char *gateway = CALLER("\"a\"", ",\"gateway\":true");
    const char *fetched =
        CALLER("\"a\"", ",\"clients\":[{\"id\":\"c\",\"jwksUri\":\"https://x/\"}]");
    const char *elsewhere =
        CALLER("\"a\"", ",\"clients\":[{\"id\":\"c\",\"jwksUri\":\"https://y/\"}]");
    assert_false(permits(ADMIN, NULL, AUTH_CALLERS, NULL, planned));
    assert_false(permits(ADMIN, NULL, AUTH_CALLERS, plain, planned));
    assert_true(permits(ADMIN, NULL, AUTH_CALLERS, planned, planned));
    assert_false(permits(ADMIN, NULL, AUTH_CALLERS, plain, gateway));
    assert_false(permits(ADMIN, NULL, AUTH_CALLERS, plain, fetched));
    assert_true(permits(ADMIN, NULL, AUTH_CALLERS, fetched, fetched));
    assert_false(permits(ADMIN, NULL, AUTH_CALLERS, fetched, elsewhere));
    assert_true(permits(ADMIN, NULL, AUTH_CALLERS, fetched, plain));
}

static void of_hosts_and_tenants_only_the_looks(void **state)
{
    (void)state;
    const char *host = "{\"tenant\":\"a\",\"url\":\"https://x\"}";
    assert_true(permits(ADMIN, NULL, AUTH_HOSTS, host,
                        "{\"tenant\":\"a\",\"url\":\"https://x\",\"publisher\":\"P\",\"cors\":"
                        "{\"origins\":[\"https://y\"]}}"));
    assert_false(permits(ADMIN, NULL, AUTH_HOSTS, host,
                         "{\"tenant\":\"a\",\"url\":\"https://x\",\"cors\":{\"origins\":"
                         "[\"https://y\"],\"credentials\":true}}"));
    assert_false(permits(ADMIN, NULL, AUTH_HOSTS, host, "{\"tenant\":\"a\"}"));
    assert_false(permits(ADMIN, NULL, AUTH_HOSTS, host, "{\"url\":\"https://x\"}"));
    assert_false(permits(ADMIN, NULL, AUTH_HOSTS, NULL, host));
    assert_false(permits(ADMIN, NULL, AUTH_HOSTS, host, NULL));
    assert_true(permits(ADMIN, NULL, AUTH_TENANTS, "{\"tenant\":\"a\",\"plan\":\"p\"}",
                        "{\"tenant\":\"a\",\"plan\":\"p\",\"about\":\"x\"}"));
    assert_false(permits(ADMIN, NULL, AUTH_TENANTS, "{\"tenant\":\"a\",\"plan\":\"p\"}",
                         "{\"tenant\":\"a\"}"));
    assert_false(permits(ADMIN, NULL, AUTH_TENANTS, "{\"tenant\":\"a\",\"disabled\":true}",
                         "{\"tenant\":\"a\"}"));
    assert_false(permits(ADMIN, NULL, AUTH_PLANS, "{}", "{}"));
}

#define HMAC "\"1111111111111111111111111111111111111111111111111111111111111111\""

static void hmacs_are_not_shown_and_not_lost(void **state)
{
    (void)state;
    void *after = NULL;
    Err err = {0};
    BUF_AUTO json;
    buf_init(&json, 1 << 20);
    void *before = object_of(AUTH_CALLERS,
                             "{\"apiKeys\":[{\"id\":\"k\",\"hmac\":" HMAC "}],\"clients\":[{\"id\":"
                             "\"c\",\"secrets\":[{\"id\":\"s\",\"hmac\":" HMAC "}]}]}");
    void *shown = object_of(AUTH_CALLERS,
                            "{\"apiKeys\":[{\"id\":\"k\",\"hmac\":" HMAC "}],\"clients\":[{\"id\":"
                            "\"c\",\"secrets\":[{\"id\":\"s\",\"hmac\":" HMAC "}]}]}");
    auth_write_shown(AUTH_CALLERS, shown, &json);
    assert_int_equal(str_find(buf_str(&json), STR("hmac")), SIZE_MAX);
    assert_false(auth_read(AUTH_CALLERS, STR("it"), buf_str(&json), &after, &err));
    assert_true(auth_read_over(AUTH_CALLERS, STR("it"), buf_str(&json), before, &after, &err));
    const Caller *caller = after;
    assert_int_equal(caller->api_keys[0].hmac[31], 0x11);
    assert_int_equal(caller->clients[0].secrets[0].hmac[31], 0x11);
    auth_free(after);
    /* Of another id there is none to be kept. */
    assert_false(auth_read_over(AUTH_CALLERS, STR("it"), STR("{\"apiKeys\":[{\"id\":\"l\"}]}"),
                                before, &after, &err));
    auth_free(shown);
    auth_free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_administers_for_all_may_everything_unless_it_acts_for_one),
        cmocka_unit_test(an_administrator_stays_within_its_tenants_before_and_after),
        cmocka_unit_test(nobody_grants_what_it_has_not),
        cmocka_unit_test(resource_types_are_handed_on_one_by_one),
        cmocka_unit_test(plans_gateways_and_urls_are_not_for_the_taking),
        cmocka_unit_test(of_hosts_and_tenants_only_the_looks),
        cmocka_unit_test(hmacs_are_not_shown_and_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
