/* Items as FHIR JSON, for the command line and whoever shows results. */
#include "common/base/buf.h"
#include "services/validator/engine/fhirpath/eval.h"

enum { JSON_MAX = 256 * 1024 * 1024 };

static void put_text(Buf *out, Str text)
{
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char into[] = "\"\\bfnrt";
    buf_add_char(out, '"');
    size_t plain = 0;
    for (size_t i = 0; i <= text.len; i++) {
        unsigned char c = i < text.len ? (unsigned char)text.ptr[i] : 0;
        if (i < text.len && c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(out, str_cut(text, plain, i));
        plain = i + 1;
        if (i == text.len)
            break;
        const char *found = c ? strchr(from, c) : NULL;
        if (found)
            buf_add_format(out, "\\%c", into[found - from]);
        else
            buf_add_format(out, "\\u%04x", c);
    }
    buf_add_char(out, '"');
}

/* The element as it stands in the document, without white space between the tokens. */
static void put_node(Buf *out, const JsonDoc *doc, const JsonNode *node)
{
    bool first = true;
    switch ((JsonKind)node->kind) {
    case JSON_KIND_NULL:
        buf_add(out, STR("null"));
        return;
    case JSON_KIND_TRUE:
        buf_add(out, STR("true"));
        return;
    case JSON_KIND_FALSE:
        buf_add(out, STR("false"));
        return;
    case JSON_KIND_NUMBER:
        buf_add(out, json_text(node));
        return;
    case JSON_KIND_STRING:
        put_text(out, json_text(node));
        return;
    default:
        break;
    }
    bool object = node->kind == JSON_KIND_OBJECT;
    buf_add_char(out, object ? '{' : '[');
    JSON_EACH(doc, child, node)
    {
        if (!first)
            buf_add_char(out, ',');
        first = false;
        if (object) {
            put_text(out, json_key(child));
            buf_add_char(out, ':');
        }
        put_node(out, doc, child);
    }
    buf_add_char(out, object ? '}' : ']');
}

static void put_quantity(Buf *out, const FhirpathQuantity *quantity, Arena *arena)
{
    buf_add(out, STR("{\"value\":"));
    buf_add(out, decimal_print(quantity->value, arena));
    if (quantity->unit.len) {
        buf_add(out, STR(",\"unit\":"));
        put_text(out, quantity->unit);
    }
    if (quantity->is_ucum)
        buf_add(out, STR(",\"system\":\"http://unitsofmeasure.org\",\"code\":"));
    else if (quantity->system.len) {
        buf_add(out, STR(",\"system\":"));
        put_text(out, quantity->system);
        buf_add(out, STR(",\"code\":"));
    }
    if (quantity->is_ucum || quantity->system.len)
        put_text(out, quantity->unit);
    buf_add_char(out, '}');
}

static void put_item(Buf *out, const FhirModel *model, const FhirpathItem *item, Arena *arena)
{
    (void)model;
    if (item->kind == FHIRPATH_QUANTITY) {
        put_quantity(out, item->quantity, arena);
        return;
    }
    if (item->kind == FHIRPATH_TYPE) {
        buf_add(out, item->is_system ? STR("{\"namespace\":\"System\",\"name\":")
                                     : STR("{\"namespace\":\"FHIR\",\"name\":"));
        put_text(out, item->type_name);
        buf_add_char(out, '}');
        return;
    }
    if (item->kind == FHIRPATH_BOOLEAN) {
        buf_add(out, item->boolean ? STR("true") : STR("false"));
        return;
    }
    if (item->kind != FHIRPATH_NODE) {
        put_text(out, fhirpath_item_text(item, arena));
        return;
    }
    const JsonNode *node = item->node;
    if (!node) /* a primitive that has nothing but extensions */
        put_node(out, item->doc, item->extra);
    else if (node->kind == JSON_KIND_NUMBER)
        put_text(out, json_text(node));
    else
        put_node(out, item->doc, node);
}

Str fhirpath_item_json(const FhirModel *model, const FhirpathItem *item, Arena *arena)
{
    Buf out;
    buf_init(&out, JSON_MAX);
    put_item(&out, model, item, arena);
    Str text = out.overflowed ? STR_NONE : arena_copy(arena, buf_str(&out));
    buf_clear(&out);
    return text;
}
