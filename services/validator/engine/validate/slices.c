/* Children to definitions: by name, then along slices; then how often each occurs. */
#include "services/validator/engine/validate/walk.h"

static const SchemaGroup *find_group(const Schema *schema, NodeId node, uint16_t element,
                                     uint32_t *hint)
{
    const SchemaNode *n = schema_node(schema, node);
    const SchemaGroup *groups = schema->groups + n->groups;
    /* Children come in the order of the definition, so the next group is mostly the one. */
    for (uint32_t i = 0; i < n->group_count; i++) {
        uint32_t at = *hint + i < n->group_count ? *hint + i : *hint + i - n->group_count;
        if (groups[at].element == element) {
            *hint = at;
            return &groups[at];
        }
    }
    return NULL;
}

static bool name_fits(const SchemaNode *node, const Elem *elem)
{
    return node->property == 0 || node->property == elem->property;
}

static FhirpathVerdict profile_matches(Walk *walk, const SchemaSlice *slice, ElemId elem)
{
    if (slice->target_count == 0)
        return FHIRPATH_TRUE;
    if (slice->by_reference) {
        Str reference = walk_text(walk, elem, "reference");
        elem = reference.len ? resolve_quietly(walk, reference, elem) : ELEM_NONE;
    }
    for (uint32_t i = 0; elem && i < slice->target_count; i++) {
        ProfileId profile = walk->schema->targets[slice->targets + i].profile;
        if (profile && conforms(walk, elem, profile))
            return FHIRPATH_TRUE;
    }
    return FHIRPATH_FALSE;
}

static bool has_coding(const Walk *walk, const SchemaSlice *slice, ElemId elem)
{
    ELEM_EACH(&walk->elems, coding, elem)
    if (walk_elem(walk, coding)->property == walk->model->n_coding &&
        str_eq(walk_text(walk, coding, "code"), schema_text(walk->schema, slice->code)) &&
        str_eq(walk_text(walk, coding, "system"), schema_text(walk->schema, slice->text)))
        return true;
    return false;
}

static bool has_member(const Walk *walk, const SchemaSlice *slice, ElemId elem)
{
    TxValueSet set = walk->schema->bindings[slice->binding].tx.set;
    ELEM_EACH(&walk->elems, coding, elem)
    {
        if (walk_elem(walk, coding)->property != walk->model->n_coding)
            continue;
        Str system = walk_text(walk, coding, "system");
        Str code = walk_text(walk, coding, "code");
        if (code.len && terminology_contains(walk->terminology, set, system.ptr ? system : STR(""),
                                             code) == TX_YES)
            return true;
    }
    return false;
}

/* Does the element belong to the slice? FHIRPATH_THREW and LIMIT: it cannot be said. */
static FhirpathVerdict slice_matches(Walk *walk, const Scope *scope, const SchemaNode *node,
                                     ElemId elem)
{
    const SchemaSlice *slice = &walk->schema->slices[node->slice];
    switch ((SliceTest)slice->test) {
    case SLICE_EXTENSION_URL: {
        ElemId url = elem_child(&walk->elems, elem, walk->model->n_url);
        return url &&
               str_eq(elem_text(walk_elem(walk, url)), schema_text(walk->schema, slice->text));
    }
    case SLICE_TYPE:
        return walk_elem(walk, elem)->type == slice->type;
    case SLICE_CODING:
        return has_coding(walk, slice, elem) ? FHIRPATH_TRUE : FHIRPATH_FALSE;
    case SLICE_MEMBER:
        return has_member(walk, slice, elem) ? FHIRPATH_TRUE : FHIRPATH_FALSE;
    case SLICE_PROFILE:
        return profile_matches(walk, slice, elem);
    case SLICE_NEVER:
        return FHIRPATH_FALSE;
    case SLICE_UNKNOWN:
        return FHIRPATH_THREW;
    case SLICE_EXPRESSION:
        break;
    }
    return evaluate_expression(walk, scope, slice->expression, elem);
}

/* Reslices: `Race/Detail` is a slice of slice `Race`. */
static bool is_reslice(Str inner, Str outer)
{
    return outer.len && inner.len > outer.len && str_starts(inner, outer) &&
           inner.ptr[outer.len] == '/';
}

/* The element matches a second slice: the finer one wins; two that are strangers are an error. */
static bool settle(Walk *walk, ProfileId profile, Child *child, NodeId slicer, NodeId slice)
{
    const Schema *schema = walk->schema;
    if (child->definition == 0 || child->definition == slicer) {
        child->definition = slice;
        return true;
    }
    Str known = schema_text(schema, schema_node(schema, child->definition)->slice_name);
    Str now = schema_text(schema, schema_node(schema, slice)->slice_name);
    if (is_reslice(known, now))
        return true;
    if (is_reslice(now, known)) {
        child->definition = slice;
        return true;
    }
    report_with(walk, SEVERITY_ERROR, MSG_MATCHES_MULTIPLE_SLICES, child->elem,
                walk_versioned(walk, profile), known, now, STR_NONE);
    return false;
}

static bool cannot_slice(Walk *walk, const SchemaNode *node, ElemId elem)
{
    const SchemaSlice *slice = &walk->schema->slices[node->slice];
    report_with(walk, SEVERITY_ERROR, MSG_SLICING_NOT_EVALUATED, elem,
                schema_text(walk->schema, node->id), schema_text(walk->schema, slice->text),
                STR_NONE, STR_NONE);
    return false;
}

static bool assign_child(Walk *walk, const Scope *scope, ProfileId profile,
                         const SchemaGroup *group, Child *child)
{
    const Schema *schema = walk->schema;
    const Elem *elem = walk_elem(walk, child->elem);
    NodeId slicer = 0;
    bool ok = true;
    for (uint32_t i = 0; i < group->count; i++) {
        NodeId id = schema->numbers[group->first + i];
        const SchemaNode *node = schema_node(schema, id);
        if (!name_fits(node, elem))
            continue;
        if (node->slicing && !slicer) {
            slicer = id;
            child->definition = id;
            continue;
        }
        if (!slicer) {
            if (!child->definition)
                child->definition = id;
            continue;
        }
        FhirpathVerdict verdict = slice_matches(walk, scope, node, child->elem);
        if (verdict == FHIRPATH_TRUE) {
            ok = settle(walk, profile, child, slicer, id) && ok;
            child->slicer = slicer;
            child->additional = false;
        } else if (verdict == FHIRPATH_FALSE) {
            child->additional = child->slicer == 0;
        } else {
            ok = cannot_slice(walk, node, child->elem);
        }
    }
    return ok;
}

/* vital signs: other codes beside the magic one are meant to be there */
static bool is_silent_slicing(const Walk *walk, ProfileId profile, const SchemaNode *node)
{
    return (walk->schema->profiles[profile].flags & PROFILE_CORE) &&
           str_is(schema_text(walk->schema, node->path), "Observation.code.coding");
}

static bool report_additional(Walk *walk, ProfileId profile, const Child *child)
{
    const SchemaNode *node = schema_node(walk->schema, child->definition);
    const SchemaSlicing *slicing = &walk->schema->slicings[node->slicing];
    if (slicing->rules == SLICING_CLOSED) {
        report_with(walk, SEVERITY_ERROR, MSG_NOT_A_SLICE, child->elem,
                    walk_versioned(walk, profile), STR_NONE, STR_NONE, STR_NONE);
        return false;
    }
    if (!is_silent_slicing(walk, profile, node))
        report_with(walk, SEVERITY_INFORMATION, MSG_UNKNOWN_SLICE, child->elem,
                    walk_versioned(walk, profile), STR_NONE, STR_NONE, STR_NONE);
    return true;
}

bool assign_children(Walk *walk, const Scope *scope, const Definitions *definitions,
                     ProfileId profile, ElemId parent, Child *children, uint32_t count)
{
    uint32_t own_hint = 0;
    uint32_t type_hint = 0;
    uint32_t i = 0;
    bool ok = true;
    bool abstract = walk->schema
                        ->profiles[schema_node(walk->schema, definitions->own ? definitions->own
                                                                              : definitions->type)
                                       ->profile]
                        .flags &
                    PROFILE_ABSTRACT;
    ELEM_EACH(&walk->elems, id, parent)
    {
        if (i == count)
            break;
        Child *child = &children[i++];
        *child = (Child){.elem = id};
        uint16_t element = walk_elem(walk, id)->element;
        const SchemaGroup *group =
            definitions->own ? find_group(walk->schema, definitions->own, element, &own_hint)
                             : NULL;
        if (!group && definitions->type)
            group = find_group(walk->schema, definitions->type, element, &type_hint);
        if (group)
            ok = assign_child(walk, scope, profile, group, child) && ok;
        if (child->additional && child->definition) {
            ok = report_additional(walk, profile, child) && ok;
        } else if (!child->definition && !abstract) {
            report_with(walk, SEVERITY_ERROR, MSG_NOT_ALLOWED, id, walk_versioned(walk, profile),
                        STR_NONE, STR_NONE, STR_NONE);
            ok = false;
        }
    }
    return ok;
}

/* --- cardinality ------------------------------------------------------------------------------ */

static bool counts_as(const Schema *schema, NodeId id, const SchemaNode *node, const Child *child)
{
    if (child->definition == id || (node->slicing && child->slicer == id))
        return true;
    return node->slicing && node->slice && child->definition &&
           is_reslice(schema_text(schema, schema_node(schema, child->definition)->slice_name),
                      schema_text(schema, node->slice_name));
}

/* How many children are this definition; for a sliced element its slices count too. */
static uint32_t count_children(const Schema *schema, NodeId id, const SchemaNode *node,
                               const Child *children, uint32_t count)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++)
        found += counts_as(schema, id, node, &children[i]);
    return found;
}

static bool is_magic_code(const Schema *schema, ProfileId profile, const SchemaNode *node)
{
    return (schema->profiles[profile].flags & PROFILE_CORE) && node->slice_name &&
           str_is(schema_text(schema, node->path), "Observation.code.coding");
}

/* spec: hl7.org/fhir/R4/observation-vitalsigns.html: one LOINC code is required, others may be */
static Str fixed_code(const Schema *schema, NodeId id)
{
    const SchemaNode *node = schema_node(schema, id);
    for (uint32_t i = 0; i < node->child_count; i++) {
        const SchemaNode *child = schema_node(schema, schema->numbers[node->children + i]);
        if (child->fixed && str_ends(schema_text(schema, child->path), STR(".code")))
            return schema_text(schema, schema->values[child->fixed].text);
    }
    return STR_NONE;
}

static void report_minimum(Walk *walk, ProfileId profile, NodeId id, ElemId parent, uint32_t found)
{
    const Schema *schema = walk->schema;
    const SchemaNode *node = schema_node(schema, id);
    Str versioned = walk_versioned(walk, profile);
    if (is_magic_code(schema, profile, node)) {
        report_with(walk, SEVERITY_ERROR, MSG_MINIMUM_MAGIC, parent,
                    schema_text(schema, node->slice_name), fixed_code(schema, id), versioned,
                    STR_NONE);
        return;
    }
    report_with(walk, SEVERITY_ERROR, node->slice_name ? MSG_MINIMUM_SLICE : MSG_MINIMUM, parent,
                versioned, schema_text(schema, node->id),
                arena_format(walk->arena, "%u", node->min), arena_format(walk->arena, "%u", found));
}

static bool check_node(Walk *walk, ProfileId profile, NodeId id, ElemId parent,
                       const Child *children, uint32_t count)
{
    const Schema *schema = walk->schema;
    const SchemaNode *node = schema_node(schema, id);
    if ((node->min == 0 && node->max == SCHEMA_MAX_MANY) || (node->flags & NODE_XHTML))
        return true;
    uint32_t found = count_children(schema, id, node, children, count);
    bool ok = true;
    if (found < node->min) {
        report_minimum(walk, profile, id, parent, found);
        ok = false;
    }
    if (node->max != SCHEMA_MAX_MANY && found > node->max) {
        report_with(walk, SEVERITY_ERROR, MSG_MAXIMUM, parent, walk_versioned(walk, profile),
                    schema_text(schema, node->id), arena_format(walk->arena, "%u", node->max),
                    arena_format(walk->arena, "%u", found));
        ok = false;
    }
    return ok;
}

bool check_cardinality(Walk *walk, const Definitions *definitions, ProfileId profile, ElemId parent,
                       const Child *children, uint32_t count)
{
    const Schema *schema = walk->schema;
    bool ok = true;
    if (definitions->own) {
        const SchemaNode *own = schema_node(schema, definitions->own);
        for (uint32_t i = 0; i < own->counted_count; i++)
            ok = check_node(walk, profile, schema->numbers[own->counted + i], parent, children,
                            count) &&
                 ok;
    }
    if (!definitions->type)
        return ok;
    const SchemaNode *type = schema_node(schema, definitions->type);
    for (uint32_t i = 0; i < type->counted_count; i++) {
        NodeId id = schema->numbers[type->counted + i];
        uint32_t hint = 0;
        if (definitions->own &&
            find_group(schema, definitions->own, schema_node(schema, id)->element, &hint))
            continue; /* the definition's own says more */
        ok = check_node(walk, profile, id, parent, children, count) && ok;
    }
    return ok;
}
