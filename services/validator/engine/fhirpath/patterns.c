/* Regular expressions that stand in an expression as literals, looked at before they meet a text.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "services/validator/engine/fhirpath/eval.h"

enum {
    PATTERN_BYTES_MAX = 64 * 1024,
    PUMP_CHARACTERS = 60,
    PROBE_STEPS = 1000000, /* what one match may take when it is evaluated */
    PROBES_MAX = 200,
};

static bool wrong(Err *err, size_t at, const char *why)
{
    return ERR(err, ERR_INPUT, "fhirpath-pattern", "the regular expression is wrong at %zu: %s", at,
               why);
}

/* A piece of the pattern again and again, and at the end what nothing matches: there a pattern with
 * repetitions inside repetitions tries every way of sharing the pieces out. */
static bool ends_in_time(const pcre2_code *code, pcre2_match_data *data,
                         pcre2_match_context *context, Str piece)
{
    unsigned char text[PUMP_CHARACTERS * 2 + 1];
    size_t len = 0;
    for (int i = 0; i < PUMP_CHARACTERS; i++) {
        memcpy(text + len, piece.ptr, piece.len);
        len += piece.len;
    }
    text[len++] = 1;
    int rc = pcre2_match(code, text, len, 0, PCRE2_NO_JIT, data, context);
    return rc != PCRE2_ERROR_MATCHLIMIT && rc != PCRE2_ERROR_DEPTHLIMIT;
}

static bool is_plain(char c)
{
    return c >= ' ' && c <= '~';
}

/* Each character of the pattern, each pair of them, and what classes such as \\w and . mean. */
static bool probe(const pcre2_code *code, pcre2_match_data *data, pcre2_match_context *context,
                  Str pattern)
{
    static const char common[] = "a0 A-";
    bool seen[128] = {0}, fine = true;
    int left = PROBES_MAX;
    for (size_t i = 0; fine && i < sizeof common - 1; i++)
        fine = ends_in_time(code, data, context, (Str){common + i, 1});
    for (size_t i = 0; fine && pattern.ptr && i < pattern.len && left > 0; i++) {
        Str one = str_cut(pattern, i, i + 1);
        if (!is_plain(*one.ptr))
            continue;
        if (!seen[(unsigned char)*one.ptr] && left-- > 0)
            fine = ends_in_time(code, data, context, one);
        seen[(unsigned char)*one.ptr] = true;
        if (fine && i + 1 < pattern.len && is_plain(pattern.ptr[i + 1]) && left-- > 0)
            fine = ends_in_time(code, data, context, str_cut(pattern, i, i + 2));
    }
    return fine;
}

static bool check_pattern(Str pattern, Err *err)
{
    int error;
    PCRE2_SIZE at;
    /* As regex.c compiles it, but without the shortcuts that a longer text would make useless. */
    uint32_t options = PCRE2_UTF | PCRE2_DOTALL | PCRE2_ALT_BSUX | PCRE2_NEVER_BACKSLASH_C |
                       PCRE2_NO_START_OPTIMIZE;
    if (pattern.len > PATTERN_BYTES_MAX)
        return wrong(err, PATTERN_BYTES_MAX, "it is too long");
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, options, &error, &at, NULL);
    if (!code) {
        char text[80];
        pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text);
        return wrong(err, at, text);
    }
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create(8, NULL);
    bool fine = context && data;
    if (fine) {
        pcre2_set_match_limit(context, PROBE_STEPS);
        pcre2_set_depth_limit(context, PROBE_STEPS);
        fine = probe(code, data, context, pattern);
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_code_free(code);
    return fine || ERR(err, ERR_INPUT, "fhirpath-pattern",
                       "the regular expression would take too many steps on some short texts: it "
                       "has repetitions inside repetitions");
}

static bool takes_pattern(const FpNode *node)
{
    static const char *const names[] = {"matches", "matchesFull", "replaceMatches"};
    const FpFunction *function = node->op == FP_CALL ? fp_function_at(node->id) : NULL;
    for (size_t i = 0; function && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(function->name, names[i]) == 0)
            return true;
    return false;
}

bool fhirpath_check_patterns(Str code, FhirpathAt *ret_at, Err *err)
{
    const FpHeader *header = (const FpHeader *)(const void *)code.ptr;
    const FpNode *nodes = fp_nodes(header);
    for (uint32_t i = 1; i < header->node_count; i++) {
        const FpNode *pattern = takes_pattern(&nodes[i]) ? &nodes[nodes[i].right] : NULL;
        if (!pattern || pattern->op != FP_STRING || check_pattern(fp_text(header, pattern), err))
            continue;
        if (ret_at)
            *ret_at =
                fp_position((Str){code.ptr + header->pool_at + header->source, header->source_len},
                            pattern->at);
        return false;
    }
    return true;
}
