#include "services/ingest/hosts.h"

#include "common/auth/callers.h"
#include "common/http/fields.h"
#include "services/ingest/exchange.h"
#include "services/ingest/refuse.h"

enum { NAME_BYTES_MAX = 255 };

/* "Name.example.org:8443" -> "Name.example.org", "[::1]:8443" -> "[::1]" */
static Str without_port(Str host)
{
    if (host.len && host.ptr[0] == '[') {
        size_t end = str_find_char(host, ']');
        return end == host.len ? host : str_cut(host, 0, end + 1);
    }
    return str_cut(host, 0, str_find_char(host, ':'));
}

/* A fully qualified name may say so. */
static Str without_dot(Str name)
{
    return name.len > 1 && name.ptr[name.len - 1] == '.' ? str_cut(name, 0, name.len - 1) : name;
}

static bool fits(Str pattern, Str name)
{
    if (!str_starts(pattern, STR("*.")))
        return str_eq_ignore_case(pattern, name);
    Str suffix = str_skip(pattern, 1);
    return name.len > suffix.len &&
           str_eq_ignore_case(str_skip(name, name.len - suffix.len), suffix);
}

static bool listed(Str list, Str name)
{
    Str pattern;
    while (http_list_next(&list, &pattern))
        if (fits(pattern, name))
            return true;
    return false;
}

bool host_allowed(Str list, Str host)
{
    if (str_trim(list).len == 0)
        return true;
    return host.len && listed(list, without_dot(without_port(host)));
}

/* --- is it a name at all ---------------------------------------------------------------------- */

static bool is_port(Str rest)
{
    uint64_t port;
    return rest.len == 0 || str_is(rest, ":") ||
           (str_starts(rest, STR(":")) && str_to_u64(str_skip(rest, 1), &port) &&
            port <= UINT16_MAX);
}

static bool is_name_char(char c, bool v6)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.')
        return true;
    return v6 ? c == ':' || c == '[' || c == ']' : c == '-' || c == '_';
}

bool host_parse(Str sent, Arena *arena, Str *ret_name)
{
    Str name = without_port(sent);
    bool v6 = name.len && name.ptr[0] == '[';
    if (!is_port(str_skip(sent, name.len)) || (v6 && name.ptr[name.len - 1] != ']'))
        return false;
    name = without_dot(name);
    char *to = name.len && name.len <= NAME_BYTES_MAX ? arena_alloc(arena, name.len + 1) : NULL;
    if (!to)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!is_name_char(c, v6))
            return false;
        to[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    to[name.len] = '\0';
    *ret_name = (Str){to, name.len};
    return true;
}

/* --- the exchange's --------------------------------------------------------------------------- */

static bool known(const Exchange *exchange, Str name)
{
    Str list = str_from(exchange->ingest->config->hosts);
    if (exchange->host || listed(list, name))
        return true;
    return str_trim(list).len == 0 && !book_host_at(exchange->book, 0);
}

/* A proxy of ours may ask for a name of its own, and pass on its client's. */
static bool misdirected(const Exchange *exchange, Str name)
{
    Str asked = without_dot(http_request_tls_name(exchange->request));
    return asked.len && !str_eq(asked, name) &&
           !listed(str_from(exchange->ingest->config->internal_names), asked);
}

StepNext host_take(Exchange *exchange, bool any)
{
    HttpRequest *request = exchange->request;
    Str sent = http_request_header(request, STR("host")), name;
    Str authority = http_request_authority(request);
    exchange->book = auth_book(exchange->ingest->auth);
    if (!sent.ptr && !authority.ptr && (any || known(exchange, STR("")))) /* HTTP/1.0 need not */
        return STEP_NEXT;
    if (authority.ptr && sent.ptr && !str_eq_ignore_case(authority, sent))
        return refuse(exchange, 400, "host-differs", "Invalid Host header");
    sent = authority.ptr ? authority : sent;
    if (!host_parse(sent, exchange->arena, &name))
        return refuse(exchange, 400, "host-malformed", "Invalid Host header");
    exchange->host = book_host(exchange->book, name);
    exchange->host_sent = sent;
    if (any)
        return STEP_NEXT;
    if (!known(exchange, name))
        return refuse(exchange, 400, "host", "Invalid Host header");
    if (misdirected(exchange, name))
        return refuse(exchange, 421, "host-misdirected",
                      "This connection was opened for another host");
    return STEP_NEXT;
}

bool host_change(Exchange *exchange, Str sent)
{
    Str name;
    if (!host_parse(sent, exchange->arena, &name))
        return false;
    const HostName *former = exchange->host;
    exchange->host = book_host(exchange->book, name);
    if (!known(exchange, name)) {
        exchange->host = former;
        return false;
    }
    exchange->host_sent = arena_copy(exchange->arena, sent);
    return true;
}

void host_release(Exchange *exchange)
{
    callers_release(exchange->book);
    exchange->book = NULL;
    exchange->host = NULL;
}

Str host_tenant(const Exchange *exchange)
{
    return exchange->host && exchange->host->tenant.len ? exchange->host->tenant : STR_NONE;
}

static Str without_slash(Str url)
{
    while (url.len && url.ptr[url.len - 1] == '/')
        url.len--;
    return url;
}

Str host_base_url(const Exchange *exchange)
{
    const HostName *host = exchange->host;
    if (!host)
        return without_slash(str_from(exchange->ingest->config->public_base_url));
    if (host->url.len)
        return without_slash(host->url);
    return ARENA_JOIN(exchange->arena, STR("https://"), exchange->host_sent);
}
