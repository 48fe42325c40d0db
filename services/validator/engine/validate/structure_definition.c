/* StructureDefinitions: does the differential fit what it is based on?
 *
 * spec: hl7.org/fhir/R4/profiling.html, elementdefinition.html#ElementDefinition.path */
#include "services/validator/engine/validate/specials.h"

/* --- paths ------------------------------------------------------------------------------------ */

typedef enum PathProblem {
    PATH_GOOD,
    PATH_EMPTY_NAME, /* Observation..value */
    PATH_UNKNOWN,    /* no such element in the type */
} PathProblem;

static Str without_choice(Str name)
{
    return str_ends(name, STR("[x]")) ? str_cut(name, 0, name.len - 3) : name;
}

/* Along the elements of the types; where several types are possible the way is not followed. */
static PathProblem follow(const FhirModel *model, FhirTypeId type, Str path)
{
    Str rest = path;
    Str name;
    bool known = true;
    str_split(&rest, '.', &name); /* the type's own name */
    while (str_split(&rest, '.', &name)) {
        if (name.len == 0)
            return PATH_EMPTY_NAME;
        uint16_t id = json_name_find(&model->names, without_choice(name));
        const FhirChild *child = known && id ? fhir_child_find(model, type, id) : NULL;
        const FhirChild *choice = known && id ? fhir_element_find(model, type, id) : NULL;
        if (known && !child && !choice)
            return PATH_UNKNOWN;
        known = known && child != NULL;
        type = child ? child->type : 0;
        known = known && type && model->types[type].kind != FHIR_KIND_RESOURCE;
    }
    return path.len && path.ptr[path.len - 1] == '.' ? PATH_EMPTY_NAME : PATH_GOOD;
}

/* --- fixed values ----------------------------------------------------------------------------- */

/* The node of a profile with that path (or, of a slice, that id), or NULL. */
static const SchemaNode *node_of(const Walk *walk, ProfileId profile, Str path, Str id)
{
    const SchemaProfile *p = schema_profile(walk->schema, profile);
    for (uint32_t i = 0; p->first_node && i < p->node_count; i++) {
        const SchemaNode *node = schema_node(walk->schema, p->first_node + i);
        Str own = schema_text(walk->schema, node->id);
        if (str_eq(schema_text(walk->schema, node->path), path) &&
            (str_eq(own, id) || (!id.ptr && !node->slice_name)))
            return node;
    }
    return NULL;
}

/* A value that the base fixes cannot be fixed to another one. */
static bool check_fixed_again(Walk *walk, ProfileId base, ElemId element)
{
    uint16_t fixed = walk_name(walk, "fixed");
    ElemId value = elem_child_element(&walk->elems, element, fixed);
    if (!value || !(walk_elem(walk, value)->flags & ELEM_VALUE))
        return true;
    Str path = walk_text(walk, element, "path");
    const SchemaNode *node = node_of(walk, base, path, walk_text(walk, element, "id"));
    if (!node || !node->fixed)
        return true;
    Str wanted = schema_text(walk->schema, walk->schema->values[node->fixed].text);
    Str found = elem_text(walk_elem(walk, value));
    if (!wanted.len || str_eq(wanted, found))
        return true;
    Finding *finding = report_with(walk, SEVERITY_ERROR, MSG_FIXED_WRONG, element, found, wanted,
                                   STR_NONE, STR_NONE);
    if (finding) {
        finding->path = FINDING_PATH_TEXT;
        finding->suffix = path;
    }
    return false;
}

/* --- the differential ------------------------------------------------------------------------- */

static bool check_path(Walk *walk, ElemId sd, FhirTypeId type, ElemId element, FindingPath form)
{
    Str path = walk_text(walk, element, "path");
    size_t dot = str_find_char(path, '.');
    FhirTypeId root = fhir_type_find(walk->model, str_cut(path, 0, dot));
    if (!path.len || root != type)
        return true;
    PathProblem problem = follow(walk->model, type, path);
    if (problem == PATH_GOOD)
        return true;
    Finding *finding = report_with(walk, SEVERITY_ERROR, MSG_NO_SNAPSHOT_POSSIBLE, sd, path,
                                   problem == PATH_UNKNOWN ? STR("there is no such element")
                                                           : STR("a name is missing"),
                                   STR_NONE, STR_NONE);
    if (finding) {
        finding->path = (uint8_t)form;
        finding->at = elem_offset(walk_elem(walk, element));
    }
    return false;
}

static void check_contexts(Walk *walk, ElemId sd, FindingPath form)
{
    uint16_t name = walk_name(walk, "context");
    if (!str_is(walk_text(walk, sd, "type"), "Extension"))
        return;
    ELEM_EACH(&walk->elems, context, sd)
    {
        if (walk_elem(walk, context)->property != name ||
            !str_is(walk_text(walk, context, "type"), "element") ||
            !str_is(walk_text(walk, context, "expression"), "Element"))
            continue;
        Finding *finding = report(walk, SEVERITY_WARNING, MSG_CONTEXT_ELEMENT, context);
        if (finding) {
            finding->path = (uint8_t)form;
            finding->at = FINDING_NO_LINE;
        }
    }
}

bool check_structure_definition(Walk *walk, ElemId sd, FindingPath form)
{
    check_contexts(walk, sd, form);
    ElemId differential = walk_child(walk, sd, "differential");
    FhirTypeId type = fhir_type_find(walk->model, walk_text(walk, sd, "type"));
    ProfileId base = schema_find(walk->schema, walk_text(walk, sd, "baseDefinition"));
    if (!differential || !type || !str_is(walk_text(walk, sd, "derivation"), "constraint"))
        return true;
    bool paths = true; /* the first one that is wrong ends the making of a snapshot */
    bool ok = true;
    ELEM_EACH(&walk->elems, element, differential)
    {
        if (walk_elem(walk, element)->property != walk_name(walk, "element"))
            continue;
        paths = paths && check_path(walk, sd, type, element, form);
        ok = (!base || check_fixed_again(walk, base, element)) && ok;
    }
    return ok && paths;
}
