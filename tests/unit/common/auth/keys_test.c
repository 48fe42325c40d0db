/* Others' public keys by address: cached, asked for anew with pauses, the last good set meanwhile.
 */
#include "common/auth/keys.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/support/cmocka.h"

#define KEY(kid)                                                                                   \
    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"" kid                               \
    "\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"
enum { PATIENCE_MS = 60000 };

/* --- whoever has the keys --------------------------------------------------------------------- */

typedef struct Holder {
    int listening;
    char url[64];
    pthread_t thread;
    atomic_int asked;
    _Atomic(const char *) status;
    _Atomic(const char *) body;
} Holder;

static Holder holder;
static KeyStore *store;

static void *serve(void *opaque)
{
    char in[2048], out[2048];
    (void)opaque;
    for (;;) {
        int fd = accept(holder.listening, NULL, NULL);
        if (fd < 0)
            return NULL;
        if (read(fd, in, sizeof in) > 0) {
            const char *body = atomic_load(&holder.body);
            int len = snprintf(out, sizeof out,
                               "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                               atomic_load(&holder.status), strlen(body), body);
            atomic_fetch_add(&holder.asked, 1);
            (void)!write(fd, out, (size_t)len);
        }
        close(fd);
    }
}

static void answer(const char *status, const char *body)
{
    atomic_store(&holder.body, body);
    atomic_store(&holder.status, status);
}

static int set_up(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    (void)state;
    holder.listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(holder.listening, (struct sockaddr *)&at, len) != 0 ||
        listen(holder.listening, 16) != 0 ||
        getsockname(holder.listening, (struct sockaddr *)&at, &len) != 0)
        return -1;
    snprintf(holder.url, sizeof holder.url, "http://127.0.0.1:%d/jwks", ntohs(at.sin_port));
    atomic_store(&holder.asked, 0);
    answer("200 OK", KEY("first"));
    store = keys_start(NULL);
    return pthread_create(&holder.thread, NULL, serve, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    keys_stop(store);
    shutdown(holder.listening, SHUT_RDWR);
    close(holder.listening);
    return pthread_join(holder.thread, NULL);
}

/* --- asking ----------------------------------------------------------------------------------- */

static void follow(uint64_t refresh_s)
{
    keys_follow(store, &(KeySource){.url = str_from(holder.url), .refresh_s = refresh_s}, 1);
}

static bool known(const char *kid)
{
    const Jwks *jwks = keys_acquire(store, str_from(holder.url));
    bool has = jwks && jwks_has(jwks, JWS_EDDSA, str_from(kid));
    jwks_free(jwks);
    return has;
}

static void wait_until_known(const char *kid)
{
    for (int64_t until_ms = clock_mono_ms() + PATIENCE_MS; !known(kid); usleep(10000))
        if (clock_mono_ms() > until_ms)
            fail_msg("%s never came", kid);
}

static void wait_until_asked(int times)
{
    for (int64_t until_ms = clock_mono_ms() + PATIENCE_MS; atomic_load(&holder.asked) < times;
         usleep(10000))
        if (clock_mono_ms() > until_ms)
            fail_msg("asked %d times", atomic_load(&holder.asked));
}

/* Unknown keys are named all the time. */
static void storm_for_ms(int64_t ms)
{
    for (int64_t until_ms = clock_mono_ms() + ms; clock_mono_ms() < until_ms; usleep(1000)) {
        keys_want(store, str_from(holder.url));
        keys_want(store, STR("http://127.0.0.1:9/of-nobody"));
    }
}

static void is_asked_once_and_kept(void **state)
{
    (void)state;
    follow(600);
    wait_until_known("first");
    answer("200 OK", KEY("second"));
    storm_for_ms(2000); /* less than KEYS_PAUSE_S after it was asked */
    assert_int_equal(atomic_load(&holder.asked), 1);
    assert_true(known("first"));
    follow(600); /* followed again, by an object that changed: it is the same source */
    assert_true(known("first"));
    keys_follow(store, NULL, 0);
    assert_null(keys_acquire(store, str_from(holder.url)));
}

static void a_holder_that_fails_is_asked_less_and_less(void **state)
{
    enum { SPAN_MS = 6500 };
    (void)state;
    answer("503 Service Unavailable", "");
    follow(600);
    wait_until_asked(2);
    int64_t began_ms = clock_mono_ms();
    storm_for_ms(SPAN_MS); /* pauses of 2, 4, 8 s: no storm makes them shorter */
    int more = atomic_load(&holder.asked) - 2;
    int64_t took_ms = clock_mono_ms() - began_ms;
    assert_in_range(more, 0, took_ms < 10000 ? 2 : 3);
    assert_null(keys_acquire(store, str_from(holder.url)));
    assert_false(keys_want(store, str_from(holder.url))); /* none is on its way: refused at once */
    answer("200 OK", KEY("first"));
    wait_until_known("first");
}

static void the_last_good_set_is_used_meanwhile(void **state)
{
    static const struct {
        const char *status, *body;
    } bad[] = {
        {"302 Found", KEY("evil")                                                         },
        {"200 OK",    "{\"keys\":[]}"                                                     },
        {"200 OK",    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"evil\",\"k\":\"c2VjcmV0\"}]}"}
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        answer("200 OK", KEY("first"));
        follow(1);
        wait_until_known("first");
        answer(bad[i].status, bad[i].body);
        wait_until_asked(atomic_load(&holder.asked) + 2);
        assert_true(known("first"));
        assert_false(known("evil"));
        keys_follow(store, NULL, 0); /* and no pause is left over */
    }
    answer("200 OK", KEY("first"));
    follow(1);
    wait_until_known("first");
    answer("200 OK", KEY("second"));
    wait_until_known("second");
    assert_false(known("first")); /* a key that is taken out is over */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_asked_once_and_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_holder_that_fails_is_asked_less_and_less, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_last_good_set_is_used_meanwhile, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
