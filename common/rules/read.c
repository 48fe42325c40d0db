#include <stdio.h>
#include <stdlib.h>

#include "common/fhir/datetime.h"
#include "common/rules/index.h"
#include "common/rules/reader.h"

enum {
    SET_MEMORY_BYTES = 256 << 20,
    RULES_DEPTH_MAX = 100,
    PRIORITY_MAX = 1000000,
    LABEL_BYTES_MAX = 64,
};

/* --- small things -----------------------------------------------------------------------------
 */
static const char *const severities[] = {"information", "warning", "error", "fatal"};

int rules_severity(Str name)
{
    for (int i = 0; i < 4; i++)
        if (str_is(name, severities[i]))
            return i;
    return -1;
}

/* spec: hl7.org/fhir/R4/valueset-issue-type.html, which binds OperationOutcome.issue.code. */
bool rules_is_issue_code(Str name)
{
    static const char *const codes[] = {
        "invalid",          "structure",     "required",  "value",      "invariant",
        "security",         "login",         "unknown",   "expired",    "forbidden",
        "suppressed",       "processing",    "duplicate", "not-found",  "deleted",
        "multiple-matches", "not-supported", "too-long",  "extension",  "code-invalid",
        "too-costly",       "business-rule", "conflict",  "transient",  "lock-error",
        "no-store",         "exception",     "timeout",   "incomplete", "throttled",
        "informational",
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (str_is(name, codes[i]))
            return true;
    return false;
}

const char *rules_severity_name(int severity)
{
    return severities[severity];
}

const char *rules_section_name(RuleSection section)
{
    static const char *const names[] = {"dispositions", "diagnostics", "transforms"};
    return names[section];
}

const char *rules_step_name(StepKind kind)
{
    static const char *const names[] = {"set",    "remove",      "replace",      "map",
                                        "addTag", "addSecurity", "appendOutcome"};
    return names[kind];
}

bool rules_listed(StrList list, Str name)
{
    for (size_t i = 0; i < list.count; i++)
        if (str_eq(list.list[i], name))
            return true;
    return false;
}

Str rules_label(const RuleSet *set, const Rule *rule, Arena *arena)
{
    return arena_format(arena, "%.*s/%.*s", STR_ARG(set->name), STR_ARG(rule->id));
}

/* --- members of every rule --------------------------------------------------------------------
 */
static bool read_label(Reader *reader, const JsonNode *node, Str *ret_label)
{
    TRY(reader_text(reader, node, ret_label));
    bool fine = ret_label->len <= LABEL_BYTES_MAX;
    for (size_t i = 0; i < ret_label->len && fine; i++) {
        char c = ret_label->ptr[i];
        fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    }
    return fine || reader_refuse(reader, node, "rules-field",
                                 "letters, digits, '-', '_' and '.', at most %d", LABEL_BYTES_MAX);
}

static bool rule_id(Reader *reader, const JsonNode *node, void *to)
{
    return read_label(reader, node, &((Rule *)to)->id);
}

static bool rule_about(Reader *reader, const JsonNode *node, void *to)
{
    return reader_text(reader, node, &((Rule *)to)->about);
}

static bool rule_priority(Reader *reader, const JsonNode *node, void *to)
{
    Str text = json_text(node);
    bool negative = str_starts(text, STR("-"));
    uint64_t value;
    if (node->kind != JSON_KIND_NUMBER || !str_to_u64(str_skip(text, negative), &value) ||
        value > PRIORITY_MAX)
        return reader_refuse(reader, node, "rules-field", "a whole number up to %d is expected",
                             PRIORITY_MAX);
    ((Rule *)to)->priority = negative ? -(int32_t)value : (int32_t)value;
    return true;
}

static bool read_time(Reader *reader, const JsonNode *node, int64_t *ret_us)
{
    DateTime at;
    Str text;
    TRY(reader_text(reader, node, &text));
    if (!datetime_parse_fhir(DATETIME_DATE_TIME, text, &at, NULL) || at.precision < DATETIME_DAY)
        return reader_refuse(reader, node, "rules-field",
                             "a time with offset (2026-07-01T00:00:00-04:00) or a day (UTC) is "
                             "expected");
    *ret_us = datetime_epoch_seconds(&at) * 1000000 + at.nanosecond / 1000;
    return true;
}

static bool rule_from(Reader *reader, const JsonNode *node, void *to)
{
    return read_time(reader, node, &((Rule *)to)->from_us);
}

static bool rule_to(Reader *reader, const JsonNode *node, void *to)
{
    return read_time(reader, node, &((Rule *)to)->to_us);
}

static bool rule_tenants(Reader *reader, const JsonNode *node, void *to)
{
    return reader_list(reader, node, &((Rule *)to)->tenants);
}

static bool rule_when(Reader *reader, const JsonNode *node, void *to)
{
    Rule *rule = to;
    return read_when(reader, node, rule->section, &rule->when);
}

#define EVERY_RULE                                                                                 \
    {"id", rule_id, true}, {"about", rule_about, false}, {"priority", rule_priority, false},       \
        {"from", rule_from, false}, {"to", rule_to, false}, {"tenants", rule_tenants, false},      \
    {                                                                                              \
        "when", rule_when, false                                                                   \
    }

/* --- dispositions -----------------------------------------------------------------------------
 */
static bool disposition_action(Reader *reader, const JsonNode *node, void *to)
{
    Rule *rule = to;
    Str name;
    TRY(reader_text(reader, node, &name));
    for (int action = ACTION_ACCEPT; action <= ACTION_DISCARD; action++)
        if (str_is(name, action_name((DispositionAction)action)))
            rule->disposition.action = (DispositionAction)action;
    return rule->disposition.action ||
           reader_refuse(reader, node, "rules-field", "accept, reject or discard is expected");
}

static bool disposition_reason(Reader *reader, const JsonNode *node, void *to)
{
    return reader_text(reader, node, &((Rule *)to)->disposition.reason);
}

static const Member disposition_members[] = {
    EVERY_RULE, {"action", disposition_action, true},
     {"reason",    disposition_reason, false},
     {0}
};

static bool check_disposition(Reader *reader, const JsonNode *node, const Rule *rule)
{
    const RuleWhen *when = &rule->when;
    return when->about_issues || when->payload.len || when->profiles.count ||
           reader_refuse(reader, node, "rules-field",
                         "\"when\" is missing: it would decide about everything");
}

/* --- diagnostics ------------------------------------------------------------------------------
 */
static bool read_severity(Reader *reader, const JsonNode *node, int *ret_severity)
{
    Str name;
    TRY(reader_text(reader, node, &name));
    *ret_severity = rules_severity(name);
    return *ret_severity >= 0 || reader_refuse(reader, node, "rules-field",
                                               "information, warning, error or fatal is expected");
}

static bool diagnostic_suppress(Reader *reader, const JsonNode *node, void *to)
{
    return reader_bool(reader, node, &((Rule *)to)->diagnostic.suppress);
}

static bool diagnostic_severity(Reader *reader, const JsonNode *node, void *to)
{
    return read_severity(reader, node, &((Rule *)to)->diagnostic.severity);
}

static bool diagnostic_text(Reader *reader, const JsonNode *node, void *to)
{
    return reader_text(reader, node, &((Rule *)to)->diagnostic.text);
}

static bool add_severity(Reader *reader, const JsonNode *node, void *to)
{
    return read_severity(reader, node, &((DiagnosticDo *)to)->add_severity);
}

static bool add_code(Reader *reader, const JsonNode *node, void *to)
{
    Str *code = &((DiagnosticDo *)to)->add_code;
    TRY(reader_text(reader, node, code));
    return rules_is_issue_code(*code) || reader_refuse(reader, node, "rules-field", NO_ISSUE_CODE);
}

static bool add_text(Reader *reader, const JsonNode *node, void *to)
{
    return reader_text(reader, node, &((DiagnosticDo *)to)->add_text);
}

static bool add_message_id(Reader *reader, const JsonNode *node, void *to)
{
    return reader_text(reader, node, &((DiagnosticDo *)to)->add_message_id);
}

static bool add_path(Reader *reader, const JsonNode *node, void *to)
{
    return reader_text(reader, node, &((DiagnosticDo *)to)->add_path);
}

static bool diagnostic_add(Reader *reader, const JsonNode *node, void *to)
{
    static const Member members[] = {
        {"severity", add_severity, true},
        {"code",      add_code, true},
        {"text",     add_text, true},
        {"messageId",      add_message_id, false},
        {"path",     add_path, false},
        {0     }
    };
    DiagnosticDo *what = &((Rule *)to)->diagnostic;
    what->add = true;
    return reader_members(reader, node, members, what);
}

static const Member diagnostic_members[] = {
    EVERY_RULE,
    {"suppress", diagnostic_suppress, false},
    {"severity",     diagnostic_severity, false},
    {"text", diagnostic_text, false},
    {"add",     diagnostic_add, false},
    {0    }
};

static bool check_diagnostic(Reader *reader, const JsonNode *node, const Rule *rule)
{
    const DiagnosticDo *what = &rule->diagnostic;
    bool rewrites = what->severity >= 0 || what->text.len;
    if (what->suppress + rewrites + what->add != 1)
        return reader_refuse(reader, node, "rules-field",
                             "one of \"suppress\": true, \"severity\" and/or \"text\", \"add\" "
                             "is needed");
    if (!what->add && !rule->when.about_issues)
        return reader_refuse(reader, node, "rules-field",
                             "it would touch every issue; say \"path\": \"**\" if that is meant");
    return true;
}

/* --- transforms -------------------------------------------------------------------------------
 */
static bool transform_destinations(Reader *reader, const JsonNode *node, void *to)
{
    return reader_list(reader, node, &((Rule *)to)->transform.destinations);
}

static bool transform_idempotent(Reader *reader, const JsonNode *node, void *to)
{
    return reader_bool(reader, node, &((Rule *)to)->transform.idempotent);
}

static bool transform_do(Reader *reader, const JsonNode *node, void *to)
{
    return read_steps(reader, node, &((Rule *)to)->transform);
}

static const Member transform_members[] = {
    EVERY_RULE,
    {"destinations", transform_destinations, false},
    {"idempotent",         transform_idempotent, false},
    {"do",   transform_do, true},
    {0        }
};

static bool check_transform(Reader *reader, const JsonNode *node, const Rule *rule)
{
    const TransformDo *what = &rule->transform;
    for (size_t i = 0; what->idempotent && i < what->step_count; i++)
        if (what->steps[i].kind == STEP_APPEND_OUTCOME)
            return reader_refuse(reader, node, "rules-field",
                                 "appendOutcome adds an entry each time: it is not idempotent");
    return true;
}

/* --- the file ---------------------------------------------------------------------------------
 */
static const struct Section {
    const Member *members;
    bool (*check)(Reader *reader, const JsonNode *node, const Rule *rule);
} sections[RULES_SECTIONS] = {
    {disposition_members, check_disposition},
    {diagnostic_members,  check_diagnostic },
    {transform_members,   check_transform  },
};

static bool read_rule(Reader *reader, const JsonNode *node, RuleSection section, Rule *rule)
{
    *rule = (Rule){.section = section,
                   .order = node->index,
                   .from_us = INT64_MIN,
                   .to_us = INT64_MAX,
                   .when = {.severities = SEVERITY_ANY}};
    if (section == RULES_DIAGNOSTICS)
        rule->diagnostic.severity = -1;
    TRY(reader_members(reader, node, sections[section].members, rule));
    if (rule->from_us >= rule->to_us)
        return reader_refuse(reader, node, "rules-field", "\"from\" is not before \"to\"");
    return sections[section].check(reader, node, rule);
}

static int by_label(const void *a, const void *b)
{
    const Rule *const *x = a, *const *y = b;
    return str_compare((*x)->id, (*y)->id);
}

/* Changes and reasons name a rule by its id alone. */
static bool check_ids(Reader *reader, const JsonNode *node, const Rule *rules, size_t count)
{
    const Rule **sorted = ARENA_ARRAY(reader->arena, const Rule *, count + 1);
    if (!sorted)
        return reader_no_memory(reader);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &rules[i];
    qsort(sorted, count, sizeof(const Rule *), by_label);
    for (size_t i = 1; i < count; i++)
        if (str_eq(sorted[i]->id, sorted[i - 1]->id))
            return reader_refuse(reader, node, "rules-field", "two rules have the id \"%.*s\"",
                                 STR_ARG(sorted[i]->id));
    return true;
}

static bool read_section(Reader *reader, const JsonNode *node, RuleSection section)
{
    RuleSet *set = reader->set;
    TRY(reader_array(reader, node, RULES_MAX - set->total));
    Rule *rules = ARENA_ARRAY(reader->arena, Rule, node->count + 1);
    if (!rules)
        return reader_no_memory(reader);
    JSON_EACH(reader->doc, child, node)
    {
        size_t mark = reader_enter_index(reader, child->index);
        TRY(read_rule(reader, child, section, &rules[child->index]));
        rules[child->index].number = (uint32_t)set->total++;
        reader_leave(reader, mark);
    }
    TRY(check_ids(reader, node, rules, node->count));
    set->rules[section] = rules;
    set->counts[section] = node->count;
    return true;
}

static bool file_name(Reader *reader, const JsonNode *node, void *to)
{
    (void)to;
    return read_label(reader, node, &reader->set->name);
}

static bool file_about(Reader *reader, const JsonNode *node, void *to)
{
    (void)to;
    return reader_text(reader, node, &reader->set->about);
}

static bool file_tenants(Reader *reader, const JsonNode *node, void *to)
{
    (void)to;
    return reader_list(reader, node, &reader->set->tenants);
}

static bool file_dispositions(Reader *reader, const JsonNode *node, void *to)
{
    (void)to;
    return read_section(reader, node, RULES_DISPOSITIONS);
}

static bool file_diagnostics(Reader *reader, const JsonNode *node, void *to)
{
    (void)to;
    return read_section(reader, node, RULES_DIAGNOSTICS);
}

static bool file_transforms(Reader *reader, const JsonNode *node, void *to)
{
    (void)to;
    return read_section(reader, node, RULES_TRANSFORMS);
}

static bool file_maps(Reader *reader, const JsonNode *node, void *to)
{
    (void)reader;
    (void)node;
    (void)to;
    return true; /* read before everything else */
}

static bool read_file(Reader *reader)
{
    static const Member members[] = {
        {"name",        file_name, true},
        {"about",         file_about, false},
        {"tenants",       file_tenants, false},
        {"conceptMaps",        file_maps, false},
        {"dispositions",     file_dispositions, false},
        {"diagnostics",        file_diagnostics, false},
        {"transforms", file_transforms, false},
        {0       }
    };
    const JsonNode *root = json_root(reader->doc);
    const JsonNode *maps = json_get(reader->doc, root, "conceptMaps");
    if (maps) {
        size_t mark = reader_enter(reader, STR("conceptMaps"));
        TRY(read_concept_maps(reader, maps));
        reader_leave(reader, mark);
    }
    TRY(reader_members(reader, root, members, NULL));
    for (int section = 0; section < RULES_SECTIONS; section++) {
        RuleSet *set = reader->set;
        set->indexes[section] = index_new(set->rules[section], set->counts[section], set->arena);
        if (!set->indexes[section])
            return reader_no_memory(reader);
    }
    return true;
}

static void stamp(RuleSet *set, Str file)
{
    unsigned char hash[ENVELOPE_SHA256_BYTES];
    envelope_sha256(file, hash);
    snprintf(set->stamp, sizeof set->stamp, "%.*s@file#%02x%02x%02x%02x", STR_ARG(set->name),
             hash[0], hash[1], hash[2], hash[3]);
}

static bool read_all(RuleSet *set, Str file, RulesProblem *problem, Err *err)
{
    const JsonLimits limits = {.depth = RULES_DEPTH_MAX};
    Str copy = arena_copy(set->arena, file);
    JsonDoc *doc = ARENA_NEW(set->arena, JsonDoc);
    Err why = {0};
    if (file.len > RULES_FILE_BYTES_MAX || !copy.ptr || !doc) {
        snprintf(problem->text, sizeof problem->text, "%zu bytes, at most %d", file.len,
                 RULES_FILE_BYTES_MAX);
        return ERR(err, ERR_INPUT, "rules-limit", "%s", problem->text);
    }
    if (!json_read(copy, NULL, &limits, set->arena, doc, &problem->at, &why)) {
        snprintf(problem->text, sizeof problem->text, "%s", why.text);
        return ERR(err, ERR_INPUT, "rules-json", "line %u, column %u: %s", problem->at.line,
                   problem->at.column, why.text);
    }
    Reader reader = {.doc = doc, .arena = set->arena, .set = set, .problem = problem, .err = err};
    TRY(read_file(&reader));
    stamp(set, copy);
    return true;
}

bool rules_read(Str file, RuleSet **ret_set, RulesProblem *ret_problem, Err *err)
{
    RulesProblem problem = {0};
    Arena *arena = arena_new(SET_MEMORY_BYTES);
    RuleSet *set = arena ? ARENA_NEW(arena, RuleSet) : NULL;
    if (!set) {
        arena_free(arena);
        return ERR(err, ERR_FATAL, "rules-memory", "no memory");
    }
    set->arena = arena;
    if (!read_all(set, file, &problem, err)) {
        rules_free(set);
        if (ret_problem)
            *ret_problem = problem;
        return false;
    }
    *ret_set = set;
    return true;
}

void rules_free(RuleSet *set)
{
    if (set)
        arena_free(set->arena);
}
