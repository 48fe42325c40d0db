/* book - the rule sets that are in force for one tenant, and the stamp that names them.
 *
 * Owner:   borrows sets from the view (hold it as long as the book) and from `defaults`.
 * Errors:  ERR_INPUT "memory-limit". */
#pragma once
#include "common/catalog/catalog.h"
#include "common/rules/rules.h"

typedef struct RuleBook {
    const RuleSet *const *sets; /* those of the catalog by name, then the built-in one */
    size_t count;
    Str stamp; /* "nyec@4#1a2b3c4d, default@builtin#..." */
} RuleBook;

/* Catalog objects of kind "rules": each is a RuleSet. */
extern const CatalogKind rules_catalog_kind;

/* `view` may be NULL. `defaults` counts unless the view has a set of its name. */
bool rule_book(const CatalogView *view, const RuleSet *defaults, Str tenant, Arena *arena,
               RuleBook *ret_book, Err *err) MUST_USE;
