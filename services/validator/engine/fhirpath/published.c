/* Invariants that were published wrong: what the Java core (6.5.18) evaluates in their place. */
#include "services/validator/engine/fhirpath/fhirpath.h"

/* By key (then `text` is NULL) or by the expression as published. */
typedef struct Correction {
    const char *key;
    const char *text;
    const char *instead;
} Correction;

/* clang-format off */
static const Correction corrections[] = {
    {"opd-3", NULL,
     "targetProfile.exists() implies (type = 'Reference' or type = 'canonical' or type.memberOf('http://hl7.org/fhir/ValueSet/resource-types'))"},
    {"txt-2", NULL,
     "htmlChecks2()"},
    {"dom-6", NULL,
     "(%rootResource != $this) or text.`div`.exists()"},
    {"eld-19", NULL,
     "path.matches('^[^\\\\s\\\\.,:;\\\\\\'\"\\\\/|?!@#$%&*()\\\\[\\\\]{}]{1,64}(\\\\.[^\\\\s\\\\.,:;\\\\\\'\"\\\\/|?!@#$%&*()\\\\[\\\\]{}]{1,64}(\\\\[x\\\\])?(\\\\:[^\\\\s\\\\.]+)?)*$')"},
    {"eld-20", NULL,
     "path.matches('^[A-Za-z][A-Za-z0-9]*(\\\\.[a-z][A-Za-z0-9]*(\\\\[x])?)*$')"},
    {NULL, "probability is decimal implies (probability as decimal) <= 100",
     "(probability.exists() and (probability is decimal)) implies ((probability as decimal) <= 100)"},
    {NULL, "enableWhen.count() > 2 implies enableBehavior.exists()",
     "enableWhen.count() >= 2 implies enableBehavior.exists()"},
    {NULL, "generated='generated' implies source.empty()",
     "generation='generated' implies source.empty()"},
    {NULL, "reference.startsWith('#').not() or (reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids')) or (reference='#' and %rootResource!=%resource)",
     "reference.exists() implies (reference.startsWith('#').not() or (reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids')) or (reference='#' and %rootResource!=%resource))"},
    {NULL, "reference.startsWith('#').not() or (reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids'))",
     "reference.exists() implies (reference = '#' or (reference.startsWith('#').not() or (reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids'))))"},
    {NULL, "reference.startsWith('#').not() or (reference.substring(1).trace('url') in %resource.contained.id.trace('ids'))",
     "reference.exists() implies (reference = '#' or (reference.startsWith('#').not() or (reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids'))))"},
    {NULL, "fullUrl.contains('/_history/').not()",
     "fullUrl.exists() implies fullUrl.contains('/_history/').not()"},
    {NULL, "name.matches('[A-Z]([A-Za-z0-9_]){0,254}')",
     "name.exists() implies name.matches('^[A-Z]([A-Za-z0-9_]){0,254}$')"},
    {NULL, "clinicalStatus.exists() or verificationStatus.coding.where(system='http://terminology.hl7.org/CodeSystem/condition-ver-status' and code = 'entered-in-error').exists() or category.select($this='problem-list-item').empty()",
     "(verificationStatus.coding.where(system='http://terminology.hl7.org/CodeSystem/condition-ver-status' and code = 'entered-in-error').exists() and category.coding.exists(system='http://terminology.hl7.org/CodeSystem/condition-category' and code ='problem-list-item').empty()) implies (clinicalStatus.exists())"},
    {NULL, "(component.empty() and hasMember.empty()) implies (dataAbsentReason or value)",
     "(component.empty() and hasMember.empty()) implies (dataAbsentReason.exists() or value.exists())"},
    {NULL, "isModifier implies isModifierReason.exists()",
     "(isModifier.exists() and isModifier) implies isModifierReason.exists()"},
    {NULL, "(%resource.kind = 'logical' or element.first().path.startsWith(%resource.type)) and (element.tail().not() or  element.tail().all(path.startsWith(%resource.differential.element.first().path.replaceMatches('\\\\..*','')&'.')))",
     "(%resource.kind = 'logical' or element.first().path.startsWith(%resource.type)) and (element.tail().empty() or  element.tail().all(path.startsWith(%resource.differential.element.first().path.replaceMatches('\\\\..*','')&'.')))"},
    {NULL, "differential.element.all(id) and differential.element.id.trace('ids').isDistinct()",
     "differential.element.all(id.exists()) and differential.element.id.trace('ids').isDistinct()"},
    {NULL, "snapshot.element.all(id) and snapshot.element.id.trace('ids').isDistinct()",
     "snapshot.element.all(id.exists()) and snapshot.element.id.trace('ids').isDistinct()"},
};
/* clang-format on */

Str fhirpath_invariant_expression(Str key, Str expression)
{
    for (size_t i = 0; i < sizeof corrections / sizeof *corrections; i++) {
        const Correction *c = &corrections[i];
        if (c->key ? str_is(key, c->key) : str_is(expression, c->text))
            return str_from(c->instead);
    }
    return expression;
}
