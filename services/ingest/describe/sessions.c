/* The diagnostics pages and who has signed in to them. */
#include "services/ingest/describe/describe.h"

#define COOKIE "[{\"session\":[]}]"
#define ERROR(status, about)                                                                       \
    {                                                                                              \
        status, "application/json", "PageError", about, NULL                                       \
    }

static const ApiAnswer answers_home[] = {
    {308,         NULL, NULL, "The pages are at /admin/diagnostics/", "Location"},
    {200,       "text/html", NULL, "Where that leads to", NULL},
    {0},
};
const ApiOperation api_page_home = {
    .id = "diagnosticsHome",
    .tag = "Diagnostics",
    .summary = "Leads to the diagnostics pages",
    .cacheable = true,
    .answers = answers_home,
    .security = "[]",
};

static const ApiField fields_page[] = {
    {API_PATH, "path", true, "PagePath", "a file of the pages, or a place within them"},
    API_END,
};
static const ApiAnswer answers_page[] = {
    {200,   "text/html", NULL, "The page", NULL},
    {200, "text/javascript", NULL, "", NULL},
    {200, "text/css", NULL, "", NULL},
    {200,   "image/svg+xml", NULL, "", NULL},
    {200, "font/woff2", NULL, "", NULL},
    {304, NULL, NULL, "It is the same", NULL},
    {404,   "application/json", "Error", "There is no such file", NULL},
    {0},
};
const ApiOperation api_page = {
    .id = "diagnosticsPage",
    .tag = "Diagnostics",
    .summary = "A file of the diagnostics pages",
    .cacheable = true,
    .fields = fields_page,
    .answers = answers_page,
    .security = "[]",
};

static const ApiAnswer answers_look[] = {
    {200,        "application/json", "Session", "Who has signed in, and may what", NULL},
    ERROR(400, "The request is malformed, or its Host is not served"),
    {401, "application/json", "PageRefusal", "Nobody has", "WWW-Authenticate"},
    ERROR(503, "Accounts are not read yet"),
    {0     },
};
const ApiOperation api_session_look = {
    .id = "session",
    .tag = "Diagnostics",
    .summary = "Whose session the cookie is",
    .answers = answers_look,
    .security = COOKIE,
};

static const ApiAnswer answers_sign_in[] = {
    {200,            "application/json", "Session", "Signed in: the cookie is set", NULL},
    ERROR(400, "No name and password"),
    {401,     "application/json", "PageRefusal", "Name or password is wrong", "WWW-Authenticate"},
    ERROR(403, "It came from another site"),
    ERROR(415, "Another media type"),
    {429,          "application/json", "PageError", "Too many failed sign-ins", "Retry-After"},
    {503,            "application/json", "PageError", "Not now", "Retry-After"},
    {0},
};
const ApiOperation api_session_sign_in = {
    .id = "signIn",
    .tag = "Diagnostics",
    .summary = "Begins a session by name and password",
    .body = "SignIn",
    .answers = answers_sign_in,
    .security = "[]",
};

static const ApiAnswer answers_end[] = {
    {204,   NULL, NULL, "Signed out", NULL},
    ERROR(400, "The request is malformed, or its Host is not served"),
    {401, "application/json", "PageRefusal", "There was no session", "WWW-Authenticate"},
    ERROR(403, "X-CSRF-Token is missing or wrong"),
    {0},
};
const ApiOperation api_session_end = {
    .id = "signOut",
    .tag = "Diagnostics",
    .summary = "Ends the session",
    .answers = answers_end,
    .security = COOKIE,
};

static const ApiField fields_start[] = {
    {API_QUERY, "to", false, "Text", "where in the pages to go afterwards"},
    API_END,
};
static const ApiAnswer answers_go[] = {
    {302,         NULL, NULL, "To the provider, to the pages, or to what was wrong", "Location"},
    {200,       "text/html", NULL, "Where that leads to", NULL},
    ERROR(400, "The request is malformed, or its Host is not served"),
    {503, "application/json", "PageError", "Not now", "Retry-After"},
    {0        },
};
const ApiOperation api_oidc_start = {
    .id = "signInAtProvider",
    .tag = "Diagnostics",
    .summary = "Begins a session at the OpenID Connect provider",
    .fields = fields_start,
    .answers = answers_go,
    .security = "[]",
};

static const ApiField fields_back[] = {
    {API_QUERY, "code",  false, "Text", "the provider's"      },
    {API_QUERY, "state", false, "Text", "what it was told"    },
    {API_QUERY, "iss",   false, "Text", "who it is (RFC 9207)"},
    {API_QUERY, "error", false, "Text", "why it gives no code"},
    API_END,
};
const ApiOperation api_oidc_back = {
    .id = "backFromProvider",
    .tag = "Diagnostics",
    .summary = "Where the provider sends the browser back to",
    .fields = fields_back,
    .answers = answers_go,
    .security = "[]",
};
