/* Where elements say that a part of a narrative of the same bundle is about them.
 *
 * spec: hl7.org/fhir/extensions/StructureDefinition-narrativeLink.html */
#include "services/validator/engine/fhirpath/xhtml.h"
#include "services/validator/engine/validate/bundle.h"
#include "services/validator/engine/validate/ids.h"

#define NARRATIVE_LINK "http://hl7.org/fhir/StructureDefinition/narrativeLink"

typedef struct Adding {
    Walk *walk;
    IdTable *table;
} Adding;

static void add_tag(void *self, const XhtmlTag *tag)
{
    const Adding *adding = self;
    for (uint32_t i = 0; i < tag->attribute_count; i++)
        if (str_is(tag->attributes[i].name, "id"))
            ids_add(adding->walk, adding->table, tag->attributes[i].value, 0);
}

/* What has an id in the resource: tags of its narratives, elements, contained resources. */
static const IdTable *targets_of(Walk *walk, ElemId resource)
{
    IdTable *table = memo_get(walk->indexes, resource, INDEX_TARGETS);
    if (table)
        return table;
    table = ARENA_NEW(walk->arena, IdTable);
    if (!table || !memo_put(walk->indexes, resource, INDEX_TARGETS, table)) {
        walk->stopped = true;
        return NULL;
    }
    Adding adding = {walk, table};
    XhtmlVisitor visitor = {.self = &adding, .element = add_tag};
    uint16_t div = walk_name(walk, "div");
    for (ElemId at = resource + 1; at < walk_elem(walk, resource)->behind; at++) {
        const Elem *e = walk_elem(walk, at);
        if (e->property == div)
            xhtml_read(elem_text(e), &visitor);
        if (e->property == walk->model->n_id)
            ids_add(walk, table, elem_text(e), at);
    }
    ids_sort(table);
    return table;
}

static bool check_link(Walk *walk, ElemId bundle, Str link, FindingPath form)
{
    size_t hash = str_find_char(link, '#');
    if (hash == 0 || hash + 1 >= link.len)
        return true; /* within the resource, or to all of another one */
    Str url = str_cut(link, 0, hash), id = str_skip(link, hash + 1);
    const ElemId *entry = bundle_by_full_url(walk, bundle, url);
    ElemId resource = entry && *entry ? walk_child(walk, *entry, "resource") : ELEM_NONE;
    const IdTable *targets = resource ? targets_of(walk, resource) : NULL;
    uint32_t count = 1;
    if (targets)
        ids_find(targets, id, &count);
    if (count == 1)
        return true;
    Finding *finding =
        report_with(walk, SEVERITY_ERROR, count ? MSG_NARRATIVE_LINK_MANY : MSG_NARRATIVE_LINK_NONE,
                    bundle, id, url, arena_format(walk->arena, "%u", count), STR_NONE);
    if (finding)
        finding->path = (uint8_t)form;
    return false;
}

bool check_narrative_links(Walk *walk, ElemId bundle, FindingPath form)
{
    bool ok = true;
    for (ElemId at = bundle + 1; at < walk_elem(walk, bundle)->behind; at++) {
        if (walk_elem(walk, at)->property != walk->model->n_extension ||
            !str_is(walk_text(walk, at, "url"), NARRATIVE_LINK))
            continue;
        ElemId value = elem_child_element(&walk->elems, at, walk->model->n_value);
        if (value && elem_text(walk_elem(walk, value)).len)
            ok = check_link(walk, bundle, elem_text(walk_elem(walk, value)), form) && ok;
    }
    return ok;
}
