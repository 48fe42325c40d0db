/* specials - what no profile says of a resource type, but the Java core checks; internal.
 *
 * Owner:   all in the walk's arena. Threads: one walk, one thread. `form` is the path of findings.
 */
#pragma once
#include "services/validator/engine/validate/walk.h"

void check_hl7_work_group(Walk *walk, ElemId elem, FindingPath form);
bool check_measure(Walk *walk, ElemId measure, FindingPath form);
bool check_measure_report(Walk *walk, ElemId report_elem, FindingPath form);
/* Definitions: what they say of themselves and of each other. */
bool check_code_system(Walk *walk, ElemId elem, FindingPath form);
bool check_concept_map(Walk *walk, ElemId map, FindingPath form);
bool check_value_set(Walk *walk, ElemId set, FindingPath form);
bool check_structure_definition(Walk *walk, ElemId sd, FindingPath form);
bool check_search_parameter(Walk *walk, ElemId elem, FindingPath form);
bool check_capability_statement(Walk *walk, ElemId elem, FindingPath form);
/* spec: hl7.org/fhir/R4/questionnaireresponse.html#link. The questionnaire is contained or one that
 * the image keeps. */
bool check_questionnaire_response(Walk *walk, const Scope *scope, ElemId response,
                                  FindingPath form);

/* Adds a finding with one text; yields whether it leaves the resource valid. */
static inline bool special(Walk *walk, IssueSeverity severity, Message message, ElemId elem,
                           FindingPath form, Str text)
{
    Finding *finding =
        report_with(walk, severity, message, elem, text, STR_NONE, STR_NONE, STR_NONE);
    if (finding)
        finding->path = (uint8_t)form;
    return severity < SEVERITY_ERROR;
}
/* The same, shown with the line of another element. */
static inline bool special_at(Walk *walk, IssueSeverity severity, Message message, ElemId elem,
                              ElemId line_of, FindingPath form, Str text)
{
    Finding *finding =
        report_with(walk, severity, message, elem, text, STR_NONE, STR_NONE, STR_NONE);
    if (finding) {
        finding->path = (uint8_t)form;
        finding->at = elem_offset(walk_elem(walk, line_of));
    }
    return severity < SEVERITY_ERROR;
}
