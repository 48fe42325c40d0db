/* lake_answer - the ways in which a lake stand-in answers: well, cut, slowly, twice. */
#pragma once
#include <microhttpd.h>

#include "common/base/buf.h"

typedef struct LakeAnswer {
    unsigned status;
    const char *type; /* media type */
    Str body;
    const char *retry_after; /* NULL: none */
    unsigned drip_ms;        /* a byte each; 0: at once */
    bool cut;                /* half of it, then the connection is closed */
    bool twice;              /* a second answer, a failure, follows unasked */
} LakeAnswer;

enum MHD_Result lake_answer(struct MHD_Connection *connection, const LakeAnswer *answer);
