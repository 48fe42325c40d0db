/* References: where they lead, and whether what is there is what the profile allows. */
#include "services/validator/engine/validate/ids.h"
#include "services/validator/engine/validate/specials.h"
#include "services/validator/engine/validate/text.h"
#include "services/validator/engine/validate/walk.h"

/* What a reference was found to mean. */
typedef struct Target {
    ElemId elem;      /* the resource, or none */
    ElemId container; /* of a contained one: the resource around it */
} Target;

static bool is_resource_name(const Walk *walk, Str name)
{
    FhirTypeId type = fhir_type_find(walk->model, name);
    return type && walk->model->types[type].kind == FHIR_KIND_RESOURCE;
}

/* --- contained -------------------------------------------------------------------------------- */

bool contained_prepare(Walk *walk, ElemId resource)
{
    if (memo_get(walk->indexes, resource, INDEX_CONTAINED))
        return true;
    IdTable *table = ARENA_NEW(walk->arena, IdTable);
    if (!table || !memo_put(walk->indexes, resource, INDEX_CONTAINED, table))
        return false;
    ELEM_EACH(&walk->elems, child, resource)
    {
        ElemId own = walk_elem(walk, child)->flags & ELEM_CONTAINED
                         ? elem_child(&walk->elems, child, walk->model->n_id)
                         : ELEM_NONE;
        if (own)
            ids_add(walk, table, elem_text(walk_elem(walk, own)), child);
    }
    ids_sort(table);
    return !walk->stopped;
}

static ElemId contained_by_id(const Walk *walk, ElemId resource, Str id)
{
    uint32_t count;
    const IdTable *table = memo_get(walk->indexes, resource, INDEX_CONTAINED);
    const IdEntry *found = table ? ids_find(table, id, &count) : NULL;
    return found ? found->what : ELEM_NONE;
}

bool has_contained(const Walk *walk, ElemId resource, Str id)
{
    return contained_by_id(walk, resource, id) != ELEM_NONE;
}

static Target resolve_contained(const Walk *walk, Str reference, ElemId from)
{
    bool was_contained = false;
    for (ElemId at = from; at; at = walk_elem(walk, at)->parent) {
        const Elem *e = walk_elem(walk, at);
        if (e->flags & ELEM_RESOURCE) {
            if (reference.len == 1 && !(e->flags & ELEM_CONTAINED) && was_contained)
                return (Target){at, at};
            was_contained = was_contained || (e->flags & ELEM_CONTAINED);
            ElemId found = contained_by_id(walk, at, str_skip(reference, 1));
            if (found)
                return (Target){found, at};
        }
        if (e->flags & (ELEM_ENTRY | ELEM_PARAMETER))
            break;
    }
    return (Target){0};
}

/* --- in the bundle ---------------------------------------------------------------------------- */

/* Everything before [type]/[id] of a fullUrl: http://x/Patient/1 -> http://x/, urn:uuid:1 ->
 * urn:uuid: */
static Str base_of(Str full_url)
{
    bool urn = str_starts(full_url, STR("urn"));
    size_t cut = str_rfind_char(full_url, urn ? ':' : '/');
    if (cut == SIZE_MAX)
        return STR("");
    if (urn)
        return str_cut(full_url, 0, cut + 1);
    size_t before = str_rfind_char(str_cut(full_url, 0, cut), '/');
    return before == SIZE_MAX ? STR("") : str_cut(full_url, 0, before + 1);
}

static size_t count_parts(Str reference)
{
    size_t parts = 1;
    size_t end = reference.len;
    while (end > 0 && reference.ptr[end - 1] == '/')
        end--; /* Java's split drops empty parts at the end */
    for (size_t i = 0; i < end; i++)
        parts += reference.ptr[i] == '/';
    return parts;
}

static bool is_search(const Walk *walk, Str reference)
{
    size_t mark = str_find_char(reference, '?');
    return mark < reference.len && is_resource_name(walk, str_cut(reference, 0, mark));
}

/* The fullUrl that the reference means; false: it has no such form (reported). */
static bool target_url(Walk *walk, Str reference, Str full_url, Str bundle_type, ElemId elem,
                       Str *ret_url, Str *ret_version, Str *ret_type)
{
    size_t history = str_find(reference, STR("/_history/"));
    Str plain = history == SIZE_MAX ? reference : str_cut(reference, 0, history);
    *ret_version = history == SIZE_MAX ? STR_NONE : str_skip(reference, history + 10);
    *ret_type = STR_NONE;
    if (is_absolute_url(reference) || str_starts(reference, STR("http:"))) {
        *ret_url = plain;
        return true;
    }
    Finding *finding = NULL;
    if (!full_url.ptr) {
        bool response =
            str_is(bundle_type, "batch-response") || str_is(bundle_type, "transaction-response");
        if (!response)
            finding = report(walk, SEVERITY_ERROR, MSG_BUNDLE_FULL_URL_MISSING, elem);
    } else if (count_parts(reference) != 2 && count_parts(reference) != 4) {
        bool transaction = str_is(bundle_type, "transaction");
        if (!transaction || !is_search(walk, reference))
            finding = report_with(walk, SEVERITY_ERROR,
                                  transaction ? MSG_REFERENCE_FORMAT1 : MSG_REFERENCE_FORMAT2, elem,
                                  reference, STR_NONE, STR_NONE, STR_NONE);
    } else {
        Str base = base_of(full_url);
        size_t slash = str_find_char(plain, '/');
        if (history != SIZE_MAX || str_starts(base, STR("urn")))
            *ret_type = str_cut(plain, 0, slash);
        Str tail = str_starts(base, STR("urn")) ? str_skip(plain, slash + 1) : plain;
        *ret_url = text_join(walk->arena, base, tail, STR(""));
        return true;
    }
    if (finding)
        finding->at = FINDING_NO_LINE;
    return false;
}

static Str version_of(const Walk *walk, ElemId resource)
{
    ElemId meta = elem_child(&walk->elems, resource, walk->model->n_meta);
    return meta ? walk_text(walk, meta, "versionId") : STR_NONE;
}

static uint32_t entry_index(const Walk *walk, ElemId entry)
{
    return walk_elem(walk, entry)->index;
}

/* Not found by fullUrl: is there one by type and id? Then its fullUrl, or this one's, is wrong. */
static void report_possible(Walk *walk, ElemId bundle, Str reference, Str url, ElemId elem)
{
    if (str_starts(reference, STR("urn"))) {
        Finding *finding = report_with(walk, SEVERITY_WARNING, MSG_REFERENCE_NOT_FOUND_BUNDLE, elem,
                                       reference, STR_NONE, STR_NONE, STR_NONE);
        if (finding)
            finding->at = FINDING_NO_LINE;
    }
    size_t slash = str_find_char(reference, '/');
    if (is_absolute_url(reference) || slash == reference.len)
        return;
    Str type = str_cut(reference, 0, slash);
    Str rest = str_skip(reference, slash + 1);
    Str id = str_cut(rest, 0, str_find_char(rest, '/'));
    if (!is_resource_name(walk, type))
        return;
    const ElemId *entries = bundle_by_type_id(walk, bundle, type, id);
    Finding *finding = NULL;
    if (entries[0] && entries[1])
        finding = report_with(walk, SEVERITY_WARNING, MSG_BUNDLE_POSSIBLE_MATCHES, elem, reference,
                              url, STR_NONE, STR_NONE);
    for (; *entries; entries++) {
        if (finding)
            finding->at = FINDING_NO_LINE;
        ElemId own = elem_child(&walk->elems, *entries, walk->model->n_full_url);
        Str index = arena_format(walk->arena, "%u", entry_index(walk, *entries));
        finding = own ? report_with(walk, SEVERITY_WARNING, MSG_BUNDLE_WRONG_FULL_URL, elem, index,
                                    reference, elem_text(walk_elem(walk, own)), url)
                      : report_with(walk, SEVERITY_WARNING, MSG_BUNDLE_MATCH_NO_FULL_URL, elem,
                                    index, reference, url, STR_NONE);
    }
    if (finding)
        finding->at = FINDING_NO_LINE;
}

static Target resolve_in_bundle(Walk *walk, ElemId bundle, Str reference, Str full_url, ElemId elem)
{
    Str bundle_type = walk_text(walk, bundle, "type");
    Str url;
    Str version;
    Str type;
    if (!target_url(walk, reference, full_url, bundle_type, elem, &url, &version, &type))
        return (Target){0};
    ElemId match = ELEM_NONE;
    bool many = false;
    for (const ElemId *entry = bundle_by_full_url(walk, bundle, url); *entry; entry++) {
        if (!walk_step(walk))
            return (Target){0};
        ElemId resource = elem_child(&walk->elems, *entry, walk->model->n_resource);
        if (version.ptr && !(resource && str_eq(version_of(walk, resource), version)))
            continue;
        if (match && !many) { /* the same words for each of them */
            many = true;
            Finding *finding = report_with(walk, SEVERITY_ERROR, MSG_BUNDLE_MULTIPLE_MATCHES, elem,
                                           reference, STR_NONE, STR_NONE, STR_NONE);
            if (finding)
                finding->at = FINDING_NO_LINE;
        }
        match = resource ? resource : match;
    }
    if (!match) {
        report_possible(walk, bundle, reference, url, elem);
        return (Target){0};
    }
    Str found = fhir_type_name(walk->model, walk_elem(walk, match)->type);
    if (type.ptr && !str_eq(type, found)) {
        Finding *finding = report_with(walk, SEVERITY_ERROR, MSG_REFERENCE_RESOURCE_TYPE, elem,
                                       reference, found, STR_NONE, STR_NONE);
        if (finding)
            finding->at = FINDING_NO_LINE;
    }
    return (Target){match, match};
}

static void report_no_full_url(Walk *walk, ElemId entry)
{
    Finding *finding = report(walk, SEVERITY_ERROR, MSG_BUNDLE_NO_FULL_URL, entry);
    if (finding)
        finding->path = FINDING_PATH_PLAIN;
}

/* --- in Parameters ----------------------------------------------------------------------------
 */

static Str local_name(Walk *walk, ElemId resource)
{
    return text_join(walk->arena, fhir_type_name(walk->model, walk_elem(walk, resource)->type),
                     STR("/"), walk_text(walk, resource, "id"));
}

/* The resource around, or the root. */
static ElemId parameters_of(const Walk *walk, ElemId parameter)
{
    ElemId at = walk_elem(walk, parameter)->parent;
    while (at && !(walk_elem(walk, at)->flags & ELEM_RESOURCE) && walk_elem(walk, at)->parent)
        at = walk_elem(walk, at)->parent;
    return at;
}

bool parameters_prepare(Walk *walk, ElemId parameter)
{
    ElemId parameters = parameters_of(walk, parameter);
    if (memo_get(walk->indexes, parameters, INDEX_PARAMETERS))
        return true;
    IdTable *table = ARENA_NEW(walk->arena, IdTable);
    if (!table || !memo_put(walk->indexes, parameters, INDEX_PARAMETERS, table))
        return false;
    for (ElemId id = parameters + 1; id < walk_elem(walk, parameters)->behind; id++)
        if (walk_elem(walk, id)->flags & ELEM_PARAMETER)
            ids_add(walk, table, local_name(walk, id), id);
    ids_sort(table);
    return !walk->stopped;
}

/* A resource of a parameter is known to the others as Type/id. */
static Target resolve_in_parameters(const Walk *walk, Str reference, ElemId parameter)
{
    uint32_t count;
    const IdTable *table =
        memo_get(walk->indexes, parameters_of(walk, parameter), INDEX_PARAMETERS);
    const IdEntry *found = table ? ids_find(table, reference, &count) : NULL;
    return found ? (Target){found->what, found->what} : (Target){0};
}

static Target resolve(Walk *walk, Str reference, ElemId elem)
{
    if (reference.len && reference.ptr[0] == '#')
        return resolve_contained(walk, reference, elem);
    Str full_url = STR_NONE;
    for (ElemId at = elem; at; at = walk_elem(walk, at)->parent) {
        const Elem *e = walk_elem(walk, at);
        if ((e->flags & ELEM_ENTRY) && !full_url.ptr) {
            full_url = walk_text(walk, e->parent, "fullUrl");
            if (!full_url.ptr)
                report_no_full_url(walk, e->parent);
        }
        if (e->flags & ELEM_PARAMETER) {
            Target found = resolve_in_parameters(walk, reference, at);
            if (found.elem)
                return found;
        }
        if (e->type == walk->model->bundle_type)
            return resolve_in_bundle(walk, at, reference, full_url, elem);
    }
    return (Target){0};
}

ElemId resolve_quietly(Walk *walk, Str reference, ElemId from)
{
    Findings *out = walk->out;
    Findings ignored = {.counting = true};
    walk->out = &ignored;
    Target target = resolve(walk, reference, from);
    walk->out = out;
    return target.elem;
}

/* --- against the profiles ----------------------------------------------------------------------
 */

static const SchemaType *reference_type_of(const Walk *walk, const SchemaNode *node)
{
    for (uint32_t i = 0; i < node->type_count; i++) {
        const SchemaType *type = &walk->schema->types[node->types + i];
        if (type->type == walk->model->reference_type)
            return type;
    }
    return NULL;
}

static Str target_list(Walk *walk, const SchemaType *type)
{
    Str list = STR("");
    for (uint32_t i = 0; i < type->target_count; i++)
        list = arena_format(
            walk->arena, "%.*s%s%.*s", STR_ARG(list), i ? ", " : "",
            STR_ARG(schema_text(walk->schema, walk->schema->targets[type->targets + i].url)));
    return list;
}

static bool allows_any(const Walk *walk, const SchemaType *type)
{
    if (type->target_count == 0)
        return true;
    for (uint32_t i = 0; i < type->target_count; i++)
        if (str_is(schema_text(walk->schema, walk->schema->targets[type->targets + i].url),
                   "http://hl7.org/fhir/StructureDefinition/Resource"))
            return true;
    return false;
}

/* So many references are followed one from the other; each that leads on is walked inside the last.
 * Every resource of a bundle is validated for itself too, whatever leads to it. */
enum { FOLLOWS_MAX = 64 };

/* How the resource fared against the profiles of its type. */
typedef struct Matches {
    uint32_t fitting_type, good;
    bool all_core; /* the profiles of its type are all base definitions */
    ProfileId bad[16];
    uint32_t bad_count;
    bool unknown; /* a target profile is not in the packages */
} Matches;

static void try_target(Walk *walk, const Scope *scope, const Target *target, ProfileId profile,
                       Matches *matches)
{
    Scope inner = {.resource = target->container,
                   .root_resource = target->container,
                   .grouping = scope->grouping};
    Findings *out = walk->out;
    Findings own = {.counting = true};
    if (walk->follows < FOLLOWS_MAX) {
        walk->follows++;
        walk->out = &own;
        run_resource(walk, &inner, target->elem, profile, ID_OPTIONAL, true);
        walk->out = out;
        walk->follows--;
    } else { /* counts as good, as in a circle of references */
        walk->met_running = true;
    }
    if (own.errors == 0)
        matches->good++;
    else if (matches->bad_count < sizeof matches->bad / sizeof *matches->bad)
        matches->bad[matches->bad_count++] = profile;
}

static Matches match_targets(Walk *walk, const Scope *scope, const SchemaType *type,
                             const Target *target, ElemId elem)
{
    Matches matches = {.all_core = true};
    FhirTypeId found = walk_elem(walk, target->elem)->type;
    for (uint32_t i = 0; i < type->target_count; i++) {
        const SchemaTarget *t = &walk->schema->targets[type->targets + i];
        const SchemaProfile *p = schema_profile(walk->schema, t->profile);
        if (!t->profile) {
            report_with(walk, SEVERITY_ERROR, MSG_REFERENCE_PROFILE_UNKNOWN, elem,
                        schema_text(walk->schema, t->url), STR_NONE, STR_NONE, STR_NONE);
            matches.unknown = true;
            continue;
        }
        if (p->type != found)
            continue;
        matches.fitting_type++;
        matches.all_core = matches.all_core && (p->flags & PROFILE_CORE);
        try_target(walk, scope, target, t->profile, &matches);
    }
    return matches;
}

static void report_details(Walk *walk, Str reference, const Matches *matches, ElemId elem)
{
    for (uint32_t i = 0; i < matches->bad_count; i++)
        report_with(walk, SEVERITY_INFORMATION, MSG_REFERENCE_DETAILS, elem, reference,
                    walk_versioned(walk, matches->bad[i]), STR_NONE, STR_NONE);
}

static bool check_targets(Walk *walk, const Scope *scope, const SchemaType *type, Str reference,
                          const Target *target, ElemId elem)
{
    Matches matches = match_targets(walk, scope, type, target, elem);
    bool ok = !matches.unknown;
    if (matches.good == 0) {
        if (!matches.all_core) {
            report_with(walk, SEVERITY_ERROR, MSG_REFERENCE_CANT_MATCH_CHOICE, elem, reference,
                        target_list(walk, type), STR_NONE, STR_NONE);
            ok = false;
        }
        report_details(walk, reference, &matches, elem);
    } else if (matches.good > 1) {
        report_with(walk, SEVERITY_WARNING, MSG_REFERENCE_MULTIPLE_MATCHES, elem, reference,
                    target_list(walk, type), STR_NONE, STR_NONE);
        report_details(walk, reference, &matches, elem);
    }
    if (matches.fitting_type == 0) {
        report_with(walk, SEVERITY_ERROR, MSG_REFERENCE_BAD_TARGET_TYPE, elem,
                    fhir_type_name(walk->model, walk_elem(walk, target->elem)->type),
                    target_list(walk, type), STR_NONE, STR_NONE);
        ok = false;
    }
    return ok;
}

static bool check_aggregation(Walk *walk, const SchemaType *type, Str reference,
                              const Target *target, ElemId elem)
{
    bool contained = reference.ptr[0] == '#';
    if (!type->aggregation)
        return true;
    if (!target->elem) {
        if (type->aggregation & AGGREGATION_REFERENCED)
            return true;
        Finding *finding = report_with(walk, SEVERITY_ERROR, MSG_REFERENCE_MUST_RESOLVE, elem,
                                       reference, STR_NONE, STR_NONE, STR_NONE);
        if (finding)
            finding->at = FINDING_NO_LINE;
        return false;
    }
    uint16_t allowing =
        contained ? AGGREGATION_CONTAINED : AGGREGATION_BUNDLED | AGGREGATION_REFERENCED;
    if (type->aggregation & allowing)
        return true;
    report_with(walk, SEVERITY_ERROR, MSG_REFERENCE_AGGREGATION, elem,
                contained ? STR("contained") : STR("bundled"), STR("another kind"), STR_NONE,
                STR_NONE);
    return false;
}

/* Reference.type must be what the profile allows and what is there. */
static bool check_stated_type(Walk *walk, const SchemaType *type, Str stated, Str actual,
                              ElemId elem)
{
    bool ok = true;
    /* spec: references.html#Reference.type: a url, relative to that of FHIR's definitions */
    Str core = STR("http://hl7.org/fhir/StructureDefinition/");
    Str name = str_starts(stated, core) ? str_skip(stated, core.len) : stated;
    if (!allows_any(walk, type)) {
        bool allowed = false;
        for (uint32_t i = 0; i < type->target_count && !allowed; i++) {
            ProfileId profile = walk->schema->targets[type->targets + i].profile;
            allowed =
                profile &&
                str_eq(schema_text(walk->schema, walk->schema->profiles[profile].type_text), name);
        }
        if (!allowed) {
            report_with(walk, SEVERITY_ERROR, MSG_REFERENCE_WRONG_TARGET, elem, stated,
                        target_list(walk, type), STR_NONE, STR_NONE);
            ok = false;
        }
    }
    if (actual.ptr && !str_eq(actual, stated)) {
        report_with(walk, SEVERITY_ERROR, MSG_REFERENCE_BAD_TARGET_TYPE, elem, stated, actual,
                    STR_NONE, STR_NONE);
        ok = false;
    }
    return ok;
}

/* The type that a relative reference names: Patient/1. */
static Str type_in(const Walk *walk, Str reference)
{
    Str rest = reference;
    size_t history = str_find(rest, STR("/_history/"));
    if (history != SIZE_MAX)
        rest = str_cut(rest, 0, history);
    size_t last = str_rfind_char(rest, '/');
    if (last == SIZE_MAX)
        return STR_NONE;
    rest = str_cut(rest, 0, last);
    size_t before = str_rfind_char(rest, '/');
    Str name = before == SIZE_MAX ? rest : str_skip(rest, before + 1);
    return is_resource_name(walk, name) ? name : STR_NONE;
}

/* A type that a reference of REST form names must be among those allowed. */
static bool check_rest_type(Walk *walk, const SchemaType *type, Str reference, Str named,
                            ElemId elem)
{
    bool known = false;
    for (uint32_t i = 0; i < type->target_count; i++) {
        ProfileId profile = walk->schema->targets[type->targets + i].profile;
        FhirTypeId target = profile ? walk->schema->profiles[profile].type : 0;
        known = known || target;
        if (target && fhir_type_is_a(walk->model, fhir_type_find(walk->model, named), target))
            return true;
    }
    if (!known)
        return true;
    report_with(walk, SEVERITY_ERROR, MSG_REFERENCE_REST_TYPE, elem, named, reference,
                target_list(walk, type), STR_NONE);
    return false;
}

/* References of which nothing is in the document: example ones lead nowhere by their nature. */
static bool check_unresolved(Walk *walk, const SchemaType *type, Str reference, Str named,
                             ElemId elem)
{
    bool ok = true;
    bool example = str_find(reference, STR("example.org")) != SIZE_MAX ||
                   str_find(reference, STR("acme.com")) != SIZE_MAX;
    bool must_resolve = (walk->rules & RULE_REFERENCES_RESOLVE) && !is_search(walk, reference) &&
                        (!example || (walk->rules & RULE_EXAMPLE_URL_FAILS));
    if (reference.ptr[0] == '#' || must_resolve) {
        report_with(walk, SEVERITY_ERROR, MSG_REFERENCE_CANT_RESOLVE, elem, reference, STR_NONE,
                    STR_NONE, STR_NONE);
        ok = false;
    }
    if (named.ptr && (walk->rules & RULE_REST_REFERENCES))
        ok = check_rest_type(walk, type, reference, named, elem) && ok;
    return ok;
}

static bool has_white_space(Str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == ' ' || (text.ptr[i] >= '\t' && text.ptr[i] <= '\r'))
            return true;
    return false;
}

static bool check_empty(Walk *walk, ElemId elem)
{
    ElemId identifier = walk_child(walk, elem, "identifier");
    if (identifier &&
        (walk_text(walk, identifier, "system").len || walk_text(walk, identifier, "value").len))
        return true;
    if (walk_text(walk, elem, "display").len == 0)
        report(walk, SEVERITY_WARNING, MSG_REFERENCE_NO_DISPLAY, elem);
    return true;
}

bool check_reference(Walk *walk, const Scope *scope, const SchemaNode *node, ProfileId profile,
                     ElemId elem)
{
    (void)profile;
    ElemId at = elem_child(&walk->elems, elem, walk->model->n_reference);
    Str reference = at ? elem_text(walk_elem(walk, at)) : STR_NONE;
    if (reference.len == 0)
        return check_empty(walk, elem);
    const SchemaType *type = reference_type_of(walk, node);
    if (!type || str_is(reference, "http://tools.ietf.org/html/bcp47"))
        return true;
    Target target = resolve(walk, reference, elem);
    bool ok = true;
    if ((walk->rules & RULE_REST_REFERENCES) && has_white_space(reference))
        ok =
            special(walk, SEVERITY_ERROR, MSG_REFERENCE_WHITE_SPACE, elem, FINDING_PATH, reference);
    Str actual = target.elem ? fhir_type_name(walk->model, walk_elem(walk, target.elem)->type)
                             : type_in(walk, reference);
    Str stated = walk_text(walk, elem, "type");
    if (!target.elem)
        ok = check_unresolved(walk, type, reference, actual, elem) && ok;
    if (stated.len)
        ok = check_stated_type(walk, type, stated, actual, elem) && ok;
    if (target.elem && !allows_any(walk, type))
        ok = check_targets(walk, scope, type, reference, &target, elem) && ok;
    return check_aggregation(walk, type, reference, &target, elem) && ok;
}
