/* judge - one envelope -> one verdict: pre-check, engine, disposition. No I/O.
 *
 * Owner:   everything lives in `arena`, in the envelope or in the image.
 * Errors:  ERR_INPUT "memory-limit", "source-type": it can never be judged. What is wrong with the
 *          document is the result. */
#pragma once
#include "common/envelope/envelope.h"
#include "services/validator/images.h"
#include "services/validator/settings.h"

bool judge(const ValidatorConfig *config, const Images *images, const Envelope *envelope,
           Arena *arena, Validated *ret_validated, Err *err) MUST_USE;
int64_t judge_now_us(void); /* since 1970 */
