/* A compiled expression as text: the fewest parentheses that parse to the same tree. */
#include "common/base/buf.h"
#include "services/validator/engine/fhirpath/functions.h"

enum { TEXT_MAX = 16 * 1024 * 1024 };

typedef struct Printer {
    const FpHeader *code;
    const FpNode *nodes;
    Buf out;
    Arena *arena;
} Printer;

static void print_node(Printer *p, uint32_t index, uint8_t precedence);

static void put(Printer *p, const char *text)
{
    buf_add(&p->out, str_from(text));
}

static void put_quoted(Printer *p, Str text, char quote)
{
    static const char from[] = "\f\n\r\t\\";
    static const char into[] = "fnrt\\";
    buf_add_char(&p->out, quote);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        const char *found = c ? strchr(from, c) : NULL;
        if (found)
            buf_add_format(&p->out, "\\%c", into[found - from]);
        else if (c == quote)
            buf_add_format(&p->out, "\\%c", quote);
        else if ((unsigned char)c < 0x20)
            buf_add_format(&p->out, "\\u%04x", (unsigned)c);
        else
            buf_add_char(&p->out, c);
    }
    buf_add_char(&p->out, quote);
}

/* May it be written without back-ticks? */
static bool is_plain_name(Str name)
{
    static const char *const words[] = {"div", "mod",     "and",  "or",
                                        "xor", "implies", "true", "false"};
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_is(name, words[i]))
            return false;
    return name.len > 0;
}

static void put_name(Printer *p, Str name, bool delimited)
{
    if (!delimited && is_plain_name(name))
        buf_add(&p->out, name);
    else
        put_quoted(p, name, '`');
}

static void print_number(Printer *p, const FpNode *node)
{
    Decimal value = {.small = fp_number(node)};
    if (node->op == FP_INTEGER) {
        buf_add_format(&p->out, "%lld", (long long)fp_number(node));
        return;
    }
    value.scale = (int32_t)node->extra;
    buf_add(&p->out,
            node->flags & FP_WIDE ? fp_text(p->code, node) : decimal_print(value, p->arena));
}

/* Only System and FHIR are namespaces; a dot in any other name is part of it. */
static void print_type_name(Printer *p, const FpNode *node)
{
    Str name = fp_text(p->code, node);
    const char *space = node->flags & FP_NS_SYSTEM ? "System."
                        : node->flags & FP_NS_FHIR ? "FHIR."
                                                   : "";
    put(p, space);
    put_name(p, str_skip(name, strlen(space)), false);
}

static void print_call(Printer *p, const FpNode *node)
{
    const FpFunction *function = fp_function_at(node->id);
    if (node->left) {
        print_node(p, node->left, FP_PRECEDENCE_TERM);
        put(p, ".");
    }
    put(p, function->name);
    put(p, "(");
    for (uint32_t i = node->right; i; i = p->nodes[i].next) {
        if (i != node->right)
            put(p, ", ");
        print_node(p, i, 0);
    }
    put(p, ")");
}

static void print_leaf(Printer *p, const FpNode *node)
{
    switch ((FpOp)node->op) {
    case FP_EMPTY:
        put(p, "{}");
        return;
    case FP_BOOLEAN:
        put(p, node->id ? "true" : "false");
        return;
    case FP_STRING:
        put_quoted(p, fp_text(p->code, node), '\'');
        return;
    case FP_DATE_TIME:
    case FP_ZONED_TIME:
        put(p, "@");
        buf_add(&p->out, fp_text(p->code, node));
        return;
    case FP_VARIABLE:
        put(p, "%");
        put_name(p, fp_text(p->code, node), false);
        return;
    case FP_THIS:
        put(p, "$this");
        return;
    case FP_INDEX:
        put(p, "$index");
        return;
    case FP_TOTAL:
        put(p, "$total");
        return;
    case FP_TYPE_NAME:
        print_type_name(p, node);
        return;
    case FP_ROOT_TYPE:
        put_name(p, fp_text(p->code, node), node->flags & FP_DELIMITED);
        return;
    default:
        print_number(p, node);
    }
}

static void print_quantity(Printer *p, const FpNode *node)
{
    print_number(p, &p->nodes[node->left]);
    put(p, " ");
    if (node->id)
        buf_add(&p->out, fp_text(p->code, node));
    else
        put_quoted(p, fp_text(p->code, node), '\'');
}

static void print_path(Printer *p, const FpNode *node)
{
    if (node->left) {
        print_node(p, node->left, FP_PRECEDENCE_TERM);
        if (node->op != FP_INDEXER)
            put(p, ".");
    }
    if (node->op == FP_CHILD) {
        put_name(p, fp_text(p->code, node), node->flags & FP_DELIMITED);
        return;
    }
    put(p, node->op == FP_INDEXER ? "[" : "(");
    print_node(p, node->right, 0);
    put(p, node->op == FP_INDEXER ? "]" : ")");
}

static uint8_t precedence_of(const Printer *p, const FpNode *node)
{
    const FpOperator *o = fp_operator_of(node->op);
    if (o)
        return o->precedence[p->code->dialect];
    return node->op == FP_NEGATE || node->op == FP_PLUS_SIGN ? FP_PRECEDENCE_UNARY
                                                             : FP_PRECEDENCE_TERM;
}

static void print_node(Printer *p, uint32_t index, uint8_t precedence)
{
    const FpNode *node = &p->nodes[index];
    const FpOperator *o = fp_operator_of(node->op);
    uint8_t own = precedence_of(p, node);
    bool group = own < precedence;
    if (group)
        put(p, "(");
    if (o) {
        print_node(p, node->left, own);
        buf_add_format(&p->out, " %s ", o->text);
        print_node(p, node->right, (uint8_t)(own + 1));
    } else if (node->op == FP_NEGATE || node->op == FP_PLUS_SIGN) {
        put(p, node->op == FP_NEGATE ? "-" : "+");
        print_node(p, node->left, own);
    } else if (node->op == FP_CALL) {
        print_call(p, node);
    } else if (node->op == FP_QUANTITY) {
        print_quantity(p, node);
    } else if (node->op == FP_CHILD || node->op == FP_INDEXER || node->op == FP_GROUP_ON) {
        print_path(p, node);
    } else {
        print_leaf(p, node);
    }
    if (group)
        put(p, ")");
}

Str fhirpath_print(Str code, Arena *arena)
{
    const FpHeader *header = (const FpHeader *)(const void *)code.ptr;
    Printer p = {.code = header, .nodes = fp_nodes(header), .arena = arena};
    buf_init(&p.out, TEXT_MAX);
    print_node(&p, header->root, 0);
    Str text = p.out.overflowed ? STR_NONE : arena_copy(arena, buf_str(&p.out));
    buf_clear(&p.out);
    return text;
}
