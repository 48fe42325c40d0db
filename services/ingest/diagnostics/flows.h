/* flows - the steps of the diagnostics pages' routes: as flow.c has those of the others. */
#pragma once
#include "services/ingest/flow.h"

extern const Step flow_overview[];
extern const Step flow_menus[];
extern const Step flow_changes[];
extern const Step flow_story[];
extern const Step flow_payload[];
extern const Step flow_replaying_list[];
extern const Step flow_replaying_ask[];
extern const Step flow_dlq[];
extern const Step flow_guides[];
extern const Step flow_trial[]; /* trial.c */
extern const Step flow_rulebook[];
extern const Step flow_rulebook_put[];
extern const Step flow_rulebook_delete[];
extern const Step flow_trying[];

StepNext step_overview(Exchange *exchange);
StepNext step_menus(Exchange *exchange);
StepNext step_changes(Exchange *exchange);
StepNext step_story(Exchange *exchange);
StepNext step_payload(Exchange *exchange);
StepNext step_replaying_list(Exchange *exchange);
StepNext step_replaying_ask(Exchange *exchange);
StepNext step_dlq(Exchange *exchange);
StepNext step_guides(Exchange *exchange);
StepNext step_trial_begin(Exchange *exchange);
StepNext step_trial(Exchange *exchange);
StepNext step_trial_reply(Exchange *exchange);
StepNext step_rulebook(Exchange *exchange);
StepNext step_rulebook_put(Exchange *exchange);
StepNext step_rulebook_delete(Exchange *exchange);
StepNext step_trying(Exchange *exchange);
