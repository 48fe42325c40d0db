/* One at a time per key, in the order in which they came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/lake-submitter/item.h"

static Item *arrive(Items *items, BusMessage *message, const char *key)
{
    message->key = str_from(key);
    Item *item = items_add(items, message, 4096);
    assert_non_null(item);
    items_line_up(items, item);
    return item;
}

static void the_next_of_a_key_waits_for_the_one_before(void **state)
{
    (void)state;
    Items items = {0};
    BusMessage messages[4] = {0};
    Item *a1 = arrive(&items, &messages[0], "a");
    Item *b1 = arrive(&items, &messages[1], "b");
    Item *a2 = arrive(&items, &messages[2], "a");
    Item *a3 = arrive(&items, &messages[3], "a");
    assert_ptr_equal(items_next(&items, 0), a1);
    a1->state = ITEM_SENDING;
    assert_ptr_equal(items_next(&items, 0), b1);
    b1->state = ITEM_RECORDING;
    assert_null(items_next(&items, 0));
    items_remove(&items, a1);
    assert_ptr_equal(items_next(&items, 0), a2);
    /* One in the middle goes (it could not be read): the last is still behind the first. */
    items_remove(&items, b1);
    a2->state = ITEM_SENDING;
    assert_true(a3->blocked);
    items_remove(&items, a2);
    assert_ptr_equal(items_next(&items, 0), a3);
    items_remove(&items, a3);
    assert_int_equal(items.count, 0);
    assert_null(items.first);
    assert_null(items.last);
}

static void one_that_leaves_the_middle_of_a_line_breaks_nothing(void **state)
{
    (void)state;
    Items items = {0};
    BusMessage messages[3] = {0};
    Item *first = arrive(&items, &messages[0], "k");
    Item *middle = arrive(&items, &messages[1], "k");
    Item *last = arrive(&items, &messages[2], "k");
    items_remove(&items, middle);
    assert_true(last->blocked);
    assert_ptr_equal(items_next(&items, 0), first);
    items_remove(&items, first);
    assert_ptr_equal(items_next(&items, 0), last);
    items_remove(&items, last);
}

static void not_before_it_is_due_and_the_least_tried_first(void **state)
{
    (void)state;
    Items items = {0};
    BusMessage messages[2] = {0};
    Item *often = arrive(&items, &messages[0], "a");
    Item *fresh = arrive(&items, &messages[1], "b");
    often->attempt = 3;
    fresh->due_ms = 100;
    assert_ptr_equal(items_next(&items, 99), often);
    assert_ptr_equal(items_next(&items, 100), fresh);
    items_remove(&items, often);
    items_remove(&items, fresh);
}

static void without_a_key_nobody_waits(void **state)
{
    (void)state;
    Items items = {0};
    BusMessage messages[2] = {0};
    Item *one = arrive(&items, &messages[0], "");
    Item *two = arrive(&items, &messages[1], "");
    assert_false(two->blocked);
    items_remove(&items, one);
    items_remove(&items, two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_of_a_key_waits_for_the_one_before),
        cmocka_unit_test(one_that_leaves_the_middle_of_a_line_breaks_nothing),
        cmocka_unit_test(not_before_it_is_due_and_the_least_tried_first),
        cmocka_unit_test(without_a_key_nobody_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
