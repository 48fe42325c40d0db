#include "common/http/networks.h"

#include <arpa/inet.h>

#include "common/http/fields.h"

enum { TEXT_MAX = 64, V4_BITS = 96 };
static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_v4(const uint8_t bytes[16])
{
    return memcmp(bytes, v4_prefix, sizeof v4_prefix) == 0;
}

/* The bits of its kind: 32 or 128. */
static bool read_address(Str text, uint8_t ret_bytes[16], unsigned *ret_bits)
{
    char copy[TEXT_MAX];
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    memcpy(ret_bytes, v4_prefix, sizeof v4_prefix);
    *ret_bits = 32;
    if (inet_pton(AF_INET, copy, ret_bytes + 12) == 1)
        return true;
    *ret_bits = 128;
    return inet_pton(AF_INET6, copy, ret_bytes) == 1;
}

static bool bit_at(const uint8_t bytes[16], unsigned i)
{
    return bytes[i / 8] >> (7 - i % 8) & 1;
}

static bool read_network(Str text, Network *ret)
{
    size_t slash = str_find_char(text, '/');
    unsigned kind = 0;
    uint64_t bits = 0;
    if (!read_address(slash < text.len ? str_cut(text, 0, slash) : text, ret->bytes, &kind))
        return false;
    bits = kind;
    if (slash < text.len && (!str_to_u64(str_skip(text, slash + 1), &bits) || bits > kind))
        return false;
    ret->bits = (unsigned)bits + (128 - kind);
    for (unsigned i = ret->bits; i < 128; i++)
        if (bit_at(ret->bytes, i))
            return false;
    return true;
}

bool networks_parse(Str text, Networks *ret_networks, Err *err)
{
    Networks found = {0};
    Str item;
    while (http_list_next(&text, &item)) {
        if (found.count == NETWORKS_MAX)
            return ERR(err, ERR_FATAL, "networks", "more than %d", NETWORKS_MAX);
        if (!read_network(item, &found.list[found.count++]))
            return ERR(err, ERR_FATAL, "networks", "'%.*s' is no network like 192.0.2.0/24",
                       STR_ARG(item));
    }
    *ret_networks = found;
    return true;
}

static bool address_bytes(const struct sockaddr *address, uint8_t ret_bytes[16])
{
    memcpy(ret_bytes, v4_prefix, sizeof v4_prefix);
    if (address->sa_family == AF_INET)
        memcpy(ret_bytes + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    else if (address->sa_family == AF_INET6)
        memcpy(ret_bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    else
        return false;
    return true;
}

static bool lies_in(const uint8_t bytes[16], const Network *network)
{
    if (network->bits < V4_BITS && is_v4(bytes) && !is_v4(network->bytes))
        return false; /* ::/0 is all of IPv6, and no IPv4 */
    for (unsigned i = 0; i < network->bits; i++)
        if (bit_at(bytes, i) != bit_at(network->bytes, i))
            return false;
    return true;
}

bool networks_have(const Networks *networks, const struct sockaddr *address)
{
    uint8_t bytes[16];
    if (!address_bytes(address, bytes))
        return false;
    for (size_t i = 0; i < networks->count; i++)
        if (lies_in(bytes, &networks->list[i]))
            return true;
    return false;
}
