#include "common/http/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void finds_the_media_type_and_its_parameters(void **state)
{
    (void)state;
    Str v = STR("Application/FHIR+json ; charset=UTF-8; fhirVersion=\"4.0\"");
    assert_true(str_is(http_media_type(v), "Application/FHIR+json"));
    assert_true(str_is(http_media_parameter(v, STR("CHARSET")), "UTF-8"));
    assert_true(str_is(http_media_parameter(v, STR("fhirversion")), "4.0"));
    assert_null(http_media_parameter(v, STR("q")).ptr);
    assert_int_equal(http_media_type(STR("json")).len, 0);
    assert_int_equal(http_media_type(STR("a/b/c")).len, 0);
    assert_int_equal(http_media_type(STR("/x")).len, 0);
    assert_int_equal(http_media_type(STR_NONE).len, 0);
    assert_true(str_is(http_media_parameter(STR("a/b; x=\"1;2\"; y=3"), STR("y")), "3"));
}

static void weighs_what_is_acceptable(void **state)
{
    (void)state;
    Str json = STR("application/json");
    assert_int_equal(http_accept_quality(STR_NONE, json), 1000);
    assert_int_equal(http_accept_quality(STR(" "), json), 1000);
    assert_int_equal(http_accept_quality(STR("*/*"), json), 1000);
    assert_int_equal(http_accept_quality(STR("application/*;q=0.5"), json), 500);
    assert_int_equal(http_accept_quality(STR("*/*;q=0.1, application/*;q=0.5"), json), 500);
    assert_int_equal(http_accept_quality(STR("application/json;q=0, */*"), json), 0);
    assert_int_equal(http_accept_quality(STR("text/html"), json), 0);
    assert_int_equal(http_accept_quality(STR("text/html, application/json;q=0.123"), json), 123);
    assert_int_equal(http_accept_quality(STR("application/json;q=2"), json), 1000);
    assert_int_equal(http_accept_quality(STR("application/json;q=1.5"), json), 1000);
    assert_int_equal(http_accept_quality(STR(",,application/json;q=0.9,"), json), 900);
    assert_int_equal(http_accept_quality(STR("application/jsonx"), json), 0);
}

static void knows_who_takes_gzip(void **state)
{
    (void)state;
    assert_false(http_accepts_gzip(STR_NONE));
    assert_true(http_accepts_gzip(STR("gzip, deflate, br")));
    assert_true(http_accepts_gzip(STR("deflate;q=1, GZIP;q=0.2")));
    assert_false(http_accepts_gzip(STR("gzip;q=0")));
    assert_false(http_accepts_gzip(STR("gzip;q=0.0, *")));
    assert_true(http_accepts_gzip(STR("*")));
    assert_false(http_accepts_gzip(STR("identity")));
    assert_false(http_accepts_gzip(STR("")));
}

static void finds_preferences(void **state)
{
    (void)state;
    Str p = STR("respond-async, wait=10; x=y, return=\"OperationOutcome\", handling = lenient");
    assert_true(http_prefer_get(p, STR("Respond-Async")).ptr != NULL);
    assert_int_equal(http_prefer_get(p, STR("respond-async")).len, 0);
    assert_true(str_is(http_prefer_get(p, STR("wait")), "10"));
    assert_true(str_is(http_prefer_get(p, STR("return")), "OperationOutcome"));
    assert_true(str_is(http_prefer_get(p, STR("handling")), "lenient"));
    assert_null(http_prefer_get(p, STR("x")).ptr);
    assert_null(http_prefer_get(STR_NONE, STR("wait")).ptr);
    assert_true(str_is(http_prefer_get(STR("wait=1, wait=2"), STR("wait")), "1"));
    assert_true(str_is(http_prefer_get(STR("a=\"x, wait=9\", wait=2"), STR("wait")), "2"));
}

static void survives_quotes_that_never_end(void **state)
{
    (void)state;
    assert_null(http_prefer_get(STR("a=\"b, wait=1"), STR("wait")).ptr);
    assert_null(http_prefer_get(STR("a=\"b\\"), STR("wait")).ptr);
    Str rest = STR(" , \"a,b\" ,, c "), element;
    assert_true(http_list_next(&rest, &element));
    assert_true(str_is(element, "\"a,b\""));
    assert_true(http_list_next(&rest, &element));
    assert_true(str_is(element, "c"));
    assert_false(http_list_next(&rest, &element));
}

static void knows_a_uuid(void **state)
{
    (void)state;
    assert_true(http_is_uuid(STR("0192B0a0-0000-4000-8000-00000000000f")));
    assert_false(http_is_uuid(STR("0192b0a0-0000-4000-8000-00000000000")));
    assert_false(http_is_uuid(STR("0192b0a0-0000-4000-8000-00000000000g")));
    assert_false(http_is_uuid(STR("0192b0a000000-4000-8000-00000000000f")));
    assert_false(http_is_uuid(STR("{192b0a0-0000-4000-8000-0000000000f}")));
    assert_false(http_is_uuid(STR_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_media_type_and_its_parameters),
        cmocka_unit_test(weighs_what_is_acceptable),
        cmocka_unit_test(knows_who_takes_gzip),
        cmocka_unit_test(finds_preferences),
        cmocka_unit_test(survives_quotes_that_never_end),
        cmocka_unit_test(knows_a_uuid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
