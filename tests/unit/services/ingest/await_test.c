/* The table of those who wait, hammered from both sides; no broker, no socket. */
#include "services/ingest/await.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/base/check.h"

#define ID_A "01923456-0000-4000-8000-00000000000a"
#define ID_B "01923456-0000-4000-8000-00000000000b"

static const char hash_1[33] = "11111111111111111111111111111111";
static const char hash_2[33] = "22222222222222222222222222222222";

/* An exchange without a request: nobody to wake, everything else is real. */
static Exchange *exchange_for(const char *id, const char *tenant, const char *hash)
{
    Exchange *exchange = calloc(1, sizeof *exchange);
    CHECK(exchange);
    atomic_init(&exchange->refs, 1);
    CHECK(pthread_mutex_init(&exchange->lock, NULL) == 0);
    snprintf(exchange->id.text, sizeof exchange->id.text, "%s", id);
    exchange->tenant = str_from(tenant);
    exchange->envelope.route = ROUTE_BUNDLE;
    exchange->envelope.payload_sha256 = (Str){hash, 32};
    return exchange;
}

static const char *service = "validator";

static Str response_for(Arena *arena, const char *id, const char *tenant, const char *hash,
                        ResponseKind kind)
{
    Response response = {
        .kind = kind,
        .interaction_id = str_from(id),
        .tenant = str_from(tenant),
        .route = ROUTE_BUNDLE,
        .payload_sha256 = {hash, 32},
        .service = str_from(service)
    };
    Str bytes = STR_NONE;
    Err err = {0};
    assert_true(response_encode(&response, arena, &bytes, &err));
    return bytes;
}

static size_t deliver(Await *await, const char *id, const char *tenant, const char *hash,
                      ResponseKind kind)
{
    ARENA_AUTO arena = arena_new(1 << 20);
    return await_deliver(await, STR(""), response_for(arena, id, tenant, hash, kind), NULL);
}

static void hands_an_answer_to_those_who_wait_for_it_alone(void **state)
{
    (void)state;
    Await *await = await_new(NULL);
    Exchange *a = exchange_for(ID_A, "qe", hash_1), *same = exchange_for(ID_A, "qe", hash_1);
    Exchange *other = exchange_for(ID_B, "qe", hash_1);
    await_add(await, a, INT64_MAX);
    await_add(await, same, INT64_MAX);
    await_add(await, other, INT64_MAX);
    assert_int_equal(await_size(await), 3);
    assert_int_equal(deliver(await, ID_A, "another", hash_1, RESPONSE_VERDICT), 0);
    assert_int_equal(deliver(await, ID_A, "qe", hash_2, RESPONSE_VERDICT), 0);
    assert_int_equal(deliver(await, ID_A, "qe", hash_1, RESPONSE_STORED), 0);
    assert_int_equal(deliver(await, ID_A, "qe", hash_1, RESPONSE_VERDICT), 2);
    assert_non_null(a->answer);
    assert_ptr_equal(a->answer, same->answer);
    assert_true(str_is(a->answer->response.interaction_id, ID_A));
    assert_null(other->answer);
    assert_int_equal(await_size(await), 1);
    assert_int_equal(deliver(await, ID_A, "qe", hash_1, RESPONSE_VERDICT), 0);
    service = "lake-submitter"; /* what failed there had a verdict before */
    assert_int_equal(deliver(await, ID_B, "qe", hash_1, RESPONSE_FAILED), 0);
    service = "validator";
    assert_int_equal(deliver(await, ID_B, "qe", hash_1, RESPONSE_FAILED), 1);
    exchange_release(a);
    exchange_release(same);
    exchange_release(other);
    await_free(await);
}

static void wakes_those_whose_time_is_up(void **state)
{
    (void)state;
    Await *await = await_new(NULL);
    Exchange *early = exchange_for(ID_A, "qe", hash_1), *late = exchange_for(ID_B, "qe", hash_1);
    await_add(await, early, 100);
    await_add(await, late, 200);
    await_sweep(await, 99);
    assert_int_equal(await_size(await), 2);
    await_sweep(await, 100);
    assert_true(early->timed_out);
    assert_false(late->timed_out);
    await_add(await, late, 50); /* only its time changes */
    assert_int_equal(await_size(await), 1);
    await_sweep(await, 60);
    assert_true(late->timed_out);
    assert_int_equal(await_size(await), 0);
    await_remove(await, late); /* not in it: fine */
    exchange_release(early);
    exchange_release(late);
    await_free(await);
}

static void passes_over_what_is_no_response(void **state)
{
    (void)state;
    Await *await = await_new(NULL);
    assert_int_equal(await_deliver(await, STR(""), STR("\xff\xff no protobuf"), NULL), 0);
    assert_int_equal(await_deliver(await, STR(""), STR(""), NULL), 0);
    await_free(await);
}

static void reads_only_what_its_header_says_is_wanted(void **state)
{
    (void)state;
    Await *await = await_new(NULL);
    ARENA_AUTO arena = arena_new(1 << 20);
    Exchange *a = exchange_for(ID_A, "qe", hash_1);
    Str bytes = response_for(arena, ID_A, "qe", hash_1, RESPONSE_VERDICT);
    await_add(await, a, INT64_MAX);
    assert_int_equal(await_deliver(await, STR(ID_B), bytes, NULL), 0);
    assert_null(a->answer);
    assert_int_equal(await_deliver(await, STR(ID_A), bytes, NULL), 1);
    assert_non_null(a->answer);
    exchange_release(a);
    await_free(await);
}

enum { ROUNDS = 2000 };

typedef struct Hammer {
    Await *await;
    atomic_bool stop;
} Hammer;

static void *deliver_for_ever(void *context)
{
    Hammer *hammer = context;
    while (!atomic_load(&hammer->stop)) {
        deliver(hammer->await, ID_A, "qe", hash_1, RESPONSE_VERDICT);
        await_sweep(hammer->await, 1000);
    }
    return NULL;
}

static void *wait_and_leave(void *context)
{
    Hammer *hammer = context;
    for (int i = 0; i < ROUNDS; i++) {
        Exchange *exchange = exchange_for(ID_A, "qe", hash_1);
        await_add(hammer->await, exchange, i % 3 ? INT64_MAX : 500);
        await_remove(hammer->await, exchange);
        exchange_release(exchange);
    }
    return NULL;
}

static void who_leaves_and_who_answers_may_meet(void **state)
{
    (void)state;
    Hammer hammer = {.await = await_new(NULL)};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, i < 2 ? deliver_for_ever : wait_and_leave, &hammer),
            0);
    pthread_join(threads[2], NULL);
    pthread_join(threads[3], NULL);
    atomic_store(&hammer.stop, true);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    assert_int_equal(await_size(hammer.await), 0);
    await_free(hammer.await);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_an_answer_to_those_who_wait_for_it_alone),
        cmocka_unit_test(wakes_those_whose_time_is_up),
        cmocka_unit_test(passes_over_what_is_no_response),
        cmocka_unit_test(reads_only_what_its_header_says_is_wanted),
        cmocka_unit_test(who_leaves_and_who_answers_may_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
