#include "services/validator/engine/snapshot/internal.h"

#include <stdarg.h>

/* --- nodes ---------------------------------------------------------------------------------------
 */

void issue_add(Gen *gen, SnapshotSeverity severity, const char *code, Str element,
               const char *format, ...)
{
    Snapshots *set = gen->set;
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (set->issue_count == set->issue_room) {
        size_t room = set->issue_room ? set->issue_room * 2 : 32;
        SnapshotIssue *grown = arena_grow(set->arena, set->issues, set->issue_room * sizeof *grown,
                                          room * sizeof *grown);
        if (!grown)
            return; /* the arena stays exhausted: the generation fails anyway */
        set->issues = grown;
        set->issue_room = room;
    }
    set->issues[set->issue_count++] = (SnapshotIssue){
        .severity = severity,
        .code = code,
        .profile = arena_copy(set->arena, gen->url),
        .element = arena_copy(set->arena, element),
        .text = arena_copy(set->arena, str_from(text)),
    };
}

Node *node_new(Gen *gen, Str name, Str slice, Err *err)
{
    if (++gen->nodes > SNAPSHOT_ELEMENTS_MAX * 4u) {
        (void)ERR(err, ERR_INPUT, "snapshot-too-large", "a snapshot of more than %d elements",
                  SNAPSHOT_ELEMENTS_MAX);
        return NULL;
    }
    Node *node = ARENA_NEW(gen->arena, Node);
    if (!node) {
        (void)OUT_OF_MEMORY(err);
        return NULL;
    }
    node->name = name;
    node->slice = slice;
    return node;
}

bool nodes_add(NodeList *list, Node *node, Arena *arena, Err *err)
{
    if (list->count == list->room) {
        uint32_t room = list->room ? list->room * 2 : 4;
        Node **grown =
            arena_grow(arena, list->items, list->room * sizeof(Node *), room * sizeof(Node *));
        if (!grown)
            return OUT_OF_MEMORY(err);
        list->items = grown;
        list->room = room;
    }
    list->items[list->count++] = node;
    return true;
}

Node *node_child(const Node *node, Str name)
{
    for (uint32_t i = 0; i < node->children.count; i++)
        if (str_eq(node->children.items[i]->name, name))
            return node->children.items[i];
    return NULL;
}

/* Primitive types begin in lower case, but not in valueString. */
static bool allows_type(const Node *choice, Str type)
{
    const Element *element = choice->pristine ? &choice->pristine->element : &choice->element;
    for (uint32_t i = 0; i < type_count(element); i++) {
        Str code = type_code(element, i);
        if (str_is(code, "*") ||
            (code.len == type.len && str_eq(str_skip(code, 1), str_skip(type, 1)) &&
             (code.ptr[0] | 0x20) == (type.ptr[0] | 0x20)))
            return true;
    }
    return false;
}

Node *node_choice(const Node *node, Str name, Str *ret_type)
{
    for (uint32_t i = 0; i < node->children.count; i++) {
        Node *child = node->children.items[i];
        if (!str_ends(child->name, STR("[x]")))
            continue;
        Str root = str_cut(child->name, 0, child->name.len - 3);
        Str type = str_skip(name, root.len);
        if (!str_starts(name, root) || !type.len || !allows_type(child, type))
            continue;
        *ret_type = type;
        return child;
    }
    return NULL;
}

Node *node_slice(Node *node, Str slice)
{
    for (uint32_t i = 0; i < node->slices.count; i++) {
        Node *found = node->slices.items[i];
        if (str_eq(found->slice, slice) || (found = node_slice(found, slice)))
            return found;
    }
    return NULL;
}

Str node_path(const Node *node, Arena *arena)
{
    if (!node->parent)
        return node->name;
    return arena_format(arena, "%.*s.%.*s", STR_ARG(node_path(node->parent, arena)),
                        STR_ARG(node->name));
}

Str node_id(const Node *node, Arena *arena)
{
    if (!node->parent)
        return node->name;
    return arena_format(arena, "%.*s.%.*s%s%.*s", STR_ARG(node_id(node->parent, arena)),
                        STR_ARG(node->name), node->slice.len ? ":" : "", STR_ARG(node->slice));
}

/* --- copies --------------------------------------------------------------------------------------
 */

static bool copy_list(Gen *gen, const NodeList *from, NodeList *to, Node *parent, Node *sliced,
                      Err *err)
{
    for (uint32_t i = 0; i < from->count; i++) {
        Node *copy;
        TRY(node_copy(gen, from->items[i], true, parent, &copy, err));
        copy->sliced = sliced;
        TRY(nodes_add(to, copy, gen->arena, err));
    }
    return true;
}

bool node_copy_children(Gen *gen, const Node *from, Node *to, Err *err)
{
    return copy_list(gen, &from->children, &to->children, to, NULL, err);
}

bool node_copy(Gen *gen, const Node *from, bool slices, Node *parent, Node **ret_node, Err *err)
{
    Node *node = node_new(gen, from->name, from->slice, err);
    if (!node)
        return false;
    node->element = from->element;
    node->parent = parent;
    node->pristine = from->pristine ? from->pristine : from;
    node->source = from->source;
    node->home = from->home;
    node->opened = from->opened;
    TRY(node_copy_children(gen, from, node, err));
    if (slices)
        TRY(copy_list(gen, &from->slices, &node->slices, parent, node, err));
    *ret_node = node;
    return true;
}

/* --- a definition's snapshot as a tree -----------------------------------------------------------
 */

typedef struct Builder {
    Gen *gen;
    Str url;
    Node *at[SNAPSHOT_PATH_MAX]; /* the latest node of each depth */
    Node *root;
} Builder;

bool fill_base(Node *node, Str path, const Element *from, Arena *arena, Err *err)
{
    if (element_has(&node->element, F_BASE))
        return true;
    Str max = element_text(from, F_MAX);
    BUF_AUTO buf;
    buf_init(&buf, 4096);
    buf_add(&buf, STR("{\"path\":"));
    write_quoted(&buf, path);
    buf_add_format(&buf, ",\"min\":%u,\"max\":", element_min(from));
    write_quoted(&buf, max.len ? max : STR("*"));
    buf_add_char(&buf, '}');
    return element_set_json(&node->element, F_BASE, arena_copy(arena, buf_str(&buf)), arena, err);
}

static bool has_source(Value constraint)
{
    return value_get(constraint, "source").node;
}

/* A constraint without source comes from the definition that it stands in. */
bool element_fill_sources(Gen *gen, Element *element, Str url, Err *err)
{
    List *list = &element->slots[F_CONSTRAINT].list;
    uint32_t missing = 0;
    for (uint32_t i = 0; i < list->count; i++)
        missing += !has_source(list->items[i]);
    if (!missing || !url.len)
        return true;
    BUF_AUTO buf;
    buf_init(&buf, 16 * 1024 * 1024);
    buf_add_char(&buf, '[');
    for (uint32_t i = 0; i < list->count; i++) {
        if (i)
            buf_add_char(&buf, ',');
        write_value(&buf, list->items[i], -1);
        if (has_source(list->items[i]) || list->items[i].node->kind != JSON_KIND_OBJECT)
            continue;
        buf.len--; /* the closing brace */
        buf_add(&buf, list->items[i].node->count ? STR(",\"source\":") : STR("\"source\":"));
        write_quoted(&buf, url);
        buf_add_char(&buf, '}');
    }
    buf_add_char(&buf, ']');
    if (buf.overflowed)
        return OUT_OF_MEMORY(err);
    return element_set_json(element, F_CONSTRAINT, arena_copy(gen->arena, buf_str(&buf)),
                            gen->arena, err);
}

static uint32_t path_depth(Str path)
{
    uint32_t depth = 0;
    for (size_t i = 0; i < path.len; i++)
        depth += path.ptr[i] == '.';
    return depth;
}

/* The node that a slice is filed under: the sliced element, or for a/b the slice a. A slice may
 * call its path valueQuantity where the sliced element says value[x]. */
static Node *sliced_by(Node *parent, Str name, Str slice)
{
    Str ignored;
    Node *node = node_child(parent, name);
    if (!node)
        node = node_choice(parent, name, &ignored);
    size_t slash = str_rfind_char(slice, '/');
    Node *outer = node && slash != SIZE_MAX ? node_slice(node, str_cut(slice, 0, slash)) : NULL;
    return outer ? outer : node;
}

static bool file_node(Builder *b, Node *node, uint32_t depth, Err *err)
{
    Arena *arena = b->gen->arena;
    if (depth == 0) {
        b->root = b->root ? b->root : node;
        b->at[0] = b->root;
        node->home = b->root;
        return true;
    }
    Node *parent = b->at[depth - 1];
    node->parent = parent;
    node->home = b->root;
    b->at[depth] = node;
    Node *sliced = node->slice.len ? sliced_by(parent, node->name, node->slice) : NULL;
    if (!sliced)
        return nodes_add(&parent->children, node, arena, err);
    node->name = sliced->name;
    node->sliced = sliced;
    return nodes_add(&sliced->slices, node, arena, err);
}

static bool take_element(Builder *b, Value object, Err *err)
{
    Element element;
    TRY(element_read(object, b->gen->arena, &element, err));
    Str path = element_text(&element, F_PATH);
    uint32_t depth = path_depth(path);
    bool orphan = !path.len || depth >= SNAPSHOT_PATH_MAX || (depth && !b->at[depth - 1]) ||
                  (depth == 0 && b->root);
    if (orphan) {
        issue_add(b->gen, SNAPSHOT_ERROR, "snapshot-path", path,
                  "the snapshot of %.*s has an element without a place: %.*s", STR_ARG(b->url),
                  STR_ARG(path));
        return true;
    }
    Node *node = node_new(b->gen, str_skip(path, str_rfind_char(path, '.') + 1),
                          element_text(&element, F_SLICE_NAME), err);
    if (!node)
        return false;
    node->element = element;
    node->source = b->url;
    for (uint32_t d = depth + 1; d < SNAPSHOT_PATH_MAX && b->at[d]; d++)
        b->at[d] = NULL;
    TRY(fill_base(node, path, &element, b->gen->arena, err));
    TRY(element_fill_sources(b->gen, &node->element, b->url, err));
    return file_node(b, node, depth, err);
}

bool tree_build(Gen *gen, Value definition, Node **ret_root, Err *err)
{
    Builder b = {.gen = gen, .url = value_text(value_get(definition, "url"))};
    Value list = value_get(value_get(definition, "snapshot"), "element");
    if (!list.node || list.node->kind != JSON_KIND_ARRAY || !list.node->count)
        return ERR(err, ERR_INPUT, "snapshot-no-base", "%.*s has no snapshot", STR_ARG(b.url));
    JSON_EACH(list.doc, element, list.node)
    TRY(take_element(&b, (Value){list.doc, element}, err));
    if (!b.root)
        return ERR(err, ERR_INPUT, "snapshot-no-base", "the snapshot of %.*s has no root",
                   STR_ARG(b.url));
    *ret_root = b.root;
    return true;
}
