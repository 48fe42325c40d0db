/* xhtml - may this text stand in a Narrative?
 *
 * Spec:    hl7.org/fhir/R4/narrative.html#rules: elements and attributes that are allowed.
 * Owner:   reads only.
 * Errors:  none; what is no well-formed XHTML fragment is not allowed.
 * Limits:  XHTML_DEPTH_MAX elements in one another. */
#pragma once
#include "common/base/str.h"

enum { XHTML_DEPTH_MAX = 200 };

typedef struct XhtmlVerdict {
    bool allowed; /* well-formed, and nothing but what the rules allow */
    bool content; /* well-formed, with a text other than white space, or an image */
} XhtmlVerdict;
XhtmlVerdict xhtml_check(Str text); /* both at once */
bool xhtml_allowed(Str text);
/* Is there a text other than white space, or an image? */
bool xhtml_has_content(Str text);
