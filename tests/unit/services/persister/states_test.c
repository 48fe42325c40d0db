#include "services/persister/states.h"

#include "tests/support/cmocka.h"

static void expect(const StateEvents *events, size_t i, const char *step, const char *nature,
                   const char *from, const char *to)
{
    assert_true(i < events->count);
    const StateEvent *e = &events->list[i];
    assert_string_equal(e->step, step);
    assert_string_equal(e->nature ? e->nature : "", nature);
    assert_string_equal(e->from ? e->from : "", from);
    assert_string_equal(e->to ? e->to : "", to);
}

static void a_bundle_goes_from_none_to_disposition(void **state)
{
    (void)state;
    StateEvents events;
    Validated v = {
        .envelope = {.source_type = STR("FHIR"), .received_at_us = 5, .attempt = 2},
        .bundle = STR("{}"),
        .bundle_is_payload = true,
        .outcome = {.finished_at_us = 9             }
    };
    states_of_envelope(&v.envelope, &events);
    assert_int_equal(events.count, 1);
    expect(&events, 0, "accepted", "Original FHIR Payload", "NONE", "ACCEPT_FHIR_BUNDLE");
    assert_int_equal(events.list[0].happened_at_us, 5);
    states_of_validated(&v, &events);
    assert_int_equal(events.count, 1);
    expect(&events, 0, "disposed", "techByDesignDisposition", "ACCEPT_FHIR_BUNDLE", "DISPOSITION");
    assert_int_equal(events.list[0].attempt, 2);
    assert_int_equal(events.list[0].happened_at_us, 9);
}

static void other_formats_are_converted_first(void **state)
{
    (void)state;
    StateEvents events;
    Validated v = {.envelope = {.source_type = STR("hl7v2")}, .bundle = STR("{}")};
    states_of_envelope(&v.envelope, &events);
    expect(&events, 0, "accepted", "Original HL7V2 Payload", "NONE", "HL7_ACCEPT");
    states_of_validated(&v, &events);
    assert_int_equal(events.count, 2);
    expect(&events, 0, "converted", "Converted to FHIR", "HL7_ACCEPT", "CONVERTED_TO_FHIR");
    expect(&events, 1, "disposed", "techByDesignDisposition", "CONVERTED_TO_FHIR", "DISPOSITION");
    v.envelope.content_type = STR("application/fhir+json"); /* that was done before it was sent */
    v.bundle_is_payload = true;
    states_of_envelope(&v.envelope, &events);
    expect(&events, 0, "accepted", "Original FHIR Payload", "NONE", "ACCEPT_FHIR_BUNDLE");
    states_of_validated(&v, &events);
    assert_int_equal(events.count, 1);
    expect(&events, 0, "disposed", "techByDesignDisposition", "ACCEPT_FHIR_BUNDLE", "DISPOSITION");
    v = (Validated){.envelope = {.source_type = STR("hl7v2")}};
    states_of_validated(&v, &events);
    expect(&events, 0, "conversion-failed", "Converted to FHIR", "HL7_ACCEPT",
           "FHIR_CONVERSION_FAILED");
    expect(&events, 1, "disposed", "techByDesignDisposition", "FHIR_CONVERSION_FAILED", "");
}

static void deliveries_end_in_complete_or_fail(void **state)
{
    (void)state;
    static const struct {
        bool success, final, replay;
        uint32_t attempt;
        const char *request, *from, *step, *answer, *to;
    } cases[] = {
        {true,  true,  false, 1, "Forward HTTP Request",          "DISPOSITION", "delivered",
         "Forwarded HTTP Response",              "COMPLETE"},
        {false, true,  false, 3, "Forward HTTP Request",          "FORWARD",     "undelivered",
         "Forwarded HTTP Response Error",        "FAIL"    },
        {false, false, false, 1, "Forward HTTP Request",          "DISPOSITION", "attempt-failed",
         "Forwarded HTTP Response Error",        "FORWARD" },
        {true,  true,  true,  1, "Forwarded HTTP Request Replay", "FAIL",        "delivered",
         "Forwarded HTTP Response Replay",       "COMPLETE"},
        {false, true,  true,  1, "Forwarded HTTP Request Replay", "FAIL",        "undelivered",
         "Forwarded HTTP Response Replay Error", "FAIL"    },
    };
    ARENA_AUTO arena = arena_new(65536);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        StateEvents events;
        Response r = {
            .kind = RESPONSE_DELIVERY,
            .service = STR("lake-submitter"),
            .has_delivery = true,
            .at_us = 7,
            .replay_id = cases[i].replay ? STR("r") : STR_NONE,
            .delivery = {.destination = STR("lake"),
                         .attempt = cases[i].attempt,
                         .success = cases[i].success,
                         .final = cases[i].final}
        };
        states_of_response(&r, arena, &events);
        assert_int_equal(events.count, 2);
        expect(&events, 0, "forwarded", cases[i].request, cases[i].from, "FORWARD");
        expect(&events, 1, cases[i].step, cases[i].answer, "FORWARD", cases[i].to);
        assert_true(str_is(events.list[1].destination, "lake"));
        assert_int_equal(events.list[1].attempt, cases[i].attempt);
        assert_int_equal(events.list[1].happened_at_us, 7); /* for want of better */
    }
}

static void a_chosen_destination_owes_an_answer_before_it_is_tried(void **state)
{
    (void)state;
    StateEvents events;
    ARENA_AUTO arena = arena_new(65536);
    Response r = {.kind = RESPONSE_ROUTED,
                  .service = STR("lake-submitter"),
                  .has_delivery = true,
                  .at_us = 7,
                  .delivery = {.destination = STR("lake")}};
    states_of_response(&r, arena, &events);
    assert_int_equal(events.count, 1);
    expect(&events, 0, "routed", "Routed", "DISPOSITION", "FORWARD");
    assert_true(str_is(events.list[0].destination, "lake"));
    assert_int_equal(events.list[0].attempt, 0); /* any attempt counts more */
    assert_int_equal(events.list[0].happened_at_us, 7);
    r.replay_id = STR("r");
    states_of_response(&r, arena, &events);
    expect(&events, 0, "routed", "Routed", "FAIL", "FORWARD");
    assert_true(str_is(events.list[0].replay_id, "r"));
}

static void a_dead_letter_changes_no_state(void **state)
{
    (void)state;
    StateEvents events;
    ARENA_AUTO arena = arena_new(65536);
    Response r = {
        .kind = RESPONSE_BURIED,
        .has_delivery = true,
        .delivery = {.destination = STR("lake"), .attempt = 3}
    };
    states_of_response(&r, arena, &events);
    assert_int_equal(events.count, 1);
    expect(&events, 0, "buried", "", "", "");
    assert_int_equal(events.list[0].attempt, 3);
}

static void verdicts_on_the_response_topic_say_nothing_new(void **state)
{
    (void)state;
    StateEvents events;
    ARENA_AUTO arena = arena_new(65536);
    Response r = {.kind = RESPONSE_VERDICT, .has_outcome = true};
    states_of_response(&r, arena, &events);
    assert_int_equal(events.count, 0);
    Envelope replay = {.replay_id = STR("r")};
    states_of_envelope(&replay, &events);
    assert_int_equal(events.count, 0);
}

static void each_service_fails_by_itself(void **state)
{
    (void)state;
    StateEvents events;
    ARENA_AUTO arena = arena_new(65536);
    Response r = {
        .kind = RESPONSE_FAILED, .service = STR("validator"), .failure = {.code = STR("poison")}};
    states_of_response(&r, arena, &events);
    assert_int_equal(events.count, 1);
    expect(&events, 0, "failed-validator", "Processing Failed", "", "FAIL");
    assert_true(str_is(events.list[0].reason, "poison"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bundle_goes_from_none_to_disposition),
        cmocka_unit_test(other_formats_are_converted_first),
        cmocka_unit_test(deliveries_end_in_complete_or_fail),
        cmocka_unit_test(a_chosen_destination_owes_an_answer_before_it_is_tried),
        cmocka_unit_test(a_dead_letter_changes_no_state),
        cmocka_unit_test(verdicts_on_the_response_topic_say_nothing_new),
        cmocka_unit_test(each_service_fails_by_itself),
    };
    return cmocka_run_group_tests_name("states", tests, NULL, NULL);
}
