/* Questionnaires, read once per walk: their items flat, with an index by linkId. */
#include "services/validator/engine/validate/questionnaire.h"

Str question_text(const JsonDoc *doc, const JsonNode *node, const char *name)
{
    const JsonNode *value = name ? json_get(doc, node, name) : node;
    if (!value)
        return STR_NONE;
    switch ((JsonKind)value->kind) {
    case JSON_KIND_STRING:
    case JSON_KIND_NUMBER:
        return json_text(value);
    case JSON_KIND_TRUE:
        return STR("true");
    case JSON_KIND_FALSE:
        return STR("false");
    default:
        return STR_NONE;
    }
}

const JsonNode *question_extension(const JsonDoc *doc, const JsonNode *node, const char *url,
                                   const JsonNode *last)
{
    const JsonNode *list = json_get(doc, node, "extension");
    if (!list || list->kind != JSON_KIND_ARRAY)
        return NULL;
    const JsonNode *extension = last ? json_next(doc, last) : json_first(list);
    for (; extension; extension = json_next(doc, extension))
        if (str_is(json_get_text(doc, extension, "url"), url))
            return extension;
    return NULL;
}

const JsonNode *question_value(const JsonDoc *doc, const JsonNode *node, const char *prefix,
                               Str *ret_type)
{
    size_t len = strlen(prefix);
    if (!node || node->kind != JSON_KIND_OBJECT)
        return NULL;
    JSON_EACH(doc, member, node)
    {
        Str key = json_key(member);
        if (key.len > len && str_starts(key, str_from(prefix)) && key.ptr[len] >= 'A' &&
            key.ptr[len] <= 'Z') {
            *ret_type = str_skip(key, len);
            return member;
        }
    }
    return NULL;
}

const JsonNode *question_extension_value(const JsonDoc *doc, const JsonNode *node, const char *url)
{
    Str type;
    return question_value(doc, question_extension(doc, node, url, NULL), "value", &type);
}

Str question_extension_text(const JsonDoc *doc, const JsonNode *node, const char *url)
{
    const JsonNode *value = question_extension_value(doc, node, url);
    return value ? question_text(doc, value, NULL) : STR_NONE;
}

/* --- reading ---------------------------------------------------------------------------------- */

typedef struct Reader {
    Questions *to;
    const JsonDoc *doc;
} Reader;

static uint32_t count_items(const JsonDoc *doc, const JsonNode *node)
{
    uint32_t count = 1;
    const JsonNode *list = json_get(doc, node, "item");
    if (list && list->kind == JSON_KIND_ARRAY)
        JSON_EACH(doc, item, list)
    count += item->kind == JSON_KIND_OBJECT ? count_items(doc, item) : 0;
    return count;
}

static void read_item(Reader *r, const JsonNode *node, QuestionId parent)
{
    QuestionId id = r->to->count++;
    Question *question = &r->to->items[id];
    *question = (Question){.node = node,
                           .parent = parent,
                           .same = QUESTION_NONE,
                           .link_id = json_get_text(r->doc, node, "linkId"),
                           .text = json_get_text(r->doc, node, "text"),
                           .type = json_get_text(r->doc, node, "type"),
                           .required = json_get_true(r->doc, node, "required"),
                           .repeats = json_get_true(r->doc, node, "repeats")};
    const JsonNode *list = json_get(r->doc, node, "item");
    if (list && list->kind == JSON_KIND_ARRAY)
        JSON_EACH(r->doc, item, list)
    if (item->kind == JSON_KIND_OBJECT)
        read_item(r, item, id);
    r->to->items[id].behind = r->to->count;
}

static QuestionId *slot_of(const Questions *questions, Str link_id)
{
    uint32_t mask = questions->slots - 1;
    uint32_t at = (uint32_t)str_hash(link_id) & mask;
    while (questions->by_link_id[at] &&
           !str_eq(questions->items[questions->by_link_id[at] - 1].link_id, link_id))
        at = (at + 1) & mask;
    return &questions->by_link_id[at];
}

/* Backwards, so that the chain of a linkId is in the order of the questionnaire. */
static bool index_questions(Walk *walk, Questions *questions)
{
    questions->slots = 16;
    while (questions->slots < questions->count * 2)
        questions->slots *= 2;
    questions->by_link_id = ARENA_ARRAY(walk->arena, QuestionId, questions->slots);
    if (!questions->by_link_id)
        return false;
    for (QuestionId id = questions->count - 1; id > QUESTION_ROOT; id--) {
        QuestionId *slot = slot_of(questions, questions->items[id].link_id);
        questions->items[id].same = *slot ? *slot - 1 : QUESTION_NONE;
        *slot = id + 1;
    }
    return true;
}

static const Questions *read_questions(Walk *walk, Questions made, const JsonNode *root)
{
    Questions *questions = ARENA_NEW(walk->arena, Questions);
    if (!questions)
        return NULL;
    *questions = made;
    questions->items = ARENA_ARRAY(walk->arena, Question, count_items(made.doc, root));
    if (!questions->items)
        return NULL;
    Reader reader = {.to = questions, .doc = made.doc};
    read_item(&reader, root, QUESTION_NONE);
    if (!index_questions(walk, questions))
        return NULL;
    questions->older = walk->questionnaires;
    walk->questionnaires = questions;
    return questions;
}

/* --- finding ---------------------------------------------------------------------------------- */

static const JsonNode *find_contained(const Walk *walk, ElemId response, Str id)
{
    ELEM_EACH(&walk->elems, child, response)
    {
        const Elem *elem = walk_elem(walk, child);
        if (elem->element == walk->model->n_contained && str_eq(walk_text(walk, child, "id"), id) &&
            str_is(fhir_type_name(walk->model, elem->type), "Questionnaire"))
            return elem->node;
    }
    return NULL;
}

static const Questions *from_image(Walk *walk, Str canonical)
{
    Str text = schema_resource(walk->schema, STR("Questionnaire"), canonical);
    JsonDoc *doc = ARENA_NEW(walk->arena, JsonDoc);
    Err err;
    if (!text.len || !doc ||
        !json_read(text, &walk->model->names, NULL, walk->arena, doc, NULL, &err))
        return NULL;
    return read_questions(walk, (Questions){.canonical = canonical, .doc = doc}, json_root(doc));
}

const Questions *questions_find(Walk *walk, ElemId response, Str canonical)
{
    bool contained = canonical.len && canonical.ptr[0] == '#';
    ElemId container = contained ? response : ELEM_NONE;
    for (const Questions *known = walk->questionnaires; known; known = known->older)
        if (known->container == container && str_eq(known->canonical, canonical))
            return known;
    if (!contained)
        return from_image(walk, canonical);
    const JsonNode *node = find_contained(walk, response, str_skip(canonical, 1));
    Questions made = {.canonical = canonical, .doc = walk->doc, .container = container};
    return node ? read_questions(walk, made, node) : NULL;
}

QuestionId questions_by_link_id(const Questions *questions, Str link_id)
{
    QuestionId found = *slot_of(questions, link_id);
    return found ? found - 1 : QUESTION_NONE;
}

QuestionId questions_below(const Questions *questions, QuestionId parent, Str link_id)
{
    QuestionId id = questions_by_link_id(questions, link_id);
    while (id != QUESTION_NONE && questions->items[id].parent != parent)
        id = questions->items[id].same;
    return id;
}
