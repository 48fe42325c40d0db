/* A QuestionnaireResponse against its Questionnaire: what was asked, in which order, how often. */
#include "common/fhir/datetime.h"
#include "services/validator/engine/validate/questionnaire.h"

static bool check_items(Answers *a, QuestionId parent, ElemId answered);

static bool check_gap(Answers *a, QuestionId question, ElemId at)
{
    return special(a->walk, a->unfinished ? SEVERITY_WARNING : SEVERITY_ERROR, MSG_RESPONSE_MISSING,
                   at, a->form, question_of(a, question)->link_id);
}

/* --- one item --------------------------------------------------------------------------------- */

/* A group's items stand in it, those of a question in its answers. */
static bool check_inner_items(Answers *a, QuestionId id, ElemId item)
{
    const Question *question = question_of(a, id);
    bool items = answers_first(a, item, a->item) != ELEM_NONE;
    if (str_is(question->type, "group")) {
        bool ok = items || !question->required ||
                  special(a->walk, SEVERITY_ERROR, MSG_RESPONSE_EMPTY_GROUP, item, a->form,
                          question->link_id);
        return check_items(a, id, item) && ok;
    }
    if (!question->type.len)
        return special(a->walk, SEVERITY_ERROR, MSG_RESPONSE_NO_TYPE, item, a->form,
                       question->link_id);
    if (!items)
        return true;
    return special(a->walk, SEVERITY_ERROR,
                   str_is(question->type, "display") ? MSG_RESPONSE_DISPLAY : MSG_RESPONSE_ITEMS,
                   item, a->form, question->link_id);
}

static bool check_item(Answers *a, QuestionId id, ElemId item)
{
    Walk *walk = a->walk;
    const Question *question = question_of(a, id);
    bool group = str_is(question->type, "group");
    Str text = walk_text(walk, item, "text");
    bool ok = true;
    if (a->depth >= ITEM_DEPTH_MAX || !walk_step(walk))
        return true; /* the JSON's own depth limit comes first */
    a->standing[a->depth++] = (Standing){id, item};
    if (text.len && !str_eq(text, question->text))
        ok = special(walk, SEVERITY_ERROR, MSG_RESPONSE_TEXT, item, a->form, question->link_id);
    if (!answers_first(a, item, a->answer) && !group && question->required &&
        (a->unfinished || question_enabled(a, id)))
        ok = check_gap(a, id, item) && ok;
    ok = check_answers(a, id, item) && ok;
    for (ElemId answer = answers_first(a, item, a->answer); !group && answer && !walk->stopped;
         answer = answers_following(a, answer, a->answer))
        ok = check_items(a, id, answer) && ok;
    ok = check_inner_items(a, id, item) && ok;
    a->depth--;
    return ok;
}

/* --- items of one parent ---------------------------------------------------------------------- */

typedef struct Placed { /* an item that stands where its question does */
    QuestionId question;
    ElemId item;
} Placed;

static int by_question(const void *x, const void *y)
{
    const Placed *a = x;
    const Placed *b = y;
    if (a->question != b->question)
        return a->question < b->question ? -1 : 1;
    return a->item < b->item ? -1 : a->item > b->item;
}

/* An item is taken as there when it has answers or items. */
static bool is_there(const Answers *a, ElemId item)
{
    return answers_first(a, item, a->answer) || answers_first(a, item, a->item);
}

/* The question of an item; one that stands elsewhere in the questionnaire is checked as well. */
static bool place(Answers *a, QuestionId parent, ElemId answered, ElemId item,
                  QuestionId *ret_question)
{
    Str id = walk_text(a->walk, item, "linkId");
    *ret_question = QUESTION_NONE;
    if (!id.len)
        return special_at(a->walk, SEVERITY_ERROR, MSG_RESPONSE_NO_LINK_ID, answered, item, a->form,
                          STR_NONE);
    *ret_question = questions_below(a->questions, parent, id);
    if (*ret_question != QUESTION_NONE)
        return true;
    QuestionId elsewhere = questions_by_link_id(a->questions, id);
    bool known = elsewhere != QUESTION_NONE;
    special_at(a->walk, SEVERITY_ERROR, known ? MSG_RESPONSE_LINK_ID_PLACE : MSG_RESPONSE_LINK_ID,
               answered, item, a->form, id);
    if (known)
        check_item(a, elsewhere, item);
    return false;
}

/* The items that answer one question: placed[from .. to). */
static bool check_question(Answers *a, QuestionId id, ElemId answered, const Placed *placed,
                           uint32_t count)
{
    const Question *question = question_of(a, id);
    bool enabled = question_enabled(a, id);
    bool ok = true;
    if (count == 0)
        return !enabled || !question->required || check_gap(a, id, answered);
    for (uint32_t i = 0; i < count && !enabled; i++)
        if (is_there(a, placed[i].item))
            ok = special(a->walk, SEVERITY_ERROR, MSG_RESPONSE_NOT_ENABLED, placed[i].item, a->form,
                         question->link_id);
    if (count > 1 && !question->repeats)
        ok = special_at(a->walk, SEVERITY_ERROR, MSG_RESPONSE_ONE_ITEM, answered, placed[1].item,
                        a->form, question->link_id);
    for (uint32_t i = 0; i < count && !a->walk->stopped; i++)
        ok = check_item(a, id, placed[i].item) && ok;
    return ok;
}

static bool place_items(Answers *a, QuestionId parent, ElemId answered, Placed *placed,
                        uint32_t *ret_count)
{
    QuestionId last = QUESTION_ROOT;
    bool ok = true;
    for (ElemId item = answers_first(a, answered, a->item); item && !a->walk->stopped;
         item = answers_following(a, item, a->item)) {
        QuestionId question;
        ok = place(a, parent, answered, item, &question) && ok;
        if (question == QUESTION_NONE)
            continue;
        if (question < last)
            ok = special_at(a->walk, SEVERITY_ERROR, MSG_RESPONSE_ORDER, answered, item, a->form,
                            STR_NONE);
        last = question;
        placed[(*ret_count)++] = (Placed){question, item};
    }
    return ok;
}

static bool check_items(Answers *a, QuestionId parent, ElemId answered)
{
    Placed *placed =
        ARENA_ARRAY(a->walk->arena, Placed, walk_elem(a->walk, answered)->child_count + 1);
    uint32_t count = 0;
    if (!placed || !walk_step(a->walk))
        return true;
    bool ok = place_items(a, parent, answered, placed, &count);
    qsort(placed, count, sizeof *placed, by_question);
    QuestionId behind = question_of(a, parent)->behind;
    uint32_t at = 0;
    for (QuestionId id = parent + 1; id < behind && !a->walk->stopped;
         id = question_of(a, id)->behind) {
        uint32_t first = at;
        while (at < count && placed[at].question == id)
            at++;
        ok = check_question(a, id, answered, placed + first, at - first) && ok;
    }
    return ok;
}

/* --- the response ----------------------------------------------------------------------------- */

static bool report_unknown(Walk *walk, ElemId response, ElemId elem, Str canonical,
                           FindingPath form)
{
    bool example = str_starts(canonical, STR("http://example.org")) ||
                   str_starts(canonical, STR("https://example.org"));
    return special_at(walk, example ? SEVERITY_INFORMATION : SEVERITY_WARNING,
                      MSG_RESPONSE_QUESTIONNAIRE_UNKNOWN, response, elem, form, canonical);
}

/* The questionnaire may be used within its effectivePeriod only. */
static void check_authored(const Answers *a)
{
    const JsonDoc *doc = a->questions->doc;
    const JsonNode *period = json_get(doc, question_of(a, QUESTION_ROOT)->node, "effectivePeriod");
    ElemId authored = walk_child(a->walk, a->response, "authored");
    DateTime when;
    DateTime bound;
    if (!period || !authored ||
        !datetime_parse_fhir(DATETIME_DATE_TIME, elem_text(walk_elem(a->walk, authored)), &when,
                             NULL))
        return;
    Str end = json_get_text(doc, period, "end");
    Str start = json_get_text(doc, period, "start");
    if (datetime_parse_fhir(DATETIME_DATE_TIME, end, &bound, NULL) &&
        datetime_epoch_seconds(&when) > datetime_epoch_seconds(&bound))
        special(a->walk, SEVERITY_WARNING, MSG_RESPONSE_AFTER_PERIOD, authored, a->form, end);
    if (datetime_parse_fhir(DATETIME_DATE_TIME, start, &bound, NULL) &&
        datetime_epoch_seconds(&when) < datetime_epoch_seconds(&bound))
        special(a->walk, SEVERITY_WARNING, MSG_RESPONSE_BEFORE_PERIOD, authored, a->form, start);
}

bool check_questionnaire_response(Walk *walk, const Scope *scope, ElemId response, FindingPath form)
{
    ElemId elem = walk_child(walk, response, "questionnaire");
    Str canonical = elem ? elem_text(walk_elem(walk, elem)) : STR_NONE;
    if (!str_trim(canonical).len)
        return special(walk, SEVERITY_INFORMATION, MSG_RESPONSE_NO_QUESTIONNAIRE, response, form,
                       STR_NONE);
    const Questions *questions = questions_find(walk, response, canonical);
    if (!questions)
        return report_unknown(walk, response, elem, canonical, form);
    Answers *answers = ARENA_NEW(walk->arena, Answers);
    if (!answers)
        return true;
    Str status = walk_text(walk, response, "status");
    *answers = (Answers){.walk = walk,
                         .scope = scope,
                         .form = form,
                         .questions = questions,
                         .response = response,
                         .unfinished = !str_is(status, "completed") && !str_is(status, "amended"),
                         .item = walk_name(walk, "item"),
                         .answer = walk_name(walk, "answer"),
                         .value = walk->model->n_value,
                         .link_id = walk_name(walk, "linkId")};
    if (!answers_index(answers))
        return true;
    check_authored(answers);
    return check_items(answers, QUESTION_ROOT, response);
}
