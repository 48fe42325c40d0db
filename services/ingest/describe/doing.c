/* What the diagnostics pages do: replays, dead letters, rules, the playground. */
#include "services/ingest/describe/describe.h"

#define OF_TENANT                                                                                  \
    {                                                                                              \
        API_QUERY, "tenant", false, "Tenant", "this tenant's; else of all that may be seen"        \
    }
#define REFUSALS                                                                                   \
    {400, "application/json", "PageOrPlainError", "What was asked is malformed", NULL},            \
        {401, "application/json", "PageRefusal", "Nobody has signed in, or is known",              \
         "WWW-Authenticate"},                                                                      \
        {403, "application/json", "PageError", "Not permitted", NULL},                             \
        {503, "application/json", "PageError", "Not now", "Retry-After"},                          \
    {                                                                                              \
        0                                                                                          \
    }
#define BODY_REFUSED                                                                               \
    {                                                                                              \
        415, "application/json", "PageOrPlainError", "Another media type or coding", NULL          \
    }

static const ApiField fields_replaying_list[] = {
    OF_TENANT,
    {API_QUERY, "limit", false, "PageLimit", "how many; default 50"},
    API_END,
};
static const ApiAnswer answers_replaying_list[] = {
    {200, "application/json", "ReplayList", "Newest first", NULL},
    REFUSALS,
};
const ApiOperation api_replaying_list = {
    .id = "listReplays",
    .tag = "Diagnostics",
    .summary = "Replays that were asked for",
    .fields = fields_replaying_list,
    .answers = answers_replaying_list,
};

static const ApiField fields_replaying_ask[] = {OF_TENANT, API_END};
static const ApiAnswer answers_replaying_ask[] = {
    {200, "application/json", "ReplayAsked", "What it is about, or would be", NULL},
    BODY_REFUSED,
    REFUSALS,
};
const ApiOperation api_replaying_ask = {
    .id = "askReplay",
    .tag = "Diagnostics",
    .summary = "Replays a selection, what failed in a time, or dead letters; or says how many",
    .fields = fields_replaying_ask,
    .body = "ReplayAsk",
    .answers = answers_replaying_ask,
};

static const ApiField fields_dlq[] = {
    OF_TENANT,
    {API_QUERY, "reason", false, "Text",         "of this reason alone"                     },
    {API_QUERY, "topic",  false, "Text",         "of messages of this topic alone"          },
    {API_QUERY, "from",   false, "When",         "given up then or later"                   },
    {API_QUERY, "to",     false, "When",         "given up before"                          },
    {API_QUERY, "limit",  false, "LettersLimit", "how many; default 50"                     },
    {API_QUERY, "cursor", false, "Cursor",       "`next` of the page before"                },
    {API_QUERY, "reveal", false, "Flag",         "what texts say of patients, too; recorded"},
    API_END,
};
static const ApiAnswer answers_dlq[] = {
    {200, "application/json", "DeadLetters", "Newest first; `next`: there may be more", NULL},
    REFUSALS,
};
const ApiOperation api_dlq = {
    .id = "listDeadLetters",
    .tag = "Diagnostics",
    .summary = "What could not be worked on or delivered, and why",
    .fields = fields_dlq,
    .answers = answers_dlq,
};

static const ApiField fields_guides[] = {OF_TENANT, API_END};
static const ApiAnswer answers_guides[] = {
    {200, "application/json", "Images", "The last used first", NULL},
    REFUSALS,
};
const ApiOperation api_guides = {
    .id = "listImages",
    .tag = "Diagnostics",
    .summary = "Which guides validators have loaded, and by which documents were judged",
    .fields = fields_guides,
    .answers = answers_guides,
};

static const ApiField fields_rulebook[] = {OF_TENANT, API_END};
static const ApiAnswer answers_rulebook[] = {
    {200, "application/json", "RuleSets", "By name, the built-in one last", NULL},
    REFUSALS,
};
const ApiOperation api_rulebook = {
    .id = "listRules",
    .tag = "Diagnostics",
    .summary = "The rule sets in force",
    .fields = fields_rulebook,
    .answers = answers_rulebook,
};

static const ApiField fields_trying[] = {
    OF_TENANT,
    {API_QUERY, "reveal", false, "Flag", "what texts say of patients, too; recorded"},
    API_END,
};
static const ApiAnswer answers_trying[] = {
    {200, "application/json", "RulesTried", "What it would change; or what is wrong with it", NULL},
    BODY_REFUSED,
    REFUSALS,
};
const ApiOperation api_trying = {
    .id = "tryRules",
    .tag = "Diagnostics",
    .summary = "Tries a rule set on real interactions; nothing is stored or sent",
    .fields = fields_trying,
    .body = "RulesTry",
    .answers = answers_trying,
};

static const ApiField fields_rulebook_put[] = {
    {API_PATH, "name", true, "AdminName", "of the set"},
    OF_TENANT,
    API_END,
};
static const ApiAnswer answers_rulebook_put[] = {
    {200, "application/json", "RulesPublished", "In force",                    NULL},
    {409, "application/json", "PageError",      "Another version is in force", NULL},
    BODY_REFUSED,
    REFUSALS,
};
const ApiOperation api_rulebook_put = {
    .id = "publishRules",
    .tag = "Diagnostics",
    .summary = "Publishes a rule set in the place of the version that was edited",
    .fields = fields_rulebook_put,
    .body = "RulesPublish",
    .answers = answers_rulebook_put,
};

static const ApiField fields_rulebook_delete[] = {
    {API_PATH,  "name",         true,  "AdminName",    "of the set"             },
    OF_TENANT,
    {API_QUERY, "base_version", true,  "RulesVersion", "the one that is retired"},
    {API_QUERY, "comment",      false, "Text",         "why; goes on record"    },
    API_END,
};
static const ApiAnswer answers_rulebook_delete[] = {
    {200, "application/json", "RulesPublished", "Out of force; its version is 0",    NULL},
    {404, "application/json", "PageError",      "No set of that name was published", NULL},
    {409, "application/json", "PageError",      "Another version is in force",       NULL},
    REFUSALS,
};
const ApiOperation api_rulebook_delete = {
    .id = "retireRules",
    .tag = "Diagnostics",
    .summary = "Takes a rule set out of force; in the place of `default` the built-in one is then",
    .fields = fields_rulebook_delete,
    .answers = answers_rulebook_delete,
};

static const ApiField fields_trial[] = {
    {API_QUERY, "tenant",     false, "Tenant",     "whose rules count"                        },
    {API_QUERY, "ig_version", false, "SearchText", "the guide's; else as the document says"   },
    {API_QUERY, "profile",    false, "ListedUrl",  "judged by this; else as the document says"},
    API_END,
};
static const ApiAnswer answers_trial[] = {
    {200, "application/json",      "Verdict",          "The verdict",                    NULL},
    {200, "application/fhir+json", "OperationOutcome", "",                               NULL},
    {422, "application/json",      "PageError",        "More than one message may take", NULL},
    {500, "application/json",      "PageError",        "It could not be worked on",      NULL},
    BODY_REFUSED,
    REFUSALS,
};
const ApiOperation api_trial = {
    .id = "tryBundle",
    .tag = "Diagnostics",
    .summary = "Validates a bundle; nothing is stored",
    .fields = fields_trial,
    .body = "AnyDocument",
    .answers = answers_trial,
};
