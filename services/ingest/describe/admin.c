/* Administration: the objects of the topic config, and callers' credentials. */
#include "services/ingest/describe/describe.h"

#define KIND                                                                                       \
    {                                                                                              \
        API_PATH, "kind", true, "AdminKind", "of the objects"                                      \
    }
#define NAME(of)                                                                                   \
    {                                                                                              \
        API_PATH, "name", true, "AdminName", of                                                    \
    }
#define COMMENT                                                                                    \
    {                                                                                              \
        API_QUERY, "comment", false, "Text", "why; kept with the object"                           \
    }
#define IF_MATCH                                                                                   \
    {                                                                                              \
        API_HEADER, "If-Match", false, "EntityTags",                                               \
            "only over this version: the ETag that was read"                                       \
    }
#define NONE_SUCH                                                                                  \
    {                                                                                              \
        404, "application/json", "Error", "There is no such thing, or it is another tenant's",     \
            NULL                                                                                   \
    }
#define CHANGED                                                                                    \
    {                                                                                              \
        412, "application/json", "Error", "Another version is in force", NULL                      \
    }
#define TAKEN                                                                                      \
    {                                                                                              \
        409, "application/json", "Error", "Another object claims the same", NULL                   \
    }

/* --- objects ---------------------------------------------------------------------------------- */

static const ApiField fields_list[] = {
    KIND,
    {API_QUERY, "limit",  false, "AdminLimit", "how many; default 100"    },
    {API_QUERY, "after",  false, "Text",       "`next` of the page before"},
    {API_QUERY, "tenant", false, "Tenant",     "what is of this one alone"},
    API_END,
};
static const ApiAnswer answers_list[] = {
    {200,             "application/json", "AdminObjects", "By name; `next`: there are more", NULL},
    NONE_SUCH,
    {0},
};
const ApiOperation api_admin_list = {
    .id = "listObjects",
    .tag = "Administration",
    .summary = "What is published of a kind",
    .fields = fields_list,
    .answers = answers_list,
};

static const ApiField fields_show[] = {KIND, NAME("of the object"), API_END};
static const ApiAnswer answers_show[] = {
    {200,            "application/json", "AdminObject", "The object, without HMACs", "ETag"},
    NONE_SUCH,
    {0},
};
const ApiOperation api_admin_show = {
    .id = "showObject",
    .tag = "Administration",
    .summary = "One object",
    .fields = fields_show,
    .answers = answers_show,
};

static const ApiField fields_put[] = {
    KIND,
    NAME("of the object"),
    COMMENT,
    IF_MATCH,
    {API_HEADER, "If-None-Match", false, "Text", "*: only if there is none"},
    API_END,
};
static const ApiAnswer answers_put[] = {
    {200,            "application/json", "AdminObject", "Changed, in force here", "ETag"},
    {201, "application/json", "AdminObject", "Made, in force here", "ETag"},
    NONE_SUCH,
    TAKEN,
    CHANGED,
    {428,        "application/json", "Error", "There is one: If-Match is needed", NULL},
    {0           },
};
const ApiOperation api_admin_put = {
    .id = "putObject",
    .tag = "Administration",
    .summary = "Makes or changes an object: its data, as docs/security.md (docs/rules.md, "
               "docs/destinations.md) has it",
    .fields = fields_put,
    .body = "AdminData",
    .answers = answers_put,
};

static const ApiField fields_delete[] = {
    KIND,
    NAME("of the object"),
    COMMENT,
    IF_MATCH,
    {API_QUERY, "force", false, "Flag", "true: a destination for which documents wait, too"},
    API_END,
};
static const ApiAnswer answers_delete[] = {
    {204,   NULL, NULL, "It is gone", NULL},
    NONE_SUCH,
    {409, "application/json", "Error", "Documents wait for this destination", NULL},
    CHANGED,
    {428, "application/json", "Error", "If-Match is needed", NULL},
    {0  },
};
const ApiOperation api_admin_delete = {
    .id = "deleteObject",
    .tag = "Administration",
    .summary = "Takes an object away",
    .fields = fields_delete,
    .answers = answers_delete,
};

/* --- credentials ------------------------------------------------------------------------------ */

static const ApiField fields_caller[] = {NAME("of the caller"), COMMENT, IF_MATCH, API_END};
static const ApiAnswer answers_ended[] = {
    {200,            "application/json", "AdminObject", "The caller: it has ended", "ETag"},
    NONE_SUCH,
    CHANGED,
    {0},
};

static const ApiAnswer answers_key[] = {
    {201,         "application/json", "AdminKey", "Shown this once", "ETag"},
    NONE_SUCH,
    TAKEN,
    CHANGED,
    {0},
};
const ApiOperation api_admin_key_create = {
    .id = "makeApiKey",
    .tag = "Administration",
    .summary = "A new API key of a caller",
    .fields = fields_caller,
    .body = "AdminKeyWish",
    .answers = answers_key,
};

static const ApiField fields_key[] = {
    NAME("of the caller"),
    {API_PATH, "key", true, "SearchText", "its id, fbk_..."},
    COMMENT,
    IF_MATCH,
    API_END,
};
const ApiOperation api_admin_key_end = {
    .id = "revokeApiKey",
    .tag = "Administration",
    .summary = "Revokes an API key, at once",
    .fields = fields_key,
    .answers = answers_ended,
};

static const ApiAnswer answers_secret[] = {
    {201,            "application/json", "AdminSecret", "Shown this once", "ETag"},
    NONE_SUCH,
    TAKEN,
    CHANGED,
    {0},
};
const ApiOperation api_admin_secret_create = {
    .id = "makeClientSecret",
    .tag = "Administration",
    .summary = "A new secret of one of a caller's clients, which is made if need be",
    .fields = fields_caller,
    .body = "AdminSecretWish",
    .answers = answers_secret,
};

static const ApiField fields_secret[] = {
    NAME("of the caller"),
    {API_PATH, "secret", true, "SearchText", "its id, fbs_..."},
    COMMENT,
    IF_MATCH,
    API_END,
};
const ApiOperation api_admin_secret_end = {
    .id = "revokeClientSecret",
    .tag = "Administration",
    .summary = "Revokes a client secret, at once",
    .fields = fields_secret,
    .answers = answers_ended,
};

static const ApiAnswer answers_certificate[] = {
    {200,            "application/json", "AdminObject", "The caller", "ETag"},
    NONE_SUCH, TAKEN, CHANGED, {0},
};
const ApiOperation api_admin_certificate_add = {
    .id = "addCertificate",
    .tag = "Administration",
    .summary = "A certificate by which a caller is known",
    .fields = fields_caller,
    .body = "AdminCertificateWish",
    .answers = answers_certificate,
};

static const ApiField fields_certificate[] = {
    NAME("of the caller"),
    {API_PATH, "certificate", true, "SearchText", "its fingerprint, subject or SAN"},
    COMMENT,
    IF_MATCH,
    API_END,
};
const ApiOperation api_admin_certificate_end = {
    .id = "revokeCertificate",
    .tag = "Administration",
    .summary = "The caller is not known by it any more",
    .fields = fields_certificate,
    .answers = answers_ended,
};
