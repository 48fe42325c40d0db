#include "common/fhir/decimal.h"
#include "services/validator/engine/validate/specials.h"

enum { ITEM_DEPTH_MAX = 100 };

typedef struct Answers {
    Walk *walk;
    FindingPath form;
    ElemId questionnaire;
    ElemId response;
    bool unfinished; /* status is neither completed nor amended: gaps are warnings */
    uint16_t item, answer, enable_when; /* names */
    uint32_t depth;
} Answers;

static bool check_items(Answers *a, ElemId questions, ElemId answered);

static Str link_id(const Answers *a, ElemId item)
{
    return walk_text(a->walk, item, "linkId");
}

static ElemId next_named(const Answers *a, ElemId elem, uint16_t name)
{
    while (elem && walk_elem(a->walk, elem)->element != name)
        elem = walk_elem(a->walk, elem)->next;
    return elem;
}

static ElemId first_named(const Answers *a, ElemId parent, uint16_t name)
{
    return next_named(a, elem_first(&a->walk->elems, parent), name);
}

static ElemId following(const Answers *a, ElemId elem, uint16_t name)
{
    return next_named(a, walk_elem(a->walk, elem)->next, name);
}

static bool is_true(const Answers *a, ElemId parent, const char *property)
{
    return str_is(walk_text(a->walk, parent, property), "true");
}

/* The item of that linkId below `parent`, at any depth when `deep`. */
static ElemId find_item(const Answers *a, ElemId parent, Str id, bool deep)
{
    ElemId behind = walk_elem(a->walk, parent)->behind;
    for (ElemId elem = parent + 1; elem < behind; elem++) {
        const Elem *e = walk_elem(a->walk, elem);
        if (e->element == a->item && (deep || e->parent == parent) && str_eq(link_id(a, elem), id))
            return elem;
        if (!deep && e->parent == parent)
            elem = e->behind - 1;
    }
    return ELEM_NONE;
}

/* --- enableWhen ------------------------------------------------------------------------------- */

static ElemId value_of(const Answers *a, ElemId parent, const char *element)
{
    uint16_t name = json_name_find(&a->walk->model->names, str_from(element));
    return elem_child_element(&a->walk->elems, parent, name);
}

static bool same_value(const Answers *a, ElemId x, ElemId y)
{
    const Elem *ex = walk_elem(a->walk, x);
    const Elem *ey = walk_elem(a->walk, y);
    if (ex->type != ey->type)
        return false;
    if (ex->flags & ELEM_PRIMITIVE)
        return str_eq(elem_text(ex), elem_text(ey));
    return str_eq(walk_text(a->walk, x, "code"), walk_text(a->walk, y, "code")) &&
           str_eq(walk_text(a->walk, x, "system"), walk_text(a->walk, y, "system")) &&
           str_eq(walk_text(a->walk, x, "value"), walk_text(a->walk, y, "value"));
}

/* Numbers by value, all else as text: dates and times order so. */
static int compare_values(const Answers *a, ElemId x, ElemId y)
{
    Str tx = elem_text(walk_elem(a->walk, x));
    Str ty = elem_text(walk_elem(a->walk, y));
    if (!tx.ptr)
        tx = walk_text(a->walk, x, "value");
    if (!ty.ptr)
        ty = walk_text(a->walk, y, "value");
    Decimal dx;
    Decimal dy;
    if (decimal_parse(tx, a->walk->arena, &dx) && decimal_parse(ty, a->walk->arena, &dy))
        return decimal_compare(dx, dy);
    return str_compare(tx, ty);
}

static bool answer_meets(const Answers *a, Str op, ElemId value, ElemId wanted)
{
    if (str_is(op, "="))
        return same_value(a, value, wanted);
    if (str_is(op, "!="))
        return !same_value(a, value, wanted);
    int order = compare_values(a, value, wanted);
    if (str_is(op, ">"))
        return order > 0;
    if (str_is(op, "<"))
        return order < 0;
    return str_is(op, ">=") ? order >= 0 : order <= 0;
}

static bool condition_holds(const Answers *a, ElemId when)
{
    ElemId item = find_item(a, a->response, walk_text(a->walk, when, "question"), true);
    ElemId wanted = value_of(a, when, "answer");
    Str op = walk_text(a->walk, when, "operator");
    ElemId answer = item ? first_named(a, item, a->answer) : ELEM_NONE;
    if (str_is(op, "exists"))
        return wanted && str_is(elem_text(walk_elem(a->walk, wanted)), answer ? "true" : "false");
    for (; answer && wanted; answer = following(a, answer, a->answer)) {
        ElemId value = value_of(a, answer, "value");
        if (value && answer_meets(a, op, value, wanted))
            return true;
    }
    return false;
}

static bool is_enabled(const Answers *a, ElemId question)
{
    ElemId when = first_named(a, question, a->enable_when);
    if (!when)
        return true;
    bool all = str_is(walk_text(a->walk, question, "enableBehavior"), "all");
    for (; when; when = following(a, when, a->enable_when))
        if (condition_holds(a, when) != all)
            return !all;
    return all;
}

/* --- answers ---------------------------------------------------------------------------------- */

typedef struct AnswerType {
    const char *item; /* Questionnaire.item.type */
    const char *types[3];
} AnswerType;

static const AnswerType answer_types[] = {
    {"boolean",     {"boolean"}               },
    {"decimal",     {"decimal"}               },
    {"integer",     {"integer"}               },
    {"date",        {"date"}                  },
    {"dateTime",    {"dateTime"}              },
    {"time",        {"time"}                  },
    {"string",      {"string"}                },
    {"text",        {"string"}                },
    {"url",         {"uri"}                   },
    {"attachment",  {"Attachment"}            },
    {"reference",   {"Reference"}             },
    {"quantity",    {"Quantity"}              },
    {"choice",      {"Coding", "date", "time"}},
    {"open-choice", {"Coding", "string"}      },
};

static bool check_answer_type(Answers *a, ElemId question, ElemId answer)
{
    Str type = walk_text(a->walk, question, "type");
    ElemId value = value_of(a, answer, "value");
    if (str_is(type, "group"))
        return special_at(a->walk, SEVERITY_ERROR, MSG_RESPONSE_GROUP_ANSWER,
                          walk_elem(a->walk, answer)->parent, answer, a->form, STR_NONE);
    for (size_t i = 0; value && i < sizeof answer_types / sizeof *answer_types; i++) {
        if (!str_is(type, answer_types[i].item))
            continue;
        Str found = fhir_type_name(a->walk->model, walk_elem(a->walk, value)->type);
        for (size_t t = 0; t < 3 && answer_types[i].types[t]; t++)
            if (str_is(found, answer_types[i].types[t]))
                return true;
        Finding *finding = report_with(a->walk, SEVERITY_ERROR, MSG_RESPONSE_TYPE, value, found,
                                       str_from(answer_types[i].types[0]), STR_NONE, STR_NONE);
        if (finding)
            finding->path = (uint8_t)a->form;
        return false;
    }
    return true;
}

static bool check_gap(Answers *a, ElemId question, ElemId at)
{
    return special(a->walk, a->unfinished ? SEVERITY_WARNING : SEVERITY_ERROR, MSG_RESPONSE_MISSING,
                   at, a->form, link_id(a, question));
}

static bool check_inner_items(Answers *a, ElemId question, ElemId item)
{
    Str type = walk_text(a->walk, question, "type");
    if (str_is(type, "group"))
        return check_items(a, question, item);
    if (!first_named(a, item, a->item))
        return true;
    return special(a->walk, SEVERITY_ERROR,
                   str_is(type, "display") ? MSG_RESPONSE_DISPLAY : MSG_RESPONSE_ITEMS, item,
                   a->form, link_id(a, question));
}

static bool check_item(Answers *a, ElemId question, ElemId item)
{
    Walk *walk = a->walk;
    bool ok = true;
    Str text = walk_text(walk, item, "text");
    if (text.len && !str_eq(text, walk_text(walk, question, "text")))
        ok = special(walk, SEVERITY_ERROR, MSG_RESPONSE_TEXT, item, a->form, link_id(a, question));
    ElemId answer = first_named(a, item, a->answer);
    bool group = str_is(walk_text(walk, question, "type"), "group");
    if (!answer && !group && is_true(a, question, "required") &&
        (a->unfinished || is_enabled(a, question)))
        ok = check_gap(a, question, item) && ok;
    ElemId second = answer ? following(a, answer, a->answer) : ELEM_NONE;
    if (second && !is_true(a, question, "repeats"))
        ok = special_at(walk, SEVERITY_ERROR, MSG_RESPONSE_ONE_ANSWER, item, second, a->form,
                        STR_NONE);
    for (; answer && !walk->stopped; answer = following(a, answer, a->answer)) {
        ok = check_answer_type(a, question, answer) && ok;
        if (!group)
            ok = check_items(a, question, answer) && ok;
    }
    return check_inner_items(a, question, item) && ok;
}

/* --- items ------------------------------------------------------------------------------------ */

/* An item is taken as there when it has answers or items. */
static bool is_there(const Answers *a, ElemId item)
{
    return first_named(a, item, a->answer) || first_named(a, item, a->item);
}

static bool check_known(Answers *a, ElemId questions, ElemId answered, ElemId item,
                        ElemId *last_question)
{
    Str id = link_id(a, item);
    if (!id.len)
        return special_at(a->walk, SEVERITY_ERROR, MSG_RESPONSE_NO_LINK_ID, answered, item, a->form,
                          STR_NONE);
    ElemId question = find_item(a, questions, id, false);
    if (!question) {
        ElemId elsewhere = find_item(a, a->questionnaire, id, true);
        special_at(a->walk, SEVERITY_ERROR,
                   elsewhere ? MSG_RESPONSE_LINK_ID_PLACE : MSG_RESPONSE_LINK_ID, answered, item,
                   a->form, id);
        if (elsewhere)
            check_item(a, elsewhere, item);
        return false;
    }
    bool in_order = question >= *last_question;
    *last_question = question;
    return in_order || special_at(a->walk, SEVERITY_ERROR, MSG_RESPONSE_ORDER, answered, item,
                                  a->form, STR_NONE);
}

static bool check_question(Answers *a, ElemId question, ElemId answered)
{
    Str id = link_id(a, question);
    bool enabled = is_enabled(a, question);
    bool ok = true;
    uint32_t count = 0;
    for (ElemId item = first_named(a, answered, a->item); item;
         item = following(a, item, a->item)) {
        if (!str_eq(link_id(a, item), id) || !is_there(a, item))
            continue;
        if (!enabled)
            ok = special(a->walk, SEVERITY_ERROR, MSG_RESPONSE_NOT_ENABLED, item, a->form, id);
        if (++count == 2 && !is_true(a, question, "repeats"))
            ok = special_at(a->walk, SEVERITY_ERROR, MSG_RESPONSE_ONE_ITEM, answered, item, a->form,
                            id);
        ok = check_item(a, question, item) && ok;
    }
    if (!count && enabled && is_true(a, question, "required"))
        ok = check_gap(a, question, answered) && ok;
    return ok;
}

static bool check_items(Answers *a, ElemId questions, ElemId answered)
{
    if (a->depth >= ITEM_DEPTH_MAX || !walk_step(a->walk))
        return true;
    a->depth++;
    bool ok = true;
    ElemId last_question = ELEM_NONE;
    for (ElemId item = first_named(a, answered, a->item); item; item = following(a, item, a->item))
        ok = check_known(a, questions, answered, item, &last_question) && ok;
    for (ElemId question = first_named(a, questions, a->item); question && !a->walk->stopped;
         question = following(a, question, a->item))
        ok = check_question(a, question, answered) && ok;
    a->depth--;
    return ok;
}

static ElemId find_contained(const Walk *walk, ElemId resource, Str id)
{
    ELEM_EACH(&walk->elems, child, resource)
    {
        const Elem *elem = walk_elem(walk, child);
        if (elem->element == walk->model->n_contained && str_eq(walk_text(walk, child, "id"), id) &&
            str_is(fhir_type_name(walk->model, elem->type), "Questionnaire"))
            return child;
    }
    return ELEM_NONE;
}

bool check_questionnaire_response(Walk *walk, ElemId response, FindingPath form)
{
    ElemId elem = walk_child(walk, response, "questionnaire");
    Str canonical = elem ? elem_text(walk_elem(walk, elem)) : STR_NONE;
    if (!str_trim(canonical).len)
        return special(walk, SEVERITY_INFORMATION, MSG_RESPONSE_NO_QUESTIONNAIRE, response, form,
                       STR_NONE);
    ElemId questionnaire = canonical.ptr[0] == '#'
                               ? find_contained(walk, response, str_skip(canonical, 1))
                               : ELEM_NONE;
    if (!questionnaire) {
        bool example = str_starts(canonical, STR("http://example.org")) ||
                       str_starts(canonical, STR("https://example.org"));
        return special_at(walk, example ? SEVERITY_INFORMATION : SEVERITY_WARNING,
                          MSG_RESPONSE_QUESTIONNAIRE_UNKNOWN, response, elem, form, canonical);
    }
    Str status = walk_text(walk, response, "status");
    const JsonNames *names = &walk->model->names;
    Answers answers = {.walk = walk,
                       .form = form,
                       .questionnaire = questionnaire,
                       .response = response,
                       .unfinished = !str_is(status, "completed") && !str_is(status, "amended"),
                       .item = json_name_find(names, STR("item")),
                       .answer = json_name_find(names, STR("answer")),
                       .enable_when = json_name_find(names, STR("enableWhen"))};
    return check_items(&answers, questionnaire, response);
}
