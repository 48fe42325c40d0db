/* A resource against profiles: each (resource, profile) once, then meta.profile and what profiles
 * impose. */
#include "services/validator/engine/validate/primitive.h"
#include "services/validator/engine/validate/walk.h"

/* What became of a resource against a profile. While it runs it has no findings yet: a circle of
 * references counts as good, as in the Java core. */
typedef struct Run {
    Findings findings;
    bool ok;
    bool running;
} Run;

static bool check_id(Walk *walk, ElemId elem, IdStatus status)
{
    ElemId id = elem_child(&walk->elems, elem, walk->model->n_id);
    if (!id) {
        if (status == ID_REQUIRED)
            report(walk, SEVERITY_ERROR, MSG_RESOURCE_ID_MISSING, elem);
        return status != ID_REQUIRED;
    }
    Str text = elem_text(walk_elem(walk, id));
    if (text.len > 64) {
        report_with(walk, SEVERITY_ERROR, MSG_RESOURCE_ID_LENGTH, id,
                    arena_format(walk->arena, "%zu", text.len), STR_NONE, STR_NONE, STR_NONE);
        return false;
    }
    if (is_fhir_id(text))
        return true;
    report_with(walk, SEVERITY_ERROR, MSG_RESOURCE_ID_CHARACTERS, id, text, STR_NONE, STR_NONE,
                STR_NONE);
    return false;
}

static bool replay(Walk *walk, const Run *run)
{
    bool ok = true;
    walk->met_running = walk->met_running || run->running;
    if (walk->out->counting) {
        walk->out->count += run->findings.count;
        walk->out->errors += run->findings.errors;
        return run->findings.errors == 0;
    }
    for (uint32_t i = 0; i < run->findings.count; i++) {
        findings_add(walk, walk->out, run->findings.items[i]);
        ok = ok && run->findings.items[i]->severity < SEVERITY_ERROR;
    }
    return ok;
}

bool run_profile(Walk *walk, const Scope *scope, ElemId elem, ProfileId profile, bool specials)
{
    const SchemaProfile *p = schema_profile(walk->schema, profile);
    Run *run = memo_get(walk->runs, elem, profile);
    if (run)
        return replay(walk, run);
    bool ok = true;
    if (p->first_node == 0) {
        report_with(walk, SEVERITY_ERROR, MSG_NO_SNAPSHOT, elem, walk_versioned(walk, profile),
                    STR_NONE, STR_NONE, STR_NONE);
        ok = false;
    } else {
        run = ARENA_NEW(walk->arena, Run);
        if (!run || !memo_put(walk->runs, elem, profile, run)) {
            walk->stopped = true;
            return false;
        }
        Findings *out = walk->out;
        Findings own = {0};
        walk->out = &own;
        run->running = true;
        ok = walk_element(walk, scope, p->first_node, elem, walk_elem(walk, elem)->type);
        walk->out = out;
        run->running = false;
        run->findings = own;
        run->ok = ok;
        findings_merge(walk, out, &own);
    }
    if (specials) {
        ok = check_specials(walk, scope, elem, FINDING_PATH) && ok;
        ok = check_resource_rules(walk, elem) && ok;
    }
    return ok;
}

static bool run_imposed_of(Walk *walk, const Scope *scope, ElemId elem, ProfileId profile)
{
    const SchemaProfile *p = schema_profile(walk->schema, profile);
    bool ok = true;
    for (uint32_t i = 0; i < p->impose_count; i++) {
        const SchemaTarget *target = &walk->schema->targets[p->imposes + i];
        if (target->profile)
            ok = run_profile(walk, scope, elem, target->profile, false) && ok;
        else
            report_with(walk, SEVERITY_WARNING, MSG_IMPOSED_UNKNOWN, elem,
                        schema_text(walk->schema, target->url), walk_versioned(walk, profile),
                        STR_NONE, STR_NONE);
    }
    return ok;
}

/* spec: hl7.org/fhir/R4/implementationguide-definitions.html#ImplementationGuide.global: kept with
 * the definition of the type. */
static bool run_imposed(Walk *walk, const Scope *scope, ElemId elem, ProfileId profile)
{
    ProfileId plain = schema_of_type(walk->schema, walk_elem(walk, elem)->type);
    bool ok = profile == plain || run_imposed_of(walk, scope, elem, profile);
    if (walk->rules & RULE_GLOBAL_PROFILES && plain)
        ok = run_imposed_of(walk, scope, elem, plain) && ok;
    return ok;
}

static void unknown_profile(Walk *walk, ElemId elem, uint32_t index, Str url)
{
    Finding *finding = report_with(walk, SEVERITY_WARNING, MSG_PROFILE_UNKNOWN, elem, url, STR_NONE,
                                   STR_NONE, STR_NONE);
    if (finding)
        finding->suffix = arena_format(walk->arena, ".meta.profile[%u]", index);
}

/* meta.profile, one by one, in their order. */
static bool run_claimed(Walk *walk, const Scope *scope, ElemId elem, ProfileId profile)
{
    const Schema *schema = walk->schema;
    ElemId meta = elem_child(&walk->elems, elem, walk->model->n_meta);
    bool ok = true;
    uint32_t index = 0;
    if (!meta)
        return true;
    ELEM_EACH(&walk->elems, claim, meta)
    {
        if (walk_elem(walk, claim)->property != walk->model->n_profile)
            continue;
        uint32_t at = index++;
        Str url = elem_text(walk_elem(walk, claim));
        if (url.len == 0 || str_eq(url, schema_text(schema, schema->profiles[profile].url)))
            continue;
        ProfileId claimed = schema_find(schema, url);
        if (claimed == profile)
            continue;
        if (!claimed) {
            unknown_profile(walk, elem, at, url);
            continue;
        }
        ok = run_profile(walk, scope, elem, claimed, false) && ok;
        ok = run_imposed(walk, scope, elem, claimed) && ok;
    }
    return ok;
}

bool run_resource(Walk *walk, const Scope *scope, ElemId elem, ProfileId profile, IdStatus id,
                  bool for_reference)
{
    const SchemaProfile *p = schema_profile(walk->schema, profile);
    FhirTypeId type = walk_elem(walk, elem)->type;
    bool ok = check_id(walk, elem, id);
    if (p->type != type) {
        report_with(walk, SEVERITY_ERROR, MSG_PROFILE_WRONG_TYPE, elem,
                    schema_text(walk->schema, p->type_text), fhir_type_name(walk->model, type),
                    walk_versioned(walk, profile), STR_NONE);
        ok = false;
    } else {
        Scope inner = *scope;
        inner.resource = elem;
        ok = run_profile(walk, &inner, elem, profile, scope->check_specials) && ok;
        ok = run_imposed(walk, &inner, elem, profile) && ok;
        ok = run_claimed(walk, &inner, elem, profile) && ok;
    }
    if (!for_reference)
        ok = check_contained(walk, elem) && ok;
    return ok;
}

/* --- resources inside ------------------------------------------------------------------------- */

static const SchemaType *type_for(const Walk *walk, const SchemaNode *node, FhirTypeId type)
{
    for (uint32_t i = 0; i < node->type_count; i++) {
        const SchemaType *entry = &walk->schema->types[node->types + i];
        if (entry->type == walk->model->resource_type || entry->type == type)
            return entry;
    }
    return NULL;
}

/* An element that allows any resource may still name profiles: then one of their types. */
static bool is_allowed_type(const Walk *walk, const SchemaType *entry, FhirTypeId type)
{
    if (entry->type == type || entry->profile_count == 0)
        return true;
    for (uint32_t i = 0; i < entry->profile_count; i++) {
        ProfileId profile = walk->schema->targets[entry->profiles + i].profile;
        FhirTypeId allowed = walk->schema->profiles[profile].type;
        if (profile && fhir_type_is_a(walk->model, type, allowed))
            return true;
    }
    return false;
}

static bool run_one_of(Walk *walk, const Scope *scope, ElemId elem, const SchemaType *entry,
                       IdStatus id)
{
    uint32_t matched = 0;
    Str names = STR("");
    for (uint32_t i = 0; i < entry->profile_count; i++) {
        const SchemaTarget *target = &walk->schema->targets[entry->profiles + i];
        names = arena_format(walk->arena, "%.*s%s%.*s", STR_ARG(names), i ? ", " : "",
                             STR_ARG(schema_text(walk->schema, target->url)));
        if (!target->profile)
            continue;
        Findings *out = walk->out;
        Findings own = {.counting = true};
        walk->out = &own;
        matched += run_resource(walk, scope, elem, target->profile, id, false);
        walk->out = out;
    }
    if (matched)
        return true;
    report_with(walk, SEVERITY_ERROR, MSG_INNER_NO_PROFILE_MATCHES, elem, names, STR_NONE, STR_NONE,
                STR_NONE);
    return false;
}

static bool run_typed(Walk *walk, const Scope *scope, ElemId elem, const SchemaType *entry,
                      IdStatus id)
{
    FhirTypeId type = walk_elem(walk, elem)->type;
    if (entry->profile_count > 1)
        return run_one_of(walk, scope, elem, entry, id);
    ProfileId profile = entry->profile_count ? walk->schema->targets[entry->profiles].profile
                                             : schema_of_type(walk->schema, type);
    if (profile)
        return run_resource(walk, scope, elem, profile, id, false);
    Str url = entry->profile_count
                  ? schema_text(walk->schema, walk->schema->targets[entry->profiles].url)
                  : fhir_type_name(walk->model, type);
    report_with(walk, SEVERITY_ERROR, MSG_INNER_PROFILE_UNKNOWN, elem, url, STR_NONE, STR_NONE,
                STR_NONE);
    return false;
}

bool run_inner_resource(Walk *walk, const Scope *scope, ElemId elem, const SchemaNode *node,
                        ProfileId parent_profile)
{
    (void)parent_profile;
    const Elem *e = walk_elem(walk, elem);
    if ((e->flags & ELEM_CONTAINED) && (walk->rules & RULE_CONTAINED_IGNORED))
        return true;
    const SchemaType *entry = type_for(walk, node, e->type);
    if (!entry || !is_allowed_type(walk, entry, e->type)) {
        report_with(walk, SEVERITY_ERROR, entry ? MSG_ENTRY_TYPE_PROFILES : MSG_ENTRY_TYPE, elem,
                    fhir_type_name(walk->model, e->type),
                    schema_text(walk->schema, walk->schema->types[node->types].code), STR_NONE,
                    STR_NONE);
        return false;
    }
    Scope inner = {.resource = elem,
                   .root_resource = e->flags & ELEM_CONTAINED ? scope->resource : elem,
                   .grouping = e->flags & ELEM_CONTAINED ? scope->grouping : scope->resource,
                   .check_specials = true};
    check_specials(walk, scope, elem, FINDING_PATH);
    return run_typed(walk, &inner, elem, entry,
                     e->flags & ELEM_CONTAINED ? ID_REQUIRED : ID_OPTIONAL);
}
