/* An element against a definition: its children to slices, how many of each, then each child: the
 * checks of its type, the type's own definition, the profile's. */
#include "services/validator/engine/validate/walk.h"

enum { WALK_DEPTH_MAX = 600, CHILDREN_ON_STACK = 48 };

void walk_stop(Walk *walk, ElemId elem, Str reason)
{
    if (!walk->stopped) {
        walk->stop_reason = reason;
        walk->stopped_at = elem;
    }
    walk->stopped = true;
}

bool walk_steps(Walk *walk, uint32_t count)
{
    if (walk->stopped)
        return false;
    walk->steps += count;
    if (walk->steps > walk->step_limit) {
        walk_stop(walk, ELEM_ROOT, STR("the resource takes more steps than the limit allows"));
        return false;
    }
    return true;
}

/* What a child is, and against which profile of its type it goes. */
typedef struct ChildType {
    FhirTypeId type;         /* 0: an inline element (or content reference) */
    const SchemaType *entry; /* of the definition: profiles, targets */
    NodeId content;          /* contentReference */
    bool missing;            /* nothing fits: reported */
} ChildType;

static bool is_inline_type(const Walk *walk, FhirTypeId type)
{
    return type == walk->model->element_type || type == walk->model->backbone_element_type;
}

static bool is_abstract_type(const Walk *walk, FhirTypeId type)
{
    return type && walk->model->types[type].is_abstract;
}

static bool is_resource_type(const Walk *walk, FhirTypeId type)
{
    return type && walk->model->types[type].kind == FHIR_KIND_RESOURCE;
}

static bool is_text_type(const Walk *walk, FhirTypeId type)
{
    return type == walk->model->string_type || type == walk->model->id_type;
}

static bool wrong_type(Walk *walk, ProfileId profile, ElemId elem, const SchemaType *wanted)
{
    const Elem *e = walk_elem(walk, elem);
    Finding *finding = report_with(
        walk, SEVERITY_ERROR, MSG_WRONG_TYPE, elem, walk_versioned(walk, profile),
        schema_text(walk->schema, wanted->code), fhir_type_name(walk->model, e->type), STR_NONE);
    /* The Java core gives the line of the element around it. */
    if (finding && e->parent)
        finding->at = elem_offset(walk_elem(walk, e->parent));
    return false;
}

/* One type is allowed: is it that one? An abstract one stands for what is there. */
static bool single_type(Walk *walk, const Scope *scope, const SchemaNode *node, ProfileId profile,
                        ElemId elem, ChildType *ret)
{
    const SchemaType *wanted = &walk->schema->types[node->types];
    FhirTypeId found = walk_elem(walk, elem)->type;
    *ret = (ChildType){.type = wanted->type, .entry = wanted};
    if (found == wanted->type)
        return true;
    bool abstract = is_abstract_type(walk, wanted->type);
    if (node->flags & NODE_CHOICE) {
        bool in_extension = walk->schema->profiles[profile].type == walk->model->extension_type;
        bool local_extension = scope->extension_url.ptr && !is_absolute_url(scope->extension_url);
        if (local_extension || (!abstract && !in_extension))
            return wrong_type(walk, profile, elem, wanted);
        return true;
    }
    if (!abstract)
        return (is_text_type(walk, wanted->type) && is_text_type(walk, found)) ||
               wrong_type(walk, profile, elem, wanted);
    if (!is_resource_type(walk, wanted->type))
        ret->type = found;
    return true;
}

static Str type_list(Walk *walk, const SchemaNode *node)
{
    Str list = STR("");
    for (uint32_t i = 0; i < node->type_count; i++)
        list = arena_format(
            walk->arena, "%.*s%s%.*s", STR_ARG(list), i ? ", " : "",
            STR_ARG(schema_text(walk->schema, walk->schema->types[node->types + i].code)));
    return list;
}

static bool one_of_types(Walk *walk, const SchemaNode *node, ElemId elem, ChildType *ret)
{
    const Elem *e = walk_elem(walk, elem);
    const SchemaType *types = &walk->schema->types[node->types];
    if (e->flags & ELEM_RESOURCE) {
        *ret = (ChildType){.type = e->type, .entry = types};
        return true;
    }
    for (uint32_t i = 0; i < node->type_count; i++)
        if (types[i].type == e->type) {
            *ret = (ChildType){.type = e->type, .entry = &types[i]};
            return true;
        }
    if (types[0].type == walk->model->reference_type) {
        *ret = (ChildType){.type = walk->model->reference_type, .entry = types};
        return true;
    }
    *ret = (ChildType){.missing = true};
    Finding *finding = report_with(walk, SEVERITY_ERROR, MSG_NO_TYPE, e->parent,
                                   json_name_text(&walk->model->names, e->property),
                                   type_list(walk, node), STR_NONE, STR_NONE);
    if (finding)
        finding->at = elem_offset(e);
    return false;
}

static bool type_of_child(Walk *walk, const Scope *scope, const SchemaNode *node, ProfileId profile,
                          ElemId elem, ChildType *ret)
{
    *ret = (ChildType){0};
    if (node->type_count == 0) {
        ret->content = node->content;
        return true;
    }
    const SchemaType *first = &walk->schema->types[node->types];
    if (is_inline_type(walk, first->type)) {
        *ret = (ChildType){.entry = node->type_count == 1 ? first : NULL};
        return true;
    }
    if (node->type_count > 1)
        return one_of_types(walk, node, elem, ret);
    return single_type(walk, scope, node, profile, elem, ret);
}

/* --- the checks of a type --------------------------------------------------------------------- */

static bool check_complex(Walk *walk, const Scope *scope, const SchemaNode *node, ProfileId profile,
                          ElemId parent, ElemId elem, FhirTypeId type)
{
    const FhirModel *m = walk->model;
    bool ok = true;
    if (node->fixed || node->pattern)
        ok = check_fixed(walk, profile, node, elem);
    if (type == m->extension_type)
        return check_extension(walk, scope, node, profile, parent, elem) && ok;
    if (type == m->reference_type)
        return check_reference(walk, scope, node, profile, elem) && ok;
    if (type == m->codeable_concept_type)
        return check_concept(walk, scope, node, elem) && ok;
    if (type == m->coding_type)
        return check_coding(walk, scope, node, elem) && ok;
    if (type == m->identifier_type)
        return check_identifier(walk, elem) && ok;
    if (type == m->quantity_type)
        return check_quantity(walk, scope, node, elem) && ok;
    if (str_is(fhir_type_name(m, type), "Attachment"))
        return check_attachment(walk, node, elem) && ok;
    return ok;
}

/* --- the type's definition and profiles --------------------------------------------------------
 */

/* Findings of several profiles: those of the one that fits, or all. */
static bool one_of_profiles(Walk *walk, const Scope *scope, const SchemaType *entry, ElemId elem,
                            FhirTypeId type)
{
    Findings *out = walk->out;
    Findings good = {0};
    Findings bad = {0};
    uint32_t good_count = 0;
    Str names = STR("");
    for (uint32_t i = 0; i < entry->profile_count; i++) {
        const SchemaTarget *target = &walk->schema->targets[entry->profiles + i];
        NodeId root = walk->schema->profiles[target->profile].first_node;
        names = arena_format(walk->arena, "%.*s%s%.*s", STR_ARG(names), i ? "; " : "",
                             STR_ARG(schema_text(walk->schema, target->url)));
        if (!root) {
            report_with(walk, SEVERITY_ERROR, MSG_UNKNOWN_TYPE_PROFILE, elem,
                        schema_text(walk->schema, target->url), STR_NONE, STR_NONE, STR_NONE);
            continue;
        }
        Findings own = {0};
        walk->out = &own;
        walk_element(walk, scope, root, elem, type);
        walk->out = out;
        findings_merge(walk, own.errors ? &bad : &good, &own);
        good_count += own.errors == 0;
    }
    if (good_count == 0)
        report_with(walk, SEVERITY_ERROR, MSG_NO_TYPE_PROFILE_MATCHES, elem, names, STR_NONE,
                    STR_NONE, STR_NONE);
    else if (good_count > 1)
        report_with(walk, SEVERITY_WARNING, MSG_MANY_TYPE_PROFILES_MATCH, elem, names, STR_NONE,
                    STR_NONE, STR_NONE);
    findings_merge(walk, out, good_count ? &good : &bad);
    return good_count > 0;
}

/* Does walking the type's own definition say anything? Once it said nothing it need not be asked
 * again: it depends on the element alone. */
static bool walk_type(Walk *walk, const Scope *scope, ElemId elem, FhirTypeId type)
{
    Elem *e = &walk->elems.items[elem];
    if ((e->flags & (ELEM_TYPE_CLEAN | ELEM_REMOVABLE)) == ELEM_TYPE_CLEAN && e->type == type)
        return true;
    ProfileId profile = schema_of_type(walk->schema, type);
    NodeId root = walk->schema->profiles[profile].first_node;
    if (!root) {
        report_with(walk, SEVERITY_ERROR, MSG_UNKNOWN_TYPE, elem, fhir_type_name(walk->model, type),
                    STR_NONE, STR_NONE, STR_NONE);
        return false;
    }
    uint32_t before = walk->out->count;
    bool ok = walk_element(walk, scope, root, elem, type);
    if (walk->out->count == before && e->type == type && !walk->met_running)
        e->flags |= ELEM_TYPE_CLEAN;
    return ok;
}

static bool walk_profiles(Walk *walk, const Scope *scope, const ChildType *child, ElemId elem)
{
    const SchemaType *entry = child->entry;
    /* spec: the Java core leaves out the profiles of a Reference in a choice */
    if (!entry || entry->profile_count == 0)
        return !child->type || walk_type(walk, scope, elem, child->type);
    if (entry->profile_count > 1)
        return one_of_profiles(walk, scope, entry, elem, child->type);
    const SchemaTarget *target = &walk->schema->targets[entry->profiles];
    NodeId root = walk->schema->profiles[target->profile].first_node;
    if (root)
        return walk_element(walk, scope, root, elem, child->type);
    report_with(walk, SEVERITY_ERROR, MSG_UNKNOWN_TYPE_PROFILE, elem,
                schema_text(walk->schema, target->url), STR_NONE, STR_NONE, STR_NONE);
    return false;
}

/* --- a child ---------------------------------------------------------------------------------- */

static Scope scope_below(const Walk *walk, const Scope *scope, ElemId elem, FhirTypeId type)
{
    Scope below = *scope;
    below.in_concept = type == walk->model->codeable_concept_type;
    below.extension_url = STR_NONE;
    if (type == walk->model->extension_type) {
        ElemId url = elem_child(&walk->elems, elem, walk->model->n_url);
        below.extension_url = url ? elem_text(walk_elem(walk, url)) : STR_NONE;
    }
    return below;
}

static bool is_clean(const Elem *e, uint32_t same)
{
    return (e->clean[0] == same || e->clean[1] == same || e->clean[2] == same) &&
           !(e->flags & ELEM_REMOVABLE);
}

static void mark_clean(Elem *e, uint32_t same)
{
    e->clean[2] = e->clean[1];
    e->clean[1] = e->clean[0];
    e->clean[0] = same;
}

static bool check_child_fully(Walk *walk, const Scope *scope, NodeId definition, ElemId parent,
                              ElemId elem);

/* A definition that had nothing to say of the element is not asked again, whichever profile brings
 * it. */
static bool check_child(Walk *walk, const Scope *scope, NodeId definition, ElemId parent,
                        ElemId elem)
{
    uint32_t same = schema_node(walk->schema, definition)->same;
    Elem *e = &walk->elems.items[elem];
    if (is_clean(e, same))
        return true;
    bool met_running = walk->met_running;
    walk->met_running = false;
    uint32_t before = walk->out->count;
    bool ok = check_child_fully(walk, scope, definition, parent, elem);
    if (ok && walk->out->count == before && !walk->met_running)
        mark_clean(e, same);
    walk->met_running = walk->met_running || met_running;
    return ok;
}

static bool check_child_fully(Walk *walk, const Scope *scope, NodeId definition, ElemId parent,
                              ElemId elem)
{
    const SchemaNode *node = schema_node(walk->schema, definition);
    ProfileId profile = node->profile;
    ChildType child;
    bool ok = type_of_child(walk, scope, node, profile, elem, &child);
    ok = check_constraints(walk, scope, child.content ? child.content : definition, elem) && ok;
    if (child.missing)
        return false;
    if (child.type && is_resource_type(walk, child.type))
        return run_inner_resource(walk, scope, elem, node, profile) && ok;
    if (child.type && walk->model->types[child.type].kind == FHIR_KIND_PRIMITIVE)
        ok = check_primitive(walk, scope, node, profile, elem, child.type) && ok;
    else if (child.type)
        ok = check_complex(walk, scope, node, profile, parent, elem, child.type) && ok;
    Scope below = scope_below(walk, scope, elem, child.type);
    if (!child.type)
        return walk_element(walk, &below, definition, elem, 0) && ok;
    ok = walk_profiles(walk, &below, &child, elem) && ok;
    if (node->child_count)
        ok = walk_element(walk, &below, definition, elem, child.type) && ok;
    return ok;
}

/* --- an element ------------------------------------------------------------------------------- */

/* The definition's own children, those behind its contentReference, or its type's. */
static bool definitions_of(Walk *walk, NodeId definition, FhirTypeId actual_type, Definitions *ret)
{
    const SchemaNode *node = schema_node(walk->schema, definition);
    *ret = (Definitions){0};
    if (node->child_count)
        ret->own = definition;
    else if (node->content && schema_node(walk->schema, node->content)->child_count)
        ret->own = node->content;
    if (ret->own && node->type_count <= 1)
        return true;
    if (!actual_type)
        return ret->own != 0 && node->type_count <= 1;
    ret->type = walk->schema->profiles[schema_of_type(walk->schema, actual_type)].first_node;
    return ret->own || ret->type;
}

static bool check_children(Walk *walk, const Scope *scope, const Definitions *definitions,
                           ProfileId profile, ElemId elem, Child *children, uint32_t count)
{
    bool ok = assign_children(walk, scope, definitions, profile, elem, children, count);
    ok = check_cardinality(walk, definitions, profile, elem, children, count) && ok;
    for (uint32_t i = 0; i < count && walk_step(walk); i++) {
        const Child *child = &children[i];
        if (child->definition)
            ok = check_child(walk, scope, child->definition, elem, child->elem) && ok;
        if (child->slicer)
            ok = check_child(walk, scope, child->slicer, elem, child->elem) && ok;
    }
    return ok;
}

bool walk_element(Walk *walk, const Scope *scope, NodeId definition, ElemId elem,
                  FhirTypeId actual_type)
{
    if (!walk_step(walk))
        return false;
    if (walk->depth >= WALK_DEPTH_MAX) {
        walk_stop(walk, elem, STR("the profiles nest too deeply"));
        return false;
    }
    walk->depth++;
    const SchemaNode *node = schema_node(walk->schema, definition);
    bool ok = true;
    if (node->fixed || node->pattern)
        ok = check_fixed(walk, node->profile, node, elem);
    Definitions definitions;
    if (definitions_of(walk, definition, actual_type, &definitions)) {
        uint32_t count = walk_elem(walk, elem)->child_count;
        Child on_stack[CHILDREN_ON_STACK];
        Child *children = count <= CHILDREN_ON_STACK
                              ? on_stack
                              : arena_alloc(walk->arena, count * sizeof *children);
        if (children)
            ok = check_children(walk, scope, &definitions, node->profile, elem, children, count) &&
                 ok;
        else
            walk->stopped = true;
        ok = check_constraints(walk, scope, definition, elem) && ok;
    } else {
        ok = false;
    }
    walk->depth--;
    return ok && !walk->stopped;
}
