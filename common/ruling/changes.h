/* changes - what the rules did to a verdict, noted in the order in which it was done.
 *
 * Owner:   the list lives in `arena`, its texts in the rules, the outcome or the arena.
 * Errors:  past the arena's limit `failed` stays set: look once, at the end. */
#pragma once
#include "common/rules/match.h"

typedef struct Changes {
    Arena *arena;
    RuleChange *list;
    uint32_t count, room;
    bool failed;
} Changes;

/* `issue`: from 1; 0: none of the engine's. */
void changes_note(Changes *changes, const RuleSet *set, const Rule *rule, const char *what,
                  uint32_t issue, Str before, Str after);
