/* codec - between our structs and protobuf-c's, inside this folder only.
 *
 * Each message has one list of fields (an X macro); OUT_ and IN_ below walk it in either direction,
 * so that a field cannot be written and forgotten on reading.
 *
 * Owner:   everything lives in the codec's arena. Errors are sticky: checked once by codec_pack. */
#pragma once
#include <protobuf-c/protobuf-c.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/envelope/envelope.h"

typedef struct Codec {
    Arena *arena;
    bool nul_in_text;
    bool no_memory;
} Codec;

/* Strings of protobuf-c end with NUL: copies, and notes a text that cannot be written so. */
char *codec_text(Codec *codec, Str text);
ProtobufCBinaryData codec_bytes(Str bytes);
void *codec_alloc(Codec *codec, size_t bytes);
bool codec_pack(Codec *codec, const ProtobufCMessage *message, Str *ret_bytes, Err *err) MUST_USE;
/* NULL and *err when the bytes are no such message, or the arena is too small for it. */
void *codec_unpack(const ProtobufCMessageDescriptor *descriptor, Str bytes, Arena *arena, Err *err);
void codec_keep_unknown(ProtobufCMessage *message, UnknownFields unknown);
UnknownFields codec_unknown(const ProtobufCMessage *message);
bool codec_version_fine(uint32_t version, Err *err) MUST_USE;

static inline Str codec_str(const char *text)
{
    return str_from(text);
}
static inline Str codec_blob(ProtobufCBinaryData blob)
{
    return (Str){(const char *)blob.data, blob.len};
}

#define OUT_TEXT(f) wire->f = codec_text(codec, in->f);
#define OUT_BYTES(f) wire->f = codec_bytes(in->f);
#define OUT_PLAIN(f) wire->f = in->f;
#define OUT_ENUM(f, Type) wire->f = (Type)in->f;
#define IN_TEXT(f) ret->f = codec_str(wire->f);
#define IN_BYTES(f) ret->f = codec_blob(wire->f);
#define IN_PLAIN(f) ret->f = wire->f;

/* Parts that several messages hold. */
struct Fhirbus__Envelope;
struct Fhirbus__Outcome;
struct Fhirbus__Disposition;
struct Fhirbus__NameValue;
struct Fhirbus__Loaded;
struct Fhirbus__Envelope *codec_envelope_out(Codec *codec, const Envelope *in);
bool codec_envelope_in(const struct Fhirbus__Envelope *wire, Arena *arena, Envelope *ret,
                       Err *err) MUST_USE;
struct Fhirbus__Outcome *codec_outcome_out(Codec *codec, const Outcome *in);
bool codec_outcome_in(const struct Fhirbus__Outcome *wire, Arena *arena, Outcome *ret,
                      Err *err) MUST_USE;
struct Fhirbus__Disposition *codec_disposition_out(Codec *codec, const Disposition *in);
void codec_disposition_in(const struct Fhirbus__Disposition *wire, Disposition *ret);
struct Fhirbus__Loaded *codec_loaded_out(Codec *codec, const Loaded *in);
bool codec_loaded_in(const struct Fhirbus__Loaded *wire, Arena *arena, Loaded *ret,
                     Err *err) MUST_USE;
struct Fhirbus__NameValue **codec_pairs_out(Codec *codec, const NameValue *in, uint32_t count);
bool codec_pairs_in(struct Fhirbus__NameValue *const *wire, size_t count, Arena *arena,
                    const NameValue **ret, uint32_t *ret_count, Err *err) MUST_USE;
