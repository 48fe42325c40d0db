#include "services/validator/engine/fhirpath/parser.h"

#include <stdarg.h>

#include "services/validator/engine/fhirpath/functions.h"
#include "services/validator/engine/fhirpath/lexer.h"

typedef struct Parser {
    FpLexer lexer;
    FpToken token; /* the next one */
    FpTree *tree;
    const FhirpathCompileOptions *options;
    uint32_t nesting;
} Parser;

/* spec: N1 9 (precedence). Left-associative all of them. The Java core that validates published
 * guides (6.5) binds differently: `is` looser than comparisons, union tighter, and `in`,
 * `contains`, `as` as loose as `implies`. */
const FpOperator fp_operators[] = {
    {"implies",  FP_IMPLIES,        {1, 1},   true },
    {"or",       FP_OR,             {2, 2},   true },
    {"xor",      FP_XOR,            {2, 2},   true },
    {"and",      FP_AND,            {3, 3},   true },
    {"in",       FP_IN,             {4, 1},   true },
    {"contains", FP_CONTAINS,       {4, 1},   true },
    {"=",        FP_EQUAL,          {5, 5},   false},
    {"~",        FP_EQUIVALENT,     {5, 5},   false},
    {"!=",       FP_NOT_EQUAL,      {5, 5},   false},
    {"!~",       FP_NOT_EQUIVALENT, {5, 5},   false},
    {"<",        FP_LESS,           {6, 7},   false},
    {"<=",       FP_LESS_EQUAL,     {6, 7},   false},
    {">",        FP_GREATER,        {6, 7},   false},
    {">=",       FP_GREATER_EQUAL,  {6, 7},   false},
    {"|",        FP_UNION,          {7, 8},   false},
    {"is",       FP_IS,             {8, 6},   true },
    {"as",       FP_AS,             {8, 1},   true },
    {"+",        FP_ADD,            {9, 9},   false},
    {"-",        FP_SUBTRACT,       {9, 9},   false},
    {"&",        FP_CONCATENATE,    {9, 9},   false},
    {"*",        FP_MULTIPLY,       {10, 10}, false},
    {"/",        FP_DIVIDE,         {10, 10}, false},
    {"div",      FP_DIV,            {10, 10}, true },
    {"mod",      FP_MOD,            {10, 10}, true },
};
enum { OPERATOR_COUNT = sizeof fp_operators / sizeof *fp_operators };

const FpOperator *fp_operator_of(uint8_t op)
{
    for (size_t i = 0; i < OPERATOR_COUNT; i++)
        if (fp_operators[i].op == op)
            return &fp_operators[i];
    return NULL;
}

bool fp_semantic(Str source, uint32_t at, FhirpathAt *ret_at, Err *err, const char *format, ...)
{
    FhirpathAt position = fp_position(source, at);
    if (ret_at)
        *ret_at = position;
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ERR(err, ERR_INPUT, "fhirpath-semantic", "semantic error at %u:%u: %s", position.line,
               position.column, text);
}

static bool no_memory(Parser *p)
{
    return ERR(p->lexer.err, ERR_INPUT, "memory-limit", "the expression needs too much memory");
}

static bool advance(Parser *p)
{
    return fp_lexer_next(&p->lexer, &p->token);
}
static bool is_symbol(const Parser *p, const char *text)
{
    return p->token.kind == FP_TOKEN_SYMBOL && str_is(p->token.text, text);
}

static bool unexpected(Parser *p, const char *expected)
{
    const FpToken *token = &p->token;
    if (token->kind == FP_TOKEN_END)
        return fp_syntax(&p->lexer, token->at, "the expression ends here, expected %s", expected);
    int len = (int)(token->end - token->at < 40 ? token->end - token->at : 40);
    return fp_syntax(&p->lexer, token->at, "found %.*s, expected %s", len,
                     p->lexer.source.ptr + token->at, expected);
}

static bool expect(Parser *p, const char *symbol)
{
    if (!is_symbol(p, symbol)) {
        char text[8];
        snprintf(text, sizeof text, "'%s'", symbol);
        return unexpected(p, text);
    }
    return advance(p);
}

uint32_t fp_pool_add(FpTree *tree, Arena *arena, const void *bytes, size_t len, size_t align)
{
    size_t at = (tree->pool_len + align - 1) & ~(align - 1);
    if (at + len > tree->pool_room) {
        size_t room = (at + len) * 2 + 64;
        char *grown = arena_grow(arena, tree->pool, tree->pool_len, room);
        if (!grown)
            return UINT32_MAX;
        tree->pool = grown;
        tree->pool_room = (uint32_t)room;
    }
    memset(tree->pool + tree->pool_len, 0, at - tree->pool_len);
    if (len)
        memcpy(tree->pool + at, bytes, len);
    tree->pool_len = (uint32_t)(at + len);
    return (uint32_t)at;
}

static bool set_text(Parser *p, FpNode *node, Str text)
{
    node->text = fp_pool_add(p->tree, p->lexer.arena, text.ptr, text.len, 1);
    node->text_len = (uint32_t)text.len;
    return node->text != UINT32_MAX || no_memory(p);
}

static bool grow_nodes(Parser *p)
{
    FpTree *tree = p->tree;
    if (tree->count < tree->room)
        return true;
    uint32_t room = tree->room ? tree->room * 2 : 32;
    FpNode *nodes = arena_alloc(p->lexer.arena, room * sizeof *nodes);
    uint16_t *heights = arena_alloc(p->lexer.arena, room * sizeof *heights);
    if (!nodes || !heights)
        return no_memory(p);
    if (tree->count) {
        memcpy(nodes, tree->nodes, tree->count * sizeof *nodes);
        memcpy(heights, tree->heights, tree->count * sizeof *heights);
    } else {
        memset(nodes, 0, sizeof *nodes);
        heights[0] = 0;
        tree->count = 1;
    }
    tree->nodes = nodes;
    tree->heights = heights;
    tree->room = room;
    return true;
}

static bool has_children(const FpNode *node)
{
    /* those keep other things there */
    return node->op != FP_INTEGER && node->op != FP_DECIMAL && node->op != FP_VARIABLE;
}

static bool add_node(Parser *p, FpNode node, uint32_t *ret_index)
{
    if (!grow_nodes(p))
        return false;
    FpTree *tree = p->tree;
    uint32_t height = 1;
    if (has_children(&node)) {
        if (node.left && tree->heights[node.left] + 1U > height)
            height = tree->heights[node.left] + 1U;
        for (uint32_t i = node.right; i; i = tree->nodes[i].next)
            if (tree->heights[i] + 1U > height)
                height = tree->heights[i] + 1U;
    }
    if (height > FP_HEIGHT_MAX)
        return fp_syntax(&p->lexer, node.at, "more than %d operations in one another",
                         FP_HEIGHT_MAX);
    tree->heights[tree->count] = (uint16_t)height;
    tree->nodes[tree->count] = node;
    *ret_index = tree->count++;
    return true;
}

static bool parse_expression(Parser *p, uint8_t precedence, uint32_t *ret);

static bool number_literal(Parser *p, const FpToken *token, uint32_t *ret)
{
    FpNode node = {.op = token->kind == FP_TOKEN_INTEGER ? FP_INTEGER : FP_DECIMAL,
                   .at = token->at};
    Decimal value;
    if (!decimal_parse(token->text, p->lexer.arena, &value))
        return fp_syntax(&p->lexer, token->at, "this number is too long");
    int64_t small = value.small;
    if (node.op == FP_INTEGER && value.wide && !decimal_to_i64(value, &small))
        return fp_syntax(&p->lexer, token->at, "an integer has 64 bits, this number is too large");
    if (value.wide && node.op == FP_DECIMAL) {
        node.flags = FP_WIDE;
        if (!set_text(p, &node, token->text))
            return false;
    }
    node.left = (uint32_t)small;
    node.right = (uint32_t)((uint64_t)small >> 32);
    node.extra = node.op == FP_DECIMAL ? (uint32_t)value.scale : 0;
    return add_node(p, node, ret);
}

static bool parse_number(Parser *p, uint32_t *ret)
{
    FpToken number = p->token;
    uint32_t literal = 0;
    DateTimeUnit unit = DATETIME_YEARS;
    if (!advance(p) || !number_literal(p, &number, &literal))
        return false;
    bool calendar = p->token.kind == FP_TOKEN_NAME && datetime_unit(p->token.text, false, &unit);
    if (!calendar && p->token.kind != FP_TOKEN_STRING) {
        *ret = literal;
        return true;
    }
    FpNode node = {.op = FP_QUANTITY, .left = literal, .at = number.at};
    node.id = calendar ? (uint16_t)(unit + 1) : 0;
    return set_text(p, &node, p->token.text) && advance(p) && add_node(p, node, ret);
}

static const char *date_problem(DateTimeProblem why)
{
    switch (why) {
    case DATETIME_PROBLEM_DAY:
        return "there is no such day";
    case DATETIME_PROBLEM_MONTH:
        return "expected a month from 01 to 12";
    case DATETIME_PROBLEM_HOUR:
        return "expected an hour from 00 to 23";
    case DATETIME_PROBLEM_MINUTE:
        return "expected a minute from 00 to 59";
    case DATETIME_PROBLEM_SECOND:
        return "expected a second from 00 to 59";
    case DATETIME_PROBLEM_OFFSET:
        return "expected an offset from -14:00 to +14:00";
    case DATETIME_PROBLEM_YEAR:
        return "expected a year from 0001";
    default:
        return "expected a date or time: @YYYY-MM-DD, @YYYY-MM-DDThh:mm:ss.fff+zz:zz, @Thh:mm:ss";
    }
}

static bool parse_date_time(Parser *p, uint32_t *ret)
{
    FpNode node = {.op = FP_DATE_TIME, .at = p->token.at};
    DateTime value;
    memset(&value, 0, sizeof value); /* the padding is written to the code too */
    DateTimeProblem why = DATETIME_PROBLEM_FORM;
    Str text = p->token.text;
    if (!datetime_parse_literal(text, &value, &why)) {
        size_t zone = 1;
        while (zone < text.len && !strchr("Z+-", text.ptr[zone]))
            zone++;
        bool zoned = text.len && text.ptr[0] == 'T' && zone < text.len &&
                     datetime_parse_literal(str_cut(text, 0, zone), &value, NULL);
        if (!zoned)
            return fp_syntax(&p->lexer, p->token.at, "%s", date_problem(why));
        node.op = FP_ZONED_TIME;
    }
    node.extra = fp_pool_add(p->tree, p->lexer.arena, &value, sizeof value, 8);
    if (node.extra == UINT32_MAX)
        return no_memory(p);
    return set_text(p, &node, text) && advance(p) && add_node(p, node, ret);
}

static bool variable_text(Parser *p, FpNode *node, const char *before, Str name)
{
    Str text = arena_format(p->lexer.arena, "%s%.*s", before, STR_ARG(name));
    if (!text.ptr)
        return no_memory(p);
    node->id = FP_VARIABLE_TEXT;
    node->extra = fp_pool_add(p->tree, p->lexer.arena, text.ptr, text.len, 1);
    node->right = (uint32_t)text.len;
    return node->extra != UINT32_MAX || no_memory(p);
}

/* spec: hl7.org/fhir/R4/fhirpath.html#variables. name, what it begins the value with. */
static const struct {
    const char *prefix, *value;
    bool whole;
} constants[] = {
    {"sct",    "http://snomed.info/sct",                   true },
    {"loinc",  "http://loinc.org",                         true },
    {"ucum",   "http://unitsofmeasure.org",                true },
    {"us-zip", "[0-9]{5}(-[0-9]{4}){0,1}",                 true },
    {"vs-",    "http://hl7.org/fhir/ValueSet/",            false},
    {"cs-",    "http://hl7.org/fhir/",                     false},
    {"ext-",   "http://hl7.org/fhir/StructureDefinition/", false},
};

static bool parse_variable(Parser *p, uint32_t *ret)
{
    FpNode node = {.op = FP_VARIABLE, .at = p->token.at};
    Str name = p->token.text;
    if (!set_text(p, &node, name))
        return false;
    if (str_is(name, "resource"))
        node.id = FP_VARIABLE_RESOURCE;
    else if (str_is(name, "rootResource"))
        node.id = FP_VARIABLE_ROOT_RESOURCE;
    else if (str_is(name, "context"))
        node.id = FP_VARIABLE_CONTEXT;
    for (size_t i = 0; i < sizeof constants / sizeof *constants && !node.id; i++) {
        Str prefix = str_from(constants[i].prefix);
        bool hit = constants[i].whole ? str_eq(name, prefix) : str_starts(name, prefix);
        Str rest = constants[i].whole ? STR("") : str_skip(name, prefix.len);
        if (hit && !variable_text(p, &node, constants[i].value, rest))
            return false;
    }
    return advance(p) && add_node(p, node, ret);
}

static bool parse_dollar(Parser *p, uint32_t *ret)
{
    FpNode node = {.at = p->token.at};
    if (str_is(p->token.text, "this"))
        node.op = FP_THIS;
    else if (str_is(p->token.text, "index"))
        node.op = FP_INDEX;
    else if (str_is(p->token.text, "total"))
        node.op = FP_TOTAL;
    else
        return unexpected(p, "$this, $index or $total");
    return advance(p) && add_node(p, node, ret);
}

uint32_t fp_system_kind(Str name)
{
    static const struct {
        const char *name;
        FhirpathKind kind;
    } kinds[] = {
        {"Boolean",  FHIRPATH_BOOLEAN  },
        {"Integer",  FHIRPATH_INTEGER  },
        {"Long",     FHIRPATH_INTEGER  },
        {"Decimal",  FHIRPATH_DECIMAL  },
        {"String",   FHIRPATH_STRING   },
        {"Date",     FHIRPATH_DATE     },
        {"DateTime", FHIRPATH_DATE_TIME},
        {"Time",     FHIRPATH_TIME     },
        {"Quantity", FHIRPATH_QUANTITY },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (str_is(name, kinds[i].name))
            return kinds[i].kind + 1U;
    return 0;
}

/* typeSpecifier: qualifiedIdentifier. An unknown one is an error when it is used, not here. */
static bool parse_type_name(Parser *p, uint32_t *ret)
{
    FpNode node = {.op = FP_TYPE_NAME, .at = p->token.at};
    if (p->token.kind != FP_TOKEN_NAME && p->token.kind != FP_TOKEN_DELIMITED)
        return unexpected(p, "the name of a type");
    Str name = p->token.text;
    if (!advance(p))
        return false;
    Str text = name;
    if (is_symbol(p, ".")) {
        FpLexer before = p->lexer;
        FpToken dot = p->token;
        if (!advance(p))
            return false;
        bool qualified = p->token.kind == FP_TOKEN_NAME || p->token.kind == FP_TOKEN_DELIMITED;
        FpToken inner = p->token;
        if (qualified && !advance(p))
            return false;
        if (qualified && !is_symbol(p, "(")) {
            node.flags = str_is(name, "System") ? FP_NS_SYSTEM
                         : str_is(name, "FHIR") ? FP_NS_FHIR
                                                : 0;
            text = arena_format(p->lexer.arena, "%.*s.%.*s", STR_ARG(name), STR_ARG(inner.text));
            name = node.flags ? inner.text : text;
        } else {
            p->lexer = before; /* x is Patient.exists(): the type ends before the dot */
            p->token = dot;
        }
    }
    if (!(node.flags & FP_NS_FHIR))
        node.extra = fp_system_kind(name);
    if (!(node.flags & FP_NS_SYSTEM) && p->options->model)
        node.id = fhir_type_find(p->options->model, name);
    return text.ptr ? set_text(p, &node, text) && add_node(p, node, ret) : no_memory(p);
}

/* Makes *last's successor `index` and remembers it; *first is set by the first one. */
static void chain(FpTree *tree, uint32_t *first, uint32_t *last, uint32_t index)
{
    if (*last)
        tree->nodes[*last].next = index;
    else
        *first = index;
    *last = index;
}

static bool parse_argument(Parser *p, const FpFunction *function, uint32_t *ret)
{
    if (function->flags & FP_FN_TYPE)
        return parse_type_name(p, ret);
    if (!parse_expression(p, 1, ret))
        return false;
    FpNode *node = &p->tree->nodes[*ret];
    if ((function->flags & FP_FN_SORT) && node->op == FP_NEGATE)
        node->flags |= FP_DESCENDING;
    return true;
}

static bool parse_call(Parser *p, const FpToken *name, uint32_t input, uint32_t *ret)
{
    const FpFunction *function = fp_function_find(name->text);
    Str source = p->lexer.source;
    if (!function || ((function->flags & FP_FN_JAVA) && p->options->dialect != FHIRPATH_JAVA))
        return fp_semantic(source, name->at, p->lexer.ret_at, p->lexer.err,
                           "there is no function %.*s()", STR_ARG(name->text));
    FpNode node = {.op = FP_CALL, .left = input, .at = name->at};
    node.id = (uint16_t)fp_function_id(function);
    uint32_t last = 0, count = 0;
    while (!is_symbol(p, ")")) {
        uint32_t argument = 0;
        if (count && !is_symbol(p, ","))
            return expect(p, count < function->max ? "," : ")");
        if (count++ && !advance(p))
            return false;
        if (count > function->max)
            break;
        if (!parse_argument(p, function, &argument))
            return false;
        chain(p->tree, &node.right, &last, argument);
    }
    if (count < function->min || count > function->max)
        return fp_semantic(source, name->at, p->lexer.ret_at, p->lexer.err,
                           function->max == 0              ? "%s() takes no argument"
                           : function->min < function->max ? "%s() takes %u to %u arguments"
                           : function->max == 1            ? "%s() takes %u argument"
                                                           : "%s() takes %u arguments",
                           function->name, function->min, function->max);
    return advance(p) && add_node(p, node, ret);
}

/* identifier, or a word that is an operator elsewhere: as contains in is (and after a dot, in the
 * java dialect, any). */
static bool may_be_name(const Parser *p, bool after_dot)
{
    static const char *const words[] = {"div", "mod",     "and",  "or",
                                        "xor", "implies", "true", "false"};
    if (p->token.kind != FP_TOKEN_NAME)
        return p->token.kind == FP_TOKEN_DELIMITED;
    if (after_dot && p->options->dialect == FHIRPATH_JAVA)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_is(p->token.text, words[i]))
            return false;
    return true;
}

static bool add_name(Parser *p, const FpToken *name, uint32_t input, uint32_t *ret)
{
    const FhirModel *model = p->options->model;
    FpNode node = {.op = FP_CHILD, .left = input, .at = name->at};
    node.flags = name->kind == FP_TOKEN_DELIMITED ? FP_DELIMITED : 0;
    node.flags |= p->options->polymorphic_json_names ? FP_JSON_NAME : 0;
    bool capital = name->text.len && name->text.ptr[0] >= 'A' && name->text.ptr[0] <= 'Z';
    if (model)
        node.id = json_name_find(&model->names, name->text);
    if (model && !input && capital) {
        FhirTypeId type = fhir_type_find(model, name->text);
        if (type) {
            node.op = FP_ROOT_TYPE;
            node.id = type;
        }
    }
    return set_text(p, &node, name->text) && add_node(p, node, ret);
}

static bool parse_invocation(Parser *p, uint32_t input, uint32_t *ret)
{
    if (p->token.kind == FP_TOKEN_DOLLAR && !input)
        return parse_dollar(p, ret);
    if (!may_be_name(p, input != 0))
        return unexpected(p, input ? "a name or a function after the dot"
                                   : "a value, a name, a function or '('");
    FpToken name = p->token;
    if (!advance(p))
        return false;
    if (!is_symbol(p, "("))
        return add_name(p, &name, input, ret);
    return advance(p) && parse_call(p, &name, input, ret);
}

static bool parse_literal(Parser *p, uint32_t *ret)
{
    FpNode node = {.at = p->token.at};
    if (p->token.kind == FP_TOKEN_STRING) {
        node.op = FP_STRING;
        if (!set_text(p, &node, p->token.text))
            return false;
    } else {
        node.op = FP_BOOLEAN;
        node.id = str_is(p->token.text, "true");
    }
    return advance(p) && add_node(p, node, ret);
}

static bool parse_term(Parser *p, uint32_t *ret)
{
    uint32_t at = p->token.at;
    switch (p->token.kind) {
    case FP_TOKEN_INTEGER:
    case FP_TOKEN_DECIMAL:
        return parse_number(p, ret);
    case FP_TOKEN_STRING:
        return parse_literal(p, ret);
    case FP_TOKEN_DATE_TIME:
        return parse_date_time(p, ret);
    case FP_TOKEN_VARIABLE:
        return parse_variable(p, ret);
    case FP_TOKEN_SYMBOL:
        if (is_symbol(p, "("))
            return advance(p) && parse_expression(p, 1, ret) && expect(p, ")");
        if (is_symbol(p, "{"))
            return advance(p) && expect(p, "}") &&
                   add_node(p, (FpNode){.op = FP_EMPTY, .at = at}, ret);
        return unexpected(p, "a value, a name, a function or '('");
    case FP_TOKEN_NAME:
        if (str_is(p->token.text, "true") || str_is(p->token.text, "false"))
            return parse_literal(p, ret);
        return parse_invocation(p, 0, ret);
    default:
        return parse_invocation(p, 0, ret);
    }
}

static bool parse_step(Parser *p, uint32_t *io)
{
    uint32_t at = p->token.at;
    if (is_symbol(p, "[")) {
        FpNode node = {.op = FP_INDEXER, .left = *io, .at = at};
        return advance(p) && parse_expression(p, 1, &node.right) && expect(p, "]") &&
               add_node(p, node, io);
    }
    if (!advance(p)) /* the dot */
        return false;
    if (is_symbol(p, "(") && p->options->dialect == FHIRPATH_JAVA) {
        FpNode node = {.op = FP_GROUP_ON, .left = *io, .at = at};
        return advance(p) && parse_expression(p, 1, &node.right) && expect(p, ")") &&
               add_node(p, node, io);
    }
    return parse_invocation(p, *io, io);
}

static bool parse_unary(Parser *p, uint32_t *ret)
{
    uint32_t at = p->token.at;
    bool minus = is_symbol(p, "-");
    if (minus || is_symbol(p, "+")) {
        FpNode node = {.op = minus ? FP_NEGATE : FP_PLUS_SIGN, .at = at};
        if (++p->nesting > FHIRPATH_NESTING_MAX)
            return fp_syntax(&p->lexer, at, "more than %d signs and parentheses in one another",
                             FHIRPATH_NESTING_MAX);
        bool ok = advance(p) && parse_unary(p, &node.left) && add_node(p, node, ret);
        p->nesting--;
        return ok;
    }
    if (!parse_term(p, ret))
        return false;
    while (is_symbol(p, ".") || is_symbol(p, "["))
        if (!parse_step(p, ret))
            return false;
    return true;
}

static const FpOperator *next_operator(const Parser *p)
{
    if (p->token.kind != FP_TOKEN_NAME && p->token.kind != FP_TOKEN_SYMBOL)
        return NULL;
    for (size_t i = 0; i < OPERATOR_COUNT; i++)
        if (fp_operators[i].is_word == (p->token.kind == FP_TOKEN_NAME) &&
            str_is(p->token.text, fp_operators[i].text))
            return &fp_operators[i];
    return NULL;
}

static bool parse_expression(Parser *p, uint8_t precedence, uint32_t *ret)
{
    uint32_t left = 0;
    if (++p->nesting > FHIRPATH_NESTING_MAX)
        return fp_syntax(&p->lexer, p->token.at,
                         "more than %d signs and parentheses in one another", FHIRPATH_NESTING_MAX);
    if (!parse_unary(p, &left))
        return false;
    uint8_t dialect = (uint8_t)p->options->dialect;
    for (const FpOperator *o; (o = next_operator(p)) && o->precedence[dialect] >= precedence;) {
        FpNode node = {.op = o->op, .left = left, .at = p->token.at};
        bool names_type = o->op == FP_IS || o->op == FP_AS;
        if (!advance(p) ||
            !(names_type ? parse_type_name(p, &node.right)
                         : parse_expression(p, (uint8_t)(o->precedence[dialect] + 1), &node.right)))
            return false;
        if (!add_node(p, node, &left))
            return false;
    }
    p->nesting--;
    *ret = left;
    return true;
}

bool fp_parse(Str text, const FhirpathCompileOptions *options, Arena *arena, FpTree *ret_tree,
              FhirpathAt *ret_at, Err *err)
{
    FpTree tree = {0};
    Parser p = {
        .lexer = {.source = text,
                  .dialect = options->dialect,
                  .arena = arena,
                  .ret_at = ret_at,
                  .err = err},
        .tree = &tree,
        .options = options,
    };
    if (text.len > FHIRPATH_TEXT_BYTES_MAX)
        return fp_syntax(&p.lexer, 0, "an expression has at most %d bytes",
                         FHIRPATH_TEXT_BYTES_MAX);
    if (fp_pool_add(&tree, arena, "", 1, 1) == UINT32_MAX) /* so that the pool is somewhere */
        return no_memory(&p);
    if (!advance(&p) || !parse_expression(&p, 1, &tree.root))
        return false;
    if (p.token.kind != FP_TOKEN_END)
        return unexpected(&p, "an operator or the end of the expression");
    *ret_tree = tree;
    return true;
}
