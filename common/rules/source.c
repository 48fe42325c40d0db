#include "common/rules/source.h"

#include <stdlib.h>

struct RuleSource {
    Catalog *catalog;
    RuleSet *defaults;
};

bool rule_source_open(const BusConfig *bus, RuleSource **ret_source, Err *err)
{
    const CatalogOptions options = {.bus = bus, .kinds = &rules_catalog_kind, .kind_count = 1};
    RuleSource *source = calloc(1, sizeof *source);
    if (!source)
        return ERR(err, ERR_FATAL, "rules-memory", "no memory");
    bool fine = rules_read_default(&source->defaults, err) &&
                (bus ? catalog_open(&options, &source->catalog, err)
                     : catalog_open_detached(&options, &source->catalog, err));
    if (!fine) {
        rule_source_close(source);
        return false;
    }
    *ret_source = source;
    return true;
}

void rule_source_close(RuleSource *source)
{
    if (!source)
        return;
    catalog_close(source->catalog);
    rules_free(source->defaults);
    free(source);
}

bool rule_source_ready(RuleSource *source, uint32_t timeout_ms)
{
    return catalog_ready(source->catalog, timeout_ms);
}

bool rule_source_hold(RuleSource *source, Str tenant, Arena *arena, RuleHold *ret_hold, Err *err)
{
    RuleHold hold = {.view = catalog_acquire(source->catalog)};
    if (!rule_book(hold.view, source->defaults, tenant, arena, &hold.book, err)) {
        catalog_release(source->catalog, hold.view);
        return false;
    }
    *ret_hold = hold;
    return true;
}

void rule_source_release(RuleSource *source, RuleHold *hold)
{
    if (hold->view)
        catalog_release(source->catalog, hold->view);
    *hold = (RuleHold){0};
}

CatalogCounts rule_source_counts(RuleSource *source)
{
    return catalog_counts(source->catalog);
}
