/* Is a question asked at all? enableWhen looks at answers near the question: those below the item
 * that answers the innermost question which holds both. */
#include "common/fhir/datetime.h"
#include "common/fhir/decimal.h"
#include "services/validator/engine/validate/questionnaire.h"

#define SDC_ENABLE                                                                                 \
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression"

/* --- answered items by linkId ----------------------------------------------------------------- */

static int by_hash(const void *a, const void *b)
{
    const Answered *x = a;
    const Answered *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

bool answers_index(Answers *a)
{
    ElemId behind = walk_elem(a->walk, a->response)->behind;
    uint32_t count = 0;
    for (ElemId id = a->response + 1; id < behind; id++)
        count += walk_elem(a->walk, id)->element == a->item;
    a->answered = ARENA_ARRAY(a->walk->arena, Answered, count + 1);
    if (!a->answered)
        return false;
    for (ElemId id = a->response + 1; id < behind; id++)
        if (walk_elem(a->walk, id)->element == a->item)
            a->answered[a->answered_count++] =
                (Answered){str_hash(walk_text(a->walk, id, "linkId")), id};
    qsort(a->answered, a->answered_count, sizeof *a->answered, by_hash);
    return true;
}

static uint32_t first_answered(const Answers *a, Answered wanted)
{
    uint32_t low = 0;
    uint32_t high = a->answered_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (by_hash(&a->answered[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* --- comparing -------------------------------------------------------------------------------- */

typedef struct Wanted { /* enableWhen.answer[x] */
    const JsonDoc *doc;
    const JsonNode *value;
    Str type; /* Coding, Integer */
    Str op;
} Wanted;

static bool order_meets(int order, Str op)
{
    if (str_is(op, "="))
        return order == 0;
    if (str_is(op, "!="))
        return order != 0;
    if (str_is(op, ">"))
        return order > 0;
    if (str_is(op, "<"))
        return order < 0;
    return str_is(op, ">=") ? order >= 0 : order <= 0;
}

/* Moments by time, numbers by value, all else as text. */
static int compare_texts(Walk *walk, Str x, Str y)
{
    DateTime tx;
    DateTime ty;
    if (datetime_parse_fhir(DATETIME_DATE_TIME, x, &tx, NULL) &&
        datetime_parse_fhir(DATETIME_DATE_TIME, y, &ty, NULL)) {
        int64_t sx = datetime_epoch_seconds(&tx);
        int64_t sy = datetime_epoch_seconds(&ty);
        return sx < sy ? -1 : sx > sy;
    }
    Decimal dx;
    Decimal dy;
    if (decimal_parse(x, walk->arena, &dx) && decimal_parse(y, walk->arena, &dy))
        return decimal_compare(dx, dy);
    return str_compare(x, y);
}

static bool same_coding(const Walk *walk, ElemId value, const Wanted *wanted)
{
    Str system = json_get_text(wanted->doc, wanted->value, "system");
    return (!system.len || str_eq(system, walk_text(walk, value, "system"))) &&
           str_eq(json_get_text(wanted->doc, wanted->value, "code"),
                  walk_text(walk, value, "code"));
}

static bool answer_meets(const Answers *a, ElemId value, const Wanted *wanted)
{
    Walk *walk = a->walk;
    Str type = fhir_type_name(walk->model, walk_elem(walk, value)->type);
    if (!str_eq_ignore_case(type, wanted->type))
        return false;
    if (str_is(type, "Coding"))
        return same_coding(walk, value, wanted) == str_is(wanted->op, "=");
    bool quantity = str_is(type, "Quantity");
    Str found = quantity ? walk_text(walk, value, "value") : elem_text(walk_elem(walk, value));
    Str asked = question_text(wanted->doc, wanted->value, quantity ? "value" : NULL);
    return order_meets(compare_texts(walk, found, asked), wanted->op);
}

/* --- conditions ------------------------------------------------------------------------------- */

/* The innermost question that holds both (or is one of them); the root if none. */
static QuestionId common_group(const Questions *questions, QuestionId a, QuestionId b)
{
    while (a != QUESTION_ROOT && !(b >= a && b < questions->items[a].behind))
        a = questions->items[a].parent;
    return a;
}

/* The item of the response that answers the group: where the way here went through it. */
static ElemId answered_group(const Answers *a, QuestionId group)
{
    if (group == QUESTION_ROOT)
        return a->response;
    for (uint32_t i = a->depth; i > 0; i--)
        if (a->standing[i - 1].question == group)
            return a->standing[i - 1].item;
    return ELEM_NONE;
}

static bool condition_holds(const Answers *a, QuestionId question, const JsonNode *when)
{
    const JsonDoc *doc = a->questions->doc;
    Str link_id = json_get_text(doc, when, "question");
    Wanted wanted = {.doc = doc, .op = json_get_text(doc, when, "operator")};
    wanted.value = question_value(doc, when, "answer", &wanted.type);
    QuestionId target = questions_by_link_id(a->questions, link_id);
    bool exists = str_is(wanted.op, "exists");
    bool answered = false;
    if (target != QUESTION_NONE) {
        ElemId group = answered_group(a, common_group(a->questions, question, target));
        ElemId behind = group ? walk_elem(a->walk, group)->behind : ELEM_NONE;
        uint64_t hash = str_hash(link_id);
        for (uint32_t i = first_answered(a, (Answered){hash, group});
             group && i < a->answered_count && a->answered[i].hash == hash &&
             a->answered[i].item < behind;
             i++) {
            if (!str_eq(walk_text(a->walk, a->answered[i].item, "linkId"), link_id))
                continue;
            ElemId answer = answers_first(a, a->answered[i].item, a->answer);
            for (; answer; answer = answers_following(a, answer, a->answer)) {
                answered = answered || walk_elem(a->walk, answer)->child_count > 0;
                ElemId value = elem_child_element(&a->walk->elems, answer, a->value);
                if (!exists && value && wanted.value && answer_meets(a, value, &wanted))
                    return true;
            }
        }
    }
    return exists && wanted.value && (wanted.value->kind == JSON_KIND_TRUE) == answered;
}

/* An expression that cannot be evaluated leaves the question enabled: nothing is known of it. */
static bool expression_holds(Answers *a, const JsonNode *extension)
{
    Walk *walk = a->walk;
    Str type;
    const JsonDoc *doc = a->questions->doc;
    const JsonNode *value = question_value(doc, extension, "value", &type);
    if (!value || !str_is(json_get_text(doc, value, "language"), "text/fhirpath"))
        return true;
    FhirpathCompileOptions options = {.model = walk->model, .dialect = FHIRPATH_JAVA};
    Str code;
    Err err;
    if (!fhirpath_compile(json_get_text(doc, value, "expression"), &options, walk->arena, &code,
                          NULL, &err))
        return true;
    return evaluate_code(walk, a->scope, code, a->response) != FHIRPATH_FALSE;
}

bool question_enabled(Answers *a, QuestionId question)
{
    const JsonDoc *doc = a->questions->doc;
    const JsonNode *node = question_of(a, question)->node;
    const JsonNode *expression = question_extension(doc, node, SDC_ENABLE, NULL);
    if (expression)
        return expression_holds(a, expression);
    const JsonNode *list = json_get(doc, node, "enableWhen");
    if (!list || list->kind != JSON_KIND_ARRAY || list->count == 0)
        return true;
    Str behavior = json_get_text(doc, node, "enableBehavior");
    bool any = str_is(behavior, "any") || list->count == 1;
    if (!any && !str_is(behavior, "all"))
        return true; /* several conditions and no word of how they combine */
    JSON_EACH(doc, when, list)
    if (condition_holds(a, question, when) == any)
        return any;
    return !any;
}
