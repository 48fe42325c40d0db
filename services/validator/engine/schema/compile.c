#include "services/validator/engine/schema/compile.h"

#include "services/validator/engine/fhirpath/fhirpath.h"
#include "services/validator/engine/schema/tables.h"

#define CORE "http://hl7.org/fhir/StructureDefinition/"
#define IMPOSE CORE "structuredefinition-imposeProfile"

typedef bool (*EachDefinition)(Tables *tables, const PackageResource *resource, ProfileId profile,
                               Err *err);

static SchemaText versioned_text(Tables *tables, const PackageResource *resource)
{
    if (resource->version.len == 0)
        return tables_text(tables, resource->url);
    ArenaMark mark = arena_mark(tables->arena);
    Str text = arena_format(tables->arena, "%.*s|%.*s", STR_ARG(resource->url),
                            STR_ARG(resource->version));
    SchemaText at = tables_text(tables, text);
    arena_release(tables->arena, mark);
    return at;
}

static uint16_t profile_flags(const PackageResource *resource, const JsonDoc *doc)
{
    uint16_t flags = 0;
    if (json_get_true(doc, json_root(doc), "abstract"))
        flags |= PROFILE_ABSTRACT;
    if (str_is(resource->sd_derivation, "constraint"))
        flags |= PROFILE_CONSTRAINT;
    if (str_starts(resource->url, STR(CORE)))
        flags |= PROFILE_CORE;
    if (str_is(resource->sd_kind, "resource"))
        flags |= PROFILE_RESOURCE;
    if (str_is(resource->sd_kind, "logical"))
        flags |= PROFILE_LOGICAL;
    if (str_is(resource->sd_type, "Extension") && (flags & PROFILE_CONSTRAINT))
        flags |= PROFILE_EXTENSION;
    return flags;
}

/* First pass: every definition gets its number, so that they can name each other. */
static bool number_profile(Tables *tables, const PackageResource *resource, ProfileId expected,
                           Err *err)
{
    const JsonDoc *doc;
    TRY(packages_doc(tables->packages, resource, &doc, err));
    const JsonNode *root = json_root(doc);
    Str type = resource->sd_type;
    size_t slash = str_rfind_char(type, '/');
    SchemaProfile made = {
        .url = tables_text(tables, resource->url),
        .version = tables_text(tables, resource->version),
        .versioned = versioned_text(tables, resource),
        .name = tables_text(tables, resource->name),
        .title = tables_text(tables, json_get_text(doc, root, "title")),
        .type_text = tables_text(tables, type),
        .type = fhir_type_find(tables->model, slash == SIZE_MAX ? type : str_skip(type, slash + 1)),
        .flags = profile_flags(resource, doc),
    };
    SchemaProfile *record;
    ProfileId id = table_add(&tables->profiles, &record);
    *record = made;
    tables->profile_of_resource[resource->index] = id;
    tables->resource_of_profile[id] = resource;
    return id == expected || ERR(err, ERR_FATAL, "memory", "the tables are full");
}

static uint32_t read_contexts(Tables *tables, const JsonDoc *doc, uint32_t *ret_count)
{
    const JsonNode *list = json_get(doc, json_root(doc), "context");
    uint32_t first = 0;
    *ret_count = 0;
    if (!list || list->kind != JSON_KIND_ARRAY)
        return 0;
    JSON_EACH(doc, item, list)
    {
        Str type = json_get_text(doc, item, "type");
        Str expression = json_get_text(doc, item, "expression");
        SchemaContext made = {.kind = CONTEXT_ELEMENT,
                              .expression = tables_text(tables, expression)};
        if (str_is(type, "extension"))
            made.kind = CONTEXT_EXTENSION;
        if (str_is(type, "fhirpath")) {
            made.kind = CONTEXT_FHIRPATH;
            made.compiled = tables_expression(tables, expression);
        }
        SchemaContext *record;
        uint32_t at = table_add(&tables->contexts, &record);
        *record = made;
        if (!first)
            first = at;
        ++*ret_count;
    }
    return first;
}

static uint32_t read_invariants(Tables *tables, const JsonDoc *doc, uint32_t *ret_count)
{
    const JsonNode *list = json_get(doc, json_root(doc), "contextInvariant");
    uint32_t first = 0;
    *ret_count = 0;
    if (!list || list->kind != JSON_KIND_ARRAY)
        return 0;
    JSON_EACH(doc, item, list)
    {
        uint32_t at = tables_put_number(tables, tables_expression(tables, json_text(item)));
        if (!first)
            first = at;
        ++*ret_count;
    }
    return first;
}

static void read_imposed(Tables *tables, const PackageResource *resource, const JsonDoc *doc,
                         ProfileId profile)
{
    const JsonNode *list = json_get(doc, json_root(doc), "extension");
    if (!list)
        return;
    uint32_t first = 0;
    uint32_t count = 0;
    JSON_EACH(doc, item, list)
    {
        if (!str_is(json_get_text(doc, item, "url"), IMPOSE))
            continue;
        Str url = json_get_text(doc, item, "valueCanonical");
        SchemaTarget *target;
        uint32_t at = table_add(&tables->targets, &target);
        target->url = tables_text(tables, url);
        target->profile = tables_find_profile(tables, resource, url);
        if (!first)
            first = at;
        count++;
    }
    tables_profile(tables, profile)->imposes = first;
    tables_profile(tables, profile)->impose_count = count;
}

typedef struct Global {
    ProfileId of; /* the definition of the type */
    Str profile;
    const PackageResource *guide;
} Global;

enum { GLOBALS_MAX = 256 };

static void note_globals(Tables *tables, const PackageResource *guide, const JsonDoc *doc,
                         Global *globals, uint32_t *count)
{
    const JsonNode *list = json_get(doc, json_root(doc), "global");
    if (!list)
        return;
    JSON_EACH(doc, item, list)
    {
        Str type = json_get_text(doc, item, "type"), profile = json_get_text(doc, item, "profile");
        Str url = arena_format(tables->arena, CORE "%.*s", STR_ARG(type));
        ProfileId of = tables_find_profile(tables, guide, url);
        if (of && profile.len && *count < GLOBALS_MAX)
            globals[(*count)++] = (Global){of, profile, guide};
    }
}

static void impose_global(Tables *tables, const Global *globals, uint32_t count, uint32_t at)
{
    SchemaProfile *p = tables_profile(tables, globals[at].of);
    if (p->impose_count || p->flags & PROFILE_CONSTRAINT)
        return; /* done with the first one of that type */
    uint32_t first = 0, number = 0;
    for (uint32_t i = at; i < count; i++) {
        if (globals[i].of != globals[at].of)
            continue;
        SchemaTarget *target;
        uint32_t index = table_add(&tables->targets, &target);
        target->url = tables_text(tables, globals[i].profile);
        target->profile = tables_find_profile(tables, globals[i].guide, globals[i].profile);
        first = first ? first : index;
        number++;
    }
    p = tables_profile(tables, globals[at].of);
    p->imposes = first;
    p->impose_count = number;
}

/* Profiles that the guides asked for demand of every resource of a type: kept as if the definition
 * of the type imposed them. */
static bool read_globals(Tables *tables, Err *err)
{
    Global globals[GLOBALS_MAX];
    uint32_t count = 0;
    const PackageResource *guide;
    for (size_t i = 0;
         (guide = packages_each(tables->packages, NULL, STR("ImplementationGuide"), i)); i++) {
        const JsonDoc *doc;
        if (!guide->package->asked_for && guide->package->kind != PACKAGE_LOOSE)
            continue;
        TRY(packages_doc(tables->packages, guide, &doc, err));
        note_globals(tables, guide, doc, globals, &count);
    }
    for (uint32_t i = 0; i < count; i++)
        impose_global(tables, globals, count, i);
    return true;
}

/* What value[x] an extension allows; none for one that holds extensions. */
static void read_value_types(Tables *tables, ProfileId profile)
{
    const SchemaProfile *p = tables_profile(tables, profile);
    uint32_t first = 0;
    uint32_t count = 0;
    for (NodeId id = p->first_node; id < p->first_node + p->node_count; id++) {
        const SchemaNode *node = tables_node(tables, id);
        if (!str_starts(tables_str(tables, node->path), STR("Extension.value")))
            continue;
        for (uint32_t i = 0; node->max != 0 && i < node->type_count; i++) {
            const SchemaType *type = table_at(&tables->types, node->types + i);
            uint32_t at = tables_put_number(tables, type->type);
            if (!first)
                first = at;
            count++;
        }
        break;
    }
    SchemaProfile *record = tables_profile(tables, profile);
    record->value_types = first;
    record->value_type_count = count;
}

/* Second pass: the snapshot, and what extensions say about where they may stand. */
static bool fill_profile(Tables *tables, const PackageResource *resource, ProfileId profile,
                         Err *err)
{
    const JsonDoc *doc;
    TRY(tables_definition(tables, resource, &doc, err));
    const JsonNode *snapshot = json_get(doc, json_root(doc), "snapshot");
    const JsonNode *elements = json_get(doc, snapshot, "element");
    ProfileId base = tables_find_profile(tables, resource, resource->sd_base);
    tables_profile(tables, profile)->base = base;
    if (!elements || elements->kind != JSON_KIND_ARRAY || elements->count == 0) {
        tables_profile(tables, profile)->flags |= PROFILE_NO_SNAPSHOT;
        return true;
    }
    if (!compile_snapshot(tables, resource, doc, elements, profile))
        return ERR(err, ERR_FATAL, "memory", "the tables are full");
    uint32_t contexts;
    uint32_t invariants;
    uint32_t first_context = read_contexts(tables, doc, &contexts);
    uint32_t first_invariant = read_invariants(tables, doc, &invariants);
    SchemaProfile *p = tables_profile(tables, profile);
    p->contexts = first_context;
    p->context_count = contexts;
    p->invariants = first_invariant;
    p->invariant_count = invariants;
    if (tables_node(tables, p->first_node)->flags & NODE_MODIFIER)
        p->flags |= PROFILE_MODIFIER;
    if (p->flags & PROFILE_EXTENSION)
        read_value_types(tables, profile);
    read_imposed(tables, resource, doc, profile);
    return true;
}

static bool each_definition(Tables *tables, EachDefinition visit, Err *err)
{
    const PackageResource *resource;
    ProfileId id = 1;
    for (size_t i = 0;
         (resource = packages_each(tables->packages, NULL, STR("StructureDefinition"), i));
         i++, id++)
        TRY(visit(tables, resource, id, err));
    return true;
}

/* --- indexes ---------------------------------------------------------------------------------- */

/* Profiles by url; those of one url hang behind each other, the nearest first. */
static uint32_t *index_profiles(Tables *tables, Arena *arena, uint32_t *ret_count)
{
    uint32_t profiles = table_count(&tables->profiles);
    uint32_t count = 64;
    while (count < profiles * 2)
        count *= 2;
    uint32_t *index = ARENA_ARRAY(arena, uint32_t, count);
    if (!index)
        return NULL;
    for (ProfileId id = 1; id < profiles; id++) {
        Str url = tables_str(tables, tables_profile(tables, id)->url);
        uint32_t at = (uint32_t)str_hash(url) & (count - 1);
        while (index[at] &&
               tables_profile(tables, index[at])->url != tables_profile(tables, id)->url)
            at = (at + 1) & (count - 1);
        if (!index[at]) {
            index[at] = id;
            continue;
        }
        SchemaProfile *last = tables_profile(tables, index[at]);
        while (last->next)
            last = tables_profile(tables, last->next);
        last->next = id;
    }
    *ret_count = count;
    return index;
}

/* The definition of each type: the specialization whose canonical is the core's. */
static uint32_t *index_types(const Tables *tables, Arena *arena)
{
    uint32_t *of_type = ARENA_ARRAY(arena, uint32_t, tables->model->type_count);
    if (!of_type)
        return NULL;
    for (ProfileId id = 1; id < table_count(&tables->profiles); id++) {
        const SchemaProfile *p = tables_profile(tables, id);
        if (p->type && !(p->flags & PROFILE_CONSTRAINT) && !of_type[p->type])
            of_type[p->type] = id;
    }
    return of_type;
}

static bool add_part(SchemaCompiled *compiled, Arena *arena, ImageSectionId id, Str bytes)
{
    Str copy = arena_copy(arena, bytes);
    if (!copy.ptr)
        return false;
    compiled->parts[compiled->part_count++] = (ImagePart){id, copy};
    return true;
}

static bool add_table(SchemaCompiled *compiled, Arena *arena, ImageSectionId id, const Table *table)
{
    return add_part(compiled, arena, id, buf_str(&table->bytes));
}

static SchemaPackage *list_packages(Tables *tables, Arena *arena, size_t *ret_count)
{
    size_t count = packages_count(tables->packages);
    SchemaPackage *list = ARENA_ARRAY(arena, SchemaPackage, count + 1);
    for (size_t i = 0; list && i < count; i++) {
        const Package *package = packages_at(tables->packages, i);
        Str name = package->kind == PACKAGE_LOOSE ? STR("loose resources") : package->name;
        list[i] = (SchemaPackage){.name = tables_text(tables, name),
                                  .version = tables_text(tables, package->version)};
    }
    *ret_count = count;
    return list;
}

static bool finish(Tables *tables, Arena *arena, SchemaCompiled *compiled)
{
    const Package *root = packages_root(tables->packages);
    SchemaInfo info = {.name = tables_text(tables, root ? root->name : STR_NONE),
                       .version = tables_text(tables, root ? root->version : STR_NONE),
                       .model = schema_model_fingerprint(tables->model),
                       .reference = tables->reference};
    uint32_t index_count = 0;
    size_t package_count;
    uint32_t *index = index_profiles(tables, arena, &index_count);
    uint32_t *of_type = index_types(tables, arena);
    SchemaPackage *packages = list_packages(tables, arena, &package_count);
    if (!index || !of_type || !packages || tables_full(tables))
        return false;
    bool ok = add_part(compiled, arena, IMAGE_INFO, (Str){(const char *)&info, sizeof info});
    ok = ok && add_part(compiled, arena, IMAGE_PROFILE_INDEX,
                        (Str){(const char *)index, index_count * sizeof *index});
    ok = ok && add_part(compiled, arena, IMAGE_TYPE_PROFILES,
                        (Str){(const char *)of_type, tables->model->type_count * sizeof *of_type});
    ok = ok && add_part(compiled, arena, IMAGE_STRINGS, buf_str(&tables->strings));
    ok = ok && add_part(compiled, arena, IMAGE_CODE, buf_str(&tables->code));
    ok = ok && add_table(compiled, arena, IMAGE_NUMBERS, &tables->numbers);
    ok = ok && add_table(compiled, arena, IMAGE_PROFILES, &tables->profiles);
    ok = ok && add_table(compiled, arena, IMAGE_NODES, &tables->nodes);
    ok = ok && add_table(compiled, arena, IMAGE_GROUPS, &tables->groups);
    ok = ok && add_table(compiled, arena, IMAGE_TYPES, &tables->types);
    ok = ok && add_table(compiled, arena, IMAGE_TARGETS, &tables->targets);
    ok = ok && add_table(compiled, arena, IMAGE_CONSTRAINTS, &tables->constraints);
    ok = ok && add_table(compiled, arena, IMAGE_EXPRESSIONS, &tables->expressions);
    ok = ok && add_table(compiled, arena, IMAGE_SLICINGS, &tables->slicings);
    ok = ok && add_table(compiled, arena, IMAGE_SLICES, &tables->slices);
    ok = ok && add_table(compiled, arena, IMAGE_VALUES, &tables->values);
    ok = ok && add_table(compiled, arena, IMAGE_BINDINGS, &tables->bindings);
    ok = ok && add_table(compiled, arena, IMAGE_FACETS, &tables->facets);
    ok = ok && add_table(compiled, arena, IMAGE_CONTEXTS, &tables->contexts);
    ok = ok && add_table(compiled, arena, IMAGE_RESOURCES, &tables->resources);
    ok = ok && add_part(compiled, arena, IMAGE_PACKAGES,
                        (Str){(const char *)packages, package_count * sizeof *packages});
    compiled->profile_count = table_count(&tables->profiles) - 1;
    compiled->node_count = table_count(&tables->nodes) - 1;
    compiled->expression_count = table_count(&tables->expressions) - 1;
    compiled->problem_count = tables->problems;
    return ok;
}

/* What responses and reports are checked against, the nearest first. */
static void keep_whole(Tables *tables)
{
    static const char *const types[] = {"Questionnaire", "Measure", "SearchParameter"};
    const PackageResource *resource;
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (size_t i = 0;
             (resource = packages_each(tables->packages, NULL, str_from(types[t]), i)); i++) {
            if (resource->url.len == 0)
                continue;
            SchemaResource made = {.type = tables_text(tables, resource->type),
                                   .url = tables_text(tables, resource->url),
                                   .version = tables_text(tables, resource->version),
                                   .json = tables_text(tables, resource->text)};
            SchemaResource *record;
            table_add(&tables->resources, &record);
            *record = made;
        }
}

/* The names of properties whose values are codings: what a filter by one asks for has to be a code.
 */
static bool keep_coding_properties(Tables *tables, Err *err)
{
    const PackageResource *resource;
    for (size_t i = 0; (resource = packages_each(tables->packages, NULL, STR("CodeSystem"), i));
         i++) {
        const JsonDoc *doc;
        TRY(packages_doc(tables->packages, resource, &doc, err));
        const JsonNode *properties = json_get(doc, json_root(doc), "property");
        if (!properties || !resource->url.len)
            continue;
        JSON_EACH(doc, property, properties)
        {
            if (!str_is(json_get_text(doc, property, "type"), "Coding"))
                continue;
            SchemaResource made = {.type = tables_text(tables, STR("CodeSystem.property")),
                                   .url = tables_text(tables, resource->url),
                                   .version = tables_text(tables, resource->version),
                                   .json =
                                       tables_text(tables, json_get_text(doc, property, "code"))};
            SchemaResource *record;
            table_add(&tables->resources, &record);
            *record = made;
        }
    }
    return true;
}

/* The invariants of an image run beside each other. */
static bool share_expressions(Tables *tables)
{
    uint32_t count = table_count(&tables->expressions);
    size_t found = 0;
    char **codes = calloc(count, sizeof *codes);
    if (!codes)
        return false;
    for (uint32_t i = 1; i < count; i++) {
        const SchemaExpression *expression = table_at(&tables->expressions, i);
        if (expression->code_bytes)
            codes[found++] = tables->code.data + expression->code;
    }
    bool ok = fhirpath_forget_unshared(codes, found);
    free(codes);
    return ok;
}

static bool run(Tables *tables, Arena *arena, SchemaCompiled *compiled, Err *err)
{
    size_t resources = packages_resource_count(tables->packages) + 1;
    tables->profile_of_resource = calloc(resources, sizeof *tables->profile_of_resource);
    tables->resource_of_profile = calloc(resources + 1, sizeof *tables->resource_of_profile);
    if (!tables->profile_of_resource || !tables->resource_of_profile)
        return ERR(err, ERR_FATAL, "memory", "no memory to compile");
    TRY(each_definition(tables, number_profile, err));
    TRY(each_definition(tables, fill_profile, err));
    TRY(read_globals(tables, err));
    compile_slices(tables);
    keep_whole(tables);
    TRY(keep_coding_properties(tables, err));
    if (tables_full(tables) || !share_expressions(tables) || !compile_contents(tables) ||
        !finish(tables, arena, compiled))
        return ERR(err, ERR_FATAL, "memory", "no memory to compile");
    return true;
}

bool schema_compile(Packages *packages, const FhirModel *model, const Terminology *terminology,
                    uint32_t reference, Arena *arena, SchemaCompiled *ret_compiled, Err *err)
{
    SchemaCompiled compiled = {0};
    Tables tables;
    if (!tables_init(&tables, packages, model, terminology, arena)) {
        tables_clear(&tables);
        return ERR(err, ERR_FATAL, "memory", "no memory to compile");
    }
    tables.reference = reference;
    bool ok = run(&tables, arena, &compiled, err);
    tables_clear(&tables);
    if (ok)
        *ret_compiled = compiled;
    return ok;
}
