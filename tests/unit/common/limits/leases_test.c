/* Leases against a ledger that is a struct: one replica, then several that race, die and lose the
 * ledger. What the real ledger does is in services/persister/migrations; tests/e2e/limits tries
 * that. */
#include "common/limits/leases.h"

#include <stdlib.h>

#include "tests/support/cmocka.h"

enum { LIFE_MS = 5000, REPLICAS_MAX = 3 };

typedef struct Ledger {
    uint64_t burst, per_s, quota, slots;
    double tokens;
    uint64_t used;
    int64_t at_ms;
    uint64_t held[REPLICAS_MAX], taken_slots[REPLICAS_MAX];
    size_t calls;
} Ledger;

static void fill(Ledger *ledger, int64_t now)
{
    ledger->tokens += (double)(now - ledger->at_ms) * (double)ledger->per_s / 1000;
    if (ledger->tokens > (double)ledger->burst)
        ledger->tokens = (double)ledger->burst;
    ledger->at_ms = now;
}

static LeaseAnswer answer_of(Ledger *ledger, size_t replica, const LeaseAsk *ask, int64_t now)
{
    LeaseAnswer answer = {.granted = ask->want};
    uint64_t back = ask->back < ledger->held[replica] ? ask->back : ledger->held[replica];
    uint64_t kept = ledger->held[replica] - back;
    kept = ask->kept < kept ? ask->kept : kept;
    fill(ledger, now);
    ledger->tokens += (double)back - (double)ask->debt;
    ledger->tokens = ledger->tokens < 0 ? 0 : ledger->tokens;
    ledger->used = ledger->used - back + ask->debt;
    if (ledger->per_s && (double)answer.granted > ledger->tokens) {
        answer.granted = (uint64_t)ledger->tokens;
        answer.reason = LIMIT_RATE;
    }
    uint64_t left = ledger->quota > ledger->used ? ledger->quota - ledger->used : 0;
    if (ledger->quota && answer.granted > left) {
        answer.granted = left;
        answer.reason = LIMIT_QUOTA;
    }
    uint64_t others = 0, others_slots = 0;
    for (size_t i = 0; i < REPLICAS_MAX; i++) {
        others += i == replica ? 0 : ledger->held[i];
        others_slots += i == replica ? 0 : ledger->taken_slots[i];
    }
    if (ledger->quota) {
        uint64_t cap = ledger->quota / 100 ? ledger->quota / 100 : 1;
        uint64_t ahead = cap > others + kept ? cap - others - kept : 0;
        if (answer.granted > ask->need + ahead)
            answer.granted = ask->need + ahead;
    }
    ledger->used += answer.granted;
    if (ledger->per_s)
        ledger->tokens -= (double)answer.granted;
    ledger->held[replica] = kept + (answer.granted > ask->need ? answer.granted - ask->need : 0);
    uint64_t room = ledger->slots > others_slots ? ledger->slots - others_slots : 0;
    answer.slots = ask->slots < room ? ask->slots : room;
    ledger->taken_slots[replica] = answer.slots;
    answer.wait_ms = ledger->tokens < 1 ? 1000 / (int64_t)(ledger->per_s ? ledger->per_s : 1) : 0;
    answer.rate_left = (uint64_t)ledger->tokens;
    answer.quota_left = ledger->quota > ledger->used ? ledger->quota - ledger->used : 0;
    answer.quota_reset_ms = 3600000;
    ledger->calls++;
    return answer;
}

static size_t settle_as(Leases *leases, Ledger *ledger, size_t replica, bool closing, int64_t now)
{
    LeaseAsk asks[LEASES_BATCH_MAX];
    LeaseAnswer answers[LEASES_BATCH_MAX];
    size_t count = leases_collect(leases, closing, now, asks);
    for (size_t i = 0; i < count; i++)
        answers[i] = answer_of(ledger, replica, &asks[i], now);
    if (count)
        leases_answer(leases, asks, answers, count, now);
    return count;
}

static void settle(Leases *leases, Ledger *ledger, int64_t now)
{
    while (settle_as(leases, ledger, 0, false, now))
        ;
}

static bool lose(Leases *leases, int64_t now)
{
    LeaseAsk asks[LEASES_BATCH_MAX];
    size_t count = leases_collect(leases, false, now, asks);
    if (count)
        leases_failed(leases, asks, count, now);
    return count > 0;
}

static Leases *replica_new(uint64_t away_per_s)
{
    return leases_new(&(LeasesOptions){.life_ms = LIFE_MS, .away_per_s = away_per_s});
}

static void note_wake(void *context)
{
    ++*(int *)context;
}

static LeaseState enter(Leases *leases, const LimitPlan *plan, LeaseHold *hold, int64_t now)
{
    static int woken;
    *hold = (LeaseHold){.wake = note_wake, .context = &woken};
    return leases_enter(leases, LIMIT_CALLER, STR("qe"), plan, hold, now);
}

/* One whole request; true: granted. */
static bool ask_one(Leases *leases, Ledger *ledger, const LimitPlan *plan, int64_t now)
{
    LeaseHold hold;
    enter(leases, plan, &hold, now);
    settle(leases, ledger, now);
    LeaseState state = leases_state(leases, &hold);
    assert_int_not_equal(state, LEASE_WAITS);
    leases_leave(leases, &hold, now);
    settle(leases, ledger, now);
    return state == LEASE_GRANTED;
}

/* --- one replica ------------------------------------------------------------------------------ */

static void a_small_plan_is_leased_one_by_one(void **state)
{
    (void)state;
    const LimitPlan plan = {.rate_per_s = 1, .burst = 3};
    Ledger ledger = {.burst = 3, .per_s = 1, .tokens = 3, .at_ms = 1000};
    Leases *leases = replica_new(10);
    assert_int_equal(leases_ahead_max(&plan), 1);
    for (int i = 0; i < 3; i++) {
        assert_true(ask_one(leases, &ledger, &plan, 1000));
        assert_int_equal(leases_stats(leases).held, 0);
    }
    assert_false(ask_one(leases, &ledger, &plan, 1000));
    size_t calls = ledger.calls;
    assert_false(ask_one(leases, &ledger, &plan, 1001)); /* what was refused is not asked again */
    assert_int_equal(ledger.calls, calls);
    assert_true(ask_one(leases, &ledger, &plan, 2000));
    leases_free(leases);
}

static void a_large_plan_asks_the_ledger_seldom(void **state)
{
    (void)state;
    const LimitPlan plan = {.rate_per_s = 1000, .burst = 2000};
    Ledger ledger = {.burst = 2000, .per_s = 1000, .tokens = 2000, .at_ms = 1000};
    Leases *leases = replica_new(10);
    for (int i = 0; i < 1900; i++)
        assert_true(ask_one(leases, &ledger, &plan, 1000));
    assert_true(ledger.calls < 60);
    leases_free(leases);
}

static void what_is_not_used_is_given_back(void **state)
{
    (void)state;
    const LimitPlan plan = {.quota = 10000};
    Ledger ledger = {.quota = 10000, .at_ms = 1000};
    Leases *leases = replica_new(10);
    for (int i = 0; i < 50; i++)
        assert_true(ask_one(leases, &ledger, &plan, 1000));
    assert_true(ledger.used > 50 && ledger.used <= 150);
    leases_tick(leases, 1000 + LIFE_MS);
    settle(leases, &ledger, 1000 + LIFE_MS);
    assert_int_equal(ledger.used, 50);
    assert_int_equal(leases_stats(leases).held, 0);
    assert_true(ask_one(leases, &ledger, &plan, 1000 + LIFE_MS));
    while (settle_as(leases, &ledger, 0, true, 1001 + LIFE_MS)) /* shut down */
        ;
    assert_int_equal(ledger.used, 51);
    leases_free(leases);
}

static void a_refused_request_of_another_limit_is_not_counted(void **state)
{
    (void)state;
    const LimitPlan plan = {.rate_per_s = 1, .burst = 1};
    Ledger ledger = {.burst = 1, .per_s = 1, .tokens = 1, .at_ms = 1000};
    Leases *leases = replica_new(10);
    LeaseHold hold;
    enter(leases, &plan, &hold, 1000);
    settle(leases, &ledger, 1000);
    leases_refund(leases, &hold);
    leases_leave(leases, &hold, 1000);
    assert_true(ask_one(leases, &ledger, &plan, 1000));
    assert_false(ask_one(leases, &ledger, &plan, 1000));
    leases_free(leases);
}

static void slots_are_counted_and_given_back(void **state)
{
    (void)state;
    const LimitPlan plan = {.concurrency = 2};
    Ledger ledger = {.slots = 2, .at_ms = 1000};
    Leases *leases = replica_new(10);
    LeaseHold holds[3];
    for (int i = 0; i < 3; i++)
        enter(leases, &plan, &holds[i], 1000);
    settle(leases, &ledger, 1000);
    assert_int_equal(leases_state(leases, &holds[0]), LEASE_GRANTED);
    assert_int_equal(leases_state(leases, &holds[1]), LEASE_GRANTED);
    assert_int_equal(leases_state(leases, &holds[2]), LEASE_REFUSED);
    assert_int_equal(holds[2].reason, LIMIT_CONCURRENCY);
    for (int i = 0; i < 3; i++)
        leases_leave(leases, &holds[i], 1001);
    settle(leases, &ledger, 1001);
    assert_int_equal(ledger.taken_slots[0], 0);
    assert_true(ask_one(leases, &ledger, &plan, 1100));
    leases_free(leases);
}

static void another_plan_is_in_force_at_once(void **state)
{
    (void)state;
    const LimitPlan small = {.quota = 1}, large = {.quota = 100};
    Ledger ledger = {.quota = 1, .at_ms = 1000};
    Leases *leases = replica_new(10);
    assert_true(ask_one(leases, &ledger, &small, 1000));
    assert_false(ask_one(leases, &ledger, &small, 1000));
    ledger.quota = 100;
    assert_true(ask_one(leases, &ledger, &large, 1001));
    leases_free(leases);
}

/* --- what the sender is told ------------------------------------------------------------------ */

static void says_what_is_left(void **state)
{
    (void)state;
    const LimitPlan plan = {.rate_per_s = 2, .burst = 5, .quota = 50};
    Ledger ledger = {.burst = 5, .per_s = 2, .quota = 50, .tokens = 5, .at_ms = 1000};
    Leases *leases = replica_new(10);
    LeaseHold hold;
    LeaseFacts facts;
    enter(leases, &plan, &hold, 1000);
    assert_true(leases_facts(leases, &hold, 1000, &facts));
    assert_int_equal(facts.quota_reset_s, -1);
    settle(leases, &ledger, 1000);
    assert_true(leases_facts(leases, &hold, 1000, &facts));
    assert_int_equal(facts.rate_left, 4);
    assert_int_equal(facts.rate_reset_s, 1);
    assert_int_equal(facts.quota_left, 49);
    assert_int_equal(facts.quota_reset_s, 3600);
    leases_leave(leases, &hold, 1000);
    LeaseHold none = {0};
    assert_int_equal(leases_enter(leases, LIMIT_TENANT, STR("qe"), &(LimitPlan){0}, &none, 1),
                     LEASE_GRANTED);
    assert_false(leases_facts(leases, &none, 1, &facts));
    leases_free(leases);
}

/* --- without the ledger ----------------------------------------------------------------------- */

static void the_last_lease_then_the_default_and_nobody_waits(void **state)
{
    (void)state;
    const LimitPlan plan = {.rate_per_s = 100, .burst = 200};
    Ledger ledger = {.burst = 200, .per_s = 100, .tokens = 200, .at_ms = 1000};
    Leases *leases = replica_new(3);
    for (int i = 0; i < 40; i++)
        assert_true(ask_one(leases, &ledger, &plan, 1000));
    uint64_t left = leases_stats(leases).held;
    assert_true(left > 0);
    size_t granted = 0, by_default = 0;
    for (int i = 0; i < 60; i++) {
        LeaseHold hold;
        enter(leases, &plan, &hold, 2000);
        lose(leases, 2000);
        LeaseState got = leases_state(leases, &hold);
        assert_int_not_equal(got, LEASE_WAITS);
        granted += got == LEASE_GRANTED;
        by_default += got == LEASE_GRANTED && hold.by_default;
        leases_leave(leases, &hold, 2000);
    }
    assert_int_equal(granted, left + 3);
    assert_int_equal(by_default, 3);
    assert_int_equal(leases_stats(leases).debt, 3);
    uint64_t used = ledger.used;
    ask_one(leases, &ledger, &plan, 4000); /* it is back: what was granted meanwhile is entered */
    settle(leases, &ledger, 4000);
    assert_int_equal(leases_stats(leases).debt, 0);
    assert_true(ledger.used >= used + 3);
    assert_false(leases_stats(leases).away);
    leases_free(leases);
}

/* As long as the ledger is away. */
static size_t granted_alone(Leases *leases, const LimitPlan *plan, size_t asked, int64_t from_ms,
                            LimitReason *ret_last)
{
    size_t granted = 0;
    for (size_t i = 0; i < asked; i++) {
        LeaseHold hold;
        int64_t now = from_ms + (int64_t)i * 1000;
        enter(leases, plan, &hold, now);
        lose(leases, now);
        granted += leases_state(leases, &hold) == LEASE_GRANTED;
        *ret_last = hold.reason;
        leases_leave(leases, &hold, now);
    }
    return granted;
}

static void a_quota_that_is_known_is_kept_without_the_ledger_too(void **state)
{
    (void)state;
    const LimitPlan plan = {.quota = 20};
    Ledger ledger = {.quota = 20};
    LimitReason reason = LIMIT_NO_REASON;
    Leases *leases = replica_new(1000);
    for (int i = 0; i < 12; i++)
        assert_true(ask_one(leases, &ledger, &plan, 1000));
    assert_int_equal(granted_alone(leases, &plan, 30, 2000, &reason), 8);
    assert_int_equal(reason, LIMIT_QUOTA);
    /* The period is over: what is left of the next one only the ledger knows. */
    assert_int_equal(granted_alone(leases, &plan, 5, 1000 + 3600000, &reason), 5);
    leases_free(leases);
    Leases *fresh = replica_new(2); /* one that never asked: the default alone */
    assert_int_equal(granted_alone(fresh, &plan, 30, 2000, &reason), 30);
    leases_free(fresh);
}

static void the_default_is_no_more_than_the_plan(void **state)
{
    (void)state;
    const LimitPlan plan = {.rate_per_s = 1};
    Leases *leases = replica_new(1000);
    size_t granted = 0;
    for (int i = 0; i < 10; i++) {
        LeaseHold hold;
        enter(leases, &plan, &hold, 1000);
        lose(leases, 1000);
        granted += leases_state(leases, &hold) == LEASE_GRANTED;
        leases_leave(leases, &hold, 1000);
    }
    assert_int_equal(granted, 1);
    leases_free(leases);
}

static void the_ledger_is_tried_again_after_a_second(void **state)
{
    (void)state;
    const LimitPlan plan = {.rate_per_s = 1};
    Leases *leases = replica_new(10);
    LeaseHold hold;
    enter(leases, &plan, &hold, 1000);
    assert_true(lose(leases, 1000));
    leases_leave(leases, &hold, 1000);
    assert_false(lose(leases, 1999));
    assert_true(lose(leases, 2000));
    leases_free(leases);
}

/* --- several ---------------------------------------------------------------------------------- */

typedef struct Race {
    Ledger ledger;
    Leases *replicas[REPLICAS_MAX];
    LimitPlan plan;
    uint64_t granted, refused;
    int64_t now;
} Race;

/* Requests one after the other on random replicas, which settle at random moments, a few waiting.
 */
static void run_race(Race *race, size_t requests, unsigned seed)
{
    enum { OPEN = 50 };
    LeaseHold holds[OPEN] = {{0}};
    size_t at[OPEN] = {0};
    for (size_t i = 0; i < requests + OPEN; i++) {
        LeaseHold *hold = &holds[i % OPEN];
        Leases *leases = race->replicas[at[i % OPEN]];
        if (hold->subject) { /* its turn is over: it gets its answer */
            for (size_t r = 0; r < REPLICAS_MAX; r++)
                while (leases_state(leases, hold) == LEASE_WAITS &&
                       settle_as(race->replicas[r], &race->ledger, r, false, race->now))
                    ;
            race->granted += leases_state(leases, hold) == LEASE_GRANTED;
            race->refused += leases_state(leases, hold) == LEASE_REFUSED;
            assert_int_not_equal(leases_state(leases, hold), LEASE_WAITS);
            leases_leave(leases, hold, race->now);
        }
        if (i < requests) {
            at[i % OPEN] = (size_t)rand_r(&seed) % REPLICAS_MAX;
            enter(race->replicas[at[i % OPEN]], &race->plan, hold, race->now);
        }
        if (rand_r(&seed) % 4 == 0) {
            size_t r = (size_t)rand_r(&seed) % REPLICAS_MAX;
            settle_as(race->replicas[r], &race->ledger, r, false, race->now);
        }
        race->now += rand_r(&seed) % 3;
    }
}

static void race_begin(Race *race, LimitPlan plan)
{
    *race = (Race){
        .plan = plan,
        .now = 1000,
        .ledger = {.burst = plan.burst,
                   .per_s = plan.rate_per_s,
                   .quota = plan.quota,
                   .slots = plan.concurrency,
                   .tokens = (double)plan.burst,
                   .at_ms = 1000}
    };
    for (size_t r = 0; r < REPLICAS_MAX; r++)
        race->replicas[r] = replica_new(10);
}

static void race_end(Race *race)
{
    for (size_t r = 0; r < REPLICAS_MAX; r++)
        leases_free(race->replicas[r]);
}

static void three_replicas_keep_a_quota_within_a_hundredth(void **state)
{
    (void)state;
    static const uint64_t quotas[] = {1, 20, 99, 500, 3000};
    for (size_t i = 0; i < sizeof quotas / sizeof quotas[0]; i++)
        for (unsigned seed = 1; seed <= 5; seed++) {
            Race race;
            race_begin(&race, (LimitPlan){.quota = quotas[i]});
            run_race(&race, 6000, seed);
            uint64_t within = quotas[i] / 100 > 1 ? quotas[i] / 100 : 1;
            if (race.granted > quotas[i] || race.granted + within < quotas[i])
                print_message("quota %llu, seed %u: %llu\n", (unsigned long long)quotas[i], seed,
                              (unsigned long long)race.granted);
            assert_true(race.granted <= quotas[i] && race.granted + within >= quotas[i]);
            race_end(&race);
        }
}

static void three_replicas_keep_a_rate_within_what_is_leased(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 5; seed++) {
        Race race;
        race_begin(&race, (LimitPlan){.rate_per_s = 100, .burst = 200});
        run_race(&race, 6000, seed);
        uint64_t allowed = 200 + (uint64_t)(race.now - 1000) / 10;
        assert_true(race.granted <= allowed && race.granted + 60 >= allowed);
        race_end(&race);
    }
}

/* A replica dies with its lease: that is lost, nothing more. */
static void a_killed_replica_loses_its_lease_at_most(void **state)
{
    (void)state;
    Race race;
    race_begin(&race, (LimitPlan){.quota = 1000});
    run_race(&race, 400, 7);
    uint64_t lost = leases_stats(race.replicas[0]).held;
    assert_true(lost <= 10);
    leases_free(race.replicas[0]);
    race.ledger.held[0] = 0; /* as when it expires */
    race.replicas[0] = replica_new(10);
    run_race(&race, 3000, 8);
    assert_true(race.granted <= 1000 && race.granted + lost + 10 >= 1000);
    race_end(&race);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_plan_is_leased_one_by_one),
        cmocka_unit_test(a_large_plan_asks_the_ledger_seldom),
        cmocka_unit_test(what_is_not_used_is_given_back),
        cmocka_unit_test(a_refused_request_of_another_limit_is_not_counted),
        cmocka_unit_test(slots_are_counted_and_given_back),
        cmocka_unit_test(another_plan_is_in_force_at_once),
        cmocka_unit_test(says_what_is_left),
        cmocka_unit_test(the_last_lease_then_the_default_and_nobody_waits),
        cmocka_unit_test(a_quota_that_is_known_is_kept_without_the_ledger_too),
        cmocka_unit_test(the_default_is_no_more_than_the_plan),
        cmocka_unit_test(the_ledger_is_tried_again_after_a_second),
        cmocka_unit_test(three_replicas_keep_a_quota_within_a_hundredth),
        cmocka_unit_test(three_replicas_keep_a_rate_within_what_is_leased),
        cmocka_unit_test(a_killed_replica_loses_its_lease_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
