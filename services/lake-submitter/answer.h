/* answer - what a destination's answer (or its absence) means. Pure.
 *
 * Spec:    of a lake: success if and only if HTTP 2xx and the body is JSON whose .status is
 *          "Success", in whatever case; of a ledger: any 2xx.
 * Rule:    what can succeed later as it is (no connection, timeout, 408, 425, 429, 5xx) is tried
 *          again; all else (other 4xx, redirects, "not Success") is final. */
#pragma once
#include "common/base/arena.h"
#include "common/destinations/destination.h"
#include "common/http/client.h"

enum { RETRY_AFTER_MAX_S = 3600 };

typedef struct Answer {
    bool success;
    bool retriable;
    bool says_up;            /* the destination works, whatever it thinks of the document */
    bool for_all;            /* any other document would have met the same now */
    const char *error_class; /* "" on success; static */
    uint32_t wait_ms;        /* Retry-After, at most RETRY_AFTER_MAX_S; 0: none */
} Answer;

Answer answer_judge(const HttpResult *result, DestinationFormat format, Arena *arena);
/* spec: RFC 9110 section 10.2.3: seconds, or a date in any of the three forms of section 5.6.7. */
uint32_t answer_retry_after_ms(Str value, int64_t now_s);
