#include "services/validator/engine/validate/specials.h"

static uint32_t count_children(const Walk *walk, ElemId parent, const char *name)
{
    uint16_t id = json_name_find(&walk->model->names, str_from(name));
    uint32_t count = 0;
    ELEM_EACH(&walk->elems, child, parent)
    count += walk_elem(walk, child)->element == id;
    return count;
}

/* No Library is compiled into an image, so CQL finds none; other languages are not looked into. */
static bool check_criteria(Walk *walk, ElemId parent, FindingPath form)
{
    ElemId criteria = walk_child(walk, parent, "criteria");
    Str language = criteria ? walk_text(walk, criteria, "language") : STR_NONE;
    if (!language.len)
        return true;
    if (str_is(language, "text/cql") || str_is(language, "text/cql.identifier"))
        return special(walk, SEVERITY_ERROR, MSG_MEASURE_CQL_NO_LIBRARY, criteria, form, STR_NONE);
    return special(walk, SEVERITY_WARNING, MSG_MEASURE_LANGUAGE_UNKNOWN, criteria, form, language);
}

static bool check_coded_parts(Walk *walk, ElemId group, const char *name, Message message,
                              FindingPath form)
{
    uint16_t id = json_name_find(&walk->model->names, str_from(name));
    bool several = count_children(walk, group, name) > 1;
    bool ok = true;
    ELEM_EACH(&walk->elems, part, group)
    {
        if (walk_elem(walk, part)->element != id)
            continue;
        if (several && !walk_child(walk, part, "code"))
            special(walk, SEVERITY_WARNING, message, part, form, STR_NONE);
        if (str_is(str_from(name), "stratifier"))
            ok = check_criteria(walk, part, form) && ok;
    }
    return ok;
}

static bool check_group(Walk *walk, ElemId group, bool several, FindingPath form)
{
    if (several && !walk_child(walk, group, "code"))
        special(walk, SEVERITY_WARNING, MSG_MEASURE_GROUP_CODE, group, form, STR_NONE);
    if (!walk_child(walk, group, "population"))
        special(walk, SEVERITY_WARNING, MSG_MEASURE_GROUP_POPULATION, group, form, STR_NONE);
    bool ok = check_coded_parts(walk, group, "population", MSG_MEASURE_POPULATION_CODE, form);
    return check_coded_parts(walk, group, "stratifier", MSG_MEASURE_STRATIFIER_CODE, form) && ok;
}

bool check_measure(Walk *walk, ElemId measure, FindingPath form)
{
    uint16_t library = json_name_find(&walk->model->names, STR("library"));
    uint16_t group = json_name_find(&walk->model->names, STR("group"));
    uint32_t groups = count_children(walk, measure, "group");
    bool ok = true;
    ELEM_EACH(&walk->elems, child, measure)
    {
        const Elem *elem = walk_elem(walk, child);
        if (elem->element == library && elem_text(elem).len)
            special_at(walk, SEVERITY_INFORMATION, MSG_MEASURE_LIBRARY_UNKNOWN, measure, child,
                       form, elem_text(elem));
        else if (elem->element == group)
            ok = check_group(walk, child, groups > 1, form) && ok;
    }
    if (groups == 0)
        special(walk, SEVERITY_WARNING, MSG_MEASURE_NO_GROUPS, measure, form, STR_NONE);
    return ok;
}

bool check_measure_report(Walk *walk, ElemId report_elem, FindingPath form)
{
    ElemId measure = walk_child(walk, report_elem, "measure");
    Str canonical = measure ? elem_text(walk_elem(walk, measure)) : STR_NONE;
    if (!str_trim(canonical).len)
        return special(walk, SEVERITY_INFORMATION, MSG_MEASURE_REPORT_NONE, report_elem, form,
                       STR_NONE);
    return special_at(walk, SEVERITY_WARNING, MSG_MEASURE_REPORT_UNKNOWN, report_elem, measure,
                      form, canonical);
}
