#include "services/ingest/diagnostics/place.h"

#include <stdio.h>

#include "common/http/fields.h"
#include "services/ingest/diagnostics/scope.h"
#include "services/ingest/refuse.h"

const DbStatement place_rows = {
    "place", "SELECT g.tenant, g.received_at FROM fhirbus.grid g WHERE g.interaction_id = $1::uuid"
             " ORDER BY g.tenant LIMIT 2"};

StepNext place_read(PlaceAsk *ask, Exchange *exchange)
{
    Str id = exchange->parameter;
    if (!http_is_uuid(id))
        return refuse(exchange, 400, "id", "An interaction's id is a UUID");
    ask->arena = exchange->arena;
    snprintf(ask->place.id, sizeof ask->place.id, "%.*s", STR_ARG(id));
    return STEP_NEXT;
}

bool place_find(PlaceAsk *ask, Db *db, Str scope, Arena *arena, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, arena);
    db_uuid(&params, str_from(ask->place.id));
    TRY(scope_run(db, scope, &place_rows, &params, &result, err));
    ask->found = db_rows(result) > 0;
    ask->several = db_rows(result) > 1;
    if (ask->found) {
        ask->place.tenant = arena_copy(ask->arena, db_get_text(result, 0, 0));
        ask->place.received_us = db_get_time_us(result, 0, 1);
    }
    db_result_free(result);
    return true;
}

StepNext place_refuse(const PlaceAsk *ask, Exchange *exchange)
{
    (void)ask;
    return refuse(exchange, 409, "tenant-needed", "Several tenants have that id: say which");
}
