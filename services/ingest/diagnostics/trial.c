/* POST /admin/api/diagnostics/validate: the playground. The document takes the way of any other,
 * but by the topic `trial`, which forgets it within minutes: no claim, no event, no record, no dead
 * letter; whoever asked has the answer, and nobody else. */
#include "common/http/target.h"
#include "services/ingest/audited.h"
#include "services/ingest/diagnostics/flows.h"
#include "services/ingest/diagnostics/tell.h"
#include "services/ingest/exchange.h"
#include "services/ingest/refuse.h"
#include "services/ingest/text.h"

enum { CHOICE_BYTES_MAX = 500 };

const Step flow_trial[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"trial-begin",          step_trial_begin, true}, /* an id of its own, whatever the header says */
    {"admit",        step_admit, true},
    {"lease",          step_lease, false},
    {"wrap",  step_wrap, false},
    {"trial",          step_trial, false}, /* by which guide and profile */
    {"publish",        step_publish, false},
    {"await",          step_await, false},
    {"trial-reply",        step_trial_reply, false},
    {0        },
};

StepNext step_trial_begin(Exchange *exchange)
{
    exchange->trace = trace_new();
    exchange->id = uuid_v7();
    exchange->wants_async = false; /* nobody could ask for it later */
    audited_resource(exchange, STR("playground"));
    return STEP_NEXT;
}

/* What the header says of a document that is sent is not asked here. */
StepNext step_trial(Exchange *exchange)
{
    Envelope *envelope = &exchange->envelope;
    Str version = text_utf8(exchange->arena, tell_parameter(exchange, "ig_version"));
    Str profile = text_utf8(exchange->arena, tell_parameter(exchange, "profile"));
    if (version.len > CHOICE_BYTES_MAX || profile.len > CHOICE_BYTES_MAX)
        return tell_malformed(exchange, "ig_version and profile are those of a guide");
    envelope->headers = (RequestHeaders){.ig_version = version};
    envelope->trial_profile = profile;
    envelope->source_type = STR("FHIR");
    return STEP_NEXT;
}

StepNext step_trial_reply(Exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    const Answer *answer = exchange->answer; /* set once, stays */
    pthread_mutex_unlock(&exchange->lock);
    if (!answer)
        return refuse_unavailable(exchange, "no-verdict", "There was no verdict in time");
    if (answer->response.kind != RESPONSE_FAILED)
        return step_reply(exchange);
    FailureKind kind = answer->response.failure.kind;
    if (kind == FAILURE_INPUT || kind == FAILURE_MEMORY)
        return refuse(exchange, 422, "worker-failed", "It exceeds what one message may take");
    return refuse(exchange, 500, "worker-failed", "It could not be worked on");
}
