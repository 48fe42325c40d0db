/* The step map: codes of one system in those of another.
 *
 * spec: hl7.org/fhir/R4/conceptmap.html */
#include "common/json/write.h"
#include "common/transform/steps.h"

enum { CODING_BYTES_MAX = 65536 };

static bool from_system(const MapTarget *row, Str system)
{
    return !row->source.len || !system.len || str_eq(row->source, system);
}

/* The first row of the code, by bisection. */
static size_t first_row(const CodeMap *map, Str code)
{
    size_t low = 0, high = map->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (str_compare(map->rows[middle].code, code) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* False: the map has nothing to say about it, it stays as it is. */
static bool translate(const CodeMap *map, Str system, Str code, MapTarget *ret_target)
{
    for (size_t i = first_row(map, code); i < map->count && str_eq(map->rows[i].code, code); i++)
        if (from_system(&map->rows[i], system)) {
            *ret_target = map->rows[i];
            return map->rows[i].used;
        }
    for (size_t i = 0; i < map->unmapped_count; i++)
        if (map->unmapped[i].used && from_system(&map->unmapped[i], system)) {
            *ret_target = map->unmapped[i];
            if (!ret_target->target_code.len)
                ret_target->target_code = code;
            return true;
        }
    return false;
}

static void add_text(Buf *out, const char *name, Str value)
{
    if (!value.len)
        return;
    buf_add_format(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
    json_write_string(out, value);
}

/* What says something of the old code, and would be wrong beside the new one. */
static bool is_replaced(Str key)
{
    static const char *const names[] = {"system", "version", "code", "display"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_is(key, names[i]) ||
            (key.len && key.ptr[0] == '_' && str_is(str_skip(key, 1), names[i])))
            return true;
    return false;
}

static Str coding_text(const Draft *draft, const MapTarget *target, const JsonNode *old)
{
    BUF_AUTO out;
    buf_init(&out, CODING_BYTES_MAX + (old ? old->end - old->at : 0));
    buf_add_char(&out, '{');
    add_text(&out, "system", target->target_system);
    add_text(&out, "code", target->target_code);
    add_text(&out, "display", target->target_display);
    if (old)
        JSON_EACH(draft->doc, member, old)
        {
            if (is_replaced(json_key(member)))
                continue;
            buf_add_char(&out, ',');
            buf_add(&out, str_cut(draft->doc->source, member->key_at, member->end));
        }
    buf_add_char(&out, '}');
    return out.overflowed ? STR_NONE : arena_copy(draft->arena, buf_str(&out));
}

static bool says_so_already(const Draft *draft, const JsonNode *coding, const MapTarget *target)
{
    return str_eq(json_get_text(draft->doc, coding, "system"), target->target_system) &&
           str_eq(json_get_text(draft->doc, coding, "code"), target->target_code);
}

static bool no_room(Err *err)
{
    return ERR(err, ERR_INPUT, "memory-limit", "no room for a code");
}

static bool map_coding(Draft *draft, const RuleStep *step, const JsonNode *coding, Err *err)
{
    MapTarget target;
    Str code = json_get_text(draft->doc, coding, "code");
    if (!code.len ||
        !translate(step->map, json_get_text(draft->doc, coding, "system"), code, &target) ||
        says_so_already(draft, coding, &target))
        return true;
    Str text = coding_text(draft, &target, coding);
    if (!text.ptr)
        return no_room(err);
    edits_add(&draft->edits, coding->at, coding->end, text);
    draft->places++;
    return true;
}

static bool is_listed(const Draft *draft, const JsonNode *codings, const MapTarget *target)
{
    JSON_EACH(draft->doc, coding, codings)
    if (says_so_already(draft, coding, target))
        return true;
    return false;
}

/* The new coding stands behind the old ones. */
static bool map_beside(Draft *draft, const RuleStep *step, const JsonNode *codings, Err *err)
{
    JSON_EACH(draft->doc, coding, codings)
    {
        MapTarget target;
        Str code = json_get_text(draft->doc, coding, "code");
        if (!code.len ||
            !translate(step->map, json_get_text(draft->doc, coding, "system"), code, &target) ||
            is_listed(draft, codings, &target))
            continue;
        Str text = coding_text(draft, &target, NULL);
        Str piece = arena_format(draft->arena, ",%.*s", STR_ARG(text));
        if (!text.ptr || !piece.ptr)
            return no_room(err);
        edits_add(&draft->edits, codings->end - 1, codings->end - 1, piece);
        draft->places++;
    }
    return true;
}

static bool map_code(Draft *draft, const RuleStep *step, const JsonNode *code, Err *err)
{
    MapTarget target;
    BUF_AUTO out;
    buf_init(&out, CODING_BYTES_MAX);
    if (!translate(step->map, STR_NONE, json_text(code), &target) ||
        str_eq(target.target_code, json_text(code)))
        return true;
    json_write_string(&out, target.target_code);
    Str text = out.overflowed ? STR_NONE : arena_copy(draft->arena, buf_str(&out));
    if (!text.ptr)
        return no_room(err);
    edits_add(&draft->edits, code->at, code->end, text);
    draft->places++;
    return true;
}

bool draft_map(Draft *draft, const RuleStep *step, const JsonNode *node, Err *err)
{
    const JsonNode *codings = json_get(draft->doc, node, "coding");
    bool concept = codings && codings->kind == JSON_KIND_ARRAY;
    if (node->kind == JSON_KIND_STRING && !step->keep)
        return map_code(draft, step, node, err);
    if (node->kind != JSON_KIND_OBJECT)
        return ERR(err, ERR_INPUT, "transform-step", "its path yields what has no code");
    if (!concept && step->keep && json_get(draft->doc, node, "code"))
        return ERR(err, ERR_INPUT, "transform-step", "\"keep\" needs a CodeableConcept");
    if (!concept)
        return map_coding(draft, step, node, err);
    if (step->keep)
        return map_beside(draft, step, codings, err);
    JSON_EACH(draft->doc, coding, codings)
    TRY(map_coding(draft, step, coding, err));
    return true;
}
