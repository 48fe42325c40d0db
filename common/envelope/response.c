#include "proto/response.pb-c.h"

#include "common/envelope/codec.h"

#define DELIVERY_FIELDS(TEXT, BYTES, PLAIN)                                                        \
    TEXT(destination)                                                                              \
    TEXT(url)                                                                                      \
    TEXT(idempotency_key)                                                                          \
    PLAIN(attempt)                                                                                 \
    PLAIN(budget_used)                                                                             \
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
    TEXT(replay_to)                                                                                \
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

/* --- in place --------------------------------------------------------------------------------- */

enum {
    OUTCOME_FIELD = 14,          /* of message Response */
    OPERATION_OUTCOME_FIELD = 2, /* of message Outcome */
    WORTH_IT_BYTES = 4096,       /* smaller ones are copied */
    VARINT_BYTES_MAX = 10,
};

/* A length-delimited field: where it begins, with its tag, and what it holds. */
typedef struct Field {
    const char *from;
    Str value;
} Field;

/* spec: protobuf.dev/programming-guides/encoding: base 128, low seven bits first */
static bool take_varint(Str *rest, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < rest->len && i < VARINT_BYTES_MAX; i++) {
        unsigned char c = (unsigned char)rest->ptr[i];
        value |= (uint64_t)(c & 0x7f) << (7 * i);
        if (c < 0x80) {
            *rest = str_skip(*rest, i + 1);
            *ret = value;
            return true;
        }
    }
    return false;
}

/* The one field of that number; false: there is none, or several, or something is odd. */
static bool find_field(Str message, uint64_t number, Field *ret)
{
    static const size_t fixed[8] = {[1] = 8, [5] = 4}; /* bytes by wire type */
    uint64_t tag, len;
    size_t found = 0;
    for (Str rest = message; rest.len;) {
        const char *from = rest.ptr;
        if (!take_varint(&rest, &tag))
            return false;
        if ((tag & 7) == 0) {
            if (!take_varint(&rest, &len))
                return false;
            continue;
        }
        len = fixed[tag & 7];
        if ((tag & 7) == 2 ? !take_varint(&rest, &len) : len == 0)
            return false;
        if (len > rest.len)
            return false;
        if (tag == (number << 3 | 2)) {
            *ret = (Field){from, str_cut(rest, 0, len)};
            found++;
        }
        rest = str_skip(rest, len);
    }
    return found == 1;
}

static char *put(char *to, const char *from, const char *end)
{
    if (end > from)
        memcpy(to, from, (size_t)(end - from));
    return to + (end - from);
}

static char *put_varint(char *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (char)(value | 0x80);
    *to++ = (char)value;
    return to;
}

bool response_decode_in_place(Str bytes, Arena *arena, Response *ret, Err *err)
{
    Field outcome, large;
    if (!find_field(bytes, OUTCOME_FIELD, &outcome) ||
        !find_field(outcome.value, OPERATION_OUTCOME_FIELD, &large) ||
        large.value.len < WORTH_IT_BYTES)
        return response_decode(bytes, arena, ret, err);
    /* The same message without that field is small, and decoded as ever. */
    const char *large_end = large.value.ptr + large.value.len;
    const char *outcome_end = outcome.value.ptr + outcome.value.len;
    size_t rest = outcome.value.len - (size_t)(large_end - large.from);
    char *small = arena_alloc(arena, bytes.len - large.value.len + VARINT_BYTES_MAX);
    if (!small)
        return ERR(err, ERR_INPUT, "memory-limit", "no room to read a response");
    char *to = put(small, bytes.ptr, outcome.from);
    to = put_varint(to, OUTCOME_FIELD << 3 | 2);
    to = put_varint(to, rest);
    to = put(to, outcome.value.ptr, large.from);
    to = put(to, large_end, outcome_end);
    to = put(to, outcome_end, bytes.ptr + bytes.len);
    Response out = {0};
    TRY(response_decode((Str){small, (size_t)(to - small)}, arena, &out, err));
    out.outcome.operation_outcome = large.value;
    *ret = out;
    return true;
}
