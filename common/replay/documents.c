/* What was received -> an envelope to publish: of a row of the store, of a record, of a dead
 * letter. */
#include <zstd.h>

#include "common/json/json.h"
#include "common/replay/inner.h"

enum { PAYLOAD_BYTES_MAX = 64 * 1024 * 1024 };

#define RESUBMIT "fhirbus-resubmit"

/* Columns of replay_page. */
enum {
    D_RECEIVED,
    D_ID,
    D_TENANT,
    D_SHA256,
    D_PAYLOAD,
    D_BYTES,
    D_TYPE,
    D_ROUTE,
    D_URI,
    D_CALLER,
    D_CORRELATION,
    D_PARENT,
    D_CHILD,
    D_GROUP,
    D_MASTER,
    D_SOURCE,
    D_ADDRESS,
    D_AGENT,
    D_ELABORATION,
    D_PROVENANCE,
    D_TRACE,
    D_KEY,
    D_HEADERS,
    D_SUPERSEDED,
    D_ACCEPTED,
};

bool document_unpack(Vault *vault, Str interaction_id, Str packed, Arena *arena, Str *ret_bytes,
                     Err *err)
{
    TRY(vault_unseal(vault, VAULT_ONE(VAULT_PAYLOAD), interaction_id, packed, arena, &packed, err));
    unsigned long long size = ZSTD_getFrameContentSize(packed.ptr, packed.len);
    char *to = size <= PAYLOAD_BYTES_MAX ? arena_alloc(arena, (size_t)size + 1) : NULL;
    if (!to || ZSTD_decompress(to, (size_t)size, packed.ptr, packed.len) != size)
        return ERR(err, ERR_FATAL, "replay-bytes", "a stored payload cannot be unpacked");
    *ret_bytes = (Str){to, (size_t)size};
    return true;
}

/* The column `headers`: {"ig_version":"...","header:NAME":"..."}, as the persister keeps them. */
static bool add_headers(Str json, RequestHeaders *headers, Arena *arena, Err *err)
{
    const struct {
        const char *name;
        Str *to;
    } own[] = {
        {"severity_level",          &headers->severity_level         },
        {"datalake_url",            &headers->datalake_url           },
        {"ig_version",              &headers->ig_version             },
        {"override_request_uri",    &headers->override_request_uri   },
        {"data_ledger_tracking",    &headers->data_ledger_tracking   },
        {"data_ledger_diagnostics", &headers->data_ledger_diagnostics},
    };
    JsonDoc doc;
    if (!json.len)
        return true;
    TRY(json_read(json, NULL, NULL, arena, &doc, NULL, err));
    NameValue *other = ARENA_ARRAY(arena, NameValue, json_root(&doc)->count + 1);
    if (!other)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for headers");
    headers->other = other;
    JSON_EACH(&doc, member, json_root(&doc))
    {
        Str name = json_key(member);
        if (str_starts(name, STR("header:")))
            other[headers->other_count++] =
                (NameValue){str_skip(name, strlen("header:")), json_text(member)};
        for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
            if (str_is(name, own[i].name))
                *own[i].to = json_text(member);
    }
    return true;
}

bool document_of_row(const DbResult *rows, size_t i, const ReplayRow *replay, Arena *arena,
                     Envelope *ret_envelope, Err *err)
{
    char id[37] = "";
    Str payload = STR("");
    (void)!db_get_uuid(rows, i, D_ID, id);
    TRY(document_unpack(replay->vault, str_from(id), db_get_text(rows, i, D_PAYLOAD), arena,
                        &payload, err));
    bool validate_only = str_is(db_get_text(rows, i, D_ROUTE), "/Bundle/$validate");
    Envelope e = {.interaction_id = arena_copy(arena, str_from(id)),
                  .tenant = db_get_text(rows, i, D_TENANT),
                  .caller = db_get_text(rows, i, D_CALLER),
                  .route = validate_only ? ROUTE_BUNDLE_VALIDATE : ROUTE_BUNDLE,
                  .source_type = db_get_text(rows, i, D_SOURCE),
                  .content_type = db_get_text(rows, i, D_TYPE),
                  .received_at_us = db_get_time_us(rows, i, D_RECEIVED),
                  .payload = payload,
                  .payload_sha256 = db_get_text(rows, i, D_SHA256),
                  .payload_bytes = payload.len,
                  .traceparent = db_get_text(rows, i, D_TRACE),
                  .parent_id = db_get_text(rows, i, D_PARENT),
                  .child_index = (uint32_t)db_get_int(rows, i, D_CHILD),
                  .ordering_key = db_get_text(rows, i, D_KEY)};
    e.headers = (RequestHeaders){.correlation_id = db_get_text(rows, i, D_CORRELATION),
                                 .elaboration = db_get_text(rows, i, D_ELABORATION),
                                 .provenance = db_get_text(rows, i, D_PROVENANCE),
                                 .master_interaction_id = db_get_text(rows, i, D_MASTER),
                                 .group_interaction_id = db_get_text(rows, i, D_GROUP),
                                 .user_agent = db_get_text(rows, i, D_AGENT),
                                 .client_address = db_get_text(rows, i, D_ADDRESS),
                                 .request_uri = db_get_text(rows, i, D_URI)};
    TRY(add_headers(db_get_text(rows, i, D_HEADERS), &e.headers, arena, err));
    document_again(&e, replay, arena);
    *ret_envelope = e;
    return true;
}

static bool of_validated(Str value, Arena *arena, Envelope *ret_envelope, Err *err)
{
    Validated v;
    TRY(validated_decode(value, arena, &v, err));
    *ret_envelope = v.envelope;
    ret_envelope->payload = v.bundle_is_payload ? v.bundle : STR_NONE;
    return true;
}

static bool of_submission(Str value, Arena *arena, Envelope *ret_envelope, Err *err)
{
    Submission s;
    TRY(submission_decode(value, arena, &s, err));
    *ret_envelope = s.envelope;
    ret_envelope->payload = STR_NONE;
    return true;
}

bool document_of_record(Str topic, Str value, Arena *arena, Envelope *ret_envelope)
{
    Err ignored = {0};
    if (str_is(topic, "validated"))
        return of_validated(value, arena, ret_envelope, &ignored);
    if (str_starts(topic, STR("submit.")))
        return of_submission(value, arena, ret_envelope, &ignored);
    return (str_is(topic, "intake") || str_is(topic, "intake.bulk")) &&
           envelope_decode(value, arena, ret_envelope, &ignored);
}

/* A mark for the deliverer; one of an earlier replay's does not count. */
static void mark_resubmit(RequestHeaders *headers, bool resubmit, Arena *arena)
{
    NameValue *list = ARENA_ARRAY(arena, NameValue, headers->other_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; list && i < headers->other_count; i++)
        if (!str_is(headers->other[i].name, RESUBMIT))
            list[count++] = headers->other[i];
    if (list && resubmit)
        list[count++] = (NameValue){STR(RESUBMIT), STR("1")};
    headers->other = list;
    headers->other_count = count;
}

void document_again(Envelope *envelope, const ReplayRow *replay, Arena *arena)
{
    /* Whoever does not know replay_to yet hands nothing on all the same. */
    if (!str_is(replay->go_to, "submit"))
        envelope->route = ROUTE_BUNDLE_VALIDATE;
    envelope->replay_id = replay->id;
    envelope->replay_to = replay->go_to;
    envelope->lane = LANE_BULK;
    envelope->response_partition = ENVELOPE_NOBODY_WAITS;
    envelope->ingest_instance = STR_NONE;
    envelope->deadline_at_us = 0;
    envelope->attempt = 0;
    mark_resubmit(&envelope->headers, replay->resubmit, arena);
}
