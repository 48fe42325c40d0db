/* CodeSystems: counts, codes, properties; what HL7 demands of those it publishes.
 *
 * spec: hl7.org/fhir/R4/codesystem.html, codesystem-concept-properties.html */
#include "services/validator/engine/validate/ids.h"
#include "services/validator/engine/validate/specials.h"

#define PROPERTIES "http://hl7.org/fhir/concept-properties#"

typedef struct KnownProperty {
    const char *code, *type;
    bool names_code; /* its value is a code of the same system */
} KnownProperty;

static const KnownProperty known_properties[] = {
    {"status",          "code",     false},
    {"inactive",        "boolean",  false},
    {"effectiveDate",   "dateTime", false},
    {"deprecationDate", "dateTime", false},
    {"retirementDate",  "dateTime", false},
    {"notSelectable",   "boolean",  false},
    {"parent",          "code",     true },
    {"child",           "code",     true },
    {"partOf",          "code",     true },
    {"synonym",         "code",     true },
    {"comment",         "string",   false},
    {"itemWeight",      "decimal",  false},
};

/* Identified by uri in R6, used before. */
static const char *const later_properties[] = {"alternateCode", "order", "definition"};

typedef struct Property {
    ElemId elem;
    Str uri, code, type;
    bool names_code;
} Property;

typedef struct CodeSystem {
    Walk *walk;
    ElemId elem;
    FindingPath form;
    Str url, content, supplements;
    Property *properties;
    IdTable codes, uris; /* places in properties; of those defined */
    ElemId *slots;       /* concepts by code */
    uint32_t slot_count, concepts;
    bool ok;
} CodeSystem;

static void note(CodeSystem *cs, IssueSeverity severity, Message message, ElemId elem, Str arg0,
                 Str arg1, Str arg2)
{
    Finding *finding = report_with(cs->walk, severity, message, elem, arg0, arg1, arg2, STR_NONE);
    if (finding)
        finding->path = (uint8_t)cs->form;
    if (finding && message == MSG_CODE_SYSTEM_SHOULD)
        finding->at = FINDING_NO_LINE; /* as the Java core */
    cs->ok = cs->ok && severity < SEVERITY_ERROR;
}

static void fail(CodeSystem *cs, Message message, ElemId elem, Str arg0, Str arg1, Str arg2)
{
    note(cs, SEVERITY_ERROR, message, elem, arg0, arg1, arg2);
}

static bool is_child(const CodeSystem *cs, ElemId elem, const char *name)
{
    return walk_elem(cs->walk, elem)->property == walk_name(cs->walk, name);
}

static bool contains(Str text, const char *part)
{
    return text.ptr && str_find(text, str_from(part)) != SIZE_MAX;
}

/* --- codes ------------------------------------------------------------------------------------ */

/* The place of the concept with that code, or of none. */
static ElemId *slot_of(const CodeSystem *cs, Str code)
{
    uint32_t at = (uint32_t)str_hash(code) & (cs->slot_count - 1);
    while (cs->slots[at] && !str_eq(walk_text(cs->walk, cs->slots[at], "code"), code))
        at = (at + 1) & (cs->slot_count - 1);
    return &cs->slots[at];
}

static bool has_code(const CodeSystem *cs, Str code)
{
    return code.ptr && *slot_of(cs, code);
}

/* Every element named concept is one, whatever it stands below. */
static bool read_codes(CodeSystem *cs)
{
    uint16_t name = walk_name(cs->walk, "concept");
    ElemId behind = walk_elem(cs->walk, cs->elem)->behind;
    for (ElemId id = cs->elem + 1; id < behind; id++)
        cs->concepts += walk_elem(cs->walk, id)->property == name;
    for (cs->slot_count = 16; cs->slot_count < cs->concepts * 2;)
        cs->slot_count *= 2;
    cs->slots = ARENA_ARRAY(cs->walk->arena, ElemId, cs->slot_count);
    for (ElemId id = cs->elem + 1; cs->slots && id < behind; id++) {
        Str code =
            walk_elem(cs->walk, id)->property == name ? walk_text(cs->walk, id, "code") : STR_NONE;
        if (!code.ptr)
            continue;
        ElemId *slot = slot_of(cs, code);
        if (*slot)
            fail(cs, MSG_CODE_SYSTEM_DUPLICATE, id, code, STR_NONE, STR_NONE);
        else
            *slot = id;
    }
    return cs->slots != NULL;
}

/* --- the definitions of properties ------------------------------------------------------------ */

static const KnownProperty *known_by_code(Str code)
{
    for (size_t i = 0; code.ptr && i < sizeof known_properties / sizeof *known_properties; i++)
        if (str_is(code, known_properties[i].code))
            return &known_properties[i];
    return NULL;
}

static bool is_later_property(Str code)
{
    for (size_t i = 0; i < sizeof later_properties / sizeof *later_properties; i++)
        if (str_is(code, later_properties[i]))
            return true;
    return known_by_code(code) != NULL;
}

/* The first property of that code or uri. */
static const Property *property_by(const CodeSystem *cs, const IdTable *table, Str text)
{
    uint32_t count;
    const IdEntry *first = text.ptr ? ids_find(table, text, &count) : NULL;
    return first ? &cs->properties[first->what] : NULL;
}

static bool is_repeated(const CodeSystem *cs, const IdTable *table, Str text, const Property *p)
{
    return text.ptr && property_by(cs, table, text) != p;
}

/* Is the uri's property defined where it says? */
static void check_origin(CodeSystem *cs, ElemId elem, const Property *p)
{
    size_t hash = str_find_char(p->uri, '#');
    bool coded = str_is(p->type, "code");
    if (hash == p->uri.len) {
        note(cs, coded ? SEVERITY_WARNING : SEVERITY_INFORMATION,
             coded ? MSG_PROPERTY_URI_UNKNOWN_TYPE : MSG_PROPERTY_URI_UNKNOWN, elem, p->uri,
             STR_NONE, STR_NONE);
        return;
    }
    Str base = str_cut(p->uri, 0, hash);
    Str code = str_skip(p->uri, hash + 1);
    if (str_starts(p->uri, STR(PROPERTIES)) && is_later_property(code))
        return;
    TxAnswer answer = terminology_code(cs->walk->terminology, base, code);
    if (answer == TX_UNKNOWN_SYSTEM && !str_eq(base, cs->url))
        note(cs, SEVERITY_WARNING, MSG_PROPERTY_URI_UNKNOWN_BASE, elem, base, p->code, STR_NONE);
    else if (answer == TX_UNKNOWN_CODE)
        note(cs, SEVERITY_WARNING, MSG_PROPERTY_URI_INVALID, elem, code, base, STR_NONE);
}

/* HL7's own uris are those of the list, save in HL7's base specification and in the system itself.
 */
static const KnownProperty *check_uri(CodeSystem *cs, ElemId elem, const Property *p)
{
    if (!is_absolute_url(p->uri)) {
        fail(cs, MSG_PROPERTY_ABSOLUTE_URI, elem, p->uri, STR_NONE, STR_NONE);
        return NULL;
    }
    if (is_repeated(cs, &cs->uris, p->uri, p))
        fail(cs, MSG_PROPERTY_DUPLICATE_URI, elem, p->uri, STR_NONE, STR_NONE);
    else
        check_origin(cs, elem, p);
    const KnownProperty *known = str_starts(p->uri, STR(PROPERTIES))
                                     ? known_by_code(str_skip(p->uri, strlen(PROPERTIES)))
                                     : NULL;
    bool base_spec = str_starts(cs->url, STR("http://hl7.org/fhir/")) &&
                     str_find_char(str_skip(cs->url, 20), '/') == cs->url.len - 20;
    bool own = cs->url.len && str_starts(p->uri, cs->url);
    if (!known && contains(p->uri, "://hl7.org/fhir") && !base_spec && !own)
        fail(cs, MSG_PROPERTY_BAD_HL7_URI, elem, p->uri, STR_NONE, STR_NONE);
    return known;
}

static void check_known(CodeSystem *cs, ElemId elem, Property *p, const KnownProperty *by_uri,
                        const KnownProperty *by_code)
{
    if (by_uri) {
        if (by_code && by_code != by_uri)
            fail(cs, MSG_PROPERTY_URI_CODE_MISMATCH, elem, p->uri, str_from(by_uri->code), p->code);
        if (p->type.ptr && !str_is(p->type, by_uri->type))
            fail(cs, MSG_PROPERTY_URI_TYPE_MISMATCH, elem, p->uri, str_from(by_uri->type), p->type);
        p->names_code = by_uri->names_code;
    } else if (!p->uri.ptr && by_code) {
        Str uri = arena_format(cs->walk->arena, PROPERTIES "%s", by_code->code);
        note(cs, SEVERITY_WARNING, MSG_PROPERTY_KNOWN_CODE, elem, p->code, uri, STR_NONE);
        if (p->type.ptr && !str_is(p->type, by_code->type))
            note(cs, SEVERITY_WARNING, MSG_PROPERTY_CODE_TYPE_MISMATCH, elem, p->code,
                 str_from(by_code->type), p->type);
    } else if (!p->uri.ptr) {
        note(cs, SEVERITY_INFORMATION, MSG_PROPERTY_UNKNOWN_CODE, elem, p->code, STR_NONE,
             STR_NONE);
    }
}

static bool read_properties(CodeSystem *cs)
{
    Walk *walk = cs->walk;
    uint32_t count = 0;
    cs->properties = ARENA_ARRAY(walk->arena, Property, walk_elem(walk, cs->elem)->child_count + 1);
    if (!cs->properties)
        return false;
    ELEM_EACH(&walk->elems, child, cs->elem)
    {
        if (!is_child(cs, child, "property"))
            continue;
        Property *p = &cs->properties[count];
        *p = (Property){.elem = child,
                        .uri = walk_text(walk, child, "uri"),
                        .code = walk_text(walk, child, "code"),
                        .type = walk_text(walk, child, "type")};
        if (p->code.ptr)
            ids_add(walk, &cs->codes, p->code, count);
        if (p->uri.ptr)
            ids_add(walk, &cs->uris, p->uri, count);
        count++;
    }
    ids_sort(&cs->codes);
    ids_sort(&cs->uris);
    for (uint32_t i = 0; i < count && !walk->stopped; i++) {
        Property *p = &cs->properties[i];
        const KnownProperty *by_uri = p->uri.ptr ? check_uri(cs, p->elem, p) : NULL;
        if (is_repeated(cs, &cs->codes, p->code, p))
            fail(cs, MSG_PROPERTY_DUPLICATE_CODE, p->elem, p->code, STR_NONE, STR_NONE);
        check_known(cs, p->elem, p, by_uri, known_by_code(p->code));
    }
    return !walk->stopped;
}

/* --- the properties of concepts --------------------------------------------------------------- */

/* A code as a value names one of the system: an error where the property says so by its uri. */
static void check_named_code(CodeSystem *cs, ElemId elem, const Property *p, Str code)
{
    bool of_other_codes = !p->names_code && known_by_code(p->code); /* status: a list of its own */
    if (cs->supplements.ptr || of_other_codes || has_code(cs, code))
        return;
    note(cs, p->names_code ? SEVERITY_ERROR : SEVERITY_WARNING, MSG_PROPERTY_BAD_REFERENCE, elem,
         code, STR_NONE, STR_NONE);
}

static void check_property_value(CodeSystem *cs, ElemId elem)
{
    Walk *walk = cs->walk;
    Str code = walk_text(walk, elem, "code");
    if (!code.ptr)
        return;
    const Property *p = property_by(cs, &cs->codes, code);
    ElemId value = elem_child_element(&walk->elems, elem, walk->model->n_value);
    if (!p)
        note(cs, SEVERITY_WARNING, MSG_PROPERTY_UNDEFINED, elem, code, STR_NONE, STR_NONE);
    if (!value) {
        fail(cs, MSG_PROPERTY_NO_VALUE, elem, code, STR_NONE, STR_NONE);
        return;
    }
    Str type = fhir_type_name(walk->model, walk_elem(walk, value)->type);
    if (p && !str_eq(type, p->type))
        fail(cs, MSG_PROPERTY_WRONG_TYPE, elem, code, type, p->type);
    else if (p && str_is(type, "code"))
        check_named_code(cs, elem, p, elem_text(walk_elem(walk, value)));
}

static void check_concepts(CodeSystem *cs)
{
    ElemId behind = walk_elem(cs->walk, cs->elem)->behind;
    for (ElemId id = cs->elem + 1; id < behind; id++) {
        const Elem *e = walk_elem(cs->walk, id);
        if (is_child(cs, id, "property") && e->parent != cs->elem &&
            is_child(cs, e->parent, "concept"))
            check_property_value(cs, id);
    }
}

/* --- the system as a whole -------------------------------------------------------------------- */

static bool is_hierarchical(const CodeSystem *cs)
{
    ELEM_EACH(&cs->walk->elems, concept, cs->elem)
    if (is_child(cs, concept, "concept") && walk_child(cs->walk, concept, "concept"))
        return true;
    return false;
}

static void check_missing(CodeSystem *cs, bool of_hl7)
{
    if (!cs->content.len)
        note(cs, of_hl7 ? SEVERITY_ERROR : SEVERITY_WARNING,
             of_hl7 ? MSG_CODE_SYSTEM_SHALL : MSG_CODE_SYSTEM_MISSING, cs->elem, STR("content"),
             STR_NONE, STR_NONE);
    else if (str_is(cs->content, "supplement"))
        fail(cs, MSG_CODE_SYSTEM_SUPPLEMENTS_NOTHING, walk_child(cs->walk, cs->elem, "content"),
             STR_NONE, STR_NONE, STR_NONE);
    IssueSeverity weak = of_hl7 ? SEVERITY_WARNING : SEVERITY_INFORMATION;
    Message message = of_hl7 ? MSG_CODE_SYSTEM_SHOULD : MSG_CODE_SYSTEM_MISSING;
    if (!walk_child(cs->walk, cs->elem, "caseSensitive"))
        note(cs, weak, message, cs->elem, STR("caseSensitive"), STR_NONE, STR_NONE);
    if (!walk_child(cs->walk, cs->elem, "hierarchyMeaning") && is_hierarchical(cs))
        note(cs, weak, message, cs->elem, STR("hierarchyMeaning"), STR_NONE, STR_NONE);
}

/* The first one stands for all. */
static void check_definitions(CodeSystem *cs)
{
    ElemId behind = walk_elem(cs->walk, cs->elem)->behind;
    for (ElemId id = cs->elem + 1; id < behind; id++) {
        if (!is_child(cs, id, "concept") || walk_text(cs->walk, id, "definition").len)
            continue;
        Finding *finding = report(cs->walk, SEVERITY_WARNING, MSG_CONCEPT_NO_DEFINITION, id);
        if (finding) {
            finding->path = (uint8_t)cs->form;
            finding->at = elem_offset(walk_elem(cs->walk, cs->elem));
        }
        return;
    }
}

static void check_supplement(CodeSystem *cs)
{
    ElemId content = walk_child(cs->walk, cs->elem, "content");
    ElemId sensitive = walk_child(cs->walk, cs->elem, "caseSensitive");
    if (!str_is(cs->content, "supplement"))
        fail(cs, MSG_CODE_SYSTEM_SUPPLEMENT_CONTENT, content ? content : cs->elem, STR_NONE,
             STR_NONE, STR_NONE);
    if (sensitive)
        fail(cs, MSG_CODE_SYSTEM_SUPPLEMENT_ELEMENT, sensitive, STR("caseSensitive"), STR_NONE,
             STR_NONE);
}

static void check_count(CodeSystem *cs)
{
    ElemId elem = walk_child(cs->walk, cs->elem, "count");
    uint64_t stated;
    if (!elem || !str_to_u64(elem_text(walk_elem(cs->walk, elem)), &stated))
        return;
    Str found = arena_format(cs->walk->arena, "%u", cs->concepts);
    Str said = elem_text(walk_elem(cs->walk, elem));
    bool partial = str_is(cs->content, "example") || str_is(cs->content, "fragment");
    if (str_is(cs->content, "complete") && stated != cs->concepts)
        fail(cs, MSG_CODE_SYSTEM_COUNT, elem, found, said, STR_NONE);
    else if (partial && cs->concepts >= stated)
        note(cs, SEVERITY_WARNING, MSG_CODE_SYSTEM_COUNT_FRAGMENT, elem, found, said, STR_NONE);
}

static void check_whole(CodeSystem *cs)
{
    bool of_hl7 = contains(cs->url, "hl7.org") || contains(cs->url, "fhir.org");
    if (cs->supplements.len)
        check_supplement(cs);
    else
        check_missing(cs, of_hl7);
    if (of_hl7 && !cs->supplements.len)
        check_definitions(cs);
    if (cs->concepts == 0 && str_is(cs->content, "complete"))
        note(cs, SEVERITY_WARNING, MSG_CODE_SYSTEM_EMPTY, cs->elem, STR_NONE, STR_NONE, STR_NONE);
    check_count(cs);
    ElemId concept = walk_child(cs->walk, cs->elem, "concept");
    if (concept && str_is(cs->content, "not-present"))
        fail(cs, MSG_CODE_SYSTEM_NO_CONTENT, concept, STR_NONE, STR_NONE, STR_NONE);
}

/* Shareable: what others can rely on. */
static void check_shareable(CodeSystem *cs)
{
    static const char *const wanted[] = {"url",          "version",     "title",   "status",
                                         "experimental", "description", "content", "caseSensitive"};
    bool of_hl7 = contains(cs->url, "hl7");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        bool spared =
            str_is(cs->content, "supplement") && str_is(str_from(wanted[i]), "caseSensitive");
        if (spared ||
            elem_child_named(&cs->walk->elems, cs->elem, &cs->walk->model->names, wanted[i]))
            continue;
        note(cs, of_hl7 ? SEVERITY_ERROR : SEVERITY_WARNING,
             of_hl7 ? MSG_CODE_SYSTEM_SHAREABLE_HL7 : MSG_CODE_SYSTEM_SHAREABLE, cs->elem,
             str_from(wanted[i]), STR_NONE, STR_NONE);
    }
}

bool check_code_system(Walk *walk, ElemId elem, FindingPath form)
{
    CodeSystem cs = {.walk = walk,
                     .elem = elem,
                     .form = form,
                     .url = walk_text(walk, elem, "url"),
                     .content = walk_text(walk, elem, "content"),
                     .supplements = walk_text(walk, elem, "supplements"),
                     .ok = true};
    if (!read_codes(&cs) || !read_properties(&cs)) {
        walk->stopped = true;
        return false;
    }
    check_whole(&cs);
    if (walk->rules & RULE_FOR_PUBLICATION && !(walk_elem(walk, elem)->flags & ELEM_CONTAINED))
        check_shareable(&cs);
    check_concepts(&cs);
    return cs.ok;
}
