/* ConceptMaps: the codes of a group are codes of the systems that it names, where these are loaded
 * whole.
 *
 * spec: hl7.org/fhir/R4/conceptmap-definitions.html#ConceptMap.group.source */
#include "services/validator/engine/validate/specials.h"

typedef struct MappedSystem {
    Str url;       /* empty: its codes cannot be told */
    Str versioned; /* url|version, for words */
    Message message;
} MappedSystem;

static MappedSystem system_of(const Walk *walk, ElemId group, const char *name, Message message)
{
    MappedSystem system = {.message = message};
    Str url = walk_text(walk, group, name);
    TxSystem found = url.len ? terminology_system(walk->terminology, url) : TX_NONE;
    if (found == TX_NONE ||
        terminology_system_content(walk->terminology, found) != TX_CONTENT_COMPLETE)
        return system;
    Str version = terminology_system_version(walk->terminology, found);
    system.url = url;
    system.versioned = arena_format(walk->arena, "%.*s%s%.*s", STR_ARG(url), version.len ? "|" : "",
                                    STR_ARG(version));
    return system;
}

static bool check_mapped_code(Walk *walk, ElemId parent, const MappedSystem *system,
                              FindingPath form)
{
    ElemId code = walk_child(walk, parent, "code");
    Str text = code ? elem_text(walk_elem(walk, code)) : STR_NONE;
    if (!text.len || !system->url.len ||
        terminology_code(walk->terminology, system->url, text) != TX_UNKNOWN_CODE)
        return true;
    Finding *finding = report_with(walk, SEVERITY_ERROR, system->message, code, text,
                                   system->versioned, STR_NONE, STR_NONE);
    if (finding)
        finding->path = (uint8_t)form;
    return false;
}

static bool check_group(Walk *walk, ElemId group, FindingPath form)
{
    MappedSystem from = system_of(walk, group, "source", MSG_MAP_SOURCE_CODE);
    MappedSystem to = system_of(walk, group, "target", MSG_MAP_TARGET_CODE);
    uint16_t element = walk_name(walk, "element"), target = walk_name(walk, "target");
    bool ok = true;
    ELEM_EACH(&walk->elems, mapped, group)
    {
        if (walk_elem(walk, mapped)->property != element)
            continue;
        ok = check_mapped_code(walk, mapped, &from, form) && ok;
        ELEM_EACH(&walk->elems, child, mapped)
        if (walk_elem(walk, child)->property == target)
            ok = check_mapped_code(walk, child, &to, form) && ok;
    }
    return ok;
}

bool check_concept_map(Walk *walk, ElemId map, FindingPath form)
{
    uint16_t group = walk_name(walk, "group");
    bool ok = true;
    ELEM_EACH(&walk->elems, child, map)
    if (walk_elem(walk, child)->property == group)
        ok = check_group(walk, child, form) && ok;
    return ok;
}
