/* write - JSON text into a Buf, without a tree.
 *
 * Spec:    RFC 8259 §7. What is not UTF-8 becomes U+FFFD; "/" stays as it is; U+2028 and U+2029
 * too. Threads: pure. Errors: the Buf's own `overflowed`. */
#pragma once
#include "common/base/buf.h"

void json_write_string(Buf *out, Str text); /* with its quotes */
