/* source - the rules in force, as a service holds them: what is published, and the built-in set.
 *
 * Rule:    the rules of one message are those of one moment: hold them, use them, release them.
 * Owner:   RuleHold.book and all it points to live until rule_source_release.
 * Threads: as the catalog: any.
 * Errors:  ERR_FATAL from open; ERR_INPUT "memory-limit" from hold. */
#pragma once
#include "common/rules/book.h"

typedef struct RuleSource RuleSource;

typedef struct RuleHold {
    const CatalogView *view;
    RuleBook book;
} RuleHold;

/* `bus` is borrowed. NULL: nothing is read, the built-in set alone is in force. */
bool rule_source_open(const BusConfig *bus, RuleSource **ret_source, Err *err) MUST_USE;
void rule_source_close(RuleSource *source); /* NULL is fine */
/* True once what is published has been read: before that nothing may be decided. */
bool rule_source_ready(RuleSource *source, uint32_t timeout_ms);
bool rule_source_hold(RuleSource *source, Str tenant, Arena *arena, RuleHold *ret_hold,
                      Err *err) MUST_USE;
void rule_source_release(RuleSource *source, RuleHold *hold); /* of zeros: nothing */
CatalogCounts rule_source_counts(RuleSource *source);
