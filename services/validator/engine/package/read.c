#include "services/validator/engine/package/internal.h"

/* Manifest and resources of one package. */

enum { DEPENDENCIES_MAX = 1000 };

/* Terminology needs the first five, the walk StructureDefinition and the definitions that resources
 * are filled in by; the rest is what canonicals in resources point at. */
static const char *const kept_types[] = {
    "ActivityDefinition",
    "CapabilityStatement",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "GraphDefinition",
    "ImplementationGuide",
    "Library",
    "Measure",
    "MessageDefinition",
    "NamingSystem",
    "OperationDefinition",
    "PlanDefinition",
    "Questionnaire",
    "SearchParameter",
    "StructureDefinition",
    "StructureMap",
    "SubscriptionTopic",
    "TerminologyCapabilities",
    "ValueSet",
};

bool package_type_is_kept(Str resource_type)
{
    for (size_t i = 0; i < sizeof kept_types / sizeof *kept_types; i++)
        if (str_is(resource_type, kept_types[i]))
            return true;
    return false;
}

static void note_fhir_version(const JsonDoc *doc, Manifest *manifest)
{
    const JsonNode *root = json_root(doc), *list = json_get(doc, root, "fhirVersions");
    if (!list)
        list = json_get(doc, root, "fhir-version-list");
    manifest->fhir_fits = true;
    if (!list || list->kind != JSON_KIND_ARRAY || !list->count)
        return;
    manifest->fhir_version = json_text(json_first(list));
    manifest->fhir_fits = false;
    JSON_EACH(doc, version, list)
    {
        manifest->fhir_fits |= str_starts(json_text(version), STR("4.0"));
        manifest->fhir_nearly |= str_starts(json_text(version), STR("4.3"));
    }
}

static bool read_dependencies(const JsonDoc *doc, Arena *arena, Manifest *manifest, Err *err)
{
    const JsonNode *list = json_get(doc, json_root(doc), "dependencies");
    uint32_t count = list && list->kind == JSON_KIND_OBJECT ? list->count : 0;
    if (count > DEPENDENCIES_MAX)
        return ERR(err, ERR_INPUT, "package-manifest",
                   "package.json names more than %d dependencies", DEPENDENCIES_MAX);
    manifest->dependencies = ARENA_ARRAY(arena, Dependency, count);
    if (!manifest->dependencies)
        return OUT_OF_MEMORY(err);
    if (count)
        JSON_EACH(doc, version, list)
        {
            manifest->dependencies[manifest->dependency_count++] =
                (Dependency){json_key(version), json_text(version)};
        }
    return true;
}

bool manifest_read(Str json, Arena *arena, Manifest *ret_manifest, Err *err)
{
    JsonDoc doc;
    JsonLimits limits = {.depth = 32, .nodes = 100000};
    Err why = {0};
    if (!json_read(strip_bom(json), NULL, &limits, arena, &doc, NULL, &why))
        return ERR(err, why.kind,
                   strcmp(why.code, "memory-limit") == 0 ? why.code : "package-manifest",
                   "package.json cannot be read: %.160s", why.text);
    const JsonNode *root = json_root(&doc);
    Manifest manifest = {
        .name = json_get_text(&doc, root, "name"),
        .version = json_get_text(&doc, root, "version"),
        .canonical = json_get_text(&doc, root, "canonical"),
        .type = json_get_text(&doc, root, "type"),
    };
    if (!manifest.name.len || memchr(manifest.name.ptr, '/', manifest.name.len))
        return ERR(err, ERR_INPUT, "package-manifest",
                   "package.json gives the package no usable name");
    note_fhir_version(&doc, &manifest);
    TRY(read_dependencies(&doc, arena, &manifest, err));
    *ret_manifest = manifest;
    return true;
}

PackageKind manifest_kind(const Manifest *manifest)
{
    if (str_is(manifest->type, "fhir.core") ||
        (str_starts(manifest->name, STR("hl7.fhir.r")) && str_ends(manifest->name, STR(".core")) &&
         manifest->name.len <= sizeof "hl7.fhir.r4b.core" - 1))
        return PACKAGE_CORE;
    if (str_is(manifest->type, "fhir.expansions") || str_ends(manifest->name, STR(".expansions")))
        return PACKAGE_EXPANSIONS;
    return PACKAGE_IG;
}

static int by_type_then_file(const void *a, const void *b)
{
    const PackageResource *x = *(const PackageResource *const *)a;
    const PackageResource *y = *(const PackageResource *const *)b;
    int order = str_compare(x->type, y->type);
    if (!order)
        order = (int)x->is_example - (int)y->is_example;
    if (!order)
        order = str_compare(x->file, y->file);
    return order ? order : x->index < y->index ? -1 : x->index > y->index;
}

static int by_identity(const void *a, const void *b)
{
    const PackageResource *x = *(const PackageResource *const *)a;
    const PackageResource *y = *(const PackageResource *const *)b;
    int order = str_compare(x->type, y->type);
    if (!order)
        order = str_compare(x->url, y->url);
    if (!order)
        order = str_compare(x->version, y->version);
    return order ? order : by_type_then_file(a, b);
}

static bool same_identity(const PackageResource *a, const PackageResource *b)
{
    return a->url.ptr && str_eq(a->type, b->type) && str_eq(a->url, b->url) &&
           str_eq(a->version, b->version);
}

/* Each (type, url, version) once: the first by file name stays, so that the result does not depend
 * on the order in the archive. */
static uint32_t drop_repeated(Packages *packages, Member *member, PackageResource **list,
                              uint32_t count)
{
    uint32_t kept = 0, differing = 0;
    qsort(list, count, sizeof *list, by_identity);
    for (uint32_t i = 0; i < count; i++) {
        if (!kept || !same_identity(list[kept - 1], list[i]))
            list[kept++] = list[i];
        else if (!str_eq(list[kept - 1]->text, list[i]->text))
            differing++;
    }
    if (differing)
        packages_warn(packages, "duplicate", member,
                      "files that repeat type, url and version of another one with other content: "
                      "%u; the first "
                      "by file name counts",
                      differing);
    qsort(list, kept, sizeof *list, by_type_then_file);
    return kept;
}

static Str file_name(Str path)
{
    return str_skip(path, str_rfind_char(path, '/') + 1);
}

static bool is_example_path(Str path)
{
    return str_starts(path, STR("package/example/")) || str_starts(path, STR("package/other/"));
}

static bool scan_file(Packages *packages, Member *member, const PackageFile *file,
                      PackageResource **ret_resource, Err *err)
{
    PackageResource found = {0};
    *ret_resource = NULL;
    if (str_is(file->path, "package/package.json"))
        return true;
    if (!resource_scan(strip_bom(file->text), packages->arena, &found)) {
        if (arena_exhausted(packages->arena))
            return OUT_OF_MEMORY(err);
        if (str_find(file->text, STR("\"resourceType\"")) != SIZE_MAX)
            packages_warn(packages, "unreadable", member, "%.*s is no readable JSON resource",
                          STR_ARG(file->path));
        return true;
    }
    found.is_example = is_example_path(file->path);
    if (!found.is_example && !package_type_is_kept(found.type))
        return true;
    found.file = file_name(file->path);
    found.package = &member->shown;
    found.index = file->order;
    PackageResource *kept = ARENA_NEW(packages->arena, PackageResource);
    if (!kept)
        return OUT_OF_MEMORY(err);
    *kept = found;
    *ret_resource = kept;
    return true;
}

bool member_read(Packages *packages, Member *member, const FileList *files, Err *err)
{
    PackageResource **list = ARENA_ARRAY(packages->arena, PackageResource *, files->count);
    if (!list)
        return OUT_OF_MEMORY(err);
    uint32_t count = 0;
    for (uint32_t i = 0; i < files->count; i++) {
        TRY(scan_file(packages, member, &files->files[i], &list[count], err));
        count += list[count] != NULL;
    }
    member->shown.resource_count = drop_repeated(packages, member, list, count);
    member->shown.resources = (const PackageResource *const *)list;
    for (uint32_t i = 0; i < member->shown.resource_count; i++)
        list[i]->index = (uint32_t)packages->resource_count++;
    return true;
}
