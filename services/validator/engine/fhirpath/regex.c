/* matches(), matchesFull(), replaceMatches(): PCRE2, compiled once per process, within limits.
 *
 * Literal patterns repeat with every message, so compiled ones are kept in one table behind a lock;
 * when it is full, further patterns (which then come from data) are compiled for one use. Matching
 * works in the evaluator's arena. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <pthread.h>
#include <time.h>

#include "services/validator/engine/fhirpath/eval.h"

enum { SLOTS = 2048, PATTERNS_MAX = 1024, PATTERN_BYTES_MAX = 64 * 1024 };

typedef struct Kept {
    uint64_t hash;
    char *pattern;
    size_t len;
    pcre2_code *code;
} Kept;

/* The one table of the process (a cache; README.md says why it is global). */
static Kept kept[SLOTS];
static uint32_t kept_count;
static pthread_rwlock_t kept_lock = PTHREAD_RWLOCK_INITIALIZER;

typedef struct FpRegexes { /* an evaluator's working space */
    pcre2_general_context *general;
    pcre2_match_context *context;
    pcre2_match_data *data;
} FpRegexes;

/* PCRE2 keeps some of this for later matches (its frames grow with the need), so the evaluation
 * that asked for it must not give its memory back. */
static void *arena_malloc(size_t bytes, void *eval)
{
    ((FpEval *)eval)->kept++;
    return arena_alloc(((FpEval *)eval)->arena, bytes);
}
static void arena_no_free(void *memory, void *eval)
{
    (void)memory;
    (void)eval;
}

static FpRegexes *working_space(FpEval *eval)
{
    FpRegexes *r = eval->regexes;
    if (r)
        return r;
    r = ARENA_NEW(eval->arena, FpRegexes);
    if (!r)
        return NULL;
    eval->kept++;
    r->general = pcre2_general_context_create(arena_malloc, arena_no_free, eval);
    r->context = r->general ? pcre2_match_context_create(r->general) : NULL;
    r->data = r->general ? pcre2_match_data_create(32, r->general) : NULL;
    if (!r->context || !r->data)
        return NULL;
    pcre2_set_depth_limit(r->context, eval->limits.match_steps);
    pcre2_set_heap_limit(r->context, 16 * 1024);
    eval->regexes = r;
    return r;
}

static const pcre2_code *find_kept(uint64_t hash, Str pattern, Kept **ret_slot)
{
    for (uint32_t at = (uint32_t)hash % SLOTS;; at = (at + 1) % SLOTS) {
        Kept *slot = &kept[at];
        *ret_slot = slot;
        if (!slot->code)
            return NULL;
        if (slot->hash == hash && str_eq((Str){slot->pattern, slot->len}, pattern))
            return slot->code;
    }
}

/* Java's and the specification's matching: one line, Unicode, \uXXXX as in Java. */
static pcre2_code *compile(FpEval *eval, const FpNode *node, Str pattern)
{
    int error;
    PCRE2_SIZE at;
    uint32_t options = PCRE2_UTF | PCRE2_DOTALL | PCRE2_ALT_BSUX | PCRE2_NEVER_BACKSLASH_C |
                       PCRE2_USE_OFFSET_LIMIT;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, options, &error, &at, NULL);
    if (!code) {
        char text[80];
        pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text);
        fp_throw(eval, node, "the regular expression is wrong at %zu: %s", (size_t)at, text);
        return NULL;
    }
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    return code;
}

/* *ret_own: to be freed by the caller. */
static const pcre2_code *code_of(FpEval *eval, const FpNode *node, Str pattern,
                                 pcre2_code **ret_own)
{
    Kept *slot;
    uint64_t hash = str_hash(pattern);
    *ret_own = NULL;
    if (pattern.len > PATTERN_BYTES_MAX) {
        fp_throw(eval, node, "a regular expression has at most %d bytes", PATTERN_BYTES_MAX);
        return NULL;
    }
    pthread_rwlock_rdlock(&kept_lock);
    const pcre2_code *found = find_kept(hash, pattern, &slot);
    pthread_rwlock_unlock(&kept_lock);
    if (found)
        return found;
    pcre2_code *code = compile(eval, node, pattern);
    if (!code)
        return NULL;
    pthread_rwlock_wrlock(&kept_lock);
    found = find_kept(hash, pattern, &slot);
    char *copy = found || kept_count >= PATTERNS_MAX ? NULL : malloc(pattern.len + 1);
    if (copy) {
        memcpy(copy, pattern.ptr, pattern.len);
        *slot = (Kept){hash, copy, pattern.len, code};
        kept_count++;
    }
    pthread_rwlock_unlock(&kept_lock);
    if (copy)
        return code;
    if (found) {
        pcre2_code_free(code);
        return found;
    }
    *ret_own = code;
    return code;
}

static int match_once(const FpRegexes *r, const pcre2_code *code, Str text, size_t from,
                      uint32_t options)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)(text.ptr ? text.ptr : "");
    int rc = pcre2_match(code, subject, text.len, from, options, r->data, r->context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc =
            pcre2_match(code, subject, text.len, from, options | PCRE2_NO_JIT, r->data, r->context);
    return rc;
}

enum { NS_A_STEP = 100, TIMES = 16 };

static uint64_t thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* A step of PCRE2 may look at one character or at all that is left of the text: its limit of steps
 * bounds no time. So it gets few first, enough for all but bad patterns and long texts, then more
 * and more; each round is paid for with what it took, and none begins that the steps which the
 * evaluation has left could not pay for. */
static int match_rounds(FpEval *eval, const pcre2_code *code, Str text, size_t from,
                        uint32_t options)
{
    enum { FIRST = 64 };
    FpRegexes *r = eval->regexes;
    uint32_t limit = eval->limits.match_steps < FIRST ? eval->limits.match_steps : FIRST;
    pcre2_set_match_limit(r->context, limit);
    int rc = match_once(r, code, text, from, options);
    for (uint64_t took = 0; rc == PCRE2_ERROR_MATCHLIMIT && limit < eval->limits.match_steps;) {
        if (took * TIMES > eval->steps)
            break;
        limit = limit < eval->limits.match_steps / TIMES ? limit * TIMES : eval->limits.match_steps;
        pcre2_set_match_limit(r->context, limit);
        uint64_t began = thread_ns();
        rc = match_once(r, code, text, from, options | PCRE2_NO_UTF_CHECK);
        took = (thread_ns() - began) / NS_A_STEP;
        fp_spend(eval, took);
    }
    return rc;
}

/* The compiled form counts anew at every place where a match could begin, so in long texts those
 * are tried in pieces that grow, by the same rule. */
static int match_within(FpEval *eval, const pcre2_code *code, Str text, size_t from,
                        uint32_t options)
{
    enum { SHORT = 1024, FIRST = 256 };
    FpRegexes *r = eval->regexes;
    int rc = PCRE2_ERROR_NOMATCH;
    fp_spend_bytes(eval, text.len - from);
    if (text.len - from <= SHORT || (options & PCRE2_ANCHORED))
        return match_rounds(eval, code, text, from, options);
    for (size_t piece = FIRST; rc == PCRE2_ERROR_NOMATCH && from <= text.len; piece *= TIMES) {
        size_t last = piece < text.len - from ? from + piece : text.len;
        while (last + 1 < text.len && (text.ptr[last + 1] & 0xC0) == 0x80)
            last++; /* the next piece begins with a character */
        uint64_t began = thread_ns();
        pcre2_set_offset_limit(r->context, last);
        rc = match_rounds(eval, code, text, from, options);
        uint64_t took = (thread_ns() - began) / NS_A_STEP;
        fp_spend(eval, took);
        if (rc == PCRE2_ERROR_NOMATCH && last < text.len && took * TIMES > eval->steps)
            rc = PCRE2_ERROR_MATCHLIMIT;
        options |= PCRE2_NO_UTF_CHECK;
        from = last + 1;
    }
    pcre2_set_offset_limit(r->context, PCRE2_UNSET);
    return rc;
}

/* > 0: matched; 0: not; < 0: an error was raised. */
static int match_at(FpEval *eval, const FpNode *node, const pcre2_code *code, Str text, size_t from,
                    uint32_t options)
{
    if (!working_space(eval)) {
        fp_no_memory(eval);
        return -1;
    }
    int rc = match_within(eval, code, text, from, options);
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc >= 0)
        return 1;
    if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT ||
        rc == PCRE2_ERROR_HEAPLIMIT || rc == PCRE2_ERROR_NOMEMORY)
        fp_throw(eval, node, "the regular expression takes too many steps on this text");
    else
        fp_throw(eval, node, "the regular expression cannot be matched (%d)", rc);
    return -1;
}

bool fp_regex_match(FpEval *eval, const FpNode *node, Str text, Str pattern, bool full,
                    bool *ret_match)
{
    pcre2_code *own;
    const pcre2_code *code = code_of(eval, node, pattern, &own);
    if (!code)
        return false;
    uint32_t options = full ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
    if (options) /* the fast path knows no anchors at match time */
        options |= PCRE2_NO_JIT;
    int matched = match_at(eval, node, code, text, 0, options);
    if (own)
        pcre2_code_free(own);
    *ret_match = matched > 0;
    return matched >= 0;
}

typedef struct Output {
    FpEval *eval;
    char *text;
    size_t len, room;
} Output;

static bool put(Output *out, const char *bytes, size_t len)
{
    if (len == 0)
        return true;
    if (out->len + len > out->eval->limits.text_bytes)
        return fp_limit(out->eval, "bytes of text");
    if (!out->text || out->len + len > out->room) {
        size_t room = (out->len + len) * 2 + 64;
        char *grown = arena_grow(out->eval->arena, out->text, out->len, room);
        if (!grown)
            return fp_no_memory(out->eval);
        out->text = grown;
        out->room = room;
    }
    memcpy(out->text + out->len, bytes, len);
    out->len += len;
    return true;
}

/* $1, ${name}, and \$ for itself, as Java's appendReplacement has it. */
static bool put_substitute(Output *out, const FpNode *node, const pcre2_code *code, Str text,
                           Str with)
{
    FpRegexes *r = out->eval->regexes;
    PCRE2_SIZE *at = pcre2_get_ovector_pointer(r->data);
    uint32_t groups = 0; /* of the pattern: the vector holds nothing sensible behind them */
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
    if (groups >= pcre2_get_ovector_count(r->data))
        groups = pcre2_get_ovector_count(r->data) - 1;
    for (size_t i = 0; i < with.len; i++) {
        char c = with.ptr[i];
        uint32_t group = UINT32_MAX;
        if (c == '\\' && i + 1 < with.len) {
            c = with.ptr[++i];
        } else if (c == '$' && i + 1 < with.len && with.ptr[i + 1] >= '0' &&
                   with.ptr[i + 1] <= '9') {
            group = (uint32_t)(with.ptr[++i] - '0');
        } else if (c == '$' && i + 1 < with.len && with.ptr[i + 1] == '{') {
            Str rest = str_skip(with, i + 2);
            size_t end = str_find_char(rest, '}');
            char name[64];
            if (end < rest.len && end < sizeof name) {
                memcpy(name, rest.ptr, end);
                name[end] = '\0';
                int number = pcre2_substring_number_from_name(code, (PCRE2_SPTR)name);
                group = number > 0 ? (uint32_t)number : group;
                i += end + 2;
            }
        }
        if (group != UINT32_MAX && group > groups)
            return fp_throw(out->eval, node, "the regular expression has no group %u", group);
        bool in = group != UINT32_MAX && at[2 * group] != PCRE2_UNSET;
        if (group == UINT32_MAX
                ? !put(out, &c, 1)
                : in && !put(out, text.ptr + at[2 * group], at[2 * group + 1] - at[2 * group]))
            return false;
    }
    return true;
}

/* The next match, if it and all that PCRE2 looks at for it are near: then what lies behind need not
 * be paid for. Partial matching says whether the end of the piece was looked at. */
static bool match_near(FpEval *eval, const pcre2_code *code, Str text, size_t from)
{
    enum { FIRST = 128, STEPS = 32, CHARACTERS_A_STEP = 256 };
    const FpRegexes *r = eval->regexes;
    for (size_t window = FIRST; r && window < text.len - from; window *= TIMES) {
        size_t end = from + window;
        while (end > from && (text.ptr[end] & 0xC0) == 0x80)
            end--;
        if (!fp_step(eval, (uint32_t)(1 + window * STEPS / CHARACTERS_A_STEP)))
            return false;
        pcre2_set_match_limit(r->context, STEPS);
        if (match_once(r, code, (Str){text.ptr, end}, from,
                       PCRE2_PARTIAL_HARD | PCRE2_NO_UTF_CHECK) >= 0)
            return true;
    }
    return false;
}

static bool replace_all(Output *out, const FpNode *node, const pcre2_code *code, Str text, Str with)
{
    size_t from = 0;
    while (from <= text.len) {
        /* PCRE2 would look through all that follows, each time, whether it is UTF-8. */
        int matched =
            from && match_near(out->eval, code, text, from)
                ? 1
                : match_at(out->eval, node, code, text, from, from ? PCRE2_NO_UTF_CHECK : 0);
        if (matched < 0 || !fp_step(out->eval, 1))
            return false;
        if (matched == 0)
            break;
        FpRegexes *r = out->eval->regexes;
        PCRE2_SIZE *at = pcre2_get_ovector_pointer(r->data);
        size_t begin = at[0], end = at[1];
        if (end < begin) /* \K in a lookahead */
            return fp_throw(out->eval, node, "the regular expression ends before it begins");
        if (begin > from && !put(out, text.ptr + from, begin - from))
            return false;
        if (!put_substitute(out, node, code, text, with))
            return false;
        from = end;
        if (begin == end) { /* an empty match: go on behind the next character */
            size_t next = end + 1;
            while (next < text.len && (text.ptr[next] & 0xC0) == 0x80)
                next++;
            if (end < text.len && !put(out, text.ptr + end, next - end))
                return false;
            from = next;
        }
    }
    return from >= text.len || put(out, text.ptr + from, text.len - from);
}

bool fp_regex_replace(FpEval *eval, const FpNode *node, Str text, Str pattern, Str substitute,
                      Str *ret_text)
{
    pcre2_code *own;
    const pcre2_code *code = code_of(eval, node, pattern, &own);
    if (!code)
        return false;
    Output out = {.eval = eval};
    bool ok = replace_all(&out, node, code, text, substitute);
    if (own)
        pcre2_code_free(own);
    *ret_text = (Str){out.text ? out.text : "", out.len};
    return ok;
}
