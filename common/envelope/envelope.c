#include "common/envelope/envelope.h"

#include <gnutls/crypto.h>

#include "common/envelope/codec.h"
#include "proto/envelope.pb-c.h"

#define HEADER_FIELDS(TEXT, PLAIN)                                                                 \
    TEXT(correlation_id)                                                                           \
    TEXT(severity_level)                                                                           \
    TEXT(datalake_url)                                                                             \
    TEXT(ig_version)                                                                               \
    TEXT(elaboration)                                                                              \
    TEXT(provenance)                                                                               \
    TEXT(master_interaction_id)                                                                    \
    TEXT(group_interaction_id)                                                                     \
    TEXT(override_request_uri)                                                                     \
    PLAIN(health_check)                                                                            \
    TEXT(data_ledger_tracking)                                                                     \
    TEXT(data_ledger_diagnostics)                                                                  \
    TEXT(user_agent)                                                                               \
    TEXT(client_address)                                                                           \
    TEXT(request_uri)

#define ENVELOPE_FIELDS(TEXT, BYTES, PLAIN)                                                        \
    TEXT(interaction_id)                                                                           \
    TEXT(tenant)                                                                                   \
    TEXT(caller)                                                                                   \
    TEXT(source_type)                                                                              \
    TEXT(content_type)                                                                             \
    PLAIN(received_at_us)                                                                          \
    BYTES(payload)                                                                                 \
    BYTES(payload_sha256)                                                                          \
    PLAIN(payload_bytes)                                                                           \
    PLAIN(response_partition)                                                                      \
    TEXT(ingest_instance)                                                                          \
    PLAIN(deadline_at_us)                                                                          \
    TEXT(traceparent)                                                                              \
    TEXT(replay_id)                                                                                \
    TEXT(replay_to)                                                                                \
    TEXT(trial_profile)                                                                            \
    TEXT(parent_id)                                                                                \
    PLAIN(child_index)                                                                             \
    PLAIN(attempt)                                                                                 \
    BYTES(ordering_key)

enum { PAYLOAD_FIELD = 9 /* of message Envelope */ };

static Fhirbus__RequestHeaders *headers_out(Codec *codec, const RequestHeaders *in)
{
    Fhirbus__RequestHeaders *wire = codec_alloc(codec, sizeof *wire);
    if (!wire)
        return NULL;
    fhirbus__request_headers__init(wire);
    HEADER_FIELDS(OUT_TEXT, OUT_PLAIN)
    wire->other = codec_pairs_out(codec, in->other, in->other_count);
    wire->n_other = wire->other ? in->other_count : 0;
    codec_keep_unknown(&wire->base, in->unknown);
    return wire;
}

Fhirbus__Envelope *codec_envelope_out(Codec *codec, const Envelope *in)
{
    Fhirbus__Envelope *wire = codec_alloc(codec, sizeof *wire);
    if (!wire)
        return NULL;
    fhirbus__envelope__init(wire);
    wire->version = in->version ? in->version : ENVELOPE_VERSION;
    ENVELOPE_FIELDS(OUT_TEXT, OUT_BYTES, OUT_PLAIN)
    OUT_ENUM(route, Fhirbus__Route)
    OUT_ENUM(lane, Fhirbus__Lane)
    wire->headers = headers_out(codec, &in->headers);
    codec_keep_unknown(&wire->base, in->unknown);
    return wire;
}

static bool headers_in(const Fhirbus__RequestHeaders *wire, Arena *arena, RequestHeaders *ret,
                       Err *err)
{
    HEADER_FIELDS(IN_TEXT, IN_PLAIN)
    ret->unknown = codec_unknown(&wire->base);
    return codec_pairs_in(wire->other, wire->n_other, arena, &ret->other, &ret->other_count, err);
}

bool codec_envelope_in(const Fhirbus__Envelope *wire, Arena *arena, Envelope *ret, Err *err)
{
    *ret = (Envelope){0};
    TRY(codec_version_fine(wire->version, err));
    ret->version = wire->version;
    ENVELOPE_FIELDS(IN_TEXT, IN_BYTES, IN_PLAIN)
    ret->route = (RouteKind)wire->route;
    ret->lane = (Lane)wire->lane;
    ret->unknown = codec_unknown(&wire->base);
    if (wire->headers)
        TRY(headers_in(wire->headers, arena, &ret->headers, err));
    if (ret->interaction_id.len == 0)
        return ERR(err, ERR_INPUT, "envelope-field", "no interaction_id");
    return true;
}

bool envelope_encode(const Envelope *in, Arena *arena, Str *ret_bytes, Err *err)
{
    Codec codec = {.arena = arena};
    if (in->interaction_id.len == 0)
        return ERR(err, ERR_INPUT, "envelope-field", "no interaction_id");
    Fhirbus__Envelope *wire = codec_envelope_out(&codec, in);
    if (!wire)
        return ERR(err, ERR_INPUT, "memory-limit", "no room to build the envelope");
    return codec_pack(&codec, &wire->base, ret_bytes, err);
}

/* spec: protobuf.dev/programming-guides/encoding: fields may come in any order; tag is number << 3
 * | 2 for bytes, lengths are base 128, low seven bits first */
static size_t payload_tag(size_t len, unsigned char out[16])
{
    size_t count = 0;
    out[count++] = PAYLOAD_FIELD << 3 | 2;
    for (; len >= 0x80; len >>= 7)
        out[count++] = (unsigned char)(len | 0x80);
    out[count++] = (unsigned char)len;
    return count;
}

bool envelope_encode_before(const Envelope *in, size_t room, Arena *arena, Str *ret_bytes, Err *err)
{
    Envelope rest = *in;
    Str head;
    unsigned char tag[16];
    rest.payload = STR_NONE;
    TRY(envelope_encode(&rest, arena, &head, err));
    size_t tag_len = payload_tag(in->payload.len, tag);
    if (head.len + tag_len > room)
        return ERR(err, ERR_INPUT, "memory-limit", "%zu bytes beside the payload", head.len);
    char *start = (char *)(uintptr_t)in->payload.ptr - head.len - tag_len;
    memcpy(start, head.ptr, head.len);
    memcpy(start + head.len, tag, tag_len);
    *ret_bytes = (Str){start, head.len + tag_len + in->payload.len};
    return true;
}

bool envelope_decode(Str bytes, Arena *arena, Envelope *ret, Err *err)
{
    Envelope envelope;
    Fhirbus__Envelope *wire = codec_unpack(&fhirbus__envelope__descriptor, bytes, arena, err);
    if (!wire)
        return false;
    TRY(codec_envelope_in(wire, arena, &envelope, err));
    *ret = envelope;
    return true;
}

void envelope_sha256(Str bytes, unsigned char ret_hash[ENVELOPE_SHA256_BYTES])
{
    int failed = gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes.ptr, bytes.len, ret_hash);
    CHECK(failed == 0);
}

bool envelope_seal(Envelope *envelope, Arena *arena, Err *err)
{
    unsigned char *hash = arena_alloc(arena, ENVELOPE_SHA256_BYTES);
    if (!hash)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for a hash");
    envelope_sha256(envelope->payload, hash);
    envelope->payload_sha256 = (Str){(const char *)hash, ENVELOPE_SHA256_BYTES};
    envelope->payload_bytes = envelope->payload.len;
    return true;
}

Response envelope_response(const Envelope *envelope, ResponseKind kind, Str service, int64_t at_us)
{
    return (Response){
        .kind = kind,
        .service = service,
        .interaction_id = envelope->interaction_id,
        .tenant = envelope->tenant,
        .route = envelope->route,
        .payload_sha256 = envelope->payload_sha256,
        .ingest_instance = envelope->ingest_instance,
        .at_us = at_us,
        .received_at_us = envelope->received_at_us,
        .traceparent = envelope->traceparent,
        .replay_id = envelope->replay_id,
        .replay_to = envelope->replay_to,
        .parent_id = envelope->parent_id,
        .source_type = envelope->source_type,
        .attempt = envelope->attempt,
    };
}

bool envelope_is_fhir(const Envelope *envelope)
{
    Str source = envelope->source_type, type = envelope->content_type;
    return source.len == 0 || str_eq_ignore_case(source, STR("FHIR")) ||
           str_eq_ignore_case(type, STR("application/fhir+json")) ||
           str_eq_ignore_case(type, STR("application/json"));
}

static const char *name_of(const char *const *names, size_t count, unsigned value)
{
    return value < count ? names[value] : "unknown";
}
#define NAME_OF(names, value) name_of((names), sizeof(names) / sizeof(names)[0], (unsigned)(value))

const char *route_name(RouteKind route)
{
    static const char *const names[] = {"unspecified", "bundle", "validate", "trial"};
    return NAME_OF(names, route);
}

const char *lane_name(Lane lane)
{
    static const char *const names[] = {"interactive", "interactive", "bulk"};
    return NAME_OF(names, lane);
}

const char *action_name(DispositionAction action)
{
    static const char *const names[] = {"unspecified", "accept", "reject", "discard"};
    return NAME_OF(names, action);
}

const char *failure_kind_name(FailureKind kind)
{
    static const char *const names[] = {"none", "poison", "input", "memory", "timeout", "internal"};
    return NAME_OF(names, kind);
}

const char *response_kind_name(ResponseKind kind)
{
    static const char *const names[] = {"unspecified", "verdict", "stored", "delivery",
                                        "failed",      "routed",  "buried"};
    return NAME_OF(names, kind);
}
