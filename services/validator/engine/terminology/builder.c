#include "services/validator/engine/terminology/builder.h"

bool builder_out_of_memory(Builder *b)
{
    return ERR(b->err, ERR_INPUT, "memory-limit", "the terminology needs more memory than allowed");
}

void *builder_grow(Builder *b, void *items, uint32_t count, uint32_t *room, size_t item_bytes)
{
    if (count < *room)
        return items;
    uint32_t more = *room ? *room * 2 : 16;
    void *grown = arena_grow(b->arena, items, *room * item_bytes, more * item_bytes);
    if (grown)
        *room = more;
    return grown;
}

/* --- names --- */

uint32_t builder_index_find(const BuildIndex *index, Str key)
{
    if (index->room == 0)
        return TX_NONE;
    uint32_t mask = index->room - 1;
    for (uint32_t i = (uint32_t)str_hash(key) & mask; index->keys[i].ptr; i = (i + 1) & mask)
        if (str_eq(index->keys[i], key))
            return index->values[i];
    return TX_NONE;
}

static bool index_put(BuildIndex *index, Str key, uint32_t value)
{
    uint32_t mask = index->room - 1, i = (uint32_t)str_hash(key) & mask;
    while (index->keys[i].ptr) {
        if (str_eq(index->keys[i], key))
            return false; /* the first one wins: packages come nearest first */
        i = (i + 1) & mask;
    }
    index->keys[i] = key;
    index->values[i] = value;
    return true;
}

static bool index_make_room(Builder *b, BuildIndex *index)
{
    if (index->count * 2 + 4 <= index->room)
        return true;
    BuildIndex larger = {.room = index->room ? index->room * 2 : 256};
    larger.keys = ARENA_ARRAY(b->arena, Str, larger.room);
    larger.values = ARENA_ARRAY(b->arena, uint32_t, larger.room);
    if (!larger.keys || !larger.values)
        return builder_out_of_memory(b);
    for (uint32_t i = 0; i < index->room; i++)
        if (index->keys[i].ptr)
            larger.count += index_put(&larger, index->keys[i], index->values[i]);
    *index = larger;
    return true;
}

bool builder_index_add(Builder *b, BuildIndex *index, Str url, Str version, uint32_t value)
{
    TRY(index_make_room(b, index));
    index->count += index_put(index, url, value);
    if (version.len == 0)
        return true;
    Str key = arena_format(b->arena, "%.*s|%.*s", STR_ARG(url), STR_ARG(version));
    if (!key.ptr)
        return builder_out_of_memory(b);
    index->count += index_put(index, key, value);
    return true;
}

static Str cut_version(Str *url)
{
    size_t bar = str_find_char(*url, '|');
    Str version = bar < url->len ? str_skip(*url, bar + 1) : STR_NONE;
    *url = str_cut(*url, 0, bar);
    return version;
}

uint32_t builder_find_system(const Builder *b, Str url, Str version)
{
    char key[512];
    Str own = cut_version(&url);
    if (version.len == 0)
        version = own;
    if (version.len && url.len + version.len + 1 < sizeof key) {
        int len = snprintf(key, sizeof key, "%.*s|%.*s", STR_ARG(url), STR_ARG(version));
        uint32_t found = builder_index_find(&b->system_index, (Str){key, (size_t)len});
        if (found != TX_NONE)
            return found;
    }
    return builder_index_find(&b->system_index, url);
}

bool builder_new_system(Builder *b, Str url, Str version, uint32_t *ret_index)
{
    BuildSystem *systems =
        builder_grow(b, b->systems, b->system_count, &b->system_room, sizeof(BuildSystem));
    if (!systems)
        return builder_out_of_memory(b);
    b->systems = systems;
    uint32_t index = b->system_count++;
    systems[index] = (BuildSystem){.url = url, .version = version, .case_sensitive = true};
    TRY(builder_index_add(b, &b->system_index, url, version, index));
    *ret_index = index;
    return true;
}

bool builder_need_system(Builder *b, Str url, Str version, uint32_t *ret_index)
{
    uint32_t found = builder_find_system(b, url, version);
    if (found == TX_NONE) {
        cut_version(&url);
        return builder_new_system(b, url, STR_NONE, ret_index);
    }
    *ret_index = found;
    return true;
}

uint32_t builder_find_set(const Builder *b, Str canonical)
{
    uint32_t found = builder_index_find(&b->set_index, canonical);
    if (found != TX_NONE)
        return found;
    Str version = cut_version(&canonical);
    bool lax = str_starts(canonical, STR("http://hl7.org")) ||
               str_starts(canonical, STR("http://terminology.hl7.org"));
    return version.len && lax ? builder_index_find(&b->set_index, canonical) : TX_NONE;
}

/* --- codes --- */

uint64_t builder_code_hash(Str code, bool case_sensitive)
{
    return case_sensitive ? str_hash(code) : tx_hash_folded(code);
}

static bool same_code(const BuildSystem *system, Str a, Str b)
{
    return system->case_sensitive ? str_eq(a, b) : str_eq_ignore_case(a, b);
}

/* In a system that ignores case, codes that differ in case alone are still two rows; a search finds
 * the first. */
static uint32_t find_slot(const BuildSystem *system, Str code, bool exact)
{
    uint32_t mask = system->slot_count - 1;
    uint32_t i = (uint32_t)builder_code_hash(code, system->case_sensitive) & mask;
    for (; system->slots[i]; i = (i + 1) & mask) {
        Str have = system->codes[system->slots[i] - 1].code;
        if (exact ? str_eq(have, code) : same_code(system, have, code))
            break;
    }
    return i;
}

uint32_t builder_find_code(const BuildSystem *system, Str code)
{
    if (system->slot_count == 0)
        return TX_NONE;
    return system->slots[find_slot(system, code, false)] - 1; /* 0 - 1 is TX_NONE */
}

static bool grow_slots(Builder *b, BuildSystem *system)
{
    if (system->count * 2 + 2 <= system->slot_count)
        return true;
    system->slot_count = system->slot_count ? system->slot_count * 2 : 8;
    system->slots = ARENA_ARRAY(b->arena, uint32_t, system->slot_count);
    if (!system->slots)
        return builder_out_of_memory(b);
    for (uint32_t i = 0; i < system->count; i++) {
        uint32_t slot = find_slot(system, system->codes[i].code, true);
        if (!system->slots[slot])
            system->slots[slot] = i + 1;
    }
    return true;
}

bool builder_add_code(Builder *b, uint32_t index, Str code, Str display, uint32_t flags,
                      uint32_t *ret_ordinal)
{
    BuildSystem *system = &b->systems[index];
    TRY(grow_slots(b, system));
    uint32_t slot = find_slot(system, code, true);
    if (!system->slots[slot]) {
        if (system->count == TX_CODES_MAX || code.len > UINT16_MAX)
            return ERR(b->err, ERR_INPUT, "code-list-too-large",
                       "a code system has more than %d codes, or a code is too long", TX_CODES_MAX);
        BuildCode *codes =
            builder_grow(b, system->codes, system->count, &system->room, sizeof(BuildCode));
        if (!codes)
            return builder_out_of_memory(b);
        system->codes = codes;
        codes[system->count] = (BuildCode){.code = code, .parent = TX_NONE};
        system->slots[slot] = ++system->count;
    }
    BuildCode *row = &system->codes[system->slots[slot] - 1];
    row->flags |= flags;
    if (display.len && row->display.len == 0 && display.len <= UINT16_MAX)
        row->display = display;
    if (ret_ordinal)
        *ret_ordinal = system->slots[slot] - 1;
    return true;
}

bool terminology_build(Packages *packages, const Package *from, const TerminologyOptions *options,
                       Buf *out, TerminologyStats *ret_stats, Err *err)
{
    enum { BUILD_BYTES_MAX = 1 << 30 };
    ARENA_AUTO arena = arena_new((size_t)BUILD_BYTES_MAX * 4);
    if (!arena)
        return ERR(err, ERR_FATAL, "memory-limit", "no memory");
    Builder b = {
        .packages = packages, .from = from, .arena = arena, .flags = options->flags, .err = err};
    TRY(builder_load_systems(&b));
    for (size_t i = 0; i < options->code_list_count; i++)
        TRY(builder_load_list(&b, options->code_lists[i]));
    TRY(builder_load_sets(&b));
    TRY(builder_flatten(&b));
    return builder_write(&b, out, ret_stats);
}
