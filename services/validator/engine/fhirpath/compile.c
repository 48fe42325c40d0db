/* Parsed tree -> bytes: what depends on what, hashes, layout; and the check of bytes from a file.
 */
#include "services/validator/engine/fhirpath/check.h"
#include "services/validator/engine/fhirpath/functions.h"
#include "services/validator/engine/fhirpath/parser.h"

/* --- what a node depends on besides its focus --------------------------------------------------
 */

enum { NEEDS_INDEX = 1, NEEDS_TOTAL = 2, NEEDS_WORLD = 4, STEPS_MIN = 2 };

typedef struct Facts {
    uint8_t needs;
    uint8_t steps;   /* of the path, capped */
    bool from_focus; /* the path begins at the focus */
} Facts;

static uint64_t mix(uint64_t a, uint64_t b)
{
    a ^= b + 0x9E3779B97F4A7C15U + (a << 6) + (a >> 2);
    a *= 0xBF58476D1CE4E5B9U;
    return a ^ a >> 29;
}

static bool keeps_number(const FpNode *node)
{
    return node->op == FP_INTEGER || node->op == FP_DECIMAL;
}
static bool has_operands(const FpNode *node)
{
    return !keeps_number(node) && node->op != FP_VARIABLE;
}

static uint64_t hash_of(const FpTree *tree, const FpNode *node)
{
    uint64_t hash = mix(node->op, node->id);
    Str text = {tree->pool + node->text, node->text_len};
    uint8_t lasting = node->flags & (FP_NS_FHIR | FP_NS_SYSTEM | FP_DESCENDING | FP_JSON_NAME);
    hash = mix(mix(hash, lasting), text.len ? str_hash(text) : 1);
    if (keeps_number(node))
        return mix(mix(hash, (uint64_t)node->right << 32 | node->left), node->extra);
    if (!has_operands(node))
        return hash;
    hash = mix(hash, node->left ? tree->nodes[node->left].hash : 2);
    for (uint32_t i = node->right; i; i = tree->nodes[i].next)
        hash = mix(hash, tree->nodes[i].hash);
    return hash;
}

/* What a function's arguments get from itself. */
static uint8_t bound_by(const FpFunction *function)
{
    if (strcmp(function->name, "iif") == 0 || strcmp(function->name, "coalesce") == 0)
        return 0;
    return strcmp(function->name, "aggregate") == 0 ? NEEDS_INDEX | NEEDS_TOTAL : NEEDS_INDEX;
}

static Facts facts_of(const FpTree *tree, const FpNode *node, const Facts *facts)
{
    Facts own = {0};
    bool lambda = false;
    switch ((FpOp)node->op) {
    case FP_INDEX:
        own.needs = NEEDS_INDEX;
        return own;
    case FP_TOTAL:
        own.needs = NEEDS_TOTAL;
        return own;
    case FP_VARIABLE:
        own.needs =
            node->id == FP_VARIABLE_OTHER || node->id == FP_VARIABLE_CONTEXT ? NEEDS_WORLD : 0;
        return own;
    case FP_CALL:
        lambda = fp_function_at(node->id)->flags & FP_FN_LAMBDA;
        own.needs = fp_function_at(node->id)->flags & FP_FN_WORLD ? NEEDS_WORLD : 0;
        break;
    default:
        break;
    }
    if (!has_operands(node))
        return own;
    uint8_t bound = lambda ? bound_by(fp_function_at(node->id)) : 0;
    for (uint32_t i = node->right; i; i = tree->nodes[i].next)
        own.needs |= (uint8_t)(facts[i].needs & ~bound);
    own.needs |= facts[node->left].needs;
    if (node->op == FP_CHILD || node->op == FP_CALL) {
        own.steps = facts[node->left].steps < 200 ? (uint8_t)(facts[node->left].steps + 1) : 200;
        own.from_focus = node->left == 0 || facts[node->left].from_focus;
    }
    return own;
}

static bool annotate(FpTree *tree, Arena *arena)
{
    Facts *facts = ARENA_ARRAY(arena, Facts, tree->count);
    if (!facts)
        return false;
    for (uint32_t i = 1; i < tree->count; i++) {
        FpNode *node = &tree->nodes[i];
        node->hash = hash_of(tree, node);
        facts[i] = facts_of(tree, node, facts);
        if (facts[i].from_focus && facts[i].steps >= STEPS_MIN && facts[i].needs == 0)
            node->flags |= FP_MEMO;
    }
    return true;
}

/* --- layout ------------------------------------------------------------------------------------
 */

static bool lay_out(Str text, const FhirpathCompileOptions *options, FpTree *tree, Arena *arena,
                    Str *ret_code)
{
    uint32_t source = fp_pool_add(tree, arena, text.ptr, text.len, 1);
    size_t nodes = tree->count * sizeof *tree->nodes;
    size_t bytes = (sizeof(FpHeader) + nodes + tree->pool_len + 7) & ~(size_t)7;
    char *code = source == UINT32_MAX ? NULL : arena_zero(arena, bytes);
    if (!code)
        return false;
    FpHeader header = {
        .magic = FP_CODE_MAGIC,
        .version = FP_CODE_VERSION,
        .dialect = (uint8_t)options->dialect,
        .json_names = options->polymorphic_json_names,
        .bytes = (uint32_t)bytes,
        .node_count = tree->count,
        .root = tree->root,
        .pool_at = (uint32_t)(sizeof header + nodes),
        .source = source,
        .source_len = (uint32_t)text.len,
        .functions = fp_functions_hash(),
    };
    memcpy(code, &header, sizeof header);
    memcpy(code + sizeof header, tree->nodes, nodes);
    if (tree->pool_len)
        memcpy(code + header.pool_at, tree->pool, tree->pool_len);
    *ret_code = (Str){code, bytes};
    return true;
}

bool fhirpath_compile(Str text, const FhirpathCompileOptions *options, Arena *arena, Str *ret_code,
                      FhirpathAt *ret_at, Err *err)
{
    FpTree tree;
    if (!fp_parse(text, options, arena, &tree, ret_at, err) ||
        !fp_check(text, &tree, options, ret_at, err))
        return false;
    if (!annotate(&tree, arena) || !lay_out(text, options, &tree, arena, ret_code))
        return ERR(err, ERR_INPUT, "memory-limit", "the expression needs too much memory");
    return true;
}

/* --- bytes from a file -------------------------------------------------------------------------
 */

static bool text_fits(const FpHeader *code, uint32_t at, uint32_t len)
{
    uint32_t pool = code->bytes - code->pool_at;
    return at <= pool && len <= pool - at;
}

/* A byte that is neither 0 nor 1 is no bool: looked at before it is read as one. */
static bool time_fits(const FpHeader *code, const FpNode *node)
{
    DateTime value;
    if (!text_fits(code, node->extra, sizeof value))
        return false;
    const unsigned char *bytes = (const unsigned char *)code + code->pool_at + node->extra;
    if (bytes[offsetof(DateTime, has_offset)] > 1 || bytes[offsetof(DateTime, is_zulu)] > 1)
        return false;
    memcpy(&value, bytes, sizeof value);
    return datetime_in_range(&value);
}

static bool node_fits(const FpHeader *code, const FpNode *nodes, uint32_t index,
                      const FhirModel *model)
{
    const FpNode *n = &nodes[index];
    if (n->op == FP_NONE || n->op >= FP_OP_COUNT || n->next >= code->node_count ||
        !text_fits(code, n->text, n->text_len))
        return false;
    if ((n->op == FP_CHILD && model && n->id >= model->names.count) ||
        (n->op == FP_ROOT_TYPE && (!model || n->id >= model->type_count)) ||
        (n->op == FP_TYPE_NAME && n->id && (!model || n->id >= model->type_count)))
        return false;
    if (n->op == FP_CALL && n->id >= fp_function_count())
        return false;
    if ((n->op == FP_DATE_TIME || n->op == FP_ZONED_TIME) && !time_fits(code, n))
        return false;
    if (n->op == FP_VARIABLE)
        return n->id != FP_VARIABLE_TEXT || text_fits(code, n->extra, n->right);
    if (n->op == FP_TYPE_NAME && n->extra > FHIRPATH_QUANTITY + 1)
        return false;
    return keeps_number(n) || (n->left < index && n->right < index);
}

/* A call's arguments form a chain of the right length, ordered by index; binary operators have both
 * operands, is/as and type functions a type name. */
static bool operands_fit(const FpNode *nodes, uint32_t index)
{
    const FpNode *n = &nodes[index];
    if (!has_operands(n))
        return true;
    uint32_t count = 0;
    for (uint32_t i = n->right; i; i = nodes[i].next, count++)
        if (i >= index || nodes[i].next >= index || (nodes[i].next && nodes[i].next <= i))
            return false;
    const FpNode *right = &nodes[n->right];
    if (n->op == FP_CALL) {
        const FpFunction *f = fp_function_at(n->id);
        return count >= f->min && count <= f->max &&
               (!(f->flags & FP_FN_TYPE) || count == 0 || right->op == FP_TYPE_NAME);
    }
    if (n->op == FP_IS || n->op == FP_AS)
        return n->left && right->op == FP_TYPE_NAME;
    if (n->op == FP_QUANTITY)
        return keeps_number(&nodes[n->left]) && n->id <= DATETIME_MILLISECONDS + 1;
    if (n->op == FP_NEGATE || n->op == FP_PLUS_SIGN)
        return n->left != 0;
    return (!fp_operator_of(n->op) && n->op != FP_INDEXER && n->op != FP_GROUP_ON) ||
           (n->left && n->right);
}

bool fhirpath_code_check(Str bytes, const FhirModel *model)
{
    const FpHeader *code = (const FpHeader *)(const void *)bytes.ptr;
    if (bytes.len < sizeof *code || (uintptr_t)bytes.ptr % 8 || code->magic != FP_CODE_MAGIC ||
        code->version != FP_CODE_VERSION || code->functions != fp_functions_hash() ||
        code->bytes > bytes.len || code->dialect > FHIRPATH_JAVA || code->node_count < 2 ||
        code->node_count > (code->bytes - sizeof *code) / sizeof(FpNode) ||
        code->pool_at != sizeof *code + code->node_count * sizeof(FpNode) ||
        code->pool_at > code->bytes || code->root == 0 || code->root >= code->node_count ||
        !text_fits(code, code->source, code->source_len))
        return false;
    const FpNode *nodes = fp_nodes(code);
    for (uint32_t i = 1; i < code->node_count; i++)
        if (!node_fits(code, nodes, i, model) || !operands_fit(nodes, i))
            return false;
    return true;
}
