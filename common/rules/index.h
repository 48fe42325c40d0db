/* index - which rules of a section can concern an issue, by its message id.
 *
 * A rule that names message ids or invariants is found under each of them; one that asks only for
 * path, severity or code is open to every issue. Rules that ask nothing of an issue are in neither.
 */
#pragma once
#include "common/rules/rules.h"

typedef struct RuleList {
    const uint32_t *list; /* positions in the section, ascending */
    size_t count;
} RuleList;

const RuleIndex *index_new(const Rule *rules, size_t count, Arena *arena); /* NULL: no memory */
RuleList index_by_id(const RuleIndex *index, Str message_id);
RuleList index_by_invariant(const RuleIndex *index, Str key);
RuleList index_open(const RuleIndex *index);
/* What follows '#' in an invariant's message id; empty for any other id. */
Str index_invariant_key(Str message_id);
