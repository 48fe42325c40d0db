/* answer - what a destination's answer (or its absence) means. Pure.
 *
 * Spec:    success if and only if HTTP 2xx and the body is JSON whose .status is "Success", in
 *          whatever case.
 * Rule:    what says something about the destination (no connection, 5xx, 429, 401 ...) is tried
 *          again; what says something about the document (400, 422, "not Success") is final. */
#pragma once
#include "common/base/arena.h"
#include "common/http/client.h"

typedef struct Answer {
    bool success;
    bool retriable;
    bool says_up;            /* the destination works, whatever it thinks of the document */
    const char *error_class; /* "" on success; static */
    uint32_t wait_ms;        /* Retry-After; 0: none */
} Answer;

Answer answer_judge(const HttpResult *result, Arena *arena);
