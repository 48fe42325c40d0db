/* Mutations that leave JSON what it is: values are removed, doubled, swapped for others of the same
 * text or of the seeds, their texts changed. One in four changes bytes blindly. */
#include "common/json/json.h"
#include "common/base/arena.h"
#include "common/base/check.h"
#include "tests/fuzz/target.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *two,
                                 size_t two_size, uint8_t *out, size_t out_max, unsigned seed);

static const char *const values[] = {
    "null",
    "true",
    "0",
    "-1",
    "1.50",
    "1e400",
    "\"\"",
    "\" \"",
    "[]",
    "{}",
    "[null]",
    "[{}]",
    "\"#a\"",
    "\"urn:uuid:0d6f0a0e-0000-4000-8000-000000000001\"",
    "\"Observation/a\"",
    "\"2020-02-30\"",
    "\"2020-01-01T00:00:00Z\"",
    "\"http://example.org/fhir/StructureDefinition/small\"",
    "{\"reference\":\"#a\"}",
    "{\"reference\":\"Observation/a\"}",
    "{\"resourceType\":\"Observation\"}",
    "{\"system\":\"http://unitsofmeasure.org\",\"code\":\"mg\",\"value\":1}",
    "{\"url\":\"http://example.org/fhir/StructureDefinition/"
    "note\",\"extension\":[{\"url\":\"shade\"}]}",
    "{\"coding\":[{\"system\":\"http://example.org/fhir/CodeSystem/colour\",\"code\":\"red\"}]}",
    "{\"status\":\"generated\",\"div\":\"<div "
    "xmlns=\\\"http://www.w3.org/1999/xhtml\\\"><p>a</p></div>\"}",
};
static const char *const names[] = {
    "resourceType", "id",          "meta",    "contained", "extension",     "modifierExtension",
    "identifier",   "reference",   "entry",   "fullUrl",   "resource",      "text",
    "code",         "valueString", "_value",  "link",      "valueQuantity", "item",
    "linkId",       "answer",      "profile", "coding",    "url",           "request",
    "type",
};

typedef struct Edit {
    const JsonDoc *doc;
    uint32_t seed;
    uint8_t *out;
    size_t len, max;
    bool full;
} Edit;

static uint32_t next(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525U + 1013904223U;
    return below ? (*seed >> 8) % below : 0;
}

static void add(Edit *e, Str text)
{
    if (text.len > e->max - e->len) {
        e->full = true;
        return;
    }
    memcpy(e->out + e->len, text.ptr, text.len);
    e->len += text.len;
}

static Str between(const JsonDoc *doc, uint32_t from, uint32_t to)
{
    return str_cut(doc->source, from, to);
}

/* From the name on, for a member. */
static uint32_t start_of(const JsonDoc *doc, const JsonNode *node)
{
    return json_parent(doc, node)->kind == JSON_KIND_OBJECT && node != json_root(doc) ? node->key_at
                                                                                      : node->at;
}

static void replace(Edit *e, const JsonNode *node, Str by)
{
    add(e, between(e->doc, 0, node->at));
    add(e, by);
    add(e, str_skip(e->doc->source, node->end));
}

/* With the comma before or behind it. */
static void drop(Edit *e, const JsonNode *node)
{
    const JsonNode *parent = json_parent(e->doc, node);
    uint32_t from = start_of(e->doc, node), to = node->end;
    if (node->next)
        to = start_of(e->doc, json_next(e->doc, node));
    else if (node->index > 0)
        JSON_EACH(e->doc, sibling, parent)
    if (sibling->next == json_index_of(e->doc, node))
        from = sibling->end;
    add(e, between(e->doc, 0, from));
    add(e, str_skip(e->doc->source, to));
}

static void twice(Edit *e, const JsonNode *node)
{
    Str it = between(e->doc, start_of(e->doc, node), node->end);
    add(e, between(e->doc, 0, node->end));
    add(e, STR(","));
    add(e, it);
    add(e, str_skip(e->doc->source, node->end));
}

/* A new member or item at the front of an object or array. */
static void grow(Edit *e, const JsonNode *node, Str value)
{
    add(e, between(e->doc, 0, node->at + 1));
    if (node->kind == JSON_KIND_OBJECT) {
        add(e, STR("\""));
        add(e, str_from(names[next(&e->seed, sizeof names / sizeof *names)]));
        add(e, STR("\":"));
    }
    add(e, value);
    if (node->count)
        add(e, STR(","));
    add(e, str_skip(e->doc->source, node->at + 1));
}

static void change_text(Edit *e, const JsonNode *node)
{
    uint8_t text[256];
    size_t len = node->end - node->at - 2;
    if (len > sizeof text / 2)
        len = sizeof text / 2;
    memcpy(text, e->doc->source.ptr + node->at + 1, len);
    len = LLVMFuzzerMutate(text, len, sizeof text);
    add(e, between(e->doc, 0, node->at + 1));
    for (size_t i = 0; i < len; i++)
        if (text[i] >= ' ' && text[i] < 0x7f && text[i] != '"' && text[i] != '\\')
            add(e, (Str){(const char *)text + i, 1});
    add(e, str_skip(e->doc->source, node->end - 1));
}

static Str some_value(Edit *e, const JsonDoc *from)
{
    if (next(&e->seed, 2))
        return str_from(values[next(&e->seed, sizeof values / sizeof *values)]);
    const JsonNode *node = &from->nodes[next(&e->seed, from->count)];
    return between(from, node->at, node->end);
}

static void mutate(Edit *e, const JsonDoc *other)
{
    const JsonNode *node = &e->doc->nodes[next(&e->seed, e->doc->count)];
    switch (next(&e->seed, 6)) {
    case 0:
        if (node != json_root(e->doc)) {
            drop(e, node);
            break;
        } /* fall through */
    case 1:
        if (node != json_root(e->doc)) {
            twice(e, node);
            break;
        } /* fall through */
    case 2:
        if (node->kind >= JSON_KIND_ARRAY) {
            grow(e, node, some_value(e, other));
            break;
        } /* fall through */
    case 3:
        if (node->kind == JSON_KIND_STRING) {
            change_text(e, node);
            break;
        } /* fall through */
    default:
        replace(e, node, some_value(e, other));
    }
}

static size_t edit(const uint8_t *one, size_t one_size, const uint8_t *two, size_t two_size,
                   uint8_t *out, size_t out_max, unsigned seed)
{
    ARENA_AUTO arena = arena_new(64U << 20);
    JsonDoc doc, other;
    Edit e = {.doc = &doc, .seed = seed, .out = out, .max = out_max};
    if (!json_read((Str){(const char *)one, one_size}, NULL, NULL, arena, &doc, NULL, NULL))
        return 0;
    if (!json_read((Str){(const char *)two, two_size}, NULL, NULL, arena, &other, NULL, NULL))
        other = doc;
    mutate(&e, &other);
    return e.full ? 0 : e.len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    if (seed % 4 == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    uint8_t *out = malloc(max_size);
    CHECK(out);
    size_t len = edit(data, size, data, size, out, max_size, seed / 4);
    if (len)
        memcpy(data, out, len);
    free(out);
    return len ? len : LLVMFuzzerMutate(data, size, max_size);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *two,
                                 size_t two_size, uint8_t *out, size_t out_max, unsigned seed)
{
    return edit(one, one_size, two, two_size, out, out_max, seed);
}
