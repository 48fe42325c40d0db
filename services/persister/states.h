/* states - TABLE: what happened -> the state events it means.
 *
 * Spec:    the states NONE -> ACCEPT_FHIR_BUNDLE -> DISPOSITION -> FORWARD -> COMPLETE | FAIL, for
 *          a replay FAIL -> FORWARD -> COMPLETE | FAIL, for HL7, CSV and CCDA NONE -> ..._ACCEPT ->
 *          CONVERTED_TO_FHIR | FHIR_CONVERSION_FAILED; and the natures that go with them.
 * Rule:    an event's key (identity, step, destination, replay, attempt) says all about its states:
 *          the same key always means the same change, so repeated and reordered messages agree.
 * Threads: pure. */
#pragma once
#include "common/base/arena.h"
#include "common/envelope/envelope.h"

typedef struct StateEvent {
    const char *step;
    const char *nature;
    const char *from; /* NULL: unknown */
    const char *to;   /* NULL: nothing changed */
    Str destination;  /* ptr NULL: none */
    Str replay_id;    /* empty: the first time */
    int32_t attempt;
    Str reason; /* no patient data */
    Str service;
    int64_t happened_at_us;
} StateEvent;

enum { STATE_EVENTS_MAX = 3 };
typedef struct StateEvents {
    StateEvent list[STATE_EVENTS_MAX];
    size_t count;
} StateEvents;

void states_of_envelope(const Envelope *envelope, StateEvents *ret_events);
void states_of_validated(const Validated *validated, StateEvents *ret_events);
/* RESPONSE_DELIVERY, _FAILED, _ROUTED and _BURIED; nothing for other kinds. */
void states_of_response(const Response *response, Arena *arena, StateEvents *ret_events);
