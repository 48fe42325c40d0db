/* CodeSystems of the packages, and those that every build knows: grammars and short ISO lists. */
#include "services/validator/engine/terminology/builder.h"

#include "services/validator/engine/terminology/known_codes.h"

enum { CONCEPT_DEPTH_MAX = 100 };

static TxContent content_of(Str word)
{
    static const struct {
        const char *word;
        TxContent content;
    } words[] = {
        {"complete", TX_CONTENT_COMPLETE},
        {"fragment", TX_CONTENT_FRAGMENT},
        {"example",  TX_CONTENT_EXAMPLE }
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_is(word, words[i].word))
            return words[i].content;
    return TX_CONTENT_NOT_PRESENT;
}

static bool property_is(const JsonDoc *doc, const JsonNode *property, const char *code,
                        const char *value_name, const char *text)
{
    const JsonNode *value = json_get(doc, property, value_name);
    if (!str_is(json_get_text(doc, property, "code"), code) || !value)
        return false;
    return text ? str_is(json_text(value), text) : value->kind == JSON_KIND_TRUE;
}

/* spec: hl7.org/fhir/R4/codesystem-concept-properties.html */
static uint32_t flags_of(const JsonDoc *doc, const JsonNode *concept)
{
    uint32_t flags = TX_CODE_DEFINED;
    const JsonNode *properties = json_get(doc, concept, "property");
    if (!properties)
        return flags;
    JSON_EACH(doc, property, properties)
    {
        if (property_is(doc, property, "notSelectable", "valueBoolean", NULL) ||
            property_is(doc, property, "abstract", "valueBoolean", NULL))
            flags |= TX_CODE_ABSTRACT;
        if (property_is(doc, property, "inactive", "valueBoolean", NULL) ||
            property_is(doc, property, "status", "valueCode", "retired") ||
            property_is(doc, property, "status", "valueCode", "inactive"))
            flags |= TX_CODE_INACTIVE;
    }
    return flags;
}

static bool load_concepts(Builder *b, uint32_t index, const JsonDoc *doc, const JsonNode *concepts,
                          uint32_t parent, uint32_t depth)
{
    if (!concepts || concepts->kind != JSON_KIND_ARRAY || depth > CONCEPT_DEPTH_MAX)
        return true;
    JSON_EACH(doc, concept, concepts)
    {
        Str code = json_get_text(doc, concept, "code");
        uint32_t ordinal = parent;
        if (code.len) {
            TRY(builder_add_code(b, index, code, json_get_text(doc, concept, "display"),
                                 flags_of(doc, concept), &ordinal));
            BuildCode *row = &b->systems[index].codes[ordinal];
            row->node = concept;
            if (parent != TX_NONE && row->parent == TX_NONE && parent != ordinal) {
                row->parent = parent;
                b->systems[index].hierarchical = true;
            }
        }
        TRY(load_concepts(b, index, doc, json_get(doc, concept, "concept"), ordinal, depth + 1));
    }
    return true;
}

/* Parents given by property instead of by nesting: the first one is kept for subsumption, filters
 * look at all of them. */
static void link_parents(BuildSystem *system)
{
    for (uint32_t i = 0; i < system->count; i++) {
        const JsonNode *properties =
            system->codes[i].node ? json_get(system->doc, system->codes[i].node, "property") : NULL;
        if (!properties)
            continue;
        JSON_EACH(system->doc, property, properties)
        {
            Str name = json_get_text(system->doc, property, "code");
            if (!str_is(name, "parent") && !str_is(name, "subsumedBy"))
                continue;
            uint32_t parent =
                builder_find_code(system, json_get_text(system->doc, property, "valueCode"));
            system->hierarchical = true;
            if (parent != TX_NONE && parent != i && system->codes[i].parent == TX_NONE)
                system->codes[i].parent = parent;
        }
    }
}

static bool load_system(Builder *b, const PackageResource *resource)
{
    const JsonDoc *doc;
    uint32_t index;
    if (resource->url.len == 0)
        return true;
    TRY(packages_doc(b->packages, resource, &doc, b->err));
    const JsonNode *root = json_root(doc);
    Str content = json_get_text(doc, root, "content");
    bool adds_only = str_is(content, "supplement");
    if (adds_only && b->flags & TERMINOLOGY_LENIENT)
        return true;
    TRY(builder_new_system(b, resource->url, resource->version, &index));
    BuildSystem *system = &b->systems[index];
    system->name = resource->name;
    system->supplement = adds_only || json_get_text(doc, root, "supplements").len;
    if (system->supplement)
        b->flags |= TX_HAS_SUPPLEMENTS;
    if (adds_only)
        return true; /* TX_CONTENT_UNKNOWN: it has no codes of its own */
    system->doc = doc;
    system->content = content_of(content);
    /* spec: codesystem.html: no default is given; the Java core takes absent for false */
    system->case_sensitive = json_get_true(doc, root, "caseSensitive");
    if (system->content != TX_CONTENT_NOT_PRESENT)
        TRY(load_concepts(b, index, doc, json_get(doc, root, "concept"), TX_NONE, 0));
    link_parents(&b->systems[index]);
    return true;
}

static bool build_in_grammars(Builder *b)
{
    static const struct {
        const char *url;
        TxGrammar grammar;
    } grammars[] = {
        {"http://unitsofmeasure.org", TX_GRAMMAR_UCUM    },
        {"urn:ietf:bcp:47",           TX_GRAMMAR_LANGUAGE},
        {"urn:ietf:bcp:13",           TX_GRAMMAR_MIME    }
    };
    for (size_t i = 0; i < sizeof grammars / sizeof *grammars; i++) {
        uint32_t index;
        TRY(builder_need_system(b, str_from(grammars[i].url), STR_NONE, &index));
        b->systems[index].content = TX_CONTENT_GRAMMAR;
        b->systems[index].grammar = grammars[i].grammar;
    }
    return true;
}

static bool build_in_lists(Builder *b)
{
    for (size_t i = 0; i < known_list_count; i++) {
        uint32_t index;
        Str rest = str_from(known_lists[i].codes), code;
        TRY(builder_need_system(b, str_from(known_lists[i].url), STR_NONE, &index));
        if (b->systems[index].content >= TX_CONTENT_FRAGMENT)
            continue; /* a package brings it */
        b->systems[index].content = TX_CONTENT_COMPLETE;
        /* HAPI's currencies are a code system that says nothing of letter case */
        b->systems[index].case_sensitive = !(b->flags & TERMINOLOGY_LENIENT) ||
                                           !str_is(b->systems[index].url, "urn:iso:std:iso:4217");
        while (str_split(&rest, ' ', &code))
            TRY(builder_add_code(b, index, code, STR_NONE, TX_CODE_DEFINED, NULL));
    }
    return true;
}

bool builder_load_systems(Builder *b)
{
    const PackageResource *resource;
    for (size_t i = 0; (resource = packages_each(b->packages, b->from, STR("CodeSystem"), i)); i++)
        TRY(load_system(b, resource));
    TRY(build_in_grammars(b));
    return build_in_lists(b);
}
