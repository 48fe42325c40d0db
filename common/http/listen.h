/* listen - an address from the settings -> a listening TCP socket.
 *
 * Spec:    "HOST:PORT" with a numeric host: "127.0.0.1:8443", "[::]:8443"; port 0 lets the system
 *          choose. Names are refused: a listener must not depend on a resolver.
 * Owner:   the caller closes the socket.
 * Errors:  ERR_FATAL "listen-address" (malformed), "listen-failed" (bind refused). */
#pragma once
#include "common/base/err.h"
#include "common/base/str.h"

bool listen_open(Str address, int *ret_socket, uint16_t *ret_port, Err *err) MUST_USE;

/* 127.0.0.0/8 or ::1: what may be served without configured callers. */
bool listen_is_loopback(Str address);
