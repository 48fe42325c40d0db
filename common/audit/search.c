#include "common/audit/search.h"

/* All have the same parameters, whichever they use.
 * $1 tenant, $2 from, $3 to, $4 caller, $5 address, $6 action, $7 outcome, $8-$10 the record
 * before, $11 rows, $12 resource, $13 subject, $14 patient. */
#define ROWS                                                                                       \
    "SELECT r.partition, r.seq, r.topic_offset, r.at, r.record FROM fhirbus_audit.record r WHERE "
#define FILTERS                                                                                    \
    " AND ($1::text IS NULL OR r.tenant = $1) AND r.at >= $2 AND r.at < $3"                        \
    " AND ($4::text IS NULL OR r.caller = $4) AND ($5::text IS NULL OR r.address = $5)"            \
    " AND ($6::text IS NULL OR r.action = $6) AND ($7::int < 0 OR r.outcome = $7)"                 \
    " AND ($8::timestamptz IS NULL OR (r.at <= $8 AND (r.at, r.partition, r.seq) <"                \
    "                                  ($8, $9::int, $10::bigint)))"                               \
    " AND ($12::text IS NULL OR r.resource = $12)"                                                 \
    " AND ($13::bytea IS NULL OR $14::text IS NOT NULL)"                                           \
    " ORDER BY r.at DESC, r.partition DESC, r.seq DESC LIMIT $11"
#define OF_MESSAGES "SELECT m.interaction_id::text FROM fhirbus.message m WHERE m."
#define OF_VERDICTS "SELECT v.interaction_id::text FROM fhirbus.verdict v WHERE v."

const DbStatement audit_search_all = {"audit-all", ROWS "true" FILTERS};
const DbStatement audit_search_caller = {"audit-of-caller", ROWS "r.caller = $4" FILTERS};
const DbStatement audit_search_resource = {"audit-of-resource",
                                           ROWS "r.resource = $12 AND r.resource <> ''" FILTERS};
const DbStatement audit_search_patient = {
    "audit-of-patient",
    ROWS "(r.partition, r.seq) IN (SELECT s.partition, s.seq FROM fhirbus_audit.record s"
         " WHERE s.subject = $13 AND s.subject <> '' UNION"
         " SELECT o.partition, o.seq FROM fhirbus_audit.record o WHERE o.resource <> '' AND"
         " o.resource IN (" OF_MESSAGES "patient_id = $14 UNION " OF_MESSAGES
         "patient_mrn = $14 UNION " OF_MESSAGES "medicaid_cin = $14 UNION " OF_VERDICTS
         "patient_id = $14 UNION " OF_VERDICTS "patient_mrn = $14 UNION " OF_VERDICTS
         "medicaid_cin = $14))" FILTERS};

static const DbStatement *statement_for(const AuditSearch *search)
{
    if (search->patient.len)
        return &audit_search_patient;
    if (search->resource.len)
        return &audit_search_resource;
    return search->caller.len ? &audit_search_caller : &audit_search_all;
}

static void bind(const AuditSearch *s, Arena *arena, DbParams *params)
{
    db_params_init(params, arena);
    db_text_or_null(params, s->tenant);
    db_time_us(params, s->from_us > 0 ? s->from_us : 1);
    db_time_us(params, s->to_us);
    db_text_or_null(params, s->caller);
    db_text_or_null(params, s->address);
    db_text_or_null(params, s->action);
    db_int(params, s->outcome);
    db_time_us(params, s->after ? s->after_us : 0);
    db_int(params, s->after_place.partition);
    db_bigint(params, s->after_place.seq);
    db_bigint(params, (int64_t)s->limit);
    db_text_or_null(params, s->resource);
    db_bytes(params, s->patient.len ? s->subject : STR_NONE);
    db_text_or_null(params, s->patient);
}

/* Bytes that are no record are shown as an event all the same. */
static AuditRecord read_record(Str bytes, int64_t at_us, const AuditPlace *place, Arena *arena)
{
    AuditColumns columns;
    AuditRecord record;
    if (audit_columns(bytes, at_us, arena, &columns, &record)) {
        record.at_us = columns.at_us;
        return record;
    }
    return (AuditRecord){
        .id = arena_format(arena, "unreadable-%d-%lld", place->partition, (long long)place->seq),
        .at_us = at_us,
        .kind = AUDIT_GAP,
        .operation = STR("unreadable"),
        .outcome = AUDIT_FAILED,
    };
}

bool audit_search(Db *db, const AuditSearch *search, Arena *arena, AuditFound **ret_list,
                  size_t *ret_count, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    bind(search, arena, &params);
    TRY(db_run(db, statement_for(search), &params, &result, err));
    size_t count = db_rows(result);
    AuditFound *list = ARENA_ARRAY(arena, AuditFound, count + 1);
    bool fine = list != NULL;
    for (size_t i = 0; fine && i < count; i++) {
        Str bytes = arena_copy(arena, db_get_text(result, i, 4));
        fine = bytes.ptr != NULL;
        list[i].place = (AuditPlace){(int32_t)db_get_int(result, i, 0), db_get_int(result, i, 1),
                                     db_get_int(result, i, 2)};
        list[i].at_us = db_get_time_us(result, i, 3);
        list[i].record = read_record(bytes, list[i].at_us, &list[i].place, arena);
    }
    db_result_free(result);
    *ret_list = list;
    *ret_count = count;
    return fine || ERR(err, ERR_INPUT, "page-too-large", "no room for %zu records", count);
}
