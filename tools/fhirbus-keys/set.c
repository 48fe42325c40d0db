/* set KIND NAME --option VALUE...: an object of any kind made, or changed over the version that was
 * read, member by member. */
#include <stdio.h>
#include <string.h>

#include "common/auth/jwk.h"
#include "common/base/check.h"
#include "tools/fhirbus-keys/keys.h"

enum { LIST_MAX = 1000 };

typedef enum OptionKind {
    OPTION_TEXT,
    OPTION_LIST, /* by comma; takes the place of what was there */
    OPTION_NUMBER,
    OPTION_BYTES, /* with K, M, G: times 1024 */
    OPTION_YES_NO,
    OPTION_PERIOD,
    OPTION_JWKS, /* a file */
    OPTION_ADD_ORGANISATION,
    OPTION_REMOVE_ORGANISATION,
    OPTION_MAP,
    OPTION_UNMAP,
} OptionKind;

typedef struct SetOption {
    AuthKind of;
    const char *name;
    OptionKind kind;
    size_t at;
    const char *help;
} SetOption;

/* clang-format off */
#define CORS(Kind, Struct)                                                                                                       \
    {Kind, "--cors-origins",     OPTION_LIST,   offsetof(Struct, cors.origins),     "ORIGIN,...: https://app.example.org, https://*.example.org"}, \
    {Kind, "--cors-methods",     OPTION_LIST,   offsetof(Struct, cors.methods),     "METHOD,...; none: all that a route knows"},                   \
    {Kind, "--cors-headers",     OPTION_LIST,   offsetof(Struct, cors.headers),     "HEADER,...; none: all that a route knows"},                   \
    {Kind, "--cors-credentials", OPTION_YES_NO, offsetof(Struct, cors.credentials), "yes|no"},                                                     \
    {Kind, "--cors-max-age",     OPTION_NUMBER, offsetof(Struct, cors.max_age_s),   "SECONDS"}
static const SetOption options[] = {
#define AT(member) offsetof(Caller, member)
    {AUTH_CALLERS,  "--about",     OPTION_TEXT,   AT(about),    "TEXT"},
    {AUTH_CALLERS,  "--disabled",  OPTION_YES_NO, AT(disabled), "yes|no: refused with whatever credential"},
    {AUTH_CALLERS,  "--gateway",   OPTION_YES_NO, AT(gateway),  "yes|no: may name the original client and its tenant"},
    {AUTH_CALLERS,  "--plan",      OPTION_TEXT,   AT(plan),     "PLAN"},
    {AUTH_CALLERS,  "--tenants",   OPTION_LIST,   AT(tenants),  "TENANT,...|'*'"},
#undef AT
#define AT(member) offsetof(TokenIssuer, member)
    {AUTH_ISSUERS,  "--about",         OPTION_TEXT,   AT(about),         "TEXT"},
    {AUTH_ISSUERS,  "--disabled",      OPTION_YES_NO, AT(disabled),      "yes|no"},
    {AUTH_ISSUERS,  "--iss",           OPTION_TEXT,   AT(iss),           "exactly what its tokens say"},
    {AUTH_ISSUERS,  "--jwks-uri",      OPTION_TEXT,   AT(jwks_uri),      "URL of its keys"},
    {AUTH_ISSUERS,  "--jwks",          OPTION_JWKS,   AT(jwks),          "FILE with its keys, instead"},
    {AUTH_ISSUERS,  "--ca-file",       OPTION_TEXT,   AT(ca_file),       "FILE, on ingest's side, by which that URL's server is believed"},
    {AUTH_ISSUERS,  "--audience",      OPTION_LIST,   AT(audience),      "TEXT,...: one of these must be in aud"},
    {AUTH_ISSUERS,  "--algorithms",    OPTION_LIST,   AT(algorithms),    "of RS256,PS256,ES256,EdDSA"},
    {AUTH_ISSUERS,  "--claim",         OPTION_TEXT,   AT(claim),         "that names the caller; default sub"},
    {AUTH_ISSUERS,  "--map",           OPTION_MAP,    AT(callers),       "TEXT=CALLER: what that claim says is this caller; may be repeated"},
    {AUTH_ISSUERS,  "--unmap",         OPTION_UNMAP,  AT(callers),       "TEXT: is nobody any more"},
    {AUTH_ISSUERS,  "--type-required", OPTION_YES_NO, AT(type_required), "yes|no: tokens must say typ at+jwt"},
    {AUTH_ISSUERS,  "--leeway",        OPTION_NUMBER, AT(leeway_s),      "SECONDS, of clocks"},
    {AUTH_ISSUERS,  "--life-max",      OPTION_NUMBER, AT(life_max_s),    "SECONDS: longer-lived tokens are refused"},
    {AUTH_ISSUERS,  "--refresh",       OPTION_NUMBER, AT(refresh_s),     "SECONDS: its keys are fetched again after these"},
#undef AT
#define AT(member) offsetof(UsagePlan, member)
    {AUTH_PLANS,    "--about",       OPTION_TEXT,   AT(about),          "TEXT"},
    {AUTH_PLANS,    "--rate",        OPTION_NUMBER, AT(rate_per_s),     "REQUESTS a second; 0, as of all these: no such limit"},
    {AUTH_PLANS,    "--burst",       OPTION_NUMBER, AT(burst),          "REQUESTS at once; default: a second's worth"},
    {AUTH_PLANS,    "--quota",       OPTION_NUMBER, AT(quota),          "REQUESTS a --period"},
    {AUTH_PLANS,    "--period",      OPTION_PERIOD, AT(period),         "day|week|month, of the calendar, UTC"},
    {AUTH_PLANS,    "--concurrency", OPTION_NUMBER, AT(concurrency),    "REQUESTS at a time"},
    {AUTH_PLANS,    "--body-max",    OPTION_BYTES,  AT(body_max_bytes), "BYTES, decompressed; 10M: times 1024, twice"},
#undef AT
#define AT(member) offsetof(Tenant, member)
    {AUTH_TENANTS,  "--about",               OPTION_TEXT,                AT(about),         "TEXT"},
    {AUTH_TENANTS,  "--disabled",            OPTION_YES_NO,              AT(disabled),      "yes|no"},
    {AUTH_TENANTS,  "--tenant",              OPTION_TEXT,                AT(tenant),        "as X-TechBD-Tenant-ID says it; default: NAME"},
    {AUTH_TENANTS,  "--plan",                OPTION_TEXT,                AT(plan),          "PLAN, beside that of each caller"},
    {AUTH_TENANTS,  "--add-organisation",    OPTION_ADD_ORGANISATION,    AT(organisations), "DOMAIN/CODE: belongs to it; may be repeated"},
    {AUTH_TENANTS,  "--remove-organisation", OPTION_REMOVE_ORGANISATION, AT(organisations), "DOMAIN/CODE"},
    CORS(AUTH_TENANTS, Tenant),
#undef AT
#define AT(member) offsetof(HostName, member)
    {AUTH_HOSTS,    "--about",     OPTION_TEXT, AT(about),     "TEXT"},
    {AUTH_HOSTS,    "--tenant",    OPTION_TEXT, AT(tenant),    "for whom requests are that name none"},
    {AUTH_HOSTS,    "--cert-file", OPTION_TEXT, AT(cert_file), "FILE, on ingest's side; default: CERTIFICATES_DIR/NAME/cert.pem"},
    {AUTH_HOSTS,    "--key-file",  OPTION_TEXT, AT(key_file),  "FILE, on ingest's side"},
    {AUTH_HOSTS,    "--url",       OPTION_TEXT, AT(url),       "what links and implementation.url begin with"},
    {AUTH_HOSTS,    "--publisher", OPTION_TEXT, AT(publisher), "what /metadata says"},
    CORS(AUTH_HOSTS, HostName),
#undef AT
#define AT(member) offsetof(Account, member)
    {AUTH_ACCOUNTS, "--about",    OPTION_TEXT,   AT(about),    "TEXT"},
    {AUTH_ACCOUNTS, "--disabled", OPTION_YES_NO, AT(disabled), "yes|no: its sessions are over"},
    {AUTH_ACCOUNTS, "--tenants",  OPTION_LIST,   AT(tenants),  "TENANT,...|'*'"},
    {AUTH_ACCOUNTS, "--rights",   OPTION_LIST,   AT(rights),   "of read,reveal,replay,administer"},
    {AUTH_ACCOUNTS, "--oidc",     OPTION_LIST,   AT(oidc),     "SUBJECT,...: what the provider's claim says of it"},
#undef AT
};
/* clang-format on */
enum { OPTION_COUNT = sizeof options / sizeof options[0] };

/* What is being set, and of what: its arena keeps what is added. */
typedef struct Setting {
    Tool *tool;
    AuthKind kind;
    Arena *arena;
    void *object;
} Setting;

static bool wrong(const SetOption *option, const char *value, const char *expected, Err *err)
{
    return ERR(err, ERR_INPUT, "option", "%s %s: %s is expected", option->name, value, expected);
}

/* --- values ----------------------------------------------------------------------------------- */

static bool set_number(const SetOption *option, const char *value, uint64_t *to, Err *err)
{
    static const char units[] = "KMG";
    Str text = str_from(value);
    const char *unit =
        text.len && option->kind == OPTION_BYTES ? strchr(units, text.ptr[text.len - 1]) : NULL;
    uint64_t number;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (!str_to_u64(str_cut(text, 0, text.len - (unit != NULL)), &number) ||
        number > UINT64_MAX >> shift)
        return wrong(option, value,
                     unit || option->kind != OPTION_BYTES ? "a whole number"
                                                          : "a number of bytes, as 500K or 10M",
                     err);
    *to = number << shift;
    return true;
}

static bool set_choice(const SetOption *option, const char *value, const char *const *words,
                       const char *expected, int *to, Err *err)
{
    for (int i = 0; words[i]; i++)
        if (strcasecmp(words[i], value) == 0) {
            *to = i;
            return true;
        }
    return wrong(option, value, expected, err);
}

static bool set_list(const Setting *setting, const char *value, AuthTexts *to)
{
    Str rest = str_from(value), one;
    *to = (AuthTexts){ARENA_ARRAY(setting->arena, Str, LIST_MAX), 0};
    CHECK(to->list);
    while (str_split(&rest, ',', &one) && to->count < LIST_MAX)
        if (str_trim(one).len)
            to->list[to->count++] = arena_copy(setting->arena, str_trim(one));
    return true;
}

static bool set_jwks(const Setting *setting, const char *path, Str *to, Err *err)
{
    Jwks *jwks = NULL;
    Str json;
    if (!*path) {
        *to = STR_NONE;
        return true;
    }
    TRY(tool_read_file(path, setting->arena, &json, err));
    TRY(jwks_read(json, &jwks, err));
    size_t count = jwks_count(jwks);
    jwks_free(jwks);
    *to = str_trim(json);
    return count > 0 ||
           ERR(err, ERR_INPUT, "jwks-json", "%s holds no key that could be used", path);
}

/* --- lists of more than texts ----------------------------------------------------------------- */

static bool split_pair(const SetOption *option, const char *value, char by, const char *expected,
                       Str *ret_first, Str *ret_second, Err *err)
{
    Str text = str_from(value);
    size_t at = str_find_char(text, by);
    if (at == 0 || at + 1 >= text.len)
        return wrong(option, value, expected, err);
    *ret_first = str_cut(text, 0, at);
    *ret_second = str_skip(text, at + 1);
    return true;
}

static bool change_organisations(const Setting *setting, const SetOption *option, const char *value,
                                 Err *err)
{
    Tenant *tenant = setting->object;
    Str domain, code;
    TRY(split_pair(option, value, '/', "DOMAIN/CODE", &domain, &code, err));
    size_t kept = 0, before = tenant->organisation_count;
    Organisation *list = ARENA_ARRAY(setting->arena, Organisation, before + 1);
    CHECK(list);
    for (size_t i = 0; i < before; i++)
        if (!str_eq(tenant->organisations[i].source_domain, domain) ||
            !str_eq(tenant->organisations[i].organisation_code, code))
            list[kept++] = tenant->organisations[i];
    if (option->kind == OPTION_ADD_ORGANISATION)
        list[kept++] = (Organisation){.source_domain = arena_copy(setting->arena, domain),
                                      .organisation_code = arena_copy(setting->arena, code)};
    else if (kept == before)
        return ERR(err, ERR_INPUT, "unknown", "%s %s: it has no such organisation", option->name,
                   value);
    tenant->organisations = list;
    tenant->organisation_count = kept;
    return true;
}

static bool change_map(const Setting *setting, const SetOption *option, const char *value, Err *err)
{
    TokenIssuer *issuer = setting->object;
    Str text = str_from(value), caller = STR_NONE;
    if (option->kind == OPTION_MAP)
        TRY(split_pair(option, value, '=', "TEXT=CALLER", &text, &caller, err));
    AuthPairs pairs = {ARENA_ARRAY(setting->arena, FieldPair, issuer->callers.count + 1), 0};
    CHECK(pairs.list);
    for (size_t i = 0; i < issuer->callers.count; i++)
        if (!str_eq(issuer->callers.list[i].name, text))
            pairs.list[pairs.count++] = issuer->callers.list[i];
    if (caller.len)
        pairs.list[pairs.count++] =
            (FieldPair){arena_copy(setting->arena, text), arena_copy(setting->arena, caller)};
    else if (pairs.count == issuer->callers.count)
        return ERR(err, ERR_INPUT, "unknown", "%s %s: it is mapped to nobody", option->name, value);
    issuer->callers = pairs;
    return true;
}

/* --- the verb --------------------------------------------------------------------------------- */

static bool set_one(const Setting *setting, const SetOption *option, const char *value, Err *err)
{
    static const char *const yes_no[] = {"no", "yes", NULL};
    static const char *const periods[] = {"day", "week", "month", NULL};
    void *to = (char *)setting->object + option->at;
    int choice = 0;
    switch (option->kind) {
    case OPTION_TEXT:
        *(Str *)to = arena_copy(setting->arena, str_from(value));
        return true;
    case OPTION_LIST:
        return set_list(setting, value, to);
    case OPTION_NUMBER:
    case OPTION_BYTES:
        return set_number(option, value, to, err);
    case OPTION_YES_NO:
        TRY(set_choice(option, value, yes_no, "yes or no", &choice, err));
        *(bool *)to = choice == 1;
        return true;
    case OPTION_PERIOD:
        return set_choice(option, value, periods, "day, week or month", to, err);
    case OPTION_JWKS:
        return set_jwks(setting, value, to, err);
    case OPTION_ADD_ORGANISATION:
    case OPTION_REMOVE_ORGANISATION:
        return change_organisations(setting, option, value, err);
    case OPTION_MAP:
    case OPTION_UNMAP:
        return change_map(setting, option, value, err);
    }
    return false;
}

static const SetOption *find(AuthKind kind, const char *name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (options[i].of == kind && strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

static bool unknown_option(AuthKind kind, const char *name, Err *err)
{
    char known[300];
    size_t len = 0;
    known[0] = '\0';
    for (size_t i = 0; i < OPTION_COUNT && len < sizeof known; i++)
        if (options[i].of == kind)
            len += (size_t)snprintf(known + len, sizeof known - len, " %s", options[i].name);
    return ERR(err, ERR_INPUT, "option", "%s have no option %s; they have%s", auth_kinds[kind].name,
               name, known);
}

static bool set_all(const Setting *setting, Err *err)
{
    const Command *command = &setting->tool->command;
    for (size_t i = 0; i < command->pair_count; i++) {
        const SetOption *option = find(setting->kind, command->pairs[i].name);
        if (!option)
            return unknown_option(setting->kind, command->pairs[i].name, err);
        TRY(set_one(setting, option, command->pairs[i].value, err));
    }
    return command->pair_count > 0 || unknown_option(setting->kind, "(none is given)", err);
}

static bool check_and_publish(const Setting *setting, uint64_t version, Err *err)
{
    Tool *tool = setting->tool;
    Str name = str_from(tool->command.words[2]);
    void *checked = NULL;
    BUF_AUTO json;
    buf_init(&json, OBJECT_BYTES_MAX);
    auth_write(setting->kind, setting->object, &json);
    if (json.overflowed)
        return ERR(err, ERR_INPUT, "object-bytes", "more than %d bytes", OBJECT_BYTES_MAX);
    TRY(auth_read(setting->kind, name, buf_str(&json), &checked, err));
    const CatalogView *view = catalog_acquire(tool->catalog);
    const char *taken = auth_clash(view, setting->kind, name, checked);
    if (!taken)
        note_what_is_missing(view, setting->kind, checked);
    catalog_release(tool->catalog, view);
    auth_free(checked);
    if (taken)
        return ERR(err, ERR_INPUT, "taken", "another object has %s", taken);
    return tool_publish(tool, setting->kind, name, buf_str(&json), true, version, err);
}

bool verb_set(Tool *tool, Err *err)
{
    Setting setting = {.tool = tool};
    Str name = str_from(tool->command.words[2]);
    TRY(tool_kind(tool, 1, &setting.kind, err));
    const CatalogView *view = catalog_acquire(tool->catalog);
    const CatalogEntry *entry = catalog_find(
        view, ARENA_JOIN(tool->arena, str_from(auth_kinds[setting.kind].name), STR("/"), name));
    Str data = entry ? arena_copy(tool->arena, entry->object->data) : STR_NONE;
    uint64_t version = entry ? entry->object->version : 0;
    catalog_release(tool->catalog, view);
    if (data.ptr)
        TRY(auth_read_as_written(setting.kind, name, data, &setting.object, err));
    else
        setting.object = auth_new(setting.kind, name);
    setting.arena = *(Arena **)setting.object;
    bool fine = set_all(&setting, err) && check_and_publish(&setting, version, err);
    auth_free(setting.object);
    if (fine)
        tell_change(tool, version ? "changed" : "created", auth_kinds[setting.kind].name,
                    tool->command.words[2]);
    return fine;
}

void set_usage(const AuthKind *only, Buf *out)
{
    for (AuthKind kind = 0; kind < AUTH_KIND_COUNT; kind++) {
        if (only && kind != *only)
            continue;
        buf_add_format(out, "set %s NAME\n", auth_kinds[kind].name);
        for (size_t i = 0; i < OPTION_COUNT; i++)
            if (options[i].of == kind)
                buf_add_format(out, "  %-22s %s\n", options[i].name, options[i].help);
    }
    buf_add(out, STR("An empty value ('') takes a text or a list away.\n"));
}
