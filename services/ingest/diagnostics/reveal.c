#include "services/ingest/diagnostics/reveal.h"

#include "services/ingest/audited.h"
#include "services/ingest/authenticate.h"
#include "services/ingest/diagnostics/tell.h"
#include "services/ingest/refuse.h"
#include "services/ingest/sessions/session.h"

bool reveal_is_needed_by(const Exchange *exchange)
{
    return exchange->session || !exchange->identity.caller;
}

StepNext reveal_asked(Exchange *exchange, const char *what, bool *ret_revealed)
{
    bool asked = str_is(tell_parameter(exchange, "reveal"), "true");
    bool person = reveal_is_needed_by(exchange);
    if (asked && person && !session_may(exchange, ACCOUNT_REVEAL))
        return refuse_forbidden(exchange, "reveal");
    if (asked && exchange->session)
        audited_detail(exchange, "reveal", str_from(what));
    *ret_revealed = asked || !person;
    return STEP_NEXT;
}

StepNext reveal_needed(Exchange *exchange, const char *what)
{
    bool revealed = false;
    if (!exchange->session)
        return STEP_NEXT;
    StepNext next = reveal_asked(exchange, what, &revealed);
    if (next != STEP_NEXT || revealed)
        return next;
    return refuse(exchange, 403, "reveal",
                  "It says what documents say: ask with reveal=true, if you may");
}
