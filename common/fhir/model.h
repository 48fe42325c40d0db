/* model - the types of FHIR: what a property is called, what type it has, what derives from what.
 *
 * Spec:    hl7.org/fhir/R4/elementdefinition.html, json.html (choice types, primitives)
 * Owner:   read-only flat tables: either the R4 tables built into the program (fhir_model_r4) or
 * the tables of a compiled image, which may hold further types (logical models, custom resources).
 * Threads: immutable, shared.
 * Limits:  65535 types and names.
 *
 * Every backbone element is a type of its own ("Patient.contact"), whose `says` names what type()
 * reports (BackboneElement or Element). Children include the inherited ones, one row per JSON
 * property: a choice element value[x] has rows valueQuantity, valueString, ..., all with element
 * name "value". Rows of a type are sorted by property id. */
#pragma once
#include "common/json/json.h"

typedef uint16_t FhirTypeId; /* 0: none */

typedef enum FhirKind {
    FHIR_KIND_PRIMITIVE,
    FHIR_KIND_COMPLEX,  /* data types, Element, BackboneElement */
    FHIR_KIND_BACKBONE, /* an element defined inline; contentReference leads back to it */
    FHIR_KIND_RESOURCE,
    FHIR_KIND_LOGICAL,
} FhirKind;

enum {
    FHIR_CHILD_ARRAY = 1,    /* max > 1: a JSON array */
    FHIR_CHILD_CHOICE = 2,   /* one alternative of element[x] */
    FHIR_CHILD_REQUIRED = 4, /* min > 0 in the base definition */
    FHIR_CHILD_RESOURCE = 8, /* holds any resource: contained, entry.resource, parameter.resource */
    FHIR_CHILD_XML_ATTRIBUTE = 16, /* id, extension.url: an attribute in XML */
};

typedef struct FhirChild {
    uint16_t property; /* JSON property name id: valueQuantity */
    uint16_t element;  /* element name id without [x]: value */
    FhirTypeId type;
    uint16_t flags;
    uint16_t order; /* position of the element in its definition, from 0 */
} FhirChild;

typedef struct FhirType {
    uint16_t name;   /* name id: "Patient", "Patient.contact", "string" */
    FhirTypeId base; /* what it specialises; backbone: BackboneElement or Element */
    uint8_t kind;    /* FhirKind */
    uint8_t is_abstract;
    uint16_t child_count;
    uint32_t first_child; /* index into children */
} FhirType;

typedef struct FhirModel {
    const FhirType *types;     /* [type_count]; id 0 is unused */
    const FhirChild *children; /* [child_count] */
    const uint16_t *by_name;   /* [type_count - 1] type ids sorted by the text of their names */
    uint32_t type_count;
    uint32_t child_count;
    JsonNames
        names; /* all property, element and type names, and every property with '_' before it */
    FhirTypeId boolean_type, integer_type, decimal_type, string_type, uri_type, code_type, id_type,
        date_type, date_time_type, instant_type, time_type, quantity_type, extension_type,
        reference_type, coding_type, codeable_concept_type, identifier_type, resource_type,
        domain_resource_type, element_type, backbone_element_type, bundle_type, xhtml_type,
        period_type, canonical_type, url_type, oid_type, uuid_type, markdown_type,
        base64_binary_type, positive_int_type, unsigned_int_type;
    /* names used everywhere, as ids */
    uint16_t n_resource_type, n_id, n_extension, n_value, n_url, n_contained, n_reference, n_system,
        n_code, n_unit, n_coding, n_entry, n_full_url, n_resource, n_meta, n_profile,
        n_modifier_extension;
} FhirModel;

const FhirModel *fhir_model_r4(void);

FhirTypeId fhir_type_find(const FhirModel *model, Str name); /* 0 if unknown */
Str fhir_type_name(const FhirModel *model, FhirTypeId type);
/* "BackboneElement" for Patient.contact, "Element" for Timing.repeat, the name for all others. */
Str fhir_type_says(const FhirModel *model, FhirTypeId type);
/* The row of a JSON property (without a leading '_'), or NULL. */
const FhirChild *fhir_child_find(const FhirModel *model, FhirTypeId type, uint16_t property);
/* The first row whose element is `element`, or NULL: valueBoolean for value. */
const FhirChild *fhir_element_find(const FhirModel *model, FhirTypeId type, uint16_t element);
bool fhir_type_is_a(const FhirModel *model, FhirTypeId type, FhirTypeId ancestor); /* reflexive */
/* The id of `_name` for the id of `name`; JSON_NAME_UNKNOWN if there is none, and the reverse.
 * Whoever gives out ids gives `_name` the id behind that of `name`. */
uint16_t fhir_underscore_of(const FhirModel *model, uint16_t property);
uint16_t fhir_without_underscore(const FhirModel *model, uint16_t underscored);
