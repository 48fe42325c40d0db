#include "proto/event.pb-c.h"

#include "common/envelope/codec.h"

#define EVENT_FIELDS(TEXT, BYTES, PLAIN)                                                           \
    TEXT(event_id)                                                                                 \
    TEXT(interaction_id)                                                                           \
    TEXT(tenant)                                                                                   \
    TEXT(service)                                                                                  \
    TEXT(kind)                                                                                     \
    PLAIN(at_us)                                                                                   \
    PLAIN(http_status)                                                                             \
    TEXT(traceparent)                                                                              \
    BYTES(payload_sha256)                                                                          \
    TEXT(content_type)                                                                             \
    BYTES(body)

bool event_encode(const Event *in, Arena *arena, Str *ret_bytes, Err *err)
{
    Codec out = {.arena = arena}, *codec = &out;
    Fhirbus__Event message, *wire = &message;
    fhirbus__event__init(wire);
    if (in->interaction_id.len == 0 || in->event_id.len == 0)
        return ERR(err, ERR_INPUT, "envelope-field", "no interaction_id or event_id");
    wire->version = in->version ? in->version : ENVELOPE_VERSION;
    EVENT_FIELDS(OUT_TEXT, OUT_BYTES, OUT_PLAIN)
    wire->details = codec_pairs_out(codec, in->details, in->detail_count);
    wire->n_details = wire->details ? in->detail_count : 0;
    if (in->has_loaded)
        wire->loaded = codec_loaded_out(codec, &in->loaded);
    codec_keep_unknown(&wire->base, in->unknown);
    return codec_pack(codec, &wire->base, ret_bytes, err);
}

bool event_decode(Str bytes, Arena *arena, Event *ret_event, Err *err)
{
    Event out = {0}, *ret = &out;
    Fhirbus__Event *wire = codec_unpack(&fhirbus__event__descriptor, bytes, arena, err);
    if (!wire)
        return false;
    TRY(codec_version_fine(wire->version, err));
    EVENT_FIELDS(IN_TEXT, IN_BYTES, IN_PLAIN)
    TRY(codec_pairs_in(wire->details, wire->n_details, arena, &out.details, &out.detail_count,
                       err));
    out.has_loaded = wire->loaded != NULL;
    if (wire->loaded)
        TRY(codec_loaded_in(wire->loaded, arena, &out.loaded, err));
    out.version = wire->version;
    out.unknown = codec_unknown(&wire->base);
    if (out.interaction_id.len == 0 || out.event_id.len == 0)
        return ERR(err, ERR_INPUT, "envelope-field", "no interaction_id or event_id");
    *ret_event = out;
    return true;
}
