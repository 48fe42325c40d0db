#include "services/validator/engine/snapshot/internal.h"

Value value_get(Value value, const char *name)
{
    return (Value){value.doc, value.node ? json_get(value.doc, value.node, name) : NULL};
}

Str value_text(Value value)
{
    if (!value.node ||
        (value.node->kind != JSON_KIND_STRING && value.node->kind != JSON_KIND_NUMBER))
        return STR_NONE;
    return json_text(value.node);
}

uint32_t value_count(Value array)
{
    if (!array.node)
        return 0;
    return array.node->kind == JSON_KIND_ARRAY ? array.node->count : 1;
}

Value value_item(Value array, uint32_t i)
{
    if (!array.node || array.node->kind != JSON_KIND_ARRAY)
        return i == 0 ? array : (Value){0};
    const JsonNode *item = json_first(array.node);
    while (item && i--)
        item = json_next(array.doc, item);
    return (Value){array.doc, item};
}

static bool same_members(Value a, Value b)
{
    JSON_EACH(a.doc, member, a.node)
    {
        Value other = {b.doc, json_get_str(b.doc, b.node, json_key(member))};
        if (!value_same((Value){a.doc, member}, other))
            return false;
    }
    return true;
}

static bool same_items(Value a, Value b)
{
    const JsonNode *y = json_first(b.node);
    JSON_EACH(a.doc, x, a.node)
    {
        if (!value_same((Value){a.doc, x}, (Value){b.doc, y}))
            return false;
        y = json_next(b.doc, y);
    }
    return true;
}

bool value_same(Value a, Value b)
{
    if (!a.node || !b.node)
        return a.node == b.node;
    if (a.node->kind != b.node->kind || a.node->count != b.node->count)
        return false;
    switch ((JsonKind)a.node->kind) {
    case JSON_KIND_OBJECT:
        return same_members(a, b);
    case JSON_KIND_ARRAY:
        return same_items(a, b);
    case JSON_KIND_STRING:
    case JSON_KIND_NUMBER:
        return str_eq(json_text(a.node), json_text(b.node));
    default:
        return true;
    }
}

bool value_parse(Str json, Arena *arena, Value *ret_value, Err *err)
{
    JsonDoc *doc = ARENA_NEW(arena, JsonDoc);
    if (!doc || !json.ptr)
        return OUT_OF_MEMORY(err);
    TRY(json_read(json, NULL, NULL, arena, doc, NULL, err));
    *ret_value = (Value){doc, json_root(doc)};
    return true;
}

bool value_of_text(Str text, Arena *arena, Value *ret_value, Err *err)
{
    BUF_AUTO buf;
    buf_init(&buf, text.len * 6 + 16);
    write_quoted(&buf, text);
    return value_parse(arena_copy(arena, buf_str(&buf)), arena, ret_value, err);
}

bool list_add(List *list, Value item, Arena *arena, Err *err)
{
    Value *items = arena_alloc(arena, sizeof *items * ((size_t)list->count + 1));
    if (!items)
        return OUT_OF_MEMORY(err);
    if (list->count)
        memcpy(items, list->items, sizeof *items * list->count);
    items[list->count] = item;
    *list = (List){items, list->count + 1};
    return true;
}

bool list_has(const List *list, Value item)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (value_same(list->items[i], item))
            return true;
    return false;
}

/* --- writing -------------------------------------------------------------------------------------
 */

/* spec: RFC 8259 7 */
void write_quoted(Buf *out, Str text)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\') {
            buf_add_char(out, '\\');
            buf_add_char(out, (char)c);
        } else if (c == '\n') {
            buf_add(out, STR("\\n"));
        } else if (c < 0x20) {
            buf_add_format(out, "\\u%04x", c);
        } else {
            buf_add_char(out, (char)c);
        }
    }
    buf_add_char(out, '"');
}

void write_newline(Buf *out, int indent)
{
    if (indent < 0)
        return;
    buf_add_char(out, '\n');
    for (int i = 0; i < indent; i++)
        buf_add(out, STR("  "));
}

/* As written: numbers keep their digits, strings their escapes. */
void write_value(Buf *out, Value value, int indent)
{
    const JsonNode *node = value.node;
    bool object = node->kind == JSON_KIND_OBJECT;
    if (!object && node->kind != JSON_KIND_ARRAY) {
        buf_add(out, str_cut(value.doc->source, node->at, node->end));
        return;
    }
    int inner = indent < 0 ? -1 : indent + 1;
    buf_add_char(out, object ? '{' : '[');
    JSON_EACH(value.doc, child, node)
    {
        if (child->index)
            buf_add_char(out, ',');
        write_newline(out, inner);
        if (object) {
            write_quoted(out, json_key(child));
            buf_add(out, indent < 0 ? STR(":") : STR(": "));
        }
        write_value(out, (Value){value.doc, child}, inner);
    }
    if (node->count)
        write_newline(out, indent);
    buf_add_char(out, object ? '}' : ']');
}
