#include "common/db/db.h"

#include <poll.h>
#include <pthread.h>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "tests/support/cmocka.h"
#include "tests/support/private_postgres.h"

static const DbStatement echo = {
    "echo", "SELECT $1::text, $2::bytea, $3::uuid, $4::int, $5::bigint, $6::bool, $7::timestamptz, "
            "$7::timestamptz = '2026-02-03 04:05:06.789012+00'"};
static const DbStatement arrays = {
    "arrays", "SELECT ordinality::int, t, b, u, i, z FROM unnest($1::text[], $2::bytea[], "
              "$3::uuid[], $4::int[], $5::timestamptz[]) WITH ORDINALITY AS a(t, b, u, i, z)"};
static const DbStatement insert = {"insert", "INSERT INTO thing VALUES ($1, $2)"};
static const DbStatement count = {"count", "SELECT count(*) FROM thing"};
static const DbStatement sleep_s = {"sleep", "SELECT pg_sleep($1)::text"};
static const DbStatement texts = {"texts", "SELECT $1::text[]"};
static const DbStatement words = {"words", "SELECT ($1::text::tsquery)::text"};
static const DbStatement make = {
    "make", "CREATE TABLE IF NOT EXISTS thing (id int PRIMARY KEY, v text CHECK (v <> 'bad'))"};
static const DbStatement *const makers[] = {&make, NULL};
static const DbStatement *const statements[] = {&echo,    &arrays, &insert, &count,
                                                &sleep_s, &texts,  &words,  NULL};

static PrivatePostgres pg;
static Arena *arena;
static Db *db;

static void begin(DbParams *params)
{
    db_params_init(params, arena);
}

static bool add_thing(int32_t id, const char *v, Err *err)
{
    DbParams p;
    begin(&p);
    db_int(&p, id);
    db_text(&p, str_from(v));
    return db_send(db, &insert, &p, err);
}

static int64_t things(void)
{
    DbParams p;
    DbResult *result = NULL;
    Err err = {0};
    begin(&p);
    if (!db_run(db, &count, &p, &result, &err))
        fail_msg("%s %s", err.code, err.text);
    int64_t n = db_get_int(result, 0, 0);
    db_result_free(result);
    return n;
}

static bool finish(Err *err)
{
    while (db_progress(db) == DB_BUSY)
        db_wait(db, 1000);
    return db_outcome(db, err);
}

static void wait_for_idle(void)
{
    int64_t until = clock_mono_ms() + 20000;
    while (db_progress(db) != DB_IDLE && clock_mono_ms() < until)
        db_wait(db, 100);
    assert_int_equal(db_progress(db), DB_IDLE);
}

static void every_type_goes_there_and_comes_back(void **state)
{
    (void)state;
    DbParams p;
    DbResult *r = NULL;
    Err err = {0};
    char uuid[37];
    begin(&p);
    db_text(&p, STR("\xc3\xa4 \xff|\0|"));
    db_bytes(&p, STR("\0\1\xff"));
    db_uuid(&p, STR("0190A0B0-c0d0-7000-8000-00000000abcd"));
    db_int(&p, -7);
    db_bigint(&p, INT64_MIN);
    db_bool(&p, true);
    db_time_us(&p, INT64_C(1770091506789012));
    assert_true(db_run(db, &echo, &p, &r, &err));
    assert_true(str_is(db_get_text(r, 0, 0), "\xc3\xa4 \xef\xbf\xbd|\xef\xbf\xbd|"));
    assert_true(str_eq(db_get_text(r, 0, 1), STR("\0\1\xff")));
    assert_true(db_get_uuid(r, 0, 2, uuid));
    assert_string_equal(uuid, "0190a0b0-c0d0-7000-8000-00000000abcd");
    assert_int_equal(db_get_int(r, 0, 3), -7);
    assert_true(db_get_int(r, 0, 4) == INT64_MIN);
    assert_true(db_get_bool(r, 0, 5));
    assert_true(db_get_time_us(r, 0, 6) == INT64_C(1770091506789012));
    assert_true(db_get_bool(r, 0, 7));
    db_result_free(r);
    begin(&p);
    db_text(&p, STR_NONE);
    db_bytes(&p, STR_NONE);
    db_uuid(&p, STR(""));
    db_null(&p);
    db_null(&p);
    db_null(&p);
    db_time_us(&p, 0);
    assert_true(db_run(db, &echo, &p, &r, &err));
    for (int i = 0; i < 7; i++)
        assert_true(db_is_null(r, 0, i));
    db_result_free(r);
}

static void arrays_are_unnested_in_order(void **state)
{
    (void)state;
    DbParams p;
    DbResult *r = NULL;
    Err err = {0};
    const Str t[] = {STR("a,\"{}"), STR(""), STR("\xfe")};
    const Str b[] = {STR("\0"), STR_NONE, STR("")};
    const Str u[] = {STR("0190a0b0-c0d0-7000-8000-00000000abcd"), STR(""),
                     STR("00000000000000000000000000000001")};
    const int32_t n[] = {1, -2, INT32_MAX};
    const int64_t z[] = {1, 0, INT64_C(1770091506789012)};
    begin(&p);
    db_text_or_null_array(&p, t, 3);
    db_bytes_array(&p, b, 3);
    db_uuid_array(&p, u, 3);
    db_int_array(&p, n, 3);
    db_time_us_array(&p, z, 3);
    assert_true(db_run(db, &arrays, &p, &r, &err));
    assert_int_equal(db_rows(r), 3);
    assert_true(str_is(db_get_text(r, 0, 1), "a,\"{}"));
    assert_true(db_is_null(r, 1, 1));
    assert_true(str_is(db_get_text(r, 2, 1), "\xef\xbf\xbd"));
    assert_true(db_is_null(r, 1, 2) && !db_is_null(r, 2, 2));
    assert_true(db_is_null(r, 1, 3));
    assert_int_equal(db_get_int(r, 1, 4), -2);
    assert_true(db_get_time_us(r, 0, 5) == 1 && db_is_null(r, 1, 5));
    db_result_free(r);
    begin(&p);
    db_text_array(&p, t, 2);
    assert_true(db_run(db, &texts, &p, &r, &err));
    const Str *list;
    size_t n_list;
    assert_true(db_get_text_array(r, 0, 0, arena, &list, &n_list));
    assert_int_equal(n_list, 2);
    assert_true(str_eq(list[0], t[0]) && list[1].len == 0);
    db_result_free(r);
    begin(&p);
    db_text_array(&p, NULL, 0);
    assert_true(db_run(db, &texts, &p, &r, &err));
    assert_true(db_get_text_array(r, 0, 0, arena, &list, &n_list) && n_list == 0);
    db_result_free(r);
}

static void a_transaction_is_all_or_nothing(void **state)
{
    (void)state;
    Err err = {0};
    int64_t before = things();
    for (int32_t i = 0; i < 500; i++)
        assert_true(add_thing(1000 + i, "fine", &err));
    assert_true(db_end(db, NULL, NULL, &err));
    assert_true(finish(&err));
    assert_int_equal(things(), before + 500);
    for (int32_t i = 0; i < 10; i++)
        assert_true(add_thing(2000 + i, i == 5 ? "bad" : "secret-name", &err));
    assert_true(db_end(db, NULL, NULL, &err));
    assert_false(finish(&err));
    assert_string_equal(err.code, "db-data");
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.text, "23514"));
    assert_non_null(strstr(err.text, "insert, table thing"));
    assert_null(strstr(err.text, "secret"));
    assert_int_equal(things(), before + 500);
}

static void a_bad_parameter_spoils_what_was_begun(void **state)
{
    (void)state;
    Err err = {0};
    int64_t before = things();
    DbParams p;
    assert_true(add_thing(3000, "fine", &err));
    begin(&p);
    db_uuid(&p, STR("not-a-uuid"));
    assert_false(db_send(db, &insert, &p, &err));
    assert_string_equal(err.code, "db-data");
    wait_for_idle();
    assert_true(db_end(db, NULL, NULL, &err)); /* of nothing */
    assert_true(finish(&err));
    assert_int_equal(things(), before);
}

static void a_restart_of_the_server_is_survived(void **state)
{
    (void)state;
    Err err = {0};
    int64_t before = things();
    assert_true(private_postgres_restart(&pg));
    assert_int_equal(things(), before); /* noticed, and connected again, in one call */
    assert_true(add_thing(4000, "lost", &err));
    assert_true(private_postgres_halt(&pg, "immediate"));
    bool ended = db_end(db, NULL, NULL, &err);
    assert_false(ended && finish(&err));
    assert_int_equal(err.kind, ERR_RETRY);
    DbParams p;
    begin(&p);
    int64_t start = clock_mono_ms();
    assert_false(db_run(db, &count, &p, NULL, &err));
    assert_int_equal(err.kind, ERR_RETRY);
    assert_string_equal(err.code, "db-away");
    assert_true(clock_mono_ms() - start < 2000);
    assert_true(private_postgres_restart(&pg));
    wait_for_idle();
    assert_int_equal(things(), before);
}

static void what_takes_too_long_is_given_up(void **state)
{
    (void)state;
    DbConfig hasty = pg.config;
    hasty.timeout_ms = 300;
    Db *other = db_new(&hasty, statements, "db_test", NULL);
    DbParams p;
    Err err = {0};
    begin(&p);
    uint64_t five = htobe64(0x4014000000000000); /* 5.0 as float8 */
    db_bytes(&p, (Str){(const char *)&five, 8});
    int64_t start = clock_mono_ms();
    assert_false(db_run(other, &sleep_s, &p, NULL, &err));
    assert_string_equal(err.code, "db-timeout");
    assert_int_equal(err.kind, ERR_RETRY);
    assert_true(clock_mono_ms() - start < 3000);
    db_free(other);
}

static void nobody_listening_is_said_at_once(void **state)
{
    (void)state;
    DbConfig nowhere = pg.config;
    nowhere.port = "1";
    Db *other = db_new(&nowhere, statements, "db_test", NULL);
    DbParams p;
    Err err = {0};
    begin(&p);
    assert_false(db_run(other, &count, &p, NULL, &err));
    assert_string_equal(err.code, "db-away");
    db_free(other);
}

static void a_missing_table_is_a_matter_of_schema(void **state)
{
    (void)state;
    static const DbStatement missing = {"missing", "SELECT * FROM nowhere"};
    static const DbStatement *const list[] = {&missing, NULL};
    Db *other = db_new(&pg.config, list, "db_test", NULL);
    DbParams p;
    Err err = {0};
    begin(&p);
    assert_false(db_run(other, &missing, &p, NULL, &err));
    assert_string_equal(err.code, "db-schema");
    assert_int_equal(err.kind, ERR_RETRY);
    if (!strstr(err.text, "nowhere"))
        fail_msg("%s", err.text);
    db_free(other);
}

/* SQLSTATE 42601, though no word of ours is wrong. */
static void a_value_that_cannot_be_parsed_fails_alone(void **state)
{
    (void)state;
    DbParams p;
    Err err = {0};
    begin(&p);
    db_text(&p, STR("E's:secret\\\\b=1'"));
    assert_false(db_run(db, &words, &p, NULL, &err));
    assert_string_equal(err.code, "db-data");
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.text, "42601"));
    assert_non_null(strstr(err.text, "words"));
    assert_null(strstr(err.text, "secret"));
    assert_int_equal(db_progress(db), DB_IDLE); /* the connection is as good as before */
}

static void *use_pool(void *context)
{
    DbPool *pool = context;
    Arena *mine = arena_new(1 << 20);
    for (int i = 0; i < 50; i++) {
        Err err = {0};
        Db *taken = db_pool_take(pool, 5000, &err);
        DbParams p;
        DbResult *r = NULL;
        db_params_init(&p, mine);
        if (!taken || !db_run(taken, &count, &p, &r, &err))
            abort();
        db_result_free(r);
        db_pool_give(pool, taken);
    }
    arena_free(mine);
    return NULL;
}

static void threads_share_a_pool(void **state)
{
    (void)state;
    DbPool *pool = db_pool_new(&pg.config, statements, "db_test", NULL, 2);
    pthread_t threads[5];
    for (int i = 0; i < 5; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_pool, pool), 0);
    for (int i = 0; i < 5; i++)
        pthread_join(threads[i], NULL);
    Err err = {0};
    Db *a = db_pool_take(pool, 10, &err), *b = db_pool_take(pool, 10, &err);
    assert_non_null(b);
    assert_null(db_pool_take(pool, 10, &err));
    assert_string_equal(err.code, "db-pool");
    assert_int_equal(db_pool_taken(pool), 2);
    db_pool_give(pool, a);
    db_pool_give(pool, b);
    db_pool_free(pool);
}

int main(void)
{
    if (!private_postgres_start(&pg)) {
        printf("ok 1 - db # SKIP no PostgreSQL to start\n1..1\n");
        return 0;
    }
    arena = arena_new((size_t)64 << 20);
    DbParams none;
    Err err = {0};
    db_params_init(&none, arena);
    Db *maker = db_new(&pg.config, makers, "db_test", NULL);
    if (!db_run(maker, &make, &none, NULL, &err))
        printf("not ok - %s: %s\n", err.code, err.text);
    db_free(maker);
    db = db_new(&pg.config, statements, "db_test", NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_goes_there_and_comes_back),
        cmocka_unit_test(arrays_are_unnested_in_order),
        cmocka_unit_test(a_transaction_is_all_or_nothing),
        cmocka_unit_test(a_bad_parameter_spoils_what_was_begun),
        cmocka_unit_test(what_takes_too_long_is_given_up),
        cmocka_unit_test(nobody_listening_is_said_at_once),
        cmocka_unit_test(a_missing_table_is_a_matter_of_schema),
        cmocka_unit_test(a_value_that_cannot_be_parsed_fails_alone),
        cmocka_unit_test(threads_share_a_pool),
        cmocka_unit_test(a_restart_of_the_server_is_survived),
    };
    int failed = cmocka_run_group_tests_name("db", tests, NULL, NULL);
    db_free(db);
    arena_free(arena);
    private_postgres_stop(&pg);
    return failed;
}
