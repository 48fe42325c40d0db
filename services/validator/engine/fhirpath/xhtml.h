/* xhtml - may this text stand in a Narrative?
 *
 * Spec:    hl7.org/fhir/R4/narrative.html#rules: elements and attributes that are allowed.
 * Owner:   reads only.
 * Errors:  none; what is no well-formed XHTML fragment is not allowed.
 * Limits:  XHTML_DEPTH_MAX elements in one another. */
#pragma once
#include "common/base/str.h"

enum { XHTML_DEPTH_MAX = 200, XHTML_ATTRIBUTES_MAX = 32 };

typedef struct XhtmlAttribute {
    Str name;
    Str value; /* as written, references unresolved */
} XhtmlAttribute;

typedef struct XhtmlTag {
    Str name;
    uint32_t depth;
    bool allowed; /* the element and all of its attributes */
    uint32_t attribute_count;
    const XhtmlAttribute *attributes;
} XhtmlTag;

/* What a reader of the markup is told; any member may be NULL. */
typedef struct XhtmlVisitor {
    void *self;
    /* A start tag; depth of the root is 0. Attributes beyond XHTML_ATTRIBUTES_MAX are left out. */
    void (*element)(void *self, const XhtmlTag *tag);
    void (*doctype)(void *self);
} XhtmlVisitor;

typedef struct XhtmlVerdict {
    bool well_formed;
    bool allowed; /* well-formed, and nothing but what the rules allow */
    bool content; /* well-formed, with a text other than white space, or an image */
} XhtmlVerdict;
XhtmlVerdict xhtml_check(Str text); /* all at once */
XhtmlVerdict xhtml_read(Str text, const XhtmlVisitor *visitor);
bool xhtml_element_allowed(Str name);
bool xhtml_attribute_allowed(Str element, Str name);
bool xhtml_allowed(Str text);
/* Is there a text other than white space, or an image? */
bool xhtml_has_content(Str text);
