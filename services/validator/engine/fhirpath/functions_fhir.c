/* hl7.org/fhir/R4/fhirpath.html#functions: what FHIR adds, and trace() and defineVariable(). */
#include "common/fhir/ucum.h"
#include "services/validator/engine/fhirpath/functions_inner.h"
#include "services/validator/engine/fhirpath/xhtml.h"

static bool give_boolean(FpEval *eval, const FpCall *call, bool value)
{
    return fp_return(eval, call, fp_boolean(value));
}

static Str url_of(FpEval *eval, const FhirpathItem *extension)
{
    const JsonNode *url = NULL;
    if (extension->node && eval->model)
        url = json_get_id(extension->doc, extension->node, eval->model->n_url);
    else if (extension->node)
        url = json_get(extension->doc, extension->node, "url");
    return url && url->kind == JSON_KIND_STRING ? json_text(url) : STR_NONE;
}

/* spec: extension(url). The Java core looks at modifier extensions, too. */
bool fn_extension(FpEval *eval, const FpCall *call)
{
    Str url;
    bool has;
    uint32_t end = eval->top;
    uint16_t names[2] = {eval->model ? eval->model->n_extension : 0,
                         eval->model ? eval->model->n_modifier_extension : 0};
    Str texts[2] = {STR("extension"), STR("modifierExtension")};
    if (!fp_text_argument(eval, call, 0, &url, &has))
        return false;
    if (!has)
        return eval->java ? fp_throw(eval, call->node, "extension() takes a url, found none")
                          : fp_return_empty(eval, call);
    uint32_t kept = end;
    for (uint32_t i = call->base; i < end; i++) {
        for (uint32_t n = 0; n < (eval->java ? 2 : 1); n++) {
            FhirpathItem item = eval->items[i];
            if (!fp_push_children(eval, &item, names[n], texts[n]))
                return false;
        }
        for (uint32_t j = kept, to = eval->top; j < to; j++)
            if (str_eq(url_of(eval, &eval->items[j]), url))
                eval->items[kept++] = eval->items[j];
        eval->top = kept;
    }
    fp_remove(eval, call->base, end);
    return true;
}

/* spec: hasValue(): a single primitive with a value (not only extensions). */
FpTri fp_test_has_value(FpEval *eval, const FpCall *call)
{
    if (fp_input_count(eval, call) != 1)
        return FP_FALSE;
    const FhirpathItem *item = &eval->items[call->base];
    if (item->kind != FHIRPATH_NODE)
        return FP_TRUE;
    Str text = STR("");
    bool has = item->node && item->node->kind < JSON_KIND_ARRAY &&
               fp_primitive_text(eval, item, &text) && text.len > 0;
    return has ? FP_TRUE : FP_FALSE;
}

bool fn_has_value(FpEval *eval, const FpCall *call)
{
    return give_boolean(eval, call, fp_test_has_value(eval, call) == FP_TRUE);
}

bool fn_get_value(FpEval *eval, const FpCall *call)
{
    FhirpathItem value;
    if (fp_input_count(eval, call) != 1 || !fp_is_primitive(eval, &eval->items[call->base]) ||
        !fp_value(eval, &eval->items[call->base], &value))
        return fp_return_empty(eval, call);
    return fp_return(eval, call, value);
}

static Str reference_of(FpEval *eval, const FhirpathItem *item)
{
    if (item->kind == FHIRPATH_STRING)
        return item->string;
    if (item->kind != FHIRPATH_NODE || !item->node)
        return STR_NONE;
    if (item->node->kind == JSON_KIND_STRING)
        return json_text(item->node);
    bool reference = !eval->model || !item->type || item->type == eval->model->reference_type;
    return reference && item->node->kind == JSON_KIND_OBJECT
               ? json_get_text(item->doc, item->node, "reference")
               : STR_NONE;
}

bool fn_resolve(FpEval *eval, const FpCall *call)
{
    uint32_t kept = call->base;
    for (uint32_t i = call->base; i < eval->top; i++) {
        FhirpathItem from = eval->items[i], target;
        Str reference = reference_of(eval, &from);
        bool found = false;
        if (reference.ptr && !fp_resolve(eval, &from, reference, &target, &found))
            return false;
        if (found)
            eval->items[kept++] = target;
    }
    eval->top = kept;
    return true;
}

bool fn_member_of(FpEval *eval, const FpCall *call)
{
    Str url;
    bool has, member = false;
    uint32_t count = fp_input_count(eval, call);
    if (!fp_text_argument(eval, call, 0, &url, &has))
        return false;
    if (count > 1 && !eval->java)
        return fp_throw(eval, call->node, "memberOf() takes one item, found %u", count);
    if (!has || count != 1)
        return fp_return_empty(eval, call);
    if (!eval->host || !eval->host->member_of)
        return fp_throw(eval, call->node, "memberOf() needs a terminology, there is none here");
    FhirpathItem item = eval->items[call->base];
    if (!eval->host->member_of(eval->host->self, &item, url, &member))
        return fp_return_empty(eval, call);
    return give_boolean(eval, call, member);
}

static bool subsumption(FpEval *eval, const FpCall *call, bool swapped)
{
    uint32_t start;
    bool subsumes = false;
    uint32_t count = fp_input_count(eval, call);
    if (!fp_argument(eval, call, 0, &start))
        return false;
    if (count != 1 || eval->top - start != 1)
        return fp_return_empty(eval, call);
    if (!eval->host || !eval->host->subsumes)
        return fp_throw(eval, call->node, "%s() needs a terminology, there is none here",
                        fp_call_name(call));
    FhirpathItem a = eval->items[call->base], b = eval->items[start];
    if (!eval->host->subsumes(eval->host->self, swapped ? &b : &a, swapped ? &a : &b, &subsumes))
        return fp_return_empty(eval, call);
    return give_boolean(eval, call, subsumes);
}

bool fn_subsumes(FpEval *eval, const FpCall *call)
{
    return subsumption(eval, call, false);
}
bool fn_subsumed_by(FpEval *eval, const FpCall *call)
{
    return subsumption(eval, call, true);
}

/* Without a host only the base definitions are known: an element conforms to those it derives from.
 */
static bool conforms(FpEval *eval, const FpCall *call, const FhirpathItem *item, Str url,
                     bool *ret_conforms)
{
    static const char base[] = "http://hl7.org/fhir/StructureDefinition/";
    if (eval->host && eval->host->conforms_to &&
        eval->host->conforms_to(eval->host->self, item, url, ret_conforms))
        return true;
    FhirTypeId type = 0;
    if (eval->model && str_starts(url, STR(base)))
        type = fhir_type_find(eval->model, str_skip(url, sizeof base - 1));
    if (!type)
        return fp_throw(eval, call->node, "conformsTo() does not know that profile");
    *ret_conforms = item->kind == FHIRPATH_NODE && fhir_type_is_a(eval->model, item->type, type);
    return true;
}

bool fn_conforms_to(FpEval *eval, const FpCall *call)
{
    Str url;
    bool has, value = false;
    uint32_t count = fp_input_count(eval, call);
    if (!fp_text_argument(eval, call, 0, &url, &has))
        return false;
    if (count != 1 && eval->java)
        return give_boolean(eval, call, false);
    if (count > 1)
        return fp_throw(eval, call->node, "conformsTo() takes one item, found %u", count);
    if (!has || count == 0)
        return fp_return_empty(eval, call);
    FhirpathItem item = eval->items[call->base];
    return conforms(eval, call, &item, url, &value) && give_boolean(eval, call, value);
}

/* spec: checkModifiers(url ...): an error when there is a modifier extension of another url. */
bool fn_check_modifiers(FpEval *eval, const FpCall *call)
{
    uint32_t end = eval->top;
    for (uint32_t i = call->base; i < end; i++) {
        FhirpathItem item = eval->items[i];
        uint16_t name = eval->model ? eval->model->n_modifier_extension : 0;
        if (!fp_push_children(eval, &item, name, STR("modifierExtension")))
            return false;
        for (uint32_t j = end, to = eval->top; j < to; j++) {
            Str url = url_of(eval, &eval->items[j]), allowed = STR_NONE;
            bool known = false, has;
            for (uint32_t n = 0; fp_argument_node(eval, call, n) && !known; n++) {
                if (!fp_text_argument(eval, call, n, &allowed, &has))
                    return false;
                known = has && str_eq(url, allowed);
            }
            if (!known)
                return fp_throw(eval, call->node, "checkModifiers() found another modifier");
        }
        eval->top = end;
    }
    return true;
}

bool fn_comparable(FpEval *eval, const FpCall *call)
{
    uint32_t start;
    FhirpathItem a, b;
    UcumUnit ua, ub;
    Str x, y;
    if (!fp_argument(eval, call, 0, &start))
        return false;
    if (start - call->base != 1 || eval->top - start != 1 ||
        !fp_value(eval, &eval->items[call->base], &a) || !fp_value(eval, &eval->items[start], &b) ||
        a.kind != FHIRPATH_QUANTITY || b.kind != FHIRPATH_QUANTITY)
        return give_boolean(eval, call, false);
    bool same = str_eq(a.quantity->unit, b.quantity->unit) &&
                str_eq(a.quantity->system, b.quantity->system);
    bool value = same || (fp_quantity_unit(a.quantity, &x) && fp_quantity_unit(b.quantity, &y) &&
                          ucum_parse(x, eval->arena, &ua, NULL) &&
                          ucum_parse(y, eval->arena, &ub, NULL) && ucum_commensurable(&ua, &ub));
    return give_boolean(eval, call, value);
}

/* spec: htmlChecks(): the rules of Narrative.div. */
static bool html(FpEval *eval, const FpCall *call, bool (*check)(Str text), bool otherwise)
{
    Str text;
    if (fp_input_count(eval, call) != 1)
        return otherwise ? fp_return_empty(eval, call) : give_boolean(eval, call, false);
    FhirpathItem item = eval->items[call->base];
    if (!fp_primitive_text(eval, &item, &text))
        return fp_return_empty(eval, call);
    fp_spend_bytes(eval, text.len);
    return give_boolean(eval, call, check(text));
}

bool fn_html_checks(FpEval *eval, const FpCall *call)
{
    return html(eval, call, xhtml_allowed, true);
}
bool fn_html_checks_content(FpEval *eval, const FpCall *call)
{
    return html(eval, call, xhtml_has_content, false);
}

/* spec: hl7.org/fhir/uv/sql-on-fhir: type and id. */
bool fn_get_resource_key(FpEval *eval, const FpCall *call)
{
    if (fp_input_count(eval, call) != 1)
        return fp_return_empty(eval, call);
    FhirpathItem item = eval->items[call->base];
    Str id = item.kind == FHIRPATH_NODE && item.node ? json_get_text(item.doc, item.node, "id")
                                                     : STR_NONE;
    if (!id.ptr)
        return fp_return_empty(eval, call);
    Str type = fp_type_name(eval->model, &item);
    Str key = arena_format(eval->arena, "%.*s/%.*s", STR_ARG(type), STR_ARG(id));
    return key.ptr ? fp_return(eval, call, fp_string(key)) : fp_no_memory(eval);
}

bool fn_get_reference_key(FpEval *eval, const FpCall *call)
{
    if (fp_input_count(eval, call) != 1)
        return fp_return_empty(eval, call);
    FhirpathItem item = eval->items[call->base];
    Str reference = reference_of(eval, &item);
    size_t slash = reference.ptr ? str_rfind_char(reference, '/') : SIZE_MAX;
    if (slash == SIZE_MAX)
        return fp_return_empty(eval, call);
    size_t before = str_rfind_char((Str){reference.ptr, slash}, '/');
    Str key = before == SIZE_MAX ? reference : str_skip(reference, before + 1);
    if (call->node->right) {
        Str type = fp_text(eval->code, &eval->nodes[call->node->right]);
        if (!str_starts(key, type) || key.len <= type.len || key.ptr[type.len] != '/')
            return fp_return_empty(eval, call);
    }
    return fp_return(eval, call, fp_string(key));
}

bool fn_unavailable(FpEval *eval, const FpCall *call)
{
    return fp_throw(eval, call->node, "%s() needs a profile, there is none here",
                    fp_call_name(call));
}

bool fn_trace(FpEval *eval, const FpCall *call)
{
    Str name;
    bool has;
    uint32_t end = eval->top, projection = fp_argument_node(eval, call, 1);
    if (!fp_text_argument(eval, call, 0, &name, &has))
        return false;
    if (!has)
        return fp_throw(eval, call->node, "trace() takes a name, found none");
    if (!eval->host || !eval->host->trace)
        return true;
    for (uint32_t i = call->base; projection && i < end; i++) {
        FhirpathItem item = eval->items[i];
        if (!fp_lambda(eval, call, projection, &item, i - call->base))
            return false;
    }
    uint32_t from = projection ? end : call->base;
    eval->host->trace(eval->host->self, name,
                      (FhirpathItems){eval->items + from, eval->top - from});
    eval->top = end;
    return true;
}

/* The name is seen by what follows in the same path and by what that contains. */
bool fn_define_variable(FpEval *eval, const FpCall *call)
{
    Str name;
    bool has;
    uint32_t end = eval->top, value = fp_argument_node(eval, call, 1);
    if (!fp_text_argument(eval, call, 0, &name, &has))
        return false;
    if (!has)
        return fp_throw(eval, call->node, "defineVariable() takes a name, found none");
    for (const FpDefined *d = eval->defined; d; d = d->before)
        if (str_eq(d->name, name))
            return fp_throw(eval, call->node, "the variable %%%.*s is defined already",
                            STR_ARG(name));
    if (str_is(name, "resource") || str_is(name, "rootResource") || str_is(name, "context") ||
        str_is(name, "ucum") || str_is(name, "sct") || str_is(name, "loinc"))
        return fp_throw(eval, call->node, "%%%.*s cannot be defined anew", STR_ARG(name));
    FpScope inner = *call->scope;
    FhirpathItem only;
    if (end - call->base == 1) {
        only = eval->items[call->base];
        inner.focus = inner.self = &only;
        inner.focus_count = 1;
    } else {
        inner.focus = eval->items + call->base;
        inner.focus_count = end - call->base;
    }
    FpDefined *before = eval->defined;
    if (value && !fp_eval(eval, value, &inner))
        return false;
    eval->defined = before;
    uint32_t from = value ? end : call->base, count = eval->top - from;
    FpDefined *defined = ARENA_NEW(eval->arena, FpDefined);
    FhirpathItem *items = ARENA_ARRAY(eval->arena, FhirpathItem, count + 1);
    if (!defined || !items)
        return fp_no_memory(eval);
    if (count)
        memcpy(items, eval->items + from, count * sizeof *items);
    *defined = (FpDefined){before, name, items, count};
    eval->defined = defined;
    eval->top = end;
    return true;
}

bool fn_check(FpEval *eval, const FpCall *call)
{
    uint32_t end = eval->top;
    FhirpathItem item = {0};
    if (end > call->base)
        item = eval->items[call->base];
    if (!fp_lambda(eval, call, call->node->right, &item, 0))
        return false;
    FpTri holds = fp_tri(eval, call->node, end);
    if (holds == FP_FAILED)
        return false;
    eval->top = end;
    return holds == FP_TRUE || fp_throw(eval, call->node, "check() failed");
}
