/* run - the inputs validated by some threads, what they give printed in input order. */
#pragma once
#include "services/validator/cli/fhir_validate/settings.h"

/* The exit status: 0 all valid, 1 some invalid, 2 some unreadable. */
int run_all(const Settings *settings);
