/* Replays: asking for one, looking, cancelling. */
#include "services/ingest/describe/describe.h"

static const ApiField fields_replay[] = {
    {API_HEADER, "X-TechBD-StartDate", false, "When",   "required without a query; included"                },
    {API_HEADER, "X-TechBD-EndDate",   false, "When",   "required without a query; not included"            },
    {API_QUERY,  "to",                 false, "GoTo",   "how far; required with a query"                    },
    {API_QUERY,  "since",              false, "When",   "received then or later"                            },
    {API_QUERY,  "until",              false, "When",   "received before"                                   },
    {API_QUERY,  "state",              false, "Text",   "their present state"                               },
    {API_QUERY,  "id",                 false, "Uuids",  "these alone"                                       },
    {API_QUERY,  "tenant",             false, "Tenant", "this tenant's"                                     },
    {API_QUERY,  "from-topic",         false, "Text",   "intake or intake.bulk: by offset, not of the store"},
    {API_QUERY,  "from-dlq",           false, "Flag",   "the dead letters"                                  },
    {API_QUERY,  "offsets",            false, "Text",   "PARTITION:FROM-END, by comma"                      },
    {API_QUERY,  "resubmit",           false, "Flag",   "also what was delivered"                           },
    {API_QUERY,  "include-superseded", false, "Flag",   "also what has a newer version"                     },
    {API_QUERY,  "rate",               false, "Text",   "documents per second"                              },
    {API_QUERY,  "dry-run",            false, "Flag",   "counts, and replays nothing"                       },
    API_END,
};

static const ApiAnswer answers_replay[] = {
    {200,              "application/json", "ReplayStarted", "How many, and the replay's id", NULL},
    {0},
};

const ApiOperation api_replay = {
    .id = "startReplay",
    .tag = "Replay",
    .summary = "What failed goes to the data lake once more; or any other replay",
    .fields = fields_replay,
    .answers = answers_replay,
};

static const ApiField fields_look[] = {
    API_ID("replay_id of the answer"),
    {API_QUERY, "report", false, "Text",   "with how its verdicts differ, unless false"},
    {API_QUERY, "reveal", false, "Text",
                                 "true: what texts say of patients, for a session; recorded"                       },
    {API_QUERY, "tenant", false, "Tenant", "instead of the header"                     },
    API_END,
};

static const ApiAnswer answers_look[] = {
    {200,       "application/json", "Replay", "How far it is", NULL},
    {404, "application/json", "Error", "There is no such replay", NULL},
    {0    },
};

const ApiOperation api_replay_look = {
    .id = "replayProgress",
    .tag = "Replay",
    .summary = "How far a replay is",
    .fields = fields_look,
    .answers = answers_look,
};

const ApiOperation api_replay_cancel = {
    .id = "cancelReplay",
    .tag = "Replay",
    .summary = "Cancels a replay",
    .fields = fields_look,
    .answers = answers_look,
};
