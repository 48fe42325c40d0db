/* How an element matches a slice: the discriminators become one expression, as the Java core's do.
 *
 * spec: hl7.org/fhir/R4/profiling.html#discriminator. Where a discriminator leads is found in the
 * definitions: along children, types and their profiles, extension(), resolve() and ofType(). */
#include <stdarg.h>

#include "services/validator/engine/schema/tables.h"

#define CORE "http://hl7.org/fhir/StructureDefinition/"

enum { CRITERIA_MAX = 8, EXPRESSION_BYTES_MAX = 16384 };

typedef struct Slicer {
    Tables *tables;
    ProfileId profile;
    const PackageResource *resource;
    Buf expression;
    const char *problem;
    Str problem_about;
} Slicer;

static const SchemaType *type_at(const Tables *tables, const SchemaNode *node, uint32_t i)
{
    return table_at(&tables->types, node->types + i);
}

static NodeId root_of(const Tables *tables, ProfileId profile)
{
    return profile ? tables_profile(tables, profile)->first_node : 0;
}

static ProfileId profile_of_type(const Tables *tables, const PackageResource *from, Str code)
{
    char url[256];
    int len = snprintf(url, sizeof url, CORE "%.*s", STR_ARG(code));
    if (len < 0 || (size_t)len >= sizeof url)
        return 0;
    return tables_find_profile(tables, from, (Str){url, (size_t)len});
}

static NodeId child_named(const Tables *tables, NodeId parent, Str name)
{
    const SchemaNode *node = tables_node(tables, parent);
    uint16_t id = json_name_find(&tables->model->names, name);
    for (uint32_t i = 0; id && i < node->child_count; i++) {
        NodeId child = tables_number(tables, node->children + i);
        const SchemaNode *inner = tables_node(tables, child);
        if (inner->element == id || inner->property == id)
            return child;
    }
    return 0;
}

/* An element that is sliced on the way is told by the first slice that must be there (the Java core
 * does so): its nodes follow the element's in the snapshot. */
static NodeId mandatory_slice(const Tables *tables, NodeId at)
{
    const SchemaNode *node = tables_node(tables, at);
    Str path = tables_str(tables, node->path);
    const SchemaProfile *p = tables_profile(tables, node->profile);
    if (!node->slicing || node->slice_name)
        return at;
    for (NodeId id = at + 1; id < p->first_node + p->node_count; id++) {
        const SchemaNode *next = tables_node(tables, id);
        if (!str_starts(tables_str(tables, next->path), path))
            break;
        if (next->path == node->path && next->slice_name && next->min > 0)
            return id;
    }
    return at;
}

/* The child of an element: of the profile itself, else of what its types are. */
static NodeId step_name(const Slicer *s, NodeId at, Str name)
{
    const Tables *tables = s->tables;
    at = mandatory_slice(tables, at);
    NodeId child = child_named(tables, at, name);
    const SchemaNode *node = tables_node(tables, at);
    if (!child && node->content)
        child = child_named(tables, node->content, name);
    for (uint32_t i = 0; !child && i < node->type_count; i++) {
        const SchemaType *type = type_at(tables, node, i);
        for (uint32_t k = 0; !child && k < type->profile_count; k++) {
            const SchemaTarget *target = table_at(&tables->targets, type->profiles + k);
            NodeId root = root_of(tables, target->profile);
            child = root ? child_named(tables, root, name) : 0;
        }
        if (!child) {
            NodeId root = root_of(
                tables, profile_of_type(tables, s->resource, tables_str(tables, type->code)));
            child = root && root != at ? child_named(tables, root, name) : 0;
        }
    }
    return child;
}

/* extension('url'): the slice whose type is that extension, else any extension. */
static NodeId step_extension(const Slicer *s, NodeId at, Str url)
{
    const Tables *tables = s->tables;
    const SchemaNode *node = tables_node(tables, at);
    for (uint32_t i = 0; i < node->child_count; i++) {
        NodeId child = tables_number(tables, node->children + i);
        const SchemaNode *inner = tables_node(tables, child);
        for (uint32_t t = 0; t < inner->type_count; t++) {
            const SchemaType *type = type_at(tables, inner, t);
            for (uint32_t k = 0; k < type->profile_count; k++) {
                const SchemaTarget *target = table_at(&tables->targets, type->profiles + k);
                if (str_eq(tables_str(tables, target->url), url))
                    return child;
            }
        }
    }
    return step_name(s, at, STR("extension"));
}

static NodeId step_resolve(const Slicer *s, NodeId at)
{
    const SchemaNode *node = tables_node(s->tables, at);
    for (uint32_t i = 0; i < node->type_count; i++) {
        const SchemaType *type = type_at(s->tables, node, i);
        for (uint32_t k = 0; k < type->target_count; k++) {
            const SchemaTarget *target = table_at(&s->tables->targets, type->targets + k);
            NodeId root = root_of(s->tables, target->profile);
            if (root)
                return root;
        }
    }
    return 0;
}

/* The next step of a discriminator's path: up to a dot outside of quotes and parentheses. */
static bool next_step(Str *rest, Str *ret_step)
{
    if (rest->len == 0)
        return false;
    size_t i = 0;
    bool quoted = false;
    for (int depth = 0; i < rest->len; i++) {
        char c = rest->ptr[i];
        if (c == '\'')
            quoted = !quoted;
        else if (!quoted && c == '(')
            depth++;
        else if (!quoted && c == ')')
            depth--;
        else if (!quoted && depth == 0 && c == '.')
            break;
    }
    *ret_step = str_cut(*rest, 0, i);
    *rest = str_skip(*rest, i + 1);
    return true;
}

static Str quoted_argument(Str step)
{
    size_t open = str_find_char(step, '\'');
    size_t close = str_rfind_char(step, '\'');
    return close != SIZE_MAX && close > open ? str_cut(step, open + 1, close) : STR_NONE;
}

/* The element that a discriminator's path leads to from `at`; 0: nowhere. */
static NodeId follow(const Slicer *s, NodeId at, Str path)
{
    Str step;
    while (at && next_step(&path, &step)) {
        if (str_is(step, "$this") || str_starts(step, STR("ofType(")) ||
            str_starts(step, STR("as(")))
            continue;
        if (str_is(step, "resolve()"))
            at = step_resolve(s, at);
        else if (str_starts(step, STR("extension(")))
            at = step_extension(s, at, quoted_argument(step));
        else
            at = step_name(s, at, step);
    }
    return at;
}

/* --- criteria to expression ------------------------------------------------------------------- */

static bool add(Slicer *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool add(Slicer *s, const char *format, ...)
{
    char text[EXPRESSION_BYTES_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return len >= 0 && (size_t)len < sizeof text &&
           buf_add(&s->expression, (Str){text, (size_t)len});
}

static bool refuse(Slicer *s, const char *problem, Str about)
{
    s->problem = problem;
    s->problem_about = about;
    return false;
}

static const SchemaValue *value_member(const Tables *tables, uint32_t value, const char *name)
{
    const SchemaValue *v = table_at(&tables->values, value);
    uint16_t id = json_name_find(&tables->model->names, str_from(name));
    uint32_t at = value + 1;
    for (uint32_t i = 0; i < v->count; i++) {
        const SchemaValue *member = table_at(&tables->values, at);
        if (member->property == id)
            return member;
        at = member->next;
    }
    return NULL;
}

static uint32_t value_number(const Tables *tables, const SchemaValue *value)
{
    return (uint32_t)(value - (const SchemaValue *)table_at(&tables->values, 0));
}

/* A FHIRPath string literal. */
static void add_literal(Slicer *s, Str text)
{
    buf_add_char(&s->expression, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'' || text.ptr[i] == '\\')
            buf_add_char(&s->expression, '\\');
        buf_add_char(&s->expression, text.ptr[i]);
    }
    buf_add_char(&s->expression, '\'');
}

static bool add_equals(Slicer *s, uint32_t value, const char *const *names, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        const SchemaValue *member = value_member(s->tables, value, names[i]);
        if (!member || !member->text)
            continue;
        add(s, "%s%s = ", any ? " and " : "", names[i]);
        add_literal(s, tables_str(s->tables, member->text));
        any = true;
    }
    return any || refuse(s, "the pattern has no property that can tell slices apart", STR_NONE);
}

static const char *const coding_names[] = {"system", "version", "code", "display"};
static const char *const identifier_names[] = {"system", "value", "use"};

static bool add_concept(Slicer *s, Str path, uint32_t value)
{
    const SchemaValue *coding = value_member(s->tables, value, "coding");
    if (!coding || value_member(s->tables, value, "text"))
        return refuse(s, "a CodeableConcept must be told by its codings alone", path);
    bool first = true;
    while (coding && coding->property == json_name_find(&s->tables->model->names, STR("coding"))) {
        add(s, "%s%.*s.coding.where(", first ? "" : " and ", STR_ARG(path));
        if (!add_equals(s, value_number(s->tables, coding), coding_names, 4))
            return false;
        add(s, ").exists()");
        first = false;
        coding = coding->next ? table_at(&s->tables->values, coding->next) : NULL;
    }
    return true;
}

static bool add_identifier(Slicer *s, Str path, uint32_t value)
{
    const SchemaValue *type = value_member(s->tables, value, "type");
    bool plain = value_member(s->tables, value, "system") ||
                 value_member(s->tables, value, "value") || value_member(s->tables, value, "use");
    add(s, "%.*s.where(", STR_ARG(path));
    if (plain && !add_equals(s, value, identifier_names, 3))
        return false;
    if (type) {
        add(s, plain ? " and " : "");
        if (!add_concept(s, STR("type"), value_number(s->tables, type)))
            return false;
    }
    if (!plain && !type)
        return refuse(s, "the pattern has no property that can tell slices apart", path);
    return add(s, ").exists()");
}

/* Names and addresses: by their plain parts. */
static bool add_parts(Slicer *s, Str path, uint32_t value)
{
    static const char *const name_parts[] = {"use", "text", "family"};
    static const char *const address_parts[] = {"use",      "type",  "text",       "city",
                                                "district", "state", "postalCode", "country"};
    static const char *const others[] = {"given", "prefix", "suffix", "period", "line"};
    const SchemaValue *v = table_at(&s->tables->values, value);
    bool is_name = str_is(fhir_type_name(s->tables->model, v->type), "HumanName");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (value_member(s->tables, value, others[i]))
            return refuse(s, "this part of a pattern cannot tell slices apart",
                          str_from(others[i]));
    add(s, "%.*s.where(", STR_ARG(path));
    return add_equals(s, value, is_name ? name_parts : address_parts,
                      is_name ? sizeof name_parts / sizeof *name_parts
                              : sizeof address_parts / sizeof *address_parts) &&
           add(s, ").exists()");
}

static bool has_parts(const Tables *tables, FhirTypeId type)
{
    Str name = fhir_type_name(tables->model, type);
    return str_is(name, "HumanName") || str_is(name, "Address");
}

static bool is_bare_literal(const Tables *tables, FhirTypeId type)
{
    const FhirModel *m = tables->model;
    return type == m->boolean_type || type == m->decimal_type ||
           fhir_type_is_a(m, type, m->integer_type);
}

static bool add_pattern(Slicer *s, Str path, uint32_t value)
{
    const SchemaValue *v = table_at(&s->tables->values, value);
    const FhirModel *m = s->tables->model;
    add(s, " and ");
    if (v->type == m->codeable_concept_type)
        return add_concept(s, path, value);
    if (v->type == m->identifier_type)
        return add_identifier(s, path, value);
    if (v->type == m->coding_type) {
        add(s, "%.*s.where(", STR_ARG(path));
        return add_equals(s, value, coding_names, 4) && add(s, ").exists()");
    }
    if (has_parts(s->tables, v->type))
        return add_parts(s, path, value);
    if (m->types[v->type].kind != FHIR_KIND_PRIMITIVE)
        return refuse(s, "a pattern of this type cannot tell slices apart",
                      fhir_type_name(m, v->type));
    add(s, "%.*s.where($this = ", STR_ARG(path));
    if (is_bare_literal(s->tables, v->type))
        buf_add(&s->expression, tables_str(s->tables, v->text));
    else
        add_literal(s, tables_str(s->tables, v->text));
    return add(s, ").exists()");
}

static bool add_fixed(Slicer *s, Str path, uint32_t value)
{
    const SchemaValue *v = table_at(&s->tables->values, value);
    const FhirModel *m = s->tables->model;
    if (m->types[v->type].kind != FHIR_KIND_PRIMITIVE)
        return add_pattern(s, path, value);
    add(s, " and (");
    if (is_bare_literal(s->tables, v->type))
        buf_add(&s->expression, tables_str(s->tables, v->text));
    else
        add_literal(s, tables_str(s->tables, v->text));
    return add(s, " in %.*s)", STR_ARG(path));
}

static bool add_types(Slicer *s, Str path, const SchemaNode *criteria)
{
    if (criteria->type_count == 0) {
        if (!(criteria->flags & NODE_ROOT))
            return refuse(s, "a slice by type has no type", path);
        return add(s, " and %.*s is %.*s", STR_ARG(path),
                   STR_ARG(tables_str(s->tables, criteria->path)));
    }
    add(s, " and (");
    for (uint32_t i = 0; i < criteria->type_count; i++)
        add(s, "%s%.*s is %.*s", i ? " or " : "", STR_ARG(path),
            STR_ARG(tables_str(s->tables, type_at(s->tables, criteria, i)->code)));
    return add(s, ")");
}

static bool add_profiles(Slicer *s, Str path, const SchemaNode *criteria)
{
    bool by_target = str_is(path, "resolve()") || str_ends(path, STR(".resolve()"));
    uint32_t count = 0;
    size_t before = s->expression.len;
    add(s, " and (");
    for (uint32_t i = 0; i < criteria->type_count; i++) {
        const SchemaType *type = type_at(s->tables, criteria, i);
        uint32_t first = by_target ? type->targets : type->profiles;
        uint32_t all = by_target ? type->target_count : type->profile_count;
        for (uint32_t k = 0; k < all; k++) {
            const SchemaTarget *target = table_at(&s->tables->targets, first + k);
            add(s, "%s%.*s.conformsTo('%.*s')", count++ ? " or " : "", STR_ARG(path),
                STR_ARG(tables_str(s->tables, target->url)));
        }
    }
    if (count == 0) {
        s->expression.len = before;
        return true;
    }
    return add(s, ")");
}

static bool add_exists(Slicer *s, Str path, const SchemaNode *criteria)
{
    if (criteria->min >= 1)
        return add(s, " and (%.*s.exists())", STR_ARG(path));
    if (criteria->max == 0)
        return add(s, " and (%.*s.exists().not())", STR_ARG(path));
    return refuse(s, "a slice by existence sets neither min=1 nor max=0", path);
}

/* One discriminator against one element of the definition; *ret_found: it says something. */
static bool add_criteria(Slicer *s, Str type, Str path, const SchemaNode *criteria, bool *ret_found)
{
    *ret_found = true;
    if (criteria->max == 0)
        return add(s, " and %.*s.empty()", STR_ARG(path));
    if (str_is(type, "type"))
        return add_types(s, path, criteria);
    if (str_is(type, "profile"))
        return add_profiles(s, path, criteria);
    if (str_is(type, "exists"))
        return add_exists(s, path, criteria);
    if (criteria->fixed)
        return add_fixed(s, path, criteria->fixed);
    if (criteria->pattern)
        return add_pattern(s, path, criteria->pattern);
    const SchemaBinding *binding = table_at(&s->tables->bindings, criteria->binding);
    if (criteria->binding && binding->strength == BINDING_REQUIRED && binding->value_set)
        return add(s, " and %.*s.memberOf('%.*s')", STR_ARG(path),
                   STR_ARG(tables_str(s->tables, binding->value_set)));
    *ret_found = false;
    return true;
}

/* Where the discriminator leads: in the slice itself and in each profile of its types. */
static uint32_t find_criteria(const Slicer *s, NodeId slice, Str type, Str path,
                              NodeId found[CRITERIA_MAX])
{
    if (str_is(type, "profile")) {
        if (str_is(path, "resolve()"))
            path = STR_NONE;
        else if (str_ends(path, STR(".resolve()")))
            path = str_cut(path, 0, path.len - 10);
    }
    uint32_t count = 0;
    NodeId own = follow(s, slice, path);
    if (own)
        found[count++] = own;
    const SchemaNode *node = tables_node(s->tables, slice);
    for (uint32_t i = 0; i < node->type_count; i++) {
        const SchemaType *t = type_at(s->tables, node, i);
        for (uint32_t k = 0; k < t->profile_count && count < CRITERIA_MAX; k++) {
            const SchemaTarget *target = table_at(&s->tables->targets, t->profiles + k);
            NodeId root = root_of(s->tables, target->profile);
            NodeId there = root ? follow(s, root, path) : 0;
            if (there)
                found[count++] = there;
        }
    }
    return count;
}

static bool add_discriminator(Slicer *s, NodeId slice, Str type, Str path, bool *ret_found)
{
    NodeId criteria[CRITERIA_MAX];
    uint32_t count = find_criteria(s, slice, type, path, criteria);
    *ret_found = false;
    for (uint32_t i = 0; i < count && !*ret_found; i++)
        if (!add_criteria(s, type, path, tables_node(s->tables, criteria[i]), ret_found))
            return false;
    return true;
}

/* --- slices ----------------------------------------------------------------------------------- */

static void set_problem(Slicer *s, SchemaSlice *slice)
{
    ArenaMark mark = arena_mark(s->tables->arena);
    Str text = arena_format(s->tables->arena, "%s (%.*s)", s->problem, STR_ARG(s->problem_about));
    slice->test = SLICE_UNKNOWN;
    slice->text = tables_text(s->tables, text);
    s->tables->problems++;
    arena_release(s->tables->arena, mark);
}

/* value:url with a fixed url, alone: extensions. Told without evaluating anything. */
static bool is_extension_slice(Slicer *s, NodeId node, const JsonNode *discriminators,
                               const JsonDoc *doc, SchemaSlice *slice)
{
    const JsonNode *only = json_first(discriminators);
    if (discriminators->count != 1 || !only || !str_is(json_get_text(doc, only, "type"), "value") ||
        !str_is(json_get_text(doc, only, "path"), "url"))
        return false;
    NodeId criteria[CRITERIA_MAX];
    uint32_t count = find_criteria(s, node, STR("value"), STR("url"), criteria);
    for (uint32_t i = 0; i < count; i++) {
        const SchemaNode *c = tables_node(s->tables, criteria[i]);
        if (!c->fixed || c->max == 0)
            continue;
        slice->test = SLICE_EXTENSION_URL;
        slice->text = ((SchemaValue *)table_at(&s->tables->values, c->fixed))->text;
        return true;
    }
    return false;
}

/* profile:resolve() or profile:$this, alone: told by walking the resource, without an expression.
 * A slice that names no profile takes everything. */
static bool is_profile_slice(Slicer *s, NodeId node, const JsonNode *discriminators,
                             const JsonDoc *doc, SchemaSlice *slice)
{
    const JsonNode *only = json_first(discriminators);
    if (discriminators->count != 1 || !only || !str_is(json_get_text(doc, only, "type"), "profile"))
        return false;
    Str path = json_get_text(doc, only, "path");
    bool by_reference = str_is(path, "resolve()") || str_is(path, "$this.resolve()");
    const SchemaNode *n = tables_node(s->tables, node);
    if ((!by_reference && !str_is(path, "$this")) || n->type_count != 1)
        return false;
    const SchemaType *type = type_at(s->tables, n, 0);
    slice->test = SLICE_PROFILE;
    slice->by_reference = by_reference;
    slice->targets = by_reference ? type->targets : type->profiles;
    slice->target_count = by_reference ? type->target_count : type->profile_count;
    return true;
}

/* type:$this with one type, alone */
static bool is_type_slice(Slicer *s, NodeId node, const JsonNode *discriminators,
                          const JsonDoc *doc, SchemaSlice *slice)
{
    const JsonNode *only = json_first(discriminators);
    const SchemaNode *n = tables_node(s->tables, node);
    if (discriminators->count != 1 || !only || n->type_count != 1 || n->max == 0 ||
        !str_is(json_get_text(doc, only, "type"), "type") ||
        !str_is(json_get_text(doc, only, "path"), "$this"))
        return false;
    slice->test = SLICE_TYPE;
    slice->type = type_at(s->tables, n, 0)->type;
    return slice->type != 0;
}

/* pattern:$this or value:$this with one coding of system and code, alone */
static bool is_coding_slice(Slicer *s, NodeId node, const JsonNode *discriminators,
                            const JsonDoc *doc, SchemaSlice *slice)
{
    const Tables *tables = s->tables;
    const JsonNode *only = json_first(discriminators);
    const SchemaNode *n = tables_node(tables, node);
    Str type = only ? json_get_text(doc, only, "type") : STR_NONE;
    if (discriminators->count != 1 || n->max == 0 || !n->pattern || n->fixed ||
        (!str_is(type, "pattern") && !str_is(type, "value")) ||
        !str_is(json_get_text(doc, only, "path"), "$this"))
        return false;
    const SchemaValue *concept = table_at(&tables->values, n->pattern);
    const SchemaValue *coding = value_member(tables, n->pattern, "coding");
    if (concept->type != tables->model->codeable_concept_type || concept->count != 1 || !coding)
        return false;
    uint32_t number = value_number(tables, coding);
    const SchemaValue *system = value_member(tables, number, "system");
    const SchemaValue *code = value_member(tables, number, "code");
    if (!system || !code || coding->count != 2)
        return false;
    slice->test = SLICE_CODING;
    slice->text = system->text;
    slice->code = code->text;
    return true;
}

/* value:$this with a required binding, alone */
static bool is_member_slice(Slicer *s, NodeId node, const JsonNode *discriminators,
                            const JsonDoc *doc, SchemaSlice *slice)
{
    const JsonNode *only = json_first(discriminators);
    const SchemaNode *n = tables_node(s->tables, node);
    Str type = only ? json_get_text(doc, only, "type") : STR_NONE;
    const SchemaBinding *binding = table_at(&s->tables->bindings, n->binding);
    if (discriminators->count != 1 || n->max == 0 || n->pattern || n->fixed || !n->binding ||
        binding->strength != BINDING_REQUIRED || binding->tx.set == TX_NONE || n->type_count != 1 ||
        type_at(s->tables, n, 0)->type != s->tables->model->codeable_concept_type ||
        (!str_is(type, "pattern") && !str_is(type, "value")) ||
        !str_is(json_get_text(doc, only, "path"), "$this"))
        return false;
    slice->test = SLICE_MEMBER;
    slice->binding = n->binding;
    return true;
}

static bool is_native_slice(Slicer *s, NodeId node, const JsonNode *discriminators,
                            const JsonDoc *doc, SchemaSlice *slice)
{
    return is_extension_slice(s, node, discriminators, doc, slice) ||
           is_profile_slice(s, node, discriminators, doc, slice) ||
           is_type_slice(s, node, discriminators, doc, slice) ||
           is_coding_slice(s, node, discriminators, doc, slice) ||
           is_member_slice(s, node, discriminators, doc, slice);
}

static void compile_slice(Slicer *s, NodeId node, const JsonNode *slicing, const JsonDoc *doc)
{
    SchemaSlice made = {.test = SLICE_NEVER};
    const JsonNode *discriminators = json_get(doc, slicing, "discriminator");
    bool any = false;
    bool ok = true;
    if (discriminators && discriminators->count &&
        !is_native_slice(s, node, discriminators, doc, &made)) {
        buf_reset(&s->expression);
        s->problem = NULL;
        add(s, "true");
        JSON_EACH(doc, item, discriminators)
        {
            bool found;
            ok = ok && add_discriminator(s, node, json_get_text(doc, item, "type"),
                                         json_get_text(doc, item, "path"), &found);
            any = any || (ok && found);
        }
        if (ok && !any)
            ok = refuse(s, "nothing in the slice fixes what its discriminator looks at",
                        tables_str(s->tables, tables_node(s->tables, node)->id));
        if (ok) {
            made.test = SLICE_EXPRESSION;
            made.expression = tables_expression(s->tables, buf_str(&s->expression));
        } else {
            set_problem(s, &made);
        }
    }
    SchemaSlice *record;
    uint32_t at = table_add(&s->tables->slices, &record);
    *record = made;
    tables_node(s->tables, node)->slice = at;
}

static bool is_at_or_below(Str path, Str above)
{
    return str_starts(path, above) && (path.len == above.len || path.ptr[above.len] == '.');
}

/* The elements of a snapshot and its nodes run side by side. */
static void compile_profile(Slicer *s, const JsonDoc *doc, const JsonNode *elements)
{
    NodeId id = tables_profile(s->tables, s->profile)->first_node;
    uint32_t index = 0;
    enum { DEPTH = 16 };
    struct {
        SchemaText path;
        const JsonNode *slicing;
    } open[DEPTH];
    uint32_t depth = 0;
    JSON_EACH(doc, element, elements)
    {
        SchemaText path = tables_node(s->tables, id + index)->path;
        Str path_text = tables_str(s->tables, path);
        while (depth && !is_at_or_below(path_text, tables_str(s->tables, open[depth - 1].path)))
            depth--;
        const JsonNode *slicing = json_get(doc, element, "slicing");
        if (depth && open[depth - 1].path == path)
            compile_slice(s, id + index, open[depth - 1].slicing, doc);
        else if (slicing && depth < DEPTH) {
            open[depth].path = path;
            open[depth++].slicing = slicing;
        }
        index++;
    }
}

void compile_slices(Tables *tables)
{
    Slicer s = {.tables = tables};
    buf_init(&s.expression, EXPRESSION_BYTES_MAX);
    for (ProfileId id = 1; id < table_count(&tables->profiles); id++) {
        const PackageResource *resource = tables->resource_of_profile[id];
        const JsonDoc *doc;
        Err ignored = {0};
        if (!tables_profile(tables, id)->first_node ||
            !tables_definition(tables, resource, &doc, &ignored))
            continue;
        s.profile = id;
        s.resource = resource;
        compile_profile(&s, doc,
                        json_get(doc, json_get(doc, json_root(doc), "snapshot"), "element"));
    }
    buf_clear(&s.expression);
}
