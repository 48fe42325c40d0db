/* refuse - saying no in the sender's terms: {"status":"Error","message":"..."}.
 *
 * Texts never repeat what the sender sent: it may be a patient's.
 * Owner: `code` is a literal; `text` is copied into the reply. */
#pragma once
#include "services/ingest/exchange.h"
#include "services/ingest/flow.h"

/* Is it asked by the diagnostics pages (/admin/api/...)? Then refuse() says
 * {"error":{"status":...,"code":"...","text":"..."}}. */
bool refuse_is_page(const Exchange *exchange);
/* Fills the reply and yields STEP_REPLY. */
StepNext refuse(Exchange *exchange, unsigned status, const char *code, const char *text);
/* The same as an OperationOutcome with one issue of that type; `type` and `text` are literals. */
StepNext refuse_outcome(Exchange *exchange, unsigned status, const char *code, const char *type,
                        const char *text);
/* The header of a 401: how one may come in. */
void refuse_challenge(Exchange *exchange);
/* 503 with Retry-After: whether the bundle was taken is unknown, repeat it with the same id. */
StepNext refuse_unavailable(Exchange *exchange, const char *code, const char *text);
/* The header Retry-After, for a refusal that will not last. */
void refuse_retry_after(Exchange *exchange);
/* The body alone, for those without an exchange. */
void refuse_write(HttpRequest *request, unsigned status, Str text);
