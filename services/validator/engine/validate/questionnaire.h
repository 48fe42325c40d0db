/* questionnaire - a Questionnaire as an answered one is checked against it; internal to validate.
 *
 * Spec:    hl7.org/fhir/R4/questionnaire.html, questionnaireresponse.html#link
 * Owner:   everything lies in the walk's arena; texts point into the questionnaire's JSON.
 * Threads: one walk, one thread.
 * Errors:  NULL past the arena's limit or when there is none; unreadable JSON counts as none.
 *
 * Questions stand in the order of the questionnaire, number 0 is the questionnaire itself. */
#pragma once
#include "services/validator/engine/validate/specials.h"

typedef uint32_t QuestionId;
enum { QUESTION_NONE = UINT32_MAX, QUESTION_ROOT = 0 };

typedef struct Question {
    const JsonNode *node;
    QuestionId parent; /* of the root: none */
    QuestionId behind; /* the first one that is not below */
    QuestionId same;   /* the next one of this linkId, or none */
    Str link_id, text, type;
    bool required, repeats;
} Question;

typedef struct Questions {
    const struct Questions *older; /* list of those that were met */
    Str canonical;                 /* as the response names it */
    ElemId container;              /* the response that contains it, or none */
    const JsonDoc *doc;
    Question *items;
    uint32_t count;
    QuestionId *by_link_id; /* open addressing: number + 1 of the first of a linkId */
    uint32_t slots;
} Questions;

/* The questionnaire that `response` names: contained in it, or one that the image holds. */
const Questions *questions_find(Walk *walk, ElemId response, Str canonical);
/* The first question of that linkId, in the order of the questionnaire. */
QuestionId questions_by_link_id(const Questions *questions, Str link_id);
/* The one that stands right below `parent`. */
QuestionId questions_below(const Questions *questions, QuestionId parent, Str link_id);

/* The primitive text of a member, or of the node itself when `name` is NULL. */
Str question_text(const JsonDoc *doc, const JsonNode *node, const char *name);
/* The first extension of that url behind `last` (NULL: from the start), or NULL. */
const JsonNode *question_extension(const JsonDoc *doc, const JsonNode *node, const char *url,
                                   const JsonNode *last);
/* The value of the first extension of that url; its text when it is primitive. */
const JsonNode *question_extension_value(const JsonDoc *doc, const JsonNode *node, const char *url);
Str question_extension_text(const JsonDoc *doc, const JsonNode *node, const char *url);
/* The member value[x] of an object whose type is *ret_type ("Coding"), or NULL. */
const JsonNode *question_value(const JsonDoc *doc, const JsonNode *node, const char *prefix,
                               Str *ret_type);

/* --- one response ----------------------------------------------------------------------------- */

enum { ITEM_DEPTH_MAX = 250 };

typedef struct Answered { /* an item of the response, by linkId */
    uint64_t hash;
    ElemId item;
} Answered;

typedef struct Standing { /* the way from the response to where we are */
    QuestionId question;
    ElemId item;
} Standing;

typedef struct Answers {
    Walk *walk;
    const Scope *scope;
    FindingPath form;
    const Questions *questions;
    ElemId response;
    bool unfinished; /* status is neither completed nor amended: gaps are warnings */
    uint16_t item, answer, value, link_id; /* names */
    Answered *answered;
    uint32_t answered_count;
    uint32_t depth;
    Standing standing[ITEM_DEPTH_MAX];
} Answers;

static inline const Question *question_of(const Answers *a, QuestionId id)
{
    return &a->questions->items[id];
}
/* The first child of that name; the next one behind it. */
static inline ElemId answers_next(const Answers *a, ElemId elem, uint16_t name)
{
    while (elem && walk_elem(a->walk, elem)->element != name)
        elem = walk_elem(a->walk, elem)->next;
    return elem;
}
static inline ElemId answers_first(const Answers *a, ElemId parent, uint16_t name)
{
    return answers_next(a, elem_first(&a->walk->elems, parent), name);
}
static inline ElemId answers_following(const Answers *a, ElemId elem, uint16_t name)
{
    return answers_next(a, walk_elem(a->walk, elem)->next, name);
}

/* questionnaire_enable.c: enableWhen and the expression that may stand in its place. */
bool answers_index(Answers *a);
bool question_enabled(Answers *a, QuestionId question);
/* questionnaire_answer.c: the answers of one item: type, options, limits. */
bool check_answers(Answers *a, QuestionId question, ElemId item);
