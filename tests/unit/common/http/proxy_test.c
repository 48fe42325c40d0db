/* What a load balancer says of a connection, and which ones may. */
#include "common/http/proxy.h"

#include <arpa/inet.h>

#include "common/http/networks.h"
#include "tests/support/cmocka.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define TCP4 SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x01\x30\x39\x01\xbb"
#define TCP6_ADDRESSES                                                                             \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x30\x39" \
    "\x01\xbb"
#define TCP6 SIGNATURE "\x21\x21\0\x24" TCP6_ADDRESSES

static void reads_whom_it_passes_on(void **state)
{
    (void)state;
    ProxyHeader header;
    assert_int_equal(proxy_parse(STR(TCP4 "\x16\x03\x01"), &header), PROXY_FINE);
    assert_true(header.named);
    assert_int_equal(header.needed, 28);
    assert_int_equal(header.address.any.sa_family, AF_INET);
    assert_int_equal(ntohl(header.address.v4.sin_addr.s_addr), 0xc0000207);
    assert_int_equal(ntohs(header.address.v4.sin_port), 12345);
    char text[64];
    assert_int_equal(proxy_parse(STR(TCP6), &header), PROXY_FINE);
    assert_non_null(inet_ntop(AF_INET6, &header.address.v6.sin6_addr, text, sizeof text));
    assert_string_equal(text, "2001:db8::1");
}

static void waits_for_the_rest_at_every_byte(void **state)
{
    (void)state;
    ProxyHeader header;
    for (size_t i = 0; i < sizeof TCP4 - 1; i++) {
        assert_int_equal(proxy_parse((Str){TCP4, i}, &header), PROXY_MORE);
        assert_int_equal(header.needed, i < PROXY_HEAD_BYTES ? PROXY_HEAD_BYTES : 28);
    }
}

static void passes_over_what_else_is_said(void **state)
{
    (void)state;
    ProxyHeader header;
    Str with_authority = STR(SIGNATURE "\x21\x11\0\x14\xc0\0\x02\x07\xc0\0\x02\x01\x30\x39\x01\xbb"
                                       "\x02\0\x05hello");
    assert_int_equal(proxy_parse(with_authority, &header), PROXY_FINE);
    assert_int_equal(header.needed, 36);
    Str too_long = STR(SIGNATURE "\x21\x11\0\x14\xc0\0\x02\x07\xc0\0\x02\x01\x30\x39\x01\xbb"
                                 "\x02\0\x06hello");
    assert_int_equal(proxy_parse(too_long, &header), PROXY_BAD);
}

static void local_and_other_families_name_nobody(void **state)
{
    (void)state;
    ProxyHeader header;
    assert_int_equal(proxy_parse(STR(SIGNATURE "\x20\0\0\0"), &header), PROXY_FINE);
    assert_false(header.named);
    assert_int_equal(proxy_parse(STR(SIGNATURE "\x20\xff\0\x01x"), &header), PROXY_FINE);
    assert_false(header.named);
    assert_int_equal(proxy_parse(STR(SIGNATURE "\x21\0\0\0"), &header), PROXY_FINE);
    assert_false(header.named);
    assert_int_equal(proxy_parse(STR(SIGNATURE "\x21\x12\0\x04"
                                               "abcd"),
                                 &header),
                     PROXY_FINE);
    assert_false(header.named);
}

static void refuses_what_is_no_header(void **state)
{
    (void)state;
    const Str bad[] = {
        STR("\x16\x03\x01\x02"),                 /* TLS */
        STR("GET / HTTP/1.1\r\n"),               /* HTTP */
        STR("PROXY TCP4 192.0.2.7 192.0.2.1 1"), /* version 1 */
        STR(SIGNATURE "\x11\x11\0\x0c"),         /* no such version */
        STR(SIGNATURE "\x22\x11\0\x0c"),         /* no such command */
        STR(SIGNATURE "\x21\x13\0\x0c"),         /* no such transport */
        STR(SIGNATURE "\x21\x41\0\x0c"),         /* no such family */
        STR(SIGNATURE "\x21\x11\xff\xff"),       /* too long */
        STR(SIGNATURE "\x21\x11\0\x04"
                      "abcd"), /* too short for its addresses */
        STR(SIGNATURE "\x21\x21\0\x0c"
                      "abcdefghijkl"),
    };
    ProxyHeader header;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(proxy_parse(bad[i], &header), PROXY_BAD);
}

/* --- networks --------------------------------------------------------------------------------- */

static bool has(const char *list, const char *address)
{
    Networks networks;
    Err err = {0};
    ProxyAddress a = {0};
    assert_true(networks_parse(str_from(list), &networks, &err));
    if (inet_pton(AF_INET, address, &a.v4.sin_addr) == 1)
        a.any.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, address, &a.v6.sin6_addr) == 1)
        a.any.sa_family = AF_INET6;
    return networks_have(&networks, &a.any);
}

static void knows_what_lies_in_a_network(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.1.2"));
    assert_false(has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("192.0.2.7, 2001:db8::/33", "192.0.2.7"));
    assert_false(has("192.0.2.7", "192.0.2.8"));
    assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(has("0.0.0.0/0", "203.0.113.9"));
    assert_true(has("192.0.2.0/24", "::ffff:192.0.2.9"));
    assert_false(has("0.0.0.0/0", "2001:db8::1"));
    assert_false(has("::/0", "192.0.2.1"));
    assert_true(has("::/0", "2001:db8::1"));
    assert_false(has("", "192.0.2.1"));
}

static void refuses_what_is_no_network(void **state)
{
    (void)state;
    static const char *const bad[] = {"10.0.0.1/8", "10.0.0.0/33", "lb.example.org",
                                      "10.0.0.0/",  "10.0.0.0/x",  "2001:db8::/129",
                                      "/8"};
    Networks networks;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        Err err = {0};
        assert_false(networks_parse(str_from(bad[i]), &networks, &err));
        assert_string_equal(err.code, "networks");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_whom_it_passes_on),
        cmocka_unit_test(waits_for_the_rest_at_every_byte),
        cmocka_unit_test(passes_over_what_else_is_said),
        cmocka_unit_test(local_and_other_families_name_nobody),
        cmocka_unit_test(refuses_what_is_no_header),
        cmocka_unit_test(knows_what_lies_in_a_network),
        cmocka_unit_test(refuses_what_is_no_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
