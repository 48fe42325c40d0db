/* framing - may this request be read at all? Where two readers could disagree about where a
 * request ends, an attacker hides a second one in the first.
 *
 * Spec:    RFC 9112 §5.1 (no space before the colon), §6.1-6.3 (message length), §3.2 (one Host).
 * Stricter than they ask: Transfer-Encoding is "chunked" alone, never beside Content-Length, never
 * in HTTP/1.0. Threads: pure. Limits:  FramingLimits. A refused request's connection is closed. */
#pragma once
#include "common/base/str.h"

typedef struct FramingField {
    Str name;  /* as sent, case kept */
    Str value; /* framing_value() */
} FramingField;

typedef struct FramingLimits {
    size_t fields_max;
    size_t field_bytes_max; /* all names and values together */
} FramingLimits;

typedef struct Framing {
    unsigned status;  /* 0: fine; else 400, 431 or 501 */
    const char *code; /* "framing-length-twice" ...: stable, for the log */
    const char *text; /* for the sender */
    bool chunked;
    bool has_length;
    uint64_t length; /* of the body, when has_length */
} Framing;

/* A field's value without the white space around it, which is no part of it. That of the two fields
 * that frame the body stays as it is: libmicrohttpd takes white space at the end for a part of it,
 * and where two readers differ we refuse. */
Str framing_value(Str name, Str value);
/* `version`: "HTTP/1.1". */
Framing framing_check(Str version, const FramingField *fields, size_t count,
                      const FramingLimits *limits);
