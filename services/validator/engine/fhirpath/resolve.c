/* resolve(): contained resources and entries of the root bundle; what is elsewhere the host knows.
 * now(): one moment per evaluator. */
#include "services/validator/engine/fhirpath/eval.h"

/* The resource that holds `node` and is no contained one itself. */
static const JsonNode *container_of(FpEval *eval, const JsonDoc *doc, const JsonNode *node)
{
    const JsonNode *found = NULL;
    for (;;) {
        bool contained = false;
        const JsonNode *parent = json_parent(doc, node);
        if (parent != node && parent->kind == JSON_KIND_ARRAY)
            contained = parent->name == eval->model->n_contained;
        if (node->kind == JSON_KIND_OBJECT && !contained &&
            json_get_id(doc, node, eval->model->n_resource_type))
            return node;
        if (node->kind == JSON_KIND_OBJECT && json_get_id(doc, node, eval->model->n_resource_type))
            found = node;
        if (parent == node)
            return found ? found : node;
        node = parent;
    }
}

static bool found_at(FpEval *eval, const JsonDoc *doc, const JsonNode *node, FhirpathItem *ret)
{
    *ret = fhirpath_node_item(doc, node, NULL, fp_resource_type(eval, doc, node));
    return true;
}

static bool find_contained(FpEval *eval, const FhirpathItem *from, Str id, FhirpathItem *ret)
{
    const JsonNode *start = from->node ? from->node : from->extra;
    const JsonNode *holder = container_of(eval, from->doc, start);
    const JsonNode *list = json_get_id(from->doc, holder, eval->model->n_contained);
    if (id.len == 0)
        return found_at(eval, from->doc, holder, ret); /* "#" is the container itself */
    if (list)
        JSON_EACH(from->doc, resource, list)
        {
            const JsonNode *has = json_get_id(from->doc, resource, eval->model->n_id);
            if (has && has->kind == JSON_KIND_STRING && str_eq(json_text(has), id))
                return found_at(eval, from->doc, resource, ret);
        }
    return false;
}

/* "Patient/1" of "http://x.org/Patient/1" or "Patient/1/_history/2"; empty if it is none. */
static bool split_local(Str reference, Str *ret_type, Str *ret_id)
{
    size_t history = str_find(reference, STR("/_history/"));
    if (history != SIZE_MAX)
        reference.len = history;
    size_t slash = str_rfind_char(reference, '/');
    if (slash == SIZE_MAX)
        return false;
    *ret_id = str_skip(reference, slash + 1);
    Str before = str_cut(reference, 0, slash);
    size_t start = str_rfind_char(before, '/');
    *ret_type = start == SIZE_MAX ? before : str_skip(before, start + 1);
    return ret_id->len && ret_type->len;
}

/* spec: hl7.org/fhir/R4/bundle.html#references: fullUrl first, then type and id. */
static bool entry_matches(FpEval *eval, const JsonDoc *doc, const JsonNode *entry, Str reference,
                          const JsonNode **ret_resource)
{
    const FhirModel *m = eval->model;
    const JsonNode *full = json_get_id(doc, entry, m->n_full_url);
    const JsonNode *resource = json_get_id(doc, entry, m->n_resource);
    Str type, id;
    *ret_resource = resource;
    if (!resource || resource->kind != JSON_KIND_OBJECT)
        return false;
    Str url = full && full->kind == JSON_KIND_STRING ? json_text(full) : STR_NONE;
    if (url.ptr && str_eq(url, reference))
        return true;
    bool absolute =
        str_find(reference, STR("://")) != SIZE_MAX || str_starts(reference, STR("urn:"));
    if (absolute || !split_local(reference, &type, &id))
        return false;
    const JsonNode *has = json_get_id(doc, resource, m->n_id);
    const JsonNode *says = json_get_id(doc, resource, m->n_resource_type);
    if (has && says && has->kind == JSON_KIND_STRING && says->kind == JSON_KIND_STRING &&
        str_eq(json_text(has), id) && str_eq(json_text(says), type))
        return true;
    size_t tail = type.len + 1 + id.len;
    return url.ptr && url.len > tail && url.ptr[url.len - tail - 1] == '/' &&
           str_eq(str_skip(url, url.len - tail),
                  (Str){type.ptr, tail}); /* type and id stand side by side in the reference */
}

static bool find_among(FpEval *eval, const JsonDoc *doc, const JsonNode *entries, Str reference,
                       FhirpathItem *ret)
{
    JSON_EACH(doc, entry, entries)
    {
        const JsonNode *resource;
        if (!fp_step(eval, 1))
            return false;
        if (entry_matches(eval, doc, entry, reference, &resource))
            return found_at(eval, doc, resource, ret);
    }
    return false;
}

/* The bundles around the reference, the inner ones first. */
static bool find_in_bundles(FpEval *eval, const FhirpathItem *from, Str reference,
                            FhirpathItem *ret)
{
    const JsonDoc *doc = from->doc;
    const JsonNode *node = from->node ? from->node : from->extra;
    for (;;) {
        const JsonNode *entries = json_get_id(doc, node, eval->model->n_entry);
        if (entries && entries->kind == JSON_KIND_ARRAY &&
            fp_resource_type(eval, doc, node) == eval->model->bundle_type &&
            find_among(eval, doc, entries, reference, ret))
            return true;
        const JsonNode *parent = json_parent(doc, node);
        if (parent == node || eval->limit_hit)
            return false;
        node = parent;
    }
}

bool fp_resolve(FpEval *eval, const FhirpathItem *from, Str reference, FhirpathItem *ret,
                bool *ret_found)
{
    *ret_found = false;
    bool node = from->kind == FHIRPATH_NODE && eval->model && (from->node || from->extra);
    if (reference.len && reference.ptr[0] == '#')
        *ret_found = node && find_contained(eval, from, str_skip(reference, 1), ret);
    else if (eval->host && eval->host->resolve)
        *ret_found = eval->host->resolve(eval->host->self, reference, from, ret);
    else if (node)
        *ret_found = find_in_bundles(eval, from, reference, ret);
    else if (eval->model && eval->has_resource && eval->root_resource.node)
        *ret_found = find_in_bundles(eval, &eval->root_resource, reference, ret);
    return !eval->limit_hit;
}

const DateTime *fp_now(FpEval *eval)
{
    if (!eval->now_known) {
        int64_t ms;
        int16_t offset = eval->host ? (int16_t)eval->host->offset_min : 0;
        if (eval->host && eval->host->now_ms) {
            ms = eval->host->now_ms(eval->host->self);
        } else {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
        }
        eval->now = datetime_from_epoch_ms(ms, offset);
        eval->now.kind = DATETIME_DATE_TIME;
        eval->now_known = true;
    }
    return &eval->now;
}
