#include "services/ingest/read/query.h"

#include <stddef.h>
#include <time.h>

#include "common/base/buf.h"
#include "common/base/utf8.h"
#include "common/base/when.h"
#include "common/envelope/states.h"
#include "common/http/fields.h"
#include "common/http/target.h"

typedef struct Parameter {
    const char *name;
    size_t offset;         /* of a Str in InteractionQuery; SIZE_MAX: read apart */
    const char *one_of;    /* by "|"; NULL: anything */
    const char *malformed; /* what to say */
} Parameter;

#define TEXT(field) offsetof(InteractionQuery, field)
static const Parameter parameters[] = {
    {"tenant",         TEXT(tenant),         NULL,                    "tenant is malformed"               },
    {"state",          TEXT(state),          INTERACTION_STATES,      "state is none of the states"       },
    {"source_type",    TEXT(source_type),    NULL,                    "source_type is malformed"          },
    {"disposition",    TEXT(disposition),    "accept|reject|discard",
     "disposition must be accept, reject or discard"                                                      },
    {"bundle_id",      TEXT(bundle_id),      NULL,                    "bundle_id is malformed"            },
    {"patient",        TEXT(patient),        NULL,                    "patient is malformed"              },
    {"text",           TEXT(text),           NULL,                    "text is malformed"                 },
    {"sort",           TEXT(sort),
     "received_at|received_at:desc|received_at:asc|state_at|state_at:desc|state_at:asc|errors|"
     "errors:desc|errors:asc|warnings|warnings:desc|warnings:asc|payload_bytes|payload_bytes:desc|"
     "payload_bytes:asc|verdict_ms|verdict_ms:desc|verdict_ms:asc|complete_ms|complete_ms:desc|"
     "complete_ms:asc",                                               "sort is none of the columns"       },
    {"ig_version",     TEXT(ig_version),     NULL,                    "ig_version is malformed"           },
    {"profile_url",    TEXT(profile_url),    NULL,                    "profile_url is malformed"          },
    {"valid",          TEXT(valid),          "true|false",            "valid must be true or false"       },
    {"interaction_id", TEXT(interaction_id), NULL,                    "interaction_id is malformed"       },
    {"q",              TEXT(words),          NULL,                    "q is malformed"                    },
    {"message_id",     TEXT(message_id),     NULL,                    "message_id is malformed"           },
    {"sender",         TEXT(sender),         NULL,                    "sender is malformed"               },
    {"reveal",         TEXT(reveal),         "true|false",            "reveal must be true or false"      },
    {"format",         TEXT(format),         "json|csv|ndjson",       "format must be json, csv or ndjson"},
    {"from",           SIZE_MAX,             NULL,                    NULL                                },
    {"to",             SIZE_MAX,             NULL,                    NULL                                },
    {"limit",          SIZE_MAX,             NULL,                    NULL                                },
    {"cursor",         SIZE_MAX,             NULL,                    NULL                                },
};
enum { PARAMETER_COUNT = sizeof parameters / sizeof parameters[0] };

static Str *text_of(InteractionQuery *query, const Parameter *parameter)
{
    return (Str *)(void *)((char *)query + parameter->offset);
}

/* Every name is known and stands once; else *ret_name is one that does not. */
static bool names_fit(Str query, Str *ret_name)
{
    uint32_t seen = 0;
    Str part;
    while (query.ptr && query.len && str_split(&query, '&', &part)) {
        Str name = str_cut(part, 0, str_find_char(part, '='));
        size_t i = 0;
        if (part.len == 0)
            continue;
        while (i < PARAMETER_COUNT && !str_is(name, parameters[i].name))
            i++;
        *ret_name = name;
        if (i == PARAMETER_COUNT || (seen & (1u << i)))
            return false;
        seen |= 1u << i;
    }
    return true;
}

/* What was sent is not said again: somebody may have put a patient's name there. */
static bool refuse_name(Str name, Arena *arena, const char **ret_why)
{
    Str names = STR("");
    const char *twice = NULL;
    for (size_t i = 0; i < PARAMETER_COUNT; i++) {
        twice = str_is(name, parameters[i].name) ? parameters[i].name : twice;
        names = arena_format(arena, "%.*s%s%s", STR_ARG(names), i ? ", " : "", parameters[i].name);
    }
    Str text =
        twice ? arena_format(arena, "%s is given twice", twice)
              : arena_format(arena, "a parameter is not known; these are: %.*s", STR_ARG(names));
    *ret_why = text.ptr ? text.ptr : "a parameter is unknown or given twice";
    return false;
}

static bool is_one(Str value, const char *list)
{
    Str rest = str_from(list), word;
    while (str_split(&rest, '|', &word))
        if (str_eq(word, value))
            return true;
    return false;
}

/* Each of several, by comma. */
static bool is_one_of(Str values, const char *list)
{
    Str value;
    while (str_split(&values, ',', &value))
        if (!is_one(value, list))
            return false;
    return true;
}

static bool is_several(Str values)
{
    return str_find_char(values, ',') < values.len;
}

static bool asks_grid(const InteractionQuery *q)
{
    return q->sort.ptr || q->ig_version.ptr || q->profile_url.ptr || q->valid.ptr ||
           q->interaction_id.ptr || q->words.ptr || q->message_id.ptr || q->sender.ptr ||
           is_several(q->state) || is_several(q->source_type) || is_several(q->disposition);
}

/* What is past ASCII may be a word in any script: the database knows (fhirbus.with_words). */
static bool has_word(Str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80)
            return true;
    }
    return false;
}

/* What the tables of names and choices cannot say. NULL: fine. */
static const char *wrong_together(const InteractionQuery *q)
{
    if (is_several(q->valid) || is_several(q->sort) || is_several(q->format) ||
        is_several(q->reveal))
        return "Only states, source types, dispositions and versions may be several";
    if (q->interaction_id.ptr && !http_is_uuid(q->interaction_id))
        return "interaction_id must be a UUID";
    if (q->words.ptr && !has_word(q->words))
        return "q has no word: letters or digits are looked for";
    if (q->grid && q->text.ptr)
        return "text goes with none of sort, q, ...: q looks for words";
    return NULL;
}

static bool read_text(Str query, const Parameter *parameter, Arena *arena, InteractionQuery *q)
{
    if (str_find(query, str_from(parameter->name)) == SIZE_MAX)
        return true;
    Str value = http_query_get(query, str_from(parameter->name), arena);
    bool present = value.ptr != NULL;
    if (!present) { /* absent, or there and broken */
        Str rest = query, part;
        while (str_split(&rest, '&', &part))
            if (str_is(str_cut(part, 0, str_find_char(part, '=')), parameter->name))
                return false;
        return true;
    }
    if (value.len == 0 || value.len > QUERY_TEXT_MAX || !utf8_valid(value) ||
        (parameter->one_of && !is_one_of(value, parameter->one_of)))
        return false;
    *text_of(q, parameter) = value;
    return true;
}

static bool read_times(Str query, Arena *arena, InteractionQuery *q, const char **ret_why)
{
    Str from = http_query_get(query, STR("from"), arena);
    Str to = http_query_get(query, STR("to"), arena);
    *ret_why = "from and to must be times. " WHEN_FORMS;
    q->from_us = WHEN_MIN_US;
    q->to_us = WHEN_MAX_US;
    if ((from.ptr && !when_parse(from, WHEN_FROM, &q->from_us)) ||
        (to.ptr && !when_parse(to, WHEN_TO, &q->to_us)))
        return false;
    *ret_why = "from must be before to";
    return q->from_us < q->to_us;
}

static uint64_t hash_of(const InteractionQuery *q)
{
    Buf text;
    buf_init(&text, 16 * 1024);
    for (size_t i = 0; i < PARAMETER_COUNT; i++) {
        if (parameters[i].offset == SIZE_MAX || str_is(str_from(parameters[i].name), "format") ||
            str_is(str_from(parameters[i].name), "reveal")) /* the same rows, told otherwise */
            continue;
        Str value = *(const Str *)(const void *)((const char *)q + parameters[i].offset);
        buf_add_format(&text, "%zu:", value.len);
        buf_add(&text, value);
    }
    buf_add_format(&text, "%lld-%lld", (long long)q->from_us, (long long)q->to_us);
    uint64_t hash = str_hash(buf_str(&text));
    buf_clear(&text);
    return hash;
}

static bool read_limit(Str query, Arena *arena, InteractionQuery *q)
{
    Str limit = http_query_get(query, STR("limit"), arena);
    return !limit.ptr || (str_to_u64(limit, &q->limit) && q->limit > 0);
}

bool query_read(Str query, Str tenant, Arena *arena, InteractionQuery *ret_query,
                const char **ret_why)
{
    InteractionQuery q = {0};
    Str name = STR("");
    if (!names_fit(query, &name))
        return refuse_name(name, arena, ret_why);
    for (size_t i = 0; i < PARAMETER_COUNT; i++) {
        *ret_why = parameters[i].malformed;
        if (parameters[i].offset != SIZE_MAX && !read_text(query, &parameters[i], arena, &q))
            return false;
    }
    *ret_why = "tenant and X-TechBD-Tenant-ID differ";
    if (tenant.len && q.tenant.len && !str_eq(tenant, q.tenant))
        return false;
    q.tenant = tenant.len ? tenant : q.tenant;
    q.grid = asks_grid(&q);
    *ret_why = wrong_together(&q);
    if (*ret_why)
        return false;
    if (!read_times(query, arena, &q, ret_why))
        return false;
    *ret_why = "limit must be a positive number";
    if (!read_limit(query, arena, &q))
        return false;
    q.filters = hash_of(&q);
    Str cursor = http_query_get(query, STR("cursor"), arena);
    *ret_why = "cursor is not one of this question";
    q.has_cursor = cursor.ptr != NULL;
    if (q.has_cursor &&
        (!cursor_read(cursor, q.filters, arena, &q.cursor) || (q.cursor.key.ptr != NULL) != q.grid))
        return false;
    *ret_query = q;
    return true;
}

static void add_escaped(Buf *out, Str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (plain)
            buf_add_char(out, (char)c);
        else
            buf_add_format(out, "%%%02X", c);
    }
}

/* spec: RFC 3339, in UTC, as when_parse reads it */
static void add_time(Buf *out, const char *name, int64_t us)
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm parts;
    if (us == WHEN_MIN_US || us == WHEN_MAX_US || !gmtime_r(&seconds, &parts))
        return;
    buf_add_format(out, "%s=%04d-%02d-%02dT%02d:%02d:%02d.%06dZ&", name, parts.tm_year + 1900,
                   parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                   (int)(us % 1000000));
}

Str query_write_next(const InteractionQuery *query, const Cursor *cursor, Arena *arena)
{
    Buf out;
    buf_init(&out, 64 * 1024);
    for (size_t i = 0; i < PARAMETER_COUNT; i++) {
        if (parameters[i].offset == SIZE_MAX)
            continue;
        Str value = *(const Str *)(const void *)((const char *)query + parameters[i].offset);
        if (!value.ptr)
            continue;
        buf_add_format(&out, "%s=", parameters[i].name);
        add_escaped(&out, value);
        buf_add_char(&out, '&');
    }
    add_time(&out, "from", query->from_us);
    add_time(&out, "to", query->to_us);
    if (query->limit)
        buf_add_format(&out, "limit=%llu&", (unsigned long long)query->limit);
    buf_add(&out, STR("cursor="));
    buf_add(&out, cursor_write(cursor, query->filters, arena));
    Str copy = arena_copy(arena, buf_str(&out));
    buf_clear(&out);
    return copy;
}

Str query_like(Str text, Arena *arena)
{
    char *to = arena_alloc(arena, text.len * 2 + 3);
    size_t len = 0;
    if (!to)
        return STR_NONE;
    to[len++] = '%';
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '%' || text.ptr[i] == '_' || text.ptr[i] == '\\')
            to[len++] = '\\';
        to[len++] = text.ptr[i];
    }
    to[len++] = '%';
    return (Str){to, len};
}
