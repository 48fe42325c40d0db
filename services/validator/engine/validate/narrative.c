/* Narratives (xhtml). */
#include "services/validator/engine/validate/walk.h"

bool check_narrative(Walk *walk, ElemId elem)
{
    (void)walk, (void)elem;
    return true;
}
