#include <xxhash.h>

#include "services/validator/engine/fhirpath/fhirpath.h"
#include "services/validator/engine/schema/schema.h"

uint64_t schema_model_fingerprint(const FhirModel *model)
{
    XXH64_hash_t hash = XXH3_64bits(model->types, model->type_count * sizeof *model->types);
    hash =
        XXH3_64bits_withSeed(model->children, model->child_count * sizeof *model->children, hash);
    return XXH3_64bits_withSeed(model->names.pool, model->names.at[model->names.count], hash);
}

ProfileId schema_find(const Schema *schema, Str canonical)
{
    size_t bar = str_find_char(canonical, '|');
    Str url = str_cut(canonical, 0, bar);
    Str version = bar < canonical.len ? str_skip(canonical, bar + 1) : STR_NONE;
    if (url.len == 0 || schema->index_count == 0)
        return 0;
    uint32_t mask = schema->index_count - 1;
    uint32_t at = (uint32_t)str_hash(url) & mask;
    for (uint32_t steps = 0; schema->profile_index[at] && steps <= mask;
         at = (at + 1) & mask, steps++) {
        ProfileId id = schema->profile_index[at];
        if (!str_eq(schema_text(schema, schema->profiles[id].url), url))
            continue;
        for (; id; id = schema->profiles[id].next)
            if (version.len == 0 ||
                str_eq(schema_text(schema, schema->profiles[id].version), version))
                return id;
        return 0;
    }
    return 0;
}

Str schema_resource(const Schema *schema, Str type, Str canonical)
{
    Str plain = str_cut(canonical, 0, str_find_char(canonical, '#'));
    size_t bar = str_find_char(plain, '|');
    Str url = str_cut(plain, 0, bar);
    Str version = bar < plain.len ? str_skip(plain, bar + 1) : STR_NONE;
    SchemaText other = 0; /* a type that is not the one: rows of a type stand together */
    for (uint32_t i = 1; url.len && i < schema->resource_count; i++) {
        const SchemaResource *r = &schema->resources[i];
        if (r->type == other)
            continue;
        if (!str_eq(schema_text(schema, r->type), type))
            other = r->type;
        else if (str_eq(schema_text(schema, r->url), url) &&
                 (version.len == 0 || str_eq(schema_text(schema, r->version), version)))
            return schema_text(schema, r->json);
    }
    return STR_NONE;
}

bool schema_has_coding_property(const Schema *schema, Str system, Str property)
{
    for (uint32_t i = 1; i < schema->resource_count; i++) {
        const SchemaResource *r = &schema->resources[i];
        if (str_eq(schema_text(schema, r->json), property) &&
            str_eq(schema_text(schema, r->url), system) &&
            str_is(schema_text(schema, r->type), "CodeSystem.property"))
            return true;
    }
    return false;
}

bool schema_derives(const Schema *schema, ProfileId profile, ProfileId ancestor)
{
    for (uint32_t steps = 0; profile && steps < schema->profile_count; steps++) {
        if (profile == ancestor)
            return true;
        profile = schema->profiles[profile].base;
    }
    return false;
}

/* --- binding: every number is looked at once, so that the walk need not ------------------------
 */

typedef struct Check {
    const Schema *s;
    bool ok;
} Check;

static void inside(Check *c, uint32_t number, uint32_t count)
{
    c->ok = c->ok && (number < count || number == 0);
}

static void run_inside(Check *c, uint32_t first, uint32_t run, uint32_t count)
{
    c->ok = c->ok && (run == 0 || (first < count && run <= count - first));
}

static void text_inside(Check *c, SchemaText text)
{
    uint32_t bytes = c->s->strings_bytes;
    if (text > bytes || bytes - text < sizeof(uint32_t)) {
        c->ok = false;
        return;
    }
    uint32_t len;
    memcpy(&len, c->s->strings + text, sizeof len);
    c->ok = c->ok && len <= bytes - text - sizeof len;
}

static void check_profiles(Check *c)
{
    const Schema *s = c->s;
    for (uint32_t i = 0; i < s->profile_count; i++) {
        const SchemaProfile *p = &s->profiles[i];
        text_inside(c, p->url);
        text_inside(c, p->version);
        text_inside(c, p->versioned);
        text_inside(c, p->name);
        text_inside(c, p->title);
        text_inside(c, p->type_text);
        inside(c, p->base, s->profile_count);
        run_inside(c, p->first_node, p->node_count, s->node_count);
        inside(c, p->first_node, s->node_count); /* asked for without its count */
        run_inside(c, p->contexts, p->context_count, s->context_count);
        run_inside(c, p->invariants, p->invariant_count, s->number_count);
        run_inside(c, p->imposes, p->impose_count, s->target_count);
        run_inside(c, p->value_types, p->value_type_count, s->number_count);
        /* Chains only lead onwards, so that following one ends. */
        c->ok = c->ok && (p->next == 0 || (p->next > i && p->next < s->profile_count));
        c->ok = c->ok && p->type < s->model->type_count;
        for (uint32_t k = 0; c->ok && k < p->invariant_count; k++)
            inside(c, s->numbers[p->invariants + k], s->expression_count);
        for (uint32_t k = 0; c->ok && k < p->value_type_count; k++)
            inside(c, s->numbers[p->value_types + k], s->model->type_count);
    }
    for (uint32_t i = 0; i < s->index_count; i++)
        inside(c, s->profile_index[i], s->profile_count);
    for (uint32_t i = 0; i < s->type_profile_count; i++)
        inside(c, s->type_profiles[i], s->profile_count);
}

static void check_group(Check *c, NodeId parent, const SchemaGroup *group)
{
    run_inside(c, group->first, group->count, c->s->number_count);
    c->ok = c->ok && group->count > 0;
    for (uint32_t k = 0; c->ok && k < group->count; k++) {
        uint32_t child = c->s->numbers[group->first + k];
        c->ok = child > parent && child < c->s->node_count;
    }
}

static void check_node(Check *c, NodeId id)
{
    const Schema *s = c->s;
    const SchemaNode *n = &s->nodes[id];
    text_inside(c, n->path);
    text_inside(c, n->id);
    text_inside(c, n->slice_name);
    text_inside(c, n->label);
    text_inside(c, n->base_path);
    inside(c, n->profile, s->profile_count);
    run_inside(c, n->children, n->child_count, s->number_count);
    run_inside(c, n->groups, n->group_count, s->group_count);
    run_inside(c, n->types, n->type_count, s->type_count);
    run_inside(c, n->constraints, n->constraint_count, s->number_count);
    run_inside(c, n->counted, n->counted_count, s->number_count);
    inside(c, n->content, s->node_count);
    inside(c, n->slicing, s->slicing_count);
    inside(c, n->slice, s->slice_count);
    inside(c, n->fixed, s->value_count);
    inside(c, n->pattern, s->value_count);
    inside(c, n->binding, s->binding_count);
    inside(c, n->facets, s->facet_count);
    if (!c->ok)
        return;
    /* A child stands behind its parent: the walk cannot run in circles but by contentReference,
     * and there the resource's own depth ends it. */
    for (uint32_t k = 0; k < n->child_count; k++) {
        uint32_t child = s->numbers[n->children + k];
        c->ok = c->ok && child > id && child < s->node_count;
    }
    for (uint32_t k = 0; k < n->counted_count; k++)
        inside(c, s->numbers[n->counted + k], s->node_count);
    for (uint32_t k = 0; k < n->constraint_count; k++)
        inside(c, s->numbers[n->constraints + k], s->constraint_count);
    for (uint32_t k = 0; k < n->group_count; k++)
        check_group(c, id, &s->groups[n->groups + k]);
}

static void check_parts(Check *c)
{
    const Schema *s = c->s;
    for (uint32_t i = 0; i < s->type_count; i++) {
        text_inside(c, s->types[i].code);
        run_inside(c, s->types[i].profiles, s->types[i].profile_count, s->target_count);
        run_inside(c, s->types[i].targets, s->types[i].target_count, s->target_count);
        c->ok = c->ok && s->types[i].type < s->model->type_count;
    }
    for (uint32_t i = 0; i < s->target_count; i++) {
        text_inside(c, s->targets[i].url);
        inside(c, s->targets[i].profile, s->profile_count);
    }
    for (uint32_t i = 0; i < s->constraint_count; i++) {
        text_inside(c, s->constraints[i].key);
        text_inside(c, s->constraints[i].human);
        text_inside(c, s->constraints[i].id);
        inside(c, s->constraints[i].expression, s->expression_count);
    }
    for (uint32_t i = 0; i < s->expression_count; i++) {
        text_inside(c, s->expressions[i].text);
        text_inside(c, s->expressions[i].problem);
        run_inside(c, s->expressions[i].code, s->expressions[i].code_bytes, s->code_bytes);
        c->ok =
            c->ok && s->expressions[i].code_bytes <= s->code_bytes &&
            (s->expressions[i].code_bytes == 0 || fhirpath_code_check(schema_code(s, i), s->model));
    }
    for (uint32_t i = 0; i < s->slice_count; i++) {
        text_inside(c, s->slices[i].text);
        text_inside(c, s->slices[i].code);
        inside(c, s->slices[i].binding, s->binding_count);
        inside(c, s->slices[i].expression, s->expression_count);
        run_inside(c, s->slices[i].targets, s->slices[i].target_count, s->target_count);
    }
    for (uint32_t i = 0; i < s->binding_count; i++) {
        text_inside(c, s->bindings[i].value_set);
        text_inside(c, s->bindings[i].max_value_set);
    }
    for (uint32_t i = 0; i < s->facet_count; i++) {
        text_inside(c, s->facets[i].regex);
        text_inside(c, s->facets[i].max_size);
        inside(c, s->facets[i].min_value, s->value_count);
        inside(c, s->facets[i].max_value, s->value_count);
    }
    for (uint32_t i = 0; i < s->context_count; i++) {
        text_inside(c, s->contexts[i].expression);
        inside(c, s->contexts[i].compiled, s->expression_count);
    }
    for (uint32_t i = 0; i < s->resource_count; i++) {
        text_inside(c, s->resources[i].type);
        text_inside(c, s->resources[i].url);
        text_inside(c, s->resources[i].version);
        text_inside(c, s->resources[i].json);
    }
}

/* Children of a value follow it, siblings lead onwards: reading one ends. */
static void check_values(Check *c)
{
    const Schema *s = c->s;
    for (uint32_t i = 0; i < s->value_count; i++) {
        const SchemaValue *v = &s->values[i];
        text_inside(c, v->text);
        c->ok = c->ok && (v->next == 0 || (v->next > i && v->next < s->value_count)) &&
                (v->count == 0 || i + 1 < s->value_count) && v->type < s->model->type_count;
    }
}

static void check_packages(Check *c)
{
    for (uint32_t i = 0; i < c->s->package_count; i++) {
        text_inside(c, c->s->packages[i].name);
        text_inside(c, c->s->packages[i].version);
    }
}

static const void *section(const Image *image, ImageSectionId id, size_t record,
                           uint32_t *ret_count, bool *ok)
{
    Str bytes = image_section(image, id);
    *ok = *ok && bytes.len % record == 0 && bytes.len > 0;
    *ret_count = (uint32_t)(bytes.len / record);
    return bytes.ptr;
}

static bool find_sections(const Image *image, Schema *s)
{
    bool ok = true;
    uint32_t info_count;
    s->info = section(image, IMAGE_INFO, sizeof *s->info, &info_count, &ok);
    s->strings = section(image, IMAGE_STRINGS, 1, &s->strings_bytes, &ok);
    s->numbers = section(image, IMAGE_NUMBERS, sizeof *s->numbers, &s->number_count, &ok);
    s->profiles = section(image, IMAGE_PROFILES, sizeof *s->profiles, &s->profile_count, &ok);
    s->profile_index =
        section(image, IMAGE_PROFILE_INDEX, sizeof *s->profile_index, &s->index_count, &ok);
    s->type_profiles =
        section(image, IMAGE_TYPE_PROFILES, sizeof *s->type_profiles, &s->type_profile_count, &ok);
    s->nodes = section(image, IMAGE_NODES, sizeof *s->nodes, &s->node_count, &ok);
    s->groups = section(image, IMAGE_GROUPS, sizeof *s->groups, &s->group_count, &ok);
    s->types = section(image, IMAGE_TYPES, sizeof *s->types, &s->type_count, &ok);
    s->targets = section(image, IMAGE_TARGETS, sizeof *s->targets, &s->target_count, &ok);
    s->constraints =
        section(image, IMAGE_CONSTRAINTS, sizeof *s->constraints, &s->constraint_count, &ok);
    s->expressions =
        section(image, IMAGE_EXPRESSIONS, sizeof *s->expressions, &s->expression_count, &ok);
    s->code = section(image, IMAGE_CODE, 1, &s->code_bytes, &ok);
    s->slicings = section(image, IMAGE_SLICINGS, sizeof *s->slicings, &s->slicing_count, &ok);
    s->slices = section(image, IMAGE_SLICES, sizeof *s->slices, &s->slice_count, &ok);
    s->values = section(image, IMAGE_VALUES, sizeof *s->values, &s->value_count, &ok);
    s->bindings = section(image, IMAGE_BINDINGS, sizeof *s->bindings, &s->binding_count, &ok);
    s->facets = section(image, IMAGE_FACETS, sizeof *s->facets, &s->facet_count, &ok);
    s->contexts = section(image, IMAGE_CONTEXTS, sizeof *s->contexts, &s->context_count, &ok);
    s->resources = section(image, IMAGE_RESOURCES, sizeof *s->resources, &s->resource_count, &ok);
    Str packages = image_section(image, IMAGE_PACKAGES);
    s->packages = (const SchemaPackage *)(const void *)packages.ptr;
    s->package_count = (uint32_t)(packages.len / sizeof *s->packages);
    return ok && info_count == 1 && (s->index_count & (s->index_count - 1)) == 0;
}

bool schema_bind(const Image *image, const FhirModel *model, Schema *ret_schema, Err *err)
{
    Schema schema = {.model = model};
    if (!find_sections(image, &schema))
        return ERR(err, ERR_INPUT, "image-format", "a section of the image is missing or odd");
    if (schema.info->model != schema_model_fingerprint(model))
        return ERR(err, ERR_INPUT, "image-stale",
                   "the image was made for another version of the type tables; compile it again");
    Check check = {&schema, true};
    text_inside(&check, schema.info->name);
    text_inside(&check, schema.info->version);
    check_packages(&check);
    check_profiles(&check);
    for (NodeId id = 0; check.ok && id < schema.node_count; id++)
        check_node(&check, id);
    if (check.ok) {
        check_parts(&check);
        check_values(&check);
    }
    if (!check.ok)
        return ERR(err, ERR_INPUT, "image-format",
                   "the image is damaged or of another build of this program; compile it again");
    *ret_schema = schema;
    return true;
}
