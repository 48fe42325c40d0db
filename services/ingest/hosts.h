/* hosts - may a sender use this name in its Host header?
 *
 * Spec:    RFC 9110 §7.2; the port is not looked at. Names compare without regard to case.
 * Threads: pure. `list` empty: every name. "*.example.org" fits any name below example.org, not
 *          example.org itself. */
#pragma once
#include "common/base/str.h"

bool host_allowed(Str list, Str host);
