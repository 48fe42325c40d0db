/* The chain of kept records, and what is kept beside them. */
#include "common/audit/trail.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/audit/audit.h"
#include "tests/support/cmocka.h"

enum { RECORDS = 6 };

typedef struct Kept {
    AuditPlace place;
    Str bytes;
    unsigned char hash[AUDIT_HASH_BYTES];
} Kept;

static void keep(Kept chain[RECORDS])
{
    static const char *const texts[RECORDS] = {"", "a", "one record", "another", "one record", "z"};
    unsigned char hash[AUDIT_HASH_BYTES] = {0};
    for (int i = 0; i < RECORDS; i++) {
        chain[i].place = (AuditPlace){3, i + 1, 100 + 2 * i};
        chain[i].bytes = str_from(texts[i]);
        audit_chain(hash, &chain[i].place, chain[i].bytes);
        memcpy(chain[i].hash, hash, sizeof hash);
    }
}

/* The first record that does not follow the one before it; count: the chain is whole. */
static int first_break(const Kept *chain, int count)
{
    unsigned char hash[AUDIT_HASH_BYTES] = {0};
    for (int i = 0; i < count; i++) {
        audit_chain(hash, &chain[i].place, chain[i].bytes);
        if (memcmp(hash, chain[i].hash, sizeof hash) != 0)
            return i;
    }
    return count;
}

static void a_chain_is_whole_as_it_was_kept(void **state)
{
    Kept chain[RECORDS];
    (void)state;
    keep(chain);
    assert_int_equal(first_break(chain, RECORDS), RECORDS);
    for (int i = 0; i < RECORDS; i++) /* equal records have hashes of their own */
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(chain[i].hash, chain[k].hash, AUDIT_HASH_BYTES);
}

static void a_change_breaks_it_where_it_is(void **state)
{
    Kept chain[RECORDS];
    (void)state;
    for (int at = 0; at < RECORDS; at++) {
        keep(chain);
        chain[at].bytes = STR("one recorD");
        assert_int_equal(first_break(chain, RECORDS), at);
        keep(chain);
        chain[at].place.seq++;
        assert_int_equal(first_break(chain, RECORDS), at);
        keep(chain);
        chain[at].place.topic_offset += INT64_C(1) << 40;
        assert_int_equal(first_break(chain, RECORDS), at);
        keep(chain);
        chain[at].place.partition ^= 1 << 20;
        assert_int_equal(first_break(chain, RECORDS), at);
        keep(chain);
        chain[at].hash[AUDIT_HASH_BYTES - 1] ^= 1;
        assert_int_equal(first_break(chain, RECORDS), at);
    }
}

static void records_that_go_or_change_places_break_it(void **state)
{
    Kept chain[RECORDS];
    (void)state;
    for (int at = 0; at + 1 < RECORDS; at++) {
        keep(chain);
        memmove(chain + at, chain + at + 1, (size_t)(RECORDS - at - 1) * sizeof *chain);
        assert_int_equal(first_break(chain, RECORDS - 1), at);
        keep(chain); /* whole rows, then only what they say */
        Kept swapped = chain[at];
        chain[at] = chain[at + 1];
        chain[at + 1] = swapped;
        assert_int_equal(first_break(chain, RECORDS), at);
        keep(chain);
        Str bytes = chain[at].bytes;
        chain[at].bytes = chain[at + 1].bytes;
        chain[at + 1].bytes = bytes;
        assert_int_equal(first_break(chain, RECORDS), at);
    }
}

/* A cut end leaves a chain that is whole by itself: its head has to be known (fhirbus-audit verify
 * compares it with the head kept in the database and those kept outside). */
static void a_cut_end_has_another_head(void **state)
{
    Kept chain[RECORDS];
    (void)state;
    keep(chain);
    for (int count = 0; count < RECORDS; count++) {
        assert_int_equal(first_break(chain, count), count);
        if (count)
            assert_memory_not_equal(chain[count - 1].hash, chain[RECORDS - 1].hash,
                                    AUDIT_HASH_BYTES);
    }
}

/* Nothing is cut between place and bytes: where one ends and the other begins is fixed. */
static void numbers_are_not_bytes_of_the_record(void **state)
{
    unsigned char one[AUDIT_HASH_BYTES] = {0}, two[AUDIT_HASH_BYTES] = {0};
    (void)state;
    audit_chain(one, &(AuditPlace){1, 2, 3}, STR("x"));
    audit_chain(two, &(AuditPlace){1, 2, 3 << 8}, STR("x"));
    assert_memory_not_equal(one, two, sizeof one);
}

/* --- columns ---------------------------------------------------------------------------------- */

static Str encoded(Arena *arena, const AuditRecord *record)
{
    Str bytes;
    Err err = {0};
    if (!audit_record_encode(record, arena, &bytes, &err))
        fail_msg("%s", err.text);
    return bytes;
}

static void columns_are_what_the_record_says(void **state)
{
    ARENA_AUTO arena = arena_new(1 << 20);
    AuditColumns c;
    AuditRecord read;
    char text[400];
    (void)state;
    memset(text, 'a', sizeof text);
    text[199] = (char)0xc3; /* an e with an accent over the edge */
    text[200] = (char)0xa9;
    const AuditRecord record = {
        .id = STR("018f6b1e-0000-7000-8000-000000000001"),
        .kind = AUDIT_REQUEST,
        .at_us = 1700000000000000,
        .caller = STR("qe-a"),
        .resource = {text, sizeof text},
        .status = UINT32_MAX,
        .outcome = 4
    };
    Str bytes = encoded(arena, &record);
    assert_true(audit_columns(bytes, 7, arena, &c, &read));
    assert_string_equal(c.kind, "request");
    assert_int_equal(c.at_us, 1700000000000000);
    assert_true(str_is(c.caller, "qe-a"));
    assert_int_equal(c.resource.len, 199); /* not within the letter */
    assert_int_equal(c.status, INT32_MAX);
    assert_true(c.tenant.ptr && !c.tenant.len);
    AuditRecord late = record;
    late.at_us = INT64_MAX; /* no time that PostgreSQL has */
    assert_true(audit_columns(encoded(arena, &late), 7, arena, &c, &read));
    assert_int_equal(c.at_us, 7);
}

static void what_cannot_be_read_is_kept_as_that(void **state)
{
    ARENA_AUTO arena = arena_new(1 << 20);
    AuditColumns c;
    AuditRecord read;
    static const Str bad[] = {STR(""), STR("\xff\xff\xff\xff"), STR("no record")};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(audit_columns(bad[i], 7, arena, &c, &read));
        assert_string_equal(c.kind, "unreadable");
        assert_int_equal(c.at_us, 7);
        assert_true(c.caller.ptr && c.resource.ptr && c.subject.ptr);
    }
}

static void a_patient_is_named_by_the_secret_alone(void **state)
{
    unsigned char one[AUDIT_SUBJECT_BYTES], again[AUDIT_SUBJECT_BYTES], other[AUDIT_SUBJECT_BYTES];
    (void)state;
    audit_subject(STR("secret"), STR("MRN-1"), one);
    audit_subject(STR("secret"), STR("MRN-1"), again);
    assert_memory_equal(one, again, sizeof one);
    audit_subject(STR("secret"), STR("MRN-2"), other);
    assert_memory_not_equal(one, other, sizeof one);
    audit_subject(STR("another"), STR("MRN-1"), other);
    assert_memory_not_equal(one, other, sizeof one);
}

/* What the environment calls him is anybody's to say; PUBLISHED_BY is an operator's own word. */
static void an_act_is_of_the_user_that_the_tool_runs_as(void **state)
{
    (void)state;
    unsetenv("PUBLISHED_BY");
    unsetenv("USER");
    Str by = audit_operator(NULL);
    const struct passwd *entry = getpwuid(geteuid());
    assert_true(by.len > 0 && !str_is(by, "unknown"));
    assert_true(!entry || str_eq(by, str_from(entry->pw_name)));
    char before[256];
    snprintf(before, sizeof before, "%.*s", STR_ARG(by));
    setenv("USER", "somebody else", 1);
    assert_true(str_is(audit_operator(""), before));
    setenv("PUBLISHED_BY", "jane", 1);
    assert_true(str_is(audit_operator(NULL), "jane"));
    assert_true(str_is(audit_operator("the tool's own setting"), "the tool's own setting"));
    unsetenv("PUBLISHED_BY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_whole_as_it_was_kept),
        cmocka_unit_test(a_change_breaks_it_where_it_is),
        cmocka_unit_test(records_that_go_or_change_places_break_it),
        cmocka_unit_test(a_cut_end_has_another_head),
        cmocka_unit_test(numbers_are_not_bytes_of_the_record),
        cmocka_unit_test(columns_are_what_the_record_says),
        cmocka_unit_test(what_cannot_be_read_is_kept_as_that),
        cmocka_unit_test(an_act_is_of_the_user_that_the_tool_runs_as),
        cmocka_unit_test(a_patient_is_named_by_the_secret_alone),
    };
    return cmocka_run_group_tests_name("trail", tests, NULL, NULL);
}
