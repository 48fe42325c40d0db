/* One document has one key; two documents never share one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/envelope/idempotency_key.h"
#include "common/envelope/uuid.h"

#define ID "0198f1c2-1111-7222-8333-444455556666"

static Str key_of(Arena *arena, const char *tenant, const char *id, const char *payload)
{
    Envelope envelope = {.tenant = str_from(tenant), .interaction_id = str_from(id)};
    Err err = {0};
    envelope.payload = str_from(payload);
    assert_true(envelope_seal(&envelope, arena, &err));
    return idempotency_key(&envelope, arena);
}

static void the_same_document_has_the_same_key(void **state)
{
    (void)state;
    Arena *arena = arena_new(65536);
    Str key = key_of(arena, "qe", ID, "{}");
    assert_int_equal(key.len, UUID_TEXT_BYTES + 1 + IDEMPOTENCY_KEY_DIGITS);
    assert_true(str_starts(key, STR(ID ".")));
    assert_true(str_eq(key, key_of(arena, "qe", ID, "{}")));
    /* sha256("qe" NUL sha256("{}")): who holds the documents can make it again. */
    assert_true(str_is(key, ID ".a708ec30710cf908"));
    arena_free(arena);
}

static void another_tenant_body_or_id_has_another_key(void **state)
{
    (void)state;
    Arena *arena = arena_new(65536);
    Str key = key_of(arena, "qe", ID, "{}");
    assert_false(str_eq(key, key_of(arena, "other", ID, "{}")));
    assert_false(str_eq(key, key_of(arena, "qe", ID, "{ }")));
    assert_false(str_eq(key, key_of(arena, "qe", "0198f1c2-1111-7222-8333-444455556667", "{}")));
    arena_free(arena);
}

static void tells_the_interaction_of_its_own_keys_and_of_those_of_before(void **state)
{
    (void)state;
    static const char *const none[] = {"",
                                       "x",
                                       ID ".",
                                       ID ".0123",
                                       ID ".0123456789abcdeg",
                                       ID ".0123456789abcdef0",
                                       ID "-",
                                       ID "0",
                                       ID ".0123456789ABCDEF",
                                       ID ":0123456789abcdef",
                                       "0198f1c2-1111-7222-8333-44445555666x.0123456789abcdef"};
    assert_true(str_is(idempotency_key_interaction(STR(ID)), ID));
    assert_true(str_is(idempotency_key_interaction(STR(ID ".0123456789abcdef")), ID));
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_null(idempotency_key_interaction(str_from(none[i])).ptr);
    assert_null(idempotency_key_interaction(STR_NONE).ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_document_has_the_same_key),
        cmocka_unit_test(another_tenant_body_or_id_has_another_key),
        cmocka_unit_test(tells_the_interaction_of_its_own_keys_and_of_those_of_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
