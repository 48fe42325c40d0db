#include "proto/audit.pb-c.h"

#include "common/envelope/codec.h"

#define AUDIT_FIELDS(TEXT, BYTES, PLAIN)                                                           \
    TEXT(id)                                                                                       \
    PLAIN(at_us)                                                                                   \
    TEXT(service)                                                                                  \
    TEXT(instance)                                                                                 \
    TEXT(action)                                                                                   \
    TEXT(operation)                                                                                \
    TEXT(resource)                                                                                 \
    TEXT(tenant)                                                                                   \
    TEXT(caller)                                                                                   \
    TEXT(means)                                                                                    \
    TEXT(address)                                                                                  \
    TEXT(peer)                                                                                     \
    PLAIN(status)                                                                                  \
    PLAIN(outcome)                                                                                 \
    TEXT(code)                                                                                     \
    BYTES(subject)                                                                                 \
    PLAIN(count)

bool audit_record_encode(const AuditRecord *in, Arena *arena, Str *ret_bytes, Err *err)
{
    Codec out = {.arena = arena}, *codec = &out;
    Fhirbus__AuditRecord message, *wire = &message;
    fhirbus__audit_record__init(wire);
    if (in->id.len == 0)
        return ERR(err, ERR_INPUT, "envelope-field", "an audit record without id");
    wire->version = in->version ? in->version : ENVELOPE_VERSION;
    OUT_ENUM(kind, Fhirbus__AuditKind)
    AUDIT_FIELDS(OUT_TEXT, OUT_BYTES, OUT_PLAIN)
    wire->details = codec_pairs_out(codec, in->details, in->detail_count);
    wire->n_details = wire->details ? in->detail_count : 0;
    codec_keep_unknown(&wire->base, in->unknown);
    return codec_pack(codec, &wire->base, ret_bytes, err);
}

bool audit_record_decode(Str bytes, Arena *arena, AuditRecord *ret_record, Err *err)
{
    AuditRecord out = {0}, *ret = &out;
    Fhirbus__AuditRecord *wire =
        codec_unpack(&fhirbus__audit_record__descriptor, bytes, arena, err);
    if (!wire)
        return false;
    TRY(codec_version_fine(wire->version, err));
    AUDIT_FIELDS(IN_TEXT, IN_BYTES, IN_PLAIN)
    out.kind = (AuditKind)wire->kind;
    TRY(codec_pairs_in(wire->details, wire->n_details, arena, &out.details, &out.detail_count,
                       err));
    out.version = wire->version;
    out.unknown = codec_unknown(&wire->base);
    if (out.id.len == 0)
        return ERR(err, ERR_INPUT, "envelope-field", "an audit record without id");
    *ret_record = out;
    return true;
}

const char *audit_kind_name(AuditKind kind)
{
    switch (kind) {
    case AUDIT_REQUEST:
        return "request";
    case AUDIT_ADMINISTRATION:
        return "administration";
    case AUDIT_GAP:
        return "gap";
    case AUDIT_UNSPECIFIED:
        break;
    }
    return "unspecified";
}
