/* The entries of a bundle by what references call them: built once per bundle, so that resolving is
 * logarithmic where the Java core scans. */
#include "services/validator/engine/validate/bundle.h"
#include "services/validator/engine/validate/text.h"

typedef struct Key {
    Str text;
    uint32_t order;
    ElemId entry;
} Key;

typedef struct KeyTable {
    Key *keys; /* sorted by text, then order */
    uint32_t count;
    uint32_t room;
    const ElemId **lists; /* per key: the entries with that text, 0 behind the last */
} KeyTable;

typedef struct BundleIndex {
    KeyTable full_urls; /* fullUrl, and fullUrl/_history/version */
    KeyTable type_ids;  /* Type/id, and Type/id/_history/version */
} BundleIndex;

static bool add_key(Walk *walk, KeyTable *table, Str text, ElemId entry)
{
    if (!text.ptr)
        return true;
    if (table->count == table->room) {
        uint32_t room = table->room ? table->room * 2 : 64;
        table->keys =
            arena_grow(walk->arena, table->keys, table->count * sizeof(Key), room * sizeof(Key));
        if (!table->keys)
            return false;
        table->room = room;
    }
    table->keys[table->count] = (Key){text, table->count, entry};
    table->count++;
    return true;
}

static Str join(Walk *walk, Str a, const char *between, Str b)
{
    return text_join(walk->arena, a, str_from(between), b);
}

static bool add_entry(Walk *walk, BundleIndex *index, ElemId entry)
{
    Str full_url = walk_text(walk, entry, "fullUrl");
    if (!add_key(walk, &index->full_urls, full_url, entry))
        return false;
    ElemId resource = walk_child(walk, entry, "resource");
    if (!resource)
        return true;
    Str id = walk_text(walk, resource, "id");
    Str type_id =
        id.ptr ? join(walk, fhir_type_name(walk->model, walk_elem(walk, resource)->type), "/", id)
               : STR_NONE;
    if (!add_key(walk, &index->type_ids, type_id, entry))
        return false;
    ElemId meta = walk_child(walk, resource, "meta");
    Str version = meta ? walk_text(walk, meta, "versionId") : STR_NONE;
    if (!version.len)
        return true;
    if (full_url.ptr &&
        !add_key(walk, &index->full_urls, join(walk, full_url, "/_history/", version), entry))
        return false;
    return !type_id.ptr ||
           add_key(walk, &index->type_ids, join(walk, type_id, "/_history/", version), entry);
}

static int by_text(const void *a, const void *b)
{
    const Key *x = a;
    const Key *y = b;
    int order = str_compare(x->text, y->text);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static bool settle(Walk *walk, KeyTable *table)
{
    if (!table->count)
        return true;
    qsort(table->keys, table->count, sizeof(Key), by_text);
    table->lists = arena_alloc(walk->arena, table->count * sizeof *table->lists);
    /* At worst every list has one entry and its end. */
    ElemId *ids = arena_alloc(walk->arena, 2 * table->count * sizeof *ids);
    if (!table->lists || !ids)
        return false;
    for (uint32_t i = 0; i < table->count; i++) {
        bool same = i > 0 && str_eq(table->keys[i].text, table->keys[i - 1].text);
        if (i > 0 && !same)
            *ids++ = ELEM_NONE;
        table->lists[i] = same ? table->lists[i - 1] : ids;
        *ids++ = table->keys[i].entry;
    }
    *ids = ELEM_NONE;
    return true;
}

static const ElemId *find(const KeyTable *table, Str text)
{
    static const ElemId none[1] = {ELEM_NONE};
    uint32_t low = 0;
    uint32_t high = table->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = str_compare(table->keys[middle].text, text);
        if (order == 0)
            return table->lists[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return none;
}

static const BundleIndex *index_of(Walk *walk, ElemId bundle)
{
    BundleIndex *index = memo_get(walk->indexes, bundle, INDEX_BUNDLE);
    if (index)
        return index;
    index = ARENA_NEW(walk->arena, BundleIndex);
    bool ok = index != NULL;
    ELEM_EACH(&walk->elems, child, bundle)
    {
        if (ok && walk_elem(walk, child)->element == walk->model->n_entry)
            ok = add_entry(walk, index, child);
    }
    ok = ok && settle(walk, &index->full_urls) && settle(walk, &index->type_ids) &&
         memo_put(walk->indexes, bundle, INDEX_BUNDLE, index);
    walk->stopped = walk->stopped || !ok;
    return ok ? index : NULL;
}

const ElemId *bundle_by_full_url(Walk *walk, ElemId bundle, Str full_url)
{
    static const KeyTable empty;
    const BundleIndex *index = index_of(walk, bundle);
    return find(index ? &index->full_urls : &empty, full_url);
}

const ElemId *bundle_by_relative(Walk *walk, ElemId bundle, Str reference)
{
    static const KeyTable empty;
    const BundleIndex *index = index_of(walk, bundle);
    return find(index ? &index->type_ids : &empty, reference);
}

const ElemId *bundle_by_type_id(Walk *walk, ElemId bundle, Str type, Str id)
{
    return bundle_by_relative(walk, bundle, join(walk, type, "/", id));
}

bool bundle_prepare(Walk *walk, ElemId bundle)
{
    return index_of(walk, bundle) != NULL;
}
