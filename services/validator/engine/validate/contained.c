/* spec: hl7.org/fhir/R4/references.html#contained, dom-3: a contained resource is referred to from
 * the resource around it, or refers to that. */
#include "services/validator/engine/validate/ids.h"
#include "services/validator/engine/validate/walk.h"

static Str fragment_of(const Walk *walk, ElemId elem)
{
    const Elem *e = walk_elem(walk, elem);
    const FhirModel *m = walk->model;
    bool refers = e->type == m->string_type ? e->property == m->n_reference
                                            : fhir_type_is_a(m, e->type, m->uri_type);
    Str text = refers ? elem_text(e) : STR_NONE;
    return text.len && text.ptr[0] == '#' ? text : STR_NONE;
}

typedef struct Contained {
    ElemId elem;
    bool reached;
    bool told; /* the first of its id: all of that id are reached */
} Contained;

typedef struct ContainedSet {
    const Walk *walk;
    Contained *items;
    uint32_t count;
    IdTable ids;     /* places in items */
    uint32_t *queue; /* of those reached whose own references were not looked at yet */
    uint32_t queued, taken;
} ContainedSet;

static Str id_of(const Walk *walk, ElemId resource)
{
    ElemId id = elem_child(&walk->elems, resource, walk->model->n_id);
    return id ? elem_text(walk_elem(walk, id)) : STR_NONE;
}

static void reach(ContainedSet *set, uint32_t i)
{
    if (set->items[i].reached)
        return;
    set->items[i].reached = true;
    set->queue[set->queued++] = i;
}

static void reach_all(ContainedSet *set, Str id)
{
    uint32_t count;
    const IdEntry *first = ids_find(&set->ids, id, &count);
    if (!first || set->items[first->what].told)
        return;
    set->items[first->what].told = true;
    for (uint32_t i = 0; i < count; i++)
        reach(set, first[i].what);
}

/* What `resource` refers to, contained ones apart. `#` alone means the resource around `own`; it
 * counts for one without an id only if a contained resource says it (as the Java core). */
static void follow(ContainedSet *set, ElemId resource, const Contained *own)
{
    const Walk *walk = set->walk;
    ElemId behind = walk_elem(walk, resource)->behind;
    for (ElemId at = resource + 1; at < behind;) {
        if (walk_elem(walk, at)->flags & ELEM_CONTAINED) {
            at = walk_elem(walk, at)->behind;
            continue;
        }
        Str fragment = fragment_of(walk, at);
        if (fragment.ptr && (own || fragment.len > 1))
            reach_all(set, str_skip(fragment, 1));
        at++;
    }
}

static bool refers_around(const Walk *walk, ElemId resource)
{
    ElemId behind = walk_elem(walk, resource)->behind;
    for (ElemId at = resource + 1; at < behind;) {
        if (walk_elem(walk, at)->flags & ELEM_CONTAINED)
            at = walk_elem(walk, at)->behind;
        else if (fragment_of(walk, at++).len == 1)
            return true;
    }
    return false;
}

/* False: there is none, or no memory. */
static bool collect(Walk *walk, ElemId resource, ContainedSet *set)
{
    uint32_t count = 0;
    ELEM_EACH(&walk->elems, child, resource)
    count += (walk_elem(walk, child)->flags & ELEM_CONTAINED) != 0;
    if (count == 0)
        return false;
    set->walk = walk;
    set->items = ARENA_ARRAY(walk->arena, Contained, count);
    set->queue = ARENA_ARRAY(walk->arena, uint32_t, count);
    if (!set->items || !set->queue)
        return false;
    ELEM_EACH(&walk->elems, child, resource)
    if (walk_elem(walk, child)->flags & ELEM_CONTAINED) {
        ids_add(walk, &set->ids, id_of(walk, child), set->count);
        set->items[set->count++].elem = child;
    }
    ids_sort(&set->ids);
    return !walk->stopped;
}

/* From the resource outwards: what is reached may reach others. */
static void spread(ContainedSet *set, ElemId resource)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (refers_around(set->walk, set->items[i].elem))
            reach(set, i);
    follow(set, resource, NULL);
    while (set->taken < set->queued) {
        const Contained *own = &set->items[set->queue[set->taken++]];
        follow(set, own->elem, own);
    }
}

bool check_contained(Walk *walk, ElemId resource)
{
    ContainedSet set = {0};
    if (walk->rules & RULE_CONTAINED_IGNORED || !collect(walk, resource, &set))
        return true;
    spread(&set, resource);
    bool ok = true;
    for (uint32_t i = 0; i < set.count; i++) {
        if (set.items[i].reached)
            continue;
        Str id = id_of(walk, set.items[i].elem);
        Finding *finding =
            report_with(walk, SEVERITY_ERROR, MSG_CONTAINED_ORPHAN, set.items[i].elem,
                        id.ptr ? id : STR("null"), STR_NONE, STR_NONE, STR_NONE);
        if (finding)
            finding->path = FINDING_PATH_BARE;
        ok = false;
    }
    return ok;
}
