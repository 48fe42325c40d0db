/* What this tool says: for people a line, with --json what scripts read. */
#include <stdio.h>

#include "common/base/clock.h"
#include "common/json/write.h"
#include "tools/fhirbus-keys/keys.h"

#define DAY_US (86400LL * 1000000)
enum { JSON_MAX = 1 << 20 };

void tell_change(const Tool *tool, const char *what, const char *kind, const char *name)
{
    BUF_AUTO json;
    buf_init(&json, JSON_MAX);
    if (!tool->command.json) {
        printf("%-8s %s/%s", what, kind, name);
        if (tool->version)
            printf(" version %llu", (unsigned long long)tool->version);
        putchar('\n');
        return;
    }
    buf_add_format(&json, "{\"done\":\"%s\",\"id\":", what);
    json_write_string(&json, ARENA_JOIN(tool->arena, str_from(kind), STR("/"), str_from(name)));
    if (tool->version)
        buf_add_format(&json, ",\"version\":%llu", (unsigned long long)tool->version);
    printf("%s}\n", json.data);
}

void tell_made(const Tool *tool, const char *what, const char *path)
{
    BUF_AUTO json;
    buf_init(&json, JSON_MAX);
    json_write_string(&json, str_from(path));
    if (tool->command.json)
        printf("{\"done\":\"%s\",\"file\":%s}\n", what, json.data);
    else
        printf("%-8s %s\n", what, path);
}

void tell_error(const Tool *tool, const Err *err)
{
    BUF_AUTO json;
    buf_init(&json, JSON_MAX);
    json_write_string(&json, str_from(err->text));
    if (tool->command.json)
        fprintf(stderr, "{\"error\":{\"code\":\"%s\",\"text\":%s}}\n", err->code, json.data);
    else
        fprintf(stderr, "fhirbus-keys: %s: %s\n", err->code, err->text);
}

/* --- what is named and not there -------------------------------------------------------------- */

static void note(const CatalogView *view, const char *kind, Str name, const char *what_then)
{
    char id[OBJECT_ID_BYTES_MAX + 1];
    snprintf(id, sizeof id, "%s/%.*s", kind, STR_ARG(name));
    if (name.len && !catalog_find(view, str_from(id)))
        fprintf(stderr, "fhirbus-keys: note: there is no %s: %s\n", id, what_then);
}

void note_what_is_missing(const CatalogView *view, AuthKind kind, const void *object)
{
    static const char no_plan[] = "until there is, LIMITS_AWAY_RATE_PER_S holds";
    if (kind == AUTH_CALLERS)
        note(view, "plans", ((const Caller *)object)->plan, no_plan);
    if (kind == AUTH_TENANTS)
        note(view, "plans", ((const Tenant *)object)->plan, no_plan);
    if (kind == AUTH_ISSUERS) {
        const TokenIssuer *issuer = object;
        for (size_t i = 0; i < issuer->callers.count; i++)
            note(view, "callers", issuer->callers.list[i].value, "whom its tokens name is refused");
    }
}

/* --- one line of each kind -------------------------------------------------------------------- */

static void print_texts(const char *before, AuthTexts texts)
{
    for (size_t i = 0; i < texts.count; i++)
        printf("%s%.*s", i ? "," : before, STR_ARG(texts.list[i]));
}

static void print_caller(const Caller *caller)
{
    printf("%s%s%zu keys, %zu clients, %zu certificates", caller->disabled ? "disabled, " : "",
           caller->gateway ? "gateway, " : "", caller->api_key_count, caller->client_count,
           caller->certificate_count);
    if (caller->plan.len)
        printf("; plan %.*s", STR_ARG(caller->plan));
    print_texts("; tenants ", caller->tenants);
    for (Permission p = 0; p < PERMISSION_COUNT; p++)
        if (caller->may[p].count)
            printf("; %s", permission_name(p));
}

static void print_issuer(const TokenIssuer *issuer)
{
    printf("%s%.*s", issuer->disabled ? "disabled, " : "", STR_ARG(issuer->iss));
    print_texts("; audience ", issuer->audience);
    print_texts("; ", issuer->algorithms);
    printf("; %zu callers", issuer->callers.count);
}

static void print_plan(const UsagePlan *plan)
{
    static const char *const periods[] = {"day", "week", "month"};
    const char *between = "";
    if (plan->rate_per_s)
        printf("%llu a second, %llu at once", (unsigned long long)plan->rate_per_s,
               (unsigned long long)(plan->burst ? plan->burst : plan->rate_per_s)),
            between = "; ";
    if (plan->quota)
        printf("%s%llu a %s", between, (unsigned long long)plan->quota, periods[plan->period]),
            between = "; ";
    if (plan->concurrency)
        printf("%s%llu at a time", between, (unsigned long long)plan->concurrency), between = "; ";
    if (plan->body_max_bytes)
        printf("%s%llu bytes", between, (unsigned long long)plan->body_max_bytes), between = "; ";
    if (!*between)
        printf("no limit");
}

static void print_cors(const CorsPolicy *cors)
{
    print_texts("; origins ", cors->origins);
    if (cors->credentials)
        printf(" with credentials");
}

static void print_tenant(const Tenant *tenant)
{
    printf("%s%.*s", tenant->disabled ? "disabled, " : "", STR_ARG(tenant->tenant));
    if (tenant->plan.len)
        printf("; plan %.*s", STR_ARG(tenant->plan));
    for (size_t i = 0; i < tenant->organisation_count; i++)
        printf("%s%.*s/%.*s", i ? "," : "; organisations ",
               STR_ARG(tenant->organisations[i].source_domain),
               STR_ARG(tenant->organisations[i].organisation_code));
    print_cors(&tenant->cors);
}

static void print_host(const HostName *host)
{
    printf("tenant %.*s", STR_ARG(host->tenant.len ? host->tenant : STR("-")));
    if (host->cert_file.len)
        printf("; certificate %.*s", STR_ARG(host->cert_file));
    if (host->url.len)
        printf("; %.*s", STR_ARG(host->url));
    print_cors(&host->cors);
}

static void print_account(const Account *account)
{
    printf("%s%s", account->disabled ? "disabled, " : "",
           account->argon2id.len ? "password" : "no password");
    print_texts("; tenants ", account->tenants);
    print_texts("; ", account->rights);
    print_texts("; oidc ", account->oidc);
}

void print_object(AuthKind kind, const CatalogEntry *entry)
{
    printf("%-8s %-24.*s version %-4llu ", auth_kinds[kind].name, STR_ARG(entry->object->name),
           (unsigned long long)entry->object->version);
    switch (kind) {
    case AUTH_CALLERS:
        print_caller(entry->made);
        break;
    case AUTH_ISSUERS:
        print_issuer(entry->made);
        break;
    case AUTH_PLANS:
        print_plan(entry->made);
        break;
    case AUTH_TENANTS:
        print_tenant(entry->made);
        break;
    case AUTH_HOSTS:
        print_host(entry->made);
        break;
    case AUTH_ACCOUNTS:
        print_account(entry->made);
        break;
    case AUTH_KIND_COUNT:
        break;
    }
    putchar('\n');
}

/* --- of one caller ---------------------------------------------------------------------------- */

static bool begin_telling(Tool *tool, Edit *edit, Err *err)
{
    return edit_begin(tool, tool->command.words[1], false, edit, err);
}

static long long days_left(int64_t expires_us)
{
    return expires_us ? (expires_us - clock_wall_us()) / DAY_US : -1;
}

static void print_secret(const Tool *tool, const char *kind, const StoredSecret *secret, bool first)
{
    const char *state = secret_in_force(secret, clock_wall_us()) ? "in force" : "over";
    long long days = days_left(secret->expires_us);
    BUF_AUTO about;
    buf_init(&about, JSON_MAX);
    json_write_string(&about, secret->about);
    if (tool->command.json)
        printf(
            "%s{\"kind\":\"%s\",\"id\":\"%.*s\",\"state\":\"%s\",\"daysLeft\":%lld,\"about\":%s}",
            first ? "" : ",\n", kind, STR_ARG(secret->id), state, days, about.data);
    else
        printf("%-7s %-18.*s %-8s %5lld days left  %s\n", kind, STR_ARG(secret->id), state, days,
               about.data);
}

bool verb_keys(Tool *tool, Err *err)
{
    Edit edit;
    bool first = true;
    TRY(begin_telling(tool, &edit, err));
    const Caller *caller = edit.caller;
    if (tool->command.json)
        putchar('[');
    for (size_t i = 0; i < caller->api_key_count; i++, first = false)
        print_secret(tool, "apiKey", &caller->api_keys[i], first);
    for (size_t i = 0; i < caller->client_count; i++)
        for (size_t s = 0; s < caller->clients[i].secret_count; s++, first = false)
            print_secret(tool, "secret", &caller->clients[i].secrets[s], first);
    if (tool->command.json)
        puts("]");
    edit_drop(&edit);
    return true;
}

static void add_text(Buf *to, const char *name, Str text, bool json)
{
    if (!text.len)
        return;
    buf_add_format(to, json ? ",\"%s\":" : "  %s ", name);
    if (json)
        json_write_string(to, text);
    else
        buf_add(to, text);
}

static void print_certificate(const Tool *tool, const CertificateMatcher *matcher, bool first)
{
    static const uint8_t none[32];
    bool json = tool->command.json, revoked = matcher->revoked_us != 0;
    bool over = revoked || (matcher->expires_us && matcher->expires_us <= clock_wall_us());
    const char *state = revoked ? "revoked" : over ? "over" : "in force";
    char hex[65] = "";
    BUF_AUTO line;
    buf_init(&line, JSON_MAX);
    for (size_t i = 0; i < 32 && memcmp(matcher->fingerprint, none, 32) != 0; i++)
        snprintf(hex + 2 * i, 3, "%02x", matcher->fingerprint[i]);
    buf_add_format(&line, json ? "%s{\"state\":\"%s\",\"daysLeft\":%lld" : "%s%-8s %5lld days left",
                   json && !first ? ",\n" : "", state, days_left(matcher->expires_us));
    add_text(&line, "fingerprint", str_from(hex), json);
    add_text(&line, "subject", matcher->subject, json);
    add_text(&line, "san", matcher->san, json);
    add_text(&line, "issuer", matcher->issuer, json);
    printf("%s%s", line.data, json ? "}" : "\n");
}

bool verb_certificates(Tool *tool, Err *err)
{
    Edit edit;
    TRY(begin_telling(tool, &edit, err));
    if (tool->command.json)
        putchar('[');
    for (size_t i = 0; i < edit.caller->certificate_count; i++)
        print_certificate(tool, &edit.caller->certificates[i], i == 0);
    if (tool->command.json)
        puts("]");
    edit_drop(&edit);
    return true;
}

static void add_permission(Buf *to, const char *name, AuthTexts texts, bool json)
{
    buf_add_format(to, json ? "%s\"%s\":[" : "%s%-15s", json && to->len > 1 ? "," : "", name);
    for (size_t i = 0; i < texts.count; i++) {
        buf_add(to, i == 0 ? STR("") : json ? STR(",") : STR(" "));
        if (json)
            json_write_string(to, texts.list[i]);
        else
            buf_add(to, texts.list[i]);
    }
    buf_add(to, json ? STR("]") : texts.count ? STR("\n") : STR("-\n"));
}

bool verb_permissions(Tool *tool, Err *err)
{
    Edit edit;
    bool json = tool->command.json;
    BUF_AUTO out;
    buf_init(&out, JSON_MAX);
    TRY(begin_telling(tool, &edit, err));
    if (json)
        buf_add(&out, STR("{"));
    add_permission(&out, "tenants", edit.caller->tenants, json);
    for (Permission p = 0; p < PERMISSION_COUNT; p++)
        add_permission(&out, permission_name(p), edit.caller->may[p], json);
    add_permission(&out, "sendCategories", edit.caller->send_categories, json);
    printf("%s%s", out.data, json ? "}\n" : "");
    edit_drop(&edit);
    return true;
}
