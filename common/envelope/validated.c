#include "proto/validated.pb-c.h"

#include "common/envelope/codec.h"

#define OUTCOME_FIELDS(TEXT, BYTES, PLAIN)                                                         \
    PLAIN(valid)                                                                                   \
    BYTES(operation_outcome)                                                                       \
    TEXT(precheck_code)                                                                            \
    TEXT(precheck_message)                                                                         \
    TEXT(ig_name)                                                                                  \
    TEXT(ig_version)                                                                               \
    TEXT(profile_url)                                                                              \
    TEXT(engine_name)                                                                              \
    TEXT(engine_version)                                                                           \
    PLAIN(started_at_us)                                                                           \
    PLAIN(finished_at_us)                                                                          \
    PLAIN(errors)                                                                                  \
    PLAIN(warnings)                                                                                \
    PLAIN(information)                                                                             \
    PLAIN(issues_left_out)                                                                         \
    PLAIN(engine_started_at_us)

#define ISSUE_FIELDS(TEXT, PLAIN)                                                                  \
    TEXT(severity)                                                                                 \
    TEXT(code)                                                                                     \
    TEXT(message_id)                                                                               \
    TEXT(location)                                                                                 \
    TEXT(expression)                                                                               \
    TEXT(text)                                                                                     \
    PLAIN(line)                                                                                    \
    PLAIN(column)

static void issue_out(Codec *codec, const OutcomeIssue *in, Fhirbus__Issue *wire)
{
    fhirbus__issue__init(wire);
    ISSUE_FIELDS(OUT_TEXT, OUT_PLAIN)
}

static void issue_in(const Fhirbus__Issue *wire, OutcomeIssue *ret){ISSUE_FIELDS(IN_TEXT, IN_PLAIN)}

Fhirbus__Outcome *codec_outcome_out(Codec *codec, const Outcome *in)
{
    Fhirbus__Outcome *wire = codec_alloc(codec, sizeof *wire);
    Fhirbus__Issue **list = codec_alloc(codec, in->issue_count * sizeof *list);
    Fhirbus__Issue *issues = codec_alloc(codec, in->issue_count * sizeof *issues);
    if (!wire || !list || !issues)
        return NULL;
    fhirbus__outcome__init(wire);
    OUTCOME_FIELDS(OUT_TEXT, OUT_BYTES, OUT_PLAIN)
    for (uint32_t i = 0; i < in->issue_count; i++) {
        issue_out(codec, &in->issues[i], &issues[i]);
        list[i] = &issues[i];
    }
    wire->issues = list;
    wire->n_issues = in->issue_count;
    codec_keep_unknown(&wire->base, in->unknown);
    return wire;
}

bool codec_outcome_in(const Fhirbus__Outcome *wire, Arena *arena, Outcome *ret, Err *err)
{
    OutcomeIssue *issues = ARENA_ARRAY(arena, OutcomeIssue, wire->n_issues + 1);
    if (!issues)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for %zu issues", wire->n_issues);
    OUTCOME_FIELDS(IN_TEXT, IN_BYTES, IN_PLAIN)
    for (size_t i = 0; i < wire->n_issues; i++)
        issue_in(wire->issues[i], &issues[i]);
    ret->issues = issues;
    ret->issue_count = (uint32_t)wire->n_issues;
    ret->unknown = codec_unknown(&wire->base);
    return true;
}

Fhirbus__Disposition *codec_disposition_out(Codec *codec, const Disposition *in)
{
    Fhirbus__Disposition *wire = codec_alloc(codec, sizeof *wire);
    if (!wire)
        return NULL;
    fhirbus__disposition__init(wire);
    OUT_ENUM(action, Fhirbus__Action)
    OUT_BYTES(actions_json)
    codec_keep_unknown(&wire->base, in->unknown);
    return wire;
}

void codec_disposition_in(const Fhirbus__Disposition *wire, Disposition *ret)
{
    ret->action = (DispositionAction)wire->action;
    ret->actions_json = codec_blob(wire->actions_json);
    ret->unknown = codec_unknown(&wire->base);
}

#define CHANGE_FIELDS(TEXT, PLAIN)                                                                 \
    TEXT(rule)                                                                                     \
    TEXT(what)                                                                                     \
    PLAIN(issue)                                                                                   \
    TEXT(before)                                                                                   \
    TEXT(after)

static void change_out(Codec *codec, const RuleChange *in, Fhirbus__RuleChange *wire)
{
    fhirbus__rule_change__init(wire);
    CHANGE_FIELDS(OUT_TEXT, OUT_PLAIN)
}

static void change_in(const Fhirbus__RuleChange *wire, RuleChange *ret)
{
    CHANGE_FIELDS(IN_TEXT, IN_PLAIN)
}

static Fhirbus__RuleChange **changes_out(Codec *codec, const RuleChange *in, uint32_t count)
{
    Fhirbus__RuleChange **list = codec_alloc(codec, count * sizeof *list);
    Fhirbus__RuleChange *changes = codec_alloc(codec, count * sizeof *changes);
    if (!list || !changes)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        change_out(codec, &in[i], &changes[i]);
        list[i] = &changes[i];
    }
    return list;
}

static bool changes_in(const Fhirbus__Validated *wire, Arena *arena, Validated *ret, Err *err)
{
    RuleChange *changes = ARENA_ARRAY(arena, RuleChange, wire->n_rule_changes + 1);
    if (!changes)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for %zu changes", wire->n_rule_changes);
    for (size_t i = 0; i < wire->n_rule_changes; i++)
        change_in(wire->rule_changes[i], &changes[i]);
    ret->rule_changes = changes;
    ret->rule_change_count = (uint32_t)wire->n_rule_changes;
    return true;
}

bool validated_encode(const Validated *in, Arena *arena, Str *ret_bytes, Err *err)
{
    Codec codec = {.arena = arena};
    Fhirbus__Validated wire;
    fhirbus__validated__init(&wire);
    if (in->envelope.interaction_id.len == 0)
        return ERR(err, ERR_INPUT, "envelope-field", "no interaction_id");
    wire.version = in->version ? in->version : ENVELOPE_VERSION;
    wire.envelope = codec_envelope_out(&codec, &in->envelope);
    wire.bundle = codec_bytes(in->bundle);
    wire.bundle_is_payload = in->bundle_is_payload;
    wire.outcome = codec_outcome_out(&codec, &in->outcome);
    wire.disposition = codec_disposition_out(&codec, &in->disposition);
    wire.published_at_us = in->published_at_us;
    wire.redelivered = in->redelivered;
    wire.rules_version = codec_text(&codec, in->rules_version);
    if (in->has_engine_outcome)
        wire.engine_outcome = codec_outcome_out(&codec, &in->engine_outcome);
    wire.rule_changes = changes_out(&codec, in->rule_changes, in->rule_change_count);
    wire.n_rule_changes = wire.rule_changes ? in->rule_change_count : 0;
    codec_keep_unknown(&wire.base, in->unknown);
    return codec_pack(&codec, &wire.base, ret_bytes, err);
}

bool validated_decode(Str bytes, Arena *arena, Validated *ret, Err *err)
{
    Validated out = {0};
    Fhirbus__Validated *wire = codec_unpack(&fhirbus__validated__descriptor, bytes, arena, err);
    if (!wire)
        return false;
    TRY(codec_version_fine(wire->version, err));
    if (!wire->envelope)
        return ERR(err, ERR_INPUT, "envelope-field", "no envelope");
    TRY(codec_envelope_in(wire->envelope, arena, &out.envelope, err));
    if (wire->outcome)
        TRY(codec_outcome_in(wire->outcome, arena, &out.outcome, err));
    if (wire->disposition)
        codec_disposition_in(wire->disposition, &out.disposition);
    out.version = wire->version;
    out.bundle = codec_blob(wire->bundle);
    out.bundle_is_payload = wire->bundle_is_payload;
    out.published_at_us = wire->published_at_us;
    out.redelivered = wire->redelivered;
    out.rules_version = codec_str(wire->rules_version);
    out.has_engine_outcome = wire->engine_outcome != NULL;
    if (wire->engine_outcome)
        TRY(codec_outcome_in(wire->engine_outcome, arena, &out.engine_outcome, err));
    TRY(changes_in(wire, arena, &out, err));
    out.unknown = codec_unknown(&wire->base);
    *ret = out;
    return true;
}
