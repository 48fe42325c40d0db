/* Extensions: are they known, may they stand here, is their value what they say. */
#include "services/validator/engine/validate/text.h"
#include "services/validator/engine/validate/walk.h"

#define CORE "http://hl7.org/fhir/StructureDefinition/"

/* --- where an extension may stand ------------------------------------------------------------- */

/* The ways to name the element that holds an extension: Patient.contact.name, HumanName, ... */
enum { LOGICAL_PATHS_MAX = 24 };

typedef struct LogicalPaths {
    Str paths[LOGICAL_PATHS_MAX];
    uint32_t count;
} LogicalPaths;

static void add_path(LogicalPaths *paths, Str path)
{
    if (path.len && paths->count < LOGICAL_PATHS_MAX)
        paths->paths[paths->count++] = path;
}

/* From `root` (a resource or data type) down to `elem`: Type.name.name */
static Str path_between(const Walk *walk, ElemId root, ElemId elem)
{
    ElemId steps[64];
    uint32_t count = 0;
    for (ElemId at = elem; at && at != root && count < 64; at = walk_elem(walk, at)->parent)
        steps[count++] = at;
    Text text;
    text_init(&text, walk->arena, 128);
    text_add(&text, fhir_type_name(walk->model, walk_elem(walk, root)->type));
    while (count > 0) {
        const Elem *e = walk_elem(walk, steps[--count]);
        text_add_char(&text, '.');
        text_add(&text, json_name_text(&walk->model->names, e->element));
        if ((e->flags & ELEM_CHOICE) && count == 0)
            text_add(&text, STR("[x]"));
    }
    return text_str(&text);
}

/* Every ancestor is a beginning: Patient, HumanName, and what a contentReference leads back to:
 * Questionnaire.item, however deep. */
static void collect_paths(const Walk *walk, ElemId elem, LogicalPaths *paths)
{
    for (ElemId at = elem; at; at = walk_elem(walk, at)->parent) {
        const Elem *e = walk_elem(walk, at);
        add_path(paths, path_between(walk, at, elem));
        if (e->flags & ELEM_RESOURCE)
            break;
    }
}

static Str without_choice(Str path)
{
    return str_ends(path, STR("[x]")) ? str_cut(path, 0, path.len - 3) : path;
}

/* Does the path begin with a type that is, or derives from, the context's? */
static bool path_fits(const Walk *walk, Str path, Str context)
{
    if (str_eq(without_choice(path), without_choice(context)))
        return true;
    size_t dot = str_find_char(path, '.');
    size_t context_dot = str_find_char(context, '.');
    if (!str_eq(without_choice(str_skip(path, dot)),
                without_choice(str_skip(context, context_dot))))
        return false;
    FhirTypeId type = fhir_type_find(walk->model, str_cut(path, 0, dot));
    FhirTypeId ancestor = fhir_type_find(walk->model, str_cut(context, 0, context_dot));
    return type && ancestor && fhir_type_is_a(walk->model, type, ancestor);
}

static bool is_canonical_resource(const Walk *walk, ElemId elem)
{
    FhirTypeId type = walk_elem(walk, elem)->type;
    uint16_t url = walk->model->n_url;
    return walk->model->types[type].kind == FHIR_KIND_RESOURCE &&
           fhir_child_find(walk->model, type, url) != NULL;
}

static bool element_context_fits(const Walk *walk, const LogicalPaths *paths, ElemId holder,
                                 Str context)
{
    size_t hash = str_find_char(context, '#');
    if (hash < context.len)
        context = str_skip(context, hash + 1);
    if (str_is(context, "Element") || str_is(context, "Any"))
        return true;
    if (str_is(context, "Resource") && (walk_elem(walk, holder)->flags & ELEM_RESOURCE))
        return true;
    if (str_is(context, "CanonicalResource") && is_canonical_resource(walk, holder))
        return true;
    for (uint32_t i = 0; i < paths->count; i++)
        if (path_fits(walk, paths->paths[i], context))
            return true;
    return false;
}

/* The url of the extension that holds `holder` (as its value), or of `holder` itself. */
static Str holding_extension(const Walk *walk, ElemId holder)
{
    const Elem *e = walk_elem(walk, holder);
    if (e->element == walk->model->n_value && e->parent &&
        walk_elem(walk, e->parent)->type == walk->model->extension_type)
        holder = e->parent;
    return walk_text(walk, holder, "url");
}

static bool fhirpath_context_fits(Walk *walk, const Scope *scope, const SchemaContext *context,
                                  ElemId holder)
{
    FhirpathItem focus = walk_item(walk, scope->resource);
    FhirpathItems found;
    if (!context->compiled || walk->schema->expressions[context->compiled].code_bytes == 0 ||
        !fhirpath_evaluate(walk->eval, schema_code(walk->schema, context->compiled), &focus, &found,
                           NULL))
        return false;
    const Elem *e = walk_elem(walk, holder);
    for (size_t i = 0; i < found.count; i++)
        if (found.items[i].kind == FHIRPATH_NODE && found.items[i].node == e->node &&
            found.items[i].extra == e->extra)
            return true;
    return false;
}

/* Contexts that were published too narrow, and where the Java core (6.5.18) allows these extensions
 * besides. */
static const struct {
    const char *url, *context;
} widened[] = {
    {CORE "structuredefinition-normative-version", "Element"               },
    {CORE "capabilitystatement-expectation",       "Element"               },
    {CORE "capabilitystatement-prohibited",        "Element"               },
    {CORE "structuredefinition-fhir-type",         "ElementDefinition.type"},
    {CORE "regex",                                 "ElementDefinition.type"},
};

static bool widened_context_fits(const Walk *walk, const LogicalPaths *paths, ElemId holder,
                                 Str url)
{
    for (size_t i = 0; i < sizeof widened / sizeof *widened; i++)
        if (str_is(url, widened[i].url) &&
            element_context_fits(walk, paths, holder, str_from(widened[i].context)))
            return true;
    return false;
}

static bool context_fits(Walk *walk, const Scope *scope, const SchemaProfile *extension,
                         ElemId holder)
{
    LogicalPaths paths = {0};
    collect_paths(walk, holder, &paths);
    for (uint32_t i = 0; i < extension->context_count; i++) {
        const SchemaContext *context = &walk->schema->contexts[extension->contexts + i];
        Str expression = schema_text(walk->schema, context->expression);
        bool fits = false;
        switch ((ContextKind)context->kind) {
        case CONTEXT_ELEMENT:
            fits = element_context_fits(walk, &paths, holder, expression);
            break;
        case CONTEXT_EXTENSION:
            fits = str_eq(holding_extension(walk, holder), expression);
            break;
        case CONTEXT_FHIRPATH:
            fits = fhirpath_context_fits(walk, scope, context, holder);
            break;
        }
        if (fits)
            return true;
    }
    return widened_context_fits(walk, &paths, holder, schema_text(walk->schema, extension->url));
}

static Str context_list(Walk *walk, const SchemaProfile *extension)
{
    Str list = STR("");
    for (uint32_t i = 0; i < extension->context_count; i++) {
        const SchemaContext *context = &walk->schema->contexts[extension->contexts + i];
        list = arena_format(walk->arena, "%.*s%s%.*s", STR_ARG(list), i ? ", " : "",
                            STR_ARG(schema_text(walk->schema, context->expression)));
    }
    return list;
}

static bool check_context(Walk *walk, const Scope *scope, const SchemaProfile *extension,
                          ElemId holder, bool modifier)
{
    Str url = schema_text(walk->schema, extension->url);
    if (!context_fits(walk, scope, extension, holder)) {
        report_with(walk, SEVERITY_ERROR,
                    modifier ? MSG_EXTENSION_CONTEXT_MODIFIER : MSG_EXTENSION_CONTEXT, holder, url,
                    context_list(walk, extension), STR_NONE, STR_NONE);
        return false;
    }
    for (uint32_t i = 0; i < extension->invariant_count; i++) {
        uint32_t expression = walk->schema->numbers[extension->invariants + i];
        if (evaluate_expression(walk, scope, expression, holder) == FHIRPATH_TRUE)
            continue;
        report_with(walk, SEVERITY_ERROR, MSG_EXTENSION_CONTEXT_INVARIANT, holder, url,
                    schema_text(walk->schema, walk->schema->expressions[expression].text), STR_NONE,
                    STR_NONE);
        return false;
    }
    return true;
}

/* --- what it holds ---------------------------------------------------------------------------- */

static Str value_type_list(Walk *walk, const SchemaProfile *extension)
{
    Str list = STR("");
    for (uint32_t i = 0; i < extension->value_type_count; i++)
        list = arena_format(
            walk->arena, "%.*s%s%.*s", STR_ARG(list), i ? ", " : "",
            STR_ARG(fhir_type_name(walk->model,
                                   (FhirTypeId)walk->schema->numbers[extension->value_types + i])));
    return list;
}

static bool allows_value_type(const Walk *walk, const SchemaProfile *extension, FhirTypeId type)
{
    for (uint32_t i = 0; i < extension->value_type_count; i++)
        if (walk->schema->numbers[extension->value_types + i] == type)
            return true;
    return false;
}

static bool check_value(Walk *walk, const SchemaProfile *extension, Str url, ElemId elem)
{
    ElemId value = elem_child_element(&walk->elems, elem, walk->model->n_value);
    if (value) {
        FhirTypeId type = walk_elem(walk, value)->type;
        if (allows_value_type(walk, extension, type))
            return true;
        report_with(walk, SEVERITY_ERROR, MSG_EXTENSION_TYPE, elem, url,
                    value_type_list(walk, extension), fhir_type_name(walk->model, type), STR_NONE);
        return false;
    }
    if (extension->value_type_count == 0)
        return true;
    bool has_parts = elem_child(&walk->elems, elem, walk->model->n_extension) != ELEM_NONE;
    report_with(walk, SEVERITY_ERROR,
                has_parts ? MSG_EXTENSION_SIMPLE_WRONG : MSG_EXTENSION_SIMPLE_ABSENT, elem, url,
                STR_NONE, STR_NONE, STR_NONE);
    return false;
}

static Str with_url(Walk *walk, Str url)
{
    return arena_format(walk->arena, "[url='%.*s']", (int)(url.len > 300 ? 300 : url.len), url.ptr);
}

static bool check_modifier(Walk *walk, const SchemaProfile *extension, Str url, ElemId elem)
{
    bool stands_as_modifier = walk_elem(walk, elem)->element == walk->model->n_modifier_extension;
    bool is_modifier = extension->flags & PROFILE_MODIFIER;
    if (stands_as_modifier == is_modifier)
        return true;
    Finding *finding =
        report_with(walk, SEVERITY_ERROR,
                    stands_as_modifier ? MSG_EXTENSION_MODIFIER_YES : MSG_EXTENSION_MODIFIER_NO,
                    elem, url, STR_NONE, STR_NONE, STR_NONE);
    if (finding)
        finding->suffix = with_url(walk, url);
    return false;
}

/* Extensions of bodies that the Java core knows without a definition. */
static bool is_known_without_definition(Str url)
{
    return str_find(url, STR("nema.org")) != SIZE_MAX ||
           str_starts(url, STR("http://hl7.org/fhir/tools/StructureDefinition/")) ||
           str_is(url, CORE "structuredefinition-expression") ||
           str_is(url, CORE "codesystem-properties-mode");
}

/* Does the extension's definition know a part of that url? */
static bool has_part(const Walk *walk, ProfileId profile, Str url)
{
    const SchemaProfile *p = schema_profile(walk->schema, profile);
    for (uint32_t i = 0; i < p->node_count; i++) {
        const SchemaNode *node = schema_node(walk->schema, p->first_node + i);
        if (node->fixed &&
            str_is(schema_text(walk->schema, node->path), "Extension.extension.url") &&
            str_eq(schema_text(walk->schema, walk->schema->values[node->fixed].text), url))
            return true;
    }
    return false;
}

static bool check_unknown(Walk *walk, const Scope *scope, ProfileId profile, Str url, ElemId elem)
{
    if (scope->extension_url.ptr && !is_absolute_url(url)) {
        if (str_eq(scope->extension_url,
                   schema_text(walk->schema, walk->schema->profiles[profile].url)) &&
            !has_part(walk, profile, url)) {
            Finding *finding = report_with(walk, SEVERITY_ERROR, MSG_EXTENSION_SUB_UNKNOWN, elem,
                                           url, walk_versioned(walk, profile), STR_NONE, STR_NONE);
            if (finding)
                finding->suffix = with_url(walk, url);
            return false;
        }
        return true;
    }
    bool example =
        str_find(url, STR("example.org")) != SIZE_MAX || str_find(url, STR("acme.com")) != SIZE_MAX;
    bool refused = walk->rules & RULE_UNKNOWN_EXTENSION_FAILS;
    if (is_known_without_definition(url) || (refused && example))
        return true;
    if (!refused) {
        report_with(walk, SEVERITY_INFORMATION, MSG_EXTENSION_UNKNOWN, elem, url, STR_NONE,
                    STR_NONE, STR_NONE);
        return true;
    }
    report_with(walk, SEVERITY_ERROR, MSG_EXTENSION_NOT_HERE, elem, url, STR_NONE, STR_NONE,
                STR_NONE);
    return false;
}

static bool report_url(Walk *walk, Message message, ElemId elem)
{
    Finding *finding = report(walk, SEVERITY_ERROR, message, elem);
    if (finding)
        finding->at = FINDING_NO_LINE;
    return false;
}

bool check_extension(Walk *walk, const Scope *scope, const SchemaNode *node, ProfileId profile,
                     ElemId parent, ElemId elem)
{
    (void)node;
    ElemId at = elem_child(&walk->elems, elem, walk->model->n_url);
    Str url = at ? elem_text(walk_elem(walk, at)) : STR_NONE;
    if (url.len == 0)
        return report_url(walk, MSG_EXTENSION_NO_URL, elem);
    if (!scope->extension_url.ptr && !is_absolute_url(url))
        return report_url(walk, MSG_EXTENSION_URL_ABSOLUTE, elem);
    Str plain = str_cut(url, 0, str_find_char(url, '|'));
    ProfileId definition = is_absolute_url(plain) ? schema_find(walk->schema, plain) : 0;
    if (!definition)
        return check_unknown(walk, scope, profile, url, elem);
    const SchemaProfile *extension = schema_profile(walk->schema, definition);
    bool modifier = walk_elem(walk, elem)->element == walk->model->n_modifier_extension;
    bool ok = check_context(walk, scope, extension, parent, modifier);
    ok = check_modifier(walk, extension, url, elem) && ok;
    ok = check_value(walk, extension, url, elem) && ok;
    if (!extension->first_node)
        return ok;
    Scope below = *scope;
    below.in_concept = false;
    below.extension_url = url;
    return walk_element(walk, &below, extension->first_node, elem, walk->model->extension_type) &&
           ok;
}
