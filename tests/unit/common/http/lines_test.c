#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "common/base/str.h"
#include "common/http/lines.h"

enum { BYTES_MAX = 1000 };

/* What is handed on of `text`, in pieces of `step` bytes; NULL: broken. */
static const char *passed(const char *text, size_t len, size_t step)
{
    static char bytes[BYTES_MAX];
    HttpLines lines = {0};
    assert_true(len < BYTES_MAX);
    memcpy(bytes, text, len);
    bytes[len] = '\0';
    for (size_t at = 0; at < len; at += step)
        if (!http_lines_pass(&lines, bytes + at, len - at < step ? len - at : step))
            return NULL;
    return bytes;
}

static void assert_untouched(const char *text)
{
    for (size_t step = 1; step <= strlen(text); step++) {
        const char *got = passed(text, strlen(text), step);
        assert_non_null(got);
        assert_string_equal(got, text);
    }
}

#define POST "POST /a HTTP/1.1\r\nHost: x\r\n"
#define NEXT "GET /b HTTP/1.1\r\nHost: x\r\n\r\n"

static void passes_what_is_well_formed(void **state)
{
    (void)state;
    assert_untouched(NEXT);
    assert_untouched("\r\n\r\n" NEXT);
    assert_untouched(POST "Content-Length: 5\r\n\r\na\nb\rc" NEXT);
    assert_untouched(POST "CONTENT-length:\t 05\r\n\r\n\n\n\n\n\n" NEXT NEXT);
    assert_untouched(POST "Transfer-Encoding: chunked\r\n\r\n3\r\n\n\r\n\r\n0\r\n\r\n" NEXT);
    assert_untouched(POST "Transfer-Encoding: chunked\r\n\r\nA;x=\"y\"\r\n\n\n\n\n\n\n\n\n\n\n\r\n"
                          "00\r\nA: b\r\n\r\n" NEXT);
    assert_untouched(POST "X-Content-Length: 5\r\n\r\n" NEXT);
}

static void assert_spoiled(const char *text, size_t len)
{
    for (size_t step = 1; step <= len; step++) {
        const char *got = passed(text, len, step);
        assert_true(!got || memchr(got, 0x01, len));
    }
    assert_non_null(passed(text, len, len)); /* in one piece it can be answered */
}
#define SPOILED(text) assert_spoiled(text, sizeof text - 1)

static void spoils_headers_whose_lines_end_otherwise(void **state)
{
    (void)state;
    SPOILED("GET /b HTTP/1.1\nHost: x\n\n");
    SPOILED("\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    SPOILED(POST "A: b\nContent-Length: 5\r\n\r\n");
    SPOILED(POST "A: b\rContent-Length: 5\r\n\r\n");
    SPOILED(POST "A: b\r\r\n\r\n");
    SPOILED(POST "A: b\r\n c: d\r\n\r\n");
    SPOILED(POST "A:\r\n\tchunked\r\n\r\n");
    SPOILED(POST "A: \0b\r\n\r\n");
    SPOILED(POST "Transfer-Encoding: chunked\0\r\n\r\n");
    SPOILED(POST "Content-Length: 2\r\n\r\n\n\nGET /b HTTP/1.1\nHost: x\r\n\r\n"); /* the second */
}

static void assert_broken(const char *chunks)
{
    char text[BYTES_MAX];
    snprintf(text, sizeof text, POST "Transfer-Encoding: chunked\r\n\r\n%s", chunks);
    for (size_t step = 1; step <= strlen(text); step++)
        assert_null(passed(text, strlen(text), step));
}

static void breaks_off_chunks_whose_lines_end_otherwise(void **state)
{
    (void)state;
    assert_broken("3\nabc\r\n0\r\n\r\n");
    assert_broken("3\r\nabc\n0\r\n\r\n");
    assert_broken("3;a\nabc\r\n0\r\n\r\n");
    assert_broken("3;a=\"\rb\"\r\nabc\r\n0\r\n\r\n");
    assert_broken("3\r\nabc\r\n0\n\r\n");
    assert_broken("3\r\nabc\r\n0\r\nA: b\nC: d\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_what_is_well_formed),
        cmocka_unit_test(spoils_headers_whose_lines_end_otherwise),
        cmocka_unit_test(breaks_off_chunks_whose_lines_end_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
