/* place - which interaction is meant by an id: its tenant and month, within the scope.
 *
 * Two tenants may have used one id: then `tenant` must be said, and whoever may see but one of them
 * never learns of the other. */
#pragma once
#include "services/ingest/lookups.h"

extern const DbStatement place_rows;

typedef struct Place {
    char id[37];
    Str tenant;
    int64_t received_us;
} Place;

typedef struct PlaceAsk {
    Place place;
    Arena *arena; /* the exchange's */
    bool found, several;
} PlaceAsk;

StepNext place_read(PlaceAsk *ask, Exchange *exchange);
bool place_find(PlaceAsk *ask, Db *db, Str scope, Arena *arena, Err *err) MUST_USE;
StepNext place_refuse(const PlaceAsk *ask, Exchange *exchange); /* several: 409 */
