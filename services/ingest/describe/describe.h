/* describe - what a route says of itself: the last column of routes.c, from which GET /openapi.json
 * is made.
 *
 * Spec:    OpenAPI 3.1.1. Of a route's row the document has method, path, media types of the body,
 *          credentials and scopes; the tenant's headers, and the answers that every route of its
 *          kind may give (openapi.c has them), need not be written here.
 * Rule:    a schema is named, never written in C: its text is a member of a *.json of this folder.
 *          A row without a description fails tests/unit/services/ingest/describe_test.c.
 * Threads: constants. */
#pragma once
#include <stdbool.h>

typedef enum ApiPlace { API_PATH, API_QUERY, API_HEADER } ApiPlace;

typedef struct ApiField {
    ApiPlace place;
    const char *name; /* NULL: the end of the list */
    bool required;
    const char *schema;
    const char *about;
} ApiField;

/* Rows of one status stand together: one for each media type. */
typedef struct ApiAnswer {
    unsigned status;    /* 0: the end of the list */
    const char *media;  /* NULL: no body */
    const char *schema; /* NULL: any text */
    const char *about;
    const char *headers; /* by comma, of openapi.c's list, beside those of every answer */
} ApiAnswer;

typedef struct ApiOperation {
    const char *id; /* unique; camelCase */
    const char *tag;
    const char *summary;
    const ApiField *fields;   /* NULL: none */
    const char *body;         /* schema; NULL where the row has no media types */
    const ApiAnswer *answers; /* its own; they go before the common ones */
    /* JSON, where the route looks by itself at who asks; NULL: as the row's `auth` says. */
    const char *security;
    bool cacheable; /* a file: what is fine says nothing of the request that asked for it */
} ApiOperation;

#define API_ID(about)                                                                              \
    {                                                                                              \
        API_PATH, "id", true, "Uuid", about                                                        \
    }
#define API_END                                                                                    \
    {                                                                                              \
        .name = 0                                                                                  \
    }

/* bundle.c */
extern const ApiOperation api_submit, api_validate, api_status;
/* read.c */
extern const ApiOperation api_search, api_failed, api_verdict;
/* audit.c */
extern const ApiOperation api_audit;
/* replay.c */
extern const ApiOperation api_replay, api_replay_look, api_replay_cancel;
/* admin.c */
extern const ApiOperation api_admin_list, api_admin_show, api_admin_put, api_admin_delete,
    api_admin_key_create, api_admin_key_end, api_admin_secret_create, api_admin_secret_end,
    api_admin_certificate_add, api_admin_certificate_end;
/* others.c */
extern const ApiOperation api_callback, api_token, api_ingest_auth, api_jwks, api_smart,
    api_metadata, api_openapi;
/* diagnostics.c */
extern const ApiOperation api_overview, api_menus, api_changes, api_story, api_payload;
/* doing.c */
extern const ApiOperation api_replaying_list, api_replaying_ask, api_dlq, api_guides, api_rulebook,
    api_rulebook_put, api_rulebook_delete, api_trying, api_trial;
/* sessions.c */
extern const ApiOperation api_page_home, api_page, api_session_look, api_session_sign_in,
    api_session_end, api_oidc_start, api_oidc_back;
