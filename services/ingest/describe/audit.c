/* The audit trail. */
#include "services/ingest/describe/describe.h"

/* The parameters of read/audit_query.c: others are refused. */
static const ApiField fields_audit[] = {
    {API_QUERY, "date",    false, "FhirDate",     "when; with eq, ge, gt, le, lt, sa, eb; twice: a span"},
    {API_QUERY, "agent",   false, "SearchText",   "the caller, by its name"                             },
    {API_QUERY, "address", false, "SearchText",   "where it came from"                                  },
    {API_QUERY, "action",  false, "AuditAction",  "C, R, U, D or E"                                     },
    {API_QUERY, "outcome", false, "AuditOutcome", "0 done, 4 refused, 8 failed"                         },
    {API_QUERY, "entity",  false, "SearchText",   "an interaction, a replay or an object, by its id"    },
    {API_QUERY, "patient", false, "SearchText",
     "who asked for this patient, or had to do with an interaction of its"                              },
    {API_QUERY, "tenant",  false, "SearchText",   "the one of the header, if that is sent"              },
    {API_QUERY, "_count",  false, "Count",        "events of a page, at most 500"                       },
    {API_QUERY, "_cursor", false, "AuditCursor",  "as the link `next` of the page before has it"        },
    API_END,
};

static const ApiAnswer answers_audit[] = {
    {200,            "application/fhir+json", "AuditEvents", "A page, newest first", NULL},
    {0},
};

const ApiOperation api_audit = {
    .id = "auditEvents",
    .tag = "Administration",
    .summary = "Who did what: requests, also refused ones, and administrative acts",
    .fields = fields_audit,
    .answers = answers_audit,
};
