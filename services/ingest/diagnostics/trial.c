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

enum { NAME_TENANT, NAME_VERSION, NAME_PROFILE, NAME_COUNT };

/* Every name is known and stands once. */
static bool names_fit(Str query, bool seen[NAME_COUNT])
{
    static const char *const names[NAME_COUNT] = {
        [NAME_TENANT] = "tenant", [NAME_VERSION] = "ig_version", [NAME_PROFILE] = "profile"};
    Str part;
    while (query.len && str_split(&query, '&', &part)) {
        Str name = str_cut(part, 0, str_find_char(part, '='));
        size_t i = 0;
        if (part.len == 0)
            continue;
        while (i < NAME_COUNT && !str_is(name, names[i]))
            i++;
        if (i == NAME_COUNT || seen[i])
            return false;
        seen[i] = true;
    }
    return true;
}

/* Printable ASCII without blanks, as versions and canonical URLs are. What is there but cannot be
 * read (%00) is none. */
static bool choice_fits(Str text, bool there)
{
    if (there && !text.ptr)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || strchr("\"<>\\^`{}", text.ptr[i]))
            return false;
    return text.len <= CHOICE_BYTES_MAX;
}

/* What the header says of a document that is sent is not asked here. */
StepNext step_trial(Exchange *exchange)
{
    Envelope *envelope = &exchange->envelope;
    Str version = tell_parameter(exchange, "ig_version");
    Str profile = tell_parameter(exchange, "profile");
    bool seen[NAME_COUNT] = {false};
    if (!names_fit(http_request_query(exchange->request), seen))
        return tell_malformed(exchange, "Parameters are tenant, ig_version and profile, each once");
    if (!choice_fits(version, seen[NAME_VERSION]))
        return tell_malformed(exchange, "ig_version must be the version of a guide, as 1.9.2");
    if (!choice_fits(profile, seen[NAME_PROFILE]) ||
        (profile.len && str_find_char(profile, ':') == profile.len))
        return tell_malformed(exchange, "profile must be a profile's canonical URL");
    envelope->headers = (RequestHeaders){.ig_version = version};
    envelope->trial_profile = profile;
    envelope->source_type = STR("FHIR");
    return STEP_NEXT;
}

/* What no validator has is judged by the guide that is meant without saying so; here somebody wants
 * to know about this very one. What is refused before any guide is asked has none. */
static bool judged_as_asked(const Exchange *exchange, const Outcome *outcome)
{
    Str asked = exchange->envelope.headers.ig_version;
    return asked.len == 0 || outcome->ig_version.len == 0 || str_eq(asked, outcome->ig_version);
}

StepNext step_trial_reply(Exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    const Answer *answer = exchange->answer; /* set once, stays */
    pthread_mutex_unlock(&exchange->lock);
    if (!answer)
        return refuse_unavailable(exchange, "no-verdict", "There was no verdict in time");
    if (answer->response.kind != RESPONSE_FAILED &&
        !judged_as_asked(exchange, &answer->response.outcome))
        return refuse(exchange, 400, "guide-unknown",
                      "No guide of that version is loaded: GET images says which are");
    if (answer->response.kind != RESPONSE_FAILED)
        return step_reply(exchange);
    FailureKind kind = answer->response.failure.kind;
    if (kind == FAILURE_INPUT || kind == FAILURE_MEMORY)
        return refuse(exchange, 422, "worker-failed", "It exceeds what one message may take");
    return refuse(exchange, 500, "worker-failed", "It could not be worked on");
}
