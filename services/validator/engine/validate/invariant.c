#include "services/validator/engine/validate/walk.h"

static const char clean; /* in the memo: this invariant holds here */

FhirpathItem walk_item(const Walk *walk, ElemId id)
{
    const Elem *elem = walk_elem(walk, id);
    return fhirpath_node_item(walk->doc, elem->node, elem->extra, elem->type);
}

static void enter_resource(Walk *walk, const Scope *scope)
{
    if (walk->eval_resource == scope->resource && walk->eval_root == scope->root_resource)
        return;
    FhirpathItem resource = walk_item(walk, scope->resource);
    FhirpathItem root = walk_item(walk, scope->root_resource);
    fhirpath_eval_resource(walk->eval, &resource, &root);
    walk->eval_resource = scope->resource;
    walk->eval_root = scope->root_resource;
}

FhirpathVerdict evaluate_expression(Walk *walk, const Scope *scope, uint32_t expression,
                                    ElemId elem)
{
    if (walk->schema->expressions[expression].code_bytes == 0)
        return FHIRPATH_THREW;
    return evaluate_code(walk, scope, schema_code(walk->schema, expression), elem);
}

FhirpathVerdict evaluate_code(Walk *walk, const Scope *scope, Str code, ElemId elem)
{
    enter_resource(walk, scope);
    FhirpathItem focus = walk_item(walk, elem);
    FhirpathVerdict verdict = fhirpath_check(walk->eval, code, &focus, NULL);
    if (verdict == FHIRPATH_LIMIT)
        walk_stop(walk, elem, STR("an invariant takes more steps than the limit allows"));
    return verdict;
}

/* spec: hl7.org/fhir/R4/element.html#invs: a value, or more children than the id. The Java core
 * says nothing of a complex element without children: the JSON form did. */
static bool holds_ele_1(const Walk *walk, const Elem *elem, ElemId id)
{
    if (elem_text(elem).len > 0 || !(elem->flags & ELEM_PRIMITIVE))
        return true;
    uint32_t ids = elem_child(&walk->elems, id, walk->model->n_id) ? 1 : 0;
    return elem->child_count > ids;
}

/* Nothing in it, nor in anything below: to exists() it is not there. To the Java core a value that
 * is written as "" is there. */
static bool is_empty(const Walk *walk, ElemId id)
{
    const Elem *elem = walk_elem(walk, id);
    if (elem->flags & ELEM_VALUE)
        return false;
    ELEM_EACH(&walk->elems, child, id)
    if (!is_empty(walk, child))
        return false;
    return true;
}

/* spec: hl7.org/fhir/R4/extensibility.html#invs: extensions or a value, not both */
static bool holds_ext_1(const Walk *walk, ElemId id)
{
    bool extensions = false;
    bool value = false;
    ELEM_EACH(&walk->elems, child, id)
    {
        uint16_t element = walk_elem(walk, child)->element;
        extensions = extensions || (element == walk->model->n_extension && !is_empty(walk, child));
        value = value || (element == walk->model->n_value && !is_empty(walk, child));
    }
    return extensions != value;
}

static bool holds_ref_1(Walk *walk, const Scope *scope, const SchemaConstraint *constraint,
                        ElemId id)
{
    Str reference = walk_text(walk, id, "reference");
    if (reference.len > 1 && reference.ptr[0] == '#')
        return has_contained(walk, scope->root_resource, str_skip(reference, 1));
    return evaluate_expression(walk, scope, constraint->expression, id) == FHIRPATH_TRUE;
}

static bool holds(Walk *walk, const Scope *scope, const SchemaConstraint *constraint, ElemId id)
{
    switch ((NativeInvariant)constraint->native) {
    case NATIVE_SKIP:
        return true;
    case NATIVE_ELE_1:
        return holds_ele_1(walk, walk_elem(walk, id), id);
    case NATIVE_EXT_1:
        return holds_ext_1(walk, id);
    case NATIVE_TXT_1: /* spec: hl7.org/fhir/R4/narrative.html#invs: both look at the same text */
        return narrative_verdict(walk, id).allowed;
    case NATIVE_TXT_2:
        return narrative_verdict(walk, id).content;
    case NATIVE_REF_1: /* in %rootResource.contained.id, which may be many */
        return holds_ref_1(walk, scope, constraint, id);
    default:
        break;
    }
    return evaluate_expression(walk, scope, constraint->expression, id) == FHIRPATH_TRUE;
}

static const Finding *report_failed(Walk *walk, const SchemaConstraint *constraint, ElemId id)
{
    bool best_practice = constraint->flags & CONSTRAINT_BEST_PRACTICE;
    if (best_practice && !walk->best_practice)
        return NULL;
    bool error = !best_practice && (constraint->flags & CONSTRAINT_ERROR);
    Finding *finding =
        report_with(walk, error ? SEVERITY_ERROR : SEVERITY_WARNING, MSG_INVARIANT, id,
                    schema_text(walk->schema, constraint->key),
                    schema_text(walk->schema, constraint->human), STR_NONE, STR_NONE);
    if (finding)
        finding->id = schema_text(walk->schema, constraint->id);
    return finding;
}

static bool lacks(const Walk *walk, ElemId id, const char *property)
{
    return walk_child(walk, id, property) == ELEM_NONE;
}

static bool has_something(const Walk *walk, ElemId id, const char *property)
{
    ElemId child = walk_child(walk, id, property);
    return child && !is_empty(walk, child);
}

/* Invariants whose expression is true for nearly every element, for a reason that shows at once.
 * False: look closer. */
static bool holds_at_a_glance(const Walk *walk, NativeInvariant native, ElemId id)
{
    switch (native) {
    case NATIVE_ELE_1:
        return holds_ele_1(walk, walk_elem(walk, id), id);
    case NATIVE_EXT_1:
        return holds_ext_1(walk, id);
    case NATIVE_REF_1: {
        Str reference = walk_text(walk, id, "reference");
        return reference.len == 0 ? lacks(walk, id, "reference") : reference.ptr[0] != '#';
    }
    case NATIVE_NO_CONTAINED:
        return lacks(walk, id, "contained");
    case NATIVE_DOM_6: {
        ElemId text = walk_child(walk, id, "text");
        return text && has_something(walk, text, "div");
    }
    case NATIVE_BDL_5:
        return has_something(walk, id, "resource");
    case NATIVE_BDL_8: {
        Str url = walk_text(walk, id, "fullUrl");
        return url.len ? str_find(url, STR("/_history/")) == SIZE_MAX : lacks(walk, id, "fullUrl");
    }
    case NATIVE_OBS_7:
        return lacks(walk, id, "component");
    case NATIVE_PER_1:
        return lacks(walk, id, "start") || lacks(walk, id, "end");
    default:
        return false;
    }
}

/* The Java core runs an expression once per element, whichever profile brings it: the finding of
 * the first one is handed out again. */
static bool check_constraint(Walk *walk, const Scope *scope, uint32_t number, ElemId id)
{
    const SchemaConstraint *constraint = &walk->schema->constraints[number];
    const Finding *known = memo_get(walk->invariants, id, constraint->expression);
    if ((const void *)known == &clean)
        return true;
    if (known) {
        findings_add(walk, walk->out, known);
        return known->severity < SEVERITY_ERROR;
    }
    const void *outcome = &clean;
    bool ok = holds(walk, scope, constraint, id);
    if (!ok) {
        const Finding *finding = report_failed(walk, constraint, id);
        if (finding) {
            outcome = finding;
            ok = finding->severity < SEVERITY_ERROR;
        } else {
            ok = true;
        }
    }
    /* The memo never writes through its pointers. */
    if (!memo_put(walk->invariants, id, constraint->expression, (void *)(uintptr_t)outcome))
        walk->stopped = true;
    return ok;
}

bool check_constraints(Walk *walk, const Scope *scope, NodeId definition, ElemId id)
{
    const SchemaNode *node = schema_node(walk->schema, definition);
    bool ok = true;
    for (uint32_t i = 0; i < node->constraint_count && !walk->stopped; i++) {
        uint32_t number = walk->schema->numbers[node->constraints + i];
        const SchemaConstraint *constraint = &walk->schema->constraints[number];
        if (constraint->native && holds_at_a_glance(walk, (NativeInvariant)constraint->native, id))
            continue;
        ok = check_constraint(walk, scope, number, id) && ok;
    }
    return ok;
}
