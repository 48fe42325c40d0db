/* ValueSets: systems, filters and their parameters; what HL7 demands of those it publishes.
 *
 * spec: hl7.org/fhir/R4/valueset.html#composition */
#include "services/validator/engine/validate/ecl.h"
#include "services/validator/engine/validate/specials.h"

#define PARAMETER "http://hl7.org/fhir/tools/StructureDefinition/valueset-parameter"
#define EXPRESSION "http://hl7.org/fhir/StructureDefinition/cqf-expression"
#define SNOMED "http://snomed.info/sct"

static ElemId extension_of(const Walk *walk, ElemId elem, const char *url)
{
    ELEM_EACH(&walk->elems, child, elem)
    if (walk_elem(walk, child)->property == walk->model->n_extension &&
        str_is(walk_text(walk, child, "url"), url))
        return child;
    return ELEM_NONE;
}

static ElemId extension_value(const Walk *walk, ElemId extension)
{
    return extension ? elem_child_element(&walk->elems, extension, walk->model->n_value)
                     : ELEM_NONE;
}

/* --- parameters ------------------------------------------------------------------------------- */

/* Is there a parameter of that name among the value set's extensions? */
static bool declares(const Walk *walk, ElemId set, Str name)
{
    ELEM_EACH(&walk->elems, child, set)
    {
        if (walk_elem(walk, child)->property != walk->model->n_extension ||
            !str_is(walk_text(walk, child, "url"), PARAMETER))
            continue;
        ElemId value = extension_value(walk, extension_of(walk, child, "name"));
        if (value && str_eq(elem_text(walk_elem(walk, value)), name))
            return true;
    }
    return false;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* The next %constant of an expression, outside of its string literals. */
static bool next_constant(Str *rest, Str *ret_name)
{
    bool quoted = false;
    for (size_t i = 0; i < rest->len; i++) {
        if (rest->ptr[i] == '\\')
            i++;
        else if (rest->ptr[i] == '\'')
            quoted = !quoted;
        if (quoted || i >= rest->len || rest->ptr[i] != '%')
            continue;
        size_t end = i + 1;
        while (end < rest->len && is_name_char(rest->ptr[end]))
            end++;
        *ret_name = str_cut(*rest, i + 1, end);
        *rest = str_skip(*rest, end);
        return true;
    }
    return false;
}

/* The value of a filter by an expression: FHIRPath, with parameters that the value set declares. */
static bool check_expression(Walk *walk, ElemId set, ElemId expression, FindingPath form)
{
    Str language = walk_text(walk, expression, "language");
    if (!str_is(language, "text/fhirpath"))
        return special(walk, SEVERITY_ERROR, MSG_FILTER_LANGUAGE, expression, form, language);
    Str rest = walk_text(walk, expression, "expression");
    Str name;
    bool ok = true;
    while (rest.ptr && next_constant(&rest, &name))
        if (!declares(walk, set, name))
            ok = special(walk, SEVERITY_ERROR, MSG_FILTER_PARAMETER, expression, form, name);
    return ok;
}

/* --- filters ---------------------------------------------------------------------------------- */

/* system#code, for a property that holds codings; of other properties, and of systems that are not
 * loaded, nothing is known. */
static bool is_known_coding(const Walk *walk, Str system, Str property, Str value)
{
    if (!schema_has_coding_property(walk->schema, system, property))
        return true;
    size_t hash = str_find_char(value, '#');
    return hash == value.len || terminology_code(walk->terminology, str_cut(value, 0, hash),
                                                 str_skip(value, hash + 1)) != TX_UNKNOWN_CODE;
}

static bool check_filter(Walk *walk, ElemId set, Str system, ElemId filter, FindingPath form)
{
    ElemId value = walk_child(walk, filter, "value");
    Str text = value ? elem_text(walk_elem(walk, value)) : STR_NONE;
    ElemId extension = value ? extension_of(walk, value, EXPRESSION) : ELEM_NONE;
    if (extension && text.ptr)
        return special(walk, SEVERITY_ERROR, MSG_FILTER_BOTH, filter, form, STR_NONE);
    ElemId expression = extension_value(walk, extension);
    if (expression)
        return check_expression(walk, set, expression, form);
    Str property = walk_text(walk, filter, "property");
    if (text.len && !is_known_coding(walk, system, property, text))
        return special(walk, SEVERITY_ERROR, MSG_FILTER_CODING, filter, form, property);
    bool is_ecl = str_is(system, SNOMED) &&
                  (str_is(property, "constraint") || str_is(property, "expression-constraint"));
    if (is_ecl && text.len && !is_ecl_expression(text))
        return special(walk, SEVERITY_ERROR, MSG_FILTER_ECL, filter, form, text);
    return true;
}

static bool check_include(Walk *walk, ElemId set, ElemId include, FindingPath form)
{
    Str system = walk_text(walk, include, "system");
    bool ok = true;
    if (system.len && !is_absolute_url(system))
        ok = special(walk, SEVERITY_ERROR,
                     system.ptr[0] == '#' ? MSG_SYSTEM_FRAGMENT : MSG_SYSTEM_ABSOLUTE, include,
                     form, system);
    uint16_t name = walk_name(walk, "filter");
    ELEM_EACH(&walk->elems, filter, include)
    if (walk_elem(walk, filter)->property == name)
        ok = check_filter(walk, set, system, filter, form) && ok;
    bool codes = walk_child(walk, include, "concept") || walk_child(walk, include, "filter");
    if (!system.ptr && codes)
        special(walk, SEVERITY_WARNING, MSG_INCLUDE_NO_SYSTEM, include, form, STR_NONE);
    return ok;
}

/* --- the set as a whole ----------------------------------------------------------------------- */

static bool check_shareable(Walk *walk, ElemId set, FindingPath form)
{
    static const char *const wanted[] = {"url",    "version",      "title",
                                         "status", "experimental", "description"};
    Str url = walk_text(walk, set, "url");
    bool of_hl7 = url.ptr && str_find(url, STR("hl7")) != SIZE_MAX;
    bool ok = true;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!elem_child_named(&walk->elems, set, &walk->model->names, wanted[i]))
            ok = special(walk, of_hl7 ? SEVERITY_ERROR : SEVERITY_WARNING,
                         of_hl7 ? MSG_VALUE_SET_SHAREABLE_HL7 : MSG_VALUE_SET_SHAREABLE, set, form,
                         str_from(wanted[i])) &&
                 ok;
    return ok;
}

bool check_value_set(Walk *walk, ElemId set, FindingPath form)
{
    ElemId compose = walk_child(walk, set, "compose");
    bool ok = true;
    if (compose)
        ELEM_EACH(&walk->elems, part, compose)
        {
            uint16_t name = walk_elem(walk, part)->property;
            if (name == walk_name(walk, "include") || name == walk_name(walk, "exclude"))
                ok = check_include(walk, set, part, form) && ok;
        }
    bool contained = walk_elem(walk, set)->flags & ELEM_CONTAINED;
    if (walk->rules & RULE_FOR_PUBLICATION && !contained)
        ok = check_shareable(walk, set, form) && ok;
    return ok;
}
