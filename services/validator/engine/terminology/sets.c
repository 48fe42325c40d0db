/* Value sets: what they name, then, system by system, the bits of the codes that they hold. */
#include "services/validator/engine/terminology/builder.h"

enum { IMPORT_DEPTH_MAX = 40 };

/* --- loading --- */

static TxSpecial special_of(Str url)
{
    static const struct {
        const char *url;
        TxSpecial special;
    } specials[] = {
        {"http://hl7.org/fhir/ValueSet/languages",                  TX_SPECIAL_LANGUAGES    },
        {"http://hl7.org/fhir/ValueSet/all-languages",              TX_SPECIAL_ALL_LANGUAGES},
        {"http://hl7.org/fhir/ValueSet/mimetypes",                  TX_SPECIAL_MIME         },
        {"http://hl7.org/fhir/ValueSet/ucum-units",                 TX_SPECIAL_UCUM         },
        {"http://hl7.org/fhir/ValueSet/currencies",                 TX_SPECIAL_CURRENCIES   },
        {"http://hl7.org/fhir/us/core/ValueSet/us-core-usps-state", TX_SPECIAL_USPS         }
    };
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        if (str_is(url, specials[i].url))
            return specials[i].special;
    return TX_SPECIAL_NONE;
}

static bool new_set(Builder *b, Str url, Str version, uint32_t *ret_index)
{
    BuildSet *sets = builder_grow(b, b->sets, b->set_count, &b->set_room, sizeof(BuildSet));
    if (!sets)
        return builder_out_of_memory(b);
    b->sets = sets;
    *ret_index = b->set_count++;
    sets[*ret_index] = (BuildSet){
        .url = url, .version = version, .only_system = TX_NONE, .special = special_of(url)};
    return builder_index_add(b, &b->set_index, url, version, *ret_index);
}

/* A code that only a value set names becomes a row without TX_CODE_DEFINED; of a system that is
 * loaded whole it is none. */
static bool name_code(Builder *b, uint32_t system, Str code, Str display)
{
    if (code.len == 0)
        return true;
    TxContent content = b->systems[system].content;
    bool loaded = content >= TX_CONTENT_EXAMPLE && content != TX_CONTENT_GRAMMAR;
    return loaded || builder_add_code(b, system, code, display, 0, NULL);
}

static bool name_concepts(Builder *b, const JsonDoc *doc, const JsonNode *clauses)
{
    if (!clauses)
        return true;
    JSON_EACH(doc, clause, clauses)
    {
        uint32_t system;
        Str url = json_get_text(doc, clause, "system");
        const JsonNode *concepts = json_get(doc, clause, "concept");
        if (url.len == 0)
            continue;
        TRY(builder_need_system(b, url, json_get_text(doc, clause, "version"), &system));
        if (concepts)
            JSON_EACH(doc, concept, concepts)
        TRY(name_code(b, system, json_get_text(doc, concept, "code"),
                      json_get_text(doc, concept, "display")));
    }
    return true;
}

static bool name_expansion(Builder *b, const JsonDoc *doc, const JsonNode *contains)
{
    if (!contains)
        return true;
    JSON_EACH(doc, entry, contains)
    {
        uint32_t system;
        Str url = json_get_text(doc, entry, "system");
        if (url.len) {
            TRY(builder_need_system(b, url, json_get_text(doc, entry, "version"), &system));
            TRY(name_code(b, system, json_get_text(doc, entry, "code"),
                          json_get_text(doc, entry, "display")));
        }
        TRY(name_expansion(b, doc, json_get(doc, entry, "contains")));
    }
    return true;
}

static const JsonNode *expansion_of(const JsonDoc *doc, const JsonNode *root)
{
    return json_get(doc, json_get(doc, root, "expansion"), "contains");
}

/* Codes of its expansion are named too: bits are sized once, by the codes known by then. */
static bool name_from_expansions(Builder *b, Str url)
{
    const JsonDoc *doc;
    const PackageResource *found =
        b->flags & TERMINOLOGY_LENIENT ? NULL : packages_find_expansion(b->packages, url);
    if (!found)
        return true;
    TRY(packages_doc(b->packages, found, &doc, b->err));
    return name_expansion(b, doc, expansion_of(doc, json_root(doc)));
}

static bool load_set(Builder *b, const PackageResource *resource)
{
    const JsonDoc *doc;
    uint32_t index = 0;
    if (resource->url.len == 0)
        return true;
    TRY(packages_doc(b->packages, resource, &doc, b->err));
    TRY(new_set(b, resource->url, resource->version, &index));
    BuildSet *set = &b->sets[index];
    set->doc = doc;
    set->root = json_root(doc);
    Str title = json_get_text(doc, set->root, "title");
    set->title = title.len ? title : resource->name;
    const JsonNode *compose = json_get(doc, set->root, "compose");
    TRY(name_concepts(b, doc, json_get(doc, compose, "include")));
    TRY(name_concepts(b, doc, json_get(doc, compose, "exclude")));
    TRY(name_from_expansions(b, resource->url));
    return name_expansion(b, doc, expansion_of(doc, json_root(doc)));
}

/* http://loinc.org/vs and the like: all of one system */
static bool add_implicit_sets(Builder *b)
{
    static const struct {
        const char *set, *system, *title;
    } implicit[] = {
        {"http://loinc.org/vs",            "http://loinc.org",          "LOINC"    },
        {"http://snomed.info/sct?fhir_vs", "http://snomed.info/sct",    "SNOMED CT"},
        {"http://unitsofmeasure.org/vs",   "http://unitsofmeasure.org", "UCUM"     }
    };
    for (size_t i = 0; i < sizeof implicit / sizeof *implicit; i++) {
        uint32_t index = 0, system;
        if (builder_find_set(b, str_from(implicit[i].set)) != TX_NONE)
            continue;
        TRY(builder_need_system(b, str_from(implicit[i].system), STR_NONE, &system));
        TRY(new_set(b, str_from(implicit[i].set), STR_NONE, &index));
        b->sets[index].title = str_from(implicit[i].title);
        b->sets[index].only_system = system;
    }
    return true;
}

bool builder_load_sets(Builder *b)
{
    const PackageResource *resource;
    for (size_t i = 0; (resource = packages_each(b->packages, b->from, STR("ValueSet"), i)); i++)
        TRY(load_set(b, resource));
    return add_implicit_sets(b);
}

/* --- flattening --- */

static bool lenient(const Builder *b)
{
    return b->flags & TERMINOLOGY_LENIENT;
}

static BuildPart *part_of(Builder *b, BuildSet *set, uint32_t system)
{
    for (uint32_t i = 0; i < set->part_count; i++)
        if (set->parts[i].system == system)
            return &set->parts[i];
    BuildPart *parts =
        builder_grow(b, set->parts, set->part_count, &set->part_room, sizeof(BuildPart));
    if (!parts)
        return NULL;
    set->parts = parts;
    parts[set->part_count] = (BuildPart){.system = system};
    return &parts[set->part_count++];
}

static uint64_t *part_bits(Builder *b, BuildPart *part)
{
    if (!part->bits)
        part->bits =
            ARENA_ARRAY(b->arena, uint64_t, bits_words(b->systems[part->system].count) + 1);
    return part->bits;
}

static bool system_is_loaded(const BuildSystem *system)
{
    return system->content >= TX_CONTENT_EXAMPLE && system->content != TX_CONTENT_GRAMMAR;
}

/* Codes that may be members: defined ones of a loaded system, else all that are named. */
static bool may_hold(const BuildSystem *system, uint32_t ordinal)
{
    return !system_is_loaded(system) || (system->codes[ordinal].flags & TX_CODE_DEFINED);
}

static bool add_listed(Builder *b, BuildPart *part, const JsonDoc *doc, const JsonNode *concepts)
{
    const BuildSystem *system = &b->systems[part->system];
    uint64_t *bits = part_bits(b, part);
    if (!bits)
        return builder_out_of_memory(b);
    part->enumerated = true;
    JSON_EACH(doc, concept, concepts)
    {
        uint32_t ordinal = builder_find_code(system, json_get_text(doc, concept, "code"));
        if (ordinal != TX_NONE && may_hold(system, ordinal))
            bits_set(bits, ordinal);
    }
    return true;
}

static bool add_all(Builder *b, BuildPart *part)
{
    const BuildSystem *system = &b->systems[part->system];
    if (system->content == TX_CONTENT_GRAMMAR) {
        part->all = true;
        return true;
    }
    if (!system_is_loaded(system)) {
        part->fails = true;
        return true;
    }
    uint64_t *bits = part_bits(b, part);
    if (!bits)
        return builder_out_of_memory(b);
    for (uint32_t i = 0; i < system->count; i++)
        if (system->codes[i].flags & TX_CODE_DEFINED)
            bits_set(bits, i);
    return true;
}

/* Several filters of one clause are all to be met. */
static bool add_filtered(Builder *b, BuildPart *part, const JsonDoc *doc, const JsonNode *filters)
{
    BuildPart clause = {.system = part->system};
    const BuildSystem *system = &b->systems[part->system];
    TRY(add_all(b, &clause));
    if (!clause.bits) {
        part->fails = true;
        return true;
    }
    JSON_EACH(doc, filter, filters)
    if (!filter_apply(b, system, doc, filter, clause.bits)) {
        part->fails = true;
        return true;
    }
    uint64_t *bits = part_bits(b, part);
    if (!bits)
        return builder_out_of_memory(b);
    for (uint32_t i = 0; i < bits_words(system->count); i++)
        bits[i] |= clause.bits[i];
    return true;
}

static bool flatten_set(Builder *b, uint32_t index, uint32_t depth);

static bool unite(Builder *b, BuildSet *to, const BuildSet *from)
{
    to->incomplete = to->incomplete || from->incomplete;
    for (uint32_t i = 0; i < from->part_count; i++) {
        const BuildPart *other = &from->parts[i];
        BuildPart *part = part_of(b, to, other->system);
        if (!part)
            return builder_out_of_memory(b);
        part->all = part->all || other->all;
        part->fails = part->fails || other->fails;
        part->enumerated = part->enumerated || other->enumerated;
        if (!other->bits)
            continue;
        uint64_t *bits = part_bits(b, part);
        if (!bits)
            return builder_out_of_memory(b);
        for (uint32_t w = 0; w < bits_words(b->systems[part->system].count); w++)
            bits[w] |= other->bits[w];
    }
    return true;
}

/* Only what both hold stays. A grammar's "all" yields to the other's list. */
static bool intersect(Builder *b, BuildSet *to, const BuildSet *with)
{
    to->incomplete = to->incomplete || with->incomplete;
    for (uint32_t i = 0; i < to->part_count; i++) {
        BuildPart *part = &to->parts[i];
        const BuildPart *other = NULL;
        for (uint32_t j = 0; j < with->part_count; j++)
            if (with->parts[j].system == part->system)
                other = &with->parts[j];
        uint32_t words = bits_words(b->systems[part->system].count);
        part->fails = part->fails || (other && other->fails);
        if (part->all && other && !other->all) {
            uint64_t *bits = part_bits(b, part);
            if (!bits)
                return builder_out_of_memory(b);
            for (uint32_t w = 0; w < words; w++)
                bits[w] = other->bits ? other->bits[w] : 0;
        } else if (part->bits && !(other && other->all)) {
            for (uint32_t w = 0; w < words; w++)
                part->bits[w] &= other && other->bits ? other->bits[w] : 0;
        }
        part->all = part->all && other && other->all;
        if (!other)
            part->fails = false;
    }
    return true;
}

/* What the value sets of one clause have in common (leniently: their union), in *set. */
static bool import_sets(Builder *b, BuildSet *set, const JsonDoc *doc, const JsonNode *imports,
                        bool first, uint32_t depth)
{
    JSON_EACH(doc, import, imports)
    {
        uint32_t other = builder_find_set(b, json_text(import));
        if (other == TX_NONE) {
            set->incomplete = set->incomplete || !lenient(b);
            continue;
        }
        TRY(flatten_set(b, other, depth + 1));
        if (first || lenient(b))
            TRY(unite(b, set, &b->sets[other]));
        else
            TRY(intersect(b, set, &b->sets[other]));
        first = false;
    }
    return true;
}

static bool expand_clause(Builder *b, const JsonDoc *doc, const JsonNode *clause, uint32_t depth,
                          BuildSet *ret)
{
    Str url = json_get_text(doc, clause, "system");
    const JsonNode *concepts = json_get(doc, clause, "concept");
    const JsonNode *filters = json_get(doc, clause, "filter");
    const JsonNode *imports = json_get(doc, clause, "valueSet");
    *ret = (BuildSet){.only_system = TX_NONE};
    if (url.len) {
        uint32_t system = builder_find_system(b, url, json_get_text(doc, clause, "version"));
        BuildPart *part = part_of(b, ret, system);
        if (!part)
            return builder_out_of_memory(b);
        if (concepts && concepts->count)
            TRY(add_listed(b, part, doc, concepts));
        else if (filters && filters->count && !lenient(b))
            TRY(add_filtered(b, part, doc, filters));
        else
            TRY(add_all(b, part));
    }
    return !imports || import_sets(b, ret, doc, imports, url.len == 0, depth);
}

static bool take_away(Builder *b, BuildSet *set, const BuildSet *excluded)
{
    for (uint32_t i = 0; i < excluded->part_count; i++) {
        const BuildPart *other = &excluded->parts[i];
        for (uint32_t j = 0; j < set->part_count; j++) {
            BuildPart *part = &set->parts[j];
            if (part->system != other->system)
                continue;
            uint32_t words = part->bits ? bits_words(b->systems[part->system].count) : 0;
            for (uint32_t w = 0; w < words; w++)
                part->bits[w] &= other->all || other->fails ? 0
                                 : other->bits              ? ~other->bits[w]
                                                            : ~(uint64_t)0;
            part->fails = part->fails || other->fails;
            part->all = part->all && !other->all && !other->fails;
        }
    }
    set->incomplete = set->incomplete || excluded->incomplete;
    return true;
}

/* A bare code is of the system of a set's single include. */
static void note_only_system(const Builder *b, BuildSet *set, const JsonNode *include)
{
    Str url = json_get_text(set->doc, include, "system");
    Str version = json_get_text(set->doc, include, "version");
    if (url.len == 0)
        return;
    set->only_system = builder_find_system(b, url, version);
    set->only_version_unknown = version.len && !str_starts(url, STR("http://hl7.org")) &&
                                !str_starts(url, STR("http://terminology.hl7.org")) &&
                                !str_eq(b->systems[set->only_system].version, version);
}

static bool flatten_compose(Builder *b, BuildSet *set, const JsonNode *compose, uint32_t depth)
{
    const JsonNode *includes = json_get(set->doc, compose, "include");
    const JsonNode *excludes = json_get(set->doc, compose, "exclude");
    const JsonDoc *doc = set->doc;
    BuildSet clause;
    if (includes && includes->count == 1)
        note_only_system(b, set, json_first(includes));
    if (includes)
        JSON_EACH(doc, include, includes)
        {
            TRY(expand_clause(b, doc, include, depth, &clause));
            TRY(unite(b, set, &clause));
        }
    if (excludes)
        JSON_EACH(doc, exclude, excludes)
        {
            TRY(expand_clause(b, doc, exclude, depth, &clause));
            TRY(take_away(b, set, &clause));
        }
    return true;
}

static bool add_expansion(Builder *b, BuildSet *set, const JsonDoc *doc, const JsonNode *contains)
{
    if (!contains)
        return true;
    JSON_EACH(doc, entry, contains)
    {
        Str url = json_get_text(doc, entry, "system"), code = json_get_text(doc, entry, "code");
        if (url.len && code.len) {
            uint32_t system = builder_find_system(b, url, json_get_text(doc, entry, "version"));
            BuildPart *part = system == TX_NONE ? NULL : part_of(b, set, system);
            uint64_t *bits = part ? part_bits(b, part) : NULL;
            if (system != TX_NONE && !bits)
                return builder_out_of_memory(b);
            uint32_t ordinal = part ? builder_find_code(&b->systems[system], code) : TX_NONE;
            if (ordinal != TX_NONE && may_hold(&b->systems[system], ordinal))
                bits_set(bits, ordinal);
            if (part)
                part->enumerated = true;
        }
        TRY(add_expansion(b, set, doc, json_get(doc, entry, "contains")));
    }
    return true;
}

static bool is_answerable(const BuildSet *set)
{
    for (uint32_t i = 0; i < set->part_count; i++)
        if (set->parts[i].fails)
            return false;
    return !set->incomplete;
}

/* What the compose leaves open, the expansions package may answer. */
static bool use_expansions(Builder *b, BuildSet *set)
{
    const JsonDoc *doc;
    if (lenient(b) || is_answerable(set))
        return true;
    const PackageResource *found = packages_find_expansion(b->packages, set->url);
    if (!found)
        return true;
    TRY(packages_doc(b->packages, found, &doc, b->err));
    return add_expansion(b, set, doc, expansion_of(doc, json_root(doc)));
}

static bool add_from_lists(Builder *b, BuildSet *set)
{
    for (const ListedCodes *listed = b->listed; listed; listed = listed->next) {
        if (!str_eq(listed->set_url, set->url))
            continue;
        BuildPart *part = part_of(b, set, listed->system);
        uint64_t *bits = part ? part_bits(b, part) : NULL;
        if (!bits)
            return builder_out_of_memory(b);
        const BuildSystem *system = &b->systems[listed->system];
        part->enumerated = true;
        for (uint32_t i = 0; i < listed->count; i++) {
            uint32_t ordinal = builder_find_code(system, listed->codes[i]);
            if (ordinal != TX_NONE && may_hold(system, ordinal))
                bits_set(bits, ordinal);
        }
        if (listed->system != set->only_system)
            set->only_system = TX_NONE; /* it has a further include now */
    }
    return true;
}

static bool flatten_implicit(Builder *b, BuildSet *set)
{
    BuildPart *part = part_of(b, set, set->only_system);
    if (!part)
        return builder_out_of_memory(b);
    return add_all(b, part);
}

/* A set that imports itself adds nothing to itself. */
static bool flatten_set(Builder *b, uint32_t index, uint32_t depth)
{
    BuildSet *set = &b->sets[index];
    if (set->done || set->running || depth > IMPORT_DEPTH_MAX)
        return true;
    set->running = true;
    const JsonNode *compose = set->doc ? json_get(set->doc, set->root, "compose") : NULL;
    if (!set->doc)
        TRY(flatten_implicit(b, set));
    else if (compose)
        TRY(flatten_compose(b, set, compose, depth));
    /* A set that brings its expansion (VSAC's do, with imports that nobody has) holds its codes. */
    if (set->doc)
        TRY(add_expansion(b, set, set->doc, expansion_of(set->doc, set->root)));
    TRY(add_from_lists(b, set));
    if (set->doc)
        TRY(use_expansions(b, set));
    set->running = false;
    set->done = true;
    return true;
}

bool builder_flatten(Builder *b)
{
    for (uint32_t i = 0; i < b->set_count; i++)
        TRY(flatten_set(b, i, 0));
    return true;
}
