#include "services/ingest/diagnostics/flows.h"

#define ASKS(name)                                                                                 \
    {                                                                                              \
        {"receive", step_receive, true}, {"authenticate", step_authenticate, true},                \
            {"limit", step_limit, true}, {"lease", step_lease, false},                             \
            {#name, step_##name, false},                                                           \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

const Step flow_overview[] = ASKS(overview);
const Step flow_menus[] = ASKS(menus);
const Step flow_changes[] = ASKS(changes);
const Step flow_story[] = ASKS(story);
const Step flow_payload[] = ASKS(payload);
const Step flow_replaying_list[] = ASKS(replaying_list);
const Step flow_replaying_ask[] = ASKS(replaying_ask);
const Step flow_dlq[] = ASKS(dlq);
const Step flow_guides[] = ASKS(guides);
const Step flow_rulebook[] = ASKS(rulebook);
const Step flow_rulebook_put[] = ASKS(rulebook_put);
const Step flow_rulebook_delete[] = ASKS(rulebook_delete);
const Step flow_trying[] = ASKS(trying);
