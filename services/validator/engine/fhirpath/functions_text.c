/* FHIRPath N1 5.6 string functions: one String in; the java dialect is lenient as the Java core. */
#include "services/validator/engine/fhirpath/functions_inner.h"

/* The input as text. *ret_done: the answer is on the stack (or an error was raised, when false is
 * returned). Java: what is no string type gives {}; of several items each function makes its own.
 */
static bool input_text(FpEval *eval, const FpCall *call, Str *ret, bool *ret_done)
{
    FhirpathItem value = {0};
    uint32_t count = fp_input_count(eval, call);
    if (eval->java && count) {
        FhirpathItem first = eval->items[call->base];
        *ret_done = !fp_value(eval, &first, &value) || value.kind != FHIRPATH_STRING;
        if (*ret_done)
            return fp_return_empty(eval, call);
        *ret = value.string;
        fp_spend_bytes(eval, ret->len);
        return true;
    }
    if (!fp_input_value(eval, call, &value, ret_done))
        return *ret_done;
    if (value.kind != FHIRPATH_STRING)
        return fp_wrong_input(eval, call, &value, "a String");
    *ret = value.string;
    fp_spend_bytes(eval, ret->len);
    return true;
}

static bool give_text(FpEval *eval, const FpCall *call, Str text)
{
    if (!text.ptr)
        return fp_no_memory(eval);
    if (text.len > eval->limits.text_bytes)
        return fp_limit(eval, "bytes of text");
    fp_spend_bytes(eval, text.len);
    return fp_return(eval, call, fp_string(text));
}
static bool give_boolean(FpEval *eval, const FpCall *call, bool value)
{
    return fp_return(eval, call, fp_boolean(value));
}
static bool java_several(const FpEval *eval, const FpCall *call)
{
    return eval->java && fp_input_count(eval, call) > 1;
}

/* Input and first argument, for functions of two texts. */
static bool two_texts(FpEval *eval, const FpCall *call, Str *ret_text, Str *ret_other,
                      bool *ret_done)
{
    bool has;
    if (!input_text(eval, call, ret_text, ret_done) || *ret_done)
        return *ret_done;
    if (!fp_text_argument(eval, call, 0, ret_other, &has))
        return false;
    fp_spend_bytes(eval, has ? ret_other->len : 0);
    *ret_done = !has;
    return has || fp_return_empty(eval, call);
}

bool fn_contains(FpEval *eval, const FpCall *call)
{
    Str text = STR(""), other = STR("");
    bool done = false;
    if (java_several(eval, call))
        return fp_return_empty(eval, call);
    if (!two_texts(eval, call, &text, &other, &done) || done)
        return done;
    return give_boolean(eval, call, str_find(text, other) != SIZE_MAX);
}

bool fn_starts_with(FpEval *eval, const FpCall *call)
{
    Str text = STR(""), other = STR("");
    bool done = false;
    if (!two_texts(eval, call, &text, &other, &done) || done)
        return done;
    return give_boolean(eval, call, str_starts(text, other));
}

bool fn_ends_with(FpEval *eval, const FpCall *call)
{
    Str text = STR(""), other = STR("");
    bool done = false, several = java_several(eval, call);
    if (!two_texts(eval, call, &text, &other, &done) || done)
        return done;
    return give_boolean(eval, call, other.len == 0 || (!several && str_ends(text, other)));
}

static bool find_index(FpEval *eval, const FpCall *call, bool last)
{
    Str text = STR(""), other = STR("");
    bool done = false;
    if (!two_texts(eval, call, &text, &other, &done) || done)
        return done;
    size_t at = last ? SIZE_MAX : str_find(text, other);
    for (size_t from = 0; last && from <= text.len;) {
        size_t found = str_find(str_skip(text, from), other);
        if (found == SIZE_MAX)
            break;
        if (!fp_step(eval, 1 + (uint32_t)(other.len / FP_STEP_BYTES)))
            return false;
        at = from + found;
        from = at + 1;
    }
    int64_t index = at == SIZE_MAX ? -1 : (int64_t)fp_text_length((Str){text.ptr, at});
    return fp_return(eval, call, fp_integer(index));
}

bool fn_index_of(FpEval *eval, const FpCall *call)
{
    return find_index(eval, call, false);
}
bool fn_last_index_of(FpEval *eval, const FpCall *call)
{
    return find_index(eval, call, true);
}

bool fn_substring(FpEval *eval, const FpCall *call)
{
    Str text = STR("");
    bool done = false, has = false, has_length = false;
    int64_t start = 0, length = 0;
    if (java_several(eval, call))
        return fp_return_empty(eval, call);
    if (!input_text(eval, call, &text, &done) || done)
        return done;
    bool two = fp_argument_node(eval, call, 1) != 0;
    if (!fp_integer_argument(eval, call, 0, &start, &has) ||
        !fp_integer_argument(eval, call, 1, &length, &has_length))
        return false;
    if (!has || start < 0 || (two && !has_length && eval->java))
        return fp_return_empty(eval, call);
    size_t from = fp_text_offset(text, (size_t)start);
    if (from >= text.len)
        return fp_return_empty(eval, call);
    text = str_skip(text, from);
    if (has_length)
        text.len = length <= 0 ? 0 : fp_text_offset(text, (size_t)length);
    if (eval->java && text.len == 0)
        return fp_return_empty(eval, call);
    return give_text(eval, call, text);
}

static bool change_case(FpEval *eval, const FpCall *call, bool upper)
{
    Str text = STR("");
    bool done = false;
    if (java_several(eval, call))
        return fp_return_empty(eval, call);
    if (!input_text(eval, call, &text, &done) || done)
        return done;
    if (eval->java && text.len == 0)
        return fp_return_empty(eval, call);
    return give_text(eval, call,
                     upper ? fp_text_upper(text, eval->arena) : fp_text_lower(text, eval->arena));
}

bool fn_upper(FpEval *eval, const FpCall *call)
{
    return change_case(eval, call, true);
}
bool fn_lower(FpEval *eval, const FpCall *call)
{
    return change_case(eval, call, false);
}

bool fn_length(FpEval *eval, const FpCall *call)
{
    Str text = STR("");
    bool done = false;
    if (java_several(eval, call))
        return fp_return_empty(eval, call);
    if (!input_text(eval, call, &text, &done) || done)
        return done;
    return fp_return(eval, call, fp_integer((int64_t)fp_text_length(text)));
}

bool fn_trim(FpEval *eval, const FpCall *call)
{
    Str text = STR("");
    bool done = false;
    if (java_several(eval, call))
        return fp_return_empty(eval, call);
    if (eval->java && fp_input_count(eval, call) == 1) {
        FhirpathItem item = eval->items[call->base];
        if (!fp_primitive_text(eval, &item, &text))
            return fp_wrong_input(eval, call, &item, "a value");
        return fp_return(eval, call, fp_string(fp_text_trim(text)));
    }
    if (!input_text(eval, call, &text, &done) || done)
        return done;
    return give_text(eval, call, fp_text_trim(text));
}

bool fn_to_chars(FpEval *eval, const FpCall *call)
{
    Str text = STR("");
    bool done = false;
    if (java_several(eval, call))
        return fp_return_empty(eval, call);
    if (!input_text(eval, call, &text, &done) || done)
        return done;
    eval->top = call->base;
    for (size_t at = 0; at < text.len;) {
        size_t before = at;
        fp_text_next(text, &at);
        FhirpathItem item = fp_string(str_cut(text, before, at));
        if (!fp_step(eval, 1) || !fp_push(eval, &item))
            return false;
    }
    return true;
}

static bool matches(FpEval *eval, const FpCall *call, bool full)
{
    Str text = STR(""), pattern = STR("");
    bool done = false, matched = false, several = java_several(eval, call);
    if (eval->java && fp_input_count(eval, call) == 1) {
        /* the Java core answers false for an empty text or pattern, and asks for a string type */
        if (!two_texts(eval, call, &text, &pattern, &done) || done)
            return done;
        if (text.len == 0 || pattern.len == 0)
            return give_boolean(eval, call, false);
    } else if (several) {
        return give_boolean(eval, call, false);
    } else if (!two_texts(eval, call, &text, &pattern, &done) || done) {
        return done;
    }
    return fp_regex_match(eval, call->node, text, pattern, full, &matched) &&
           give_boolean(eval, call, matched);
}

bool fn_matches(FpEval *eval, const FpCall *call)
{
    return matches(eval, call, false);
}
bool fn_matches_full(FpEval *eval, const FpCall *call)
{
    return matches(eval, call, true);
}

bool fn_replace_matches(FpEval *eval, const FpCall *call)
{
    Str text = STR(""), pattern = STR(""), substitute = STR(""), result = STR("");
    bool done = false, has = false;
    if (!two_texts(eval, call, &text, &pattern, &done) || done)
        return done;
    if (!fp_text_argument(eval, call, 1, &substitute, &has))
        return false;
    if (!has)
        return fp_return_empty(eval, call);
    if (pattern.len == 0 || java_several(eval, call))
        return give_text(eval, call, text);
    return fp_regex_replace(eval, call->node, text, pattern, substitute, &result) &&
           give_text(eval, call, result);
}

/* An empty pattern stands before every character and at the end. */
static bool replaced(FpEval *eval, Str text, Str pattern, Str substitute, Str *ret)
{
    size_t places = 0;
    if (pattern.len == 0)
        places = fp_text_length(text) + 1;
    for (size_t at = 0, found; pattern.len && at <= text.len; at += found + pattern.len, places++)
        if ((found = str_find(str_skip(text, at), pattern)) == SIZE_MAX)
            break;
    size_t room = text.len + places * substitute.len + 1;
    if (room > eval->limits.text_bytes)
        return fp_limit(eval, "bytes of text");
    char *to = arena_alloc(eval->arena, room);
    size_t len = 0;
    if (!to)
        return fp_no_memory(eval);
    for (size_t at = 0; at <= text.len;) {
        Str rest = str_skip(text, at);
        size_t step = pattern.len ? str_find(rest, pattern) : 0;
        if (step == SIZE_MAX)
            step = rest.len;
        bool hit = pattern.len == 0 || step < rest.len;
        memcpy(to + len, rest.ptr, step);
        len += step;
        if (hit && substitute.len) {
            memcpy(to + len, substitute.ptr, substitute.len);
            len += substitute.len;
        }
        at += step + pattern.len;
        if (pattern.len == 0 && at < text.len) {
            size_t next = fp_text_offset(rest, 1);
            memcpy(to + len, rest.ptr, next);
            len += next;
            at += next;
        } else if (!hit || pattern.len == 0) {
            break;
        }
    }
    *ret = (Str){to, len};
    return true;
}

bool fn_replace(FpEval *eval, const FpCall *call)
{
    Str text = STR(""), pattern = STR(""), substitute = STR(""), result = STR("");
    bool done = false, has = false;
    if (java_several(eval, call))
        return fp_throw(eval, call->node, "replace() takes one item, found %u",
                        fp_input_count(eval, call));
    if (!two_texts(eval, call, &text, &pattern, &done) || done)
        return done;
    if (!fp_text_argument(eval, call, 1, &substitute, &has))
        return false;
    if (!has)
        return fp_return_empty(eval, call);
    return replaced(eval, text, pattern, substitute, &result) && give_text(eval, call, result);
}

bool fn_split(FpEval *eval, const FpCall *call)
{
    Str text = STR(""), separator = STR("");
    bool done = false;
    if (java_several(eval, call))
        return fp_return_empty(eval, call);
    if (!two_texts(eval, call, &text, &separator, &done) || done)
        return done;
    eval->top = call->base;
    for (;;) {
        size_t at = separator.len ? str_find(text, separator) : SIZE_MAX;
        FhirpathItem item = fp_string(at == SIZE_MAX ? text : str_cut(text, 0, at));
        if (!fp_step(eval, 1) || !fp_push(eval, &item))
            return false;
        if (at == SIZE_MAX)
            return true;
        text = str_skip(text, at + separator.len);
    }
}

bool fn_join(FpEval *eval, const FpCall *call)
{
    Str separator = STR("");
    bool has;
    uint32_t end = eval->top;
    if (!fp_text_argument(eval, call, 0, &separator, &has))
        return false;
    if (call->base == end && !eval->java)
        return fp_return_empty(eval, call);
    size_t room = 1;
    for (uint32_t i = call->base; i < end; i++) {
        FhirpathItem item = eval->items[i];
        Str one = STR("");
        if (!fp_primitive_text(eval, &item, &one))
            return fp_wrong_input(eval, call, &item, "Strings");
        room += one.len + separator.len;
    }
    if (room > eval->limits.text_bytes)
        return fp_limit(eval, "bytes of text");
    char *to = arena_alloc(eval->arena, room);
    size_t len = 0;
    if (!to)
        return fp_no_memory(eval);
    for (uint32_t i = call->base; i < end; i++) {
        Str one = STR("");
        if (i > call->base && separator.len) {
            memcpy(to + len, separator.ptr, separator.len);
            len += separator.len;
        }
        (void)fp_primitive_text(eval, &eval->items[i], &one);
        if (one.len)
            memcpy(to + len, one.ptr, one.len);
        len += one.len;
    }
    return give_text(eval, call, (Str){to, len});
}

/* encode, decode, escape, unescape differ in what they call. */
static bool recode(FpEval *eval, const FpCall *call,
                   Str (*change)(Str text, Str form, Arena *arena, bool *ret_known))
{
    Str text = STR(""), form = STR("");
    bool done = false, known = false;
    if (java_several(eval, call))
        return fp_return_empty(eval, call);
    if (!two_texts(eval, call, &text, &form, &done) || done)
        return done;
    Str result = change(text, form, eval->arena, &known);
    if (arena_exhausted(eval->arena))
        return fp_no_memory(eval);
    return known && result.ptr ? give_text(eval, call, result) : fp_return_empty(eval, call);
}

bool fn_encode(FpEval *eval, const FpCall *call)
{
    return recode(eval, call, fp_text_encode);
}
bool fn_decode(FpEval *eval, const FpCall *call)
{
    return recode(eval, call, fp_text_decode);
}
bool fn_escape(FpEval *eval, const FpCall *call)
{
    return recode(eval, call, fp_text_escape);
}
bool fn_unescape(FpEval *eval, const FpCall *call)
{
    return recode(eval, call, fp_text_unescape);
}
