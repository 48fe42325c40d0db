/* observability - what TechBD's answers say about their own timing, in headers and a cookie.
 *
 * Spec:    the names are TechBD's; there the values of the two durations are swapped, here they are
 *          not.
 *            X-Observability-Metric-Interaction-Start-Time, -Finish-Time    ISO 8601, UTC
 *            X-Observability-Metric-Interaction-Duration-Millisecs, -Duration-Nanosecs
 *            startTime                                                      as -Start-Time
 *            Set-Cookie: Observability-Metric-Interaction-Active=...        for scripts in pages,
 *              which see no headers: the same four as JSON texts, form-encoded
 * Owner:   the values live in the request's arena. */
#pragma once
#include "common/http/server.h"

void observability_add(HttpRequest *request);
