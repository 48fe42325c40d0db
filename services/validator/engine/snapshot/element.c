#include "services/validator/engine/snapshot/internal.h"

#include "common/base/check.h"

typedef struct FieldRule {
    const char *name;
    bool is_choice; /* name is only the beginning: fixedUri */
    bool is_list;
} FieldRule;

static const FieldRule rules[FIELD_COUNT] = {
    [F_ID] = {"id",                  false, false},
    [F_EXTENSION] = {"extension",           false, true },
    [F_MODIFIER_EXTENSION] = {"modifierExtension",   false, true },
    [F_PATH] = {"path",                false, false},
    [F_REPRESENTATION] = {"representation",      false, true },
    [F_SLICE_NAME] = {"sliceName",           false, false},
    [F_SLICE_IS_CONSTRAINING] = {"sliceIsConstraining", false, false},
    [F_LABEL] = {"label",               false, false},
    [F_CODE] = {"code",                false, true },
    [F_SLICING] = {"slicing",             false, false},
    [F_SHORT] = {"short",               false, false},
    [F_DEFINITION] = {"definition",          false, false},
    [F_COMMENT] = {"comment",             false, false},
    [F_REQUIREMENTS] = {"requirements",        false, false},
    [F_ALIAS] = {"alias",               false, true },
    [F_MIN] = {"min",                 false, false},
    [F_MAX] = {"max",                 false, false},
    [F_BASE] = {"base",                false, false},
    [F_CONTENT_REFERENCE] = {"contentReference",    false, false},
    [F_TYPE] = {"type",                false, true },
    [F_DEFAULT_VALUE] = {"defaultValue",        true,  false},
    [F_MEANING_WHEN_MISSING] = {"meaningWhenMissing",  false, false},
    [F_ORDER_MEANING] = {"orderMeaning",        false, false},
    [F_FIXED] = {"fixed",               true,  false},
    [F_PATTERN] = {"pattern",             true,  false},
    [F_EXAMPLE] = {"example",             false, true },
    [F_MIN_VALUE] = {"minValue",            true,  false},
    [F_MAX_VALUE] = {"maxValue",            true,  false},
    [F_MAX_LENGTH] = {"maxLength",           false, false},
    [F_CONDITION] = {"condition",           false, true },
    [F_CONSTRAINT] = {"constraint",          false, true },
    [F_MUST_SUPPORT] = {"mustSupport",         false, false},
    [F_IS_MODIFIER] = {"isModifier",          false, false},
    [F_IS_MODIFIER_REASON] = {"isModifierReason",    false, false},
    [F_IS_SUMMARY] = {"isSummary",           false, false},
    [F_BINDING] = {"binding",             false, false},
    [F_MAPPING] = {"mapping",             false, true },
};

Str field_name(Field field)
{
    return str_from(rules[field].name);
}

/* FIELD_COUNT: none that we know (R5's mustHaveValue, say); such a property is left out. */
static Field field_of(Str key)
{
    for (int f = 0; f < FIELD_COUNT; f++) {
        Str name = str_from(rules[f].name);
        if (rules[f].is_choice ? str_starts(key, name) && key.len > name.len &&
                                     key.ptr[name.len] >= 'A' && key.ptr[name.len] <= 'Z'
                               : str_eq(key, name))
            return (Field)f;
    }
    return FIELD_COUNT;
}

static bool read_list(Value array, Arena *arena, List *ret_list, Err *err)
{
    uint32_t count = value_count(array);
    Value *items = ARENA_ARRAY(arena, Value, count);
    if (!items)
        return OUT_OF_MEMORY(err);
    if (array.node->kind != JSON_KIND_ARRAY) {
        items[0] = array;
    } else {
        JSON_EACH(array.doc, item, array.node)
        items[item->index] = (Value){array.doc, item};
    }
    *ret_list = (List){items, count};
    return true;
}

bool element_read(Value object, Arena *arena, Element *ret_element, Err *err)
{
    *ret_element = (Element){0};
    if (!object.node || object.node->kind != JSON_KIND_OBJECT)
        return true;
    JSON_EACH(object.doc, member, object.node)
    {
        Str key = json_key(member);
        bool under = key.len && key.ptr[0] == '_';
        Field field = field_of(under ? str_skip(key, 1) : key);
        if (field == FIELD_COUNT || member->kind == JSON_KIND_NULL)
            continue;
        Slot *slot = &ret_element->slots[field];
        slot->key = under ? str_skip(key, 1) : key;
        if (under)
            slot->under = (Value){object.doc, member};
        else if (rules[field].is_list)
            TRY(read_list((Value){object.doc, member}, arena, &slot->list, err));
        else
            slot->value = (Value){object.doc, member};
    }
    return true;
}

bool element_has(const Element *element, Field field)
{
    return element->slots[field].value.node || element->slots[field].list.count;
}

Str element_text(const Element *element, Field field)
{
    return value_text(element->slots[field].value);
}

Value element_value(const Element *element, Field field)
{
    return element->slots[field].value;
}

const List *element_list(const Element *element, Field field)
{
    return &element->slots[field].list;
}

void element_clear(Element *element, Field field)
{
    element->slots[field] = (Slot){0};
}

void element_copy(Element *to, const Element *from, Field field)
{
    to->slots[field] = from->slots[field];
}

void element_set(Element *element, Field field, Value value)
{
    CHECK(!rules[field].is_choice && !rules[field].is_list);
    element->slots[field] = (Slot){.key = str_from(rules[field].name), .value = value};
}

bool element_set_json(Element *element, Field field, Str json, Arena *arena, Err *err)
{
    Value value;
    TRY(value_parse(json, arena, &value, err));
    if (!rules[field].is_list) {
        element_set(element, field, value);
        return true;
    }
    element->slots[field] = (Slot){.key = str_from(rules[field].name)};
    return read_list(value, arena, &element->slots[field].list, err);
}

uint32_t element_min(const Element *element)
{
    uint64_t value;
    return str_to_u64(element_text(element, F_MIN), &value) && value < UINT32_MAX ? (uint32_t)value
                                                                                  : 0;
}

uint32_t element_max(const Element *element)
{
    uint64_t value;
    return str_to_u64(element_text(element, F_MAX), &value) && value < UINT32_MAX ? (uint32_t)value
                                                                                  : UINT32_MAX;
}

bool element_has_max(const Element *element, const char *max)
{
    return str_is(element_text(element, F_MAX), max);
}

uint32_t type_count(const Element *element)
{
    return element->slots[F_TYPE].list.count;
}

static Value type_at(const Element *element, uint32_t i)
{
    const List *list = &element->slots[F_TYPE].list;
    return i < list->count ? list->items[i] : (Value){0};
}

Str type_code(const Element *element, uint32_t i)
{
    return value_text(value_get(type_at(element, i), "code"));
}

uint32_t type_profile_count(const Element *element, uint32_t i)
{
    return value_count(value_get(type_at(element, i), "profile"));
}

Str type_profile(const Element *element, uint32_t i, uint32_t n)
{
    return value_text(value_item(value_get(type_at(element, i), "profile"), n));
}

bool types_have(const Element *element, Str code)
{
    for (uint32_t i = 0; i < type_count(element); i++)
        if (str_eq(type_code(element, i), code))
            return true;
    return false;
}
