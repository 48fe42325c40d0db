#include "services/ingest/read/audit_query.h"

#include <stddef.h>

#include "common/base/when.h"
#include "common/envelope/uuid.h"
#include "common/http/target.h"

enum { VALUE_BYTES_MAX = 200 };

/* --- dates ------------------------------------------------------------------------------------ */

/* What a date stands for, [from, to): a year, a month, a day, a second, or less. */
static bool read_span(Str text, Arena *arena, int64_t *ret_from, int64_t *ret_to)
{
    uint64_t year, month = 0;
    bool of_year = text.len == 4 && str_to_u64(text, &year);
    bool of_month = text.len == 7 && text.ptr[4] == '-' && str_to_u64(str_cut(text, 0, 4), &year) &&
                    str_to_u64(str_skip(text, 5), &month) && month >= 1 && month <= 12;
    if (of_year || of_month) {
        unsigned long long y = year, m = of_year ? 1 : month;
        unsigned long long next_y = of_year || m == 12 ? y + 1 : y;
        unsigned long long next_m = of_year || m == 12 ? 1 : m + 1;
        return when_parse(arena_format(arena, "%04llu-%02llu-01", y, m), WHEN_FROM, ret_from) &&
               when_parse(arena_format(arena, "%04llu-%02llu-01", next_y, next_m), WHEN_FROM,
                          ret_to);
    }
    if (!when_parse(text, WHEN_FROM, ret_from) || !when_parse(text, WHEN_TO, ret_to))
        return false;
    if (*ret_to <= *ret_from) /* not a day */
        *ret_to = *ret_from + (memchr(text.ptr, '.', text.len) ? 1000 : 1000000);
    return true;
}

static bool read_date(Str text, Arena *arena, AuditSearch *s)
{
    static const struct {
        const char *prefix;
        enum { NONE, SPAN_FROM, SPAN_TO } from, to;
    } prefixes[] = {
        {"ge", SPAN_FROM, NONE     },
        {"gt", SPAN_TO,   NONE     },
        {"sa", SPAN_TO,   NONE     },
        {"le", NONE,      SPAN_TO  },
        {"lt", NONE,      SPAN_FROM},
        {"eb", NONE,      SPAN_FROM},
        {"eq", SPAN_FROM, SPAN_TO  },
    };
    int64_t from_us, to_us;
    size_t i = sizeof prefixes / sizeof prefixes[0] - 1;
    if (text.len > 2 && text.ptr[0] >= 'a' && text.ptr[0] <= 'z') {
        for (i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
            if (str_starts(text, str_from(prefixes[i].prefix)))
                break;
        if (i == sizeof prefixes / sizeof prefixes[0])
            return false;
        text = str_skip(text, 2);
    }
    if (!read_span(text, arena, &from_us, &to_us))
        return false;
    int64_t lower = prefixes[i].from == SPAN_FROM ? from_us : to_us;
    int64_t upper = prefixes[i].to == SPAN_FROM ? from_us : to_us;
    if (prefixes[i].from != NONE && lower > s->from_us)
        s->from_us = lower;
    if (prefixes[i].to != NONE && upper < s->to_us)
        s->to_us = upper;
    return true;
}

/* --- others ----------------------------------------------------------------------------------- */

/* "system|value", "Patient/value", "urn:uuid:value" or the value itself. */
static Str token_value(Str text, const char *prefix)
{
    const char *bar = text.len ? memchr(text.ptr, '|', text.len) : NULL;
    if (bar)
        text = str_skip(text, (size_t)(bar - text.ptr) + 1);
    return str_starts(text, str_from(prefix)) ? str_skip(text, strlen(prefix)) : text;
}

static Str lower_case(Str text, Arena *arena)
{
    char *to = arena_alloc(arena, text.len + 1);
    for (size_t i = 0; to && i < text.len; i++)
        to[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + 32 : text.ptr[i]);
    return (Str){to, to ? text.len : 0};
}

static bool read_cursor(Str text, AuditSearch *s)
{
    Str rest = text, part;
    uint64_t numbers[3];
    for (int i = 0; i < 3; i++)
        if (!str_split(&rest, '.', &part) || !str_to_u64(part, &numbers[i]) ||
            numbers[i] > INT64_MAX)
            return false;
    s->after = true;
    s->after_us = (int64_t)numbers[0];
    s->after_place.partition = (int32_t)(numbers[1] & INT32_MAX);
    s->after_place.seq = (int64_t)numbers[2];
    return !rest.ptr;
}

static bool read_one(Str name, Str value, Arena *arena, AuditSearch *s)
{
    uint64_t number;
    if (str_is(name, "date"))
        return read_date(value, arena, s);
    if (str_is(name, "agent") || str_is(name, "agent:identifier")) {
        s->caller = token_value(value, "Device/");
        return s->caller.len > 0;
    }
    if (str_is(name, "address")) {
        s->address = value;
        return true;
    }
    if (str_is(name, "action")) {
        s->action = token_value(value, "");
        return s->action.len == 1 && strchr("CRUDE", s->action.ptr[0]);
    }
    if (str_is(name, "outcome")) {
        bool fine = str_to_u64(token_value(value, ""), &number) && number <= 12;
        s->outcome = fine ? (int32_t)number : -1;
        return fine;
    }
    if (str_is(name, "entity") || str_is(name, "entity:identifier")) {
        s->resource = token_value(value, "urn:uuid:");
        if (uuid_valid(s->resource))
            s->resource = lower_case(s->resource, arena);
        return s->resource.len > 0;
    }
    if (str_is(name, "patient") || str_is(name, "patient:identifier")) {
        s->patient = token_value(value, "Patient/");
        return s->patient.len > 0;
    }
    if (str_is(name, "_count")) {
        s->limit = str_to_u64(value, &number) && number < AUDIT_COUNT_MAX ? (size_t)number
                                                                          : AUDIT_COUNT_MAX;
        return str_to_u64(value, &number) && number > 0;
    }
    if (str_is(name, "_cursor"))
        return read_cursor(value, s);
    if (str_is(name, "_format"))
        return str_is(value, "json") || str_is(value, "application/fhir+json") ||
               str_is(value, "application/json");
    return str_is(name, "_sort") ? str_is(value, "-date") : str_is(name, "tenant");
}

/* The one of ours that `pair` names, with its value; NULL: none of them. */
static const char *known_name(Str pair, Arena *arena, Str *ret_value)
{
    static const char *const names[] = {
        "date",    "agent",   "agent:identifier",  "address", "action", "outcome",
        "entity",  "patient", "entity:identifier", "tenant",  "_count", "_cursor",
        "_format", "_sort",   "patient:identifier"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        *ret_value = http_query_get(pair, str_from(names[i]), arena);
        if (ret_value->ptr)
            return names[i];
    }
    return NULL;
}

bool audit_query_read(Str query, Arena *arena, AuditSearch *ret_search, const char **ret_why)
{
    enum { SEEN_MAX = 32 };
    const char *seen[SEEN_MAX];
    Str rest = query, pair, value;
    size_t count = 0;
    *ret_search = (AuditSearch){
        .outcome = -1, .from_us = WHEN_MIN_US, .to_us = WHEN_MAX_US, .limit = AUDIT_COUNT_DEFAULT};
    while (rest.ptr && str_split(&rest, '&', &pair)) {
        if (!pair.len)
            continue;
        const char *name = known_name(pair, arena, &value);
        *ret_why =
            "a parameter is not known, or its value is malformed: date, agent, address, "
            "action, outcome, entity, patient, tenant, _count, _cursor, _format, _sort=-date";
        if (!name || !value.len || value.len > VALUE_BYTES_MAX || count == SEEN_MAX ||
            !read_one(str_from(name), value, arena, ret_search))
            return false;
        *ret_why = "a parameter is given twice";
        for (size_t i = 0; i < count; i++)
            if (seen[i] == name && strcmp(name, "date") != 0)
                return false;
        seen[count++] = name;
    }
    return true;
}

Str audit_query_cursor(const AuditFound *last, Arena *arena)
{
    return arena_format(arena, "%lld.%d.%lld", (long long)last->at_us, last->place.partition,
                        (long long)last->place.seq);
}
