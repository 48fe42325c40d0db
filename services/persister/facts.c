#include "services/persister/facts.h"

#include "common/json/json.h"

typedef struct Reader {
    JsonDoc doc;
    Arena *arena;
    Facts *facts;
    Str types[FACT_TYPES_MAX];
    size_t type_count;
    bool patient_seen, organization_seen;
} Reader;

Str text_clip(Str s, size_t bytes)
{
    if (s.len <= bytes)
        return s;
    while (bytes > 0 && ((unsigned char)s.ptr[bytes] & 0xc0) == 0x80)
        bytes--;
    return str_cut(s, 0, bytes);
}

static Str keep(const Reader *r, Str text)
{
    return text.len ? arena_copy(r->arena, text_clip(text, FACT_BYTES_MAX)) : STR_NONE;
}

static Str keep_member(const Reader *r, const JsonNode *object, const char *name)
{
    return keep(r, json_get_text(&r->doc, object, name));
}

static const JsonNode *list_of(const Reader *r, const JsonNode *object, const char *name)
{
    const JsonNode *list = json_get(&r->doc, object, name);
    return list && list->kind == JSON_KIND_ARRAY ? list : NULL;
}

static void note_type(Reader *r, Str type)
{
    for (size_t i = 0; i < r->type_count; i++)
        if (str_eq(r->types[i], text_clip(type, FACT_BYTES_MAX)))
            return;
    if (type.len && r->type_count < FACT_TYPES_MAX) {
        Str copy = keep(r, type);
        if (copy.ptr)
            r->types[r->type_count++] = copy;
    }
}

static bool has_type_code(const Reader *r, const JsonNode *identifier, const char *code)
{
    const JsonNode *type = json_get(&r->doc, identifier, "type");
    const JsonNode *codings = type ? list_of(r, type, "coding") : NULL;
    if (!codings)
        return false;
    JSON_EACH(&r->doc, coding, codings)
    if (str_is(json_get_text(&r->doc, coding, "code"), code))
        return true;
    return false;
}

static void read_patient(Reader *r, const JsonNode *patient)
{
    Facts *f = r->facts;
    f->patient_id = keep_member(r, patient, "id");
    const JsonNode *identifiers = list_of(r, patient, "identifier");
    if (!identifiers)
        return;
    JSON_EACH(&r->doc, identifier, identifiers)
    {
        if (!f->patient_mrn.len && has_type_code(r, identifier, "MR")) {
            f->patient_mrn = keep_member(r, identifier, "value");
            f->patient_mrn_source_system = keep_member(r, identifier, "system");
        }
        if (!f->medicaid_cin.len && has_type_code(r, identifier, "MA"))
            f->medicaid_cin = keep_member(r, identifier, "value");
    }
}

static void read_resource(Reader *r, const JsonNode *resource)
{
    Str type = json_get_text(&r->doc, resource, "resourceType");
    note_type(r, type);
    if (str_is(type, "Patient") && !r->patient_seen) {
        r->patient_seen = true;
        read_patient(r, resource);
    } else if (str_is(type, "Organization") && !r->organization_seen) {
        r->organization_seen = true;
        r->facts->organization_id = keep_member(r, resource, "id");
        r->facts->organization_name = keep_member(r, resource, "name");
    }
}

static void read_bundle(Reader *r, const JsonNode *bundle)
{
    Facts *f = r->facts;
    f->bundle_id = keep_member(r, bundle, "id");
    f->bundle_type = keep_member(r, bundle, "type");
    const JsonNode *entries = list_of(r, bundle, "entry");
    if (!entries)
        return;
    JSON_EACH(&r->doc, entry, entries)
    read_resource(r, json_get(&r->doc, entry, "resource"));
}

static void read_meta(Reader *r, const JsonNode *root)
{
    const JsonNode *meta = json_get(&r->doc, root, "meta");
    const JsonNode *profiles = meta ? list_of(r, meta, "profile") : NULL;
    const JsonNode *first = profiles ? json_first(profiles) : NULL;
    r->facts->bundle_last_updated = keep_member(r, meta, "lastUpdated");
    if (first && first->kind == JSON_KIND_STRING)
        r->facts->profile_url = keep(r, json_text(first));
}

void facts_read(Str document, Arena *scratch, Arena *arena, Facts *ret_facts)
{
    Reader r = {.arena = arena, .facts = ret_facts};
    *ret_facts = (Facts){0};
    arena_reset(scratch);
    if (!json_read(document, NULL, NULL, scratch, &r.doc, NULL, NULL))
        return;
    const JsonNode *root = json_root(&r.doc);
    read_meta(&r, root);
    if (str_is(json_get_text(&r.doc, root, "resourceType"), "Bundle"))
        read_bundle(&r, root);
    else
        read_resource(&r, root);
    Str *types = ARENA_ARRAY(arena, Str, r.type_count + 1);
    if (types) {
        memcpy(types, r.types, r.type_count * sizeof *types);
        ret_facts->resource_types = types;
        ret_facts->resource_type_count = r.type_count;
    }
}
