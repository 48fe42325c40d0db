#include "services/validator/engine/fhirpath/functions_inner.h"

enum {
    L = FP_FN_LAMBDA,
    T = FP_FN_TEXT,
    O = FP_FN_ORDER,
    W = FP_FN_WORLD,
    TYPE = FP_FN_TYPE,
    SELF = FP_FN_SELF
};

/* name, least and most arguments, flags, section, code. Sorted by name for bsearch. */
static const FpFunction functions[] = {
    {"abs",                0, 0,  0,              "5.7.1",  fn_abs                },
    {"aggregate",          1, 2,  L,              "7.1",    fn_aggregate          },
    {"all",                0, 1,  L,              "5.1.3",  fn_all                },
    {"allFalse",           0, 0,  0,              "5.1.6",  fn_all_false          },
    {"allTrue",            0, 0,  0,              "5.1.4",  fn_all_true           },
    {"anyFalse",           0, 0,  0,              "5.1.7",  fn_any_false          },
    {"anyTrue",            0, 0,  0,              "5.1.5",  fn_any_true           },
    {"as",                 1, 1,  TYPE,           "6.3.4",  fn_as                 },
    {"ceiling",            0, 0,  0,              "5.7.2",  fn_ceiling            },
    {"check",              2, 2,  L | FP_FN_JAVA, "FHIR",   fn_check              },
    {"checkModifiers",     0, 10, 0,              "FHIR",   fn_check_modifiers    },
    {"children",           0, 0,  0,              "5.8.1",  fn_children           },
    {"coalesce",           1, 50, L,              "STU",    fn_coalesce           },
    {"combine",            1, 1,  SELF,           "5.4.2",  fn_combine            },
    {"comparable",         1, 1,  0,              "FHIR",   fn_comparable         },
    {"conformsTo",         1, 1,  W,              "FHIR",   fn_conforms_to        },
    {"contains",           1, 1,  T | SELF,       "5.6.5",  fn_contains           },
    {"convertsToBoolean",  0, 0,  0,              "5.5.2",  fn_converts_to        },
    {"convertsToDate",     0, 0,  0,              "5.5.4",  fn_converts_to        },
    {"convertsToDateTime", 0, 0,  0,              "5.5.5",  fn_converts_to        },
    {"convertsToDecimal",  0, 0,  0,              "5.5.6",  fn_converts_to        },
    {"convertsToInteger",  0, 0,  0,              "5.5.3",  fn_converts_to        },
    {"convertsToLong",     0, 0,  0,              "STU",    fn_converts_to        },
    {"convertsToQuantity", 0, 1,  0,              "5.5.7",  fn_converts_to        },
    {"convertsToString",   0, 0,  0,              "5.5.8",  fn_converts_to        },
    {"convertsToTime",     0, 0,  0,              "5.5.9",  fn_converts_to        },
    {"count",              0, 0,  0,              "5.1.10", fn_count              },
    {"dateOf",             0, 0,  0,              "STU",    fn_time_part          },
    {"dayOf",              0, 0,  0,              "STU",    fn_time_part          },
    {"decode",             1, 1,  T,              "STU",    fn_decode             },
    {"defineVariable",     1, 2,  L | W,          "STU",    fn_define_variable    },
    {"descendants",        0, 0,  0,              "5.8.2",  fn_descendants        },
    {"distinct",           0, 0,  0,              "5.1.11", fn_distinct           },
    {"elementDefinition",  0, 0,  W,              "FHIR",   fn_unavailable        },
    {"empty",              0, 0,  0,              "5.1.1",  fn_empty              },
    {"encode",             1, 1,  T,              "STU",    fn_encode             },
    {"endsWith",           1, 1,  T,              "5.6.4",  fn_ends_with          },
    {"escape",             1, 1,  T,              "STU",    fn_escape             },
    {"exclude",            1, 1,  0,              "5.3.9",  fn_exclude            },
    {"exists",             0, 1,  L,              "5.1.2",  fn_exists             },
    {"exp",                0, 0,  0,              "5.7.3",  fn_exp                },
    {"extension",          1, 1,  0,              "FHIR",   fn_extension          },
    {"first",              0, 0,  O,              "5.3.3",  fn_first              },
    {"floor",              0, 0,  0,              "5.7.4",  fn_floor              },
    {"getReferenceKey",    0, 1,  TYPE,           "FHIR",   fn_get_reference_key  },
    {"getResourceKey",     0, 0,  0,              "FHIR",   fn_get_resource_key   },
    {"getValue",           0, 0,  0,              "FHIR",   fn_get_value          },
    {"hasValue",           0, 0,  0,              "FHIR",   fn_has_value          },
    {"highBoundary",       0, 1,  0,              "STU",    fn_high_boundary      },
    {"hourOf",             0, 0,  0,              "STU",    fn_time_part          },
    {"htmlChecks",         0, 0,  0,              "FHIR",   fn_html_checks        },
    {"htmlChecks2",        0, 0,  FP_FN_JAVA,     "FHIR",   fn_html_checks_content},
    {"htmlchecks",         0, 0,  FP_FN_JAVA,     "FHIR",   fn_html_checks        },
    {"iif",                2, 3,  L,              "5.5.1",  fn_iif                },
    {"indexOf",            1, 1,  T,              "5.6.1",  fn_index_of           },
    {"intersect",          1, 1,  SELF,           "5.3.8",  fn_intersect          },
    {"is",                 1, 1,  TYPE,           "6.3.2",  fn_is                 },
    {"isDistinct",         0, 0,  0,              "5.1.12", fn_is_distinct        },
    {"item",               1, 1,  O | FP_FN_JAVA, "5.3.1",  fn_item               },
    {"join",               0, 1,  0,              "STU",    fn_join               },
    {"last",               0, 0,  O,              "5.3.4",  fn_last               },
    {"lastIndexOf",        1, 1,  T,              "STU",    fn_last_index_of      },
    {"length",             0, 0,  T,              "5.6.11", fn_length             },
    {"ln",                 0, 0,  0,              "5.7.5",  fn_ln                 },
    {"log",                1, 1,  0,              "5.7.6",  fn_log                },
    {"lowBoundary",        0, 1,  0,              "STU",    fn_low_boundary       },
    {"lower",              0, 0,  T,              "5.6.7",  fn_lower              },
    {"matches",            1, 1,  T,              "5.6.9",  fn_matches            },
    {"matchesFull",        1, 1,  T,              "STU",    fn_matches_full       },
    {"memberOf",           1, 1,  W,              "FHIR",   fn_member_of          },
    {"millisecondOf",      0, 0,  0,              "STU",    fn_time_part          },
    {"minuteOf",           0, 0,  0,              "STU",    fn_time_part          },
    {"monthOf",            0, 0,  0,              "STU",    fn_time_part          },
    {"not",                0, 0,  0,              "6.5.3",  fn_not                },
    {"now",                0, 0,  W,              "5.9.2",  fn_now                },
    {"ofType",             1, 1,  TYPE,           "5.2.4",  fn_of_type            },
    {"power",              1, 1,  0,              "5.7.7",  fn_power              },
    {"precision",          0, 0,  0,              "STU",    fn_precision          },
    {"repeat",             1, 1,  L,              "5.2.3",  fn_repeat             },
    {"repeatAll",          1, 1,  L,              "STU",    fn_repeat_all         },
    {"replace",            2, 2,  T,              "5.6.8",  fn_replace            },
    {"replaceMatches",     2, 2,  T,              "5.6.10", fn_replace_matches    },
    {"resolve",            0, 0,  0,              "FHIR",   fn_resolve            },
    {"round",              0, 1,  0,              "5.7.8",  fn_round              },
    {"secondOf",           0, 0,  0,              "STU",    fn_time_part          },
    {"select",             1, 1,  L,              "5.2.2",  fn_select             },
    {"single",             0, 0,  0,              "5.3.2",  fn_single             },
    {"skip",               1, 1,  O,              "5.3.6",  fn_skip               },
    {"slice",              2, 2,  W,              "FHIR",   fn_unavailable        },
    {"sort",               0, 10, L | FP_FN_SORT, "STU",    fn_sort               },
    {"split",              1, 1,  T,              "STU",    fn_split              },
    {"sqrt",               0, 0,  0,              "5.7.9",  fn_sqrt               },
    {"startsWith",         1, 1,  T,              "5.6.3",  fn_starts_with        },
    {"subsetOf",           1, 1,  0,              "5.1.8",  fn_subset_of          },
    {"substring",          1, 2,  T,              "5.6.2",  fn_substring          },
    {"subsumedBy",         1, 1,  W,              "FHIR",   fn_subsumed_by        },
    {"subsumes",           1, 1,  W,              "FHIR",   fn_subsumes           },
    {"supersetOf",         1, 1,  0,              "5.1.9",  fn_superset_of        },
    {"tail",               0, 0,  O,              "5.3.5",  fn_tail               },
    {"take",               1, 1,  O,              "5.3.7",  fn_take               },
    {"timeOf",             0, 0,  0,              "STU",    fn_time_part          },
    {"timeOfDay",          0, 0,  W,              "5.9.3",  fn_time_of_day        },
    {"timezoneOffsetOf",   0, 0,  0,              "STU",    fn_time_part          },
    {"toBoolean",          0, 0,  0,              "5.5.2",  fn_to                 },
    {"toChars",            0, 0,  T,              "5.6.12", fn_to_chars           },
    {"toDate",             0, 0,  0,              "5.5.4",  fn_to                 },
    {"toDateTime",         0, 0,  0,              "5.5.5",  fn_to                 },
    {"toDecimal",          0, 0,  0,              "5.5.6",  fn_to                 },
    {"toInteger",          0, 0,  0,              "5.5.3",  fn_to                 },
    {"toLong",             0, 0,  0,              "STU",    fn_to                 },
    {"toQuantity",         0, 1,  0,              "5.5.7",  fn_to                 },
    {"toString",           0, 0,  0,              "5.5.8",  fn_to                 },
    {"toTime",             0, 0,  0,              "5.5.9",  fn_to                 },
    {"today",              0, 0,  W,              "5.9.4",  fn_today              },
    {"trace",              1, 2,  L | W,          "5.9.1",  fn_trace              },
    {"trim",               0, 0,  T,              "STU",    fn_trim               },
    {"truncate",           0, 0,  0,              "5.7.10", fn_truncate           },
    {"type",               0, 0,  0,              "STU",    fn_type               },
    {"unescape",           1, 1,  T,              "STU",    fn_unescape           },
    {"union",              1, 1,  SELF,           "5.4.1",  fn_union              },
    {"upper",              0, 0,  T,              "5.6.6",  fn_upper              },
    {"where",              1, 1,  L,              "5.2.1",  fn_where              },
    {"yearOf",             0, 0,  0,              "STU",    fn_time_part          },
};
enum { FUNCTION_COUNT = sizeof functions / sizeof *functions };

const FpFunction *fp_function_find(Str name)
{
    size_t low = 0, high = FUNCTION_COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(str_from(functions[middle].name), name);
        if (order == 0)
            return &functions[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const FpFunction *fp_function_at(uint32_t id)
{
    return &functions[id];
}
uint32_t fp_function_id(const FpFunction *function)
{
    return (uint32_t)(function - functions);
}
uint32_t fp_function_count(void)
{
    return FUNCTION_COUNT;
}

uint32_t fp_functions_hash(void)
{
    static _Atomic uint32_t known;
    uint32_t hash = known;
    if (hash)
        return hash;
    hash = 2166136261U;
    for (size_t i = 0; i < FUNCTION_COUNT; i++)
        for (const char *c = functions[i].name;; c++) {
            hash = (hash ^ (unsigned char)*c) * 16777619U;
            if (!*c)
                break;
        }
    known = hash ? hash : 1;
    return known;
}

/* --- what several functions need ---------------------------------------------------------------
 */

const char *fp_call_name(const FpCall *call)
{
    return functions[call->node->id].name;
}

bool fp_wrong_input(FpEval *eval, const FpCall *call, const FhirpathItem *item,
                    const char *expected)
{
    Str type = fp_type_name(eval->model, item);
    return fp_throw(eval, call->node, "%s() takes %s, found %.*s", fp_call_name(call), expected,
                    STR_ARG(type));
}

bool fp_input_value(FpEval *eval, const FpCall *call, FhirpathItem *ret, bool *ret_done)
{
    uint32_t count = fp_input_count(eval, call);
    *ret_done = false;
    if (count > 1)
        return fp_throw(eval, call->node, "%s() takes one item, found %u", fp_call_name(call),
                        count);
    *ret_done = true;
    if (count == 0)
        return false;
    if (fp_value(eval, &eval->items[call->base], ret)) {
        *ret_done = false;
        return true;
    }
    FhirpathItem item = eval->items[call->base];
    if (!fp_is_primitive(eval, &item)) {
        *ret_done = false;
        return fp_wrong_input(eval, call, &item, "a value");
    }
    eval->top = call->base;
    return false;
}

/* What the Java core's convertToString makes of a collection. */
static bool java_text(FpEval *eval, uint32_t start, Str *ret)
{
    Str text = STR("");
    for (uint32_t i = start; i < eval->top; i++) {
        Str one = STR("");
        (void)fp_primitive_text(eval, &eval->items[i], &one);
        text =
            i == start ? one : arena_format(eval->arena, "%.*s,%.*s", STR_ARG(text), STR_ARG(one));
        if (!text.ptr)
            return fp_no_memory(eval);
    }
    *ret = text;
    return true;
}

bool fp_text_argument(FpEval *eval, const FpCall *call, uint32_t number, Str *ret, bool *ret_has)
{
    uint32_t start;
    FhirpathItem value;
    if (!fp_argument(eval, call, number, &start))
        return false;
    uint32_t count = eval->top - start;
    *ret_has = count > 0;
    if (eval->java && count) {
        bool ok = java_text(eval, start, ret);
        eval->top = start;
        return ok;
    }
    if (count > 1)
        return fp_throw(eval, call->node, "%s() takes one String as argument, found %u items",
                        fp_call_name(call), count);
    if (count) {
        if (!fp_value(eval, &eval->items[start], &value) || value.kind != FHIRPATH_STRING)
            return fp_throw(eval, call->node, "%s() takes a String as argument",
                            fp_call_name(call));
        *ret = value.string;
    }
    eval->top = start;
    return true;
}

bool fp_integer_argument(FpEval *eval, const FpCall *call, uint32_t number, int64_t *ret,
                         bool *ret_has)
{
    uint32_t start;
    FhirpathItem value;
    if (!fp_argument(eval, call, number, &start))
        return false;
    uint32_t count = eval->top - start;
    *ret_has = count > 0;
    if (count > 1)
        return fp_throw(eval, call->node, "%s() takes one Integer as argument, found %u items",
                        fp_call_name(call), count);
    if (count) {
        if (!fp_value(eval, &eval->items[start], &value) || value.kind != FHIRPATH_INTEGER)
            return fp_throw(eval, call->node, "%s() takes an Integer as argument",
                            fp_call_name(call));
        *ret = value.integer;
    }
    eval->top = start;
    return true;
}

/* --- sets of items -----------------------------------------------------------------------------
 */

struct FpSeenSlot {
    uint64_t hash;
    FhirpathItem item;
    bool used;
};

static struct FpSeenSlot *seen_find(FpEval *eval, const FpSeen *seen, uint64_t hash,
                                    const FhirpathItem *item)
{
    for (uint32_t at = (uint32_t)(hash * 0x9E3779B97F4A7C15U >> 32);; at++) {
        struct FpSeenSlot *slot = &seen->slots[at & (seen->room - 1)];
        if (!slot->used || !fp_step(eval, 1) ||
            (slot->hash == hash && fp_equal(eval, &slot->item, item) == FP_TRUE))
            return slot;
    }
}

enum { HASH_DEPTH = 6, SEEN_FIRST = 16 };

/* Into a larger table; `beside`: by the hashes that numbers have beside Quantities. */
static bool seen_move(FpEval *eval, FpSeen *seen, uint32_t room, bool beside)
{
    FpSeen grown = {.room = room, .count = seen->count, .quantities = beside};
    grown.slots = ARENA_ARRAY(eval->arena, struct FpSeenSlot, grown.room);
    if (!grown.slots)
        return fp_no_memory(eval);
    for (uint32_t i = 0; i < seen->room; i++) {
        struct FpSeenSlot old = seen->slots[i];
        if (!old.used)
            continue;
        if (beside != seen->quantities)
            old.hash = fp_hash(eval, &old.item, HASH_DEPTH, beside);
        uint32_t at = (uint32_t)(old.hash * 0x9E3779B97F4A7C15U >> 32);
        while (grown.slots[at & (room - 1)].used)
            at++;
        grown.slots[at & (room - 1)] = old;
    }
    fp_spend(eval, seen->room);
    *seen = grown;
    return true;
}

/* Makes room for one more and finds its place; NULL: a limit. */
static struct FpSeenSlot *seen_place(FpEval *eval, FpSeen *seen, const FhirpathItem *item)
{
    bool beside = seen->quantities || fp_is_quantity(eval, item);
    uint32_t room = seen->count * 2 < seen->room ? seen->room : seen->room * 2;
    if ((room != seen->room || beside != seen->quantities || !room) &&
        !seen_move(eval, seen, room ? room : SEEN_FIRST, beside))
        return NULL;
    uint64_t hash = fp_hash(eval, item, HASH_DEPTH, beside);
    struct FpSeenSlot *slot = seen_find(eval, seen, hash, item);
    if (eval->limit_hit)
        return NULL;
    slot->hash = slot->used ? slot->hash : hash;
    return slot;
}

bool fp_seen_add(FpEval *eval, FpSeen *seen, uint32_t index, bool *ret_new)
{
    struct FpSeenSlot *slot = seen_place(eval, seen, &eval->items[index]);
    if (!slot)
        return false;
    *ret_new = !slot->used;
    if (*ret_new) {
        slot->item = eval->items[index];
        slot->used = true;
        seen->count++;
    }
    return true;
}

bool fp_seen_has(FpEval *eval, FpSeen *seen, const FhirpathItem *item)
{
    struct FpSeenSlot *slot = seen->count ? seen_place(eval, seen, item) : NULL;
    return slot && slot->used;
}
