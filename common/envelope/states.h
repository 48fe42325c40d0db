/* states - what an interaction may be in, by "|": what somebody may ask for.
 *
 * Spec: techbd.md section 5; "received" and "expired" are ours: not stored yet, not kept any more.
 */
#pragma once

#define INTERACTION_STATES                                                                         \
    "received|expired|NONE|ACCEPT_FHIR_BUNDLE|HL7_ACCEPT|CSV_ACCEPT|CCDA_ACCEPT|"                  \
    "VALIDATION_SUCCESS|VALIDATION_FAILED|CONVERTED_TO_FHIR|FHIR_CONVERSION_FAILED|DISPOSITION|"   \
    "FORWARD|FAIL|COMPLETE"
