/* networks - a list of network addresses from the settings, and what lies in it.
 *
 * Spec:    "10.0.0.0/8, 192.0.2.7, 2001:db8::/32": numeric, by comma; without a length one address.
 *          An IPv4 address that comes as IPv6 (::ffff:192.0.2.7) is the IPv4 address.
 * Threads: pure.
 * Errors:  ERR_FATAL "networks"; bits beside the prefix are refused: they are a slip. */
#pragma once
#include <netinet/in.h>

#include "common/base/err.h"
#include "common/base/str.h"

enum { NETWORKS_MAX = 64 };

typedef struct Network {
    uint8_t bytes[16]; /* IPv4 as ::ffff:... */
    unsigned bits;     /* of the 128 */
} Network;

typedef struct Networks {
    Network list[NETWORKS_MAX];
    size_t count;
} Networks;

bool networks_parse(Str text, Networks *ret_networks, Err *err) MUST_USE;
bool networks_have(const Networks *networks, const struct sockaddr *address);
