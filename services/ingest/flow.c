#include "services/ingest/flow.h"

#include "services/ingest/exchange.h"

const Step flow_submit[] = {
    {"receive",      step_receive, true}, /* media type, Accept, Prefer, ids       */
    {"authenticate",          step_authenticate, true}, /* who calls, for which tenant           */
    {"limit", step_limit, true}, /* its plan, and the tenant's            */
    {"identify",          step_identify, true}, /* which id, whose trace                 */
    {"admit",        step_admit, true}, /* its tenant's share of what is in flight */
    {"lease",          step_lease, false}, /* what of the plan was not at hand      */
    {"kinds",     step_kinds, false}, /* may it send what is in there?        */
    {"wrap",          step_wrap, false}, /* body -> Envelope                      */
    {"claim",        step_claim, false}, /* the sender's own id: seen before?     */
    {"publish",          step_publish, false}, /* -> topic                              */
    {"await",        step_await, false}, /* acknowledgement, verdict or deadline  */
    {"reply",         step_reply, false}, /* verdict or 202 -> HTTP                */
    {0       },
};

const Step flow_status[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"status",        step_status, false},
    {0         },
};

const Step flow_search[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"search",        step_search, false},
    {0         },
};

const Step flow_failed[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"failed",        step_failed, false},
    {0         },
};

const Step flow_verdict[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"verdict",        step_verdict, false},
    {0         },
};

const Step flow_audit[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"audit",        step_audit, false},
    {0         },
};

const Step flow_replay[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"replay",        step_replay, false},
    {0         },
};

const Step flow_replay_look[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"replay-look",        step_replay_look, false},
    {0         },
};

const Step flow_replay_cancel[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"replay-cancel",        step_replay_cancel, false},
    {0         },
};

const Step flow_callback[] = {
    {"limit",   step_limit, true},
    {"receive",     step_receive, true},
    {"callback", step_callback, false},
    {0    },
};

const Step flow_metadata[] = {
    {"limit",    step_limit, true},
    {"metadata",      step_metadata, false},
    {0},
};

const Step flow_token[] = {
    {"limit",   step_limit, true},
    {"receive",     step_receive, true},
    {"token", step_token, false},
    {0    },
};

const Step flow_jwks[] = {
    {"limit", step_limit, true},
    {"jwks",   step_jwks, false},
    {0 },
};

const Step flow_smart[] = {
    {"limit", step_limit, true},
    {"smart",   step_smart, false},
    {0},
};

const Step flow_openapi[] = {
    {"limit",   step_limit, true},
    {"openapi",     step_openapi, false},
    {0},
};

const Step flow_admin_list[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"admin-list",        step_admin_list, false},
    {0         },
};

const Step flow_admin_show[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"admin-show",        step_admin_show, false},
    {0         },
};

const Step flow_admin_put[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"admin-put",        step_admin_put, false},
    {0         },
};

const Step flow_admin_delete[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"admin-delete",        step_admin_delete, false},
    {0         },
};

const Step flow_admin_key_create[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"admin-key-create",        step_admin_key_create, false},
    {0         },
};

const Step flow_admin_key_end[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"admin-key-end",        step_admin_key_end, false},
    {0         },
};

const Step flow_admin_secret_create[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"admin-secret-create",        step_admin_secret_create, false},
    {0         },
};

const Step flow_admin_secret_end[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"admin-secret-end",        step_admin_secret_end, false},
    {0         },
};

const Step flow_admin_certificate_add[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"admin-certificate-add",        step_admin_certificate_add, false},
    {0         },
};

const Step flow_admin_certificate_end[] = {
    {"receive",      step_receive, true},
    {"authenticate",          step_authenticate, true},
    {"limit", step_limit, true},
    {"lease",          step_lease, false},
    {"admin-certificate-end",        step_admin_certificate_end, false},
    {0         },
};

const Step flow_page[] = {
    {"limit", step_limit, true},
    {"page",   step_page, false},
    {0 },
};

const Step flow_session_look[] = {
    {"limit",        step_limit, true},
    {"session-look",          step_session_look, false},
    {0},
};

const Step flow_session_sign_in[] = {
    {"limit",   step_limit, true},
    {"receive",     step_receive, true},
    {"session-sign-in", step_session_sign_in, false},
    {0    },
};

const Step flow_session_end[] = {
    {"limit",       step_limit, true},
    {"session-end",         step_session_end, false},
    {0},
};

const Step flow_oidc_start[] = {
    {"limit",      step_limit, true},
    {"oidc-start",        step_oidc_start, false},
    {0},
};

const Step flow_oidc_back[] = {
    {"limit",     step_limit, true},
    {"oidc-back",       step_oidc_back, false},
    {0},
};

StepNext flow_run(Exchange *exchange, bool early_only)
{
    for (; exchange->step->run; exchange->step++) {
        if (early_only && !exchange->step->early)
            return STEP_NEXT;
        StepNext next = exchange->step->run(exchange);
        if (next != STEP_NEXT)
            return next;
    }
    return STEP_REPLY;
}
