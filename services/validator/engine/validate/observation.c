#include "services/validator/engine/validate/walk.h"

static bool recommend(Walk *walk, Message message, ElemId elem, FindingPath form)
{
    if (!walk->best_practice)
        return true;
    Finding *finding = report(walk, SEVERITY_WARNING, message, elem);
    if (finding)
        finding->path = (uint8_t)form;
    return true;
}

/* Who, by whom and when: recommended, though the specification demands none of them. */
bool check_observation(Walk *walk, ElemId elem, FindingPath form)
{
    uint16_t effective = json_name_find(&walk->model->names, STR("effective"));
    bool ok = true;
    if (!walk_child(walk, elem, "subject"))
        ok = recommend(walk, MSG_OBSERVATION_SUBJECT, elem, form);
    if (!walk_child(walk, elem, "performer"))
        ok = recommend(walk, MSG_OBSERVATION_PERFORMER, elem, form) && ok;
    if (!elem_child_element(&walk->elems, elem, effective))
        ok = recommend(walk, MSG_OBSERVATION_EFFECTIVE, elem, form) && ok;
    return ok;
}
