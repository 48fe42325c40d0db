/* One snapshot -> nodes: parents by path, children in order, each constraint, type and binding. */
#include "services/validator/engine/schema/tables.h"

#define EXT "http://hl7.org/fhir/StructureDefinition/"
#define TOOLS "http://hl7.org/fhir/tools/StructureDefinition/"

enum { PATH_DEPTH_MAX = 64 };

typedef struct Snapshot {
    Tables *tables;
    const PackageResource *resource;
    const JsonDoc *doc;
    ProfileId profile;
    NodeId first;
} Snapshot;

static Str path_tail(Str path)
{
    size_t dot = str_rfind_char(path, '.');
    return dot == SIZE_MAX ? path : str_skip(path, dot + 1);
}

static Str path_parent(Str path)
{
    size_t dot = str_rfind_char(path, '.');
    return dot == SIZE_MAX ? STR_NONE : str_cut(path, 0, dot);
}

static uint16_t bounded(uint64_t n)
{
    return n >= SCHEMA_MAX_MANY ? SCHEMA_MAX_MANY - 1 : (uint16_t)n;
}

static uint16_t read_max(Str text)
{
    uint64_t n;
    if (text.len == 0 || str_is(text, "*") || !str_to_u64(text, &n))
        return SCHEMA_MAX_MANY;
    return bounded(n);
}

static uint32_t read_u32(const JsonDoc *doc, const JsonNode *node, const char *name)
{
    const JsonNode *member = json_get(doc, node, name);
    uint64_t n;
    if (!member || member->kind != JSON_KIND_NUMBER || !str_to_u64(json_text(member), &n))
        return 0;
    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* --- types ------------------------------------------------------------------------------------ */

/* spec: hl7.org/fhir/R4/extension-structuredefinition-fhir-type.html: the type behind a
 * System.String */
static Str working_code(const JsonDoc *doc, const JsonNode *type)
{
    Str code = json_get_text(doc, type, "code");
    Str real = definition_extension_text(doc, type, EXT "structuredefinition-fhir-type");
    if (real.len)
        return real;
    if (str_is(code, "http://hl7.org/fhirpath/System.String"))
        return STR("string");
    if (str_starts(code, STR(EXT)))
        return str_skip(code, sizeof EXT - 1);
    return code;
}

static uint16_t read_aggregation(const JsonDoc *doc, const JsonNode *type)
{
    static const struct {
        const char *name;
        uint16_t bit;
    } modes[] = {
        {"contained",  AGGREGATION_CONTAINED },
        {"referenced", AGGREGATION_REFERENCED},
        {"bundled",    AGGREGATION_BUNDLED   }
    };
    uint16_t bits = 0;
    const JsonNode *list = json_get(doc, type, "aggregation");
    if (list)
        JSON_EACH(doc, item, list)
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (item->kind == JSON_KIND_STRING && str_is(json_text(item), modes[i].name))
            bits |= modes[i].bit;
    return bits;
}

static void read_types(const Snapshot *s, const JsonNode *element, SchemaNode *node)
{
    const JsonNode *list = json_get(s->doc, element, "type");
    if (!list || list->kind != JSON_KIND_ARRAY)
        return;
    JSON_EACH(s->doc, item, list)
    {
        SchemaType made = {.aggregation = read_aggregation(s->doc, item)};
        Str code = working_code(s->doc, item);
        made.code = tables_text(s->tables, code);
        made.type = fhir_type_find(s->tables->model, code);
        made.profiles = tables_targets(s->tables, s->resource, s->doc,
                                       json_get(s->doc, item, "profile"), &made.profile_count);
        made.targets = tables_targets(s->tables, s->resource, s->doc,
                                      json_get(s->doc, item, "targetProfile"), &made.target_count);
        SchemaType *record;
        uint32_t at = table_add(&s->tables->types, &record);
        *record = made;
        if (!node->types)
            node->types = at;
        node->type_count++;
    }
}

/* --- values, bindings, facets ------------------------------------------------------------------
 */

/* fixedCodeableConcept -> the type CodeableConcept; fixedUri -> uri. */
static FhirTypeId type_of_suffix(const Tables *tables, Str suffix)
{
    FhirTypeId type = fhir_type_find(tables->model, suffix);
    if (type || suffix.len == 0 || suffix.len > 63)
        return type;
    char lower[64];
    memcpy(lower, suffix.ptr, suffix.len);
    lower[0] = (char)(lower[0] | 0x20);
    return fhir_type_find(tables->model, (Str){lower, suffix.len});
}

static uint32_t read_value(const Snapshot *s, const JsonNode *element, Str prefix)
{
    JSON_EACH(s->doc, member, element)
    {
        Str key = json_key(member);
        if (!str_starts(key, prefix) || key.len == prefix.len)
            continue;
        FhirTypeId type = type_of_suffix(s->tables, str_skip(key, prefix.len));
        if (type)
            return tables_value(s->tables, s->doc, member, 0, type);
    }
    return 0;
}

static BindingStrength read_strength(Str name)
{
    if (str_is(name, "required"))
        return BINDING_REQUIRED;
    if (str_is(name, "extensible"))
        return BINDING_EXTENSIBLE;
    return str_is(name, "preferred") ? BINDING_PREFERRED : BINDING_EXAMPLE;
}

/* R4's vital signs require units of quantities from whatever a component holds; the HL7 validator
 * loads them with a weaker binding, HAPI as they were published. */
static bool is_published_too_strong(const Snapshot *s, const JsonNode *element, Str value_set)
{
    const PackageResource *r = s->resource;
    bool vital = str_is(r->url, EXT "vitalsigns") || str_is(r->sd_base, EXT "vitalsigns");
    return vital && str_starts(r->url, STR(EXT)) && str_is(r->version, "4.0.1") &&
           str_is(json_get_text(s->doc, element, "path"), "Observation.component.value[x]") &&
           str_is(value_set, "http://hl7.org/fhir/ValueSet/ucum-vitals-common|4.0.1") &&
           !terminology_is_lenient(s->tables->terminology);
}

static uint32_t read_binding(const Snapshot *s, const JsonNode *element)
{
    const JsonNode *binding = json_get(s->doc, element, "binding");
    if (!binding)
        return 0;
    SchemaBinding made = {
        .strength = read_strength(json_get_text(s->doc, binding, "strength")),
        .value_set = tables_text(s->tables, json_get_text(s->doc, binding, "valueSet")),
        .max_value_set =
            tables_text(s->tables, definition_extension_text(s->doc, binding,
                                                             EXT "elementdefinition-maxValueSet")),
    };
    if (is_published_too_strong(s, element, tables_str(s->tables, made.value_set)))
        made.strength = BINDING_EXTENSIBLE;
    made.tx =
        terminology_bind(s->tables->terminology, tables_str(s->tables, made.value_set),
                         (TxStrength)made.strength, tables_str(s->tables, made.max_value_set));
    for (uint32_t i = table_count(&s->tables->bindings); i-- > 1;)
        if (memcmp(table_at(&s->tables->bindings, i), &made, sizeof made) == 0)
            return i; /* the same binding has the same number: its answers are remembered by it */
    SchemaBinding *record;
    uint32_t at = table_add(&s->tables->bindings, &record);
    *record = made;
    return at;
}

/* The regex of the element, or of one of its types (for historical reasons it stands there too). */
static Str read_regex(const Snapshot *s, const JsonNode *element)
{
    Str regex = definition_extension_text(s->doc, element, EXT "regex");
    const JsonNode *types = json_get(s->doc, element, "type");
    if (regex.len && types)
        JSON_EACH(s->doc, type, types)
        {
            Str own = definition_extension_text(s->doc, type, EXT "regex");
            if (own.len)
                return own;
        }
    return regex;
}

static uint32_t read_number_text(Str text)
{
    uint64_t n;
    return text.len && str_to_u64(text, &n) && n < UINT32_MAX ? (uint32_t)n : 0;
}

static uint32_t read_facets(const Snapshot *s, const JsonNode *element)
{
    Str decimals = definition_extension_text(s->doc, element, EXT "maxDecimalPlaces");
    SchemaFacets made = {
        .max_length = read_u32(s->doc, element, "maxLength"),
        .min_length = read_number_text(definition_extension_text(s->doc, element, EXT "minLength")),
        .regex = tables_text(s->tables, read_regex(s, element)),
        .min_value = read_value(s, element, STR("minValue")),
        .max_value = read_value(s, element, STR("maxValue")),
        .max_decimals_plus_1 = decimals.len ? read_number_text(decimals) + 1 : 0,
        .max_size =
            tables_text(s->tables, definition_extension_text(s->doc, element, EXT "maxSize")),
    };
    static const SchemaFacets none;
    if (memcmp(&made, &none, sizeof none) == 0)
        return 0;
    SchemaFacets *record;
    uint32_t at = table_add(&s->tables->facets, &record);
    *record = made;
    return at;
}

static void read_constraints(const Snapshot *s, const JsonNode *element, SchemaNode *node)
{
    const JsonNode *list = json_get(s->doc, element, "constraint");
    if (!list || list->kind != JSON_KIND_ARRAY)
        return;
    JSON_EACH(s->doc, item, list)
    {
        uint32_t constraint = compile_constraint(s->tables, s->doc, item, s->profile);
        if (!constraint)
            continue;
        uint32_t at = tables_put_number(s->tables, constraint);
        if (!node->constraints)
            node->constraints = at;
        node->constraint_count++;
    }
}

static uint32_t read_slicing(const Snapshot *s, const JsonNode *element)
{
    const JsonNode *slicing = json_get(s->doc, element, "slicing");
    if (!slicing)
        return 0;
    Str rules = json_get_text(s->doc, slicing, "rules");
    const JsonNode *discriminators = json_get(s->doc, slicing, "discriminator");
    SchemaSlicing made = {.rules = SLICING_OPEN,
                          .ordered = json_get_true(s->doc, slicing, "ordered"),
                          .has_discriminator = discriminators && discriminators->count > 0};
    if (str_is(rules, "closed"))
        made.rules = SLICING_CLOSED;
    else if (str_is(rules, "openAtEnd"))
        made.rules = SLICING_OPEN_AT_END;
    if (discriminators)
        JSON_EACH(s->doc, item, discriminators)
    if (str_is(json_get_text(s->doc, item, "type"), "profile"))
        made.by_profile = true;
    SchemaSlicing *record;
    uint32_t at = table_add(&s->tables->slicings, &record);
    *record = made;
    return at;
}

/* --- the element ------------------------------------------------------------------------------ */

/* The element's name; a path that names one type of a choice (valueQuantity) keeps that too. */
static void name_element(const Tables *tables, FhirTypeId parent_type, Str tail, SchemaNode *node)
{
    if (str_ends(tail, STR("[x]"))) {
        node->flags |= NODE_CHOICE;
        tail = str_cut(tail, 0, tail.len - 3);
    }
    uint16_t name = json_name_find(&tables->model->names, tail);
    node->element = name;
    if (!name || !parent_type || (node->flags & NODE_CHOICE))
        return;
    const FhirChild *row = fhir_child_find(tables->model, parent_type, name);
    if (row && (row->flags & FHIR_CHILD_CHOICE) && row->element != name) {
        node->element = row->element;
        node->property = name;
    }
}

static uint16_t read_flags(const Snapshot *s, const JsonNode *element)
{
    uint16_t flags = 0;
    if (json_get_true(s->doc, element, "isModifier"))
        flags |= NODE_MODIFIER;
    if (json_get_true(s->doc, element, "mustHaveValue"))
        flags |= NODE_MUST_HAVE_VALUE;
    const JsonNode *representation = json_get(s->doc, element, "representation");
    if (representation)
        JSON_EACH(s->doc, item, representation)
    if (item->kind == JSON_KIND_STRING && str_is(json_text(item), "xhtml"))
        flags |= NODE_XHTML;
    return flags;
}

static NodeId read_element(const Snapshot *s, const JsonNode *element, FhirTypeId parent_type)
{
    Tables *tables = s->tables;
    Str path = json_get_text(s->doc, element, "path");
    SchemaNode made = {
        .path = tables_text(tables, path),
        .id = tables_text(tables, json_get_text(s->doc, element, "id")),
        .slice_name = tables_text(tables, json_get_text(s->doc, element, "sliceName")),
        .label = tables_text(tables, json_get_text(s->doc, element, "label")),
        .profile = s->profile,
        .flags = read_flags(s, element),
        .min = bounded(read_u32(s->doc, element, "min")),
        .max = read_max(json_get_text(s->doc, element, "max")),
    };
    const JsonNode *base = json_get(s->doc, element, "base");
    made.base_path = tables_text(tables, json_get_text(s->doc, base, "path"));
    if (str_is(json_get_text(s->doc, base, "path"), "Resource.id"))
        made.flags |= NODE_HAS_BASE_ID;
    if (path_parent(path).len == 0)
        made.flags |= NODE_ROOT;
    else
        name_element(tables, parent_type, path_tail(path), &made);
    read_types(s, element, &made);
    read_constraints(s, element, &made);
    made.slicing = read_slicing(s, element);
    made.fixed = read_value(s, element, STR("fixed"));
    made.pattern = read_value(s, element, STR("pattern"));
    made.binding = read_binding(s, element);
    made.facets = read_facets(s, element);
    SchemaNode *record;
    NodeId id = table_add(&tables->nodes, &record);
    *record = made;
    return id;
}

/* --- the tree --------------------------------------------------------------------------------- */

/* The type whose children the element's children are: to tell valueQuantity from a plain name. */
static FhirTypeId type_below(const Tables *tables, const SchemaNode *node)
{
    FhirTypeId backbone = fhir_type_find(tables->model, tables_str(tables, node->path));
    if (backbone)
        return backbone;
    return node->type_count == 1 ? ((SchemaType *)table_at(&tables->types, node->types))->type : 0;
}

static void add_group(Tables *tables, NodeId parent, NodeId child, uint32_t number,
                      SchemaText *last_path)
{
    SchemaNode *node = tables_node(tables, parent);
    const SchemaNode *inner = tables_node(tables, child);
    if (node->group_count && inner->path == *last_path) {
        SchemaGroup *group =
            table_at(&tables->groups, node->groups + (uint32_t)node->group_count - 1);
        group->count++;
        return;
    }
    SchemaGroup *group;
    uint32_t at = table_add(&tables->groups, &group);
    *group = (SchemaGroup){.element = inner->element, .count = 1, .first = number};
    if (!node->group_count)
        node->groups = at;
    node->group_count++;
    *last_path = inner->path;
}

/* Children stand behind their parent; a slice has children of its own behind it. */
static bool link_children(const Snapshot *s, const NodeId *parents, NodeId behind)
{
    Tables *tables = s->tables;
    for (NodeId parent = s->first; parent < behind; parent++) {
        SchemaText last_path = 0;
        for (NodeId child = parent + 1; child < behind; child++) {
            if (parents[child - s->first] < parent)
                break; /* left the subtree */
            if (parents[child - s->first] != parent)
                continue;
            uint32_t number = tables_put_number(tables, child);
            SchemaNode *node = tables_node(tables, parent);
            if (!node->children)
                node->children = number;
            node->child_count++;
            add_group(tables, parent, child, number, &last_path);
        }
    }
    return !tables_full(tables);
}

/* JSON cannot repeat what is no array, so only lists, what is required and what is forbidden have
 * to be counted, and slices. */
static bool has_to_be_counted(const Tables *tables, const SchemaNode *parent,
                              const SchemaNode *node)
{
    if (node->flags & NODE_XHTML)
        return false;
    if (node->min > 0 || node->max == 0 || node->slice_name)
        return true;
    if (node->max == SCHEMA_MAX_MANY)
        return false;
    FhirTypeId type = type_below(tables, parent);
    const FhirChild *row =
        type && node->element ? fhir_element_find(tables->model, type, node->element) : NULL;
    return !row || (row->flags & FHIR_CHILD_ARRAY) || node->max > 1;
}

static void list_counted(Tables *tables, NodeId first, NodeId behind)
{
    for (NodeId parent = first; parent < behind; parent++) {
        for (uint32_t i = 0; i < tables_node(tables, parent)->child_count; i++) {
            const SchemaNode *node = tables_node(tables, parent);
            NodeId child = tables_number(tables, node->children + i);
            if (!has_to_be_counted(tables, node, tables_node(tables, child)))
                continue;
            uint32_t at = tables_put_number(tables, child);
            SchemaNode *record = tables_node(tables, parent);
            if (!record->counted_count)
                record->counted = at;
            record->counted_count++;
        }
    }
}

static void resolve_content(const Snapshot *s, const JsonNode *elements, NodeId behind)
{
    NodeId id = s->first;
    JSON_EACH(s->doc, element, elements)
    {
        Str reference = json_get_text(s->doc, element, "contentReference");
        size_t hash = str_find_char(reference, '#');
        if (reference.len > hash) {
            Str wanted = str_skip(reference, hash + 1);
            for (NodeId other = s->first; other < behind; other++)
                if (str_eq(tables_str(s->tables, tables_node(s->tables, other)->id), wanted)) {
                    tables_node(s->tables, id)->content = other;
                    break;
                }
        }
        id++;
    }
}

bool compile_snapshot(Tables *tables, const PackageResource *resource, const JsonDoc *doc,
                      const JsonNode *elements, ProfileId profile)
{
    Snapshot s = {.tables = tables,
                  .resource = resource,
                  .doc = doc,
                  .profile = profile,
                  .first = table_count(&tables->nodes)};
    NodeId *parents = calloc(elements->count + 1, sizeof *parents);
    if (!parents)
        return false;
    NodeId open[PATH_DEPTH_MAX];
    uint32_t depth = 0;
    JSON_EACH(doc, element, elements)
    {
        Str above = path_parent(json_get_text(doc, element, "path"));
        while (depth > 0 &&
               !str_eq(tables_str(tables, tables_node(tables, open[depth - 1])->path), above))
            depth--;
        NodeId parent = depth ? open[depth - 1] : 0;
        FhirTypeId type = parent ? type_below(tables, tables_node(tables, parent)) : 0;
        NodeId id = read_element(&s, element, type);
        parents[id - s.first] = parent;
        if (depth < PATH_DEPTH_MAX)
            open[depth++] = id;
    }
    NodeId behind = table_count(&tables->nodes);
    bool ok = link_children(&s, parents, behind);
    list_counted(tables, s.first, behind);
    resolve_content(&s, elements, behind);
    free(parents);
    SchemaProfile *p = tables_profile(tables, profile);
    p->first_node = behind > s.first ? s.first : 0;
    p->node_count = behind - s.first;
    return ok;
}
