#include "common/fhir/model.h"
#include "common/rules/path.h"
#include "common/rules/reader.h"

/* Elsewhere than at the end '*' would be a star, which is in no message id and no profile. */
static bool starred(Reader *reader, const JsonNode *node, StrList *ret_list)
{
    TRY(reader_list(reader, node, ret_list));
    for (size_t i = 0; i < ret_list->count; i++)
        if (str_find_char(ret_list->list[i], '*') + 1 < ret_list->list[i].len)
            return reader_refuse(reader, node, "rules-field", "'*' may stand at the end alone");
    return true;
}

static bool message_ids(Reader *reader, const JsonNode *node, void *to)
{
    return starred(reader, node, &((RuleWhen *)to)->message_ids);
}

static bool invariants(Reader *reader, const JsonNode *node, void *to)
{
    return reader_list(reader, node, &((RuleWhen *)to)->invariants);
}

static bool codes(Reader *reader, const JsonNode *node, void *to)
{
    StrList *list = &((RuleWhen *)to)->codes;
    TRY(reader_list(reader, node, list));
    for (size_t i = 0; i < list->count; i++)
        if (!rules_is_issue_code(list->list[i]))
            return reader_refuse(reader, node, "rules-field", NO_ISSUE_CODE);
    return true;
}

static bool profiles(Reader *reader, const JsonNode *node, void *to)
{
    return starred(reader, node, &((RuleWhen *)to)->profiles);
}

static const char *misnamed_type(const PathPattern *pattern)
{
    for (size_t i = 0; i < pattern->count; i++)
        if (pattern->steps[i].type.len && !fhir_type_find(fhir_model_r4(), pattern->steps[i].type))
            return "there is no such type of resource";
    return NULL;
}

static bool paths(Reader *reader, const JsonNode *node, void *to)
{
    RuleWhen *when = to;
    StrList texts;
    TRY(reader_list(reader, node, &texts));
    const PathPattern **list = ARENA_ARRAY(reader->arena, const PathPattern *, texts.count);
    if (!list)
        return reader_no_memory(reader);
    for (size_t i = 0; i < texts.count; i++) {
        const char *why;
        list[i] = path_pattern(texts.list[i], reader->arena, &why);
        if (list[i])
            why = misnamed_type(list[i]);
        if (why)
            return reader_refuse(reader, node, "rules-field", "\"%.*s\": %s",
                                 (int)(texts.list[i].len < 100 ? texts.list[i].len : 100),
                                 texts.list[i].ptr, why);
    }
    when->paths = list;
    when->path_count = texts.count;
    return true;
}

/* "error": that or worse; ["warning"]: exactly these. */
static bool severity(Reader *reader, const JsonNode *node, void *to)
{
    RuleWhen *when = to;
    StrList names;
    TRY(reader_list(reader, node, &names));
    when->severities = 0;
    for (size_t i = 0; i < names.count; i++) {
        int at = rules_severity(names.list[i]);
        if (at < 0)
            return reader_refuse(reader, node, "rules-field",
                                 "information, warning, error or fatal is expected");
        bool exactly = node->kind == JSON_KIND_ARRAY;
        when->severities |= (uint8_t)(exactly ? 1 << at : SEVERITY_ANY & ~((1 << at) - 1));
    }
    return true;
}

static bool disposition(Reader *reader, const JsonNode *node, void *to)
{
    RuleWhen *when = to;
    StrList names;
    TRY(reader_list(reader, node, &names));
    for (size_t i = 0; i < names.count; i++) {
        if (str_is(names.list[i], "accept"))
            when->actions |= 1 << ACTION_ACCEPT;
        else if (str_is(names.list[i], "reject"))
            when->actions |= 1 << ACTION_REJECT;
        else
            return reader_refuse(reader, node, "rules-field",
                                 "accept or reject is expected (what is discarded is not sent)");
    }
    return true;
}

static bool payload(Reader *reader, const JsonNode *node, void *to)
{
    RuleWhen *when = to;
    return reader_fhirpath(reader, node, &when->payload, &when->payload_code);
}

#define ISSUE_AND_PAYLOAD                                                                          \
    {"messageId", message_ids, false}, {"invariant", invariants, false}, {"path", paths, false},   \
        {"severity", severity, false}, {"code", codes, false}, {"profile", profiles, false},       \
    {                                                                                              \
        "payload", payload, false                                                                  \
    }

bool read_when(Reader *reader, const JsonNode *node, RuleSection section, RuleWhen *ret_when)
{
    static const Member plain[] = {ISSUE_AND_PAYLOAD, {0}};
    static const Member sending[] = {
        ISSUE_AND_PAYLOAD, {"disposition", disposition, false},
         {0       }
    };
    RuleWhen when = {0};
    TRY(reader_members(reader, node, section == RULES_TRANSFORMS ? sending : plain, &when));
    when.about_issues = when.message_ids.count || when.invariants.count || when.path_count ||
                        when.codes.count || when.severities;
    if (!when.severities)
        when.severities = SEVERITY_ANY;
    *ret_when = when;
    return true;
}
