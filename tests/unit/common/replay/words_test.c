#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/when.h"
#include "common/replay/replay.h"

typedef struct Pair {
    const char *name, *value;
} Pair;

/* NULL: fine; else what is said of them. */
static const char *read_all(ReplayWords *words, const Pair *pairs)
{
    replay_words_init(words);
    for (; pairs->name; pairs++) {
        const char *wrong = replay_word(words, str_from(pairs->name), str_from(pairs->value));
        if (wrong)
            return wrong;
    }
    return replay_words_check(words);
}

static ReplayWords words;

static void reads_every_word(void **state)
{
    static const Pair all[] = {
        {"tenant",                                "qe"},
        {"since",                                       "2026-11-01"},
        {"until","2026-11-01"},
        {"state",                                 "FAIL"},
        {"id",                                       "01923456-0000-4000-8000-000000000001"},
        {"id", "01923456-0000-4000-8000-000000000002"},
        {"from-topic",                                    "intake"},
        {"offsets",                                       "0:1-2"},
        {"to", "submit"},
        {"include-superseded",                            ""},
        {"resubmit",                                       "true"},
        {"rate","50"},
        {"dry-run",                                    "true"},
        {0                                      },
    };
    (void)state;
    assert_null(read_all(&words, all));
    const ReplayAsk *ask = &words.ask;
    assert_true(str_is(ask->tenant, "qe") && str_is(ask->of_state, "FAIL"));
    assert_true(ask->to_us - ask->from_us == 86400LL * 1000000);
    assert_int_equal(ask->id_count, 2);
    assert_true(str_is(ask->from_topic, "intake") && str_is(ask->offsets, "0:1-2"));
    assert_true(ask->include_superseded && ask->resubmit && words.dry_run);
    assert_int_equal(ask->rate, 50);
}

static void says_what_is_wrong(void **state)
{
    static const Pair wrong[][4] = {
        {{"to", "validate"}      },
        {                            {"tenant", "x"}                       },
        {          {"to", "somewhere"},                        {"tenant", "x"}},
        {                                     {"to", "store"},                        {"tenant", ""}},
        {                                     {"to", "store"},                        {"id", "1"}},
        {                                     {"to", "store"},         {"rate", "-1"}, {"tenant", "x"}},
        {                                    {"to", "store"},  {"since", "yesterday"}},
        {                            {"to", "store"}, {"since", "2026-11-02"}, {"until", "2026-11-01"}},
        {     {"to", "store"},          {"from-topic", "validated"}},
        {{"to", "store"},          {"from-topic", "intake"}, {"from-dlq", ""}},
        {        {"to", "store"},                        {"tenant", "x"}, {"offsets", "0:1"}},
        {                             {"to", "store"},      {"tenant", "x"}, {"resubmit", ""}},
        {                                 {"to", "store"},    {"tenant", "x"}, {"dry-run", "maybe"}},
        {               {"to", "store"},          {"nonsense", "x"}},
        {{"to", "store"},                        {"state", "FAILED"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (!read_all(&words, wrong[i]))
            fail_msg("case %zu was taken", i);
}

static void a_flag_can_be_taken_back(void **state)
{
    static const Pair off[] = {
        {"to",      "store"},
        {"tenant",         "x"},
        {"dry-run","false"},
        {0}
    };
    (void)state;
    assert_null(read_all(&words, off));
    assert_false(words.dry_run);
    assert_true(replay_word_is_flag(STR("from-dlq")) && !replay_word_is_flag(STR("to")) &&
                !replay_word_is_flag(STR("unknown")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_word),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(a_flag_can_be_taken_back),
    };
    return cmocka_run_group_tests_name("replay words", tests, NULL, NULL);
}
