/* The answers of one item: how many, of which type, among the options, within the limits. */
#include "common/fhir/datetime.h"
#include "common/fhir/decimal.h"
#include "common/fhir/ucum.h"
#include "services/validator/engine/validate/primitive.h"
#include "services/validator/engine/validate/questionnaire.h"

#define EXT "http://hl7.org/fhir/StructureDefinition/"
#define SDC "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
#define UCUM "http://unitsofmeasure.org"

typedef struct Answer { /* one answer and what is asked */
    Answers *all;
    const JsonDoc *doc;   /* of the questionnaire */
    const JsonNode *node; /* the question */
    ElemId answer, value;
    Str type; /* of the value */
    Str text; /* of a primitive value */
    uint32_t siblings;
} Answer;

static bool wrong(const Answer *a, Message message, ElemId at, Str arg0, Str arg1)
{
    Finding *finding =
        report_with(a->all->walk, SEVERITY_ERROR, message, at, arg0, arg1, STR_NONE, STR_NONE);
    if (finding)
        finding->path = (uint8_t)a->all->form;
    return false;
}

/* Nothing can be said of the options: a hint, or a warning. */
static bool doubt(const Answer *a, IssueSeverity severity, Message message, ElemId at, Str arg)
{
    special(a->all->walk, severity, message, at, a->all->form, arg);
    return true;
}

/* Many answers to a question of many options: the sender's choice, when the response contains its
 * questionnaire. */
enum { OPTION_STEPS = 32 };

static bool look(const Answer *a)
{
    return walk_steps(a->all->walk, OPTION_STEPS);
}

static const JsonNode *options_of(const Answer *a)
{
    const JsonNode *list = json_get(a->doc, a->node, "answerOption");
    return list && list->kind == JSON_KIND_ARRAY && list->count ? list : NULL;
}

/* --- options ---------------------------------------------------------------------------------- */

typedef struct OptionWords {
    const char *type, *option; /* of the answer; of answerOption.value[x] */
    Message none, not_among, no_options;
} OptionWords;

static const OptionWords option_words[] = {
    {"integer",  "Integer", MSG_OPTIONS_NO_INTEGER, MSG_OPTION_NOT_INTEGER,
     MSG_OPTIONS_NONE_INTEGER                                                                      },
    {"date",     "Date",    MSG_OPTIONS_NO_DATE,    MSG_OPTION_NOT_DATE,    MSG_OPTIONS_NONE_DATE  },
    {"dateTime", "Date",    MSG_OPTIONS_NO_DATE,    MSG_OPTION_NOT_DATE,    MSG_OPTIONS_NONE_DATE  },
    {"time",     "Time",    MSG_OPTIONS_NO_TIME,    MSG_OPTION_NOT_TIME,    MSG_OPTIONS_NONE_TIME  },
    {"string",   "String",  MSG_OPTIONS_NO_STRING,  MSG_OPTION_NOT_STRING,  MSG_OPTIONS_NONE_STRING},
    {"decimal",  "",        MSG_OPTIONS_NO_DECIMAL, MSG_OPTION_NOT_DECIMAL, MSG_RESPONSE_NO_OPTION },
};

static const OptionWords *words_of(Str type)
{
    for (size_t i = 0; i < sizeof option_words / sizeof *option_words; i++)
        if (str_is(type, option_words[i].type))
            return &option_words[i];
    return NULL;
}

/* Is a primitive among the options of its type? */
static bool check_option(const Answer *a, bool open, ElemId at)
{
    const OptionWords *words = words_of(a->type);
    const JsonNode *options = options_of(a);
    bool some = false;
    if (!words || !options)
        return true;
    JSON_EACH(a->doc, option, options)
    {
        if (!look(a))
            return true;
        Str type;
        const JsonNode *value = question_value(a->doc, option, "value", &type);
        if (!value || (*words->option && !str_is(type, words->option)))
            continue;
        some = true;
        if (str_eq(question_text(a->doc, value, NULL), a->text))
            return true;
    }
    if (!some)
        return open || wrong(a, words->none, at, STR_NONE, STR_NONE);
    return wrong(a, words->not_among, at, a->text, STR_NONE);
}

/* A free text that is the code or display of an option was hardly meant as free text. */
static bool check_free_text(const Answer *a, const JsonNode *options)
{
    JSON_EACH(a->doc, option, options)
    {
        const JsonNode *coding = look(a) ? json_get(a->doc, option, "valueCoding") : NULL;
        if (coding && a->text.len &&
            (str_eq_ignore_case(json_get_text(a->doc, coding, "display"), a->text) ||
             str_eq_ignore_case(json_get_text(a->doc, coding, "code"), a->text)))
            return doubt(a, SEVERITY_WARNING, MSG_OPTION_STRING_IN_CODING, a->answer, a->text);
    }
    return true;
}

static bool is_exclusive(const Answer *a, const JsonNode *option)
{
    return str_is(question_extension_text(a->doc, option, EXT "questionnaire-optionExclusive"),
                  "true");
}

static bool check_coding_option(const Answer *a, const JsonNode *options)
{
    Str system = walk_text(a->all->walk, a->value, "system");
    Str code = walk_text(a->all->walk, a->value, "code");
    bool some = false;
    JSON_EACH(a->doc, option, options)
    {
        if (!look(a))
            return true;
        const JsonNode *coding = json_get(a->doc, option, "valueCoding");
        if (!coding)
            continue;
        some = true;
        if (!str_eq(json_get_text(a->doc, coding, "system"), system) ||
            !str_eq(json_get_text(a->doc, coding, "code"), code))
            continue;
        return a->siblings == 1 || !is_exclusive(a, option) ||
               wrong(a, MSG_OPTION_EXCLUSIVE, a->answer, code, STR_NONE);
    }
    return some ? wrong(a, MSG_OPTION_NOT_CODING, a->answer, system, code)
                : wrong(a, MSG_OPTIONS_NO_CODING, a->answer, STR_NONE, STR_NONE);
}

/* --- answerValueSet --------------------------------------------------------------------------- */

/* What a value set that is contained in the questionnaire includes: listed codes, whole systems,
 * other value sets. Filters and exclusions are not looked into: then it cannot be told. */
static TxAnswer in_include(const Answer *a, const JsonNode *include, Str system, Str code)
{
    const Terminology *tx = a->all->walk->terminology;
    const JsonNode *concepts = json_get(a->doc, include, "concept");
    const JsonNode *sets = json_get(a->doc, include, "valueSet");
    Str url = json_get_text(a->doc, include, "system");
    if (json_get(a->doc, include, "filter"))
        return TX_NOT_CHECKABLE;
    if (url.len && !str_eq(url, system))
        return TX_NO;
    if (concepts) {
        JSON_EACH(a->doc, concept, concepts)
        if (look(a) && str_eq(json_get_text(a->doc, concept, "code"), code))
            return TX_YES;
        return TX_NO;
    }
    if (!sets)
        return url.len ? terminology_code(tx, system, code) : TX_NOT_CHECKABLE;
    JSON_EACH(a->doc, set, sets)
    {
        if (!look(a))
            return TX_NOT_CHECKABLE;
        TxValueSet found = terminology_value_set(tx, json_text(set));
        TxAnswer answer =
            found == TX_NONE ? TX_NOT_CHECKABLE : terminology_contains(tx, found, system, code);
        if (answer != TX_YES)
            return answer;
    }
    return TX_YES;
}

static TxAnswer in_contained(const Answer *a, const JsonNode *set, Str system, Str code)
{
    const JsonNode *compose = json_get(a->doc, set, "compose");
    const JsonNode *includes = json_get(a->doc, compose, "include");
    TxAnswer answer = TX_NO;
    if (!includes || json_get(a->doc, compose, "exclude"))
        return TX_NOT_CHECKABLE;
    JSON_EACH(a->doc, include, includes)
    {
        if (!look(a))
            return TX_NOT_CHECKABLE;
        TxAnswer one = in_include(a, include, system, code);
        if (one == TX_YES)
            return one;
        if (one != TX_NO)
            answer = one;
    }
    return answer;
}

/* The value set that stands in `contained` beside the questions; in a response that contains its
 * questionnaire, beside that one. */
static const JsonNode *contained_set(const Answer *a, Str id)
{
    const Questions *questions = a->all->questions;
    const JsonNode *holder =
        questions->container ? walk_elem(a->all->walk, questions->container)->node : NULL;
    const JsonNode *places[] = {questions->items[QUESTION_ROOT].node, holder};
    for (size_t i = 0; i < 2; i++) {
        const JsonNode *list = json_get(a->doc, places[i], "contained");
        if (!list || list->kind != JSON_KIND_ARRAY)
            continue;
        JSON_EACH(a->doc, resource, list)
        if (look(a) && str_eq(json_get_text(a->doc, resource, "id"), id) &&
            str_is(json_get_text(a->doc, resource, "resourceType"), "ValueSet"))
            return resource;
    }
    return NULL;
}

typedef enum SetLookup { SET_MISSING, SET_FOUND } SetLookup;

static SetLookup ask_set(const Answer *a, Str url, Str system, Str code, TxAnswer *ret_answer)
{
    const Terminology *tx = a->all->walk->terminology;
    if (str_starts(url, STR("#"))) {
        const JsonNode *set = contained_set(a, str_skip(url, 1));
        if (set)
            *ret_answer = in_contained(a, set, system, code);
        return set ? SET_FOUND : SET_MISSING;
    }
    TxValueSet set = terminology_value_set(tx, url);
    if (set == TX_NONE)
        return SET_MISSING;
    *ret_answer = terminology_contains(tx, set, system, code);
    return SET_FOUND;
}

/* A code with the display of another one is not the one that is meant. */
static bool wrong_display(const Answer *a, Str system, Str code, Str display)
{
    Walk *walk = a->all->walk;
    Finding *finding =
        report_with(walk, SEVERITY_ERROR, MSG_DISPLAY_WRONG, walk_child(walk, a->value, "display"),
                    display, system, code, STR_NONE);
    if (finding)
        finding->path = (uint8_t)a->all->form;
    return false;
}

static bool check_coding_in_set(const Answer *a, Str url)
{
    Walk *walk = a->all->walk;
    Str system = walk_text(walk, a->value, "system");
    Str code = walk_text(walk, a->value, "code");
    Str display = walk_text(walk, a->value, "display");
    TxAnswer answer;
    if (ask_set(a, url, system, code, &answer) == SET_MISSING)
        return doubt(a, SEVERITY_WARNING, MSG_VALUE_SET_UNKNOWN, a->answer, url);
    switch (answer) {
    case TX_YES:
        if (!display.len || terminology_is_lenient(walk->terminology) ||
            terminology_display_ok(walk->terminology, system, code, display))
            return true;
        wrong_display(a, system, code, display);
        return wrong(a, MSG_OPTION_NOT_IN_SET, a->answer, code, url);
    case TX_UNKNOWN_SYSTEM:
    case TX_UNKNOWN_IN_FRAGMENT:
    case TX_NOT_CHECKABLE:
        return doubt(a, SEVERITY_WARNING, MSG_OPTION_SYSTEM_UNKNOWN, a->answer, system);
    default:
        return wrong(a, MSG_OPTION_NOT_IN_SET, a->answer, code, url);
    }
}

static bool check_choice(const Answer *a)
{
    Str set = json_get_text(a->doc, a->node, "answerValueSet");
    bool open = str_is(json_get_text(a->doc, a->node, "type"), "open-choice");
    bool coding = str_is(a->type, "Coding");
    const JsonNode *options = options_of(a);
    if (options && coding)
        return check_coding_option(a, options);
    if (options)
        return open && str_is(a->type, "string") ? check_free_text(a, options)
                                                 : check_option(a, open, a->answer);
    if (coding && set.len)
        return check_coding_in_set(a, set);
    const OptionWords *words = words_of(a->type);
    return doubt(a, SEVERITY_INFORMATION, words ? words->no_options : MSG_RESPONSE_NO_OPTION,
                 a->answer, STR_NONE);
}

/* --- limits of primitives --------------------------------------------------------------------- */

typedef struct LimitWords {
    Message below, above, unreadable;
} LimitWords;

/* The order of two values of one type; false: one of them is none. */
static bool order_of(const Answer *a, Str x, Str y, int *ret_order)
{
    if (str_is(a->type, "time")) {
        *ret_order = str_compare(x, y);
        return true;
    }
    if (str_is(a->type, "date") || str_is(a->type, "dateTime")) {
        DateTime tx;
        DateTime ty;
        if (!datetime_parse_fhir(DATETIME_DATE_TIME, x, &tx, NULL) ||
            !datetime_parse_fhir(DATETIME_DATE_TIME, y, &ty, NULL))
            return false;
        int64_t sx = datetime_epoch_seconds(&tx);
        int64_t sy = datetime_epoch_seconds(&ty);
        *ret_order = sx < sy ? -1 : sx > sy;
        return true;
    }
    Decimal dx;
    Decimal dy;
    if (!decimal_parse(x, a->all->walk->arena, &dx) || !decimal_parse(y, a->all->walk->arena, &dy))
        return false;
    *ret_order = decimal_compare(dx, dy);
    return true;
}

static bool check_range(const Answer *a, const LimitWords *words)
{
    Str least = question_extension_text(a->doc, a->node, EXT "minValue");
    Str most = question_extension_text(a->doc, a->node, EXT "maxValue");
    int order;
    bool ok = true;
    if (least.len) {
        if (!order_of(a, a->text, least, &order))
            return wrong(a, words->unreadable, a->value, a->text, STR_NONE);
        ok = order >= 0 || wrong(a, words->below, a->value, a->text, least);
    }
    if (most.len) {
        if (!order_of(a, a->text, most, &order))
            return wrong(a, words->unreadable, a->value, a->text, STR_NONE);
        ok = (order <= 0 || wrong(a, words->above, a->value, a->text, most)) && ok;
    }
    return ok;
}

static bool check_decimals(const Answer *a, Str number)
{
    uint64_t most;
    Str limit = question_extension_text(a->doc, a->node, EXT "maxDecimalPlaces");
    size_t point = str_rfind_char(number, '.');
    if (!str_to_u64(limit, &most) || point == SIZE_MAX || number.len - point - 1 <= most)
        return true;
    return wrong(a, MSG_ANSWER_MAX_DECIMALS, a->value, number, limit);
}

static bool check_moment(const Answer *a)
{
    static const LimitWords words = {MSG_ANSWER_DATE_MIN, MSG_ANSWER_DATE_MAX,
                                     MSG_ANSWER_DATE_UNREADABLE};
    bool ok = check_range(a, &words);
    return check_option(a, false, a->value) && ok;
}

static bool check_time(const Answer *a)
{
    static const LimitWords words = {MSG_ANSWER_TIME_MIN, MSG_ANSWER_TIME_MAX,
                                     MSG_ANSWER_TIME_UNREADABLE};
    bool ok = check_range(a, &words);
    return check_option(a, false, a->value) && ok;
}

static bool check_integer(const Answer *a)
{
    static const LimitWords words = {MSG_ANSWER_INTEGER_MIN, MSG_ANSWER_INTEGER_MAX,
                                     MSG_ANSWER_INTEGER_UNREADABLE};
    bool ok = check_range(a, &words);
    return check_option(a, false, a->value) && ok;
}

static bool check_decimal(const Answer *a)
{
    static const LimitWords words = {MSG_ANSWER_DECIMAL_MIN, MSG_ANSWER_DECIMAL_MAX,
                                     MSG_ANSWER_DECIMAL_UNREADABLE};
    bool ok = check_range(a, &words);
    ok = check_decimals(a, a->text) && ok;
    return check_option(a, false, a->value) && ok;
}

/* --- strings ---------------------------------------------------------------------------------- */

/* As Java counts: UTF-16 units. */
static uint64_t java_length(Str text)
{
    uint64_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        count += (c & 0xC0) != 0x80;
        count += c >= 0xF0;
    }
    return count;
}

static bool check_length(const Answer *a)
{
    Str least = question_extension_text(a->doc, a->node, EXT "minLength");
    Str most = question_text(a->doc, a->node, "maxLength");
    uint64_t limit;
    bool ok = true;
    if (str_to_u64(least, &limit) && java_length(a->text) < limit)
        ok = wrong(a, MSG_ANSWER_TOO_SHORT, a->value, a->text, least);
    if (str_to_u64(most, &limit) && java_length(a->text) > limit)
        ok = wrong(a, MSG_ANSWER_TOO_LONG, a->value, a->text, most);
    return ok;
}

static bool check_form(const Answer *a)
{
    Str regex = question_extension_text(a->doc, a->node, EXT "regex");
    Str format = question_extension_text(a->doc, a->node, EXT "entryFormat");
    if (!regex.len || matches_regex(a->text, regex))
        return true;
    return format.len ? wrong(a, MSG_ANSWER_REGEX_FORMAT, a->value, a->text, format)
                      : wrong(a, MSG_ANSWER_REGEX, a->value, a->text, regex);
}

static bool check_string_in_set(const Answer *a)
{
    Str url = json_get_text(a->doc, a->node, "answerValueSet");
    TxAnswer answer;
    if (!url.len)
        return true;
    if (ask_set(a, url, STR_NONE, a->text, &answer) == SET_MISSING)
        return doubt(a, SEVERITY_WARNING, MSG_ANSWER_SET_UNKNOWN, a->value, url);
    return answer == TX_YES || answer == TX_NOT_CHECKABLE ||
           wrong(a, MSG_ANSWER_NOT_IN_SET, a->value, a->text, url);
}

static bool check_string(const Answer *a)
{
    bool ok = check_length(a);
    ok = check_form(a) && ok;
    if (str_find_char(a->text, '\n') < a->text.len || str_find_char(a->text, '\r') < a->text.len)
        doubt(a, SEVERITY_WARNING, MSG_ANSWER_NEW_LINE, a->value, STR_NONE);
    ok = check_string_in_set(a) && ok;
    return check_option(a, false, a->value) && ok;
}

/* --- quantities ------------------------------------------------------------------------------- */

typedef struct Amount {
    Str value, unit, system, code;
} Amount;

static Amount answered_amount(const Answer *a)
{
    const Walk *walk = a->all->walk;
    return (Amount){walk_text(walk, a->value, "value"), walk_text(walk, a->value, "unit"),
                    walk_text(walk, a->value, "system"), walk_text(walk, a->value, "code")};
}

static Str show(const Answer *a, Amount amount)
{
    return arena_format(a->all->walk->arena, "%.*s %.*s", STR_ARG(amount.value),
                        STR_ARG(amount.unit.len ? amount.unit : amount.code));
}

static bool amounts_order(const Answer *a, Amount x, Amount y, int *ret_order)
{
    Arena *arena = a->all->walk->arena;
    Decimal dx;
    Decimal dy;
    UcumUnit ux;
    UcumUnit uy;
    if (!decimal_parse(x.value, arena, &dx) || !decimal_parse(y.value, arena, &dy))
        return false;
    if (str_eq(x.system, y.system) && str_eq(x.code, y.code)) {
        *ret_order = decimal_compare(dx, dy);
        return true;
    }
    return str_is(x.system, UCUM) && str_is(y.system, UCUM) &&
           ucum_parse(x.code, arena, &ux, NULL) && ucum_parse(y.code, arena, &uy, NULL) &&
           ucum_compare(dx, &ux, dy, &uy, arena, ret_order);
}

/* `sign`: -1 for the least amount, 1 for the greatest. */
static bool check_amount_limit(const Answer *a, Amount found, const char *url, int sign)
{
    const JsonNode *node = question_extension_value(a->doc, a->node, url);
    if (!node)
        return true;
    Amount limit = {question_text(a->doc, node, "value"), json_get_text(a->doc, node, "unit"),
                    json_get_text(a->doc, node, "system"), json_get_text(a->doc, node, "code")};
    Str shown = show(a, found);
    Str bound = show(a, limit);
    int order;
    if (!limit.system.len || !limit.code.len || !found.system.len || !found.code.len)
        return wrong(a,
                     sign < 0 ? MSG_ANSWER_QUANTITY_MIN_NO_UNITS : MSG_ANSWER_QUANTITY_MAX_NO_UNITS,
                     a->value, shown, bound);
    if (!amounts_order(a, found, limit, &order))
        return wrong(a, sign < 0 ? MSG_ANSWER_QUANTITY_MIN_UNLIKE : MSG_ANSWER_QUANTITY_MAX_UNLIKE,
                     a->value, shown, bound);
    return order * sign <= 0 ||
           wrong(a, sign < 0 ? MSG_ANSWER_QUANTITY_MIN : MSG_ANSWER_QUANTITY_MAX, a->value, shown,
                 bound);
}

static bool is_unset_or(Str wanted, Str found)
{
    return !wanted.len || str_eq(wanted, found);
}

static bool check_unit_options(const Answer *a, Amount found)
{
    const char *url = EXT "questionnaire-unitOption";
    const JsonNode *extension = question_extension(a->doc, a->node, url, NULL);
    if (!extension)
        return true;
    for (; extension; extension = question_extension(a->doc, a->node, url, extension)) {
        const JsonNode *coding = look(a) ? json_get(a->doc, extension, "valueCoding") : NULL;
        if (coding && is_unset_or(json_get_text(a->doc, coding, "system"), found.system) &&
            is_unset_or(json_get_text(a->doc, coding, "code"), found.code) &&
            is_unset_or(json_get_text(a->doc, coding, "display"), found.unit))
            return true;
    }
    return wrong(a, MSG_ANSWER_UNIT, a->value, show(a, found), STR_NONE);
}

static bool check_unit_set(const Answer *a, Amount found)
{
    Str url = question_extension_text(a->doc, a->node, EXT "questionnaire-unitValueSet");
    TxAnswer answer;
    if (!url.len)
        return true;
    if (ask_set(a, url, found.system, found.code, &answer) == SET_MISSING)
        return doubt(a, SEVERITY_WARNING, MSG_ANSWER_UNIT_SET_UNKNOWN, a->value, url);
    return answer == TX_YES || answer == TX_NOT_CHECKABLE || answer == TX_UNKNOWN_SYSTEM ||
           wrong(a, MSG_ANSWER_UNIT_NOT_IN_SET, a->value, show(a, found), url);
}

static bool check_amount(const Answer *a)
{
    Amount found = answered_amount(a);
    bool ok = check_amount_limit(a, found, SDC "minQuantity", -1);
    ok = check_amount_limit(a, found, SDC "maxQuantity", 1) && ok;
    ok = check_decimals(a, found.value) && ok;
    ok = check_unit_options(a, found) && ok;
    return check_unit_set(a, found) && ok;
}

/* --- attachments, references ------------------------------------------------------------------ */

static bool check_mime_type(const Answer *a)
{
    const char *url = EXT "mimeType";
    const JsonNode *extension = question_extension(a->doc, a->node, url, NULL);
    if (!extension)
        return true;
    Str found = walk_text(a->all->walk, a->value, "contentType");
    if (!found.ptr)
        return wrong(a, MSG_ANSWER_NO_MIME_TYPE, a->answer, STR_NONE, STR_NONE);
    for (; extension; extension = question_extension(a->doc, a->node, url, extension)) {
        Str type;
        const JsonNode *value = look(a) ? question_value(a->doc, extension, "value", &type) : NULL;
        if (value && str_starts(found, question_text(a->doc, value, NULL)))
            return true;
    }
    return wrong(a, MSG_ANSWER_MIME_TYPE, a->answer, found, STR_NONE);
}

/* The type that a reference in REST form names: the last part but one. */
static Str referenced_type(Str reference)
{
    size_t history = str_find(reference, STR("/_history/"));
    Str plain = history == SIZE_MAX ? reference : str_cut(reference, 0, history);
    size_t slash = str_rfind_char(plain, '/');
    if (slash == SIZE_MAX)
        return STR_NONE;
    Str before = str_cut(plain, 0, slash);
    size_t start = str_rfind_char(before, '/');
    return start == SIZE_MAX ? before : str_skip(before, start + 1);
}

static bool is_resource_type(const Walk *walk, Str name)
{
    FhirTypeId type = fhir_type_find(walk->model, name);
    return type && walk->model->types[type].kind == FHIR_KIND_RESOURCE;
}

/* Only where references are known to be of REST form: other ones say nothing of their type. */
static bool check_referenced(const Answer *a)
{
    Walk *walk = a->all->walk;
    const char *url = EXT "questionnaire-referenceResource";
    Str reference = walk_text(walk, a->value, "reference");
    if (!reference.len || reference.ptr[0] == '#' || !(walk->rules & RULE_REST_REFERENCES))
        return true;
    Str type = referenced_type(reference);
    const JsonNode *extension = question_extension(a->doc, a->node, url, NULL);
    if (!extension)
        return !type.len || is_resource_type(walk, type) ||
               wrong(a, MSG_ANSWER_REFERENCE_TYPE, a->value, type, reference);
    if (!type.len)
        return wrong(a, MSG_ANSWER_REFERENCE_UNCLEAR, a->value, reference, STR_NONE);
    for (; extension; extension = question_extension(a->doc, a->node, url, extension)) {
        Str kind;
        const JsonNode *value = question_value(a->doc, extension, "value", &kind);
        if (value && str_eq(question_text(a->doc, value, NULL), type))
            return true;
    }
    return wrong(a, MSG_ANSWER_REFERENCE_NOT_ALLOWED, a->value, type, reference);
}

/* --- by type ---------------------------------------------------------------------------------- */

typedef struct AnswerType {
    const char *item; /* Questionnaire.item.type */
    const char *types[5];
    bool (*check)(const Answer *answer);
} AnswerType;

static const AnswerType answer_types[] = {
    {"boolean",     {"boolean"},                                     NULL            },
    {"decimal",     {"decimal"},                                     check_decimal   },
    {"integer",     {"integer"},                                     check_integer   },
    {"date",        {"date"},                                        check_moment    },
    {"dateTime",    {"dateTime"},                                    check_moment    },
    {"time",        {"time"},                                        check_time      },
    {"string",      {"string"},                                      check_string    },
    {"text",        {"string"},                                      NULL            },
    {"url",         {"uri"},                                         NULL            },
    {"attachment",  {"Attachment"},                                  check_mime_type },
    {"reference",   {"Reference"},                                   check_referenced},
    {"quantity",    {"Quantity"},                                    check_amount    },
    {"choice",      {"Coding", "date", "time", "integer", "string"}, check_choice    },
    {"open-choice", {"Coding", "date", "time", "integer", "string"}, check_choice    },
};

static bool check_typed(const Answer *a, const AnswerType *type)
{
    for (size_t t = 0; t < 5 && type->types[t]; t++)
        if (str_is(a->type, type->types[t]))
            return !type->check || type->check(a);
    return wrong(a, MSG_RESPONSE_TYPE, a->value, a->type, str_from(type->types[0]));
}

static bool check_answer(const Answer *a, Str type, ElemId item)
{
    Walk *walk = a->all->walk;
    if (str_is(type, "group"))
        return special_at(walk, SEVERITY_ERROR, MSG_RESPONSE_GROUP_ANSWER, item, a->answer,
                          a->all->form, STR_NONE);
    if (str_is(type, "display"))
        return special_at(walk, SEVERITY_ERROR, MSG_RESPONSE_DISPLAY_ANSWER, item, a->answer,
                          a->all->form, STR_NONE);
    for (size_t i = 0; a->value && i < sizeof answer_types / sizeof *answer_types; i++)
        if (str_is(type, answer_types[i].item))
            return check_typed(a, &answer_types[i]);
    return true;
}

static bool check_occurrences(Answers *all, const Question *question, ElemId item, uint32_t count)
{
    const JsonDoc *doc = all->questions->doc;
    Str most = question_extension_text(doc, question->node, EXT "questionnaire-maxOccurs");
    Str least = question_extension_text(doc, question->node, EXT "questionnaire-minOccurs");
    Str found = arena_format(all->walk->arena, "%u", count);
    Answer a = {.all = all};
    uint64_t limit;
    bool ok = true;
    if (str_to_u64(most, &limit) && count > limit)
        ok = wrong(&a, MSG_RESPONSE_MAX_OCCURS, item, most, found);
    if (str_to_u64(least, &limit) && count < limit)
        ok = wrong(&a, MSG_RESPONSE_MIN_OCCURS, item, least, found);
    return ok;
}

bool check_answers(Answers *all, QuestionId id, ElemId item)
{
    Walk *walk = all->walk;
    const Question *question = question_of(all, id);
    uint32_t count = 0;
    ElemId second = ELEM_NONE;
    for (ElemId e = answers_first(all, item, all->answer); e;
         e = answers_following(all, e, all->answer))
        if (++count == 2)
            second = e;
    bool ok = true;
    if (second && !question->repeats)
        ok = special_at(walk, SEVERITY_ERROR, MSG_RESPONSE_ONE_ANSWER, item, second, all->form,
                        STR_NONE);
    ok = check_occurrences(all, question, item, count) && ok;
    for (ElemId e = answers_first(all, item, all->answer); e && !walk->stopped;
         e = answers_following(all, e, all->answer)) {
        Answer a = {.all = all,
                    .doc = all->questions->doc,
                    .node = question->node,
                    .answer = e,
                    .value = elem_child_element(&walk->elems, e, all->value),
                    .siblings = count};
        if (a.value) {
            a.type = fhir_type_name(walk->model, walk_elem(walk, a.value)->type);
            a.text = elem_text(walk_elem(walk, a.value));
        }
        ok = check_answer(&a, question->type, item) && ok;
    }
    return ok;
}
