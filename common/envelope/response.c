#include "proto/response.pb-c.h"

#include "common/envelope/codec.h"

#define DELIVERY_FIELDS(TEXT, BYTES, PLAIN)                                                        \
    TEXT(destination)                                                                              \
    TEXT(url)                                                                                      \
    TEXT(idempotency_key)                                                                          \
    PLAIN(attempt)                                                                                 \
    PLAIN(started_at_us)                                                                           \
    PLAIN(finished_at_us)                                                                          \
    PLAIN(http_status)                                                                             \
    PLAIN(success)                                                                                 \
    PLAIN(final)                                                                                   \
    TEXT(error_class)                                                                              \
    TEXT(error_text)                                                                               \
    BYTES(response_body)                                                                           \
    PLAIN(response_truncated)                                                                      \
    BYTES(request_sha256)                                                                          \
    PLAIN(request_bytes)                                                                           \
    TEXT(response_content_type)                                                                    \
    TEXT(rules_version)                                                                            \
    BYTES(transforms_json)

#define RESPONSE_FIELDS(TEXT, BYTES, PLAIN)                                                        \
    TEXT(service)                                                                                  \
    TEXT(interaction_id)                                                                           \
    TEXT(tenant)                                                                                   \
    BYTES(payload_sha256)                                                                          \
    TEXT(ingest_instance)                                                                          \
    PLAIN(at_us)                                                                                   \
    PLAIN(received_at_us)                                                                          \
    TEXT(traceparent)                                                                              \
    TEXT(replay_id)                                                                                \
    PLAIN(attempt)                                                                                 \
    TEXT(parent_id)                                                                                \
    TEXT(source_type)                                                                              \
    TEXT(rules_version)

static Fhirbus__Delivery *delivery_out(Codec *codec, const Delivery *in)
{
    Fhirbus__Delivery *wire = codec_alloc(codec, sizeof *wire);
    if (!wire)
        return NULL;
    fhirbus__delivery__init(wire);
    DELIVERY_FIELDS(OUT_TEXT, OUT_BYTES, OUT_PLAIN)
    wire->n_response_headers = in->response_header_count;
    wire->response_headers =
        codec_pairs_out(codec, in->response_headers, in->response_header_count);
    codec_keep_unknown(&wire->base, in->unknown);
    return wire;
}

static bool delivery_in(const Fhirbus__Delivery *wire, Arena *arena, Delivery *ret, Err *err)
{
    DELIVERY_FIELDS(IN_TEXT, IN_BYTES, IN_PLAIN)
    ret->unknown = codec_unknown(&wire->base);
    return codec_pairs_in(wire->response_headers, wire->n_response_headers, arena,
                          &ret->response_headers, &ret->response_header_count, err);
}

static Fhirbus__Failure *failure_out(Codec *codec, const Failure *in)
{
    Fhirbus__Failure *wire = codec_alloc(codec, sizeof *wire);
    if (!wire)
        return NULL;
    fhirbus__failure__init(wire);
    OUT_ENUM(kind, Fhirbus__FailureKind)
    OUT_TEXT(code)
    OUT_TEXT(text)
    codec_keep_unknown(&wire->base, in->unknown);
    return wire;
}

static void failure_in(const Fhirbus__Failure *wire, Failure *ret)
{
    ret->kind = (FailureKind)wire->kind;
    IN_TEXT(code)
    IN_TEXT(text)
    ret->unknown = codec_unknown(&wire->base);
}

bool response_encode(const Response *in, Arena *arena, Str *ret_bytes, Err *err)
{
    Codec out = {.arena = arena}, *codec = &out;
    Fhirbus__Response message, *wire = &message;
    fhirbus__response__init(wire);
    if (in->interaction_id.len == 0)
        return ERR(err, ERR_INPUT, "envelope-field", "no interaction_id");
    wire->version = in->version ? in->version : ENVELOPE_VERSION;
    RESPONSE_FIELDS(OUT_TEXT, OUT_BYTES, OUT_PLAIN)
    OUT_ENUM(kind, Fhirbus__ResponseKind)
    OUT_ENUM(route, Fhirbus__Route)
    if (in->has_outcome)
        wire->outcome = codec_outcome_out(codec, &in->outcome);
    if (in->has_disposition)
        wire->disposition = codec_disposition_out(codec, &in->disposition);
    if (in->has_delivery)
        wire->delivery = delivery_out(codec, &in->delivery);
    if (in->has_failure)
        wire->failure = failure_out(codec, &in->failure);
    codec_keep_unknown(&wire->base, in->unknown);
    return codec_pack(codec, &wire->base, ret_bytes, err);
}

static bool response_in(const Fhirbus__Response *wire, Arena *arena, Response *ret, Err *err)
{
    TRY(codec_version_fine(wire->version, err));
    ret->version = wire->version;
    RESPONSE_FIELDS(IN_TEXT, IN_BYTES, IN_PLAIN)
    ret->kind = (ResponseKind)wire->kind;
    ret->route = (RouteKind)wire->route;
    ret->has_outcome = wire->outcome != NULL;
    ret->has_disposition = wire->disposition != NULL;
    ret->has_delivery = wire->delivery != NULL;
    ret->has_failure = wire->failure != NULL;
    if (wire->outcome)
        TRY(codec_outcome_in(wire->outcome, arena, &ret->outcome, err));
    if (wire->disposition)
        codec_disposition_in(wire->disposition, &ret->disposition);
    if (wire->delivery)
        TRY(delivery_in(wire->delivery, arena, &ret->delivery, err));
    if (wire->failure)
        failure_in(wire->failure, &ret->failure);
    ret->unknown = codec_unknown(&wire->base);
    if (ret->interaction_id.len == 0)
        return ERR(err, ERR_INPUT, "envelope-field", "no interaction_id");
    return true;
}

bool response_decode(Str bytes, Arena *arena, Response *ret, Err *err)
{
    Response out = {0};
    Fhirbus__Response *wire = codec_unpack(&fhirbus__response__descriptor, bytes, arena, err);
    if (!wire)
        return false;
    TRY(response_in(wire, arena, &out, err));
    *ret = out;
    return true;
}
