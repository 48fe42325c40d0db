/* bundle - what holds between the entries of a bundle; internal to the engine.
 *
 * Spec:    hl7.org/fhir/R4/bundle.html (fullUrl, links, search mode, documents, messages)
 * Owner:   all in the walk's arena. Threads: one walk, one thread. */
#pragma once
#include "services/validator/engine/validate/walk.h"

/* The entries that a relative reference (Type/id, Type/id/_history/version) names; 0 behind the
 * last. */
const ElemId *bundle_by_relative(Walk *walk, ElemId bundle, Str reference);

/* [http(s)://base/]Type/id[/_history/version], nothing else. */
bool is_restful_url(const Walk *walk, Str url);

/* --- bundle_link.c ---------------------------------------------------------------------------- */

bool check_bundle_links(Walk *walk, ElemId bundle, Str type, FindingPath form);
bool check_searchset(Walk *walk, ElemId bundle, FindingPath form);

/* Of narrativeLink extensions below the bundle. */
bool check_narrative_links(Walk *walk, ElemId bundle, FindingPath form);

/* --- bundle_document.c ------------------------------------------------------------------------ */

/* The first entry, what it refers to, and that everything hangs together. */
bool check_document(Walk *walk, ElemId bundle, ElemId first_entry, FindingPath form);
bool check_message(Walk *walk, ElemId bundle, ElemId first_entry, FindingPath form);
