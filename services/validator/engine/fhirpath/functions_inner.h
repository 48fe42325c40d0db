/* functions_inner - the functions of the table in functions.c, each with its section there; and
 * what several of them need. Each finds its input at [call->base, top), leaves its result there. */
#pragma once
#include "services/validator/engine/fhirpath/eval.h"
#include "services/validator/engine/fhirpath/text.h"

#define FP_FUNCTIONS(X)                                                                            \
    X(abs)                                                                                         \
    X(aggregate)                                                                                   \
    X(all)                                                                                         \
    X(all_false)                                                                                   \
    X(all_true)                                                                                    \
    X(any_false)                                                                                   \
    X(any_true)                                                                                    \
    X(as)                                                                                          \
    X(ceiling)                                                                                     \
    X(check) X(check_modifiers) X(children) X(coalesce) X(combine) X(comparable) X(conforms_to) X( \
        contains) X(converts_to) X(count) X(decode) X(define_variable) X(descendants) X(distinct)  \
        X(empty) X(encode) X(ends_with) X(escape) X(exclude) X(exists) X(exp) X(extension)         \
            X(first) X(floor) X(get_reference_key) X(get_resource_key) X(get_value) X(has_value)   \
                X(high_boundary) X(html_checks) X(html_checks_content) X(iif) X(index_of)          \
                    X(intersect) X(is) X(is_distinct) X(item) X(join) X(last) X(last_index_of)     \
                        X(length) X(ln) X(log) X(low_boundary) X(lower) X(matches) X(matches_full) \
                            X(member_of) X(not ) X(now) X(of_type) X(power) X(precision) X(repeat) \
                                X(repeat_all) X(replace) X(replace_matches) X(resolve) X(round)    \
                                    X(select) X(single) X(skip) X(sort) X(split) X(sqrt)           \
                                        X(starts_with) X(subset_of) X(substring) X(subsumed_by)    \
                                            X(subsumes) X(superset_of) X(tail) X(take)             \
                                                X(time_of_day) X(time_part) X(to) X(to_chars)      \
                                                    X(today) X(trace) X(trim) X(truncate) X(type)  \
                                                        X(unavailable) X(unescape) X(union)        \
                                                            X(upper) X(where)
#define FP_DECLARE(name) bool fn_##name(FpEval *eval, const FpCall *call);
FP_FUNCTIONS(FP_DECLARE)
#undef FP_DECLARE

/* The input's single value. False with *ret_done: the answer is already on the stack (empty input,
 * or one without a value); false without it: an error was raised (several items). */
bool fp_input_value(FpEval *eval, const FpCall *call, FhirpathItem *ret, bool *ret_done);
/* An argument's single String; *ret_has false: it is empty. The java dialect takes any value. */
bool fp_text_argument(FpEval *eval, const FpCall *call, uint32_t number, Str *ret, bool *ret_has);
bool fp_integer_argument(FpEval *eval, const FpCall *call, uint32_t number, int64_t *ret,
                         bool *ret_has);
const char *fp_call_name(const FpCall *call);
bool fp_wrong_input(FpEval *eval, const FpCall *call, const FhirpathItem *item,
                    const char *expected);
/* A set of stack items that are all different: for repeat(), intersect() ... */
typedef struct FpSeen {
    struct FpSeenSlot *slots;
    uint32_t room, count;
} FpSeen;
/* Adds items[index] unless an equal one is there; *ret_new tells. */
bool fp_seen_add(FpEval *eval, FpSeen *seen, uint32_t index, bool *ret_new);
bool fp_seen_has(FpEval *eval, const FpSeen *seen, const FhirpathItem *item);
