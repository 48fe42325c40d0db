#include "common/fhir/model.h"

#include "tests/support/cmocka.h"

static const FhirModel *model;

static uint16_t id_of(const char *name)
{
    uint16_t id = json_name_find(&model->names, str_from(name));
    assert_int_not_equal(id, JSON_NAME_UNKNOWN);
    return id;
}

static FhirTypeId type_of(const char *name)
{
    FhirTypeId type = fhir_type_find(model, str_from(name));
    assert_int_not_equal(type, 0);
    return type;
}

static const FhirChild *child(const char *type, const char *property)
{
    const FhirChild *row = fhir_child_find(model, type_of(type), id_of(property));
    assert_non_null(row);
    return row;
}

static void resolves_choice_properties(void **state)
{
    (void)state;
    const FhirChild *row = child("Observation", "valueQuantity");
    assert_int_equal(row->element, model->n_value);
    assert_int_equal(row->type, model->quantity_type);
    assert_true(row->flags & FHIR_CHILD_CHOICE);
    assert_null(fhir_child_find(model, type_of("Observation"), id_of("value")));
    row = fhir_element_find(model, type_of("Observation"), model->n_value);
    assert_true(row && row->flags & FHIR_CHILD_CHOICE);
}

static void names_backbone_elements_by_their_path(void **state)
{
    (void)state;
    assert_int_equal(child("Patient", "contact")->type, type_of("Patient.contact"));
    assert_true(str_is(fhir_type_says(model, type_of("Patient.contact")), "BackboneElement"));
    assert_true(str_is(fhir_type_says(model, type_of("Timing.repeat")), "Element"));
    assert_true(str_is(fhir_type_says(model, type_of("Patient")), "Patient"));
    assert_true(child("Patient", "contact")->flags & FHIR_CHILD_ARRAY);
}

static void follows_content_references(void **state)
{
    (void)state;
    assert_int_equal(child("Questionnaire.item", "item")->type, type_of("Questionnaire.item"));
    assert_int_equal(child("Observation.component", "referenceRange")->type,
                     type_of("Observation.referenceRange"));
}

static void knows_what_derives_from_what(void **state)
{
    (void)state;
    assert_true(fhir_type_is_a(model, type_of("Patient"), model->domain_resource_type));
    assert_true(fhir_type_is_a(model, type_of("Patient"), model->resource_type));
    assert_true(fhir_type_is_a(model, type_of("Age"), model->quantity_type));
    assert_true(fhir_type_is_a(model, type_of("code"), model->string_type));
    assert_true(fhir_type_is_a(model, type_of("Patient.contact"), model->backbone_element_type));
    assert_false(fhir_type_is_a(model, model->bundle_type, model->domain_resource_type));
}

static void gives_ids_and_types_their_fhir_type(void **state)
{
    (void)state;
    assert_int_equal(child("Patient", "id")->type, model->id_type);
    assert_int_equal(child("HumanName", "id")->type, model->string_type);
    assert_int_equal(child("Extension", "url")->type, model->uri_type);
    assert_true(child("Extension", "url")->flags & FHIR_CHILD_XML_ATTRIBUTE);
    assert_true(child("DomainResource", "contained")->flags & FHIR_CHILD_RESOURCE);
}

static void pairs_names_with_their_underscored_twin(void **state)
{
    (void)state;
    uint16_t birth_date = id_of("birthDate");
    assert_int_equal(fhir_underscore_of(model, birth_date), id_of("_birthDate"));
    assert_int_equal(fhir_without_underscore(model, id_of("_birthDate")), birth_date);
    assert_int_equal(fhir_underscore_of(model, id_of("contact")), JSON_NAME_UNKNOWN);
    assert_int_equal(fhir_without_underscore(model, birth_date), JSON_NAME_UNKNOWN);
}

static void finds_every_type_by_its_name(void **state)
{
    (void)state;
    for (uint32_t type = 1; type < model->type_count; type++) {
        Str name = fhir_type_name(model, (FhirTypeId)type);
        assert_int_equal(fhir_type_find(model, name), type);
    }
    assert_int_equal(fhir_type_find(model, STR("Patien")), 0);
    assert_int_equal(fhir_type_find(model, STR("")), 0);
}

int main(void)
{
    model = fhir_model_r4();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolves_choice_properties),
        cmocka_unit_test(names_backbone_elements_by_their_path),
        cmocka_unit_test(follows_content_references),
        cmocka_unit_test(knows_what_derives_from_what),
        cmocka_unit_test(gives_ids_and_types_their_fhir_type),
        cmocka_unit_test(pairs_names_with_their_underscored_twin),
        cmocka_unit_test(finds_every_type_by_its_name),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
