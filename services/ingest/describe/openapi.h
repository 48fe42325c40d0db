/* openapi - the description of all routes, from the table of routes.c.
 *
 * Spec:    OpenAPI 3.1.1 (JSON Schema 2020-12).
 * Threads: pure. Errors: the Buf's own `overflowed`. */
#pragma once
#include "common/base/buf.h"

enum { OPENAPI_BYTES_MAX = 1024 * 1024 };

typedef struct OpenapiFacts {
    Str base_url;   /* in front of all paths; empty: wherever it was read */
    Str version;    /* of the service */
    bool anonymous; /* nobody needs to be known */
} OpenapiFacts;

void openapi_write(const OpenapiFacts *facts, Buf *out);
