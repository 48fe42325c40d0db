/* functions_inner - the functions of the table in functions.c, each with its section there; and
 * what several of them need. Each finds its input at [call->base, top), leaves its result there. */
#pragma once
#include "services/validator/engine/fhirpath/eval.h"
#include "services/validator/engine/fhirpath/text.h"

bool fn_abs(FpEval *eval, const FpCall *call);
bool fn_aggregate(FpEval *eval, const FpCall *call);
bool fn_all(FpEval *eval, const FpCall *call);
bool fn_all_false(FpEval *eval, const FpCall *call);
bool fn_all_true(FpEval *eval, const FpCall *call);
bool fn_any_false(FpEval *eval, const FpCall *call);
bool fn_any_true(FpEval *eval, const FpCall *call);
bool fn_as(FpEval *eval, const FpCall *call);
bool fn_ceiling(FpEval *eval, const FpCall *call);
bool fn_check(FpEval *eval, const FpCall *call);
bool fn_check_modifiers(FpEval *eval, const FpCall *call);
bool fn_children(FpEval *eval, const FpCall *call);
bool fn_coalesce(FpEval *eval, const FpCall *call);
bool fn_combine(FpEval *eval, const FpCall *call);
bool fn_comparable(FpEval *eval, const FpCall *call);
bool fn_conforms_to(FpEval *eval, const FpCall *call);
bool fn_contains(FpEval *eval, const FpCall *call);
bool fn_converts_to(FpEval *eval, const FpCall *call);
bool fn_count(FpEval *eval, const FpCall *call);
bool fn_decode(FpEval *eval, const FpCall *call);
bool fn_define_variable(FpEval *eval, const FpCall *call);
bool fn_descendants(FpEval *eval, const FpCall *call);
bool fn_distinct(FpEval *eval, const FpCall *call);
bool fn_empty(FpEval *eval, const FpCall *call);
bool fn_encode(FpEval *eval, const FpCall *call);
bool fn_ends_with(FpEval *eval, const FpCall *call);
bool fn_escape(FpEval *eval, const FpCall *call);
bool fn_exclude(FpEval *eval, const FpCall *call);
bool fn_exists(FpEval *eval, const FpCall *call);
bool fn_exp(FpEval *eval, const FpCall *call);
bool fn_extension(FpEval *eval, const FpCall *call);
bool fn_first(FpEval *eval, const FpCall *call);
bool fn_floor(FpEval *eval, const FpCall *call);
bool fn_get_reference_key(FpEval *eval, const FpCall *call);
bool fn_get_resource_key(FpEval *eval, const FpCall *call);
bool fn_get_value(FpEval *eval, const FpCall *call);
bool fn_has_value(FpEval *eval, const FpCall *call);
bool fn_high_boundary(FpEval *eval, const FpCall *call);
bool fn_html_checks(FpEval *eval, const FpCall *call);
bool fn_html_checks_content(FpEval *eval, const FpCall *call);
bool fn_iif(FpEval *eval, const FpCall *call);
bool fn_index_of(FpEval *eval, const FpCall *call);
bool fn_intersect(FpEval *eval, const FpCall *call);
bool fn_is(FpEval *eval, const FpCall *call);
bool fn_is_distinct(FpEval *eval, const FpCall *call);
bool fn_item(FpEval *eval, const FpCall *call);
bool fn_join(FpEval *eval, const FpCall *call);
bool fn_last(FpEval *eval, const FpCall *call);
bool fn_last_index_of(FpEval *eval, const FpCall *call);
bool fn_length(FpEval *eval, const FpCall *call);
bool fn_ln(FpEval *eval, const FpCall *call);
bool fn_log(FpEval *eval, const FpCall *call);
bool fn_low_boundary(FpEval *eval, const FpCall *call);
bool fn_lower(FpEval *eval, const FpCall *call);
bool fn_matches(FpEval *eval, const FpCall *call);
bool fn_matches_full(FpEval *eval, const FpCall *call);
bool fn_member_of(FpEval *eval, const FpCall *call);
bool fn_not(FpEval *eval, const FpCall *call);
bool fn_now(FpEval *eval, const FpCall *call);
bool fn_of_type(FpEval *eval, const FpCall *call);
bool fn_power(FpEval *eval, const FpCall *call);
bool fn_precision(FpEval *eval, const FpCall *call);
bool fn_repeat(FpEval *eval, const FpCall *call);
bool fn_repeat_all(FpEval *eval, const FpCall *call);
bool fn_replace(FpEval *eval, const FpCall *call);
bool fn_replace_matches(FpEval *eval, const FpCall *call);
bool fn_resolve(FpEval *eval, const FpCall *call);
bool fn_round(FpEval *eval, const FpCall *call);
bool fn_select(FpEval *eval, const FpCall *call);
bool fn_single(FpEval *eval, const FpCall *call);
bool fn_skip(FpEval *eval, const FpCall *call);
bool fn_sort(FpEval *eval, const FpCall *call);
bool fn_split(FpEval *eval, const FpCall *call);
bool fn_sqrt(FpEval *eval, const FpCall *call);
bool fn_starts_with(FpEval *eval, const FpCall *call);
bool fn_subset_of(FpEval *eval, const FpCall *call);
bool fn_substring(FpEval *eval, const FpCall *call);
bool fn_subsumed_by(FpEval *eval, const FpCall *call);
bool fn_subsumes(FpEval *eval, const FpCall *call);
bool fn_superset_of(FpEval *eval, const FpCall *call);
bool fn_tail(FpEval *eval, const FpCall *call);
bool fn_take(FpEval *eval, const FpCall *call);
bool fn_time_of_day(FpEval *eval, const FpCall *call);
bool fn_time_part(FpEval *eval, const FpCall *call);
bool fn_to(FpEval *eval, const FpCall *call);
bool fn_to_chars(FpEval *eval, const FpCall *call);
bool fn_today(FpEval *eval, const FpCall *call);
bool fn_trace(FpEval *eval, const FpCall *call);
bool fn_trim(FpEval *eval, const FpCall *call);
bool fn_truncate(FpEval *eval, const FpCall *call);
bool fn_type(FpEval *eval, const FpCall *call);
bool fn_unavailable(FpEval *eval, const FpCall *call);
bool fn_unescape(FpEval *eval, const FpCall *call);
bool fn_union(FpEval *eval, const FpCall *call);
bool fn_upper(FpEval *eval, const FpCall *call);
bool fn_where(FpEval *eval, const FpCall *call);

/* What some of them answer, without the way over the stack. */
FpTri fp_test_all(FpEval *eval, const FpCall *call);
FpTri fp_test_empty(FpEval *eval, const FpCall *call);
FpTri fp_test_exists(FpEval *eval, const FpCall *call);
FpTri fp_test_has_value(FpEval *eval, const FpCall *call);
FpTri fp_test_not(FpEval *eval, const FpCall *call);

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
    bool quantities; /* one was met: see fp_hash() */
} FpSeen;
/* Adds items[index] unless an equal one is there; *ret_new tells. */
bool fp_seen_add(FpEval *eval, FpSeen *seen, uint32_t index, bool *ret_new);
bool fp_seen_has(FpEval *eval, FpSeen *seen, const FhirpathItem *item);
