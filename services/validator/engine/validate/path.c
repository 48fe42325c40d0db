#include "services/validator/engine/validate/report.h"
#include "services/validator/engine/validate/text.h"
#include "services/validator/engine/validate/walk.h"

enum { PATH_DEPTH_MAX = 600, PATH_TEXT_ROOM = 256, PATH_ID_BYTES_MAX = 256 };

static void add_mark(const Walk *walk, Text *text, const Elem *elem, ElemId id)
{
    Str resource_id = STR_NONE;
    ElemId child = elem_child(&walk->elems, id, walk->model->n_id);
    if (child)
        resource_id = elem_text(elem_at(&walk->elems, child));
    text_add(text, STR("/*"));
    text_add(text, fhir_type_name(walk->model, elem->type));
    text_add_char(text, '/');
    if (resource_id.ptr)
        text_add_clipped(text, resource_id, PATH_ID_BYTES_MAX);
    else
        text_add(text, STR("null"));
    text_add(text, STR("*/"));
}

static void add_step(const Walk *walk, Text *text, ElemId id, FindingPath form, bool marks)
{
    const Elem *elem = elem_at(&walk->elems, id);
    if (!elem->parent) {
        text_add(text, fhir_type_name(walk->model, elem->type));
        return;
    }
    text_add_char(text, '.');
    text_add(text, json_name_text(&walk->model->names, elem->element));
    if (elem->flags & ELEM_CHOICE) {
        if (form == FINDING_PATH_PLAIN) {
            text_add(text, STR("[x]"));
        } else {
            text_add(text, STR(".ofType("));
            text_add(text, fhir_type_name(walk->model, elem->type));
            text_add_char(text, ')');
        }
    } else if (elem->flags & ELEM_LIST) {
        text_add_char(text, '[');
        text_add_number(text, elem->index);
        text_add_char(text, ']');
    }
    if (marks && (elem->flags & ELEM_RESOURCE))
        add_mark(walk, text, elem, id);
}

static void add_path(const Walk *walk, Text *text, ElemId elem, FindingPath form, bool marks)
{
    ElemId steps[PATH_DEPTH_MAX];
    uint32_t count = 0;
    for (ElemId id = elem; id && count < PATH_DEPTH_MAX; id = elem_at(&walk->elems, id)->parent)
        steps[count++] = id;
    ElemId own = elem ? elem_at(&walk->elems, elem)->resource : ELEM_NONE;
    while (count > 0) {
        ElemId id = steps[--count];
        add_step(walk, text, id, form,
                 marks && form != FINDING_PATH_PLAIN && !(form == FINDING_PATH_BARE && id == own));
    }
}

/* Appends the name of a child: `value[x]` for a choice in the JSON form. */
static void add_suffix(const Walk *walk, Text *text, const Finding *finding)
{
    if (finding->suffix_name) {
        const Elem *elem = elem_at(&walk->elems, finding->elem);
        const FhirChild *row = fhir_child_find(walk->model, elem->type, finding->suffix_name);
        text_add_char(text, '.');
        text_add(text,
                 json_name_text(&walk->model->names, row ? row->element : finding->suffix_name));
        if (row && (row->flags & FHIR_CHILD_CHOICE))
            text_add(text, STR("[x]"));
    }
    text_add(text, finding->suffix);
}

static Str path_text(const Walk *walk, const Finding *finding, bool marks)
{
    Text text;
    text_init(&text, walk->arena, PATH_TEXT_ROOM);
    if (finding->path != FINDING_PATH_TEXT)
        add_path(walk, &text, finding->elem, (FindingPath)finding->path, marks);
    add_suffix(walk, &text, finding);
    return text_str(&text);
}

Str path_location(const Walk *walk, const Finding *finding)
{
    return path_text(walk, finding, true);
}

Str path_expression(const Walk *walk, const Finding *finding)
{
    return path_text(walk, finding, false);
}

Str path_of(const Walk *walk, ElemId elem)
{
    return path_location(walk, &(Finding){.elem = elem, .path = FINDING_PATH});
}
