/* Compose filters over the concepts of a loaded code system.
 *
 * spec: hl7.org/fhir/R4/valueset-filter-operator.html */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "services/validator/engine/terminology/builder.h"

#include <pcre2.h>

enum { REGEX_MATCH_LIMIT = 1000000 };

typedef struct Filter {
    const Builder *b;
    const BuildSystem *system;
    Str property, op, value;
    pcre2_code *regex;
    pcre2_match_data *match;
    pcre2_match_context *limits;
} Filter;

/* --- hierarchy --- */

static bool names_parent(const BuildSystem *system, uint32_t ordinal, uint32_t parent)
{
    const BuildCode *code = &system->codes[ordinal];
    if (code->parent == parent)
        return true;
    const JsonNode *properties = code->node ? json_get(system->doc, code->node, "property") : NULL;
    if (!properties)
        return false;
    JSON_EACH(system->doc, property, properties)
    {
        Str name = json_get_text(system->doc, property, "code");
        if ((str_is(name, "parent") || str_is(name, "subsumedBy")) &&
            str_eq(json_get_text(system->doc, property, "valueCode"), system->codes[parent].code))
            return true;
    }
    return false;
}

static bool has_marked_parent(const BuildSystem *system, uint32_t ordinal, const uint64_t *marked)
{
    const BuildCode *code = &system->codes[ordinal];
    if (code->parent != TX_NONE && bits_get(marked, code->parent))
        return true;
    const JsonNode *properties = code->node ? json_get(system->doc, code->node, "property") : NULL;
    if (!properties)
        return false;
    JSON_EACH(system->doc, property, properties)
    {
        Str name = json_get_text(system->doc, property, "code");
        if (!str_is(name, "parent") && !str_is(name, "subsumedBy"))
            continue;
        uint32_t parent =
            builder_find_code(system, json_get_text(system->doc, property, "valueCode"));
        if (parent != TX_NONE && bits_get(marked, parent))
            return true;
    }
    return false;
}

/* Marks `root` and all below. Nested concepts stand behind their parents, so that one pass reaches
 * them; parents given by property may need more. */
static void mark_descendants(const BuildSystem *system, uint32_t root, uint64_t *marked)
{
    bool changed = true;
    bits_set(marked, root);
    while (changed) {
        changed = false;
        for (uint32_t i = 0; i < system->count; i++)
            if (!bits_get(marked, i) && has_marked_parent(system, i, marked)) {
                bits_set(marked, i);
                changed = true;
            }
    }
}

static void mark_ancestors(const BuildSystem *system, uint32_t leaf, uint64_t *marked)
{
    bool changed = true;
    bits_set(marked, leaf);
    while (changed) {
        changed = false;
        for (uint32_t i = 0; i < system->count; i++) {
            if (bits_get(marked, i))
                continue;
            for (uint32_t child = 0; child < system->count && !bits_get(marked, i); child++)
                if (bits_get(marked, child) && names_parent(system, child, i)) {
                    bits_set(marked, i);
                    changed = true;
                }
        }
    }
}

static bool keep(uint64_t *bits, const uint64_t *marked, uint32_t words, bool inverted)
{
    for (uint32_t w = 0; w < words; w++)
        bits[w] &= inverted ? ~marked[w] : marked[w];
    return true;
}

/* A code list says nothing of what lies above a code, nor of its properties; a CodeSystem without
 * its codes that it completes does neither. */
static bool is_flat_list(const BuildSystem *system)
{
    return !system->doc || (system->from_list && !system->hierarchical);
}

/* is-a, descendent-of, is-not-a, generalizes, child-of on the concept itself */
static bool by_hierarchy(const Filter *f, uint64_t *bits)
{
    const BuildSystem *system = f->system;
    uint32_t words = bits_words(system->count), root = builder_find_code(system, f->value);
    uint64_t *marked = ARENA_ARRAY(f->b->arena, uint64_t, words + 1);
    if (!marked || is_flat_list(system))
        return false;
    if (root == TX_NONE)
        return keep(bits, marked, words, str_is(f->op, "is-not-a"));
    if (str_is(f->op, "generalizes")) {
        mark_ancestors(system, root, marked);
        return keep(bits, marked, words, false);
    }
    if (str_is(f->op, "child-of")) {
        for (uint32_t i = 0; i < system->count; i++)
            if (names_parent(system, i, root))
                bits_set(marked, i);
        return keep(bits, marked, words, false);
    }
    mark_descendants(system, root, marked);
    if (str_is(f->op, "descendent-of") || str_is(f->op, "descendant-of"))
        bits_clear(marked, root);
    return keep(bits, marked, words, str_is(f->op, "is-not-a"));
}

/* --- properties --- */

static bool regex_matches(const Filter *f, Str text)
{
    return pcre2_match(f->regex, (PCRE2_SPTR)(text.ptr ? text.ptr : ""), text.len, 0, 0, f->match,
                       f->limits) >= 0;
}

static bool is_listed(Str list, Str value)
{
    Str item;
    while (str_split(&list, ',', &item))
        if (str_eq(str_trim(item), value))
            return true;
    return false;
}

static bool value_passes(const Filter *f, Str value)
{
    if (str_is(f->op, "="))
        return str_eq(value, f->value);
    if (str_is(f->op, "in") || str_is(f->op, "not-in"))
        return is_listed(f->value, value);
    if (str_is(f->op, "regex"))
        return regex_matches(f, value);
    return str_is(f->op, "exists");
}

static Str property_value(const JsonDoc *doc, const JsonNode *property)
{
    JSON_EACH(doc, member, property)
    {
        if (!str_starts(json_key(member), STR("value")))
            continue;
        if (member->kind == JSON_KIND_OBJECT) /* valueCoding */
            return json_get_text(doc, member, "code");
        return member->kind == JSON_KIND_TRUE    ? STR("true")
               : member->kind == JSON_KIND_FALSE ? STR("false")
                                                 : json_text(member);
    }
    return STR_NONE;
}

/* Does some value of the property pass? The code and the display count as properties, and so does
 * the parent that nesting gives. */
static bool has_passing_value(const Filter *f, uint32_t ordinal)
{
    const BuildCode *code = &f->system->codes[ordinal];
    if (str_is(f->property, "code") || str_is(f->property, "concept"))
        return value_passes(f, code->code);
    if (str_is(f->property, "display"))
        return value_passes(f, code->display);
    if (str_is(f->property, "parent") && code->parent != TX_NONE &&
        value_passes(f, f->system->codes[code->parent].code))
        return true;
    const JsonNode *properties =
        code->node ? json_get(f->system->doc, code->node, "property") : NULL;
    if (!properties)
        return false;
    JSON_EACH(f->system->doc, property, properties)
    if (str_eq(json_get_text(f->system->doc, property, "code"), f->property) &&
        value_passes(f, property_value(f->system->doc, property)))
        return true;
    return false;
}

static bool by_property(const Filter *f, uint64_t *bits)
{
    bool inverted =
        str_is(f->op, "not-in") || (str_is(f->op, "exists") && str_is(f->value, "false"));
    if (is_flat_list(f->system) && !str_is(f->property, "code") && !str_is(f->property, "display"))
        return false;
    for (uint32_t i = 0; i < f->system->count; i++)
        if (bits_get(bits, i) && has_passing_value(f, i) == inverted)
            bits_clear(bits, i);
    return true;
}

static bool by_regex(Filter *f, uint64_t *bits)
{
    int error;
    PCRE2_SIZE at;
    f->regex =
        pcre2_compile((PCRE2_SPTR)f->value.ptr, f->value.len,
                      PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF,
                      &error, &at, NULL);
    if (!f->regex)
        return false;
    f->limits = pcre2_match_context_create(NULL);
    f->match = pcre2_match_data_create_from_pattern(f->regex, NULL);
    bool ok = f->limits && f->match;
    if (f->limits)
        pcre2_set_match_limit(f->limits, REGEX_MATCH_LIMIT);
    ok = ok && by_property(f, bits);
    pcre2_match_data_free(f->match);
    pcre2_match_context_free(f->limits);
    pcre2_code_free(f->regex);
    return ok;
}

bool filter_apply(const Builder *b, const BuildSystem *system, const JsonDoc *doc,
                  const JsonNode *filter, uint64_t *bits)
{
    static const char *const hierarchy[] = {"is-a",     "descendent-of", "descendant-of",
                                            "is-not-a", "generalizes",   "child-of"};
    static const char *const properties[] = {"=", "in", "not-in", "exists"};
    Filter f = {.b = b,
                .system = system,
                .property = json_get_text(doc, filter, "property"),
                .op = json_get_text(doc, filter, "op"),
                .value = json_get_text(doc, filter, "value")};
    for (size_t i = 0; i < sizeof hierarchy / sizeof *hierarchy; i++)
        if (str_is(f.op, hierarchy[i]))
            return by_hierarchy(&f, bits);
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        if (str_is(f.op, properties[i]))
            return by_property(&f, bits);
    return str_is(f.op, "regex") && f.value.ptr && by_regex(&f, bits);
}
