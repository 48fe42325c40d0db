/* SearchParameters and what CapabilityStatements say of them.
 *
 * spec: hl7.org/fhir/R4/searchparameter.html, capabilitystatement.html */
#include "services/validator/engine/fhirpath/fhirpath.h"
#include "services/validator/engine/validate/specials.h"

/* What the image keeps of a search parameter, read; false: it is not there. */
static bool find_parameter(const Walk *walk, Str canonical, JsonDoc *ret)
{
    Str json = schema_resource(walk->schema, STR("SearchParameter"), canonical);
    Err ignored = {0};
    return json.len && json_read(json, NULL, NULL, walk->arena, ret, NULL, &ignored);
}

static bool has_base(const JsonDoc *parameter, Str type)
{
    const JsonNode *list = json_get(parameter, json_root(parameter), "base");
    if (!list || list->kind != JSON_KIND_ARRAY)
        return false;
    JSON_EACH(parameter, base, list)
    if (str_eq(json_text(base), type) || str_is(json_text(base), "Resource"))
        return true;
    return false;
}

/* --- SearchParameter -------------------------------------------------------------------------- */

/* The parameter that this one is derived from: for the same resources, of the same type. */
static bool check_derivation(Walk *walk, ElemId elem, FindingPath form, Str master)
{
    JsonDoc doc;
    bool ok = true;
    if (!find_parameter(walk, master, &doc))
        return special(walk, SEVERITY_WARNING, MSG_SEARCH_NOT_FOUND, elem, form, master);
    ELEM_EACH(&walk->elems, base, elem)
    {
        Str type = elem_text(walk_elem(walk, base));
        if (walk_elem(walk, base)->property == walk_name(walk, "base") && !has_base(&doc, type))
            ok = special(walk, SEVERITY_ERROR, MSG_SEARCH_BASE, elem, form, type);
    }
    Str type = walk_text(walk, elem, "type");
    Str wanted = json_get_text(&doc, json_root(&doc), "type");
    if (type.ptr && !str_eq(type, wanted))
        ok = special(walk, SEVERITY_ERROR, MSG_SEARCH_TYPE, elem, form, wanted);
    return ok;
}

/* The names that the paths of a union begin with: a type that none of the bases is says nothing. */
static bool is_for_other_type(const Walk *walk, ElemId elem, Str name)
{
    FhirTypeId type = fhir_type_find(walk->model, name);
    if (!type || walk->model->types[type].kind != FHIR_KIND_RESOURCE)
        return false;
    ELEM_EACH(&walk->elems, base, elem)
    {
        if (walk_elem(walk, base)->property != walk_name(walk, "base"))
            continue;
        FhirTypeId own = fhir_type_find(walk->model, elem_text(walk_elem(walk, base)));
        if (own &&
            (fhir_type_is_a(walk->model, own, type) || fhir_type_is_a(walk->model, type, own)))
            return false;
    }
    return true;
}

static Str first_name(Str path)
{
    size_t from = 0;
    while (from < path.len && (path.ptr[from] == ' ' || path.ptr[from] == '('))
        from++;
    size_t end = from;
    while (end < path.len && ((path.ptr[end] >= 'A' && path.ptr[end] <= 'Z') ||
                              (path.ptr[end] >= 'a' && path.ptr[end] <= 'z')))
        end++;
    return str_cut(path, from, end);
}

static bool has_one_base(const Walk *walk, ElemId elem)
{
    uint32_t count = 0;
    ELEM_EACH(&walk->elems, base, elem)
    count += walk_elem(walk, base)->property == walk_name(walk, "base");
    return count == 1;
}

static bool check_expression(Walk *walk, ElemId elem, FindingPath form)
{
    ElemId expression = walk_child(walk, elem, "expression");
    if (!expression || !walk_child(walk, elem, "base"))
        return true;
    Str text = elem_text(walk_elem(walk, expression));
    FhirpathCompileOptions options = {.model = walk->model, .dialect = FHIRPATH_JAVA};
    Err err = {0};
    Str code;
    if (!fhirpath_compile(text, &options, walk->arena, &code, NULL, &err))
        return special(walk, SEVERITY_ERROR, MSG_SEARCH_EXPRESSION, expression, form,
                       arena_copy(walk->arena, str_from(err.text)));
    Str rest = text;
    Str path;
    while (has_one_base(walk, elem) && str_split(&rest, '|', &path)) {
        Str name = first_name(path);
        if (is_for_other_type(walk, elem, name))
            return special(
                walk, SEVERITY_ERROR, MSG_SEARCH_EXPRESSION, expression, form,
                arena_format(walk->arena, "%.*s is none of the types in base", STR_ARG(name)));
    }
    return true;
}

bool check_search_parameter(Walk *walk, ElemId elem, FindingPath form)
{
    Str code = walk_text(walk, elem, "code");
    bool ok = check_expression(walk, elem, form);
    for (size_t i = 0; i < code.len; i++)
        if (code.ptr[i] == '.' || code.ptr[i] == '$' || code.ptr[i] == '|')
            special(walk, SEVERITY_WARNING, MSG_SEARCH_CODE, elem, form, code);
    Str master = walk_text(walk, elem, "derivedFrom");
    if (master.len)
        ok = check_derivation(walk, elem, form, master) && ok;
    uint32_t components = 0;
    ELEM_EACH(&walk->elems, child, elem)
    components += walk_elem(walk, child)->property == walk_name(walk, "component");
    if (str_is(walk_text(walk, elem, "type"), "composite") && components < 2)
        ok = special(walk, SEVERITY_ERROR, MSG_SEARCH_COMPONENTS, elem, form, STR_NONE);
    return ok;
}

/* --- CapabilityStatement ---------------------------------------------------------------------- */

static bool check_listed(Walk *walk, ElemId listed, FindingPath form)
{
    Str definition = walk_text(walk, listed, "definition");
    Str type = walk_text(walk, listed, "type");
    JsonDoc doc;
    if (!definition.len || !find_parameter(walk, definition, &doc))
        return true;
    Str wanted = json_get_text(&doc, json_root(&doc), "type");
    if (str_eq(wanted, type))
        return true;
    Finding *finding = report_with(walk, SEVERITY_ERROR, MSG_CAPABILITY_SEARCH_TYPE, listed,
                                   definition, wanted, type, STR_NONE);
    if (finding)
        finding->path = (uint8_t)form;
    return false;
}

/* rest.resource.searchParam: its type is the one that its definition has. */
bool check_capability_statement(Walk *walk, ElemId elem, FindingPath form)
{
    uint16_t name = walk_name(walk, "searchParam");
    uint16_t resource = walk_name(walk, "resource");
    ElemId behind = walk_elem(walk, elem)->behind;
    bool ok = true;
    if (!(walk->rules & RULE_SEARCH_PARAMETERS))
        return true;
    for (ElemId id = elem + 1; id < behind; id++) {
        const Elem *e = walk_elem(walk, id);
        if (e->property == name && walk_elem(walk, e->parent)->property == resource)
            ok = check_listed(walk, id, form) && ok;
    }
    return ok;
}
