#include "services/validator/engine/package/internal.h"

/* Lookup by canonical: one hash table over the set, chains of all resources with one url; the
 * asking package's ranks decide between them. */

static bool make_list(Packages *packages, Err *err)
{
    size_t n = packages->resource_count;
    packages->all = ARENA_ARRAY(packages->arena, const PackageResource *, n);
    packages->chain = ARENA_ARRAY(packages->arena, uint32_t, n);
    packages->docs = ARENA_ARRAY(packages->arena, const JsonDoc *, n);
    if (!packages->all || !packages->chain || !packages->docs)
        return OUT_OF_MEMORY(err);
    for (uint32_t i = 0; i < packages->member_count; i++) {
        const Package *p = &packages->members[i]->shown;
        for (uint32_t r = 0; r < p->resource_count; r++)
            packages->all[p->resources[r]->index] = p->resources[r];
    }
    return true;
}

static uint32_t *slot_of(const Packages *packages, Str url)
{
    uint32_t mask = packages->slot_count - 1;
    for (uint32_t i = (uint32_t)str_hash(url) & mask;; i = (i + 1) & mask) {
        uint32_t first = packages->slots[i];
        if (!first || str_eq(packages->all[first - 1]->url, url))
            return &packages->slots[i];
    }
}

bool packages_index(Packages *packages, Err *err)
{
    packages->options.paths = packages->options.folders = NULL; /* the caller's, maybe gone */
    packages->options.path_count = packages->options.folder_count = 0;
    TRY(make_list(packages, err));
    packages->slot_count = 64;
    while (packages->slot_count < packages->resource_count * 2)
        packages->slot_count *= 2;
    packages->slots = ARENA_ARRAY(packages->arena, uint32_t, packages->slot_count);
    if (!packages->slots)
        return OUT_OF_MEMORY(err);
    for (size_t i = packages->resource_count; i-- > 0;) {
        if (!packages->all[i]->url.len)
            continue;
        uint32_t *slot = slot_of(packages, packages->all[i]->url);
        packages->chain[i] = *slot;
        *slot = (uint32_t)i + 1;
    }
    return true;
}

static Str without_fragment(Str canonical)
{
    return str_cut(canonical, 0, str_find_char(canonical, '#'));
}

/* spec: hl7.org/fhir/R4/references.html#canonical: url|version */
static Str split_canonical(Str canonical, Str *ret_version)
{
    Str whole = without_fragment(canonical);
    size_t bar = str_find_char(whole, '|');
    *ret_version = bar < whole.len ? str_skip(whole, bar + 1) : STR_NONE;
    return str_cut(whole, 0, bar);
}

typedef struct Wish {
    const Member *from;
    Str type;
    Str version; /* ptr NULL: any */
    int least_fit;
} Wish;

static int fit_of(const Wish *wish, const PackageResource *resource)
{
    if (!wish->version.len)
        return 3;
    return resource->version.len ? version_fit(wish->version, resource->version) : 0;
}

static bool precedes(const Wish *wish, const PackageResource *a, const PackageResource *b)
{
    if (!b)
        return true;
    int a_fit = fit_of(wish, a), b_fit = fit_of(wish, b);
    if (a_fit != b_fit)
        return a_fit > b_fit;
    uint16_t a_rank = wish->from->rank[a->package->index];
    uint16_t b_rank = wish->from->rank[b->package->index];
    if (a_rank != b_rank)
        return a_rank < b_rank;
    if (a->is_example != b->is_example)
        return b->is_example;
    return package_version_compare(a->version, b->version) > 0;
}

static const PackageResource *best_of_chain(const Packages *packages, const Wish *wish, Str url)
{
    const PackageResource *best = NULL;
    for (uint32_t i = *slot_of(packages, url); i; i = packages->chain[i - 1]) {
        const PackageResource *r = packages->all[i - 1];
        bool fits = (!wish->type.len || str_eq(r->type, wish->type)) &&
                    r->package->kind != PACKAGE_EXPANSIONS && fit_of(wish, r) >= wish->least_fit;
        if (fits && precedes(wish, r, best))
            best = r;
    }
    return best;
}

static const Member *asking(const Packages *packages, const Package *from)
{
    if (from)
        return packages->members[from->index];
    const Package *root = packages_root(packages);
    return root ? packages->members[root->index] : NULL;
}

static const PackageResource *look(const Packages *packages, const Package *from, Str type,
                                   Str canonical, int least_fit, bool *ret_skewed)
{
    Wish wish = {.from = asking(packages, from), .type = type, .least_fit = least_fit};
    Str url = split_canonical(canonical, &wish.version);
    if (!wish.from || !url.len)
        return NULL;
    const PackageResource *found = best_of_chain(packages, &wish, url);
    if (found && ret_skewed)
        *ret_skewed = fit_of(&wish, found) < 2;
    return found;
}

const PackageResource *packages_find(const Packages *packages, const Package *from, Str type,
                                     Str canonical)
{
    return look(packages, from, type, canonical, 2, NULL);
}

const PackageResource *packages_find_any(const Packages *packages, const Package *from, Str type,
                                         Str canonical, bool *ret_skewed)
{
    return look(packages, from, type, canonical, 0, ret_skewed);
}

const PackageResource *packages_find_expansion(const Packages *packages, Str canonical)
{
    Str version, url = split_canonical(canonical, &version);
    if (!url.len)
        return NULL;
    for (uint32_t i = *slot_of(packages, url); i; i = packages->chain[i - 1]) {
        const PackageResource *r = packages->all[i - 1];
        if (r->package->kind == PACKAGE_EXPANSIONS && str_is(r->type, "ValueSet") &&
            (!version.len || str_eq(version, r->version)))
            return r;
    }
    return NULL;
}

const PackageResource *packages_find_id(const Package *package, Str type, Str id)
{
    for (uint32_t i = 0; i < package->resource_count; i++) {
        const PackageResource *r = package->resources[i];
        if (str_eq(r->type, type) && str_eq(r->id, id))
            return r;
    }
    return NULL;
}

size_t packages_count(const Packages *packages)
{
    return packages->member_count;
}

const Package *packages_at(const Packages *packages, size_t index)
{
    return &packages->members[index]->shown;
}

const Package *packages_root(const Packages *packages)
{
    if (packages->root)
        return &packages->root->shown;
    return packages->loose ? &packages->loose->shown : NULL;
}

const Package *packages_named(const Packages *packages, Str name)
{
    size_t hash = str_find_char(name, '#');
    Str plain = str_cut(name, 0, hash), version = str_skip(name, hash + 1);
    for (uint32_t i = 0; i < packages->member_count; i++) {
        const Package *p = &packages->members[i]->shown;
        if (str_eq(p->name, plain) && (hash == name.len || str_eq(p->version, version)))
            return p;
    }
    return NULL;
}

size_t packages_resource_count(const Packages *packages)
{
    return packages->resource_count;
}

size_t packages_warning_count(const Packages *packages)
{
    return packages->warning_count;
}

const PackageWarning *packages_warning(const Packages *packages, size_t index)
{
    return &packages->warnings[index];
}

Arena *packages_arena(Packages *packages)
{
    return packages->arena;
}

/* --- all of a type -------------------------------------------------------------------------------
 */

/* Whether a nearer package has the same url and version. */
static bool is_hidden(const Packages *packages, const Member *from, const PackageResource *resource)
{
    if (!resource->url.len)
        return false;
    uint16_t rank = from->rank[resource->package->index];
    for (uint32_t i = *slot_of(packages, resource->url); i; i = packages->chain[i - 1]) {
        const PackageResource *r = packages->all[i - 1];
        if (r != resource && str_eq(r->type, resource->type) &&
            str_eq(r->version, resource->version) && from->rank[r->package->index] < rank)
            return true;
    }
    return false;
}

static void fill_list(const Packages *packages, const Member *from, EachList *list)
{
    for (uint32_t p = 0; p < from->shown.closure_count; p++) {
        const Package *package = from->shown.closure[p];
        if (package->kind == PACKAGE_EXPANSIONS)
            continue;
        for (uint32_t i = 0; i < package->resource_count; i++)
            if (str_eq(package->resources[i]->type, list->type) &&
                !is_hidden(packages, from, package->resources[i]))
                list->resources[list->count++] = package->resources[i];
    }
}

static EachList *list_of(Packages *packages, const Member *from, Str type)
{
    for (EachList *list = packages->each; list; list = list->next)
        if (list->from == &from->shown && str_eq(list->type, type))
            return list;
    size_t room = 0;
    for (size_t i = 0; i < packages->resource_count; i++)
        room += str_eq(packages->all[i]->type, type);
    EachList *list = ARENA_NEW(packages->arena, EachList);
    const PackageResource **resources = ARENA_ARRAY(packages->arena, const PackageResource *, room);
    Str kept = arena_copy(packages->arena, type);
    if (!list || !resources || !kept.ptr)
        return NULL;
    *list = (EachList){packages->each, &from->shown, kept, resources, 0};
    packages->each = list;
    fill_list(packages, from, list);
    return list;
}

const PackageResource *packages_each(Packages *packages, const Package *from, Str type, size_t n)
{
    const Member *member = asking(packages, from);
    const EachList *list = member ? list_of(packages, member, type) : NULL;
    return list && n < list->count ? list->resources[n] : NULL;
}

bool packages_doc(Packages *packages, const PackageResource *resource, const JsonDoc **ret_doc,
                  Err *err)
{
    const JsonDoc **slot = &packages->docs[resource->index];
    if (!*slot) {
        JsonDoc *doc = ARENA_NEW(packages->arena, JsonDoc);
        JsonLimits limits = {.depth = 128};
        if (!doc)
            return OUT_OF_MEMORY(err);
        Err why = {0};
        if (!json_read(resource->text, packages->options.names, &limits, packages->arena, doc, NULL,
                       &why))
            return ERR(err, why.kind, why.code, "%.*s: %.*s: %s", STR_ARG(resource->package->path),
                       STR_ARG(resource->file), why.text);
        *slot = doc;
    }
    *ret_doc = *slot;
    return true;
}
