/* Bundles: fullUrls, entries; then each entry's own specials. */
#include "services/validator/engine/validate/bundle.h"

/* Something/Type/id, as a RESTful server would name it. */
bool is_restful_url(const Walk *walk, Str url)
{
    if (!str_starts(url, STR("http://")) && !str_starts(url, STR("https://")))
        return false;
    size_t history = str_find(url, STR("/_history/"));
    if (history != SIZE_MAX)
        url = str_cut(url, 0, history);
    size_t last = str_rfind_char(url, '/');
    if (last == SIZE_MAX || last + 1 == url.len || url.len - last - 1 > 64)
        return false;
    Str above = str_cut(url, 0, last);
    size_t before = str_rfind_char(above, '/');
    FhirTypeId type =
        before == SIZE_MAX ? 0 : fhir_type_find(walk->model, str_skip(above, before + 1));
    return type && walk->model->types[type].kind == FHIR_KIND_RESOURCE;
}

/* The Java core names the first entry, whichever is meant. */
static bool entry_error(Walk *walk, ElemId bundle, Message message, ElemId entry, Str arg0,
                        Str arg1, Str arg2)
{
    Finding *finding =
        report_with(walk, SEVERITY_ERROR, message, bundle, arg0, arg1, arg2, STR_NONE);
    if (finding) {
        finding->suffix = STR(".entry[0]");
        finding->at = elem_offset(walk_elem(walk, entry));
    }
    return false;
}

static bool check_full_url(Walk *walk, ElemId bundle, ElemId entry, Str full_url, ElemId resource)
{
    if (full_url.len == 0)
        return true;
    if (!is_absolute_url(full_url))
        return entry_error(walk, bundle, MSG_BUNDLE_URL_ABSOLUTE, entry, full_url, STR_NONE,
                           STR_NONE);
    if (!resource || !is_restful_url(walk, full_url))
        return true;
    ElemId id_elem = elem_child(&walk->elems, resource, walk->model->n_id);
    if (!id_elem)
        return entry_error(walk, bundle, MSG_BUNDLE_URL_NO_ID, entry, full_url, STR_NONE, STR_NONE);
    Str id = elem_text(walk_elem(walk, id_elem));
    Str type = fhir_type_name(walk->model, walk_elem(walk, resource)->type);
    if (str_ends(full_url, id) && str_ends(str_cut(full_url, 0, full_url.len - id.len), STR("/"))) {
        Str above = str_cut(full_url, 0, full_url.len - id.len - 1);
        if (str_ends(above, type) && str_ends(str_cut(above, 0, above.len - type.len), STR("/")))
            return true;
    }
    return entry_error(walk, bundle, MSG_BUNDLE_URL_TYPE_ID, entry, full_url, type, id);
}

static bool is_full_url_optional(Str type)
{
    return str_is(type, "transaction") || str_is(type, "transaction-response") ||
           str_is(type, "batch") || str_is(type, "batch-response");
}

static bool check_entry(Walk *walk, const Scope *scope, ElemId bundle, Str type, ElemId entry)
{
    const FhirModel *m = walk->model;
    ElemId url = elem_child(&walk->elems, entry, m->n_full_url);
    ElemId resource = elem_child(&walk->elems, entry, m->n_resource);
    Str full_url = url ? elem_text(walk_elem(walk, url)) : STR_NONE;
    bool ok = check_full_url(walk, bundle, entry, full_url, resource);
    if (!full_url.ptr && !is_full_url_optional(type)) {
        report(walk, SEVERITY_ERROR, MSG_BUNDLE_FULL_URL_REQUIRED, entry);
        ok = false;
    }
    if (resource && !(walk_elem(walk, resource)->flags & ELEM_UNKNOWN_RESOURCE))
        check_specials(walk, scope, resource, FINDING_PATH_BARE);
    return ok;
}

/* What a bundle of that type asks of its entries together. */
static bool check_kind(Walk *walk, ElemId bundle, Str type, FindingPath form)
{
    ElemId first = elem_child(&walk->elems, bundle, walk->model->n_entry);
    bool document = str_is(type, "document");
    bool message = str_is(type, "message");
    if (!first) {
        if (!document && !message)
            return true;
        Finding *finding = report(walk, SEVERITY_ERROR, MSG_BUNDLE_NO_FIRST, bundle);
        if (finding) {
            finding->path = (uint8_t)form;
            finding->at = FINDING_NO_LINE;
        }
        return false;
    }
    if (document)
        return check_document(walk, bundle, first, form);
    if (message)
        return check_message(walk, bundle, first, form);
    return !str_is(type, "searchset") || check_searchset(walk, bundle, form);
}

bool check_bundle(Walk *walk, const Scope *scope, ElemId bundle, FindingPath form)
{
    Str type = walk_text(walk, bundle, "type");
    bool ok = check_bundle_links(walk, bundle, type, form);
    ok = check_kind(walk, bundle, type, form) && ok;
    ELEM_EACH(&walk->elems, entry, bundle)
    if (walk_elem(walk, entry)->element == walk->model->n_entry)
        ok = check_entry(walk, scope, bundle, type, entry) && ok;
    if (walk->rules & RULE_NARRATIVE_LINKS)
        ok = check_narrative_links(walk, bundle, form) && ok;
    return ok;
}
