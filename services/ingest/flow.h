/* flow - the steps of a request, in order; the tables are in flow.c.
 *
 * A step does its part and says what next. STEP_WAIT parks the request without a thread; when it
 * is woken the same step runs again and looks what has changed. A step that refuses fills the
 * reply (refuse.h) and says STEP_REPLY. */
#pragma once

#include <stdbool.h>

typedef struct Exchange Exchange;

typedef enum StepNext {
    STEP_NEXT,
    STEP_WAIT,
    STEP_REPLY,
} StepNext;

typedef struct Step {
    const char *name;
    StepNext (*run)(Exchange *exchange);
    bool early; /* runs on the header, before the body is received */
} Step;

extern const Step flow_submit[];
extern const Step flow_status[];
extern const Step flow_search[];
extern const Step flow_failed[];
extern const Step flow_verdict[];
extern const Step flow_audit[];
extern const Step flow_replay[];
extern const Step flow_replay_look[];
extern const Step flow_replay_cancel[];
extern const Step flow_callback[];
extern const Step flow_metadata[];
extern const Step flow_token[];
extern const Step flow_jwks[];
extern const Step flow_smart[];
extern const Step flow_openapi[];
/* services/ingest/admin */
extern const Step flow_admin_list[];
extern const Step flow_admin_show[];
extern const Step flow_admin_put[];
extern const Step flow_admin_delete[];
extern const Step flow_admin_key_create[];
extern const Step flow_admin_key_end[];
extern const Step flow_admin_secret_create[];
extern const Step flow_admin_secret_end[];
extern const Step flow_admin_certificate_add[];
extern const Step flow_admin_certificate_end[];

extern const Step flow_page[];
extern const Step flow_session_look[];
extern const Step flow_session_sign_in[];
extern const Step flow_session_end[];
extern const Step flow_oidc_start[];
extern const Step flow_oidc_back[];

StepNext step_receive(Exchange *exchange);       /* receive.c: what the header says */
StepNext step_authenticate(Exchange *exchange);  /* authenticate.c */
StepNext step_limit(Exchange *exchange);         /* limit.c */
StepNext step_lease(Exchange *exchange);         /* limit.c */
StepNext step_identify(Exchange *exchange);      /* identify.c */
StepNext step_admit(Exchange *exchange);         /* admit.c */
StepNext step_kinds(Exchange *exchange);         /* kinds.c */
StepNext step_wrap(Exchange *exchange);          /* wrap.c */
StepNext step_claim(Exchange *exchange);         /* claim.c */
StepNext step_publish(Exchange *exchange);       /* publish.c */
StepNext step_await(Exchange *exchange);         /* await.c */
StepNext step_reply(Exchange *exchange);         /* reply.c */
StepNext step_status(Exchange *exchange);        /* read/status.c */
StepNext step_search(Exchange *exchange);        /* read/search.c */
StepNext step_failed(Exchange *exchange);        /* read/failed.c */
StepNext step_verdict(Exchange *exchange);       /* read/verdict.c */
StepNext step_audit(Exchange *exchange);         /* read/audit.c */
StepNext step_replay(Exchange *exchange);        /* replay_routes.c */
StepNext step_replay_look(Exchange *exchange);   /* replay_routes.c */
StepNext step_replay_cancel(Exchange *exchange); /* replay_routes.c */
StepNext step_callback(Exchange *exchange);      /* callback.c */
StepNext step_metadata(Exchange *exchange);      /* read/metadata.c */
StepNext step_token(Exchange *exchange);         /* token.c */
StepNext step_jwks(Exchange *exchange);
StepNext step_smart(Exchange *exchange);
StepNext step_openapi(Exchange *exchange); /* describe/openapi.c */
/* admin/look.c, admin/change.c */
StepNext step_admin_list(Exchange *exchange);
StepNext step_admin_show(Exchange *exchange);
StepNext step_admin_put(Exchange *exchange);
StepNext step_admin_delete(Exchange *exchange);
StepNext step_admin_key_create(Exchange *exchange);
StepNext step_admin_key_end(Exchange *exchange);
StepNext step_admin_secret_create(Exchange *exchange);
StepNext step_admin_secret_end(Exchange *exchange);
StepNext step_admin_certificate_add(Exchange *exchange);
StepNext step_admin_certificate_end(Exchange *exchange);
StepNext step_page(Exchange *exchange);            /* pages/serve_page.c */
StepNext step_session_look(Exchange *exchange);    /* sessions/local.c */
StepNext step_session_sign_in(Exchange *exchange); /* sessions/local.c */
StepNext step_session_end(Exchange *exchange);     /* sessions/local.c */
StepNext step_oidc_start(Exchange *exchange);      /* sessions/oidc.c */
StepNext step_oidc_back(Exchange *exchange);       /* sessions/oidc.c */

/* Runs steps until one waits or replies; `early_only`: just those on the header. STEP_NEXT: all
 * early ones passed. */
StepNext flow_run(Exchange *exchange, bool early_only);
