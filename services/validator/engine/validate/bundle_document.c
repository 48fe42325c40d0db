/* Documents and messages: the first entry leads to all others. */
#include "services/validator/engine/validate/bundle.h"

typedef struct Entry {
    ElemId entry;
    ElemId resource;
    uint32_t index;        /* among the entries that have a resource */
    uint32_t first_target; /* into Web.targets */
    uint32_t target_count;
    bool reached;
} Entry;

typedef struct Web {
    Walk *walk;
    ElemId bundle;
    FindingPath form;
    Memo *reported; /* (reference, 0): it was complained about already */
    Entry *entries;
    uint32_t count;
    uint32_t *targets; /* indexes of entries */
    uint32_t target_count, target_room;
    uint32_t *stack; /* of visit() */
    bool ok;
} Web;

/* What a reference is looked up from: the entry around it. */
typedef struct From {
    Str full_url;
    FhirTypeId type;
    Str id;
} From;

static void complain(Web *web, IssueSeverity severity, Message message, ElemId source, ElemId at,
                     Str reference)
{
    static char marker;
    if (memo_get(web->reported, source, 0))
        return;
    if (!memo_put(web->reported, source, 0, &marker)) {
        web->walk->stopped = true;
        return;
    }
    Finding *finding = report_with(web->walk, severity, message, at, reference,
                                   path_of(web->walk, source), STR_NONE, STR_NONE);
    if (finding)
        finding->path = (uint8_t)web->form;
}

static ElemId only_one(Web *web, const ElemId *found, ElemId source, ElemId at, Str reference)
{
    if (found[0] && found[1]) {
        complain(web, SEVERITY_ERROR, MSG_BUNDLE_FOUND_MULTIPLE, source, at, reference);
        return ELEM_NONE;
    }
    return found[0];
}

static bool names_a_resource_type(const Walk *walk, Str reference)
{
    size_t slash = str_find_char(reference, '/');
    FhirTypeId type =
        slash + 1 < reference.len ? fhir_type_find(walk->model, str_cut(reference, 0, slash)) : 0;
    return type && walk->model->types[type].kind == FHIR_KIND_RESOURCE;
}

/* A relative reference in an entry at [base]/Type/id means [base]/reference. */
static const ElemId *find_relative(Web *web, const From *from, Str reference)
{
    static const ElemId none[1] = {ELEM_NONE};
    Walk *walk = web->walk;
    Str own = arena_format(walk->arena, "%.*s/%.*s",
                           STR_ARG(fhir_type_name(walk->model, from->type)), STR_ARG(from->id));
    if (!from->id.ptr || !str_ends(from->full_url, own) || !is_restful_url(walk, from->full_url))
        return none;
    Str url = arena_format(walk->arena, "%.*s%.*s", (int)(from->full_url.len - own.len),
                           from->full_url.ptr, STR_ARG(reference));
    return bundle_by_full_url(walk, web->bundle, url);
}

/* The canonical resource types of R4: references to them may lead anywhere. */
static bool is_canonical_url(const Walk *walk, Str url)
{
    static const char *const types[] = {"ActivityDefinition",
                                        "CapabilityStatement",
                                        "ChargeItemDefinition",
                                        "CodeSystem",
                                        "CompartmentDefinition",
                                        "ConceptMap",
                                        "EffectEvidenceSynthesis",
                                        "EventDefinition",
                                        "Evidence",
                                        "EvidenceVariable",
                                        "ExampleScenario",
                                        "GraphDefinition",
                                        "ImplementationGuide",
                                        "Library",
                                        "Measure",
                                        "MessageDefinition",
                                        "NamingSystem",
                                        "OperationDefinition",
                                        "PlanDefinition",
                                        "Questionnaire",
                                        "ResearchDefinition",
                                        "ResearchElementDefinition",
                                        "RiskEvidenceSynthesis",
                                        "SearchParameter",
                                        "StructureDefinition",
                                        "StructureMap",
                                        "TerminologyCapabilities",
                                        "TestScript",
                                        "ValueSet"};
    if (walk->schema && schema_find(walk->schema, url))
        return true;
    if (!is_restful_url(walk, url))
        return false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t at = str_find(url, str_from(types[i]));
        if (at != SIZE_MAX && at + strlen(types[i]) < url.len &&
            url.ptr[at + strlen(types[i])] == '/')
            return true;
    }
    return false;
}

/* The entry that a reference means, or none. `at` carries the finding when there is none. */
static ElemId resolve(Web *web, const From *from, ElemId source, ElemId at, Str reference,
                      IssueSeverity severity)
{
    Str plain = str_cut(reference, 0, str_find_char(reference, '#'));
    if (is_absolute_url(plain)) {
        const ElemId *found = bundle_by_full_url(web->walk, web->bundle, plain);
        if (!found[0] && !is_canonical_url(web->walk, plain))
            complain(web, severity, MSG_BUNDLE_NOT_FOUND, source, at, plain);
        return only_one(web, found, source, at, plain);
    }
    const ElemId *found = find_relative(web, from, plain);
    if (found[0])
        return only_one(web, found, source, at, plain);
    if (!names_a_resource_type(web->walk, plain))
        return ELEM_NONE;
    if (bundle_by_relative(web->walk, web->bundle, plain)[0])
        complain(web, SEVERITY_ERROR, MSG_BUNDLE_NOT_FOUND_APPARENT, source, at, plain);
    else
        complain(web, severity, MSG_BUNDLE_NOT_FOUND, source, at, plain);
    return ELEM_NONE;
}

/* --- the first entry -------------------------------------------------------------------------- */

static void must_resolve(Web *web, const From *from, ElemId reference_elem)
{
    Str reference = walk_text(web->walk, reference_elem, "reference");
    if (!reference.len || reference.ptr[0] == '#')
        return;
    uint32_t errors = web->walk->out->errors;
    if (!resolve(web, from, reference_elem, reference_elem, reference, SEVERITY_ERROR) ||
        web->walk->out->errors > errors)
        web->ok = false;
}

static void children_must_resolve(Web *web, const From *from, ElemId parent, const char *name)
{
    uint16_t id = json_name_find(&web->walk->model->names, str_from(name));
    ELEM_EACH(&web->walk->elems, child, parent)
    {
        if (walk_elem(web->walk, child)->element == id)
            must_resolve(web, from, child);
    }
}

static void grandchildren_must_resolve(Web *web, const From *from, ElemId parent, const char *name,
                                       const char *inner)
{
    uint16_t id = json_name_find(&web->walk->model->names, str_from(name));
    ELEM_EACH(&web->walk->elems, child, parent)
    {
        if (walk_elem(web->walk, child)->element == id)
            children_must_resolve(web, from, child, inner);
    }
}

/* Sections nest as deep as the JSON may. */
static void sections_must_resolve(Web *web, const From *from, ElemId parent)
{
    uint16_t id = json_name_find(&web->walk->model->names, STR("section"));
    ELEM_EACH(&web->walk->elems, section, parent)
    {
        if (walk_elem(web->walk, section)->element != id)
            continue;
        children_must_resolve(web, from, section, "author");
        children_must_resolve(web, from, section, "focus");
        children_must_resolve(web, from, section, "entry");
        sections_must_resolve(web, from, section);
    }
}

static void check_composition(Web *web, const From *from, ElemId composition)
{
    children_must_resolve(web, from, composition, "subject");
    children_must_resolve(web, from, composition, "author");
    children_must_resolve(web, from, composition, "encounter");
    children_must_resolve(web, from, composition, "custodian");
    grandchildren_must_resolve(web, from, composition, "attester", "party");
    grandchildren_must_resolve(web, from, composition, "event", "detail");
    sections_must_resolve(web, from, composition);
}

/* --- all others ------------------------------------------------------------------------------- */

static uint32_t index_of_entry(const Web *web, ElemId entry)
{
    uint32_t low = 0;
    uint32_t high = web->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (web->entries[middle].entry == entry)
            return middle;
        if (web->entries[middle].entry < entry)
            low = middle + 1;
        else
            high = middle;
    }
    return UINT32_MAX;
}

static bool add_target(Web *web, uint32_t target)
{
    if (web->target_count == web->target_room) {
        uint32_t room = web->target_room ? web->target_room * 2 : 128;
        web->targets =
            arena_grow(web->walk->arena, web->targets, web->target_count * sizeof *web->targets,
                       room * sizeof *web->targets);
        if (!web->targets)
            return false;
        web->target_room = room;
    }
    web->targets[web->target_count++] = target;
    return true;
}

/* uri and url elements that never are links between entries */
static bool is_link(const Walk *walk, ElemId id)
{
    static const char *const never[] = {"system", "fullUrl", "profile", "endpoint", "address"};
    const Elem *elem = walk_elem(walk, id);
    if (elem->type != walk->model->uri_type && elem->type != walk->model->url_type)
        return false;
    if (elem->element == walk->model->n_url && elem->parent &&
        walk_elem(walk, elem->parent)->type == walk->model->extension_type)
        return false;
    Str name = json_name_text(&walk->model->names, elem->element);
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (str_is(name, never[i]))
            return false;
    return true;
}

static void find_targets(Web *web, Entry *entry)
{
    Walk *walk = web->walk;
    From from = {walk_text(walk, entry->entry, "fullUrl"), walk_elem(walk, entry->resource)->type,
                 walk_text(walk, entry->resource, "id")};
    entry->first_target = web->target_count;
    ElemId behind = walk_elem(walk, entry->entry)->behind;
    for (ElemId id = entry->entry + 1; id < behind && !walk->stopped; id++) {
        const Elem *elem = walk_elem(walk, id);
        if (elem->type == walk->model->bundle_type) {
            id = elem->behind - 1;
            continue;
        }
        Str reference = elem->type == walk->model->reference_type ? walk_text(walk, id, "reference")
                        : is_link(walk, id)                       ? elem_text(elem)
                                                                  : STR_NONE;
        if (!reference.ptr || (reference.len && reference.ptr[0] == '#'))
            continue;
        ElemId target = resolve(web, &from, id, web->bundle, reference, SEVERITY_INFORMATION);
        uint32_t index = target ? index_of_entry(web, target) : UINT32_MAX;
        if (index != UINT32_MAX && index != entry->index && !add_target(web, index))
            walk->stopped = true;
    }
    entry->target_count = web->target_count - entry->first_target;
}

static void visit(Web *web, uint32_t start)
{
    uint32_t depth = 0;
    web->entries[start].reached = true;
    web->stack[depth++] = start;
    while (depth > 0) {
        const Entry *entry = &web->entries[web->stack[--depth]];
        for (uint32_t i = 0; i < entry->target_count; i++) {
            uint32_t target = web->targets[entry->first_target + i];
            if (web->entries[target].reached)
                continue;
            web->entries[target].reached = true;
            web->stack[depth++] = target;
        }
    }
}

static void report_entry(Web *web, IssueSeverity severity, Message message, const Entry *entry,
                         uint32_t number)
{
    Walk *walk = web->walk;
    Finding *finding =
        report_with(walk, severity, message, web->bundle, walk_text(walk, entry->entry, "fullUrl"),
                    STR_NONE, STR_NONE, STR_NONE);
    if (!finding)
        return;
    finding->path = (uint8_t)web->form;
    finding->suffix = arena_format(walk->arena, ".entry[%u]", number);
    finding->at = elem_offset(walk_elem(walk, entry->entry));
}

static bool refers_to_reached(const Web *web, const Entry *entry)
{
    for (uint32_t i = 0; i < entry->target_count; i++)
        if (web->entries[web->targets[entry->first_target + i]].reached)
            return true;
    return false;
}

/* Entries that are reached only against the arrow: allowed for a Provenance, doubtful for others.
 */
static void visit_backwards(Web *web, bool is_message)
{
    for (bool again = true; again && !web->walk->stopped;) {
        again = false;
        for (uint32_t i = 0; i < web->count; i++) {
            Entry *entry = &web->entries[i];
            if (entry->reached || !refers_to_reached(web, entry))
                continue;
            Str type =
                fhir_type_name(web->walk->model, walk_elem(web->walk, entry->resource)->type);
            if (!str_is(type, "Provenance"))
                report_entry(web, is_message ? SEVERITY_INFORMATION : SEVERITY_WARNING,
                             is_message ? MSG_BUNDLE_REVERSE_MESSAGE : MSG_BUNDLE_REVERSE, entry,
                             web->count + 1);
            visit(web, i);
            again = true;
        }
    }
}

static bool collect_entries(Web *web)
{
    Walk *walk = web->walk;
    uint32_t most = walk_elem(walk, web->bundle)->child_count;
    web->entries = ARENA_ARRAY(walk->arena, Entry, most);
    web->stack = ARENA_ARRAY(walk->arena, uint32_t, most + 1);
    if (!web->entries || !web->stack)
        return false;
    ELEM_EACH(&walk->elems, child, web->bundle)
    {
        ElemId resource = walk_elem(walk, child)->element == walk->model->n_entry
                              ? walk_child(walk, child, "resource")
                              : ELEM_NONE;
        if (!resource)
            continue;
        web->entries[web->count] =
            (Entry){.entry = child, .resource = resource, .index = web->count};
        web->count++;
    }
    return true;
}

static void check_interlinked(Web *web, bool is_message)
{
    if (!collect_entries(web)) {
        web->walk->stopped = true;
        return;
    }
    for (uint32_t i = 0; i < web->count; i++)
        find_targets(web, &web->entries[i]);
    if (web->count)
        visit(web, 0);
    visit_backwards(web, is_message);
    for (uint32_t i = 0; i < web->count; i++) {
        if (web->entries[i].reached)
            continue;
        report_entry(web, is_message ? SEVERITY_WARNING : SEVERITY_ERROR,
                     is_message ? MSG_BUNDLE_ORPHAN_MESSAGE : MSG_BUNDLE_ORPHAN_DOCUMENT,
                     &web->entries[i], i + 1);
        web->ok = web->ok && is_message;
    }
}

/* --- the two kinds ---------------------------------------------------------------------------- */

static bool check_kind(Walk *walk, ElemId bundle, ElemId first, FindingPath form, bool is_message)
{
    Web web = {.walk = walk, .bundle = bundle, .form = form, .ok = true};
    web.reported = memo_new(walk->arena);
    ElemId resource = walk_child(walk, first, "resource");
    if (!web.reported)
        return false;
    if (!resource) {
        Finding *finding = report(walk, SEVERITY_ERROR, MSG_BUNDLE_NO_FIRST_RESOURCE, bundle);
        if (finding) {
            finding->path = (uint8_t)form;
            finding->suffix = STR(".entry[0]");
            finding->at = elem_offset(walk_elem(walk, first));
        }
        web.ok = false;
        if (is_message)
            return false;
    } else {
        FhirTypeId type = walk_elem(walk, resource)->type;
        From from = {walk_text(walk, first, "fullUrl"), type, walk_text(walk, resource, "id")};
        const char *wanted = is_message ? "MessageHeader" : "Composition";
        if (!str_is(fhir_type_name(walk->model, type), wanted)) {
            Finding *finding =
                report(walk, SEVERITY_ERROR, is_message ? MSG_BUNDLE_MESSAGE : MSG_BUNDLE_DOCUMENT,
                       bundle);
            if (finding) { /* the Java core counts from 1 here */
                finding->path = (uint8_t)form;
                finding->suffix = STR(".entry[1].resource");
                finding->at = elem_offset(walk_elem(walk, resource));
            }
            web.ok = false;
        } else if (is_message) {
            children_must_resolve(&web, &from, resource, "focus");
        } else {
            check_composition(&web, &from, resource);
        }
    }
    check_interlinked(&web, is_message);
    return web.ok;
}

bool check_document(Walk *walk, ElemId bundle, ElemId first_entry, FindingPath form)
{
    return check_kind(walk, bundle, first_entry, form, false);
}

bool check_message(Walk *walk, ElemId bundle, ElemId first_entry, FindingPath form)
{
    return check_kind(walk, bundle, first_entry, form, true);
}
