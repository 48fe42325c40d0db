/* flows - the steps of the diagnostics pages' routes: as flow.c has those of the others. */
#pragma once
#include "services/ingest/flow.h"

extern const Step flow_overview[];
extern const Step flow_menus[];
extern const Step flow_changes[];
extern const Step flow_story[];
extern const Step flow_payload[];

StepNext step_overview(Exchange *exchange);
StepNext step_menus(Exchange *exchange);
StepNext step_changes(Exchange *exchange);
StepNext step_story(Exchange *exchange);
StepNext step_payload(Exchange *exchange);
