#include "common/catalog/fields.h"

#include <stdio.h>

#include "common/base/when.h"
#include "common/fhir/datetime.h"
#include "common/json/write.h"

enum { DEPTH_MAX = 12, SCRATCH_BYTES = 64 << 20, NAME_SHOWN_MAX = 60 };

typedef struct Reading {
    const JsonDoc *doc;
    Arena *arena;
    Err *err;
} Reading;

static bool refuse(const Reading *reading, const JsonNode *node, const char *what)
{
    JsonPosition at = json_position(reading->doc->source, node->at);
    size_t shown = node->key_len < NAME_SHOWN_MAX ? node->key_len : NAME_SHOWN_MAX;
    return ERR(reading->err, ERR_INPUT, "object-field", "line %u column %u, \"%.*s\": %s", at.line,
               at.column, (int)shown, node->key ? node->key : "", what);
}

static bool no_memory(const Reading *reading, const JsonNode *node)
{
    return refuse(reading, node, "no memory");
}

/* --- values ----------------------------------------------------------------------------------- */

static bool printable(Str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < ' ' || c == 0x7f)
            return false;
    }
    return true;
}

/* `field` NULL: a text like any other. */
static bool read_string(const Reading *reading, const JsonNode *node, const Field *field, Str text,
                        Str *ret_text)
{
    if (text.len == 0 || text.len > FIELDS_TEXT_MAX || !printable(text))
        return refuse(reading, node, "a text of printable characters is expected");
    const char *wrong = field && field->check ? field->check(text) : NULL;
    if (wrong)
        return refuse(reading, node, wrong);
    Str copy = arena_copy(reading->arena, text);
    if (!copy.ptr)
        return no_memory(reading, node);
    *ret_text = copy;
    return true;
}

static bool read_text(const Reading *reading, const JsonNode *node, const Field *field,
                      Str *ret_text)
{
    if (node->kind != JSON_KIND_STRING)
        return refuse(reading, node, "a text is expected");
    return read_string(reading, node, field, json_text(node), ret_text);
}

static bool read_lines(const Reading *reading, const JsonNode *node, Str *ret_text)
{
    Str text = json_text(node);
    if (node->kind != JSON_KIND_STRING || text.len == 0 || text.len > FIELDS_LINES_MAX ||
        str_find_char(text, '\0') < text.len)
        return refuse(reading, node, "lines of text are expected");
    *ret_text = arena_copy(reading->arena, text);
    return ret_text->ptr || no_memory(reading, node);
}

static bool read_texts(const Reading *reading, const JsonNode *node, const Field *field,
                       FieldTexts *ret_texts)
{
    FieldTexts texts = {0};
    if (node->kind != JSON_KIND_ARRAY || node->count > FIELDS_LIST_MAX)
        return refuse(reading, node, "a list of texts is expected");
    texts.list = ARENA_ARRAY(reading->arena, Str, node->count + 1);
    if (!texts.list)
        return no_memory(reading, node);
    JSON_EACH(reading->doc, child, node)
    TRY(read_text(reading, child, field, &texts.list[texts.count++]));
    *ret_texts = texts;
    return true;
}

static bool read_pairs(const Reading *reading, const JsonNode *node, FieldPairs *ret_pairs)
{
    FieldPairs pairs = {0};
    if (node->kind != JSON_KIND_OBJECT || node->count > FIELDS_LIST_MAX)
        return refuse(reading, node, "an object of texts is expected");
    pairs.list = ARENA_ARRAY(reading->arena, FieldPair, node->count + 1);
    if (!pairs.list)
        return no_memory(reading, node);
    JSON_EACH(reading->doc, child, node)
    {
        FieldPair *pair = &pairs.list[pairs.count++];
        if (child->flags & JSON_FLAG_DUPLICATE)
            return refuse(reading, child, "it is there twice");
        TRY(read_string(reading, child, NULL, json_key(child), &pair->name));
        TRY(read_text(reading, child, NULL, &pair->value));
    }
    *ret_pairs = pairs;
    return true;
}

static bool read_uint(const Reading *reading, const JsonNode *node, const Field *field,
                      uint64_t *ret_value)
{
    uint64_t value;
    char what[120];
    if (node->kind == JSON_KIND_NUMBER && str_to_u64(json_text(node), &value) &&
        value >= field->min && value <= field->max) {
        *ret_value = value;
        return true;
    }
    snprintf(what, sizeof what, "a whole number from %llu to %llu is expected",
             (unsigned long long)field->min, (unsigned long long)field->max);
    return refuse(reading, node, what);
}

static bool read_choice(const Reading *reading, const JsonNode *node, const char *choices,
                        int *ret_choice)
{
    Str rest = str_from(choices), one;
    char what[120];
    for (int i = 0; str_split(&rest, ' ', &one); i++)
        if (node->kind == JSON_KIND_STRING && str_eq(json_text(node), one)) {
            *ret_choice = i;
            return true;
        }
    snprintf(what, sizeof what, "one of these is expected: %s", choices);
    return refuse(reading, node, what);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_bytes32(const Reading *reading, const JsonNode *node, uint8_t *ret_bytes)
{
    Str text = node->kind == JSON_KIND_STRING ? json_text(node) : STR_NONE;
    uint8_t bytes[32];
    size_t digits = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = hex_digit(text.ptr[i]);
        if (text.ptr[i] == ':' && digits % 2 == 0)
            continue;
        if (digit < 0 || digits == 64)
            return refuse(reading, node, "64 hexadecimal digits are expected");
        bytes[digits / 2] = (uint8_t)(digits % 2 ? bytes[digits / 2] << 4 | digit : digit);
        digits++;
    }
    if (digits != 64)
        return refuse(reading, node, "64 hexadecimal digits are expected");
    memcpy(ret_bytes, bytes, sizeof bytes);
    return true;
}

static bool read_bool(const Reading *reading, const JsonNode *node, bool *ret_value)
{
    if (node->kind != JSON_KIND_TRUE && node->kind != JSON_KIND_FALSE)
        return refuse(reading, node, "true or false is expected");
    *ret_value = node->kind == JSON_KIND_TRUE;
    return true;
}

static bool read_time(const Reading *reading, const JsonNode *node, int64_t *ret_us)
{
    if (node->kind != JSON_KIND_STRING || !when_parse(json_text(node), WHEN_FROM, ret_us))
        return refuse(reading, node, "a time is expected, as 2027-01-01T00:00:00Z");
    return true;
}

static bool read_json(const Reading *reading, const JsonNode *node, Str *ret_json)
{
    if (node->kind != JSON_KIND_OBJECT)
        return refuse(reading, node, "an object is expected");
    *ret_json = arena_copy(reading->arena, str_cut(reading->doc->source, node->at, node->end));
    return ret_json->ptr || no_memory(reading, node);
}

/* --- members ---------------------------------------------------------------------------------- */

void fields_initial(const Field *fields, void *to)
{
    for (const Field *field = fields; field->name; field++) {
        if (field->kind == FIELD_UINT)
            memcpy((char *)to + field->offset, &field->initial, sizeof field->initial);
        if (field->kind == FIELD_GROUP)
            fields_initial(field->fields, to);
    }
}

static bool read_members(const Reading *reading, const Field *fields, const JsonNode *object,
                         void *to);

static bool read_list(const Reading *reading, const Field *field, const JsonNode *node,
                      FieldList *ret_list)
{
    FieldList list = {0};
    if (node->kind != JSON_KIND_ARRAY || node->count > FIELDS_LIST_MAX)
        return refuse(reading, node, "a list of objects is expected");
    list.list = arena_zero(reading->arena, field->item_bytes * (node->count + 1));
    if (!list.list)
        return no_memory(reading, node);
    JSON_EACH(reading->doc, child, node)
    {
        void *item = (char *)list.list + field->item_bytes * list.count++;
        fields_initial(field->fields, item);
        TRY(read_members(reading, field->fields, child, item));
    }
    *ret_list = list;
    return true;
}

static bool read_value(const Reading *reading, const Field *field, const JsonNode *node, void *base)
{
    void *to = (char *)base + field->offset;
    switch (field->kind) {
    case FIELD_TEXT:
        return read_text(reading, node, field, to);
    case FIELD_LINES:
        return read_lines(reading, node, to);
    case FIELD_TEXTS:
        return read_texts(reading, node, field, to);
    case FIELD_PAIRS:
        return read_pairs(reading, node, to);
    case FIELD_UINT:
        return read_uint(reading, node, field, to);
    case FIELD_BOOL:
        return read_bool(reading, node, to);
    case FIELD_CHOICE:
        return read_choice(reading, node, field->choices, to);
    case FIELD_TIME:
        return read_time(reading, node, to);
    case FIELD_BYTES32:
        return read_bytes32(reading, node, to);
    case FIELD_JSON:
        return read_json(reading, node, to);
    case FIELD_GROUP:
        return read_members(reading, field->fields, node, base);
    case FIELD_LIST:
        return read_list(reading, field, node, to);
    }
    return false;
}

static bool read_members(const Reading *reading, const Field *fields, const JsonNode *object,
                         void *to)
{
    if (object->kind != JSON_KIND_OBJECT)
        return refuse(reading, object, "an object is expected");
    JSON_EACH(reading->doc, member, object)
    {
        const Field *field = fields;
        while (field->name && !str_is(json_key(member), field->name))
            field++;
        if (member->flags & JSON_FLAG_DUPLICATE)
            return refuse(reading, member, "it is there twice");
        if (!field->name)
            return refuse(reading, member, "there is no such member");
        TRY(read_value(reading, field, member, to));
    }
    return true;
}

bool fields_read(const Field *fields, Str json, Arena *arena, void *to, Err *err)
{
    static const JsonLimits limits = {.depth = DEPTH_MAX};
    JsonDoc doc;
    JsonPosition at = {0};
    ARENA_AUTO scratch = arena_new(SCRATCH_BYTES);
    if (!scratch || !json_read(json, NULL, &limits, scratch, &doc, &at, err))
        return ERR(err, ERR_INPUT, "object-json", "line %u column %u: not JSON, or too deep",
                   at.line, at.column);
    const Reading reading = {&doc, arena, err};
    fields_initial(fields, to);
    return read_members(&reading, fields, json_root(&doc), to);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_texts(const FieldTexts *texts, Buf *out)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < texts->count; i++) {
        if (i)
            buf_add_char(out, ',');
        json_write_string(out, texts->list[i]);
    }
    buf_add_char(out, ']');
}

static void write_pairs(const FieldPairs *pairs, Buf *out)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < pairs->count; i++) {
        if (i)
            buf_add_char(out, ',');
        json_write_string(out, pairs->list[i].name);
        buf_add_char(out, ':');
        json_write_string(out, pairs->list[i].value);
    }
    buf_add_char(out, '}');
}

static void write_list(const Field *field, const FieldList *list, Buf *out)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i)
            buf_add_char(out, ',');
        fields_write(field->fields, (const char *)list->list + i * field->item_bytes, out);
    }
    buf_add_char(out, ']');
}

static void write_time(int64_t us, Buf *out)
{
    char text[DATETIME_TEXT_MAX];
    DateTime at = datetime_from_epoch_ms(us / 1000, 0);
    json_write_string(out, datetime_print(&at, text));
}

static void write_choice(const Field *field, int choice, Buf *out)
{
    Str rest = str_from(field->choices), one = STR_NONE;
    for (int i = 0; i <= choice; i++)
        if (!str_split(&rest, ' ', &one))
            return;
    json_write_string(out, one);
}

static void write_bytes32(const uint8_t *bytes, Buf *out)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < 32; i++)
        buf_add_format(out, "%02x", bytes[i]);
    buf_add_char(out, '"');
}

static bool is_initial(const Field *field, const void *base)
{
    static const uint8_t zeros[sizeof(FieldTexts) > 32 ? sizeof(FieldTexts) : 32];
    const char *at = (const char *)base + field->offset;
    uint64_t number;
    switch (field->kind) {
    case FIELD_UINT:
        memcpy(&number, at, sizeof number);
        return number == field->initial;
    case FIELD_TEXT:
    case FIELD_LINES:
    case FIELD_JSON:
        return ((const Str *)(const void *)at)->len == 0;
    case FIELD_TEXTS:
    case FIELD_PAIRS:
    case FIELD_LIST:
        return ((const FieldList *)(const void *)at)->count == 0;
    case FIELD_BOOL:
        return !*(const bool *)at;
    case FIELD_CHOICE:
        return *(const int *)(const void *)at == 0;
    case FIELD_TIME:
        return *(const int64_t *)(const void *)at == 0;
    case FIELD_BYTES32:
        return memcmp(at, zeros, 32) == 0;
    case FIELD_GROUP:
        for (const Field *member = field->fields; member->name; member++)
            if (!is_initial(member, base))
                return false;
        return true;
    }
    return true;
}

static void write_value(const Field *field, const void *base, Buf *out)
{
    const void *at = (const char *)base + field->offset;
    switch (field->kind) {
    case FIELD_TEXT:
    case FIELD_LINES:
        json_write_string(out, *(const Str *)at);
        break;
    case FIELD_TEXTS:
        write_texts(at, out);
        break;
    case FIELD_PAIRS:
        write_pairs(at, out);
        break;
    case FIELD_UINT:
        buf_add_format(out, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case FIELD_BOOL:
        buf_add(out, STR("true"));
        break;
    case FIELD_CHOICE:
        write_choice(field, *(const int *)at, out);
        break;
    case FIELD_TIME:
        write_time(*(const int64_t *)at, out);
        break;
    case FIELD_BYTES32:
        write_bytes32(at, out);
        break;
    case FIELD_JSON:
        buf_add(out, *(const Str *)at);
        break;
    case FIELD_GROUP:
        fields_write(field->fields, base, out);
        break;
    case FIELD_LIST:
        write_list(field, at, out);
        break;
    }
}

void fields_write(const Field *fields, const void *from, Buf *out)
{
    bool first = true;
    buf_add_char(out, '{');
    for (const Field *field = fields; field->name; field++) {
        if (is_initial(field, from))
            continue;
        if (!first)
            buf_add_char(out, ',');
        first = false;
        buf_add_format(out, "\"%s\":", field->name);
        write_value(field, from, out);
    }
    buf_add_char(out, '}');
}
