#include "services/validator/engine/snapshot/internal.h"

/* What is not there yet when the differential names it: the children of a type, slices. */

#define CORE_BASE "http://hl7.org/fhir/StructureDefinition/"

/* --- other definitions ---------------------------------------------------------------------------
 */

static bool tree_load(Gen *gen, const PackageResource *resource, Str canonical, Tree **ret_tree,
                      Err *err)
{
    const JsonDoc *doc;
    TRY(snapshots_of(gen->set, resource, &doc, err));
    Value definition = {doc, json_root(doc)};
    Tree *tree = ARENA_NEW(gen->arena, Tree);
    if (!tree)
        return OUT_OF_MEMORY(err);
    TRY(tree_build(gen, definition, &tree->root, err));
    tree->url = canonical;
    tree->type = resource->sd_type;
    tree->kind = resource->sd_kind;
    tree->next = gen->trees;
    gen->trees = tree;
    *ret_tree = tree;
    return true;
}

/* A definition that cannot be had is an issue where it is needed: err is for the end of memory. */
bool tree_of(Gen *gen, Str canonical, Tree **ret_tree, Err *err)
{
    *ret_tree = NULL;
    for (Tree *tree = gen->trees; tree; tree = tree->next)
        if (str_eq(tree->url, canonical)) {
            *ret_tree = tree;
            return true;
        }
    const PackageResource *resource = packages_find_any(
        gen->set->packages, gen->from, STR("StructureDefinition"), canonical, NULL);
    if (!resource)
        return true;
    Err why = {0};
    if (tree_load(gen, resource, canonical, ret_tree, &why))
        return true;
    *ret_tree = NULL;
    if (arena_exhausted(gen->arena) || arena_exhausted(gen->set->arena)) {
        *err = why;
        return false;
    }
    bool circular = !strcmp(why.code, "snapshot-circular");
    issue_add(gen, circular ? SNAPSHOT_NOTE : SNAPSHOT_ERROR, "definition-unusable", canonical,
              "%.*s cannot be used: %s", STR_ARG(canonical), why.text);
    return true;
}

bool tree_of_type(Gen *gen, Str code, Tree **ret_tree, Err *err)
{
    if (str_find(code, STR("://")) != SIZE_MAX)
        return tree_of(gen, code, ret_tree, err);
    Str url = arena_format(gen->arena, CORE_BASE "%.*s", STR_ARG(code));
    return url.ptr ? tree_of(gen, url, ret_tree, err) : OUT_OF_MEMORY(err);
}

/* --- opening -------------------------------------------------------------------------------------
 */

static Node *by_path(Node *node, Str path)
{
    Str rest = path, part;
    if (!str_split(&rest, '.', &part) || !str_eq(part, node->name))
        return NULL;
    while (node && str_split(&rest, '.', &part))
        node = node_child(node, part);
    return node;
}

/* spec: contentReference is "#Observation.referenceRange", or has the definition's url before it */
static bool reference_target(Gen *gen, const Node *node, Str reference, Node **ret_target, Err *err)
{
    size_t hash = str_find_char(reference, '#');
    Str url = str_cut(reference, 0, hash), id = str_skip(reference, hash + 1);
    *ret_target = node->home ? by_path(node->home, id) : NULL;
    if (*ret_target || !url.len)
        return true;
    Tree *tree;
    TRY(tree_of(gen, url, &tree, err));
    *ret_target = tree ? by_path(tree->root, id) : NULL;
    return true;
}

static bool open_reference(Gen *gen, Node *node, Err *err)
{
    Node *target;
    Str reference = element_text(&node->element, F_CONTENT_REFERENCE);
    TRY(reference_target(gen, node, reference, &target, err));
    if (!target)
        return true;
    element_clear(&node->element, F_CONTENT_REFERENCE);
    element_copy(&node->element, &target->element, F_TYPE);
    return node_copy_children(gen, target, node, err);
}

static bool one_code(const Element *element)
{
    for (uint32_t i = 1; i < type_count(element); i++)
        if (!str_eq(type_code(element, i), type_code(element, 0)))
            return false;
    return type_count(element) > 0;
}

/* One type: its profile if it has exactly one, else the type. Several: what all of them have. */
static bool open_type(Gen *gen, Node *node, Err *err)
{
    Tree *tree = NULL;
    const Element *element = &node->element;
    if (!one_code(element))
        TRY(tree_of_type(gen, STR("Element"), &tree, err));
    else if (type_count(element) == 1 && type_profile_count(element, 0) == 1)
        TRY(tree_of(gen, type_profile(element, 0, 0), &tree, err));
    if (!tree)
        TRY(tree_of_type(gen, type_code(element, 0), &tree, err));
    return tree ? node_copy_children(gen, tree->root, node, err) : true;
}

bool node_open(Gen *gen, Node *node, bool *ret_open, Err *err)
{
    if (!node->children.count) {
        if (element_has(&node->element, F_CONTENT_REFERENCE))
            TRY(open_reference(gen, node, err));
        else if (type_count(&node->element))
            TRY(open_type(gen, node, err));
        node->opened = true;
    }
    *ret_open = node->children.count > 0;
    return true;
}

/* --- slices --------------------------------------------------------------------------------------
 */

static bool is_extension(const Node *node)
{
    return str_is(node->name, "extension") || str_is(node->name, "modifierExtension");
}

static bool set_slicing(Gen *gen, Node *node, const char *type, const char *path, const char *rules,
                        Err *err)
{
    Str json = arena_format(gen->arena,
                            "{\"discriminator\":[{\"type\":\"%s\",\"path\":\"%s\"}],"
                            "\"ordered\":false,\"rules\":\"%s\"}",
                            type, path, rules);
    node->slicing_made = true;
    return json.ptr ? element_set_json(&node->element, F_SLICING, json, gen->arena, err)
                    : OUT_OF_MEMORY(err);
}

/* Slices without slicing: extensions are sliced by url and choices by type, whoever forgot it. */
static bool imply_slicing(Gen *gen, Node *node, Str slice, Err *err)
{
    if (element_has(&node->element, F_SLICING) || node->slice.len)
        return true;
    if (is_extension(node))
        return set_slicing(gen, node, "value", "url", "open", err);
    if (str_ends(node->name, STR("[x]")))
        return set_slicing(gen, node, "type", "$this", "open", err);
    issue_add(gen, SNAPSHOT_ERROR, "slicing-missing", node_id(node, gen->arena),
              "slice %.*s is introduced without slicing", STR_ARG(slice));
    return true;
}

/* A slice begins as what the base allows any item, but no item need be in it. */
static void begin_slice(Node *copy, Str slice)
{
    copy->slice = slice;
    element_clear(&copy->element, F_SLICING);
    copy->touched = copy->slicing_made = false;
}

bool node_make_slice(Gen *gen, Node *node, Str slice, Node **ret_slice, Err *err)
{
    size_t slash = str_rfind_char(slice, '/');
    Node *outer = slash == SIZE_MAX ? NULL : node_slice(node, str_cut(slice, 0, slash));
    const Node *from = outer ? outer : node->pristine ? node->pristine : node;
    Node *into = outer ? outer : node, *copy;
    TRY(imply_slicing(gen, into, slice, err));
    TRY(node_copy(gen, from, false, node->parent, &copy, err));
    begin_slice(copy, slice);
    copy->sliced = into;
    TRY(element_set_json(&copy->element, F_MIN, STR("0"), gen->arena, err));
    *ret_slice = copy;
    return nodes_add(&into->slices, copy, gen->arena, err);
}

/* --- slices of a choice --------------------------------------------------------------------------
 */

static bool keep_type(Gen *gen, Element *element, Str code, Err *err)
{
    List kept = {0};
    const List *types = element_list(element, F_TYPE);
    for (uint32_t i = 0; i < types->count; i++)
        if (str_eq(type_code(element, i), code))
            TRY(list_add(&kept, types->items[i], gen->arena, err));
    if (kept.count) {
        element->slots[F_TYPE].list = kept;
        return true;
    }
    Str json = arena_format(gen->arena, "[{\"code\":\"%.*s\"}]", STR_ARG(code));
    return json.ptr ? element_set_json(element, F_TYPE, json, gen->arena, err) : OUT_OF_MEMORY(err);
}

/* "Quantity", "String": the code that the choice allows, types begin in lower case if primitive. */
static Str code_for(Gen *gen, const Element *element, Str type)
{
    for (uint32_t i = 0; i < type_count(element); i++) {
        Str code = type_code(element, i);
        if (code.len == type.len && str_eq_ignore_case(code, type))
            return code;
    }
    const PackageResource *known =
        packages_find(gen->set->packages, gen->from, STR("StructureDefinition"),
                      arena_format(gen->arena, CORE_BASE "%.*s", STR_ARG(type)));
    if (known)
        return type;
    char *lower = arena_alloc(gen->arena, type.len + 1);
    if (!lower)
        return type;
    memcpy(lower, type.ptr, type.len);
    lower[0] = (char)(lower[0] | 0x20);
    return (Str){lower, type.len};
}

bool node_narrow(Gen *gen, Node *choice, Str type, Err *err)
{
    return type_count(&choice->element) == 1 ||
           keep_type(gen, &choice->element, code_for(gen, &choice->element, type), err);
}

static Node *slice_of_type(Node *choice, Str code)
{
    for (uint32_t i = 0; i < choice->slices.count; i++) {
        Node *slice = choice->slices.items[i];
        if (type_count(&slice->element) == 1 && str_eq(type_code(&slice->element, 0), code))
            return slice;
    }
    return NULL;
}

bool node_make_type_slice(Gen *gen, Node *choice, Str name, Str type, Node **ret_slice, Err *err)
{
    Str code = code_for(gen, &choice->element, type);
    *ret_slice = node_slice(choice, name);
    if (!*ret_slice)
        *ret_slice = slice_of_type(choice, code);
    if (*ret_slice)
        return true;
    TRY(node_make_slice(gen, choice, name, ret_slice, err));
    return keep_type(gen, &(*ret_slice)->element, code, err);
}
