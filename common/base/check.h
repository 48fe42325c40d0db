/* check - assertions about our own bugs, on in production; never about input.
 *
 * CHECK(c) prints file, line and expression to stderr and aborts: the supervisor restarts the
 * child, and the message in hand is dead-lettered if it happens twice. */
#pragma once

_Noreturn void check_failed(const char *file, int line, const char *expression);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            check_failed(__FILE__, __LINE__, #condition);                                          \
    } while (0)
