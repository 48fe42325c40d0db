#include "common/ruling/changes.h"

void changes_note(Changes *changes, const RuleSet *set, const Rule *rule, const char *what,
                  uint32_t issue, Str before, Str after)
{
    if (changes->count == changes->room) {
        size_t size = sizeof *changes->list;
        uint32_t room = changes->room ? changes->room * 2 : 16;
        RuleChange *grown =
            arena_grow(changes->arena, changes->list, changes->room * size, room * size);
        changes->failed |= !grown;
        if (!grown)
            return;
        changes->list = grown;
        changes->room = room;
    }
    changes->list[changes->count++] = (RuleChange){.rule = rules_label(set, rule, changes->arena),
                                                   .what = str_from(what),
                                                   .issue = issue,
                                                   .before = before,
                                                   .after = after};
}
