/* packages - --image and --package -> the validator.
 *
 * Rule:    the packages are compiled into an image of their own, which lives as long as the
 *          program. Dependencies are looked for beside each package, in the folders of
 *          $FHIR_PACKAGES (by colon), in ~/.fhir/packages, in ./packages, and in ../../packages
 *          and ../share/fhirbus/packages of the program. A folder that is no package stands for
 *          all packages in it. The root is what --ig names, else the first one. */
#pragma once
#include "services/validator/cli/fhir_validate/settings.h"

bool packages_open(const Settings *settings, FhirValidator **ret_validator, Err *err) MUST_USE;
