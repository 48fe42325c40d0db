#include "services/persister/states.h"

#include "common/base/check.h"

/* How a source's documents are accepted, and what they are called. */
static const struct Source {
    const char *type, *accepted, *nature;
    bool converted; /* becomes FHIR first */
} sources[] = {
    {"FHIR",  "ACCEPT_FHIR_BUNDLE", "Original FHIR Payload",  false},
    {"HL7V2", "HL7_ACCEPT",         "Original HL7V2 Payload", true },
    {"CSV",   "CSV_ACCEPT",         "Original CSV Payload",   true },
    {"CCDA",  "CCDA_ACCEPT",        "Original CCDA Payload",  true },
};

static const struct Source *source_of(const Envelope *envelope)
{
    if (envelope_is_fhir(envelope))
        return &sources[0];
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        if (str_eq_ignore_case(envelope->source_type, str_from(sources[i].type)))
            return &sources[i];
    return &sources[0];
}

/* First try and replay differ in what they are called and where they begin. */
typedef struct Delivering {
    const char *request, *from, *answer, *error;
} Delivering;
static const Delivering delivering_first = {"Forward HTTP Request", "DISPOSITION",
                                            "Forwarded HTTP Response",
                                            "Forwarded HTTP Response Error"};
static const Delivering delivering_again = {"Forwarded HTTP Request Replay", "FAIL",
                                            "Forwarded HTTP Response Replay",
                                            "Forwarded HTTP Response Replay Error"};

static StateEvent *add(StateEvents *events, const char *step, const char *nature, const char *from,
                       const char *to)
{
    CHECK(events->count < STATE_EVENTS_MAX);
    StateEvent *event = &events->list[events->count++];
    *event = (StateEvent){.step = step, .nature = nature, .from = from, .to = to};
    return event;
}

void states_of_envelope(const Envelope *e, StateEvents *events)
{
    const struct Source *source = source_of(e);
    events->count = 0;
    /* A replay's envelope says nothing new: the interaction stays FAIL until it got further. */
    if (e->replay_id.len)
        return;
    StateEvent *event = add(events, "accepted", source->nature, "NONE", source->accepted);
    event->service = STR("ingest");
    event->happened_at_us = e->received_at_us;
}

void states_of_validated(const Validated *v, StateEvents *events)
{
    const struct Source *source = source_of(&v->envelope);
    const char *before = source->accepted;
    events->count = 0;
    if (source->converted) {
        const char *to = v->bundle.len ? "CONVERTED_TO_FHIR" : "FHIR_CONVERSION_FAILED";
        add(events, v->bundle.len ? "converted" : "conversion-failed", "Converted to FHIR", before,
            to);
        before = to;
    }
    StateEvent *disposed = add(events, "disposed", "techByDesignDisposition", before,
                               source->converted && !v->bundle.len ? NULL : "DISPOSITION");
    disposed->reason = v->outcome.precheck_code;
    for (size_t i = 0; i < events->count; i++) {
        StateEvent *event = &events->list[i];
        event->service = STR("validator");
        event->replay_id = v->envelope.replay_id;
        event->attempt = (int32_t)v->envelope.attempt;
        event->happened_at_us =
            v->outcome.finished_at_us ? v->outcome.finished_at_us : v->published_at_us;
    }
}

static void states_of_delivery(const Response *r, StateEvents *events)
{
    const Delivery *d = &r->delivery;
    const Delivering *names = r->replay_id.len ? &delivering_again : &delivering_first;
    StateEvent *request = add(events, "forwarded", names->request,
                              d->attempt > 1 ? "FORWARD" : names->from, "FORWARD");
    request->happened_at_us = d->started_at_us;
    StateEvent *answer = d->success ? add(events, "delivered", names->answer, "FORWARD", "COMPLETE")
                                    : add(events, d->final ? "undelivered" : "attempt-failed",
                                          names->error, "FORWARD", d->final ? "FAIL" : "FORWARD");
    answer->happened_at_us = d->finished_at_us;
    answer->reason = d->error_class;
    for (size_t i = 0; i < events->count; i++) {
        events->list[i].destination = d->destination;
        events->list[i].attempt = (int32_t)d->attempt;
    }
}

/* An answer of it is due: the thread begins before its first attempt. */
static void states_of_routing(const Response *r, StateEvents *events)
{
    StateEvent *event =
        add(events, "routed", "Routed", r->replay_id.len ? "FAIL" : "DISPOSITION", "FORWARD");
    event->destination = r->delivery.destination;
}

/* Changes no state: the failure is on record by itself. */
static void states_of_burial(const Response *r, StateEvents *events)
{
    StateEvent *event = add(events, "buried", NULL, NULL, NULL);
    event->destination = r->delivery.destination;
    event->attempt = (int32_t)r->delivery.attempt;
}

/* "transform-step: nyec/names, step 2 (set): ...": the text says which rule, where, why. */
static Str reason_of(const Failure *failure, Arena *arena)
{
    Str reason = failure->text.len ? arena_format(arena, "%.*s: %.*s", STR_ARG(failure->code),
                                                  STR_ARG(failure->text))
                                   : failure->code;
    return reason.ptr ? reason : failure->code;
}

static void states_of_failure(const Response *r, Arena *arena, StateEvents *events)
{
    Str step = arena_format(arena, "failed-%.*s", STR_ARG(r->service));
    StateEvent *event =
        add(events, step.ptr ? step.ptr : "failed", "Processing Failed", NULL, "FAIL");
    event->attempt = (int32_t)r->attempt;
    event->reason = reason_of(&r->failure, arena);
}

void states_of_response(const Response *r, Arena *arena, StateEvents *events)
{
    events->count = 0;
    if (r->kind == RESPONSE_DELIVERY && r->has_delivery)
        states_of_delivery(r, events);
    else if (r->kind == RESPONSE_ROUTED && r->has_delivery)
        states_of_routing(r, events);
    else if (r->kind == RESPONSE_BURIED && r->has_delivery)
        states_of_burial(r, events);
    else if (r->kind == RESPONSE_FAILED)
        states_of_failure(r, arena, events);
    for (size_t i = 0; i < events->count; i++) {
        StateEvent *event = &events->list[i];
        event->service = r->service;
        event->replay_id = r->replay_id;
        if (!event->happened_at_us)
            event->happened_at_us = r->at_us;
    }
}
