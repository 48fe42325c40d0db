#include "common/rules/reader.h"

#include <stdarg.h>
#include <stdio.h>

#include "services/validator/engine/fhirpath/fhirpath.h"

bool reader_refuse(Reader *reader, const JsonNode *at, const char *code, const char *format, ...)
{
    RulesProblem *problem = reader->problem;
    va_list arguments;
    problem->at = json_position(reader->doc->source, at ? at->at : 0);
    snprintf(problem->where, sizeof problem->where, "%s", reader->where);
    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    return ERR(reader->err, ERR_INPUT, code, "line %u, column %u: %.80s: %.120s", problem->at.line,
               problem->at.column, problem->where[0] ? problem->where : "the file", problem->text);
}

bool reader_no_memory(Reader *reader)
{
    return reader_refuse(reader, NULL, "rules-limit", "more memory than a rule file may take");
}

size_t reader_enter(Reader *reader, Str name)
{
    size_t mark = strlen(reader->where);
    snprintf(reader->where + mark, sizeof reader->where - mark, "%s%.*s", mark ? "." : "",
             (int)(name.len < 60 ? name.len : 60), name.ptr);
    return mark;
}

size_t reader_enter_index(Reader *reader, uint32_t index)
{
    size_t mark = strlen(reader->where);
    snprintf(reader->where + mark, sizeof reader->where - mark, "[%u]", index);
    return mark;
}

void reader_leave(Reader *reader, size_t mark)
{
    reader->where[mark] = '\0';
}

static const Member *member_of(const Member *table, Str name)
{
    for (; table->name; table++)
        if (str_is(name, table->name))
            return table;
    return NULL;
}

static bool unknown_member(Reader *reader, const JsonNode *node, const Member *table)
{
    char known[200] = "";
    for (size_t used = 0; table->name && used < sizeof known - 1; table++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "",
                                 table->name);
    return reader_refuse(reader, node, "rules-field", "\"%.*s\" is not known here; known are %s",
                         (int)(node->key_len < 60 ? node->key_len : 60), node->key, known);
}

bool reader_members(Reader *reader, const JsonNode *object, const Member *table, void *to)
{
    if (object->kind != JSON_KIND_OBJECT)
        return reader_refuse(reader, object, "rules-field", "an object is expected");
    JSON_EACH(reader->doc, node, object)
    {
        const Member *member = member_of(table, json_key(node));
        if (!member)
            return unknown_member(reader, node, table);
        size_t mark = reader_enter(reader, json_key(node));
        if (node->flags & JSON_FLAG_DUPLICATE)
            return reader_refuse(reader, node, "rules-field", "given twice");
        TRY(member->read(reader, node, to));
        reader_leave(reader, mark);
    }
    for (const Member *member = table; member->name; member++)
        if (member->required && !json_get(reader->doc, object, member->name))
            return reader_refuse(reader, object, "rules-field", "\"%s\" is missing", member->name);
    return true;
}

bool reader_text(Reader *reader, const JsonNode *node, Str *ret_text)
{
    Str text = json_text(node);
    if (node->kind != JSON_KIND_STRING || text.len == 0)
        return reader_refuse(reader, node, "rules-field", "a text is expected");
    if (memchr(text.ptr, '\0', text.len))
        return reader_refuse(reader, node, "rules-field", "a text must not hold \\u0000");
    *ret_text = text;
    return true;
}

bool reader_bool(Reader *reader, const JsonNode *node, bool *ret_value)
{
    if (node->kind != JSON_KIND_TRUE && node->kind != JSON_KIND_FALSE)
        return reader_refuse(reader, node, "rules-field", "true or false is expected");
    *ret_value = node->kind == JSON_KIND_TRUE;
    return true;
}

bool reader_array(Reader *reader, const JsonNode *node, size_t most)
{
    if (node->kind != JSON_KIND_ARRAY)
        return reader_refuse(reader, node, "rules-field", "an array is expected");
    if (node->count > most)
        return reader_refuse(reader, node, "rules-limit", "%u entries, at most %zu", node->count,
                             most);
    return true;
}

bool reader_list(Reader *reader, const JsonNode *node, StrList *ret_list)
{
    bool single = node->kind == JSON_KIND_STRING;
    if (!single)
        TRY(reader_array(reader, node, RULES_LIST_MAX));
    if (!single && node->count == 0)
        return reader_refuse(reader, node, "rules-field", "an empty list would match nothing");
    Str *list = ARENA_ARRAY(reader->arena, Str, single ? 1 : node->count);
    if (!list)
        return reader_no_memory(reader);
    if (single)
        TRY(reader_text(reader, node, list));
    for (const JsonNode *n = single ? NULL : json_first(node); n; n = json_next(reader->doc, n))
        TRY(reader_text(reader, n, &list[n->index]));
    *ret_list = (StrList){list, single ? 1 : node->count};
    return true;
}

static bool compile(Reader *reader, const JsonNode *node, FhirTypeId context, Str *ret_text,
                    Str *ret_code)
{
    const FhirpathCompileOptions options = {
        .model = fhir_model_r4(),
        .dialect = FHIRPATH_SPEC,
        .context = context,
        .strict = true, /* a path that can never yield anything is a slip */
        .no_variables = true,
    };
    FhirpathAt at = {0};
    Err why = {0};
    Str text = STR_NONE;
    TRY(reader_text(reader, node, &text));
    if (!fhirpath_compile(text, &options, reader->arena, ret_code, &at, &why) ||
        !fhirpath_check_patterns(*ret_code, &at, &why))
        return reader_refuse(reader, node, "rules-fhirpath",
                             "line %u, column %u of the expression: %s", at.line, at.column,
                             why.text);
    *ret_text = text;
    return true;
}

bool reader_fhirpath(Reader *reader, const JsonNode *node, Str *ret_text, Str *ret_code)
{
    return compile(reader, node, fhir_model_r4()->bundle_type, ret_text, ret_code);
}

bool reader_fhirpath_anywhere(Reader *reader, const JsonNode *node, Str *ret_text, Str *ret_code)
{
    return compile(reader, node, 0, ret_text, ret_code);
}
