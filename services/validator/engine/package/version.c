#include "services/validator/engine/package/internal.h"

/* spec: semver.org 11; FHIR packages add wildcards: "4.0.x", "current", "dev", "latest" */

static Str next_part(Str *rest, char separator)
{
    Str part = STR_NONE;
    return str_split(rest, separator, &part) ? part : STR_NONE;
}

/* Numbers by value and before words, words bytewise. */
static int compare_part(Str a, Str b)
{
    uint64_t x, y;
    bool a_number = str_to_u64(a, &x), b_number = str_to_u64(b, &y);
    if (a_number && b_number)
        return x < y ? -1 : x > y;
    if (a_number != b_number)
        return a_number ? -1 : 1;
    return str_compare(a, b);
}

static int compare_dotted(Str a, Str b)
{
    while (a.ptr || b.ptr) {
        Str x = next_part(&a, '.'), y = next_part(&b, '.');
        if (!x.ptr || !y.ptr)
            return x.ptr ? 1 : y.ptr ? -1 : 0;
        int order = compare_part(x, y);
        if (order)
            return order;
    }
    return 0;
}

static Str release_of(Str version, Str *ret_label)
{
    Str whole = str_cut(version, 0, str_find_char(version, '+'));
    size_t dash = str_find_char(whole, '-');
    *ret_label = dash < whole.len ? str_skip(whole, dash + 1) : STR_NONE;
    return str_cut(whole, 0, dash);
}

int package_version_compare(Str a, Str b)
{
    if (!a.ptr || !b.ptr)
        return a.ptr ? 1 : b.ptr ? -1 : 0;
    Str a_label, b_label;
    int order = compare_dotted(release_of(a, &a_label), release_of(b, &b_label));
    if (order)
        return order;
    if (!a_label.ptr || !b_label.ptr)
        return a_label.ptr ? -1 : b_label.ptr ? 1 : 0;
    return compare_dotted(a_label, b_label);
}

bool version_is_wildcard(Str wanted)
{
    Str word = str_cut(wanted, 0, str_find_char(wanted, '$'));
    Str last = str_skip(wanted, str_rfind_char(wanted, '.') + 1); /* SIZE_MAX + 1 is 0 */
    return wanted.len == 0 || str_is(word, "current") || str_is(word, "dev") ||
           str_is(word, "latest") || str_is(last, "x") || str_is(last, "X") || str_is(last, "*");
}

static Str major_of(Str version)
{
    return str_cut(version, 0, str_find_char(version, '.'));
}

static Str major_minor_of(Str version)
{
    Str label;
    Str release = release_of(version, &label);
    Str major = major_of(release);
    Str rest = str_skip(release, major.len + 1);
    return str_cut(release, 0, release.len - rest.len + str_find_char(rest, '.'));
}

/* "4.0" and "4.0.x" both mean every 4.0.n. */
static bool covers(Str wanted, Str have)
{
    size_t len = wanted.len;
    Str last = str_skip(wanted, str_rfind_char(wanted, '.') + 1);
    if (last.len == 1 && strchr("xX*", last.ptr[0]))
        len = wanted.len - last.len;
    else if (str_find_char(wanted, '.') != str_rfind_char(wanted, '.') || !wanted.len)
        return false;
    while (len && wanted.ptr[len - 1] == '.')
        len--;
    Str head = str_cut(wanted, 0, len);
    return str_starts(have, head) &&
           (have.len == len || len == 0 || have.ptr[len] == '.' || have.ptr[len] == '-');
}

int version_fit(Str wanted, Str have)
{
    bool anything = version_is_wildcard(wanted) && str_find_char(wanted, '.') == wanted.len;
    if (str_eq(wanted, have) || anything || covers(wanted, have))
        return 3;
    if (str_eq(major_minor_of(wanted), major_minor_of(have)))
        return 2;
    return str_eq(major_of(wanted), major_of(have)) ? 1 : 0;
}
