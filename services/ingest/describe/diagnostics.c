/* What the diagnostics pages read. */
#include "services/ingest/describe/describe.h"

#define OF_TENANT                                                                                  \
    {                                                                                              \
        API_QUERY, "tenant", false, "Tenant", "this tenant's; else of all that may be seen"        \
    }
#define PERIOD                                                                                     \
    {API_QUERY, "from", false, "When", "received then or later"},                                  \
    {                                                                                              \
        API_QUERY, "to", false, "When", "received before"                                          \
    }
#define REFUSALS                                                                                   \
    {400, "application/json", "PageOrPlainError", "A parameter is malformed", NULL},               \
        {401, "application/json", "PageRefusal", "Nobody has signed in, or is known",              \
         "WWW-Authenticate"},                                                                      \
        {403, "application/json", "PageError", "Not permitted", NULL},                             \
        {503, "application/json", "PageError", "Not now", "Retry-After"},                          \
    {                                                                                              \
        0                                                                                          \
    }

static const ApiField fields_overview[] = {
    OF_TENANT,
    PERIOD,
    {API_QUERY, "step", false, "StepSeconds", "seconds of a step of the series"},
    API_END,
};
static const ApiAnswer answers_overview[] = {
    {200, "application/json", "Overview", "Sums of the period", NULL},
    REFUSALS,
};
const ApiOperation api_overview = {
    .id = "overview",
    .tag = "Diagnostics",
    .summary = "What came in, what was wrong with it, what became of it: sums",
    .fields = fields_overview,
    .answers = answers_overview,
};

static const ApiField fields_menus[] = {OF_TENANT, PERIOD, API_END};
static const ApiAnswer answers_menus[] = {
    {200,          "application/json", "AnyObject", "Values of each filter, with about how many", NULL},
    {0},
};
const ApiOperation api_menus = {
    .id = "interactionFacets",
    .tag = "Interactions",
    .summary = "What interactions can be filtered by",
    .fields = fields_menus,
    .answers = answers_menus,
};

static const ApiField fields_changes[] = {
    OF_TENANT,
    {API_QUERY, "after",  false, "Number",      "of the answer before; without it: where to begin"},
    {API_QUERY, "wait",   false, "WaitSeconds", "how long to wait for a change; default 0"        },
    {API_QUERY, "reveal", false, "Flag",        "patients' identifiers, too; recorded"            },
    API_END,
};
static const ApiAnswer answers_changes[] = {
    {200,        "application/json", "Changes", "Those that changed, oldest change first", NULL},
    {0},
};
const ApiOperation api_changes = {
    .id = "interactionChanges",
    .tag = "Interactions",
    .summary = "What has changed since; filters as for /interactions",
    .fields = fields_changes,
    .answers = answers_changes,
};

static const ApiField fields_story[] = {
    API_ID("the interaction's id"),
    OF_TENANT,
    {API_QUERY, "replay_id", false, "Uuid", "whose verdict's issues"},
    {API_QUERY, "reveal",    false, "Flag",
      "what texts and identifiers say of the patient, too; recorded" },
    API_END,
};
static const ApiAnswer answers_story[] = {
    {200, "application/json", "AnyObject", "All that is known of it",      NULL},
    {404, "application/json", "PageError", "There is no such interaction", NULL},
    {409, "application/json", "PageError", "Several tenants have that id", NULL},
    REFUSALS,
};
const ApiOperation api_story = {
    .id = "interactionStory",
    .tag = "Diagnostics",
    .summary = "One interaction: events, verdicts, issues, rules, attempts, replays",
    .fields = fields_story,
    .answers = answers_story,
};

static const ApiField fields_payload[] = {
    API_ID("the interaction's id"),
    OF_TENANT,
    {API_QUERY, "what",        false, "PayloadKind",
      "what was sent, the bundle it became, or what went to a destination"          },
    {API_QUERY, "destination", false, "DestinationName", "of those; else the first"},
    {API_QUERY, "reveal",      false, "Flag",            "unmasked; recorded"      },
    {API_QUERY, "download",    false, "Flag",            "as a file"               },
    API_END,
};
static const ApiAnswer answers_payload[] = {
    {200, "application/json", "AnyPayload", "The bytes, masked unless revealed",
     "Content-Disposition"                                                                          },
    {200, "text/plain",       NULL,         "",                                                 NULL},
    {404, "application/json", "PageError",  "There is no such interaction, or no such payload",
     NULL                                                                                           },
    {409, "application/json", "PageError",  "Several tenants have that id",                     NULL},
    {410, "application/json", "PageError",  "Its bytes are gone by retention",                  NULL},
    REFUSALS,
};
const ApiOperation api_payload = {
    .id = "interactionPayload",
    .tag = "Diagnostics",
    .summary = "What was sent",
    .fields = fields_payload,
    .answers = answers_payload,
};
