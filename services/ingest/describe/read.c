/* Lists, exports, one verdict. */
#include "services/ingest/describe/describe.h"

#define DAYS                                                                                       \
    {API_HEADER, "X-TechBD-StartDate", true, "When", "included"},                                  \
    {                                                                                              \
        API_HEADER, "X-TechBD-EndDate", true, "When", "not included; a day: all of it"             \
    }

/* The parameters of read/query.c: others are refused. */
static const ApiField fields_search[] = {
    {API_QUERY, "from",        false, "When",        "received then or later"                       },
    {API_QUERY, "to",          false, "When",        "received before; a day: all of it"            },
    {API_QUERY, "state",       false, "State",       "its present state"                            },
    {API_QUERY, "source_type", false, "SearchText",  "exactly"                                      },
    {API_QUERY, "bundle_id",   false, "SearchText",  "exactly"                                      },
    {API_QUERY, "disposition", false, "Disposition", "what was decided"                             },
    {API_QUERY, "patient",     false, "SearchText",  "patient id, MRN or Medicaid CIN, exactly"     },
    {API_QUERY, "text",        false, "SearchText",  "occurs in an issue"                           },
    {API_QUERY, "tenant",      false, "SearchText",  "the one of the header, if that is sent"       },
    {API_QUERY, "limit",       false, "Count",       "rows of a page (at most 500), or of an export"},
    {API_QUERY, "format",      false, "Format",      "instead of Accept"                            },
    {API_QUERY, "cursor",      false, "Cursor",      "as the page before says it"                   },
    API_END,
};

static const ApiAnswer answers_search[] = {
    {200,             "application/json", "Interactions", "A page, newest first", "Link"},
    {200, "text/csv", NULL, NULL, "Content-Disposition"},
    {200,         "application/x-ndjson", NULL, NULL, NULL},
    {406,             "application/json", "Error", "None of the three forms is accepted", NULL},
    {0          },
};

const ApiOperation api_search = {
    .id = "interactions",
    .tag = "Interactions",
    .summary = "Which interactions there are: a page, or all of them as CSV or NDJSON",
    .fields = fields_search,
    .answers = answers_search,
};

static const ApiField fields_failed[] = {
    DAYS,
    {API_HEADER, "X-TechBD-IncludeDetails", false, "Text",   "true, on, yes, 1: with details"                      },
    {API_QUERY,  "reveal",                  false, "Text",   "true: needed by a session, which must have the right"},
    {API_QUERY,  "tenant",                  false, "Tenant", "instead of the header"                               },
    API_END,
};

static const ApiAnswer answers_failed[] = {
    {200,              "application/json", "FailedBundles", "Failed in that time, not delivered since", NULL},
    {0},
};

const ApiOperation api_failed = {
    .id = "failedSubmissions",
    .tag = "Interactions",
    .summary = "What the data lake has not taken",
    .fields = fields_failed,
    .answers = answers_failed,
};

static const ApiField fields_verdict[] = {
    {API_HEADER, "X-TechBD-Interaction-ID", false, "Uuid", "this interaction"                                    },
    {API_HEADER, "X-TechBD-Bundle-ID",      false, "Text", "the latest with this bundle"                         },
    {API_QUERY,  "reveal",                  false, "Text", "true: needed by a session, which must have the right"},
    API_END,
};

static const ApiAnswer answers_verdict[] = {
    {200,              "application/json", "LatestVerdict", "The latest verdict", NULL},
    {400, "application/json", "WrappedOrPlainError", "Neither id is sent, or one that is none",
     NULL},
    {404,            "application/json", "WrappedError", "Nothing is known of it", NULL},
    {0             },
};

const ApiOperation api_verdict = {
    .id = "latestVerdict",
    .tag = "Interactions",
    .summary = "The latest verdict on one bundle",
    .fields = fields_verdict,
    .answers = answers_verdict,
};
