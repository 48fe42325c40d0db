#include "common/http/forwarded.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/http/fields.h"

static bool last_of(Str list, Str *ret_last)
{
    Str element;
    bool any = false;
    while (list.ptr && http_list_next(&list, &element)) {
        *ret_last = element;
        any = true;
    }
    return any;
}

/* "192.0.2.1:80" and "[2001:db8::1]:80" without the port; a bare IPv6 address has none. */
static Str without_port(Str node)
{
    if (str_starts(node, STR("["))) {
        size_t end = str_find_char(node, ']');
        return end == node.len ? STR_NONE : str_cut(node, 1, end);
    }
    size_t colon = str_find_char(node, ':');
    return colon == str_rfind_char(node, ':') ? str_cut(node, 0, colon) : node;
}

/* Written anew: one address has one spelling in logs and limits. */
static bool read_address(Str node, char to[46])
{
    struct in6_addr bytes;
    char text[46];
    Str address = without_port(node);
    if (address.len == 0 || address.len >= sizeof text)
        return false;
    memcpy(text, address.ptr, address.len);
    text[address.len] = '\0';
    int family = str_find_char(address, ':') < address.len ? AF_INET6 : AF_INET;
    return inet_pton(family, text, &bytes) == 1 && inet_ntop(family, &bytes, to, 46);
}

bool forwarded_for(Str value, Forwarded *ret_forwarded)
{
    Str node;
    Forwarded made = {0};
    if (!last_of(value, &node) || !read_address(node, made.address))
        return false;
    *ret_forwarded = made;
    return true;
}

static Str unquoted(Str value)
{
    if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
        return str_cut(value, 1, value.len - 1);
    return value;
}

/* spec: RFC 7239 §6: "unknown" and "_name" stand for an address that is not told */
static bool read_node(Str value, Forwarded *made)
{
    if (str_eq_ignore_case(value, STR("unknown")) || str_starts(value, STR("_")))
        return true;
    return read_address(value, made->address);
}

bool forwarded_parse(Str value, Forwarded *ret_forwarded)
{
    Str element, pair;
    Forwarded made = {0};
    bool has_for = false;
    if (!last_of(value, &element))
        return false;
    while (str_split(&element, ';', &pair)) {
        size_t equals = str_find_char(pair, '=');
        Str name = str_trim(str_cut(pair, 0, equals));
        Str text = unquoted(str_trim(str_skip(pair, equals + 1)));
        if (equals == pair.len || !http_is_token(name) || text.len == 0 ||
            str_find_char(text, '"') < text.len || str_find_char(text, '\\') < text.len)
            return false;
        if (str_eq_ignore_case(name, STR("for"))) {
            if (has_for || !read_node(text, &made))
                return false;
            has_for = true;
        } else if (str_eq_ignore_case(name, STR("host"))) {
            if (made.host.ptr)
                return false;
            made.host = text;
        } else if (str_eq_ignore_case(name, STR("proto"))) {
            made.proto = text;
        }
    }
    *ret_forwarded = made;
    return true;
}
