#include "common/catalog/object.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/envelope/envelope.h"
#include "common/fhir/datetime.h"
#include "common/json/json.h"
#include "common/json/write.h"

enum { OBJECT_DEPTH_MAX = 200 };

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool object_id_valid(Str id)
{
    size_t slash = str_find_char(id, '/');
    if (id.len > OBJECT_ID_BYTES_MAX || slash == 0 || slash + 1 >= id.len)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool fine = i == slash || is_lower(c) ||
                    (i > slash && ((c >= 'A' && c <= 'Z') || c == '.' || c == '_'));
        if (!fine)
            return false;
    }
    return true;
}

static bool read_version(const JsonDoc *doc, uint64_t *ret_version)
{
    const JsonNode *node = json_get(doc, json_root(doc), "version");
    return node && node->kind == JSON_KIND_NUMBER && str_to_u64(json_text(node), ret_version) &&
           *ret_version > 0;
}

static int64_t read_time(Str text)
{
    DateTime at;
    if (!datetime_parse_fhir(DATETIME_INSTANT, text, &at, NULL))
        return 0;
    return datetime_epoch_seconds(&at) * 1000000 + at.nanosecond / 1000;
}

static void make_stamp(CatalogObject *object)
{
    unsigned char hash[ENVELOPE_SHA256_BYTES];
    envelope_sha256(object->data, hash);
    snprintf(object->stamp, sizeof object->stamp, "%.*s@%llu#%02x%02x%02x%02x",
             STR_ARG(object->name), (unsigned long long)object->version, hash[0], hash[1], hash[2],
             hash[3]);
}

/* One block: the struct, then copies of all texts. */
static CatalogObject *pack(const CatalogObject *from)
{
    const Str *texts[] = {&from->id, &from->published_at, &from->published_by, &from->comment,
                          &from->data};
    enum { COUNT = sizeof texts / sizeof texts[0] };
    size_t bytes = sizeof(CatalogObject);
    for (size_t i = 0; i < COUNT; i++)
        bytes += texts[i]->len + 1;
    CatalogObject *object = malloc(bytes);
    if (!object)
        return NULL;
    *object = *from;
    Str *copies[COUNT] = {&object->id, &object->published_at, &object->published_by,
                          &object->comment, &object->data};
    char *at = (char *)(object + 1);
    for (size_t i = 0; i < COUNT; i++) {
        if (texts[i]->len)
            memcpy(at, texts[i]->ptr, texts[i]->len);
        at[texts[i]->len] = '\0';
        *copies[i] = (Str){at, texts[i]->len};
        at += texts[i]->len + 1;
    }
    size_t slash = str_find_char(object->id, '/');
    object->kind = str_cut(object->id, 0, slash);
    object->name = str_skip(object->id, slash + 1);
    make_stamp(object);
    return object;
}

bool object_read(Str key, Str value, CatalogObject **ret_object, Err *err)
{
    const JsonLimits limits = {.depth = OBJECT_DEPTH_MAX};
    ARENA_AUTO arena = arena_new((size_t)64 << 20);
    JsonDoc doc;
    JsonPosition at = {0};
    Err why = {0};
    CatalogObject object = {0};
    if (value.len > OBJECT_BYTES_MAX)
        return ERR(err, ERR_INPUT, "object-bytes", "%zu bytes, at most %d", value.len,
                   OBJECT_BYTES_MAX);
    if (!object_id_valid(key))
        return ERR(err, ERR_INPUT, "object-id", "the record's key is no id: kind/name");
    if (!arena || !json_read(value, NULL, &limits, arena, &doc, &at, &why))
        return ERR(err, ERR_INPUT, "object-json", "%.*s: line %u, column %u: %.120s", STR_ARG(key),
                   at.line, at.column, why.text);
    const JsonNode *root = json_root(&doc), *data = json_get(&doc, root, "data");
    if (!str_eq(json_get_text(&doc, root, "id"), key))
        return ERR(err, ERR_INPUT, "object-id", "%.*s: id in the record differs", STR_ARG(key));
    if (!read_version(&doc, &object.version))
        return ERR(err, ERR_INPUT, "object-field", "%.*s: no version", STR_ARG(key));
    if (!data)
        return ERR(err, ERR_INPUT, "object-field", "%.*s: no data", STR_ARG(key));
    object.id = key;
    object.published_at = json_get_text(&doc, root, "publishedAt");
    object.published_us = read_time(object.published_at);
    object.published_by = json_get_text(&doc, root, "publishedBy");
    object.comment = json_get_text(&doc, root, "comment");
    object.data = str_cut(doc.source, data->at, data->end);
    CatalogObject *packed = pack(&object);
    if (!packed)
        return ERR(err, ERR_FATAL, "object-memory", "no memory");
    *ret_object = packed;
    return true;
}

void object_free(CatalogObject *object)
{
    free(object);
}

static void add_text_member(Buf *out, const char *name, Str text)
{
    if (text.len == 0)
        return;
    buf_add_format(out, ",\"%s\":", name);
    json_write_string(out, text);
}

bool object_write(const ObjectDraft *draft, Buf *out, Err *err)
{
    char text[DATETIME_TEXT_MAX];
    DateTime at = datetime_from_epoch_ms(draft->published_us / 1000, 0);
    if (!object_id_valid(draft->id))
        return ERR(err, ERR_INPUT, "object-id", "%.*s is no id: kind/name", STR_ARG(draft->id));
    buf_add(out, STR("{\"id\":"));
    json_write_string(out, draft->id);
    buf_add_format(out, ",\"version\":%llu", (unsigned long long)draft->version);
    add_text_member(out, "publishedAt", datetime_print(&at, text));
    add_text_member(out, "publishedBy", draft->published_by);
    add_text_member(out, "comment", draft->comment);
    buf_add(out, STR(",\"data\":"));
    buf_add(out, draft->data);
    buf_add_char(out, '}');
    if (out->overflowed || out->len > OBJECT_BYTES_MAX)
        return ERR(err, ERR_INPUT, "object-bytes", "more than %d bytes", OBJECT_BYTES_MAX);
    return true;
}
