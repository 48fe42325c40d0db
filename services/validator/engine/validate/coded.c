/* Codes, Codings, CodeableConcepts and Quantities against their bindings: the terminology answers,
 * its findings become ours. */
#include "services/validator/engine/validate/walk.h"

enum { CODINGS_MAX = 64 };

/* Warnings of an extensible binding are taken back when a stronger binding of another profile holds
 * on the same element. */
static const uint32_t removable_key = UINT32_MAX;

static void withdraw(Walk *walk, ElemId elem)
{
    for (Finding *f = memo_get(walk->removable, elem, removable_key); f; f = f->older)
        f->withdrawn = true;
}

static bool remember(Walk *walk, ElemId elem, Finding *finding)
{
    for (ElemId at = elem; at; at = walk_elem(walk, at)->parent)
        walk->elems.items[at].flags |= ELEM_REMOVABLE;
    finding->older = memo_get(walk->removable, elem, removable_key);
    return memo_put(walk->removable, elem, removable_key, finding);
}

static bool take_over(Walk *walk, const TxFindings *found, ElemId elem)
{
    bool ok = true;
    if (found->withdraws)
        withdraw(walk, elem);
    for (const TxFinding *f = found->first; f; f = f->next) {
        if (f->unsure && f->severity == TX_ERROR && walk->rules & RULE_UNKNOWN_SYSTEM_WARNS)
            continue;
        ok = ok && f->severity != TX_ERROR;
        static const IssueSeverity severities[] = {[TX_INFORMATION] = SEVERITY_INFORMATION,
                                                   [TX_WARNING] = SEVERITY_WARNING,
                                                   [TX_ERROR] = SEVERITY_ERROR};
        Finding *finding = report_with(walk, severities[f->severity], MSG_TERMINOLOGY, elem,
                                       f->text, STR_NONE, STR_NONE, STR_NONE);
        if (!finding)
            return false;
        finding->id = str_from(f->message_id);
        finding->code = f->issue_code;
        if (f->removable && !remember(walk, elem, finding))
            walk->stopped = true;
    }
    return ok;
}

static const SchemaBinding *binding_of(const Walk *walk, const SchemaNode *node)
{
    return node->binding ? &walk->schema->bindings[node->binding] : NULL;
}

static TxReference reference_of(const Walk *walk, const SchemaBinding *binding)
{
    if (!binding)
        return (TxReference){STR_NONE, STR_NONE};
    return (TxReference){schema_text(walk->schema, binding->value_set),
                         schema_text(walk->schema, binding->max_value_set)};
}

static TxCoding coding_of(const Walk *walk, ElemId elem)
{
    return (TxCoding){.system = walk_text(walk, elem, "system"),
                      .version = walk_text(walk, elem, "version"),
                      .code = walk_text(walk, elem, "code"),
                      .display = walk_text(walk, elem, "display")};
}

/* The terminology's answer, remembered by element and binding: several profiles ask the same. */
static const TxFindings *concept_answer(Walk *walk, uint32_t number, ElemId elem)
{
    const TxFindings *known = memo_get(walk->answers, elem, number);
    if (known)
        return known;
    TxCoding codings[CODINGS_MAX];
    size_t count = 0;
    ELEM_EACH(&walk->elems, child, elem)
    {
        if (walk_elem(walk, child)->property != walk->model->n_coding || count == CODINGS_MAX ||
            walk_elem(walk, child)->child_count == 0)
            continue; /* an empty one is none; the JSON form was complained about */
        codings[count++] = coding_of(walk, child);
    }
    const SchemaBinding *binding = number ? &walk->schema->bindings[number] : NULL;
    TxReference reference = reference_of(walk, binding);
    TxFindings *found = ARENA_NEW(walk->arena, TxFindings);
    if (!found ||
        !terminology_check_concept(walk->terminology, binding ? &binding->tx : NULL, &reference,
                                   codings, count, walk->arena, found) ||
        !memo_put(walk->answers, elem, number, found))
        return NULL;
    return found;
}

bool check_concept(Walk *walk, const Scope *scope, const SchemaNode *node, ElemId elem)
{
    (void)scope;
    if (!walk->terminology)
        return true;
    const TxFindings *found = concept_answer(walk, node->binding, elem);
    if (!found) {
        walk->stopped = true;
        return false;
    }
    return take_over(walk, found, elem);
}

static bool check_not_supplement(Walk *walk, ElemId elem)
{
    if (!terminology_has_supplements(walk->terminology))
        return true;
    ElemId system = walk_child(walk, elem, "system");
    Str url = system ? elem_text(walk_elem(walk, system)) : STR_NONE;
    if (!url.len || !terminology_is_supplement(walk->terminology, url))
        return true;
    report_with(walk, SEVERITY_ERROR, MSG_CODING_SUPPLEMENT, system, url, STR_NONE, STR_NONE,
                STR_NONE);
    return false;
}

bool check_coding(Walk *walk, const Scope *scope, const SchemaNode *node, ElemId elem)
{
    if (!walk->terminology)
        return true;
    if (!check_not_supplement(walk, elem))
        return false;
    if (scope->in_concept)
        return true;
    TxCoding coding = coding_of(walk, elem);
    const SchemaBinding *binding = binding_of(walk, node);
    TxReference reference = reference_of(walk, binding);
    TxFindings found;
    if (!terminology_check_coding(walk->terminology, binding ? &binding->tx : NULL, &reference,
                                  &coding, walk->arena, &found)) {
        walk->stopped = true;
        return false;
    }
    return take_over(walk, &found, elem);
}

bool check_quantity(Walk *walk, const Scope *scope, const SchemaNode *node, ElemId elem)
{
    (void)scope;
    TxCoding coding = {.system = walk_text(walk, elem, "system"),
                       .code = walk_text(walk, elem, "code"),
                       .display = walk_text(walk, elem, "unit")};
    if (!walk->terminology || (!coding.system.ptr && !coding.code.ptr))
        return true;
    const SchemaBinding *binding = binding_of(walk, node);
    TxReference reference = reference_of(walk, binding);
    TxFindings found;
    if (!terminology_check_quantity(walk->terminology, binding ? &binding->tx : NULL, &reference,
                                    &coding, walk->arena, &found)) {
        walk->stopped = true;
        return false;
    }
    return take_over(walk, &found, elem);
}

static bool is_coded_type(const Walk *walk, FhirTypeId type)
{
    const FhirModel *m = walk->model;
    return type == m->code_type || type == m->string_type || type == m->uri_type ||
           type == m->url_type || type == m->canonical_type;
}

bool check_code(Walk *walk, const SchemaNode *node, ElemId elem, FhirTypeId type)
{
    const SchemaBinding *binding = binding_of(walk, node);
    if (!walk->terminology || !binding || !is_coded_type(walk, type))
        return true;
    TxReference reference = reference_of(walk, binding);
    TxFindings found;
    if (!terminology_check_code(walk->terminology, &binding->tx, &reference,
                                elem_text(walk_elem(walk, elem)), walk->arena, &found)) {
        walk->stopped = true;
        return false;
    }
    return take_over(walk, &found, elem);
}
