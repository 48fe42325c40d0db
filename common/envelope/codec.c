#include "common/envelope/codec.h"

#include "proto/envelope.pb-c.h"

static char empty_text[] = "";

void *codec_alloc(Codec *codec, size_t bytes)
{
    void *memory = arena_zero(codec->arena, bytes ? bytes : 1);
    if (!memory)
        codec->no_memory = true;
    return memory;
}

char *codec_text(Codec *codec, Str text)
{
    if (text.len == 0)
        return empty_text;
    if (memchr(text.ptr, '\0', text.len)) {
        codec->nul_in_text = true;
        return empty_text;
    }
    char *copy = arena_alloc(codec->arena, text.len + 1);
    if (!copy) {
        codec->no_memory = true;
        return empty_text;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

ProtobufCBinaryData codec_bytes(Str bytes)
{
    /* protobuf-c only reads it; its type lacks the const. */
    union {
        const char *theirs;
        uint8_t *ours;
    } cast = {.theirs = bytes.ptr};
    return (ProtobufCBinaryData){bytes.len, bytes.len ? cast.ours : NULL};
}

bool codec_pack(Codec *codec, const ProtobufCMessage *message, Str *ret_bytes, Err *err)
{
    if (codec->nul_in_text)
        return ERR(err, ERR_INPUT, "envelope-text", "a text field holds a NUL");
    if (codec->no_memory)
        return ERR(err, ERR_INPUT, "memory-limit", "no room to build the message");
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = arena_alloc(codec->arena, size ? size : 1);
    if (!bytes)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for %zu bytes of message", size);
    size_t written = protobuf_c_message_pack(message, bytes);
    CHECK(written == size);
    *ret_bytes = (Str){(const char *)bytes, size};
    return true;
}

static void *arena_gives(void *arena, size_t bytes)
{
    return arena_alloc(arena, bytes ? bytes : 1);
}

static void arena_keeps(void *arena, void *memory)
{
    (void)arena;
    (void)memory; /* freed by the arena's reset */
}

void *codec_unpack(const ProtobufCMessageDescriptor *descriptor, Str bytes, Arena *arena, Err *err)
{
    ProtobufCAllocator allocator = {arena_gives, arena_keeps, arena};
    void *message =
        protobuf_c_message_unpack(descriptor, &allocator, bytes.len, (const uint8_t *)bytes.ptr);
    if (message)
        return message;
    if (arena_exhausted(arena))
        (void)ERR(err, ERR_INPUT, "memory-limit", "no room to read %zu bytes of message",
                  bytes.len);
    else
        (void)ERR(err, ERR_INPUT, "envelope-bytes", "%zu bytes are no %s", bytes.len,
                  descriptor->short_name);
    return NULL;
}

void codec_keep_unknown(ProtobufCMessage *message, UnknownFields unknown)
{
    union {
        const void *theirs;
        ProtobufCMessageUnknownField *ours;
    } cast = {.theirs = unknown.fields};
    message->n_unknown_fields = unknown.count;
    message->unknown_fields = unknown.count ? cast.ours : NULL;
}

UnknownFields codec_unknown(const ProtobufCMessage *message)
{
    return (UnknownFields){message->unknown_fields, message->n_unknown_fields};
}

bool codec_version_fine(uint32_t version, Err *err)
{
    if (version > ENVELOPE_VERSION)
        return ERR(err, ERR_INPUT, "envelope-version", "version %u, we know %d", version,
                   ENVELOPE_VERSION);
    return true;
}

Fhirbus__NameValue **codec_pairs_out(Codec *codec, const NameValue *in, uint32_t count)
{
    Fhirbus__NameValue **list = codec_alloc(codec, count * sizeof *list);
    Fhirbus__NameValue *pairs = codec_alloc(codec, count * sizeof *pairs);
    if (!list || !pairs)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        fhirbus__name_value__init(&pairs[i]);
        pairs[i].name = codec_text(codec, in[i].name);
        pairs[i].value = codec_text(codec, in[i].value);
        list[i] = &pairs[i];
    }
    return list;
}

bool codec_pairs_in(Fhirbus__NameValue *const *wire, size_t count, Arena *arena,
                    const NameValue **ret, uint32_t *ret_count, Err *err)
{
    NameValue *pairs = ARENA_ARRAY(arena, NameValue, count ? count : 1);
    if (!pairs)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for %zu pairs", count);
    for (size_t i = 0; i < count; i++)
        pairs[i] = (NameValue){codec_str(wire[i]->name), codec_str(wire[i]->value)};
    *ret = pairs;
    *ret_count = (uint32_t)count;
    return true;
}
