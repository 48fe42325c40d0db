/* The steps of a transform, and the ConceptMaps that they name. */
#include <stdlib.h>

#include "common/rules/reader.h"

/* --- steps ------------------------------------------------------------------------------------
 */
static bool step_path(Reader *reader, const JsonNode *node, void *to)
{
    RuleStep *step = to;
    return reader_fhirpath(reader, node, &step->path, &step->path_code);
}

static bool step_name(Reader *reader, const JsonNode *node, void *to)
{
    RuleStep *step = to;
    TRY(reader_text(reader, node, &step->name));
    for (size_t i = 0; i < step->name.len; i++) {
        char c = step->name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (i == 0 && c == '_');
        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return reader_refuse(reader, node, "rules-field", "the name of a property is expected");
    }
    return true;
}

/* spec: hl7.org/fhir/R4/json.html: no null, no empty array, object or string */
static const char *empty_value(const JsonDoc *doc, const JsonNode *node)
{
    if (node->kind == JSON_KIND_NULL)
        return "null is no value; use the step remove";
    if ((node->kind == JSON_KIND_ARRAY || node->kind == JSON_KIND_OBJECT) && node->count == 0)
        return "FHIR has no empty arrays and objects";
    if (node->kind == JSON_KIND_STRING && node->text_len == 0)
        return "FHIR has no empty texts";
    if (node->kind == JSON_KIND_ARRAY || node->kind == JSON_KIND_OBJECT)
        JSON_EACH(doc, child, node)
        {
            const char *why = empty_value(doc, child);
            if (why)
                return why;
        }
    return NULL;
}

static bool step_value(Reader *reader, const JsonNode *node, void *to)
{
    RuleStep *step = to;
    const char *why = empty_value(reader->doc, node);
    if (why)
        return reader_refuse(reader, node, "rules-field", "%s", why);
    step->value = reader_json(reader, node);
    return true;
}

static bool step_value_from(Reader *reader, const JsonNode *node, void *to)
{
    RuleStep *step = to;
    return reader_fhirpath_anywhere(reader, node, &step->value_from, &step->value_from_code);
}

static bool step_map(Reader *reader, const JsonNode *node, void *to)
{
    RuleStep *step = to;
    Str name;
    TRY(reader_text(reader, node, &name));
    for (size_t i = 0; i < reader->map_count && !step->map; i++)
        if (str_eq(reader->maps[i].name, name))
            step->map = &reader->maps[i];
    if (!step->map)
        return reader_refuse(reader, node, "rules-field", "no such map in \"conceptMaps\"");
    return true;
}

static bool step_keep(Reader *reader, const JsonNode *node, void *to)
{
    return reader_bool(reader, node, &((RuleStep *)to)->keep);
}

static bool step_coding(Reader *reader, const JsonNode *node, void *to)
{
    RuleStep *step = to;
    const char *why = empty_value(reader->doc, node);
    if (node->kind != JSON_KIND_OBJECT || why)
        return reader_refuse(reader, node, "rules-field", "%s", why ? why : "a Coding is expected");
    step->coding = reader_json(reader, node);
    step->coding_system = json_get_text(reader->doc, node, "system");
    step->coding_code = json_get_text(reader->doc, node, "code");
    if (!step->coding_code.len)
        return reader_refuse(reader, node, "rules-field", "a Coding with a code is expected");
    return true;
}

static bool step_severity(Reader *reader, const JsonNode *node, void *to)
{
    RuleStep *step = to;
    Str name;
    TRY(reader_text(reader, node, &name));
    step->severity = rules_severity(name);
    if (step->severity < 0)
        return reader_refuse(reader, node, "rules-field",
                             "information, warning, error or fatal is expected");
    return true;
}

static bool step_op(Reader *reader, const JsonNode *node, void *to)
{
    (void)to; /* it chose the table */
    return reader_text(reader, node, &(Str){0});
}

#define OP                                                                                         \
    {                                                                                              \
        "op", step_op, true                                                                        \
    }
static const Member set_members[] = {
    OP,
    {"path",  step_path, true},
    {"name",   step_name, true},
    {"value",  step_value, false},
    {"valueFrom",   step_value_from, false},
    {0}
};
static const Member replace_members[] = {
    OP,
    {"path",  step_path, true},
    {"value",   step_value, false},
    {"valueFrom", step_value_from, false},
    {0 }
};
static const Member remove_members[] = {
    OP, {"path", step_path, true},
     {0 }
};
static const Member map_members[] = {
    OP, {"path",       step_path, true},
     {"conceptMap",        step_map, true},
     {"keep", step_keep, false},
     {0       }
};
static const Member coding_members[] = {
    OP, {"path",   step_path, false},
     {"coding",   step_coding, true},
     {0}
};
static const Member outcome_members[] = {
    OP, {"severity", step_severity, false},
     {0    }
};

static const struct StepShape {
    StepKind kind;
    const Member *members;
    bool has_value; /* "value" or "valueFrom", one of them */
} shapes[] = {
    {STEP_SET,            set_members,     true },
    {STEP_REMOVE,         remove_members,  false},
    {STEP_REPLACE,        replace_members, true },
    {STEP_MAP,            map_members,     false},
    {STEP_ADD_TAG,        coding_members,  false},
    {STEP_ADD_SECURITY,   coding_members,  false},
    {STEP_APPEND_OUTCOME, outcome_members, false},
};

static bool read_step(Reader *reader, const JsonNode *node, RuleStep *step)
{
    Str op = json_get_text(reader->doc, node, "op");
    *step = (RuleStep){.severity = -1};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (!str_is(op, rules_step_name(shapes[i].kind)))
            continue;
        step->kind = shapes[i].kind;
        TRY(reader_members(reader, node, shapes[i].members, step));
        if (shapes[i].has_value && !step->value.len == !step->value_from.len)
            return reader_refuse(reader, node, "rules-field",
                                 "one of \"value\" and \"valueFrom\" is needed");
        return true;
    }
    return reader_refuse(reader, node, "rules-field",
                         "\"op\" is one of set, remove, replace, map, addTag, addSecurity, "
                         "appendOutcome");
}

bool read_steps(Reader *reader, const JsonNode *node, TransformDo *ret_do)
{
    TRY(reader_array(reader, node, RULES_STEPS_MAX));
    if (node->count == 0)
        return reader_refuse(reader, node, "rules-field", "at least one step is needed");
    RuleStep *steps = ARENA_ARRAY(reader->arena, RuleStep, node->count);
    if (!steps)
        return reader_no_memory(reader);
    JSON_EACH(reader->doc, step, node)
    {
        size_t mark = reader_enter_index(reader, step->index);
        TRY(read_step(reader, step, &steps[step->index]));
        reader_leave(reader, mark);
    }
    ret_do->steps = steps;
    ret_do->step_count = node->count;
    return true;
}

/* --- ConceptMaps: spec: hl7.org/fhir/R4/conceptmap.html -----------------------------------------
 */
static int by_code(const void *a, const void *b)
{
    const MapTarget *x = a, *y = b;
    int order = str_compare(x->code, y->code);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* The first target that says something: unmatched and disjoint say that there is none. */
static const JsonNode *usable_target(const JsonDoc *doc, const JsonNode *element)
{
    const JsonNode *targets = json_get(doc, element, "target");
    if (!targets || targets->kind != JSON_KIND_ARRAY)
        return NULL;
    JSON_EACH(doc, target, targets)
    {
        Str how = json_get_text(doc, target, "equivalence");
        if (!str_is(how, "unmatched") && !str_is(how, "disjoint") &&
            json_get_text(doc, target, "code").len)
            return target;
    }
    return NULL;
}

static size_t count_elements(const JsonDoc *doc, const JsonNode *groups)
{
    size_t count = 0;
    JSON_EACH(doc, group, groups)
    {
        const JsonNode *elements = json_get(doc, group, "element");
        count += elements && elements->kind == JSON_KIND_ARRAY ? elements->count : 0;
    }
    return count;
}

static bool read_unmapped(Reader *reader, const JsonNode *group, MapTarget *row)
{
    const JsonDoc *doc = reader->doc;
    const JsonNode *unmapped = json_get(doc, group, "unmapped");
    Str mode = json_get_text(doc, unmapped, "mode");
    if (!unmapped)
        return true;
    row->used = true;
    if (str_is(mode, "provided"))
        return true;
    row->target_code = json_get_text(doc, unmapped, "code");
    row->target_display = json_get_text(doc, unmapped, "display");
    if (!str_is(mode, "fixed") || !row->target_code.len)
        return reader_refuse(reader, unmapped, "rules-field",
                             "group.unmapped: mode provided, or fixed with a code; other-map is "
                             "not supported");
    return true;
}

static bool read_group(Reader *reader, const JsonNode *group, CodeMap *map, MapTarget *rows,
                       MapTarget *unmapped)
{
    const JsonDoc *doc = reader->doc;
    const JsonNode *elements = json_get(doc, group, "element");
    MapTarget base = {.source = json_get_text(doc, group, "source"),
                      .target_system = json_get_text(doc, group, "target")};
    *unmapped = base;
    TRY(read_unmapped(reader, group, unmapped));
    if (!elements || elements->kind != JSON_KIND_ARRAY)
        return reader_refuse(reader, group, "rules-field", "a group needs \"element\"");
    JSON_EACH(doc, element, elements)
    {
        const JsonNode *target = usable_target(doc, element);
        MapTarget *row = &rows[map->count];
        *row = base;
        row->order = (uint32_t)map->count++;
        row->code = json_get_text(doc, element, "code");
        if (!row->code.len)
            return reader_refuse(reader, element, "rules-field", "an element needs \"code\"");
        if (target) {
            row->used = true;
            row->target_code = json_get_text(doc, target, "code");
            row->target_display = json_get_text(doc, target, "display");
        }
    }
    return true;
}

static bool read_concept_map(Reader *reader, const JsonNode *node, CodeMap *map)
{
    const JsonDoc *doc = reader->doc;
    const JsonNode *groups = json_get(doc, node, "group");
    *map = (CodeMap){.name = json_key(node)};
    if (!str_is(json_get_text(doc, node, "resourceType"), "ConceptMap") || !groups ||
        groups->kind != JSON_KIND_ARRAY || groups->count == 0)
        return reader_refuse(reader, node, "rules-field",
                             "a ConceptMap with \"group\" is expected");
    MapTarget *rows = ARENA_ARRAY(reader->arena, MapTarget, count_elements(doc, groups) + 1);
    MapTarget *unmapped = ARENA_ARRAY(reader->arena, MapTarget, groups->count);
    if (!rows || !unmapped)
        return reader_no_memory(reader);
    JSON_EACH(doc, group, groups)
    TRY(read_group(reader, group, map, rows, &unmapped[group->index]));
    qsort(rows, map->count, sizeof *rows, by_code);
    map->rows = rows;
    map->unmapped = unmapped;
    map->unmapped_count = groups->count;
    return true;
}

bool read_concept_maps(Reader *reader, const JsonNode *node)
{
    if (node->kind != JSON_KIND_OBJECT || node->count > RULES_LIST_MAX)
        return reader_refuse(reader, node, "rules-field", "an object of ConceptMaps is expected");
    reader->maps = ARENA_ARRAY(reader->arena, CodeMap, node->count + 1);
    if (!reader->maps)
        return reader_no_memory(reader);
    JSON_EACH(reader->doc, map, node)
    {
        size_t mark = reader_enter(reader, json_key(map));
        if (map->flags & JSON_FLAG_DUPLICATE)
            return reader_refuse(reader, map, "rules-field", "given twice");
        TRY(read_concept_map(reader, map, &reader->maps[reader->map_count]));
        reader->map_count++;
        reader_leave(reader, mark);
    }
    return true;
}
