/* form - application/x-www-form-urlencoded, and the queries of URLs, written.
 *
 * Spec:    RFC 3986 §2.3: all but unreserved characters are escaped.
 * Threads: pure. Errors: the Buf's own `overflowed`. */
#pragma once
#include "common/base/buf.h"

void form_add_escaped(Buf *out, Str text);
void form_add(Buf *out, const char *name, Str value); /* "&name=value" */
