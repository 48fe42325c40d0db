#include "common/ruling/disposition.h"

#include "common/json/write.h"

enum { ACTIONS_BYTES_MAX = 262144, LISTED_MAX = 50 };
#define RULE_OWNER "NYeC Rule"

static void add_member(Buf *json, const char *name, Str value)
{
    buf_add_format(json, "\"%s\":", name);
    json_write_string(json, value);
}

/* As TechBD writes it, and which rule it was. */
static void add_action(Buf *json, DispositionAction action, Str message, Str rule)
{
    buf_add_format(json, "%s{\"action\":\"%s\"", json->len > 1 ? "," : "", action_name(action));
    if (action != ACTION_ACCEPT) {
        buf_add(json, STR(",\"actionPayload\":{"));
        add_member(json, "message", message);
        buf_add(json, STR(",\"description\":\"" RULE_OWNER "\""));
        if (rule.len) {
            buf_add_char(json, ',');
            add_member(json, "rule", rule);
        }
        buf_add_char(json, '}');
    }
    buf_add_char(json, '}');
}

/* Its reason; else what the issue says; else what the rule is about. */
static Str message_of(const RuleHit *hit, Str label, Arena *arena)
{
    const Rule *rule = hit->rule;
    if (rule->disposition.reason.len)
        return match_text(rule->disposition.reason, hit->issue, arena);
    if (hit->issue)
        return hit->issue->text;
    return rule->about.len ? rule->about : label;
}

static DispositionAction take_hits(const RuleHits *hits, Arena *arena, Buf *json, Changes *changes)
{
    DispositionAction action = ACTION_ACCEPT;
    bool settled = false;
    for (size_t i = 0; i < hits->count && i < LISTED_MAX && !settled; i++) {
        const RuleHit *hit = &hits->list[i];
        DispositionAction what = hit->rule->disposition.action;
        Str label = rules_label(hit->set, hit->rule, arena);
        Str message = message_of(hit, label, arena);
        changes->failed |= !label.ptr || !message.ptr;
        settled = what != ACTION_REJECT;
        changes_note(changes, hit->set, hit->rule, action_name(what), 0, STR_NONE, message);
        if (what == ACTION_ACCEPT)
            break;
        action = what;
        add_action(json, what, message, label);
    }
    return action;
}

bool disposition_decide(Matcher *matcher, const Outcome *outcome, Arena *arena,
                        Disposition *ret_disposition, Changes *changes, Err *err)
{
    RuleHits hits;
    BUF_AUTO json;
    buf_init(&json, ACTIONS_BYTES_MAX);
    TRY(matcher_hits(matcher, RULES_DISPOSITIONS, &hits, err));
    buf_add_char(&json, '[');
    DispositionAction action = take_hits(&hits, arena, &json, changes);
    if (str_is(outcome->precheck_code, "TECHBD-1000") && action != ACTION_DISCARD) {
        action = ACTION_DISCARD;
        add_action(&json, action, outcome->precheck_message, STR_NONE);
    }
    if (json.len == 1)
        add_action(&json, ACTION_ACCEPT, STR_NONE, STR_NONE);
    buf_add_char(&json, ']');
    Str actions = json.overflowed ? STR_NONE : arena_copy(arena, buf_str(&json));
    if (!actions.ptr || changes->failed)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for the disposition");
    *ret_disposition = (Disposition){.action = action, .actions_json = actions};
    return true;
}
