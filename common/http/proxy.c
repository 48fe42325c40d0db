#include "common/http/proxy.h"

static const char signature[PROXY_SIGNATURE_BYTES] = {'\r', '\n', '\r', '\n', '\0', '\r',
                                                      '\n', 'Q',  'U',  'I',  'T',  '\n'};

enum {
    VERSION_COMMAND_AT = 12,
    FAMILY_AT = 13,
    LENGTH_AT = 14,
    VERSION_LOCAL = 0x20,
    VERSION_PROXY = 0x21,
    FAMILY_TCP4 = 0x11,
    FAMILY_TCP6 = 0x21,
    FAMILY_LAST = 0x32, /* datagrams over a UNIX socket */
    TCP4_BYTES = 12,    /* two addresses, two ports */
    TCP6_BYTES = 36,
    TLV_HEAD = 3,
};

static uint8_t byte_at(Str bytes, size_t i)
{
    return (uint8_t)bytes.ptr[i];
}

static size_t u16_at(Str bytes, size_t i)
{
    return (size_t)byte_at(bytes, i) << 8 | byte_at(bytes, i + 1);
}

bool proxy_has_signature(Str bytes)
{
    return str_starts(bytes, (Str){signature, sizeof signature});
}

static bool begins_right(Str bytes)
{
    size_t len = bytes.len < sizeof signature ? bytes.len : sizeof signature;
    if (len && memcmp(bytes.ptr, signature, len) != 0)
        return false;
    if (bytes.len > VERSION_COMMAND_AT && byte_at(bytes, VERSION_COMMAND_AT) != VERSION_LOCAL &&
        byte_at(bytes, VERSION_COMMAND_AT) != VERSION_PROXY)
        return false;
    return bytes.len <= FAMILY_AT || byte_at(bytes, VERSION_COMMAND_AT) == VERSION_LOCAL ||
           ((byte_at(bytes, FAMILY_AT) & 0x0f) <= 2 && byte_at(bytes, FAMILY_AT) <= FAMILY_LAST);
}

static bool lengths_add_up(Str tlvs)
{
    while (tlvs.len >= TLV_HEAD) {
        size_t len = u16_at(tlvs, 1);
        if (len > tlvs.len - TLV_HEAD)
            return false;
        tlvs = str_skip(tlvs, TLV_HEAD + len);
    }
    return tlvs.len == 0;
}

static void take_v4(Str payload, ProxyHeader *header)
{
    header->named = true;
    header->address.v4.sin_family = AF_INET;
    memcpy(&header->address.v4.sin_addr, payload.ptr, 4);
    memcpy(&header->address.v4.sin_port, payload.ptr + 8, 2);
}

static void take_v6(Str payload, ProxyHeader *header)
{
    header->named = true;
    header->address.v6.sin6_family = AF_INET6;
    memcpy(&header->address.v6.sin6_addr, payload.ptr, 16);
    memcpy(&header->address.v6.sin6_port, payload.ptr + 32, 2);
}

static ProxyResult read_payload(uint8_t family, Str payload, ProxyHeader *header)
{
    size_t addresses = family == FAMILY_TCP4 ? TCP4_BYTES : family == FAMILY_TCP6 ? TCP6_BYTES : 0;
    if (payload.len < addresses)
        return PROXY_BAD;
    if (addresses && !lengths_add_up(str_skip(payload, addresses)))
        return PROXY_BAD;
    if (family == FAMILY_TCP4)
        take_v4(payload, header);
    else if (family == FAMILY_TCP6)
        take_v6(payload, header);
    return PROXY_FINE;
}

ProxyResult proxy_parse(Str bytes, ProxyHeader *ret_header)
{
    ProxyHeader header = {.needed = PROXY_HEAD_BYTES};
    ProxyResult result = PROXY_MORE;
    if (!begins_right(bytes))
        return PROXY_BAD;
    if (bytes.len >= PROXY_HEAD_BYTES) {
        header.needed += u16_at(bytes, LENGTH_AT);
        if (header.needed > PROXY_BYTES_MAX)
            return PROXY_BAD;
        bool local = byte_at(bytes, VERSION_COMMAND_AT) == VERSION_LOCAL;
        if (bytes.len >= header.needed)
            result = local ? PROXY_FINE
                           : read_payload(byte_at(bytes, FAMILY_AT),
                                          str_cut(bytes, PROXY_HEAD_BYTES, header.needed), &header);
    }
    if (result != PROXY_BAD)
        *ret_header = header;
    return result;
}
