#include "proto/submission.pb-c.h"

#include "common/envelope/codec.h"

#define SUBMISSION_FIELDS(TEXT, BYTES, PLAIN)                                                      \
    TEXT(destination)                                                                              \
    TEXT(url)                                                                                      \
    TEXT(content_type)                                                                             \
    BYTES(body)                                                                                    \
    TEXT(processing_agent)                                                                         \
    TEXT(idempotency_key)                                                                          \
    PLAIN(published_at_us)                                                                         \
    PLAIN(redelivered)                                                                             \
    TEXT(rules_version)                                                                            \
    BYTES(transforms_json)                                                                         \
    TEXT(data_id)

bool submission_encode(const Submission *in, Arena *arena, Str *ret_bytes, Err *err)
{
    Codec out = {.arena = arena}, *codec = &out;
    Fhirbus__Submission message, *wire = &message;
    fhirbus__submission__init(wire);
    if (in->envelope.interaction_id.len == 0)
        return ERR(err, ERR_INPUT, "envelope-field", "no interaction_id");
    wire->version = in->version ? in->version : ENVELOPE_VERSION;
    SUBMISSION_FIELDS(OUT_TEXT, OUT_BYTES, OUT_PLAIN)
    wire->envelope = codec_envelope_out(codec, &in->envelope);
    codec_keep_unknown(&wire->base, in->unknown);
    return codec_pack(codec, &wire->base, ret_bytes, err);
}

bool submission_decode(Str bytes, Arena *arena, Submission *ret_submission, Err *err)
{
    Submission out = {0}, *ret = &out;
    Fhirbus__Submission *wire = codec_unpack(&fhirbus__submission__descriptor, bytes, arena, err);
    if (!wire)
        return false;
    TRY(codec_version_fine(wire->version, err));
    if (!wire->envelope)
        return ERR(err, ERR_INPUT, "envelope-field", "no envelope");
    TRY(codec_envelope_in(wire->envelope, arena, &out.envelope, err));
    SUBMISSION_FIELDS(IN_TEXT, IN_BYTES, IN_PLAIN)
    out.version = wire->version;
    out.unknown = codec_unknown(&wire->base);
    *ret_submission = out;
    return true;
}
