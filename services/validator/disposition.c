#include "services/validator/disposition.h"

#include "common/base/buf.h"

enum { ACTIONS_BYTES_MAX = 65536 };
#define RULE_OWNER "NYeC Rule"

/* When an issue matches all of a rule's conditions, its action is taken, with the issue's text as
 * message; each rule once. Empty conditions match. In order of priority. */
typedef struct SeedRule {
    const char *severity;   /* at least: "error" also matches fatal */
    const char *message_id; /* whole */
    const char *path;       /* a prefix of location, or of expression */
    const char *names;      /* occurs in location, expression or text */
    DispositionAction action;
} SeedRule;

static const SeedRule seeds[] = {
  /* "Meta.lastUpdated: minimum required = 1" at Bundle.meta */
    {"error", "Validation_VAL_Profile_Minimum", "Bundle.meta", "lastUpdated", ACTION_REJECT},
    {"fatal", "",                               "",            "lastUpdated", ACTION_REJECT},
};

static int severity_rank(Str severity)
{
    static const char *const names[] = {"information", "warning", "error", "fatal"};
    for (int i = 0; i < 4; i++)
        if (str_is(severity, names[i]))
            return i;
    return -1;
}

static bool matches(const SeedRule *rule, const OutcomeIssue *issue)
{
    Str path = str_from(rule->path), names = str_from(rule->names);
    return severity_rank(issue->severity) >= severity_rank(str_from(rule->severity)) &&
           (!*rule->message_id || str_is(issue->message_id, rule->message_id)) &&
           (str_starts(issue->location, path) || str_starts(issue->expression, path)) &&
           (str_find(issue->location, names) != SIZE_MAX ||
            str_find(issue->expression, names) != SIZE_MAX ||
            str_find(issue->text, names) != SIZE_MAX);
}

static void add_text(Buf *json, Str text)
{
    buf_add_char(json, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20)
            buf_add_format(json, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            buf_add_format(json, "\\%c", c);
        else
            buf_add_char(json, text.ptr[i]);
    }
    buf_add_char(json, '"');
}

static void add_action(Buf *json, DispositionAction action, Str message)
{
    buf_add_format(json, "%s{\"action\":\"%s\"", json->len > 1 ? "," : "", action_name(action));
    if (message.len) {
        buf_add(json, STR(",\"actionPayload\":{\"message\":"));
        add_text(json, message);
        buf_add(json, STR(",\"description\":\"" RULE_OWNER "\"}"));
    }
    buf_add_char(json, '}');
}

static DispositionAction apply_seeds(const Outcome *outcome, Buf *json)
{
    DispositionAction action = ACTION_ACCEPT;
    for (size_t r = 0; r < sizeof seeds / sizeof seeds[0]; r++)
        for (uint32_t i = 0; i < outcome->issue_count; i++)
            if (matches(&seeds[r], &outcome->issues[i])) {
                action = seeds[r].action;
                add_action(json, action, outcome->issues[i].text);
                break;
            }
    return action;
}

bool disposition_decide(const Outcome *outcome, Arena *arena, Disposition *ret_disposition,
                        Err *err)
{
    BUF_AUTO json;
    DispositionAction action = ACTION_DISCARD;
    buf_init(&json, ACTIONS_BYTES_MAX);
    buf_add_char(&json, '[');
    if (outcome->precheck_code.len)
        add_action(&json, action, outcome->precheck_message);
    else
        action = apply_seeds(outcome, &json);
    if (action == ACTION_ACCEPT)
        add_action(&json, action, STR_NONE);
    buf_add_char(&json, ']');
    Str actions = json.overflowed ? STR_NONE : arena_copy(arena, buf_str(&json));
    if (!actions.ptr)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for the disposition");
    *ret_disposition = (Disposition){.action = action, .actions_json = actions};
    return true;
}
