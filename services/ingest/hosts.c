#include "services/ingest/hosts.h"

#include "common/http/fields.h"

/* "Name.example.org:8443" -> "Name.example.org", "[::1]:8443" -> "[::1]" */
static Str without_port(Str host)
{
    if (host.len && host.ptr[0] == '[') {
        size_t end = str_find_char(host, ']');
        return end == host.len ? host : str_cut(host, 0, end + 1);
    }
    return str_cut(host, 0, str_find_char(host, ':'));
}

static bool fits(Str pattern, Str name)
{
    if (!str_starts(pattern, STR("*.")))
        return str_eq_ignore_case(pattern, name);
    Str suffix = str_skip(pattern, 1);
    return name.len > suffix.len &&
           str_eq_ignore_case(str_skip(name, name.len - suffix.len), suffix);
}

bool host_allowed(Str list, Str host)
{
    if (str_trim(list).len == 0)
        return true;
    if (host.len == 0)
        return false;
    Str name = without_port(host), pattern;
    if (name.len && name.ptr[name.len - 1] == '.') /* a fully qualified name may say so */
        name.len--;
    while (http_list_next(&list, &pattern))
        if (fits(pattern, name))
            return true;
    return false;
}
