#include "services/persister/record.h"

#include <zstd.h>

#include "common/base/buf.h"

#include "common/envelope/uuid.h"
#include "services/persister/facts.h"
#include "services/persister/loaded.h"
#include "services/persister/statements.h"

#define NO_REPLAY "00000000-0000-0000-0000-000000000000"
/* What a document may cost while its facts are looked for; past it there are none. */
#define SCRATCH_BYTES ((size_t)256 << 20)
/* Indexed columns must stay far below PostgreSQL's limit of an index row (2.7 KB). */
enum { KEY_BYTES_MAX = 512, TEXT_BYTES_MAX = 16384, HEADERS_BYTES_MAX = 1 << 20 };

struct Recorder {
    Arena *scratch;
    ZSTD_CCtx *zstd;
    Vault *vault;
};

Recorder *recorder_new(int compression_level, Vault *vault)
{
    Recorder *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->vault = vault;
    r->scratch = arena_new(SCRATCH_BYTES);
    r->zstd = ZSTD_createCCtx();
    if (r->scratch && r->zstd) {
        ZSTD_CCtx_setParameter(r->zstd, ZSTD_c_compressionLevel, compression_level);
        return r;
    }
    recorder_free(r);
    return NULL;
}

void recorder_free(Recorder *recorder)
{
    if (!recorder)
        return;
    arena_free(recorder->scratch);
    ZSTD_freeCCtx(recorder->zstd);
    free(recorder);
}

/* One parameter list under construction. */
typedef struct Row {
    Recorder *recorder;
    Arena *arena;
    DbParams *params;
    Str interaction_id; /* whose it is, for sealing */
} Row;

/* Adds the bytes compressed, and sealed where that is wanted; ptr NULL: NULL. */
static void add_compressed(Row *row, VaultColumn column, Str bytes)
{
    if (!bytes.ptr) {
        db_null(row->params);
        return;
    }
    size_t bound = ZSTD_compressBound(bytes.len);
    char *to = arena_alloc(row->arena, bound);
    size_t len = to ? ZSTD_compress2(row->recorder->zstd, to, bound, bytes.ptr, bytes.len) : 0;
    if (!to || ZSTD_isError(len)) {
        row->params->failed = true;
        db_null(row->params);
        return;
    }
    arena_grow(row->arena, to, bound, len);
    Str sealed;
    Err err = {0};
    row->params->failed |= !vault_seal(row->recorder->vault, column, row->interaction_id,
                                       (Str){to, len}, row->arena, &sealed, &err);
    db_bytes(row->params, row->params->failed ? STR_NONE : sealed);
}

static void add_text(Row *row, Str text)
{
    db_text_or_null(row->params, text_clip(text, TEXT_BYTES_MAX));
}

static void add_facts(Row *row, const Facts *f)
{
    add_text(row, f->bundle_id);
    add_text(row, f->bundle_type);
    add_text(row, f->bundle_last_updated);
    add_text(row, f->profile_url);
    add_text(row, f->organization_id);
    add_text(row, f->organization_name);
    add_text(row, f->patient_id);
    add_text(row, f->patient_mrn);
    add_text(row, f->patient_mrn_source_system);
    add_text(row, f->medicaid_cin);
    if (f->resource_type_count)
        db_text_array(row->params, f->resource_types, f->resource_type_count);
    else
        db_null(row->params);
}

static Str replay_or_zero(Str replay_id)
{
    return replay_id.len ? replay_id : STR(NO_REPLAY);
}

static const char *route_path(RouteKind route)
{
    return route == ROUTE_BUNDLE_VALIDATE ? "/Bundle/$validate" : "/Bundle";
}

/* Who it is: checked here, so that the database never has to refuse. */
static bool check_identity(Str tenant, Str id, Str replay_id, Str sha256, Err *err)
{
    if (!uuid_valid(id) || (replay_id.len && !uuid_valid(replay_id)))
        return ERR(err, ERR_INPUT, "record-id", "interaction or replay id is not a UUID");
    if (tenant.len > KEY_BYTES_MAX)
        return ERR(err, ERR_INPUT, "record-id", "tenant of %zu bytes", tenant.len);
    if (sha256.len != ENVELOPE_SHA256_BYTES)
        return ERR(err, ERR_INPUT, "payload-hash", "sha256 of %zu bytes", sha256.len);
    return true;
}

static bool start(Row *row, Recorder *recorder, Arena *arena, Err *err)
{
    row->recorder = recorder;
    row->interaction_id = STR_NONE;
    row->arena = arena;
    row->params = arena_alloc(arena, sizeof *row->params);
    if (!row->params)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for a row");
    db_params_init(row->params, arena);
    return true;
}

static bool finish(const Row *row, const DbStatement *statement, Record *record, Err *err)
{
    record->statement = statement;
    record->params = row->params;
    return !row->params->failed ||
           ERR(err, ERR_INPUT, "memory-limit", "%zu bytes used", arena_used_bytes(row->arena));
}

static void add_identity(Row *row, Str tenant, Str id, Str sha256)
{
    row->interaction_id = id;
    db_text(row->params, tenant.ptr ? tenant : STR(""));
    db_uuid(row->params, id);
    db_bytes(row->params, sha256);
}

/* {"name":"value",...}; only what JSON must escape is. */
static Str details_json(Arena *arena, const NameValue *list, size_t count, size_t bytes_max)
{
    BUF_AUTO out;
    buf_init(&out, bytes_max);
    if (count == 0)
        return STR_NONE;
    for (size_t i = 0; i < count; i++) {
        const Str parts[] = {list[i].name, list[i].value};
        buf_add(&out, i ? STR(",") : STR("{"));
        for (int p = 0; p < 2; p++) {
            buf_add(&out, p ? STR(":\"") : STR("\""));
            for (size_t at = 0; at < parts[p].len; at++) {
                unsigned char c = (unsigned char)parts[p].ptr[at];
                if (c < 0x20)
                    buf_add_format(&out, "\\u%04x", c);
                else if (c == '"' || c == '\\')
                    buf_add_char(&out, '\\'), buf_add_char(&out, (char)c);
                else
                    buf_add_char(&out, (char)c);
            }
            buf_add_char(&out, '"');
        }
    }
    buf_add_char(&out, '}');
    return out.overflowed ? STR_NONE : arena_copy(arena, buf_str(&out));
}

/* --- intake, intake.bulk ---------------------------------------------------------------------- */

static bool check_payload(const Envelope *e, Err *err)
{
    unsigned char hash[ENVELOPE_SHA256_BYTES];
    envelope_sha256(e->payload, hash);
    return memcmp(hash, e->payload_sha256.ptr, sizeof hash) == 0 ||
           ERR(err, ERR_INPUT, "payload-hash", "payload is not what its sha256 says");
}

static void add_request(Row *row, const Envelope *e)
{
    const RequestHeaders *h = &e->headers;
    add_text(row, e->content_type);
    db_text(row->params, str_from(lane_name(e->lane == LANE_BULK ? LANE_BULK : LANE_INTERACTIVE)));
    db_text(row->params, str_from(route_path(e->route)));
    add_text(row, h->override_request_uri.len ? h->override_request_uri : h->request_uri);
    add_text(row, e->caller);
    add_text(row, h->correlation_id);
    db_uuid(row->params, uuid_valid(e->parent_id) ? e->parent_id : STR_NONE);
    if (e->parent_id.len)
        db_int(row->params, (int32_t)e->child_index);
    else
        db_null(row->params);
    add_text(row, h->group_interaction_id);
    add_text(row, h->master_interaction_id);
    add_text(row, e->source_type);
    add_text(row, h->client_address);
    add_text(row, h->user_agent);
    add_text(row, h->elaboration);
    add_text(row, h->provenance);
    add_text(row, e->traceparent);
    db_bytes(row->params, e->ordering_key.len ? e->ordering_key : STR_NONE);
}

/* What steers judging and sending and has no column of its own: a replay gives it back as it came.
 */
static Str steering(const RequestHeaders *h, Arena *arena)
{
    const NameValue own[] = {
        {STR("severity_level"),          h->severity_level         },
        {STR("datalake_url"),            h->datalake_url           },
        {STR("ig_version"),              h->ig_version             },
        {STR("override_request_uri"),    h->override_request_uri   },
        {STR("data_ledger_tracking"),    h->data_ledger_tracking   },
        {STR("data_ledger_diagnostics"), h->data_ledger_diagnostics},
    };
    enum { OWN = sizeof own / sizeof own[0] };
    NameValue *list = ARENA_ARRAY(arena, NameValue, OWN + h->other_count);
    size_t count = 0;
    for (size_t i = 0; list && i < OWN; i++)
        if (own[i].value.len)
            list[count++] = own[i];
    for (size_t i = 0; list && i < h->other_count; i++)
        list[count++] = (NameValue){arena_format(arena, "header:%.*s", STR_ARG(h->other[i].name)),
                                    h->other[i].value};
    return details_json(arena, list, count, HEADERS_BYTES_MAX);
}

/* Where the document's own record stands; a replay's is no place to read it from. */
static void add_source(Row *row, const RecordSource *from, bool replayed)
{
    if (replayed) {
        db_null(row->params);
        db_null(row->params);
        db_null(row->params);
        return;
    }
    db_text(row->params, from->topic);
    db_int(row->params, from->partition);
    db_bigint(row->params, from->offset);
}

/* A replay that only judges leaves the record of the document as it is. */
static bool judges_only(Str replay_id, Str replay_to)
{
    return replay_id.len && str_is(replay_to, "validate");
}

static bool read_envelope(Recorder *recorder, const RecordSource *from, Str value, Arena *arena,
                          Record *record, Err *err)
{
    Envelope e;
    Facts facts = {0};
    Row row;
    TRY(envelope_decode(value, arena, &e, err));
    TRY(check_identity(e.tenant, e.interaction_id, e.replay_id, e.payload_sha256, err));
    TRY(check_payload(&e, err));
    *record = (Record){.tenant = e.tenant.ptr ? e.tenant : STR(""),
                       .interaction_id = e.interaction_id,
                       .sha256 = e.payload_sha256,
                       .received_at_us = e.received_at_us,
                       .payload_bytes = e.payload.len,
                       .nothing = e.headers.health_check || judges_only(e.replay_id, e.replay_to)};
    if (record->nothing)
        return true;
    if (envelope_is_fhir(&e))
        facts_read(e.payload, recorder->scratch, arena, &facts);
    TRY(start(&row, recorder, arena, err));
    add_identity(&row, e.tenant, e.interaction_id, e.payload_sha256);
    db_time_us(row.params, e.received_at_us);
    add_compressed(&row, VAULT_PAYLOAD, e.payload.ptr ? e.payload : STR(""));
    db_bigint(row.params, (int64_t)e.payload.len);
    add_request(&row, &e);
    add_facts(&row, &facts);
    db_text_or_null(row.params, steering(&e.headers, arena));
    add_source(&row, from, e.replay_id.len > 0);
    states_of_envelope(&e, &record->events);
    return finish(&row, &sql_message, record, err);
}

/* --- validated -------------------------------------------------------------------------------- */

static void add_outcome(Row *row, const Validated *v)
{
    const Outcome *o = &v->outcome;
    bool converted = !v->bundle_is_payload && v->bundle.len;
    add_text(row, o->precheck_code);
    add_text(row, o->precheck_message);
    add_compressed(row, VAULT_OUTCOME, o->operation_outcome.len ? o->operation_outcome : STR_NONE);
    db_bigint(row->params, (int64_t)o->operation_outcome.len);
    add_compressed(row, VAULT_BUNDLE, converted ? v->bundle : STR_NONE);
    if (converted)
        db_bigint(row->params, (int64_t)v->bundle.len);
    else
        db_null(row->params);
    db_int(row->params, (int32_t)o->errors);
    db_int(row->params, (int32_t)o->warnings);
    db_int(row->params, (int32_t)o->information);
    db_int(row->params, (int32_t)o->issues_left_out);
    add_text(row, o->ig_name);
    add_text(row, o->ig_version);
    add_text(row, o->engine_name);
    add_text(row, o->engine_version);
    db_time_us(row->params, o->engine_started_at_us);
    db_time_us(row->params, o->started_at_us);
    db_time_us(row->params, o->finished_at_us);
}

typedef struct IssueColumns {
    Str *texts[6]; /* severity, code, message id, location, expression, diagnostics */
    int32_t *numbers[2];
} IssueColumns;

static bool issue_columns(Arena *arena, const Outcome *o, IssueColumns *c)
{
    for (int i = 0; i < 6; i++)
        if (!(c->texts[i] = ARENA_ARRAY(arena, Str, o->issue_count + 1)))
            return false;
    for (int i = 0; i < 2; i++)
        if (!(c->numbers[i] = ARENA_ARRAY(arena, int32_t, o->issue_count + 1)))
            return false;
    for (uint32_t i = 0; i < o->issue_count; i++) {
        const OutcomeIssue *issue = &o->issues[i];
        c->texts[0][i] = text_clip(issue->severity, KEY_BYTES_MAX);
        c->texts[1][i] = text_clip(issue->code, KEY_BYTES_MAX);
        c->texts[2][i] = text_clip(issue->message_id, KEY_BYTES_MAX);
        c->texts[3][i] = text_clip(issue->location, TEXT_BYTES_MAX);
        c->texts[4][i] = text_clip(issue->expression, TEXT_BYTES_MAX);
        c->texts[5][i] = text_clip(issue->text, TEXT_BYTES_MAX);
        c->numbers[0][i] = (int32_t)issue->line;
        c->numbers[1][i] = (int32_t)issue->column;
    }
    return true;
}

static void add_issues(Row *row, const Outcome *o)
{
    IssueColumns c;
    if (!issue_columns(row->arena, o, &c)) {
        row->params->failed = true;
        return;
    }
    db_text_array(row->params, c.texts[0], o->issue_count);
    for (int i = 1; i < 6; i++)
        db_text_or_null_array(row->params, c.texts[i], o->issue_count);
    for (int i = 0; i < 2; i++)
        db_int_array(row->params, c.numbers[i], o->issue_count);
}

/* What the engine had said, where the sender was told otherwise. */
static void add_engine_outcome(Row *row, const Validated *v)
{
    const Outcome *o = &v->engine_outcome;
    add_text(row, v->rules_version);
    if (!v->has_engine_outcome) {
        for (int i = 0; i < 5; i++)
            db_null(row->params);
        return;
    }
    add_compressed(row, VAULT_ENGINE_OUTCOME,
                   o->operation_outcome.len ? o->operation_outcome : STR_NONE);
    db_bigint(row->params, (int64_t)o->operation_outcome.len);
    db_int(row->params, (int32_t)o->errors);
    db_int(row->params, (int32_t)o->warnings);
    db_int(row->params, (int32_t)o->information);
}

static void add_changes(Row *row, const Validated *v)
{
    Str *texts[4]; /* rule, what, before, after */
    uint32_t count = v->rule_change_count;
    int32_t *issues = ARENA_ARRAY(row->arena, int32_t, count + 1);
    row->params->failed |= !issues;
    for (int i = 0; i < 4; i++) {
        texts[i] = ARENA_ARRAY(row->arena, Str, count + 1);
        row->params->failed |= !texts[i];
    }
    for (uint32_t i = 0; !row->params->failed && i < count; i++) {
        const RuleChange *change = &v->rule_changes[i];
        texts[0][i] = text_clip(change->rule, KEY_BYTES_MAX);
        texts[1][i] = text_clip(change->what, KEY_BYTES_MAX);
        texts[2][i] = text_clip(change->before, TEXT_BYTES_MAX);
        texts[3][i] = text_clip(change->after, TEXT_BYTES_MAX);
        issues[i] = (int32_t)change->issue;
    }
    if (row->params->failed)
        return;
    db_text_array(row->params, texts[0], count);
    db_text_array(row->params, texts[1], count);
    db_int_array(row->params, issues, count);
    db_text_or_null_array(row->params, texts[2], count);
    db_text_or_null_array(row->params, texts[3], count);
}

/* --- a replay that only judges ---------------------------------------------------------------- */

static bool add_judgement(Recorder *recorder, const Validated *v, Arena *arena, Record *record,
                          Err *err)
{
    const Envelope *e = &v->envelope;
    const Outcome *o = &v->outcome;
    Row row;
    record->of_a_replay = true;
    TRY(start(&row, recorder, arena, err));
    add_identity(&row, e->tenant, e->interaction_id, e->payload_sha256);
    db_uuid(row.params, e->replay_id);
    db_time_us(row.params, e->received_at_us);
    db_bool(row.params, o->valid);
    db_text(row.params, str_from(action_name(v->disposition.action)));
    add_text(&row, v->disposition.actions_json);
    add_text(&row, o->precheck_code);
    db_int(row.params, (int32_t)o->errors);
    db_int(row.params, (int32_t)o->warnings);
    db_int(row.params, (int32_t)o->information);
    db_int(row.params, (int32_t)o->issues_left_out);
    add_text(&row, o->ig_name);
    add_text(&row, o->ig_version);
    add_text(&row, o->profile_url);
    add_text(&row, o->engine_version);
    add_text(&row, v->rules_version);
    db_time_us(row.params, o->finished_at_us);
    add_issues(&row, o);
    return finish(&row, &sql_replay_verdict, record, err);
}

static bool add_replay_failure(Recorder *recorder, const Response *r, Arena *arena, Record *record,
                               Err *err)
{
    Row row;
    record->of_a_replay = true;
    TRY(start(&row, recorder, arena, err));
    add_identity(&row, r->tenant, r->interaction_id, r->payload_sha256);
    db_uuid(row.params, r->replay_id);
    db_time_us(row.params, r->received_at_us);
    add_text(&row,
             arena_format(arena, "%.*s: %.*s", STR_ARG(r->failure.code), STR_ARG(r->failure.text)));
    db_time_us(row.params, r->at_us);
    return finish(&row, &sql_replay_failure, record, err);
}

static bool read_validated(Recorder *recorder, Str value, Arena *arena, Record *record, Err *err)
{
    Validated v;
    Facts facts = {0};
    Row row;
    TRY(validated_decode(value, arena, &v, err));
    const Envelope *e = &v.envelope;
    TRY(check_identity(e->tenant, e->interaction_id, e->replay_id, e->payload_sha256, err));
    *record = (Record){.tenant = e->tenant.ptr ? e->tenant : STR(""),
                       .interaction_id = e->interaction_id,
                       .sha256 = e->payload_sha256,
                       .received_at_us = e->received_at_us,
                       .nothing = e->headers.health_check};
    if (record->nothing)
        return true;
    if (judges_only(e->replay_id, e->replay_to))
        return add_judgement(recorder, &v, arena, record, err);
    if (!v.bundle_is_payload && v.bundle.len)
        facts_read(v.bundle, recorder->scratch, arena, &facts);
    if (v.outcome.profile_url.len)
        facts.profile_url = v.outcome.profile_url; /* the one it was judged by */
    TRY(start(&row, recorder, arena, err));
    add_identity(&row, e->tenant, e->interaction_id, e->payload_sha256);
    db_uuid(row.params, replay_or_zero(e->replay_id));
    db_int(row.params, (int32_t)e->attempt);
    db_bool(row.params, v.outcome.valid);
    db_text(row.params, str_from(action_name(v.disposition.action)));
    add_text(&row, v.disposition.actions_json);
    add_outcome(&row, &v);
    add_facts(&row, &facts);
    add_issues(&row, &v.outcome);
    add_engine_outcome(&row, &v);
    add_changes(&row, &v);
    states_of_validated(&v, &record->events);
    return finish(&row, &sql_verdict, record, err);
}

/* --- response --------------------------------------------------------------------------------- */

static bool add_delivery(Recorder *recorder, const Response *r, Arena *arena, Record *record,
                         Err *err)
{
    const Delivery *d = &r->delivery;
    Row row;
    TRY(start(&row, recorder, arena, err));
    add_identity(&row, r->tenant, r->interaction_id, r->payload_sha256);
    db_text(row.params, text_clip(d->destination.ptr ? d->destination : STR(""), KEY_BYTES_MAX));
    db_uuid(row.params, replay_or_zero(r->replay_id));
    db_int(row.params, (int32_t)d->attempt);
    db_bool(row.params, d->success);
    db_bool(row.params, d->final);
    add_text(&row, d->url);
    add_text(&row, d->idempotency_key);
    db_int(row.params, (int32_t)d->http_status);
    add_text(&row, d->error_class);
    add_text(&row, d->error_text);
    add_compressed(&row, VAULT_RESPONSE, d->response_body.len ? d->response_body : STR_NONE);
    db_bigint(row.params, (int64_t)d->response_body.len);
    db_bool(row.params, d->response_truncated);
    add_text(&row, d->response_content_type);
    db_bytes(row.params, d->request_sha256.len ? d->request_sha256 : STR_NONE);
    db_bigint(row.params, (int64_t)d->request_bytes);
    db_time_us(row.params, d->started_at_us);
    db_time_us(row.params, d->finished_at_us);
    add_text(&row, d->rules_version);
    db_text_or_null(row.params, d->transforms_json); /* bounded where it is written; JSON: uncut */
    db_text_or_null(row.params, details_json(arena, d->response_headers, d->response_header_count,
                                             TEXT_BYTES_MAX));
    db_int(row.params, (int32_t)d->budget_used);
    return finish(&row, &sql_delivery, record, err);
}

/* Verdicts come by `validated`, whole; our own answers are of no interest to ourselves,
 * what somebody tries out to nobody. */
static bool read_response(Recorder *recorder, Str value, Arena *arena, Record *record, Err *err)
{
    Response r;
    TRY(response_decode(value, arena, &r, err));
    *record = (Record){.nothing = true};
    bool of_delivery =
        r.kind == RESPONSE_DELIVERY || r.kind == RESPONSE_ROUTED || r.kind == RESPONSE_BURIED;
    bool wanted = r.kind == RESPONSE_FAILED || (of_delivery && r.has_delivery);
    if (!wanted || str_is(r.service, "persister") || r.route == ROUTE_TRIAL)
        return true;
    TRY(check_identity(r.tenant, r.interaction_id, r.replay_id, r.payload_sha256, err));
    *record = (Record){.tenant = r.tenant.ptr ? r.tenant : STR(""),
                       .interaction_id = r.interaction_id,
                       .sha256 = r.payload_sha256,
                       .received_at_us = r.received_at_us};
    if (judges_only(r.replay_id, r.replay_to))
        return add_replay_failure(recorder, &r, arena, record, err);
    states_of_response(&r, arena, &record->events);
    return r.kind != RESPONSE_DELIVERY || add_delivery(recorder, &r, arena, record, err);
}

/* --- events ----------------------------------------------------------------------------------- */

static Str detail(const Event *e, const char *name)
{
    for (uint32_t i = 0; i < e->detail_count; i++)
        if (str_is(e->details[i].name, name))
            return e->details[i].value;
    return STR("");
}

/* What a destination said later. Whose document it is about is found by the delivery on record. */
static bool add_callback(Row *row, const Event *e, int64_t at_us, Record *record, Err *err)
{
    db_uuid(row->params, e->interaction_id);
    db_uuid(row->params, e->event_id);
    db_text(row->params, text_clip(detail(e, "destination"), KEY_BYTES_MAX));
    db_text(row->params, e->tenant.ptr ? e->tenant : STR(""));
    db_bool(row->params, str_is(detail(e, "success"), "true"));
    add_text(row, detail(e, "status"));
    add_text(row, e->content_type);
    add_compressed(row, VAULT_BODY, e->body.len ? e->body : STR_NONE);
    db_bigint(row->params, (int64_t)e->body.len);
    db_time_us(row->params, e->at_us ? e->at_us : at_us);
    /* The interaction id alone, as keys were before, names any of its documents. */
    Str key = detail(e, "key");
    db_text(row->params, key.len > UUID_TEXT_BYTES ? text_clip(key, KEY_BYTES_MAX) : STR(""));
    return finish(row, &sql_callback, record, err);
}

static bool read_event(Recorder *recorder, Str value, int64_t at_us, Arena *arena, Record *record,
                       Err *err)
{
    Event e;
    Row row;
    TRY(event_decode(value, arena, &e, err));
    if (!uuid_valid(e.interaction_id) || !uuid_valid(e.event_id) || e.tenant.len > KEY_BYTES_MAX)
        return ERR(err, ERR_INPUT, "record-id", "interaction or event id is not a UUID");
    *record = (Record){.tenant = STR_NONE};
    TRY(start(&row, recorder, arena, err));
    row.interaction_id = e.interaction_id;
    if (str_is(e.kind, "lake-callback"))
        return add_callback(&row, &e, at_us, record, err);
    if (e.has_loaded) {
        TRY(loaded_params(&e.loaded, e.at_us ? e.at_us : at_us, arena, row.params, err));
        return finish(&row, &sql_loaded, record, err);
    }
    db_text(row.params, e.tenant.ptr ? e.tenant : STR(""));
    db_uuid(row.params, e.interaction_id);
    db_uuid(row.params, e.event_id);
    db_time_us(row.params, e.at_us ? e.at_us : at_us);
    db_text(row.params, text_clip(e.kind.ptr ? e.kind : STR(""), KEY_BYTES_MAX));
    db_text(row.params, text_clip(e.service.ptr ? e.service : STR(""), KEY_BYTES_MAX));
    db_int(row.params, (int32_t)e.http_status);
    add_text(&row, e.content_type);
    add_compressed(&row, VAULT_BODY, e.body.len ? e.body : STR_NONE);
    db_bigint(row.params, (int64_t)e.body.len);
    add_text(&row, details_json(arena, e.details, e.detail_count, TEXT_BYTES_MAX));
    add_text(&row, e.traceparent);
    return finish(&row, &sql_notice, record, err);
}

bool record_read(Recorder *recorder, const RecordSource *from, Str value, Arena *arena,
                 Record *ret_record, Err *err)
{
    Record record = {0};
    Str topic = from->topic;
    if (!value.ptr)
        record.nothing = true; /* a tombstone */
    else if (str_is(topic, "intake") || str_is(topic, "intake.bulk"))
        TRY(read_envelope(recorder, from, value, arena, &record, err));
    else if (str_is(topic, "validated"))
        TRY(read_validated(recorder, value, arena, &record, err));
    else if (str_is(topic, "response"))
        TRY(read_response(recorder, value, arena, &record, err));
    else if (str_is(topic, "events"))
        TRY(read_event(recorder, value, from->at_us, arena, &record, err));
    else
        return ERR(err, ERR_INPUT, "record-topic", "nothing is known of topic %.*s",
                   STR_ARG(topic));
    if (!record.received_at_us)
        record.received_at_us = from->at_us;
    *ret_record = record;
    return true;
}
