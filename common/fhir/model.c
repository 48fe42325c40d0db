#include "common/fhir/model.h"

FhirTypeId fhir_type_find(const FhirModel *model, Str name)
{
    uint32_t low = 0;
    uint32_t high = model->type_count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        FhirTypeId type = model->by_name[middle];
        int order = str_compare(fhir_type_name(model, type), name);
        if (order == 0)
            return type;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

Str fhir_type_name(const FhirModel *model, FhirTypeId type)
{
    return type && type < model->type_count ? json_name_text(&model->names, model->types[type].name)
                                            : STR_NONE;
}

Str fhir_type_says(const FhirModel *model, FhirTypeId type)
{
    if (type && type < model->type_count && model->types[type].kind == FHIR_KIND_BACKBONE)
        return fhir_type_name(model, model->types[type].base);
    return fhir_type_name(model, type);
}

const FhirChild *fhir_child_find(const FhirModel *model, FhirTypeId type, uint16_t property)
{
    const FhirChild *rows = model->children + model->types[type].first_child;
    uint32_t low = 0;
    uint32_t high = model->types[type].child_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (rows[middle].property == property)
            return &rows[middle];
        if (rows[middle].property < property)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const FhirChild *fhir_element_find(const FhirModel *model, FhirTypeId type, uint16_t element)
{
    const FhirChild *direct = fhir_child_find(model, type, element);
    if (direct && direct->element == element)
        return direct;
    const FhirChild *rows = model->children + model->types[type].first_child;
    for (uint32_t i = 0; i < model->types[type].child_count; i++)
        if (rows[i].element == element)
            return &rows[i];
    return NULL;
}

bool fhir_type_is_a(const FhirModel *model, FhirTypeId type, FhirTypeId ancestor)
{
    /* Each base has an own row, so a chain longer than the table can only be a damaged one. */
    for (uint32_t steps = 0; type && steps < model->type_count; steps++) {
        if (type == ancestor)
            return true;
        type = model->types[type].base;
    }
    return false;
}

static bool is_underscored(const FhirModel *model, uint32_t name)
{
    const JsonNames *names = &model->names;
    return name < names->count && names->at[name + 1] > names->at[name] &&
           names->pool[names->at[name]] == '_';
}

uint16_t fhir_underscore_of(const FhirModel *model, uint16_t property)
{
    if (property == JSON_NAME_UNKNOWN || !is_underscored(model, property + 1U))
        return JSON_NAME_UNKNOWN;
    return (uint16_t)(property + 1);
}

uint16_t fhir_without_underscore(const FhirModel *model, uint16_t underscored)
{
    return is_underscored(model, underscored) ? (uint16_t)(underscored - 1) : JSON_NAME_UNKNOWN;
}
