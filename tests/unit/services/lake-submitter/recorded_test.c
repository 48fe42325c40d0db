#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "services/lake-submitter/recorded.h"

static Submission of(const char *tenant, const char *id, const char *sha, const char *destination)
{
    return (Submission){
        .envelope = {.tenant = str_from(tenant),
                     .interaction_id = str_from(id),
                     .payload_sha256 = str_from(sha)},
        .destination = str_from(destination)
    };
}

static void remembers_the_same_effect_and_no_other(void **state)
{
    (void)state;
    Recorded *recorded = recorded_new(NULL, NULL);
    Submission one = of("t", "i", "s", "lake");
    assert_false(recorded_remembers(recorded, &one));
    recorded_remember(recorded, &one);
    assert_true(recorded_remembers(recorded, &one));
    const Submission others[] = {of("u", "i", "s", "lake"), of("t", "j", "s", "lake"),
                                 of("t", "i", "r", "lake"), of("t", "i", "s", "pond"),
                                 of("t", "is", "", "lake"), of("lake", "i", "s", "t")};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(recorded_remembers(recorded, &others[i]));
    recorded_free(recorded);
}

static void the_latest_thousands_are_remembered(void **state)
{
    (void)state;
    enum { MANY = 200000, LATEST = 5000 };
    Recorded *recorded = recorded_new(NULL, NULL);
    char id[16];
    int known = 0;
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "%d", i);
        Submission submission = of("t", id, "s", "lake");
        recorded_remember(recorded, &submission);
    }
    for (int i = MANY - LATEST; i < MANY; i++) {
        snprintf(id, sizeof id, "%d", i);
        Submission submission = of("t", id, "s", "lake");
        known += recorded_remembers(recorded, &submission);
    }
    assert_int_equal(known, LATEST);
    recorded_free(recorded);
}

static void without_a_database_nothing_else_is_known(void **state)
{
    (void)state;
    Recorded *recorded = recorded_new(NULL, NULL);
    ARENA_AUTO arena = arena_new(4096);
    Submission one = of("t", "i", "s", "lake");
    RecordedPast past = {.accepted = true, .failed = true, .attempts = 3, .budget_used = 2};
    Err err;
    assert_true(recorded_look(recorded, RECORDED_DELIVERY, &one, arena, &past, &err));
    assert_false(past.accepted || past.failed || past.attempts || past.budget_used);
    recorded_free(recorded);
}

/* A database that takes connections and says nothing, as one does whose machine is busy. */
static int silent_listener(char ret_port[8])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(ret_port, 8, "%u", ntohs(address.sin_port));
    return fd;
}

static void a_look_goes_on_with_the_connection_of_the_look_before(void **state)
{
    (void)state;
    char port[8];
    int listener = silent_listener(port), taken[8], count = 0;
    const DbConfig config = {.host = "127.0.0.1",
                             .port = port,
                             .database = "none",
                             .user = "nobody",
                             .connect_timeout_ms = 60000,
                             .timeout_ms = 250};
    Recorded *recorded = recorded_new(&config, NULL);
    ARENA_AUTO arena = arena_new(4096);
    Submission one = of("t", "01a22083-fbf4-7009-ae18-23fb0821a3c3", "s", "lake");
    RecordedPast past;
    Err err;
    for (int i = 0; i < 12; i++) { /* longer than one look may ever take */
        assert_false(recorded_look(recorded, RECORDED_DELIVERY, &one, arena, &past, &err));
        usleep(100000);
    }
    while (count < 8 && (taken[count] = accept(listener, NULL, NULL)) >= 0)
        count++;
    assert_int_equal(count, 1);
    recorded_free(recorded);
    close(taken[0]);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembers_the_same_effect_and_no_other),
        cmocka_unit_test(the_latest_thousands_are_remembered),
        cmocka_unit_test(without_a_database_nothing_else_is_known),
        cmocka_unit_test(a_look_goes_on_with_the_connection_of_the_look_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
