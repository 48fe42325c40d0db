/* facts - what people ask for by column: ids and names found in a FHIR bundle.
 *
 * Spec:    hl7.org/fhir/R4/bundle.html; identifier types of terminology.hl7.org/CodeSystem/v2-0203
 *          (MR: medical record number, MA: Medicaid number).
 * Owner:   texts are copied into `arena`, each at most FACT_BYTES_MAX long.
 * Errors:  none: what cannot be read (no JSON, past `scratch`'s limit) leaves facts empty.
 * Threads: pure. `scratch` is reset. */
#pragma once
#include "common/base/arena.h"

enum { FACT_BYTES_MAX = 256, FACT_TYPES_MAX = 64 };

typedef struct Facts { /* empty: not there */
    Str bundle_id;
    Str bundle_type;
    Str bundle_last_updated; /* as written */
    Str profile_url;         /* meta.profile[0] */
    Str organization_id;     /* of the first Organization */
    Str organization_name;
    Str patient_id; /* of the first Patient */
    Str patient_mrn;
    Str patient_mrn_source_system;
    Str medicaid_cin;
    const Str *resource_types; /* of the entries; each once, as met */
    size_t resource_type_count;
} Facts;

void facts_read(Str document, Arena *scratch, Arena *arena, Facts *ret_facts);

/* At most `bytes` of s, cut between characters. */
Str text_clip(Str s, size_t bytes);
