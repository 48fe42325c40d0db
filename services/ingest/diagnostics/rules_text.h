/* rules_text - a rule file as the pages send it, and what is wrong with it as they read it.
 *
 * Owner:   texts live in the request, or in the exchange's arena. Threads: those of the exchange.
 */
#pragma once
#include "common/json/json.h"
#include "common/rules/rules.h"
#include "services/ingest/exchange.h"

/* {"object":{...} | "text":"...", "base_version":4, "comment":"...", ...} */
typedef struct RulesBody {
    JsonDoc doc;
    Str file; /* as it was written: places in it are those of the editor */
    Str comment;
    bool has_version;
    uint64_t base_version;
} RulesBody;

/* NULL: fine; else what is wrong. */
const char *rules_body_read(Exchange *exchange, RulesBody *ret_body);
/* {"line":..,"column":..,"where":"..","text":".."} */
void rules_problem_write(const RulesProblem *problem, Buf *out);
