/* spec: hl7.org/fhir/R4/references.html#contained, dom-3: a contained resource is referred to from
 * the resource around it, or refers to that. */
#include "services/validator/engine/validate/walk.h"

enum { CONTAINED_MAX = 256 };

static Str fragment_of(const Walk *walk, ElemId elem)
{
    const Elem *e = walk_elem(walk, elem);
    const FhirModel *m = walk->model;
    bool refers = e->type == m->string_type ? e->property == m->n_reference
                                            : fhir_type_is_a(m, e->type, m->uri_type);
    Str text = refers ? elem_text(e) : STR_NONE;
    return text.len && text.ptr[0] == '#' ? text : STR_NONE;
}

/* Is there a reference `#id` (or `#` alone for an empty id) in `resource`, contained ones apart? */
static bool refers_to(const Walk *walk, ElemId resource, Str id)
{
    ElemId behind = walk_elem(walk, resource)->behind;
    for (ElemId at = resource + 1; at < behind;) {
        if (walk_elem(walk, at)->flags & ELEM_CONTAINED) {
            at = walk_elem(walk, at)->behind;
            continue;
        }
        Str fragment = fragment_of(walk, at);
        if (fragment.ptr && str_eq(str_skip(fragment, 1), id))
            return true;
        at++;
    }
    return false;
}

typedef struct ContainedSet {
    ElemId items[CONTAINED_MAX];
    bool reached[CONTAINED_MAX];
    uint32_t count;
} ContainedSet;

static Str id_of(const Walk *walk, ElemId resource)
{
    ElemId id = elem_child(&walk->elems, resource, walk->model->n_id);
    return id ? elem_text(walk_elem(walk, id)) : STR_NONE;
}

/* From the resource outwards: what is reached may reach others. */
static void spread(const Walk *walk, ContainedSet *set)
{
    bool again = true;
    while (again) {
        again = false;
        for (uint32_t i = 0; i < set->count; i++) {
            for (uint32_t k = 0; k < set->count && !set->reached[i]; k++)
                if (k != i && set->reached[k] &&
                    refers_to(walk, set->items[k], id_of(walk, set->items[i])))
                    set->reached[i] = again = true;
        }
    }
}

bool check_contained(Walk *walk, ElemId resource)
{
    if (walk->rules & RULE_CONTAINED_IGNORED)
        return true;
    ContainedSet set;
    set.count = 0;
    ELEM_EACH(&walk->elems, child, resource)
    if ((walk_elem(walk, child)->flags & ELEM_CONTAINED) && set.count < CONTAINED_MAX) {
        set.items[set.count] = child;
        Str id = id_of(walk, child);
        set.reached[set.count++] =
            (id.len && refers_to(walk, resource, id)) || refers_to(walk, child, STR(""));
    }
    spread(walk, &set);
    bool ok = true;
    for (uint32_t i = 0; i < set.count; i++) {
        if (set.reached[i])
            continue;
        Str id = id_of(walk, set.items[i]);
        Finding *finding = report_with(walk, SEVERITY_ERROR, MSG_CONTAINED_ORPHAN, set.items[i],
                                       id.ptr ? id : STR("null"), STR_NONE, STR_NONE, STR_NONE);
        if (finding)
            finding->path = FINDING_PATH_BARE;
        ok = false;
    }
    return ok;
}
