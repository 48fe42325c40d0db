#include "services/validator/engine/snapshot/internal.h"

/* The tree, read out in the order of the specification: an element, its children, its slices. */

enum { TEXT_BYTES_MAX = 256 * 1024 * 1024 };

typedef struct Emitter {
    Gen *gen;
    Buf out;
    uint32_t count;
} Emitter;

static void emit_key(Emitter *e, bool *first, const char *prefix, Str key)
{
    if (!*first)
        buf_add_char(&e->out, ',');
    *first = false;
    buf_add_char(&e->out, '"');
    buf_add(&e->out, str_from(prefix));
    buf_add(&e->out, key); /* one of the table's, or the beginning of one and letters */
    buf_add(&e->out, STR("\":"));
}

static void emit_list(Emitter *e, const List *list)
{
    buf_add_char(&e->out, '[');
    for (uint32_t i = 0; i < list->count; i++) {
        if (i)
            buf_add_char(&e->out, ',');
        write_value(&e->out, list->items[i], -1);
    }
    buf_add_char(&e->out, ']');
}

static void emit_text(Emitter *e, bool *first, Field field, Str text)
{
    emit_key(e, first, "", field_name(field));
    write_quoted(&e->out, text);
}

/* spec: within a profile of T, "#T.x" means the element of T itself */
static void emit_reference(Emitter *e, bool *first, const Node *node)
{
    Str reference = element_text(&node->element, F_CONTENT_REFERENCE);
    Str type = str_cut(reference, 1, str_find_char(reference, '.'));
    bool relative = reference.len > 1 && reference.ptr[0] == '#' && type.len < reference.len;
    if (!relative || e->gen->specialises || e->gen->is_logical) {
        emit_text(e, first, F_CONTENT_REFERENCE, reference);
        return;
    }
    Str whole = arena_format(e->gen->arena, "http://hl7.org/fhir/StructureDefinition/%.*s%.*s",
                             STR_ARG(type), STR_ARG(reference));
    emit_text(e, first, F_CONTENT_REFERENCE, whole);
}

static void emit_slot(Emitter *e, bool *first, Field field, const Slot *slot)
{
    if (slot->value.node || slot->list.count) {
        emit_key(e, first, "", slot->key);
        if (slot->list.count)
            emit_list(e, &slot->list);
        else
            write_value(&e->out, slot->value, -1);
    }
    if (slot->under.node && slot->key.len && field != F_ID && field != F_PATH) {
        emit_key(e, first, "_", slot->key);
        write_value(&e->out, slot->under, -1);
    }
}

static void emit_element(Emitter *e, const Node *node)
{
    bool first = true;
    if (e->count++)
        buf_add_char(&e->out, ',');
    buf_add_char(&e->out, '{');
    for (int f = 0; f < FIELD_COUNT; f++) {
        if (f == F_ID)
            emit_text(e, &first, F_ID, node_id(node, e->gen->arena));
        else if (f == F_PATH)
            emit_text(e, &first, F_PATH, node_path(node, e->gen->arena));
        else if (f == F_SLICE_NAME && node->slice.len)
            emit_text(e, &first, F_SLICE_NAME, node->slice);
        else if (f == F_CONTENT_REFERENCE && element_has(&node->element, F_CONTENT_REFERENCE))
            emit_reference(e, &first, node);
        else
            emit_slot(e, &first, (Field)f, &node->element.slots[f]);
    }
    buf_add_char(&e->out, '}');
}

static void emit_node(Emitter *e, const Node *node)
{
    emit_element(e, node);
    for (uint32_t i = 0; i < node->children.count; i++)
        emit_node(e, node->children.items[i]);
    for (uint32_t i = 0; i < node->slices.count; i++)
        emit_node(e, node->slices.items[i]);
}

static void emit_snapshot(Emitter *e)
{
    buf_add(&e->out, STR("{\"element\":["));
    emit_node(e, e->gen->root);
    buf_add(&e->out, STR("]}"));
}

/* All that the definition says; the snapshot stands where packages have it, before the
 * differential. */
static void emit_definition(Emitter *e)
{
    Value definition = e->gen->definition;
    bool first = true;
    buf_add_char(&e->out, '{');
    JSON_EACH(definition.doc, member, definition.node)
    {
        Str key = json_key(member);
        if (str_is(key, "snapshot"))
            continue;
        if (str_is(key, "differential")) {
            emit_key(e, &first, "", STR("snapshot"));
            emit_snapshot(e);
        }
        if (!first)
            buf_add_char(&e->out, ',');
        first = false;
        write_quoted(&e->out, key);
        buf_add_char(&e->out, ':');
        write_value(&e->out, (Value){definition.doc, member}, -1);
    }
    buf_add_char(&e->out, '}');
}

static bool read_back(Emitter *e, Arena *arena, const JsonDoc **ret_doc, Err *err)
{
    if (e->count > SNAPSHOT_ELEMENTS_MAX)
        return ERR(err, ERR_INPUT, "snapshot-too-large", "a snapshot of %u elements", e->count);
    Str text = arena_copy(arena, buf_str(&e->out));
    JsonDoc *doc = ARENA_NEW(arena, JsonDoc);
    if (e->out.overflowed || !text.ptr || !doc || arena_exhausted(e->gen->arena))
        return OUT_OF_MEMORY(err);
    TRY(json_read(text, e->gen->definition.doc->names, NULL, arena, doc, NULL, err));
    *ret_doc = doc;
    return true;
}

bool tree_emit(Gen *gen, Arena *arena, const JsonDoc **ret_doc, Err *err)
{
    Emitter e = {.gen = gen};
    buf_init(&e.out, TEXT_BYTES_MAX);
    emit_definition(&e);
    bool good = read_back(&e, arena, ret_doc, err);
    buf_clear(&e.out);
    return good;
}

Str snapshot_print(const JsonDoc *doc, Arena *arena)
{
    BUF_AUTO out;
    buf_init(&out, TEXT_BYTES_MAX);
    write_value(&out, (Value){doc, json_root(doc)}, 0);
    buf_add_char(&out, '\n');
    return out.overflowed ? STR_NONE : arena_copy(arena, buf_str(&out));
}
