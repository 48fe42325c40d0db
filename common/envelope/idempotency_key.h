/* idempotency_key - the name by which a destination knows one document, however often it is sent.
 *
 * Rule:    "<interaction id>.<16 hex digits>", the digits being the first of
 *          sha256(tenant, NUL, sha256 of the payload). An interaction id alone names no document:
 *          two tenants may choose the same one, and while the database is away nothing keeps one
 *          tenant from using it for two bodies. What is received again, routed again or replayed
 *          has the same three, and so the same key.
 * Threads: pure. */
#pragma once
#include "common/envelope/envelope.h"

enum { IDEMPOTENCY_KEY_DIGITS = 16 };

/* In `arena`; NULL without room. */
Str idempotency_key(const Envelope *envelope, Arena *arena);
/* The interaction id of such a key, or of one made before there were digits (the id alone); NONE
 * when it is neither. Borrowed. */
Str idempotency_key_interaction(Str key);
