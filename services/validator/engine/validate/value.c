/* Fixed values and patterns: what must be there, part by part, as the Java core compares them. */
#include "services/validator/engine/validate/text.h"
#include "services/validator/engine/validate/walk.h"

typedef struct Fixed {
    Walk *walk;
    bool pattern;
    Str source;    /* the profile, for words */
    Finding *last; /* the last finding made, to set its path */
    Str suffix;    /* where below the element: .coding.system */
    ElemId elem;   /* the element that the profile speaks of: its path is the beginning */
} Fixed;

static bool check_value(Fixed *f, ElemId focus, uint32_t value, Str name, ElemId around);

static const SchemaValue *value_at(const Fixed *f, uint32_t value)
{
    return f->walk->schema->values + value;
}

/* The first member of a value with that property, or 0. */
static uint32_t member_of(const Fixed *f, uint32_t value, uint16_t property)
{
    uint32_t at = value + 1;
    for (uint32_t i = 0; i < value_at(f, value)->count; i++) {
        if (value_at(f, at)->property == property)
            return at;
        at = value_at(f, at)->next;
    }
    return 0;
}

static uint32_t count_members(const Fixed *f, uint32_t value, uint16_t property)
{
    uint32_t count = 0;
    uint32_t at = value + 1;
    for (uint32_t i = 0; i < value_at(f, value)->count; i++) {
        count += value_at(f, at)->property == property;
        at = value_at(f, at)->next;
    }
    return count;
}

static bool fail(Fixed *f, Message message, ElemId at, Str arg0, Str arg1, Str arg2, Str arg3)
{
    Finding *finding =
        report_with(f->walk, SEVERITY_ERROR, message, f->elem, arg0, arg1, arg2, arg3);
    if (!finding)
        return false;
    finding->suffix = f->suffix;
    if (at)
        finding->at = elem_offset(walk_elem(f->walk, at));
    return false;
}

static ElemId next_of(const Walk *walk, ElemId elem)
{
    ElemId next = walk_elem(walk, elem)->next;
    return next && walk_elem(walk, next)->property == walk_elem(walk, elem)->property ? next
                                                                                      : ELEM_NONE;
}

/* Does some element of a list match the pattern? Tried without being heard. */
static bool any_matches(Fixed *f, ElemId first, uint32_t value, Str name, ElemId around)
{
    Findings *out = f->walk->out;
    bool found = false;
    for (ElemId item = first; item && !found; item = next_of(f->walk, item)) {
        Findings ignored = {.counting = true};
        f->walk->out = &ignored;
        found = check_value(f, item, value, name, around);
    }
    f->walk->out = out;
    return found;
}

static Str member_text(const Fixed *f, uint32_t value, const char *name)
{
    uint16_t property = json_name_find(&f->walk->model->names, str_from(name));
    uint32_t member = member_of(f, value, property);
    return member ? schema_text(f->walk->schema, value_at(f, member)->text) : STR("(any)");
}

static bool fail_coding(Fixed *f, ElemId concept, uint32_t coding)
{
    return fail(f, f->pattern ? MSG_PATTERN_CODING : MSG_FIXED_CODING, concept,
                member_text(f, coding, "system"), member_text(f, coding, "code"),
                member_text(f, coding, "display"), f->source);
}

static bool check_codings(Fixed *f, ElemId concept, uint32_t value)
{
    Walk *walk = f->walk;
    uint16_t property = walk->model->n_coding;
    uint32_t wanted = count_members(f, value, property);
    ElemId first = elem_child(&walk->elems, concept, property);
    uint32_t found = 0;
    for (ElemId item = first; item; item = next_of(walk, item))
        found++;
    if (f->pattern ? found < wanted : found != wanted)
        return fail(f, MSG_CODING_COUNT, concept, arena_format(walk->arena, "%u", wanted),
                    arena_format(walk->arena, "%u", found), STR_NONE, STR_NONE);
    bool ok = true;
    ElemId item = first;
    for (uint32_t coding = member_of(f, value, property); coding;
         coding = value_at(f, coding)->next) {
        if (value_at(f, coding)->property != property)
            break;
        if (f->pattern) {
            if (!any_matches(f, first, coding, STR("coding"), concept))
                ok = fail_coding(f, concept, coding);
        } else if (item) {
            ok = check_value(f, item, coding, STR("coding"), concept) && ok;
            item = next_of(walk, item);
        }
    }
    return ok;
}

/* Lists that are compared item by item: as many, and each as it is fixed. */
static bool check_list(Fixed *f, ElemId focus, uint32_t value, uint16_t property, Str name)
{
    Walk *walk = f->walk;
    ElemId item = elem_child(&walk->elems, focus, property);
    uint32_t wanted = count_members(f, value, property);
    uint32_t found = 0;
    for (ElemId i = item; i; i = next_of(walk, i))
        found++;
    if (f->pattern ? found < wanted : found != wanted)
        return fail(f, MSG_COUNT_MISMATCH, focus, arena_format(walk->arena, "%u", wanted),
                    arena_format(walk->arena, "%u", found), STR_NONE, STR_NONE);
    bool ok = true;
    for (uint32_t member = member_of(f, value, property); member && item;
         member = value_at(f, member)->next) {
        if (value_at(f, member)->property != property)
            break;
        ok = check_value(f, item, member, name, focus) && ok;
        item = next_of(walk, item);
    }
    return ok;
}

static bool check_members(Fixed *f, ElemId focus, uint32_t value)
{
    Walk *walk = f->walk;
    const FhirModel *m = walk->model;
    const SchemaValue *v = value_at(f, value);
    const FhirType *type = &m->types[v->type];
    bool ok = true;
    Str above = f->suffix;
    for (uint32_t i = 0; i < type->child_count; i++) {
        const FhirChild *row = &m->children[type->first_child + i];
        if (row->property == m->n_id || row->property == m->n_extension)
            continue;
        uint32_t member = member_of(f, value, row->property);
        ElemId child = elem_child(&walk->elems, focus, row->property);
        if (!member && (!child || f->pattern))
            continue;
        Str name = json_name_text(&m->names, row->element);
        f->suffix = text_join(walk->arena, above, STR("."), name);
        if (v->type == m->codeable_concept_type && row->property == m->n_coding) {
            f->suffix = above;
            ok = check_codings(f, focus, value) && ok;
        } else if (row->flags & FHIR_CHILD_ARRAY) {
            ok = check_list(f, focus, value, row->property, name) && ok;
        } else {
            ok = check_value(f, child, member, name, focus) && ok;
        }
        f->suffix = above;
    }
    return ok;
}

static bool check_value(Fixed *f, ElemId focus, uint32_t value, Str name, ElemId around)
{
    Walk *walk = f->walk;
    if (!value && !focus)
        return true;
    if (!value)
        return f->pattern ||
               fail(f, MSG_FIXED_NOT_ALLOWED, focus, name, STR("fixed value"), STR_NONE, STR_NONE);
    if (!focus)
        return fail(f, MSG_FIXED_MISSING, around, name, f->source, STR_NONE, STR_NONE);
    const SchemaValue *v = value_at(f, value);
    bool ok;
    if (walk->model->types[v->type].kind == FHIR_KIND_PRIMITIVE) {
        Str found = elem_text(walk_elem(walk, focus));
        Str wanted = schema_text(walk->schema, v->text);
        ok = str_eq(found, wanted) ||
             fail(f, MSG_FIXED_WRONG, focus, found, wanted, STR_NONE, STR_NONE);
    } else {
        ok = check_members(f, focus, value);
    }
    if (!f->pattern && elem_child(&walk->elems, focus, walk->model->n_extension) &&
        !member_of(f, value, walk->model->n_extension))
        ok = fail(f, MSG_EXTENSIONS_BANNED, focus, STR_NONE, STR_NONE, STR_NONE, STR_NONE);
    return ok;
}

bool check_fixed(Walk *walk, ProfileId profile, const SchemaNode *node, ElemId elem)
{
    Fixed f = {
        .walk = walk, .source = walk_versioned(walk, profile), .suffix = STR(""), .elem = elem};
    Str name = schema_text(walk->schema, node->slice_name);
    bool ok = true;
    if (node->fixed)
        ok = check_value(&f, elem, node->fixed, name, ELEM_NONE);
    f.pattern = true;
    if (node->pattern)
        ok = check_value(&f, elem, node->pattern, name, ELEM_NONE) && ok;
    return ok;
}
