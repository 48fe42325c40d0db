#include "common/http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024, HOST_MAX = 64 };

typedef union Address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} Address;

static bool split(Str address, char host[HOST_MAX], uint16_t *ret_port)
{
    size_t colon = str_rfind_char(address, ':');
    uint64_t port = 0;
    if (colon == SIZE_MAX || !str_to_u64(str_skip(address, colon + 1), &port) || port > UINT16_MAX)
        return false;
    Str name = str_cut(address, 0, colon);
    if (name.len > 1 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
        name = str_cut(name, 1, name.len - 1);
    if (name.len == 0 || name.len >= HOST_MAX)
        return false;
    memcpy(host, name.ptr, name.len);
    host[name.len] = '\0';
    *ret_port = (uint16_t)port;
    return true;
}

static bool parse(Str text, Address *ret_address, socklen_t *ret_len)
{
    char host[HOST_MAX];
    uint16_t port = 0;
    if (!split(text, host, &port))
        return false;
    Address address = {0};
    if (inet_pton(AF_INET, host, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(port);
        *ret_len = sizeof address.v4;
    } else if (inet_pton(AF_INET6, host, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(port);
        *ret_len = sizeof address.v6;
    } else {
        return false;
    }
    *ret_address = address;
    return true;
}

bool listen_is_loopback(Str text)
{
    Address address;
    socklen_t len;
    if (!parse(text, &address, &len))
        return false;
    if (address.any.sa_family == AF_INET)
        return (ntohl(address.v4.sin_addr.s_addr) >> 24) == 127;
    return IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr);
}

static uint16_t bound_port(int fd)
{
    Address address = {0};
    socklen_t len = sizeof address;
    if (getsockname(fd, &address.any, &len) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

bool listen_open(Str text, int *ret_socket, uint16_t *ret_port, Err *err)
{
    Address address;
    socklen_t len = 0;
    if (!parse(text, &address, &len))
        return ERR(err, ERR_FATAL, "listen-address", "'%.*s' is not numeric-host:port",
                   STR_ARG(text));
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int yes = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, &address.any, len) != 0 || listen(fd, BACKLOG) != 0) {
        ERR(err, ERR_FATAL, "listen-failed", "%.*s: %s", STR_ARG(text), strerrordesc_np(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    *ret_port = bound_port(fd);
    *ret_socket = fd;
    return true;
}
