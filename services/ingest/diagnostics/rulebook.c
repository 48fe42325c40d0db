/* GET /admin/api/diagnostics/rules: the rule sets in force, and where documents go. PUT .../{name}:
 * publishes a set; what cannot be compiled is refused, with its place. DELETE: takes it out of
 * force.
 *
 * Rule:    who may read for one tenant sees the sets that concern it; a set that names others too
 *          without its text. Who may administer for one changes sets that are of it alone. */
#include "common/catalog/publish.h"
#include "common/json/write.h"
#include "common/rules/book.h"
#include "services/ingest/admin/admin.h"
#include "services/ingest/audited.h"
#include "services/ingest/authenticate.h"
#include "services/ingest/diagnostics/flows.h"
#include "services/ingest/diagnostics/rules_text.h"
#include "services/ingest/diagnostics/tell.h"
#include "services/ingest/refuse.h"

enum { REPLY_BYTES_MAX = 64 * 1024 };

/* --- the list --------------------------------------------------------------------------------- */

static bool may_for(const Exchange *exchange, Permission permission)
{
    const Caller *caller = exchange->identity.caller;
    return !caller || caller_may_for_all(caller, permission);
}

static bool names_own(const Exchange *exchange, StrList tenants)
{
    if (exchange->tenant.len)
        return rules_listed(tenants, exchange->tenant);
    for (size_t i = 0; i < tenants.count; i++)
        if (authenticate_may_for(exchange, tenants.list[i]))
            return true;
    return false;
}

static bool names_others(const Exchange *exchange, StrList tenants)
{
    for (size_t i = 0; i < tenants.count; i++)
        if (!authenticate_may_for(exchange, tenants.list[i]))
            return true;
    return false;
}

static bool is_shown_whole(const Exchange *exchange, const RuleSet *set)
{
    bool others = names_others(exchange, set->tenants);
    for (int section = 0; section < RULES_SECTIONS; section++)
        for (size_t i = 0; i < set->counts[section]; i++)
            others = others || names_others(exchange, set->rules[section][i].tenants);
    return !others;
}

static void add_member(Buf *out, const char *name, Str text)
{
    buf_add_format(out, ",\"%s\":", name);
    if (text.len)
        json_write_string(out, text);
    else
        buf_add(out, STR("null"));
}

/* `object` NULL: the built-in set. */
static void add_set(Buf *out, const Exchange *exchange, const RuleSet *set,
                    const CatalogObject *object)
{
    bool all = may_for(exchange, PERMISSION_READ);
    bool whole = all || is_shown_whole(exchange, set);
    buf_add(out, STR("{\"name\":"));
    json_write_string(out, set->name);
    buf_add_format(out, ",\"version\":%llu", object ? (unsigned long long)object->version : 0ULL);
    add_member(out, "about", set->about);
    buf_add_format(out, ",\"disabled\":false,\"builtin\":%s", object ? "false" : "true");
    add_member(out, "stamp", str_from(set->stamp));
    if (object && all) {
        add_member(out, "published_at", object->published_at);
        add_member(out, "published_by", object->published_by);
        add_member(out, "comment", object->comment);
    }
    buf_add(out, STR(",\"object\":"));
    buf_add(out, !whole ? STR("null") : object ? object->data : rules_default_file());
    buf_add_char(out, '}');
}

static void add_sets(Buf *out, const Exchange *exchange, const CatalogView *view)
{
    CatalogRun run = catalog_kind(view, "rules");
    const RuleSet *builtin = exchange->ingest->rules_default;
    bool first = true, replaced = false;
    for (size_t i = 0; i < run.count; i++) {
        const RuleSet *set = run.entries[i].made;
        replaced = replaced || str_eq(set->name, builtin->name);
        if (set->tenants.count && !names_own(exchange, set->tenants) &&
            (exchange->tenant.len || !may_for(exchange, PERMISSION_READ)))
            continue;
        buf_add(out, first ? STR("\n") : STR(",\n"));
        add_set(out, exchange, set, run.entries[i].object);
        first = false;
    }
    if (replaced)
        return;
    buf_add(out, first ? STR("\n") : STR(",\n"));
    add_set(out, exchange, builtin, NULL);
}

/* Secrets are no part of these: files are named. Still only for whoever runs all of it. */
static void add_destinations(Buf *out, const Exchange *exchange, const CatalogView *view)
{
    CatalogRun run = catalog_kind(view, "destinations");
    if (!may_for(exchange, PERMISSION_ADMINISTER) || exchange->tenant.len)
        return;
    for (size_t i = 0; i < run.count; i++) {
        buf_add(out, i ? STR(",\n{\"name\":") : STR("\n{\"name\":"));
        json_write_string(out, run.entries[i].object->name);
        buf_add(out, STR(",\"object\":"));
        buf_add(out, run.entries[i].object->data);
        buf_add_char(out, '}');
    }
}

StepNext step_rulebook(Exchange *exchange)
{
    Catalog *catalog = exchange->ingest->catalog;
    Buf *body = http_reply_body(exchange->request);
    if (!catalog_ready(catalog, 0))
        return refuse_unavailable(exchange, "rules-not-read", "The rules are not read yet");
    const CatalogView *view = catalog_acquire(catalog);
    buf_add(body, STR("{\"rules\":["));
    add_sets(body, exchange, view);
    buf_add(body, STR("],\"destinations\":["));
    add_destinations(body, exchange, view);
    buf_add(body, STR("]}\n"));
    catalog_release(catalog, view);
    http_reply_status(exchange->request, 200);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    return STEP_REPLY;
}

/* --- publishing ------------------------------------------------------------------------------- */

typedef struct Publishing {
    Question base;
    Str id, name, data, comment; /* data: ptr NULL: it is retired */
    uint64_t base_version;
    /* what became of it */
    unsigned status;
    const char *code;
    char text[240];
    RulesProblem problem;
    uint64_t version;
} Publishing;

static bool fail(Publishing *publishing, unsigned status, const char *code, const char *text)
{
    publishing->status = status;
    publishing->code = code;
    snprintf(publishing->text, sizeof publishing->text, "%s", text);
    return false;
}

/* Everybody's sets are for whoever administers for everybody. */
static bool may_change(const Exchange *exchange, const RuleSet *set)
{
    const Authority authority = admin_authority(exchange);
    if (!set || authority_is_whole(&authority))
        return true;
    return set->tenants.count && !names_others(exchange, set->tenants) &&
           (!exchange->tenant.len ||
            (set->tenants.count == 1 && rules_listed(set->tenants, exchange->tenant)));
}

static bool check(Publishing *publishing, const CatalogView *view, const RuleSet *after)
{
    const Exchange *exchange = publishing->base.exchange;
    const CatalogEntry *entry = catalog_find(view, publishing->id);
    const RuleSet *before = entry ? entry->made : NULL;
    if (!may_change(exchange, before) || !may_change(exchange, after))
        return fail(publishing, 403, "admin-authority", "");
    publishing->version = entry ? entry->object->version : 0;
    if (!entry && !after)
        return fail(publishing, 404, "rules-unknown", "No set of that name was published");
    if (publishing->version != publishing->base_version)
        return fail(publishing, 409, "rules-version", "Somebody else was faster: look again");
    if (after && !str_eq(after->name, publishing->name))
        return fail(publishing, 400, "rules-name", "The set's name is not that of its address");
    return true;
}

static bool publish(Publishing *publishing, Err *err)
{
    const Exchange *exchange = publishing->base.exchange;
    const Ingest *ingest = exchange->ingest;
    const CatalogChange change = {.id = publishing->id,
                                  .data = publishing->data,
                                  .by = exchange->caller,
                                  .comment = publishing->comment,
                                  .address = exchange->client_address,
                                  .expects = true,
                                  .expected_version = publishing->base_version};
    return catalog_publish(ingest->catalog, &ingest->config->bus, &change,
                           (uint32_t)ingest->config->publish_timeout_ms, &publishing->version, err);
}

static bool fail_with(Publishing *publishing, const Err *err)
{
    if (strcmp(err->code, "publish-version") == 0)
        return fail(publishing, 409, "rules-version", "Somebody else was faster: look again");
    if (err->kind == ERR_INPUT)
        return fail(publishing, 400, err->code, err->text);
    return fail(publishing, 503, err->code, "Whether it was published is unknown: look again");
}

static bool run_publishing(Question *base, Db *db, Arena *arena, Err *none)
{
    Publishing *publishing = (Publishing *)base;
    Catalog *catalog = base->exchange->ingest->catalog;
    RuleSet *after = NULL;
    Err err = {0};
    (void)db;
    (void)arena;
    (void)none;
    if (publishing->data.ptr && !rules_read(publishing->data, &after, &publishing->problem, &err)) {
        fail(publishing, 400, "rules-refused", err.text);
        return true;
    }
    const CatalogView *view = catalog_acquire(catalog);
    if (check(publishing, view, after) && !publish(publishing, &err))
        fail_with(publishing, &err);
    catalog_release(catalog, view);
    rules_free(after);
    return true;
}

static StepNext name_set(Exchange *exchange, Publishing *publishing)
{
    if (!catalog_ready(exchange->ingest->catalog, 0))
        return refuse_unavailable(exchange, "rules-not-read", "The rules are not read yet");
    publishing->name = exchange->parameter;
    publishing->id = ARENA_JOIN(exchange->arena, STR("rules/"), exchange->parameter);
    if (!object_id_valid(publishing->id))
        return refuse(exchange, 400, "rules-name", "A name is letters, digits, '.', '_' and '-'");
    audited_resource(exchange, publishing->id);
    return STEP_NEXT;
}

static StepNext read_publishing(Exchange *exchange, Question *base)
{
    Publishing *publishing = (Publishing *)base;
    RulesBody body;
    const char *wrong = rules_body_read(exchange, &body);
    if (wrong)
        return refuse(exchange, 400, "rules-body", wrong);
    if (!body.has_version)
        return refuse(exchange, 400, "rules-body", "base_version is the version that was edited");
    publishing->data = body.file;
    publishing->comment = body.comment;
    publishing->base_version = body.base_version;
    return name_set(exchange, publishing);
}

static StepNext read_retiring(Exchange *exchange, Question *base)
{
    Publishing *publishing = (Publishing *)base;
    if (!str_to_u64(tell_parameter(exchange, "base_version"), &publishing->base_version))
        return tell_malformed(exchange, "base_version is the version that is retired");
    publishing->comment = tell_parameter(exchange, "comment");
    return name_set(exchange, publishing);
}

static StepNext tell_refused(Exchange *exchange, const Publishing *publishing)
{
    Buf *body = http_reply_body(exchange->request);
    StepNext next = refuse(exchange, publishing->status, publishing->code, publishing->text);
    while (body->len && body->data[body->len - 1] != '}')
        body->len--;
    body->len--;
    if (publishing->status == 409) {
        buf_add_format(body, ",\"version\":%llu}\n", (unsigned long long)publishing->version);
        return next;
    }
    buf_add(body, STR(",\"problem\":"));
    rules_problem_write(&publishing->problem, body);
    buf_add(body, STR("}\n"));
    return next;
}

static StepNext tell_publishing(Exchange *exchange, Question *base)
{
    const Publishing *publishing = (const Publishing *)base;
    if (publishing->status == 403)
        return refuse_forbidden(exchange, publishing->code);
    if (publishing->status == 503)
        return refuse_unavailable(exchange, publishing->code, publishing->text);
    if (publishing->status == 404)
        return refuse(exchange, 404, publishing->code, publishing->text);
    if (publishing->status)
        return tell_refused(exchange, publishing);
    http_reply_status(exchange->request, 200);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    buf_add_format(http_reply_body(exchange->request), "{\"version\":%llu}\n",
                   (unsigned long long)publishing->version);
    return STEP_REPLY;
}

StepNext step_rulebook_put(Exchange *exchange)
{
    static const LookupStep step = {sizeof(Publishing), run_publishing, NULL, read_publishing,
                                    tell_publishing};
    return lookups_step(exchange->ingest->changes, exchange, &step);
}

StepNext step_rulebook_delete(Exchange *exchange)
{
    static const LookupStep step = {sizeof(Publishing), run_publishing, NULL, read_retiring,
                                    tell_publishing};
    return lookups_step(exchange->ingest->changes, exchange, &step);
}
