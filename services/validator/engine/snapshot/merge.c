#include "services/validator/engine/snapshot/internal.h"

/* One element of the differential onto one element of the tree. What each field does is in the
 * table at the end; the functions before it say how. */

typedef struct Merge {
    Gen *gen;
    Node *node;
    Element *into;
    const Element *derived;
    Str where;
} Merge;

typedef bool (*MergeRule)(Merge *m, Field field, Err *err);

/* --- rules for single values ---------------------------------------------------------------------
 */

static bool replace(Merge *m, Field field, Err *err)
{
    (void)err;
    element_copy(m->into, m->derived, field);
    return true;
}

static bool keep(Merge *m, Field field, Err *err)
{
    (void)m, (void)field, (void)err;
    return true;
}

/* spec: elementdefinition.html: "..." at the beginning means "append to what is inherited" */
static bool append_text(Merge *m, Field field, Err *err)
{
    Str mine = element_text(m->derived, field), inherited = element_text(m->into, field);
    if (!str_starts(mine, STR("...")) || !inherited.len)
        return replace(m, field, err);
    Str text =
        arena_format(m->gen->arena, "%.*s\r\n%.*s", STR_ARG(inherited), STR_ARG(str_skip(mine, 3)));
    Value value;
    TRY(value_of_text(text, m->gen->arena, &value, err));
    element_set(m->into, field, value);
    return true;
}

static bool merge_min(Merge *m, Field field, Err *err)
{
    uint32_t mine = element_min(m->derived), inherited = element_min(m->into);
    if (mine < inherited && !m->node->slice.len)
        issue_add(m->gen, SNAPSHOT_ERROR, "min-below-base", m->where,
                  "min %u is below the %u of the base", mine, inherited);
    return replace(m, field, err);
}

static bool merge_max(Merge *m, Field field, Err *err)
{
    if (element_max(m->derived) > element_max(m->into))
        issue_add(m->gen, SNAPSHOT_ERROR, "max-above-base", m->where,
                  "max %.*s is above the %.*s of the base",
                  STR_ARG(element_text(m->derived, field)), STR_ARG(element_text(m->into, field)));
    return replace(m, field, err);
}

static bool is_true(const Element *element, Field field)
{
    Value value = element_value(element, field);
    return value.node && value.node->kind == JSON_KIND_TRUE;
}

static bool merge_must_support(Merge *m, Field field, Err *err)
{
    if (is_true(m->into, field) && !is_true(m->derived, field))
        issue_add(m->gen, SNAPSHOT_ERROR, "must-support-dropped", m->where,
                  "mustSupport is true in the base and cannot be taken back");
    return replace(m, field, err);
}

/* Only the definition of an extension may say that it modifies. */
static bool merge_modifier(Merge *m, Field field, Err *err)
{
    bool extension = str_is(m->node->name, "extension") ||
                     str_is(m->node->name, "modifierExtension") ||
                     str_is(m->node->name, "Extension");
    return extension || m->gen->specialises ? replace(m, field, err) : true;
}

/* --- rules for lists -----------------------------------------------------------------------------
 */

static bool add_missing(Merge *m, Field field, Err *err)
{
    const List *more = element_list(m->derived, field);
    m->into->slots[field].key = field_name(field);
    for (uint32_t i = 0; i < more->count; i++)
        if (!list_has(&m->into->slots[field].list, more->items[i]))
            TRY(list_add(&m->into->slots[field].list, more->items[i], m->gen->arena, err));
    return true;
}

static bool has_key(const List *list, const char *key, Str text)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (str_eq(value_text(value_get(list->items[i], key)), text))
            return true;
    return false;
}

/* spec: constraints accumulate; one that is inherited cannot be replaced */
static bool add_constraints(Merge *m, Field field, Err *err)
{
    const List *more = element_list(m->derived, field);
    List *list = &m->into->slots[field].list;
    m->into->slots[field].key = field_name(field);
    for (uint32_t i = 0; i < more->count; i++)
        if (!has_key(list, "key", value_text(value_get(more->items[i], "key"))))
            TRY(list_add(list, more->items[i], m->gen->arena, err));
    return true;
}

static bool same_map(Value a, Value b)
{
    return str_eq(value_text(value_get(a, "identity")), value_text(value_get(b, "identity"))) &&
           str_eq(str_trim(value_text(value_get(a, "map"))),
                  str_trim(value_text(value_get(b, "map"))));
}

static bool add_mappings(Merge *m, Field field, Err *err)
{
    const List *more = element_list(m->derived, field);
    List *list = &m->into->slots[field].list;
    m->into->slots[field].key = field_name(field);
    for (uint32_t i = 0; i < more->count; i++) {
        bool found = false;
        for (uint32_t n = 0; n < list->count && !found; n++)
            found = same_map(list->items[n], more->items[i]);
        if (!found)
            TRY(list_add(list, more->items[i], m->gen->arena, err));
    }
    return true;
}

static bool same_url(Value a, Value b)
{
    return str_eq(value_text(value_get(a, "url")), value_text(value_get(b, "url")));
}

/* Extensions about the inherited element's own standing say nothing about the derived one. */
static const char *const not_inherited[] = {
    "http://hl7.org/fhir/StructureDefinition/elementdefinition-isCommonBinding",
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status",
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-normative-version",
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-fmm",
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-category",
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-wg",
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-security-category",
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-summary",
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status-reason",
};

static bool is_inherited(Value extension)
{
    Str url = value_text(value_get(extension, "url"));
    for (size_t i = 0; i < sizeof not_inherited / sizeof *not_inherited; i++)
        if (str_is(url, not_inherited[i]))
            return false;
    return true;
}

static bool merge_extensions(Merge *m, Err *err)
{
    const List *more = element_list(m->derived, F_EXTENSION);
    const List old = *element_list(m->into, F_EXTENSION);
    List list = {0};
    for (uint32_t i = 0; i < old.count; i++) {
        bool replaced = !is_inherited(old.items[i]);
        for (uint32_t n = 0; n < more->count && !replaced; n++)
            replaced = same_url(old.items[i], more->items[n]);
        if (!replaced)
            TRY(list_add(&list, old.items[i], m->gen->arena, err));
    }
    for (uint32_t i = 0; i < more->count; i++)
        TRY(list_add(&list, more->items[i], m->gen->arena, err));
    m->into->slots[F_EXTENSION] = (Slot){.key = field_name(F_EXTENSION), .list = list};
    return true;
}

/* --- types, bindings, slicing --------------------------------------------------------------------
 */

static Str kind_of_type(Gen *gen, Str code, Str *ret_base)
{
    Str url = str_find(code, STR("://")) != SIZE_MAX
                  ? code
                  : arena_format(gen->arena, "http://hl7.org/fhir/StructureDefinition/%.*s",
                                 STR_ARG(code));
    const PackageResource *r =
        packages_find_any(gen->set->packages, gen->from, STR("StructureDefinition"), url, NULL);
    *ret_base = r ? r->sd_base : STR_NONE;
    return r ? r->sd_kind : STR_NONE;
}

/* Whether `code` is one of the base's types or derives from one. */
static bool type_allowed(Gen *gen, const Element *base, Str code)
{
    for (int steps = 0; code.len && steps < SNAPSHOT_DEPTH_MAX; steps++) {
        if (types_have(base, code) || types_have(base, STR("*")) ||
            str_starts(type_code(base, 0), STR("http://hl7.org/fhirpath/System.")))
            return true;
        Str parent;
        if (!kind_of_type(gen, code, &parent).len || !parent.len)
            return !steps && str_find(code, STR("://")) != SIZE_MAX; /* of a model not at hand */
        code = str_skip(parent, str_rfind_char(parent, '/') + 1);
    }
    return false;
}

static bool merge_type(Merge *m, Field field, Err *err)
{
    for (uint32_t i = 0; i < type_count(m->derived) && type_count(m->into); i++)
        if (!type_allowed(m->gen, m->into, type_code(m->derived, i)))
            issue_add(m->gen, SNAPSHOT_ERROR, "type-not-in-base", m->where,
                      "type %.*s is none that the base allows", STR_ARG(type_code(m->derived, i)));
    element_clear(m->into, F_CONTENT_REFERENCE);
    return replace(m, field, err);
}

/* Members of `over` before those of `under`, in the order of `order`; a name once. */
static bool overlay(Merge *m, Field field, const char *const *order, Err *err)
{
    Value over = element_value(m->derived, field), under = element_value(m->into, field);
    BUF_AUTO buf;
    buf_init(&buf, 16 * 1024 * 1024);
    buf_add_char(&buf, '{');
    for (size_t i = 0; order[i]; i++) {
        Value value = value_get(over, order[i]);
        bool own_only = order[i][0] == 'd' || order[i][0] == 'e'; /* description, extension */
        if (!value.node && !(own_only && field == F_BINDING))
            value = value_get(under, order[i]);
        if (!value.node)
            continue;
        if (buf.len > 1)
            buf_add_char(&buf, ',');
        write_quoted(&buf, str_from(order[i]));
        buf_add_char(&buf, ':');
        write_value(&buf, value, -1);
    }
    buf_add_char(&buf, '}');
    if (buf.overflowed)
        return OUT_OF_MEMORY(err);
    return element_set_json(m->into, field, arena_copy(m->gen->arena, buf_str(&buf)), m->gen->arena,
                            err);
}

static bool merge_binding(Merge *m, Field field, Err *err)
{
    static const char *const order[] = {"id",          "extension", "strength",
                                        "description", "valueSet",  NULL};
    Str mine = value_text(value_get(element_value(m->derived, field), "strength"));
    Str inherited = value_text(value_get(element_value(m->into, field), "strength"));
    if (str_is(inherited, "required") && mine.len && !str_is(mine, "required"))
        issue_add(m->gen, SNAPSHOT_ERROR, "binding-weakened", m->where,
                  "a required binding cannot become %.*s", STR_ARG(mine));
    return overlay(m, field, order, err);
}

static bool same_discriminator(Value a, Value b)
{
    return str_eq(value_text(value_get(a, "type")), value_text(value_get(b, "type"))) &&
           str_eq(value_text(value_get(a, "path")), value_text(value_get(b, "path")));
}

/* The base's discriminators stay; the differential may add some. */
static bool write_discriminators(Buf *out, Value under, Value over)
{
    uint32_t count = value_count(under);
    buf_add_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            buf_add_char(out, ',');
        write_value(out, value_item(under, i), -1);
    }
    for (uint32_t i = 0; i < value_count(over); i++) {
        bool found = false;
        for (uint32_t n = 0; n < value_count(under) && !found; n++)
            found = same_discriminator(value_item(under, n), value_item(over, i));
        if (found)
            continue;
        if (count++)
            buf_add_char(out, ',');
        write_value(out, value_item(over, i), -1);
    }
    buf_add_char(out, ']');
    return count > 0;
}

static void check_rules(Merge *m, Value under, Value over)
{
    Str was = value_text(value_get(under, "rules")), is = value_text(value_get(over, "rules"));
    if (str_is(was, "closed") && is.len && !str_is(is, "closed") &&
        !str_ends(m->node->name, STR("[x]")))
        issue_add(m->gen, SNAPSHOT_ERROR, "slicing-reopened", m->where,
                  "slicing is closed in the base and cannot become %.*s", STR_ARG(is));
}

static bool merge_slicing(Merge *m, Field field, Err *err)
{
    Value under = element_value(m->into, field), over = element_value(m->derived, field);
    if (!under.node || m->node->slicing_made)
        return replace(m, field, err);
    check_rules(m, under, over);
    static const char *const rest[] = {"description", "ordered", "rules", NULL};
    BUF_AUTO buf;
    buf_init(&buf, 1024 * 1024);
    buf_add(&buf, STR("{\"discriminator\":"));
    if (!write_discriminators(&buf, value_get(under, "discriminator"),
                              value_get(over, "discriminator")))
        buf.len = 1;
    for (size_t i = 0; rest[i]; i++) {
        Value value = value_get(over, rest[i]);
        if (!value.node)
            value = value_get(under, rest[i]);
        if (!value.node)
            continue;
        if (buf.len > 1)
            buf_add_char(&buf, ',');
        write_quoted(&buf, str_from(rest[i]));
        buf_add_char(&buf, ':');
        write_value(&buf, value, -1);
    }
    buf_add_char(&buf, '}');
    if (buf.overflowed)
        return OUT_OF_MEMORY(err);
    return element_set_json(m->into, field, arena_copy(m->gen->arena, buf_str(&buf)), m->gen->arena,
                            err);
}

/* --- the table -----------------------------------------------------------------------------------
 */

static const MergeRule rules[FIELD_COUNT] = {
    [F_ID] = keep,
    [F_EXTENSION] = keep, /* merge_extensions: also when the differential has none */
    [F_MODIFIER_EXTENSION] = add_missing,
    [F_PATH] = keep,
    [F_REPRESENTATION] = keep,
    [F_SLICE_NAME] = replace,
    [F_SLICE_IS_CONSTRAINING] = replace,
    [F_LABEL] = append_text,
    [F_CODE] = add_missing,
    [F_SLICING] = merge_slicing,
    [F_SHORT] = replace,
    [F_DEFINITION] = append_text,
    [F_COMMENT] = append_text,
    [F_REQUIREMENTS] = append_text,
    [F_ALIAS] = add_missing,
    [F_MIN] = merge_min,
    [F_MAX] = merge_max,
    [F_BASE] = keep,
    [F_CONTENT_REFERENCE] = keep,
    [F_TYPE] = merge_type,
    [F_DEFAULT_VALUE] = keep,
    [F_MEANING_WHEN_MISSING] = keep,
    [F_ORDER_MEANING] = keep,
    [F_FIXED] = replace,
    [F_PATTERN] = replace,
    [F_EXAMPLE] = add_missing,
    [F_MIN_VALUE] = replace,
    [F_MAX_VALUE] = replace,
    [F_MAX_LENGTH] = replace,
    [F_CONDITION] = add_missing,
    [F_CONSTRAINT] = add_constraints,
    [F_MUST_SUPPORT] = merge_must_support,
    [F_IS_MODIFIER] = merge_modifier,
    [F_IS_MODIFIER_REASON] = merge_modifier,
    [F_IS_SUMMARY] = replace,
    [F_BINDING] = merge_binding,
    [F_MAPPING] = add_mappings,
};

static bool is_bindable(const Element *element)
{
    static const char *const codes[] = {"Coding", "CodeableConcept",  "Quantity", "uri", "string",
                                        "code",   "CodeableReference"};
    for (uint32_t i = 0; i < type_count(element); i++)
        for (size_t n = 0; n < sizeof codes / sizeof *codes; n++)
            if (str_is(type_code(element, i), codes[n]))
                return true;
    return false;
}

/* What is inherited about any extension tells nobody anything about this one. */
static bool reset_extension_texts(Gen *gen, Node *node, Err *err)
{
    bool extension = str_is(node->name, "extension") || str_is(node->name, "modifierExtension") ||
                     (!node->parent && str_is(node->name, "Extension"));
    if (!extension)
        return true;
    static const Field dropped[] = {F_COMMENT, F_REQUIREMENTS, F_ALIAS, F_MAPPING};
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        element_clear(&node->element, dropped[i]);
    TRY(element_set_json(&node->element, F_DEFINITION, STR("\"An Extension\""), gen->arena, err));
    return element_set_json(&node->element, F_SHORT, STR("\"Extension\""), gen->arena, err);
}

static bool is_resource_or_extension(const Tree *tree)
{
    return str_is(tree->kind, "resource") || str_is(tree->type, "Extension");
}

/* The profile that this element is narrowed to speaks for itself. */
static bool take_profile_texts(Gen *gen, Node *node, const Element *derived, Err *err)
{
    const Element *from =
        node->slice.len && type_count(&node->element) == 1 && type_profile_count(&node->element, 0)
            ? &node->element
            : derived;
    Str canonical = type_profile(from, 0, 0);
    Tree *tree = NULL;
    if (canonical.len)
        TRY(tree_of(gen, canonical, &tree, err));
    if (!tree || !is_resource_or_extension(tree))
        return true;
    static const Field texts[] = {F_DEFINITION, F_COMMENT, F_REQUIREMENTS};
    const Element *root = &tree->root->element;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (element_has(root, texts[i]))
            element_copy(&node->element, root, texts[i]);
    element_copy(&node->element, root, F_SHORT);
    element_copy(&node->element, root, F_ALIAS);
    element_copy(&node->element, root, F_MAPPING);
    return true;
}

bool element_merge(Gen *gen, Node *node, const Element *derived, Str where, Err *err)
{
    Merge m = {gen, node, &node->element, derived, where};
    TRY(reset_extension_texts(gen, node, err));
    TRY(take_profile_texts(gen, node, derived, err));
    TRY(merge_extensions(&m, err));
    for (int f = 0; f < FIELD_COUNT; f++)
        if (element_has(derived, (Field)f) || derived->slots[f].under.node)
            TRY(rules[f](&m, (Field)f, err));
    if (type_count(&node->element) && !is_bindable(&node->element))
        element_clear(&node->element, F_BINDING);
    if (!node->parent)
        element_clear(&node->element, F_REQUIREMENTS); /* spec: sdf-9 */
    node->touched = true;
    return true;
}

/* --- narrowing to an extension or a resource profile ---------------------------------------------
 */

/* Fields of the root that the use adds to or fills in, rather than is replaced by. */
static bool fill_from_use(Gen *gen, Element *root, const Element *use, Err *err)
{
    static const Field filled[] = {F_SLICE_NAME, F_LABEL,       F_DEFINITION,
                                   F_SHORT,      F_COMMENT,     F_REQUIREMENTS,
                                   F_MIN,        F_MAX,         F_FIXED,
                                   F_PATTERN,    F_EXAMPLE,     F_MIN_VALUE,
                                   F_MAX_VALUE,  F_MAX_LENGTH,  F_MUST_SUPPORT,
                                   F_IS_SUMMARY, F_IS_MODIFIER, F_IS_MODIFIER_REASON,
                                   F_BINDING};
    static const Field joined[] = {F_CODE, F_ALIAS};
    for (size_t i = 0; i < sizeof filled / sizeof *filled; i++)
        if (!element_has(root, filled[i]))
            element_copy(root, use, filled[i]);
    Merge m = {gen, NULL, root, use, STR_NONE};
    for (size_t i = 0; i < sizeof joined / sizeof *joined; i++)
        if (element_has(use, joined[i]))
            TRY(add_missing(&m, joined[i], err));
    return element_has(use, F_CONSTRAINT) ? add_constraints(&m, F_CONSTRAINT, err) : true;
}

bool element_narrow_range(Gen *gen, Node *node, Err *err)
{
    Tree *tree = NULL;
    Element *element = &node->element;
    if (type_count(element) == 1 && type_profile_count(element, 0) == 1)
        TRY(tree_of(gen, type_profile(element, 0, 0), &tree, err));
    if (!tree)
        return true;
    const Element *root = &tree->root->element;
    if (element_min(root) && !element_min(element))
        element_copy(element, root, F_MIN);
    if (element_max(root) < 2 && element_max(element) > 1)
        element_copy(element, root, F_MAX);
    return true;
}

bool element_add_constraints(Gen *gen, Element *into, const Element *from, Err *err)
{
    Merge m = {gen, NULL, into, from, STR_NONE};
    return add_constraints(&m, F_CONSTRAINT, err);
}

bool element_add_root_constraints(Gen *gen, Element *into, Str code, Err *err)
{
    Str url =
        arena_format(gen->arena, "http://hl7.org/fhir/StructureDefinition/%.*s", STR_ARG(code));
    const PackageResource *r =
        packages_find_any(gen->set->packages, gen->from, STR("StructureDefinition"), url, NULL);
    if (!r)
        return true;
    const JsonDoc *doc;
    Element root;
    TRY(packages_doc(gen->set->packages, r, &doc, err));
    Value part =
        value_get((Value){doc, json_root(doc)}, r->has_differential ? "differential" : "snapshot");
    TRY(element_read(value_item(value_get(part, "element"), 0), gen->arena, &root, err));
    TRY(element_fill_sources(gen, &root, url, err));
    return element_add_constraints(gen, into, &root, err);
}

static bool is_single(const Element *element, const char *code)
{
    return type_count(element) == 1 && str_is(type_code(element, 0), code);
}

bool element_take_profile(Gen *gen, Node *node, const Element *derived, Err *err)
{
    const Element use = node->element;
    bool extension = is_single(&use, "Extension"), resource = is_single(&use, "Resource");
    Str canonical = type_count(derived) == 1 ? type_profile(derived, 0, 0) : STR_NONE;
    if (!canonical.len || (!extension && !resource) || str_eq(canonical, type_profile(&use, 0, 0)))
        return true;
    Tree *tree;
    TRY(tree_of(gen, canonical, &tree, err));
    if (!tree) {
        issue_add(gen, SNAPSHOT_WARNING, "profile-unknown", node_id(node, gen->arena),
                  "profile %.*s is not in the packages", STR_ARG(canonical));
        return true;
    }
    Element root = tree->root->element;
    element_clear(&root, F_SLICE_NAME);
    element_clear(&root, F_SLICING);
    element_copy(&root, &use, F_BASE);
    /* A resource's own constraints speak of %resource, which it is not when it stands in another:
     * the validator applies them when it validates the profile. */
    if (str_is(tree->kind, "resource"))
        element_clear(&root, F_CONSTRAINT);
    if (!extension) {
        element_copy(&root, &use, F_MIN);
        element_copy(&root, &use, F_MAX);
    }
    TRY(fill_from_use(gen, &root, &use, err));
    if (!element_has(&root, F_TYPE))
        element_copy(&root, &use, F_TYPE);
    node->element = root;
    return true;
}
