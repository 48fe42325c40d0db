/* proxy - the header by which a load balancer says whom it passes on: PROXY protocol, version 2.
 *
 * Spec:    haproxy.org/download/2.8/doc/proxy-protocol.txt §2.2. Version 1 (text) is not spoken.
 *          LOCAL, and families that are not TCP over IPv4 or IPv6, leave the peer's own address.
 *          Type-length-values are passed over; their lengths must add up.
 * Threads: pure; the bytes are a stranger's.
 * Limits:  PROXY_BYTES_MAX for the whole of it. */
#pragma once
#include <netinet/in.h>

#include "common/base/str.h"

enum { PROXY_SIGNATURE_BYTES = 12, PROXY_HEAD_BYTES = 16, PROXY_BYTES_MAX = 2048 };

typedef union ProxyAddress {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} ProxyAddress;

typedef enum ProxyResult {
    PROXY_MORE, /* it is one as far as it goes: `needed` bytes in all, as far as is known */
    PROXY_FINE,
    PROXY_BAD, /* no such header, or a broken one */
} ProxyResult;

typedef struct ProxyHeader {
    size_t needed;        /* bytes of the header */
    bool named;           /* it says whom it passes on */
    ProxyAddress address; /* his */
} ProxyHeader;

bool proxy_has_signature(Str bytes);
ProxyResult proxy_parse(Str bytes, ProxyHeader *ret_header);
