/* The step remove. What FHIR forbids does not stay behind: an array or object that lost all it had
 * goes, too, and a primitive takes its `_name` (id, extensions) with it. */
#include "common/transform/steps.h"

typedef struct Removal {
    Draft *draft;
    const JsonDoc *doc;
    bool *gone; /* [node] */
} Removal;

static bool *gone(const Removal *removal, const JsonNode *node)
{
    return &removal->gone[json_index_of(removal->doc, node)];
}

/* "_given" for "given" and the reverse; NULL: there is none. */
static const JsonNode *companion(const Removal *removal, const JsonNode *member)
{
    const JsonNode *object = json_parent(removal->doc, member);
    Str key = json_key(member);
    if (object->kind != JSON_KIND_OBJECT || !key.len)
        return NULL;
    JSON_EACH(removal->doc, other, object)
    {
        Str name = json_key(other);
        bool fits = key.ptr[0] == '_'
                        ? str_eq(name, str_skip(key, 1))
                        : name.len && name.ptr[0] == '_' && str_eq(str_skip(name, 1), key);
        if (fits)
            return other;
    }
    return NULL;
}

static const JsonNode *element_at(const JsonDoc *doc, const JsonNode *list, uint32_t index)
{
    if (list && list->kind == JSON_KIND_ARRAY)
        JSON_EACH(doc, element, list)
    if (element->index == index)
        return element;
    return NULL;
}

static void mark(const Removal *removal, const JsonNode *node)
{
    const JsonNode *parent = json_parent(removal->doc, node), *other;
    *gone(removal, node) = true;
    other = parent->kind == JSON_KIND_ARRAY
                ? element_at(removal->doc, companion(removal, parent), node->index)
                : companion(removal, node);
    if (other)
        *gone(removal, other) = true;
}

/* From the innermost outwards: children stand behind their parents. A list of primitives in which
 * only null is left (what stood in `_name` of it) is empty, too. */
static void mark_emptied(const Removal *removal)
{
    for (uint32_t i = removal->doc->count; i-- > 1;) {
        const JsonNode *node = &removal->doc->nodes[i];
        bool any = false, lost = false;
        if ((node->kind != JSON_KIND_ARRAY && node->kind != JSON_KIND_OBJECT) || !node->count)
            continue;
        JSON_EACH(removal->doc, child, node)
        {
            lost |= *gone(removal, child);
            any |= !*gone(removal, child) &&
                   (node->kind == JSON_KIND_OBJECT || child->kind != JSON_KIND_NULL);
        }
        if (lost && !any)
            *gone(removal, node) = true;
    }
}

static size_t start_of(const JsonNode *container, const JsonNode *child)
{
    return container->kind == JSON_KIND_OBJECT ? child->key_at : child->at;
}

/* Each run of what goes, with the commas that it leaves without use. */
static void cut_children(Removal *removal, const JsonNode *container)
{
    const JsonNode *kept = NULL, *first = NULL, *last = NULL;
    Edits *edits = &removal->draft->edits;
    JSON_EACH(removal->doc, child, container)
    {
        if (*gone(removal, child)) {
            first = first ? first : child;
            last = child;
            continue;
        }
        if (first && kept)
            edits_add(edits, kept->end, last->end, STR(""));
        else if (first)
            edits_add(edits, start_of(container, first), start_of(container, child), STR(""));
        kept = child;
        first = NULL;
    }
    if (first && kept)
        edits_add(edits, kept->end, last->end, STR(""));
}

static bool touches(const Removal *removal, const JsonNode *container)
{
    if (container->kind == JSON_KIND_ARRAY || container->kind == JSON_KIND_OBJECT)
        JSON_EACH(removal->doc, child, container)
    if (*gone(removal, child))
        return true;
    return false;
}

bool draft_remove(Draft *draft, const FhirpathItems *found, Err *err)
{
    Removal removal = {draft, draft->doc, ARENA_ARRAY(draft->arena, bool, draft->doc->count)};
    if (!removal.gone)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for %zu places", found->count);
    for (size_t i = 0; i < found->count; i++) {
        const FhirpathItem *item = &found->items[i];
        const JsonNode *node = item->node ? item->node : item->extra;
        if (node == json_root(draft->doc))
            return ERR(err, ERR_INPUT, "transform-step", "it would remove the bundle itself");
        mark(&removal, node);
        draft->places++;
    }
    mark_emptied(&removal);
    for (uint32_t i = 0; i < draft->doc->count; i++)
        if (!removal.gone[i] && touches(&removal, &draft->doc->nodes[i]))
            cut_children(&removal, &draft->doc->nodes[i]);
    return true;
}
