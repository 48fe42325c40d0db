/* csv - one cell, quoted so that neither a parser nor a spreadsheet is misled.
 *
 * Spec:    RFC 4180. A text that a spreadsheet would take for a formula (=, +, -, @, tab, CR at its
 *          head) gets an apostrophe before it; cells are separated by the caller.
 * Threads: pure. Errors: the Buf's own `overflowed`. */
#pragma once
#include "common/base/buf.h"

void csv_add_cell(Buf *out, Str text);
