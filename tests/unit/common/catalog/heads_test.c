/* What the log decides of one id: also for who begins to read after compaction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "common/catalog/heads.h"

/* "A4" is the value A as version 4, "-" a tombstone; `over`, `settles`: its headers. */
typedef struct Line {
    const char *what, *over, *settles;
    HeadFate fate; /* for who has read from the start */
} Line;

#define TAKEN HEAD_TAKEN
#define SAME HEAD_SAME
#define LOST HEAD_LOST

static HeadFate take(Heads *heads, const Line *line, int64_t offset)
{
    char text[128];
    HeadRecord record = {.id = STR("k/x"),
                         .offset = offset,
                         .over = str_from(line->over),
                         .settles = str_from(line->settles)};
    if (line->what[0] == '?') {
        record.value = STR("no object");
    } else if (line->what[0] != '-') {
        snprintf(text, sizeof text, "{\"id\":\"k/x\",\"version\":%s,\"data\":\"%c\"}",
                 line->what + 1, line->what[0]);
        record.value = str_from(text);
    }
    return heads_take(heads, &record);
}

static void run(const Line *lines, size_t count)
{
    Heads *heads = heads_new(false);
    for (size_t i = 0; i < count; i++)
        if (take(heads, &lines[i], (int64_t)i) != lines[i].fate)
            fail_msg("line %zu: %s", i, lines[i].what);
    heads_free(heads);
}
#define RUN(...)                                                                                   \
    run((const Line[]){__VA_ARGS__}, sizeof((const Line[]){__VA_ARGS__}) / sizeof(Line))

static void the_first_over_a_version_wins(void **state)
{
    (void)state;
    RUN({"A1", "0", NULL, TAKEN}, {"B1", "0", NULL, LOST}, {"C2", "1", NULL, TAKEN},
        {"D2", "1", NULL, LOST}, {"E3", "2", NULL, TAKEN});
    RUN({"A4", "3", NULL, TAKEN}, {"B5", "4", NULL, TAKEN}, {"-", "4", NULL, LOST},
        {"-", "5", NULL, TAKEN}, {"C6", "5", NULL, LOST}, {"D1", "0", NULL, TAKEN});
}

static void a_record_that_comes_twice_changes_nothing(void **state)
{
    (void)state;
    RUN({"A1", "0", NULL, TAKEN}, {"A1", "0", NULL, SAME}, {"-", "1", NULL, TAKEN},
        {"-", "1", NULL, SAME});
}

static void who_says_nothing_is_taken_as_it_comes(void **state)
{
    (void)state;
    RUN({"A7", NULL, NULL, TAKEN}, {"B2", NULL, NULL, TAKEN}, {"-", NULL, NULL, TAKEN},
        {"C9", NULL, NULL, TAKEN});
    RUN({"?", "3", NULL, TAKEN}, {"B9", "8", NULL, TAKEN});
}

static void what_settles_names_whom(void **state)
{
    (void)state;
    RUN({"A4", "3", NULL, TAKEN}, {"B4", "3", NULL, LOST}, {"A4", NULL, "1-1", SAME},
        {"C5", "4", NULL, TAKEN}, {"A4", NULL, "1-2", LOST}, {"C5", NULL, "4-4", SAME});
}

static void is_unsettled_until_whoever_began_at_the_loser_is_told(void **state)
{
    (void)state;
    HeadSettlement to_do;
    Heads *heads = heads_new(true);
    take(heads, &(Line){"A4", "3", NULL, TAKEN}, 10);
    assert_false(heads_unsettled(heads, &to_do));
    assert_int_equal(take(heads, &(Line){"B4", "3", NULL, LOST}, 11), HEAD_LOST);
    assert_true(heads_unsettled(heads, &to_do));
    assert_true(str_is(to_do.id, "k/x"));
    assert_string_equal(to_do.settles, "11-11");
    assert_true(str_is(to_do.value, "{\"id\":\"k/x\",\"version\":4,\"data\":\"A\"}"));
    /* Who began at 11 does not know that this is over what is in force. */
    assert_int_equal(take(heads, &(Line){"-", "4", NULL, TAKEN}, 12), HEAD_TAKEN);
    assert_true(heads_unsettled(heads, &to_do) && to_do.value.ptr == NULL);
    assert_string_equal(to_do.settles, "11-12");
    assert_int_equal(take(heads, &(Line){"-", NULL, "11-12", SAME}, 13), HEAD_SAME);
    assert_false(heads_unsettled(heads, &to_do));
    heads_free(heads);
}

/* Of every log that there can be of a few writers, settled as publishers do it, whatever part
 * of it has been compacted: who reads it then knows what who has read all of it knows. */
typedef struct Log {
    Line lines[24];
    char texts[24][3][24];
    size_t count;
} Log;

static void append(Log *log, Heads *heads, const char *what, const char *over, const char *settles)
{
    char(*texts)[24] = log->texts[log->count];
    Line *line = &log->lines[log->count];
    snprintf(texts[0], 24, "%s", what);
    snprintf(texts[1], 24, "%s", over ? over : "");
    snprintf(texts[2], 24, "%s", settles ? settles : "");
    *line = (Line){texts[0], over ? texts[1] : NULL, settles ? texts[2] : NULL, 0};
    line->fate = take(heads, line, (int64_t)log->count++);
}

/* What the last of a log's lines says that were not lost. */
static const char *end_of(const Line *lines, size_t from, size_t count)
{
    Heads *heads = heads_new(false);
    const char *in_force = "-";
    for (size_t i = from; i < count; i++)
        if (take(heads, &lines[i], (int64_t)i) != HEAD_LOST)
            in_force = lines[i].what;
    heads_free(heads);
    return in_force;
}

static unsigned next_of(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*seed >> 33);
}

static void make_log(Log *log, uint64_t *seed)
{
    Heads *heads = heads_new(true);
    char what[24], over[24];
    while (log->count < 16) {
        uint64_t now = heads_version(heads, STR("k/x"));
        uint64_t seen = now - (next_of(seed) % 3 == 0 && now > 0); /* some are late */
        snprintf(over, sizeof over, "%llu", (unsigned long long)seen);
        snprintf(what, sizeof what, "%c%llu", (char)('A' + (int)log->count),
                 (unsigned long long)seen + 1);
        append(log, heads, seen && next_of(seed) % 5 == 0 ? "-" : what, over, NULL);
        HeadSettlement to_do;
        /* Not always at once: somebody else may come between. */
        while (heads_unsettled(heads, &to_do) && (log->count >= 16 || next_of(seed) % 2)) {
            snprintf(what, sizeof what, "%s", end_of(log->lines, 0, log->count));
            append(log, heads, what, NULL, to_do.settles);
            if (log->count < 14 && next_of(seed) % 3 == 0) { /* and one that was decided before */
                snprintf(over, sizeof over, "%llu",
                         (unsigned long long)heads_version(heads, STR("k/x")));
                append(log, heads, "Z99", over, NULL);
                append(log, heads, what, NULL, to_do.settles);
            }
        }
    }
    heads_free(heads);
}

static void who_begins_after_compaction_comes_to_the_same(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 2000; round++) {
        Log log = {0};
        uint64_t before = seed;
        make_log(&log, &seed);
        const char *in_force = end_of(log.lines, 0, log.count);
        /* Compacted up to `from`: of one id that leaves the record before it. */
        for (size_t from = 0; from < log.count; from++)
            if (strcmp(end_of(log.lines, from, log.count), in_force) != 0)
                fail_msg("seed %llu, from %zu: %s, not %s", (unsigned long long)before, from,
                         end_of(log.lines, from, log.count), in_force);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_over_a_version_wins),
        cmocka_unit_test(a_record_that_comes_twice_changes_nothing),
        cmocka_unit_test(who_says_nothing_is_taken_as_it_comes),
        cmocka_unit_test(what_settles_names_whom),
        cmocka_unit_test(is_unsettled_until_whoever_began_at_the_loser_is_told),
        cmocka_unit_test(who_begins_after_compaction_comes_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
