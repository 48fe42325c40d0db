/* The store against a real PostgreSQL: what it keeps, and that neither repetition nor order
 * matters. */
#include "services/persister/store.h"

#include <zstd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "services/persister/statements.h"
#include "tests/support/cmocka.h"
#include "tests/support/message_log.h"
#include "tests/support/private_postgres.h"

#define INTERACTIONS 120
#define SHUFFLES 6

static const DbStatement q_months = {"months", "SELECT fhirbus.make_months(2, $1::timestamptz)"};
static const DbStatement q_empty = {"empty",
                                    "TRUNCATE fhirbus.registry, fhirbus.message, fhirbus.verdict, "
                                    "fhirbus.diagnostic, fhirbus.rule_change, "
                                    "fhirbus.delivery, fhirbus.event, fhirbus.notice"};
/* All that is there, as one text, but for the clock's stored_at and for the place of a document's
 * record: when its sender repeats it there are several, and the first that was read is named. */
static const DbStatement q_dump = {
    "dump",
    "SELECT string_agg(line, E'\\n' ORDER BY line) FROM ("
    "SELECT 'message ' || (to_jsonb(t) - '{stored_at,topic,partition,topic_offset}'::text[])::text "
    "AS line FROM fhirbus.message t "
    "UNION ALL SELECT 'verdict ' || (to_jsonb(t) - 'stored_at')::text FROM fhirbus.verdict t "
    "UNION ALL SELECT 'diagnostic ' || to_jsonb(t)::text FROM fhirbus.diagnostic t "
    "UNION ALL SELECT 'rule_change ' || to_jsonb(t)::text FROM fhirbus.rule_change t "
    "UNION ALL SELECT 'delivery ' || (to_jsonb(t) - 'stored_at')::text FROM fhirbus.delivery t "
    "UNION ALL SELECT 'event ' || (to_jsonb(t) - 'stored_at')::text FROM fhirbus.event t "
    "UNION ALL SELECT 'notice ' || (to_jsonb(t) - 'stored_at')::text FROM fhirbus.notice t "
    "UNION ALL SELECT 'registry ' || to_jsonb(t)::text FROM fhirbus.registry t "
    "UNION ALL SELECT 'state ' || to_jsonb(t)::text FROM fhirbus.interaction_state t "
    "UNION ALL SELECT 'thread ' || to_jsonb(t)::text FROM fhirbus.thread_state t) lines"};
static const DbStatement q_states = {
    "states", "SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM (SELECT state, "
              "count(*) AS n FROM fhirbus.interaction_state GROUP BY state) s"};
static const DbStatement q_state = {
    "state", "SELECT state FROM fhirbus.interaction_state WHERE interaction_id = $1"};
/* How far it is, by either view; what $status shows of destinations that were chosen and not tried.
 */
static const DbStatement q_due = {
    "due",
    "SELECT s.state, i.state, coalesce((SELECT string_agg(h.destination, ',' ORDER BY "
    "h.destination) "
    "FROM fhirbus.interaction_http_request h WHERE h.interaction_id = s.interaction_id AND "
    "h.nature = 'Routed'), '') FROM fhirbus.interaction_state s JOIN fhirbus.interaction i USING "
    "(interaction_id) WHERE s.interaction_id = $1"};
static const DbStatement q_payload = {
    "payload", "SELECT payload, payload_bytes, sha256, bundle_id, patient_mrn, medicaid_cin, "
               "organization_name, resource_types, patient_mrn_source_system, user_agent, "
               "tableoid::regclass::text FROM fhirbus.message WHERE interaction_id = $1"};
static const DbStatement q_status = {
    "status", "SELECT nature, from_state, to_state, payload_zstd IS NOT NULL, issues_count::int, "
              "error_message FROM fhirbus.interaction_http_request WHERE interaction_id = $1 "
              "ORDER BY created_at, to_state"};
static const DbStatement q_diagnostics = {
    "diagnostics", "SELECT count(*), min(ordinal), max(ordinal), max(line), count(line) FROM "
                   "fhirbus.diagnostic WHERE interaction_id = $1"};
static const DbStatement q_rules = {
    "rules", "SELECT v.rules_version, v.engine_outcome IS NOT NULL, v.engine_errors::int, r.rule, "
             "r.what, r.issue, r.before, r.after FROM fhirbus.verdict v JOIN fhirbus.rule_change r "
             "USING (tenant, interaction_id, sha256, replay_id, attempt, received_at) "
             "WHERE interaction_id = $1 ORDER BY r.ordinal"};
static const DbStatement q_horizon = {"horizon", "UPDATE fhirbus.horizon SET received_before = $1"};
static const DbStatement q_counts = {
    "counts", "SELECT count(*), count(payload) FROM fhirbus.message WHERE tenant = $1"};
static const DbStatement q_setting = {
    "setting", "INSERT INTO fhirbus.tenant_setting VALUES ($1, NULL, $2::int, $3::int) ON CONFLICT "
               "(tenant) DO UPDATE SET payload_retention_days = $2, record_retention_days = $3"};
static const DbStatement q_purge_at = {"purge-at", "SELECT fhirbus.purge(1000, $1::timestamptz)"};
static const DbStatement q_drop_at = {"drop-at", "SELECT fhirbus.drop_months($1::timestamptz)"};
static const DbStatement q_months_left = {
    "months-left", "SELECT count(*) FROM pg_class WHERE relname ~ '^message_2026_0[12]$'"};
static const DbStatement q_loaded = {"loaded", "SELECT fhirbus.loaded($1::bool)::text"};
static const DbStatement q_loaded_rows = {
    "loaded-rows",
    "SELECT string_agg(line, E'\\n' ORDER BY line) FROM ("
    "SELECT 'validator ' || to_jsonb(t)::text AS line FROM fhirbus.validator t "
    "UNION ALL SELECT 'image ' || (to_jsonb(t) - 'seen_at')::text FROM fhirbus.image t "
    "UNION ALL SELECT 'open ' || to_jsonb(t)::text FROM fhirbus.validator_image t) lines"};
static const DbStatement q_no_validators = {"no-validators",
                                            "TRUNCATE fhirbus.validator, fhirbus.image, "
                                            "fhirbus.validator_image"};
static const DbStatement q_time_passes = {
    "time-passes",
    "WITH v AS (UPDATE fhirbus.validator SET seen_at = seen_at - $1::text::interval) "
    "UPDATE fhirbus.image SET seen_at = seen_at - $1::text::interval"};
static const DbStatement *const admin_statements[] = {&q_loaded,
                                                      &q_loaded_rows,
                                                      &q_no_validators,
                                                      &q_time_passes,
                                                      &sql_purge_loaded,
                                                      &q_months,
                                                      &q_empty,
                                                      &q_dump,
                                                      &q_states,
                                                      &q_state,
                                                      &q_payload,
                                                      &q_status,
                                                      &q_horizon,
                                                      &q_counts,
                                                      &q_setting,
                                                      &q_purge_at,
                                                      &q_drop_at,
                                                      &q_diagnostics,
                                                      &q_due,
                                                      &q_months_left,
                                                      &sql_settle_defaults,
                                                      &sql_default_rows,
                                                      &q_rules,
                                                      NULL};

static PrivatePostgres pg;
static DbConfig persister_config;
static Db *db, *admin;
static Store *store;
static Recorder *recorder;
static Arena *arena, *records_arena, *send_arena;

/* --- helpers -----------------------------------------------------------------------------------
 */

static DbResult *ask(const DbStatement *statement, const DbParams *params)
{
    DbResult *result = NULL;
    Err err = {0};
    DbParams none;
    db_params_init(&none, arena);
    if (!db_run(admin, statement, params ? params : &none, &result, &err))
        fail_msg("%s: %s %s", statement->name, err.code, err.text);
    return result;
}

static DbResult *ask_about(const DbStatement *statement, Str id)
{
    DbParams params;
    db_params_init(&params, arena);
    db_uuid(&params, id);
    return ask(statement, &params);
}

static void ask_at(const DbStatement *statement, int64_t at_us)
{
    DbParams params;
    db_params_init(&params, arena);
    db_time_us(&params, at_us);
    db_result_free(ask(statement, &params));
}

static bool commit(const Record *records, size_t count, Err *err)
{
    while (db_progress(db) != DB_IDLE)
        db_wait(db, 100);
    arena_reset(send_arena);
    TRY(store_send(store, records, count, send_arena, err));
    while (db_progress(db) == DB_BUSY)
        db_wait(db, 100);
    return db_outcome(db, err);
}

static bool read_as(const char *topic, Str value, int64_t at_us, Record *record, Err *err)
{
    const RecordSource from = {.topic = str_from(topic), .at_us = at_us};
    return record_read(recorder, &from, value, records_arena, record, err);
}

static void keep(const Sent *list, size_t count, size_t batch)
{
    Record *records = calloc(batch, sizeof *records);
    for (size_t at = 0; at < count; at += batch) {
        size_t n = count - at < batch ? count - at : batch;
        Err err = {0};
        arena_reset(records_arena);
        for (size_t i = 0; i < n; i++)
            if (!read_as(list[at + i].topic, list[at + i].value, list[at + i].at_us, &records[i],
                         &err))
                fail_msg("%s: %s %s", list[at + i].topic, err.code, err.text);
        if (!commit(records, n, &err))
            fail_msg("%s %s", err.code, err.text);
    }
    free(records);
}

static unsigned roll(unsigned *seed)
{
    *seed = *seed * 1103515245U + 12345U;
    return *seed >> 8;
}

static size_t shuffle_and_repeat(const MessageLog *log, unsigned *seed, Sent *ret_list)
{
    size_t count = log->count;
    memcpy(ret_list, log->list, count * sizeof *ret_list);
    for (size_t i = 0; i < log->count / 3; i++)
        ret_list[count++] = log->list[roll(seed) % log->count];
    for (size_t i = count - 1; i > 0; i--) {
        size_t other = roll(seed) % (i + 1);
        Sent sent = ret_list[i];
        ret_list[i] = ret_list[other];
        ret_list[other] = sent;
    }
    return count;
}

static char *dump(void)
{
    DbResult *result = ask(&q_dump, NULL);
    Str text = db_get_text(result, 0, 0);
    char *copy = strndup(text.ptr ? text.ptr : "", text.len);
    db_result_free(result);
    return copy;
}

static void empty(void)
{
    db_result_free(ask(&q_empty, NULL));
}

static void print_difference(const char *a, const char *b)
{
    Str rest_a = str_from(a), rest_b = str_from(b), line_a, line_b;
    while (str_split(&rest_a, '\n', &line_a) && str_split(&rest_b, '\n', &line_b))
        if (!str_eq(line_a, line_b)) {
            printf("# in order: %.400s\n# shuffled: %.400s\n", line_a.ptr, line_b.ptr);
            return;
        }
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void order_and_repetition_change_nothing(void **state)
{
    (void)state;
    MessageLog log;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)clock_wall_us();
    printf("# seed %u (SEED=%u repeats this run)\n", seed, seed);
    log_of_messages(&log, arena, INTERACTIONS, seed);
    Sent *list = calloc(log.count * 2, sizeof *list);
    empty();
    keep(log.list, log.count, 50);
    char *expected = dump();
    DbResult *states = ask(&q_states, NULL);
    printf("# %zu messages; states: %.*s\n", log.count, STR_ARG(db_get_text(states, 0, 0)));
    db_result_free(states);
    assert_true(strlen(expected) > 100000);
    for (int i = 0; i < SHUFFLES; i++) {
        size_t count = shuffle_and_repeat(&log, &seed, list);
        empty();
        keep(list, count, 1 + roll(&seed) % 80);
        char *actual = dump();
        if (strcmp(actual, expected) != 0) {
            print_difference(expected, actual);
            fail_msg("shuffle %d differs", i);
        }
        free(actual);
    }
    free(expected);
    free(list);
}

/* A log for a few messages. */
static MessageLog small_log(void)
{
    MessageLog log = {.arena = arena, .room = 16};
    log.list = ARENA_ARRAY(arena, Sent, log.room);
    return log;
}

static int64_t month_us(int month) /* the 15th of it, in 2026; 13 is January 2027 */
{
    struct tm day = {.tm_year = 126, .tm_mon = month - 1, .tm_mday = 15};
    return (int64_t)timegm(&day) * 1000000;
}

static void payloads_are_kept_byte_for_byte(void **state)
{
    (void)state;
    static const char odd[] = "\xef\xbb\xbf{\"a\" : \"\xff\xfe\0\\u0000\"}\r\n";
    const Str payloads[] = {
        sample_bundle(arena, 7, 300000), {odd, sizeof odd - 1},
           STR("")
    };
    for (size_t i = 0; i < 3; i++) {
        MessageLog log = small_log();
        Envelope e = sample_envelope(arena, "bytes", payloads[i], month_us(1));
        log_add_envelope(&log, "intake", &e);
        keep(log.list, log.count, 1);
        DbResult *r = ask_about(&q_payload, e.interaction_id);
        assert_int_equal(db_rows(r), 1);
        Str zstd = db_get_text(r, 0, 0);
        char *bytes = malloc(payloads[i].len + 1);
        size_t len = ZSTD_decompress(bytes, payloads[i].len, zstd.ptr, zstd.len);
        assert_true(str_eq((Str){bytes, len}, payloads[i]));
        assert_int_equal(db_get_int(r, 0, 1), payloads[i].len);
        assert_true(str_eq(db_get_text(r, 0, 2), e.payload_sha256));
        if (i == 0) {
            const Str *types;
            size_t count;
            assert_true(zstd.len < payloads[i].len / 2);
            assert_true(str_is(db_get_text(r, 0, 3), "bundle-7"));
            assert_true(str_is(db_get_text(r, 0, 4), "mrn-7"));
            assert_true(str_is(db_get_text(r, 0, 5), "cin-7"));
            assert_true(str_is(db_get_text(r, 0, 6), "Org\xc3\xa4"));
            assert_true(str_is(db_get_text(r, 0, 8), "http://hospital"));
            assert_true(db_get_text_array(r, 0, 7, arena, &types, &count));
            assert_int_equal(count, 2);
            assert_true(str_is(types[0], "Patient") && str_is(types[1], "Organization"));
        }
        free(bytes);
        db_result_free(r);
    }
}

static void the_status_view_has_a_row_per_nature(void **state)
{
    (void)state;
    MessageLog log = small_log();
    Envelope e = sample_envelope(arena, "status", sample_bundle(arena, 1, 10), month_us(1));
    log_add_envelope(&log, "intake", &e);
    log_add_validated(&log, &e, ACTION_ACCEPT, 7);
    keep(log.list, log.count, 10);
    DbResult *r = ask_about(&q_status, e.interaction_id);
    assert_int_equal(db_rows(r), 2);
    assert_true(str_is(db_get_text(r, 0, 0), "Original FHIR Payload"));
    assert_true(str_is(db_get_text(r, 0, 1), "NONE"));
    assert_true(str_is(db_get_text(r, 0, 2), "ACCEPT_FHIR_BUNDLE"));
    assert_true(str_is(db_get_text(r, 1, 0), "techByDesignDisposition"));
    assert_true(str_is(db_get_text(r, 1, 1), "ACCEPT_FHIR_BUNDLE"));
    assert_true(str_is(db_get_text(r, 1, 2), "DISPOSITION"));
    assert_true(db_get_bool(r, 0, 3) && db_get_bool(r, 1, 3));
    assert_int_equal(db_get_int(r, 1, 4), 7);
    db_result_free(r);
    r = ask_about(&q_diagnostics, e.interaction_id);
    assert_int_equal(db_get_int(r, 0, 0), 7);
    assert_int_equal(db_get_int(r, 0, 1), 0);
    assert_int_equal(db_get_int(r, 0, 2), 6);
    assert_int_equal(db_get_int(r, 0, 3), 6);
    assert_int_equal(db_get_int(r, 0, 4), 6); /* line 0 is none */
    db_result_free(r);
    r = ask_about(&q_rules, e.interaction_id);
    assert_int_equal(db_rows(r), 2);
    assert_true(str_is(db_get_text(r, 0, 0), "q@1#00000000"));
    assert_true(db_get_bool(r, 0, 1));
    assert_int_equal(db_get_int(r, 0, 2), 77);
    assert_true(str_is(db_get_text(r, 0, 3), "q/quiet"));
    assert_int_equal(db_get_int(r, 0, 5), 4); /* from 0 here */
    assert_true(str_is(db_get_text(r, 0, 6), "one more") && db_is_null(r, 0, 7));
    assert_true(str_is(db_get_text(r, 1, 4), "reject") && db_is_null(r, 1, 5));
    assert_true(str_is(db_get_text(r, 1, 7), "since"));
    db_result_free(r);
}

static void expect_due(MessageLog *log, Str id, const char *state, const char *untried)
{
    keep(log->list, log->count, 4);
    keep(log->list, log->count, 1); /* said again it is the same */
    DbResult *r = ask_about(&q_due, id);
    assert_int_equal(db_rows(r), 1);
    assert_true(str_is(db_get_text(r, 0, 0), state) && str_is(db_get_text(r, 0, 1), state));
    assert_true(str_is(db_get_text(r, 0, 2), untried));
    db_result_free(r);
}

static void every_chosen_destination_owes_an_answer(void **state)
{
    (void)state;
    MessageLog log = small_log();
    Envelope e = sample_envelope(arena, "two", sample_bundle(arena, 1, 10), month_us(1));
    log_add_envelope(&log, "intake", &e);
    log_add_validated(&log, &e, ACTION_ACCEPT, 0);
    log_add_choice(&log, &e, "a");
    log_add_choice(&log, &e, "b");
    expect_due(&log, e.interaction_id, "FORWARD", "a,b");
    log_add_delivery(&log, &e, "a", 1, true, true);
    expect_due(&log, e.interaction_id, "FORWARD", "b");
    log_add_delivery(&log, &e, "b", 1, false, false);
    expect_due(&log, e.interaction_id, "FORWARD", "");
    log_add_delivery(&log, &e, "b", 2, false, true);
    expect_due(&log, e.interaction_id, "FAIL", "");
    Envelope again = e;
    again.replay_id = STR("0197a000-0000-7000-8000-000000000001");
    log_add_choice(&log, &again, "a"); /* which has it already */
    log_add_choice(&log, &again, "b");
    expect_due(&log, e.interaction_id, "FORWARD", "b");
    log_add_delivery(&log, &again, "b", 1, true, true);
    expect_due(&log, e.interaction_id, "COMPLETE", "");
}

static void a_destination_that_a_replay_no_longer_chooses_owes_nothing(void **state)
{
    (void)state;
    MessageLog log = small_log();
    Envelope e = sample_envelope(arena, "two", sample_bundle(arena, 2, 10), month_us(1));
    log_add_envelope(&log, "intake", &e);
    log_add_validated(&log, &e, ACTION_ACCEPT, 0);
    log_add_choice(&log, &e, "a");
    log_add_choice(&log, &e, "gone");
    log_add_delivery(&log, &e, "a", 1, true, true);
    expect_due(&log, e.interaction_id, "FORWARD", "gone");
    e.replay_id = STR("0197a000-0000-7000-8000-000000000002");
    log_add_choice(&log, &e, "a");
    expect_due(&log, e.interaction_id, "COMPLETE", "gone");
}

static void what_cannot_be_true_is_refused(void **state)
{
    (void)state;
    MessageLog log = small_log();
    Record record;
    Err err = {0};
    char *tenant = calloc(1, 3001);
    memset(tenant, 't', 3000);
    Envelope e = sample_envelope(arena, "bad", STR("{}"), month_us(1));
    e.payload = STR("{ }");
    log_add_envelope(&log, "intake", &e);
    e = sample_envelope(arena, tenant, STR("{}"), month_us(1));
    log_add_envelope(&log, "intake", &e);
    static const char *const codes[] = {"payload-hash", "record-id"};
    for (size_t i = 0; i < log.count; i++) {
        assert_false(read_as("intake", log.list[i].value, 1, &record, &err));
        assert_int_equal(err.kind, ERR_INPUT);
        assert_string_equal(err.code, codes[i]);
    }
    assert_false(read_as("intake", STR("\xff\xff\xff"), 1, &record, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_false(read_as("elsewhere", STR("x"), 1, &record, &err));
    assert_string_equal(err.code, "record-topic");
    free(tenant);
}

static void hostile_texts_are_stored_all_the_same(void **state)
{
    (void)state;
    MessageLog log = small_log();
    char *big = calloc(1, 3000001);
    memset(big, 'b', 3000000);
    Str payload = arena_format(
        arena, "{\"resourceType\":\"Bundle\",\"id\":\"%s\",\"type\":\"\\u0000\"}", big);
    Envelope e = sample_envelope(arena, "hostile", payload, month_us(1));
    e.headers.user_agent = (Str){big, 3000000};
    e.headers.client_address = STR("\xff\xfe'; DROP TABLE fhirbus.message; --");
    e.headers.elaboration = STR("{not json");
    log_add_envelope(&log, "intake", &e);
    keep(log.list, log.count, 1);
    DbResult *r = ask_about(&q_payload, e.interaction_id);
    assert_int_equal(db_rows(r), 1);
    assert_int_equal(db_get_text(r, 0, 3).len, 256);
    assert_int_equal(db_get_text(r, 0, 9).len, 16384);
    db_result_free(r);
    free(big);
}

static void a_health_check_leaves_no_trace(void **state)
{
    (void)state;
    MessageLog log = small_log();
    Envelope e = sample_envelope(arena, "health", sample_bundle(arena, 1, 10), month_us(1));
    e.headers.health_check = true;
    log_add_envelope(&log, "intake", &e);
    log_add_validated(&log, &e, ACTION_ACCEPT, 1);
    keep(log.list, log.count, 5);
    DbResult *r = ask_about(&q_state, e.interaction_id);
    assert_int_equal(db_rows(r), 0);
    db_result_free(r);
}

static Str partition_of(Str id)
{
    DbResult *r = ask_about(&q_payload, id);
    assert_int_equal(db_rows(r), 1);
    Str name = arena_copy(arena, db_get_text(r, 0, 10));
    db_result_free(r);
    return name;
}

static int64_t default_rows(void)
{
    DbResult *r = ask(&sql_default_rows, NULL);
    int64_t rows = db_get_int(r, 0, 0);
    db_result_free(r);
    return rows;
}

static void months_roll_over(void **state)
{
    (void)state;
    empty();
    MessageLog log = small_log();
    Envelope e = sample_envelope(arena, "months", sample_bundle(arena, 1, 10), month_us(2));
    log_add_envelope(&log, "intake", &e);
    Envelope again = e;
    again.received_at_us = month_us(3); /* the sender's retry, a month later */
    log_add_envelope(&log, "intake", &again);
    log_add_validated(&log, &again, ACTION_ACCEPT, 3);
    keep(log.list, log.count, 1);
    assert_true(str_is(partition_of(e.interaction_id), "fhirbus.message_2026_02"));
    Envelope late = sample_envelope(arena, "months", sample_bundle(arena, 2, 10), month_us(40));
    log = small_log();
    log_add_envelope(&log, "intake", &late);
    log_add_validated(&log, &late, ACTION_ACCEPT, 3);
    keep(log.list, log.count, 5);
    assert_true(str_is(partition_of(late.interaction_id), "fhirbus.message_default"));
    assert_true(default_rows() >= 2 + 3); /* message, verdict, diagnostics, events */
    for (int64_t made = 1; made;) {
        DbResult *settled = ask(&sql_settle_defaults, NULL);
        made = db_get_int(settled, 0, 0);
        db_result_free(settled);
    }
    assert_int_equal(default_rows(), 0);
    assert_true(str_is(partition_of(late.interaction_id), "fhirbus.message_2029_04"));
    DbResult *r = ask_about(&q_state, late.interaction_id);
    assert_true(str_is(db_get_text(r, 0, 0), "DISPOSITION"));
    db_result_free(r);
}

static void what_is_older_than_the_horizon_has_expired(void **state)
{
    (void)state;
    empty();
    MessageLog log = small_log();
    Envelope e = sample_envelope(arena, "expired", sample_bundle(arena, 1, 10), month_us(1));
    log_add_envelope(&log, "intake", &e);
    keep(log.list, log.count, 1);
    ask_at(&q_horizon, month_us(2));
    Envelope other = sample_envelope(arena, "expired", sample_bundle(arena, 2, 10), month_us(1));
    log = small_log();
    log_add_envelope(&log, "intake", &other);
    log_add_validated(&log, &other, ACTION_ACCEPT, 3);
    log_add_validated(&log, &e, ACTION_ACCEPT, 3);
    keep(log.list, log.count, 5); /* settled without an error, without a row */
    DbResult *r = ask_about(&q_payload, other.interaction_id);
    assert_int_equal(db_rows(r), 0);
    db_result_free(r);
    r = ask_about(&q_diagnostics, e.interaction_id);
    assert_int_equal(db_get_int(r, 0, 0), 0);
    db_result_free(r);
    ask_at(&q_horizon, 1);
}

static void set_retention(const char *tenant, int32_t payload_days, int32_t record_days)
{
    DbParams params;
    db_params_init(&params, arena);
    db_text(&params, str_from(tenant));
    db_int(&params, payload_days);
    db_int(&params, record_days);
    db_result_free(ask(&q_setting, &params));
}

static void expect_messages(const char *tenant, int64_t rows, int64_t payloads)
{
    DbParams params;
    db_params_init(&params, arena);
    db_text(&params, str_from(tenant));
    DbResult *r = ask(&q_counts, &params);
    assert_int_equal(db_get_int(r, 0, 0), rows);
    assert_int_equal(db_get_int(r, 0, 1), payloads);
    db_result_free(r);
}

static void retention_is_each_tenants_own(void **state)
{
    (void)state;
    empty();
    set_retention("short", 10, 60);
    MessageLog log = small_log();
    const char *const tenants[] = {"short", "long"};
    for (int i = 0; i < 4; i++) {
        Envelope e = sample_envelope(arena, tenants[i % 2], sample_bundle(arena, 1, 10),
                                     month_us(1 + i / 2));
        log_add_envelope(&log, "intake", &e);
    }
    keep(log.list, log.count, 10);
    ask_at(&q_purge_at, month_us(2) + INT64_C(86400000000) * 2);
    expect_messages("short", 2, 1); /* January's payload is gone, February's is not */
    expect_messages("long", 2, 2);
    ask_at(&q_purge_at, month_us(3) + INT64_C(86400000000) * 15);
    expect_messages("short", 1, 0);
    expect_messages("long", 2, 2);
    set_retention("*", 30, 30);
    ask_at(&q_drop_at, month_us(4)); /* "short" keeps records for 60 days: February stays */
    DbResult *r = ask(&q_months_left, NULL);
    assert_int_equal(db_get_int(r, 0, 0), 1);
    db_result_free(r);
    expect_messages("long", 1, 1);
    set_retention("*", 2555, 2555);
    ask_at(&q_horizon, 1);
}

/* --- what validators have loaded -------------------------------------------------------------- */

static Sent told(const char *instance, int64_t at_us, bool whole, bool ended, uint32_t images)
{
    static const NameValue packages[] = {
        {STR("us.ny.hrsn"),       STR("1.8.1")},
        {STR("hl7.fhir.r4.core"), STR("4.0.1")}
    };
    static const Str urls[] = {STR("http://a/p"), STR("http://a/q")};
    const LoadedImage list[] = {
        {.digest = STR("d1"),
         .name = STR("us.ny.hrsn"),
         .version = STR("1.8.1"),
         .reference = STR("hapi"),
         .bytes = 9000000,
         .loaded_at_us = at_us - at_us % 3600000000,
         .profiles = 2,
         .described = whole,
         .packages = packages,
         .package_count = whole ? 2 : 0,
         .profile_urls = urls,
         .profile_url_count = whole ? 2 : 0},
        {.digest = STR("d2"),     .name = STR("other"), .loaded_at_us = at_us - at_us % 3600000000          },
        {.digest = STR("d1"), .name = STR("the same, twice"),             .loaded_at_us = at_us   },
    };
    Uuid id = uuid_v7(), of = uuid_v7();
    Event event = {
        .event_id = uuid_str(&id),
        .interaction_id = uuid_str(&of),
        .kind = STR("images"),
        .at_us = at_us,
        .has_loaded = true,
        .loaded = {.instance = str_from(instance),
                   .host = STR("pod-1"),
                   .software = STR("0.1.0"),
                   .started_at_us = at_us - at_us % 3600000000,
                   .every_s = 30,
                   .ended = ended,
                   .images = list,
                   .image_count = images}
    };
    Sent sent = {.topic = "events", .at_us = at_us};
    Err err = {0};
    if (!event_encode(&event, arena, &sent.value, &err))
        fail_msg("%s %s", err.code, err.text);
    return sent;
}

static void expect_told(bool with_instances, const char *const *parts)
{
    DbParams params;
    db_params_init(&params, arena);
    db_bool(&params, with_instances);
    DbResult *result = ask(&q_loaded, &params);
    Str text = db_get_text(result, 0, 0);
    for (; *parts; parts++)
        if (str_find(text, str_from(*parts)) == SIZE_MAX)
            fail_msg("no %s in %.*s", *parts, STR_ARG(text));
    db_result_free(result);
}

static char *loaded_rows(void)
{
    DbResult *result = ask(&q_loaded_rows, NULL);
    Str text = db_get_text(result, 0, 0);
    char *copy = strndup(text.ptr ? text.ptr : "", text.len);
    db_result_free(result);
    return copy;
}

static void pass(const char *time)
{
    DbParams params;
    db_params_init(&params, arena);
    db_text(&params, str_from(time));
    db_result_free(ask(&q_time_passes, &params));
}

static void the_newest_report_of_a_validator_counts(void **state)
{
    (void)state;
    int64_t now = clock_wall_us(), second = 1000000;
    Sent list[] = {told("v1", now - 60 * second, true, false, 3),
                   told("v1", now - 30 * second, false, false, 1),
                   told("v2", now - 20 * second, false, false, 1),
                   told("v2", now - 300 * 3600 * second, true, false, 2)};
    char *expected = NULL;
    for (size_t i = 0; i < 4; i++) { /* each of them first, then the others, some twice */
        Sent turned[8];
        for (size_t at = 0; at < 8; at++)
            turned[at] = list[(i + at * 3) % 4];
        db_result_free(ask(&q_no_validators, NULL));
        keep(turned, 8, 1 + i);
        char *rows = loaded_rows();
        if (expected)
            assert_string_equal(rows, expected);
        else
            expected = strdup(rows);
        free(rows);
    }
    free(expected);
    expect_told(true, (const char *[]){"\"digest\" : \"d1\", \"name\" : \"us.ny.hrsn\"",
                                       "[\"us.ny.hrsn#1.8.1\",\"hl7.fhir.r4.core#4.0.1\"]",
                                       "\"validators\" : 2, \"gone\" : 0", "\"host\" : \"pod-1\"",
                                       "\"validators\" : {\"running\" : 2, \"gone\" : 0}", NULL});
    expect_told(false, (const char *[]){"\"instances\" : null", "\"validators\" : 2", NULL});
}

static void a_validator_that_ends_or_falls_silent_is_gone(void **state)
{
    (void)state;
    int64_t now = clock_wall_us(), second = 1000000;
    const Sent list[] = {told("v1", now - 20 * second, true, false, 1),
                         told("v2", now - 20 * second, false, false, 1),
                         told("v2", now - 10 * second, false, true, 1)};
    db_result_free(ask(&q_no_validators, NULL));
    keep(list, 3, 3);
    expect_told(true, (const char *[]){"\"validators\" : 1, \"gone\" : 1", "\"ended\"", NULL});
    pass("75 seconds"); /* three times 30 are over */
    expect_told(true, (const char *[]){"\"validators\" : 0, \"gone\" : 2",
                                       "\"gone\", \"loaded_at\"", "\"running\" : 0", NULL});
    db_result_free(ask(&sql_purge_loaded, NULL));
    expect_told(true, (const char *[]){"\"gone\" : 2", NULL});
    pass("2 hours");
    db_result_free(ask(&sql_purge_loaded, NULL));
    expect_told(true, (const char *[]){"\"validators\" : 0, \"gone\" : 1", NULL});
    pass("3 days");
    db_result_free(ask(&sql_purge_loaded, NULL));
    char *rows = loaded_rows();
    assert_string_equal(rows, "");
    free(rows);
}

static void throughput_is_told(void **state)
{
    (void)state;
    enum { MESSAGES = 1500, BATCH = 100 };
    MessageLog log = {.arena = arena, .room = MESSAGES};
    log.list = ARENA_ARRAY(arena, Sent, log.room);
    Str payload = sample_bundle(arena, 1, 62000);
    for (int i = 0; i < MESSAGES; i++) {
        Envelope e = sample_envelope(arena, "fast", payload, clock_wall_us());
        log_add_envelope(&log, "intake.bulk", &e);
    }
    ask_at(&q_months, clock_wall_us());
    int64_t start = clock_mono_us();
    keep(log.list, log.count, BATCH);
    double seconds = (double)(clock_mono_us() - start) / 1e6;
    printf("# figure: store keeps %.0f intake messages/s (%zu byte bundles, batches of %d, one "
           "connection, not overlapped)\n",
           MESSAGES / seconds, payload.len, BATCH);
    expect_messages("fast", MESSAGES, MESSAGES);
}

int main(void)
{
    if (!private_postgres_start(&pg)) {
        printf("ok 1 - store # SKIP no PostgreSQL to start\n1..1\n");
        return 0;
    }
    if (!private_postgres_migrate(&pg)) {
        printf("not ok 1 - fhirbus-migrate up\n1..1\n");
        private_postgres_stop(&pg);
        return 1;
    }
    arena = arena_new((size_t)1 << 30);
    records_arena = arena_new((size_t)256 << 20);
    send_arena = arena_new((size_t)64 << 20);
    persister_config = pg.config;
    persister_config.user = "fhirbus_persister";
    db = db_new(&persister_config, store_statements, "store_test", NULL);
    admin = db_new(&pg.config, admin_statements, "store_test admin", NULL);
    store = store_new(db);
    recorder = recorder_new(1, NULL);
    ask_at(&q_months, month_us(1));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_repetition_change_nothing),
        cmocka_unit_test(payloads_are_kept_byte_for_byte),
        cmocka_unit_test(the_status_view_has_a_row_per_nature),
        cmocka_unit_test(every_chosen_destination_owes_an_answer),
        cmocka_unit_test(a_destination_that_a_replay_no_longer_chooses_owes_nothing),
        cmocka_unit_test(what_cannot_be_true_is_refused),
        cmocka_unit_test(hostile_texts_are_stored_all_the_same),
        cmocka_unit_test(a_health_check_leaves_no_trace),
        cmocka_unit_test(months_roll_over),
        cmocka_unit_test(what_is_older_than_the_horizon_has_expired),
        cmocka_unit_test(retention_is_each_tenants_own),
        cmocka_unit_test(the_newest_report_of_a_validator_counts),
        cmocka_unit_test(a_validator_that_ends_or_falls_silent_is_gone),
        cmocka_unit_test(throughput_is_told),
    };
    int failed = cmocka_run_group_tests_name("store", tests, NULL, NULL);
    store_free(store);
    recorder_free(recorder);
    db_free(db);
    db_free(admin);
    arena_free(arena);
    arena_free(records_arena);
    arena_free(send_arena);
    private_postgres_stop(&pg);
    return failed;
}
