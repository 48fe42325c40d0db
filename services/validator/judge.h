/* judge - one envelope -> one verdict: pre-check, engine, rules. No I/O.
 *
 * Owner:   everything lives in `arena`, in the envelope in the image or in the
 *          rules.
 * Errors:  ERR_INPUT "memory-limit", "source-type": it can never be judged. What is wrong with the
 *          document is the result. */
#pragma once
#include "common/rules/book.h"
#include "services/validator/images.h"
#include "services/validator/settings.h"

typedef struct Judge {
    const ValidatorConfig *config;
    const Images *images;
    const RuleBook *book; /* for the envelope's tenant */
    int64_t rules_at_us;  /* which rules are in force; 0: now */
} Judge;

bool judge(const Judge *by, const Envelope *envelope, Arena *arena, Validated *ret_validated,
           Err *err) MUST_USE;
int64_t judge_now_us(void); /* since 1970 */
