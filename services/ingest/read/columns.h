/* columns - of fhirbus.interaction AS i, for lists: everything as text, and received_at once more
 * for the cursor. `state`: where that is taken from. The names are a table of search.c. */
#pragma once

#define COLUMN_TIME(column)                                                                        \
    "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
#define INTERACTION_COLUMNS_OF(state)                                                              \
    "SELECT i.interaction_id::text, i.tenant_id, " COLUMN_TIME(                                    \
        "i.received_at") ", " state                                                                \
                         ", " COLUMN_TIME(                                                         \
                             "i.state_at") ", i.source_type, i.uri, i.lane, i.disposition,"        \
                                           " i.is_bundle_valid::text, i.errors::text, "            \
                                           "i.warnings::text, i.information::text,"                \
                                           " i.precheck_code, i.profile_url, i.ig_version, "       \
                                           "i.bundle_id, i.bundle_type, i.patient_id,"             \
                                           " i.patient_mrn, i.medicaid_cin, i.organization_id, "   \
                                           "i.organization_name, i.correlation_id,"                \
                                           " i.group_interaction_id, i.master_interaction_id, "    \
                                           "i.payload_bytes::text, i.payload_sha256,"              \
                                           " i.replay_id::text, i.received_at"
