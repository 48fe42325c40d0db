#include "services/validator/engine/validate/bundle.h"

static bool is_one_of(Str text, const char *const *list)
{
    for (; *list; list++)
        if (str_is(text, *list))
            return true;
    return false;
}

static bool report_at(Walk *walk, IssueSeverity severity, Message message, ElemId elem,
                      FindingPath form, Str a, Str b)
{
    Finding *finding = report_with(walk, severity, message, elem, a, b, STR_NONE, STR_NONE);
    if (finding)
        finding->path = (uint8_t)form;
    return severity < SEVERITY_ERROR;
}

/* --- links ------------------------------------------------------------------------------------ */

static bool is_repeated(const Walk *walk, ElemId bundle, ElemId link, Str relation)
{
    ELEM_EACH(&walk->elems, other, bundle)
    {
        if (other == link)
            return false;
        if (walk_elem(walk, other)->element == walk_elem(walk, link)->element &&
            str_eq(walk_text(walk, other, "relation"), relation))
            return true;
    }
    return false;
}

static bool check_link(Walk *walk, ElemId bundle, ElemId link, bool is_search, FindingPath form)
{
    static const char *const paging[] = {"first", "previous", "next", "last", NULL};
    ElemId relation_elem = walk_child(walk, link, "relation");
    Str relation = relation_elem ? elem_text(walk_elem(walk, relation_elem)) : STR_NONE;
    if (!relation.ptr)
        return true;
    bool pages = is_one_of(relation, paging);
    bool self = str_is(relation, "self");
    bool repeated = (self || (is_search && pages)) && is_repeated(walk, bundle, link, relation);
    ElemId at = is_search ? link : relation_elem;
    bool ok = true;
    if (!is_search && pages)
        ok = report_at(walk, SEVERITY_ERROR, MSG_BUNDLE_LINK_PROHIBITED, at, form, relation,
                       STR_NONE);
    if (repeated)
        ok = report_at(walk, SEVERITY_ERROR, MSG_BUNDLE_LINK_DUPLICATE, at, form, relation,
                       STR_NONE);
    return ok;
}

bool check_bundle_links(Walk *walk, ElemId bundle, Str type, FindingPath form)
{
    static const char *const searches[] = {"history", "searchset", NULL};
    static const char *const others[] = {
        "document",    "message", "collection",     "subscription-notification",
        "transaction", "batch",   "batch-response", "transaction-response",
        NULL};
    bool is_search = is_one_of(type, searches);
    if (!is_search && !is_one_of(type, others))
        return true;
    uint16_t name = json_name_find(&walk->model->names, STR("link"));
    bool ok = true;
    ELEM_EACH(&walk->elems, child, bundle)
    {
        if (walk_elem(walk, child)->element == name)
            ok = check_link(walk, bundle, child, is_search, form) && ok;
    }
    return ok;
}

/* --- searchset -------------------------------------------------------------------------------- */

enum { SEARCH_TYPES_MAX = 32 };

typedef struct Search {
    bool has_self;
    uint32_t type_count; /* what the self link says was searched for */
    Str types[SEARCH_TYPES_MAX];
} Search;

static void add_types(Search *search, Str list)
{
    Str type;
    while (search->type_count < SEARCH_TYPES_MAX && str_split(&list, ',', &type))
        search->types[search->type_count++] = type;
}

/* [base]/Type?..., or [base]?_type=A,B */
static void read_self(const Walk *walk, Search *search, Str url)
{
    size_t mark = str_find_char(url, '?');
    Str path = str_cut(url, 0, mark);
    size_t slash = str_rfind_char(path, '/');
    Str last = slash == SIZE_MAX ? path : str_skip(path, slash + 1);
    FhirTypeId type = fhir_type_find(walk->model, last);
    if (type && walk->model->types[type].kind == FHIR_KIND_RESOURCE) {
        add_types(search, last);
        return;
    }
    Str query = mark < url.len ? str_skip(url, mark + 1) : STR_NONE;
    Str parameter;
    while (str_split(&query, '&', &parameter))
        if (str_starts(parameter, STR("_type=")))
            add_types(search, str_skip(parameter, 6));
}

static void find_self(const Walk *walk, ElemId bundle, Search *search)
{
    uint16_t name = json_name_find(&walk->model->names, STR("link"));
    ELEM_EACH(&walk->elems, link, bundle)
    {
        if (walk_elem(walk, link)->element != name || search->has_self ||
            !str_is(walk_text(walk, link, "relation"), "self"))
            continue;
        search->has_self = true;
        read_self(walk, search, walk_text(walk, link, "url"));
    }
}

static bool was_searched(const Search *search, Str type)
{
    for (uint32_t i = 0; i < search->type_count; i++)
        if (str_eq(search->types[i], type))
            return true;
    return false;
}

static Str search_mode(const Walk *walk, ElemId entry)
{
    ElemId search = walk_child(walk, entry, "search");
    return search ? walk_text(walk, search, "mode") : STR_NONE;
}

static Finding *report_line_of(Walk *walk, IssueSeverity severity, Message message, ElemId elem,
                               ElemId bundle, FindingPath form, Str type)
{
    Finding *finding =
        report_with(walk, severity, message, elem, type, STR_NONE, STR_NONE, STR_NONE);
    if (finding) {
        finding->path = (uint8_t)form;
        finding->at = elem_offset(walk_elem(walk, bundle));
    }
    return finding;
}

/* No entry says its mode: all should be of the type that was searched for. */
static bool check_without_modes(Walk *walk, ElemId bundle, const Search *search, FindingPath form)
{
    bool ok = true;
    bool doubtful = false;
    FhirTypeId common = 0;
    ELEM_EACH(&walk->elems, entry, bundle)
    {
        if (walk_elem(walk, entry)->element != walk->model->n_entry)
            continue;
        ElemId resource = walk_child(walk, entry, "resource");
        if (!resource) {
            report_line_of(walk, SEVERITY_ERROR, MSG_SEARCH_NO_RESOURCE, entry, bundle, form,
                           STR_NONE);
            ok = false;
            continue;
        }
        FhirTypeId type = walk_elem(walk, resource)->type;
        Str name = fhir_type_name(walk->model, type);
        bool outcome = str_is(name, "OperationOutcome");
        bool has_id = walk_text(walk, resource, "id").ptr != NULL;
        if (search->type_count && !was_searched(search, name)) {
            doubtful = true;
            report_line_of(walk, SEVERITY_WARNING, MSG_SEARCH_WRONG_TYPE_NO_MODE, entry, bundle,
                           form, name);
            continue;
        }
        if (!search->type_count) {
            doubtful = true;
            if (search->has_self)
                report_line_of(walk, SEVERITY_INFORMATION, MSG_SEARCH_TYPE_NOT_SURE, resource,
                               bundle, form, STR_NONE);
        }
        if (!outcome && !has_id)
            report_line_of(walk, SEVERITY_WARNING, MSG_SEARCH_NO_RESOURCE_ID, resource, bundle,
                           form, STR_NONE);
        if (!outcome && search->type_count) {
            doubtful = doubtful || (common && common != type);
            common = common ? common : type;
        }
    }
    if (doubtful)
        report_at(walk, SEVERITY_WARNING, MSG_SEARCH_NO_MODE, bundle, form, STR_NONE, STR_NONE);
    return ok;
}

static bool check_moded_entry(Walk *walk, ElemId bundle, ElemId entry, const Search *search,
                              FindingPath form)
{
    Str mode = search_mode(walk, entry);
    ElemId resource = walk_child(walk, entry, "resource");
    if (!mode.ptr)
        report_line_of(walk, SEVERITY_WARNING, MSG_SEARCH_NO_MODE, entry, bundle, form, STR_NONE);
    if (!resource) {
        report_line_of(walk, SEVERITY_ERROR, MSG_SEARCH_NO_RESOURCE, entry, bundle, form, STR_NONE);
        return false;
    }
    if (!mode.ptr)
        return true;
    Str name = fhir_type_name(walk->model, walk_elem(walk, resource)->type);
    bool match = str_is(mode, "match");
    if (!match && !str_is(mode, "include")) {
        if (str_is(name, "OperationOutcome"))
            return true;
        report_line_of(walk, SEVERITY_ERROR, MSG_SEARCH_WRONG_TYPE_OUTCOME, resource, bundle, form,
                       name);
        return false;
    }
    bool ok = true;
    if (!walk_text(walk, resource, "id").ptr) {
        report_line_of(walk, SEVERITY_ERROR, MSG_SEARCH_NO_RESOURCE_ID, resource, bundle, form,
                       STR_NONE);
        ok = false;
    }
    if (match && search->type_count && !was_searched(search, name)) {
        report_line_of(walk, SEVERITY_ERROR, MSG_SEARCH_WRONG_TYPE, resource, bundle, form, name);
        ok = false;
    }
    return ok;
}

bool check_searchset(Walk *walk, ElemId bundle, FindingPath form)
{
    Search search = {0};
    find_self(walk, bundle, &search);
    if (!search.has_self)
        report_at(walk, SEVERITY_WARNING, MSG_SEARCH_NO_SELF, bundle, form, STR_NONE, STR_NONE);
    else if (!search.type_count)
        report_at(walk, SEVERITY_INFORMATION, MSG_SEARCH_SELF_UNKNOWN, bundle, form, STR_NONE,
                  STR_NONE);
    bool any_mode = false;
    ELEM_EACH(&walk->elems, child, bundle)
    {
        if (walk_elem(walk, child)->element == walk->model->n_entry)
            any_mode = any_mode || search_mode(walk, child).ptr;
    }
    if (!any_mode)
        return check_without_modes(walk, bundle, &search, form);
    bool ok = true;
    ELEM_EACH(&walk->elems, entry, bundle)
    {
        if (walk_elem(walk, entry)->element == walk->model->n_entry)
            ok = check_moded_entry(walk, bundle, entry, &search, form) && ok;
    }
    return ok;
}
