#include "common/rules/book.h"

#include <stdio.h>

static bool make(void *opaque, const CatalogObject *object, void **ret_made, Err *err)
{
    RuleSet *set;
    (void)opaque;
    TRY(rules_read(object->data, &set, NULL, err));
    if (!str_eq(set->name, object->name)) {
        rules_free(set);
        return ERR(err, ERR_INPUT, "rules-name", "the file's name is not that of its id, %.*s",
                   STR_ARG(object->id));
    }
    snprintf(set->stamp, sizeof set->stamp, "%s", object->stamp);
    *ret_made = set;
    return true;
}

static void unmake(void *made)
{
    rules_free(made);
}

const CatalogKind rules_catalog_kind = {"rules", make, unmake, NULL};

static bool concerns(const RuleSet *set, Str tenant)
{
    return set->tenants.count == 0 || rules_listed(set->tenants, tenant);
}

static Str join_stamps(const RuleSet *const *sets, size_t count, Arena *arena)
{
    size_t bytes = 0, used = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(sets[i]->stamp) + 2;
    char *to = arena_alloc(arena, bytes + 1);
    if (!to)
        return STR_NONE;
    for (size_t i = 0; i < count; i++)
        used +=
            (size_t)snprintf(to + used, bytes + 1 - used, "%s%s", i ? ", " : "", sets[i]->stamp);
    return (Str){to, used};
}

bool rule_book(const CatalogView *view, const RuleSet *defaults, Str tenant, Arena *arena,
               RuleBook *ret_book, Err *err)
{
    CatalogRun run = view ? catalog_kind(view, "rules") : (CatalogRun){0};
    const RuleSet **sets = ARENA_ARRAY(arena, const RuleSet *, run.count + 1);
    size_t count = 0;
    bool replaced = false;
    if (!sets)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for %zu rule sets", run.count);
    for (size_t i = 0; i < run.count; i++) {
        const RuleSet *set = run.entries[i].made;
        replaced = replaced || (defaults && str_eq(set->name, defaults->name));
        if (concerns(set, tenant))
            sets[count++] = set;
    }
    if (defaults && !replaced)
        sets[count++] = defaults;
    Str stamp = join_stamps(sets, count, arena);
    if (!stamp.ptr)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for the stamp of the rules");
    *ret_book = (RuleBook){sets, count, stamp};
    return true;
}
