#include "common/destinations/destination.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/json/json.h"

enum { ARENA_BYTES = 4 << 20, TEXTS_MAX = 200, TEXT_MAX = 500, DEPTH_MAX = 8 };

typedef enum FieldKind {
    FIELD_TEXT,
    FIELD_NAME, /* a header's or an id's: printable, no blanks */
    FIELD_FILE,
    FIELD_URL,
    FIELD_URLS,
    FIELD_TEXTS,
    FIELD_UINT,
    FIELD_BOOL,
    FIELD_CHOICE,
} FieldKind;

typedef struct Field {
    const char *group, *name; /* group "": at the top */
    FieldKind kind;
    size_t offset;
    uint64_t initial, min, max;
    const char *choices;
} Field;

#define AT(member) offsetof(Destination, member)
static const Field fields[] = {
    {"",           "about",            FIELD_TEXT,   AT(about),                0,     0,  0,        NULL                      },
    {"",           "format",           FIELD_CHOICE, AT(format),               0,     0,  0,        "lake dataledger"         },
    {"",           "paused",           FIELD_BOOL,   AT(paused),               0,     0,  0,        NULL                      },
    {"",           "url",              FIELD_URL,    AT(url),                  0,     0,  0,        NULL                      },
    {"",           "otherUrls",        FIELD_URLS,   AT(other_urls),           0,     0,  0,        NULL                      },
    {"",           "tenants",          FIELD_TEXTS,  AT(tenants),              0,     0,  0,        NULL                      },
    {"auth",       "kind",             FIELD_CHOICE, AT(auth),                 0,     0,  0,        "none api-key mtls oauth2"},
    {"auth",       "header",           FIELD_NAME,   AT(api_key_header),       0,     0,  0,        NULL                      },
    {"auth",       "apiKeyFile",       FIELD_FILE,   AT(api_key_file),         0,     0,  0,        NULL                      },
    {"auth",       "tokenUrl",         FIELD_URL,    AT(token_url),            0,     0,  0,        NULL                      },
    {"auth",       "clientId",         FIELD_NAME,   AT(client_id),            0,     0,  0,        NULL                      },
    {"auth",       "clientSecretFile", FIELD_FILE,   AT(client_secret_file),   0,     0,  0,        NULL                      },
    {"auth",       "scope",            FIELD_TEXT,   AT(scope),                0,     0,  0,        NULL                      },
    {"tls",        "caFile",           FIELD_FILE,   AT(ca_file),              0,     0,  0,        NULL                      },
    {"tls",        "certFile",         FIELD_FILE,   AT(cert_file),            0,     0,  0,        NULL                      },
    {"tls",        "keyFile",          FIELD_FILE,   AT(key_file),             0,     0,  0,        NULL                      },
    {"timeouts",   "connectMs",        FIELD_UINT,   AT(connect_ms),           5000,  10, 600000,   NULL                      },
    {"timeouts",   "totalMs",          FIELD_UINT,   AT(total_ms),             60000, 10, 3600000,  NULL                      },
    {"retry",      "attempts",         FIELD_UINT,   AT(attempts_max),         10,    1,  1000000,  NULL                      },
    {"retry",      "backoffMinMs",     FIELD_UINT,   AT(backoff_min_ms),       500,   1,  3600000,  NULL                      },
    {"retry",      "backoffMaxMs",     FIELD_UINT,   AT(backoff_max_ms),       60000, 1,  86400000, NULL                      },
    {"limits",     "freshConnections", FIELD_BOOL,   AT(fresh_connections),    0,     0,  0,        NULL                      },
    {"limits",     "concurrency",      FIELD_UINT,   AT(concurrency),          32,    1,  10000,    NULL                      },
    {"limits",     "perMinute",        FIELD_UINT,   AT(per_minute),           0,     0,  10000000, NULL                      },
    {"breaker",    "failures",         FIELD_UINT,   AT(breaker_failures),     5,     1,  100000,   NULL                      },
    {"breaker",    "openMinMs",        FIELD_UINT,   AT(breaker_open_min_ms),  1000,  1,  3600000,  NULL                      },
    {"breaker",    "openMaxMs",        FIELD_UINT,   AT(breaker_open_max_ms),  30000, 1,  3600000,  NULL                      },
    {"callback",   "kind",             FIELD_CHOICE, AT(callback),             0,     0,  0,        "none hmac api-key"       },
    {"callback",   "secretFile",       FIELD_FILE,   AT(callback_secret_file), 0,     0,  0,        NULL                      },
    {"dataLedger", "actor",            FIELD_TEXT,   AT(ledger_actor),         0,     0,  0,        NULL                      },
    {"dataLedger", "destination",      FIELD_TEXT,   AT(ledger_receiver),      0,     0,  0,        NULL                      },
};
#undef AT
enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

typedef struct Reading {
    Destination *destination;
    const JsonDoc *doc;
    Err *err;
} Reading;

static bool refuse(const Reading *reading, const JsonNode *node, const char *what)
{
    JsonPosition at = json_position(reading->doc->source, node->at);
    return ERR(reading->err, ERR_INPUT, "destination-field", "line %u column %u, \"%.*s\": %s",
               at.line, at.column, (int)(node->key_len < 60 ? node->key_len : 60),
               node->key ? node->key : "", what);
}

/* --- values ------------------------------------------------------------------------------------
 */
static bool printable(Str text, bool blanks)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < (blanks ? ' ' : '!') || c == 0x7f || (c > 0x7f && !blanks))
            return false;
    }
    return true;
}

static bool read_text(const Reading *reading, const JsonNode *node, bool blanks, Str *ret_text)
{
    Str text = json_text(node);
    if (node->kind != JSON_KIND_STRING || text.len == 0 || text.len > TEXT_MAX ||
        !printable(text, blanks))
        return refuse(reading, node, "a text of printable characters is expected");
    *ret_text = arena_copy(reading->destination->arena, text);
    return ret_text->ptr || refuse(reading, node, "no memory");
}

/* What a secret's file may be called: no path, nothing hidden. */
static bool read_file(const Reading *reading, const JsonNode *node, Str *ret_name)
{
    Str name;
    TRY(read_text(reading, node, false, &name));
    if (str_find_char(name, '/') < name.len || name.ptr[0] == '.')
        return refuse(reading, node,
                      "a file's name without path is expected; the service's "
                      "setting DESTINATION_SECRETS says in which folder");
    *ret_name = name;
    return true;
}

/* scheme "://" host [":" port] without the rest; STR_NONE when it is no such URL. */
static Str origin_of(Str url)
{
    size_t scheme = str_find(url, STR("://"));
    if (scheme == SIZE_MAX)
        return STR_NONE;
    Str rest = str_skip(url, scheme + 3);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    return str_cut(url, 0, scheme + 3 + end);
}

static bool is_loopback(Str origin)
{
    static const char *const hosts[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        Str host = str_from(hosts[i]);
        if (str_starts(origin, host) && (origin.len == host.len || origin.ptr[host.len] == ':'))
            return true;
    }
    return false;
}

static bool read_url(const Reading *reading, const JsonNode *node, Str *ret_url)
{
    Str url = json_text(node), origin = origin_of(url);
    bool plain = str_starts(origin, STR("http://")) && is_loopback(origin);
    if (node->kind != JSON_KIND_STRING || url.len > DESTINATION_URL_MAX || !printable(url, false) ||
        (!str_starts(origin, STR("https://")) && !plain) || origin.len <= STR("https://").len)
        return refuse(reading, node, "an https:// URL is expected (http:// to loopback only)");
    if (str_find_char(origin, '@') < origin.len || str_find_char(url, '#') < url.len)
        return refuse(reading, node, "a URL without user, password and fragment is expected");
    *ret_url = arena_copy(reading->destination->arena, url);
    return ret_url->ptr || refuse(reading, node, "no memory");
}

static bool read_list(const Reading *reading, const JsonNode *node, bool urls,
                      DestinationTexts *ret_list)
{
    DestinationTexts list = {.count = 0};
    if (node->kind != JSON_KIND_ARRAY || node->count > TEXTS_MAX)
        return refuse(reading, node, "a list of at most 200 texts is expected");
    list.list = ARENA_ARRAY(reading->destination->arena, Str, node->count + 1);
    if (!list.list)
        return refuse(reading, node, "no memory");
    JSON_EACH(reading->doc, child, node)
    {
        Str *to = &list.list[list.count++];
        TRY(urls ? read_url(reading, child, to) : read_text(reading, child, true, to));
    }
    *ret_list = list;
    return true;
}

static bool read_uint(const Reading *reading, const JsonNode *node, const Field *field,
                      uint64_t *ret_value)
{
    uint64_t value;
    char what[120];
    if (node->kind == JSON_KIND_NUMBER && str_to_u64(json_text(node), &value) &&
        value >= field->min && value <= field->max) {
        *ret_value = value;
        return true;
    }
    snprintf(what, sizeof what, "a whole number from %llu to %llu is expected",
             (unsigned long long)field->min, (unsigned long long)field->max);
    return refuse(reading, node, what);
}

static bool read_choice(const Reading *reading, const JsonNode *node, const char *choices,
                        int *ret_choice)
{
    Str rest = str_from(choices), one;
    char what[120];
    for (int i = 0; str_split(&rest, ' ', &one); i++)
        if (node->kind == JSON_KIND_STRING && str_eq(json_text(node), one)) {
            *ret_choice = i;
            return true;
        }
    snprintf(what, sizeof what, "one of these is expected: %s", choices);
    return refuse(reading, node, what);
}

static bool read_value(const Reading *reading, const JsonNode *node, const Field *field)
{
    void *to = (char *)reading->destination + field->offset;
    switch (field->kind) {
    case FIELD_TEXT:
        return read_text(reading, node, true, to);
    case FIELD_NAME:
        return read_text(reading, node, false, to);
    case FIELD_FILE:
        return read_file(reading, node, to);
    case FIELD_URL:
        return read_url(reading, node, to);
    case FIELD_URLS:
        return read_list(reading, node, true, to);
    case FIELD_TEXTS:
        return read_list(reading, node, false, to);
    case FIELD_UINT:
        return read_uint(reading, node, field, to);
    case FIELD_CHOICE:
        return read_choice(reading, node, field->choices, to);
    case FIELD_BOOL:
        if (node->kind != JSON_KIND_TRUE && node->kind != JSON_KIND_FALSE)
            return refuse(reading, node, "true or false is expected");
        *(bool *)to = node->kind == JSON_KIND_TRUE;
        return true;
    }
    return false;
}

/* --- the object --------------------------------------------------------------------------------
 */
static bool read_members(const Reading *reading, const JsonNode *object, const char *group)
{
    JSON_EACH(reading->doc, member, object)
    {
        const Field *found = NULL;
        bool is_group = false;
        for (size_t i = 0; i < FIELD_COUNT; i++) {
            if (strcmp(fields[i].group, group) == 0 && str_is(json_key(member), fields[i].name))
                found = &fields[i];
            is_group |= !*group && *fields[i].group && str_is(json_key(member), fields[i].group);
        }
        if (member->flags & JSON_FLAG_DUPLICATE)
            return refuse(reading, member, "it is there twice");
        if (is_group && member->kind != JSON_KIND_OBJECT)
            return refuse(reading, member, "an object is expected");
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)(member->key_len < 31 ? member->key_len : 31),
                 member->key);
        if (!found && !is_group)
            return refuse(reading, member, "there is no such member");
        TRY(is_group ? read_members(reading, member, name) : read_value(reading, member, found));
    }
    return true;
}

/* What no single member can say. */
static const char *contradiction(const Destination *d)
{
    if (!d->url.len)
        return "url is required";
    if (d->auth == DESTINATION_AUTH_API_KEY && !d->api_key_file.len)
        return "auth.kind api-key needs auth.apiKeyFile";
    if (d->auth != DESTINATION_AUTH_API_KEY && d->api_key_file.len)
        return "auth.apiKeyFile needs auth.kind api-key";
    if (d->auth == DESTINATION_AUTH_OAUTH2 &&
        (!d->token_url.len || !d->client_id.len || !d->client_secret_file.len))
        return "auth.kind oauth2 needs auth.tokenUrl, auth.clientId and auth.clientSecretFile";
    if (d->auth == DESTINATION_AUTH_MTLS && !d->cert_file.len)
        return "auth.kind mtls needs tls.certFile and tls.keyFile";
    if ((d->cert_file.len > 0) != (d->key_file.len > 0))
        return "tls.certFile and tls.keyFile need each other";
    if (d->backoff_min_ms > d->backoff_max_ms)
        return "retry.backoffMinMs is above retry.backoffMaxMs";
    if (d->breaker_open_min_ms > d->breaker_open_max_ms)
        return "breaker.openMinMs is above breaker.openMaxMs";
    if (d->connect_ms > d->total_ms)
        return "timeouts.connectMs is above timeouts.totalMs";
    if ((d->callback != DESTINATION_CALLBACK_NONE) != (d->callback_secret_file.len > 0))
        return "callback.kind and callback.secretFile need each other";
    if (d->format == DESTINATION_DATALEDGER && d->other_urls.count)
        return "a dataledger has no otherUrls";
    return NULL;
}

Destination *destination_new(Str name)
{
    Destination *destination = calloc(1, sizeof *destination);
    Arena *arena = destination ? arena_new(ARENA_BYTES) : NULL;
    if (!arena) {
        free(destination);
        return NULL;
    }
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (fields[i].kind == FIELD_UINT)
            memcpy((char *)destination + fields[i].offset, &fields[i].initial, sizeof(uint64_t));
    destination->arena = arena;
    destination->name = arena_copy(arena, name).ptr;
    destination->api_key_header = STR("x-api-key");
    destination->ledger_actor = STR("TechBD");
    destination->ledger_receiver = STR("NYeC");
    if (destination->name)
        return destination;
    destination_free(destination);
    return NULL;
}

void destination_free(Destination *destination)
{
    if (!destination)
        return;
    arena_free(destination->arena);
    free(destination);
}

static bool fill(Destination *destination, Str json, Err *err)
{
    static const JsonLimits limits = {.depth = DEPTH_MAX};
    JsonDoc doc;
    JsonPosition at;
    ARENA_AUTO scratch = arena_new(ARENA_BYTES * 8);
    if (!scratch || !json_read(json, NULL, &limits, scratch, &doc, &at, err))
        return ERR(err, ERR_INPUT, "destination-json", "line %u column %u: not JSON, or too deep",
                   scratch ? at.line : 0, scratch ? at.column : 0);
    const Reading reading = {destination, &doc, err};
    if (json_root(&doc)->kind != JSON_KIND_OBJECT)
        return refuse(&reading, json_root(&doc), "an object is expected");
    TRY(read_members(&reading, json_root(&doc), ""));
    const char *wrong = contradiction(destination);
    return !wrong || ERR(err, ERR_INPUT, "destination-field", "%s", wrong);
}

bool destination_read(Str name, Str json, Destination **ret_destination, Err *err)
{
    if (name.len == 0 || name.len > DESTINATION_NAME_MAX)
        return ERR(err, ERR_INPUT, "destination-field", "a name of 1 to %d bytes is expected",
                   DESTINATION_NAME_MAX);
    Destination *destination = destination_new(name);
    if (!destination)
        return ERR(err, ERR_FATAL, "destination-memory", "no memory");
    if (!fill(destination, json, err)) {
        destination_free(destination);
        return false;
    }
    *ret_destination = destination;
    return true;
}

bool destination_make(void *opaque, const CatalogObject *object, void **ret_made, Err *err)
{
    Destination *destination;
    (void)opaque;
    TRY(destination_read(object->name, object->data, &destination, err));
    destination->version = object->version;
    *ret_made = destination;
    return true;
}

void destination_unmake(void *made)
{
    destination_free(made);
}

/* --- questions ---------------------------------------------------------------------------------
 */
static bool listed(DestinationTexts list, Str text)
{
    for (size_t i = 0; i < list.count; i++)
        if (str_eq(list.list[i], text))
            return true;
    return false;
}

bool destination_names(const Destination *destination, Str tenant)
{
    return listed(destination->tenants, STR("*")) || listed(destination->tenants, tenant);
}

static Str without_slash(Str url)
{
    return str_ends(url, STR("/")) ? str_cut(url, 0, url.len - 1) : url;
}

bool destination_allows(const Destination *destination, Str url)
{
    bool allowed = str_eq(without_slash(url), without_slash(destination->url));
    for (size_t i = 0; i < destination->other_urls.count; i++)
        allowed |= str_eq(without_slash(url), without_slash(destination->other_urls.list[i]));
    return allowed;
}

bool destination_same_origin(const Destination *destination, Str url)
{
    Str own = origin_of(destination->url);
    return own.len && str_eq_ignore_case(own, origin_of(url));
}

size_t destinations_choose(const Destination *const *all, size_t count, Str tenant,
                           const Destination **ret_chosen)
{
    size_t chosen = 0;
    bool named = false, star = str_is(tenant, "*"); /* nobody is called that */
    for (size_t i = 0; i < count; i++)
        named |= !star && all[i]->format == DESTINATION_LAKE && listed(all[i]->tenants, tenant);
    for (size_t i = 0; i < count; i++) {
        bool mine = named ? listed(all[i]->tenants, tenant) : all[i]->tenants.count == 0;
        if (all[i]->format == DESTINATION_LAKE && (mine || listed(all[i]->tenants, STR("*"))))
            ret_chosen[chosen++] = all[i];
    }
    return chosen;
}
